/**
 * The envelope of a message that lies in a mailbox, as the server that delivered it wrote it down (RFC 5321 §4.4): the
 * topmost Return-Path, and the Delivered-To and X-Original-To fields. Whoever wrote the message may have put such
 * fields into it as well, below those of the servers.
 */
import type { FieldRange } from '../inspect/inspection.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';

export interface MailEnvelope {
  /** empty for the null reverse-path, and when no server wrote one down */
  readonly mailFrom: string;
  /** empty when no server wrote one down */
  readonly recipients: readonly string[];
}

interface EnvelopeFields {
  readonly returnPath: FieldRange | undefined;
  readonly recipients: readonly FieldRange[];
}

/** Without a promise for a message in memory. Rejects with `spool-failed`. */
export function envelopeOf(fields: readonly FieldRange[], spool: Spool): MailEnvelope | Promise<MailEnvelope> {
  const found = envelopeFields(fields);
  const { memory } = spool;
  if (memory === undefined) return readEnvelope(found, spool);
  return makeEnvelope(found, ({ start, end }) => memory.subarray(start, end));
}

/** A recipient's fields count as far as the first Received, which is where the last server's own fields end. */
function envelopeFields(fields: readonly FieldRange[]): EnvelopeFields {
  let returnPath: FieldRange | undefined;
  const above: FieldRange[] = [];
  const topmost = new Map<string, FieldRange>();
  let received = false;
  for (const field of fields) {
    // Nearly all fields are ruled out by their length.
    const { length } = field.name;
    if (length !== 8 && length !== 11 && length !== 12 && length !== 13) continue;
    const name = field.name.toLowerCase();
    if (name === 'return-path') returnPath ??= field;
    else if (name === 'received') received = true;
    else if (name === 'delivered-to' || name === 'x-original-to') {
      if (!received && above.length < limits.imapJudge.recipientsMax) above.push(field);
      if (!topmost.has(name)) topmost.set(name, field);
    }
  }
  return { returnPath, recipients: above.length > 0 ? above : [...topmost.values()] };
}

function makeEnvelope({ returnPath, recipients }: EnvelopeFields, read: (field: FieldRange) => Buffer): MailEnvelope {
  const addresses = recipients.map((field) => addressIn(read(field))).filter((address) => address !== '');
  return {
    mailFrom: returnPath === undefined ? '' : addressIn(read(returnPath)),
    recipients: addresses.length > 1 ? [...new Set(addresses)] : addresses,
  };
}

async function readEnvelope(found: EnvelopeFields, spool: Spool): Promise<MailEnvelope> {
  const octets = new Map<FieldRange, Buffer>();
  for (const field of [found.returnPath, ...found.recipients]) {
    if (field === undefined) continue;
    const end = Math.min(field.end, field.start + limits.imapJudge.addressCharacters * 2);
    await spool.flush(end);
    octets.set(field, await spool.readChunk(field.start, end));
  }
  return makeEnvelope(found, (field) => octets.get(field) ?? Buffer.alloc(0));
}

/** The one address of a field; empty when what stands there is none, or more than one. */
function addressIn(field: Buffer): string {
  const { addressCharacters } = limits.imapJudge;
  if (field.length > addressCharacters * 2) return '';
  const text = field.toString('utf8');
  const value = text
    .slice(text.indexOf(':') + 1)
    .replace(/\r?\n(?=[ \t])/g, '')
    .trim();
  const address = value.startsWith('<') && value.endsWith('>') ? value.slice(1, -1).trim() : value;
  return /^[^\s<>,;\x00-\x1f\x7f]+@[^\s<>,;@\x00-\x1f\x7f]+$/.test(address) && address.length <= addressCharacters
    ? address
    : '';
}
