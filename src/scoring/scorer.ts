/**
 * Asks all backends about the parts of a message and gathers what they say. It knows deadlines, caching and shared
 * scans; it does not know what a score leads to. When every answer is at hand it gives them without a promise, as clean
 * mail should not pay for one.
 */
import type { PartFacts } from '../inspect/report.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Answer, Backend, FallbackCause, PartContent, PartScore } from './backend.js';
import { Breaker } from './breaker.js';
import { type CacheLifetimes, VerdictCache } from './verdict-cache.js';

export interface ScorerSettings {
  /** for all answers of one message */
  readonly deadlineMs: number;
  readonly cache: CacheLifetimes;
}

interface Lane {
  readonly backend: Backend;
  readonly breaker: Breaker;
}

interface Wait {
  readonly contentOf: (part: PartFacts) => PartContent;
  readonly signal: AbortSignal;
  /** settles when the message stops waiting, with the cause */
  readonly over: Promise<string>;
}

export class Scorer {
  readonly #lanes: readonly Lane[];
  readonly #settings: () => ScorerSettings;
  readonly #cache: VerdictCache;
  readonly #flights = new Map<string, Promise<Answer>>();
  readonly #controllers = new Set<AbortController>();

  /** @param settings those of this moment; @param now milliseconds of a clock that never goes back */
  constructor(
    backends: readonly Backend[],
    settings: () => ScorerSettings,
    now: () => number = () => performance.now(),
  ) {
    this.#lanes = backends.map((backend) => ({ backend, breaker: new Breaker(now) }));
    this.#settings = settings;
    this.#cache = new VerdictCache(() => settings().cache, now);
  }

