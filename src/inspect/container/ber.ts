/**
 * Walks ASN.1 in BER (ITU-T X.690) forwards without building a tree: definite and indefinite lengths, octet strings in
 * pieces. What ends too early is read as far as it goes, because readers that stream do so; asn1js gives nothing then,
 * refuses large files, and copies each level. Nothing here recurses.
 */
import { limits } from '../../runtime/limits.js';

export interface BerElement {
  /** the identifier octet: class, constructed bit and number, if that is below 31 */
  readonly tag: number;
  /** of the content */
  readonly start: number;
  /** behind the content; for an indefinite length where the surrounding element ends at the latest */
  readonly end: number;
  readonly indefinite: boolean;
  /** the length goes beyond the surrounding element */
  readonly cut: boolean;
}

export const berTags = { oid: 0x06, octets: 0x04, octetPieces: 0x24, sequence: 0x30, explicit0: 0xa0, implicit0: 0x80 };
const constructed = 0x20;
const empty: Buffer = Buffer.alloc(0);

/** The element at `at`; undefined at an end mark, at the end, and where no element can be. */
export function readElement(bytes: Buffer, at: number, end: number): BerElement | undefined {
  if (at + 2 > end) return undefined;
  const tag = bytes[at] ?? 0;
  let next = at + 1;
  if (tag === 0 && bytes[next] === 0) return undefined;
  if ((tag & 0x1f) === 0x1f) {
    const last = Math.min(end, next + 5);
    while (next < last && ((bytes[next] ?? 0) & 0x80) !== 0) next += 1;
    next += 1;
  }
  if (next >= end) return undefined;
  const first = bytes[next] ?? 0;
  next += 1;
  if (first < 0x80) return element(tag, next, first, end);
  if (first === 0x80) {
    if ((tag & constructed) === 0) return undefined;
    return { tag, start: next, end, indefinite: true, cut: false };
  }
  const count = first & 0x7f;
  if (next + count > end) return undefined;
  let length = 0;
  for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[next + index] ?? 0);
  return element(tag, next + count, length, end);
}

function element(tag: number, start: number, length: number, end: number): BerElement {
  const cut = length > end - start;
  return { tag, start, end: cut ? end : start + length, indefinite: false, cut };
}

/** Where the next sibling is; the surrounding end when this one has none. */
export function behindElement(bytes: Buffer, { start, end, indefinite }: BerElement): number {
  if (!indefinite) return end;
  let at = start;
  let open = 1;
  while (open > 0) {
    const inner = readElement(bytes, at, end);
    if (inner !== undefined) {
      if (inner.indefinite) open += 1;
      at = inner.indefinite ? inner.start : inner.end;
    } else if (at + 2 <= end && bytes[at] === 0 && bytes[at + 1] === 0) {
      open -= 1;
      at += 2;
    } else {
      return end;
    }
  }
  return at;
}

/** The elements directly inside of one, in order. */
export function* elementsOf(bytes: Buffer, { start, end }: BerElement): Generator<BerElement, void, undefined> {
  let at = start;
  for (;;) {
    const inner = readElement(bytes, at, end);
    if (inner === undefined) return;
    yield inner;
    at = behindElement(bytes, inner);
  }
}

/** below it a call into the engine costs more than the bytes */
const smallBytes = 64;

/** Copies a piece, which may be a single byte, as an attacker has millions of them. Returns its length. */
export function appendPiece(target: Buffer, at: number, source: Buffer, start: number, end: number): number {
  if (end - start > smallBytes) return source.copy(target, at, start, end);
  for (let index = start; index < end; index += 1) target[at + index - start] = source[index] ?? 0;
  return Math.max(0, end - start);
}

export interface OctetString {
  readonly content: Buffer;
  /** it ends before its end */
  readonly cut: boolean;
  /** pieces in pieces, deeper than is followed */
  readonly tooDeep: boolean;
}

/** The bytes of an octet string, put together when it comes in pieces. */
export function octetsOf(bytes: Buffer, string: BerElement): OctetString {
  if ((string.tag & constructed) === 0) {
    return { content: bytes.subarray(string.start, string.end), cut: string.cut, tooDeep: false };
  }
  const gathered = string.end > string.start ? Buffer.allocUnsafe(string.end - string.start) : empty;
  let length = 0;
  let { cut } = string;
  const open: BerElement[] = [string];
  let at = string.start;
  for (let around = open.at(-1); around !== undefined; around = open.at(-1)) {
    const piece = readElement(bytes, at, around.end);
    if (piece === undefined) {
      const marked = around.indefinite && at + 2 <= around.end && bytes[at] === 0 && bytes[at + 1] === 0;
      if (!marked && (around.indefinite || at < around.end)) cut = true;
      at = marked ? at + 2 : around.end;
      open.pop();
      continue;
    }
    if (piece.cut) cut = true;
    if ((piece.tag & constructed) === 0) {
      length += appendPiece(gathered, length, bytes, piece.start, piece.end);
      at = piece.end;
      continue;
    }
    if (open.length >= limits.cms.nestingMax) return { content: gathered.subarray(0, length), cut, tooDeep: true };
    open.push(piece);
    at = piece.start;
  }
  return { content: gathered.subarray(0, length), cut, tooDeep: false };
}
