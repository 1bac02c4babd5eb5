/**
 * Finds the bytes that may break line framing. Every byte of every message passes here, so the scan goes word by word;
 * a search with Buffer.indexOf costs a call per line, and two of them are needed.
 */

const CR = 13;
const LF = 10;
const NUL = 0;

/** Below this many bytes a word-wise view costs more than it saves. */
const wordScanBytes = 64;

/** Index of the next byte below 14 (which CR, LF and NUL are) at or after `from`, or the chunk's length. */
export function nextControl(chunk: Buffer, from: number): number {
  let index = from;
  const end = chunk.length;
  if (end - index >= wordScanBytes) {
    const words = wordsOf(chunk);
    const offset = chunk.byteOffset & 3;
    while (((index + offset) & 3) !== 0) {
      if ((chunk[index] as number) < 14) return index; // below end
      index += 1;
    }
    let word = (index + offset) >> 2;
    const lastWord = (end + offset) >> 2;
    while (word < lastWord) {
      const value = words[word] as number; // below lastWord
      // Some byte of the word is below 14: subtracting borrows into its top bit, which was clear before.
      if (((value - 0x0e0e0e0e) & ~value & 0x80808080) !== 0) break;
      word += 1;
    }
    index = (word << 2) - offset;
  }
  while (index < end && (chunk[index] as number) >= 14) index += 1; // below end
  return index;
}

let viewedChunk: Buffer | undefined;
let viewedWords: Int32Array = new Int32Array(0);

/** The aligned words that cover the chunk; kept for the chunk in hand, because it is asked for once a line. */
function wordsOf(chunk: Buffer): Int32Array {
  if (viewedChunk !== chunk) {
    const start = chunk.byteOffset - (chunk.byteOffset & 3);
    viewedWords = new Int32Array(chunk.buffer, start, (chunk.byteOffset + chunk.length - start) >> 2);
    viewedChunk = chunk;
  }
  return viewedWords;
}

/** What RFC 5321 §2.3.8 forbids in a message; each is the raw material of an end-of-data smuggling attack. */
export type ForbiddenByte = 'bare-cr' | 'bare-lf' | 'nul';

/** Watches content that arrives without line framing (BDAT) for the same bytes. */
export class ForbiddenByteWatch {
  #afterCr = false;
  found: ForbiddenByte | undefined;

  read(chunk: Buffer): void {
    let index = 0;
    while (index < chunk.length && this.found === undefined) {
      if (this.#afterCr) {
        this.#afterCr = false;
        if (chunk[index] !== LF) this.found = 'bare-cr';
        else index += 1;
        continue;
      }
      index = nextControl(chunk, index);
      const byte = chunk[index];
      if (byte === CR) this.#afterCr = true;
      else if (byte === LF) this.found = 'bare-lf';
      else if (byte === NUL) this.found = 'nul';
      index += 1;
    }
  }

  /** The content is over: a CR at its end stays alone. */
  end(): ForbiddenByte | undefined {
    if (this.#afterCr) this.found ??= 'bare-cr';
    return this.found;
  }
}
