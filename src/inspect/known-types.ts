/**
 * Media types that need no libmagic: signatures that leave no doubt, and what was found out before for the same bytes.
 * It is small and quick enough for the main thread.
 */
import { LRUCache } from 'lru-cache';
import { limits } from '../runtime/limits.js';
import { signatureType } from './file-signature.js';
import { looksRandom } from './random-octets.js';

/** What is known of a file's type; `type` is undefined when libmagic knew none. */
export interface KnownType {
  readonly type: string | undefined;
}

const noType: KnownType = { type: undefined };

export class KnownTypes {
  readonly #byDigest = new LRUCache<string, KnownType>({ max: limits.inspect.knownTypes });

  /** Undefined when somebody has to look. A type is a function of the bytes, and one logo is in every mail of a company. */
  find(head: Buffer, sha256: string): KnownType | undefined {
    const type = signatureType(head);
    if (type !== undefined) return { type };
    return this.#byDigest.get(sha256) ?? (looksRandom(head) ? noType : undefined);
  }

  remember(sha256: string, type: string | undefined): void {
    if (sha256 !== '') this.#byDigest.set(sha256, { type });
  }
}
