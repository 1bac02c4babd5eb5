/** Answers that are a function of a file's bytes alone, remembered by digest, backend and rule version. Failures are never kept. */
import { LRUCache } from 'lru-cache';
import { limits } from '../runtime/limits.js';
import type { Answer } from './backend.js';

export interface CacheLifetimes {
  /** seconds that an answer with score 0 is kept; 0 keeps none */
  readonly clean: number;
  /** seconds that an answer with a higher score is kept */
  readonly flagged: number;
}

export class VerdictCache {
  readonly #answers: LRUCache<string, Answer>;
  readonly #lifetimes: () => CacheLifetimes;

  /** @param now milliseconds of a clock that never goes back */
  constructor(lifetimes: () => CacheLifetimes, now: () => number) {
    this.#lifetimes = lifetimes;
    // ttlResolution 0: every look asks the clock, which the tests own.
    this.#answers = new LRUCache({ max: limits.scoring.cacheEntries, perf: { now }, ttlResolution: 0 });
  }

  get size(): number {
    return this.#answers.size;
  }

  get(key: string): Answer | undefined {
    return this.#answers.get(key);
  }

  keep(key: string, answer: Answer): void {
    if (answer.kind !== 'score') return;
    const { clean, flagged } = this.#lifetimes();
    const seconds = answer.score === 0 ? clean : flagged;
    if (seconds > 0) this.#answers.set(key, answer, { ttl: seconds * 1000 });
  }
}
