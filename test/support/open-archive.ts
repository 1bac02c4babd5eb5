/** Opens a file as an inspection thread does, with the openers of archives alone, and tells what came out. */
import { gzip } from '../../src/inspect/container/gzip.js';
import { installShield } from '../../src/inspect/container/installshield.js';
import type { Opener } from '../../src/inspect/container/opener.js';
import { openFile } from '../../src/inspect/container/opening.js';
import { sevenZip } from '../../src/inspect/container/seven-zip.js';
import { symbian } from '../../src/inspect/container/symbian.js';
import { tar } from '../../src/inspect/container/tar.js';
import { zip } from '../../src/inspect/container/zip.js';
import { everyPart, type PartFacts, type PartFlag } from '../../src/inspect/report.js';
import type { ProblemCode } from '../../src/mime/problem.js';

export const archiveOpeners: readonly Opener[] = [gzip, installShield, sevenZip, symbian, tar, zip];

export interface OpenedArchive {
  readonly members: readonly PartFacts[];
  /** of the file and of everything in it, sorted */
  readonly flags: readonly PartFlag[];
  readonly problems: readonly ProblemCode[];
}

export async function openArchive(content: Buffer): Promise<OpenedArchive> {
  const file = { content, names: [], declaredType: '', detectedType: undefined, charset: undefined };
  const tools = { openers: archiveOpeners, sniff: () => undefined, shortDigests: false, now: () => performance.now() };
  const opened = await openFile(file, tools);
  const members = [...everyPart(opened.members)];
  return {
    members,
    flags: [...new Set([...opened.flags, ...members.flatMap((member) => member.flags)])].sort(),
    problems: [...new Set(opened.problems.map(({ code }) => code))].sort(),
  };
}
