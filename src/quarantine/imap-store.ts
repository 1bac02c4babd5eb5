/**
 * What the store does for mailboxes, as transactions: rows of what was shown, and everything that a notice in place of
 * a message promises. Like the store itself it is synchronous and knows no files.
 */
import type { Incident } from '../incident/incident.js';
import { GateError } from '../runtime/errors.js';
import type { Subscribers } from './administrator-table.js';
import type { Database } from './database.js';
import {
  type Ending,
  ImapNoticeTable,
  type KnownItem,
  type NoticeRow,
  type ReleasedRow,
  type SwapAdvance,
} from './imap-notice-table.js';
import type { Item } from './item.js';
import {
  type ExpireStep,
  type Exposure,
  type MailboxKey,
  MailboxTable,
  type PackedRows,
  type RowBatch,
} from './mailbox-table.js';
import type { StoreTables } from './store-tables.js';
import { mailboxReaders, type NewToken } from './token-table.js';

export interface OpenedMailbox {
  readonly id: number;
  readonly rows: PackedRows;
}

/** A message that is withheld in one mailbox. */
export interface WithholdCommit {
  readonly upstream: string;
  readonly user: string;
  /** of the original as it is in the mailbox */
  readonly sha256: string;
  /** of the same without the trace fields on top */
  readonly coreSha256: string;
  readonly bytes: number;
  /** undefined for a mailbox that is not remembered */
  readonly row: { readonly mailbox: number; readonly uid: number } | undefined;
  /** with an empty `item`, which is settled here */
  readonly incident: Incident;
  readonly subscribers: Subscribers;
  /** what is needed when no notice of this message is known */
  readonly fresh: FreshNotice | undefined;
  /** the sealed copy of an expired item was made again, and is kept until then */
  readonly keptUntil: number | undefined;
  readonly now: number;
}

export interface FreshNotice {
  readonly message: Uint8Array;
  readonly token: NewToken | undefined;
  /** a new item, or the identifier of one that holds this message already */
  readonly item: Item | string;
}

export type Withheld =
  | {
      readonly kind: 'notice';
      readonly item: string;
      readonly notice: number;
      /** undefined when there was no row to write */
      readonly exposure: Exposure | undefined;
      /** this call made the item */
      readonly created: boolean;
    }
  /** the original was released in the meantime */
  | { readonly kind: 'released'; readonly item: string }
  /** nothing was written: the mailbox was dropped, or the notice has gone */
  | { readonly kind: 'refused'; readonly why: string };

class Refusal extends Error {}

export class ImapStore {
  readonly #tables: StoreTables;
  readonly #mailboxes: MailboxTable;
  readonly #notices: ImapNoticeTable;

  constructor(database: Database, tables: StoreTables) {
    this.#tables = tables;
    this.#mailboxes = new MailboxTable(database);
    this.#notices = new ImapNoticeTable(database);
  }

  /** @param uidNext a mailbox in which it is not above all that is known has lost messages: what is known goes */
  openMailbox(key: MailboxKey, uidNext: number | undefined, now: number): OpenedMailbox {
    const id = this.#tables.write(() => {
      const entered = this.#mailboxes.enter(key, now);
      if (uidNext === undefined || this.#mailboxes.highestUid(entered) < uidNext) return entered;
      this.#mailboxes.drop(entered);
      return this.#mailboxes.enter(key, now);
    });
    return { id, rows: this.#mailboxes.rows(id) };
  }

  forgetMailbox(upstream: string, user: string, name: string, below: boolean): void {
    this.#tables.write(() => this.#mailboxes.dropName(upstream, user, name, below));
  }

