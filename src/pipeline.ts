/**
 * One message's life, as told in the README's picture:
 *
 *   inspect   frame as it arrives, decode and hash every part
 *   readmit   is it a release of ours that comes through again?
 *   lists     allow before block; envelope and body addresses, file hashes
 *   score     known digests first, content only where nobody knows them
 *   decide    pure: facts, hits, scores and policy in, verdict out
 *   act       relay, tag and relay, hold with notices, refuse, defer
 *
 * Each step gives a value or a promise; mail that needs no worker and no backend is judged without a promise.
 */
import type { InspectionReport } from './inspect/report.js';
import { type Acting, act } from './pipeline/act.js';
import { causeOfFailure, unreadReport } from './pipeline/failure.js';
import { findReadmission } from './pipeline/readmission.js';
import { then } from './pipeline/then.js';
import { decide, decideUnread } from './policy/decide.js';
import { type HashHit, matchHashes } from './policy/hash-lists.js';
import type { LivePolicy } from './policy/live-policy.js';
import { matchLists } from './policy/match-lists.js';
import { scoresToAsk } from './policy/scope.js';
import type { ListHit, Verdict } from './policy/verdict.js';
import type { PartScore } from './scoring/backend.js';
import type { ScoreRequest } from './scoring/score-request.js';
import type { Judgement } from './smtp/handler.js';

/** One message that is wholly in its spool, from inspection to what is done with it. Never rejects. */
export function judgeMessage(message: Acting): Judgement | Promise<Judgement> {
  return then(reachVerdict(message), ({ report, verdict }) => {
    // Nobody waits for a message that was given up: its client sends it again, and only then there is one to hold.
    if (message.record.givenUp) return { kind: 'answer', reply: { code: 451, enhanced: '4.7.1', text: 'Given up' } };
    return act(message, report, verdict);
  });
}

/** Inspect, readmit, then lists to decide; a failure of our own is decided by the fallback of its cause. */
export function reachVerdict(message: Acting): Judged | Promise<Judged> {
  const failed = (error: unknown): Judged => {
    const judged = judgeUnread(error, message.spool.length, message.policy);
    message.record.failed(error);
    return judged;
  };
  try {
    const judged = then(message.inspection.finish(), (report) => {
      message.record.inspected();
      return then(findReadmission(message), (release) =>
        release === undefined
          ? judgeReport(question(message, report), message.ask)
          : readmitted(report, release, message),
      );
    });
    return judged instanceof Promise ? judged.catch(failed) : judged;
  } catch (error) {
    return failed(error);
  }
}

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

/** Asks the backends; called at most once, for the parts that are in question. */
export type AskScores = (requests: readonly ScoreRequest[]) => PartScore[] | Promise<PartScore[]>;

/** Lists, scores, decision: the verdict of the gate for a report and an envelope, with everything it was made from. */
export function judgeReport(question: Question, ask: AskScores): Judged | Promise<Judged> {
  const { report, mailFrom, recipients, policy } = question;
  // Parsed only when there is a list to ask.
  const body = () => report.addresses;
  const addresses = { envelopeFrom: mailFrom, envelopeTo: recipients, body };
  const listHits = matchLists(policy.addresses, addresses, policy.allowRules);
  const hashHits = matchHashes(policy.hashes, report.parts);
  const requests = scoresToAsk(report, listHits, hashHits, policy.decision);
  return then(requests.length === 0 ? [] : ask(requests), (scores) => {
    const verdict = decide({ report, scores, listHits, hashHits, policy: policy.decision });
    return { report, verdict, listHits, hashHits, scores };
  });
}

/** For a message that could not be inspected: the fallback of the cause decides. */
export function judgeUnread(error: unknown, bytes: number, policy: LivePolicy): Judged {
  const { cause, detail } = causeOfFailure(error);
  const verdict = decideUnread(policy.decision, cause, detail);
  return { report: unreadReport(bytes), verdict, listHits: [], hashHits: [], scores: [] };
}

function readmitted(report: InspectionReport, released: string, { policy }: Acting): Judged {
  const nothing = { scores: [], listHits: [], hashHits: [] };
  return { report, verdict: decide({ report, ...nothing, policy: policy.decision, released }), ...nothing };
}

function question({ envelope, policy }: Acting, report: InspectionReport): Question {
  const recipients = envelope.recipients.map((recipient) => recipient.address);
  return { report, mailFrom: envelope.mailFrom, recipients, policy };
}
