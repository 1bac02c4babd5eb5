/** Sessions of administrators, and how often a sign-in failed. Secrets are known here by digests only. */
import { limits } from '../runtime/limits.js';
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

interface FailureRow {
  readonly account: string;
  readonly failures: number;
  readonly last_at: number;
}

/** ms to wait after the last of so many failures. */
export function signInDelayMs(failures: number): number {
  const { failuresFree, delayFirstMs, delayMaxMs } = limits.console;
  if (failures < failuresFree) return 0;
  return Math.min(delayMaxMs, delayFirstMs * 2 ** Math.min(failures - failuresFree, 16));
}

export class SessionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Sessions that are over go, and the oldest of the account where it has too many. */
  openSession(hash: Uint8Array, row: SessionRow): void {
    const { sessionIdleMs, sessionsMax } = limits.console;
    const work = () => {
      this.#database
        .prepare('DELETE FROM sessions WHERE expires <= ? OR seen <= ?')
        .run(row.created, row.created - sessionIdleMs);
      this.#database
        .prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)')
        .run(hash, row.account, row.credential, row.created, row.seen, row.expires);
      this.#database
        .prepare(
          `DELETE FROM sessions WHERE hash IN
           (SELECT hash FROM sessions WHERE account = ? ORDER BY created DESC LIMIT -1 OFFSET ?)`,
        )
        .run(row.account, sessionsMax);
    };
    this.#database.transaction(work).immediate();
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

  /**
   * Counts a try for each key before it is made, so that many at once are as many failures; or says how long to wait,
   * and counts nothing.
   * @returns ms to wait, 0 to go ahead; and the highest count of failures with this one
   */
  beginSignIn(keys: readonly string[], now: number): { readonly waitMs: number; readonly failures: number } {
    const work = () => {
      const counts = keys.map((key) => ({ key, ...this.#failuresOf(key, now) }));
      const waitMs = Math.max(0, ...counts.map((one) => one.waitMs));
      const failures = Math.max(0, ...counts.map((one) => one.failures));
      if (waitMs > 0) return { waitMs, failures };
      const set = this.#database.prepare(
        `INSERT INTO sign_in_failures VALUES (?, ?, ?)
         ON CONFLICT (account) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at`,
      );
      for (const one of counts) set.run(one.key, one.failures + 1, now);
      this.#forgetOldest(now);
      return { waitMs: 0, failures: failures + 1 };
    };
    return this.#database.transaction(work).immediate();
  }

  #failuresOf(key: string, now: number): { readonly waitMs: number; readonly failures: number } {
    const query = 'SELECT account, failures, last_at FROM sign_in_failures WHERE account = ?';
    const row = this.#database.prepare<[string], FailureRow>(query).get(key);
    if (row === undefined || now - row.last_at >= limits.console.failuresForgottenMs) return { waitMs: 0, failures: 0 };
    const delay = signInDelayMs(row.failures);
    // A clock that was set back does not make anybody wait longer than the delay.
    return { waitMs: Math.max(0, Math.min(delay, row.last_at + delay - now)), failures: row.failures };
  }

  #forgetOldest(now: number): void {
    const { failureRowsMax, failuresForgottenMs } = limits.console;
    this.#database.prepare('DELETE FROM sign_in_failures WHERE last_at <= ?').run(now - failuresForgottenMs);
    this.#database
      .prepare(
        `DELETE FROM sign_in_failures WHERE account IN
         (SELECT account FROM sign_in_failures ORDER BY last_at DESC LIMIT -1 OFFSET ?)`,
      )
      .run(failureRowsMax);
  }

  /** After a sign-in that succeeded. */
  forgetFailures(keys: readonly string[]): void {
    const remove = this.#database.prepare('DELETE FROM sign_in_failures WHERE account = ?');
    for (const key of keys) remove.run(key);
  }
}
