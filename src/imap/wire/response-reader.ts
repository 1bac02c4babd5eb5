/** Cuts what a server sends into responses (RFC 9051 §7), as they come, and refuses what is not one. */
import { limits } from '../../runtime/limits.js';
import { FetchLines } from './fetch-lines.js';
import { GrowingInput } from './growing-input.js';
import {
  announcedSize,
  closingQuote,
  decimal,
  endsAnnouncement,
  holdsForbidden,
  isLetter,
  isTagOctet,
  NameTable,
  octet,
  wordEnd,
} from './octet-scan.js';
import { parseResponseCode } from './response-code.js';
import type { ServerEvent, WireFault } from './wire.js';

const dataNames = new NameTable(
  [
    ...['FETCH', 'EXISTS', 'RECENT', 'EXPUNGE', 'FLAGS', 'LIST', 'LSUB', 'STATUS', 'SEARCH', 'ESEARCH', 'VANISHED'],
    ...['CAPABILITY', 'ENABLED', 'ID', 'NAMESPACE', 'SORT', 'THREAD', 'QUOTA', 'QUOTAROOT'],
    ...['OK', 'NO', 'BAD', 'BYE', 'PREAUTH'],
  ],
  512,
);

/** What was begun and is not over: in `start`, anything may begin. */
type State = 'start' | 'fetch' | 'data' | 'streamed';

export class ResponseReader {
  readonly #input = new GrowingInput();
  readonly #fetch = new FetchLines();
  #state: State = 'start';
  /** where reading goes on, and up to where no line end was found */
  #at = 0;
  #searched = 0;
  /** octets of a literal that must be there before reading goes on */
  #awaited = 0;
  /** octets of a passed literal that are still to come */
  #streaming = 0;
  #sequence = 0;
  #number: number | undefined;
  #name = '';
  #fault: ServerEvent | undefined;

  /** octets that were pushed and are in no event yet */
  get buffered(): number {
    return this.#input.length;
  }

  /** @param chunk becomes part of events; not to be written to before all of them but `fetch-data` are done with */
  push(chunk: Buffer): void {
    if (this.#fault !== undefined || chunk.length === 0) return;
    const moved = this.#input.push(chunk);
    this.#at -= moved;
    this.#searched -= moved;
  }

  /** Copies what is in no event yet to the front of this memory; what is pushed next may follow it there. */
  moveRest(memory: Buffer): void {
    const moved = this.#input.moveTo(memory);
    this.#at -= moved;
    this.#searched -= moved;
  }

  /** @returns undefined when more octets are needed. After a fault, nothing but the fault. */
  next(): ServerEvent | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#streaming > 0) return this.#stream();
    return this.#read() ?? this.#fault ?? this.#relieve();
  }

