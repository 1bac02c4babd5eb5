/**
 * HTML as a value that cannot be mixed up with text: what a template has between its marks is escaped, unless a template
 * made it. Inserted values stand in content or in double-quoted attributes, never in scripts or addresses of their own.
 */
import { escapeHtml } from '../notice/clean.js';

/** Not exported, so that nobody but a template makes one. */
class Fragment {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type Markup = Fragment;

/** `undefined` is nothing. */
export type Insert = string | number | Markup | readonly Markup[] | undefined;

function inserted(value: Insert): string {
  if (value === undefined) return '';
  if (value instanceof Fragment) return value.toString();
  if (typeof value === 'object') return value.map(inserted).join('\n');
  return escapeHtml(String(value));
}

export function html(literals: TemplateStringsArray, ...values: readonly Insert[]): Markup {
  return new Fragment(literals.map((literal, index) => literal + inserted(values[index])).join(''));
}
