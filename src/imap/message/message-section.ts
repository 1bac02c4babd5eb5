/** What a section names in a message (RFC 9051 §6.4.5.1): a range of its octets, or a choice of its fields. */

import { imapString } from '../wire/nstring.js';
import type { Section } from '../wire/wire.js';
import { type MessageField, type Range, readFields } from './message-field.js';
import { type MessagePart, partNumbered } from './message-parts.js';

export function body(part: MessagePart): Range {
  return { start: part.bodyStart, end: part.end };
}

export function header(part: MessagePart): Range {
  return { start: part.start, end: part.bodyStart };
}

/** The chosen fields and the empty line. */
function chosenFields(bytes: Buffer, message: MessagePart, chosen: (field: MessageField) => boolean): Buffer {
  const block = header(message);
  const fields = readFields(bytes, block);
  const end = fields.at(-1)?.end ?? block.start;
  const pieces = fields.filter(chosen).map((field) => bytes.subarray(field.start, field.end));
  return Buffer.concat([...pieces, bytes.subarray(end, block.end)]);
}

/** The message that HEADER and TEXT are about: the whole, or that in a message/rfc822 part. */
export function messageOf(root: MessagePart, numbers: readonly number[]): MessagePart | undefined {
  if (numbers.length === 0) return root;
  const part = partNumbered(root, numbers);
  return part?.kind === 'message' ? part.parts[0] : undefined;
}

/** The octets of a section, a slice wherever it can be; undefined when the message has no such section. */
export function sectionBytes(bytes: Buffer, root: MessagePart, section: Section): Buffer | undefined {
  const part = partNumbered(root, section.part);
  if (part === undefined) return undefined;
  const slice = ({ start, end }: Range) => bytes.subarray(start, end);
  if (section.text === undefined) return section.part.length === 0 ? bytes : slice(body(part));
  if (section.text === 'MIME') return section.part.length === 0 ? undefined : slice(header(part));
  const message = messageOf(root, section.part);
  if (message === undefined) return undefined;
  if (section.text === 'HEADER') return slice(header(message));
  if (section.text === 'TEXT') return slice(body(message));
  const names = new Set(section.fields.map((name) => name.toLowerCase()));
  const wanted = section.text === 'HEADER.FIELDS';
  return chosenFields(bytes, message, (field) => names.has(field.name) === wanted);
}

const atom = /^[\x21\x23\x24\x26\x27\x2b-\x5b\x5e-\x7a\x7c\x7d]+$/;

/** A section as it stands between the brackets, octets as latin1. */
export function sectionText(section: Section): string {
  const parts = section.part.map(String);
  if (section.text !== undefined) parts.push(section.text);
  const fields = section.fields.map((name) => (atom.test(name) ? name : imapString(name)));
  return parts.join('.') + (section.text?.startsWith('HEADER.FIELDS') === true ? ` (${fields.join(' ')})` : '');
}
