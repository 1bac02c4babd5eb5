/**
 * Media type by content. The common signatures are looked up here; everything else asks libmagic (wasmagic), which
 * takes 40 MB and tens of milliseconds to load, so this file is for worker threads.
 */
import { LRUCache } from 'lru-cache';
import { WASMagic } from 'wasmagic';
import { limits } from '../runtime/limits.js';
import type { Sniffer } from './examine.js';

/** formats whose first bytes leave no doubt; measured: saves libmagic's 30 to 500 microseconds for most attachments */
const signatures: readonly (readonly [string, Buffer])[] = [
  ['application/pdf', Buffer.from('%PDF-')],
  ['image/png', Buffer.from('89504e470d0a1a0a', 'hex')],
  ['image/jpeg', Buffer.from('ffd8ff', 'hex')],
  ['image/gif', Buffer.from('GIF89a')],
  ['image/gif', Buffer.from('GIF87a')],
];
/** libmagic runs regular expressions over text, at most of a millisecond for each KiB; its head is enough */
const textBytes = 1024;

/** Loads libmagic; once per thread. */
export async function loadSniffer(): Promise<Sniffer> {
  const magic = await WASMagic.create();
  // A type is a function of the bytes, and the same logo is in every mail of a company.
  const known = new LRUCache<string, string>({ max: limits.inspect.knownTypes });
  const detect = (head: Buffer): string => magic.detect(head.includes(0) ? head : head.subarray(0, textBytes));
  return (head, sha256) => {
    for (const [type, start] of signatures) {
      if (head.length >= start.length && start.compare(head, 0, start.length) === 0) return type;
    }
    const type = known.get(sha256) ?? detect(head);
    if (sha256 !== '') known.set(sha256, type);
    return type === 'application/octet-stream' ? undefined : type;
  };
}
