/**
 * Sums of what happened, by slice of time: kept beyond the life of the process, and small however much mail there is.
 * Also what the audit table has to say to the counters: whoever changes an item, in whatever process, is counted once.
 */
import { limits } from '../runtime/limits.js';
import { type AuditRow, AuditTable } from './audit.js';
import { type CounterProtocol, type CounterWord, counterDayMs, counterHourMs, sliceOf } from './counter-names.js';
import type { Database } from './database.js';
import { isAlive } from './process-owner.js';

export interface CounterRow {
  /** ms since 1970, start of the slice */
  readonly at: number;
  readonly name: string;
  readonly value: number;
}

export interface CounterSpan {
  /** ms since 1970 of the oldest slice; undefined when nothing was ever counted */
  readonly first: number | undefined;
  /** ms since 1970; undefined when the statistics were never cleared */
  readonly cleared: number | undefined;
}

/** An audit row with what is known of its item. */
export interface ToldRow extends Omit<AuditRow, 'previous' | 'hash'> {
  readonly protocol: CounterProtocol | undefined;
  readonly listener: string | null;
  readonly sender: string | null;
  readonly subject: string | null;
  /** the envelope's MAIL FROM and recipients, JSON of StoredEnvelope */
  readonly envelope: string | null;
  /** JSON of Verdict */
  readonly verdict: string | null;
}

export interface TakenAudit {
  readonly rows: readonly ToldRow[];
  /** more rows wait */
  readonly more: boolean;
}

type StateKind = 'cleared' | 'now' | 'owner' | 'seen';

/** Audit actions that are counted under their own name. */
const countedActions: ReadonlySet<string> = new Set([
  'release-requested',
  'request-denied',
  'released',
  'deleted',
  'expired',
] satisfies CounterWord[]);

export class CounterStore {
  readonly #database: Database;
  readonly #audit: AuditTable;

  constructor(database: Database) {
    this.#database = database;
    this.#audit = new AuditTable(database);
  }

