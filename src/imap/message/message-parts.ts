/**
 * A whole message in memory as the tree of its MIME parts: ranges of octets, numbered as RFC 9051 §6.4.5.1 numbers
 * them. One pass, bounded in parts and depth; what is beyond a bound is the content of the last part within it.
 */
import { limits } from '../../runtime/limits.js';
import {
  fieldValue,
  isEmptyLine,
  lineEndAfter,
  type MessageField,
  parameterized,
  readFields,
} from './message-field.js';

export type PartKind = 'leaf' | 'multipart' | 'message';

/** `[start, bodyStart)` is the header block with its empty line, `[bodyStart, end)` the body. */
export interface MessagePart {
  readonly kind: PartKind;
  /** as written, or the default of RFC 2045 §5.2 */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly (readonly [string, string])[];
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  /** of a multipart; never empty. Of a message/rfc822 the one message in it. */
  readonly parts: readonly MessagePart[];
}

interface OpenPart extends MessagePart {
  end: number;
  readonly parts: OpenPart[];
  /** undefined once its close delimiter was seen */
  boundary: Buffer | undefined;
}

interface Delimiter {
  readonly level: number;
  readonly close: boolean;
}

const noParameters: readonly (readonly [string, string])[] = [];
const typePattern = /^([^\s/]+)\/([^\s/]+)$/;

function contentType(bytes: Buffer, fields: readonly MessageField[], digest: boolean) {
  const field = fields.find(({ name }) => name === 'content-type');
  const given = field === undefined ? undefined : parameterized(fieldValue(bytes, field));
  const match = typePattern.exec(given?.value ?? '');
  if (given !== undefined && match !== null) {
    return { type: match[1] ?? '', subtype: match[2] ?? '', parameters: given.parameters };
  }
  // RFC 2046 §5.1.5
  return digest
    ? { type: 'message', subtype: 'rfc822', parameters: noParameters }
    : { type: 'text', subtype: 'plain', parameters: noParameters };
}

function boundaryOf(parameters: readonly (readonly [string, string])[]): Buffer | undefined {
  const value = parameters.find(([name]) => name.toLowerCase() === 'boundary')?.[1] ?? '';
  return value === '' || value.length > limits.mime.boundaryBytes ? undefined : Buffer.from(value, 'latin1');
}

