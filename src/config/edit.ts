/**
 * Changes of the configuration as a list of edits, applied to plain values. What an edit may name is what the schema
 * has; how the file is written is the business of edit-text.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Finding, type KeyPath, pathText } from './problem.js';
import { settingsSchema } from './schema.js';
import { defaultOf, schemaAt } from './schema-walk.js';

/** What YAML and JSON have in common. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** One change. Numbers in a path count the items of a list as it is when the edit's turn comes. */
export type Edit =
  | { readonly path: KeyPath; readonly value: Plain }
  | { readonly path: KeyPath; readonly remove: true }
  /** items put at the end of a list; those that it has already are left out */
  | { readonly path: KeyPath; readonly append: readonly Plain[] }
  /** items taken out of a list, wherever they stand in it */
  | { readonly path: KeyPath; readonly without: readonly Plain[] };

type Mapping = Record<string, unknown>;

/** Applies the edits in their order to a copy of `written`, the parsed file. Edits that cannot be applied are findings. */
export function applyEdits(
  written: unknown,
  edits: readonly Edit[],
): { readonly value: unknown; readonly findings: readonly Finding[] } {
  // Aliases are one object in several places; an edit is about one place.
  const root = copyOf(written ?? {});
  const findings: Finding[] = [];
  for (const edit of edits) {
    const expected = applyEdit(root, edit);
    if (expected !== undefined) findings.push({ severity: 'error', path: edit.path, expected });
  }
  return { value: root, findings };
}

/** The result says what the place would have to be. */
function applyEdit(root: unknown, edit: Edit): string | undefined {
  if (edit.path.length === 0 || schemaAt(settingsSchema, edit.path) === undefined) return 'a known key';
  if ('append' in edit && edit.append.length === 0) return undefined;
  const removes = 'remove' in edit || 'without' in edit;
  const parent = parentOf(root, edit.path, !removes);
  if (parent === undefined) return removes ? undefined : 'a key in a mapping, or an item that is there';
  const key = edit.path.at(-1) ?? '';
  if (Array.isArray(parent)) return applyToItem(parent, Number(key), edit);
  const mapping = parent as Mapping;
  if ('value' in edit) put(mapping, String(key), copyOf(edit.value));
  else if ('remove' in edit) delete mapping[String(key)];
  else return applyToList(mapping, String(key), edit);
  return undefined;
}

function applyToItem(list: unknown[], index: number, edit: Edit): string | undefined {
  if (!(index < list.length)) return 'an item that is there';
  if ('value' in edit) list[index] = copyOf(edit.value);
  else if ('remove' in edit) list.splice(index, 1);
  else return 'a key of a mapping';
  return undefined;
}

function applyToList(
  mapping: Mapping,
  key: string,
  edit: Extract<Edit, { append: unknown } | { without: unknown }>,
): string | undefined {
  const list = own(mapping, key) ?? initialList(edit.path);
  if (!Array.isArray(list)) return 'a list';
  const known = new Set(list.map(identity));
  if ('append' in edit) {
    const added = edit.append.filter((item) => {
      const name = identity(item);
      return known.has(name) ? false : known.add(name);
    });
    if (added.length > 0) put(mapping, key, [...list, ...added.map(copyOf)]);
    return undefined;
  }
  const unwanted = new Set(edit.without.map(identity));
  const rest = list.filter((item) => !unwanted.has(identity(item)));
  if (rest.length < list.length) put(mapping, key, rest);
  return undefined;
}

/** A list that is not written is the default, not empty. */
function initialList(path: KeyPath): unknown {
  const schema = schemaAt(settingsSchema, path);
  const initial = schema === undefined ? undefined : defaultOf(schema);
  return Array.isArray(initial) ? copyOf(initial) : [];
}

/** Walks to the mapping or list that holds the last step; mappings that are missing are made if wanted. */
function parentOf(root: unknown, path: KeyPath, make: boolean): unknown {
  let value = root;
  for (const step of path.slice(0, -1)) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
    else if (isMapping(value) && typeof step === 'string') {
      let next = own(value, step);
      if ((next === undefined || next === null) && make) {
        next = {};
        put(value, step, next);
      }
      value = next;
    } else return undefined;
  }
  const last = path.at(-1);
  if (Array.isArray(value)) return typeof last === 'number' ? value : undefined;
  return isMapping(value) && typeof last === 'string' ? value : undefined;
}

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function own(mapping: Mapping, key: string): unknown {
  return Object.hasOwn(mapping, key) ? mapping[key] : undefined;
}

/** Never the setter of the prototype, whatever the key is called. */
function put(mapping: Mapping, key: string, value: unknown): void {
  Object.defineProperty(mapping, key, { value, writable: true, enumerable: true, configurable: true });
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isMapping(value)) return value;
  const copy: Mapping = {};
  for (const [key, item] of Object.entries(value)) put(copy, key, copyOf(item));
  return copy;
}

/** Equal for items that are the same to a list; keys of mappings count in their order. */
export function identity(item: unknown): string {
  return typeof item === 'string' ? `s${item}` : `j${JSON.stringify(item)}`;
}

/** The keys whose values differ, for the record of a change: the innermost mappings are looked into, lists are not. */
export function changesOf(
  before: unknown,
  after: unknown,
  path: KeyPath = [],
): { readonly path: string; readonly from: unknown; readonly to: unknown }[] {
  if (isDeepStrictEqual(before, after)) return [];
  const either = isMapping(before) || isMapping(after);
  const inside = (value: unknown) => value === undefined || isMapping(value);
  const empty = Object.keys(before ?? {}).length + Object.keys(after ?? {}).length === 0;
  if (empty || !either || !inside(before) || !inside(after)) return [{ path: pathText(path), from: before, to: after }];
  const keys = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...keys].flatMap((key) =>
    changesOf(own((before ?? {}) as Mapping, key), own((after ?? {}) as Mapping, key), [...path, key]),
  );
}
