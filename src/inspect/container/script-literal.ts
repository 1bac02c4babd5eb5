/**
 * Files written down in script: strings of base64 or hexadecimal digits, whole or in pieces, strings of escapes, and
 * lists of numbers. It finds literals by their quotes, runs nothing, and does not know what the script does with them.
 */
import { decodeBase64 } from '../../mime/decoding-base64.js';
import { beginsAsFile } from '../../mime/file-signature.js';
import { percentDecoded } from './data-uri.js';
import { unescaped } from './script-escape.js';

/** characters that make a literal worth decoding: the EICAR file has 92 in base64 */
const literalMin = 80;
/** numbers of a list that could be a file */
const numbersMin = 50;
/** escapes in a literal that is decoded for their sake */
const escapesMin = 20;
/** bytes between two pieces of one literal: `" + "`, `", "`, `"; s += "` */
const gapMax = 64;
/** characters of pieces that may be joined over anything else than commas and plus signs */
const pieceMin = 16;
/** characters of a stretch that cannot be a name in the script */
const runMin = 40;

const base64Byte = 1;
const hexByte = 2;
const glueByte = 4;
const classes = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_') {
  classes[character.charCodeAt(0)] = base64Byte;
}
for (const character of '0123456789abcdefABCDEF') classes[character.charCodeAt(0)] = base64Byte | hexByte;
for (const character of ' \t\r\n+,()[]."\'`') {
  classes[character.charCodeAt(0)] = (classes[character.charCodeAt(0)] ?? 0) | glueByte;
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * Contents of the literals in `[from, to)`, the joined ones and their large pieces.
 * @param escaped also strings of percent escapes, which honest addresses are full of
 */
export function* literalFiles(
  text: Buffer,
  from: number,
  to: number,
  escaped: boolean,
): Generator<Buffer, void, undefined> {
  yield* joinedFiles(text, from, to, stringsOf(text, from, to), escaped);
  // Quotes in comments and patterns make strings begin where none does.
  yield* joinedFiles(text, from, to, runsOf(text, from, to), false);
  yield* numberLists(text, from, to);
}

/** The same, where nothing says what a string is: in elements and attributes that script reads. */
export function* unquotedFiles(text: Buffer): Generator<Buffer, void, undefined> {
  yield* joinedFiles(text, 0, text.length, runsOf(text, 0, text.length), false);
  yield* numberLists(text, 0, text.length);
}

function* joinedFiles(
  text: Buffer,
  from: number,
  to: number,
  strings: Iterable<Piece>,
  escaped: boolean,
): Generator<Buffer, void, undefined> {
  // One memory for all pieces: a hostile text has millions of them.
  const joined = Buffer.allocUnsafe(to - from);
  let length = 0;
  let large: Piece[] = [];
  let pieces = 0;
  let lastEnd = -1;
  let lastLength = 0;
  for (const { start, end } of strings) {
    const kind = contentKind(text, start, end, escaped);
    if (kind === 'other') {
      const spoiled = spoiledFile(text.subarray(start, end));
      if (spoiled !== undefined) yield spoiled;
      continue;
    }
    if (lastEnd < 0 || !isJoined(text, lastEnd, start, lastLength, end - start)) {
      yield* filesOf(joined.subarray(0, length), large, pieces);
      length = 0;
      large = [];
      pieces = 0;
    }
    const before = length;
    if (kind === 'plain') length += text.copy(joined, length, start, end);
    else if (kind === 'percent') length += percentDecoded(text.subarray(start, end)).copy(joined, length);
    else length += unescaped(text, start, end, joined, length);
    if (length - before >= literalMin) large.push({ start: before, end: length });
    pieces += 1;
    lastEnd = end;
    lastLength = end - start;
  }
  yield* filesOf(joined.subarray(0, length), large, pieces);
}

/** base64 with characters in it that the script takes out again; told by what it decodes to. */
function spoiledFile(literal: Buffer): Buffer | undefined {
  if (literal.length < 2 * literalMin) return undefined;
  const head = literal.subarray(0, literalMin);
  let others = 0;
  for (const byte of head) if (((classes[byte] ?? 0) & base64Byte) === 0) others += 1;
  if (others > literalMin / 2 || !beginsAsFile(decodeBase64(head))) return undefined;
  return decodeBase64(literal);
}

function* filesOf(joined: Buffer, large: readonly Piece[], pieces: number): Generator<Buffer, void, undefined> {
  if (joined.length < literalMin) return;
  yield* decodedLiteral(joined);
  if (pieces > 1) for (const { start, end } of large) yield* decodedLiteral(joined.subarray(start, end));
}

function* decodedLiteral(literal: Buffer): Generator<Buffer, void, undefined> {
  let all = base64Byte | hexByte;
  for (let at = 0; at < literal.length && all !== 0; at += 1) all &= classes[literal[at] as number] ?? 0; // in range
  if (all === 0) {
    // What escapes made may be a file or a page as it is.
    yield Buffer.from(literal);
    return;
  }
  if ((all & hexByte) !== 0) yield Buffer.from(literal.toString('latin1'), 'hex');
  yield decodeBase64(literal);
  const head = Buffer.from(literal.subarray(-64)).reverse();
  if (beginsAsFile(decodeBase64(head))) yield decodeBase64(Buffer.from(literal).reverse());
}

/** Strings between quotes of one kind; those of `"` and `'` end with their line. */
function* stringsOf(text: Buffer, from: number, to: number): Generator<Piece, void, undefined> {
  // Up to where no closing quote of a kind is: asked for each of millions of escaped quotes, a search would never end.
  const open = new Map<number, number>();
  let at = from;
  while (at < to) {
    const byte = text[at] as number; // at < to
    if ((byte === 0x22 || byte === 0x27 || byte === 0x60) && (open.get(byte) ?? -1) <= at) {
      const { end, closed } = stringEnd(text, at, to);
      if (closed) {
        yield { start: at + 1, end };
        at = end;
      } else open.set(byte, end);
    }
    at += 1;
  }
}

/** At the closing quote, or at the end of the line or text without one. */
function stringEnd(text: Buffer, at: number, to: number): { end: number; closed: boolean } {
  const quote = text[at];
  for (let end = at + 1; end < to; end += 1) {
    const byte = text[end];
    if (byte === quote) return { end, closed: true };
    if (byte === 0x5c) {
      end += 1;
      if (text[end] === 0x0d && text[end + 1] === 0x0a) end += 1;
    } else if ((byte === 0x0a || byte === 0x0d) && quote !== 0x60) return { end, closed: false };
  }
  return { end: to, closed: false };
}

/** Long stretches of base64, whatever is around them. */
function* runsOf(text: Buffer, from: number, to: number): Generator<Piece, void, undefined> {
  let start = from;
  let lastEnd = Number.NEGATIVE_INFINITY;
  for (let at = from; at <= to; at += 1) {
    if (at < to && ((classes[text[at] as number] ?? 0) & base64Byte) !== 0) continue; // at < to
    // The last line of several is as short as it has to be.
    const lastLine = at > start && start - lastEnd <= 2 && text[start - 1] === 0x0a;
    if (at - start >= runMin || lastLine) {
      yield { start, end: at };
      lastEnd = at;
    }
    start = at + 1;
  }
}

function contentKind(
  text: Buffer,
  start: number,
  end: number,
  escaped: boolean,
): 'plain' | 'escapes' | 'percent' | 'other' {
  let escapes = 0;
  let percents = 0;
  let plain = true;
  for (let at = start; at < end; at += 1) {
    const byte = text[at] as number; // at < end
    if (byte === 0x5c) escapes += 1;
    else if (byte === 0x25) percents += 1;
    if (((classes[byte] ?? 0) & base64Byte) === 0 && byte !== 0x5c && byte > 0x20) plain = false;
  }
  if (escapes >= escapesMin || (plain && escapes > 0)) return 'escapes';
  if (escaped && percents >= escapesMin) return 'percent';
  return plain && end > start ? 'plain' : 'other';
}

/** Whether a piece goes on with the next one. */
function isJoined(text: Buffer, from: number, to: number, lastLength: number, length: number): boolean {
  if (to - from > gapMax) return false;
  if (lastLength >= pieceMin && length >= pieceMin) return true;
  for (let at = from; at < to; at += 1) if (((classes[text[at] as number] ?? 0) & glueByte) === 0) return false;
  return true;
}

/** Lists of bytes: `77, 90, 144`, `0x4d,0x5a`, `-1`; of any length that could be a file. */
function* numberLists(text: Buffer, from: number, to: number): Generator<Buffer, void, undefined> {
  let out: Buffer | undefined;
  let length = 0;
  let at = from;
  while (at <= to) {
    const byte = at < to ? text[at] : undefined;
    const digit = byte !== undefined && byte >= 0x30 && byte <= 0x39;
    if (digit && (length > 0 || !isNamePart(text[at - 1]))) {
      let value = 0;
      const hex = byte === 0x30 && ((text[at + 1] ?? 0) | 0x20) === 0x78;
      const negative = text[at - 1] === 0x2d && figureOf(text[at - 2]) > 9;
      if (hex) at += 2;
      const base = hex ? 16 : 10;
      for (let figure = figureOf(text[at]); at < to && figure < base; figure = figureOf(text[at])) {
        value = (value * base + figure) & 0xffffff;
        at += 1;
      }
      out ??= Buffer.allocUnsafe(Math.ceil((to - from) / 2) + 1);
      out[length++] = negative ? 256 - (value & 0xff) : value & 0xff;
    } else if (byte === 0x2c || byte === 0x2d || (byte !== undefined && byte <= 0x20)) {
      at += 1;
    } else {
      if (out !== undefined && length >= numbersMin) yield Buffer.from(out.subarray(0, length));
      length = 0;
      at += 1;
    }
  }
}

function figureOf(byte: number | undefined): number {
  if (byte === undefined) return 99;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 99;
}

function isNamePart(byte: number | undefined): boolean {
  return (
    byte !== undefined && ((classes[byte] ?? 0) & base64Byte) !== 0 && byte !== 0x2d && byte !== 0x2b && byte !== 0x3d
  );
}
