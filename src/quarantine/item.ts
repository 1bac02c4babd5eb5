/**
 * The quarantined message as a value: its states, its identity and what is remembered of it. The unit is the message,
 * so a release or a deletion is for all its recipients.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Finding } from '../notice/findings.js';
import type { Verdict } from '../policy/verdict.js';
import type { HoldRequest, StoredEnvelope } from './hold.js';

export const itemStates = {
  held: 'held',
  releaseRequested: 'release-requested',
  requestDenied: 'request-denied',
  released: 'released',
  deleted: 'deleted',
  expired: 'expired',
} as const;
export type ItemState = (typeof itemStates)[keyof typeof itemStates];

/** What messages are listed by: their state, or a release that some recipients have got and some not, which ends none. */
export const listedStates = [...Object.values(itemStates), 'partly-released'] as const;
export type ListedState = (typeof listedStates)[number];

/** Recipients of a release that not all of them have got. */
export interface PartRelease {
  readonly has: number;
  readonly of: number;
}

/** Undefined where nobody has it, where all have it, and of what is released. */
export function partRelease(state: ItemState, has: number, of: number): PartRelease | undefined {
  return state === itemStates.released || has === 0 || has === of ? undefined : { has, of };
}

export function partReleaseText({ has, of }: PartRelease): string {
  return `${has} of ${of} recipients have got it`;
}

/** What of the inspection report is worth keeping with an item; bounded, unlike the report. */
export interface StoredFacts {
  readonly messageId: string | undefined;
  readonly date: string | undefined;
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
  /** findings beyond those kept */
  readonly omitted: number;
}

export interface Item {
  readonly id: string;
  readonly state: ItemState;
  /** lower-case hex, of the raw message */
  readonly sha256: string;
  readonly bytes: number;
  readonly envelope: StoredEnvelope;
  readonly listener: string;
  readonly protocol: 'smtp' | 'imap';
  readonly clientAddress: string;
  readonly verdict: Verdict;
  readonly facts: StoredFacts;
  readonly subject: string | undefined;
  readonly from: string | undefined;
  /** ms since 1970 */
  readonly created: number;
  readonly expires: number;
  /** size of the sealed file */
  readonly blobBytes: number;
}

/** A quarantined message in a list. */
export interface ListedItem extends Item {
  readonly partRelease: PartRelease | undefined;
}

/** What became of the release for one recipient; `pending` until the next hop has answered for good. */
export interface DeliveryRecord {
  readonly address: string;
  readonly status: 'pending' | 'delivered' | 'failed';
  readonly stage: string | undefined;
  readonly code: number | undefined;
  readonly reply: string | undefined;
  readonly at: number | undefined;
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new identifier: 128 random bits in lower-case base32 (RFC 4648 §6), safe in URLs, file names and speech. */
export function newItemId(): string {
  let bits = 0;
  let held = 0;
  let id = '';
  for (const byte of randomBytes(16)) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      id += base32.charAt((held >> bits) & 31);
    }
    held &= 0xff;
  }
  return id + base32.charAt((held << (5 - bits)) & 31);
}

export function isItemId(text: string): boolean {
  return /^[a-z2-7]{26}$/.test(text);
}

/**
 * Equal for a message that is sent again because its sender never saw our 250. Listener and notification are part of
 * it: a message first rejected and then accepted elsewhere still owes its recipients a notice.
 */
export function repeatKey(request: HoldRequest): string {
  const recipients = request.envelope.recipients.map((recipient) => recipient.address).sort();
  const facts = [request.sha256, request.protocol, request.listener, request.notify, request.envelope.mailFrom];
  return createHash('sha256')
    .update(JSON.stringify([...facts, recipients]))
    .digest('hex');
}
