/**
 * The mailboxes that are open now, each once for all sessions of its user, so that two clients see the same. Rows come
 * from the store when the first one opens it, and go from memory with the last one.
 */
import type { Census, MailboxIdentity } from '../imap/handler.js';
import { delimiters, type MailboxKey } from '../quarantine/mailbox-table.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import { ImapCensus } from './imap-census.js';
import { GroupCommit, type RowOwner } from './imap-commit.js';
import { NoticeMemory } from './imap-notices.js';
import { ImapRows } from './imap-rows.js';

/** One mailbox of one user, as long as somebody has it open. */
export class SharedMailbox implements RowOwner {
  /** undefined when nothing of it is remembered beyond its connection */
  readonly id: number | undefined;
  readonly name: string;
  readonly uidValidity: number;
  readonly rows: ImapRows;
  /** by UID: withholding under way; whoever judges the same message meanwhile waits for it */
  readonly withholding = new Map<number, Promise<unknown>>();

  constructor(id: number | undefined, { name, uidValidity }: MailboxIdentity, rows: ImapRows) {
    this.id = id;
    this.name = name;
    this.uidValidity = uidValidity;
    this.rows = rows;
  }
}

interface Entry {
  readonly opening: Promise<SharedMailbox>;
  readonly uidValidity: number;
  mailbox: SharedMailbox | undefined;
  sessions: number;
}

export interface MailboxesTools {
  readonly store: StoreAccess;
  readonly log: Logger;
  /** ms since 1970 */
  clock(): number;
}

/** What a session holds until it opens another mailbox or ends. */
export interface Lease {
  readonly mailbox: SharedMailbox;
  release(): void;
}

export class ImapMailboxes {
  readonly commit: GroupCommit;
  readonly notices: NoticeMemory;
  readonly #census: ImapCensus;
  readonly #tools: MailboxesTools;
  readonly #entries = new Map<string, Entry>();

  constructor(tools: MailboxesTools) {
    this.#tools = tools;
    this.commit = new GroupCommit(tools.store, tools.log);
    this.notices = new NoticeMemory(tools.store);
    this.#census = new ImapCensus(tools, (id, keeps) => this.#retain(id, keeps));
  }

  /** Rejects with `store-failed`. */
  async open(upstream: string, user: string, identity: MailboxIdentity): Promise<Lease> {
    const text = keyText(upstream, user, identity);
    // Between a look that finds nothing and the new entry nobody else may look.
    for (let found = this.#entries.get(text); found?.uidValidity === identity.uidValidity; ) {
      const shared = await this.#shared(text, found, identity);
      if (shared !== undefined) return shared;
      const next = this.#entries.get(text);
      found = next === found ? undefined : next;
    }
    const key = storeKey(upstream, user, identity);
    const opening = this.#tools.store
      .call('openMailbox', key, identity.uidNext, this.#tools.clock())
      .then(({ id, rows }) => new SharedMailbox(id, identity, new ImapRows(rows)));
    const entry: Entry = { opening, uidValidity: identity.uidValidity, mailbox: undefined, sessions: 0 };
    this.#entries.set(text, entry);
    try {
      return this.#lease(text, entry, await opening);
    } catch (error) {
      if (this.#entries.get(text) === entry) this.#entries.delete(text);
      throw error;
    }
  }

  /** The open one, unless this is another mailbox under its name: then the old one is left to those who hold it. */
  async #shared(text: string, entry: Entry, { uidNext }: MailboxIdentity): Promise<Lease | undefined> {
    entry.sessions += 1;
    let mailbox: SharedMailbox | undefined;
    try {
      mailbox = await entry.opening;
    } finally {
      entry.sessions -= 1;
    }
    if (this.#entries.get(text) !== entry) return undefined;
    const lost = uidNext !== undefined && mailbox.rows.highest >= uidNext;
    return lost ? undefined : this.#lease(text, entry, mailbox);
  }

  #lease(text: string, entry: Entry, mailbox: SharedMailbox): Lease {
    entry.mailbox = mailbox;
    entry.sessions += 1;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      entry.sessions -= 1;
      if (entry.sessions === 0 && this.#entries.get(text) === entry) this.#entries.delete(text);
    };
    return { mailbox, release };
  }

  /** @param messages how many the server says that there are */
  counted(upstream: string, user: string, identity: MailboxIdentity, mailbox: SharedMailbox, messages: number): void {
    this.#census.counted(ownerText(upstream, user), identity, mailbox, messages);
  }

  /** Whether it is to be asked which messages of this mailbox are left. */
  census(upstream: string, user: string, name: string): Census | undefined {
    return this.#census.due(ownerText(upstream, user), name);
  }

  /** Forgets rows in memory. */
  async #retain(id: number, keeps: (uid: number) => boolean): Promise<void> {
    for (const { opening } of [...this.#entries.values()]) {
      const mailbox = await opening.catch(() => undefined);
      if (mailbox?.id === id) mailbox.rows.retain(keeps);
    }
  }

  /** Deleted: whoever has it open can record nothing more in it. */
  async forget(upstream: string, user: string, name: string): Promise<void> {
    this.#close(upstream, user, name, false);
    await this.#tools.store.call('forgetMailbox', upstream, user, name, false);
  }

  /** What was shown in it is remembered under its new name; whoever has it open under the old one records nothing more. */
  async renamed(upstream: string, user: string, from: string, to: string): Promise<void> {
    this.#close(upstream, user, from, true);
    this.#close(upstream, user, to, true);
    await this.#tools.store.call('renameMailbox', upstream, user, from, to);
  }

  #close(upstream: string, user: string, name: string, below: boolean): void {
    for (const [text, { mailbox }] of this.#entries) {
      if (mailbox === undefined || !isForgotten(mailbox.name, name, below)) continue;
      if (text.startsWith(ownerText(upstream, user))) this.#entries.delete(text);
    }
  }

