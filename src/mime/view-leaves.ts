/**
 * The bodies found so far: one entry a range, in the order found, with the encodings and names of all readings that led
 * to it.
 */
import { limits } from '../runtime/limits.js';
import type { EntityFacts } from './entity.js';
import { type ViewEncoding, type ViewLeaf, viewEncodings } from './view.js';
import { orderEncodings, sniffedEncodings } from './view-encodings.js';
import type { ViewSource } from './view-source.js';

export interface FoundLeaf {
  readonly view: string;
  readonly facts: EntityFacts;
  readonly declared: ReadonlySet<ViewEncoding>;
  /** another leaf differs from this one only by white space in front */
  readonly sameText: boolean;
}

interface Entry {
  readonly source: ViewSource;
  readonly start: number;
  readonly end: number;
  readonly view: string;
  readonly facts: EntityFacts;
  readonly declared: Set<ViewEncoding>;
  readonly names: Set<string>;
  sameText: boolean;
}

const viewCharacters = 200;
const namesMax = 256;

export class LeafSet {
  readonly #entries = new Map<string, Entry>();
  readonly #inherited = new Set<ViewEncoding>();
  full = false;

  add(source: ViewSource, start: number, end: number, leaf: FoundLeaf): void {
    const key = `${source.id}:${start}:${end}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      // No bytes, no file; what the strict reading says is kept, as the report has it too.
      if (start === end && leaf.view !== 'strict') return;
      if (this.#entries.size >= limits.views.leavesMax) {
        this.full = true;
        return;
      }
      const { view, facts, sameText } = leaf;
      entry = { source, start, end, view, facts, declared: new Set(), names: new Set(), sameText };
      this.#entries.set(key, entry);
    }
    if (!leaf.sameText) entry.sameText = false;
    for (const encoding of leaf.declared) entry.declared.add(encoding);
    for (const name of leaf.facts.names) if (entry.names.size < namesMax) entry.names.add(name);
  }

  /** Encodings that a container names: some readers apply them to what is inside. */
  inherit(encodings: ReadonlySet<ViewEncoding>): void {
    for (const encoding of encodings) this.#inherited.add(encoding);
  }

  finish(): { readonly leaves: readonly ViewLeaf[]; readonly complete: boolean } {
    const leaves = [...this.#entries.values()].map((entry) => this.#leaf(entry));
    return { leaves, complete: !this.full };
  }

  #leaf({ source, start, end, view, facts, declared, names, sameText }: Entry): ViewLeaf {
    const named = new Set([...declared, ...this.#inherited]);
    let encodings = orderEncodings(named, sniffedEncodings(source, start, end));
    // White space in front changes only what keeps it.
    if (sameText) {
      encodings = encodings.filter(
        (encoding) => encoding === viewEncodings.identity || encoding === viewEncodings.quotedPrintable,
      );
    }
    const text = view.replace(/^[,/ ]+/, '');
    return {
      view: text.length > viewCharacters ? `…${text.slice(1 - viewCharacters)}` : text,
      facts: { ...facts, names: [...names] },
      source: source.bytes,
      start,
      end,
      encodings,
    };
  }
}
