/**
 * What was found, told per attachment: the part of report and verdict that a person reads in a notice, an
 * administrator's mail, an incident and `quarantine show`.
 */
import { everyPart, type InspectionReport, type PartFacts, rawMessagePath } from '../inspect/report.js';
import type { Verdict } from '../policy/verdict.js';

export interface Finding {
  readonly path: string;
  /** first candidate name, as found in the mail; empty when it has none */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** by content when recognised, else as declared */
  readonly type: string;
  /** worst of the attachment and its members; -1 when nothing was scored */
  readonly level: number;
  /** name of the worst finding; empty when there is none */
  readonly threat: string;
}

interface Judged {
  readonly level: number;
  readonly threat: string;
}

function judgedParts(verdict: Verdict): Map<string, Judged> {
  const judged = new Map<string, Judged>();
  for (const reason of verdict.reasons) {
    if (reason.code !== 'score' && reason.code !== 'hash-blocked') continue;
    const next =
      reason.code === 'score'
        ? { level: reason.level, threat: reason.name }
        : { level: 10, threat: 'blocklisted file' };
    const known = judged.get(reason.part);
    if (known === undefined || next.level > known.level) judged.set(reason.part, next);
  }
  return judged;
}

/**
 * What a file counts as that no reason names: a score of 0 is none, so where everything was scored it is clean. Where
 * scores are missing nobody can say.
 */
function levelUnnamed({ score, reasons }: Verdict): number {
  const missing = reasons.some(({ code }) => code === 'fallback' || code === 'unscannable');
  return score === undefined || missing ? -1 : 0;
}

function findingOf(part: PartFacts, judged: Map<string, Judged>, verdict: Verdict): Finding {
  const passedOver = verdict.reasons.some((reason) => reason.code === 'profile' && reason.part === part.path);
  let worst: Judged = { level: passedOver ? -1 : levelUnnamed(verdict), threat: '' };
  for (const member of everyPart([part])) {
    const found = judged.get(member.path);
    if (found !== undefined && found.level > worst.level) worst = found;
  }
  return {
    path: part.path,
    name: part.names[0] ?? '',
    bytes: part.bytes,
    sha256: part.sha256,
    type: part.detectedType ?? part.declaredType,
    ...worst,
  };
}

/** The attachments, and every other part that was judged harmful, worst first; `omitted` counts those beyond `max`. */
export function findingsOf(
  report: InspectionReport,
  verdict: Verdict,
  max: number,
): { readonly findings: readonly Finding[]; readonly omitted: number } {
  const judged = judgedParts(verdict);
  const found = report.parts
    .map((part) => ({ part, finding: findingOf(part, judged, verdict) }))
    .filter(({ part, finding }) => part.attachment || finding.level > 0);
  const first = found.filter(({ part }) => !isOtherReading(part)).map(({ finding }) => finding);
  const worst = Math.max(0, ...first.map(({ level }) => level));
  const others = found.filter(({ part, finding }) => isOtherReading(part) && finding.level > worst);
  const all = [...first, ...withoutRepeats(others.map(({ finding }) => finding))].sort((a, b) => b.level - a.level);
  return { findings: all.slice(0, max), omitted: Math.max(0, all.length - max) };
}

/** The same file in other readings of an ambiguous message tells a person nothing, unless only they show how bad it is. */
function isOtherReading({ path, view }: PartFacts): boolean {
  return view !== '' || path === rawMessagePath;
}

function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.name} ${finding.threat} ${finding.level}`;
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()];
}
