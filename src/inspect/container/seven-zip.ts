/**
 * Opens every format that is left to 7-Zip. It turns what the program lists and unpacks into members; how the program
 * is run, and how formats are known, is elsewhere.
 */
import { limits } from '../../runtime/limits.js';
import { headerIsLocked } from './locked-header.js';
import { nameIsUnsafe } from './member-name.js';
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from './opener.js';
import { isForeignArchive, type SevenZipFormat, sevenZipFormats } from './seven-zip-formats.js';
import { inputPath, outputFolder, runSevenZip, type SevenZipEnd, type SevenZipFile } from './seven-zip-host.js';
import { SevenZipListing } from './seven-zip-listing.js';

export const sevenZip: Opener = {
  id: '7-zip',
  matches: (file) => isForeignArchive(file.content) || sevenZipFormats(file.content).length > 0,
  open: openAll,
};

async function openAll(file: OpenFile, out: OpenOutput): Promise<void> {
  if (isForeignArchive(file.content)) out.problem('archive-unsupported');
  for (const format of sevenZipFormats(file.content)) {
    if (format === undefined) out.problem('unpack-limit');
    if (format === undefined || out.exhausted) return;
    await openWithSevenZip(file.content.subarray(format.offset), format, out);
  }
}

/** Opens `content` as the one format given. */
export async function openWithSevenZip(content: Buffer, format: SevenZipFormat, out: OpenOutput): Promise<void> {
  const listing = new SevenZipListing(limits.open.membersMax);
  if (format.stream !== true) {
    const end = await runSevenZip(content, ['l', '-slt', `-t${format.type}`, '-p', inputPath], {
      line: (line) => listing.take(line),
      create: () => undefined,
      mayGoOn: () => !out.exhausted,
    });
    if (!listing.opened && (listing.encrypted || headerIsLocked(format.type, content))) {
      out.flag('encrypted');
      return;
    }
    if (!listing.opened) {
      if (format.certain) blame(end, listing, out);
      return;
    }
  }
  await new Unpacking(content, format, listing, out).run();
}

/**
 * Says why a run did not do all of its work. Damage of what stands `inside` of something is none: files in a compound
 * file or a file system are in pieces.
 */
function blame(end: SevenZipEnd, listing: SevenZipListing, out: OpenOutput, inside = false): void {
  if (end === 'stopped') {
    if (!out.exhausted) out.problem('unpack-limit');
  } else if (end === 'memory') out.problem('unpack-limit');
  else if (listing.unsupported && typeof end === 'object' && end.code > 1) out.problem('archive-unsupported');
  else if (!inside && (end === 'crashed' || end.code > 1)) out.problem('archive-damaged');
}

/** A member that 7-Zip has unpacked and nobody has looked into. */
interface Waiting {
  readonly about: MemberAbout;
  readonly chunks: Buffer[];
}

/**
 * One archive being unpacked. The program cannot wait until a member is looked into, so members are kept until a run
 * ends; when there are too many bytes of them the run is broken off, and the next one passes over what was taken. A
 * member that is too large to be kept is handed over as it comes.
 */
class Unpacking {
  readonly #content: Buffer;
  readonly #format: SevenZipFormat;
  readonly #listing: SevenZipListing;
  readonly #out: OpenOutput;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** a member that is handed over as it comes */
  #streamed: MemberWriter | undefined;
  /** members that earlier runs have handed over */
  #passed = 0;
  #seen = 0;
  #members = 0;
  #full = false;

  constructor(content: Buffer, format: SevenZipFormat, listing: SevenZipListing, out: OpenOutput) {
    this.#content = content;
    this.#format = format;
    this.#listing = listing;
    this.#out = out;
  }

