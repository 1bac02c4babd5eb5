/**
 * A range cut by one boundary under every syntax of delimiter lines that some reader accepts, and the delimiters that a
 * reader may guess when it was told none. Each cut is a partition, so their costs add up and never multiply.
 */
import type { DelimiterPlace, ViewSource } from './view-source.js';

export interface Cut {
  /** delimiters that were obeyed */
  readonly delimiters: number;
  /** for a person: how delimiters were recognised */
  readonly how: string;
  /** parts, in order */
  readonly parts: readonly Span[];
  /** in front of the first delimiter, and behind the first closing one; they may be empty */
  readonly gaps: readonly Span[];
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Delimiter {
  /** where the content before it ends, without the line end that belongs to the delimiter */
  readonly bodyEnd: number;
  readonly at: number;
  /** behind its line */
  readonly next: number;
  readonly close: boolean;
  /** 0: behind CRLF; 1: behind LF; 2: behind CR, blanks or control characters; 3: inside a line */
  readonly head: number;
  /** 0: CRLF behind it; 1: padding, LF or CR; 2: anything else on its line */
  readonly tail: number;
  /** 1: equal only without regard to case */
  readonly fold: number;
}

const headNames = ['', ' behind LF', ' behind CR or blanks', ' inside a line'];
const tailNames = ['', ' padded', ' with a tail'];

/** blanks around a delimiter; more of them is none to anyone */
const paddingBytes = 256;
/** different delimiter lines tried one by one when they are guessed */
const guessesMax = 24;
const guessBytes = 200;

/** Remembers where the current line ends, so that many delimiters on one huge line cost one search. */
class LineEnds {
  readonly #bytes: Buffer;
  #from = 0;
  #found = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Behind the LF (or a CR alone) that ends the line `at` is on, or `end`. Asked in ascending order. */
  after(at: number, end: number): number {
    if (this.#found < 0 || at < this.#from || at > this.#found) {
      const lf = this.#bytes.subarray(at, end).indexOf(0x0a);
      this.#from = at;
      this.#found = lf < 0 ? end : at + lf;
    }
    return Math.min(end, this.#found + 1);
  }
}

function headOf(bytes: Buffer, at: number, start: number): { readonly head: number; readonly bodyEnd: number } {
  if (at === start) return { head: 0, bodyEnd: at };
  let before = at - 1;
  const floor = Math.max(start, at - paddingBytes);
  while (before >= floor && isPadding(bytes[before])) before -= 1;
  const indented = before < at - 1;
  if (before < start) return { head: 2, bodyEnd: start };
  const byte = bytes[before];
  if (byte === 0x0a) {
    const crlf = before > start && bytes[before - 1] === 0x0d;
    return { head: indented ? 2 : crlf ? 0 : 1, bodyEnd: before - (crlf ? 1 : 0) };
  }
  if (byte === 0x0d) {
    const lfcr = before > start && bytes[before - 1] === 0x0a;
    return { head: 2, bodyEnd: before - (lfcr ? 1 : 0) };
  }
  return { head: 3, bodyEnd: at };
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0b || byte === 0x0c || byte === 0;
}

function delimiterAt(
  source: ViewSource,
  place: DelimiterPlace,
  start: number,
  end: number,
  lines: LineEnds,
): Delimiter {
  const { bytes } = source;
  const { head, bodyEnd } = headOf(bytes, place.at, start);
  let at = place.tail;
  const close = bytes[at] === 0x2d && bytes[at + 1] === 0x2d && at + 1 < end;
  if (close) at += 2;
  const exact = at;
  const ceiling = Math.min(end, at + paddingBytes);
  while (at < ceiling && (bytes[at] === 0x20 || bytes[at] === 0x09)) at += 1;
  const padded = at > exact ? 1 : 0;
  let tail = 2;
  let next = at;
  if (at >= end) tail = padded;
  else if (bytes[at] === 0x0a) {
    tail = 1;
    next = at + 1;
  } else if (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) {
    tail = padded;
    next = Math.min(end, at + 2);
  } else if (bytes[at] === 0x0d) {
    tail = 1;
    next = at + 1;
  } else next = lines.after(at, end);
  return { bodyEnd, at: place.at, next, close, head, tail, fold: place.folded ? 1 : 0 };
}

/** All delimiters of `boundary` in a range, in every syntax. */
function delimitersIn(source: ViewSource, boundary: string, start: number, end: number): Delimiter[] {
  const places = source.places(boundary);
  const lines = new LineEnds(source.bytes);
  const found: Delimiter[] = [];
  for (let index = firstFrom(places, start); index < places.length; index += 1) {
    const place = places[index];
    if (place === undefined || place.at >= end) break;
    if (place.tail <= end) found.push(delimiterAt(source, place, start, end, lines));
  }
  return found;
}

/** Index of the first place at or behind `at`; they are in order. */
function firstFrom(places: readonly { readonly at: number }[], at: number): number {
  let from = 0;
  let to = places.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((places[middle]?.at ?? 0) < at) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Whether a delimiter of `boundary` stands at or behind `at`. */
export function standsBehind(source: ViewSource, boundary: string, at: number): boolean {
  const last = source.places(boundary).at(-1);
  return last !== undefined && last.at >= at;
}

/** Whether the last delimiter before `end` is no closing one, so that the multipart goes on for who obeys it alone. */
export function leavesOpen(source: ViewSource, boundary: string, start: number, end: number): boolean {
  const places = source.places(boundary);
  const last = places[firstFrom(places, end) - 1];
  if (last === undefined || last.at < start) return false;
  const line = source.text(last.at, Math.min(end, last.at + boundary.length + 16));
  return !line.toLowerCase().includes(`${boundary.toLowerCase()}--`);
}

/**
 * The different partitions of `[start, end)` by `boundary`, strict syntax first.
 * @param bodyAt where the declaring header ends: delimiters in front of it are none for some readers
 */
export function cutsBy(source: ViewSource, boundary: string, start: number, end: number, bodyAt: number): Cut[] {
  const all = delimitersIn(source, boundary, start, end);
  if (all.length === 0) return [];
  const cuts: Cut[] = [];
  const seen = new Set<string>();
  const heads = [...new Set(all.map(({ head }) => head))].sort();
  const tails = [...new Set(all.map(({ tail }) => tail))].sort();
  const folds = [...new Set(all.map(({ fold }) => fold))].sort();
  const take = (list: readonly Delimiter[], how: string) => {
    const key = signature(list);
    if (list.length === 0 || seen.has(key)) return;
    seen.add(key);
    cuts.push(partition(list, Math.max(start, bodyAt), end, how));
  };
  for (const fold of folds) {
    for (const tail of tails) {
      for (const head of heads) {
        const list = all.filter((one) => one.head <= head && one.tail <= tail && one.fold <= fold);
        const how = `delimiters${headNames[head]}${tailNames[tail]}${fold > 0 ? ' in any case' : ''}`;
        if (bodyAt > start) {
          const below = list.filter(({ at }) => at >= bodyAt - 2);
          if (below.length < list.length) take(below, `${how}, below the header`);
        }
        take(list, how);
        const outside = outsideHeaders(source, list);
        if (outside.length < list.length) take(outside, `${how}, not in headers`);
      }
    }
  }
  return cuts;
}

/** Two lists of one boundary are equal when these are, but for a chance that an attacker gains nothing from. */
function signature(list: readonly Delimiter[]): string {
  let sum = 0;
  for (const { at } of list) sum = (Math.imul(sum, 31) + at) | 0;
  return `${list.length} ${sum} ${list[0]?.at} ${list.at(-1)?.at}`;
}

/** Readers that read a part's header to its empty line see no delimiter on the way. */
function outsideHeaders(source: ViewSource, list: readonly Delimiter[]): Delimiter[] {
  const kept: Delimiter[] = [];
  let header = -1;
  let looked = 0;
  for (const delimiter of list) {
    if (header >= 0 && !hasEmptyLine(source.bytes, looked > header ? looked - 2 : header, delimiter.at, header)) {
      // Looked through once: the next delimiter continues from here.
      looked = delimiter.at;
      continue;
    }
    kept.push(delimiter);
    header = delimiter.close ? -1 : delimiter.next;
    looked = 0;
  }
  return kept;
}

/** Whether an empty line ends in `[from, to)`; `start` is where the first line starts. */
function hasEmptyLine(bytes: Buffer, from: number, to: number, start: number): boolean {
  if (from === start && (bytes[from] === 0x0a || (bytes[from] === 0x0d && bytes[from + 1] === 0x0a))) return from < to;
  const range = bytes.subarray(from, Math.max(from, to));
  return range.includes('\n\r\n') || range.includes('\n\n');
}

function partition(list: readonly Delimiter[], bodyAt: number, end: number, how: string): Cut {
  const parts: Span[] = [];
  const gaps: Span[] = [];
  const first = list[0];
  if (first !== undefined && first.bodyEnd > bodyAt) gaps.push({ start: bodyAt, end: first.bodyEnd });
  let closed = false;
  for (const [index, delimiter] of list.entries()) {
    const stop = list[index + 1]?.bodyEnd ?? end;
    const span = { start: delimiter.next, end: Math.max(stop, delimiter.next) };
    if (delimiter.close && !closed) {
      closed = true;
      if (delimiter.next < end) gaps.push({ start: delimiter.next, end });
    }
    // Behind the closing delimiter too: some readers take it for one more that separates.
    if (span.end > span.start) parts.push(span);
  }
  return { how, delimiters: list.length, parts, gaps };
}

/** Delimiters that a reader may guess in a range: lines of dashes and text with a header or an empty line below. */
export function guessedBoundaries(source: ViewSource, start: number, end: number): ReadonlySet<string> {
  const counts = new Map<string, number>();
  const sure = new Set<string>();
  const { bytes } = source;
  for (const [at, runEnd] of source.dashLines(start, end)) {
    let lineEnd = runEnd;
    const ceiling = Math.min(end, at + guessBytes);
    while (lineEnd < ceiling && bytes[lineEnd] !== 0x0d && bytes[lineEnd] !== 0x0a) lineEnd += 1;
    if (lineEnd >= ceiling && ceiling < end) continue;
    const token = source.text(at + 2, lineEnd).trimEnd();
    const below = source.text(lineEnd, Math.min(end, lineEnd + 80));
    if (/^[\r\n]{1,4}[^a-z\r\n]{0,8}(?:content-|mime-version)/i.test(below)) sure.add(token);
    else if (!/^(?:\r\n|\n\r?|\r)(?:[!-9;-~]{1,60}:|[\r\n]|$)/.test(below) && !token.endsWith('--')) continue;
    const open = token.length > 2 && token.endsWith('--') ? token.slice(0, -2) : token;
    if (counts.size < 512 || counts.has(open)) counts.set(open, (counts.get(open) ?? 0) + 1);
  }
  const guessed = new Set<string>();
  const add = (token: string) => {
    // `-- ` above a signature and rulers of dashes are no delimiters, unless MIME fields stand below.
    if (guessed.size < guessesMax && (sure.has(token) || !/^-*$/.test(token))) guessed.add(token);
  };
  for (const token of sure) add(token);
  for (const [token, count] of counts) if (count > 1) add(token);
  return guessed;
}
