/**
 * The objects of a PDF file (ISO 32000-1 §7.3) as values, read from any place in it. It follows no cross-reference
 * table, as readers repair broken ones: whoever wants all objects looks for all of them. Broken syntax ends a value,
 * it never throws.
 */

/** A name without its slash, `#xx` undone. */
export class PdfName {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export class PdfReference {
  readonly number: number;
  readonly generation: number;
  constructor(number: number, generation: number) {
    this.number = number;
    this.generation = generation;
  }
}

/** Keys may be repeated, and readers differ in which one they take. */
export class PdfDictionary {
  readonly entries: (readonly [string, PdfValue])[] = [];

  get(key: string): PdfValue {
    return this.entries.find(([name]) => name === key)?.[1];
  }

  all(key: string): PdfValue[] {
    return this.entries.filter(([name]) => name === key).map(([, value]) => value);
  }

  /** Whether some value of the key is this name. */
  is(key: string, name: string): boolean {
    return this.entries.some(([one, value]) => one === key && value instanceof PdfName && value.text === name);
  }
}

/** Strings are their bytes; undefined is null, or nothing that could be read. */
export type PdfValue =
  | undefined
  | number
  | boolean
  | Buffer
  | PdfName
  | PdfReference
  | PdfDictionary
  | readonly PdfValue[];

/** nesting of arrays and dictionaries that is followed */
const depthMax = 64;
/** values in one object; more would cost a hundred times the memory of their bytes */
const valuesMax = 500_000;
/** bytes of a name; ISO 32000-1 Annex C says 127 */
const nameBytesMax = 512;

const space = new Set([0, 9, 10, 12, 13, 32]);
const delimiters = new Set(Buffer.from('()<>[]{}/%', 'latin1'));
const isRegular = (byte: number): boolean => !space.has(byte) && !delimiters.has(byte);

/** What `value` gives at a closing bracket, `endobj` and the like, so that the caller ends too. */
const end = Symbol('end');
type Parsed = PdfValue | typeof end;

export class PdfParser {
  readonly #bytes: Buffer;
  /** where the next value begins */
  at: number;
  #valuesLeft = valuesMax;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** The value at this place; undefined when there is none. */
  read(): PdfValue {
    const value = this.#value(0);
    return value === end ? undefined : value;
  }

  /** The bound of values was reached, so that something may be missing. */
  get cut(): boolean {
    return this.#valuesLeft < 0;
  }

  /** Whether this word stands here, behind blanks; it is passed when it does. */
  passes(word: string): boolean {
    this.#skip();
    if (this.#bytes.toString('latin1', this.at, this.at + word.length) !== word) return false;
    this.at += word.length;
    return true;
  }

  #skip(): void {
    for (;;) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) return;
      if (byte === 0x25) {
        while (this.at < this.#bytes.length && this.#bytes[this.at] !== 10 && this.#bytes[this.at] !== 13) this.at += 1;
      } else if (space.has(byte)) this.at += 1;
      else return;
    }
  }

