/**
 * Opens a file with given openers and keeps every member's bytes, so that tests can look at them. It keeps bounds of
 * its own; the gate's are tested with the gate's.
 */
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from '../../src/inspect/container/opener.js';
import type { PartFlag } from '../../src/inspect/report.js';
import type { ProblemCode } from '../../src/mime/problem.js';

export interface OpenedMember {
  readonly names: readonly string[];
  readonly method: string;
  readonly declaredType: string;
  readonly content: Buffer;
  readonly flags: readonly PartFlag[];
  readonly opened: OpenedFile;
}

export interface OpenedFile {
  readonly flags: PartFlag[];
  readonly problems: ProblemCode[];
  readonly members: OpenedMember[];
  /** what `open` threw, if it did */
  readonly thrown: unknown[];
}

export interface Bounds {
  bytesLeft: number;
  membersLeft: number;
  depthLeft: number;
}

const generous: Bounds = { bytesLeft: 64 * 1_048_576, membersLeft: 10_000, depthLeft: 16 };

export async function openMembers(
  openers: readonly Opener[],
  file: { readonly content: Buffer } & Partial<OpenFile>,
  bounds: Bounds = { ...generous },
): Promise<OpenedFile> {
  const whole: OpenFile = { names: [], declaredType: '', detectedType: undefined, charset: undefined, ...file };
  const opened: OpenedFile = { flags: [], problems: [], members: [], thrown: [] };
  const out = outputFor(opened, openers, bounds);
  for (const opener of openers) {
    if (!opener.matches(whole)) continue;
    try {
      await opener.open(whole, out);
    } catch (error) {
      opened.thrown.push(error);
      out.problem('file-damaged');
    }
  }
  return opened;
}

function outputFor(opened: OpenedFile, openers: readonly Opener[], bounds: Bounds): OpenOutput {
  const problem = (code: ProblemCode) => {
    if (!opened.problems.includes(code)) opened.problems.push(code);
  };
  const member = (about: MemberAbout): MemberWriter | undefined => {
    if (bounds.membersLeft === 0 || bounds.depthLeft === 0) {
      problem('unpack-limit');
      return undefined;
    }
    bounds.membersLeft -= 1;
    const pieces: Buffer[] = [];
    return {
      write(chunk) {
        if (chunk.length > bounds.bytesLeft) {
          bounds.bytesLeft = 0;
          problem('unpack-limit');
          return false;
        }
        bounds.bytesLeft -= chunk.length;
        pieces.push(Buffer.from(chunk));
        return true;
      },
      async end(flags = []) {
        const { names, method, declaredType = '', charset } = about;
        const content = Buffer.concat(pieces);
        bounds.depthLeft -= 1;
        const inner = await openMembers(openers, { content, names, declaredType, charset }, bounds);
        bounds.depthLeft += 1;
        const all = [...(about.flags ?? []), ...flags, ...inner.flags];
        opened.members.push({ names, method, declaredType, content, flags: all, opened: inner });
      },
    };
  };
  return {
    member,
    async add(about, content) {
      const writer = member(about);
      if (writer === undefined) return false;
      const taken = writer.write(content);
      await writer.end();
      return taken;
    },
    flag: (flag) => {
      if (!opened.flags.includes(flag)) opened.flags.push(flag);
    },
    problem,
    get bytesLeft() {
      return bounds.bytesLeft;
    },
    get exhausted() {
      return bounds.bytesLeft === 0;
    },
  };
}

/** All members at every depth. */
export function* everyMember(opened: OpenedFile): Generator<OpenedMember, void, undefined> {
  for (const member of opened.members) {
    yield member;
    yield* everyMember(member.opened);
  }
}

/** Problems of the file and of everything in it. */
export function everyProblem(opened: OpenedFile): ProblemCode[] {
  return [...opened.problems, ...[...everyMember(opened)].flatMap((member) => member.opened.problems)];
}
