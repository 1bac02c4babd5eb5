/** Bytes from the client that were received and not yet understood, cut into lines on demand. */

export type InputLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'incomplete' }
  /** longer than allowed; the rest of it is skipped as it arrives */
  | { readonly kind: 'too-long' };

export class InputBuffer {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #skipping = false;

  get length(): number {
    return this.#bytes.length - this.#at;
  }

  add(chunk: Buffer): void {
    this.#bytes = this.length === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next line with its end, as latin1 so that every octet survives. */
  line(maxBytes: number): InputLine {
    for (;;) {
      const end = this.#bytes.indexOf(10, this.#at);
      const length = (end === -1 ? this.#bytes.length : end + 1) - this.#at;
      if (this.#skipping) {
        this.#at += length;
        if (end === -1) return { kind: 'incomplete' };
        this.#skipping = false;
        continue;
      }
      if (length > maxBytes) {
        this.#at += length;
        this.#skipping = end === -1;
        return { kind: 'too-long' };
      }
      if (end === -1) return { kind: 'incomplete' };
      const text = this.#bytes.toString('latin1', this.#at, end + 1);
      this.#at = end + 1;
      return { kind: 'line', text };
    }
  }

  /** Lets `take` consume from the front; it returns the index behind what it took. */
  consume(take: (bytes: Buffer, from: number) => number): void {
    this.#at = take(this.#bytes, this.#at);
    if (this.#at >= this.#bytes.length) this.clear();
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
    this.#skipping = false;
  }
}
