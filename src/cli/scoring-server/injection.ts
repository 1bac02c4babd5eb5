/**
 * What a test or a rehearsal makes the scoring server answer: scores that no rule gave, delays and failures. From the
 * command line, or from a file that is read again when it changes.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { GateError, messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';

const score = z.number().min(0).max(1);
const ms = z.int().min(0).max(3_600_000);

export const injectionSchema = z.strictObject({
  /** by SHA-256 in lower-case hex */
  scores: z.record(z.string().regex(/^[0-9a-f]{64}$/), score).optional(),
  /** of every file that `scores` does not name */
  scoreAll: score.optional(),
  /** ms before each answer */
  delayMs: ms.optional(),
  /** ms for which a result is held back: until then the answer is 202 */
  pollAfterMs: ms.optional(),
  /** share of requests that are answered with 503 */
  fail: z.number().min(0).max(1).optional(),
  /** answers every request with this status */
  error: z.int().min(400).max(599).optional(),
});

export type Injection = z.output<typeof injectionSchema>;

/** The injected score of a file, if there is one. */
export function injectedScore(injection: Injection, sha256: string): number | undefined {
  const { scores, scoreAll } = injection;
  return scores !== undefined && Object.hasOwn(scores, sha256) ? scores[sha256] : scoreAll;
}

/** Changes with the injected scores; empty when there are none. */
export function injectionVersion({ scores, scoreAll }: Injection): string {
  if (scores === undefined && scoreAll === undefined) return '';
  const text = JSON.stringify([Object.entries(scores ?? {}).sort(), scoreAll ?? null]);
  return `-injected-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

/** Options of the command line, and a file whose keys come before them. */
export class InjectionSource {
  readonly #options: Injection;
  readonly #file: string | undefined;
  readonly #onProblem: (problem: string) => void;
  #current: Injection;
  #seen = '';
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** Throws when the file is not in order at start. @param onProblem told when it is not later; what was read before stays */
  constructor(options: Injection, file: string | undefined, onProblem: (problem: string) => void) {
    this.#options = options;
    this.#file = file;
    this.#onProblem = onProblem;
    this.#current = options;
    const problem = this.#look();
    if (problem !== undefined) throw new GateError('config-invalid', problem, { temporary: false });
  }

  get current(): Injection {
    if (this.#file === undefined || performance.now() - this.#lookedAt < limits.scoringServer.injectionCheckMs)
      return this.#current;
    const problem = this.#look();
    if (problem !== undefined) this.#onProblem(problem);
    return this.#current;
  }

  #look(): string | undefined {
    const file = this.#file;
    this.#lookedAt = performance.now();
    if (file === undefined) return undefined;
    try {
      const { mtimeMs, ino, size } = statSync(file);
      const seen = `${mtimeMs} ${ino} ${size}`;
      if (seen === this.#seen) return undefined;
      this.#seen = seen;
      if (size > limits.scoringServer.injectionBytes)
        return `${file}: larger than ${limits.scoringServer.injectionBytes} bytes`;
      const parsed = injectionSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
      if (!parsed.success) return `${file}: ${z.prettifyError(parsed.error)}`;
      this.#current = { ...this.#options, ...parsed.data };
      return undefined;
    } catch (error) {
      return `${file}: ${messageOf(error)}`;
    }
  }
}
