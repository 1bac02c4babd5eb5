/**
 * Which parts of a message are in question at all, and how far each may be looked at: attachments and what they contain,
 * less what an allowed hash or a profile exempts.
 */
import { type InspectionReport, type PartFacts, partFlags } from '../inspect/report.js';
import type { Extent, ScoreRequest } from '../scoring/score-request.js';
import type { HashHit } from './hash-lists.js';
import { type Profile, type Ruling, rulingOf } from './profile.js';
import type { ListHit } from './verdict.js';

export interface ScopePolicy {
  readonly applyWithoutAttachment: boolean;
  readonly profile: Profile;
}

export interface ProfiledPart {
  readonly part: PartFacts;
  readonly ruling: Ruling;
}

export interface Scope {
  /** attachments and their members that neither an allowed hash nor their category exempts: each needs a score */
  readonly inQuestion: readonly ProfiledPart[];
  /** parts that are allowed by hash, with all their members */
  readonly exempt: ReadonlySet<string>;
  /** parts whose category is never scanned; their members are not looked at either */
  readonly skipped: readonly ProfiledPart[];
  /** keys of `skipped` and of all their members */
  readonly skippedKeys: ReadonlySet<string>;
  /** for each of `inQuestion` */
  readonly requests: readonly ScoreRequest[];
}

/** Whether the address lists are asked about this message (`lists.applyWithoutAttachment`). */
export function listsApply(report: InspectionReport, policy: Pick<ScopePolicy, 'applyWithoutAttachment'>): boolean {
  return policy.applyWithoutAttachment || needsAnalysis(report);
}

/**
 * A message without attachment passes without analysis. One that could not be read in full is never such a message:
 * what was not seen may have been an attachment.
 */
export function needsAnalysis(report: InspectionReport): boolean {
  return report.hasAttachment || report.unscannable;
}

export function scopeOf(report: InspectionReport, hashHits: readonly HashHit[], profile: Profile): Scope {
  const allowed = new Set(hashHits.filter((hit) => hit.list === 'allow').map((hit) => hit.sha256));
  const inQuestion: ProfiledPart[] = [];
  const skipped: ProfiledPart[] = [];
  const requests: ScoreRequest[] = [];
  const exempt = new Set<string>();
  const skippedKeys = new Set<string>();
  const visit = (parts: readonly PartFacts[], above: Above): void => {
    for (const part of parts) {
      // The digest of content that cannot be decoded is not that of what a reader sees, so it vouches for nothing.
      const passes = above.exempt || (allowed.has(part.sha256) && !part.flags.includes(partFlags.undecodable));
      const counts = above.attached || part.attachment;
      const ruling = passes || above.skipped || !counts ? undefined : rulingOf(part, profile);
      let request: ScoreRequest | undefined;
      if (passes) exempt.add(partKey(part));
      else if (above.skipped || ruling?.mode === 'skip') {
        skippedKeys.add(partKey(part));
        if (ruling !== undefined) skipped.push({ part, ruling });
      } else if (ruling !== undefined) {
        inQuestion.push({ part, ruling });
        request = { part, extent: extentOf(ruling), container: above.request };
        requests.push(request);
      }
      const isSkipped = above.skipped || ruling?.mode === 'skip';
      visit(part.members, { attached: counts, exempt: passes, skipped: isSkipped, request });
    }
  };
  visit(report.parts, { attached: false, exempt: false, skipped: false, request: undefined });
  return { inQuestion, exempt, skipped, skippedKeys, requests };
}

/** What a part inherits from those that it lies in. */
interface Above {
  readonly attached: boolean;
  readonly exempt: boolean;
  readonly skipped: boolean;
  readonly request: ScoreRequest | undefined;
}

function extentOf({ mode, oversize }: Ruling): Extent {
  if (mode === 'hash-only') return 'digest';
  return oversize ? 'facts' : 'content';
}

/** Path and digest: two readings of an ambiguous message may have different content at one path. */
export function partKey(part: { readonly path: string; readonly sha256: string }): string {
  return `${part.path} ${part.sha256}`;
}

/**
 * What must be asked before `decide` can judge; empty when lists or the lack of attachments have already decided. Pure,
 * so that the pipeline may ask it on the hot path.
 */
export function scoresToAsk(
  report: InspectionReport,
  listHits: readonly ListHit[],
  hashHits: readonly HashHit[],
  policy: ScopePolicy,
): readonly ScoreRequest[] {
  if (listHits.length > 0 && listsApply(report, policy)) return [];
  if (!needsAnalysis(report)) return [];
  const { requests, exempt } = scopeOf(report, hashHits, policy.profile);
  const blocked = hashHits.some(
    (hit) => hit.list === 'block' && !exempt.has(partKey({ path: hit.part, sha256: hit.sha256 })),
  );
  return blocked ? [] : requests;
}