class PartReader {
  readonly #bytes: Buffer;
  /** outermost first; what contains what is read now */
  readonly #open: OpenPart[] = [];
  #parts = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): MessagePart {
    const bytes = this.#bytes;
    const root = this.#header(0, undefined);
    let at = this.#open.at(-1)?.bodyStart ?? 0;
    while (this.#parts < limits.storedMessage.partsMax) {
      const line = this.#nextDelimiter(at);
      if (line === undefined) break;
      const bodyEnd = bytes[line.start - 2] === 0x0d ? line.start - 2 : line.start - 1;
      this.#closeAbove(line.level + 1, Math.max(bodyEnd, 0));
      const parent = this.#open[line.level];
      if (parent === undefined) break;
      at = line.end;
      if (line.close) parent.boundary = undefined;
      else {
        this.#header(at, parent);
        at = this.#open.at(-1)?.bodyStart ?? at;
      }
    }
    this.#closeAbove(0, bytes.length);
    return root;
  }

  /** Reads the entity that begins at `start`, and the messages that begin with its body. */
  #header(start: number, parent: OpenPart | undefined): OpenPart {
    const first = this.#entity(start, parent?.subtype.toLowerCase() === 'digest');
    parent?.parts.push(first);
    let part = first;
    while (part.kind === 'message') {
      const inner = this.#entity(part.bodyStart, false);
      part.parts.push(inner);
      part = inner;
    }
    return first;
  }

  #entity(start: number, digest: boolean): OpenPart {
    const bytes = this.#bytes;
    this.#parts += 1;
    const bodyStart = this.#headerEnd(start);
    const fields = readFields(bytes, { start, end: bodyStart });
    const described = contentType(bytes, fields, digest);
    const type = described.type.toLowerCase();
    const deep = this.#open.length >= limits.storedMessage.depthMax;
    let kind: PartKind = 'leaf';
    if (type === 'multipart') kind = 'multipart';
    else if (type === 'message' && described.subtype.toLowerCase() === 'rfc822') kind = 'message';
    // What may not be opened must not look like a container without parts, so it is shown as octets.
    const closed = kind !== 'leaf' && (deep || this.#parts >= limits.storedMessage.partsMax);
    const shown = closed ? { ...described, type: 'application', subtype: 'octet-stream' } : described;
    if (closed) kind = 'leaf';
    const boundary = kind === 'multipart' ? boundaryOf(described.parameters) : undefined;
    const part: OpenPart = { kind, ...shown, start, bodyStart, end: bytes.length, parts: [], boundary };
    this.#open.push(part);
    return part;
  }

  /** Behind the empty line; or before a delimiter line, which ends a part that has none. */
  #headerEnd(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at < bytes.length) {
      const end = lineEndAfter(bytes, at, bytes.length);
      if (isEmptyLine(bytes, at, end)) return end;
      if (this.#delimiterAt(at, end) !== undefined) return at;
      at = end;
    }
    return at;
  }

  /** The open multipart whose delimiter is the line `[start, end)` (RFC 2046 §5.1.1), innermost first. */
  #delimiterAt(start: number, end: number): Delimiter | undefined {
    const bytes = this.#bytes;
    if (bytes[start] !== 0x2d || bytes[start + 1] !== 0x2d) return undefined;
    let last = end;
    while (last > start && (bytes[last - 1] === 0x0a || bytes[last - 1] === 0x0d)) last -= 1;
    while (last > start && (bytes[last - 1] === 0x20 || bytes[last - 1] === 0x09)) last -= 1;
    const from = start + 2;
    const closing = last - from >= 2 && bytes[last - 1] === 0x2d && bytes[last - 2] === 0x2d;
    for (let level = this.#open.length - 1; level >= 0; level -= 1) {
      const boundary = this.#open[level]?.boundary;
      if (boundary === undefined) continue;
      const length = last - from;
      if (length === boundary.length && bytes.compare(boundary, 0, length, from, last) === 0) {
        return { level, close: false };
      }
      if (closing && length === boundary.length + 2 && bytes.compare(boundary, 0, length - 2, from, last - 2) === 0) {
        return { level, close: true };
      }
    }
    return undefined;
  }

  /** @param from the beginning of a line */
  #nextDelimiter(from: number): (Delimiter & { readonly start: number; readonly end: number }) | undefined {
    const bytes = this.#bytes;
    if (!this.#open.some(({ boundary }) => boundary !== undefined)) return undefined;
    let at = from === 0 ? 0 : bytes.indexOf('\n--', from - 1, 'latin1') + 1;
    while (at > 0 || (at === 0 && from === 0)) {
      const end = lineEndAfter(bytes, at, bytes.length);
      const found = this.#delimiterAt(at, end);
      if (found !== undefined) return { ...found, start: at, end };
      at = bytes.indexOf('\n--', end - 1, 'latin1') + 1;
      if (at === 0) return undefined;
    }
    return undefined;
  }

  /** What is open from `level` on ends at `end`. */
  #closeAbove(level: number, end: number): void {
    for (const part of this.#open.splice(level).reverse()) {
      part.end = Math.max(end, part.bodyStart);
      // RFC 9051 §9: a multipart has a part; this one has an empty text.
      if (part.kind === 'multipart' && part.parts.length === 0) part.parts.push(emptyPart(part.end));
    }
  }
}

function emptyPart(at: number): OpenPart {
  const type = { type: 'text', subtype: 'plain', parameters: noParameters };
  return { kind: 'leaf', ...type, start: at, bodyStart: at, end: at, parts: [], boundary: undefined };
}

/** Never throws. Cost: the message's length times the nesting at its delimiters, at most `depthMax`. */
export function readParts(bytes: Buffer): MessagePart {
  return new PartReader(bytes).read();
}

/** The messages' part `number` as it counts below `part`: RFC 9051 §6.4.5.1. */
function child(part: MessagePart, number: number): MessagePart | undefined {
  if (part.kind === 'multipart') return part.parts[number - 1];
  return part.kind === 'message' ? childOfMessage(part.parts[0], number) : undefined;
}

function childOfMessage(message: MessagePart | undefined, number: number): MessagePart | undefined {
  if (message?.kind === 'multipart') return message.parts[number - 1];
  // Part 1 of a message that is no multipart is its body.
  return number === 1 ? message : undefined;
}

/** The part that a section's numbers name, undefined when there is none. */
export function partNumbered(root: MessagePart, numbers: readonly number[]): MessagePart | undefined {
  const [first, ...rest] = numbers;
  let part = first === undefined ? root : childOfMessage(root, first);
  for (const number of rest) part = part === undefined ? undefined : child(part, number);
  return part;
}

/** Line ends in the body, which is what the number of its lines means to servers. */
export function lineCount(bytes: Buffer, part: MessagePart): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a, part.bodyStart); at >= 0 && at < part.end; at = bytes.indexOf(0x0a, at + 1)) {
    count += 1;
  }
  return count;
}
