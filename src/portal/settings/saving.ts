/** A change of the configuration from its edits to what the running gate makes of it: saved, recorded, read again. */
import { type Edit, identity } from '../../config/edit.js';
import { type SaveResult, saveEdits } from '../../config/edit-file.js';
import type { ReloadResult } from '../../config/live-config.js';
import { type ConfigProblem, formatProblem, valueText } from '../../config/problem.js';
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Flash } from '../view/console-page.js';
import type { SettingsOptions } from './options.js';

type Saved = Extract<SaveResult, { kind: 'saved' }>;

export type SavingOptions = Omit<SettingsOptions, 'flashes'>;

/** What came of a form. */
export type Outcome =
  | { readonly kind: 'told'; readonly flash: Flash }
  | Exclude<SaveResult, { kind: 'saved' | 'unchanged' }>;

/**
 * @param actor who does it, for the audit table
 * @param digest of the file that the form was made from; undefined for edits that are right whatever it says by now
 */
export async function saveSettings(
  options: SavingOptions,
  actor: string,
  edits: readonly Edit[],
  digest: string | undefined,
): Promise<Outcome> {
  const { live, log } = options;
  const result = await saveEdits({ file: live.started.file, digest, edits });
  if (result.kind === 'unchanged') {
    return { kind: 'told', flash: { kind: 'done', text: 'Nothing was changed: the file says this already.' } };
  }
  if (result.kind !== 'saved') return result;
  const recorded = await record(options, actor, result);
  const reload = await live.reload();
  log('info', 'settings were changed', { actor, keys: result.changes.map(({ path }) => path) });
  return { kind: 'told', flash: flashOf(result, reload, recorded) };
}

/** The audit table keeps what was changed from what to what. A failure is told, as the change itself is made. */
async function record({ store, clock, log }: SavingOptions, actor: string, saved: Saved): Promise<boolean> {
  const shown = saved.changes.slice(0, limits.settings.changesKept).map(changeDetail);
  const more = saved.changes.length - shown.length;
  const detail = { changes: shown, ...(more > 0 ? { more } : {}) };
  try {
    await store.call('audit', { at: clock(), actor, action: 'settings', item: undefined, detail });
    return true;
  } catch (error) {
    log('error', 'a change of settings is not in the audit log', {
      actor,
      reason: messageOf(error),
    });
    return false;
  }
}

/** Lists may be long: what came and what went says more. */
function changeDetail({ path, from, to }: Saved['changes'][number]): Readonly<Record<string, unknown>> {
  if (!Array.isArray(from) && !Array.isArray(to)) return { key: path, from: bounded(from), to: bounded(to) };
  const before = listOf(from);
  const after = listOf(to);
  const [had, has] = [before, after].map((list) => new Set(list.map(identity)));
  const added = after.filter((item) => had?.has(identity(item)) === false);
  const removed = before.filter((item) => has?.has(identity(item)) === false);
  const { itemsKept } = limits.settings;
  return {
    key: path,
    ...(Array.isArray(from) ? {} : { from: bounded(from) }),
    ...(Array.isArray(to) ? {} : { to: bounded(to) }),
    added: added.slice(0, itemsKept).map(bounded),
    removed: removed.slice(0, itemsKept).map(bounded),
    ...(added.length > itemsKept ? { addedInAll: added.length } : {}),
    ...(removed.length > itemsKept ? { removedInAll: removed.length } : {}),
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function bounded(value: unknown): unknown {
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const max = limits.settings.valueCharacters;
  return text.length > max ? `${text.slice(0, max)}…` : value;
}

function flashOf(saved: Saved, reload: ReloadResult, recorded: boolean): Flash {
  const count = saved.changes.length;
  const what = `Saved: ${saved.changes
    .slice(0, 5)
    .map(({ path }) => path)
    .join(', ')}${count > 5 ? ` and ${count - 5} more` : ''}.`;
  const record = recorded ? '' : ' The change is not in the audit log; the log says why.';
  if (!reload.applied) {
    const [first] = reload.problems.filter(({ severity }) => severity === 'error');
    const why = first === undefined ? '' : ` ${problemText(first)}.`;
    return {
      kind: 'failed',
      text: `${what} The gate does not take the file, and goes on with the values before.${why}${record}`,
    };
  }
  const changed = saved.changes.map(({ path }) => path);
  const waiting = reload.restartKeys.filter((key) =>
    changed.some((path) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`)),
  );
  const effect = waiting.length === 0 ? 'Applied without a restart.' : `Needs a restart: ${waiting.join(', ')}.`;
  const warnings = reload.problems.filter(({ severity }) => severity === 'warning').length;
  const remarks =
    warnings === 0 ? '' : ` ${warnings} ${warnings === 1 ? 'warning' : 'warnings'} about the file, see The whole file.`;
  return { kind: recorded ? 'done' : 'failed', text: `${what} ${effect}${remarks}${record}` };
}

/** A problem on one line, without the name of the file. */
export function problemText(problem: ConfigProblem): string {
  return formatProblem(problem, 'file')
    .replace(/^file: (error|warning): /, '')
    .replace(/^file:(\d+)(:\d+)?: (error|warning): /, 'line $1: ');
}

/** The problems of a form by field, and the rest. @param paths of the fields */
export function byField(
  problems: readonly ConfigProblem[],
  paths: readonly string[],
): { readonly fields: ReadonlyMap<string, string>; readonly others: readonly ConfigProblem[] } {
  const fields = new Map<string, string>();
  const others: ConfigProblem[] = [];
  for (const problem of problems.filter(({ severity }) => severity === 'error')) {
    const owner = paths.find(
      (path) => problem.path === path || problem.path.startsWith(`${path}[`) || problem.path.startsWith(`${path}.`),
    );
    if (owner === undefined) others.push(problem);
    else fields.set(owner, [fields.get(owner), errorText(problem)].filter((text) => text !== undefined).join(' '));
  }
  return { fields, others };
}

function errorText({ path, value, expected }: ConfigProblem): string {
  const item = /\[(\d+)\]/.exec(path) === null || value === '' ? '' : `${value}: `;
  return `${item}Expected ${expected}.`;
}

/** For the page after a conflict. */
export function nowText(value: unknown): string {
  return `The file now says ${value === undefined ? 'nothing' : valueText(value)}; saving puts back what stands here.`;
}
