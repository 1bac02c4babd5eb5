/**
 * Memory that sockets are read into. Fresh memory for each read costs more than the read: it has to be found, cleared,
 * taken into the processor's cache and collected again. So memory is used again as soon as what was read has left.
 */
import { limits } from './limits.js';

/** Where the octets of a socket go. */
export interface ReadMemory {
  /** For the next read; asked for again after each. */
  next(): Buffer;
}

/** Sizes of pieces for who is under load, and those that nobody uses now; all connections share them. */
const sizes = [...limits.readMemory.betweenBytes, limits.readMemory.largeBytes];
const spare = new Map<number, Buffer[]>(sizes.map((size) => [size, []]));

/** What a session tells of the octets that it was given. */
export interface Passing {
  /** Those that are not understood yet. */
  readonly rest: number;
  /** Copies the rest to the front of this memory, which the next octets will follow. */
  moveRest(memory: Buffer): void;
  /** Of the others, those since `renew` are referred to by nothing but what was written to the other side. */
  readonly passed: boolean;
  /** What is read from now on lies in other memory, and so does the rest where it was moved. */
  renew(): void;
  /** The other end owes more of what it has begun. */
  readonly more: boolean;
  /** What was written to the other side has not left the session yet. */
  readonly waiting: boolean;
}

/**
 * The memory of one connection whose octets are passed on. A piece is used again only where the session has said that
 * nothing refers to it: by default it is left to whoever holds a slice of it.
 *
 * A connection that rests has a small piece, because there may be thousands of them.
 */
export class PassedMemory implements ReadMemory {
  #current: Buffer | undefined;
  #small: Buffer | undefined;
  /** read; slices of them are written to the other side and may not have left */
  #lent: Buffer[] = [];
  /** of the read that was handled last */
  #passing: Passing | undefined;
  #bytes = 0;
  /** that it could have brought */
  #room = 0;

  next(): Buffer {
    const { smallBytes, largeBytes, lentMax } = limits.readMemory;
    const last = this.#current;
    const passing = this.#passing;
    const rest = passing?.rest ?? 0;
    const loaded = rest > 0 || (passing?.more === true && this.#bytes >= smallBytes);
    const filled = this.#bytes === this.#room;
    const piece = loaded ? takeSpare(filled ? largeBytes : 2 * Math.max(rest, this.#bytes)) : this.#takeSmall();
    // What does not leave room for more stays where it is.
    const moved = rest <= piece.length / 2 ? rest : 0;
    if (moved > 0) passing?.moveRest(piece);
    if (last !== undefined && passing?.passed === true && moved === rest) this.#lent.push(last);
    passing?.renew();
    // A reader who takes nothing: his octets wait where they are, and their memory is let go.
    if (this.#lent.length > lentMax) this.#lent.shift();
    this.#current = piece;
    this.#passing = undefined;
    this.#room = piece.length - moved;
    return moved === 0 ? piece : piece.subarray(moved);
  }

  #takeSmall(): Buffer {
    const piece = this.#small ?? Buffer.allocUnsafeSlow(limits.readMemory.smallBytes);
    this.#small = undefined;
    return piece;
  }

  /** The octets of a read were given to the session. */
  handled(bytes: number, passing: Passing): void {
    this.#bytes = bytes;
    this.#passing = passing;
  }

  /** All that was written to the other side has left: what was passed is used again. */
  left(): void {
    const { smallBytes, spareMax } = limits.readMemory;
    for (let lent = this.#lent.pop(); lent !== undefined; lent = this.#lent.pop()) {
      const others = spare.get(lent.length);
      if (lent.length === smallBytes) this.#small = lent;
      else if (others !== undefined && others.length < spareMax) others.push(lent);
    }
  }
}

/** The smallest piece that has so many bytes, or the largest. */
function takeSpare(bytes: number): Buffer {
  const size = sizes.find((size) => size >= bytes) ?? limits.readMemory.largeBytes;
  return spare.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}
