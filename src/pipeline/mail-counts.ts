/** Which durable counters one message raises, when its fate is known. Numbers in memory only. */
import type { InspectionReport } from '../inspect/report.js';
import type { DecisionPolicy } from '../policy/decide.js';
import { levelOf } from '../policy/level.js';
import type { Verdict } from '../policy/verdict.js';
import type { CounterWord } from '../quarantine/counter-names.js';
import type { ProtocolTally } from '../quarantine/counter-tally.js';
import type { PartScore } from '../scoring/backend.js';
import type { FileInquiry } from './file-inquiry.js';

/**
 * What became of a message: `quarantined` with a mail to its recipients, `blocked` with a refusal or with a notice in
 * its place.
 */
export type MailOutcome = 'permitted' | 'tagged' | 'quarantined' | 'blocked' | 'deferred';

export interface CountedMail {
  readonly report: InspectionReport;
  readonly verdict: Verdict;
  readonly bytes: number;
  readonly outcome: MailOutcome;
  readonly inquiry: FileInquiry;
  readonly decision: Pick<DecisionPolicy, 'levelMap' | 'threshold'>;
}

export function countMail(tally: ProtocolTally, mail: CountedMail): void {
  const { report, verdict, bytes } = mail;
  tally.add('email-scanned');
  tally.add('bytes', bytes);
  if (report.hasAttachment) tally.add('with-attachment');
  if (verdict.malicious) tally.add('malicious');
  for (const { code } of verdict.reasons) {
    if (code === 'allowlisted') tally.add('email-hit-whitelist');
    else if (code === 'blocklisted') tally.add('email-blacklist');
  }
  tally.add(outcomeWord(mail));
  countFiles(tally, mail);
}

function outcomeWord({ outcome, verdict }: CountedMail): CounterWord {
  switch (outcome) {
    case 'permitted':
      return fellBack(verdict) ? 'email-fallback-permitted' : 'email-permitted';
    case 'tagged':
      return 'email-tag-and-delivered';
    case 'quarantined':
      return fellBack(verdict, 'block') ? 'email-fallback-blocked' : 'email-quarantined';
    case 'blocked':
      return fellBack(verdict, 'block') ? 'email-fallback-blocked' : 'email-blocked';
    case 'deferred':
      return 'deferred';
    default:
      return outcome satisfies never;
  }
}

/** Whether a missing answer decided, and nothing worse. */
function fellBack({ malicious, reasons }: Verdict, action?: 'block'): boolean {
  if (malicious) return false;
  return reasons.some((reason) => reason.code === 'fallback' && (action === undefined || reason.action === action));
}

function countFiles(tally: ProtocolTally, { outcome, verdict, inquiry, decision }: CountedMail): void {
  const passes = outcome === 'permitted' || outcome === 'tagged';
  for (const score of inquiry.scores) {
    const missing = score.answers.some(({ kind }) => kind === 'none') || score.answers.length === 0;
    if (score.sha256 !== '') tally.add('hash-eligible');
    tally.add('hash-selected');
    if (score.how?.some(({ source }) => source === 'backend') === true) tally.add('hash-submitted');
    if (inquiry.wasSent(score)) {
      tally.add('hash-unknown');
      tally.add(isScoredByBackend(score) ? 'file-submission-success' : 'file-submission-failure');
    } else if (missing) {
      tally.add(missingWord(score));
    } else {
      tally.add('hash-known');
      tally.add('file-submission-not-needed');
    }
    if (score.score !== undefined) {
      const bad = levelOf(score.score, decision.levelMap) >= decision.threshold;
      tally.add(bad ? 'file-verdict-meets_threshold' : 'file-verdict-under_threshold');
    }
    if (missing && fellBack(verdict)) tally.add(passes ? 'file-fallback-permitted' : 'file-fallback-blocked');
  }
}

function isScoredByBackend({ answers, how }: PartScore): boolean {
  return answers.some(({ kind }, at) => kind === 'score' && how?.[at]?.source === 'backend');
}

function missingWord({ answers }: PartScore): CounterWord {
  const causes = answers.map((answer) => (answer.kind === 'none' ? answer.cause : undefined));
  if (causes.includes('verdict-timeout')) return 'hash-verdict-timeout';
  return causes.includes('unknown-file') ? 'hash-unknown' : 'hash-fail';
}
