/** What stands in the brackets of `BODY[…]` (RFC 9051 §6.4.5), as text and as a value. */
import { limits } from '../../runtime/limits.js';
import { upperCase } from './octet-scan.js';
import type { Section } from './wire.js';

export const wholeMessage: Section = { part: [], text: undefined, fields: [] };

const numberMax = 0xffffffff;
const texts: ReadonlyMap<string, Section['text']> = new Map([
  ['HEADER', 'HEADER'],
  ['HEADER.FIELDS', 'HEADER.FIELDS'],
  ['HEADER.FIELDS.NOT', 'HEADER.FIELDS.NOT'],
  ['TEXT', 'TEXT'],
  ['MIME', 'MIME'],
]);

/**
 * @param text latin1, without the brackets; strings in it may be bare, quoted or literals
 * @returns undefined when it is no section of the grammar
 */
export function parseSection(text: string): Section | undefined {
  if (text === '') return wholeMessage;
  const space = text.indexOf(' ');
  const words = (space === -1 ? text : text.slice(0, space)).split('.');
  const numbers = words.findIndex((word) => !/^[1-9][0-9]{0,9}$/.test(word));
  const part = (numbers === -1 ? words : words.slice(0, numbers)).map(Number);
  if (part.length > limits.imap.sectionDepthMax || part.some((number) => number > numberMax)) return undefined;
  const name = numbers === -1 ? undefined : upperCase(words.slice(numbers).join('.'));
  const known = name === undefined ? undefined : texts.get(name);
  if (known === undefined && name !== undefined) return undefined;
  if (known === 'MIME' && part.length === 0) return undefined;
  if (known !== 'HEADER.FIELDS' && known !== 'HEADER.FIELDS.NOT') {
    return space === -1 ? { part, text: known, fields: [] } : undefined;
  }
  const fields = space === -1 ? undefined : parseFields(text.slice(space + 1));
  return fields === undefined ? undefined : { part, text: known, fields };
}

/** `(name "name" {4}CRLFname)` */
function parseFields(text: string): string[] | undefined {
  if (!text.startsWith('(')) return undefined;
  const fields: string[] = [];
  const next = /[ ]*(?:"((?:[^"\\\r\n]|\\["\\])*)"|\{([0-9]{1,5})\}\r\n|([^ "(){}\\%*\x00-\x1f\x7f-\xff]+)|(\)))/y;
  next.lastIndex = 1;
  for (;;) {
    const before = next.lastIndex;
    const found = next.exec(text);
    if (found === null || fields.length > limits.imap.sectionFieldsMax) return undefined;
    const [whole, quoted, size, bare, close] = found;
    if (close !== undefined) return next.lastIndex === text.length && fields.length > 0 ? fields : undefined;
    if (fields.length > 0 && text[before] !== ' ') return undefined;
    if (size !== undefined) {
      const end = next.lastIndex + Number(size);
      if (end > text.length) return undefined;
      fields.push(text.slice(before + whole.length, end));
      next.lastIndex = end;
    } else fields.push(bare ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
  }
}

/** As a client writes it: ASCII, one line. */
export function formatSection(section: Section): string {
  const path = [...section.part, ...(section.text === undefined ? [] : [section.text])].join('.');
  if (section.fields.length === 0) return path;
  return `${path} (${section.fields.map((field) => writeField(field) ?? '""').join(' ')})`;
}

/** A field name as it is written in a section; undefined when it cannot be one, as with line ends and non-ASCII. */
export function writeField(name: string): string | undefined {
  if (/[^\x20-\x7e]/.test(name)) return undefined;
  return /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+$/.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`;
}

/** Whether both name the same octets; servers write field names in their own case and order. */
export function sameSection(one: Section, other: Section): boolean {
  if (one.text !== other.text || one.part.length !== other.part.length) return false;
  if (one.part.some((number, index) => number !== other.part[index])) return false;
  return one.fields.length === 0 ? other.fields.length === 0 : fieldSet(one.fields) === fieldSet(other.fields);
}

function fieldSet(fields: readonly string[]): string {
  return [...new Set(fields.map((field) => field.toLowerCase()))].sort().join('\n');
}
