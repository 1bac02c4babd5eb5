/**
 * base64 of RFC 2045 §6.8, decoded as it streams. Input goes to the native decoder only where it is canonical, because
 * that one stops at the first `=` and takes the URL-safe alphabet: an attacker would choose which bytes are hashed.
 * Anything else has one tolerant reading here (junk skipped, padding ends a group, data behind it goes on) and a code.
 */
import type { ProblemCode } from './problem.js';

/** the native path works on slices of this size: large enough for its speed, small against a cache */
const sliceBytes = 65_536;
/** below this the set-up of the native path costs more than it saves */
const nativeMinBytes = 256;
const empty = Buffer.alloc(0);

const pad = 64;
const lineEnd = 65;
const blank = 66;
const junk = 67;
/** value of each byte; URL-safe characters have theirs plus 128 */
const values = new Uint8Array(256).fill(junk);
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  values[char.charCodeAt(0)] = value;
}
values[0x3d] = pad;
values[0x0a] = lineEnd;
values[0x0d] = lineEnd;
values[0x20] = blank;
values[0x09] = blank;
values[0x2d] = 128 + 62;
values[0x5f] = 128 + 63;

/** 3 bytes for 4 characters, and up to 2 more from a group that began earlier or was ended by padding. */
export function decodedBytesMax(encodedBytes: number): number {
  return Math.ceil((encodedBytes + 3) * 0.75) + 3;
}

export class Base64Decoder {
  readonly problems: Set<ProblemCode>;
  #bits = 0;
  #count = 0;
  /** padding characters still allowed after an ended group */
  #paddingDue = 0;
  #padded = false;
  #column = 0;

  readonly #memory: Buffer | undefined;

  /**
   * @param memory of `decodedBytesMax` for the largest chunk, when whoever reads is done with what one chunk gave
   *   before the next is written; fresh memory for each otherwise
   */
  constructor(problems: Set<ProblemCode>, memory?: Buffer) {
    this.problems = problems;
    this.#memory = memory;
  }

  /** The decoded bytes of the next chunk. With memory of its own, a chunk has at most 64 KiB. */
  write(chunk: Buffer): Buffer {
    if (chunk.length <= sliceBytes) return this.#decode(chunk);
    const pieces: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      pieces.push(this.#decode(chunk.subarray(at, at + sliceBytes)));
    }
    return Buffer.concat(pieces);
  }

  /** The end of the body: what an incomplete last group still holds. */
  finish(): Buffer {
    if (this.#paddingDue > 0) this.problems.add('base64-bad-padding');
    if (this.#count === 0) return empty;
    this.problems.add('base64-bad-padding');
    const out = Buffer.alloc(2);
    return out.subarray(0, this.#endGroup(out, 0));
  }

  #decode(chunk: Buffer): Buffer {
    const out = this.#memory ?? Buffer.allocUnsafe(decodedBytesMax(chunk.length));
    let length = 0;
    let at = 0;
    if (this.#column > 0) {
      const stop = chunk.indexOf(0x0a) + 1;
      at = stop === 0 ? chunk.length : stop;
      length = this.#tolerant(chunk, 0, at, out, 0);
    }
    const run = this.#count === 0 && !this.#padded ? regularRun(chunk, at) : 0;
    if (run > 0) {
      const lineBytes = chunk.indexOf(0x0a, at) + 1 - at;
      const breakBytes = chunk[at + lineBytes - 2] === 0x0d ? 2 : 1;
      const expected = ((run / lineBytes) * (lineBytes - breakBytes) * 3) / 4;
      // The native decoder skips junk in silence. Every character that is no line end must have become 6 bits.
      if (out.write(chunk.toString('latin1', at, at + run), length, 'base64') === expected) {
        at += run;
        length += expected;
      }
    }
    return out.subarray(0, this.#tolerant(chunk, at, chunk.length, out, length));
  }

  /** Byte by byte, for whatever is not canonical; returns the new length of `out`. */
  #tolerant(chunk: Buffer, from: number, to: number, out: Buffer, start: number): number {
    let length = start;
    let bits = this.#bits;
    let count = this.#count;
    let column = this.#column;
    for (let at = from; at < to; at += 1) {
      let value = values[chunk[at] as number] as number; // at < to, and the table has 256 entries
      if (value === lineEnd) {
        column = 0;
        continue;
      }
      column += 1;
      if (value >= pad) {
        if (value >= 128) {
          this.problems.add('base64-url-safe');
          value -= 128;
        } else {
          if (value === pad) {
            this.#bits = bits;
            this.#count = count;
            length = this.#padding(out, length);
            bits = 0;
            count = 0;
          } else this.problems.add(value === blank ? 'base64-blanks' : 'base64-junk');
          continue;
        }
      }
      if (this.#padded) {
        this.problems.add('base64-inner-padding');
        if (this.#paddingDue > 0) this.problems.add('base64-bad-padding');
        this.#padded = false;
        this.#paddingDue = 0;
      }
      bits = (bits << 6) | value;
      count += 1;
      if (count === 4) {
        out[length] = bits >> 16;
        out[length + 1] = bits >> 8;
        out[length + 2] = bits;
        length += 3;
        bits = 0;
        count = 0;
      }
    }
    this.#bits = bits;
    this.#count = count;
    this.#column = column;
    return length;
  }

  #padding(out: Buffer, length: number): number {
    if (this.#padded) {
      if (this.#paddingDue === 0) this.problems.add('base64-bad-padding');
      else this.#paddingDue -= 1;
      return length;
    }
    this.#padded = true;
    if (this.#count < 2) {
      this.problems.add('base64-bad-padding');
      this.#paddingDue = 0;
    } else {
      this.#paddingDue = 3 - this.#count;
    }
    return this.#endGroup(out, length);
  }

  /** Two or three characters hold one or two whole bytes. */
  #endGroup(out: Buffer, start: number): number {
    let length = start;
    if (this.#count === 2) {
      out[length] = this.#bits >> 4;
      length += 1;
      if ((this.#bits & 0x0f) !== 0) this.problems.add('base64-trailing-bits');
    } else if (this.#count === 3) {
      out[length] = this.#bits >> 10;
      out[length + 1] = this.#bits >> 2;
      length += 2;
      if ((this.#bits & 0x03) !== 0) this.problems.add('base64-trailing-bits');
    }
    this.#bits = 0;
    this.#count = 0;
    return length;
  }
}

/** Bytes from `at` that are whole lines of one length, whole groups, without padding or URL-safe characters. */
function regularRun(chunk: Buffer, at: number): number {
  if (chunk.length - at < nativeMinBytes) return 0;
  const lineBytes = chunk.indexOf(0x0a, at) + 1 - at;
  const breakBytes = chunk[at + lineBytes - 2] === 0x0d ? 2 : 1;
  if (lineBytes <= breakBytes || (lineBytes - breakBytes) % 4 !== 0) return 0;
  let end = at;
  while (end + lineBytes <= chunk.length && chunk[end + lineBytes - 1] === 0x0a) {
    if (breakBytes === 2 && chunk[end + lineBytes - 2] !== 0x0d) break;
    end += lineBytes;
  }
  const lines = chunk.subarray(at, end);
  if (lines.includes(0x2d) || lines.includes(0x5f)) return 0;
  const padding = lines.indexOf(0x3d);
  return padding < 0 ? end - at : Math.floor(padding / lineBytes) * lineBytes;
}
