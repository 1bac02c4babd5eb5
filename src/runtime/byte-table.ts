/**
 * An immutable set of byte strings with the index of each, in flat buffers: a million e-mail addresses take some 40 MB
 * instead of the 150 MB of a Map of strings, and the garbage collector never looks inside. Knows nothing of what the keys mean.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { limits } from './limits.js';

/** Collects keys; indices count from 0 in the order of `add`. Of equal keys the first is found. */
export class ByteTableBuilder {
  #bytes = Buffer.allocUnsafe(4096);
  #used = 0;
  #starts = new Uint32Array(256);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The index of the new key, or -1 when the table is full (`limits.lists`). */
  add(key: Uint8Array): number {
    if (this.#count >= limits.lists.entriesMax || this.#used + key.length > limits.lists.keyBytesMax) return -1;
    while (this.#used + key.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#bytes.length * 2);
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    if (this.#count + 2 > this.#starts.length) {
      const larger = new Uint32Array(this.#starts.length * 2);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    this.#bytes.set(key, this.#used);
    this.#used += key.length;
    this.#count += 1;
    this.#starts[this.#count] = this.#used;
    return this.#count - 1;
  }

  /** Builds the table in slices, so that a big one never holds the event loop for long. The builder is used up. */
  async finish(): Promise<ByteTable> {
    let size = 4;
    while (size < this.#count * 1.5) size *= 2;
    const slots = new Uint32Array(size);
    const starts = this.#starts.slice(0, this.#count + 1);
    const bytes = this.#copyBytes();
    const table = new ByteTable(bytes, starts, slots);
    const version = createHash('sha256');
    let told = 0;
    const tell = (end: number) => {
      version.update(starts.subarray(told, end + 1)).update(bytes.subarray(starts[told], starts[end]));
      told = end;
    };
    for (let index = 0; index < this.#count; index += 1) {
      table.place(index);
      if (index % limits.lists.buildSlice !== limits.lists.buildSlice - 1) continue;
      tell(index + 1);
      await turn();
    }
    tell(this.#count);
    table.version = version.digest('hex').slice(0, 16);
    return table;
  }

  #copyBytes(): Buffer {
    const exact = Buffer.allocUnsafeSlow(this.#used);
    this.#bytes.copy(exact, 0, 0, this.#used);
    return exact;
  }
}

/** Open addressing with linear probing over `slots`, which hold index + 1; at most two thirds of them are in use. */
export class ByteTable {
  readonly #bytes: Buffer;
  readonly #starts: Uint32Array;
  readonly #slots: Uint32Array;
  /** changes with every key and with their order */
  version = '';

  constructor(bytes: Buffer, starts: Uint32Array, slots: Uint32Array) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#slots = slots;
  }

  get count(): number {
    return this.#starts.length - 1;
  }

  /** memory held, without the few objects around it */
  get heldBytes(): number {
    return this.#bytes.length + this.#starts.byteLength + this.#slots.byteLength;
  }

  /** Index of the key that equals bytes `start` to `end` of `source`, or -1. */
  find(source: Uint8Array, start: number, end: number): number {
    if (this.count === 0) return -1;
    const mask = this.#slots.length - 1;
    for (let slot = hash(source, start, end) & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index < 0 || this.#equals(index, source, start, end)) return index;
    }
  }

  /** A view of the key's bytes; do not write to it. */
  keyAt(index: number): Buffer {
    return this.#bytes.subarray(this.#starts[index], this.#starts[index + 1]);
  }

  /** For the builder alone: enters a key unless an equal one is there. */
  place(index: number): void {
    const mask = this.#slots.length - 1;
    const start = this.#starts[index] ?? 0;
    const end = this.#starts[index + 1] ?? 0;
    let slot = hash(this.#bytes, start, end) & mask;
    while (this.#slots[slot] !== 0) {
      if (this.#equals((this.#slots[slot] ?? 0) - 1, this.#bytes, start, end)) return;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = index + 1;
  }

  #equals(index: number, source: Uint8Array, start: number, end: number): boolean {
    const from = this.#starts[index] ?? 0;
    if ((this.#starts[index + 1] ?? 0) - from !== end - start) return false;
    for (let offset = end - start - 1; offset >= 0; offset -= 1) {
      if (this.#bytes[from + offset] !== source[start + offset]) return false;
    }
    return true;
  }
}

/** FNV-1a with a final mix, as its low bits alone are weak. The keys come from the administrator's files, so no secret seed is needed. */
function hash(source: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let at = start; at < end; at += 1) value = Math.imul(value ^ (source[at] ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return value ^ (value >>> 13);
}
