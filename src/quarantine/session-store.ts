/** Sessions of administrators, and how often a sign-in failed. Secrets are known here by their SHA-256 only. */
import type { Database } from './database.js';

export interface SessionRow {
  readonly account: string;
  /** SHA-256 of the password's record at sign-in */
  readonly credential: Uint8Array;
  /** ms since 1970 */
  readonly created: number;
  /** ms since 1970, of the last request */
  readonly seen: number;
  /** ms since 1970; the session ends then however busy it is */
  readonly expires: number;
}

export class SessionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  openSession(hash: Uint8Array, row: SessionRow): void {
    this.#database
      .prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)')
      .run(hash, row.account, row.credential, row.created, row.seen, row.expires);
  }

  session(hash: Uint8Array): SessionRow | undefined {
    const query = 'SELECT account, credential, created, seen, expires FROM sessions WHERE hash = ?';
    return this.#database.prepare<[Uint8Array], SessionRow>(query).get(hash);
  }

  touchSession(hash: Uint8Array, now: number): void {
    this.#database.prepare('UPDATE sessions SET seen = ? WHERE hash = ?').run(now, hash);
  }

  closeSession(hash: Uint8Array): void {
    this.#database.prepare('DELETE FROM sessions WHERE hash = ?').run(hash);
  }
}
