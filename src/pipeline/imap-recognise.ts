/**
 * Finds out whether a message of a mailbox is one that lies in quarantine already: its last octets are those of an
 * item, and all before them is complete trace fields, as mail servers put them on top; or nothing but such fields
 * makes it differ from a message that was withheld in another mailbox of this server.
 */
import type { FieldRange } from '../inspect/inspection.js';
import type { Ending, KnownItem } from '../quarantine/imap-notice-table.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import type { ImapServices } from './imap-services.js';

/** What mail servers add on the way; RFC 5321 §4.4, RFC 8601 and common practice. */
const traceNames = new Set(['received', 'return-path', 'delivered-to', 'x-original-to', 'authentication-results']);

export interface RecognisedMessage {
  /** lower-case hex, of the whole message */
  readonly sha256: string;
  /** of the message without the trace fields on top, which differ from mailbox to mailbox */
  readonly coreSha256: string;
  /** the item that it is; undefined when there is none */
  readonly item: KnownItem | undefined;
}

/** Endings are hashed only where an item has their length, so that a message with many trace fields costs no more. */
export async function recogniseMessage(
  { store, inspector }: Pick<ImapServices, 'store' | 'inspector'>,
  upstream: string,
  { fields, spool }: { readonly fields: readonly FieldRange[]; readonly spool: Spool },
): Promise<RecognisedMessage> {
  const starts = originalStarts(fields);
  const sha256 = await inspector.digest(spool);
  const digest = async (start: number) => (start === 0 ? sha256 : inspector.digest(spool, start));
  const coreSha256 = await digest(starts.at(-1) ?? 0);
  const lengths = await store.call(
    'lengthsOfItems',
    starts.map((start) => spool.length - start),
  );
  const endings: Ending[] = [];
  for (const bytes of lengths.slice(0, limits.imapJudge.endingsMax)) {
    endings.push({ bytes, sha256: await digest(spool.length - bytes) });
  }
  return { sha256, coreSha256, item: await store.call('itemOfMessage', upstream, endings, coreSha256) };
}

/** Where an original may begin: at the start, and behind each trace field of those that stand on top of all others. */
export function originalStarts(fields: readonly FieldRange[]): number[] {
  const starts = [0];
  for (const { name, start, end } of fields) {
    // Something that is no field stands between them.
    if (start !== starts.at(-1)) break;
    if (!traceNames.has(name.toLowerCase()) || starts.length > limits.imapJudge.traceFieldsMax) break;
    starts.push(end);
  }
  return starts;
}
