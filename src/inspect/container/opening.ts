/**
 * Opens a decoded file with every opener that knows it, hashes and types what comes out, and opens that in turn. It
 * keeps the bounds, and knows no format. Runs in the inspection threads.
 */
import { createHash, type Hash } from 'node:crypto';
import type { ProblemCode } from '../../mime/problem.js';
import { limits } from '../../runtime/limits.js';
import { EicarTest } from '../eicar.js';
import type { Sniffer } from '../examine.js';
import { signatureType } from '../file-signature.js';
import { isQuiet } from '../quiet-types.js';
import { type PartFacts, type PartFlag, partFlags } from '../report.js';
import { TextScan } from '../text-scan.js';
import { OpenBudget } from './budget.js';
import { HeldBytes } from './held-bytes.js';
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from './opener.js';

export interface OpeningTools {
  readonly openers: readonly Opener[];
  readonly sniff: Sniffer;
  /** SHA-1 and MD5 of members too */
  readonly shortDigests: boolean;
  /** milliseconds, monotonic */
  now(): number;
}

/** A problem of a member, or of the file itself (empty path). */
export interface OpenProblem {
  readonly code: ProblemCode;
  /** `!1`, `!1!2`, relative to the file that was opened */
  readonly path: string;
}

export interface Opened {
  readonly flags: readonly PartFlag[];
  readonly problems: readonly OpenProblem[];
  /** paths relative to the opened file: `!1`, `!1!2` */
  readonly members: readonly PartFacts[];
}

/** One member, when somebody wants its bytes again: its path, and where they go. */
export interface Wanted {
  readonly path: string;
  take(chunk: Uint8Array): void;
}

/** What all files that are nested in one leaf share. */
interface Shared {
  readonly tools: OpeningTools;
  readonly budget: OpenBudget;
  readonly problems: OpenProblem[];
  readonly wanted: Wanted | undefined;
  /** files that are being opened, or were, by digest and declaration: the same bytes are opened once */
  readonly seen: Map<string, readonly PartFlag[] | 'opening'>;
}

/** Opens one file. Never rejects: what an opener throws is a problem of the file. */
export async function openFile(file: OpenFile, tools: OpeningTools, wanted?: Wanted): Promise<Opened> {
  const opening = new Opening(file.content.length, tools, wanted);
  await opening.openAll(file);
  return opening.result;
}

/** The outermost file being opened, or a set of readings of one message. */
export class Opening {
  readonly #shared: Shared;
  readonly output: FileOutput;

