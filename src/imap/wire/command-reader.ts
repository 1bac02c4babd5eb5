/**
 * Cuts what a client sends into lines and literals (RFC 9051 §2.2.1, RFC 7888, RFC 3516 §4.4). What one server would
 * read as a literal and another as the next command is a fault.
 */
import { limits } from '../../runtime/limits.js';
import { GrowingInput } from './growing-input.js';
import { announcedSize, closingQuote, holdsForbidden, isDigit, octet } from './octet-scan.js';
import type { CommandPiece, Literal, WireFault } from './wire.js';

export class CommandReader {
  readonly #input = new GrowingInput();
  readonly #lineBytes: number;
  #searched = 0;
  /** octets of the announced literal that are still to come; undefined: a line is next */
  #literal: number | undefined;
  #plain = false;
  #fault: CommandPiece | undefined;

  /** @param lineBytes most octets of a line with its CRLF */
  constructor(lineBytes: number = limits.imap.commandLineBytes) {
    this.#lineBytes = lineBytes;
  }

  /** octets that were pushed and are in no piece yet */
  get buffered(): number {
    return this.#input.length;
  }

  /** @param chunk becomes part of pieces and must not be written to afterwards */
  push(chunk: Buffer): void {
    if (this.#fault !== undefined || chunk.length === 0) return;
    this.#searched -= this.#input.push(chunk);
  }

  /** @returns undefined when more octets are needed. After a fault, nothing but the fault. */
  next(): CommandPiece | undefined {
    if (this.#fault !== undefined) return this.#fault;
    return this.#literal === undefined ? this.#line() : this.#data(this.#literal);
  }

  /**
   * Says of the next line that it is no command but the answer to a continuation request of the server: a SASL response
   * or DONE. It announces no literal. False: the command was answered before the line came.
   */
  expectContinuation(expected: boolean): void {
    this.#plain = expected;
  }

  /**
   * The literal that was announced last is refused: its sender, who waits for our go-ahead, will not send it. Not for
   * non-synchronizing literals, nor when some of it came already.
   */
  refuseLiteral(): void {
    this.#literal = undefined;
  }

  /** Forgets all unread input: what was sent before TLS must not count behind it. @returns its octets */
  discard(): number {
    const octets = this.#input.length;
    this.#input.clear();
    this.#searched = 0;
    this.#literal = undefined;
    this.#plain = false;
    return octets;
  }

  #line(): CommandPiece | undefined {
    const input = this.#input;
    const lineFeed = input.indexOf(octet.lineFeed, Math.max(input.start, this.#searched));
    const length = (lineFeed === -1 ? input.end : lineFeed + 1) - input.start;
    if (length > this.#lineBytes) return this.#fail('line-too-long');
    if (lineFeed === -1) {
      this.#searched = input.end;
      return undefined;
    }
    const bytes = input.bytes;
    const from = input.start;
    const end = lineFeed - 1;
    if (end < from || bytes[end] !== octet.carriageReturn) return this.#fail('bare-line-end');
    const forbidden = holdsForbidden(bytes, from, end);
    if (forbidden !== undefined) return this.#fail(forbidden);
    const literal = this.#plain ? undefined : announcedLiteral(bytes, from, end);
    if (typeof literal === 'string') return this.#fail(literal);
    input.start = lineFeed + 1;
    this.#plain = false;
    this.#literal = literal?.size;
    return { kind: 'line', bytes: bytes.subarray(from, end), literal };
  }

  #data(left: number): CommandPiece | undefined {
    const input = this.#input;
    if (input.length === 0 && left > 0) return undefined;
    const length = Math.min(left, input.length);
    const bytes = input.bytes.subarray(input.start, input.start + length);
    input.start += length;
    this.#searched = input.start;
    this.#literal = length === left ? undefined : left - length;
    return { kind: 'data', bytes, end: length === left };
  }

  #fail(fault: WireFault): CommandPiece {
    this.#fault = { kind: 'fault', fault };
    this.#input.clear();
    return this.#fault;
  }
}

/**
 * The literal that a line ends with. Some servers look at the end of the line alone (`}` CRLF), some read argument by
 * argument and find the brace in a quoted string or an atom, call the line wrong, and take what follows for a command.
 * A line that those would disagree on is a fault.
 */
function announcedLiteral(bytes: Buffer, from: number, end: number): Literal | WireFault | undefined {
  if (end === from || bytes[end - 1] !== octet.closeBrace) return undefined;
  const close = bytes[end - 2] === octet.plus ? end - 2 : end - 1;
  const open = bytes.lastIndexOf(octet.openBrace, end - 1);
  if (open < from || !couldBeNumber(bytes[open + 1] ?? 0)) return undefined;
  if (inString(bytes, from, open, end)) return undefined;
  const binary = bytes[open - 1] === octet.tilde;
  const start = binary ? open - 1 : open;
  const before = bytes[start - 1];
  if (start <= from || (before !== octet.space && before !== octet.openParen)) return 'syntax';
  if (!quotesClose(bytes, from, start)) return 'syntax';
  const size = announcedSize(bytes, open, close);
  if (size < 0) return 'literal-size';
  return { size, synchronizing: close === end - 1, binary };
}

/** Whether the octet at `index` is in a string that is closed before the line's end, as in `"{5}" secret}`. */
function inString(bytes: Buffer, from: number, index: number, end: number): boolean {
  for (let at = from; at < index; at += 1) {
    if (bytes[at] !== octet.quote) continue;
    at = closingQuote(bytes, at + 1, end);
    if (at === -1 || at > index) return at !== -1;
  }
  return false;
}

/** Whether all strings in `bytes[from..to)` are closed, and begin and end where arguments may. */
function quotesClose(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at];
    // A brace elsewhere is in no argument of the grammar, and ends the reading of some servers.
    if (byte === octet.openBrace) return false;
    if (byte !== octet.quote) continue;
    const before = at === from ? undefined : bytes[at - 1];
    if (before !== octet.space && before !== octet.openParen) return false;
    const close = closingQuote(bytes, at + 1, to);
    if (close === -1) return false;
    const after = bytes[close + 1];
    if (after !== octet.space && after !== octet.closeParen) return false;
    at = close;
  }
  return true;
}

/** Whether a number may begin with it for somebody: `atoi` skips spaces and takes signs; nothing at all may be a zero. */
function couldBeNumber(byte: number): boolean {
  return (
    byte <= octet.space || byte === octet.plus || byte === octet.minus || byte === octet.closeBrace || isDigit(byte)
  );
}
