/**
 * Asks the address lists about one message (four fields, allow before block, one listed recipient
 * decides for the whole message). What a hit leads to is decide.ts.
 */
import { normalAddress } from '../config/address-pattern.js';
import type { BodyAddresses } from '../inspect/report.js';
import type { AddressLists } from './address-lists.js';
import type { AddressTable } from './address-table.js';
import type { ListField, ListHit } from './verdict.js';

export interface MessageAddresses {
  /** the reverse-path without angle brackets; empty when null, which no entry matches */
  readonly envelopeFrom: string;
  readonly envelopeTo: readonly string[];
  /** called only when there is a list to ask, because reading them costs more than the rest of the match */
  body(): BodyAddresses;
}

export interface AllowRules {
  readonly allowFields: readonly ListField[];
  readonly allowRecipients: 'any' | 'all';
}

const noHits: readonly ListHit[] = Object.freeze([]);

/**
 * The hits in the order in which they decide: allow before block, each in the order envelope from, envelope to, body
 * sender, body receiver, at most one per list and field. An entry that matches but may not allow gives no hit.
 */
export function matchLists(lists: AddressLists, addresses: MessageAddresses, rules: AllowRules): readonly ListHit[] {
  if (lists.allow.count === 0 && lists.block.count === 0) return noHits;
  const fields = fieldsOf(addresses);
  return [...allowHits(lists.allow, addresses, fields, rules), ...blockHits(lists.block, fields)];
}

type Fields = readonly (readonly [ListField, readonly string[]])[];

function fieldsOf({ envelopeFrom, envelopeTo, body }: MessageAddresses): Fields {
  const { sender, receiver } = body();
  return [
    ['envelope-from', envelopeFrom === '' ? [] : [envelopeFrom]],
    ['envelope-to', envelopeTo],
    ['body-sender', sender],
    ['body-receiver', receiver],
  ];
}

function allowHits(table: AddressTable, addresses: MessageAddresses, fields: Fields, rules: AllowRules): ListHit[] {
  if (table.count === 0) return [];
  const allRecipients = rules.allowRecipients === 'any' || everyListed(table, addresses.envelopeTo);
  return fields.flatMap(([field, written]): ListHit[] => {
    if (!rules.allowFields.includes(field)) return [];
    // With `all`, a recipient allows only when every recipient of the envelope is listed; To and Cc alone prove nothing of it.
    if (field.endsWith('-to') || field === 'body-receiver') {
      if (!allRecipients) return [];
    }
    // A header field may allow only when it can be read in one way: else whoever forges a second one is let through.
    return firstHit(table, 'allow', field, ableToAllow(field, written, addresses));
  });
}

function ableToAllow(field: ListField, written: readonly string[], { body }: MessageAddresses): readonly string[] {
  if (field === 'body-sender') return body().certainSender;
  return field === 'body-receiver' ? body().certainReceiver : written;
}

function blockHits(table: AddressTable, fields: Fields): ListHit[] {
  return table.count === 0 ? [] : fields.flatMap(([field, written]) => firstHit(table, 'block', field, written));
}

function firstHit(
  table: AddressTable,
  list: 'allow' | 'block',
  field: ListField,
  written: readonly string[],
): ListHit[] {
  for (const address of written) {
    const match = find(table, address);
    if (match !== undefined) return [{ list, field, address, entry: match.entry, source: match.source }];
  }
  return [];
}

function everyListed(table: AddressTable, recipients: readonly string[]): boolean {
  return recipients.length > 0 && recipients.every((address) => find(table, address) !== undefined);
}

function find(table: AddressTable, address: string) {
  const split = normalAddress(address);
  return split === undefined ? undefined : table.find(split);
}
