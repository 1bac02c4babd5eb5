/** Sums of what happened, by slice of time: kept beyond the life of the process, and small however much mail there is. */
import type { Database } from './database.js';

export interface CounterRow {
  /** ms since 1970, start of the slice */
  readonly at: number;
  readonly name: string;
  readonly value: number;
}

export class CounterStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Adds to the sums of one slice. */
  addCounts(at: number, counts: Readonly<Record<string, number>>): void {
    const add = this.#database.prepare<[number, string, number]>(
      'INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (at, name) DO UPDATE SET value = value + excluded.value',
    );
    const work = () => {
      for (const [name, value] of Object.entries(counts)) if (value !== 0) add.run(at, name, value);
    };
    this.#database.transaction(work).immediate();
  }

  /** Slices that begin in [from, to), oldest first. */
  countsBetween(from: number, to: number): CounterRow[] {
    const query = 'SELECT at, name, value FROM counters WHERE at >= ? AND at < ? ORDER BY at, name';
    return this.#database.prepare<[number, number], CounterRow>(query).all(from, to);
  }

  /** Sums over all time. */
  countTotals(): Record<string, number> {
    const query = 'SELECT name, sum(value) AS value FROM counters GROUP BY name';
    const rows = this.#database.prepare<[], { name: string; value: number }>(query).all();
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }
}
