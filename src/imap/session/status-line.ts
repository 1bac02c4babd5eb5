/**
 * Status responses as the client gets them: under the client's own tag, and without what would lead it around the gate.
 */

import type { ResponseCode, ServerEvent } from '../wire/wire.js';
import { announcedCapabilities, type CapabilityContext, capabilityNames } from './capability.js';

export type StatusResponse = Extract<ServerEvent, { readonly kind: 'tagged' | 'status' }>;

/**
 * Codes that are taken out, their text stays. A client that follows a referral (RFC 2193, RFC 2221) would carry its
 * password to wherever a message between us and the server points it.
 */
const strippedCodes = new Set(['REFERRAL']);

/** @param head the client's tag, or `*` */
export function statusLine(response: StatusResponse, head: string, context: CapabilityContext): Buffer {
  const { code, raw } = response;
  const { status } = response;
  const spoken = raw.indexOf(0x20);
  if (code === undefined || spoken === -1) return Buffer.concat([Buffer.from(head, 'latin1'), raw.subarray(spoken)]);
  const shown = codeText(code, context);
  const close = raw.indexOf(0x5d);
  if (shown === undefined) return Buffer.concat([Buffer.from(`${head} ${status}`, 'latin1'), textBehind(raw, close)]);
  if (shown === '') return Buffer.concat([Buffer.from(head, 'latin1'), raw.subarray(spoken)]);
  return Buffer.concat([Buffer.from(`${head} ${status} [${shown}`, 'latin1'), raw.subarray(close)]);
}

/** What stands in the brackets instead; undefined: no code at all; empty: as the server wrote it. */
function codeText(code: ResponseCode, context: CapabilityContext): string | undefined {
  if (strippedCodes.has(code.name)) return undefined;
  // RFC 9051 §11.3: whoever sits on the line could have written it, and clients show it to their users.
  if (code.name === 'ALERT' && !alertIsTrusted(context)) return undefined;
  // RFC 9585 §4: with a tag, which would be ours, or without.
  if (code.name === 'INPROGRESS') return `INPROGRESS ${code.text.replace(/^\("?[^" ]*"?/, '(NIL')}`.trimEnd();
  if (code.name !== 'CAPABILITY') return '';
  return `CAPABILITY ${announcedCapabilities(capabilityNames(code.text), context).join(' ')}`;
}

/** Behind the bracket, with one space before it, which the grammar asks for even when there is no text. */
function textBehind(raw: Buffer, close: number): Buffer {
  const rest = raw.subarray(close + 1);
  return rest[0] === 0x20 ? rest : Buffer.concat([Buffer.from(' '), rest]);
}

export function alertIsTrusted(context: CapabilityContext): boolean {
  return context.secure || !context.offerStartTls;
}
