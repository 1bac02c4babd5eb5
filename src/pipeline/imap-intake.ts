/**
 * One message on its way to a client: taken in, judged, and its row written down before the first octet of anything is
 * shown. A message that is clean costs no promise of its own.
 */
import type { Intake, MessageFacts, Ruling } from '../imap/handler.js';
import type { Inspection } from '../inspect/inspection.js';
import { everyPart, type PartFacts } from '../inspect/report.js';
import type { LivePolicy } from '../policy/live-policy.js';
import { exposures } from '../quarantine/mailbox-table.js';
import { messageOf } from '../runtime/errors.js';
import type { Spool } from '../runtime/spool.js';
import { FileInquiry } from './file-inquiry.js';
import { writeFacts } from './imap-facts.js';
import { type JudgedMail, judgeMail } from './imap-judge.js';
import type { SharedMailbox } from './imap-mailboxes.js';
import { isRemarkable, logMessage, type MessageFate } from './imap-record.js';
import type { PolicyRevisions } from './imap-revisions.js';
import { isUid } from './imap-rows.js';
import type { ImapServices, Reader } from './imap-services.js';
import { tellOfReading } from './imap-told.js';
import { withholdMail } from './imap-withhold.js';
import { newMessageId } from './record.js';

export interface IntakeTools {
  readonly services: ImapServices;
  readonly reader: Reader;
  readonly mailbox: SharedMailbox;
  readonly revisions: PolicyRevisions;
}

const original: Ruling = { kind: 'original' };
/** of a row that could not be written, for whatever reason; the log has it */
const notRecorded: Ruling = { kind: 'defer', text: 'Cannot record what is shown, try again later' };

export class ImapIntake implements Intake {
  readonly spool: Spool;
  onDrain: (() => void) | undefined;
  readonly #tools: IntakeTools;
  readonly #inspection: Inspection;
  readonly #inquiry = new FileInquiry();
  #full = false;
  /** made when scores are waited for */
  #abort: AbortController | undefined;
  #closed = false;
  #judged = false;
  recorded = false;
  #id: string | undefined;

  constructor(tools: IntakeTools, expectedBytes?: number) {
    this.#tools = tools;
    this.spool = tools.services.spools.create(expectedBytes);
    this.#inspection = tools.services.inspector.start(this.spool);
  }

