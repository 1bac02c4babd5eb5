/** Octet classes and numbers of the IMAP grammar (RFC 9051 §9), without strings. */
import { limits } from '../../runtime/limits.js';

export const octet = {
  nul: 0,
  lineFeed: 10,
  carriageReturn: 13,
  space: 32,
  quote: 34,
  dollar: 36,
  percent: 37,
  openParen: 40,
  closeParen: 41,
  asterisk: 42,
  plus: 43,
  minus: 45,
  zero: 48,
  nine: 57,
  less: 60,
  greater: 62,
  openBracket: 91,
  backslash: 92,
  closeBracket: 93,
  openBrace: 123,
  closeBrace: 125,
  tilde: 126,
} as const;

/** What `announcedSize` and `decimal` give for octets that are no number, or none that is allowed. */
export const notANumber = -1;
export const tooLarge = -2;

/**
 * The number in `bytes[from..to)`.
 * @returns `notANumber` for no digits, other octets or leading zeros, which readers take differently; `tooLarge` above
 * 2^53 - 1
 */
export function decimal(bytes: Buffer, from: number, to: number): number {
  if (from >= to) return notANumber;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = (bytes[at] ?? 0) - octet.zero;
    if (digit < 0 || digit > 9) return notANumber;
    value = value * 10 + digit;
  }
  if (bytes[from] === octet.zero && to - from > 1) return notANumber;
  return value <= Number.MAX_SAFE_INTEGER ? value : tooLarge;
}

/**
 * Octets of a literal announced by `{n}` from `open` to the end of the line.
 * @param open index of the brace
 * @param close index of the closing brace
 */
export function announcedSize(bytes: Buffer, open: number, close: number): number {
  const size = decimal(bytes, open + 1, close);
  return size > limits.imap.literalBytes ? tooLarge : size;
}

/** Whether the brace at `open` and digits behind it reach to a brace that ends the line at `end`. */
export function endsAnnouncement(bytes: Buffer, open: number, end: number): boolean {
  let at = open + 1;
  while (at < end && isDigit(bytes[at] ?? 0)) at += 1;
  return at === end - 1 && bytes[at] === octet.closeBrace;
}

export function isDigit(byte: number): boolean {
  return byte >= octet.zero && byte <= octet.nine;
}

export function isLetter(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
}

/** Index of the quote that closes the string whose first octet is at `from`; -1 when it is not before `to`. */
export function closingQuote(bytes: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    if (byte === octet.quote) return at;
    if (byte === octet.backslash) at += 1;
  }
  return -1;
}

/** Whether `bytes[from..to)` holds a NUL or a CR: what no line may hold. */
export function holdsForbidden(bytes: Buffer, from: number, to: number): 'nul' | 'bare-line-end' | undefined {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    if (byte === octet.nul) return 'nul';
    if (byte === octet.carriageReturn) return 'bare-line-end';
  }
  return undefined;
}

/** RFC 9051 §9 tag. */
export function isTagOctet(byte: number): boolean {
  if (byte <= octet.space || byte >= 0x7f) return false;
  switch (byte) {
    case octet.quote:
    case octet.percent:
    case octet.openParen:
    case octet.closeParen:
    case octet.asterisk:
    case octet.plus:
    case octet.backslash:
    case octet.openBrace:
      return false;
    default:
      return true;
  }
}

/** What an argument without quotes may hold: atoms, sets, wildcards, flags, brackets. */
export function isArgumentOctet(byte: number): boolean {
  if (byte <= octet.space || byte >= 0x7f) return false;
  return byte !== octet.quote && byte !== octet.openParen && byte !== octet.closeParen && byte !== octet.openBrace;
}

/** Index of the first space at or behind `from`, or `to`. */
export function wordEnd(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== octet.space) at += 1;
  return at;
}

/** Upper-case names that were seen before, found by their octets in any case without a string being made. */
export class NameTable {
  readonly #names: (string | undefined)[];
  readonly #mask: number;

  /** @param slots a power of two, far above the number of names */
  constructor(names: readonly string[], slots: number) {
    this.#names = new Array<string | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
    for (const name of names) {
      const bytes = Buffer.from(name, 'latin1');
      this.#names[this.#slot(bytes, 0, bytes.length)] = name;
    }
  }

  /** The name in `bytes[from..to)` in upper case. */
  name(bytes: Buffer, from: number, to: number): string {
    const known = this.#names[this.#slot(bytes, from, to)];
    if (known !== undefined && known.length === to - from && sameName(bytes, from, known)) return known;
    return upperCase(bytes.toString('latin1', from, to));
  }

  #slot(bytes: Buffer, from: number, to: number): number {
    let hash = to - from;
    for (let at = from; at < to; at += 1) hash = (Math.imul(hash, 31) + ((bytes[at] ?? 0) & 0x5f)) | 0;
    return (hash ^ (hash >>> 7)) & this.#mask;
  }
}

function sameName(bytes: Buffer, from: number, name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    const byte = bytes[from + index] ?? 0;
    const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte;
    if (upper !== name.charCodeAt(index)) return false;
  }
  return true;
}

/** ASCII letters only: names are octets, and `ß` must not become two of them. */
export function upperCase(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
