/**
 * The decodings of one body as they are found: without repeats, within bounds. It knows nothing of encodings.
 */
import { createHash } from 'node:crypto';
import { limits } from '../runtime/limits.js';
import type { Decoding } from './view.js';

interface Kept {
  readonly reading: string;
  readonly content: Buffer;
  readonly names: string[];
  digest: string | undefined;
}

/** contents up to this size are compared as they are, larger ones by digest so that hostile repeats stay linear */
const comparedBytes = 4096;
/** small buffers share memory of this order anyway */
const sharedBytes = 65_536;

export class DecodingCollector {
  readonly #kept: Kept[] = [];
  readonly #byLength = new Map<number, Kept[]>();
  readonly #body: Buffer;
  #bytesLeft: number;
  /** false when something was left out because of a bound */
  complete = true;

  /** @param body what is decoded; readings may be parts of it */
  constructor(body: Buffer, bytesMax: number) {
    this.#body = body;
    this.#bytesLeft = bytesMax;
  }

  get bytesLeft(): number {
    return this.#bytesLeft;
  }

  /** Further readings would not be kept. */
  get full(): boolean {
    return this.#kept.length >= limits.views.decodingsMax;
  }

  get list(): readonly Decoding[] {
    return this.#kept.map(({ reading, content, names }) => ({ reading, content, names }));
  }

  /** A reading that stopped early would hold the memory of one that did not. */
  #owned(content: Buffer): Buffer {
    const { buffer } = content;
    const wasteful = buffer !== this.#body.buffer && buffer.byteLength > Math.max(sharedBytes, 2 * content.length);
    return wasteful ? Buffer.from(content) : content;
  }

  /** Keeps a reading unless its content is there already; then only its names are added. */
  add(reading: string, content: Buffer, names: readonly string[] = []): void {
    if (content.length === 0 && this.#kept.length > 0) return;
    const candidate: Kept = { reading, content: this.#owned(content), names: [...names], digest: undefined };
    const sameLength = this.#byLength.get(content.length);
    const repeat = sameLength?.find((kept) => isSame(kept, candidate));
    if (repeat !== undefined) {
      for (const name of names) if (!repeat.names.includes(name)) repeat.names.push(name);
      return;
    }
    if (this.full || content.length > this.#bytesLeft) {
      this.complete = false;
      return;
    }
    this.#bytesLeft -= content.length;
    this.#kept.push(candidate);
    if (sameLength === undefined) this.#byLength.set(content.length, [candidate]);
    else sameLength.push(candidate);
  }
}

function isSame(one: Kept, other: Kept): boolean {
  if (one.content.length <= comparedBytes) return one.content.equals(other.content);
  if (one.content.compare(other.content, 0, comparedBytes, 0, comparedBytes) !== 0) return false;
  return digestOf(one) === digestOf(other);
}

function digestOf(kept: Kept): string {
  kept.digest ??= createHash('sha256').update(kept.content).digest('hex');
  return kept.digest;
}
