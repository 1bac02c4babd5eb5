/** Runs openers on a file, members and all, and gathers what they say: an OpenOutput that keeps everything. */
import { createHash } from 'node:crypto';
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from '../../src/inspect/container/opener.js';
import { openers as allOpeners } from '../../src/inspect/container/openers.js';
import { signatureType } from '../../src/inspect/file-signature.js';
import type { PartFacts, PartFlag } from '../../src/inspect/report.js';
import { madePart } from './facts.js';

/** One file after it was opened. */
export interface Opened {
  readonly names: readonly string[];
  readonly method: string;
  readonly content: Buffer;
  readonly flags: readonly PartFlag[];
  readonly problems: readonly string[];
  /** what openers threw; they may, and it counts as damage */
  readonly errors: readonly unknown[];
  readonly members: readonly Opened[];
}

interface Options {
  readonly names?: readonly string[];
  readonly declaredType?: string;
  readonly openers?: readonly Opener[];
  readonly bytesMax?: number;
}

const depthMax = 8;

export async function openDocument(content: Buffer, options: Options = {}): Promise<Opened> {
  const budget = { left: options.bytesMax ?? 64 * 1024 * 1024, exhausted: false };
  const about: MemberAbout = { names: options.names ?? [], method: 'base64', declaredType: options.declaredType ?? '' };
  return openFile(about, content, options.openers ?? allOpeners, budget, 0);
}

interface Budget {
  left: number;
  exhausted: boolean;
}

async function openFile(
  about: MemberAbout,
  content: Buffer,
  openers: readonly Opener[],
  budget: Budget,
  depth: number,
): Promise<Opened> {
  const file: OpenFile = {
    content,
    names: about.names,
    declaredType: about.declaredType ?? '',
    detectedType: signatureType(content),
    charset: undefined,
  };
  const flags = new Set<PartFlag>(about.flags);
  const problems = new Set<string>();
  const errors: unknown[] = [];
  const members: Opened[] = [];
  for (const opener of openers) {
    try {
      if (!opener.matches(file)) continue;
      await opener.open(file, outputOf({ openers, budget, depth, flags, problems, members }));
    } catch (error) {
      errors.push(error);
      problems.add('file-damaged');
    }
  }
  return {
    names: about.names,
    method: about.method,
    content,
    flags: [...flags],
    problems: [...problems],
    errors,
    members,
  };
}

interface Sink {
  readonly openers: readonly Opener[];
  readonly budget: Budget;
  readonly depth: number;
  readonly flags: Set<PartFlag>;
  readonly problems: Set<string>;
  readonly members: Opened[];
}

function outputOf({ openers, budget, depth, flags, problems, members }: Sink): OpenOutput {
  const output: OpenOutput = {
    member(about): MemberWriter | undefined {
      if (depth >= depthMax) return undefined;
      const chunks: Buffer[] = [];
      return {
        write(chunk) {
          budget.left -= chunk.length;
          if (budget.left < 0) {
            budget.exhausted = true;
            return false;
          }
          chunks.push(Buffer.from(chunk));
          return true;
        },
        async end(more = []) {
          const allFlags = [...(about.flags ?? []), ...more];
          const content = Buffer.concat(chunks);
          if (members.some((member) => member.content.equals(content))) return;
          members.push(await openFile({ ...about, flags: allFlags }, content, openers, budget, depth + 1));
        },
      };
    },
    async add(about, content) {
      const writer = output.member(about);
      if (writer === undefined) return false;
      const written = writer.write(content);
      await writer.end();
      return written;
    },
    flag: (flag) => flags.add(flag),
    problem: (code) => problems.add(code),
    get bytesLeft() {
      return Math.max(0, budget.left);
    },
    get exhausted() {
      return budget.exhausted;
    },
  };
  return output;
}

/** The facts that a report would hold, for rules. */
export function factsOf(opened: Opened, path = '1'): PartFacts {
  return madePart(1, {
    path,
    names: opened.names,
    detectedType: signatureType(opened.content),
    encoding: opened.method,
    bytes: opened.content.length,
    sha256: createHash('sha256').update(opened.content).digest('hex'),
    flags: opened.flags,
    members: opened.members.map((member, index) => factsOf(member, `${path}!${index + 1}`)),
  });
}
