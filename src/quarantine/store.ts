/**
 * The quarantine's database as a set of transactions: every change of state, with its audit row and its
 * administrators' events, happens here or not at all. It is synchronous; the daemon calls it through one thread, the
 * command line directly. It knows no files and no network.
 */
import type { Incident, IncidentStatus } from '../incident/incident.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Subscribers } from './administrator-table.js';
import type { AuditEntry, AuditRow } from './audit.js';
import { ConsoleStore } from './console-store.js';
import { CounterStore } from './counter-store.js';
import { type Database, openDatabase } from './database.js';
import { ImapStore } from './imap-store.js';
import type { DeliveryRecord, Item, ListedItem, ListedState } from './item.js';
import { LeaseStore } from './lease-store.js';
import { LifecycleStore } from './lifecycle-store.js';
import { NewsStore } from './news-store.js';
import type { NewMail, OutboxMail } from './outbox-table.js';
import { type Decision, decisionOf } from './personal-view.js';
import { PurgeStore } from './purge-store.js';
import { ReleaseStore } from './release-store.js';
import { SessionStore } from './session-store.js';
import { StoreTables } from './store-tables.js';
import type { NewToken, ReleaseRequest } from './token-table.js';

export interface HoldCommit {
  readonly item: Item;
  readonly repeatKey: string;
  readonly incident: Incident;
  readonly mails: readonly NewMail[];
  readonly tokens: readonly NewToken[];
  readonly subscribers: Subscribers;
}

export interface ItemDetail {
  readonly item: Item;
  readonly deliveries: readonly DeliveryRecord[];
  readonly mails: readonly Omit<OutboxMail, 'message'>[];
  readonly audit: readonly AuditRow[];
  /** who asked for the release, the first one first */
  readonly requests: readonly ReleaseRequest[];
  /** what ended the request or the item; undefined while it is held */
  readonly decision: Decision | undefined;
}

export class Store {
  readonly #database: Database;
  readonly #tables: StoreTables;
  /** methods of their own, called by name like those of this class */
  readonly imap: ImapStore;
  readonly releases: ReleaseStore;
  readonly lifecycle: LifecycleStore;
  readonly news: NewsStore;
  readonly leases: LeaseStore;
  readonly counters: CounterStore;
  readonly sessions: SessionStore;
  readonly console: ConsoleStore;
  readonly purging: PurgeStore;

  private constructor(database: Database) {
    this.#database = database;
    this.#tables = new StoreTables(database);
    this.imap = new ImapStore(database, this.#tables);
    this.releases = new ReleaseStore(this.#tables);
    this.lifecycle = new LifecycleStore(this.#tables, this.releases);
    this.news = new NewsStore(this.#tables);
    this.leases = new LeaseStore(database, this.#tables.outbox);
    this.counters = new CounterStore(database);
    this.sessions = new SessionStore(database);
    this.console = new ConsoleStore(database);
    this.purging = new PurgeStore(database);
  }

  static open(dataDirectory: string): Store {
    return new Store(openDatabase(dataDirectory));
  }

  close(): void {
    this.#database.close();
  }

  /**
   * Empties the write-ahead log, which keeps what rows held before they were overwritten. False where another process
   * is reading, or writing, at this moment: nobody waits for it.
   */
  emptyLog(): boolean {
    this.#database.pragma('busy_timeout = 0');
    try {
      const rows = this.#database.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[];
      return rows[0]?.busy === 0;
    } finally {
      this.#database.pragma(`busy_timeout = ${limits.quarantine.busyTimeoutMs}`);
    }
  }

  /** Everything that a 250 for a blocked message promises, in one transaction. */
  hold(commit: HoldCommit): { readonly id: string; readonly duplicate: boolean } {
    return this.#tables.write(() => {
      const { item } = commit;
      const known = this.repeatOf(commit.repeatKey, item.created);
      if (known !== undefined) return { id: known, duplicate: true };
      this.#tables.items.insert(item, commit.repeatKey);
      this.#tables.incidents.insert(commit.incident);
      for (const mail of commit.mails) this.#tables.outbox.add(mail, item.created);
      for (const token of commit.tokens) this.#tables.tokens.add(item.id, token);
      this.#tables.administrators.add(commit.subscribers.blocked, 'blocked', item.id, item.created, 'gate');
      const detail = { sha256: item.sha256, bytes: item.bytes, notices: commit.mails.length };
      this.#tables.audit.append({ at: item.created, actor: 'gate', action: 'held', item: item.id, detail });
      return { id: item.id, duplicate: false };
    });
  }

  /** The item to which a message sent again belongs. */
  repeatOf(repeatKey: string, now: number): string | undefined {
    return this.#tables.items.repeatOf(repeatKey, now - limits.quarantine.repeatWindowMs);
  }

  record(incident: Incident): void {
    this.#tables.write(() => this.#tables.incidents.insert(incident));
  }

  get(id: string): ItemDetail | undefined {
    const item = this.#tables.items.get(id);
    if (item === undefined) return undefined;
    const mails = this.#tables.outbox.ofItem(id).map(({ message, ...mail }) => mail);
    const audit = this.#tables.audit.ofItem(id);
    return {
      item,
      deliveries: this.#tables.items.deliveries(id),
      mails,
      audit,
      requests: this.#tables.tokens.requestsOf(id),
      decision: decisionOf(item.state, audit),
    };
  }

  list(state: ListedState | undefined, max: number): ListedItem[] {
    return this.#tables.items.list(state, max);
  }

  listIncidents(max: number): Incident[] {
    return this.#tables.incidents.list(max);
  }

  setIncident(
    id: string,
    status: IncidentStatus | undefined,
    text: string | undefined,
    by: string,
    now: number,
  ): Incident {
    return this.#tables.write(() => {
      const incident = this.#tables.incidents.get(id);
      if (incident === undefined) throw new GateError('not-found', `no incident ${id}`, { temporary: false });
      const next = status ?? incident.status;
      const comments = text === undefined ? incident.comments : [...incident.comments, { at: now, by, text }];
      this.#tables.incidents.update(id, next, comments);
      const detail = { from: incident.status, to: next, commented: text !== undefined, incident: id };
      this.#tables.audit.append({ at: now, actor: by, action: 'incident', item: incident.item, detail });
      return { ...incident, status: next, comments };
    });
  }

  sealedItems(): string[] {
    return [...this.#tables.items.sealed()];
  }

  audit(entry: AuditEntry): void {
    this.#tables.write(() => this.#tables.audit.append(entry));
  }

  firstBrokenAudit(): number | undefined {
    return this.#tables.audit.firstBroken();
  }
}