  /**
   * Moves what is known of a mailbox and of those below it to the new name. INBOX keeps its name and loses its messages,
   * which get new UIDs (RFC 9051 §6.3.6): of it nothing is kept.
   */
  renameMailbox(upstream: string, user: string, from: string, to: string): void {
    this.#tables.write(() => {
      this.#mailboxes.dropName(upstream, user, to, true);
      if (from === 'INBOX') this.#mailboxes.dropName(upstream, user, from, false);
      else this.#mailboxes.moveName(upstream, user, from, to);
    });
  }

  /** Gives the positions of what was not taken. */
  keepMessages(batch: RowBatch): number[] {
    return this.#tables.write(() => this.#mailboxes.put(batch));
  }

  messageFacts(mailbox: number, uids: readonly number[]): (string | undefined)[] {
    return this.#mailboxes.facts(mailbox, uids);
  }

  reviseMessages(mailbox: number, uids: readonly number[], revisions: readonly number[]): void {
    this.#tables.write(() => this.#mailboxes.revise(mailbox, uids, revisions));
  }

  /** @param to only its name is known; gives its number */
  copyMessages(from: number, to: MailboxKey, pairs: readonly (readonly [number, number])[], now: number): number {
    return this.#tables.write(() => {
      const target = this.#mailboxes.enterByName(to, now);
      this.#mailboxes.copy(from, target, pairs);
      return target;
    });
  }

  imapNotice(id: number): { readonly item: string; readonly message: Uint8Array } | undefined {
    return this.#notices.message(id);
  }

  noticeOf(upstream: string, sha256: string): NoticeRow | undefined {
    return this.#notices.find(upstream, sha256);
  }

  lengthsOfItems(lengths: readonly number[]): number[] {
    return this.#notices.lengthsOfItems(lengths);
  }

  /** The item that a message is: by one of its endings, else by its core. */
  itemOfMessage(upstream: string, endings: readonly Ending[], coreSha256: string): KnownItem | undefined {
    const ending = this.#notices.itemOfEndings(upstream, endings);
    if (ending?.state === 'released') return ending;
    const core = this.#notices.itemOfCore(upstream, coreSha256);
    return core?.state === 'released' ? core : (ending ?? core);
  }

  /** Everything that a notice promises, in one transaction: item, notice, incident, administrators' events, row. */
  withhold(commit: WithholdCommit): Withheld {
    try {
      return this.#tables.write(() => this.#withhold(commit));
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'refused', why: error.message };
      throw error;
    }
  }

  #withhold(commit: WithholdCommit): Withheld {
    const { upstream, sha256, coreSha256, bytes, row, fresh, now } = commit;
    let known = this.#notices.find(upstream, sha256);
    let created = false;
    if (known === undefined) {
      if (fresh === undefined) throw new Refusal('its notice is not known');
      created = typeof fresh.item !== 'string';
      const item = typeof fresh.item === 'string' ? fresh.item : this.#hold(fresh.item, commit);
      const state = this.#tables.items.get(item)?.state;
      if (state === undefined || state === 'deleted' || state === 'expired') throw new Refusal(`item ${item} is gone`);
      if (state === 'released') return { kind: 'released', item };
      if (fresh.token !== undefined) this.#tables.tokens.add(item, fresh.token);
      known = { id: this.#notices.insert(upstream, { bytes, sha256 }, coreSha256, item, fresh.message), item, state };
    }
    const { item } = known;
    if (known.state === 'released') return { kind: 'released', item };
    if (known.state === 'expired' && commit.keptUntil !== undefined) {
      this.#tables.items.revive(item, commit.keptUntil);
      // The notice and its link are those of the first time.
      this.#tables.tokens.renew(item, mailboxReaders, commit.keptUntil);
      this.#tables.audit.append({ at: now, actor: 'gate', action: 'held-again', item, detail: { sha256 } });
    }
    const exposure = row === undefined ? undefined : this.#mailboxes.withhold(row.mailbox, row.uid, bytes, known.id);
    if (row !== undefined && exposure === undefined) throw new Refusal('the mailbox was dropped');
    this.#tell(commit, item);
    return { kind: 'notice', item, notice: known.id, exposure, created };
  }

  #hold(item: Item, { upstream, sha256 }: WithholdCommit): string {
    this.#tables.items.insert(item, `imap ${upstream} ${sha256}`);
    const detail = { sha256: item.sha256, bytes: item.bytes, upstream };
    this.#tables.audit.append({ at: item.created, actor: 'gate', action: 'held', item: item.id, detail });
    return item.id;
  }

  #tell({ upstream, sha256, user, incident, subscribers, now }: WithholdCommit, item: string): void {
    if (!this.#notices.tell(upstream, sha256, user)) return;
    this.#tables.incidents.insert({ ...incident, item });
    this.#tables.administrators.add(subscribers.blocked, 'blocked', item, now, 'gate');
  }

  releasedMessages(upstream: string, user: string, name: string): ReleasedRow[] {
    return this.#notices.released(upstream, user, name);
  }

  advanceSwap(advance: SwapAdvance): void {
    const done = this.#tables.write(() => this.#notices.advance(advance));
    if (!done) throw new GateError('not-found', 'the mailbox is not known any more');
  }

  /**
   * UIDs of what may be forgotten when its message is gone, some of them, in order.
   * @param after UID behind which they begin
   * @param below UID before which they end
   */
  forgettableMessages(mailbox: number, after: number, below: number, max: number): Uint32Array {
    return this.#mailboxes.forgettable(mailbox, after, below, max);
  }

  /** Their messages are gone. Gives how many were forgotten. */
  forgetMessages(mailbox: number, uids: Uint32Array): number {
    return this.#tables.write(() => this.#mailboxes.forget(mailbox, uids));
  }

  /** @param open are in use at this moment */
  expireMailboxes(before: number, open: readonly number[], now: number): ExpireStep {
    return this.#tables.write(() => {
      this.#mailboxes.touch(open, now);
      return this.#mailboxes.expire(before);
    });
  }
}
