/** The record of one message: one log line and a few counters, written when its fate is known. The verdict in it is the one that was acted on. */
import type { InspectionReport } from '../inspect/report.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { Verdict } from '../policy/verdict.js';
import { messageOf } from '../runtime/errors.js';
import type { RelayOutcome, SmtpEnvelope } from '../smtp/handler.js';
import type { Reply } from '../smtp/reply.js';
import { FileInquiry } from './file-inquiry.js';
import { countMail, type MailOutcome } from './mail-counts.js';
import { toldMail } from './mail-told.js';
import { decidingReason, describeReason, problemCodes } from './reason-words.js';
import type { PipelineListener, PipelineServices } from './services.js';

/** recipients named in a log line; the count is always there */
const recipientsShown = 20;

let sequence = 0;

/** Short, unique in this process's log. */
export function newMessageId(): string {
  sequence += 1;
  return `${processTag}-${sequence.toString(36)}`;
}

export class MessageRecord {
  /** short, unique in this process's log; given to clients, so that they can be found in it */
  readonly id: string;
  readonly inquiry = new FileInquiry();
  readonly #services: PipelineServices;
  readonly #listener: PipelineListener;
  #received = 0;
  #inspected = 0;
  #judged = 0;
  #envelope: SmtpEnvelope | undefined;
  #bytes = 0;
  #report: InspectionReport | undefined;
  #verdict: Verdict | undefined;
  #policy: Judging | undefined;
  #held: { id: string; duplicate: boolean } | undefined;
  #relayed: RelayOutcome | undefined;
  #written = false;
  #givenUp = false;

  constructor(services: PipelineServices, listener: PipelineListener) {
    this.#services = services;
    this.#listener = listener;
    this.id = newMessageId();
  }

  /** The last byte is here. */
  complete(envelope: SmtpEnvelope, bytes: number): void {
    this.#envelope = envelope;
    this.#bytes = bytes;
    this.#received = this.#services.now();
  }

  inspected(): void {
    this.#inspected = this.#services.now();
  }

