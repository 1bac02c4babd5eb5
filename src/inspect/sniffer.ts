/**
 * Media type by content. What is not known already is asked of libmagic (wasmagic), which takes 40 MB and tens of
 * milliseconds to load, so this file is for worker threads.
 */
import { WASMagic } from 'wasmagic';
import type { Sniffer } from './examine.js';
import { KnownTypes } from './known-types.js';

/** libmagic runs regular expressions over text, at most of a millisecond for each KiB; its head is enough */
const textBytes = 1024;

/** Loads libmagic; once per thread. */
export async function loadSniffer(): Promise<Sniffer> {
  const magic = await WASMagic.create();
  const known = new KnownTypes();
  return (head, sha256) => {
    const found = known.find(head, sha256);
    if (found !== undefined) return found.type;
    const detected = magic.detect(head.includes(0) ? head : head.subarray(0, textBytes));
    const type = detected === 'application/octet-stream' ? undefined : detected;
    known.remember(sha256, type);
    return type;
  };
}
