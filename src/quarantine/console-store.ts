/**
 * What the administrators' pages ask of the store: lists with filters, a page at a time, and sums. It changes nothing.
 * A call looks at a bounded number of rows, because held mail is written down in the same thread.
 */
import type { Incident, IncidentStatus } from '../incident/incident.js';
import type { Finding } from '../notice/findings.js';
import { limits } from '../runtime/limits.js';
import { type AuditRow, AuditTable, type ChainPlace } from './audit.js';
import { type IncidentSums, type SummedRow, sumIncidents } from './console-sums.js';
import type { Database } from './database.js';
import type { StoredEnvelope } from './hold.js';
import { type IncidentRow, incidentOf } from './incident-table.js';
import {
  type Item,
  type ItemState,
  type ListedState,
  type PartRelease,
  partRelease,
  type StoredFacts,
} from './item.js';
import type { OutboxKind, OutboxState } from './outbox-table.js';

/** The place of a row in a list by time; ids settle the order of what happened in one ms. */
export interface PageKey {
  readonly at: number;
  readonly id: string;
}

/** From where on, exclusive, and which way; without a key from the end that the way comes from. */
export interface Cursor {
  readonly towards: 'older' | 'newer';
  readonly key: PageKey | undefined;
}

/** Rows in the order of the cursor's way. */
export interface Scan<Line> {
  readonly lines: readonly Line[];
  /** the last row that was looked at; undefined when there is nothing further that way */
  readonly reached: PageKey | undefined;
}

export interface ListFilter {
  /** ms since 1970, [from, to) */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly protocol?: 'smtp' | 'imap' | undefined;
  /** least threat level */
  readonly level?: number | undefined;
  /** found in addresses, subjects, names and digests, in whatever case; its characters have no meaning of their own */
  readonly text?: string | undefined;
}

export interface ItemFilter extends ListFilter {
  readonly state?: ListedState | undefined;
}

export interface IncidentFilter extends ListFilter {
  readonly status?: IncidentStatus | undefined;
  readonly action?: Incident['action'] | undefined;
}

/** A held message as a row of a list. */
export interface ItemLine {
  readonly id: string;
  readonly at: number;
  readonly state: ItemState;
  readonly partRelease: PartRelease | undefined;
  readonly protocol: 'smtp' | 'imap';
  readonly mailFrom: string;
  readonly from: string | undefined;
  /** the first few */
  readonly recipients: readonly string[];
  readonly recipientCount: number;
  readonly subject: string | undefined;
  readonly level: number;
  readonly threat: string;
  /** the first few, worst first */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  readonly bytes: number;
}

/** An incident as a row of a list. */
export interface IncidentLine {
  readonly id: string;
  readonly item: string | undefined;
  readonly at: number;
  readonly protocol: 'smtp' | 'imap';
  readonly action: Incident['action'];
  readonly level: number;
  readonly threat: string;
  readonly source: string;
  /** the first few */
  readonly targets: readonly string[];
  readonly targetCount: number;
  readonly subject: string | undefined;
  readonly status: IncidentStatus;
  readonly comments: number;
}

export interface AuditFilter {
  readonly item?: string | undefined;
  /** part of the actor's name, in whatever case */
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
}

/** Numbers that are wanted at a glance; each stops at `limits.console.countedMax`. */
export interface OpenWork {
  readonly held: number;
  readonly requested: number;
  readonly newIncidents: number;
  /** those that wait longest */
  readonly requests: readonly ItemLine[];
}

/** Mail of ours that is on its way. */
export interface OutboxHealth {
  readonly counts: Readonly<Record<OutboxState, number>>;
  /** ms since 1970 when the oldest mail that waits was queued */
  readonly oldest: number | undefined;
  /** mail that was tried and not taken, the longest waiting first */
  readonly failing: readonly {
    readonly id: number;
    readonly kind: OutboxKind;
    readonly state: OutboxState;
    readonly item: string | undefined;
    readonly attempts: number;
    readonly created: number;
    readonly nextAt: number;
    readonly lastReply: string;
  }[];
}

