/**
 * uuencode and its relative xxencode, in a text or as a whole body: every file between `begin` and `end`, and files
 * without one or both. Lines that do not fit the length they state have several readings, and all are given.
 */
import { limits } from '../runtime/limits.js';
import { type CarriedFile, writtenNames } from './carried-file.js';
import { decodeBase64 } from './decoding-base64.js';
import { type TextLine, textLines } from './text-lines.js';

/** a `begin` line as transports leave it */
const beginLine = /^[ \t]{0,16}begin(-base64(?:-encoded)?)?[ \t]{1,16}[0-7]{3,4}(?:[ \t]{1,16}(\S.*)?)?$/is;
/** lines that show which of both alphabets a file is in */
const linesJudged = 16;
/** bytes of a `begin` line that are read; names are shorter */
const beginBytes = 1200;
const none = 255;
/** M: 45 bytes */
const fullLine = 0x4d;
const uuValues = new Uint8Array(256).fill(none);
for (let value = 0; value < 64; value += 1) uuValues[value + 32] = value;
uuValues[0x60] = 0;
const xxValues = new Uint8Array(256).fill(none);
for (const [value, character] of [...'+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'].entries()) {
  xxValues[character.charCodeAt(0)] = value;
}

interface Block {
  readonly base64: boolean;
  readonly names: readonly string[];
  /** its lines, without those that begin and end it */
  readonly from: number;
  to: number;
  /** it has its begin and its end */
  whole: boolean;
}

/** Whether a text has a `begin` line, or something like it, at all; cheap. */
export function mayHoldUuencode(text: Buffer): boolean {
  return text.includes('egin') || text.includes('EGIN');
}

/**
 * @param declared the body is said to be encoded as a whole, so that `begin` may be missing
 * @param bytesMax of all files and readings together: a line of one character may state 63 bytes
 */
export function uuencodedFiles(text: Buffer, declared: boolean, bytesMax: number): readonly CarriedFile[] {
  const files: CarriedFile[] = [];
  let left = bytesMax;
  for (const block of blocksOf(text, declared)) {
    if (files.length >= limits.mime.carriedFilesMax) break;
    const found = block.base64 ? [base64File(text, block)] : blockFiles(text, block, declared, left);
    for (const file of found) left -= file.content.length;
    files.push(...found);
    if (left <= 0) break;
  }
  return files;
}

function blocksOf(text: Buffer, declared: boolean): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const line of textLines(text)) {
    const begun = line.end - line.start < 5 ? undefined : beginOf(text, line);
    if (begun !== undefined) {
      if (blocks.length >= limits.mime.carriedFilesMax) break;
      open = begun;
      blocks.push(open);
    } else if (open !== undefined && isEnd(text, line, open.base64)) {
      open.whole = true;
      open = undefined;
    } else if (open !== undefined) {
      open.to = line.end;
    } else if (declared && blocks.length === 0 && fits(text, line, uuValues) + fits(text, line, xxValues) > 0) {
      open = { base64: false, names: [], from: line.start, to: line.end, whole: false };
      blocks.push(open);
    }
  }
  return blocks;
}

function beginOf(text: Buffer, { start, end }: TextLine): Block | undefined {
  const first = text[start];
  if (first !== 0x62 && first !== 0x42 && first !== 0x20 && first !== 0x09) return undefined;
  const found = beginLine.exec(text.toString('latin1', start, Math.min(end, start + beginBytes)));
  if (found === null) return undefined;
  const names = writtenNames(Buffer.from(found[2] ?? '', 'latin1'));
  return { base64: found[1] !== undefined, names, from: end, to: end, whole: false };
}

function isEnd(text: Buffer, { start, end }: TextLine, base64: boolean): boolean {
  if (end - start < 3 || end - start > 16) return false;
  const line = text.toString('latin1', start, end).trim().toLowerCase();
  return base64 ? line === '====' : line === 'end';
}

function base64File(text: Buffer, block: Block): CarriedFile {
  let { from, to } = block;
  if (!block.whole) {
    // Without its end, the data end with the first line that is something else.
    to = from;
    for (const { start, end } of textLines(text, from, block.to)) {
      if (!/^[A-Za-z0-9+/=\s]*$/.test(text.toString('latin1', start, Math.min(end, start + 80)))) break;
      to = end;
    }
  }
  from = Math.min(from, to);
  const content = decodeBase64(text.subarray(from, to));
  return { method: 'base64', names: block.names, content, reading: '', damaged: !block.whole, truncated: false };
}