  judged(report: InspectionReport, verdict: Verdict, policy: Judging): void {
    const { metrics, log } = this.#services;
    this.#report = report;
    this.#verdict = verdict;
    this.#policy = policy;
    this.#judged = this.#services.now();
    metrics.judgeSeconds.observe((this.#judged - this.#received) / 1000);
    metrics.messages.inc({ listener: this.#listener.name, action: verdict.action, reason: decidingReason(verdict) });
    metrics.messageBytes.inc({ listener: this.#listener.name }, this.#bytes);
    for (const reason of verdict.reasons) {
      if (reason.code !== 'fallback') continue;
      metrics.fallbacks.inc({ cause: reason.cause, action: reason.action });
      if (policy.logFallback)
        log.warn({ id: this.id, cause: reason.cause, action: reason.action, detail: reason.detail }, 'fallback');
    }
    // What becomes of a blocked one is known when it lies in quarantine.
    if (verdict.action !== 'block') this.#count(outcomes[verdict.action]);
    // With `permit`, the relay may have ended before the verdict was known.
    if (this.#relayed !== undefined) this.#write({ ...outcomeFields(this.#relayed) });
  }

  /** The session has ended the transaction; whatever is still found out has no effect. */
  get givenUp(): boolean {
    return this.#givenUp;
  }

  /** Inspection itself failed. */
  failed(error: unknown): void {
    if (this.#givenUp) return;
    this.#services.log.error(
      { id: this.id, listener: this.#listener.name, error: messageOf(error) },
      'inspection failed',
    );
  }

  /** @param notified its recipients get a mail about it; else its sender is refused */
  held(id: string, duplicate: boolean, notified: boolean): void {
    this.#held = { id, duplicate };
    this.#count(notified ? 'quarantined' : 'blocked');
  }

  /** It could not be kept safe, and is to be sent again. */
  notHeld(): void {
    this.#count('deferred');
  }

  #count(outcome: MailOutcome): void {
    const { counts } = this.#services;
    if (counts === undefined || this.#report === undefined) return;
    if (this.#verdict === undefined || this.#policy === undefined) return;
    countMail(counts.of(this.#listener.name), {
      report: this.#report,
      verdict: this.#verdict,
      bytes: this.#bytes,
      outcome,
      inquiry: this.inquiry,
      decision: this.#policy.decision,
    });
  }

  relayed(outcome: RelayOutcome): void {
    this.#relayed = outcome;
    if (this.#verdict === undefined) return;
    const now = this.#services.now();
    this.#services.metrics.relaySeconds.observe((now - this.#judged) / 1000);
    this.#write({ ...outcomeFields(outcome), relayMs: rounded(now - this.#judged) });
  }

  answered(reply: Reply): void {
    this.#write({ outcome: 'answered', reply: `${reply.code} ${reply.enhanced}` });
  }

  /** The transaction ended before there was anything to judge. */
  aborted(envelope: SmtpEnvelope, bytes: number, reason: string): void {
    this.#givenUp = true;
    if (this.#verdict !== undefined || this.#written) return;
    this.#written = true;
    const { mailFrom, recipients, peer } = envelope;
    this.#services.log.info(
      {
        id: this.id,
        listener: this.#listener.name,
        client: peer.address,
        from: mailFrom,
        recipientCount: recipients.length,
        bytes,
        outcome: 'aborted',
        reason,
      },
      'message',
    );
  }

  #tell({ outcome, reply }: Fate): void {
    const { audience, clock } = this.#services;
    const envelope = this.#envelope;
    if (audience === undefined || envelope === undefined || this.#policy === undefined) return;
    if (this.#report === undefined || this.#verdict === undefined) return;
    audience.tell(
      toldMail({
        at: clock(),
        id: this.id,
        listener: this.#listener.name,
        clientAddress: envelope.peer.address,
        clientPort: envelope.peer.port,
        user: undefined,
        sender: envelope.mailFrom,
        recipients: envelope.recipients.map(({ address }) => address),
        bytes: this.#bytes,
        outcome,
        reply,
        item: this.#held?.id,
        report: this.#report,
        verdict: this.#verdict,
        inquiry: this.inquiry,
        levelMap: this.#policy.decision.levelMap,
      }),
    );
  }

  #write(fate: Fate): void {
    const { log } = this.#services;
    // A judgement that came after its message was given up is no second fate.
    if (this.#written) return;
    this.#written = true;
    this.#tell(fate);
    if (!log.isLevelEnabled('info')) return;
    const report = this.#report;
    const verdict = this.#verdict;
    const envelope = this.#envelope;
    log.info(
      {
        id: this.id,
        listener: this.#listener.name,
        client: envelope?.peer.address,
        from: envelope?.mailFrom,
        to: envelope?.recipients.slice(0, recipientsShown).map((recipient) => recipient.address),
        recipientCount: envelope?.recipients.length,
        messageId: report?.messageId,
        bytes: this.#bytes,
        action: verdict?.action,
        reasons: verdict?.reasons.map(describeReason),
        threatLevel: verdict?.threatLevel,
        score: verdict?.score,
        threat: verdict?.threat === '' ? undefined : verdict?.threat,
        malicious: verdict?.malicious === true ? true : undefined,
        parts: report?.parts.length,
        problems: report === undefined || report.problems.length === 0 ? undefined : problemCodes(report),
        item: this.#held?.id,
        duplicate: this.#held?.duplicate === true ? true : undefined,
        ...fate,
        inspectMs: rounded(Math.max(0, this.#inspected - this.#received)),
        judgeMs: rounded(this.#judged - this.#received),
      },
      'message',
    );
  }
}

/** The policy that a message is judged with, as far as its record goes. */
type Judging = Pick<LivePolicy, 'logFallback' | 'decision'>;

interface Fate {
  readonly outcome: string;
  readonly reply?: string;
  readonly relayMs?: number;
}

const outcomes = { permit: 'permitted', warn: 'tagged', defer: 'deferred' } as const;

const processTag = Math.floor(Date.now() / 1000).toString(36);

const rounded = (ms: number): number => Math.round(ms * 100) / 100;

function outcomeFields(outcome: RelayOutcome): Fate {
  if (outcome.kind === 'lost') return { outcome: 'upstream-lost' };
  return { outcome: 'relayed', reply: outcome.line.trim().slice(0, 200) };
}
