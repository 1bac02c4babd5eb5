/**
 * A header block as every reader might see it: all places where the body below it may begin, and the texts of all
 * fields that some reader would take for a Content-* field. It decides nothing and knows no field's meaning.
 */
import { limits } from '../runtime/limits.js';
import type { ViewSource } from './view-source.js';

export interface BodyStart {
  readonly at: number;
  /** for a person: why the header may end here */
  readonly why: string;
  /** only white space lies between this one and the one before: a decoder that skips it sees the same */
  readonly sameText: boolean;
}

export interface HeaderView {
  /** in the order of the message, without repeats; at least one */
  readonly bodies: readonly BodyStart[];
  readonly types: readonly string[];
  readonly encodings: readonly string[];
  readonly dispositions: readonly string[];
  readonly lengths: readonly number[];
  /** false when there was more than is read */
  readonly complete: boolean;
}

/** characters of one field's text; readers stop earlier */
const valueCharacters = 98_304;
/** characters of all fields of one block: continuation lines that look like fields are read once for each */
const blockCharacters = 4_194_304;
/** fields of interest in one block; a reader takes the first, the last or each of a few */
const fieldsMax = 48;
/** header blocks that go on behind an empty line */
const continuedMax = 4;
/** empty lines in front, or of mixed line ends, after which the header may go on */
const mixedMax = 4;
const carriageMax = 3;
const lineCharacters = 320;

const listed =
  /^(?:[a-z0-9-]{1,60}[ \t]*:|(?:mime-version|content-[a-z-]{1,30}|subject|from|to|date|message-id)[ \t]*;)/i;

const whiteByte = new Uint8Array(256);
for (const byte of [0, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]) whiteByte[byte] = 1;

const strictField = /^(?!--)[!-9;-~]{1,200}[ \t]{0,64}:/;
const looseField = /^[^a-z]{0,32}(?:content-|mime-version)/i;
const continuedHeader =
  /^(?:[a-z][a-z0-9_.-]{0,80}[ \t]*:[^\r\n]*(?:\r?\n|$)(?:[ \t][^\r\n]*(?:\r?\n|$)){0,8}){0,8}?content-/i;

/** Reads the block at `start`; what it belongs to ends at `end`. */
export function readHeaderView(source: ViewSource, start: number, end: number): HeaderView {
  const places = new Map<number, string>();
  const scan = findBodies(source, start, end, places);
  const { bytes } = source;
  const bodies: BodyStart[] = [];
  for (const [at, why] of [...places].sort((left, right) => left[0] - right[0])) {
    const before = bodies.at(-1);
    bodies.push({ at, why, sameText: before !== undefined && isWhite(bytes, before.at, at) });
  }
  const fields = collectFields(source.text(start, scan.end));
  return { bodies, ...fields, complete: scan.complete && fields.complete };
}

function isWhite(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (whiteByte[bytes[at] as number] === 0) return false; // at < to
  return true;
}

interface Scan {
  /** where fields are looked for */
  readonly end: number;
  readonly complete: boolean;
}

