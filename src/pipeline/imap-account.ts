/** One user of one server for as long as his connection lasts: the mailboxes that he opens, copies from and drops. */
import type { Account, Census, Mailbox, MailboxIdentity, ReleasedCopy, SwapStep } from '../imap/handler.js';
import type { ReleasedRow } from '../quarantine/imap-notice-table.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { SelectedMailbox } from './imap-mailbox.js';
import { copyRows, isForgotten, type Lease, SharedMailbox } from './imap-mailboxes.js';
import type { PolicyRevisions } from './imap-revisions.js';
import { ImapRows } from './imap-rows.js';
import type { ImapServices, Reader } from './imap-services.js';

/** A user who is known: what he was shown is remembered. */
export class KnownAccount implements Account {
  readonly #services: ImapServices;
  readonly #reader: Reader;
  readonly #user: string;
  readonly #revisions: PolicyRevisions;
  #lease: Lease | undefined;
  #utf8 = false;
  #closed = false;

  constructor(services: ImapServices, reader: Reader, user: string, revisions: PolicyRevisions) {
    this.#services = services;
    this.#reader = reader;
    this.#user = user;
    this.#revisions = revisions;
  }

  async open(identity: MailboxIdentity, messages?: number): Promise<Mailbox> {
    const { mailboxes } = this.#services;
    const { upstream } = this.#reader;
    const lease = await mailboxes.open(upstream, this.#user, identity);
    if (messages !== undefined) mailboxes.counted(upstream, this.#user, identity, lease.mailbox, messages);
    this.#lease?.release();
    this.#lease = lease;
    this.#utf8 = identity.utf8;
    if (this.#closed) lease.release();
    return new SelectedMailbox(this.#services, this.#reader, this.#revisions, identity, lease.mailbox);
  }

  async forget(name: string): Promise<void> {
    await this.#services.mailboxes.forget(this.#reader.upstream, this.#user, name);
  }

  async renamed(from: string, to: string): Promise<void> {
    await this.#services.mailboxes.renamed(this.#reader.upstream, this.#user, from, to);
  }

  async copied(
    from: Mailbox,
    to: Pick<MailboxIdentity, 'name' | 'uidValidity'>,
    pairs: readonly (readonly [number, number])[],
  ): Promise<void> {
    if (!(from instanceof SelectedMailbox)) return;
    const target = { name: to.name, uidValidity: to.uidValidity, utf8: this.#utf8 };
    await this.#services.mailboxes.copied(this.#reader.upstream, this.#user, from.shared, target, pairs);
  }

  async releases(name: string): Promise<readonly ReleasedCopy[]> {
    const { store } = this.#services;
    const rows = await store.call('releasedMessages', this.#reader.upstream, this.#user, name);
    return rows.map((row) => new StoredSwap(store, row));
  }

  census(name: string): Census | undefined {
    return this.#services.mailboxes.census(this.#reader.upstream, this.#user, name);
  }

  close(): void {
    this.#closed = true;
    this.#lease?.release();
    this.#lease = undefined;
  }
}

class StoredSwap implements ReleasedCopy {
  readonly uidValidity: number;
  readonly uid: number;
  readonly bytes: number;
  readonly sha256: string;
  step: SwapStep;
  uidNextBefore: number | undefined;
  copyUid: number | undefined;
  readonly #store: StoreAccess;
  readonly #mailbox: number;

  constructor(store: StoreAccess, row: ReleasedRow) {
    this.#store = store;
    this.#mailbox = row.mailbox;
    this.uidValidity = row.uidValidity;
    this.uid = row.uid;
    this.bytes = row.bytes;
    this.sha256 = row.sha256;
    this.step = row.step;
    this.uidNextBefore = row.uidNextBefore;
    this.copyUid = row.copyUid;
  }

  async advance(
    step: SwapStep,
    facts: { readonly uidNextBefore?: number; readonly copyUid?: number } = {},
  ): Promise<void> {
    const { uidNextBefore, copyUid } = facts;
    await this.#store.call('advanceSwap', { mailbox: this.#mailbox, uid: this.uid, step, uidNextBefore, copyUid });
    this.step = step;
    this.uidNextBefore = uidNextBefore ?? this.uidNextBefore;
    this.copyUid = copyUid ?? this.copyUid;
  }
}

/** Nobody knows who he is: what he is shown is remembered as long as his connection lasts, the notices for ever. */
export class UnknownAccount implements Account {
  readonly #services: ImapServices;
  readonly #reader: Reader;
  readonly #revisions: PolicyRevisions;
  readonly #mailboxes = new Map<string, SharedMailbox>();

  constructor(services: ImapServices, reader: Reader, revisions: PolicyRevisions) {
    this.#services = services;
    this.#reader = reader;
    this.#revisions = revisions;
  }

  async open(identity: MailboxIdentity): Promise<Mailbox> {
    const key = keyOf(identity);
    let shared = this.#mailboxes.get(key);
    const { uidNext } = identity;
    if (shared === undefined || (uidNext !== undefined && shared.rows.highest >= uidNext)) {
      shared = new SharedMailbox(undefined, identity, new ImapRows());
      this.#mailboxes.set(key, shared);
    }
    return new SelectedMailbox(this.#services, this.#reader, this.#revisions, identity, shared);
  }

  async forget(name: string): Promise<void> {
    this.#forget(name, false);
  }

  async renamed(from: string, to: string): Promise<void> {
    this.#forget(from, true);
    this.#forget(to, true);
  }

  #forget(name: string, below: boolean): void {
    for (const [key, mailbox] of this.#mailboxes) {
      if (isForgotten(mailbox.name, name, below)) this.#mailboxes.delete(key);
    }
  }

  async copied(
    from: Mailbox,
    to: Pick<MailboxIdentity, 'name' | 'uidValidity'>,
    pairs: readonly (readonly [number, number])[],
  ): Promise<void> {
    const target = this.#mailboxes.get(keyOf({ ...to, utf8: from.identity.utf8 }));
    if (from instanceof SelectedMailbox && target !== undefined) copyRows(from.shared.rows, target.rows, pairs);
  }

  async releases(): Promise<readonly ReleasedCopy[]> {
    return [];
  }

  census(): undefined {
    return undefined;
  }

  close(): void {
    this.#mailboxes.clear();
  }
}

function keyOf({ name, uidValidity, utf8 }: Pick<MailboxIdentity, 'name' | 'uidValidity' | 'utf8'>): string {
  return JSON.stringify([name, uidValidity, utf8]);
}
