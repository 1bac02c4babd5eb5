/**
 * Writes changed values into the text of a YAML file: only the places that change are touched, so that comments, order,
 * quotes and blank lines of all others stay as somebody wrote them. What was made is read back and compared; a file
 * that is written in a way that is not understood here is refused, never damaged.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { limits } from '../runtime/limits.js';
import { isMapping, own } from './edit.js';
import { align } from './edit-align.js';
import { applied, type Patch } from './edit-patch.js';
import {
  columnOf,
  contentOf,
  type Entry,
  endOf,
  entriesOf,
  isFirstOnLine,
  lineAfter,
  lineEnd,
  lineStart,
  nextLine,
  onOneLine,
  type Slot,
} from './edit-place.js';
import {
  type BlockStyle,
  columnsMax,
  entryLines,
  inlineText,
  itemLine,
  literalLines,
  valueLines,
} from './edit-render.js';

/** What becomes of the entries of one mapping or list. */
interface Changes {
  readonly slot: Slot;
  readonly node: YAMLMap | YAMLSeq;
  /** for each entry what it will say; undefined when it goes */
  readonly places: readonly ({ readonly value: unknown } | undefined)[];
  readonly values: readonly unknown[];
  /** new entries as text */
  readonly texts: readonly string[];
}

const parseOptions = { prettyErrors: false, uniqueKeys: true, stringKeys: true } as const;

/** A file and what it says; undefined when it is no well-formed YAML. */
export interface WrittenYaml {
  readonly document: Document;
  readonly value: unknown;
}

export function readYaml(text: string): WrittenYaml | undefined {
  const document = parseDocument(text, { ...parseOptions, keepSourceTokens: true });
  const value = plainOf(document);
  return value === undefined ? undefined : { document, value };
}

/**
 * @param written what `readYaml` made of the text @param next what the file shall say
 * @returns undefined when the file is written in a way that cannot be edited
 */
export function patchText(
  text: string,
  next: unknown,
  written: WrittenYaml | undefined = readYaml(text),
): string | undefined {
  if (written === undefined) return undefined;
  const { document, value } = written;
  if (isDeepStrictEqual(value, next)) return text;
  return (
    readBack(new Patcher(text, document, true).patched(value, next), next) ??
    readBack(new Patcher(text, document, false).patched(value, next), next)
  );
}

/** The text when it says exactly what it shall. */
function readBack(text: string | undefined, next: unknown): string | undefined {
  if (text === undefined) return undefined;
  return isDeepStrictEqual(plainOf(parseDocument(text, parseOptions)), next) ? text : undefined;
}

/** undefined when it is not well-formed, or a bomb of aliases */
function plainOf(document: Document): unknown {
  if (document.errors.length + document.warnings.length > 0) return undefined;
  try {
    return document.toJS({ maxAliasCount: limits.config.aliasesMax }) ?? {};
  } catch {
    // The loader says what is wrong with it.
    return undefined;
  }
}

class Patcher {
  readonly #text: string;
  readonly #document: Document;
  readonly #eol: string;
  readonly #style: BlockStyle;
  readonly #patches: Patch[] = [];
  readonly #shared: boolean;
  /** nodes with an anchor that stay, and what they will say */
  readonly #kept = new Map<Node, unknown>();
  #refused = false;
  readonly #aliases: { readonly slot: Slot; readonly next: unknown }[] = [];

