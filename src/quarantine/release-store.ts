/**
 * Releases in the store: how one is queued, what a mail server's answers make of it, and when it is complete. The same
 * for other mail of ours, as far as one answer settles it.
 */
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Subscribers } from './administrator-table.js';
import type { RecipientReply } from './deliver.js';
import type { DeliveryRecord, Item } from './item.js';
import { type OutboxMail, type ReleaseForm, retryDelayMs } from './outbox-table.js';
import { isOver } from './personal-view.js';
import type { StoreTables } from './store-tables.js';

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

/** Whether a message can be released in a form. */
export function fitsForm({ bytes }: Pick<Item, 'bytes'>, releaseAs: ReleaseForm): boolean {
  return releaseAs === 'original' || bytes <= limits.parcel.messageBytes;
}

function deliveredCount(records: readonly DeliveryRecord[]): number {
  return records.filter(({ status }) => status === 'delivered').length;
}

function bounded(reply: string): string {
  return reply.slice(0, limits.quarantine.replyCharacters);
}

export class ReleaseStore {
  readonly #tables: StoreTables;

  constructor(tables: StoreTables) {
    this.#tables = tables;
  }

  /**
   * Queues a release to the recipients who have not got it; asking again finds the one that is under way. Who wants an
   * archive is refused where the message itself is already on its way. The original of a message withheld in a mailbox
   * is still on its server, so that its release is complete with its state, and never anything but the original.
   * @param owner works on it at once: nobody else can claim it between queueing and this
   * @param subscribers are told of a release that is complete here
   */
  queueRelease(
    id: string,
    by: string,
    now: number,
    owner?: string,
    subscribers?: Subscribers,
    releaseAs: ReleaseForm = 'original',
  ): ReleaseTicket {
    const { items, outbox, audit } = this.#tables;
    return this.#tables.write(() => {
      const item = this.#tables.item(id);
      if (item.state === 'released') return { kind: 'released' };
      if (isOver(item.state)) {
        throw new GateError('state-conflict', `item ${id} is ${item.state}: its content is gone`, { temporary: false });
      }
      if (item.protocol === 'imap') {
        audit.append({ at: now, actor: by, action: 'release', item: id, detail: {} });
        this.#markReleased(id, subscribers?.released ?? [], now);
        return { kind: 'released' };
      }
      const open = outbox.openRelease(id, now);
      if (open !== undefined && releaseAs === 'zip' && open.releaseAs === 'original') {
        const why = 'it is being released as it came already; release the original to try that at once';
        throw new GateError('state-conflict', `item ${id} cannot be released as ZIP: ${why}`, { temporary: false });
      }
      if (open !== undefined) return this.#ticket(open.id, open.attempts, now, owner);
      for (const [position, record] of items.deliveries(id).entries()) {
        if (record.status === 'failed') items.setDelivery(id, position, { ...record, status: 'pending' });
      }
      if (!fitsForm(item, releaseAs)) {
        const why = `it has ${item.bytes} bytes, and at most ${limits.parcel.messageBytes} are put into an archive`;
        throw new GateError('state-conflict', `item ${id} cannot be released as ZIP: ${why}; release the original`, {
          temporary: false,
        });
      }
      const { listener } = item;
      const facts = { kind: 'release', item: id, listener, recipient: '', message: undefined, releaseAs } as const;
      const mail = outbox.add({ ...facts, messageId: `release.${id}` }, now);
      audit.append({ at: now, actor: by, action: 'release', item: id, detail: { mail, as: releaseAs } });
      return this.#ticket(mail, 0, now, owner);
    });
  }

  /** Lower-case hex digest of what is about to be sent in place of an original. */
  recordParcel(item: string, bytes: number, sha256: string): void {
    this.#tables.write(() => this.#tables.items.addParcel(item, bytes, sha256));
  }

  #ticket(mail: number, attempts: number, now: number, owner: string | undefined): ReleaseTicket {
    const claimed = owner === undefined ? undefined : this.#tables.outbox.claimOne(mail, now, owner);
    return { kind: 'queued', mail, attempts, claimed };
  }

  /** Records what became of a mail as a whole: a notice, an administrator's mail, a release that asked no next hop. */
  settleMail(id: number, outcome: MailOutcome, now: number): SettledState {
    return this.#tables.write(() => {
      const mail = this.#tables.outbox.get(id);
      if (mail === undefined || mail.state !== 'queued') return 'sent';
      const state = this.#settle(mail, outcome, now);
      if (state === 'failed') {
        const detail = { mail: id, kind: mail.kind, reply: bounded(outcome.reply) };
        this.#tables.audit.append({ at: now, actor: 'gate', action: 'mail-failed', item: mail.item, detail });
      }
      return state;
    });
  }

  #settle(mail: OutboxMail, outcome: MailOutcome, now: number): SettledState {
    const { outbox } = this.#tables;
    const reply = bounded(outcome.reply);
    if (outcome.kind === 'sent') {
      outbox.finish(mail.id, 'sent', reply);
      return 'sent';
    }
    const tired = now - mail.created >= limits.outbox.giveUpMs;
    if (outcome.kind === 'permanent' || tired) {
      outbox.finish(mail.id, 'failed', reply);
      return 'failed';
    }
    outbox.retryLater(mail.id, now + retryDelayMs(mail.attempts), reply);
    return 'queued';
  }

  /** Records the next hop's answers, by position in the envelope, and closes the release when nobody is left. */
  settleRelease(
    mailId: number,
    replies: readonly { readonly position: number; readonly reply: RecipientReply }[],
    subscribers: Subscribers,
    now: number,
  ): SettledState {
    const { items, outbox, audit } = this.#tables;
    return this.#tables.write(() => {
      const mail = outbox.get(mailId);
      if (mail?.item === undefined || mail.state !== 'queued') return 'sent';
      const id = mail.item;
      const had = deliveredCount(items.deliveries(id));
      for (const { position, reply } of replies) {
        const status = reply.delivered ? 'delivered' : reply.permanent ? 'failed' : 'pending';
        const { address, stage, code } = reply;
        items.setDelivery(id, position, { address, status, stage, code, reply: bounded(reply.reply), at: now });
      }
      const records = items.deliveries(id);
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
      audit.append({ at: now, actor: 'gate', action: 'delivery', item: id, detail });
      const has = deliveredCount(records);
      // Who was told of the first copies knows; what is out is out, whatever becomes of the others.
      const news = had === 0 ? subscribers.released : [];
      if (state === 'sent') this.#markReleased(id, news, now);
      else if (had === 0 && has > 0) this.#markPartlyReleased(id, news, { delivered: has, of: records.length }, now);
      return state;
    });
  }

  #releasedBy(id: string): string {
    return this.#tables.audit.ofItem(id).findLast((row) => row.action === 'release')?.actor ?? 'gate';
  }

  /** The state stays what it was, so that the release can be tried again for those who have not got it. */
  #markPartlyReleased(
    id: string,
    administrators: readonly string[],
    detail: { readonly delivered: number; readonly of: number },
    now: number,
  ): void {
    const actor = this.#releasedBy(id);
    this.#tables.administrators.add(administrators, 'released', id, now, actor);
    this.#tables.audit.append({ at: now, actor, action: 'partly-released', item: id, detail });
  }

  /** A request that was denied before is answered again: what its author was told is not true any more. */
  #markReleased(id: string, administrators: readonly string[], now: number): void {
    const { items, tokens, audit } = this.#tables;
    const actor = this.#releasedBy(id);
    items.setState(id, 'released');
    tokens.revokeOf(id, now);
    this.#tables.administrators.add(administrators, 'released', id, now, actor);
    this.#tables.answerRequests(id, 'released', undefined, actor, now);
    audit.append({ at: now, actor, action: 'released', item: id, detail: {} });
  }
}
