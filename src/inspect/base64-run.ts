/**
 * Lines of base64 in a text, as a body that somebody forgot to declare, or a file pasted into a mail. It tells where
 * they are, and decodes nothing.
 */

export interface Base64Run {
  readonly start: number;
  readonly end: number;
}

/** characters of the first line; writers use 60 to 76 */
const lineMin = 40;
/** characters of all lines */
const runMin = 180;
/** characters of a text that is nothing else; the EICAR file has 92 */
const wholeMin = 60;
/** bytes of a run that are looked at for all kinds of characters */
const classBytes = 65_536;
const inAlphabet = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=') {
  inAlphabet[character.charCodeAt(0)] = 1;
}
const lf = 0x0a;
const cr = 0x0d;

/** All runs in order; linear, and in prose a fraction of the bytes is looked at. */
export function* base64Runs(text: Buffer): Generator<Base64Run, void, undefined> {
  let from = 0;
  // A line of that length covers at least one of the places that are looked at.
  for (let at = lineMin - 1; at < text.length; at = from + lineMin - 1) {
    let start = at + 1;
    while (start > from && isBase64(text[start - 1])) start -= 1;
    from = at + 1;
    if (start > at || !isLineStart(text, start)) continue;
    const end = runEnd(text, start);
    if (end - start >= runMin && hasAllKinds(text, start, end) && !isArmour(text, start)) yield { start, end };
    from = Math.max(from, end);
  }
}

/** Whether a text is base64 and nothing else, however short its lines are: a small file that nobody declared. */
export function isWholeBase64(text: Buffer): boolean {
  let characters = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (isBase64(text[at])) characters += 1;
    else if (text[at] !== lf && text[at] !== cr) return false;
  }
  return characters >= wholeMin && hasAllKinds(text, 0, text.length);
}

function isBase64(byte: number | undefined): boolean {
  return inAlphabet[byte ?? 0] === 1;
}

function isLineStart(text: Buffer, at: number): boolean {
  return at === 0 || text[at - 1] === lf || text[at - 1] === cr;
}

/** Behind the last line of those that follow each other and are base64 alone; `start` when the first is none. */
function runEnd(text: Buffer, start: number): number {
  let end = start;
  let at = start;
  let first = 0;
  let last = 0;
  while (at < text.length) {
    let stop = at;
    while (isBase64(text[stop])) stop += 1;
    const length = stop - at;
    // A short line ends the data when those before it were full; else it is a word of the text below.
    if (length === 0 || (length < lineMin && (first === 0 || last < first))) break;
    let next = stop;
    while (text[next] === 0x20 || text[next] === 0x09) next += 1;
    if (next < text.length && text[next] !== lf && text[next] !== cr) break;
    end = stop;
    if (length < lineMin || text[stop - 1] === 0x3d) break;
    if (first === 0) first = length;
    last = length;
    if (text[next] === cr) next += 1;
    if (text[next] === lf) next += 1;
    at = next;
  }
  return end;
}

/** Words and numbers alone could be anything; base64 of a file has all kinds of characters. */
function hasAllKinds(text: Buffer, start: number, end: number): boolean {
  let kinds = 0;
  const stop = Math.min(end, start + classBytes);
  for (let at = start; at < stop && kinds !== 7; at += 1) {
    const byte = text[at] as number; // at < length
    if (byte >= 0x61) kinds |= 1;
    else if (byte >= 0x41) kinds |= 2;
    else if (byte >= 0x30) kinds |= 4;
  }
  return kinds === 7;
}

/** Signatures and public keys of OpenPGP (RFC 9580 §6.2), which honest mail is full of and no client offers as a file. */
function isArmour(text: Buffer, start: number): boolean {
  const before = text.toString('latin1', Math.max(0, start - 400), start);
  const armour = before.lastIndexOf('-----BEGIN PGP ');
  if (armour < 0 || before.includes('-----END', armour)) return false;
  return /^(?:SIGNATURE|PUBLIC)/.test(before.slice(armour + 15));
}
