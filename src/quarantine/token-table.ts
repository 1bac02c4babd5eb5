/** Personal tokens of notices. Only their SHA-256 is kept, so that whoever reads the database cannot act with it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from './database.js';

/** What the bearer of a token may do: a token for one thing is no token for another. */
export type TokenAction = 'view' | 'request';

export interface NewToken {
  readonly hash: Uint8Array;
  readonly recipient: string;
  readonly action: TokenAction;
  /** ms since 1970 */
  readonly expires: number;
}

/** 192 random bits, safe in a URL. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export class TokenTable {
  readonly #insert;
  readonly #revoke;

  constructor(database: Database) {
    this.#insert = database.prepare<[Uint8Array, string, string, TokenAction, number]>(
      'INSERT INTO tokens (hash, item, recipient, action, expires) VALUES (?, ?, ?, ?, ?)',
    );
    this.#revoke = database.prepare<[number, string]>(
      'UPDATE tokens SET revoked = ? WHERE item = ? AND revoked IS NULL',
    );
  }

  add(item: string, token: NewToken): void {
    this.#insert.run(token.hash, item, token.recipient, token.action, token.expires);
  }

  revokeOf(item: string, now: number): void {
    this.#revoke.run(now, item);
  }
}
