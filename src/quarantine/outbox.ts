/**
 * The daemon's postman: takes due mail from the outbox, sends it, records the answer. It works on a bounded number at
 * a time, under leases, and is woken when something is queued. What a retry or a failure means is for the store.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { renderAdministratorMail } from '../notice/administrator-mail.js';
import { renderAnswer } from '../notice/answer.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { underLease } from './lease.js';
import type { SendMail } from './mailer.js';
import type { Digest } from './news-store.js';
import type { OutboxMail } from './outbox-table.js';
import { noticeFacts } from './personal-view.js';
import { newOwner } from './process-owner.js';
import { type ReleaseTools, runRelease } from './release.js';
import type { MailOutcome } from './release-store.js';
import type { QuarantinePolicy } from './settings.js';

export interface OutboxOptions extends ReleaseTools {
  readonly send: SendMail;
  /** ms between two looks at the table; mail queued by another process waits this long */
  readonly pollIntervalMs?: number;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #owner = newOwner();
  readonly #abort = new AbortController();
  readonly #working = new Set<Promise<void>>();
  #wake: (() => void) | undefined;
  #wanted = false;
  #loop: Promise<void> | undefined;
  #stopping = false;
  /** since the log of the database was emptied */
  #settled = false;
  #emptied = Number.NEGATIVE_INFINITY;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Looks at the table now instead of at the next poll. Many calls at once are one look. */
  wake(): void {
    this.#wanted = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#wanted = false;
      try {
        await this.#emptyLog();
        const taken = await this.#takeDue();
        if (taken > 0) continue;
      } catch (error) {
        this.#options.log('error', 'the outbox could not be read', { reason: messageOf(error) });
      }
      await this.#pause();
    }
  }

  /** A notice carries a token. Its row is overwritten when it is sent, and the log of the database must not keep it. */
  async #emptyLog(): Promise<void> {
    const { vault, clock } = this.#options;
    const now = clock();
    if (!this.#settled || Math.abs(now - this.#emptied) < limits.outbox.emptyLogMs) return;
    this.#emptied = now;
    this.#settled = false;
    this.#settled = !(await vault.store.call('emptyLog'));
  }

  /** Until woken (something was queued, or a delivery ended), or until the next poll. */
  async #pause(): Promise<void> {
    if (this.#wanted || this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.pollIntervalMs ?? limits.outbox.pollIntervalMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** One look at the table; resolves with the number of mails taken. */
  async #takeDue(): Promise<number> {
    await this.#queueDigests();
    await this.#queueAnswers();
    const room = Math.min(limits.outbox.claimMax, limits.outbox.concurrentDeliveries - this.#working.size);
    if (room <= 0) return 0;
    const { vault, clock } = this.#options;
    const mails = await vault.store.call('claim', clock(), this.#owner, room);
    for (const mail of mails) this.#supervise(mail);
    return mails.length;
  }

  /** Every delivery runs here: its failure is logged, its end makes room for the next. */
  #supervise(mail: OutboxMail): void {
    const { vault, clock, log } = this.#options;
    const work = underLease(mail.id, this.#owner, { store: vault.store, clock, log }, () => this.#workOn(mail))
      .catch((error: unknown) => {
        // The lease runs out and somebody takes the mail again.
        log('error', 'an outbox mail could not be worked on', { mail: mail.id, reason: messageOf(error) });
      })
      .finally(() => {
        this.#working.delete(work);
        this.#settled = true;
        this.wake();
      });
    this.#working.add(work);
  }

  async #workOn(mail: OutboxMail): Promise<void> {
    if (mail.kind === 'release') {
      await runRelease(mail, this.#options, this.#abort.signal);
      return;
    }
    const outcome = await this.#send(mail);
    const { vault, clock, log } = this.#options;
    const state = await vault.store.call('settleMail', mail.id, outcome, clock());
    const level = state === 'sent' ? 'info' : state === 'queued' ? 'warn' : 'error';
    log(level, `${mail.kind} mail ${state}`, {
      mail: mail.id,
      item: mail.item,
      reply: outcome.reply,
      addresses: [mail.recipient],
    });
  }

  async #send(mail: OutboxMail): Promise<MailOutcome> {
    const route = this.#options.routes(mail.kind, mail.listener);
    if (route === undefined)
      return { kind: 'temporary', reply: `no upstream is configured for listener ${mail.listener}` };
    if (mail.message === undefined) return { kind: 'permanent', reply: 'the mail has no content' };
    return this.#options.send(route, { recipient: mail.recipient, message: mail.message }, this.#abort.signal);
  }

  async #queueDigests(): Promise<void> {
    const { vault, clock } = this.#options;
    const digests = await vault.store.call('dueDigests', clock());
    for (const digest of digests) {
      await this.#attempt("an administrator's mail", async () => {
        const { eml, messageId } = await renderAdministratorMail(factsOf(digest, vault.policy));
        const { administrator, listener } = digest;
        const mail = {
          kind: 'administrator',
          item: undefined,
          listener,
          recipient: administrator,
          message: eml,
          messageId,
        } as const;
        await vault.store.call('queueDigest', digest, mail, clock());
      });
    }
  }

  /** What recipients are owed becomes mail, with the settings of this moment. */
  async #queueAnswers(): Promise<void> {
    const { vault, clock } = this.#options;
    const answers = await vault.store.call('dueAnswers');
    for (const { id, recipient, detail, answer, reason, at } of answers) {
      await this.#attempt('an answer to a recipient', async () => {
        const facts = { mail: noticeFacts(detail, recipient, undefined), answer, reason, at, number: id };
        const { eml, messageId } = await renderAnswer(vault.policy.notice, facts);
        const { id: item, listener } = detail;
        const mail = { kind: 'notice', item, listener, recipient, message: eml, messageId } as const;
        await vault.store.call('queueAnswer', id, mail, clock());
      });
    }
  }

  /** One that cannot be written must not hold up all other mail; it is tried again at the next look. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log('error', `${what} could not be queued`, { reason: messageOf(error) });
    }
  }

  /** Takes nothing new, waits a little for what is under way, then gives it up; its leases are free for the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    const done = Promise.allSettled(this.#working);
    await Promise.race([done, sleep(limits.quarantine.stopGraceMs, undefined, { ref: false })]);
    this.#abort.abort();
    // Whoever does not let go now is left behind: sent twice after the next start is better than a stop that hangs.
    await Promise.race([done, sleep(limits.quarantine.abortGraceMs, undefined, { ref: false })]);
    await this.#options.vault.store.call('releaseLeases', this.#owner);
  }
}

function factsOf(digest: Digest, policy: QuarantinePolicy): Parameters<typeof renderAdministratorMail>[0] {
  const events = digest.events.map(({ detail, ...event }) => ({
    ...event,
    mailFrom: detail.envelope.mailFrom,
    recipients: detail.envelope.recipients.map((recipient) => recipient.address),
    subject: detail.subject,
    threat: detail.verdict.threat,
    threatLevel: detail.verdict.threatLevel,
    findings: detail.facts.findings,
  }));
  const { notice, consoleUrl } = policy;
  const itemPages = consoleUrl === undefined ? undefined : `${consoleUrl.replace(/\/+$/, '')}/admin/quarantine/`;
  return { administrator: digest.administrator, from: notice.from, events, omitted: digest.omitted, itemPages };
}
