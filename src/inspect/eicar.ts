/** The EICAR test file, by its published definition: a 68-byte string, and nothing but white space up to 128 bytes. */

// In two halves, so that no scanner takes this source for the file.
const testString = Buffer.from(
  ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''),
  'latin1',
);
const testFileBytes = 128;
const empty: Buffer = Buffer.alloc(0);
/** the definition allows space, tab, LF, CR and Ctrl-Z behind the string */
const padding = new Set([0x20, 0x09, 0x0a, 0x0d, 0x1a]);

/** Fed with a decoded body in any pieces. */
export class EicarTest {
  #head: Buffer = empty;
  #over = false;

  write(decoded: Buffer): void {
    if (this.#over || decoded.length === 0) return;
    if (
      this.#head.length + decoded.length > testFileBytes ||
      (this.#head.length === 0 && decoded[0] !== testString[0])
    ) {
      this.#over = true;
      return;
    }
    this.#head = Buffer.concat([this.#head, decoded]);
  }

  get found(): boolean {
    if (this.#over || this.#head.length < testString.length) return false;
    if (testString.compare(this.#head, 0, testString.length) !== 0) return false;
    return this.#head.subarray(testString.length).every((byte) => padding.has(byte));
  }
}

/** The test file itself, for demonstrations and tests. */
export function eicarFile(): Buffer {
  return Buffer.from(testString);
}
