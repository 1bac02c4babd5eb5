/**
 * One header block, read line by line as its bytes arrive: where fields start and end, and what is odd about them. It
 * knows RFC 5322 §2.2 syntax and no field's meaning.
 */
import { limits } from '../runtime/limits.js';
import type { ProblemCode } from './problem.js';

/** Offsets are relative to the block's first byte. */
export interface Field {
  /** as written, blanks before the colon removed */
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  /** behind the line end of the last continuation line */
  readonly end: number;
}

/** what happened to a block: still reading, ended by its empty line, ended by a delimiter, or given up */
export type HeaderState = 'reading' | 'complete' | 'delimiter' | 'overflow';

/** RFC 5322 §2.1.1 */
const lineOctets = 998;
const hugeLineOctets = 65_536;
const firstStepBytes = 1024;
/** bytes behind a colon that tell a field from a list of names */
const hiddenValueBytes = 200;
/** signature fields list field names on their continuation lines, which is no attempt to hide a field */
const listsFieldNames = /(?:signature|seal|-results)$/i;
const hiddenField = /^[ \t]+(?:content-(?:type|transfer-encoding|disposition)|mime-version)[ \t]*:/i;
/** a field with a value of its own, which no list of names has: a type, an encoding or a disposition */
const wholeField =
  /content-(?:type|transfer-encoding|disposition)[ \t]{0,64}:[ \t"]{0,64}(?:[a-z0-9.+-]{1,40}\/[a-z0-9]|base64|quoted|uuencode|x-|7bit|8bit|binary|attachment|inline)/i;
const mimeName = /ontent-|mime-v/i;
/** letters, digits and `-`: all that a name of interest is made of */
const nameBytes = new Uint8Array(128);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-') nameBytes[char.charCodeAt(0)] = 1;

const empty: Buffer = Buffer.alloc(0);

/** Reads one block. Reusable through `reset`; `raw` is then overwritten. */
export class HeaderReader {
  raw: Buffer = Buffer.allocUnsafe(2048);
  fields: Field[] = [];
  state: HeaderState = 'reading';
  /** length of the block, including the empty line when it is complete */
  end = 0;
  /** bytes read: behind the delimiter line when one ended the block, else the same as `end` */
  consumed = 0;
  /** where the empty line (or the missing rest) begins */
  fieldsEnd = 0;
  readonly problems = new Set<ProblemCode>();
  /** line ends seen in all blocks so far; not reset */
  bareLf = false;
  crlf = false;
  #length = 0;
  #lineStart = 0;
  #scanned = 0;
  #colon = -1;
  #name = '';
  #fieldStart = -1;
  #valueStart = 0;
  #fieldEnd = 0;
  #lines = 0;
  readonly #isDelimiter: (raw: Buffer, start: number, end: number) => boolean;

  /** @param isDelimiter whether a whole line, line end included, is a delimiter of an open multipart */
  constructor(isDelimiter: (raw: Buffer, start: number, end: number) => boolean) {
    this.#isDelimiter = isDelimiter;
  }

  reset(): void {
    if (this.raw.length > 65_536) this.raw = empty;
    this.fields = [];
    this.state = 'reading';
    this.end = 0;
    this.consumed = 0;
    this.fieldsEnd = 0;
    this.problems.clear();
    this.#length = 0;
    this.#lineStart = 0;
    this.#scanned = 0;
    this.#colon = -1;
    this.#fieldStart = -1;
    this.#lines = 0;
  }

  /** Reads from `chunk` at `at`; returns where the block ended, or the chunk's length. */
  write(chunk: Buffer, at: number): number {
    let step = firstStepBytes;
    let from = at;
    while (from < chunk.length && this.state === 'reading') {
      const before = this.#length;
      // Exactly up to the bound, so that the result does not depend on how the input was split.
      const count = Math.min(step, chunk.length - from, limits.mime.headerBytes - before);
      this.#reserve(count);
      chunk.copy(this.raw, before, from, from + count);
      this.#length = before + count;
      this.#scan();
      if (this.state !== 'reading') return from + (this.consumed - before);
      from += count;
      step *= 2;
    }
    return from;
  }

  /** Gives the block's bytes away; the next block gets its own buffer. Only after the block ended. */
  takeRaw(): Buffer {
    const taken = this.raw.subarray(0, this.consumed);
    this.raw = empty;
    return taken;
  }

  /** The message ended inside the block. */
  finish(): void {
    if (this.state !== 'reading') return;
    if (this.#lineStart < this.#length) this.#line(this.#length);
    // RFC 5322 §3.5: a message may end behind its header
    if (this.state === 'reading') this.#complete(this.#length, this.#length, 'complete');
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.raw.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.raw.length * 2, this.#length + count, 512));
    this.raw.copy(grown, 0, 0, this.#length);
    this.raw = grown;
  }

  #scan(): void {
    const { raw } = this;
    const length = this.#length;
    let at = this.#scanned;
    while (at < length) {
      const byte = raw[at] as number; // at < length
      at += 1;
      if (byte > 0x3a && byte < 0x80) continue;
      if (byte === 0x0a) {
        this.#scanned = at;
        this.#line(at);
        if (this.state !== 'reading') return;
      } else if (byte === 0x3a) {
        if (this.#colon < 0) this.#colon = at - 1;
      } else if (byte === 0) {
        this.problems.add('header-nul');
      } else if (byte >= 0x80) {
        this.problems.add('header-8bit');
      } else if (byte === 0x0d) {
        if (at < length && raw[at] !== 0x0a) this.problems.add('header-bare-cr');
      } else if (byte < 0x20 && (byte === 0x0b || byte === 0x0c || (byte >= 0x1c && byte <= 0x1e))) {
        this.problems.add('header-control');
      }
    }
    // A CR at the end of what is here is judged with the next bytes.
    this.#scanned = length > this.#lineStart && raw[length - 1] === 0x0d ? length - 1 : length;
    if (length >= limits.mime.headerBytes) {
      this.problems.add('header-too-long');
      this.#complete(this.#lineStart, length, 'overflow');
    }
  }

  /** One line, `end` behind its line end. */
  #line(end: number): void {
    const { raw } = this;
    const start = this.#lineStart;
    const bareLf = raw[end - 1] === 0x0a && (end - 2 < start || raw[end - 2] !== 0x0d);
    if (raw[end - 1] === 0x0a) {
      if (bareLf) this.bareLf = true;
      else this.crlf = true;
    }
    const length = end - start;
    if (raw[end - 1] === 0x0a && length === (bareLf ? 1 : 2)) {
      this.#complete(start, end, 'complete');
      return;
    }
    if (raw[start] === 0x2d && raw[start + 1] === 0x2d && this.#isDelimiter(raw, start, end)) {
      this.#complete(start, start, 'delimiter');
      this.consumed = end;
      return;
    }
    this.#lines += 1;
    if (length > lineOctets + 2) this.#longLine(start, end);
    if (raw[start] === 0x20 || raw[start] === 0x09) this.#continuation(start, end);
    else this.#field(start, end);
    this.#lineStart = end;
    this.#colon = -1;
  }

  /** Readers that cut such a line may take the rest for lines of their own. */
  #longLine(start: number, end: number): void {
    this.problems.add(end - start > hugeLineOctets ? 'header-line-huge' : 'header-line-long');
    if (wholeField.test(this.raw.toString('latin1', start + 1, end))) this.problems.add('header-hidden-field');
  }

  #continuation(start: number, end: number): void {
    if (this.#fieldStart < 0) this.problems.add('header-leading-fold');
    else this.#fieldEnd = end;
    let at = start;
    while (at < end && (isBlank(this.raw[at]) || this.raw[at] === 0x0d || this.raw[at] === 0x0a)) at += 1;
    if (at === end) this.problems.add('header-blank-fold');
    if (this.#colon < 0) return;
    const byte = (this.raw[at] ?? 0) | 0x20;
    if (byte !== 0x63 && byte !== 0x6d) return;
    const text = this.raw.toString('latin1', start, Math.min(end, this.#colon + hiddenValueBytes));
    if (!hiddenField.test(text)) return;
    if (!listsFieldNames.test(this.#name) || wholeField.test(text)) this.problems.add('header-hidden-field');
  }

  #field(start: number, end: number): void {
    this.#endField();
    const { raw } = this;
    const colon = this.#colon;
    if (colon <= start) {
      const mbox = this.#lines === 1 && raw.toString('latin1', start, start + 5) === 'From ';
      this.problems.add(mbox ? 'header-mbox-line' : 'header-no-colon');
      return;
    }
    if (this.#lines === 1 && raw.toString('latin1', start, start + 5) === 'From ') {
      this.problems.add('header-mbox-line');
      return;
    }
    let nameEnd = colon;
    while (nameEnd > start && isBlank(raw[nameEnd - 1])) nameEnd -= 1;
    if (nameEnd < colon) this.problems.add('header-name-space');
    let odd = false;
    for (let at = start; at < nameEnd; at += 1) {
      const byte = raw[at] as number; // at < nameEnd
      if (nameBytes[byte] === 1) continue;
      odd = true;
      if (byte <= 0x20 || byte >= 0x7f) {
        // Words with blanks in front of a colon are prose, not a field that someone tried to hide.
        this.problems.add(byte === 0x20 ? 'header-no-colon' : 'header-name-invalid');
        break;
      }
    }
    this.#name = raw.toString('latin1', start, nameEnd);
    // Comments, quotes and the like are legal in a name, but some readers take them off.
    if (odd && mimeName.test(this.#name)) this.problems.add('header-name-invalid');
    this.#fieldStart = start;
    this.#valueStart = colon + 1;
    this.#fieldEnd = end;
  }

  #endField(): void {
    if (this.#fieldStart < 0) return;
    if (this.fields.length >= limits.mime.headerFieldsMax) {
      this.problems.add('header-too-long');
    } else {
      this.fields.push({
        name: this.#name,
        start: this.#fieldStart,
        valueStart: this.#valueStart,
        end: this.#fieldEnd,
      });
    }
    this.#fieldStart = -1;
  }

  #complete(fieldsEnd: number, end: number, state: HeaderState): void {
    this.#endField();
    this.fieldsEnd = fieldsEnd;
    this.end = end;
    this.consumed = end;
    this.state = state;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** A field's body without folding (RFC 5322 §2.2.3), one character per byte, outer blanks removed. */
export function unfold(raw: Buffer, field: Field): string {
  const text = raw.toString('latin1', field.valueStart, field.end);
  return trimBlanks(text.indexOf('\n') === text.length - 1 ? text : text.replace(/\r?\n(?=[ \t])/g, ''));
}

/** Without the blanks and line ends around it; unlike `trim`, no control or 8-bit characters. Linear, unlike a pattern. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** Bytes held as latin1 text, read as UTF-8 (RFC 6532) when they are valid UTF-8, else as they are. */
export function decodeRaw(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}