  /**
   * One PartScore for each part, in order; never rejects. An array when all answers come from caches or from the facts,
   * else a promise of one. Aborting `signal` ends the wait, not a scan that others share.
   */
  score(
    parts: readonly PartFacts[],
    contentOf: (part: PartFacts) => PartContent,
    signal: AbortSignal,
  ): PartScore[] | Promise<PartScore[]> {
    const known = parts.map((part) => this.#lanes.map((lane) => this.#known(lane, part)));
    if (known.every((answers) => answers.every((answer) => answer !== undefined))) {
      return parts.map((part, index) => partScore(part, known[index] ?? []));
    }
    return this.#scoreSlowly(parts, known, contentOf, signal);
  }

  health(): { readonly name: string; readonly up: boolean; readonly detail: string }[] {
    return this.#lanes.map(({ backend, breaker }) => {
      const { up, detail } = backend.health();
      return {
        name: backend.name,
        up: up && !breaker.open,
        detail: breaker.open ? `failing, left alone; ${detail}` : detail,
      };
    });
  }

  async close(): Promise<void> {
    for (const controller of this.#controllers) controller.abort();
    await Promise.allSettled(this.#lanes.map(({ backend }) => backend.close()));
  }

  #known({ backend }: Lane, part: PartFacts): Answer | undefined {
    try {
      const answer = backend.scoreNow?.(part);
      if (answer !== undefined) return checked(backend, answer);
    } catch (error) {
      return none(backend, 'backend-unavailable', messageOf(error));
    }
    return backend.cacheable ? this.#cache.get(flightKey(backend, part)) : undefined;
  }

  async #scoreSlowly(
    parts: readonly PartFacts[],
    known: readonly (readonly (Answer | undefined)[])[],
    contentOf: (part: PartFacts) => PartContent,
    signal: AbortSignal,
  ): Promise<PartScore[]> {
    const deadline = AbortSignal.timeout(this.#settings().deadlineMs);
    const ended = AbortSignal.any([signal, deadline]);
    const over = new Promise<string>((resolve) => {
      const end = () => resolve(signal.aborted ? 'the message was given up' : 'no answer before the deadline');
      if (ended.aborted) end();
      else ended.addEventListener('abort', end, { once: true });
    });
    const wait: Wait = { contentOf, signal: ended, over };
    const scores: PartScore[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next; index < parts.length; index = next) {
        next += 1;
        const part = parts[index];
        if (part === undefined) break;
        const answers = this.#lanes.map((lane, at) => known[index]?.[at] ?? this.#wait(lane, part, wait));
        scores[index] = partScore(part, await Promise.all(answers));
      }
    };
    await Promise.all(Array.from({ length: Math.min(parts.length, limits.scoring.partsAtOnce) }, work));
    return scores;
  }

  async #wait(lane: Lane, part: PartFacts, wait: Wait): Promise<Answer> {
    const timedOut = wait.over.then((detail) => none(lane.backend, 'verdict-timeout', detail));
    return Promise.race([this.#ask(lane, part, wait), timedOut]);
  }

  /** Joins the scan that is under way for this digest, or starts one. */
  async #ask(lane: Lane, part: PartFacts, wait: Wait): Promise<Answer> {
    const { backend } = lane;
    if (!backend.cacheable) return this.#scan(lane, part, wait.contentOf(part), wait.signal);
    const key = flightKey(backend, part);
    const joined = this.#flights.get(key);
    if (joined !== undefined) {
      const answer = await joined;
      // The scan read the content of another message, which may have gone away; ours is still here.
      if (answer.kind === 'score' || answer.cause !== 'backend-unavailable' || wait.signal.aborted) return answer;
    }
    return this.#flights.get(key) ?? this.#launch(key, lane, part, wait);
  }

  #launch(key: string, lane: Lane, part: PartFacts, wait: Wait): Promise<Answer> {
    if (this.#flights.size >= limits.scoring.flightsMax) {
      return Promise.resolve(none(lane.backend, 'out-of-resources', `${limits.scoring.flightsMax} scans under way`));
    }
    // Not the message's own signal: others may wait for this scan, and a late answer still fills the cache.
    const controller = new AbortController();
    const timer = setTimeout(
      () => controller.abort(new DOMException('scan took too long', 'TimeoutError')),
      limits.scoring.flightMaxMs,
    );
    timer.unref();
    this.#controllers.add(controller);
    const flight = this.#scan(lane, part, wait.contentOf(part), controller.signal).then((answer) => {
      clearTimeout(timer);
      this.#controllers.delete(controller);
      this.#flights.delete(key);
      this.#cache.keep(key, answer);
      return answer;
    });
    this.#flights.set(key, flight);
    return flight;
  }

  /** Asks the backend by digest, then with the content. Never rejects: what a backend throws is a missing answer. */
  async #scan({ backend, breaker }: Lane, part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer> {
    if (!breaker.admit()) return none(backend, 'backend-unavailable', 'left alone after repeated failures');
    let answer: Answer;
    try {
      const found = (await backend.lookup(part, signal)) ?? (await backend.score(part, content, signal));
      answer = checked(backend, found);
    } catch (error) {
      answer = none(backend, 'backend-unavailable', messageOf(error));
    }
    judge(breaker, answer, signal);
    return answer;
  }
}

/** Tells the breaker what an answer says about the backend's health. */
function judge(breaker: Breaker, answer: Answer, signal: AbortSignal): void {
  if (signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError') breaker.withdrawn();
  else if (answer.kind === 'none' && (answer.cause === 'backend-unavailable' || answer.cause === 'verdict-timeout'))
    breaker.failed();
  else breaker.succeeded();
}

function flightKey(backend: Backend, part: PartFacts): string {
  return `${backend.name}\0${backend.version}\0${part.sha256}`;
}

function none(backend: Backend, cause: FallbackCause, detail: string): Answer {
  return { kind: 'none', backend: backend.name, cause, detail };
}

/** A score outside of 0..1 is no score; believing it would let a broken backend decide. */
function checked(backend: Backend, answer: Answer): Answer {
  if (answer.kind === 'none' || (answer.score >= 0 && answer.score <= 1)) return answer;
  return none(backend, 'backend-unavailable', `answered with score ${answer.score}`);
}

/** The highest score counts; missing answers stay in the list. */
function partScore(part: PartFacts, answers: readonly (Answer | undefined)[]): PartScore {
  let worst: Extract<Answer, { kind: 'score' }> | undefined;
  const given = answers.filter((answer) => answer !== undefined);
  for (const answer of given) {
    if (answer.kind === 'score' && (worst === undefined || answer.score > worst.score)) worst = answer;
  }
  return { path: part.path, sha256: part.sha256, answers: given, score: worst?.score, name: worst?.name ?? '' };
}