/** Walks the lines of a block and notes the first place of each kind where a reader may take the body to begin. */
function findBodies(source: ViewSource, start: number, end: number, places: Map<number, string>): Scan {
  const { bytes } = source;
  const bound = Math.min(end, start + limits.mime.headerBytes);
  const note = (at: number, why: string) => {
    if (!places.has(at)) places.set(at, why);
  };
  const seen = { white: false, other: false, junk: false, carriage: 0, mixed: 0, fields: 0, continued: 0 };
  let pureLf: boolean | undefined;
  let previousLf = false;
  let at = start;
  while (at < bound) {
    const stop = bytes.subarray(at, bound).indexOf(0x0a);
    const next = stop < 0 ? bound : at + stop + 1;
    const lf = next > at && bytes[next - 1] === 0x0a;
    const crlf = lf && next - 2 >= at && bytes[next - 2] === 0x0d;
    const lineEnd = next - (crlf ? 2 : lf ? 1 : 0);
    if (lf && pureLf === undefined) pureLf = !crlf;
    if (lineEnd === at && lf) {
      const pure = crlf ? !previousLf || pureLf === true || at === start : pureLf === true;
      note(next, seen.fields === 0 ? 'an empty line in front' : 'the first empty line');
      const after = skipWhite(bytes, next, end);
      if (after > next) note(after, 'blank lines skipped');
      const goesOn = continuedHeader.test(source.text(after, Math.min(end, after + 2048)));
      const inFront = seen.fields === 0 && !seen.other && seen.mixed < mixedMax;
      if (inFront && looksLikeField(source, after, end)) seen.mixed += 1;
      else if (goesOn && seen.continued < continuedMax) seen.continued += 1;
      else if (pure || seen.mixed >= mixedMax) return { end: next, complete: true };
      else seen.mixed += 1;
    } else {
      carriageLines(source, at, lineEnd, seen, note);
      lineKind(source, at, lineEnd, next, start, seen, note);
    }
    previousLf = lf && !crlf;
    at = next;
  }
  if (places.size === 0 || bound === end) note(end, 'no empty line');
  if (places.size === 1 || seen.fields === 0) note(start, 'no header');
  return { end: bound, complete: bound === end || seen.other };
}

interface Seen {
  white: boolean;
  other: boolean;
  junk: boolean;
  carriage: number;
  fields: number;
}

type Note = (at: number, why: string) => void;

/** One line up to its LF: a field, a continuation, or something that ends the header for some reader. */
function lineKind(
  source: ViewSource,
  at: number,
  lineEnd: number,
  next: number,
  start: number,
  seen: Seen,
  note: Note,
): void {
  if (isWhite(source.bytes, at, lineEnd)) {
    if (!seen.white) note(next, 'the first line of blanks');
    seen.white = true;
    return;
  }
  const text = source.text(at, Math.min(lineEnd, at + lineCharacters));
  const blank = text.startsWith(' ') || text.startsWith('\t');
  if (strictField.test(text) && !(at === start && text.startsWith('From '))) seen.fields += 1;
  else if (blank && at > start && !seen.other) return;
  else if (looseField.test(text)) seen.fields += 1;
  else if (!seen.other) {
    seen.other = true;
    note(at, 'the first line that is no field');
    if (seen.fields > 0) note(next, 'behind the first line that is no field');
  }
}

/** What readers see for whom a bare CR, VT, FF or NUL ends a line: the first empty line among such. */
function carriageLines(source: ViewSource, at: number, lineEnd: number, seen: Seen, note: Note): void {
  const line = source.bytes.subarray(at, lineEnd);
  for (let cr = line.indexOf(0x0d); cr >= 0 && seen.carriage < carriageMax; cr = line.indexOf(0x0d, cr + 1)) {
    const behind = at + cr + 1;
    if (cr === 0 || line[cr + 1] === 0x0d) {
      seen.carriage += 1;
      const next = behind + (cr === 0 ? 0 : 1);
      note(next, 'an empty line of CR');
      if (source.bytes[next] === 0x0a) note(next + 1, 'an empty line of CR and LF');
    } else if (behind < lineEnd && !seen.junk && line[cr + 1] !== 0x20 && line[cr + 1] !== 0x09) {
      if (looksLikeField(source, behind, lineEnd)) continue;
      seen.junk = true;
      note(behind, 'behind a CR, no field');
    }
  }
}

/** Whether a header might begin here. */
function looksLikeField(source: ViewSource, at: number, end: number): boolean {
  const text = source.text(at, Math.min(end, at + lineCharacters));
  return strictField.test(text) || looseField.test(text) || text.startsWith('From ');
}

function skipWhite(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && whiteByte[bytes[at] as number] === 1) at += 1; // at < end
  // Blanks in front of a text belong to its line.
  while (at > from && (bytes[at - 1] === 0x20 || bytes[at - 1] === 0x09)) at -= 1;
  return at;
}

