/**
 * The query of a list's address, read and written: filters, and the place where a page begins. What is not understood
 * counts as not said, so that every address has a page.
 */
import type { Cursor, PageKey } from '../../quarantine/console-store.js';
import { limits } from '../../runtime/limits.js';

const hourMs = 3_600_000;

/** Spans of time that a list or a chart can be narrowed to, until now. */
export const spans = {
  '12h': { label: '12 hours', ms: 12 * hourMs },
  '24h': { label: '24 hours', ms: 24 * hourMs },
  '7d': { label: '7 days', ms: 168 * hourMs },
  '30d': { label: '30 days', ms: 720 * hourMs },
} as const;
export type Span = keyof typeof spans;

export function isSpan(text: string): text is Span {
  return Object.hasOwn(spans, text);
}

export class ListQuery {
  readonly path: string;
  readonly #fields: URLSearchParams;

  /** @param url as in the request: path and query */
  constructor(url: string) {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    this.path = pathname;
    this.#fields = searchParams;
  }

  /** Empty when it was not said. */
  text(name: string): string {
    return (this.#fields.get(name) ?? '').trim().slice(0, limits.console.searchCharacters);
  }

  /** One of a closed list; undefined for everything else. */
  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const given = this.#fields.get(name);
    return choices.find((choice) => choice === given);
  }

  /** A whole number in a range; undefined for everything else. */
  number(name: string, least: number, most: number): number | undefined {
    const given = this.#fields.get(name) ?? '';
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  }

  get cursor(): Cursor {
    const after = parseKey(this.#fields.get('after'));
    if (after !== undefined) return { towards: 'newer', key: after };
    return { towards: 'older', key: parseKey(this.#fields.get('before')) };
  }

  /** The address of this list with other fields; empty ones are left out, and it begins at its first page. */
  with(changes: Readonly<Record<string, string>>): string {
    const fields = new URLSearchParams();
    for (const [name, value] of this.#fields) if (!['before', 'after', 'told'].includes(name)) fields.set(name, value);
    for (const [name, value] of Object.entries(changes)) fields.set(name, value);
    for (const [name, value] of [...fields]) if (value === '') fields.delete(name);
    const text = fields.toString();
    return text === '' ? this.path : `${this.path}?${text}`;
  }

  /** Whether anything narrows the list. */
  isNarrowed(names: readonly string[]): boolean {
    return names.some((name) => (this.#fields.get(name) ?? '') !== '');
  }
}

export function formatKey({ at, id }: PageKey): string {
  return id === '' ? String(at) : `${at}.${id}`;
}

function parseKey(text: string | null): PageKey | undefined {
  const match = /^(\d{1,15})(?:\.([a-z2-7]{1,32}))?$/.exec(text ?? '');
  return match === null ? undefined : { at: Number(match[1]), id: match[2] ?? '' };
}
