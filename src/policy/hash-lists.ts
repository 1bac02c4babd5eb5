/** The lists of files by SHA-256: loading them, and asking about the parts of one message. */
import type { ConfigProblem } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { readListFile } from '../config/text-lines.js';
import { everyPart, type PartFacts } from '../inspect/report.js';
import { type ByteTable, ByteTableBuilder } from '../runtime/byte-table.js';
import { limits } from '../runtime/limits.js';

export interface HashLists {
  readonly allow: ByteTable;
  readonly block: ByteTable;
}

/** A part or member whose digest is on a list. */
export interface HashHit {
  readonly list: 'allow' | 'block';
  readonly part: string;
  readonly sha256: string;
}

/** Wrong lines are skipped and reported with file and line; a file that cannot be read is an error. */
export async function loadHashLists(
  lists: Config['lists'],
): Promise<{ readonly lists: HashLists; readonly problems: readonly ConfigProblem[] }> {
  const allow = await loadTable(lists.allowHashes);
  const block = await loadTable(lists.blockHashes);
  return { lists: { allow: allow.table, block: block.table }, problems: [...allow.problems, ...block.problems] };
}

async function loadTable(files: readonly string[]): Promise<{ table: ByteTable; problems: ConfigProblem[] }> {
  const builder = new ByteTableBuilder();
  const problems: ConfigProblem[] = [];
  let full = false;
  const onEntry = (entry: string): string | undefined => {
    // What follows the digest is a name, as sha256sum prints it.
    const digest = /^([0-9a-f]{64})(?:[\s,;*]|$)/i.exec(entry)?.[1];
    if (digest === undefined) return 'a SHA-256 digest, 64 hexadecimal digits';
    if (builder.add(Buffer.from(digest, 'hex')) === -1) full = true;
    return undefined;
  };
  for (const file of files) problems.push(...(await readListFile({ file, onEntry })));
  if (full) {
    problems.push({
      severity: 'error',
      path: 'lists',
      value: '',
      expected: `at most ${limits.lists.entriesMax} digests in one list`,
    });
  }
  return { table: await builder.finish(), problems };
}

const noHits: readonly HashHit[] = Object.freeze([]);

/** All parts and members that are on a list, allowed ones first. */
export function matchHashes(lists: HashLists, parts: readonly PartFacts[]): readonly HashHit[] {
  if (lists.allow.count === 0 && lists.block.count === 0) return noHits;
  const all = [...everyPart(parts)];
  return [...hits('allow', lists.allow, all), ...hits('block', lists.block, all)];
}

function hits(list: 'allow' | 'block', table: ByteTable, parts: readonly PartFacts[]): HashHit[] {
  if (table.count === 0) return [];
  return parts
    .filter((part) => table.find(scratch, 0, scratch.write(part.sha256, 'hex')) !== -1)
    .map((part) => ({ list, part: part.path, sha256: part.sha256 }));
}

const scratch = Buffer.alloc(32);
