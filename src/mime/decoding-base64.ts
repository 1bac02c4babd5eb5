/**
 * Every reading of a base64 body that some reader takes: what it does at junk, at padding, at line ends, and where it
 * begins. A strict body has one, unless a file begins a few characters later.
 */
import { Base64Decoder } from './base64.js';
import { decodeLoose } from './base64-loose.js';
import { base64Readings, surveyBase64, usualHabits } from './base64-reading.js';
import type { DecodingCollector } from './decoding-collector.js';
import { beginsAsFile } from './file-signature.js';
import type { ProblemCode } from './problem.js';
import { textLines } from './text-lines.js';

/** what every reader known takes alike */
const harmless: ReadonlySet<ProblemCode> = new Set<ProblemCode>(['base64-blanks', 'base64-trailing-bits']);
/** characters in front that are tried as junk; the smallest shift every phase, the larger ones whole groups */
const shifts = [1, 2, 3, 4, 8];
/** lines in front that are tried as junk */
const linesSkipped = 4;
/** bytes of an odd body of which every start is decoded, whatever it gives, unless it begins as a known file */
const everyStartBytes = 1_048_576;
/** encoded bytes decoded to see how a file begins */
const headBytes = 96;
/** files behind each other, each ended by padding, that are also taken one by one */
const piecesMax = 8;

/** The reading that our own framer and most readers have: junk skipped, padding ends a group and data goes on. */
export function decodeBase64(body: Buffer, problems: Set<ProblemCode> = new Set()): Buffer {
  const decoder = new Base64Decoder(problems);
  const content = decoder.write(body);
  const rest = decoder.finish();
  return rest.length === 0 ? content : Buffer.concat([content, rest]);
}

/** The usual reading, and those that begin later; true when there can be no others. */
export function addBase64(out: DecodingCollector, body: Buffer): boolean {
  const problems = new Set<ProblemCode>();
  const content = decodeBase64(body, problems);
  out.add('base64', content);
  const strict = [...problems].every((code) => harmless.has(code));
  addStarts(out, body, !strict && body.length <= everyStartBytes && !beginsAsFile(content));
  return strict;
}

/** What readers with other habits make of a body that is not strict. */
export function addOddBase64(out: DecodingCollector, body: Buffer): void {
  addPieces(out, body);
  addWithoutComments(out, body);
  addLineRuns(out, body);
  addUpToEmptyLine(out, body);
  for (const reading of base64Readings(surveyBase64(body))) {
    if (out.full && !out.complete) return;
    out.add(reading.name, decodeLoose(body, reading));
  }
}

/** A part of the body, as readers with either alphabet decode it. */
function addSlice(out: DecodingCollector, reading: string, slice: Buffer): void {
  out.add(reading, decodeBase64(slice));
  if (!slice.includes(0x2d) && !slice.includes(0x5f)) return;
  out.add(`${reading}, plain alphabet`, decodeLoose(slice, { ...usualHabits, urlSafe: false }));
}

/** Junk of valid characters in front shifts all groups; a reader that begins behind it sees the file. */
function addStarts(out: DecodingCollector, body: Buffer, every: boolean): void {
  const starts = new Map<number, string>();
  const plausible = new Set<number>();
  let line = 0;
  let before = 0;
  for (const { start, end } of textLines(body, 0, Math.min(body.length, 4096))) {
    if (line > linesSkipped) break;
    if (line > 0) starts.set(start, `base64, from line ${line + 1}`);
    // Writers fill their lines: a short one on top is something else.
    if (before > 0 && end - start > before) plausible.add(start);
    before = end - start;
    line += 1;
  }
  const blankLine = firstBlankLine(body);
  if (blankLine > 0) {
    starts.set(blankLine, 'base64, from the first empty line');
    plausible.add(blankLine);
  }
  let characters = 0;
  for (let at = 0; at < Math.min(body.length, 4096) && characters < 8; at += 1) {
    if (!isAlphabet(body[at])) continue;
    characters += 1;
    if (shifts.includes(characters)) starts.set(at + 1, `base64, from character ${characters + 1}`);
  }
  for (const [start, reading] of starts) {
    if (start >= body.length) continue;
    const begins = beginsAsFile(decodeBase64(body.subarray(start, start + headBytes)));
    if (begins || plausible.has(start)) addSlice(out, reading, body.subarray(start));
    else if (every) out.add(reading, decodeBase64(body.subarray(start)));
  }
}

