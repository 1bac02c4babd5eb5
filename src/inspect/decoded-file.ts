/**
 * Where a thread gathers the decoded bytes of the one file it works on. The memory is kept from file to file, since
 * fresh memory costs more than filling it. Of a file that is too large only both ends are kept.
 */
import { limits } from '../runtime/limits.js';

const empty: Buffer = Buffer.alloc(0);

export class DecodedFile {
  #memory: Buffer = empty;
  #length = 0;
  #tail: Buffer = empty;
  #whole = true;

  /** Begins another file; what `content` gave before is overwritten. @param bytes expected */
  begin(bytes: number): void {
    if (this.#memory.length > limits.inspect.keptBytes) this.#memory = empty;
    this.#length = 0;
    this.#tail = empty;
    this.#whole = true;
    this.#reserve(Math.min(bytes, limits.open.heldBytes));
  }

  write(decoded: Buffer): void {
    if (this.#whole && this.#length + decoded.length > limits.open.heldBytes) this.#whole = false;
    if (!this.#whole) {
      const joined = Buffer.concat([this.#tail, decoded.subarray(-limits.inspect.largeFileEndBytes)]);
      this.#tail = Buffer.from(joined.subarray(-limits.inspect.largeFileEndBytes));
      return;
    }
    this.#reserve(this.#length + decoded.length);
    this.#memory.set(decoded, this.#length);
    this.#length += decoded.length;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#memory.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, this.#memory.length * 2));
    grown.set(this.#memory.subarray(0, this.#length));
    this.#memory = grown;
  }

  /** all bytes; undefined when they were too many */
  get content(): Buffer | undefined {
    return this.#whole ? this.#memory.subarray(0, this.#length) : undefined;
  }

  /** beginning and end of a file that was too large */
  get ends(): Buffer {
    return Buffer.concat([this.#memory.subarray(0, limits.inspect.largeFileEndBytes), this.#tail]);
  }
}
