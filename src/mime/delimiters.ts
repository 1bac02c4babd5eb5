/**
 * The boundaries of all open multiparts as one search: a needle that any delimiter line must contain, and a trie that
 * tells which boundary a candidate names. So the cost of a line does not grow with the number of open multiparts.
 */

interface Node {
  readonly next: Map<number, Node>;
  /** open multiparts whose boundary ends here, outermost first; more than one when a boundary is reused */
  readonly levels: number[];
}

export type DelimiterMatch =
  /** not a delimiter */
  | { readonly kind: 'none' }
  /** the decision needs bytes that have not come yet */
  | { readonly kind: 'more' }
  | {
      readonly kind: 'delimiter';
      readonly level: number;
      readonly close: boolean;
      /** behind the line end */
      readonly end: number;
      /** another open boundary is a prefix of the one that matched */
      readonly prefix: boolean;
      /** blanks stand between the boundary and the line end */
      readonly padded: boolean;
      /** the line ends in LF alone */
      readonly bareLf: boolean;
    }
  /** a boundary followed by other text on its line */
  | { readonly kind: 'junk'; readonly level: number };

const none: DelimiterMatch = { kind: 'none' };
const more: DelimiterMatch = { kind: 'more' };
/** a longer common prefix makes the search no faster */
const needleBytesMax = 32;
/** blanks that transport may have added behind a boundary; more of them is no delimiter to anyone */
const paddingBytesMax = 256;

const dash = 0x2d;
const cr = 0x0d;
const lf = 0x0a;

export class Delimiters {
  readonly #root: Node = { next: new Map(), levels: [] };
  readonly #open: { readonly level: number; readonly boundary: Buffer }[] = [];
  /** `--` and the common beginning of all open boundaries */
  needle: Buffer = Buffer.from('--');

  get empty(): boolean {
    return this.#open.length === 0;
  }

  /** Opens `boundary` for a level; true when an outer level has the same one. */
  push(level: number, boundary: Buffer): boolean {
    let node = this.#root;
    for (const byte of boundary) {
      let next = node.next.get(byte);
      if (next === undefined) {
        next = { next: new Map(), levels: [] };
        node.next.set(byte, next);
      }
      node = next;
    }
    node.levels.push(level);
    this.#open.push({ level, boundary });
    this.#renewNeedle();
    return node.levels.length > 1;
  }

  /** Forgets all levels at or above `level`. */
  truncate(level: number): void {
    let changed = false;
    for (let last = this.#open.at(-1); last !== undefined && last.level >= level; last = this.#open.at(-1)) {
      this.#open.pop();
      this.#remove(last.boundary);
      changed = true;
    }
    if (changed) this.#renewNeedle();
  }

  #remove(boundary: Buffer): void {
    const path: Node[] = [this.#root];
    for (const byte of boundary) {
      const next = path.at(-1)?.next.get(byte);
      if (next === undefined) return;
      path.push(next);
    }
    path.at(-1)?.levels.pop();
    for (let at = boundary.length; at > 0; at -= 1) {
      const node = path[at];
      if (node === undefined || node.levels.length > 0 || node.next.size > 0) break;
      path[at - 1]?.next.delete(boundary[at - 1] as number); // at <= boundary.length
    }
  }

  #renewNeedle(): void {
    const bytes = [dash, dash];
    let node = this.#root;
    while (node.levels.length === 0 && node.next.size === 1 && bytes.length < needleBytesMax) {
      for (const [byte, next] of node.next) {
        bytes.push(byte);
        node = next;
      }
    }
    this.needle = Buffer.from(bytes);
  }

  /**
   * What stands at `at`, just behind two dashes.
   * @param last no more bytes will come, so the end of the buffer ends the line
   */
  match(buffer: Buffer, at: number, end: number, last: boolean): DelimiterMatch {
    let node = this.#root;
    let found: { level: number; at: number } | undefined;
    let exact: DelimiterMatch | undefined;
    let boundaries = 0;
    let position = at;
    for (;;) {
      const level = node.levels.at(-1);
      if (level !== undefined) {
        boundaries += 1;
        found = { level, at: position };
        const tail = this.#tail(buffer, position, end, last);
        if (tail === 'more') return more;
        if (tail !== undefined) exact = { kind: 'delimiter', level, ...tail, prefix: boundaries > 1 };
      }
      if (position >= end) {
        if (!last && node.next.size > 0) return more;
        break;
      }
      const next = node.next.get(buffer[position] as number); // position < end
      if (next === undefined) break;
      node = next;
      position += 1;
    }
    if (exact !== undefined) return exact;
    return found === undefined ? none : { kind: 'junk', level: found.level };
  }

  /** The rest of a delimiter line: closing dashes, blanks, line end. */
  #tail(
    buffer: Buffer,
    from: number,
    end: number,
    last: boolean,
  ): { close: boolean; padded: boolean; bareLf: boolean; end: number } | 'more' | undefined {
    let at = from;
    const close = buffer[at] === dash && buffer[at + 1] === dash && at + 1 < end;
    if (!close && !last && buffer[at] === dash && at + 1 >= end) return 'more';
    if (close) at += 2;
    const limit = Math.min(end, at + paddingBytesMax);
    const paddingStart = at;
    while (at < limit && (buffer[at] === 0x20 || buffer[at] === 0x09)) at += 1;
    const padded = at > paddingStart;
    const bareLf = buffer[at] === lf;
    if (at >= end) return last ? { close, padded, bareLf: false, end: at } : 'more';
    if (bareLf) return { close, padded, bareLf, end: at + 1 };
    if (buffer[at] !== cr) return undefined;
    if (at + 1 >= end) return last ? { close, padded, bareLf, end: at + 1 } : 'more';
    return buffer[at + 1] === lf ? { close, padded, bareLf, end: at + 2 } : undefined;
  }
}
