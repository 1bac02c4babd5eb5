/**
 * One backend as the scorer uses it: with its breaker, its part of the caches and of the scans under way. It knows no
 * deadlines of messages and no other backend.
 */
import type { PartFacts } from '../inspect/report.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Answer, Backend, BackendHealth, FallbackCause, PartContent, Provenance } from './backend.js';
import { Breaker } from './breaker.js';
import type { Flights } from './flights.js';
import { isCovered, type ScoreRequest } from './score-request.js';
import { keyText, type VerdictCache } from './verdict-cache.js';
import type { VerdictKey } from './verdict-store.js';

export interface SourcedAnswer {
  readonly answer: Answer;
  readonly source: Provenance['source'];
}

/** What a message brings along when it asks. */
export interface Asking {
  readonly contentOf: (part: PartFacts) => PartContent;
  readonly signal: AbortSignal;
}

/** How a backend fares, for /readyz and metrics. */
export interface LaneHealth {
  readonly name: string;
  /** it is there, and is not left alone */
  readonly up: boolean;
  readonly detail: string;
  readonly breaker: Breaker['state'];
  /** ms since 1970 of the last answer that it gave to a question; undefined when it gave none yet, or needs no asking */
  readonly lastAnswerMs: number | undefined;
}

export class Lane {
  readonly backend: Backend;
  readonly breaker: Breaker;
  readonly #cache: VerdictCache;
  readonly #flights: Flights;
  #lastVersion: string | undefined;
  #lastAnswerMs: number | undefined;

  constructor(backend: Backend, cache: VerdictCache, flights: Flights, now: () => number) {
    this.backend = backend;
    this.breaker = new Breaker(now);
    this.#cache = cache;
    this.#flights = flights;
  }

  /** The backend's version, or what it was when the backend was last there. */
  get lastVersion(): string {
    const { backend } = this;
    // One that is away says that its answers cannot be kept.
    if (backend.cacheable || backend.scoreNow !== undefined) this.#lastVersion = backend.version;
    return `${backend.name} ${this.#lastVersion ?? ''}`;
  }

  get health(): LaneHealth {
    const { up, detail } = this.#backendHealth();
    const { state } = this.breaker;
    const said = state === 'open' ? `failing, left alone; ${detail}` : detail;
    const { name } = this.backend;
    return { name, up: up && state !== 'open', detail: said, breaker: state, lastAnswerMs: this.#lastAnswerMs };
  }

  /** Asks the backend how it is; one that was found again is asked for files at once. */
  #backendHealth(): BackendHealth {
    const health = this.backend.health();
    if (health.up && health.sinceMs !== undefined) this.breaker.foundUp(health.sinceMs);
    return health;
  }

  /** The answer when it can be had at once. */
  known(request: ScoreRequest): SourcedAnswer | undefined {
    const { backend } = this;
    const { part, extent } = request;
    if (extent !== 'digest') {
      try {
        const answer = backend.scoreNow?.(part);
        if (answer !== undefined) return { answer: checked(backend, answer), source: 'facts' };
      } catch (error) {
        return { answer: this.none('backend-unavailable', messageOf(error)), source: 'facts' };
      }
    }
    const remembered = this.remembers(part) ? this.#cache.get(this.key(part)) : undefined;
    if (remembered !== undefined) return { answer: remembered, source: 'memory' };
    if (!isCovered(backend, request)) return undefined;
    const by = request.container?.part.path ?? '';
    return { answer: { kind: 'covered', backend: backend.name, by }, source: 'container' };
  }

  /** Whether answers may be kept and shared; files without a digest would share one another's. */
  remembers({ sha256 }: PartFacts): boolean {
    return this.backend.cacheable && sha256 !== '';
  }

  key({ sha256 }: PartFacts): VerdictKey {
    return { backend: this.backend.name, version: this.backend.version, sha256 };
  }

  /** Never rejects. Undefined only where no more than digests may be asked for, and the backend knows none of them. */
  async ask({ part, extent }: ScoreRequest, asking: Asking): Promise<Answer | undefined> {
    if (extent === 'content') return this.#share(part, asking);
    const found = await this.#guard(asking.signal, () => this.backend.lookup(part, asking.signal));
    if (found !== undefined || extent === 'digest') return found;
    return this.none('oversize', 'larger than its profile allows to be sent');
  }

