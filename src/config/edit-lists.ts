/** Entries put on and taken off the address lists of the configuration file. Entries that mean the same are one, however they are spelled. */
import { parseDocument } from 'yaml';
import { parsePattern } from './address-pattern.js';
import { type Edit, isMapping, own } from './edit.js';
import { type ConfigText, readConfigText, type SaveResult, saveEdits } from './edit-file.js';

export interface ListChange {
  readonly list: 'allow' | 'block';
  /** patterns as in `lists.allow` */
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

/** @param digest as in `saveEdits` */
export async function editLists(
  file: string,
  changes: readonly ListChange[],
  digest?: string | undefined,
): Promise<SaveResult> {
  let now: ConfigText;
  try {
    now = await readConfigText(file);
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
  const written = writtenLists(now.text);
  // What was compared is what is changed, also when nobody named a text.
  return saveEdits({
    file,
    digest: digest ?? now.digest,
    edits: changes.flatMap((change) => listEdits(written, change)),
  });
}

/** The edits that a change comes to. @param written the parsed file */
export function listEdits(written: unknown, { list, add = [], remove = [] }: ListChange): Edit[] {
  const lists = isMapping(written) ? own(written, 'lists') : undefined;
  const present = isMapping(lists) ? own(lists, list) : undefined;
  const entries = Array.isArray(present) ? present.filter((entry) => typeof entry === 'string') : [];
  const unwanted = new Set(remove.map(meaningOf));
  const without = entries.filter((entry) => unwanted.has(meaningOf(entry)));
  const known = new Set(entries.filter((entry) => !without.includes(entry)).map(meaningOf));
  const append = add
    .map((entry) => entry.trim())
    .filter((entry) => {
      const meaning = meaningOf(entry);
      return known.has(meaning) ? false : known.add(meaning);
    });
  const path = ['lists', list];
  return [...(without.length > 0 ? [{ path, without }] : []), ...(append.length > 0 ? [{ path, append }] : [])];
}

function writtenLists(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  // Saving says what is wrong with it.
  return document.errors.length > 0 ? undefined : document.toJS();
}

function meaningOf(entry: string): string {
  const pattern = parsePattern(entry);
  return typeof pattern === 'string' ? entry : pattern.key;
}
