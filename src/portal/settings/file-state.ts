/** The configuration file as the pages show it: what it says at this moment, what is wrong with it, and whether the gate runs with it. */
import { resolve } from 'node:path';
import { readConfigText } from '../../config/edit-file.js';
import { restartKeysOf } from '../../config/live-config.js';
import { parseConfig } from '../../config/load.js';
import { type ConfigProblem, hasErrors } from '../../config/problem.js';
import type { Config, Settings } from '../../config/schema.js';
import { messageOf } from '../../runtime/errors.js';
import type { SettingsOptions } from './options.js';

export interface FileState {
  readonly text: string;
  /** empty when the file cannot be read */
  readonly digest: string;
  /** as written, with defaults; undefined when a value in it is of no use, so that no form can be made from it */
  readonly settings: Settings | undefined;
  /** undefined when the gate would refuse it */
  readonly config: Config | undefined;
  readonly problems: readonly ConfigProblem[];
  /** keys that wait for a restart */
  readonly restartKeys: readonly string[];
  /** why the gate still runs with earlier values, though the file itself is in order */
  readonly refused: readonly ConfigProblem[];
}

export async function readFileState({ live }: Pick<SettingsOptions, 'live'>): Promise<FileState> {
  const { file } = live.started;
  try {
    const { text, digest } = await readConfigText(file);
    const { config, settings, problems } = parseConfig(text, resolve(file));
    const last = live.lastReload;
    return {
      text,
      digest,
      settings,
      config,
      problems,
      restartKeys: config === undefined ? [] : restartKeysOf(config, live.started),
      refused: config === undefined || last === undefined || last.applied ? [] : last.problems,
    };
  } catch (error) {
    const problem: ConfigProblem = { severity: 'error', path: '', value: '', expected: messageOf(error) };
    return {
      text: '',
      digest: '',
      settings: undefined,
      config: undefined,
      problems: [problem],
      restartKeys: [],
      refused: [],
    };
  }
}

export function errorsOf(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return hasErrors(problems) ? problems.filter(({ severity }) => severity === 'error') : [];
}

/** The value at a path of plain keys. */
export function valueAt(root: unknown, path: string): unknown {
  let value = root;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}
