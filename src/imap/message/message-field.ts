/**
 * The fields of one header block as ranges, and the values that ENVELOPE and BODYSTRUCTURE are made of. Every octet of
 * the block belongs to exactly one range, so that a header taken apart by field names is a header cut in two.
 */
import { trimBlanks } from '../../mime/header.js';
import { limits } from '../../runtime/limits.js';

/** Half-open, in octets of the message. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface MessageField extends Range {
  /** lower case; empty for lines that are no field */
  readonly name: string;
  readonly valueStart: number;
}

const lf = 0x0a;
const colon = 0x3a;

/** Behind the line that begins at `start`. */
export function lineEndAfter(bytes: Buffer, start: number, end: number): number {
  const at = bytes.indexOf(lf, start);
  return at < 0 || at >= end ? end : at + 1;
}

/** Whether the line `[start, end)` has nothing before its line end. */
export function isEmptyLine(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return (length === 1 && bytes[start] === lf) || (length === 2 && bytes[start] === 0x0d && bytes[start + 1] === lf);
}

function fieldAt(bytes: Buffer, start: number, end: number): MessageField {
  const at = bytes.subarray(start, end).indexOf(colon);
  // A field's name is short; what has its first colon far behind is prose, and need not become a string.
  if (at <= 0 || at > limits.storedMessage.fieldNameBytes) return { name: '', start, valueStart: start, end };
  const name = bytes.toString('latin1', start, start + at).replace(/[ \t]+$/, '');
  const valid = /^[\x21-\x7e\x80-\xff]+$/.test(name);
  return { name: valid ? name.toLowerCase() : '', start, valueStart: start + at + 1, end };
}

/**
 * The fields of the block in order, its empty line not among them. Lines that are no field, and all beyond the bound,
 * are ranges without a name.
 */
export function readFields(bytes: Buffer, block: Range): MessageField[] {
  const fields: MessageField[] = [];
  let at = block.start;
  while (at < block.end) {
    const start = at;
    at = lineEndAfter(bytes, start, block.end);
    if (isEmptyLine(bytes, start, at)) break;
    while (at < block.end && (bytes[at] === 0x20 || bytes[at] === 0x09)) at = lineEndAfter(bytes, at, block.end);
    if (fields.length >= limits.storedMessage.fieldsMax) {
      fields.push({ name: '', start, valueStart: start, end: fieldsEnd(bytes, at, block) });
      break;
    }
    const folded = bytes[start] === 0x20 || bytes[start] === 0x09;
    fields.push(folded ? { name: '', start, valueStart: start, end: at } : fieldAt(bytes, start, at));
  }
  return fields;
}

function fieldsEnd(bytes: Buffer, from: number, block: Range): number {
  let at = from;
  while (at < block.end) {
    const end = lineEndAfter(bytes, at, block.end);
    if (isEmptyLine(bytes, at, end)) return at;
    at = end;
  }
  return at;
}

/** A field's body on one line, one character per octet, outer blanks removed; long ones are cut. */
export function fieldValue(bytes: Buffer, field: MessageField): string {
  const end = Math.min(field.end, field.valueStart + limits.storedMessage.fieldBytes);
  return trimBlanks(bytes.toString('latin1', field.valueStart, end).replace(/[\r\n\0]+/g, ''));
}

/** The last of several is left alone: readers show the first. */
export function firstValue(bytes: Buffer, fields: readonly MessageField[], name: string): string | undefined {
  const field = fields.find((candidate) => candidate.name === name);
  return field === undefined ? undefined : fieldValue(bytes, field);
}

/** A value with parameters, as Content-Type and Content-Disposition have (RFC 2045 §5.1, RFC 2183 §2). */
export interface ParameterizedValue {
  /** without comments and blanks */
  readonly value: string;
  /** name as written and value without quotes; sections of RFC 2231 stay apart */
  readonly parameters: readonly (readonly [string, string])[];
}

/** Behind the blanks and comments at `from`. */
function skipComments(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at += 1) {
    const char = text[at];
    if (char === '(') depth += 1;
    else if (depth > 0 && char === ')') depth -= 1;
    else if (depth > 0 && char === '\\') at += 1;
    else if (depth === 0 && char !== ' ' && char !== '\t') break;
  }
  return Math.min(at, text.length);
}

const run = /[^\s;(]*/y;
const nameRun = /[^\s;=(]*/y;

function take(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function quotedAt(text: string, from: number): { readonly value: string; readonly end: number } {
  let at = from;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  const inner = text.slice(from, Math.min(at, text.length));
  return { value: inner.replace(/\\([\s\S])/g, '$1'), end: Math.min(at + 1, text.length) };
}

export function parameterized(text: string): ParameterizedValue {
  const parameters: (readonly [string, string])[] = [];
  let at = skipComments(text, 0);
  let value = '';
  for (;;) {
    const piece = take(run, text, at);
    value += piece;
    at = skipComments(text, at + piece.length);
    // "text / plain" is one value; what else stands behind a blank belongs to none.
    if (piece === '' || !(text[at] === '/' || value.endsWith('/'))) break;
  }
  at = text.indexOf(';', at);
  while (at >= 0 && at < text.length && parameters.length < limits.mime.parametersMax) {
    at = skipComments(text, at + 1);
    const name = take(nameRun, text, at);
    at = skipComments(text, at + name.length);
    if (text[at] === '=') {
      at = skipComments(text, at + 1);
      const quoted = text[at] === '"' ? quotedAt(text, at + 1) : undefined;
      const plain = quoted === undefined ? take(run, text, at) : '';
      if (name !== '') parameters.push([name, quoted?.value ?? plain]);
      at = quoted?.end ?? at + plain.length;
    }
    at = text.indexOf(';', at);
  }
  return { value, parameters };
}
