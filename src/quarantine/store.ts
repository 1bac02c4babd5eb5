/**
 * The quarantine's database as a set of transactions: every change of state, with its audit row and its
 * administrators' events, happens here or not at all. It is synchronous; the daemon calls it through one thread, the
 * command line directly. It knows no files and no network.
 */
import type { Incident, IncidentStatus } from '../incident/incident.js';
import type { AdministratorEvent } from '../notice/settings.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { AdministratorTable, type OpenEvent } from './administrator-table.js';
import { type AuditEntry, type AuditRow, AuditTable } from './audit.js';
import { ConsoleStore } from './console-store.js';
import { CounterStore } from './counter-store.js';
import { type Database, openDatabase } from './database.js';
import type { RecipientReply } from './deliver.js';
import { ImapStore } from './imap-store.js';
import { IncidentTable } from './incident-table.js';
import type { DeliveryRecord, Item, ItemState } from './item.js';
import { ItemTable } from './item-table.js';
import { LeaseStore } from './lease-store.js';
import { type NewMail, type OutboxMail, OutboxTable, retryDelayMs } from './outbox-table.js';
import { type PersonalView, personalView } from './personal-view.js';
import { SessionStore } from './session-store.js';
import { type NewToken, TokenTable } from './token-table.js';

/** Addresses of those administrators who ticked an event. */
export type Subscribers = Readonly<Record<AdministratorEvent, readonly string[]>>;

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
}

/** A release that is queued, or that was complete before. */
export type ReleaseTicket =
  | {
      readonly kind: 'queued';
      readonly mail: number;
      readonly attempts: number;
      readonly claimed: OutboxMail | undefined;
    }
  | { readonly kind: 'released' };

/** What came of one attempt to send a mail. */
export interface MailOutcome {
  readonly kind: 'sent' | 'temporary' | 'permanent';
  readonly reply: string;
}

export type SettledState = 'sent' | 'queued' | 'failed';

export interface Digest {
  readonly administrator: string;
  readonly lastEvent: number;
  readonly listener: string;
  readonly events: readonly (OpenEvent & { readonly detail: Item })[];
  readonly omitted: number;
}

function bounded(reply: string): string {
  return reply.slice(0, limits.quarantine.replyCharacters);
}

export class Store {
  readonly #database: Database;
  readonly #items: ItemTable;
  readonly #incidents: IncidentTable;
  readonly #outbox: OutboxTable;
  readonly #tokens: TokenTable;
  readonly #administrators: AdministratorTable;
  readonly #audit: AuditTable;
  /** methods of their own, called by name like those of this class */
  readonly imap: ImapStore;
  readonly leases: LeaseStore;
  readonly counters: CounterStore;
  readonly sessions: SessionStore;
  readonly console: ConsoleStore;

  private constructor(database: Database) {
    this.#database = database;
    this.#items = new ItemTable(database);
    this.#incidents = new IncidentTable(database);
    this.#outbox = new OutboxTable(database);
    this.#tokens = new TokenTable(database);
    this.#administrators = new AdministratorTable(database);
    this.#audit = new AuditTable(database);
    this.imap = new ImapStore(database, {
      items: this.#items,
      incidents: this.#incidents,
      tokens: this.#tokens,
      administrators: this.#administrators,
      audit: this.#audit,
    });
    this.leases = new LeaseStore(database, this.#outbox);
    this.counters = new CounterStore(database);
    this.sessions = new SessionStore(database);
    this.console = new ConsoleStore(database);
  }

  static open(dataDirectory: string): Store {
    return new Store(openDatabase(dataDirectory));
  }

  close(): void {
    this.#database.close();
  }

  /** IMMEDIATE takes the write lock before the first read, so that what was read still holds when it is written. */
  #write<Result>(work: () => Result): Result {
    return this.#database.transaction(work).immediate();
  }

