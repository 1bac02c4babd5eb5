/**
 * Which members a ZIP file has, by every reading: each end record with its directory, and the local headers that no
 * directory tells of. It decodes nothing; it says what was read and whether the readings agree.
 */
import { limits } from '../../runtime/limits.js';
import {
  type CentralHeader,
  centralSignature,
  type EndRecord,
  endSignature,
  type LocalHeader,
  readCentralHeader,
  readEndRecords,
  readLocalHeader,
  spannedSignature,
  zipFlags,
} from './zip-records.js';

/** A member as a directory tells of it. */
export interface DirectoryEntry {
  readonly central: CentralHeader;
  /** undefined when there is none where the directory says */
  readonly local: LocalHeader | undefined;
}

export interface Directory {
  readonly entries: readonly DirectoryEntry[];
  readonly start: number;
  /** behind the end record; its comment is not covered, as it may hide records */
  readonly end: number;
  /** the comment ends exactly where the file ends, as every writer makes it */
  readonly closesFile: boolean;
  /** readers disagree about this directory: its place, its ZIP64 values or its number of entries */
  readonly doubtful: boolean;
  readonly multiVolume: boolean;
  readonly tooMany: boolean;
}

const endRecordBytes = 22;
const allOnes = 0xffffffff;

/** The end record that most readers take: the last one whose directory is there. */
export function lastDirectory(content: Buffer, before: number): Directory | undefined {
  let from = before;
  for (let tried = 0; tried < limits.open.zipDirectoriesMax; tried += 1) {
    const at = from < 0 ? -1 : content.lastIndexOf(endSignature, from);
    if (at < 0) return undefined;
    const found = readDirectory(content, at);
    if (found !== undefined) return found;
    from = at - 1;
  }
  return undefined;
}

/** All directories that the end record at `offset` may mean, as one. */
export function readDirectory(content: Buffer, offset: number): Directory | undefined {
  const records = readEndRecords(content, offset);
  const [first] = records;
  if (first === undefined) return undefined;
  const readings = new Map<number, readonly DirectoryEntry[]>();
  let doubtful = records.length > 1;
  let tooMany = false;
  for (const record of records) {
    for (const start of directoryStarts(content, record)) {
      if (readings.has(start)) continue;
      const entries = readEntries(content, start, record);
      tooMany ||= entries.length > limits.open.membersMax;
      doubtful ||= !tooMany && entries.length !== record.entries;
      readings.set(start, entries);
    }
  }
  const closesFile = first.end === content.length;
  const multiVolume = closesFile && first.disk > 0 && first.disk < 1000;
  const empty = first.entries === 0 && first.directoryBytes === 0;
  if (readings.size === 0 && !multiVolume && !empty) return undefined;
  return {
    entries: [...readings.values()].flat(),
    start: Math.min(first.directoryEnd, ...readings.keys()),
    end: offset + endRecordBytes,
    closesFile,
    doubtful: doubtful || readings.size > 1,
    multiVolume,
    tooMany,
  };
}

/** Where the directory begins: as written, or as its length says when something stands in front of the archive. */
function directoryStarts(content: Buffer, record: EndRecord): number[] {
  const starts = new Set([record.directoryEnd - record.directoryBytes, record.directoryOffset]);
  return [...starts].filter(
    (start) => start >= 0 && start + 4 <= content.length && centralSignature.compare(content, start, start + 4) === 0,
  );
}

function readEntries(content: Buffer, start: number, record: EndRecord): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  // Offsets count from the first byte of the archive, which is not that of the file when something is in front.
  const base = start - record.directoryOffset;
  let at = start;
  while (entries.length <= limits.open.membersMax) {
    const central = readCentralHeader(content, at);
    if (central === undefined) break;
    const local = readLocalHeader(content, central.localOffset + base) ?? readLocalHeader(content, central.localOffset);
    entries.push({ central, local });
    at = central.end;
  }
  return entries;
}

/**
 * The two headers of a member would make readers unpack different things. A writer that streams cannot know sizes, and
 * leaves zeros or ones in the local header.
 */
export function headersDisagree(content: Buffer, central: CentralHeader, local: LocalHeader): boolean {
  const masked = (central.flags & local.flags & zipFlags.masked) !== 0;
  if (masked) return false;
  const serious = zipFlags.encrypted | zipFlags.strong;
  if (((central.flags ^ local.flags) & serious) !== 0) return true;
  if (central.rawName.compare(local.rawName) !== 0) return true;
  const streamed = (local.flags & zipFlags.descriptor) !== 0;
  const unlike = (ours: number, theirs: number) =>
    ours !== theirs && !(streamed && (theirs === 0 || theirs === allOnes));
  if (unlike(central.size, local.size) || unlike(central.compressed, local.compressed)) return true;
  return central.method !== local.method && !(streamed && isEmpty(content, central, local));
}

/**
 * Nothing is there but a descriptor: Info-ZIP announces deflate, finds the file empty, and calls it stored in the
 * directory. No deflate stream begins with the bytes of a descriptor.
 */
function isEmpty(content: Buffer, central: CentralHeader, local: LocalHeader): boolean {
  const start = local.dataOffset;
  return central.size === 0 && central.compressed === 0 && spannedSignature.compare(content, start, start + 4) === 0;
}

/** The local header at `offset` could be one: what is not is a chance meeting with four bytes. */
export function isPlausibleLocal(content: Buffer, local: LocalHeader): boolean {
  const version = content.readUInt8(local.offset + 4);
  const name = local.rawName;
  if (version > 100 || name.length === 0 || name.length > 4096) return false;
  if ((local.flags & 0xd780) !== 0) return false;
  return local.method <= 20 || (local.method >= 93 && local.method <= 99);
}