function isAlphabet(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2f;
}

/** Where the body goes on behind an early empty line; 0 when there is none. */
function firstBlankLine(body: Buffer): number {
  const head = body.toString('latin1', 0, 4096);
  const found = /\r\n\r\n|\n\n|\r\r/.exec(head);
  return found === null ? 0 : found.index + found[0].length;
}

/** Files behind each other, each with its padding: some readers stop at the first, others offer them one by one. */
function addPieces(out: DecodingCollector, body: Buffer): void {
  const first = body.indexOf(0x3d);
  if (first < 0) return;
  const rest = skipPadding(body, first);
  if (rest < body.length) addSlice(out, 'base64, behind the first padding', body.subarray(rest));
  const pieces: Buffer[] = [];
  for (let start = rest; start < body.length; ) {
    // With padding everywhere it is one file, written in chunks.
    if (pieces.length === piecesMax) return;
    const padding = body.indexOf(0x3d, start);
    const end = padding < 0 ? body.length : skipPadding(body, padding);
    pieces.push(body.subarray(start, end));
    start = end;
  }
  for (const [index, piece] of pieces.entries()) addSlice(out, `base64, piece ${index + 2}`, piece);
}

function skipPadding(body: Buffer, from: number): number {
  let at = from;
  while (body[at] === 0x3d || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x20 || body[at] === 0x09) at += 1;
  return at;
}

/** Comments as header fields have them, and between asterisks, removed before anything is decoded. */
function addWithoutComments(out: DecodingCollector, body: Buffer): void {
  for (const [open, close, what] of [
    [0x2a, 0x2a, '*comments*'],
    [0x28, 0x29, '(comments)'],
  ] as const) {
    if (!body.includes(open)) continue;
    const kept = Buffer.allocUnsafe(body.length);
    let length = 0;
    let at = 0;
    while (at < body.length) {
      const begin = body.indexOf(open, at);
      const end = begin < 0 ? -1 : body.indexOf(close, begin + 1);
      if (end < 0) break;
      length += body.copy(kept, length, at, begin);
      at = end + 1;
    }
    length += body.copy(kept, length, at);
    addSlice(out, `base64, ${what} removed`, kept.subarray(0, length));
  }
}

/** From the first line that is base64 and nothing else, to the end or to the first line that is not. */
function addLineRuns(out: DecodingCollector, body: Buffer): void {
  let begin = -1;
  let end = body.length;
  for (const line of textLines(body)) {
    if (begin < 0 && line.end - line.start < 4) continue;
    const clean = isCleanLine(body, line.start, line.end);
    if (begin < 0) {
      if (clean) begin = line.start;
    } else if (!clean) {
      end = line.start;
      break;
    }
  }
  if (begin < 0) return;
  if (begin > 0) addSlice(out, 'base64, from the first clean line', body.subarray(begin));
  if (end < body.length) {
    addSlice(out, 'base64, up to the first other line', body.subarray(0, end));
    addSlice(out, 'base64, clean lines up to the first other', body.subarray(begin, end));
  }
}

/** Up to the first empty line behind data: what follows is a footer, or a delimiter that the reader does not know. */
function addUpToEmptyLine(out: DecodingCollector, body: Buffer): void {
  let data = false;
  for (const { start, end } of textLines(body)) {
    if (end > start) data = true;
    else if (data) {
      addSlice(out, 'base64, up to an empty line', body.subarray(0, start));
      return;
    }
  }
}

function isCleanLine(body: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = body[at];
    if (!isAlphabet(byte) && byte !== 0x3d && byte !== 0x20 && byte !== 0x09) return false;
  }
  return true;
}
