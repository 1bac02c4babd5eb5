/**
 * The sealed files: where they lie, how they are made, opened and removed. It runs the sealing threads and knows
 * nothing of the database, so a file here may be one that no row knows.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import type { NoticeFacts, NoticeSettings } from '../notice/settings.js';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { SpoolSource } from '../runtime/spool-source.js';
import { type Item, isItemId, newItemId } from './item.js';
import type { Keys } from './keys.js';
import { syncDirectory } from './private-file.js';
import type { RenderedNotice, SealAnswer, SealTask } from './seal-worker.js';

const suffix = '.eml.age';

/** An opened original in a private file without a name; its owner closes it. */
export interface OpenedMessage {
  readonly source: SpoolSource & { readonly kind: 'file' };
  close(): void;
}

export interface BlobListing {
  /** ids with a finished file */
  readonly ids: readonly string[];
  /** names of unfinished files */
  readonly unfinished: readonly string[];
}

export class Blobs {
  readonly directory: string;
  readonly #keys: Keys;
  #threads: Piscina<SealTask, SealAnswer> | undefined;

  /** @param dataDirectory existing; the folder of the sealed files is made in it */
  constructor(dataDirectory: string, keys: Keys) {
    this.directory = join(dataDirectory, 'quarantine');
    this.#keys = keys;
    if (!existsSync(this.directory)) {
      mkdirSync(this.directory, { mode: 0o700 });
      syncDirectory(dataDirectory);
    }
  }

  fileOf(id: string): string {
    // An id becomes a path here and nowhere else.
    if (!isItemId(id))
      throw new GateError('not-found', 'that is no identifier of a quarantined item', { temporary: false });
    return join(this.directory, `${id}${suffix}`);
  }

  has(id: string): boolean {
    return existsSync(this.fileOf(id));
  }

  /** Seals and returns the size of the file. Rejects with `seal-failed`. */
  async seal(id: string, source: SpoolSource, sha256: string): Promise<number> {
    const request = { source, sha256, recipients: this.#keys.recipients, file: this.fileOf(id) };
    const answer = await this.#run({ kind: 'seal', request }, 'seal-failed');
    if (answer.kind !== 'sealed') throw new GateError('seal-failed', `unexpected answer ${answer.kind}`);
    return answer.bytes;
  }

  /** Opens and verifies the whole before anything is given out. Rejects with `open-failed` or `key-unreadable`. */
  async open(item: Pick<Item, 'id' | 'sha256' | 'bytes'>): Promise<OpenedMessage> {
    const { identityFile } = this.#keys;
    if (identityFile === undefined) {
      throw new GateError(
        'key-unreadable',
        'no identity file is configured: set quarantine.identityFile to open items',
      );
    }
    const fd = this.unnamedFile();
    let closed = false;
    const close = () => {
      if (!closed) closeSync(fd);
      closed = true;
    };
    try {
      const request = { file: this.fileOf(item.id), identityFile, sha256: item.sha256, bytes: item.bytes, fd };
      await this.#run({ kind: 'open', request }, 'open-failed');
    } catch (error) {
      // A thread that was stopped may be inside a write for a moment, and the number must not name another file then.
      const stopped = error instanceof GateError && (error.cause as Error | undefined)?.name === 'AbortError';
      if (stopped) setTimeout(close, limits.spool.abortGraceMs).unref();
      else close();
      throw error;
    }
    return { source: { kind: 'file', fd, length: item.bytes }, close };
  }

  openSealed(id: string): OpenedMessage {
    try {
      const fd = openSync(this.fileOf(id), 'r');
      return { source: { kind: 'file', fd, length: fstatSync(fd).size }, close: () => closeSync(fd) };
    } catch (error) {
      throw new GateError('open-failed', `the sealed file of ${id}: ${messageOf(error)}`, {
        temporary: false,
        cause: error,
      });
    }
  }

  /** Plaintext never has a name: whatever kills us, the kernel frees it. The caller closes it. */
  unnamedFile(): number {
    const file = join(this.directory, `${newItemId()}.open.tmp`);
    try {
      const fd = openSync(file, 'wx+', 0o600);
      unlinkSync(file);
      return fd;
    } catch (error) {
      throw new GateError('open-failed', `no private file for the original: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Renders notices beside the main thread. */
  async renderNotices(settings: NoticeSettings, facts: readonly NoticeFacts[]): Promise<readonly RenderedNotice[]> {
    if (facts.length === 0) return [];
    const answer = await this.#run({ kind: 'notices', settings, facts }, 'store-failed');
    return answer.kind === 'notices' ? answer.notices : [];
  }

  /** Removes a sealed file durably; that it is gone already is no error. */
  remove(id: string): void {
    try {
      unlinkSync(this.fileOf(id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return;
    }
    syncDirectory(this.directory);
  }

  list(): BlobListing {
    const ids: string[] = [];
    const unfinished: string[] = [];
    for (const name of readdirSync(this.directory)) {
      const id = name.endsWith(suffix) ? name.slice(0, -suffix.length) : '';
      if (isItemId(id)) ids.push(id);
      else if (name.endsWith('.tmp')) unfinished.push(name);
    }
    return { ids, unfinished };
  }

  removeUnfinished(name: string): void {
    unlinkSync(join(this.directory, name));
    syncDirectory(this.directory);
  }

  async #run(task: SealTask, code: 'seal-failed' | 'open-failed' | 'store-failed'): Promise<SealAnswer> {
    this.#threads ??= new Piscina({
      filename: new URL('./seal-worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: limits.quarantine.sealThreads,
      maxQueue: limits.quarantine.sealQueueMax,
      idleTimeout: limits.quarantine.sealIdleMs,
      // The files that we hand over are ours to close.
      trackUnmanagedFds: false,
    });
    let answer: SealAnswer;
    try {
      answer = await this.#threads.run(task, { signal: AbortSignal.timeout(limits.quarantine.sealTimeoutMs) });
    } catch (error) {
      throw new GateError(code, `sealing thread: ${messageOf(error)}`, { cause: error });
    }
    if (answer.kind === 'failed') throw new GateError(answer.code, answer.message, { temporary: answer.temporary });
    return answer;
  }

  async close(): Promise<void> {
    await this.#threads?.close();
  }
}
