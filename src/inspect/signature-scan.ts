/**
 * Looks for many signatures at once, wherever they are: one pass for all of them, which looks at every third place. A
 * signature of four octets or more has two neighbouring ones at such a place wherever it begins.
 */

/** octets from one place that is looked at to the next */
const stride = 3;
const signatureBytesLeast = stride + 1;

/** A signature, and which of its octets stands at the place that is looked at. */
interface Candidate {
  readonly signature: Buffer;
  readonly offset: number;
}

export class SignatureScan {
  /** for each pair of octets, `first + 256 * second`, whether it is one of a signature */
  readonly #pairs = new Uint8Array(65_536);
  readonly #byPair = new Map<number, Candidate[]>();

  /** @throws RangeError for a signature of less than four octets, which could be missed */
  constructor(signatures: readonly Buffer[]) {
    for (const signature of signatures) {
      if (signature.length < signatureBytesLeast) throw new RangeError('a signature is too short to be looked for');
      for (let offset = 0; offset < stride; offset += 1) {
        const pair = signature.readUInt16LE(offset);
        this.#pairs[pair] = 1;
        const candidates = this.#byPair.get(pair) ?? [];
        this.#byPair.set(pair, candidates);
        candidates.push({ signature, offset });
      }
    }
  }

  /** Whether any of them is there. */
  any(octets: Buffer): boolean {
    const pairs = this.#pairs;
    const last = octets.length - 1;
    let at = 0;
    // Two places in one go take three quarters of the time. All indices are in bounds, and pairs have 16 bits.
    for (; at + stride < last; at += 2 * stride) {
      const here = (octets[at] as number) | ((octets[at + 1] as number) << 8);
      const next = (octets[at + stride] as number) | ((octets[at + stride + 1] as number) << 8);
      if (((pairs[here] as number) | (pairs[next] as number)) === 0) continue;
      if (this.#isAt(octets, at, here) || this.#isAt(octets, at + stride, next)) return true;
    }
    return at < last && this.#isAt(octets, at, octets.readUInt16LE(at));
  }

  #isAt(octets: Buffer, at: number, pair: number): boolean {
    for (const { signature, offset } of this.#byPair.get(pair) ?? []) {
      const start = at - offset;
      const end = start + signature.length;
      if (start >= 0 && end <= octets.length && signature.compare(octets, start, end) === 0) return true;
    }
    return false;
  }
}
