/**
 * Withholding a message that lies in a mailbox: its original is sealed once, its notice written once, and every user is
 * told of it once, however often and in how many mailboxes it is found. It knows mailboxes only as rows.
 */
import { GateError } from '../runtime/errors.js';
import type { HoldRequest } from './hold.js';
import { incidentOf, newItem, subscribersOf } from './holding.js';
import type { FreshNotice, Withheld, WithholdCommit } from './imap-store.js';
import { type Item, newItemId } from './item.js';
import { noticeFacts } from './personal-view.js';
import { mailboxReaders, newToken, tokenHash } from './token-table.js';
import type { Vault } from './vault.js';

const dayMs = 86_400_000;

export interface WithholdRequest extends Omit<HoldRequest, 'protocol' | 'notify'> {
  /** `host:port` */
  readonly upstream: string;
  /** empty when he is not known */
  readonly user: string;
  /** lower-case hex SHA-256 of the message without the trace fields on top */
  readonly coreSha256: string;
  readonly row: WithholdCommit['row'];
  /** an item of which this message is a copy, with other trace fields on top or the same */
  readonly copyOf: string | undefined;
  /** where readers ask by mail; empty for none */
  readonly releaseRequestAddress: string;
}

export class MailboxQuarantine {
  readonly #vault: Vault;
  /** by upstream and digest: the work that the next one for the same message waits for */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /**
   * Resolves when a power cut can no longer lose the original, the notice and the row. Rejects with `seal-failed` or
   * `store-failed`, and then the message must not be shown.
   */
  async withhold(request: WithholdRequest): Promise<Withheld> {
    const key = `${request.upstream} ${request.sha256}`;
    const before = this.#underWay.get(key) ?? Promise.resolve();
    // Whoever comes second finds the item of the first; a failure of the first is his alone.
    const work = before.catch(() => undefined).then(() => this.#withhold(request));
    this.#underWay.set(key, work);
    try {
      return await work;
    } finally {
      if (this.#underWay.get(key) === work) this.#underWay.delete(key);
    }
  }

  async #withhold(request: WithholdRequest): Promise<Withheld> {
    const { store, blobs } = this.#vault;
    const known = await store.call('noticeOf', request.upstream, request.sha256);
    if (known !== undefined) {
      const { item, state } = known;
      // A withheld message can be given to those who never saw it only as long as somebody keeps it.
      const wanted = state !== 'deleted' && state !== 'released';
      if (wanted && !blobs.has(item)) await this.#sealAgain(item, request);
      const until = this.#vault.clock() + this.#vault.policy.retentionDays * dayMs;
      const keptUntil = wanted && blobs.has(item) ? until : undefined;
      return store.call('withhold', { ...this.#commit(request), keptUntil });
    }
    if (request.copyOf === undefined) return this.#hold(request);
    const { item } = await this.#vault.detail(request.copyOf);
    return store.call('withhold', { ...this.#commit(request), fresh: await this.#notice(item, item.id, request) });
  }

  /** The digest of a copy with other trace fields than the item's own is another one. */
  async #sealAgain(item: string, request: WithholdRequest): Promise<void> {
    const { item: known } = await this.#vault.detail(item);
    if (known.sha256 !== request.sha256) return;
    await this.#vault.blobs.seal(item, request.source, request.sha256);
  }

  async #hold(request: WithholdRequest): Promise<Withheld> {
    const { store, blobs, policy, clock } = this.#vault;
    const id = newItemId();
    const blobBytes = await blobs.seal(id, request.source, request.sha256);
    try {
      const item = newItem(id, { ...request, protocol: 'imap', notify: false }, blobBytes, policy, clock());
      const fresh = await this.#notice(item, item, request);
      const result = await store.call('withhold', { ...this.#commit(request), fresh });
      if (result.kind !== 'notice' || !result.created) this.#vault.discard(id);
      else this.#vault.onQueued?.();
      return result;
    } catch (error) {
      // As with mail held over SMTP: the file may go only when the row is known not to be there.
      const row = await store.call('get', id).catch(() => 'unknown' as const);
      if (row === undefined) this.#vault.discard(id);
      throw error;
    }
  }

  #commit(request: WithholdRequest): WithholdCommit {
    const { policy, clock } = this.#vault;
    const { upstream, user, sha256, coreSha256, row } = request;
    const now = clock();
    return {
      upstream,
      user,
      sha256,
      coreSha256,
      bytes: request.source.length,
      row,
      incident: incidentOf(newItemId(), undefined, 'block', { ...request, protocol: 'imap' }, now),
      subscribers: subscribersOf(policy),
      fresh: undefined,
      keptUntil: undefined,
      now,
    };
  }

  /** Names no reader, because all of them see the same bytes; its link may ask for a release and nothing else. */
  async #notice(item: Item, held: Item | string, request: WithholdRequest): Promise<FreshNotice> {
    const { blobs, policy } = this.#vault;
    const link = newLink(item, policy.publicUrl);
    const address = request.releaseRequestAddress;
    const settings = address === '' ? policy.notice : { ...policy.notice, releaseRequestAddress: address };
    const [notice] = await blobs.renderNotices(settings, [noticeFacts(item, '', link?.url)]);
    if (notice === undefined) throw new GateError('store-failed', 'a notice was not rendered');
    return { message: notice.eml, token: link?.token, item: held };
  }
}

function newLink(item: Item, publicUrl: string | undefined) {
  if (publicUrl === undefined) return undefined;
  const token = newToken();
  // The notice never changes, so its link is good as long as the item is kept.
  const entry = {
    hash: tokenHash(token),
    recipient: mailboxReaders,
    action: 'request' as const,
    expires: item.expires,
  };
  return { url: `${publicUrl.replace(/\/+$/, '')}/q/${token}`, token: entry };
}
