/** Looks for many signatures at once, wherever they are: one pass over the octets for all of them. */

export class SignatureScan {
  /** signatures by their first two octets, as `first + 256 * second` */
  readonly #starts = new Uint8Array(65_536);
  readonly #byStart: Buffer[][] = [[]];

  /** @param signatures of at least two octets each, and less than 255 different beginnings */
  constructor(signatures: readonly Buffer[]) {
    for (const signature of signatures) {
      const start = signature.readUInt16LE(0);
      if (this.#starts[start] === 0) {
        this.#starts[start] = this.#byStart.length;
        this.#byStart.push([]);
      }
      this.#byStart[this.#starts[start] ?? 0]?.push(signature);
    }
  }

  /** Whether any of them is there. */
  any(octets: Buffer): boolean {
    const starts = this.#starts;
    const last = octets.length - 1;
    let next = octets[0] ?? 0;
    for (let at = 0; at < last; at += 1) {
      const first = next;
      next = octets[at + 1] as number; // at < last
      const group = starts[first | (next << 8)] as number; // 16 bits
      if (group !== 0 && this.#isAt(octets, at, group)) return true;
    }
    return false;
  }

  #isAt(octets: Buffer, at: number, group: number): boolean {
    for (const signature of this.#byStart[group] ?? []) {
      const end = at + signature.length;
      if (end <= octets.length && signature.compare(octets, at, end) === 0) return true;
    }
    return false;
  }
}
