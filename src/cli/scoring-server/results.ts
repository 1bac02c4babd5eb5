/** Results of the scoring server by file, and by the name under which an analysis can be asked for. Bounded in number and time. */
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { limits } from '../../runtime/limits.js';
import type { Opinion } from './analyser.js';

export interface Analysis {
  /** unguessable: it is all that is needed to be told the result */
  readonly id: string;
  readonly sha256: string;
  /** under which it was made; an answer does not outlive it */
  readonly version: string;
  /** never rejects; undefined when the analysis failed, and may be tried again */
  readonly done: Promise<Opinion | undefined>;
  /** set once it is done */
  opinion: Opinion | undefined;
  failed: boolean;
  /** ms of the clock of the server before which the result is held back */
  readonly readyAtMs: number;
}

export class Results {
  readonly #byKey: LRUCache<string, Analysis>;
  readonly #byId: LRUCache<string, Analysis>;
  #running = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    const { resultsMax: max, resultMs: ttl } = limits.scoringServer;
    const options = { max, ttl, perf: { now }, ttlResolution: 0 };
    this.#byKey = new LRUCache(options);
    this.#byId = new LRUCache(options);
  }

  /** analyses that are not done */
  get running(): number {
    return this.#running;
  }

  /** @param key everything that the result depends on but the version */
  find(key: string, version: string): Analysis | undefined {
    const known = this.#byKey.get(key);
    return known !== undefined && known.version === version && !known.failed ? known : undefined;
  }

  get(id: string): Analysis | undefined {
    return this.#byId.get(id);
  }

  /** @param work may reject, which makes the analysis a failed one */
  begin(
    key: string,
    about: Pick<Analysis, 'sha256' | 'version' | 'readyAtMs'>,
    work: () => Promise<Opinion>,
  ): Analysis {
    this.#running += 1;
    const analysis: Analysis = {
      ...about,
      id: randomBytes(16).toString('hex'),
      opinion: undefined,
      failed: false,
      done: work().then(
        (opinion) => {
          analysis.opinion = opinion;
          this.#running -= 1;
          return opinion;
        },
        () => {
          analysis.failed = true;
          this.#running -= 1;
          return undefined;
        },
      ),
    };
    this.#byKey.set(key, analysis);
    this.#byId.set(analysis.id, analysis);
    return analysis;
  }
}
