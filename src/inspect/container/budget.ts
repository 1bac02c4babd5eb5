/** What may still be spent on opening one leaf, with all that is nested in it: bytes, members, memory and time. */
import { limits } from '../../runtime/limits.js';

export class OpenBudget {
  readonly #deadlineMs: number;
  readonly #now: () => number;
  #bytesLeft: number;
  #heldLeft: number = limits.open.heldBytes;
  #membersLeft: number = limits.open.membersMax;
  #detectionsLeft: number = limits.open.detectionsMax;
  #over = false;

  /** @param rootBytes of the leaf; what may come out of it depends on that; @param now milliseconds, monotonic */
  constructor(rootBytes: number, now: () => number) {
    const byRatio = Math.max(rootBytes * limits.open.ratioMax, limits.open.ratioFreeBytes);
    this.#bytesLeft = Math.min(byRatio, limits.open.totalBytes);
    this.#now = now;
    this.#deadlineMs = now() + limits.open.timeMs;
  }

  get bytesLeft(): number {
    return this.#over ? 0 : this.#bytesLeft;
  }

  /** some bound was reached; nothing more is taken */
  get over(): boolean {
    if (!this.#over && this.#now() > this.#deadlineMs) this.#over = true;
    return this.#over;
  }

  /** Counts decoded bytes; false, and nothing is counted, when there are more than are left. */
  takeBytes(count: number): boolean {
    if (this.over) return false;
    if (count > this.#bytesLeft) {
      this.#over = true;
      return false;
    }
    this.#bytesLeft -= count;
    return true;
  }

  takeMember(): boolean {
    if (this.over) return false;
    if (this.#membersLeft === 0) {
      this.#over = true;
      return false;
    }
    this.#membersLeft -= 1;
    return true;
  }

  /** Whether libmagic may be asked once more. */
  takeDetection(): boolean {
    this.#detectionsLeft -= 1;
    return this.#detectionsLeft >= 0;
  }

  /** Reserves memory for a file's bytes; false when there is none. Running out is no bound of its own. */
  hold(count: number): boolean {
    if (count > this.#heldLeft) return false;
    this.#heldLeft -= count;
    return true;
  }

  release(count: number): void {
    this.#heldLeft += count;
  }
}
