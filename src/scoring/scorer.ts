/**
 * Asks all backends about the parts of a message and gathers what they say. It knows deadlines, caching and shared
 * scans; it does not know what a score leads to. When every answer is at hand it gives them without a promise, as clean
 * mail should not pay for one.
 */
import { setMaxListeners } from 'node:events';
import type { PartFacts } from '../inspect/report.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Answer, Backend, PartContent, PartScore, Provenance } from './backend.js';
import { Flights } from './flights.js';
import { type Asking, Lane, type LaneHealth, type SourcedAnswer } from './lane.js';
import type { ScoreRequest } from './score-request.js';
import { type CacheLifetimes, keyText, type LongMemory, VerdictCache } from './verdict-cache.js';
import type { VerdictKey } from './verdict-store.js';

export interface ScorerSettings {
  /** for all answers of one message */
  readonly deadlineMs: number;
  readonly cache: CacheLifetimes;
}

interface Wait extends Asking {
  /** settles when the message stops waiting, with the cause */
  readonly over: Promise<string>;
  /** digests of the files that were sent for this message */
  readonly sent: Set<string>;
}

type Row = (SourcedAnswer | undefined)[];

export class Scorer {
  readonly #lanes: readonly Lane[];
  readonly #settings: () => ScorerSettings;
  readonly #cache: VerdictCache;
  readonly #flights = new Flights();
  readonly #now: () => number;

  /**
   * @param settings those of this moment
   * @param now milliseconds of a clock that never goes back
   * @param long where answers are kept beyond the life of the process, if anywhere
   */
  constructor(
    backends: readonly Backend[],
    settings: () => ScorerSettings,
    now: () => number = () => performance.now(),
    long?: LongMemory,
  ) {
    this.#now = now;
    this.#cache = new VerdictCache(() => settings().cache, now, long);
    this.#lanes = backends.map((backend) => new Lane(backend, this.#cache, this.#flights, now));
    this.#settings = settings;
  }

