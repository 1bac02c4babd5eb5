/**
 * One key of the configuration as a field of a form: what stands in the form for a value, and the value that an entry
 * stands for. What nobody understands goes on as it was typed, so that the loader says what is wrong with it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Edit, Plain } from '../../config/edit.js';
import { type Settings, settingsSchema } from '../../config/schema.js';
import { defaultOf, schemaAt, sentenceOf } from '../../config/schema-walk.js';
import type { InputType } from '../view/controls.js';
import { valueAt } from './file-state.js';

export interface FieldOption {
  /** null leaves the key out of the file */
  readonly value: string | number | boolean | null;
  readonly label: string;
  readonly hint?: string;
}

interface CommonSpec {
  /** the key; its sentence in the schema is the hint */
  readonly path: string;
  readonly label: string;
  /** said beside the schema's sentence */
  readonly note?: string;
}

export type FieldSpec =
  | (CommonSpec & { readonly kind: 'radio' | 'select' | 'checks'; readonly options: readonly FieldOption[] })
  | (CommonSpec & {
      readonly kind: 'text';
      readonly type?: InputType;
      /** blanks at the ends are a slip of the hand */
      readonly trimmed?: boolean;
      /** an empty entry leaves the key out of the file */
      readonly optional?: boolean;
    })
  | (CommonSpec & { readonly kind: 'area' | 'number' | 'servers' | 'levels' });

export interface FieldGroup {
  readonly legend: string;
  readonly intro?: string;
  readonly fields: readonly FieldSpec[];
}

/** What stands in the controls of a form, by their names. */
export type Entries = ReadonlyMap<string, readonly string[]>;

export function entry(entries: Entries, name: string): string {
  return entries.get(name)?.[0] ?? '';
}

/** How many empty rows a table offers. */
export const spareRows = 3;

export function entriesOf(specs: readonly FieldSpec[], settings: Settings): Entries {
  return new Map(specs.flatMap((spec) => shown(spec, valueAt(settings, spec.path))));
}

function shown(spec: FieldSpec, value: unknown): [string, string[]][] {
  const { path, kind } = spec;
  switch (kind) {
    case 'checks':
      return [[path, Array.isArray(value) ? value.map(String) : []]];
    case 'servers':
      return [
        [path, [value === 'all' ? 'all' : 'list']],
        [`${path}.kept`, Array.isArray(value) ? value.map(String) : []],
      ];
    case 'levels': {
      const points = Array.isArray(value) ? (value as [number, number][]) : [];
      return [
        [`${path}.score`, points.map(([score]) => String(score))],
        [`${path}.level`, points.map(([, level]) => String(level))],
      ];
    }
    case 'radio':
    case 'select':
      return [[path, [value === undefined ? '' : String(value)]]];
    default:
      return [[path, [value === undefined ? '' : String(value)]]];
  }
}

/** What was sent, of the fields of this form and no others. */
export function sentEntries(specs: readonly FieldSpec[], form: URLSearchParams): Entries {
  const names = specs.flatMap(({ path, kind }) => {
    if (kind === 'servers') return [path, `${path}.kept`, `${path}.add`];
    return kind === 'levels' ? [`${path}.score`, `${path}.level`] : [path];
  });
  const sent = new Map(names.map((name) => [name, form.getAll(name)]));
  for (const { path, kind } of specs) {
    const drop = form.get(`${path}.drop`);
    if (kind === 'servers' && drop !== null) {
      sent.set(
        `${path}.kept`,
        form.getAll(`${path}.kept`).filter((name) => name !== drop),
      );
    }
  }
  return sent;
}

/** undefined: the key is left out */
function enteredValue(spec: FieldSpec, entries: Entries): Plain | undefined {
  const { path, kind } = spec;
  const text = entry(entries, path);
  switch (kind) {
    case 'radio':
    case 'select': {
      const option = spec.options.find(({ value }) => (value ?? '') === text || String(value) === text);
      return option === undefined ? text : (option.value ?? undefined);
    }
    case 'checks':
      return [...(entries.get(path) ?? [])];
    case 'number':
      return numeral(text);
    case 'area':
      // Browsers send CRLF.
      return text.replace(/\r\n?/g, '\n');
    case 'servers':
      return serversOf(path, entries);
    case 'levels':
      return levelsOf(path, entries);
    case 'text': {
      const value = spec.trimmed === true ? text.trim() : text;
      return spec.optional === true && value === '' ? undefined : value;
    }
  }
}

/** Decimal digits as a number; anything else is not for us to guess. */
function numeral(text: string): number | string {
  const digits = text.trim();
  return /^\d{1,15}(\.\d{1,15})?$/.test(digits) ? Number(digits) : digits;
}

function serversOf(path: string, entries: Entries): Plain {
  if (entry(entries, path) !== 'list') return entry(entries, path);
  const added = entry(entries, `${path}.add`)
    .split(/[\s,;]+/)
    .filter((name) => name !== '');
  return [...new Set([...(entries.get(`${path}.kept`) ?? []), ...added])];
}

function levelsOf(path: string, entries: Entries): Plain {
  const scores = entries.get(`${path}.score`) ?? [];
  const levels = entries.get(`${path}.level`) ?? [];
  return scores.flatMap((score, index) => {
    const level = levels[index] ?? '';
    return score.trim() === '' && level.trim() === '' ? [] : [[numeral(score), numeral(level)]];
  });
}

/** What has to change in the file for it to say what was entered; keys that say it already stay as they are written. */
export function editsOf(specs: readonly FieldSpec[], settings: Settings, entries: Entries): Edit[] {
  return specs.flatMap((spec): Edit[] => {
    const path = spec.path.split('.');
    const value = enteredValue(spec, entries);
    if (isDeepStrictEqual(value, valueAt(settings, spec.path))) return [];
    return [value === undefined ? { path, remove: true } : { path, value }];
  });
}

/** The sentence of the schema, what is said beside it, and the default. */
export function hintOf(spec: FieldSpec): string {
  const schema = schemaAt(settingsSchema, spec.path.split('.'));
  if (schema === undefined) return spec.note ?? '';
  const initial = defaultOf(schema);
  return [
    sentenceOf(schema).replaceAll('`', ''),
    spec.note ?? '',
    initial === undefined ? '' : `Default: ${defaultText(spec, initial)}.`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function defaultText(spec: FieldSpec, initial: unknown): string {
  if ('options' in spec) {
    const names = (Array.isArray(initial) ? initial : [initial]).map(
      (value) => spec.options.find((option) => option.value === value)?.label ?? String(value),
    );
    return names.join(', ');
  }
  if (initial === '') return 'empty';
  return typeof initial === 'string' ? initial.replace(/\.$/, '') : JSON.stringify(initial).replaceAll(',', ', ');
}
