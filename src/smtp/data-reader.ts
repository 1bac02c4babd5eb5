/**
 * Reads the content of a DATA command (RFC 5321 §4.5.2): finds the one true end, removes the stuffed dots, and notices
 * bytes that other software might take for a line end. It keeps reading to the true end of a message that it already
 * knows to be refused; whoever returns early lets the rest be executed as commands.
 */

import { type ForbiddenByte, nextControl } from './control-scan.js';

const CR = 13;
const LF = 10;
const DOT = 46;
const NUL = 0;

/** Where the reader stands between two bytes. */
const at = { lineStart: 0, line: 1, cr: 2, dot: 3, dotCr: 4, end: 5 } as const;
type Position = (typeof at)[keyof typeof at];

export class DataReader {
  #position: Position = at.lineStart;
  #forbidden: ForbiddenByte | undefined;
  #stuffed = false;

  /** First forbidden byte met so far. */
  get forbidden(): ForbiddenByte | undefined {
    return this.#forbidden;
  }

  /** Some line begins with a dot, so that the content needs stuffing when it is sent on. */
  get stuffed(): boolean {
    return this.#stuffed;
  }

  get ended(): boolean {
    return this.#position === at.end;
  }

  /**
   * Consumes bytes from `chunk[from]` on and hands the content, unstuffed, to `emit` as views of the chunk.
   *
   * @returns the index just behind the end of data, or -1 when the content goes on
   */
  read(chunk: Buffer, from: number, emit: (content: Buffer) => void): number {
    let index = from;
    /** start of content not yet emitted; -1 while a dot is held back */
    let pending = this.#position === at.dot || this.#position === at.dotCr ? -1 : from;
    while (index < chunk.length) {
      const byte = chunk[index] as number; // index is below length
      switch (this.#position) {
        case at.line: {
          index = nextControl(chunk, index);
          if (index < chunk.length) {
            this.#control(chunk[index] as number); // index is below length
            index += 1;
          }
          break;
        }
        case at.cr:
          if (byte === LF) {
            this.#position = at.lineStart;
            index += 1;
          } else {
            this.#forbid('bare-cr');
            this.#position = at.line;
          }
          break;
        case at.lineStart:
          if (byte === DOT) {
            if (index > pending) emit(chunk.subarray(pending, index));
            pending = -1;
            this.#position = at.dot;
            index += 1;
          } else {
            this.#position = at.line;
          }
          break;
        case at.dot:
          if (byte === CR) {
            this.#position = at.dotCr;
            index += 1;
          } else {
            // RFC 5321 §4.5.2: a first period followed by anything is removed.
            this.#stuffed ||= byte === DOT;
            pending = index;
            this.#position = at.line;
          }
          break;
        case at.dotCr:
          if (byte === LF) {
            this.#position = at.end;
            return index + 1;
          }
          // Only CRLF.CRLF ends the data: `.` CR something is a line with a bare CR.
          this.#forbid('bare-cr');
          pending = index;
          this.#position = at.line;
          break;
        default:
          return index;
      }
    }
    if (pending !== -1 && index > pending) emit(chunk.subarray(pending, index));
    return -1;
  }

  /** One of the bytes below 14 inside a line. */
  #control(byte: number): void {
    if (byte === CR) {
      this.#position = at.cr;
    } else if (byte === LF) {
      this.#forbid('bare-lf');
    } else if (byte === NUL) {
      this.#forbid('nul');
    }
  }

  #forbid(what: ForbiddenByte): void {
    this.#forbidden ??= what;
  }
}
