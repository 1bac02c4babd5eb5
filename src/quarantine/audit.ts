/**
 * The audit table: who did what to which item and when, each row carrying the hash of the one before. Rows hold no
 * content and no secrets. It can append and verify; there is no way to change anything.
 */
import { createHash } from 'node:crypto';
import type { Database } from './database.js';

export interface AuditEntry {
  readonly at: number;
  /** `gate`, `retention`, `recovery`, or the person, as `cli:root` */
  readonly actor: string;
  readonly action: string;
  readonly item: string | undefined;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditRow {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly item: string | null;
  /** JSON */
  readonly detail: string;
  readonly previous: string;
  readonly hash: string;
}

/** A row up to which the chain is whole. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: string;
}

/** What the first row names as its predecessor. */
export const chainStart: ChainPlace = { seq: 0, hash: '0'.repeat(64) };

function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const fields = [row.previous, row.seq, row.at, row.actor, row.action, row.item, row.detail];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

export class AuditTable {
  readonly #last;
  readonly #insert;
  readonly #rows;
  readonly #ofItem;

  constructor(database: Database) {
    this.#last = database.prepare<[], { seq: number; hash: string }>(
      'SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1',
    );
    this.#insert = database.prepare<[AuditRow]>(
      'INSERT INTO audit VALUES (@seq, @at, @actor, @action, @item, @detail, @previous, @hash)',
    );
    this.#rows = database.prepare<[number, number], AuditRow>('SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?');
    this.#ofItem = database.prepare<[string], AuditRow>('SELECT * FROM audit WHERE item = ? ORDER BY seq');
  }

  /** To be called inside the transaction that does what it records. */
  append(entry: AuditEntry): void {
    const last = this.#last.get();
    const row = {
      seq: (last?.seq ?? 0) + 1,
      at: entry.at,
      actor: entry.actor,
      action: entry.action,
      item: entry.item ?? null,
      detail: JSON.stringify(entry.detail),
      previous: last?.hash ?? chainStart.hash,
    };
    this.#insert.run({ ...row, hash: hashOf(row) });
  }

  ofItem(id: string): AuditRow[] {
    return this.#ofItem.all(id);
  }

  /** Whether up to `max` rows after a place follow from each other; `broken` is the number of the first that does not. */
  check(after: ChainPlace, max: number): { readonly place: ChainPlace; readonly broken: number | undefined } {
    let place = after;
    for (const row of this.#rows.iterate(after.seq, max)) {
      const seq = place.seq + 1;
      if (row.seq !== seq || row.previous !== place.hash || row.hash !== hashOf(row)) return { place, broken: seq };
      place = { seq, hash: row.hash };
    }
    return { place, broken: undefined };
  }

  /** The number of the first row that does not follow from the one before it; undefined when the chain is whole. */
  firstBroken(): number | undefined {
    return this.check(chainStart, Number.MAX_SAFE_INTEGER).broken;
  }
}
