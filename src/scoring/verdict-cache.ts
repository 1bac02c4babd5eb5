/**
 * Answers that are a function of a file's bytes alone, remembered by digest, backend and rule version: in memory, and
 * beyond it in a store. Failures are never kept.
 */
import { LRUCache } from 'lru-cache';
import { limits } from '../runtime/limits.js';
import type { Answer } from './backend.js';
import { type KnownVerdict, VerdictBatch, type VerdictKey, type VerdictStore } from './verdict-store.js';

export interface CacheLifetimes {
  /** seconds that an answer with score 0 is kept; 0 keeps none */
  readonly clean: number;
  /** seconds that an answer with a higher score is kept */
  readonly flagged: number;
}

/** Where answers are kept when the process ends. */
export interface LongMemory {
  readonly store: VerdictStore;
  /** ms since 1970 */
  clock(): number;
}

export class VerdictCache {
  readonly #answers: LRUCache<string, Answer>;
  readonly #lifetimes: () => CacheLifetimes;
  readonly #long: LongMemory | undefined;
  readonly #batch: VerdictBatch | undefined;

  /** @param now milliseconds of a clock that never goes back */
  constructor(lifetimes: () => CacheLifetimes, now: () => number, long?: LongMemory) {
    this.#lifetimes = lifetimes;
    this.#long = long;
    this.#batch = long === undefined ? undefined : new VerdictBatch(long.store);
    // ttlResolution 0: every look asks the clock, which the tests own.
    this.#answers = new LRUCache({ max: limits.scoring.cacheEntries, perf: { now }, ttlResolution: 0 });
  }

  get size(): number {
    return this.#answers.size;
  }

  get(key: VerdictKey): Answer | undefined {
    return this.#answers.get(keyText(key));
  }

  keep(key: VerdictKey, answer: Answer): void {
    if (answer.kind !== 'score') return;
    const ttl = this.#ttlMs(answer.score);
    if (ttl <= 0) return;
    this.#answers.set(keyText(key), answer, { ttl });
    if (this.#long === undefined) return;
    const { score, name, engine } = answer;
    this.#batch?.add({ ...key, score, name, engine, at: this.#long.clock() });
  }

  /**
   * Brings what the store knows of these keys into memory, as far as it is not too old. Gives the answers in the order
   * of the keys. Never rejects: a store that fails knows nothing.
   */
  async recall(keys: readonly VerdictKey[]): Promise<readonly (Answer | undefined)[]> {
    const long = this.#long;
    if (long === undefined || keys.length === 0) return [];
    const known = await long.store.get(keys).catch((): readonly undefined[] => []);
    const now = long.clock();
    return keys.map((key, index) => {
      const verdict = known[index];
      return verdict === undefined ? undefined : this.#revive(key, verdict, now);
    });
  }

  #revive(key: VerdictKey, { score, name, engine, at }: KnownVerdict, now: number): Answer | undefined {
    const ttl = this.#ttlMs(score) - Math.max(0, now - at);
    if (ttl <= 0) return undefined;
    const answer: Answer = { kind: 'score', backend: key.backend, score, name, engine };
    this.#answers.set(keyText(key), answer, { ttl });
    return answer;
  }

  /** Hands what is gathered to the store. */
  flush(): void {
    this.#batch?.flush();
  }

  #ttlMs(score: number): number {
    const { clean, flagged } = this.#lifetimes();
    return (score === 0 ? clean : flagged) * 1000;
  }
}

export function keyText({ backend, version, sha256 }: VerdictKey): string {
  return `${backend}\0${version}\0${sha256}`;
}
