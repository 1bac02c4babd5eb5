/**
 * Parameters of Content-* fields (RFC 2045 §5.1, RFC 2231): every value that some reader would take, because readers
 * disagree wherever the text is not canonical. Which one is right is not decided here.
 */
import { limits } from '../runtime/limits.js';
import { decodeCharset, decodeWords } from './encoded-word.js';
import { decodeRaw, trimBlanks } from './header.js';
import type { ProblemCode } from './problem.js';

export interface Parameter {
  /** lower case, with any `*0*` suffix of RFC 2231 */
  readonly name: string;
  /** quotes and escapes removed; one character per byte */
  readonly value: string;
  /** the other plausible readings of a value that is not canonical */
  readonly variants: readonly string[];
}

export interface Parameters {
  readonly list: readonly Parameter[];
  readonly problems: ReadonlySet<ProblemCode>;
}

const tokenEnd = /[;]/g;
const nonToken = /[\s()<>@,;:\\"/[\]?=\x00-\x1f]/;

/** Reads `; name=value` pairs from `text` at `from`. Linear in the text's length. */
export function parseParameters(text: string, from: number): Parameters {
  const list: Parameter[] = [];
  const problems = new Set<ProblemCode>();
  let at = from;
  while (at < text.length) {
    at = skipBlanks(text, at, problems);
    if (text[at] === ';') {
      at += 1;
      continue;
    }
    if (at >= text.length) break;
    if (list.length >= limits.mime.parametersMax) {
      problems.add('parameters-too-many');
      break;
    }
    at = parsePair(text, at, list, problems);
  }
  return { list, problems };
}

/** Blanks and comments (RFC 5322 §3.2.2); a comment is legal, but readers differ, so it is noted. */
function skipBlanks(text: string, from: number, problems: Set<ProblemCode>): number {
  let at = from;
  let depth = 0;
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (char === '(') {
      depth += 1;
      problems.add('parameter-odd');
    } else if (depth > 0 && char === ')') depth -= 1;
    else if (depth > 0 && char === '\\') at += 1;
    else if (depth === 0 && char !== ' ' && char !== '\t' && char !== '\r' && char !== '\n') break;
  }
  return Math.min(at, text.length);
}

