/**
 * Hands over the bodies of every plausible reading of a message, decoded in every way that some reader has. Used for
 * the message itself, and for messages inside of it. What the readings are is `mime`'s knowledge.
 */
import { createHash } from 'node:crypto';
import { decodings } from '../../mime/decodings.js';
import type { ProblemCode } from '../../mime/problem.js';
import type { ViewEncoding, ViewLeaf } from '../../mime/view.js';
import { readViews } from '../../mime/views.js';
import { limits } from '../../runtime/limits.js';
import type { MemberAbout, OpenOutput } from './opener.js';

/** types whose content is not, or not all, in the message */
const contentElsewhere: ReadonlyMap<string, ProblemCode> = new Map([
  ['message/partial', 'message-partial'],
  ['message/external-body', 'message-external'],
]);
/** of one line that are looked at; a longer one is told by its beginning */
const lineBytes = 1024;
const base64Line = /^[A-Za-z0-9+/_-]*={0,3}$/;

/** Returns how many readings were followed; records `views-too-many` when that was not all. */
export async function openViewBodies(message: Buffer, out: OpenOutput): Promise<number> {
  if (out.readInAllWays === true) return 0;
  const views = readViews(message);
  let complete = views.complete;
  const byRatio = Math.max(message.length * limits.views.decodedRatioMax, limits.views.decodedFreeBytes);
  let room = Math.min(byRatio, limits.views.decodedBytesMax);
  const seen = new Set<string>();
  for (const leaf of views.leaves) {
    const elsewhere = contentElsewhere.get(leaf.facts.type);
    if (elsewhere !== undefined) out.problem(elsewhere);
    const body = leaf.source.subarray(leaf.start, leaf.end);
    for (const encoding of leaf.encodings) {
      if (out.exhausted) return views.count;
      const declared = encoding === 'identity' || isDeclared(leaf, encoding);
      if (!declared && encoding === 'base64' && (holdsEncoded(leaf, views.leaves) || !mayBeBase64(body))) continue;
      // Who decodes nothing shows base64 as it is, and finds no file in it that is not found by decoding.
      const closed = encoding === 'identity' && isDeclared(leaf, 'base64') && mayBeBase64(body);
      const decoded = decodings(body, encoding, { bytesMax: Math.min(room, limits.views.heldBytes) });
      complete &&= decoded.complete || !declared || closed;
      const most = closed ? 1 : declared ? limits.views.decodingsMax : limits.views.undeclaredDecodingsMax;
      for (const { reading, content, names } of decoded.list.slice(0, most)) {
        room -= content.length;
        const about = { ...aboutOf(leaf, encoding, reading, names), closed };
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

/** Declared by some reading: those stand in front of `identity`. */
function isDeclared({ encodings }: ViewLeaf, encoding: ViewEncoding): boolean {
  const at = encodings.indexOf(encoding);
  const identity = encodings.indexOf('identity');
  return at >= 0 && (identity < 0 || at < identity);
}

/** A body around an encoded one: what decodes in it is that one, which is taken by itself. */
function holdsEncoded(leaf: ViewLeaf, leaves: readonly ViewLeaf[]): boolean {
  return leaves.some(
    (inner) =>
      inner !== leaf &&
      inner.source === leaf.source &&
      inner.start >= leaf.start &&
      inner.end <= leaf.end &&
      isDeclared(inner, 'base64'),
  );
}

/**
 * Whether at least half of the text stands on lines of nothing but base64. Nobody decodes prose that is not even
 * declared as base64, and it decodes to fifty kinds of noise.
 */
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
