/** What a log collector is told of one message: made only where somebody listens. */
import { categoryOf } from '../inspect/file-category.js';
import type { InspectionReport } from '../inspect/report.js';
import { findingsOf } from '../notice/findings.js';
import type { DecisionPolicy } from '../policy/decide.js';
import { levelOf } from '../policy/level.js';
import type { Verdict } from '../policy/verdict.js';
import { limits } from '../runtime/limits.js';
import type { ToldFile, ToldMail } from '../syslog/told.js';
import type { FileInquiry } from './file-inquiry.js';
import { describeReason } from './reason-words.js';

/** A message whose fate is known. */
export interface SettledMail
  extends Pick<ToldMail, 'at' | 'id' | 'listener' | 'clientAddress' | 'clientPort' | 'user' | 'sender' | 'bytes'>,
    Pick<ToldMail, 'outcome' | 'reply' | 'item'> {
  readonly recipients: readonly string[];
  readonly report: InspectionReport;
  readonly verdict: Verdict;
  readonly inquiry: FileInquiry;
  readonly levelMap: DecisionPolicy['levelMap'];
}

export function toldMail({ report, verdict, inquiry, levelMap, recipients, ...mail }: SettledMail): ToldMail {
  const { recipientsMax } = limits.syslog;
  return {
    kind: 'mail',
    ...mail,
    recipients: recipients.slice(0, recipientsMax),
    recipientCount: recipients.length,
    subject: report.subject,
    messageId: report.messageId,
    action: verdict.action,
    reasons: verdict.reasons.slice(0, limits.syslog.reasonsMax).map(describeReason),
    score: verdict.score,
    threatLevel: verdict.threatLevel,
    threat: verdict.threat,
    malicious: verdict.malicious,
    list: listOf(verdict),
    ...toldFiles(report, verdict, inquiry, levelMap),
  };
}

function listOf({ reasons }: Verdict): ToldMail['list'] {
  if (reasons.some(({ code }) => code === 'allowlisted')) return 'allow';
  return reasons.some(({ code }) => code === 'blocklisted') ? 'block' : undefined;
}

/** What the backends said of a file and of all that it contains. */
interface Known {
  level: number;
  sent: boolean;
}

function toldFiles(
  report: InspectionReport,
  verdict: Verdict,
  inquiry: FileInquiry,
  levelMap: DecisionPolicy['levelMap'],
): Pick<ToldMail, 'files' | 'filesOmitted'> {
  const known = new Map<string, Known>();
  for (const score of inquiry.scores) {
    const file = fileOf(score.path);
    const level = score.score === undefined ? -1 : levelOf(score.score, levelMap);
    const before = known.get(file) ?? { level: -1, sent: false };
    known.set(file, {
      level: Math.max(before.level, level),
      sent: before.sent || inquiry.wasSent(score),
    });
  }
  const parts = new Map(report.parts.map((part) => [`${part.path} ${part.sha256}`, part]));
  const { findings, omitted } = findingsOf(report, verdict, limits.syslog.filesMax);
  const hashes = hashLists(verdict);
  const files = findings.map((finding): ToldFile => {
    const answer = known.get(finding.path);
    const level = Math.max(finding.level, answer?.level ?? -1);
    const part = parts.get(`${finding.path} ${finding.sha256}`);
    return {
      name: finding.name,
      category: part === undefined ? 'other' : categoryOf(part.detectedType, part.flags, part.names),
      type: finding.type,
      bytes: finding.bytes,
      sha256: finding.sha256,
      level,
      threat: finding.threat,
      list: listOf(verdict) ?? hashes.get(finding.path),
      known: answer !== undefined && answer.level >= 0 && !answer.sent,
    };
  });
  return { files, filesOmitted: omitted };
}

/** Path of the leaf in the message that a member was taken from. */
function fileOf(path: string): string {
  const end = path.indexOf('!');
  return end === -1 ? path : path.slice(0, end);
}

function hashLists({ reasons }: Verdict): Map<string, 'allow' | 'block'> {
  const lists = new Map<string, 'allow' | 'block'>();
  for (const reason of reasons) {
    if (reason.code === 'hash-blocked') lists.set(fileOf(reason.part), 'block');
    else if (reason.code === 'hash-allowed' && !lists.has(fileOf(reason.part))) lists.set(fileOf(reason.part), 'allow');
  }
  return lists;
}
