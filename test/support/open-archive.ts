/** Opens a file with every opener, nesting included, under the same budgets as the gate, and tells what came out. */
import { createHash } from 'node:crypto';
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from '../../src/inspect/container/opener.js';
import type { PartFlag } from '../../src/inspect/report.js';
import type { ProblemCode } from '../../src/mime/problem.js';
import { limits } from '../../src/runtime/limits.js';

export interface Opened {
  readonly names: readonly string[];
  readonly method: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly flags: ReadonlySet<PartFlag>;
  readonly problems: ReadonlySet<ProblemCode>;
  readonly thrown: readonly unknown[];
  readonly members: readonly Opened[];
  readonly content: Buffer;
}

interface Budget {
  bytesLeft: number;
  membersLeft: number;
  held: number;
  heldMost: number;
  readonly deadline: number;
}

interface Draft extends Opened {
  readonly flags: Set<PartFlag>;
  readonly problems: Set<ProblemCode>;
  readonly thrown: unknown[];
  readonly members: Opened[];
}

const { open } = limits;

/** Opens `content` with `openers`. `keep` holds on to the content of leaves, for tests that compare it. */
export async function openArchive(
  content: Buffer,
  openers: readonly Opener[],
  options: { readonly timeMs?: number; readonly keep?: boolean } = {},
): Promise<Opened> {
  const bytes = Math.min(open.totalBytes, Math.max(open.ratioFreeBytes, content.length * open.ratioMax));
  const deadline = Date.now() + (options.timeMs ?? open.timeMs);
  const budget: Budget = { bytesLeft: bytes, membersLeft: open.membersMax, held: 0, heldMost: 0, deadline };
  const root = draft({ names: [], method: '' }, content, options.keep ?? true);
  await openInto(root, content, openers, budget, 0, options.keep ?? true);
  return root;
}

function draft(about: MemberAbout, content: Buffer, keep: boolean): Draft {
  return {
    names: about.names,
    method: about.method,
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    flags: new Set(about.flags ?? []),
    problems: new Set(),
    thrown: [],
    members: [],
    content: keep ? content : Buffer.alloc(0),
  };
}

async function openInto(
  into: Draft,
  content: Buffer,
  openers: readonly Opener[],
  budget: Budget,
  depth: number,
  keep: boolean,
): Promise<void> {
  const file: OpenFile = { content, names: [], declaredType: '', detectedType: undefined, charset: undefined };
  const out = new FakeOutput(into, openers, budget, depth, keep);
  for (const opener of openers) {
    if (!opener.matches(file)) continue;
    try {
      await opener.open(file, out);
    } catch (error) {
      into.thrown.push(error);
    }
  }
}

class FakeOutput implements OpenOutput {
  readonly #into: Draft;
  readonly #openers: readonly Opener[];
  readonly #budget: Budget;
  readonly #depth: number;
  readonly #keep: boolean;
  readonly #seen = new Set<string>();

  constructor(into: Draft, openers: readonly Opener[], budget: Budget, depth: number, keep: boolean) {
    this.#into = into;
    this.#openers = openers;
    this.#budget = budget;
    this.#depth = depth;
    this.#keep = keep;
  }

  get bytesLeft(): number {
    return this.#budget.bytesLeft;
  }

  get exhausted(): boolean {
    if (this.#budget.bytesLeft > 0 && Date.now() < this.#budget.deadline) return false;
    this.#into.problems.add('unpack-limit');
    return true;
  }

  flag(flag: PartFlag): void {
    this.#into.flags.add(flag);
  }

  problem(code: ProblemCode): void {
    this.#into.problems.add(code);
  }

  async add(about: MemberAbout, content: Uint8Array): Promise<boolean> {
    const writer = this.member(about);
    if (writer === undefined) return false;
    const goOn = writer.write(content);
    await writer.end();
    return goOn;
  }

  member(about: MemberAbout): MemberWriter | undefined {
    const budget = this.#budget;
    if (this.#depth >= open.depthMax || budget.membersLeft <= 0 || this.exhausted) {
      this.#into.problems.add('unpack-limit');
      return undefined;
    }
    budget.membersLeft -= 1;
    const chunks: Buffer[] = [];
    return {
      write: (chunk) => {
        const goOn = chunk.length <= budget.bytesLeft && budget.held + chunk.length <= open.heldBytes;
        const taken = Buffer.from(chunk.subarray(0, budget.bytesLeft));
        budget.bytesLeft -= taken.length;
        budget.held += taken.length;
        budget.heldMost = Math.max(budget.heldMost, budget.held);
        chunks.push(taken);
        if (!goOn) this.#into.problems.add('unpack-limit');
        return goOn;
      },
      end: async (flags) => {
        const content = Buffer.concat(chunks.splice(0));
        const member = draft({ ...about, flags: [...(about.flags ?? []), ...(flags ?? [])] }, content, this.#keep);
        const isNew = !this.#seen.has(member.sha256);
        this.#seen.add(member.sha256);
        this.#into.members.push(member);
        if (isNew) await openInto(member, content, this.#openers, budget, this.#depth + 1, this.#keep);
        budget.held -= content.length;
      },
    };
  }
}

/** The file itself and all members, depth first. */
export function* everyOpened(file: Opened): Generator<Opened, void, undefined> {
  yield file;
  for (const member of file.members) yield* everyOpened(member);
}

export function problemsOf(file: Opened): ProblemCode[] {
  return [...new Set([...everyOpened(file)].flatMap((one) => [...one.problems]))].sort();
}

export function flagsOf(file: Opened): PartFlag[] {
  return [...new Set([...everyOpened(file)].flatMap((one) => [...one.flags]))].sort();
}
