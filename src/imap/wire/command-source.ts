/** A command's lines and literals with a place in them, for whoever reads its arguments. */
import { closingQuote, octet } from './octet-scan.js';
import type { CommandPiece, WireFault } from './wire.js';

type SourceString = { readonly bytes: Buffer; readonly form: 'quoted' | 'literal' | 'literal8' };

const none = Buffer.alloc(0);

export class CommandSource {
  /** the line that is being read, and the place in it */
  bytes: Buffer = none;
  at = 0;
  /** why `string` gave none */
  fault: WireFault = 'syntax';
  readonly #pieces: readonly CommandPiece[];
  readonly #head: boolean;
  #next = 0;
  /** where the line announces a literal; behind it nothing else stands */
  #announcement = -1;
  #binary = false;

  /** @param head the last line's literal is not among the pieces and ends the command */
  constructor(pieces: readonly CommandPiece[], head: boolean) {
    this.#pieces = pieces;
    this.#head = head;
    this.#nextLine();
  }

  /** The command is over here, at the end of a line or before the literal that is left out. */
  get over(): boolean {
    if (this.at >= this.bytes.length) return this.#announcement === -1;
    return this.#head && this.at === this.#announcement && this.#next >= this.#pieces.length;
  }

  peek(): number {
    return this.bytes[this.at] ?? -1;
  }

  /** Reads over spaces. @returns whether there were any */
  spaces(): boolean {
    const from = this.at;
    while (this.bytes[this.at] === octet.space) this.at += 1;
    return this.at > from;
  }

  get atString(): boolean {
    return this.peek() === octet.quote || this.at === this.#announcement;
  }

  /** The string that begins here; undefined: it is none, see `fault`. */
  string(): SourceString | undefined {
    return this.peek() === octet.quote ? this.#quoted() : this.#literal();
  }

  #quoted(): SourceString | undefined {
    const from = this.at + 1;
    const close = closingQuote(this.bytes, from, this.bytes.length);
    if (close === -1) return undefined;
    this.at = close + 1;
    const inside = this.bytes.subarray(from, close);
    if (!inside.includes(octet.backslash)) return { bytes: inside, form: 'quoted' };
    const bytes = withoutEscapes(inside);
    return bytes === undefined ? undefined : { bytes, form: 'quoted' };
  }

  #literal(): SourceString | undefined {
    if (this.at !== this.#announcement) return undefined;
    const form = this.#binary ? 'literal8' : 'literal';
    const data: Buffer[] = [];
    let ended = false;
    while (!ended) {
      const piece = this.#pieces[this.#next];
      if (piece?.kind !== 'data') return undefined;
      data.push(piece.bytes);
      ended = piece.end;
      this.#next += 1;
    }
    const bytes = data.length === 1 && data[0] !== undefined ? data[0] : Buffer.concat(data);
    if (form === 'literal' && bytes.includes(octet.nul)) {
      // RFC 9051 §9 CHAR8: some servers end a string at its first NUL.
      this.fault = 'nul';
      return undefined;
    }
    this.#nextLine();
    return { bytes, form };
  }

  #nextLine(): void {
    const piece = this.#pieces[this.#next];
    this.#next += 1;
    this.at = 0;
    this.#announcement = -1;
    this.bytes = none;
    if (piece?.kind !== 'line') return;
    this.bytes = piece.bytes;
    if (piece.literal === undefined) return;
    this.#binary = piece.literal.binary;
    this.#announcement = piece.bytes.lastIndexOf(octet.openBrace) - (this.#binary ? 1 : 0);
  }
}

/** RFC 9051 §9 quoted: a backslash stands before a quote or a backslash only; servers read all else differently. */
function withoutEscapes(inside: Buffer): Buffer | undefined {
  const bytes = Buffer.alloc(inside.length);
  let length = 0;
  for (let at = 0; at < inside.length; at += 1) {
    if (inside[at] === octet.backslash) {
      at += 1;
      if (inside[at] !== octet.backslash && inside[at] !== octet.quote) return undefined;
    }
    bytes[length] = inside[at] ?? 0;
    length += 1;
  }
  return bytes.subarray(0, length);
}
