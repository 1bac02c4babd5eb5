/**
 * What a file that was sent comes to: it is opened as an attachment would be, and everything in it meets the rules,
 * feeds and YARA rules of the embedded backend. It knows no requests and keeps no results.
 */
import { createHash } from 'node:crypto';
import { createInspector, type Inspector } from '../../inspect/inspection.js';
import { everyPart, type PartFacts } from '../../inspect/report.js';
import type { LivePolicy } from '../../policy/live-policy.js';
import { GateError, messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Spool } from '../../runtime/spool.js';
import type { Answer, Backend, PartScore } from '../../scoring/backend.js';
import { createBackends } from '../../scoring/backends.js';
import type { unscoredCauses } from '../../scoring/http-api.js';
import { requestsFor } from '../../scoring/score-request.js';
import { Scorer } from '../../scoring/scorer.js';

/** What is known of a file beside its bytes. */
export interface Claims {
  readonly names: readonly string[];
  readonly declaredType: string;
}

export const noClaims: Claims = { names: [], declaredType: 'application/octet-stream' };

export type Opinion =
  | { readonly status: 'scored'; readonly score: number; readonly name: string }
  | { readonly status: 'unscored'; readonly cause: (typeof unscoredCauses)[number]; readonly detail: string };

/** From here on a file is bad enough, whatever else is in it that could not be looked at. */
const certainScore = 0.75;

export interface Rules {
  /** those of this moment */
  policy(): LivePolicy;
  readonly yaraRules: string | undefined;
}

export class Analyser {
  readonly #inspector: Inspector;
  readonly #backends: readonly Backend[];
  readonly #scorer: Scorer;
  readonly #program: string;

  /** @param program name and version of this program: what it looks into is a part of the version of its answers */
  constructor({ policy, yaraRules }: Rules, program: string) {
    this.#program = program;
    this.#inspector = createInspector({ digests: 'all', shortDigests: () => policy().feeds.hasShortDigests });
    const embedded = { type: 'embedded' as const, hashFeeds: [], ...(yaraRules === undefined ? {} : { yaraRules }) };
    this.#backends = createBackends([embedded], policy);
    // Results are remembered as a whole by whoever asks for them.
    const settings = { deadlineMs: limits.scoringServer.scoreMs, cache: { clean: 0, flagged: 0 } };
    this.#scorer = new Scorer(this.#backends, () => settings);
  }

  get version(): string {
    const rules = createHash('sha256').update(this.#scorer.version).digest('hex').slice(0, 16);
    return `${this.#program}-${rules}`;
  }

  /** What is known of a digest alone; undefined when nobody knows it. */
  async lookup(sha256: string): Promise<Opinion | undefined> {
    const part = digestOnly(sha256);
    const answers = await Promise.all(
      this.#backends.map((backend) => backend.lookup(part, new AbortController().signal)),
    );
    const known = answers.filter((answer) => answer?.kind === 'score').sort((a, b) => b.score - a.score)[0];
    return known === undefined ? undefined : { status: 'scored', score: known.score, name: known.name };
  }

  /** Rejects with a temporary GateError when it was too much at a time; what is wrong with the file is in the answer. */
  async analyse(spool: Spool, claims: Claims): Promise<Opinion> {
    let report: Awaited<ReturnType<Inspector['file']>>;
    try {
      report = await this.#inspector.file(spool, claims);
    } catch (error) {
      const code = error instanceof GateError ? error.code : '';
      if (code !== 'inspection-crashed' && code !== 'inspection-timeout') throw error;
      return { status: 'unscored', cause: 'unscannable', detail: messageOf(error) };
    }
    const parts = [...everyPart([report.part])];
    const never = new AbortController().signal;
    const scores = await this.#scorer.score(requestsFor(parts), (part) => this.#inspector.content(spool, part), never);
    const worst = worstOf(scores);
    if (worst.score >= certainScore) return worst;
    if (report.unscannable) {
      const codes = [...new Set(report.problems.map(({ code }) => code))].slice(0, 10).join(', ');
      return { status: 'unscored', cause: 'unscannable', detail: codes };
    }
    return missing(scores.flatMap(({ answers }) => answers)) ?? worst;
  }

  async close(): Promise<void> {
    await this.#scorer.close();
    await this.#inspector.close();
  }
}

function worstOf(scores: readonly PartScore[]): Extract<Opinion, { status: 'scored' }> {
  let worst: Extract<Opinion, { status: 'scored' }> = { status: 'scored', score: 0, name: '' };
  for (const { score, name } of scores) {
    if (score !== undefined && score > worst.score) worst = { status: 'scored', score, name };
  }
  return worst;
}

/** The file was too much for a backend, or a backend for us; then nothing was found is no answer. */
function missing(answers: readonly Answer[]): Opinion | undefined {
  const none = answers.filter((answer) => answer.kind === 'none');
  const [first] = none;
  if (first === undefined) return undefined;
  const passing = none.find(({ cause }) => cause !== 'unscannable' && cause !== 'encrypted' && cause !== 'oversize');
  if (passing !== undefined) throw new GateError('inspection-busy', `${passing.backend}: ${passing.detail}`);
  const cause = first.cause === 'encrypted' ? 'encrypted' : 'unscannable';
  return { status: 'unscored', cause, detail: `${first.backend}: ${first.detail}` };
}

function digestOnly(sha256: string): PartFacts {
  return {
    path: '1',
    names: [],
    declaredType: noClaims.declaredType,
    detectedType: undefined,
    encoding: 'binary',
    view: '',
    disposition: undefined,
    attachment: true,
    bytes: 0,
    sha256,
    sha1: '',
    md5: '',
    range: undefined,
    flags: [],
    members: [],
  };
}
