/**
 * Whether a form was sent by our own page. Who has the token of a link may act with it; this stops another site from
 * letting his browser act without him (cross-site request forgery).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface OriginFields {
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

/** What a form is for, where a page's forms do different things; without a line end, so that none begins another. */
export type FormPurpose = 'any' | 'request' | 'release' | 'delete';

export class FormGuard {
  readonly #key: Uint8Array;

  /** @param key random; a page made under another key is out of date */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  #mac(token: string, purpose: FormPurpose): Buffer {
    return createHmac('sha256', this.#key).update(`${purpose}\n${token}`).digest();
  }

  /** Stands in the form. It cannot be known without having fetched the page of this token, and is for one thing only. */
  nonce(token: string, purpose: FormPurpose = 'any'): string {
    return this.#mac(token, purpose).toString('base64url');
  }

  accepts(token: string, nonce: string, purpose: FormPurpose = 'any'): boolean {
    const given = Buffer.from(nonce, 'base64url');
    const right = this.#mac(token, purpose);
    return given.length === right.length && timingSafeEqual(given, right);
  }
}

/**
 * What the browser says about where the form was. Sec-Fetch-Site cannot be forged by a page, but browsers send it only
 * over TLS or on this machine, and Origin is `null` under our own `no-referrer`: what is missing is no reason to refuse,
 * since the nonce is asked for in any case.
 */
export function isSameOrigin(fields: OriginFields, publicUrl: string): boolean {
  const site = fields['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  const { origin } = fields;
  if (origin === undefined || origin === 'null') return true;
  return publicUrl !== '' && origin === new URL(publicUrl).origin;
}
