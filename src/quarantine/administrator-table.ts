/**
 * Events that administrators are told of, durable from the transaction that caused them. The first event goes out at
 * once; those of the following minute wait and go out together.
 */

import type { AdministratorEvent, EventName } from '../notice/settings.js';
import { limits } from '../runtime/limits.js';
import type { Database } from './database.js';

/** Addresses of those administrators who ticked an event. */
export type Subscribers = Readonly<Record<AdministratorEvent, readonly string[]>>;

export interface OpenEvent {
  readonly id: number;
  readonly event: EventName;
  readonly item: string;
  readonly at: number;
  readonly actor: string;
}

export class AdministratorTable {
  readonly #insert;
  readonly #due;
  readonly #open;
  readonly #count;
  readonly #mailed;
  readonly #last;

  constructor(database: Database) {
    this.#insert = database.prepare<[string, EventName, string, number, string]>(
      'INSERT INTO administrator_events (administrator, event, item, at, actor) VALUES (?, ?, ?, ?, ?)',
    );
    this.#due = database.prepare<[{ now: number; before: number }], { administrator: string }>(
      `SELECT DISTINCT administrator FROM administrator_events LEFT JOIN administrator_mail USING (administrator)
       WHERE mail IS NULL AND (coalesce(last_at, 0) <= @before OR last_at > @now)`,
    );
    this.#open = database.prepare<[string, number], OpenEvent>(
      `SELECT id, event, item, at, actor FROM administrator_events WHERE administrator = ? AND mail IS NULL
       ORDER BY id LIMIT ?`,
    );
    this.#count = database.prepare<[string], { count: number; last: number }>(
      `SELECT count(*) AS count, max(id) AS last FROM administrator_events WHERE administrator = ? AND mail IS NULL`,
    );
    this.#mailed = database.prepare<[number, string, number]>(
      'UPDATE administrator_events SET mail = ? WHERE administrator = ? AND mail IS NULL AND id <= ?',
    );
    this.#last = database.prepare<[string, number]>(
      'INSERT INTO administrator_mail VALUES (?, ?) ON CONFLICT (administrator) DO UPDATE SET last_at = excluded.last_at',
    );
  }

  add(administrators: readonly string[], event: EventName, item: string, at: number, actor: string): void {
    for (const address of administrators) this.#insert.run(address, event, item, at, actor);
  }

  /** Administrators who may be mailed now and have something to be told. A clock that was set back delays nobody. */
  due(now: number): string[] {
    return this.#due.all({ now, before: now - limits.notice.digestIntervalMs }).map((row) => row.administrator);
  }

  /** The first open events, how many there are in all, and the last one's number. */
  openEvents(administrator: string): { readonly events: OpenEvent[]; readonly count: number; readonly last: number } {
    const { count, last } = this.#count.get(administrator) ?? { count: 0, last: 0 };
    return { events: this.#open.all(administrator, limits.notice.digestEvents), count, last };
  }

  /** All open events up to `lastEvent` are in mail `mail`. */
  markMailed(administrator: string, lastEvent: number, mail: number, now: number): void {
    this.#mailed.run(mail, administrator, lastEvent);
    this.#last.run(administrator, now);
  }
}
