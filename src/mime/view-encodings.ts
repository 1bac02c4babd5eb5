/**
 * Which transfer encodings a reader may undo on a body: what the fields name in any reading of their text, and what the
 * body itself looks like. It decodes nothing.
 */
import { decodeWords } from './encoded-word.js';
import { type ViewEncoding, viewEncodings } from './view.js';
import { stripComments } from './view-boundary.js';
import type { ViewSource } from './view-source.js';

const all = viewEncodings;
const order: readonly ViewEncoding[] = Object.values(all);
const valueCharacters = 8192;
const sampleBytes = 4096;
const exactPlain = /^(?:7bit|8bit|binary)$/i;
const exactBase64 = /^base64$/i;
const exactQuoted = /^quoted-printable$/i;

/** Encodings that Content-Transfer-Encoding fields name for some reader, most plausible first. */
export function declaredEncodings(values: readonly string[], types: readonly string[]): Set<ViewEncoding> {
  const found = new Set<ViewEncoding>();
  for (const value of values) {
    const text = value.slice(0, valueCharacters);
    if (exactBase64.test(text)) found.add(all.base64);
    else if (exactQuoted.test(text)) found.add(all.quotedPrintable);
    else if (!exactPlain.test(text)) looseEncodings(text, found);
  }
  for (const type of types) {
    if (/binhex/i.test(type)) found.add(all.binhex);
    if (/uuencode|x-uue/i.test(type)) found.add(all.uuencode);
    if (/yenc/i.test(type)) found.add(all.yenc);
  }
  return found;
}

/** A value that is no registered name: any reader that matches a part of it may decode. */
function looseEncodings(text: string, found: Set<ViewEncoding>): void {
  const forms = `${text} ${stripComments(text)} ${decodeWords(text)} ${text.replace(/[\\"'\s\0]/g, '')}`.toLowerCase();
  const named: [RegExp, ViewEncoding][] = [
    [/base|64|b/, all.base64],
    [/q|print/, all.quotedPrintable],
    [/uu/, all.uuencode],
    [/xx/, all.xxencode],
    [/yenc|ybegin/, all.yenc],
    [/hex|hqx/, all.binhex],
    [/gz/, all.gzip64],
  ];
  const places: [number, ViewEncoding][] = [];
  for (const [pattern, encoding] of named) {
    const at = forms.search(pattern);
    if (at >= 0) places.push([at, encoding]);
  }
  for (const [, encoding] of places.sort((left, right) => left[0] - right[0])) found.add(encoding);
  // An unknown name is base64 or nothing to readers that trust the body more than the field.
  found.add(all.base64);
}

/** Encodings that a body looks as if it had, whatever its header says. */
export function sniffedEncodings(source: ViewSource, start: number, end: number): Set<ViewEncoding> {
  const found = new Set<ViewEncoding>();
  if (end <= start) return found;
  if (mayBeBase64(source, start, end)) found.add(all.base64);
  if (mayBeQuoted(source, start, end)) found.add(all.quotedPrintable);
  if (['begin ', 'Begin ', 'BEGIN ', 'begin\t', 'begin-'].some((mark) => source.hasMark(mark, start, end))) {
    found.add(all.uuencode);
    found.add(all.xxencode);
  }
  if (['=ybegin', '=YBEGIN'].some((mark) => source.hasMark(mark, start, end))) found.add(all.yenc);
  if (source.hasMark('with BinHex', start, end)) found.add(all.binhex);
  return found;
}

/** Hardly any blanks and hardly anything outside of the alphabet in the beginning, or a run that no prose has. */
function mayBeBase64(source: ViewSource, start: number, end: number): boolean {
  if (source.hasBase64Run(start, end)) return true;
  // Lines may be indented, which says nothing of what is on them.
  const text = source.text(start, Math.min(end, start + sampleBytes)).replace(/^[ \t]+|[ \t]+$/gm, '');
  const letters = text.replace(/[^A-Za-z0-9+/=]/g, '').length;
  const blanks = text.replace(/[^ \t]/g, '').length;
  const lineEnds = text.replace(/[^\r\n]/g, '').length;
  const solid = text.length - blanks - lineEnds;
  return solid >= 4 && letters * 4 >= solid * 3 && blanks * 10 <= solid;
}

function mayBeQuoted(source: ViewSource, start: number, end: number): boolean {
  const text = source.text(start, Math.min(end, start + sampleBytes * 4));
  let escapes = 0;
  for (let at = text.indexOf('='); at >= 0 && escapes < 3; at = text.indexOf('=', at + 1)) {
    const behind = text.slice(at + 1, at + 3);
    if (/^[0-9a-f]{2}/i.test(behind)) escapes += 1;
    else if (/^[ \t]?[\r\n]/.test(behind) && text.length > at + 3) escapes += 3;
  }
  return escapes >= 3;
}

/** The order of plausibility: declared, as it is, looks like. */
export function orderEncodings(
  declared: ReadonlySet<ViewEncoding>,
  sniffed: ReadonlySet<ViewEncoding>,
): readonly ViewEncoding[] {
  const found = new Set<ViewEncoding>([...declared, all.identity]);
  for (const encoding of order) if (sniffed.has(encoding)) found.add(encoding);
  return [...found];
}
