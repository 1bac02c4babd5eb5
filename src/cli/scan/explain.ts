/** Why each part of a scanned message is thought of as it is: its profile, every answer, every rule. For JSON and the page alike. */
import { everyPart, type PartFacts } from '../../inspect/report.js';
import type { Judged } from '../../pipeline.js';
import type { DecisionPolicy } from '../../policy/decide.js';
import { type Ruling, rulingOf } from '../../policy/profile.js';
import { partKey, scopeOf } from '../../policy/scope.js';
import type { Answer, PartScore, Provenance } from '../../scoring/backend.js';
import { matchingRules } from '../../scoring/rules.js';

export type PartState =
  /** its answers are in `answers` */
  | 'asked'
  /** lists or the lack of attachments had decided before */
  | 'not-asked'
  /** the body text of a message is no attachment */
  | 'body'
  /** it, or a file that it lies in, is on the list of allowed files */
  | 'allowed'
  /** its category, or that of a file that it lies in, is never scanned */
  | 'skipped';

export interface ExplainedAnswer extends Provenance {
  readonly answer: Answer;
}

/** One part, in the order of the report with its members. */
export interface ExplainedPart {
  readonly path: string;
  readonly sha256: string;
  readonly state: PartState;
  readonly category: Ruling['category'];
  readonly mode: Ruling['mode'] | undefined;
  readonly oversize: boolean;
  readonly score: number | undefined;
  readonly name: string;
  readonly answers: readonly ExplainedAnswer[];
  /** static rules that match, worst first; without one, or where they do not count, empty */
  readonly rules: readonly { readonly id: string; readonly score: number; readonly reason: string }[];
}

export function explain({ report, scores, hashHits }: Judged, policy: DecisionPolicy): ExplainedPart[] {
  const scope = scopeOf(report, hashHits, policy.profile);
  const inQuestion = new Set(scope.inQuestion.map(({ part }) => partKey(part)));
  const scored = new Map(scores.map((score) => [partKey(score), score]));
  const stateOf = (part: PartFacts): PartState => {
    const key = partKey(part);
    if (scored.has(key)) return 'asked';
    if (inQuestion.has(key)) return 'not-asked';
    if (scope.exempt.has(key)) return 'allowed';
    return scope.skippedKeys.has(key) ? 'skipped' : 'body';
  };
  return [...everyPart(report.parts)].map((part): ExplainedPart => {
    const state = stateOf(part);
    const ruling = state === 'body' ? undefined : rulingOf(part, policy.profile, 'name the category');
    const score = scored.get(partKey(part));
    const rules = state === 'asked' && ruling?.mode === 'scan' ? matchingRules(part) : [];
    return {
      path: part.path,
      sha256: part.sha256,
      state,
      category: ruling?.category,
      mode: ruling?.mode,
      oversize: ruling?.oversize ?? false,
      score: score?.score,
      name: score?.name ?? '',
      answers: score === undefined ? [] : answersOf(score),
      rules: rules.map(({ id, score: points, reason }) => ({ id, score: points, reason })),
    };
  });
}

function answersOf({ answers, how }: PartScore): ExplainedAnswer[] {
  return answers.map((answer, index) => {
    const { source, ms } = how?.[index] ?? { source: 'facts', ms: 0 };
    return { answer, source, ms: Math.round(ms * 10) / 10 };
  });
}