  /** What was shown of messages goes with their copies. */
  async copied(
    upstream: string,
    user: string,
    from: SharedMailbox,
    to: { readonly name: string; readonly uidValidity: number; readonly utf8: boolean },
    pairs: readonly (readonly [number, number])[],
  ): Promise<void> {
    if (from.id === undefined) return;
    const known = pairs.filter(([source]) => from.rows.find(source) !== -1);
    const key: MailboxKey = { upstream, user, mailboxId: undefined, ...to };
    for (let at = 0; at < known.length; at += limits.imapJudge.copyRows) {
      const some = known.slice(at, at + limits.imapJudge.copyRows);
      const target = await this.#tools.store.call('copyMessages', from.id, key, some, this.#tools.clock());
      for (const { mailbox } of this.#entries.values()) {
        if (mailbox?.id === target) copyRows(from.rows, mailbox.rows, some);
      }
    }
  }

  /** Drops what nobody opened since; to be called from time to time. */
  async expire(before: number): Promise<number> {
    const open = [...this.#entries.values()].flatMap(({ mailbox }) => mailbox?.id ?? []);
    let expired = 0;
    for (let more = true; more; ) {
      const step = await this.#tools.store.call('expireMailboxes', before, open, this.#tools.clock());
      expired += step.dropped;
      more = step.more;
    }
    if (expired > 0) this.#tools.log.info({ mailboxes: expired }, 'mailboxes that nobody opens are forgotten');
    return expired;
  }

  get openCount(): number {
    return this.#entries.size;
  }
}

/** Whether this is the mailbox of that name, or one below it. */
export function isForgotten(mailbox: string, name: string, below: boolean): boolean {
  if (mailbox === name) return true;
  return below && mailbox.startsWith(name) && delimiters.includes(mailbox.charAt(name.length));
}

export function copyRows(from: ImapRows, to: ImapRows, pairs: readonly (readonly [number, number])[]): void {
  for (const [source, target] of pairs) {
    const slot = from.find(source);
    if (slot === -1) continue;
    to.set(target, from.state(slot), from.bytes(slot), from.revision(slot), from.notice(slot));
  }
}

/** JSON, so that no name can be taken for two others. */
function ownerText(upstream: string, user: string): string {
  return JSON.stringify([upstream, user]);
}

function keyText(upstream: string, user: string, { mailboxId, name, utf8 }: MailboxIdentity): string {
  const mailbox = mailboxId === undefined ? ['name', name] : ['id', mailboxId];
  return ownerText(upstream, user) + JSON.stringify([...mailbox, utf8]);
}

function storeKey(upstream: string, user: string, identity: MailboxIdentity): MailboxKey {
  const { mailboxId, name, utf8, uidValidity } = identity;
  if (user === '') throw new GateError('store-failed', 'a mailbox without an owner is not kept');
  return { upstream, user, mailboxId, name, utf8, uidValidity };
}