  async run(): Promise<void> {
    if (this.#listing.multiVolume) this.#out.flag('multi-volume');
    if (this.#format.disk === true) this.#out.flag('disk-image');
    while (true) {
      this.#full = false;
      this.#seen = 0;
      this.#listing.rewind();
      const end = await this.#runOnce();
      const wasFull = this.#full;
      if (!(await this.#handOver())) return;
      if (wasFull) continue;
      await this.#addLocked();
      this.#report(end);
      return;
    }
  }

  #runOnce(): Promise<SevenZipEnd> {
    const args = ['x', '-y', '-aoa', '-p', `-o${outputFolder}`, '-bsp0', `-t${this.#format.type}`, inputPath];
    return runSevenZip(this.#content, args, {
      line: (line) => this.#listing.takeMessage(line),
      mayGoOn: () => !this.#out.exhausted,
      create: (path) => this.#create(path),
    });
  }

  /** False when a bound was reached. */
  async #handOver(): Promise<boolean> {
    const streamed = this.#streamed;
    this.#streamed = undefined;
    if (streamed !== undefined) await streamed.end();
    for (const { about, chunks } of this.#waiting.splice(0)) {
      const writer = this.#out.member(about);
      if (writer === undefined) return false;
      let goOn = true;
      for (const chunk of chunks.splice(0)) goOn &&= writer.write(chunk);
      await writer.end();
      if (!goOn) return false;
    }
    this.#waitingBytes = 0;
    return !this.#out.exhausted;
  }

  async #addLocked(): Promise<void> {
    const method = this.#format.type;
    for (const { name } of this.#listing.lockedMembers()) {
      if (nameIsUnsafe(name)) this.#out.flag('member-name-unsafe');
      if (!(await this.#out.add({ names: [name], method, flags: ['encrypted'] }, new Uint8Array(0)))) return;
    }
  }

  #report(end: SevenZipEnd): void {
    if (this.#listing.encrypted) this.#out.flag('encrypted');
    // The members that have no key fail to unpack, which is no damage.
    if (this.#listing.encrypted && typeof end === 'object') return;
    if (this.#format.certain || this.#members > 0) blame(end, this.#listing, this.#out, this.#format.inside === true);
  }

  #create(path: string): SevenZipFile | undefined {
    this.#seen += 1;
    const listed = this.#listing.find(path);
    const goesOn = () => !this.#out.exhausted;
    if (this.#seen <= this.#passed) return { write: goesOn, close: goesOn };
    if (this.#streamed !== undefined || this.#waiting.length > limits.open.membersMax) return this.#endRun();
    const names = [...new Set([listed?.name ?? path, path])].filter((name) => name !== '');
    if (names.some(nameIsUnsafe)) this.#out.flag('member-name-unsafe');
    const locked = listed?.encrypted === true;
    const about: MemberAbout = {
      names: this.#format.stream === true ? [] : names,
      method: this.#format.type,
      ...(locked ? { flags: ['encrypted'] as const } : {}),
    };
    const member: Waiting = { about, chunks: [] };
    this.#waiting.push(member);
    this.#members += 1;
    this.#passed += 1;
    return { write: locked ? goesOn : (chunk) => this.#keep(member, chunk), close: goesOn };
  }

  /** Breaks the run off, for another one to go on. */
  #endRun(): undefined {
    this.#full = true;
    return undefined;
  }

  #keep(member: Waiting, chunk: Uint8Array): boolean {
    if (this.#streamed !== undefined) return this.#streamed.write(chunk);
    this.#waitingBytes += chunk.length;
    const most = Math.min(limits.open.sevenZipBatchBytes, this.#out.bytesLeft);
    if (this.#waitingBytes <= most) {
      member.chunks.push(Buffer.from(chunk));
      return true;
    }
    this.#waiting.pop();
    if (this.#waiting.length > 0) {
      // The next run begins with this member.
      this.#passed -= 1;
      this.#endRun();
      return false;
    }
    this.#streamed = this.#out.member(member.about);
    for (const kept of member.chunks.splice(0)) if (this.#streamed?.write(kept) !== true) return false;
    return this.#streamed?.write(chunk) ?? false;
  }
}
