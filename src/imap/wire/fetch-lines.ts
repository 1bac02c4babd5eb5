/**
 * Reads the items of a FETCH response line by line, so that a response that comes in many pieces is read once. Knows
 * where each item begins and ends, and nothing of what it means.
 */
import { limits } from '../../runtime/limits.js';
import {
  announcedSize,
  closingQuote,
  decimal,
  endsAnnouncement,
  isArgumentOctet,
  NameTable,
  notANumber,
  octet,
  tooLarge,
} from './octet-scan.js';
import type { ResponseItem, WireFault } from './wire.js';

const itemNames = new NameTable(
  [
    ...['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE', 'BODY[]', 'BINARY[]'],
    ...['BINARY.SIZE[]', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE'],
    ...['PREVIEW', 'X-GM-MSGID', 'X-GM-THRID', 'X-GM-LABELS'],
  ],
  1024,
);

/** What a line ended with. */
export type LineEnd = 'response' | 'literal' | WireFault;

type Place = 'item' | 'section' | 'value' | 'list' | 'after';
type Form = ResponseItem['form'];

export class FetchLines {
  items: ResponseItem[] = [];
  /** octets of the literal that the last line announced, and where it begins, counted from the response's first octet */
  literalSize = 0;
  literalStart = 0;
  /** it is the value of an item, not something inside one */
  literalIsValue = false;

  #bytes: Buffer = Buffer.alloc(0);
  #base = 0;
  #at = 0;
  #end = 0;
  #place: Place = 'item';
  #depth = 0;
  #uid = 0;
  #fault: WireFault = 'syntax';
  // Of the item that is being read; positions are counted from the response's first octet.
  #start = 0;
  #nameEnd = 0;
  #name = '';
  #section = '';
  #origin: number | undefined;
  #valueStart = 0;
  #literalForm: 'literal' | 'literal8' = 'literal';

  /** Begins a response behind its opening parenthesis. */
  begin(): void {
    this.items = [];
    this.#uid = 0;
    this.#place = 'item';
  }

  /** Goes on behind a literal that was passed on; positions are counted from there. */
  continue(): void {
    this.items = [];
    this.#place = 'after';
  }

  /**
   * Reads `bytes[at..end)`, a line without its CRLF.
   * @param base where the response begins in `bytes`
   */
  line(bytes: Buffer, base: number, at: number, end: number): LineEnd {
    this.#bytes = bytes;
    this.#base = base;
    this.#at = at;
    this.#end = end;
    this.literalSize = -1;
    for (;;) {
      if (this.#place === 'item' || this.#place === 'after') {
        const closed = this.#nextItem();
        if (closed === undefined) return this.#fault;
        if (closed) return 'response';
      } else if (!this.#continueItem()) return this.#fault;
      if (this.literalSize >= 0) return 'literal';
    }
  }

  /** The announced literal is there. */
  literalRead(): void {
    if (this.#place === 'value') {
      const end = this.literalStart + this.literalSize;
      this.#push(this.#literalForm, this.literalStart, end, end, 0, this.literalSize);
      this.#place = 'after';
    }
  }

  /** The announced literal will be passed on as it comes: it is the last item of what was read so far. */
  literalOpen(rawLength: number): void {
    this.#push(this.#literalForm, this.literalStart, rawLength, rawLength, 0, this.literalSize);
  }

  /**
   * Makes the last literal that is a value an open one again, and forgets all behind it.
   * @returns where it begins; -1 when there is none
   */
  reopenLiteral(): number {
    let last = this.items.length - 1;
    while (last >= 0 && (this.items[last]?.literalBytes ?? 0) === 0) last -= 1;
    const item = this.items[last];
    if (item === undefined) return -1;
    this.items.length = last;
    this.items.push({ ...item, valueEnd: item.valueStart, end: item.valueStart });
    this.literalSize = item.literalBytes;
    return item.valueStart;
  }

  /** Spaces, then a name or the end. True: the response is over; undefined: fault. */
  #nextItem(): boolean | undefined {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    while (bytes[at] === octet.space) at += 1;
    if (at >= this.#end) return undefined;
    if (bytes[at] === octet.closeParen) return at + 1 === this.#end ? true : undefined;
    if (this.#place === 'after' && at === from) return undefined;
    if (this.items.length >= limits.imap.responseItemsMax) {
      this.#fault = 'response-too-long';
      return undefined;
    }
    this.#start = at - this.#base;
    for (; at < this.#end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === octet.space || byte === octet.openBracket) break;
      if (!isArgumentOctet(byte)) return undefined;
    }
    const nameStart = this.#start + this.#base;
    if (at === nameStart || at === this.#end) return undefined;
    this.#nameEnd = at - this.#base;
    this.#section = '';
    this.#origin = undefined;
    if (bytes[at] === octet.openBracket) {
      this.#place = 'section';
      this.#depth = 0;
    } else {
      this.#name = itemNames.name(bytes, nameStart, at);
      this.#place = 'value';
    }
    this.#at = at + 1;
    return false;
  }

  #continueItem(): boolean {
    switch (this.#place) {
      case 'section':
        return this.#readSection();
      case 'list':
        return this.#readList();
      default:
        return this.#readValue();
    }
  }

  /** RFC 9051 §9 section: a bracket may be in a field name, which is an astring, so only one outside the list ends it. */
  #readSection(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    for (; at < this.#end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#depth === 0) {
        if (byte === octet.closeBracket) return this.#endSection(at);
        if (byte === octet.space) {
          at += 1;
          if (bytes[at] !== octet.openParen) return false;
          this.#depth = 1;
        } else if (!isArgumentOctet(byte)) return this.#control(byte);
      } else if (byte === octet.closeParen) {
        at += 1;
        return bytes[at] === octet.closeBracket && this.#endSection(at);
      } else if (byte === octet.quote) {
        const close = closingQuote(bytes, at + 1, this.#end);
        if (close === -1 || this.#forbidden(at + 1, close)) return false;
        at = close;
      } else if (byte === octet.openBrace) return this.#announce(at, false);
      else if (byte !== octet.space && !isArgumentOctet(byte)) return this.#control(byte);
    }
    return false;
  }

  #endSection(close: number): boolean {
    const bytes = this.#bytes;
    const open = this.#base + this.#nameEnd;
    if (close > open + 1) this.#section = bytes.toString('latin1', open + 1, close);
    this.#name = bracketed(itemNames, bytes, this.#base + this.#start, open);
    let at = close + 1;
    if (bytes[at] === octet.less) {
      const from = at + 1;
      while (at < this.#end && bytes[at] !== octet.greater) at += 1;
      const origin = decimal(bytes, from, at);
      if (at >= this.#end || origin < 0) return false;
      this.#origin = origin;
      at += 1;
    }
    if (at >= this.#end || bytes[at] !== octet.space) return false;
    this.#at = at + 1;
    this.#place = 'value';
    return true;
  }

  #readValue(): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    if (at >= this.#end) return false;
    const byte = bytes[at] ?? 0;
    this.#valueStart = at - this.#base;
    if (this.#name === 'UID') return this.#readUid(at);
    if (byte === octet.openBrace) return this.#announce(at, true);
    if (byte === octet.tilde && bytes[at + 1] === octet.openBrace) return this.#announce(at + 1, true);
    if (byte === octet.quote) {
      const close = closingQuote(bytes, at + 1, this.#end);
      if (close === -1 || this.#forbidden(at + 1, close)) return false;
      this.#finish('quoted', this.#valueStart + 1, close - this.#base, close + 1);
      return true;
    }
    if (byte === octet.openParen) {
      this.#depth = 1;
      this.#at = at + 1;
      this.#place = 'list';
      return true;
    }
    return this.#readAtom(at);
  }

  /** One UID a response: of two, a client may believe the other. */
  #readUid(from: number): boolean {
    if (!this.#readAtom(from)) return false;
    const uid = this.items.at(-1)?.number ?? 0;
    const first = this.#uid === 0 || this.#uid === uid;
    this.#uid = uid;
    return first && uid >= 1 && uid <= 0xffffffff;
  }

  #readAtom(from: number): boolean {
    const bytes = this.#bytes;
    let at = from;
    for (; at < this.#end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === octet.space || byte === octet.closeParen) break;
      if (!isArgumentOctet(byte) && byte !== octet.backslash) return this.#control(byte);
    }
    if (at === from || at === this.#end) return false;
    const number = decimal(bytes, from, at);
    const form = number >= 0 ? 'number' : isNil(bytes, from, at) ? 'nil' : 'atom';
    this.#finish(form, this.#valueStart, at - this.#base, at, number >= 0 ? number : 0);
    return true;
  }

  /** A list of anything, only for its end. */
  #readList(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    for (; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte > octet.asterisk && byte < octet.openBrace) continue;
      if (byte === octet.quote) {
        const close = this.#startsToken(at) ? closingQuote(bytes, at + 1, end) : -1;
        if (close === -1 || this.#forbidden(at + 1, close)) return false;
        at = close;
      } else if (byte === octet.openParen) {
        this.#depth += 1;
        if (this.#depth > limits.imap.responseDepthMax) {
          this.#fault = 'nesting';
          return false;
        }
      } else if (byte === octet.closeParen) {
        this.#depth -= 1;
        if (this.#depth > 0) continue;
        this.#finish('list', this.#valueStart, at + 1 - this.#base, at + 1);
        return true;
      } else if (byte === octet.openBrace && endsAnnouncement(bytes, at, end)) {
        const start = bytes[at - 1] === octet.tilde ? at - 1 : at;
        return this.#startsToken(start) && this.#announce(at, false);
      } else if (byte < octet.space) return this.#control(byte);
    }
    return false;
  }

  #startsToken(at: number): boolean {
    const before = this.#bytes[at - 1];
    return before === octet.space || before === octet.openParen || before === octet.closeParen;
  }

  /** `{n}` must end the line. */
  #announce(open: number, value: boolean): boolean {
    const close = this.#end - 1;
    if (close <= open || this.#bytes[close] !== octet.closeBrace) return false;
    const size = announcedSize(this.#bytes, open, close);
    if (size === notANumber || size === tooLarge) {
      this.#fault = 'literal-size';
      return false;
    }
    this.literalSize = size;
    this.literalStart = this.#end + 2 - this.#base;
    this.literalIsValue = value;
    this.#literalForm = this.#bytes[open - 1] === octet.tilde ? 'literal8' : 'literal';
    return true;
  }

  #finish(form: Form, valueStart: number, valueEnd: number, at: number, number = 0): void {
    this.#push(form, valueStart, valueEnd, at - this.#base, number, 0);
    this.#at = at;
    this.#place = 'after';
  }

  #push(form: Form, valueStart: number, valueEnd: number, end: number, number: number, literalBytes: number): void {
    this.items.push({
      name: this.#name,
      section: this.#section,
      origin: this.#origin,
      form,
      number,
      start: this.#start,
      valueStart,
      valueEnd,
      end,
      literalBytes,
    });
  }

  #forbidden(from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) {
      const byte = this.#bytes[at];
      if (byte === octet.nul || byte === octet.carriageReturn) return !this.#control(byte);
    }
    return false;
  }

  /** Names the fault of an octet that may not stand where it was found. Always false. */
  #control(byte: number): false {
    this.#fault = byte === octet.nul ? 'nul' : byte === octet.carriageReturn ? 'bare-line-end' : 'syntax';
    return false;
  }
}

function bracketed(table: NameTable, bytes: Buffer, from: number, open: number): string {
  return knownBracketed.get(table.name(bytes, from, open)) ?? `${table.name(bytes, from, open)}[]`;
}
const knownBracketed = new Map([
  ['BODY', 'BODY[]'],
  ['BINARY', 'BINARY[]'],
  ['BINARY.SIZE', 'BINARY.SIZE[]'],
]);

function isNil(bytes: Buffer, from: number, to: number): boolean {
  if (to - from !== 3) return false;
  return (
    ((bytes[from] ?? 0) & 0x5f) === 78 &&
    ((bytes[from + 1] ?? 0) & 0x5f) === 73 &&
    ((bytes[from + 2] ?? 0) & 0x5f) === 76
  );
}
