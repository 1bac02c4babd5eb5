/** Which parts of a message are in question at all: attachments and what they contain, less what an allowed hash exempts. */
import { type InspectionReport, type PartFacts, partFlags } from '../inspect/report.js';
import type { HashHit } from './hash-lists.js';
import type { ListHit } from './verdict.js';

export interface ScopePolicy {
  readonly applyWithoutAttachment: boolean;
}

export interface Scope {
  /** attachments and their members that no allowed hash exempts: each needs a score */
  readonly inQuestion: readonly PartFacts[];
  /** parts that are allowed by hash, with all their members */
  readonly exempt: ReadonlySet<string>;
}

/** Whether the address lists are asked about this message (`lists.applyWithoutAttachment`). */
export function listsApply(report: InspectionReport, policy: ScopePolicy): boolean {
  return policy.applyWithoutAttachment || needsAnalysis(report);
}

/**
 * A message without attachment passes without analysis. One that could not be read in full is never such a message:
 * what was not seen may have been an attachment.
 */
export function needsAnalysis(report: InspectionReport): boolean {
  return report.hasAttachment || report.unscannable;
}

export function scopeOf(report: InspectionReport, hashHits: readonly HashHit[]): Scope {
  const allowed = new Set(hashHits.filter((hit) => hit.list === 'allow').map((hit) => hit.sha256));
  const inQuestion: PartFacts[] = [];
  const exempt = new Set<string>();
  const visit = (parts: readonly PartFacts[], attached: boolean, exempted: boolean): void => {
    for (const part of parts) {
      // The digest of content that cannot be decoded is not that of what a reader sees, so it vouches for nothing.
      const passes = exempted || (allowed.has(part.sha256) && !part.flags.includes(partFlags.undecodable));
      const counts = attached || part.attachment;
      if (passes) exempt.add(partKey(part));
      else if (counts) inQuestion.push(part);
      visit(part.members, counts, passes);
    }
  };
  visit(report.parts, false, false);
  return { inQuestion, exempt };
}

/** Path and digest: two readings of an ambiguous message may have different content at one path. */
export function partKey(part: { readonly path: string; readonly sha256: string }): string {
  return `${part.path} ${part.sha256}`;
}

/**
 * The parts that must be scored before `decide` can judge; empty when lists or the lack of attachments have already
 * decided. Pure, so that the pipeline may ask it on the hot path.
 */
export function partsToScore(
  report: InspectionReport,
  listHits: readonly ListHit[],
  hashHits: readonly HashHit[],
  policy: ScopePolicy,
): readonly PartFacts[] {
  if (listHits.length > 0 && listsApply(report, policy)) return [];
  if (!needsAnalysis(report)) return [];
  const { inQuestion, exempt } = scopeOf(report, hashHits);
  const blocked = hashHits.some(
    (hit) => hit.list === 'block' && !exempt.has(partKey({ path: hit.part, sha256: hit.sha256 })),
  );
  return blocked ? [] : inQuestion;
}