/** Characters that a stated number of bytes takes. */
function charactersFor(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * 2 for a line that has the length it states, up to a checksum character or two; 1 for one whose blanks at the end a
 * transport has taken; 0 for anything else.
 */
function fits(text: Buffer, { start, end }: TextLine, values: Uint8Array): number {
  const stated = values[text[start] as number] ?? none; // out of range gives undefined, then none
  if (start >= end || stated === none) return 0;
  const needed = charactersFor(stated);
  const there = end - start - 1;
  if (there > needed + 2 && hasText(text, start + 1 + needed + 2, end)) return 0;
  const checked = Math.min(end, start + 1 + needed);
  for (let at = start + 1; at < checked; at += 1) if (values[text[at] as number] === none) return 0;
  return there >= needed ? 2 : 1;
}

function hasText(text: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (text[at] !== 0x20 && text[at] !== 0x09) return true;
  return false;
}

/** How a line's bytes are found. */
type LineReading = 'fitting' | 'until-misfit' | 'as-stated' | 'by-characters';

function* linesOf(text: Buffer, { from, to }: Block): Generator<TextLine, void, undefined> {
  for (const line of textLines(text, from, to)) if (line.end > line.start) yield line;
}

function blockFiles(text: Buffer, block: Block, declared: boolean, bytesMax: number): CarriedFile[] {
  let left = bytesMax;
  let uu = 0;
  let xx = 0;
  let lines = 0;
  let uuOdd = false;
  let xxOdd = false;
  for (const line of linesOf(text, block)) {
    const uuFit = fits(text, line, uuValues);
    const xxFit = fits(text, line, xxValues);
    // A full line of blanks may be nothing but its `M` once a transport is done with it.
    if (lines < linesJudged && (uuFit === 2 || (uuFit === 1 && text[line.start] === fullLine))) uu += 1;
    if (lines < linesJudged && xxFit === 2) xx += 1;
    uuOdd ||= uuFit !== 2;
    xxOdd ||= xxFit !== 2;
    lines += 1;
  }
  // A sentence that starts with "begin 1234" is no file.
  if (lines === 0 || (uu + xx === 0 && !declared && !block.whole)) return [];
  const method = xx > uu ? 'xxencode' : 'uuencode';
  const values = method === 'xxencode' ? xxValues : uuValues;
  const odd = method === 'xxencode' ? xxOdd : uuOdd;
  const readings: LineReading[] = odd ? ['fitting', 'until-misfit', 'as-stated', 'by-characters'] : ['fitting'];
  return readings.map((reading, index) => {
    const { content, truncated } = decodeLines(text, block, lines, values, reading, left);
    left -= content.length;
    // Prose between such lines is no file that somebody damaged.
    const damaged = (odd || !block.whole) && (uu + xx > 0 || declared);
    return { method, names: block.names, content, reading: index === 0 ? '' : reading, damaged, truncated };
  });
}

function decodeLines(
  text: Buffer,
  block: Block,
  lines: number,
  values: Uint8Array,
  reading: LineReading,
  bytesMax: number,
): { content: Buffer; truncated: boolean } {
  // A line states 63 bytes at most, and gives no more than three of four characters otherwise.
  const room = reading === 'by-characters' ? block.to - block.from : lines * 63;
  const out = Buffer.allocUnsafe(Math.min(room, Math.max(0, bytesMax)) + 66);
  let length = 0;
  for (const line of linesOf(text, block)) {
    if (length > bytesMax) break;
    const fit = fits(text, line, values);
    if (fit === 0 && reading === 'until-misfit') break;
    if (fit === 0 && reading === 'fitting') continue;
    length += decodeLine(text, line, values, reading === 'by-characters', out, length);
  }
  return { content: out.subarray(0, Math.min(length, bytesMax)), truncated: length > bytesMax };
}

/** Characters that are missing or in no alphabet count as zeros, or by their low six bits as the first decoders did. */
function decodeLine(
  text: Buffer,
  { start, end }: TextLine,
  values: Uint8Array,
  byCharacters: boolean,
  out: Buffer,
  from: number,
): number {
  const valueAt = (at: number): number => {
    if (at >= end) return 0;
    const value = values[text[at] as number] as number; // at < end, and the table has 256 entries
    return value === none ? ((text[at] as number) - 32) & 63 : value;
  };
  const stated = byCharacters ? Math.floor(((end - start - 1) * 3) / 4) : valueAt(start);
  let length = 0;
  for (let at = start + 1; length < stated; at += 4) {
    const bits = (valueAt(at) << 18) | (valueAt(at + 1) << 12) | (valueAt(at + 2) << 6) | valueAt(at + 3);
    out[from + length] = bits >> 16;
    out[from + length + 1] = bits >> 8;
    out[from + length + 2] = bits;
    length += 3;
  }
  return stated;
}