  constructor(text: string, document: Document, literals: boolean) {
    this.#text = text;
    this.#document = document;
    this.#eol = /^[^\n]*\r\n/.test(text) ? '\r\n' : '\n';
    const indent = /^( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2;
    this.#style = { step: indent > 8 ? 2 : indent, literals };
    let shared = false;
    visit(document, {
      Alias: () => {
        shared = true;
        return visit.BREAK;
      },
    });
    this.#shared = shared;
  }

  patched(old: unknown, next: unknown): string | undefined {
    const root = this.#document.contents;
    if (!isNode(root) || (isScalar(root) && root.value === null)) return this.#appended(next);
    const slot: Slot = { node: root, after: 0, props: undefined, column: 0, inline: false, kind: 'root' };
    this.#diff(slot, old, next);
    for (const alias of this.#aliases) this.#settleAlias(alias.slot, alias.next);
    return this.#refused ? undefined : applied(this.#text, this.#patches);
  }

  /** A file with nothing but comments. */
  #appended(next: unknown): string | undefined {
    if (!isMapping(next)) return undefined;
    const lines = Object.entries(next).flatMap(([key, value]) => entryLines(key, value, 0, this.#style));
    const gap = this.#text === '' || this.#text.endsWith('\n') ? '' : this.#eol;
    return `${this.#text}${gap}${lines.map((line) => line + this.#eol).join('')}`;
  }

  /** Records what turns the value at this place into the next one. */
  #diff(slot: Slot, old: unknown, next: unknown): void {
    const { node } = slot;
    if (isAlias(node)) {
      this.#aliases.push({ slot, next });
      return;
    }
    const same = isDeepStrictEqual(old, next);
    if (same && !this.#shared) return;
    const kept =
      isMap(node) && isMapping(old) && isMapping(next)
        ? this.#diffMap(slot, node, old, next)
        : isSeq(node) && Array.isArray(old) && Array.isArray(next)
          ? this.#diffList(slot, node, old, next)
          : same;
    if (kept) this.#kept.set(node, next);
    else this.#replace(slot, next);
  }

  #diffMap(slot: Slot, node: YAMLMap, old: Record<string, unknown>, next: Record<string, unknown>): boolean {
    const keys = (node.items as Pair<Scalar, unknown>[]).map((pair) => String(pair.key.value));
    const places = keys.map((key) => (Object.hasOwn(next, key) ? { value: next[key] } : undefined));
    const added = Object.keys(next).filter((key) => !Object.hasOwn(old, key));
    const column = this.#columnOf(node);
    const texts =
      node.flow === true
        ? added.map((key) => inlineText({ [key]: next[key] }).slice(2, -2))
        : added.flatMap((key) => this.#section(slot, entryLines(key, next[key], column, this.#style)));
    const values = keys.map((key) => own(old, key));
    return this.#keepEntries({ slot, node, places, values, texts }, next);
  }

  /** A new section stands apart where sections do. */
  #section(slot: Slot, lines: readonly string[]): readonly string[] {
    return slot.kind === 'root' && /\n\r?\n/.test(this.#text) ? ['', ...lines] : lines;
  }

  #diffList(slot: Slot, node: YAMLSeq, old: readonly unknown[], next: readonly unknown[]): boolean {
    const alignment = align(old, next);
    if (alignment === undefined || this.#outgrows(slot, node, old, next)) return false;
    const column = this.#columnOf(node);
    const texts = alignment.added.map((item) => (node.flow === true ? inlineText(item) : itemLine(item, column)));
    return this.#keepEntries({ slot, node, places: alignment.places, values: old, texts }, next);
  }

  /** Whether a list on one line gets too long for it. */
  #outgrows(slot: Slot, node: YAMLSeq, old: readonly unknown[], next: readonly unknown[]): boolean {
    if (node.flow !== true || !node.range || slot.inline || this.#shared || next.length <= old.length) return false;
    const [start, end] = node.range;
    if (!onOneLine(this.#text, slot.after, end)) return false;
    return columnOf(this.#text, start) + inlineText(next).length > columnsMax;
  }

  #columnOf(node: YAMLMap | YAMLSeq): number {
    return node.range ? columnOf(this.#text, node.range[0]) : 0;
  }

  /** Entries that stay, go and come. False when the whole collection is to be written anew. */
  #keepEntries({ slot, node, places, values, texts }: Changes, next: unknown): boolean {
    const last = places.findLastIndex((place) => place !== undefined);
    const flow = node.flow === true;
    if (last === -1 && places.length + texts.length === 0) return true;
    // With nothing left, only what cannot be written anew keeps its place for the comments in it.
    if (last === -1 && slot.kind !== 'root' && (!flow || places.length === 0 || !this.#hasComment(node))) return false;
    const entries = entriesOf(this.#text, node);
    if (entries === undefined) {
      this.#refused ||= slot.kind === 'root' || this.#hasComment(node);
      return false;
    }
    this.#kept.set(node, next);
    let before = flow ? entries[last] : undefined;
    for (const [index, entry] of entries.entries()) {
      const place = places[index];
      if (place !== undefined) this.#diff(entry.slot, values[index], place.value);
      else if (flow) before = this.#dropInline(entry, index > last ? before : undefined);
      else this.#dropBlock(entry);
    }
    if (texts.length === 0) return true;
    const end = entries[last]?.to;
    if (!flow) this.#addLines(nextLine(this.#text, entries.at(-1)?.to ?? 0), texts);
    else if (end !== undefined) this.#add(end, end, `, ${texts.join(', ')}`);
    else if (node.range) this.#add(node.range[0] + 1, node.range[0] + 1, texts.join(', '));
    return true;
  }

  /** @param at the start of a line, or the end of the text */
  #addLines(at: number, lines: readonly string[]): void {
    const bare = at > 0 && this.#text[at - 1] !== '\n';
    const text = lines.join(this.#eol);
    this.#add(at, at, bare ? this.#eol + text : text + this.#eol);
  }

  #dropBlock({ from, to, slot }: Entry): void {
    if (isFirstOnLine(this.#text, from))
      this.#dropLines(lineStart(this.#text, from), nextLine(this.#text, to), slot.node);
    // Behind the dash of an item: the other keys follow on lines of their own.
    else this.#add(from, to, '');
  }

  /**
   * @param before the entry before, when all from this one on go and the comma between goes with it
   * @returns what that is for the next entry
   */
  #dropInline(entry: Entry, before: Entry | undefined): Entry | undefined {
    const { from, to, comma } = entry;
    const text = this.#text;
    const end = comma === undefined ? to : comma + 1;
    const rest = text.slice(end, lineEnd(text, end));
    if (before !== undefined && onOneLine(text, before.to, to)) {
      this.#add(before.to, to, '');
      return entry;
    }
    if (isFirstOnLine(text, from) && /^[ \t]*(#|$)/.test(rest))
      this.#add(lineStart(text, from), lineAfter(text, end), '');
    else this.#add(from, end + (/^[ \t]*/.exec(rest)?.[0].length ?? 0), '');
    return undefined;
  }

  /** Comments on lines of their own stay. */
  #dropLines(from: number, to: number, node: Node): void {
    const content = contentOf(node);
    for (let start = from; start < to; ) {
      const end = Math.min(to, lineAfter(this.#text, start));
      const first = start + this.#text.slice(start, end).search(/\S|$/);
      const comment = this.#text[first] === '#' && !content.some(([begin, stop]) => first >= begin && first < stop);
      if (!comment) this.#add(start, end, '');
      start = end;
    }
  }

  #hasComment(node: Node): boolean {
    const [start] = node.range ?? [0];
    return this.#text.slice(start, endOf(node)).includes('#');
  }

  #replace(slot: Slot, next: unknown): void {
    const { node } = slot;
    this.#kept.set(node, next);
    if (slot.kind === 'root' || !node.range) this.#refused = true;
    else if (isCollection(node) && node.flow !== true) this.#replaceBlock(slot, next);
    else if (isScalar(node) && node.srcToken?.type === 'block-scalar') this.#replaceLiteral(slot, node, next);
    else this.#replaceInline(slot, node.range, next);
  }

  #replaceInline(slot: Slot, [start, end]: readonly [number, number, number], next: unknown): void {
    const { node } = slot;
    const from = slot.props ?? start;
    const anchor = anchorOf(node);
    const below = this.#linesBelow(slot, from, end, next);
    if (below !== undefined) {
      this.#add(slot.after, end, `${anchor === '' ? '' : ` ${anchor.trim()}`}${below.head}`);
      this.#addLines(nextLine(this.#text, end), below.lines);
      return;
    }
    const gap = from === slot.after && slot.after > 0 && /[:-]/.test(this.#text[slot.after - 1] ?? '') ? ' ' : '';
    const written = `${gap}${anchor}${inlineText(next, isScalar(node) ? node.type : null)}`;
    this.#add(from, end, written);
    // The comment behind it stays in its column, where others may stand under it.
    const blanks = /^ {2,}(?=#)/.exec(this.#text.slice(end, lineEnd(this.#text, end)))?.[0].length ?? 0;
    const room = Math.max(1, blanks + end - from - written.length);
    if (blanks > 0 && room !== blanks) this.#add(end, end + blanks, ' '.repeat(room));
  }

  /** A value that takes lines under its key, when there is room for it. */
  #linesBelow(
    slot: Slot,
    from: number,
    end: number,
    next: unknown,
  ): { head: string; lines: readonly string[] } | undefined {
    const rest = this.#text.slice(end, lineEnd(this.#text, end));
    const room = !slot.inline && onOneLine(this.#text, slot.after, from) && /^[ \t]*(#|$)/.test(rest);
    if (!room) return undefined;
    const below = valueLines(next, slot.column, this.#style);
    if (below !== undefined) return { head: '', lines: below };
    const literal = this.#literal(slot, next);
    return literal === undefined ? undefined : { head: ` ${literal[0]}`, lines: literal.slice(1) };
  }

  #literal(slot: Slot, next: unknown): readonly string[] | undefined {
    return this.#style.literals ? literalLines(next, slot.column + this.#style.step) : undefined;
  }

  /** A text of several lines; the comment behind its header stays. */
  #replaceLiteral(slot: Slot, node: Scalar, next: unknown): void {
    const source = node.srcToken;
    if (source?.type !== 'block-scalar' || !node.range) return;
    const comment = source.props.find((token) => token.type === 'comment');
    const behind = comment !== undefined && 'source' in comment ? ` ${comment.source}` : '';
    const [head = '', ...lines] = this.#literal(slot, next) ?? [inlineText(next)];
    const end = this.#text[node.range[1] - 1] === '\n' ? this.#eol : '';
    const written = [`${anchorOf(node)}${head}${behind}`, ...lines].join(this.#eol) + end;
    this.#add(slot.props ?? node.range[0], node.range[1], written);
  }

  /** A block of lines becomes something else: the new value stands behind the key, or under it. */
  #replaceBlock(slot: Slot, next: unknown): void {
    const { node } = slot;
    const text = this.#text;
    const start = node.range?.[0] ?? 0;
    const end = endOf(node);
    const compact = onOneLine(text, slot.after, start);
    if ((compact && this.#hasComment(node)) || (slot.props !== undefined && text[slot.props] === '!')) {
      this.#refused = true;
    } else if (compact) {
      this.#add(start, end, inlineText(next));
    } else {
      const anchor = anchorOf(node).trim();
      const behind = anchor === '' || slot.props === undefined ? slot.after : slot.props + anchor.length;
      const below = slot.inline ? undefined : valueLines(next, slot.column, this.#style);
      if (below === undefined) this.#add(behind, behind, ` ${inlineText(next)}`);
      else this.#addLines(nextLine(text, slot.after), below);
      this.#dropLines(lineStart(text, start), nextLine(text, end), node);
    }
  }

  /** An alias stays when what it stands for will say what it shall say; else the value is written in its place. */
  #settleAlias(slot: Slot, next: unknown): void {
    const source = isAlias(slot.node) ? slot.node.resolve(this.#document) : undefined;
    const follows = source !== undefined && this.#kept.has(source) && isDeepStrictEqual(this.#kept.get(source), next);
    if (!follows) this.#replace(slot, next);
  }

  #add(from: number, to: number, text: string): void {
    if (from < to || text !== '') this.#patches.push({ from, to, text });
  }
}

function anchorOf(node: Node): string {
  return 'anchor' in node && node.anchor !== undefined ? `&${node.anchor} ` : '';
}