  /**
   * One PartScore for each request, in order; never rejects. An array when all answers come from memory or from the
   * facts, else a promise of one. Aborting `signal`, which may be made only then, ends the wait, not a scan that others
   * share.
   */
  score(
    requests: readonly ScoreRequest[],
    contentOf: (part: PartFacts) => PartContent,
    signal: AbortSignal | (() => AbortSignal),
  ): PartScore[] | Promise<PartScore[]> {
    const known = requests.map((request) => this.#lanes.map((lane) => lane.known(request)));
    if (known.every((row) => row.every((answer) => answer !== undefined))) {
      return requests.map(({ part }, index) => partScore(part, (known[index] ?? []).map(atOnce)));
    }
    return this.#scoreSlowly(requests, known, contentOf, typeof signal === 'function' ? signal() : signal);
  }

  /**
   * As `score`, for parts whose content is not at hand: undefined when a backend would have to see it. Asks for what
   * needs digests alone. Never rejects.
   */
  async scoreWithoutContent(requests: readonly ScoreRequest[], signal: AbortSignal): Promise<PartScore[] | undefined> {
    const known = requests.map((request) => this.#lanes.map((lane) => lane.known(request)));
    const gaps = () => known.some((row, at) => requests[at]?.extent === 'content' && row.includes(undefined));
    if (gaps()) await this.#recall(requests, known);
    return gaps() ? undefined : this.#scoreSlowly(requests, known, noContent, signal);
  }

  /** Changes whenever the same files might get other scores; a backend that is away counts as it was. */
  get version(): string {
    let version = '';
    for (const lane of this.#lanes) version += `${lane.lastVersion}\n`;
    return version;
  }

  /** What is known of a file without its content, whatever it was thought of before: the worst of it. */
  opinionOf(part: PartFacts): { readonly score: number; readonly name: string } {
    const request: ScoreRequest = { part, extent: 'facts', container: undefined };
    const answers = this.#lanes.map((lane) => lane.known(request)?.answer).filter((answer) => answer !== undefined);
    const scored = answers.filter((answer) => answer.kind === 'score').sort((a, b) => b.score - a.score);
    return { score: scored[0]?.score ?? 0, name: scored[0]?.name ?? '' };
  }

  health(): LaneHealth[] {
    return this.#lanes.map((lane) => lane.health);
  }

  async close(): Promise<void> {
    this.#flights.abort();
    await Promise.allSettled(this.#lanes.map(({ backend }) => backend.close()));
    this.#cache.flush();
  }

  async #scoreSlowly(
    requests: readonly ScoreRequest[],
    known: readonly Row[],
    contentOf: (part: PartFacts) => PartContent,
    signal: AbortSignal,
  ): Promise<PartScore[]> {
    const deadline = AbortSignal.timeout(this.#settings().deadlineMs);
    const ended = AbortSignal.any([signal, deadline]);
    // Each part that is being asked about listens; Node would warn of more than ten.
    setMaxListeners(0, ended);
    const over = new Promise<string>((resolve) => {
      const end = () => resolve(signal.aborted ? 'the message was given up' : 'no answer before the deadline');
      if (ended.aborted) end();
      else ended.addEventListener('abort', end, { once: true });
    });
    const wait: Wait = { contentOf, signal: ended, over, sent: new Set() };
    await Promise.race([this.#recall(requests, known), over]);
    const scores: PartScore[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next; index < requests.length; index = next) {
        next += 1;
        const request = requests[index];
        if (request === undefined) break;
        const row = this.#lanes.map((lane, at) => {
          const answer = known[index]?.[at];
          return answer === undefined ? this.#wait(lane, request, wait) : atOnce(answer);
        });
        scores[index] = partScore(request.part, settleDigest(request, await Promise.all(row)));
      }
    };
    await Promise.all(Array.from({ length: Math.min(requests.length, limits.scoring.partsAtOnce) }, work));
    return scores;
  }

  /** Fills the gaps from the store, with one question for all. */
  async #recall(requests: readonly ScoreRequest[], known: readonly Row[]): Promise<void> {
    const gaps = new Map<string, { readonly key: VerdictKey; readonly fill: ((answer: Answer) => void)[] }>();
    for (const [index, { part }] of requests.entries()) {
      for (const [at, lane] of this.#lanes.entries()) {
        const row = known[index];
        if (row === undefined || row[at] !== undefined || !lane.remembers(part)) continue;
        const key = lane.key(part);
        const gap = gaps.get(keyText(key)) ?? { key, fill: [] };
        gap.fill.push((answer) => {
          row[at] = { answer, source: 'store' };
        });
        gaps.set(keyText(key), gap);
      }
    }
    const all = [...gaps.values()];
    const answers = await this.#cache.recall(all.map(({ key }) => key));
    for (const [index, { fill }] of all.entries()) {
      const answer = answers[index];
      if (answer !== undefined) for (const set of fill) set(answer);
    }
  }

  async #wait(lane: Lane, request: ScoreRequest, wait: Wait): Promise<Told> {
    const started = this.#now();
    const told = (answer: Answer | undefined): Told => ({
      backend: lane.backend.name,
      answer,
      source: 'backend',
      ms: this.#now() - started,
    });
    // Nothing new is begun for a message that waits no longer: its thousands of parts would keep everybody busy.
    if (wait.signal.aborted) return told(lane.none('verdict-timeout', await wait.over));
    const { filesSentMax } = limits.scoring;
    if (request.extent === 'content') {
      const { sha256, path } = request.part;
      const file = sha256 === '' ? path : sha256;
      if (wait.sent.size >= filesSentMax && !wait.sent.has(file))
        return told(lane.none('unscannable', `more than ${filesSentMax} files would have to be sent`));
      wait.sent.add(file);
    }
    const timedOut = wait.over.then((detail) => lane.none('verdict-timeout', detail));
    return told(await Promise.race([lane.ask(request, wait), timedOut]));
  }
}

function noContent(part: PartFacts): PartContent {
  throw new GateError('not-found', `the content of part ${part.path} is not at hand`);
}

/** What one backend said; no answer at all only where it was asked for digests alone. */
interface Told {
  readonly backend: string;
  readonly answer: Answer | undefined;
  readonly source: Provenance['source'];
  readonly ms: number;
}

function atOnce(known: SourcedAnswer | undefined): Told {
  return { backend: known?.answer.backend ?? '', answer: known?.answer, source: known?.source ?? 'facts', ms: 0 };
}

/** A digest that nobody knows is an unknown file; one backend that knows it is enough. */
function settleDigest({ extent }: ScoreRequest, told: readonly Told[]): readonly Told[] {
  if (extent !== 'digest') return told;
  if (told.some(({ answer }) => answer?.kind === 'score')) return told;
  return told.map((one) => {
    if (one.answer !== undefined) return one;
    const answer: Answer = {
      kind: 'none',
      backend: one.backend,
      cause: 'unknown-file',
      detail: 'only its digest was looked up',
    };
    return { ...one, answer };
  });
}

/** The highest score counts; missing answers stay in the list. */
function partScore(part: PartFacts, told: readonly Told[]): PartScore {
  let worst: Extract<Answer, { kind: 'score' }> | undefined;
  const answers: Answer[] = [];
  const how: Provenance[] = [];
  for (const { answer, source, ms } of told) {
    if (answer === undefined) continue;
    answers.push(answer);
    how.push({ source, ms });
    if (answer.kind === 'score' && (worst === undefined || answer.score > worst.score)) worst = answer;
  }
  return { path: part.path, sha256: part.sha256, answers, how, score: worst?.score, name: worst?.name ?? '' };
}
