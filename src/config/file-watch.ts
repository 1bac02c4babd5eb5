/**
 * Notices that any of a set of files changed, whatever way an editor, a package or a container platform replaces them.
 * Events of the folders give speed, looking at the files every few seconds gives certainty. It never reads a file.
 */
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { limits } from '../runtime/limits.js';

export interface WatchTimes {
  readonly settleMs: number;
  readonly pollMs: number;
}

export class FileWatch {
  readonly #onChange: () => void;
  readonly #times: WatchTimes;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #seen = new Map<string, string>();
  #settle: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  /** @param onChange called after files have been quiet for a moment; changes made meanwhile bring another call */
  constructor(
    onChange: () => void,
    times: WatchTimes = { settleMs: limits.config.watchSettleMs, pollMs: limits.config.watchPollMs },
  ) {
    this.#onChange = onChange;
    this.#times = times;
    this.#poll = setInterval(() => void this.#look(), times.pollMs);
    this.#poll.unref();
  }

  /**
   * Watches these files from now on. A change is measured against what a new file is at this moment, so call it before
   * the file is read; for files that were watched already nothing is forgotten.
   */
  async watch(files: readonly string[]): Promise<void> {
    const seen = new Map<string, string>();
    for (const file of new Set(files)) seen.set(file, this.#seen.get(file) ?? (await signature(file)));
    this.#seen = seen;
    const folders = new Set([...seen.keys()].map((file) => dirname(file)));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) this.#watchFolder(folder);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** A folder, not the file: editors write a new file and rename it over the old one, and the watch would follow the old one. */
  #watchFolder(folder: string): void {
    if (this.#watchers.has(folder) || this.#closed) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#stir());
      // Out of watches, or the folder went away: the regular look goes on without events.
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // No such folder or no watches left: likewise.
    }
  }

  #stir(): void {
    if (this.#closed) return;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.#look(), this.#times.settleMs);
    this.#settle.unref();
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    let changed = false;
    for (const [file, before] of this.#seen) {
      const now = await signature(file);
      if (now === before || !this.#seen.has(file)) continue;
      this.#seen.set(file, now);
      changed = true;
    }
    this.#looking = false;
    if (changed && !this.#closed) this.#onChange();
  }
}

/** Which file it is and when it changed; links are followed, as container platforms swap folders behind them. */
async function signature(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