function parsePair(text: string, from: number, list: Parameter[], problems: Set<ProblemCode>): number {
  let at = from;
  while (at < text.length && text[at] !== '=' && text[at] !== ';') at += 1;
  const name = trimBlanks(text.slice(from, at)).toLowerCase();
  if (text[at] !== '=') {
    problems.add('parameter-odd');
    return at;
  }
  // RFC 2045 §5.1 has no blanks around the sign; some readers find no value behind them.
  const padded = isWhite(text.charCodeAt(at - 1)) || isWhite(text.charCodeAt(at + 1));
  if (nonToken.test(name) || name === '' || padded) problems.add('parameter-odd');
  at = skipBlanks(text, at + 1, problems);
  if (text[at] === '"') return parseQuoted(text, at + 1, name, list, problems);
  tokenEnd.lastIndex = at;
  const end = tokenEnd.exec(text)?.index ?? text.length;
  const value = trimBlanks(text.slice(at, end));
  const variants: string[] = [];
  const short = /^[^\s(,"]*/.exec(value)?.[0] ?? '';
  if (short !== value) {
    problems.add('parameter-odd');
    variants.push(short);
    // "(comment)value" and "val(comment)ue": some readers see the value without the comment
    if (value.includes('(')) variants.push(value.replace(/\([^()]*\)/g, '').trim());
  }
  list.push({ name, value, variants });
  return end;
}

function isWhite(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function parseQuoted(text: string, from: number, name: string, list: Parameter[], problems: Set<ProblemCode>): number {
  let at = from;
  let escaped = false;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') {
      escaped = true;
      at += 1;
    }
    at += 1;
  }
  const inner = text.slice(from, Math.min(at, text.length));
  const value = escaped ? inner.replace(/\\([\s\S])/g, '$1') : inner;
  const variants: string[] = escaped ? [inner] : [];
  if (at >= text.length) {
    problems.add('parameter-odd');
    // a missing closing quote: up to the next semicolon for some readers
    variants.push(inner.split(';', 1)[0] ?? '');
    list.push({ name, value, variants });
    return text.length;
  }
  at += 1;
  const tail = at;
  while (at < text.length && text[at] !== ';') at += 1;
  const rest = text.slice(tail, at).trim();
  if (rest !== '') {
    problems.add('parameter-odd');
    if (!rest.startsWith('(')) variants.push(value + rest);
  }
  list.push({ name, value, variants });
  // a missing semicolon: the rest may be the next parameter
  return rest.includes('=') ? tail : at;
}

interface Section {
  readonly index: number;
  readonly extended: boolean;
  readonly value: string;
}

/** The orders in which readers put sections together, numerical order first; more than one only when they are odd. */
function sectionOrders(sections: readonly Section[], problems: Set<ProblemCode>): Section[][] {
  if (sections.length === 0) return [];
  const ordered = [...sections].sort((left, right) => left.index - right.index);
  if (ordered.every((section, position) => section.index === position)) return [ordered];
  problems.add('parameter-sections-odd');
  const gap = ordered.findIndex(
    (section, position) => position > 0 && section.index > (ordered[position - 1]?.index ?? 0) + 1,
  );
  const firsts = ordered.filter((section, position) => section.index !== ordered[position - 1]?.index);
  const lasts = ordered.filter((section, position) => section.index !== ordered[position + 1]?.index);
  return [ordered, gap < 0 ? ordered : ordered.slice(0, gap), [...sections], firsts, lasts];
}

/** RFC 2231 §3 and §4 put together: `charset'language'` taken off, percents decoded. */
function joinSections(ordered: readonly Section[], problems: Set<ProblemCode>): string {
  let charset = '';
  const pieces: Buffer[] = [];
  for (const [position, section] of ordered.entries()) {
    let { value } = section;
    if (section.extended && position === 0) {
      const match = /^([^']*)'[^']*'([\s\S]*)$/.exec(value);
      if (match === null) problems.add('parameter-sections-odd');
      else {
        charset = match[1] ?? '';
        value = match[2] ?? '';
      }
    }
    pieces.push(section.extended ? percentBytes(value) : Buffer.from(value, 'latin1'));
  }
  const bytes = Buffer.concat(pieces);
  return charset === '' ? decodeRaw(bytes.toString('latin1')) : decodeCharset(bytes, charset);
}

function percentBytes(value: string): Buffer {
  const raw = value.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(raw, 'latin1');
}

/**
 * Every reading of parameter `name`: plain values as written and with encoded words decoded, the RFC 2231 form, and
 * variants of malformed ones. Without repeats, best reading first.
 */
export function parameterReadings(parameters: Parameters, name: string, problems: Set<ProblemCode>): string[] {
  const readings = new Set<string>();
  const sections: Section[] = [];
  const plain: Parameter[] = [];
  for (const parameter of parameters.list) {
    if (parameter.name === name) plain.push(parameter);
    else if (parameter.name.startsWith(`${name}*`)) {
      const match = /^\*(?:(\d{1,4})(\*)?)?$/.exec(parameter.name.slice(name.length));
      if (match === null) problems.add('parameter-sections-odd');
      else {
        const index = match[1] === undefined ? 0 : Number(match[1]);
        sections.push({ index, extended: match[1] === undefined || match[2] === '*', value: parameter.value });
      }
    }
  }
  const orders = sectionOrders(sections, problems);
  for (const order of orders) readings.add(joinSections(order, problems));
  for (const { value } of plain) {
    readings.add(decodeRaw(decodeWords(value)));
    readings.add(decodeRaw(value));
  }
  if (plain.length > 1) problems.add('parameter-duplicate');
  for (const { variants } of plain) for (const variant of variants) readings.add(decodeRaw(variant));
  if (sections.length > 0) {
    for (const { value } of sections) if (sections.length === 1) readings.add(decodeRaw(value));
    // A plain value may be the beginning of a sectioned one.
    const rest = orders.length > 1 ? joinSections(orders[0] ?? [], problems) : '';
    if (rest !== '') for (const { value } of plain.slice(0, 4)) readings.add(decodeRaw(value) + rest);
  }
  for (const reading of [...readings]) {
    // Readers in C stop at NUL, others drop it.
    if (reading.includes('\0')) readings.add(reading.split('\0', 1)[0] ?? '').add(reading.replaceAll('\0', ''));
  }
  return [...readings];
}
