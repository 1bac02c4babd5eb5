/** What the scorer is asked for: a file, how far it may be looked at, and what it was taken from. */
import { type PartFacts, type PartFlag, partFlags } from '../inspect/report.js';
import type { Backend } from './backend.js';

/**
 * `content`: whatever a backend can do. `facts`: nothing is sent, what is known of the file without that counts.
 * `digest`: only what is known of its digests counts.
 */
export type Extent = 'content' | 'facts' | 'digest';

export interface ScoreRequest {
  readonly part: PartFacts;
  readonly extent: Extent;
  /** the file that it was taken from, when that one is asked about too */
  readonly container: ScoreRequest | undefined;
}

/** Asks for all that can be known of each part, as if none contained another. */
export function requestsFor(parts: readonly PartFacts[]): ScoreRequest[] {
  return parts.map((part) => ({ part, extent: 'content', container: undefined }));
}

/**
 * Formats that scanners open by themselves; their names are those of PartFacts.encoding. What is not listed is sent by
 * itself, as are all files that only mail knows how to take out (uuencode, TNEF, BinHex, CMS, …).
 */
const archiveFormats: ReadonlySet<string> = new Set([
  ...[
    'zip',
    'gzip',
    'tar',
    '7z',
    'rar',
    'rar5',
    'bzip2',
    'xz',
    'cab',
    'arj',
    'lzh',
    'cpio',
    'iso',
    'dmg',
    'hfs',
    'xar',
  ],
  ...['chm', 'ooxml', 'odf', 'gpt', 'mbr', 'apm'],
]);

/** Whether the part was taken from an archive, so that it reaches its reader only as a piece of that. */
export function isArchived(part: PartFacts): boolean {
  return part.path.includes('!') && archiveFormats.has(part.encoding);
}

/** Programs unpack such a file differently, so that the backend may see other members than we do. */
const doubtful: readonly PartFlag[] = [partFlags.archiveMismatch, partFlags.polyglot, partFlags.multiVolume];

/** Whether the answer to its container is an answer to it: its bytes are sent with those, and the backend looks into them. */
export function isCovered(backend: Backend, { part, container }: ScoreRequest): boolean {
  if (!backend.opensArchives || container?.extent !== 'content' || !archiveFormats.has(part.encoding)) return false;
  return !doubtful.some((flag) => container.part.flags.includes(flag));
}
