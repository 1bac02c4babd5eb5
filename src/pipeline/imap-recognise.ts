/**
 * Finds out whether a message of a mailbox is one that lies in quarantine already: its last octets are those of an
 * item, and all before them is complete trace fields, as mail servers put them on top.
 */
import type { FieldRange } from '../inspect/inspection.js';
import type { ItemOfLength } from '../quarantine/imap-notice-table.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import type { ImapServices } from './imap-services.js';

/** What mail servers add on the way; RFC 5321 §4.4, RFC 8601 and common practice. */
const traceNames = new Set(['received', 'return-path', 'delivered-to', 'x-original-to', 'authentication-results']);

/**
 * The item, released ones before others; undefined when there is none. The store is asked once, and only endings of the
 * length of an item are hashed.
 * @param sha256 of the whole message
 */
export async function recogniseItem(
  services: Pick<ImapServices, 'store' | 'inspector'>,
  upstream: string,
  message: { readonly fields: readonly FieldRange[]; readonly spool: Spool; readonly sha256: string },
): Promise<ItemOfLength | undefined> {
  const { fields, spool, sha256 } = message;
  const lengths = originalStarts(fields).map((start) => spool.length - start);
  const items = await services.store.call('itemsOfLengths', upstream, lengths);
  let hashed = 0;
  let found: ItemOfLength | undefined;
  for (const bytes of new Set(items.map((item) => item.bytes))) {
    if (bytes !== spool.length) hashed += 1;
    if (hashed > limits.imapJudge.endingsMax) break;
    const digest = bytes === spool.length ? sha256 : await services.inspector.digest(spool, spool.length - bytes);
    const same = items.filter((item) => item.bytes === bytes && item.sha256 === digest);
    const released = same.find(({ state }) => state === 'released');
    if (released !== undefined) return released;
    found ??= same[0];
  }
  return found;
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