  #write<Result>(work: () => Result): Result {
    return this.#database.transaction(work).immediate();
  }

  /** Adds to the sums of one slice. */
  addCounts(at: number, counts: Readonly<Record<string, number>>): void {
    this.#write(() => this.#add(at, counts));
  }

  #add(at: number, counts: Readonly<Record<string, number>>): void {
    const add = this.#database.prepare<[number, string, number]>(
      'INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (at, name) DO UPDATE SET value = value + excluded.value',
    );
    for (const [name, value] of Object.entries(counts)) if (value !== 0) add.run(at, name, value);
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

  /** Sums since the statistics were cleared; over all time when they never were. */
  countsSinceCleared(): Record<string, number> {
    const base = this.#state('cleared');
    const totals = Object.entries(this.countTotals());
    return Object.fromEntries(totals.map(([name, value]) => [name, value - (base.get(name) ?? 0)]));
  }

  countSpan(): CounterSpan {
    const first = this.#database.prepare<[], { at: number | null }>('SELECT min(at) AS at FROM counters').get()?.at;
    return { first: first ?? undefined, cleared: this.#state('cleared').get('') };
  }

  /** Later sums are told from what they stand at now; nothing is forgotten. */
  clearCounts(by: string, now: number): void {
    this.#write(() => {
      this.#replace('cleared', { ...this.countTotals(), '': now });
      this.#audit.append({ at: now, actor: by, action: 'statistics-cleared', item: undefined, detail: {} });
    });
  }

  /** Values of this moment, in place of those before. @param owner the daemon that says so; see process-owner.ts */
  setGauges(owner: string, values: Readonly<Record<string, number>>): void {
    this.#write(() => {
      this.#replace('owner', { [owner]: 0 });
      this.#replace('now', values);
    });
  }

  /** There are none any more: the daemon ends. */
  dropGauges(): void {
    this.#write(() => {
      this.#replace('owner', {});
      this.#replace('now', {});
    });
  }

  /** Values of this moment; undefined when no daemon runs, however the last one ended. */
  gauges(): Record<string, number> | undefined {
    const [owner] = this.#state('owner').keys();
    return owner !== undefined && isAlive(owner) ? Object.fromEntries(this.#state('now')) : undefined;
  }

  /**
   * Hours are kept instead of slices after a week, days instead of hours after three months: a table of ten years has
   * some 4000 slices.
   */
  mergeOldCounts(now: number): void {
    const { hoursAfterMs, daysAfterMs } = limits.counters;
    this.#merge(now - daysAfterMs, counterDayMs);
    this.#merge(now - hoursAfterMs, counterHourMs);
  }

  #merge(before: number, sliceMs: number): void {
    const whole = before - (before % sliceMs);
    this.#write(() => {
      const odd = this.#database
        .prepare<[number, number, number], CounterRow>(
          'SELECT at - at % ? AS at, name, sum(value) AS value FROM counters WHERE at < ? AND at % ? <> 0 GROUP BY 1, 2',
        )
        .all(sliceMs, whole, sliceMs);
      if (odd.length === 0) return;
      this.#database.prepare('DELETE FROM counters WHERE at < ? AND at % ? <> 0').run(whole, sliceMs);
      for (const { at, name, value } of odd) this.#add(at, { [name]: value });
    });
  }

  /**
   * Counts the audit rows that were not counted yet, each once, and gives them back for whoever tells of them; those
   * that are older than the first call are counted, but no news.
   * @param protocols of listeners by name; an item of a listener that is gone has its plain protocol
   */
  takeAudit(protocols: Readonly<Record<string, CounterProtocol>>, max: number): TakenAudit {
    const state = this.#state('seen');
    const last = this.#database.prepare<[], { seq: number }>('SELECT seq FROM audit ORDER BY seq DESC LIMIT 1').get();
    const seen = state.get('audit') ?? 0;
    // Asked every few seconds and mostly answered here, without a write.
    if (state.has('audit') && (last?.seq ?? 0) <= seen) return { rows: [], more: false };
    return this.#write(() => {
      const rows = this.#untold(seen, max).map((row) => ({ ...row, protocol: protocolOf(row, protocols) }));
      for (const { at, action, protocol } of rows) {
        if (countedActions.has(action) && protocol !== undefined)
          this.#add(sliceOf(at), { [`${protocol}.${action}`]: 1 });
      }
      const history = state.get('history') ?? last?.seq ?? 0;
      this.#replace('seen', { audit: rows.at(-1)?.seq ?? seen, history });
      return { rows: rows.filter(({ seq }) => seq > history), more: rows.length === max };
    });
  }

  #untold(after: number, max: number): (Omit<ToldRow, 'protocol'> & { readonly protocol: 'smtp' | 'imap' | null })[] {
    const query = `SELECT a.seq, a.at, a.actor, a.action, a.item, a.detail,
        i.protocol, i.listener, i.sender, i.subject, i.envelope, i.verdict
      FROM audit a LEFT JOIN items i ON i.id = a.item WHERE a.seq > ? ORDER BY a.seq LIMIT ?`;
    return this.#database
      .prepare<[number, number], Omit<ToldRow, 'protocol'> & { readonly protocol: 'smtp' | 'imap' | null }>(query)
      .all(after, max);
  }

  #state(kind: StateKind): Map<string, number> {
    const query = 'SELECT name, value FROM counter_state WHERE kind = ?';
    const rows = this.#database.prepare<[string], { name: string; value: number }>(query).all(kind);
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  #replace(kind: StateKind, values: Readonly<Record<string, number>>): void {
    this.#database.prepare<[string]>('DELETE FROM counter_state WHERE kind = ?').run(kind);
    const insert = this.#database.prepare<[string, string, number]>('INSERT INTO counter_state VALUES (?, ?, ?)');
    for (const [name, value] of Object.entries(values)) insert.run(kind, name, value);
  }
}

function protocolOf(
  { protocol, listener }: { readonly protocol: 'smtp' | 'imap' | null; readonly listener: string | null },
  protocols: Readonly<Record<string, CounterProtocol>>,
): CounterProtocol | undefined {
  if (protocol === null) return undefined;
  // A name that was another protocol's before its listener was changed says nothing of an item of then.
  const named = listener === null || !Object.hasOwn(protocols, listener) ? undefined : protocols[listener];
  return named?.startsWith(protocol) === true ? named : protocol;
}
