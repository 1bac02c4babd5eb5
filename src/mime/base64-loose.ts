/**
 * base64 as a reader with given habits decodes it, byte by byte. The habits are values; which of them are worth trying
 * is decided elsewhere.
 */

/** What to do with a byte that is outside of the alphabet. */
export type AtJunk = 'skip' | 'stop' | 'zero' | 'end-group' | 'drop-group' | 'drop-line';
/**
 * What to do at `=`: end the group and go on; end it and stop; stop when a group is properly padded and ignore it
 * otherwise; ignore it always; take it for six bits of zero.
 */
export type AtPadding = 'go-on' | 'stop' | 'stop-if-complete' | 'ignore' | 'zero';

export interface Base64Habits {
  readonly junk: AtJunk;
  readonly padding: AtPadding;
  /** `-` and `_` are characters 62 and 63 */
  readonly urlSafe: boolean;
  /** only the lower seven bits of a byte count */
  readonly sevenBits: boolean;
  /** every line is decoded by itself */
  readonly lineByLine: boolean;
  /** an incomplete group at the end is left out */
  readonly wholeGroups: boolean;
  /** a blank is junk too */
  readonly blankIsJunk: boolean;
  /** NUL ends the text, as in C */
  readonly nulEnds: boolean;
}

const lineEnd = 64;
const ignored = 65;
const stop = 66;
const groupEnd = 67;
const groupDropped = 68;
const lineDropped = 69;
/** ends the text when the group is complete with it */
const completing = 70;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const junkActions: Readonly<Record<AtJunk, number>> = {
  skip: ignored,
  stop,
  zero: 0,
  'end-group': groupEnd,
  'drop-group': groupDropped,
  'drop-line': lineDropped,
};
const paddingActions: Readonly<Record<AtPadding, number>> = {
  'go-on': groupEnd,
  stop,
  'stop-if-complete': completing,
  ignore: ignored,
  zero: 0,
};

/** For each byte its six bits, or what to do. */
function actionsOf(habits: Base64Habits): Uint8Array {
  const table = new Uint8Array(256).fill(junkActions[habits.junk]);
  for (const [value, character] of [...alphabet].entries()) table[character.charCodeAt(0)] = value;
  if (habits.urlSafe) {
    table[0x2d] = 62;
    table[0x5f] = 63;
  }
  table[0x3d] = paddingActions[habits.padding];
  table[0x0a] = lineEnd;
  table[0x0d] = lineEnd;
  if (!habits.blankIsJunk) {
    table[0x20] = ignored;
    table[0x09] = ignored;
  }
  if (habits.sevenBits) table.copyWithin(128, 0, 128);
  if (habits.nulEnds) table[0] = stop;
  return table;
}

/** Six bits after six bits become bytes. */
class Groups {
  readonly #out: Buffer;
  length = 0;
  bits = 0;
  count = 0;
  #lineLength = 0;
  #lineBits = 0;
  #lineCount = 0;

  constructor(bytesMax: number) {
    this.#out = Buffer.allocUnsafe(bytesMax);
  }

  add(value: number): void {
    this.bits = (this.bits << 6) | value;
    this.count += 1;
    if (this.count < 4) return;
    this.#out[this.length] = this.bits >> 16;
    this.#out[this.length + 1] = this.bits >> 8;
    this.#out[this.length + 2] = this.bits;
    this.length += 3;
    this.bits = 0;
    this.count = 0;
  }

  /** Whole groups of the alphabet from `at` on, which most of any body is; returns where they end. */
  addWhole(body: Buffer, from: number, actions: Uint8Array): number {
    const out = this.#out;
    let { length } = this;
    let at = from;
    for (; at + 4 <= body.length; at += 4) {
      const one = actions[body[at] as number] as number; // at + 3 < length, and the table has 256 entries
      const two = actions[body[at + 1] as number] as number;
      const three = actions[body[at + 2] as number] as number;
      const four = actions[body[at + 3] as number] as number;
      if ((one | two | three | four) >= 64) break;
      out[length] = (one << 2) | (two >> 4);
      out[length + 1] = (two << 4) | (three >> 2);
      out[length + 2] = (three << 6) | four;
      length += 3;
    }
    this.length = length;
    return at;
  }

  /** A line begins; what it adds can be taken back. */
  beginLine(): void {
    this.#lineLength = this.length;
    this.#lineBits = this.bits;
    this.#lineCount = this.count;
  }

  dropLine(): void {
    this.length = this.#lineLength;
    this.bits = this.#lineBits;
    this.count = this.#lineCount;
  }

  /** Two or three characters hold one or two whole bytes. */
  end(): void {
    if (this.count >= 2) {
      this.#out[this.length] = this.bits >> (this.count === 2 ? 4 : 10);
      if (this.count === 3) this.#out[this.length + 1] = this.bits >> 2;
      this.length += this.count - 1;
    }
    this.bits = 0;
    this.count = 0;
  }

  get bytes(): Buffer {
    return this.#out.subarray(0, this.length);
  }
}

export function decodeLoose(body: Buffer, habits: Base64Habits): Buffer {
  const actions = actionsOf(habits);
  const groups = new Groups(Math.ceil(body.length * 0.75) + 4);
  let pads = 0;
  for (let at = 0; at < body.length; at += 1) {
    if (groups.count === 0) {
      const end = groups.addWhole(body, at, actions);
      if (end > at) pads = 0;
      at = end;
      if (at >= body.length) break;
    }
    const action = actions[body[at] as number] as number; // at < length, and the table has 256 entries
    if (action < 64) {
      pads = 0;
      groups.add(action);
    } else if (action === lineEnd) {
      if (habits.lineByLine) groups.end();
      groups.beginLine();
    } else if (action === groupEnd) {
      groups.end();
    } else if (action === groupDropped) {
      groups.bits = 0;
      groups.count = 0;
    } else if (action === lineDropped) {
      groups.dropLine();
      while (at + 1 < body.length && actions[body[at + 1] as number] !== lineEnd) at += 1;
    } else if (action === completing) {
      pads += 1;
      if (groups.count >= 2 && groups.count + pads >= 4) break;
    } else if (action === stop) {
      break;
    }
  }
  if (habits.padding === 'zero') groups.length = Math.max(0, groups.length - finalPads(body));
  if (!habits.wholeGroups) groups.end();
  return groups.bytes;
}

/** Padding that was decoded to zeros at the very end, which every such reader takes off again. */
function finalPads(body: Buffer): number {
  let pads = 0;
  for (let at = body.length - 1; at >= 0 && pads < 2; at -= 1) {
    const byte = body[at];
    if (byte === 0x3d) pads += 1;
    else if (byte !== 0x0a && byte !== 0x0d) break;
  }
  return pads;
}
