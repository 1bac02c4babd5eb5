/**
 * The signed field that lets a released message pass the gate once more: it vouches for exactly these bytes, to
 * exactly these recipients, until a time. It is pure: a key in, text out; where the key lies is for keys.ts.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export const reentryFieldName = 'X-Sluice-Release';

export interface ReentryFacts {
  readonly id: string;
  /** of the message without the field */
  readonly bytes: number;
  /** lower-case hex, of the message without the field */
  readonly sha256: string;
  readonly recipients: readonly string[];
  /** ms since 1970; kept in the field as whole seconds */
  readonly expires: number;
}

/** What the gate sees when a message with the field comes in. */
export interface ReentryClaim {
  readonly bytes: number;
  readonly sha256: string;
  readonly recipients: readonly string[];
  readonly now: number;
}

export type ReentryResult = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly why: string };

const form = /^v=1; id=([a-z2-7]{26}); l=(\d{1,15}); d=([0-9a-f]{64}); r=([\w-]{43}); x=(\d{1,12}); m=([\w-]{43})$/;

/** RFC 5321 §2.4: only the domain is case-insensitive. The separator cannot occur in an address. */
function recipientsDigest(recipients: readonly string[]): string {
  const canonical = recipients.map((address) => {
    const at = address.lastIndexOf('@');
    return address.slice(0, at + 1) + address.slice(at + 1).toLowerCase();
  });
  const unique = [...new Set(canonical)].sort();
  return createHash('sha256').update(unique.join('\n')).digest('base64url');
}

function mac(key: Uint8Array, signed: string): Buffer {
  // The name of the field is under the MAC too, so that this key never vouches for text made for another purpose.
  return createHmac('sha256', key).update(`${reentryFieldName}: ${signed}`).digest();
}

/** The body of the field, one line without folding. The caller writes `X-Sluice-Release: ` before and CRLF after it. */
export function signReentry(key: Uint8Array, facts: ReentryFacts): string {
  const expires = Math.floor(facts.expires / 1000);
  const digest = recipientsDigest(facts.recipients);
  const signed = `v=1; id=${facts.id}; l=${facts.bytes}; d=${facts.sha256}; r=${digest}; x=${expires}`;
  return `${signed}; m=${mac(key, signed).toString('base64url')}`;
}

/** What a genuine field says; `bytes` and `sha256` are of the message without the field. */
export type OpenedReentry =
  | {
      readonly ok: true;
      readonly id: string;
      readonly bytes: number;
      readonly sha256: string;
      readonly recipients: string;
    }
  | { readonly ok: false; readonly why: string };

/** Checks form, signature and expiry, in that order: what needs no look at the message. */
export function openReentry(key: Uint8Array, fieldValue: string, now: number): OpenedReentry {
  const value = fieldValue.replace(/\r\n(?=[ \t])/g, '').trim();
  const match = form.exec(value);
  if (match === null) return { ok: false, why: 'the field is not well-formed' };
  const [, id = '', bytes, sha256 = '', recipients = '', expires, given = ''] = match;
  const expected = mac(key, value.slice(0, value.lastIndexOf('; m=')));
  const presented = Buffer.from(given, 'base64url');
  if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) {
    return { ok: false, why: 'the signature is not ours' };
  }
  if (Number(expires) * 1000 <= now) return { ok: false, why: 'the release has expired' };
  return { ok: true, id, bytes: Number(bytes), sha256, recipients };
}

/**
 * Checks a field body against the message that carried it. The MAC comes first, so that nobody without the key learns
 * which of the other facts would have matched.
 */
export function verifyReentry(key: Uint8Array, fieldValue: string, claim: ReentryClaim): ReentryResult {
  const opened = openReentry(key, fieldValue, claim.now);
  if (!opened.ok) return opened;
  const { id, bytes, sha256, recipients } = opened;
  if (bytes !== claim.bytes || sha256 !== claim.sha256) return { ok: false, why: 'the content differs' };
  if (recipients !== recipientsDigest(claim.recipients)) return { ok: false, why: 'the recipients differ' };
  return { ok: true, id };
}
