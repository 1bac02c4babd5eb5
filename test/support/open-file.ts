/** Runs openers on one file and keeps what they find; members are not opened in turn. */
import type { MemberAbout, Opener, OpenFile, OpenOutput } from '../../src/inspect/container/opener.js';
import type { PartFlag } from '../../src/inspect/report.js';
import type { ProblemCode } from '../../src/mime/problem.js';

export interface FoundMember extends MemberAbout {
  readonly content: Buffer;
}

export interface Opened {
  readonly members: readonly FoundMember[];
  readonly flags: ReadonlySet<PartFlag>;
  readonly problems: ReadonlySet<ProblemCode>;
}

/** A file with nothing known of it but what a test says. */
export function openFile(content: Buffer | string, about: Partial<Omit<OpenFile, 'content'>> = {}): OpenFile {
  return {
    content: typeof content === 'string' ? Buffer.from(content, 'latin1') : content,
    names: about.names ?? [],
    declaredType: about.declaredType ?? '',
    detectedType: about.detectedType,
    charset: about.charset,
  };
}

export async function open(openers: readonly Opener[], file: OpenFile, bytesMax = 268_435_456): Promise<Opened> {
  const members: FoundMember[] = [];
  const flags = new Set<PartFlag>();
  const problems = new Set<ProblemCode>();
  let left = bytesMax;
  const keep = (about: MemberAbout, content: Buffer) => {
    left -= content.length;
    members.push({ ...about, content });
    return left > 0;
  };
  const out: OpenOutput = {
    member: (about) => {
      const chunks: Buffer[] = [];
      return {
        write: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
        end: async () => {
          keep(about, Buffer.concat(chunks));
        },
      };
    },
    add: async (about, content) => keep(about, Buffer.from(content)),
    flag: (flag) => flags.add(flag),
    problem: (code) => problems.add(code),
    get bytesLeft() {
      return left;
    },
    get exhausted() {
      return left <= 0;
    },
  };
  for (const opener of openers) if (opener.matches(file)) await opener.open(file, out);
  return { members, flags, problems };
}
