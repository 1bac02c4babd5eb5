/** Doubles the dots at line starts for sending content through DATA (RFC 5321 §4.5.2), over any cut into chunks. */

const CR = 13;
const LF = 10;
const DOT = 46;
const lineDot = Buffer.from('\r\n.');

export class DotStuffer {
  /** how much of CRLF the bytes before the next chunk end with; a message starts at a line start */
  #matched = 2;

  /** The stuffed form: the chunk itself when nothing needed doubling. */
  push(chunk: Buffer): Buffer {
    const pieces: Buffer[] = [];
    let from = 0;
    const first = this.#dotAtSeam(chunk);
    if (first !== -1) {
      pieces.push(chunk.subarray(0, first + 1));
      from = first;
    }
    for (let hit = chunk.indexOf(lineDot, from); hit !== -1; hit = chunk.indexOf(lineDot, from)) {
      pieces.push(chunk.subarray(from, hit + 3));
      from = hit + 2;
    }
    this.#rememberEnd(chunk);
    if (pieces.length === 0) return chunk;
    pieces.push(chunk.subarray(from));
    return Buffer.concat(pieces);
  }

  /** Index of a dot whose CRLF lies wholly or partly in the chunk before, or -1. */
  #dotAtSeam(chunk: Buffer): number {
    if (this.#matched === 2 && chunk[0] === DOT) return 0;
    if (this.#matched === 1 && chunk[0] === LF && chunk[1] === DOT) return 1;
    return -1;
  }

  #rememberEnd(chunk: Buffer): void {
    const last = chunk[chunk.length - 1];
    if (last === undefined) return;
    if (last === CR) this.#matched = 1;
    else if (last !== LF) this.#matched = 0;
    else if (chunk.length > 1) this.#matched = chunk[chunk.length - 2] === CR ? 2 : 0;
    else this.#matched = this.#matched === 1 ? 2 : 0;
  }
}
