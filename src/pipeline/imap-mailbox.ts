/** A selected mailbox as one session sees it. How a message stands is answered from memory; what is shown is written down first. */
import { setImmediate as turn } from 'node:timers/promises';
import {
  type Intake,
  type Mailbox,
  type MailboxIdentity,
  type Standing,
  type StoredNotice,
  standings,
} from '../imap/handler.js';
import { exposures } from '../quarantine/mailbox-table.js';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { readFacts } from './imap-facts.js';
import { ImapIntake } from './imap-intake.js';
import { judgeRemembered } from './imap-judge.js';
import type { SharedMailbox } from './imap-mailboxes.js';
import type { PolicyRevisions } from './imap-revisions.js';
import { isUid } from './imap-rows.js';
import type { ImapServices, Reader } from './imap-services.js';

export class SelectedMailbox implements Mailbox {
  readonly identity: MailboxIdentity;
  readonly shared: SharedMailbox;
  readonly #services: ImapServices;
  readonly #reader: Reader;
  readonly #revisions: PolicyRevisions;

  constructor(
    services: ImapServices,
    reader: Reader,
    revisions: PolicyRevisions,
    identity: MailboxIdentity,
    shared: SharedMailbox,
  ) {
    this.#services = services;
    this.#reader = reader;
    this.#revisions = revisions;
    this.identity = identity;
    this.shared = shared;
  }

  get metadataWaits(): boolean {
    return this.#services.policy().imap.judge === 'before-metadata';
  }

  standing(uid: number): Standing {
    const { rows } = this.shared;
    const slot = rows.find(uid);
    switch (rows.state(slot)) {
      case exposures.original:
        return this.#revisions.isCurrent(rows.revision(slot)) ? standings.original : standings.unjudged;
      case exposures.notice:
        return standings.notice;
      case exposures.lateNotice:
        return standings.lateNotice;
      case exposures.metadata:
      case exposures.metadataAgain:
        return standings.metadata;
      default:
        return standings.unjudged;
    }
  }

  bytes(uid: number): number {
    const { rows } = this.shared;
    return rows.bytes(rows.find(uid));
  }

  notice(uid: number): StoredNotice | Promise<StoredNotice> {
    const { rows } = this.shared;
    const id = rows.notice(rows.find(uid));
    if (id === 0) throw new GateError('not-found', `message ${uid} does not stand as a notice`);
    return this.#services.mailboxes.notices.get(id);
  }

  receive(expectedBytes?: number): Intake {
    const { shared: mailbox } = this;
    const tools = { services: this.#services, reader: this.#reader, mailbox, revisions: this.#revisions };
    return new ImapIntake(tools, expectedBytes);
  }

  async settle(uids: readonly number[]): Promise<void> {
    const { rows, id } = this.shared;
    if (id === undefined) return;
    const inQuestion = uids.filter((uid) => {
      const state = rows.state(rows.find(uid));
      return state === exposures.original || state === exposures.metadataAgain;
    });
    const stale = inQuestion.filter(
      (uid) =>
        !this.#revisions.isCurrent(rows.revision(rows.find(uid))) ||
        rows.state(rows.find(uid)) === exposures.metadataAgain,
    );
    const { settleRows } = limits.imapJudge;
    try {
      for (let at = 0; at < stale.length; at += settleRows) await this.#settle(id, stale.slice(at, at + settleRows));
    } catch (error) {
      // Whatever is not settled here is judged from its content.
      this.#services.log.warn({ error: messageOf(error) }, 'messages cannot be judged again from what is remembered');
    }
  }

  async #settle(mailbox: number, uids: readonly number[]): Promise<void> {
    const { store } = this.#services;
    const { policy, plain, scored } = this.#revisions.now();
    const remembered = await store.call('messageFacts', mailbox, uids);
    const kept: number[] = [];
    const revisions: number[] = [];
    for (const [index, uid] of uids.entries()) {
      if (index % limits.imapJudge.settleSlice === limits.imapJudge.settleSlice - 1) await turn();
      const text = remembered[index];
      const message = text === undefined ? undefined : readFacts(text);
      if (message === undefined) continue;
      const judged = await judgeRemembered(this.#services, this.#reader, policy, message);
      const action = judged?.verdict.action;
      if (judged === undefined || action === 'block' || action === 'defer') continue;
      kept.push(uid);
      revisions.push(judged.scores.length > 0 ? scored : plain);
    }
    if (kept.length === 0) return;
    await store.call('reviseMessages', mailbox, kept, revisions);
    const { rows } = this.shared;
    for (const [index, uid] of kept.entries()) {
      const slot = rows.find(uid);
      const state = rows.state(slot);
      // Withheld by another session meanwhile, it stays so.
      if (state !== exposures.original && state !== exposures.metadataAgain) continue;
      rows.set(uid, exposures.original, rows.bytes(slot), revisions[index] ?? 0, 0);
    }
  }

  async showMetadata(uids: readonly number[]): Promise<void> {
    const { shared } = this;
    const { commit } = this.#services.mailboxes;
    const waits = new Set<Promise<boolean>>();
    for (const uid of uids) {
      if (!isUid(uid) || this.standing(uid) !== standings.unjudged) continue;
      const slot = shared.rows.find(uid);
      // What was shown in full once and is in question now is not forgotten by this.
      const state = slot === -1 ? exposures.metadata : exposures.metadataAgain;
      const [bytes, revision] = slot === -1 ? [0, 0] : [shared.rows.bytes(slot), shared.rows.revision(slot)];
      if (shared.id === undefined) shared.rows.set(uid, state, bytes, revision, 0);
      else waits.add(commit.add(shared, { uid, state, bytes, revision, facts: undefined }));
    }
    const kept = await Promise.all(waits);
    if (kept.includes(false)) throw new GateError('store-failed', 'what is shown cannot be recorded');
  }
}
