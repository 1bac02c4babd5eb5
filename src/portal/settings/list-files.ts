/** The list files as the page shows them: how large they are, how many entries they have, when they changed. Nobody edits them here. */
import { stat } from 'node:fs/promises';
import type { Config } from '../../config/schema.js';
import { hashFeedsOf } from '../../config/schema-policy.js';
import { readListFile } from '../../config/text-lines.js';
import { limits } from '../../runtime/limits.js';

export interface ListFileFacts {
  readonly file: string;
  readonly key: string;
  /** undefined when the file cannot be looked at */
  readonly bytes: number | undefined;
  /** ms since 1970 */
  readonly changedAt: number | undefined;
  /** lines that are no comment; undefined when the file is too large to count them for a page */
  readonly entries: number | undefined;
}

/** Counts that were taken, by what the file was then. */
export class ListFileCounts {
  readonly #known = new Map<string, number>();

  /** The files of `lists`, and the feeds of known bad files, in the order of the configuration. */
  async facts({ lists, scoring }: Pick<Config, 'lists' | 'scoring'>): Promise<ListFileFacts[]> {
    const named = [
      ...(['allowFiles', 'blockFiles', 'allowHashes', 'blockHashes'] as const).flatMap((key) =>
        lists[key].map((file) => [`lists.${key}`, file] as const),
      ),
      ...hashFeedsOf(scoring.backends).map((file) => ['hashFeeds', file] as const),
    ];
    const facts: ListFileFacts[] = [];
    // One after the other: a page shall not open a hundred files at once.
    for (const [key, file] of named.slice(0, limits.settings.filesShown)) facts.push(await this.#factsOf(key, file));
    return facts;
  }

  async #factsOf(key: string, file: string): Promise<ListFileFacts> {
    try {
      const { size, mtimeMs, ino } = await stat(file);
      const entries =
        size > limits.settings.countedBytes ? undefined : await this.#count(file, `${ino} ${size} ${mtimeMs}`);
      return { file, key, bytes: size, changedAt: mtimeMs, entries };
    } catch {
      // The notes about the file say what is wrong with it.
      return { file, key, bytes: undefined, changedAt: undefined, entries: undefined };
    }
  }

  async #count(file: string, version: string): Promise<number> {
    const name = `${file}\n${version}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    let entries = 0;
    await readListFile({
      file,
      onEntry: () => {
        entries += 1;
        return undefined;
      },
    });
    this.#known.set(name, entries);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > limits.settings.filesShown * 2) this.#known.delete(oldest);
    return entries;
  }
}
