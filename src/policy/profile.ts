/**
 * How far files of each category are looked at: `policy.profile`, applied to one part. Pure. What the rulings lead to
 * is decided in decide.ts.
 */
import { categoryOf, type FileCategory, fileCategories } from '../inspect/file-category.js';
import { type PartFacts, type PartFlag, partFlags, rawMessagePath } from '../inspect/report.js';
import { isArchived } from '../scoring/score-request.js';

export type ProfileMode = 'scan' | 'hash-only' | 'skip';

export interface CategoryProfile {
  readonly mode: ProfileMode;
  /** larger files are not scanned but meet the fallback `oversize`; undefined: no maximum */
  readonly maxBytes: number | undefined;
}
export type Profile = Readonly<Record<FileCategory, CategoryProfile>>;

export interface Ruling {
  readonly mode: ProfileMode;
  /** the mode is `scan`, and the file is larger than is scanned */
  readonly oversize: boolean;
  /** undefined when no category would rule otherwise, so that it was not asked */
  readonly category: FileCategory | undefined;
}

const scanned: Ruling = { mode: 'scan', oversize: false, category: undefined };

/** What such a file is cannot be said for sure, and the sender may have chosen what it looks like. */
const doubtful: readonly PartFlag[] = [partFlags.undecodable, partFlags.polyglot, partFlags.typeConflict];

/** @param thorough for whoever wants to know the category even where it decides nothing */
export function rulingOf(part: PartFacts, profile: Profile, thorough?: 'name the category'): Ruling {
  if (thorough === undefined && part.bytes <= plainBytes(profile)) return scanned;
  const category = categoryOf(part.detectedType, part.flags, part.names);
  const { mode, maxBytes } = profile[category];
  // What is in an archive is bounded by what may be unpacked, and by the size of the archive itself.
  const oversize = maxBytes !== undefined && part.bytes > maxBytes && !isArchived(part);
  if (mode === 'scan') return { mode, oversize: oversize && part.path !== rawMessagePath, category };
  const certain = part.path !== rawMessagePath && !doubtful.some((flag) => part.flags.includes(flag));
  return certain ? { mode, oversize: false, category } : { mode: 'scan', oversize: false, category };
}

/** Up to this size every category is scanned; mail that is within it pays nothing for profiles. */
function plainBytes(profile: Profile): number {
  const known = plain.get(profile);
  if (known !== undefined) return known;
  const all = fileCategories.map((category) => profile[category]);
  const bytes = all.every(({ mode }) => mode === 'scan')
    ? Math.min(...all.map(({ maxBytes }) => maxBytes ?? Number.MAX_SAFE_INTEGER))
    : -1;
  plain.set(profile, bytes);
  return bytes;
}

const plain = new WeakMap<Profile, number>();
