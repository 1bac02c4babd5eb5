/**
 * What all backends share whose engine is a server elsewhere: it is asked for a sign of life from time to time, and
 * everything under way ends when the backend is closed.
 */
import type { BackendHealth } from './backend.js';
import { healthAfter } from './health.js';

/** What a look at the server has shown; `detail` is its version, or what is wrong. */
export interface SignOfLife {
  readonly up: boolean;
  readonly detail: string;
}

export interface RemoteServerOptions {
  /** must not reject; asked for at once, and then by the clock */
  look(signal: AbortSignal): Promise<SignOfLife>;
  /** ms between two looks */
  readonly upMs: number;
  /** ms between two looks while it is away */
  readonly downMs: number;
}

export class RemoteServer {
  readonly #options: RemoteServerOptions;
  readonly #closing = new AbortController();
  readonly #running = new Set<() => void>();
  /** runs between two looks */
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;
  #health: BackendHealth = { up: true, detail: 'not asked yet' };

  constructor(options: RemoteServerOptions) {
    this.#options = options;
  }

  get health(): BackendHealth {
    return this.#health;
  }

  start(): void {
    void this.#look();
  }

  /** A failure is a reason to look, not a proof: the content may have been at fault. */
  lookSoon(): void {
    if (this.#timer === undefined || this.#closing.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#lookIn(Math.max(0, this.#lookedAt + this.#options.downMs - performance.now()));
  }

  /** Gives the work a signal that is aborted with the caller's, or when the backend is closed. */
  async during<T>(signal: AbortSignal, work: (ended: AbortSignal) => Promise<T>): Promise<T> {
    // Not AbortSignal.any: in Node 20 a signal that lives on keeps some bytes of each one made from it.
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    this.#running.add(abort);
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted || this.#closing.signal.aborted) abort();
      return await work(controller.signal);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#running.delete(abort);
    }
  }

  close(): void {
    this.#closing.abort();
    for (const abort of this.#running) abort();
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#lookedAt = performance.now();
    const { signal } = this.#closing;
    const { up, detail } = await this.#options.look(signal);
    if (signal.aborted) return;
    this.#health = healthAfter(this.#health, up, detail, performance.now());
    this.#lookIn(up ? this.#options.upMs : this.#options.downMs);
  }
}
