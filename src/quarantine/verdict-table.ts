/**
 * Rows of answers of scoring backends, by digest, backend and version. They are a cache: losing one costs a scan, so
 * the oldest go when there are too many. What a score means is not known here.
 */
import { limits } from '../runtime/limits.js';
import type { KnownVerdict, StoredVerdict, VerdictKey } from '../scoring/verdict-store.js';
import type { Database } from './database.js';

/** seconds that answers are worth keeping, by what they say */
export interface VerdictLifetimes {
  readonly clean: number;
  readonly flagged: number;
}

const keyOf = ({ sha256, backend, version }: VerdictKey) => ({ digest: Buffer.from(sha256, 'hex'), backend, version });

export class VerdictTable {
  readonly #get;
  readonly #put;
  readonly #expire;
  readonly #count;
  readonly #boundary;
  readonly #dropOldest;
  readonly #rowsMax: number;
  #rows: number | undefined;

  constructor(database: Database, rowsMax: number = limits.scoring.storedMax) {
    this.#rowsMax = rowsMax;
    this.#get = database.prepare<[ReturnType<typeof keyOf>], KnownVerdict>(
      'SELECT score, name, engine, at FROM verdicts WHERE digest = @digest AND backend = @backend AND version = @version',
    );
    this.#put = database.prepare(
      `INSERT INTO verdicts (digest, backend, version, score, name, engine, at)
       VALUES (@digest, @backend, @version, @score, @name, @engine, @at)
       ON CONFLICT DO UPDATE SET score = excluded.score, name = excluded.name, engine = excluded.engine, at = excluded.at`,
    );
    this.#expire = database.prepare('DELETE FROM verdicts WHERE (score = 0 AND at < ?) OR (score > 0 AND at < ?)');
    this.#count = database.prepare<[], { readonly rows: number }>('SELECT count(*) AS rows FROM verdicts');
    this.#boundary = database.prepare<[number], { readonly at: number }>(
      'SELECT at FROM verdicts ORDER BY at LIMIT 1 OFFSET ?',
    );
    this.#dropOldest = database.prepare('DELETE FROM verdicts WHERE at <= ?');
  }

  /** In the order of the keys. */
  get(keys: readonly VerdictKey[]): (KnownVerdict | undefined)[] {
    return keys.map((key) => this.#get.get(keyOf(key)));
  }

  put(verdicts: readonly StoredVerdict[]): void {
    for (const { score, name, engine, at, ...key } of verdicts)
      this.#put.run({ ...keyOf(key), score, name, engine, at });
    this.#rows = (this.#rows ?? this.#countRows()) + verdicts.length;
    if (this.#rows > this.#rowsMax) this.#shrink();
  }

  /** Removes what is too old to be an answer; gives the number of rows removed. */
  expire(now: number, { clean, flagged }: VerdictLifetimes): number {
    const { changes } = this.#expire.run(now - clean * 1000, now - flagged * 1000);
    this.#rows = undefined;
    return changes;
  }

  /** A tenth at a time, so that this is rare. */
  #shrink(): void {
    const rows = this.#countRows();
    const surplus = rows - Math.floor(this.#rowsMax * 0.9);
    const boundary = rows > this.#rowsMax ? this.#boundary.get(surplus - 1) : undefined;
    if (boundary !== undefined) this.#dropOldest.run(boundary.at);
    this.#rows = this.#countRows();
  }

  #countRows(): number {
    return this.#count.get()?.rows ?? 0;
  }
}
