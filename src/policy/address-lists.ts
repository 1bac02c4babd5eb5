/** Loads the allow and the block list from the configuration and its list files. What a match means is decided elsewhere. */
import { parsePattern, patternForms } from '../config/address-pattern.js';
import type { ConfigProblem } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { readListFile } from '../config/text-lines.js';
import { ByteTableBuilder } from '../runtime/byte-table.js';
import { limits } from '../runtime/limits.js';
import { AddressTable, EntrySources } from './address-table.js';

export interface AddressLists {
  readonly allow: AddressTable;
  readonly block: AddressTable;
}

/** Wrong lines are skipped and reported with file and line; a file that cannot be read is an error. */
export async function loadAddressLists(
  lists: Config['lists'],
): Promise<{ readonly lists: AddressLists; readonly problems: readonly ConfigProblem[] }> {
  const allow = await loadTable(lists.allow, lists.allowFiles);
  const block = await loadTable(lists.block, lists.blockFiles);
  return {
    lists: { allow: allow.table, block: block.table },
    problems: [...allow.problems, ...block.problems],
  };
}

async function loadTable(
  entries: readonly string[],
  files: readonly string[],
): Promise<{ table: AddressTable; problems: ConfigProblem[] }> {
  const builder = new ByteTableBuilder();
  const sources = new EntrySources();
  const problems: ConfigProblem[] = [];
  let full = false;
  const add = (entry: string, source: number, line: number): string | undefined => {
    const pattern = parsePattern(entry);
    if (typeof pattern === 'string') return `${patternForms}: ${pattern}`;
    const index = builder.add(Buffer.from(pattern.key, 'utf8'));
    if (index === -1) full = true;
    else sources.set(index, source, line);
    return undefined;
  };
  // The schema has checked the form of the configuration's own entries.
  for (const entry of entries) add(entry, 0, 0);
  for (const file of files) {
    const source = sources.addFile(file);
    problems.push(...(await readListFile({ file, onEntry: (entry, line) => add(entry, source, line) })));
  }
  if (full) {
    problems.push({
      severity: 'error',
      path: 'lists',
      value: '',
      expected: `at most ${limits.lists.entriesMax} entries in one list`,
    });
  }
  return { table: await AddressTable.build(builder, sources), problems };
}
