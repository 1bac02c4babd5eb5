/** Reads the schema as data: which keys a mapping has, what a value may be, in words. Serves the loader's messages and the reference file. */
import { z } from 'zod';
import type { KeyPath } from './problem.js';

type Schema = z.core.$ZodType;

/** What a text or list must look like, for schemas whose type alone does not say it. */
const forms = z.registry<{ readonly form: string }>();

/** Names the form of a schema, so that every message about it and the reference say the same. */
export function formed<S extends Schema>(schema: S, form: string): S {
  forms.add(schema, { form });
  return schema;
}

/** The schema without the wrappers that only say what happens when the key is absent. */
export function unwrap(schema: Schema): Schema {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The sentence of a key: on the outermost wrapper that has one. */
export function sentenceOf(schema: Schema): string {
  let inner = schema;
  for (;;) {
    const description = z.globalRegistry.get(inner)?.description;
    if (description !== undefined) return description;
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
      inner = inner.unwrap();
    } else {
      return '';
    }
  }
}

/** The default when the key is absent; undefined when it is required, optional, or a mapping whose keys have their own. */
export function defaultOf(schema: Schema): unknown {
  return schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
}

export function isOptional(schema: Schema): boolean {
  return schema instanceof z.ZodOptional;
}

/** The keys of a mapping with their schemas; undefined when the schema is no mapping. Alternatives are merged. */
export function shapeOf(schema: Schema): ReadonlyMap<string, Schema> | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return new Map(Object.entries(inner.shape as Record<string, Schema>));
  if (!(inner instanceof z.ZodUnion)) return undefined;
  const merged = new Map<string, Schema>();
  for (const [key, schema] of inner.options.flatMap((option) => [...(shapeOf(option) ?? [])])) {
    const other = merged.get(key);
    merged.set(key, other === undefined ? schema : z.union([other, schema]));
  }
  return merged.size === 0 ? undefined : merged;
}

/** The mappings of which a schema may be any one; the schema itself when it is no such choice. */
export function choicesOf(schema: Schema): readonly Schema[] {
  const inner = unwrap(schema);
  return inner instanceof z.ZodUnion && shapeOf(inner) !== undefined ? inner.options : [schema];
}

/** The one value that a schema allows; undefined when there are several. */
export function constantOf(schema: Schema): unknown {
  const inner = unwrap(schema);
  return inner instanceof z.ZodLiteral && inner.values.size === 1 ? [...inner.values][0] : undefined;
}

/** The schema of a list's items; undefined when it is no list. */
export function elementOf(schema: Schema): Schema | undefined {
  const inner = unwrap(schema);
  // A word or a list: `all` or names.
  if (inner instanceof z.ZodUnion) return inner.options.map((option) => elementOf(option)).find((one) => one);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

/** The schema of the value at a path, or undefined when no such key exists. */
export function schemaAt(root: Schema, path: KeyPath): Schema | undefined {
  let schema: Schema | undefined = root;
  for (const step of path) {
    if (schema === undefined) return undefined;
    const inner: Schema = unwrap(schema);
    if (inner instanceof z.ZodTuple && typeof step === 'number') schema = inner.def.items[step];
    else schema = typeof step === 'number' ? elementOf(schema) : shapeOf(schema)?.get(step);
  }
  return schema;
}

/** What a value may be: `a whole number from 1 to 65535`, `none, starttls or implicit`. */
export function typeText(schema: Schema): string {
  const inner = unwrap(schema);
  const form = forms.get(inner)?.form;
  if (form !== undefined) return form;
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodEnum) return alternatives(inner.options.map(String));
  if (inner instanceof z.ZodLiteral)
    return alternatives([...inner.values].map((value) => (value === '' ? 'nothing' : String(value))));
  if (inner instanceof z.ZodNumber) return numberText(inner);
  if (inner instanceof z.ZodString) return 'text';
  if (inner instanceof z.ZodArray) return `a list, each item ${typeText(inner.element)}`;
  if (inner instanceof z.ZodTuple) return `a pair [${inner.def.items.map((item) => typeText(item)).join(', ')}]`;
  if (shapeOf(inner) !== undefined) return 'a mapping';
  if (inner instanceof z.ZodUnion) return alternatives(inner.options.map((option) => typeText(option)));
  return 'a value';
}

function numberText(schema: z.ZodNumber): string {
  const noun = schema.isInt ? 'a whole number' : 'a number';
  const max = schema.maxValue ?? Number.MAX_SAFE_INTEGER;
  return max === Number.MAX_SAFE_INTEGER
    ? `${noun}, at least ${schema.minValue}`
    : `${noun} from ${schema.minValue} to ${max}`;
}

function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
