/**
 * Opens ZIP files, and files that hold one anywhere. Readers find members by the last end record, by another one, or by
 * walking over local headers; the union of all readings is handed over, and that they differ is told. How a record is
 * read and how a member is decoded is elsewhere.
 */
import { limits } from '../../runtime/limits.js';
import { nameIsUnsafe } from './member-name.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
import { StoppingOutput } from './stopping-output.js';
import {
  type Directory,
  type DirectoryEntry,
  headersDisagree,
  isPlausibleLocal,
  lastDirectory,
  readDirectory,
} from './zip-directory.js';
import { takeZipMember, type ZipMember } from './zip-member.js';
import {
  endSignature,
  type LocalHeader,
  localSignature,
  readLocalHeader,
  spannedSignature,
  zipFlags,
} from './zip-records.js';

export const zip: Opener = {
  id: 'zip',
  matches: ({ content }) => content.includes(localSignature) || content.includes(endSignature),
  open: (file, out) => new ZipOpening(file, out).run(),
};

const startsOfZip = [localSignature, endSignature, spannedSignature, Buffer.from('PK00PK')];

/** A member with the place of its header. */
interface PlacedMember extends ZipMember {
  readonly headerOffset: number;
  /** its headers disagree, so that its data may be declared to reach over other members */
  readonly doubtful: boolean;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

class ZipOpening {
  readonly #content: Buffer;
  readonly #out: StoppingOutput;
  readonly #main: Directory | undefined;
  /** A ZIP reader would take this file. If not, records in it are a matter of the files in it, and prove nothing. */
  readonly #isZip: boolean;
  readonly #covered: Range[] = [];
  readonly #taken = new Set<string>();
  #decodedBytes = 0;
  /** there are more members than may be, so what else there is does not matter */
  #full = false;

