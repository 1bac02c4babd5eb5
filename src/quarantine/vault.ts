/**
 * The quarantine as the rest of the gate sees it: hold, record, release, delete, expire. It joins the sealed files and
 * the database so that each step leaves something true on the disk; it sends nothing.
 */
import { mkdirSync } from 'node:fs';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { Blobs, type OpenedMessage } from './blobs.js';
import { type DirectoryLock, lockDirectory } from './database.js';
import type { HoldRequest, HoldResult, Quarantine } from './hold.js';
import { incidentOf, newItem, planNotices, recipientRules, subscribersOf } from './holding.js';
import { type Item, newItemId, repeatKey } from './item.js';
import type { Keys } from './keys.js';
import type { RecipientRules, TokenAnswer } from './lifecycle-store.js';
import type { NewMail, ReleaseForm } from './outbox-table.js';
import { Parcels } from './parcels.js';
import type { PersonalView } from './personal-view.js';
import { purgeRecords } from './purge.js';
import type { PurgeCounts } from './purge-store.js';
import { type Recovery, recover } from './recover.js';
import type { ReleaseTicket } from './release-store.js';
import type { Clock, QuarantineLog, QuarantinePolicy } from './settings.js';
import type { ItemDetail } from './store.js';
import { LocalStore, type StoreAccess, StoreThread } from './store-access.js';
import { tokenHash } from './token-table.js';

const dayMs = 86_400_000;

export interface VaultOptions {
  readonly dataDirectory: string;
  readonly keys: Keys;
  readonly policy: QuarantinePolicy;
  readonly clock: Clock;
  readonly log: QuarantineLog;
}

export class Vault implements Quarantine {
  readonly store: StoreAccess;
  readonly blobs: Blobs;
  readonly parcels: Parcels;
  /** called when mail was queued, so that nobody waits for the next poll */
  onQueued: (() => void) | undefined;
  readonly clock: Clock;
  readonly #log: QuarantineLog;
  readonly #lock: DirectoryLock | undefined;
  readonly #underWay = new Map<string, Promise<HoldResult>>();
  readonly #ending = new AbortController();
  #purging: Promise<PurgeCounts> | undefined;
  #policy: QuarantinePolicy;

  private constructor(options: VaultOptions, store: StoreAccess, lock: DirectoryLock | undefined) {
    this.store = store;
    this.blobs = new Blobs(options.dataDirectory, options.keys);
    this.parcels = new Parcels(this.blobs);
    this.#policy = options.policy;
    this.clock = options.clock;
    this.#log = options.log;
    this.#lock = lock;
  }

  /**
   * For the daemon: takes the directory, starts the database thread, puts right what the last end left behind.
   * Rejects with `directory-locked` when another daemon has the directory.
   */
  static async open(options: VaultOptions): Promise<{ readonly vault: Vault; readonly recovery: Recovery }> {
    mkdirSync(options.dataDirectory, { recursive: true, mode: 0o700 });
    const lock = lockDirectory(options.dataDirectory);
    let store: StoreThread | undefined;
    try {
      store = await StoreThread.open(options.dataDirectory);
      const vault = new Vault(options, store, lock);
      const recovery = await recover(vault.store, vault.blobs, options.log, options.clock());
      await vault.sweep();
      return { vault, recovery };
    } catch (error) {
      await store?.close();
      lock.release();
      throw error;
    }
  }

  /** For the command line: beside a running daemon or without one, with its own connection and no recovery. */
  static local(options: VaultOptions): Vault {
    mkdirSync(options.dataDirectory, { recursive: true, mode: 0o700 });
    return new Vault(options, new LocalStore(options.dataDirectory), undefined);
  }

  get policy(): QuarantinePolicy {
    return this.#policy;
  }

  /** The next message uses the new settings. */
  reload(policy: QuarantinePolicy): void {
    this.#policy = policy;
  }

