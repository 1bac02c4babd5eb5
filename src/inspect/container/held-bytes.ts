/** Bytes of a member gathered while they are decoded, as long as the budget has memory for them. */
import type { OpenBudget } from './budget.js';

const empty: Buffer = Buffer.alloc(0);
const firstBytes = 16_384;

export class HeldBytes {
  readonly #budget: OpenBudget;
  #memory: Buffer = empty;
  #length = 0;
  #dropped = false;

  constructor(budget: OpenBudget) {
    this.#budget = budget;
  }

  write(chunk: Uint8Array): void {
    if (this.#dropped) return;
    const needed = this.#length + chunk.length;
    if (needed > this.#memory.length && !this.#grow(needed)) {
      this.drop();
      this.#dropped = true;
      return;
    }
    this.#memory.set(chunk, this.#length);
    this.#length = needed;
  }

  #grow(needed: number): boolean {
    const size = Math.max(firstBytes, needed, this.#memory.length * 2);
    const exact = this.#budget.hold(size) ? size : this.#budget.hold(needed) ? needed : 0;
    if (exact === 0) return false;
    const grown = Buffer.allocUnsafeSlow(exact);
    grown.set(this.#memory.subarray(0, this.#length));
    this.#budget.release(this.#memory.length);
    this.#memory = grown;
    return true;
  }

  /** All bytes; undefined when there were more than memory was left for. */
  get content(): Buffer | undefined {
    return this.#dropped ? undefined : this.#memory.subarray(0, this.#length);
  }

  drop(): void {
    this.#budget.release(this.#memory.length);
    this.#memory = empty;
    this.#length = 0;
  }
}
