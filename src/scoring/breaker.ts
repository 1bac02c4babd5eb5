/** Leaves a failing backend alone for a while, so that every message does not wait for the same dead server. */
import { limits } from '../runtime/limits.js';

export class Breaker {
  readonly #now: () => number;
  #failures = 0;
  #openedMs = 0;
  #openUntilMs = 0;
  #trial = false;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the backend may be asked. After a pause one question is let through; its answer decides. */
  admit(): boolean {
    if (this.#failures < limits.scoring.breakerFailures) return true;
    if (this.#trial || this.#now() < this.#openUntilMs) return false;
    this.#trial = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#trial = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#trial = false;
    if (this.#failures < limits.scoring.breakerFailures) return;
    this.#openedMs = this.#now();
    this.#openUntilMs = this.#openedMs + limits.scoring.breakerPauseMs;
  }

  /** The server was found again at this moment: if that was after the last failure, there is nothing to wait for. */
  foundUp(atMs: number): void {
    if (this.#failures >= limits.scoring.breakerFailures && atMs > this.#openedMs) this.succeeded();
  }

  /** The question was withdrawn before it was answered, which says nothing about the backend. */
  withdrawn(): void {
    this.#trial = false;
  }

  /**
   * `open`: questions are refused. `half-open`: the next one is let through. A gate that called itself unready then
   * would be sent no mail, and so never ask it.
   */
  get state(): 'closed' | 'half-open' | 'open' {
    if (this.#failures < limits.scoring.breakerFailures) return 'closed';
    return this.#now() < this.#openUntilMs ? 'open' : 'half-open';
  }
}
