/**
 * Every boundary that some reader might take from the text of a Content-Type field: quotes, comments, escapes, RFC 2231
 * and encoded words undone or left alone, the value cut where one reader or another would cut it. That most of them are
 * nonsense does no harm, because only those count whose delimiter stands in the body.
 */
import { decodeCharset, decodeWords } from './encoded-word.js';

/** candidates of one entity; a reader has one */
export const boundariesMax = 4096;
/** places of the key in one field's text */
const keysMax = 512;
/** characters looked at behind a key */
const valueCharacters = 2048;
/** longest delimiter that any reader compares; RFC 2046 §5.1.1 allows 70 */
const boundaryCharacters = 1024;

const key = /oundary([^a-z=;"]{0,64})=/gi;

export interface Boundaries {
  readonly candidates: ReadonlySet<string>;
  readonly complete: boolean;
}

/** @param values texts of Content-Type fields, one character per byte, without line ends */
export function boundaryCandidates(values: readonly string[]): Boundaries {
  const candidates = new Set<string>();
  let complete = true;
  const seen = new Set<string>();
  const read = (text: string) => {
    if (seen.has(text)) return;
    seen.add(text);
    if (!readBoundaries(text, candidates)) complete = false;
  };
  for (const value of values) {
    read(value);
    if (value.includes('(')) read(stripComments(value));
    if (value.includes('=?')) read(toBytes(decodeWords(value)));
    if (value.includes('\0')) read(value.replaceAll('\0', ''));
    if (value.includes('\\')) read(value.replace(/\\/g, ''));
  }
  return { candidates, complete: complete && candidates.size < boundariesMax };
}

/** Comments (RFC 5322 §3.2.2) taken off; unbalanced ones stay. Linear. */
export function stripComments(text: string): string {
  let out = '';
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (depth > 0 && char === '\\') at += 1;
    else if (char === '(') {
      if (depth === 0) {
        out += text.slice(from, at);
        from = at;
      }
      depth += 1;
    } else if (char === ')' && depth > 0) {
      depth -= 1;
      if (depth === 0) from = at + 1;
    }
  }
  return out + text.slice(from);
}

interface Section {
  readonly index: number;
  readonly extended: boolean;
  readonly value: string;
}

/** False when a bound was reached. */
function readBoundaries(text: string, candidates: Set<string>): boolean {
  const sections: Section[] = [];
  const plain: string[] = [];
  let keys = 0;
  for (const match of text.matchAll(key)) {
    keys += 1;
    if (keys > keysMax || candidates.size >= boundariesMax) return false;
    const from = match.index + match[0].length;
    const rest = text.slice(from, from + valueCharacters);
    for (const value of valueReadings(rest)) if (value !== '') addForms(value, candidates);
    const star = /\*[ \t]*(\d{0,4})[ \t]*(\*?)/.exec(match[1] ?? '');
    const value = firstValue(rest);
    if (value.trim() === '') candidates.add('');
    if (star === null) plain.push(value);
    else {
      const index = star[1] === '' ? 0 : Number(star[1]);
      sections.push({ index, extended: star[1] === '' || star[2] === '*', value });
    }
  }
  if (sections.length > 0) joinSections(sections, plain, candidates);
  return true;
}

/** What a reader makes of a parameter's value as it is meant to be read. */
function firstValue(rest: string): string {
  const text = rest.replace(/^[\s\0]{0,256}/, '');
  if (!text.startsWith('"')) return (/^[^;]*/.exec(text)?.[0] ?? '').trim();
  const end = closingQuote(text);
  return unquotePairs(text.slice(1, end < 0 ? text.length : end));
}

function unquotePairs(text: string): string {
  return text.replace(/\\([\s\S])/g, '$1');
}

function closingQuote(text: string): number {
  for (let at = 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** All the ways in which text behind `boundary=` may be cut into a value. */
function valueReadings(rest: string): Set<string> {
  const out = new Set<string>();
  const text = rest.replace(/^[\s\0\\]{0,256}/, '');
  const line = /^[^;]*/.exec(text)?.[0] ?? '';
  const cuts = (value: string) => {
    out.add(value);
    for (const stop of [
      /[;,]/,
      /[ \t]/,
      /[\s\0\v]/,
      /[(]/,
      /"/,
      /'/,
      /[\0]/,
      /[\r\n\v]/,
      /[^0-9A-Za-z'()+_,./:=? -]/,
    ]) {
      const at = value.search(stop);
      if (at >= 0) out.add(value.slice(0, at));
    }
  };
  if (rest.startsWith(' ') || rest.startsWith('\t')) cuts(/^[^;]*/.exec(rest)?.[0] ?? '');
  cuts(line);
  cuts(stripComments(line));
  cuts(stripComments(line).replace(/^[\s\0]{1,256}/, ''));
  cuts(line.replace(/["']/g, ''));
  cuts(line.replace(/"/g, ''));
  cuts(line.replace(/^["']|["']\s*$/g, ''));
  out.add(text);
  if (text.startsWith('"')) {
    const end = closingQuote(text);
    const inner = text.slice(1, end < 0 ? text.length : end);
    cuts(inner);
    cuts(unquotePairs(inner));
    cuts(inner.replace(/\\/g, ''));
    const naive = text.indexOf('"', 1);
    cuts(text.slice(1, naive < 0 ? text.length : naive));
    if (end >= 0) {
      const tail = /^[^;]*/.exec(text.slice(end + 1))?.[0] ?? '';
      cuts(unquotePairs(inner) + tail);
      cuts(tail);
      cuts(tail.replace(/"/g, ''));
      out.add(text.slice(0, end + 1));
    }
  } else if (text.startsWith("'")) {
    const end = text.indexOf("'", 1);
    cuts(text.slice(1, end < 0 ? text.length : end));
  }
  return out;
}

/** A value as it stands, trimmed, and with encoded words, percents or a charset undone. */
function addForms(value: string, candidates: Set<string>): void {
  const add = (form: string) => {
    if (form === '') return;
    if (form.length <= boundaryCharacters && candidates.size < boundariesMax && !/[\r\n]/.test(form)) {
      candidates.add(form);
    }
  };
  const both = (form: string) => {
    add(form);
    add(form.trimEnd());
    add(form.trim());
  };
  both(value);
  if (/\s/.test(value)) both(value.replace(/\s/g, ''));
  if (value.includes('=?')) both(toBytes(decodeWords(value)));
  if (value.includes('%')) both(percents(value));
  const charset = /^([^']{0,64})'[^']{0,64}'/.exec(value);
  if (charset !== null) {
    const rest = value.slice(charset[0].length);
    both(rest);
    both(percents(rest));
    if (charset[1] !== '') both(toBytes(decodeCharset(Buffer.from(percents(rest), 'latin1'), charset[1] ?? '')));
  }
}

function percents(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Text as the bytes of its UTF-8 form, one character each. */
function toBytes(text: string): string {
  return /[^\x00-\xff]/.test(text) ? Buffer.from(text).toString('latin1') : text;
}

/** RFC 2231 §3: sections put together in order, as written, up to the first gap, and behind a plain value. */
function joinSections(sections: readonly Section[], plain: readonly string[], candidates: Set<string>): void {
  const ordered = [...sections].sort((left, right) => left.index - right.index);
  const toGap = ordered.filter((section, position) => section.index === position);
  const firsts = ordered.filter((section, position) => section.index !== ordered[position - 1]?.index);
  const lasts = ordered.filter((section, position) => section.index !== ordered[position + 1]?.index);
  const numbered = sections.filter((section, position) => position > 0 || section.index > 0);
  for (const list of [ordered, sections, toGap, firsts, lasts, numbered, [...ordered].reverse()]) {
    for (const front of ['', ...plain.slice(0, 4)]) {
      const raw = front + list.map((section) => section.value).join('');
      addForms(raw, candidates);
      const mixed = list.map((section) => (section.extended ? percents(section.value) : section.value)).join('');
      addForms(front + mixed, candidates);
      const loose = list.map((section) => percents(section.value.replace(/^[^']{0,64}'[^']{0,64}'/, ''))).join('');
      addForms(front + loose, candidates);
    }
  }
}