  /** @param rootBytes what the bounds are measured against */
  constructor(rootBytes: number, tools: OpeningTools, wanted?: Wanted) {
    const budget = new OpenBudget(rootBytes, tools.now);
    this.#shared = { tools, budget, problems: [], wanted, seen: new Map() };
    this.output = new FileOutput(this.#shared, '', 0, { readInAllWays: false, guessed: false });
  }

  openAll(file: OpenFile): Promise<void> {
    return openInto(file, this.output, this.#shared);
  }

  get result(): Opened {
    const { flags, members } = this.output;
    return { flags: [...flags], members, problems: this.#shared.problems };
  }
}

/** Whether somebody should look into a file, by what is there of it. */
export function anyOpener(file: OpenFile, openers: readonly Opener[]): boolean {
  for (const opener of openers) if (isInterested(opener, file)) return true;
  return false;
}

async function openInto(file: OpenFile, output: FileOutput, shared: Shared): Promise<void> {
  for (const opener of shared.tools.openers) {
    if (output.exhausted) return;
    if (!isInterested(opener, file)) continue;
    try {
      await opener.open(file, output);
    } catch {
      output.problem('opener-failed');
    }
    await output.settled();
  }
}

/** What a matcher throws means that it does not know the file. */
function isInterested(opener: Opener, file: OpenFile): boolean {
  try {
    return opener.matches(file);
  } catch {
    return false;
  }
}

/** what a file that is none shows, too */
const damages: ReadonlySet<ProblemCode> = new Set([
  'archive-damaged',
  'archive-unsupported',
  'file-damaged',
  'opener-failed',
]);

/** What the openers of one file find. */
class FileOutput implements OpenOutput {
  readonly flags = new Set<PartFlag>();
  readonly members: PartFacts[] = [];
  readonly readInAllWays: boolean;
  /** the file may be none */
  readonly guessed: boolean;
  readonly #shared: Shared;
  readonly #path: string;
  readonly #depth: number;
  readonly #codes = new Set<ProblemCode>();
  readonly #known = new Set<string>();
  readonly #pending = new Set<Promise<void>>();
  #numbered = 0;
  #cut = false;

  constructor(shared: Shared, path: string, depth: number, about: { readInAllWays: boolean; guessed: boolean }) {
    this.readInAllWays = about.readInAllWays;
    this.guessed = about.guessed;
    this.#shared = shared;
    this.#path = path;
    this.#depth = depth;
  }

  get bytesLeft(): number {
    return this.#shared.budget.bytesLeft;
  }

  /** some bound kept something in this file from being opened */
  get cut(): boolean {
    return this.#cut;
  }

  get exhausted(): boolean {
    if (this.#shared.budget.over) this.problem('unpack-limit');
    return this.#shared.budget.over;
  }

  flag(flag: PartFlag): void {
    this.flags.add(flag);
  }

  problem(code: ProblemCode): void {
    if (this.#codes.has(code) || (this.guessed && damages.has(code))) return;
    this.#codes.add(code);
    this.#shared.problems.push({ code, path: this.#path });
  }

  member(about: MemberAbout): MemberWriter | undefined {
    const { budget } = this.#shared;
    if (this.#depth >= limits.open.depthMax || !budget.takeMember()) {
      this.#cut = true;
      this.problem('unpack-limit');
      return undefined;
    }
    this.#numbered += 1;
    const member = new Member(about, `${this.#path}!${this.#numbered}`, this.#depth + 1, this.#shared, this);
    return {
      write: (chunk) => member.write(chunk),
      end: (flags) => {
        const done = member.end(flags).finally(() => this.#pending.delete(done));
        this.#pending.add(done);
        return done;
      },
    };
  }

  async add(about: MemberAbout, content: Uint8Array): Promise<boolean> {
    const member = this.member(about);
    if (member === undefined) return false;
    const taken = member.write(content);
    await member.end();
    return taken;
  }

  /** Takes a finished member, unless the same bytes under the same names are there already. */
  keep(facts: PartFacts): boolean {
    const key = `${facts.sha256} ${facts.declaredType} ${facts.names.join('\0')}`;
    if (this.#known.has(key)) return false;
    this.#known.add(key);
    this.members.push(facts);
    return true;
  }

  /** A member was not opened in full. */
  cutShort(): void {
    this.#cut = true;
  }

  /** All members that were ended are opened; an opener need not wait for each. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending]);
  }
}

class Member {
  readonly #about: MemberAbout;
  readonly #path: string;
  readonly #depth: number;
  readonly #shared: Shared;
  readonly #parent: FileOutput;
  readonly #hashes: Hash[];
  readonly #eicar = new EicarTest();
  readonly #held: HeldBytes;
  #head: Buffer = Buffer.alloc(0);
  #bytes = 0;
  #cut = false;
  #longText: TextScan | undefined;

  constructor(about: MemberAbout, path: string, depth: number, shared: Shared, parent: FileOutput) {
    this.#about = about;
    this.#path = path;
    this.#depth = depth;
    this.#shared = shared;
    this.#parent = parent;
    const algorithms = shared.tools.shortDigests ? ['sha256', 'sha1', 'md5'] : ['sha256'];
    this.#hashes = algorithms.map((algorithm) => createHash(algorithm));
    this.#held = new HeldBytes(shared.budget);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#cut) return false;
    if (!this.#shared.budget.takeBytes(chunk.length)) {
      this.#cut = true;
      this.#parent.problem('unpack-limit');
      return false;
    }
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#bytes += bytes.length;
    for (const hash of this.#hashes) hash.update(bytes);
    this.#eicar.write(bytes);
    const missing = limits.inspect.sniffBytes - this.#head.length;
    if (missing > 0) this.#head = Buffer.concat([this.#head, bytes.subarray(0, missing)]);
    this.#hold(bytes);
    if (this.#shared.wanted?.path === this.#path) this.#shared.wanted.take(bytes);
    return true;
  }

  /** What is too large to be held may still be a long text, which need not be opened unless it carries something. */
  #hold(bytes: Buffer): void {
    if (this.#longText !== undefined) {
      this.#longText.write(bytes);
      return;
    }
    const before = this.#held.content;
    if (before === undefined || this.#held.write(bytes) || this.#head.includes(0)) return;
    this.#longText = new TextScan('text/html', this.#about.charset);
    for (let at = 0; at < before.length; at += sliceBytes) this.#longText.write(before.subarray(at, at + sliceBytes));
    this.#longText.write(bytes);
  }

  async end(more: readonly PartFlag[] = []): Promise<void> {
    const [sha256 = '', sha1 = '', md5 = ''] = this.#hashes.map((hash) => hash.digest('hex'));
    const about = this.#about;
    const names = boundedNames(about.names);
    const detectedType = this.#bytes > 0 ? this.#typeOf(sha256) : undefined;
    const flags = new Set<PartFlag>([...(about.flags ?? []), ...more]);
    if (this.#eicar.found) flags.add(partFlags.eicar);
    const facts = {
      path: this.#path,
      names,
      declaredType: about.declaredType ?? '',
      detectedType,
      encoding: about.method,
      view: about.view ?? '',
      disposition: undefined,
      attachment: true,
      bytes: this.#bytes,
      sha256,
      sha1,
      md5,
      range: undefined,
    };
    const output = new FileOutput(this.#shared, this.#path, this.#depth, {
      readInAllWays: this.#readInAllWays,
      guessed: this.#guessed,
    });
    try {
      await this.#open({ names, detectedType, declaredType: facts.declaredType, sha256 }, output);
    } finally {
      this.#held.drop();
    }
    for (const flag of output.flags) flags.add(flag);
    if (output.cut) this.#parent.cutShort();
    this.#parent.keep({ ...facts, flags: [...flags], members: output.members });
  }

  /** In one of many readings most bodies are noise, and libmagic would take longer than all the rest. */
  #typeOf(sha256: string): string | undefined {
    const certain = signatureType(this.#head);
    if (certain !== undefined || this.#readInAllWays || !this.#shared.budget.takeDetection()) return certain;
    return this.#shared.tools.sniff(this.#head, sha256);
  }

  get #readInAllWays(): boolean {
    return this.#about.view !== undefined || (this.#parent.readInAllWays && this.#about.method === 'message');
  }

  get #guessed(): boolean {
    return this.#about.view !== undefined || this.#about.guess === true || this.#parent.guessed;
  }

  async #open(
    known: Pick<PartFacts, 'names' | 'detectedType' | 'declaredType' | 'sha256'>,
    output: FileOutput,
  ): Promise<void> {
    const { content } = this.#held;
    if (this.#bytes === 0 || this.#cut || this.#about.closed === true) return;
    if (content === undefined) {
      if (!isQuiet(known.detectedType) && this.#longText?.found !== false) output.problem('unpack-limit');
      return;
    }
    const key = `${known.sha256} ${known.declaredType} ${this.#about.charset ?? ''}`;
    const seen = this.#shared.seen.get(key);
    // A file that holds itself has no bottom.
    if (seen === 'opening') output.problem('unpack-limit');
    if (seen !== undefined) {
      // The same bytes elsewhere in this leaf list the members; repeating them would multiply with each level.
      if (seen !== 'opening') for (const flag of seen) output.flag(flag);
      return;
    }
    this.#shared.seen.set(key, 'opening');
    const { names, detectedType, declaredType } = known;
    await openInto({ content, names, declaredType, detectedType, charset: this.#about.charset }, output, this.#shared);
    // What a bound has cut short may be opened in full where it lies less deep.
    if (output.cut) this.#shared.seen.delete(key);
    else this.#shared.seen.set(key, [...output.flags]);
  }
}

const namesMax = 64;
/** bytes of a text looked through at a time */
const sliceBytes = 65_536;

function boundedNames(names: readonly string[]): readonly string[] {
  const kept = new Set<string>();
  for (const name of names) {
    if (name !== '' && kept.size < namesMax) kept.add(name.slice(0, limits.open.nameBytes));
  }
  return [...kept];
}
