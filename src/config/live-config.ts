/**
 * The running configuration: reads the file again when told to or when it changed, and swaps one snapshot for the next
 * at once, or keeps the running one when the new file is bad. What a snapshot holds is the builder's business.
 */
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { GateError, messageOf } from '../runtime/errors.js';
import { FileWatch, type WatchTimes } from './file-watch.js';
import { loadConfig } from './load.js';
import { type ConfigProblem, formatProblem } from './problem.js';
import type { Config } from './schema.js';
import { hashFeedsOf } from './schema-policy.js';

/** Makes the part of the configuration that changes live; the snapshot is undefined when a problem is an error. */
export type SnapshotBuilder<S> = (
  config: Config,
) => Promise<{ readonly snapshot: S | undefined; readonly problems: readonly ConfigProblem[] }>;

export interface ReloadResult {
  /** false when the file was refused and the running snapshot kept */
  readonly applied: boolean;
  readonly problems: readonly ConfigProblem[];
  /** keys that differ from what the gate was started with and wait for a restart */
  readonly restartKeys: readonly string[];
}

export interface LiveConfigOptions<S> {
  readonly build: SnapshotBuilder<S>;
  /** told of every reload, whatever caused it */
  readonly onReload: (result: ReloadResult) => void;
  /** absent: files are not watched and only `reload` reads them again */
  readonly watch?: WatchTimes | true;
}

/** Keys that are read once at start; all others are part of the snapshot. */
const restartKeys = [
  'hostname',
  'dataDirectory',
  'smtp',
  'tls',
  'status',
  'log',
] as const satisfies readonly (keyof Config)[];

export class LiveConfig<S> {
  /** what the gate was started with; its live keys are in `snapshot` */
  readonly started: Config;
  readonly #options: LiveConfigOptions<S>;
  readonly #watch: FileWatch | undefined;
  #snapshot: S;
  #last: ReloadResult | undefined;
  #running: Promise<ReloadResult> | undefined;
  #queued: Promise<ReloadResult> | undefined;
  #closed = false;

  private constructor(started: Config, snapshot: S, options: LiveConfigOptions<S>, watch: FileWatch | undefined) {
    this.started = started;
    this.#snapshot = snapshot;
    this.#options = options;
    this.#watch = watch;
  }

  /** Reads the file for the first time. Rejects with `config-invalid`, its message listing all problems, when there is an error. */
  static async open<S>(
    file: string,
    options: LiveConfigOptions<S>,
  ): Promise<{ readonly live: LiveConfig<S>; readonly warnings: readonly ConfigProblem[] }> {
    let live: LiveConfig<S> | undefined;
    // A change during the first reading has nobody to tell yet; it is made good below.
    let missed = false;
    const onChange = () => {
      missed = true;
      void live?.reload();
    };
    const times = options.watch === true ? undefined : options.watch;
    const watch = options.watch === undefined ? undefined : new FileWatch(onChange, times);
    await watch?.watch([resolve(file)]);
    const { config, snapshot, problems } = await readAll(file, options.build, watch);
    if (config === undefined || snapshot === undefined) {
      watch?.close();
      const lines = problems.map((problem) => formatProblem(problem, file));
      throw new GateError('config-invalid', lines.join('\n'), { temporary: false });
    }
    live = new LiveConfig(config, snapshot, options, watch);
    if (missed) void live.reload();
    return { live, warnings: problems };
  }

  /** The snapshot of this moment. Take it once per message: the next look may see another. */
  get snapshot(): S {
    return this.#snapshot;
  }

  /** What came of reading the files for the last time after the start; undefined when that was not needed yet. */
  get lastReload(): ReloadResult | undefined {
    return this.#last;
  }

  /** Reads everything again. Calls during a reload share one more, which sees all that was written before them. Never rejects. */
  reload(): Promise<ReloadResult> {
    if (this.#running === undefined) {
      this.#running = this.#reloadOnce().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    const running = this.#running;
    this.#queued ??= running.then(() => {
      this.#queued = undefined;
      return this.reload();
    });
    return this.#queued;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  async #reloadOnce(): Promise<ReloadResult> {
    const { config, snapshot, problems } = await readAll(this.started.file, this.#options.build, this.#watch);
    const applied = config !== undefined && snapshot !== undefined && !this.#closed;
    if (applied) this.#snapshot = snapshot;
    const result: ReloadResult = {
      applied,
      problems,
      restartKeys: config === undefined ? [] : restartKeysOf(config, this.started),
    };
    this.#last = result;
    this.#options.onReload(result);
    return result;
  }
}

/** Keys in which a configuration differs from what the gate was started with, and that only a restart takes in. */
export function restartKeysOf(config: Config, started: Config): string[] {
  const changed: string[] = restartKeys.filter((key) => !isDeepStrictEqual(config[key], started[key]));
  if (!isDeepStrictEqual(connectionsOf(config.imap), connectionsOf(started.imap))) changed.push('imap');
  if (!isDeepStrictEqual(storageOf(config.quarantine), storageOf(started.quarantine))) changed.push('quarantine');
  // The rest of its section is read live.
  for (const key of ['listen', 'adminListen'] as const) {
    if (config.portal[key] !== started.portal[key]) changed.push(`portal.${key}`);
  }
  if (!isDeepStrictEqual(config.scoring.backends.map(connectionOf), started.scoring.backends.map(connectionOf)))
    changed.push('scoring.backends');
  return changed;
}

/** What the IMAP proxy is made from; what waits for the judgement is read live. */
function connectionsOf({ listeners, timeouts, limits }: Config['imap']): unknown {
  return { listeners, timeouts, limits };
}

/** Where and how originals lie; what may be done with them is read live. */
function storageOf({ recipientMay, releaseAs, ...storage }: Config['quarantine']): unknown {
  return storage;
}

/** What a backend is made from; its feeds are read live. */
function connectionOf(backend: Config['scoring']['backends'][number]): unknown {
  return backend.type === 'embedded' ? { ...backend, hashFeeds: [] } : backend;
}

async function readAll<S>(file: string, build: SnapshotBuilder<S>, watch: FileWatch | undefined) {
  const { config, problems } = await loadConfig(file);
  if (config === undefined) return { config, snapshot: undefined, problems };
  try {
    // Before they are read, so that no change falls between; and even when one turns out bad, as it will be mended.
    await watch?.watch(watchedFiles(config));
    const built = await build(config);
    return { config, snapshot: built.snapshot, problems: [...problems, ...built.problems] };
  } catch (error) {
    const problem: ConfigProblem = {
      severity: 'error',
      path: '',
      value: '',
      expected: `lists that can be loaded: ${messageOf(error)}`,
    };
    return { config, snapshot: undefined, problems: [...problems, problem] };
  }
}

function watchedFiles(config: Config): string[] {
  const { lists, scoring, smtp, imap } = config;
  const pairs = [...smtp.listeners, ...imap.listeners].map(({ tlsFiles }) => tlsFiles);
  return [
    config.file,
    ...lists.allowFiles,
    ...lists.blockFiles,
    ...lists.allowHashes,
    ...lists.blockHashes,
    ...hashFeedsOf(scoring.backends),
    ...pairs.flatMap((files) => (files === undefined ? [] : [files.certificateFile, files.keyFile])),
  ];
}