interface Fields {
  readonly types: string[];
  readonly encodings: string[];
  readonly dispositions: string[];
  readonly lengths: number[];
  /** characters looked at so far */
  read: number;
  complete: boolean;
}

function collectFields(text: string): Fields {
  const found: Fields = { types: [], encodings: [], dispositions: [], lengths: [], read: 0, complete: true };
  fieldsOf(text.split('\n'), found);
  if (/[\r\v\f\0](?!\n|$)/.test(text)) fieldsOf(text.split(/[\r\n\v\f\0]/), found);
  if (text.includes('\0')) fieldsOf(text.replaceAll('\0', '').split('\n'), found);
  return found;
}

function fieldsOf(lines: readonly string[], found: Fields): void {
  for (const [index, line] of lines.entries()) {
    const head = line.slice(0, lineCharacters);
    if (/content|mime/i.test(head) || /[(\0\x80-\xff]/.test(head)) takeField(lines, index, line, found);
    if (line.length > 900) {
      for (const match of line.matchAll(/content-(?:type|transfer-encoding|disposition)[ \t]{0,8}:/gi)) {
        if (match.index > 0) takeField(lines, index, line.slice(match.index), found);
      }
    }
  }
}

/** One field whose name a reader might make out, with its continuation lines. */
function takeField(lines: readonly string[], index: number, line: string, found: Fields): void {
  const split = splitField(lines, index, line);
  if (split === undefined) return;
  const { name, value: first } = split;
  let list: string[] | undefined;
  if (name.endsWith('content-type')) list = found.types;
  else if (name.endsWith('content-transfer-encoding')) list = found.encodings;
  else if (name.endsWith('content-disposition')) list = found.dispositions;
  else if (name === 'content-length') {
    const length = Number.parseInt(first, 10);
    if (Number.isSafeInteger(length) && length > 0 && found.lengths.length < 2) found.lengths.push(length);
  }
  if (list === undefined) return;
  if (list.length >= fieldsMax || found.read > blockCharacters) {
    found.complete = false;
    return;
  }
  const pieces = [stripCr(first)];
  let length = first.length;
  for (let next = split.next; next < lines.length && length < valueCharacters; next += 1) {
    const more = lines[next] ?? '';
    if (!more.startsWith(' ') && !more.startsWith('\t')) break;
    pieces.push(stripCr(more));
    length += more.length;
  }
  found.read += length;
  if (length >= valueCharacters) found.complete = false;
  const value = pieces.join('').slice(0, valueCharacters).trim();
  // Signature fields list names of fields on their continuation lines, as `h=From:Content-Type:MIME-Version; bh=`.
  if (index > 0 && /^[ \t]/.test(line) && listed.test(value)) return;
  if (!list.includes(value)) list.push(value);
}

function stripCr(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/** The letters of a name without comments, blanks, control and 8-bit bytes; and what stands behind its colon. */
function splitField(
  lines: readonly string[],
  index: number,
  line: string,
): { readonly name: string; readonly value: string; readonly next: number } | undefined {
  let whole = line;
  let next = index + 1;
  if (!line.slice(0, lineCharacters).includes(':') && /^[ \t]+:/.test(lines[next] ?? '')) {
    whole = stripCr(line) + (lines[next] ?? '');
    next += 1;
  }
  const head = whole.slice(0, lineCharacters);
  const colon = head.indexOf(':');
  if (colon >= 0) {
    const name = head
      .slice(0, colon)
      .replace(/\([^()]*\)/g, '')
      .replace(/[^a-z-]/gi, '')
      .toLowerCase();
    const value = whole.slice(colon + 1).replace(/^[\s:\0]{0,4096}/, '');
    if (/content-(?:type|transfer-encoding|disposition|length)$/.test(name)) return { name, value, next };
  }
  const bare = /^[^a-z]{0,32}(content-(?:type|transfer-encoding|disposition))[^a-z-]/i.exec(head);
  if (bare === null) return undefined;
  const value = whole.slice(bare[0].length).replace(/^[\s:\0]{0,4096}/, '');
  return { name: (bare[1] ?? '').toLowerCase(), value, next };
}
