/**
 * The judgement of one inspected message, apart from connections and records: lists, scores, decision. Whoever has a
 * report and an envelope gets the verdict that the gate gives for them, with everything it was made from.
 */
import type { InspectionReport, PartFacts } from '../inspect/report.js';
import { decide, decideUnread } from '../policy/decide.js';
import { type HashHit, matchHashes } from '../policy/hash-lists.js';
import type { LivePolicy } from '../policy/live-policy.js';
import { matchLists } from '../policy/match-lists.js';
import { partsToScore } from '../policy/scope.js';
import type { ListHit, Verdict } from '../policy/verdict.js';
import type { PartScore } from '../scoring/backend.js';
import { causeOfFailure, unreadReport } from './failure.js';

export interface Question {
  readonly report: InspectionReport;
  /** without angle brackets; empty for the null reverse-path */
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly policy: LivePolicy;
}

export interface Judged {
  readonly report: InspectionReport;
  readonly verdict: Verdict;
  readonly listHits: readonly ListHit[];
  readonly hashHits: readonly HashHit[];
  /** empty when lists, or the lack of attachments, had decided before */
  readonly scores: readonly PartScore[];
}

/** Asks the backends; called at most once, with the parts that are in question. */
export type AskScores = (parts: readonly PartFacts[]) => PartScore[] | Promise<PartScore[]>;

/** Without a promise when no score is needed or all of them are at hand. */
export function judgeReport(question: Question, ask: AskScores): Judged | Promise<Judged> {
  const { report, mailFrom, recipients, policy } = question;
  const addresses = { envelopeFrom: mailFrom, envelopeTo: recipients, body: report.addresses };
  const listHits = matchLists(policy.addresses, addresses, policy.allowRules);
  const hashHits = matchHashes(policy.hashes, report.parts);
  const parts = partsToScore(report, listHits, hashHits, policy.decision);
  const judged = (scores: readonly PartScore[]): Judged => {
    const verdict = decide({ report, scores, listHits, hashHits, policy: policy.decision });
    return { report, verdict, listHits, hashHits, scores };
  };
  const scores = parts.length === 0 ? [] : ask(parts);
  return scores instanceof Promise ? scores.then(judged) : judged(scores);
}

/** For a message that could not be inspected: the fallback of the cause decides. */
export function judgeUnread(error: unknown, bytes: number, policy: LivePolicy): Judged {
  const { cause, detail } = causeOfFailure(error);
  const verdict = decideUnread(policy.decision, cause, detail);
  return { report: unreadReport(bytes), verdict, listHits: [], hashHits: [], scores: [] };
}