  /** Joins the scan that is under way for this digest, or starts one. */
  async #share(part: PartFacts, asking: Asking): Promise<Answer> {
    if (!this.remembers(part)) return this.#scan(part, asking.contentOf(part), asking.signal);
    const key = this.key(part);
    const id = keyText(key);
    const kept = this.#cache.get(key);
    if (kept !== undefined) return kept;
    const joined = this.#flights.get(id);
    if (joined !== undefined) {
      const answer = await joined;
      // The scan read the content of another message, which may have gone away; ours is still here.
      const lost = answer.kind === 'none' && answer.cause === 'backend-unavailable';
      if (!lost || asking.signal.aborted) return answer;
    }
    const again = this.#flights.get(id);
    if (again !== undefined) return again;
    if (this.#flights.full) return this.none('out-of-resources', `${limits.scoring.flightsMax} scans under way`);
    const content = asking.contentOf(part);
    // The message may have been given up before the scan ends, and its answer is still wanted.
    const letGo = once(content.hold?.());
    return this.#flights.launch(id, async (signal) => {
      const answer = await this.#scan(part, content, signal, letGo);
      letGo();
      this.#cache.keep(key, answer);
      return answer;
    });
  }

  /** By digest, then with the content. */
  async #scan(part: PartFacts, content: PartContent, signal: AbortSignal, letGo = once(undefined)): Promise<Answer> {
    const watched = new WatchedContent(content, letGo);
    const ask = async () =>
      (await this.backend.lookup(part, signal)) ?? (await this.backend.score(part, watched, signal));
    return (await this.#guard(signal, ask, watched)) ?? this.none('backend-unavailable', 'no answer');
  }

  /** Asks behind the breaker; what a backend throws is a missing answer. */
  async #guard(
    signal: AbortSignal,
    ask: () => Promise<Answer | undefined>,
    content?: WatchedContent,
  ): Promise<Answer | undefined> {
    this.#backendHealth();
    if (!this.breaker.admit()) return this.none('backend-unavailable', 'left alone after repeated failures');
    let answer: Answer | undefined;
    try {
      answer = await ask();
      if (answer !== undefined) answer = checked(this.backend, answer);
    } catch (error) {
      answer = this.none('backend-unavailable', messageOf(error));
    }
    this.#judge(answer, signal, content?.failed === true);
    return answer;
  }

  /** Tells the breaker what an answer says about the backend's health; being busy, or our own trouble, says nothing. */
  #judge(answer: Answer | undefined, signal: AbortSignal, contentFailed: boolean): void {
    const withdrawn = signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError';
    const cause = answer?.kind === 'none' ? answer.cause : undefined;
    if (cause === undefined) this.#lastAnswerMs = Date.now();
    if (withdrawn || contentFailed || cause === 'out-of-resources') this.breaker.withdrawn();
    else if (cause === 'backend-unavailable' || cause === 'verdict-timeout') this.breaker.failed();
    else this.breaker.succeeded();
  }

  none(cause: FallbackCause, detail: string): Answer {
    return { kind: 'none', backend: this.backend.name, cause, detail };
  }
}

/** Remembers whether it was the content that failed, and not the backend that was reading it. */
class WatchedContent implements PartContent {
  readonly #content: PartContent;
  readonly letGo: () => void;
  failed = false;

  constructor(content: PartContent, letGo: () => void) {
    this.#content = content;
    this.letGo = letGo;
  }

  get bytes(): number {
    return this.#content.bytes;
  }

  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* this.#content.read(signal);
    } catch (error) {
      this.failed = !signal.aborted;
      throw error;
    }
  }
}

/** The work, and nothing when it is called again. */
function once(work: (() => void) | undefined): () => void {
  let left = work;
  return () => {
    const first = left;
    left = undefined;
    first?.();
  };
}

/** A score outside of 0..1 is no score; believing it would let a broken backend decide. */
function checked(backend: Backend, answer: Answer): Answer {
  if (answer.kind !== 'score' || (answer.score >= 0 && answer.score <= 1)) return answer;
  return { kind: 'none', backend: backend.name, cause: 'backend-unavailable', detail: `answered ${answer.score}` };
}
