/**
 * What is written of messages that were read over IMAP: counters that are gathered, as a mailbox may be read at
 * thousands of messages a second, and one log line for each that is not clean.
 */
import type { InspectionReport } from '../inspect/report.js';
import type { Verdict } from '../policy/verdict.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import type { Reader } from './imap-services.js';
import { decidingReason, describeReason, problemCodes } from './reason-words.js';

interface Sum {
  readonly listener: string;
  readonly action: string;
  readonly reason: string;
  messages: number;
  bytes: number;
}

/** Messages counted since the metrics were told. */
export class ImapTally {
  readonly #metrics: Metrics;
  readonly #sums = new Map<string, Sum>();
  #timer: NodeJS.Timeout | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  count(listener: string, { action, reasons }: Verdict, bytes: number, judgeMs: number): void {
    const reason = decidingReason({ reasons });
    const key = `${listener} ${action} ${reason}`;
    const sum = this.#sums.get(key) ?? { listener, action, reason, messages: 0, bytes: 0 };
    sum.messages += 1;
    sum.bytes += bytes;
    this.#sums.set(key, sum);
    this.#metrics.judgeSeconds.observe(judgeMs / 1000);
    this.#timer ??= setTimeout(() => this.flush(), 1000).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { listener, action, reason, messages, bytes } of this.#sums.values()) {
      this.#metrics.messages.inc({ listener, action, reason }, messages);
      this.#metrics.messageBytes.inc({ listener }, bytes);
    }
    this.#sums.clear();
  }
}

/** Where a message is and what became of it. */
export interface MessageFate {
  readonly id: string;
  readonly reader: Reader;
  readonly mailbox: string;
  readonly uid: number;
  readonly outcome: 'original' | 'notice' | 'deferred';
  readonly item?: string | undefined;
  /** the client had seen it before */
  readonly late?: boolean | undefined;
  readonly judgeMs: number;
}

/** For a message that is not simply clean. */
export function logMessage(log: Logger, fate: MessageFate, report: InspectionReport, verdict: Verdict): void {
  if (!log.isLevelEnabled('info')) return;
  const { reader } = fate;
  log.info(
    {
      id: fate.id,
      protocol: 'imap',
      listener: reader.listener.name,
      client: reader.clientAddress,
      user: reader.user,
      mailbox: fate.mailbox,
      uid: fate.uid,
      messageId: report.messageId,
      bytes: report.bytes,
      action: verdict.action,
      reasons: verdict.reasons.map(describeReason),
      threatLevel: verdict.threatLevel,
      score: verdict.score,
      threat: verdict.threat === '' ? undefined : verdict.threat,
      malicious: verdict.malicious ? true : undefined,
      parts: report.parts.length,
      problems: report.problems.length === 0 ? undefined : problemCodes(report),
      item: fate.item,
      late: fate.late === true ? true : undefined,
      outcome: fate.outcome,
      judgeMs: Math.round(fate.judgeMs * 100) / 100,
    },
    'message',
  );
}

/** Whether a person would want to read of it. */
export function isRemarkable({ action, malicious, reasons }: Verdict): boolean {
  return (
    action !== 'permit' || malicious || reasons.some(({ code }) => code === 'fallback' || code === 'policy-permit')
  );
}
