/**
 * Bytes of a member gathered while they are decoded, as long as the budget has memory for them. A large member gets one
 * block as large as it may become: the system hands out its pages only as they are filled, and nothing is copied.
 */
import { limits } from '../../runtime/limits.js';
import type { OpenBudget } from './budget.js';

const empty: Buffer = Buffer.alloc(0);
const firstBytes = 16_384;
/** above this a block is no longer doubled */
const smallBytes = 1_048_576;

export class HeldBytes {
  readonly #budget: OpenBudget;
  #memory: Buffer = empty;
  #length = 0;
  #dropped = false;

  constructor(budget: OpenBudget) {
    this.#budget = budget;
  }

  /** False, and all is let go of, when there is no memory for it. */
  write(chunk: Uint8Array): boolean {
    if (this.#dropped) return false;
    const needed = this.#length + chunk.length;
    if (!this.#budget.hold(chunk.length) || needed > limits.open.heldBytes) {
      this.drop();
      this.#dropped = true;
      return false;
    }
    if (needed > this.#memory.length) this.#grow(needed);
    this.#memory.set(chunk, this.#length);
    this.#length = needed;
    return true;
  }

  #grow(needed: number): void {
    const small = Math.max(firstBytes, needed, this.#memory.length * 2);
    const grown = Buffer.allocUnsafeSlow(small <= smallBytes ? small : limits.open.heldBytes);
    grown.set(this.#memory.subarray(0, this.#length));
    this.#memory = grown;
  }

  /** All bytes; undefined when there were more than memory was left for. */
  get content(): Buffer | undefined {
    return this.#dropped ? undefined : this.#memory.subarray(0, this.#length);
  }

  drop(): void {
    this.#budget.release(this.#length);
    this.#memory = empty;
    this.#length = 0;
  }
}
