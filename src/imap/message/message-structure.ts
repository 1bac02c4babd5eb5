/** BODYSTRUCTURE, and BODY as the same without extension data: RFC 9051 §7.5.2. */

import { imapNstring, imapString } from '../wire/nstring.js';
import { envelope } from './message-envelope.js';
import { firstValue, type MessageField, parameterized, readFields } from './message-field.js';
import { lineCount, type MessagePart } from './message-parts.js';

type Parameters = readonly (readonly [string, string])[];

function parameterList(parameters: Parameters, defaults: Parameters = []): string {
  const known = new Set(parameters.map(([name]) => name.toLowerCase()));
  const all = [...parameters, ...defaults.filter(([name]) => !known.has(name))];
  if (all.length === 0) return 'NIL';
  return `(${all.map(([name, value]) => `${imapString(name)} ${imapString(value)}`).join(' ')})`;
}

function disposition(value: string | undefined): string {
  if (value === undefined) return 'NIL';
  const { value: kind, parameters } = parameterized(value);
  return kind === '' ? 'NIL' : `(${imapString(kind)} ${parameterList(parameters)})`;
}

/** RFC 3282 §2: tags between commas. */
function languages(value: string | undefined): string {
  const tags = (value ?? '')
    .split(',')
    .map((tag) => parameterized(tag).value)
    .filter((tag) => tag !== '');
  if (tags.length === 0) return 'NIL';
  return `(${tags.map(imapString).join(' ')})`;
}

class StructureWriter {
  readonly #bytes: Buffer;
  readonly #extensions: boolean;

  constructor(bytes: Buffer, extensions: boolean) {
    this.#bytes = bytes;
    this.#extensions = extensions;
  }

  /** Recursion is as deep as the parts, which `readParts` bounds. */
  write(part: MessagePart): string {
    const fields = readFields(this.#bytes, { start: part.start, end: part.bodyStart });
    return `(${part.kind === 'multipart' ? this.#multipart(part, fields) : this.#single(part, fields)})`;
  }

  #multipart(part: MessagePart, fields: readonly MessageField[]): string {
    const parts = part.parts.map((child) => this.write(child)).join('');
    const shown = `${parts} ${imapString(part.subtype)}`;
    return this.#extensions ? `${shown} ${parameterList(part.parameters)} ${this.#extension(fields)}` : shown;
  }

  #single(part: MessagePart, fields: readonly MessageField[]): string {
    const bytes = this.#bytes;
    const text = part.type.toLowerCase() === 'text';
    const encoding = parameterized(firstValue(bytes, fields, 'content-transfer-encoding') ?? '').value;
    const out = [
      imapString(part.type),
      imapString(part.subtype),
      // RFC 2045 §5.2
      parameterList(part.parameters, text ? [['charset', 'us-ascii']] : []),
      imapNstring(firstValue(bytes, fields, 'content-id')),
      imapNstring(firstValue(bytes, fields, 'content-description')),
      imapString(encoding || '7bit'),
      String(part.end - part.bodyStart),
    ];
    const [message] = part.parts;
    if (message !== undefined) {
      const inner = readFields(bytes, { start: message.start, end: message.bodyStart });
      out.push(envelope(bytes, inner), this.write(message));
    }
    if (text || message !== undefined) out.push(String(lineCount(bytes, part)));
    if (this.#extensions) out.push(imapNstring(firstValue(bytes, fields, 'content-md5')), this.#extension(fields));
    return out.join(' ');
  }

  #extension(fields: readonly MessageField[]): string {
    const bytes = this.#bytes;
    return [
      disposition(firstValue(bytes, fields, 'content-disposition')),
      languages(firstValue(bytes, fields, 'content-language')),
      imapNstring(firstValue(bytes, fields, 'content-location')),
    ].join(' ');
  }
}

/** The parenthesized list, octets as latin1. */
export function bodyStructure(bytes: Buffer, root: MessagePart, extensions: boolean): string {
  return new StructureWriter(bytes, extensions).write(root);
}
