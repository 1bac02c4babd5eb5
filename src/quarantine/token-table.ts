/** Personal tokens of notices. Only their SHA-256 is kept, so that whoever reads the database cannot act with it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from './database.js';

/** What the bearer may do besides looking; a token for one thing is no token for another. */
export type TokenAction = 'view' | 'request';

/** The recipient of a token whose link stands in a notice that all readers of a mailbox see. */
export const mailboxReaders = 'imap';

export interface NewToken {
  readonly hash: Uint8Array;
  /** address of whom the link is for, or `mailboxReaders` */
  readonly recipient: string;
  readonly action: TokenAction;
  /** ms since 1970 */
  readonly expires: number;
}

/** A token as it is remembered; itself it is known to its bearer only. */
export interface Token {
  readonly item: string;
  readonly recipient: string;
  readonly action: TokenAction;
  /** ms since 1970 */
  readonly expires: number;
  /** ms since 1970, when its bearer did what it is for */
  readonly used: number | undefined;
  readonly revoked: boolean;
}

interface TokenRow extends Omit<Token, 'used' | 'revoked'> {
  readonly used: number | null;
  readonly revoked: number | null;
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
  readonly #find;
  readonly #use;
  readonly #revoke;
  readonly #renew;

  constructor(database: Database) {
    this.#insert = database.prepare<[Uint8Array, string, string, TokenAction, number]>(
      'INSERT INTO tokens (hash, item, recipient, action, expires) VALUES (?, ?, ?, ?, ?)',
    );
    this.#find = database.prepare<[Uint8Array], TokenRow>(
      'SELECT item, recipient, action, expires, used, revoked FROM tokens WHERE hash = ?',
    );
    this.#use = database.prepare<[number, Uint8Array]>('UPDATE tokens SET used = ? WHERE hash = ?');
    this.#revoke = database.prepare<[number, string]>(
      'UPDATE tokens SET revoked = ? WHERE item = ? AND revoked IS NULL',
    );
    this.#renew = database.prepare<[number, string, string]>(
      'UPDATE tokens SET expires = ?, revoked = NULL WHERE item = ? AND recipient = ?',
    );
  }

  add(item: string, token: NewToken): void {
    this.#insert.run(token.hash, item, token.recipient, token.action, token.expires);
  }

  /** By its hash alone: how long a search for a wrong token takes says nothing about the right ones. */
  find(hash: Uint8Array): Token | undefined {
    const row = this.#find.get(hash);
    return row === undefined ? undefined : { ...row, used: row.used ?? undefined, revoked: row.revoked !== null };
  }

  use(hash: Uint8Array, now: number): void {
    this.#use.run(now, hash);
  }

  /** The tokens of this recipient hold again, until then. */
  renew(item: string, recipient: string, expires: number): void {
    this.#renew.run(expires, item, recipient);
  }

  revokeOf(item: string, now: number): void {
    this.#revoke.run(now, item);
  }
}
