/**
 * quoted-printable of RFC 2045 §6.7, decoded as it streams. What is not canonical has one reading here (a lone `=`
 * stays, blanks at the end of a line go) and a code.
 */
import type { ProblemCode } from './problem.js';

const empty = Buffer.alloc(0);
/** blanks held back until it is known whether they end their line; a longer run is kept as content */
const blanksMax = 1000;

const equals = 0x3d;
const cr = 0x0d;
const lf = 0x0a;

/** value of a hexadecimal digit; 16 and more when lower case, 255 when none */
const digits = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value += 1) {
  const char = value.toString(16);
  digits[char.charCodeAt(0)] = value < 10 ? value : value + 16;
  digits[char.toUpperCase().charCodeAt(0)] = value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

export class QuotedPrintableDecoder {
  readonly problems: Set<ProblemCode>;
  /** the end of the last chunk that the next one may change: an escape begun, or blanks */
  #held: Buffer = empty;
  /** the last chunk ended inside a run of blanks that is too long to be held, and so is content */
  #longRun = false;
  /** the last byte is a CR that was escaped */
  #escapedCr = false;

  constructor(problems: Set<ProblemCode>) {
    this.problems = problems;
  }

  write(chunk: Buffer): Buffer {
    return this.#decode(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false);
  }

  finish(): Buffer {
    const rest = this.#held;
    this.#held = empty;
    return this.#decode(rest, true);
  }

  #decode(input: Buffer, last: boolean): Buffer {
    const out = Buffer.allocUnsafe(input.length);
    let length = 0;
    let at = 0;
    let longRun = input.length === 0 && this.#longRun;
    this.#held = empty;
    while (at < input.length) {
      const byte = input[at] as number; // at < input.length
      if (byte === equals) {
        const next = this.#escape(input, at, last);
        if (next === 0) {
          this.#held = Buffer.from(input.subarray(at));
          break;
        }
        if (next === 3 && input[at + 1] !== cr && !isBlank(input[at + 1])) {
          out[length] = ((digits[input[at + 1] ?? 0] ?? 0) << 4) | ((digits[input[at + 2] ?? 0] ?? 0) & 0x0f);
          this.#escapedCr = out[length] === cr;
          length += 1;
        } else if (next < 0) {
          out[length] = equals;
          length += 1;
        }
        at += Math.abs(next);
      } else if (byte === 0x20 || byte === 0x09) {
        const end = blankEnd(input, at);
        const long = end - at >= blanksMax || (at === 0 && this.#longRun);
        if (!last && end === input.length && !long) {
          this.#held = Buffer.from(input.subarray(at));
          break;
        }
        if (!long && (end === input.length || input[end] === cr || input[end] === lf)) {
          this.problems.add('qp-trailing-blanks');
        } else {
          length += input.copy(out, length, at, end);
        }
        at = end;
        longRun = long && end === input.length;
      } else {
        if (this.#escapedCr) {
          if (byte === cr || byte === lf) this.problems.add('qp-escaped-cr');
          this.#escapedCr = false;
        }
        if (byte >= 0x7f || (byte < 0x20 && byte !== cr && byte !== lf)) this.problems.add('qp-raw-bytes');
        out[length] = byte;
        length += 1;
        at += 1;
      }
    }
    this.#longRun = longRun;
    return out.subarray(0, length);
  }

  /**
   * Length of the escape at `at`: 3 for a byte, 2 or more for a soft line break, -1 for a `=` that begins neither, 0
   * when more bytes are needed.
   */
  #escape(input: Buffer, at: number, last: boolean): number {
    const first = input[at + 1];
    if (first === undefined) {
      if (!last) return 0;
      // A soft break at the very end, its line end belongs to the delimiter.
      return 1;
    }
    if (first === lf) return 2;
    if (first === cr || isBlank(first)) return this.#softBreak(input, at, last);
    const high = digits[first] ?? 255;
    if (high === 255) {
      this.problems.add('qp-bad-escape');
      return -1;
    }
    const second = input[at + 2];
    if (second === undefined && !last) return 0;
    const low = digits[second ?? 0] ?? 255;
    if (low === 255) {
      this.problems.add('qp-bad-escape');
      return -1;
    }
    if (high >= 16 || low >= 16) this.problems.add('qp-lower-case');
    return 3;
  }

  /** `=`, blanks that transport added, and a line end. */
  #softBreak(input: Buffer, at: number, last: boolean): number {
    const end = blankEnd(input, at + 1);
    if (end - at > blanksMax) {
      this.problems.add('qp-bad-escape');
      return -1;
    }
    if (end >= input.length && !last) return 0;
    if (input[end] === cr && end + 1 >= input.length && !last) return 0;
    // At the end of the body the line end belongs to the delimiter.
    let length = end - at;
    if (input[end] === lf) length += 1;
    else if (input[end] === cr && (input[end + 1] === lf || end + 1 >= input.length)) length += 2;
    else if (end < input.length) {
      this.problems.add('qp-bad-escape');
      return -1;
    }
    if (end > at + 1) this.problems.add('qp-trailing-blanks');
    return length;
  }
}

function blankEnd(input: Buffer, from: number): number {
  let at = from;
  while (isBlank(input[at])) at += 1;
  return at;
}
