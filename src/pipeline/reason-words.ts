/** A verdict in few words, for log lines and collectors; the full form is in the incident and in `sluice scan`. */
import type { InspectionReport } from '../inspect/report.js';
import type { Reason, Verdict } from '../policy/verdict.js';

export function problemCodes(report: InspectionReport): string[] {
  return [...new Set(report.problems.map((problem) => problem.code))].slice(0, 10);
}

/** The reason that named the action: the last one that is not merely a note. */
export function decidingReason(verdict: Pick<Verdict, 'reasons'>): string {
  return verdict.reasons.findLast((reason) => reason.code !== 'score')?.code ?? 'none';
}

/** One word or two per reason. */
export function describeReason(reason: Reason): string {
  switch (reason.code) {
    case 'allowlisted':
    case 'blocklisted':
      return `${reason.code} ${reason.hit.field} ${reason.hit.entry}`;
    case 'hash-allowed':
    case 'hash-blocked':
      return `${reason.code} part ${reason.part}`;
    case 'score':
      return `score ${reason.score} ${reason.name} (${reason.backend}, part ${reason.part})`;
    case 'profile':
      return `profile ${reason.category} ${reason.mode} (part ${reason.part})`;
    case 'below-threshold':
    case 'threshold':
      return `${reason.code} ${reason.level}/${reason.threshold}`;
    case 'fallback':
      return `fallback ${reason.cause} ${reason.action}`;
    case 'released':
      return `released ${reason.release}`;
    case 'unscannable':
    case 'ambiguous':
      return reason.code;
    case 'no-attachment':
    case 'policy-permit':
      return reason.code;
    default:
      return reason satisfies never;
  }
}
