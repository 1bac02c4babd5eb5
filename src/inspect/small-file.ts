/**
 * The decoded bytes of the small file that the main thread looks at. There is one at a time, so the memory is the same
 * for all of them; what `content` gave is overwritten by the next.
 */
import { decodedBytesMax } from '../mime/base64.js';
import { limits } from '../runtime/limits.js';
import type { Keeping } from './examine.js';

export class SmallFile implements Keeping {
  readonly opens = false;
  #memory = Buffer.allocUnsafeSlow(4096);
  #length = 0;

  /** @param encodedBytes of the file that comes; no encoding makes it longer */
  begin(encodedBytes: number): void {
    const bytes = Math.max(encodedBytes, decodedBytesMax(encodedBytes));
    // Memory for the largest is taken once there is one.
    if (bytes > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, limits.inspect.inlineBytes));
    this.#length = 0;
  }

  write(decoded: Buffer): void {
    this.#memory.set(decoded, this.#length);
    this.#length += decoded.length;
  }

  get content(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  readonly whole = (): Buffer => this.content;
}
