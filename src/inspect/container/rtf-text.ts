/**
 * Walks an RTF text once and collects what matters in it: the data of objects, the text of templates and of field
 * instructions. It is as forgiving as Word, whose leniency is what attacks are made of.
 */

export type RtfKind = 'object' | 'template' | 'field';

/** What was collected from one group. */
export interface RtfFinding {
  readonly kind: RtfKind;
  /** for objects the bytes that the digits stand for, else text */
  readonly content: Buffer;
  /** the same without what stood in groups of their own, which some readers pass over */
  readonly outer: Buffer;
}

/** groups collected at a time, one in the other; honest texts have one */
const collectorsMax = 3;
/** letters of a control word; longer ones are none to Word either */
const wordLettersMax = 32;

/** destinations by their control word */
const destinations: ReadonlyMap<string, RtfKind> = new Map([
  ['objdata', 'object'],
  ['template', 'template'],
  ['fldinst', 'field'],
]);

interface Collector {
  readonly kind: RtfKind;
  readonly depth: number;
  readonly all: GrowingBytes;
  /** without what stands in inner groups; kept from the first of them on */
  own: GrowingBytes | undefined;
}

export class RtfWalk {
  readonly findings: RtfFinding[] = [];
  /** the text asks for objects to be loaded while it is opened */
  updates = false;
  /** there was more than is collected */
  cut = false;
  readonly #content: Buffer;
  readonly #findingsMax: number;
  readonly #open: Collector[] = [];
  #depth = 0;

  constructor(content: Buffer, findingsMax: number) {
    this.#content = content;
    this.#findingsMax = findingsMax;
  }

  run(): this {
    const content = this.#content;
    for (let at = 0; at < content.length; ) {
      const byte = content[at] ?? 0;
      at += 1;
      if (byte === 0x5c) at = this.#control(at);
      else if (byte === 0x7b) this.#depth += 1;
      else if (byte === 0x7d) this.#closeGroup();
      else if (this.#open.length > 0) this.#put(byte);
    }
    while (this.#open.length > 0) this.#finish();
    return this;
  }

  #closeGroup(): void {
    while (this.#open.length > 0 && (this.#open[this.#open.length - 1]?.depth ?? 0) >= this.#depth) this.#finish();
    this.#depth -= 1;
  }

  #finish(): void {
    const collector = this.#open.pop();
    if (collector === undefined) return;
    const { kind, all, own } = collector;
    const bytes = (taken: GrowingBytes) => (kind === 'object' ? joined(taken.bytes) : Buffer.from(taken.bytes));
    const content = bytes(all);
    this.findings.push({ kind, content, outer: own === undefined ? content : bytes(own) });
  }

  /** Objects are collected as the values of their hexadecimal digits; everything else between them is passed over. */
  #put(byte: number): void {
    for (const collector of this.#open) {
      const value = collector.kind === 'object' ? digitValue(byte) : byte;
      if (value !== -1) this.#take(collector, value);
    }
  }

  #putRaw(byte: number): void {
    for (const collector of this.#open) {
      if (collector.kind === 'object') this.#take(collector, byte >> 4);
      this.#take(collector, collector.kind === 'object' ? byte & 15 : byte);
    }
  }

  #take(collector: Collector, value: number): void {
    if (collector.depth !== this.#depth) collector.own ??= collector.all.copy();
    else collector.own?.put(value);
    collector.all.put(value);
  }

  #putText(byte: number): void {
    for (const collector of this.#open) if (collector.kind !== 'object') this.#take(collector, byte);
  }

  /** @param at behind the backslash; returns where the text goes on */
  #control(at: number): number {
    const content = this.#content;
    const first = content[at] ?? 0;
    if (!isLetter(first)) {
      if (first !== 0x27) {
        if (first === 0x5c || first === 0x7b || first === 0x7d) this.#putText(first);
        return at + 1;
      }
      // Word passes over the two characters in an object; in a text they are one letter.
      const value = (digitValue(content[at + 1] ?? 0) << 4) | digitValue(content[at + 2] ?? 0);
      if (value >= 0) this.#putText(value);
      return at + 3;
    }
    let end = at;
    while (end < at + wordLettersMax && isLetter(content[end] ?? 0)) end += 1;
    const word = content.toString('latin1', at, end);
    const start = end;
    if (content[end] === 0x2d) end += 1;
    while (end < start + wordLettersMax && isDigit(content[end] ?? 0)) end += 1;
    const value = Number(content.toString('latin1', start, end));
    if (content[end] === 0x20) end += 1;
    return this.#word(word, value, end);
  }

  #word(word: string, value: number, at: number): number {
    if (word === 'bin') {
      // More bytes than there are is no count to Word either.
      const stop = value > 0 && at + value <= this.#content.length ? at + value : at;
      if (this.#open.length > 0) for (let index = at; index < stop; index += 1) this.#putRaw(this.#content[index] ?? 0);
      return stop;
    }
    if (word === 'u') {
      this.#putText(value & 0xff);
      return at;
    }
    if (word === 'objupdate' || word === 'objautlink') this.updates = true;
    const kind = destinations.get(word);
    if (kind === undefined) return at;
    if (this.findings.length + this.#open.length >= this.#findingsMax) this.cut = true;
    else if (this.#open.length < collectorsMax) {
      this.#open.push({ kind, depth: this.#depth, all: new GrowingBytes(), own: undefined });
    }
    return at;
  }
}

class GrowingBytes {
  #bytes = new Uint8Array(256);
  length = 0;

  put(byte: number): void {
    if (this.length === this.#bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.length] = byte;
    this.length += 1;
  }

  copy(): GrowingBytes {
    const copy = new GrowingBytes();
    copy.#bytes = this.#bytes.slice();
    copy.length = this.length;
    return copy;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

function joined(digits: Uint8Array): Buffer {
  const bytes = Buffer.alloc(digits.length >> 1);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = ((digits[at * 2] ?? 0) << 4) | (digits[at * 2 + 1] ?? 0);
  return bytes;
}

const isLetter = (byte: number): boolean => (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

function digitValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