  #read(): ServerEvent | undefined {
    const input = this.#input;
    for (;;) {
      if (this.#awaited > 0 && !this.#takeLiteral()) return undefined;
      if (this.#at >= input.end) return undefined;
      const lineFeed = this.#lineEnd();
      if (lineFeed === -1) return undefined;
      const end = lineFeed - 1;
      if (end < this.#at || input.bytes[end] !== octet.carriageReturn) return this.#fail('bare-line-end');
      const event = this.#line(this.#at, end);
      if (event !== undefined) return event;
    }
  }

  /** Index of the next LF; -1 when it is not there yet, or never will be. */
  #lineEnd(): number {
    const input = this.#input;
    const at = input.indexOf(octet.lineFeed, Math.max(this.#at, this.#searched));
    if (at === -1) {
      this.#searched = input.end;
      if (input.length > limits.imap.responseBytes) this.#fail('response-too-long');
    }
    return at;
  }

  /** Whether the literal that is waited for is there. */
  #takeLiteral(): boolean {
    if (this.#input.end - this.#at < this.#awaited) return false;
    this.#at += this.#awaited;
    this.#awaited = 0;
    if (this.#state !== 'data') this.#fetch.literalRead();
    return true;
  }

  #line(from: number, end: number): ServerEvent | undefined {
    switch (this.#state) {
      case 'start':
        return this.#firstLine(from, end);
      case 'data':
        return this.#dataLine(from, end);
      default:
        return this.#fetchLine(from, end);
    }
  }

  #firstLine(from: number, end: number): ServerEvent | undefined {
    const bytes = this.#input.bytes;
    const first = bytes[from];
    if (first === octet.asterisk && bytes[from + 1] === octet.space) return this.#untagged(from + 2, end);
    if (first === octet.plus) {
      // Some servers leave out the space when there is no text.
      if (bytes[from + 1] !== octet.space && from + 1 !== end) return this.#fail('syntax');
      return this.#textFault(from, end) ?? { kind: 'continuation', raw: this.#take(end) };
    }
    return this.#tagged(from, end);
  }

  #tagged(from: number, end: number): ServerEvent {
    const bytes = this.#input.bytes;
    let at = from;
    while (at < end && isTagOctet(bytes[at] ?? 0)) at += 1;
    if (at === from || at === end || bytes[at] !== octet.space)
      return this.#textFault(from, end) ?? this.#fail('syntax');
    const tag = bytes.toString('latin1', from, at);
    const nameEnd = wordEnd(bytes, at + 1, end);
    const status = dataNames.name(bytes, at + 1, nameEnd);
    if (status !== 'OK' && status !== 'NO' && status !== 'BAD') return this.#fail('syntax');
    const fault = this.#textFault(nameEnd, end);
    if (fault !== undefined) return fault;
    const code = parseResponseCode(bytes, nameEnd + 1, end);
    // It waits for what is before it, and is all that there is of most reads: a copy, so that nothing waits with it.
    return { kind: 'tagged', tag, status, code, raw: Buffer.from(this.#take(end)) };
  }

  #untagged(from: number, end: number): ServerEvent | undefined {
    const bytes = this.#input.bytes;
    let at = wordEnd(bytes, from, end);
    let number: number | undefined;
    if (at > from && (bytes[from] ?? 0) >= octet.zero && (bytes[from] ?? 0) <= octet.nine) {
      number = decimal(bytes, from, at);
      if (number < 0 || number > 0xffffffff || at === end) return this.#fail('syntax');
      const nameFrom = at + 1;
      at = wordEnd(bytes, nameFrom, end);
      return this.#named(nameFrom, at, end, number);
    }
    return this.#named(from, at, end, number);
  }

  #named(from: number, nameEnd: number, end: number, number: number | undefined): ServerEvent | undefined {
    const bytes = this.#input.bytes;
    for (let at = from; at < nameEnd; at += 1) {
      if (!isTagOctet(bytes[at] ?? 0)) return this.#textFault(at, end) ?? this.#fail('syntax');
    }
    if (!isLetter(bytes[from] ?? 0)) return this.#fail('syntax');
    const name = dataNames.name(bytes, from, nameEnd);
    if (number === undefined) {
      if (name === 'OK' || name === 'NO' || name === 'BAD' || name === 'BYE' || name === 'PREAUTH') {
        const fault = this.#textFault(nameEnd, end);
        if (fault !== undefined) return fault;
        const code = parseResponseCode(bytes, nameEnd + 1, end);
        return { kind: 'status', status: name, code, raw: this.#take(end) };
      }
      if (name === 'FETCH') return this.#fail('syntax');
    } else if (name === 'FETCH') {
      if (number === 0 || bytes[nameEnd + 1] !== octet.openParen) return this.#fail('syntax');
      this.#sequence = number;
      this.#state = 'fetch';
      this.#fetch.begin();
      return this.#fetchLine(nameEnd + 2, end);
    }
    this.#name = name;
    this.#number = number;
    return this.#dataLine(nameEnd, end);
  }

  #fetchLine(from: number, end: number): ServerEvent | undefined {
    const input = this.#input;
    const fetch = this.#fetch;
    const result = fetch.line(input.bytes, input.start, from, end);
    if (result === 'response') return this.#fetchEvent(end, false);
    if (result !== 'literal') return this.#fail(result);
    const size = fetch.literalSize;
    this.#at = end + 2;
    if (input.end - this.#at >= size) {
      this.#at += size;
      fetch.literalRead();
      return undefined;
    }
    const total = this.#at - input.start + size;
    const long = size > limits.imap.inlineLiteralBytes || total > limits.imap.inlineResponseBytes;
    if (fetch.literalIsValue && long) {
      fetch.literalOpen(this.#at - input.start);
      this.#streaming = size;
      return this.#fetchEvent(end, true);
    }
    if (total > limits.imap.responseBytes) return this.#fail('response-too-long');
    this.#awaited = size;
    return undefined;
  }

  #fetchEvent(end: number, open: boolean): ServerEvent {
    const items = this.#fetch.items;
    const more = this.#state === 'streamed';
    const raw = this.#take(end);
    if (open) {
      this.#state = 'streamed';
      this.#fetch.continue();
    }
    if (more) return { kind: 'fetch-more', items, raw, open };
    return { kind: 'fetch', sequence: this.#sequence, items, raw, open };
  }

  /**
   * Passes on what is there of a long response that is not whole: all to its last literal, which goes as one that is
   * open. Short literals would pile up else, as each was there when its turn came.
   */
  #relieve(): ServerEvent | undefined {
    const input = this.#input;
    if (this.#state === 'start' || this.#state === 'data' || input.length <= limits.imap.inlineResponseBytes) {
      return undefined;
    }
    const literalStart = this.#fetch.reopenLiteral();
    if (literalStart === -1) return undefined;
    this.#streaming = this.#fetch.literalSize;
    this.#awaited = 0;
    return this.#fetchEvent(input.start + literalStart - 2, true);
  }

  #stream(): ServerEvent | undefined {
    const input = this.#input;
    if (input.length === 0) return undefined;
    const length = Math.min(input.length, this.#streaming);
    const bytes = input.bytes.subarray(input.start, input.start + length);
    this.#streaming -= length;
    input.start += length;
    this.#at = input.start;
    this.#searched = input.start;
    return { kind: 'fetch-data', bytes, end: this.#streaming === 0 };
  }

  /** A line of a response that is only passed on; its literals are read over. */
  #dataLine(from: number, end: number): ServerEvent | undefined {
    const bytes = this.#input.bytes;
    for (let at = from; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === octet.quote) {
        const close = closingQuote(bytes, at + 1, end);
        const fault = this.#textFault(at, close === -1 ? end : close);
        if (fault !== undefined) return fault;
        if (close === -1) return this.#fail('syntax');
        at = close;
      } else if (byte === octet.openBrace && endsAnnouncement(bytes, at, end)) return this.#dataLiteral(at, end);
      else if (byte === octet.nul || byte === octet.carriageReturn) return this.#textFault(at, end);
    }
    // What looks like an announcement and is none could be one for somebody else.
    if (bytes[end - 1] === octet.closeBrace) return this.#fail('syntax');
    return { kind: 'data', name: this.#name, number: this.#number, raw: this.#take(end) };
  }

  #dataLiteral(open: number, end: number): ServerEvent | undefined {
    const bytes = this.#input.bytes;
    const before = bytes[open - 1] === octet.tilde ? bytes[open - 2] : bytes[open - 1];
    if (before !== octet.space && before !== octet.openParen) return this.#fail('syntax');
    const size = announcedSize(bytes, open, end - 1);
    if (size < 0) return this.#fail('literal-size');
    this.#at = end + 2;
    if (this.#at - this.#input.start + size > limits.imap.responseBytes) return this.#fail('response-too-long');
    this.#state = 'data';
    this.#awaited = size;
    return undefined;
  }

  /** The response ends with the line that ends at `end`. */
  #take(end: number): Buffer {
    const input = this.#input;
    const raw = input.bytes.subarray(input.start, end + 2);
    input.start = end + 2;
    this.#at = input.start;
    this.#state = 'start';
    return raw;
  }

  #textFault(from: number, end: number): ServerEvent | undefined {
    const fault = holdsForbidden(this.#input.bytes, from, end);
    return fault === undefined ? undefined : this.#fail(fault);
  }

  #fail(fault: WireFault): ServerEvent {
    this.#fault = { kind: 'fault', fault };
    this.#input.clear();
    return this.#fault;
  }
}
