/**
 * The browser that an administrator has signed in from before. It has a count of failures of its own, so that strangers
 * who try passwords lock out each other, and never him.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { limits } from '../../runtime/limits.js';

/** A key for one use, out of the secret for all. */
export function deriveKey(secret: Uint8Array, use: string): Buffer {
  return createHmac('sha256', secret).update(`sluice console ${use}`).digest();
}

export class KnownBrowsers {
  readonly #key: Buffer;

  constructor(secret: Uint8Array) {
    this.#key = deriveKey(secret, 'known browsers');
  }

  #mac(account: string, nonce: string, until: string): Buffer {
    return createHmac('sha256', this.#key).update(`${account}\n${nonce}\n${until}`).digest();
  }

  /** The value of a cookie that says: this browser belongs to the account. */
  mark(account: string, now: number): string {
    const nonce = randomBytes(16).toString('base64url');
    const until = (now + limits.console.deviceMs).toString(36);
    return `${nonce}.${until}.${this.#mac(account, nonce, until).toString('base64url')}`;
  }

  /** What to count its failures under; undefined when it does not belong to the account. */
  find(mark: string | undefined, account: string, now: number): string | undefined {
    const match = /^([\w-]{22})\.([0-9a-z]{1,12})\.([\w-]{43})$/.exec(mark ?? '');
    if (match === null) return undefined;
    const [, nonce = '', until = '', mac = ''] = match;
    const given = Buffer.from(mac, 'base64url');
    const right = this.#mac(account, nonce, until);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
    return now < Number.parseInt(until, 36) ? nonce : undefined;
  }
}