  async hold(request: HoldRequest): Promise<HoldResult> {
    const key = repeatKey(request);
    const running = this.#underWay.get(key);
    // The same message on two connections at once: the second waits for the first, and fails if it fails.
    if (running !== undefined) return { ...(await running), duplicate: true };
    const work = this.#hold(request, key).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, work);
    return work;
  }

  async #hold(request: HoldRequest, key: string): Promise<HoldResult> {
    const known = await this.store.call('repeatOf', key, this.clock());
    if (known !== undefined) {
      // An answer of 250 promises the original, so one whose file was lost is sealed again under its old name.
      if (!this.blobs.has(known)) await this.blobs.seal(known, request.source, request.sha256);
      return { id: known, duplicate: true };
    }
    const id = newItemId();
    const blobBytes = await this.blobs.seal(id, request.source, request.sha256);
    try {
      const result = await this.#commit(id, blobBytes, key, request);
      if (result.duplicate) this.discard(id);
      else this.onQueued?.();
      return result;
    } catch (error) {
      // The database thread may have died between its commit and its answer. The file may only go when the row is
      // known not to be there; else the row would promise a message that we removed.
      const row = await this.store.call('get', id).catch(() => 'unknown' as const);
      if (row === undefined) this.discard(id);
      throw error;
    }
  }

  async #commit(id: string, blobBytes: number, key: string, request: HoldRequest): Promise<HoldResult> {
    const policy = this.#policy;
    const item = newItem(id, request, blobBytes, policy, this.clock());
    const plan = request.notify ? planNotices(item, policy) : { facts: [], tokens: [] };
    const notices = await this.blobs.renderNotices(policy.notice, plan.facts);
    const mails = plan.facts.map(({ recipient }, index): NewMail => {
      const notice = notices[index];
      if (notice === undefined) throw new GateError('store-failed', 'a notice was not rendered');
      const { eml, messageId } = notice;
      return { kind: 'notice', item: id, listener: request.listener, recipient, message: eml, messageId };
    });
    return this.store.call('hold', {
      item,
      repeatKey: key,
      incident: incidentOf(id, id, 'block', request, item.created),
      mails,
      tokens: plan.tokens,
      subscribers: subscribersOf(policy),
    });
  }

  /** Removes a sealed file that nobody was told of. The next start would remove it as well. */
  discard(id: string): void {
    try {
      this.blobs.remove(id);
    } catch (error) {
      this.#log('warn', 'a sealed file that is not needed could not be removed', {
        item: id,
        reason: messageOf(error),
      });
    }
  }

  async record(request: Parameters<Quarantine['record']>[0]): Promise<void> {
    await this.store.call('record', incidentOf(newItemId(), undefined, request.action, request, this.clock()));
  }

  /**
   * @param by who asks, for the audit table
   * @param owner who will work on it at once; without one it is left to the outbox
   */
  async release(
    id: string,
    by: string,
    owner?: string,
    options: { readonly as?: ReleaseForm | undefined } = {},
  ): Promise<ReleaseTicket> {
    const subscribers = subscribersOf(this.#policy);
    const form = options.as ?? this.#policy.releaseAs;
    const ticket = await this.store.call('queueRelease', id, by, this.clock(), owner, subscribers, form);
    this.onQueued?.();
    return ticket;
  }

  /**
   * Refuses what a recipient asked for. False when that was done before; rejects with `state-conflict` when nobody
   * asked, or the message is being released or is gone.
   * @param reason for the recipients who asked, in an administrator's words
   */
  async deny(id: string, by: string, reason?: string): Promise<boolean> {
    const denied = await this.store.call('denyRequest', id, by, this.clock(), reason);
    if (denied) this.onQueued?.();
    return denied;
  }

  /** The row first: a crash in between leaves a file that no row needs, which the next start removes. */
  async delete(id: string, by: string): Promise<void> {
    await this.store.call('remove', id, 'deleted', by, this.clock());
    this.blobs.remove(id);
    this.onQueued?.();
  }

  /** What the bearer of a link may see and do; undefined alike for a link that never was and one that is over. */
  async personalView(token: string): Promise<PersonalView | undefined> {
    return this.store.call('personalView', tokenHash(token), this.clock(), this.#rules);
  }

  /** Asks an administrator for the release, on behalf of a link's recipient. */
  async requestRelease(token: string): Promise<TokenAnswer> {
    return this.#told(await this.store.call('requestRelease', tokenHash(token), this.clock(), this.#rules));
  }

  /** Releases to all recipients, on behalf of one. */
  async releaseByToken(token: string): Promise<TokenAnswer> {
    return this.#told(await this.store.call('releaseByToken', tokenHash(token), this.clock(), this.#rules));
  }

  /** Deletes for all recipients, on behalf of one: the row first, as in `delete`. */
  async deleteByToken(token: string): Promise<TokenAnswer> {
    const answer = await this.store.call('deleteByToken', tokenHash(token), this.clock(), this.#rules);
    if (answer.view?.state === 'deleted') this.blobs.remove(answer.view.item);
    return this.#told(answer);
  }

  get #rules(): RecipientRules {
    return recipientRules(this.#policy);
  }

  #told(answer: TokenAnswer): TokenAnswer {
    if (answer.outcome === 'done') this.onQueued?.();
    return answer;
  }

  async detail(id: string): Promise<ItemDetail> {
    const detail = await this.store.call('get', id);
    if (detail === undefined) {
      throw new GateError('not-found', `no item ${id} in the quarantine: sluice quarantine list`, { temporary: false });
    }
    return detail;
  }

  async #present(id: string): Promise<Item> {
    const { item } = await this.detail(id);
    if (item.state === 'deleted' || item.state === 'expired') {
      throw new GateError('state-conflict', `item ${id} is ${item.state}: its content is gone`, { temporary: false });
    }
    return item;
  }

  /** The original, decrypted and verified as a whole. */
  async openItem(id: string): Promise<OpenedMessage> {
    return this.blobs.open(await this.#present(id));
  }

  /** The sealed file as it lies on the disk; any age program with the identity opens it. */
  async openSealed(id: string): Promise<OpenedMessage> {
    return this.blobs.openSealed((await this.#present(id)).id);
  }

  /** Expires what has been kept long enough; returns how many. To be called at start and every hour. */
  async sweep(): Promise<number> {
    const now = this.clock();
    let expired = 0;
    for (;;) {
      const due = await this.store.call('dueForExpiry', now, limits.quarantine.sweepBatch);
      for (const id of due) {
        if (!(await this.store.call('remove', id, 'expired', 'retention', now))) continue;
        expired += 1;
        this.blobs.remove(id);
      }
      if (due.length < limits.quarantine.sweepBatch) return expired;
    }
  }

  /** Forgets what was known long enough. To be called every hour; where there is much to do, the run before goes on. */
  purge(): Promise<PurgeCounts> {
    this.#purging ??= this.#purge().finally(() => {
      this.#purging = undefined;
    });
    return this.#purging;
  }

  async #purge(): Promise<PurgeCounts> {
    const started = performance.now();
    const since = this.clock() - this.#policy.recordDays * dayMs;
    const removed = await purgeRecords(this.store, since, this.#ending.signal);
    const ms = Math.round(performance.now() - started);
    if (removed.rows > 0) this.#log('info', 'old records are removed', { ...removed, ms });
    return removed;
  }

  /** What runs in the background comes to an end soon; the next start goes on with it. */
  end(): void {
    this.#ending.abort();
  }

  async close(): Promise<void> {
    this.end();
    await Promise.allSettled(this.#underWay.values());
    await this.parcels.close();
    await this.blobs.close();
    await this.store.close();
    this.#lock?.release();
  }
}
