/**
 * Looks for runs of secret octets in what connections receive, at the speed of a test that receives a lot. A run counts
 * from sixteen octets on; what is shorter happens by chance and in names.
 */

const runOctets = 16;
const pieceOctets = 8;
const filterBits = 24;

interface Piece {
  readonly secret: Buffer;
  readonly offset: number;
}

export class SecretWatch {
  /** what was found, one line each; empty is what a test wants */
  readonly found: string[] = [];
  /** octets looked at */
  octets = 0;
  readonly #pieces = new Map<number, Piece[]>();
  readonly #filter = new Uint8Array(1 << filterBits);

  constructor(secrets: readonly Buffer[]) {
    // A run of sixteen octets holds a whole piece of eight that begins at a multiple of eight.
    for (const secret of secrets.filter(({ length }) => length >= runOctets)) {
      for (let offset = 0; offset + pieceOctets <= secret.length; offset += pieceOctets) {
        const key = secret.readUInt32LE(offset);
        const others = this.#pieces.get(key);
        if (others === undefined) this.#pieces.set(key, [{ secret, offset }]);
        else others.push({ secret, offset });
        this.#filter[slotOf(key)] = 1;
      }
    }
  }

  /** Takes what one connection receives, in order. */
  connection(name: string): (chunk: Buffer) => void {
    let carried = Buffer.alloc(0);
    return (chunk) => {
      this.octets += chunk.length;
      const window = Buffer.concat([carried, chunk]);
      this.#scan(window, name);
      carried = Buffer.from(window.subarray(-2 * runOctets));
    };
  }

  #scan(window: Buffer, name: string): void {
    if (window.length < runOctets || this.found.length > 20) return;
    let key = window.readUInt32LE(0);
    for (let at = 0; at + pieceOctets <= window.length; at += 1) {
      if (this.#filter[slotOf(key)] === 1) {
        for (const { secret, offset } of this.#pieces.get(key >>> 0) ?? []) {
          const run = runAround(window, at, secret, offset);
          if (run < runOctets) continue;
          const words = JSON.stringify(window.toString('latin1', at, at + 24));
          this.found.push(`${name}: ${run} octets of a secret, at its octet ${offset}: ${words}`);
          return;
        }
      }
      key = (key >>> 8) | ((window[at + 4] ?? 0) << 24);
    }
  }
}

function slotOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> (32 - filterBits);
}

/** Length of the common run through these places, octets. */
function runAround(window: Buffer, at: number, secret: Buffer, offset: number): number {
  let before = 0;
  while (at > before && offset > before && window[at - before - 1] === secret[offset - before - 1]) before += 1;
  let behind = 0;
  while (
    at + behind < window.length &&
    offset + behind < secret.length &&
    window[at + behind] === secret[offset + behind]
  ) {
    behind += 1;
  }
  return before + behind;
}