  #value(depth: number): Parsed {
    this.#skip();
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) return end;
    const byte = this.#bytes[this.at];
    switch (byte) {
      case undefined:
        return end;
      case 0x2f:
        this.at += 1;
        return new PdfName(this.#name());
      case 0x28:
        return this.#literalString();
      case 0x3c:
        return this.#bytes[this.at + 1] === 0x3c ? this.#dictionary(depth) : this.#hexString();
      case 0x5b:
        return this.#array(depth);
      case 0x5d:
      case 0x3e:
      case 0x29:
      case 0x7b:
      case 0x7d:
        return end;
      default:
        return this.#wordOrNumber();
    }
  }

  #wordOrNumber(): Parsed {
    const start = this.at;
    const number = this.#number();
    if (number === undefined) {
      const word = this.#regular(start, 16);
      switch (word) {
        case 'true':
        case 'false':
          return word === 'true';
        case 'null':
          return undefined;
        default:
          // `endobj`, `obj`, `stream` and the like: what was begun before ends here.
          if (/^(?:end|obj|stream|xref|trailer|startxref)/.test(word)) this.at = start;
          return /^(?:end|obj|stream|xref|trailer|startxref)/.test(word) ? end : undefined;
      }
    }
    const after = this.at;
    this.#skip();
    const generation = this.#number();
    if (generation !== undefined) {
      this.#skip();
      const next = this.#bytes[this.at + 1];
      if (this.#bytes[this.at] === 0x52 && (next === undefined || !isRegular(next))) {
        this.at += 1;
        return new PdfReference(number, generation);
      }
    }
    this.at = after;
    return number;
  }

  /** A number of at most 32 characters; undefined and unmoved when there is none. */
  #number(): number | undefined {
    let stop = this.at;
    while (stop < this.at + 32) {
      const byte = this.#bytes[stop] ?? 0;
      if ((byte < 0x30 || byte > 0x39) && byte !== 0x2b && byte !== 0x2d && byte !== 0x2e) break;
      stop += 1;
    }
    if (stop === this.at) return undefined;
    const number = Number.parseFloat(this.#bytes.toString('latin1', this.at, stop));
    this.at = stop;
    return Number.isNaN(number) ? 0 : number;
  }

  #regular(start: number, most: number): string {
    this.at = start;
    while (this.at < this.#bytes.length && isRegular(this.#bytes[this.at] ?? 0)) this.at += 1;
    return this.#bytes.toString('latin1', start, Math.min(this.at, start + most));
  }

  #name(): string {
    const raw = this.#regular(this.at, nameBytesMax);
    if (!raw.includes('#')) return raw;
    return raw.replace(/#([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  }

  #array(depth: number): PdfValue {
    this.at += 1;
    const values: PdfValue[] = [];
    if (depth >= depthMax) return values;
    for (;;) {
      const value = this.#value(depth + 1);
      if (value === end) break;
      values.push(value);
    }
    if (this.#bytes[this.at] === 0x5d) this.at += 1;
    return values;
  }

  #dictionary(depth: number): PdfValue {
    this.at += 2;
    const dictionary = new PdfDictionary();
    if (depth >= depthMax) return dictionary;
    for (;;) {
      const key = this.#value(depth + 1);
      if (key === end) break;
      // Junk between the entries is passed over, as readers do.
      if (!(key instanceof PdfName)) continue;
      const value = this.#value(depth + 1);
      if (value === end) break;
      dictionary.entries.push([key.text, value]);
    }
    if (this.#bytes[this.at] === 0x3e) this.at += this.#bytes[this.at + 1] === 0x3e ? 2 : 1;
    return dictionary;
  }

  #hexString(): Buffer {
    const close = this.#bytes.indexOf(0x3e, this.at);
    const stop = close === -1 ? this.#bytes.length : close;
    const digits = this.#bytes.toString('latin1', this.at + 1, stop).replace(/[^0-9a-fA-F]+/g, '');
    this.at = Math.min(this.#bytes.length, stop + 1);
    return Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex');
  }

  #literalString(): Buffer {
    const start = this.at + 1;
    let depth = 1;
    let stop = start;
    let escaped = false;
    for (; stop < this.#bytes.length; stop += 1) {
      const byte = this.#bytes[stop];
      if (byte === 0x5c) {
        escaped = true;
        stop += 1;
      } else if (byte === 0x28) depth += 1;
      else if (byte === 0x29) {
        depth -= 1;
        if (depth === 0) break;
      }
    }
    this.at = Math.min(this.#bytes.length, stop + 1);
    const raw = this.#bytes.subarray(start, Math.min(stop, this.#bytes.length));
    return escaped ? unescaped(raw) : Buffer.from(raw);
  }
}

const escapes: ReadonlyMap<number, number> = new Map([
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x62, 8],
  [0x66, 12],
]);

/** ISO 32000-1 §7.3.4.2, table 3 */
function unescaped(raw: Buffer): Buffer {
  const text = Buffer.alloc(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at += 1) {
    let byte = raw[at] ?? 0;
    if (byte === 0x5c) {
      at += 1;
      byte = raw[at] ?? 0;
      if (byte >= 0x30 && byte <= 0x37) {
        const digits = /^[0-7]{1,3}/.exec(raw.toString('latin1', at, at + 3))?.[0] ?? '0';
        at += digits.length - 1;
        byte = Number.parseInt(digits, 8) & 0xff;
      } else if (byte === 13 || byte === 10) {
        if (byte === 13 && raw[at + 1] === 10) at += 1;
        continue;
      } else byte = escapes.get(byte) ?? byte;
    }
    text[length] = byte;
    length += 1;
  }
  return text.subarray(0, length);
}

/** A text string (ISO 32000-1 §7.9.2.2): UTF-16 or UTF-8 with a mark, else one byte a letter. */
export function pdfText(bytes: Buffer): string {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.toString('utf8', 3);
  return bytes.toString('latin1');
}
