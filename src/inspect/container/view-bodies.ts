/**
 * Hands over the bodies of every plausible reading of a message, decoded in every way that some reader has. Used for
 * the message itself, and for messages inside of it. What the readings are is `mime`'s knowledge.
 */
import { createHash } from 'node:crypto';
import { decodings } from '../../mime/decodings.js';
import type { ViewLeaf } from '../../mime/view.js';
import { readViews } from '../../mime/views.js';
import { limits } from '../../runtime/limits.js';
import type { MemberAbout, OpenOutput } from './opener.js';

/** of one line that are looked at; a longer one is told by its beginning */
const lineBytes = 1024;
const base64Line = /^[A-Za-z0-9+/_-]*={0,3}$/;

/** Returns how many readings were followed; records `views-too-many` when that was not all. */
export async function openViewBodies(message: Buffer, out: OpenOutput): Promise<number> {
  if (out.readInAllWays === true) return 0;
  const views = readViews(message);
  let complete = views.complete;
  let room = Math.max(message.length * limits.views.decodedRatioMax, limits.views.decodedFreeBytes);
  const seen = new Set<string>();
  for (const leaf of views.leaves) {
    const body = leaf.source.subarray(leaf.start, leaf.end);
    for (const encoding of leaf.encodings) {
      if (out.exhausted) return views.count;
      const declared = encoding === 'identity' || encoding === leaf.facts.encoding || leaf.facts.encodingUnknown;
      // Nobody decodes prose as base64 that is not even declared so, and it decodes to fifty kinds of noise.
      if (!declared && encoding === 'base64' && !mayBeBase64(body)) continue;
      const decoded = decodings(body, encoding, { bytesMax: Math.min(room, limits.views.heldBytes) });
      complete &&= decoded.complete || !declared;
      const list = declared ? decoded.list : decoded.list.slice(0, limits.views.undeclaredDecodingsMax);
      for (const { reading, content, names } of list) {
        room -= content.length;
        const about = aboutOf(leaf, encoding, reading, names);
        if (content.length === 0 || !isNew(about, content, seen)) continue;
        if (!(await out.add(about, content))) return views.count;
      }
    }
  }
  if (!complete) out.problem('views-too-many');
  return views.count;
}

function aboutOf(leaf: ViewLeaf, method: string, reading: string, names: readonly string[]): MemberAbout {
  const { facts } = leaf;
  return {
    names: [...facts.names, ...names],
    method,
    declaredType: facts.type,
    charset: facts.charset,
    view: leaf.view === '' ? reading : `${leaf.view}; ${reading}`,
  };
}

/** Most readings end at the same bytes; those are handed over once for each set of names and type. */
function isNew({ names, declaredType }: MemberAbout, content: Buffer, seen: Set<string>): boolean {
  const key = `${createHash('sha256').update(content).digest('base64')}${declaredType}\0${names.join('\0')}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** Whether at least half of the text stands on lines of nothing but base64. */
function mayBeBase64(body: Buffer): boolean {
  let inside = 0;
  let outside = 0;
  for (let start = 0; start < body.length; ) {
    const lf = body.indexOf(0x0a, start);
    const end = lf < 0 ? body.length : lf;
    const line = body.toString('latin1', start, Math.min(end, start + lineBytes)).trim();
    if (base64Line.test(line)) inside += end - start;
    else outside += end - start;
    start = end + 1;
  }
  return inside >= outside;
}
