/** What the administrator's pages ask of the store: lists with filters, a page at a time, and counts. It changes nothing. */
import type { AuditRow } from './audit.js';
import type { Database } from './database.js';

export class ConsoleStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param before only rows with smaller numbers; undefined for the newest */
  auditPage(before: number | undefined, max: number): AuditRow[] {
    const query = 'SELECT * FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?';
    return this.#database.prepare<[number, number], AuditRow>(query).all(before ?? Number.MAX_SAFE_INTEGER, max);
  }
}
