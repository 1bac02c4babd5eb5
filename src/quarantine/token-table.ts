/** Personal tokens of notices. Only their SHA-256 is kept, so that whoever reads the database cannot act with it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from './database.js';

/** What the bearer may do, each including what stands before it: look, ask for a release, release and delete. */
export const tokenActions = ['view', 'request', 'release'] as const;
export type TokenAction = (typeof tokenActions)[number];

/** What the configuration lets recipients do. */
export type RecipientMay = Exclude<TokenAction, 'view'>;

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
  /** ms since 1970, when its bearer asked for a release */
  readonly used: number | undefined;
  readonly revoked: boolean;
}

/** A recipient who asked for a release, and when. */
export interface ReleaseRequest {
  /** undefined when readers of a mailbox share the link: nobody knows which of them it was */
  readonly recipient: string | undefined;
  /** ms since 1970 */
  readonly at: number;
}

interface TokenRow extends Omit<Token, 'used' | 'revoked'> {
  readonly used: number | null;
  readonly revoked: number | null;
}

const recipientPrefix = 'recipient:';

/** Who is recorded for what the bearer of a token does. */
export function recipientActor(recipient: string): string {
  return recipientPrefix + recipient;
}

export function isRecipientActor(actor: string): boolean {
  return actor.startsWith(recipientPrefix);
}

/** 192 random bits, safe in a URL. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** The lesser of what a token was made for and what the configuration lets recipients do now. */
export function rightOf(token: Pick<Token, 'action' | 'recipient'>, may: RecipientMay): TokenAction {
  // Whoever reads the mailbox sees the link, and the mail is no single person's to release.
  const most = token.recipient === mailboxReaders ? 'request' : may;
  return tokenActions.indexOf(token.action) < tokenActions.indexOf(most) ? token.action : most;
}

export class TokenTable {
  readonly #insert;
  readonly #find;
  readonly #use;
  readonly #revoke;
  readonly #renew;
  readonly #requests;

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
    this.#requests = database.prepare<[string], { recipient: string; at: number }>(
      'SELECT recipient, used AS at FROM tokens WHERE item = ? AND used IS NOT NULL ORDER BY used, recipient',
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

  /** Who asked for the release of an item, the first one first. */
  requestsOf(item: string): ReleaseRequest[] {
    return this.#requests
      .all(item)
      .map(({ recipient, at }) => ({ recipient: recipient === mailboxReaders ? undefined : recipient, at }));
  }

  revokeOf(item: string, now: number): void {
    this.#revoke.run(now, item);
  }
}
