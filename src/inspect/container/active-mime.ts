/**
 * Opens ActiveMime files, in which Word puts the macros of a document that it saves as a web archive: a short header
 * of no public specification, and a compound file in zlib behind it.
 */

import { inflateSync, constants as zlib } from 'node:zlib';
import { standsAt } from '../stands-at.js';
import { inflate } from './inflate.js';
import type { MemberWriter, Opener, OpenFile, OpenOutput } from './opener.js';

const signature = Buffer.from('ActiveMime');
/** where the data begins differs with the version: at 50 in all that are known */
const headerBytesMax = 1024;
/** bytes that are inflated to see whether the data begins here */
const probeBytes = 512;

export const activeMimeOpener: Opener = {
  id: 'activemime',
  matches: ({ content }) => standsAt(content, signature),
  open: openActiveMime,
};

async function openActiveMime({ content }: OpenFile, out: OpenOutput): Promise<void> {
  const start = dataStart(content);
  if (start === undefined) {
    out.problem('file-damaged');
    return;
  }
  let member: MemberWriter | undefined;
  const { complete, stopped } = await inflate(content.subarray(start), 'zlib', (chunk) => {
    member ??= out.member({ names: [], method: 'activemime' });
    return member?.write(chunk) === true;
  });
  if (!complete && !stopped) out.problem('file-damaged');
  await member?.end();
}

function dataStart(content: Buffer): number | undefined {
  const last = Math.min(content.length - 2, headerBytesMax);
  for (let at = signature.length; at < last; at += 1) {
    // RFC 1950 §2.2
    if (content[at] === 0x78 && content.readUInt16BE(at) % 31 === 0 && inflates(content.subarray(at))) return at;
  }
  return undefined;
}

function inflates(data: Buffer): boolean {
  try {
    const probe = data.subarray(0, probeBytes);
    return inflateSync(probe, { finishFlush: zlib.Z_SYNC_FLUSH }).length > 0;
  } catch {
    // Damage this early means that it is something else.
    return false;
  }
}
