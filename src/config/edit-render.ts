/**
 * New values as YAML text, so plain that every version of YAML reads the same: words bare, all else in double quotes.
 * Text of a person never becomes syntax, and edit-text.ts reads back what was made before anybody keeps it.
 */
import { Scalar } from 'yaml';
import { isMapping } from './edit.js';

/** columns of a line with a list in it; a longer list gets a line for each item */
export const columnsMax = 110;

/** Words that are text in every version of YAML, in a list or mapping on one line too. */
const bare = /^[A-Za-z][\w.@+/-]*( [\w.@+/-]+)*$/;
const unprintable = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;
const meaningful = /^(y|yes|n|no|true|false|on|off|null)$/i;

/** A value on one line. @param like the quotes of the text that it replaces */
export function inlineText(value: unknown, like?: Scalar.Type | null): string {
  if (typeof value === 'string') return stringText(value, like);
  if (Array.isArray(value)) return `[${value.map((item) => inlineText(item)).join(', ')}]`;
  if (!isMapping(value)) return String(value);
  const pairs = Object.entries(value).map(([key, item]) => `${stringText(key)}: ${inlineText(item)}`);
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
}

function stringText(text: string, like?: Scalar.Type | null): string {
  if (like === Scalar.QUOTE_SINGLE && !unprintable.test(text)) return `'${text.replaceAll("'", "''")}'`;
  if (like !== Scalar.QUOTE_DOUBLE && bare.test(text) && !meaningful.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * A text of several lines as a literal block, its first line the header: `|` and `|-` keep what stands in the file
 * readable. undefined when only quotes keep it exactly.
 */
export function literalLines(value: unknown, column: number): readonly string[] | undefined {
  if (typeof value !== 'string' || !/^\S/.test(value) || !value.includes('\n')) return undefined;
  const lines = value.replace(/\n$/, '').split('\n');
  const plain = lines.every((line) => line === '' || (/\S/.test(line) && !unprintable.test(line)));
  if (!plain || lines.length === 1 || lines.at(-1) === '') return undefined;
  const header = value.endsWith('\n') ? '|' : '|-';
  return [header, ...lines.map((line) => (line === '' ? '' : `${' '.repeat(column)}${line}`))];
}

export interface BlockStyle {
  /** columns that one level goes in */
  readonly step: number;
  /** whether texts of several lines are written as such; a comment after one may be taken for a part of it */
  readonly literals: boolean;
}

/** A key with its value as lines at this column; lists and mappings go over several lines when that reads better. */
export function entryLines(key: string, value: unknown, column: number, style: BlockStyle): string[] {
  const head = `${' '.repeat(column)}${stringText(key)}:`;
  const below = valueLines(value, column, style);
  if (below !== undefined) return [head, ...below];
  const literal = style.literals ? literalLines(value, column + style.step) : undefined;
  if (literal !== undefined) return [`${head} ${literal[0]}`, ...literal.slice(1)];
  return [`${head} ${inlineText(value)}`];
}

/** The lines under a key for a value that does not go behind it; undefined for one that does. */
export function valueLines(value: unknown, column: number, style: BlockStyle): string[] | undefined {
  const inner = column + style.step;
  if (Array.isArray(value)) {
    const long = column + inlineText(value).length > columnsMax;
    if (!long && !value.some(isMapping)) return undefined;
    return value.length === 0 ? undefined : value.map((item) => itemLine(item, inner));
  }
  if (!isMapping(value) || Object.keys(value).length === 0) return undefined;
  return Object.entries(value).flatMap(([key, item]) => entryLines(key, item, inner, style));
}

export function itemLine(item: unknown, column: number): string {
  return `${' '.repeat(column)}- ${inlineText(item)}`;
}
