/** A member that begins with its first byte, so that an attempt at decoding that fails leaves none. */
import type { MemberWriter } from './opener.js';

export class LazyMember {
  readonly #start: () => MemberWriter | undefined;
  #writer: MemberWriter | undefined;
  started = false;

  constructor(start: () => MemberWriter | undefined) {
    this.#start = start;
  }

  /** A function of its own, as decoders take it. */
  write = (chunk: Uint8Array): boolean => {
    if (!this.started) {
      this.started = true;
      this.#writer = this.#start();
    }
    return this.#writer?.write(chunk) ?? false;
  };

  async end(): Promise<void> {
    await this.#writer?.end();
  }
}
