/**
 * A fixed number of places, handed out in the order in which they were asked for. Waiting for one is bounded in time,
 * so that a busy server is told apart from one that does not answer.
 */
export type SlotWait =
  | { readonly kind: 'slot'; readonly release: () => void }
  | { readonly kind: 'busy' }
  | { readonly kind: 'aborted' };

export class Slots {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Never rejects. `busy` when no place came free within `waitMs`. */
  async take(waitMs: number, signal: AbortSignal): Promise<SlotWait> {
    if (signal.aborted) return { kind: 'aborted' };
    if (this.#used < this.#max) return this.#slot();
    return new Promise((resolve) => {
      const settle = (result: () => SlotWait): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        this.#waiting.delete(granted);
        resolve(result());
      };
      const granted = (): void => settle(() => this.#slot());
      const aborted = (): void => settle(() => ({ kind: 'aborted' }));
      const timer = setTimeout(() => settle(() => ({ kind: 'busy' })), waitMs);
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiting.add(granted);
    });
  }

  #slot(): SlotWait {
    this.#used += 1;
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#used -= 1;
      const [next] = this.#waiting;
      next?.();
    };
    return { kind: 'slot', release };
  }
}
