/**
 * Opens every format that is left to 7-Zip. It turns what the program lists and unpacks into members; how the program
 * is run, and how formats are known, is elsewhere.
 */
import { limits } from '../../runtime/limits.js';
import { nameIsUnsafe } from './member-name.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
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
    if (out.exhausted) return;
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
    if (listing.encrypted && !listing.opened) {
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

/** Says why a run did not do all of its work. */
function blame(end: SevenZipEnd, listing: SevenZipListing, out: OpenOutput): void {
  if (end === 'stopped') {
    if (!out.exhausted) out.problem('unpack-limit');
  } else if (end === 'memory') out.problem('unpack-limit');
  else if (end === 'crashed' || end.code > 1)
    out.problem(listing.unsupported ? 'archive-unsupported' : 'archive-damaged');
}

/** One archive being unpacked, in as many runs as its size needs. */
class Unpacking {
  readonly #content: Buffer;
  readonly #format: SevenZipFormat;
  readonly #listing: SevenZipListing;
  readonly #out: OpenOutput;
  readonly #ends: Promise<void>[] = [];
  readonly #failures: unknown[] = [];
  /** members that earlier runs have handed over */
  #done = 0;
  #seen = 0;
  #batchBytes = 0;
  #members = 0;

  constructor(content: Buffer, format: SevenZipFormat, listing: SevenZipListing, out: OpenOutput) {
    this.#content = content;
    this.#format = format;
    this.#listing = listing;
    this.#out = out;
  }

  async run(): Promise<void> {
    if (this.#listing.multiVolume) this.#out.flag('multi-volume');
    let more = true;
    while (more) more = await this.#runOnce();
  }

  /** True when there is more for another run. */
  async #runOnce(): Promise<boolean> {
    this.#seen = 0;
    this.#batchBytes = 0;
    this.#listing.rewind();
    let full = false;
    const open = new Set<SevenZipFile>();
    const args = ['x', '-y', '-aoa', '-p', `-o${outputFolder}`, '-bsp0', `-t${this.#format.type}`, inputPath];
    const end = await runSevenZip(this.#content, args, {
      line: (line) => this.#listing.takeMessage(line),
      mayGoOn: () => !this.#out.exhausted,
      create: (path) => {
        if (this.#batchBytes >= limits.open.sevenZipBatchBytes) {
          full = true;
          return undefined;
        }
        const file = this.#create(path, () => open.delete(file));
        if (file !== undefined) open.add(file);
        return file;
      },
    });
    for (const file of open) file.close();
    await Promise.all(this.#ends.splice(0));
    if (this.#failures.length > 0) throw this.#failures[0];
    if (full && !this.#out.exhausted) return true;
    await this.#addLocked();
    this.#report(end);
    return false;
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
    if (this.#members > 0 || this.#format.certain) blame(end, this.#listing, this.#out);
  }

  #create(path: string, closed: () => void): SevenZipFile {
    this.#seen += 1;
    const about = this.#listing.find(path);
    if (this.#seen <= this.#done) {
      return { write: () => !this.#out.exhausted, close: () => !this.#out.exhausted };
    }
    this.#done += 1;
    this.#members += 1;
    const names = [...new Set([about?.name ?? path, path])].filter((name) => name !== '');
    if (names.some(nameIsUnsafe)) this.#out.flag('member-name-unsafe');
    const encrypted = about?.encrypted === true;
    const writer = this.#out.member({
      names: this.#format.stream === true ? [] : names,
      method: this.#format.type,
      ...(encrypted ? { flags: ['encrypted'] as const } : {}),
    });
    let live = writer !== undefined;
    return {
      write: (chunk) => {
        if (encrypted) return !this.#out.exhausted;
        this.#batchBytes += chunk.length;
        live &&= writer?.write(chunk) ?? false;
        return live;
      },
      close: () => {
        closed();
        if (writer === undefined) return false;
        this.#ends.push(writer.end().catch((error: unknown) => void this.#failures.push(error)));
        return live && !this.#out.exhausted;
      },
    };
  }
}