  write(chunk: Buffer): void {
    const { spool } = this;
    if (!spool.append(chunk)) {
      this.#full = true;
      spool.onDrain = () => {
        this.#full = false;
        this.onDrain?.();
      };
    }
    // What is too large to be judged is only kept.
    if (spool.length <= this.#tools.reader.listener.messageBytesMax) this.#inspection.write(chunk);
  }

  get full(): boolean {
    return this.#full;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onDrain = undefined;
    this.#abort?.abort();
    if (!this.#judged) this.#inspection.abort();
    this.spool.release();
  }

  judge(facts: MessageFacts): Ruling | Promise<Ruling> {
    const { services, reader, revisions } = this.#tools;
    const { spool } = this;
    const started = services.now();
    const { policy, plain, scored } = revisions.now();
    const inspection = this.#inspection;
    const failed = (error: unknown) => this.#failed(error);
    const signal = () => this.#signal();
    const mail = { services, reader, policy, spool, inspection, inquiry: this.#inquiry, signal, failed };
    const rule = (judged: JudgedMail): Ruling | Promise<Ruling> => {
      this.#judged = true;
      const judgeMs = services.now() - started;
      const told = !this.#closed;
      if (told) this.#count(judged, policy, judgeMs);
      const revision = judged.scores.length > 0 ? scored : plain;
      return this.#rule({ judged, policy, revision, uid: facts.uid, judgeMs, told });
    };
    spool.retain();
    let ruling: Ruling | Promise<Ruling> | undefined;
    let waiting = false;
    try {
      const judged = judgeMail(mail);
      if (judged instanceof Promise) {
        waiting = true;
        ruling = judged.then(rule).catch((error: unknown) => this.#broken(error));
        return ruling.finally(() => this.#done());
      }
      ruling = rule(judged);
      if (judged.verdict.action !== 'block' || !(ruling instanceof Promise)) return ruling;
      waiting = true;
      return ruling.catch((error: unknown) => this.#broken(error)).finally(() => this.#done());
    } catch (error) {
      return this.#broken(error);
    } finally {
      if (!waiting) this.#done();
    }
  }

  #count({ verdict }: JudgedMail, { logFallback }: LivePolicy, judgeMs: number): void {
    const { services, reader } = this.#tools;
    services.tally.count(reader.listener.name, verdict, this.spool.length, judgeMs);
    for (const reason of verdict.reasons) {
      if (reason.code !== 'fallback') continue;
      const { cause, action, detail } = reason;
      services.metrics.fallbacks.inc({ cause, action });
      if (logFallback) services.log.warn({ id: this.#messageId, cause, action, detail }, 'fallback');
    }
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#closed) this.#abort.abort();
    return this.#abort.signal;
  }

  #done(): void {
    this.#abort = undefined;
    this.spool.release();
  }

  get #messageId(): string {
    this.#id ??= newMessageId();
    return this.#id;
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { services, reader } = this.#tools;
    const { name: listener } = reader.listener;
    services.log.error({ id: this.#messageId, listener, error: messageOf(error) }, 'inspection failed');
  }

  /** Whatever we did not think of shows nothing. */
  #broken(error: unknown): Ruling {
    const { services, reader } = this.#tools;
    const { name: listener } = reader.listener;
    services.log.error({ id: this.#messageId, listener, err: error }, 'a message could not be judged');
    return { kind: 'defer', text: `Cannot judge the message, try again later (${this.#messageId})` };
  }

  #rule(ruled: Ruled): Ruling | Promise<Ruling> {
    const { verdict } = ruled.judged;
    // Octets that did not reach the spool cannot be shown, whatever the verdict. Nobody waits for what was closed.
    const lost = this.spool.failure !== undefined || this.#closed || !isUid(ruled.uid);
    if (lost || verdict.action === 'defer') return this.#defer(ruled);
    const { withholding } = this.#tools.mailbox;
    const running = withholding.get(ruled.uid);
    if (running !== undefined)
      return running.then(() => this.#rule(ruled)).catch((error: unknown) => this.#broken(error));
    return verdict.action === 'block' ? this.#withhold(ruled) : this.#show(ruled);
  }

  #defer(ruled: Ruled): Ruling {
    this.#settle(ruled, { outcome: 'deferred' });
    return { kind: 'defer', text: `No verdict yet, try again later (${this.#messageId})` };
  }

  #show(ruled: Ruled): Ruling | Promise<Ruling> {
    const { services, mailbox } = this.#tools;
    const { judged, revision, uid } = ruled;
    const slot = mailbox.rows.find(uid);
    const state = mailbox.rows.state(slot);
    // A notice, once shown, stays.
    if (state === exposures.notice || state === exposures.lateNotice) {
      this.#tell(ruled, { outcome: 'notice' });
      return this.#stored(mailbox.rows.notice(slot), state === exposures.lateNotice);
    }
    this.#settle(ruled, { outcome: 'original' });
    this.#noteDelivered(judged);
    const bytes = this.spool.length;
    if (mailbox.id === undefined) {
      mailbox.rows.set(uid, exposures.original, bytes, revision, 0);
      return original;
    }
    const facts = judged.unread ? undefined : writeFacts(judged.report, judged.envelope);
    const row = { uid, state: exposures.original, bytes, revision, facts };
    this.recorded = true;
    return rulingOf(services.mailboxes.commit.add(mailbox, row));
  }

  async #stored(id: number, late: boolean): Promise<Ruling> {
    try {
      return { kind: 'notice', notice: await this.#tools.services.mailboxes.notices.get(id), late };
    } catch (error) {
      return this.#broken(error);
    }
  }

  #withhold(ruled: Ruled): Promise<Ruling> {
    const { mailbox } = this.#tools;
    const { uid } = ruled;
    const work = this.#withheld(ruled);
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    mailbox.withholding.set(uid, settled);
    return work.finally(() => {
      if (mailbox.withholding.get(uid) === settled) mailbox.withholding.delete(uid);
    });
  }

  async #withheld(ruled: Ruled): Promise<Ruling> {
    const { services, mailbox, reader } = this.#tools;
    const { judged, policy, uid } = ruled;
    const { fields } = this.#inspection.header;
    try {
      const message = { services, reader, mailbox, uid, spool: this.spool, fields, judged, policy };
      const held = await withholdMail(message);
      if (held.kind === 'released') {
        this.#settle(ruled, { outcome: 'original', item: held.item });
        const row = { uid, state: exposures.original, bytes: this.spool.length, revision: ruled.revision };
        // Judged again, it would be found bad again: that it was released is found out from its content alone.
        if (mailbox.id !== undefined)
          return await rulingOf(services.mailboxes.commit.add(mailbox, { ...row, facts: undefined }));
        mailbox.rows.set(uid, row.state, row.bytes, row.revision, 0);
        return original;
      }
      this.#settle(ruled, { outcome: 'notice', item: held.notice.item, late: held.late });
      return held;
    } catch (error) {
      const { name: listener } = reader.listener;
      services.log.error({ listener, message: this.#messageId, error: messageOf(error) }, 'hold failed');
      this.#tell(ruled, { outcome: 'deferred' });
      return { kind: 'defer', text: `Cannot keep the message safe, try again later (${this.#messageId})` };
    }
  }

  /** Its fate is known: it is counted and told of, and logged when a person would want to read of it. */
  #settle(ruled: Ruled, fate: Pick<MessageFate, 'outcome' | 'item' | 'late'>): void {
    this.#tell(ruled, fate);
    const plain = fate.outcome === 'original' && fate.item === undefined;
    if (!plain || isRemarkable(ruled.judged.verdict)) this.#log(ruled, fate);
  }

  #tell({ judged, policy, told }: Ruled, fate: Pick<MessageFate, 'outcome' | 'item'>): void {
    if (!told) return;
    const { services, reader } = this.#tools;
    const bytes = this.spool.length;
    const inquiry = this.#inquiry;
    tellOfReading(services, { reader, id: () => this.#messageId, bytes, judged, policy, inquiry, fate });
  }

  #log({ judged, uid, judgeMs }: Ruled, fate: Pick<MessageFate, 'outcome' | 'item' | 'late'>): void {
    const { services, reader, mailbox } = this.#tools;
    const where = { id: this.#messageId, reader, mailbox: mailbox.name, uid, judgeMs };
    logMessage(services.log, { ...where, ...fate }, judged.report, judged.verdict);
  }

  /** For feeds that learn of a file only later. */
  #noteDelivered({ report, envelope }: JudgedMail): void {
    if (!report.hasAttachment) return;
    const { services, reader } = this.#tools;
    const parts: PartFacts[] = [];
    for (const part of everyPart(report.parts)) if (part.sha256 !== '') parts.push(part);
    const delivery = {
      id: this.#messageId,
      protocol: 'imap' as const,
      listener: reader.listener.name,
      clientAddress: reader.clientAddress,
      mailFrom: envelope.mailFrom,
      recipients: reader.user === undefined ? envelope.recipients : [reader.user],
      messageId: report.messageId,
      subject: report.subject,
    };
    services.delivered.note(delivery, parts);
  }
}

/** A message with its verdict. */
interface Ruled {
  readonly judged: JudgedMail;
  readonly policy: LivePolicy;
  readonly revision: number;
  readonly uid: number;
  readonly judgeMs: number;
  /** somebody waited for it when it was judged, so that it counts */
  readonly told: boolean;
}

const rulings = new WeakMap<Promise<boolean>, Promise<Ruling>>();

/** One promise for all messages that are written down together. */
function rulingOf(kept: Promise<boolean>): Promise<Ruling> {
  const known = rulings.get(kept) ?? kept.then((done) => (done ? original : notRecorded));
  rulings.set(kept, known);
  return known;
}
