/**
 * uuencode and its relative xxencode, in a text or as a whole body: every file between `begin` and `end`, and files
 * without one or both. Lines that do not fit the length they state have several readings, and all are given.
 */
import { limits } from '../runtime/limits.js';
import { type CarriedFile, writtenNames } from './carried-file.js';
import { decodeBase64 } from './decoding-base64.js';
import { type TextLine, textLines } from './text-lines.js';

/** a `begin` line as transports leave it, maybe quoted by a reply */
const beginLine = /^[ \t>]{0,16}begin(-base64(?:-encoded)?)?[ \t]{1,16}[0-7]{3,4}(?:[ \t]{1,16}(\S.*))?$/is;
/** bytes of a `begin` line that are read; names are shorter */
const beginBytes = 1200;
const none = 255;
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
  readonly lines: TextLine[];
  /** it has its begin and its end */
  whole: boolean;
}

/** Whether a text has a `begin` line, or something like it, at all; cheap. */
export function mayHoldUuencode(text: Buffer): boolean {
  return text.includes('egin') || text.includes('EGIN');
}

/** @param declared the body is said to be encoded as a whole, so that `begin` may be missing */
export function uuencodedFiles(text: Buffer, declared: boolean): readonly CarriedFile[] {
  const files: CarriedFile[] = [];
  for (const block of blocksOf(text, declared)) {
    if (files.length >= limits.mime.carriedFilesMax) break;
    if (block.base64) files.push(base64File(text, block));
    else files.push(...blockFiles(text, block, declared));
  }
  return files;
}

function blocksOf(text: Buffer, declared: boolean): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const line of textLines(text)) {
    const begun = line.end - line.start < 5 ? undefined : beginOf(text, line);
    if (begun !== undefined) {
      open = begun;
      blocks.push(open);
    } else if (open !== undefined && isEnd(text, line, open.base64)) {
      open.whole = true;
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(line);
    } else if (declared && blocks.length === 0 && fits(text, line, uuValues) + fits(text, line, xxValues) > 0) {
      open = { base64: false, names: [], lines: [line], whole: false };
      blocks.push(open);
    }
  }
  return blocks;
}

function beginOf(text: Buffer, { start, end }: TextLine): Block | undefined {
  const first = text[start];
  const quoted = first === 0x20 || first === 0x09 || first === 0x3e;
  if (first !== 0x62 && first !== 0x42 && !quoted) return undefined;
  const bytes = text.subarray(start, Math.min(end, start + beginBytes));
  const found = beginLine.exec(bytes.toString('latin1'));
  if (found === null) return undefined;
  const name = found[2] ?? '';
  return {
    base64: found[1] !== undefined,
    names: writtenNames(Buffer.from(name, 'latin1')),
    lines: [],
    whole: false,
  };
}

function isEnd(text: Buffer, { start, end }: TextLine, base64: boolean): boolean {
  if (end - start < 3 || end - start > 16) return false;
  const line = text.toString('latin1', start, end).trim().toLowerCase();
  return base64 ? line === '====' : line === 'end';
}

function base64File(text: Buffer, block: Block): CarriedFile {
  const lines: TextLine[] = [];
  for (const line of block.lines) {
    if (line.start === line.end) continue;
    // Without its end, the data end with the first line that is something else.
    if (
      !block.whole &&
      !/^[A-Za-z0-9+/=\s]+$/.test(text.toString('latin1', line.start, Math.min(line.end, line.start + 80)))
    )
      break;
    lines.push(line);
  }
  const content = decodeBase64(Buffer.concat(lines.map(({ start, end }) => text.subarray(start, end + 1))));
  return { method: 'base64', names: block.names, content, reading: '', damaged: !block.whole };
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

function blockFiles(text: Buffer, block: Block, declared: boolean): CarriedFile[] {
  const lines = block.lines.filter(({ start, end }) => end > start);
  let uu = 0;
  let xx = 0;
  for (const line of lines.slice(0, 16)) {
    if (fits(text, line, uuValues) === 2) uu += 1;
    if (fits(text, line, xxValues) === 2) xx += 1;
  }
  const method = xx > uu ? 'xxencode' : 'uuencode';
  const values = method === 'xxencode' ? xxValues : uuValues;
  // A sentence that starts with "begin 1234" is no file.
  if (uu + xx === 0 && !declared && !block.whole) return [];
  const odd = lines.some((line) => fits(text, line, values) !== 2);
  const readings: LineReading[] = odd ? ['fitting', 'until-misfit', 'as-stated', 'by-characters'] : ['fitting'];
  return readings.map((reading, index) => ({
    method,
    names: block.names,
    content: decodeLines(text, lines, values, reading),
    reading: index === 0 ? '' : reading,
    damaged: odd || !block.whole,
  }));
}

function decodeLines(text: Buffer, lines: readonly TextLine[], values: Uint8Array, reading: LineReading): Buffer {
  let bytes = 0;
  for (const { start, end } of lines) bytes += end - start + 64;
  const out = Buffer.allocUnsafe(bytes);
  let length = 0;
  for (const line of lines) {
    const fit = fits(text, line, values);
    if (fit === 0 && reading === 'until-misfit') break;
    if (fit === 0 && reading === 'fitting') continue;
    length += decodeLine(text, line, values, reading === 'by-characters', out, length);
  }
  return out.subarray(0, length);
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