  constructor(file: OpenFile, out: OpenOutput) {
    this.#content = file.content;
    this.#out = new StoppingOutput(out);
    this.#main = lastDirectory(file.content, file.content.length);
    const starts = startsOfZip.some((start) => start.compare(file.content, 0, start.length) === 0);
    // A program that unpacks itself may have a signature behind its archive.
    const unpacksItself = file.content.toString('latin1', 0, 2) === 'MZ' && (this.#main?.entries.length ?? 0) > 0;
    this.#isZip = starts || unpacksItself || this.#main?.closesFile === true;
  }

  async run(): Promise<void> {
    const spanned = spannedSignature.compare(this.#content, 0, 4) === 0;
    if (this.#main?.multiVolume === true || (spanned && this.#main === undefined)) {
      this.#out.flag('multi-volume');
      this.#out.problem('archive-unsupported');
    }
    if (this.#main !== undefined) await this.#takeDirectory(this.#main);
    if (!this.#stopped) await this.#takeOtherDirectories();
    if (!this.#stopped) await this.#takeLonelyHeaders();
  }

  get #stopped(): boolean {
    return this.#full || this.#out.stopped || this.#decodedBytes > limits.open.zipReadRatioMax * this.#content.length;
  }

  #mismatch(): void {
    if (this.#isZip) this.#out.flag('archive-mismatch');
  }

  async #takeDirectory(directory: Directory): Promise<void> {
    this.#covered.push({ start: directory.start, end: directory.end });
    if (directory.doubtful) this.#mismatch();
    if (directory.tooMany) this.#out.problem('unpack-limit');
    const entries = directory.entries.slice(0, limits.open.membersMax);
    if (entriesOverlap(entries)) {
      this.#mismatch();
      this.#out.problem('unpack-limit');
    }
    for (const member of this.#members(entries)) if (!(await this.#take(member))) return;
    this.#full ||= directory.tooMany;
  }

  /** Each way to read each entry, with all names that entries give to the same data. */
  #members(entries: readonly DirectoryEntry[]): Iterable<PlacedMember> {
    const members = new Map<string, PlacedMember>();
    for (const { central, local } of entries) {
      if (local === undefined) {
        if (!this.#isZip || this.#main?.multiVolume === true) continue;
        this.#out.problem('archive-damaged');
        this.#mismatch();
        continue;
      }
      const { dataOffset, offset: headerOffset } = local;
      const names = [...new Set([...central.names, ...local.names])];
      const readings: ZipMember[] = [{ ...central, names, dataOffset, open: false }];
      const doubtful = headersDisagree(this.#content, central, local);
      if (doubtful) {
        this.#mismatch();
        readings.push({ ...local, names, open: isOpen(local) });
      }
      for (const reading of readings) {
        const key = keyOf(reading);
        const known = members.get(key);
        members.set(key, {
          ...reading,
          headerOffset,
          doubtful,
          names: [...new Set([...(known?.names ?? []), ...names])],
        });
      }
    }
    return members.values();
  }

  /** False when a bound was reached. */
  async #take(member: PlacedMember): Promise<boolean> {
    if (member.names.some(nameIsUnsafe)) this.#out.flag('member-name-unsafe');
    const key = keyOf(member);
    if (this.#taken.has(key)) return true;
    this.#taken.add(key);
    const isFolder = member.names.some((name) => name.endsWith('/')) && !member.open;
    if (isFolder && member.size === 0 && member.compressed === 0) {
      this.#covered.push({ start: member.headerOffset, end: member.dataOffset });
      return true;
    }
    if (this.#stopped) {
      this.#out.problem('unpack-limit');
      return false;
    }
    const taken = await takeZipMember(this.#content, member, this.#out);
    this.#decodedBytes += taken.end - member.dataOffset;
    const end = taken.fits && !member.doubtful ? taken.end : member.dataOffset;
    this.#covered.push({ start: member.headerOffset, end });
    if (!taken.fits && this.#isZip) {
      this.#mismatch();
      this.#out.problem('archive-damaged');
    }
    return !this.#out.stopped;
  }

  /** End records outside of everything that is accounted for: another archive for readers that search otherwise. */
  async #takeOtherDirectories(): Promise<void> {
    let found = 0;
    for (const at of this.#uncovered(endSignature)) {
      const directory = readDirectory(this.#content, at);
      if (directory === undefined) continue;
      found += 1;
      if (found > limits.open.zipDirectoriesMax || this.#stopped) {
        this.#out.problem('unpack-limit');
        return;
      }
      this.#mismatch();
      await this.#takeDirectory(directory);
    }
  }

  /** Local headers that no directory tells of: members for readers that stream, and for those that repair. */
  async #takeLonelyHeaders(): Promise<void> {
    let found = false;
    let behind = 0;
    let seen = 0;
    for (const at of this.#uncovered(localSignature)) {
      seen += 1;
      if (seen > limits.open.membersMax) {
        // Each may have a name of 64 KiB that lies over those of all others.
        this.#out.problem('unpack-limit');
        return;
      }
      const local = at < behind ? undefined : readLocalHeader(this.#content, at);
      if (local === undefined || !(this.#isZip || isPlausibleLocal(this.#content, local))) continue;
      // Where no ZIP is expected, a key that nobody can check is no finding.
      if (!this.#isZip && (local.flags & zipFlags.encrypted) !== 0) continue;
      found = true;
      const before = this.#covered.length;
      if (!(await this.#take({ ...local, headerOffset: at, doubtful: false, open: isOpen(local) }))) return;
      const last = this.#covered.at(-1);
      if (this.#covered.length > before && last !== undefined) behind = last.end;
    }
    if (found) this.#mismatch();
    if (this.#main === undefined && this.#isZip && this.#content[0] === 0x50) this.#out.problem('archive-damaged');
  }

  /** Where `signature` stands outside of what was covered when the search began. */
  *#uncovered(signature: Buffer): Generator<number, void, undefined> {
    const ranges = this.#covered.toSorted((one, other) => one.start - other.start);
    let next = 0;
    let from = 0;
    while (true) {
      const at = this.#content.indexOf(signature, from);
      if (at < 0) return;
      from = at + 1;
      let range = ranges[next];
      while (range !== undefined && range.end <= at) {
        next += 1;
        range = ranges[next];
      }
      if (range !== undefined && range.start <= at) from = range.end;
      else yield at;
    }
  }
}

/** Its local header leaves the sizes to a descriptor behind the data. */
function isOpen(local: LocalHeader): boolean {
  return (local.flags & zipFlags.descriptor) !== 0 && (local.sizesUnknown || local.compressed === 0);
}

function keyOf(member: ZipMember): string {
  const end = member.open ? 'open' : member.compressed;
  return `${member.dataOffset} ${member.method} ${end} ${member.flags & zipFlags.encrypted}`;
}

/** Data used by two members: no writer does this, and it is how a small file unpacks to terabytes. */
function entriesOverlap(entries: readonly DirectoryEntry[]): boolean {
  const places: Range[] = [];
  for (const { central, local } of entries) {
    if (local !== undefined) places.push({ start: local.offset, end: local.dataOffset + central.compressed });
  }
  places.sort((one, other) => one.start - other.start || one.end - other.end);
  return places.some((place, index) => place.end > (places[index + 1]?.start ?? Number.POSITIVE_INFINITY));
}
