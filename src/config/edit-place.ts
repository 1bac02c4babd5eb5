/** Where the entries of a parsed YAML file stand in its text: what belongs to a value, which line it ends on, where one can be added. */
import {
  type CST,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';

/** The place of one value. All numbers are offsets in the text, but `column`. */
export interface Slot {
  readonly node: Node;
  /** behind the `:` or `-` before it */
  readonly after: number;
  /** its first anchor or tag */
  readonly props: number | undefined;
  /** of the entries among which it stands */
  readonly column: number;
  /** inside [] or {}, or an item after a dash: all on one line */
  readonly inline: boolean;
  readonly kind: 'root' | 'pair' | 'item';
}

export interface Entry {
  readonly slot: Slot;
  /** where the key, the dash or the item of [] begins */
  readonly from: number;
  /** behind the last character of its value; comments do not count */
  readonly to: number;
  /** the `,` behind it */
  readonly comma: number | undefined;
}

type Item = CST.CollectionItem;

/** The entries of a mapping or list, in their order; undefined when they are written in a way that is not edited. */
export function entriesOf(text: string, node: YAMLMap | YAMLSeq): readonly Entry[] | undefined {
  const entries = isMap(node) ? pairEntries(text, node) : itemEntries(text, node);
  return entries.length === node.items.length && entries.every((entry) => entry !== undefined) ? entries : undefined;
}

function pairEntries(text: string, map: YAMLMap): (Entry | undefined)[] {
  const flow = map.flow === true;
  const commas = flow ? commasOf(map) : [];
  return (map.items as Pair<Node, Node | null>[]).map((pair, index) => {
    const { srcToken, key, value } = pair;
    const colon = srcToken?.sep?.find((token) => token.type === 'map-value-ind');
    if (srcToken === undefined || colon === undefined || !key.range || value === null || !value.range) return undefined;
    const from = key.range[0];
    const slot: Slot = {
      node: value,
      after: colon.offset + 1,
      props: propsOf(srcToken.sep ?? []),
      column: columnOf(text, from),
      inline: flow,
      kind: 'pair',
    };
    return { slot, from, to: Math.max(colon.offset + 1, endOf(value)), comma: commas[index] };
  });
}

function itemEntries(text: string, list: YAMLSeq): (Entry | undefined)[] {
  const flow = list.flow === true;
  const commas = flow ? commasOf(list) : [];
  return tokensOf(list).map((token, index) => {
    const node = list.items[index] as Node | undefined;
    if (node === undefined || !node.range || token.sep !== undefined) return undefined;
    const dash = token.start.find((part) => part.type === 'seq-item-ind');
    const props = propsOf(token.start);
    const from = flow ? (props ?? node.range[0]) : (dash?.offset ?? -1);
    const after = flow ? from : from + 1;
    const slot: Slot = { node, after, props, column: columnOf(text, from), inline: true, kind: 'item' };
    return { slot, from, to: Math.max(after, endOf(node)), comma: commas[index] };
  });
}

/** The source of the items, without what is only a comment or a comma before the bracket. */
function tokensOf(node: YAMLMap | YAMLSeq): readonly Item[] {
  const source = node.srcToken;
  if (source?.type === 'block-seq') {
    return source.items.filter((item) => item.start.some((part) => part.type === 'seq-item-ind'));
  }
  if (source?.type !== 'flow-collection') return [];
  return source.items.filter((item) => item.key != null || item.sep !== undefined || item.value !== undefined);
}

/** The comma behind each item: it stands before the next one. */
function commasOf(node: YAMLMap | YAMLSeq): (number | undefined)[] {
  const source = node.srcToken;
  if (source?.type !== 'flow-collection') return [];
  const before = source.items.map((item) => item.start.find((part) => part.type === 'comma')?.offset);
  return before.slice(1);
}

function propsOf(tokens: readonly CST.SourceToken[]): number | undefined {
  return tokens.find((token) => token.type === 'anchor' || token.type === 'tag')?.offset;
}

/** Behind the last character of a value: the range of a block goes on over the comments after it. */
export function endOf(node: Node): number {
  const [start, end] = node.range ?? [0, 0, 0];
  if (isScalar(node) || isAlias(node) || !isCollection(node) || node.flow === true) return end;
  const last = node.items.at(-1) as Node | Pair<Node, Node | null> | undefined;
  if (last === undefined) return start;
  if (!('key' in last)) return endOf(last);
  return Math.max(last.key.range?.[1] ?? 0, last.value?.range ? endOf(last.value) : 0);
}

/** The offsets of scalars and of collections on one line: a `#` in there is no comment. */
export function contentOf(node: Node): (readonly [number, number])[] {
  const [start, end] = node.range ?? [0, 0, 0];
  if (!isCollection(node) || node.flow === true) return [[start, end]];
  return node.items.flatMap((item) => {
    if (!isPairOfNodes(item)) return contentOf(item as Node);
    return [...contentOf(item.key), ...(item.value === null ? [] : contentOf(item.value))];
  });
}

function isPairOfNodes(item: unknown): item is Pair<Node, Node | null> {
  return typeof item === 'object' && item !== null && 'key' in item;
}

export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** The start of the line after the one that a value ends on; a literal block ends with its own line. */
export function nextLine(text: string, end: number): number {
  if (end > 0 && text[end - 1] === '\n') return end;
  return lineAfter(text, end);
}

/** The start of the line after the one that an offset is on. */
export function lineAfter(text: string, offset: number): number {
  const feed = text.indexOf('\n', offset);
  return feed === -1 ? text.length : feed + 1;
}

/** Behind the last character of a line, before its line end. */
export function lineEnd(text: string, offset: number): number {
  const feed = text.indexOf('\n', offset);
  if (feed === -1) return text.length;
  return text[feed - 1] === '\r' && feed > offset ? feed - 1 : feed;
}

export function columnOf(text: string, offset: number): number {
  const start = lineStart(text, offset);
  return offset - start - (text[start] === '\ufeff' ? 1 : 0);
}

/** Whether nothing but blanks stands before an offset on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  return /^\ufeff?[ \t]*$/.test(text.slice(lineStart(text, offset), offset));
}

export function onOneLine(text: string, from: number, to: number): boolean {
  return !text.slice(from, to).includes('\n');
}
