/** The record of one message: one log line and a few counters, written when its fate is known. The verdict in it is the one that was acted on. */
import type { InspectionReport } from '../inspect/report.js';
import type { Reason, Verdict } from '../policy/verdict.js';
import { messageOf } from '../runtime/errors.js';
import type { RelayOutcome, SmtpEnvelope } from '../smtp/handler.js';
import type { Reply } from '../smtp/reply.js';
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
  readonly #services: PipelineServices;
  readonly #listener: PipelineListener;
  #received = 0;
  #inspected = 0;
  #judged = 0;
  #envelope: SmtpEnvelope | undefined;
  #bytes = 0;
  #report: InspectionReport | undefined;
  #verdict: Verdict | undefined;
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

  judged(report: InspectionReport, verdict: Verdict, logFallback: boolean): void {
    const { metrics, log } = this.#services;
    this.#report = report;
    this.#verdict = verdict;
    this.#judged = this.#services.now();
    metrics.judgeSeconds.observe((this.#judged - this.#received) / 1000);
    metrics.messages.inc({ listener: this.#listener.name, action: verdict.action, reason: decidingReason(verdict) });
    metrics.messageBytes.inc({ listener: this.#listener.name }, this.#bytes);
    for (const reason of verdict.reasons) {
      if (reason.code !== 'fallback') continue;
      metrics.fallbacks.inc({ cause: reason.cause, action: reason.action });
      if (logFallback)
        log.warn({ id: this.id, cause: reason.cause, action: reason.action, detail: reason.detail }, 'fallback');
    }
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

  held(id: string, duplicate: boolean): void {
    this.#held = { id, duplicate };
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

  #write(fate: Readonly<Record<string, unknown>>): void {
    const { log } = this.#services;
    // A judgement that came after its message was given up is no second fate.
    if (this.#written || !log.isLevelEnabled('info')) return;
    this.#written = true;
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

const processTag = Math.floor(Date.now() / 1000).toString(36);

const rounded = (ms: number): number => Math.round(ms * 100) / 100;

function outcomeFields(outcome: RelayOutcome): Record<string, unknown> {
  if (outcome.kind === 'lost') return { outcome: 'upstream-lost' };
  return { outcome: 'relayed', reply: outcome.line.trim().slice(0, 200) };
}

export function problemCodes(report: InspectionReport): string[] {
  return [...new Set(report.problems.map((problem) => problem.code))].slice(0, 10);
}

/** The reason that named the action: the last one that is not merely a note. */
export function decidingReason(verdict: Pick<Verdict, 'reasons'>): string {
  return verdict.reasons.findLast((reason) => reason.code !== 'score')?.code ?? 'none';
}

/** One word or two per reason; the full form is in the incident and in `sluice scan`. */
export function describeReason(reason: Reason): string {
  switch (reason.code) {
    case 'allowlisted':
    case 'blocklisted':
      return `${reason.code} ${reason.hit.field} ${reason.hit.entry}`;
    case 'hash-allowed':
    case 'hash-blocked':
      return `${reason.code} part ${reason.part}`;
    case 'score':
      return `score ${reason.score} ${reason.name} (${reason.backend}, part ${reason.part})`;
    case 'profile':
      return `profile ${reason.category} ${reason.mode} (part ${reason.part})`;
    case 'below-threshold':
    case 'threshold':
      return `${reason.code} ${reason.level}/${reason.threshold}`;
    case 'fallback':
      return `fallback ${reason.cause} ${reason.action}`;
    case 'released':
      return `released ${reason.release}`;
    case 'unscannable':
    case 'ambiguous':
      return reason.code;
    case 'no-attachment':
    case 'policy-permit':
      return reason.code;
    default:
      return reason satisfies never;
  }
}