  #item(id: string): Item {
    const item = this.#items.get(id);
    if (item === undefined) throw new GateError('not-found', `no item ${id} in the quarantine`, { temporary: false });
    return item;
  }

  /** Everything that a 250 for a blocked message promises, in one transaction. */
  hold(commit: HoldCommit): { readonly id: string; readonly duplicate: boolean } {
    return this.#write(() => {
      const { item } = commit;
      const known = this.repeatOf(commit.repeatKey, item.created);
      if (known !== undefined) return { id: known, duplicate: true };
      this.#items.insert(item, commit.repeatKey);
      this.#incidents.insert(commit.incident);
      for (const mail of commit.mails) this.#outbox.add(mail, item.created);
      for (const token of commit.tokens) this.#tokens.add(item.id, token);
      this.#administrators.add(commit.subscribers.blocked, 'blocked', item.id, item.created, 'gate');
      const detail = { sha256: item.sha256, bytes: item.bytes, notices: commit.mails.length };
      this.#audit.append({ at: item.created, actor: 'gate', action: 'held', item: item.id, detail });
      return { id: item.id, duplicate: false };
    });
  }

  /** The item to which a message sent again belongs. */
  repeatOf(repeatKey: string, now: number): string | undefined {
    return this.#items.repeatOf(repeatKey, now - limits.quarantine.repeatWindowMs);
  }

  record(incident: Incident): void {
    this.#write(() => this.#incidents.insert(incident));
  }

  get(id: string): ItemDetail | undefined {
    const item = this.#items.get(id);
    if (item === undefined) return undefined;
    const mails = this.#outbox.ofItem(id).map(({ message, ...mail }) => mail);
    return { item, deliveries: this.#items.deliveries(id), mails, audit: this.#audit.ofItem(id) };
  }

  list(state: ItemState | undefined, max: number): Item[] {
    return this.#items.list(state, max);
  }

  listIncidents(max: number): Incident[] {
    return this.#incidents.list(max);
  }

  setIncident(
    id: string,
    status: IncidentStatus | undefined,
    text: string | undefined,
    by: string,
    now: number,
  ): Incident {
    return this.#write(() => {
      const incident = this.#incidents.get(id);
      if (incident === undefined) throw new GateError('not-found', `no incident ${id}`, { temporary: false });
      const next = status ?? incident.status;
      const comments = text === undefined ? incident.comments : [...incident.comments, { at: now, by, text }];
      this.#incidents.update(id, next, comments);
      const detail = { from: incident.status, to: next, commented: text !== undefined, incident: id };
      this.#audit.append({ at: now, actor: by, action: 'incident', item: incident.item, detail });
      return { ...incident, status: next, comments };
    });
  }

  /** What the bearer of a token may see; undefined alike for a token that never was and one that grants nothing. */
  personalView(hash: Uint8Array, now: number): PersonalView | undefined {
    const token = this.#tokens.find(hash);
    return token === undefined ? undefined : personalView(token, this.#item(token.item), now);
  }

  /**
   * Asks for a release on behalf of a token's recipient; only a held item changes. Asking again, or after somebody
   * else did, is no error: `asked` says whether this call changed anything.
   */
  requestRelease(hash: Uint8Array, now: number): { readonly view: PersonalView | undefined; readonly asked: boolean } {
    return this.#write(() => {
      const token = this.#tokens.find(hash);
      const view = this.personalView(hash, now);
      if (token === undefined || view?.mayRequest !== true) return { view, asked: false };
      this.#items.setState(token.item, 'release-requested');
      this.#tokens.use(hash, now);
      const actor = `recipient:${token.recipient}`;
      this.#audit.append({ at: now, actor, action: 'release-requested', item: token.item, detail: {} });
      return { view: this.personalView(hash, now), asked: true };
    });
  }

  /**
   * Queues a release to the recipients who have not got it; asking again finds the one that is under way. The original
   * of a message withheld in a mailbox is still on its server, so that its release is complete with its state.
   * @param owner works on it at once: nobody else can claim it between queueing and this
   * @param subscribers are told of a release that is complete here
   */
  queueRelease(id: string, by: string, now: number, owner?: string, subscribers?: Subscribers): ReleaseTicket {
    return this.#write(() => {
      const item = this.#item(id);
      if (item.state === 'released') return { kind: 'released' };
      if (item.state === 'deleted' || item.state === 'expired') {
        throw new GateError('state-conflict', `item ${id} is ${item.state}: its content is gone`, { temporary: false });
      }
      if (item.protocol === 'imap') {
        this.#audit.append({ at: now, actor: by, action: 'release', item: id, detail: {} });
        this.#markReleased(id, subscribers?.released ?? [], now);
        return { kind: 'released' };
      }
      const open = this.#outbox.openRelease(id, now);
      if (open !== undefined) return this.#ticket(open.id, open.attempts, now, owner);
      for (const [position, record] of this.#items.deliveries(id).entries()) {
        if (record.status === 'failed') this.#items.setDelivery(id, position, { ...record, status: 'pending' });
      }
      const mail = this.#outbox.add(
        {
          kind: 'release',
          item: id,
          listener: item.listener,
          recipient: '',
          message: undefined,
          messageId: `release.${id}`,
        },
        now,
      );
      this.#audit.append({ at: now, actor: by, action: 'release', item: id, detail: { mail } });
      return this.#ticket(mail, 0, now, owner);
    });
  }

  #ticket(mail: number, attempts: number, now: number, owner: string | undefined): ReleaseTicket {
    const claimed = owner === undefined ? undefined : this.#outbox.claimOne(mail, now, owner);
    return { kind: 'queued', mail, attempts, claimed };
  }

  /** Marks an item deleted; the caller removes its file. Deleting it again is no error. False when it was gone before. */
  remove(id: string, state: 'deleted' | 'expired', by: string, now: number): boolean {
    return this.#write(() => {
      const item = this.#item(id);
      if (item.state === 'deleted' || item.state === 'expired') return false;
      if (this.#outbox.openRelease(id, now)?.leased === true) {
        throw new GateError('state-conflict', `item ${id} is being released at this moment: try again`);
      }
      this.#outbox.cancelRelease(id, `the item is ${state}`);
      this.#items.setState(id, state);
      this.#tokens.revokeOf(id, now);
      this.#audit.append({ at: now, actor: by, action: state, item: id, detail: { was: item.state } });
      return true;
    });
  }

  dueForExpiry(now: number, max: number): string[] {
    return this.#items.due(now, max);
  }

  sealedItems(): string[] {
    return [...this.#items.sealed()];
  }

  /** Records what became of a mail as a whole: a notice, an administrator's mail, a release that asked no next hop. */
  settleMail(id: number, outcome: MailOutcome, now: number): SettledState {
    return this.#write(() => {
      const mail = this.#outbox.get(id);
      if (mail === undefined || mail.state !== 'queued') return 'sent';
      const state = this.#settle(mail, outcome, now);
      if (state === 'failed') {
        const detail = { mail: id, kind: mail.kind, reply: bounded(outcome.reply) };
        this.#audit.append({ at: now, actor: 'gate', action: 'mail-failed', item: mail.item, detail });
      }
      return state;
    });
  }

  #settle(mail: OutboxMail, outcome: MailOutcome, now: number): SettledState {
    const reply = bounded(outcome.reply);
    if (outcome.kind === 'sent') {
      this.#outbox.finish(mail.id, 'sent', reply);
      return 'sent';
    }
    const tired = now - mail.created >= limits.outbox.giveUpMs;
    if (outcome.kind === 'permanent' || tired) {
      this.#outbox.finish(mail.id, 'failed', reply);
      return 'failed';
    }
    this.#outbox.retryLater(mail.id, now + retryDelayMs(mail.attempts), reply);
    return 'queued';
  }

  /** Records the next hop's answers, by position in the envelope, and closes the release when nobody is left. */
  settleRelease(
    mailId: number,
    replies: readonly { readonly position: number; readonly reply: RecipientReply }[],
    subscribers: Subscribers,
    now: number,
  ): SettledState {
    return this.#write(() => {
      const mail = this.#outbox.get(mailId);
      if (mail?.item === undefined || mail.state !== 'queued') return 'sent';
      const id = mail.item;
      for (const { position, reply } of replies) {
        const status = reply.delivered ? 'delivered' : reply.permanent ? 'failed' : 'pending';
        const { address, stage, code } = reply;
        this.#items.setDelivery(id, position, { address, status, stage, code, reply: bounded(reply.reply), at: now });
      }
      const records = this.#items.deliveries(id);
      const kind = records.some((record) => record.status === 'pending')
        ? 'temporary'
        : records.some((record) => record.status === 'failed')
          ? 'permanent'
          : 'sent';
      const distinct = [...new Set(replies.map(({ reply }) => bounded(reply.reply)))].slice(
        0,
        limits.quarantine.repliesMax,
      );
      const state = this.#settle(mail, { kind, reply: distinct.join(' | ') }, now);
      const detail = { mail: mailId, outcome: state, replies: distinct };
      this.#audit.append({ at: now, actor: 'gate', action: 'delivery', item: id, detail });
      if (state === 'sent') this.#markReleased(id, subscribers.released, now);
      return state;
    });
  }

  #markReleased(id: string, administrators: readonly string[], now: number): void {
    const asked = this.#audit.ofItem(id).findLast((row) => row.action === 'release');
    this.#items.setState(id, 'released');
    this.#tokens.revokeOf(id, now);
    this.#administrators.add(administrators, 'released', id, now, asked?.actor ?? 'gate');
    this.#audit.append({ at: now, actor: asked?.actor ?? 'gate', action: 'released', item: id, detail: {} });
  }

  audit(entry: AuditEntry): void {
    this.#write(() => this.#audit.append(entry));
  }

  firstBrokenAudit(): number | undefined {
    return this.#audit.firstBroken();
  }

  /** What the administrators who may be mailed now have to be told. */
  dueDigests(now: number): Digest[] {
    return this.#administrators.due(now).map((administrator) => {
      const open = this.#administrators.openEvents(administrator);
      const events = open.events.map((event) => ({ ...event, detail: this.#item(event.item) }));
      return {
        administrator,
        lastEvent: open.last,
        listener: events[0]?.detail.listener ?? '',
        events,
        omitted: open.count - events.length,
      };
    });
  }

  /** The digest becomes a mail and its events are told, or neither. */
  queueDigest(digest: Pick<Digest, 'administrator' | 'lastEvent'>, mail: NewMail, now: number): number {
    return this.#write(() => {
      const id = this.#outbox.add(mail, now);
      this.#administrators.markMailed(digest.administrator, digest.lastEvent, id, now);
      return id;
    });
  }
}