interface ItemRow {
  readonly id: string;
  readonly at: number;
  readonly state: ItemState;
  readonly protocol: 'smtp' | 'imap';
  readonly sha256: string;
  readonly envelope: string;
  readonly verdict: string;
  readonly facts: string;
  readonly subject: string | null;
  readonly sender: string | null;
  readonly bytes: number;
}

type Value = string | number;

const itemColumns = 'id, created AS at, state, protocol, sha256, envelope, verdict, facts, subject, sender, bytes';

export class ConsoleStore {
  readonly #database: Database;
  readonly #deliveries;

  constructor(database: Database) {
    this.#database = database;
    this.#deliveries = database.prepare<[string], { readonly has: number; readonly asked: number }>(
      "SELECT count(*) FILTER (WHERE status = 'delivered') AS has, count(*) AS asked FROM deliveries WHERE item = ?",
    );
  }

  /** Looks at up to `limits.console.scanRows` items and gives the first `max` that match. */
  scanItems(filter: ItemFilter, cursor: Cursor, max: number): Scan<ItemLine> {
    const where = new Conditions();
    if (filter.state !== 'partly-released') where.equal('state', filter.state);
    where.within('created', filter);
    const sql = where.query(`SELECT ${itemColumns} FROM items`, 'created', cursor);
    const rows = this.#database.prepare<Value[], ItemRow>(sql.text).iterate(...sql.values);
    return scan(rows, max, (row) => this.#line(row, filter));
  }

  #line(row: ItemRow, filter: ItemFilter): ItemLine | undefined {
    const line = lineOfItem(row, filter);
    if (line === undefined) return undefined;
    const { has, asked } = this.#deliveries.get(row.id) ?? { has: 0, asked: 0 };
    const part = partRelease(row.state, has, asked);
    return filter.state === 'partly-released' && part === undefined ? undefined : { ...line, partRelease: part };
  }

  scanIncidents(filter: IncidentFilter, cursor: Cursor, max: number): Scan<IncidentLine> {
    const where = new Conditions();
    where.equal('status', filter.status);
    where.within('at', filter);
    const sql = where.query('SELECT * FROM incidents', 'at', cursor);
    const rows = this.#database.prepare<Value[], IncidentRow>(sql.text).iterate(...sql.values);
    return scan(rows, max, (row) => lineOfIncident(row, filter));
  }

  /** Rows of the audit table; the id of a key is the row's number. */
  scanAudit(filter: AuditFilter, cursor: Cursor, max: number): Scan<AuditRow> {
    const where = new Conditions();
    where.equal('item', filter.item);
    const older = cursor.towards === 'older';
    if (cursor.key !== undefined) where.add(older ? 'seq < ?' : 'seq > ?', cursor.key.at);
    const text = `SELECT * FROM audit ${where.text} ORDER BY seq ${older ? 'DESC' : 'ASC'} LIMIT ?`;
    const rows = this.#database.prepare<Value[], AuditRow>(text).iterate(...where.values, limits.console.scanRows + 1);
    const needle = folded(filter.actor);
    return scan(numbered(rows), max, ({ row }) => {
      const asked = filter.action === undefined || filter.action === row.action;
      return asked && (needle === '' || folded(row.actor).includes(needle)) ? row : undefined;
    });
  }

  /** Whether some rows of the audit table after a place follow from each other, and whether there are more. */
  checkAudit(after: ChainPlace): { place: ChainPlace; broken: number | undefined; more: boolean } {
    const { scanRows } = limits.console;
    const checked = new AuditTable(this.#database).check(after, scanRows);
    return { ...checked, more: checked.broken === undefined && checked.place.seq - after.seq === scanRows };
  }

  /** Incidents of one item, oldest first. */
  incidentsOfItem(item: string): IncidentLine[] {
    const query = 'SELECT * FROM incidents WHERE item = ? ORDER BY at LIMIT ?';
    const rows = this.#database.prepare<[string, number], IncidentRow>(query).all(item, limits.console.relatedMax);
    return rows.flatMap((row) => lineOfIncident(row, {}) ?? []);
  }

  incident(id: string): Incident | undefined {
    const query = 'SELECT * FROM incidents WHERE id = ?';
    const row = this.#database.prepare<[string], IncidentRow>(query).get(id);
    return row === undefined ? undefined : incidentOf(row);
  }

  /** What the newest incidents of [from, to) sum up to; the step is that of a chart. */
  incidentSums(from: number, to: number, stepMs: number): IncidentSums {
    const query = `SELECT n.at, n.action, n.level, n.threat, n.source, n.targets, i.state
      FROM incidents n LEFT JOIN items i ON i.id = n.item WHERE n.at >= ? AND n.at < ? ORDER BY n.at DESC LIMIT ?`;
    const max = limits.console.summedMax;
    const rows = this.#database.prepare<[number, number, number], SummedRow>(query).iterate(from, to, max + 1);
    return sumIncidents(rows, { from, to, stepMs, max });
  }

  openWork(): OpenWork {
    const max = limits.console.countedMax;
    const count = (table: string, condition: string) => {
      const query = `SELECT count(*) AS count FROM (SELECT 1 FROM ${table} WHERE ${condition} LIMIT ${max})`;
      return this.#database.prepare<[], { count: number }>(query).get()?.count ?? 0;
    };
    const oldest = `SELECT ${itemColumns} FROM items WHERE state = 'release-requested' ORDER BY created LIMIT ?`;
    const rows = this.#database.prepare<[number], ItemRow>(oldest).all(limits.console.requestsShown);
    return {
      held: count('items', "state = 'held'"),
      requested: count('items', "state = 'release-requested'"),
      newIncidents: count('incidents', "status = 'new'"),
      requests: rows.flatMap((row) => this.#line(row, {}) ?? []),
    };
  }

  outboxHealth(): OutboxHealth {
    const counts = { queued: 0, sent: 0, failed: 0, cancelled: 0 };
    const counted = 'SELECT state, count(*) AS count FROM outbox GROUP BY state';
    const sums = this.#database.prepare<[], { state: OutboxState; count: number }>(counted).all();
    for (const { state, count } of sums) counts[state] = count;
    const first = this.#database
      .prepare<[], { at: number | null }>("SELECT min(created) AS at FROM outbox WHERE state = 'queued'")
      .get();
    const failing = `SELECT id, kind, state, item, attempts, created, next_at AS nextAt, last_reply AS lastReply
      FROM outbox WHERE state IN ('queued', 'failed') AND attempts > 0 AND last_reply IS NOT NULL
      ORDER BY state = 'failed', id DESC LIMIT ?`;
    type Failing = OutboxHealth['failing'][number];
    const rows = this.#database.prepare<[number], Omit<Failing, 'item'> & { item: string | null }>(failing);
    return {
      counts,
      oldest: first?.at ?? undefined,
      failing: rows.all(limits.console.failingShown).map((row) => ({ ...row, item: row.item ?? undefined })),
    };
  }
}

/**
 * Conditions with their values apart, and only those that an index answers: what it does not is looked at row by row,
 * so that the number of rows is known. Names of columns are ours, values are anybody's.
 */
class Conditions {
  readonly #conditions: string[] = [];
  readonly values: Value[] = [];

  get text(): string {
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`;
  }

  add(condition: string, ...values: readonly Value[]): void {
    this.#conditions.push(condition);
    this.values.push(...values);
  }

  equal(column: string, value: Value | undefined): void {
    if (value !== undefined) this.add(`${column} = ?`, value);
  }

  atLeast(column: string, value: number | undefined): void {
    if (value !== undefined) this.add(`${column} >= ?`, value);
  }

  within(column: string, { from, to }: ListFilter): void {
    this.atLeast(column, from);
    if (to !== undefined) this.add(`${column} < ?`, to);
  }

  /** One row more than is looked at, which says whether there are more. */
  query(select: string, time: string, { towards, key }: Cursor): { text: string; values: Value[] } {
    const older = towards === 'older';
    if (key !== undefined) this.add(`(${time}, id) ${older ? '<' : '>'} (?, ?)`, key.at, key.id);
    const order = older ? 'DESC' : 'ASC';
    return {
      text: `${select} ${this.text} ORDER BY ${time} ${order}, id ${order} LIMIT ?`,
      values: [...this.values, limits.console.scanRows + 1],
    };
  }
}

function scan<Row extends PageKey, Line>(
  rows: Iterable<Row>,
  max: number,
  lineOf: (row: Row) => Line | undefined,
): Scan<Line> {
  const lines: Line[] = [];
  let reached: PageKey | undefined;
  let looked = 0;
  for (const row of rows) {
    if (lines.length >= max || looked >= limits.console.scanRows) return { lines, reached };
    const line = lineOf(row);
    if (line !== undefined) lines.push(line);
    reached = { at: row.at, id: row.id };
    looked += 1;
  }
  return { lines, reached: undefined };
}

function* numbered(rows: Iterable<AuditRow>): Generator<PageKey & { readonly row: AuditRow }> {
  for (const row of rows) yield { at: row.seq, id: '', row };
}

function folded(text: string | undefined): string {
  return (text ?? '').trim().toLowerCase();
}

function matches(needle: string, texts: readonly (string | null | undefined)[], findings: readonly Finding[]): boolean {
  if (needle === '') return true;
  if (texts.some((text) => folded(text ?? '').includes(needle))) return true;
  return findings.some(({ name, sha256 }) => name.toLowerCase().includes(needle) || sha256.startsWith(needle));
}

/** JSON columns are written by the store alone, so what they parse to is what was put in. */
function lineOfItem(row: ItemRow, filter: ItemFilter): Omit<ItemLine, 'partRelease'> | undefined {
  if (filter.state === 'partly-released' && row.state === 'released') return undefined;
  if (filter.protocol !== undefined && filter.protocol !== row.protocol) return undefined;
  const verdict = JSON.parse(row.verdict) as Item['verdict'];
  if (filter.level !== undefined && verdict.threatLevel < filter.level) return undefined;
  const envelope = JSON.parse(row.envelope) as StoredEnvelope;
  const { findings, omitted } = JSON.parse(row.facts) as StoredFacts;
  const recipients = envelope.recipients.map(({ address }) => address);
  const texts = [row.id, row.sha256, row.subject, row.sender, envelope.mailFrom, verdict.threat, ...recipients];
  if (!matches(folded(filter.text), texts, findings)) return undefined;
  const { linePeopleMax, lineFindingsMax } = limits.console;
  return {
    id: row.id,
    at: row.at,
    state: row.state,
    protocol: row.protocol,
    mailFrom: envelope.mailFrom,
    from: row.sender ?? undefined,
    recipients: recipients.slice(0, linePeopleMax),
    recipientCount: recipients.length,
    subject: row.subject ?? undefined,
    level: verdict.threatLevel,
    threat: verdict.threat,
    findings: findings.slice(0, lineFindingsMax),
    findingCount: findings.length + omitted,
    bytes: row.bytes,
  };
}

function lineOfIncident(row: IncidentRow, filter: IncidentFilter): IncidentLine | undefined {
  const { attachments, comments, item, subject, targets: written, id, at, protocol, action, level, threat } = row;
  if (filter.protocol !== undefined && filter.protocol !== protocol) return undefined;
  if (filter.action !== undefined && filter.action !== action) return undefined;
  if (filter.level !== undefined && level < filter.level) return undefined;
  const targets = JSON.parse(written) as Incident['targets'];
  const findings = JSON.parse(attachments) as Incident['attachments'];
  if (!matches(folded(filter.text), [id, item, subject, row.source, threat, ...targets], findings)) return undefined;
  return {
    ...{ id, at, protocol, action, level, threat },
    source: row.source,
    status: row.status,
    item: item ?? undefined,
    subject: subject ?? undefined,
    targets: targets.slice(0, limits.console.linePeopleMax),
    targetCount: targets.length,
    comments: (JSON.parse(comments) as unknown[]).length,
  };
}
