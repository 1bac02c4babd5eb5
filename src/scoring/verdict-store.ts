/**
 * What the scorer asks of whoever keeps answers beyond the life of the process, and the gathering of new ones, so that
 * no message waits for a disk.
 */
import { limits } from '../runtime/limits.js';

/** An answer is a function of these three alone. */
export interface VerdictKey {
  readonly backend: string;
  readonly version: string;
  /** lower-case hex */
  readonly sha256: string;
}

export interface KnownVerdict {
  readonly score: number;
  readonly name: string;
  readonly engine: string;
  /** ms since 1970 of the answer */
  readonly at: number;
}

export type StoredVerdict = VerdictKey & KnownVerdict;

export interface VerdictStore {
  /** In the order of the keys, undefined where nothing is known. Rejects when the store cannot be read. */
  get(keys: readonly VerdictKey[]): Promise<readonly (KnownVerdict | undefined)[]>;
  /** Keeps them some time later; what cannot be kept is not told. */
  put(batch: readonly StoredVerdict[]): void;
}

/** New answers on their way to the store, many at a time. */
export class VerdictBatch {
  readonly #store: VerdictStore;
  #gathered: StoredVerdict[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(store: VerdictStore) {
    this.#store = store;
  }

  add(verdict: StoredVerdict): void {
    this.#gathered.push(verdict);
    if (this.#gathered.length >= limits.scoring.storeBatch) this.flush();
    this.#timer ??= setTimeout(() => this.flush(), limits.scoring.storeDelayMs).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#gathered;
    this.#gathered = [];
    if (batch.length > 0) this.#store.put(batch);
  }
}
