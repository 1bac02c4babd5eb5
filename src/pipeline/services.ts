/** What the pipeline is given: the services it calls and the listener it works for. */
import type { Inspection, Inspector } from '../inspect/inspection.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { CounterTally } from '../quarantine/counter-tally.js';
import type { Quarantine } from '../quarantine/hold.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import type { Spool } from '../runtime/spool.js';
import type { Scorer } from '../scoring/scorer.js';
import type { SmtpEnvelope } from '../smtp/handler.js';
import type { Audience } from '../syslog/told.js';
import type { DeliveredFiles } from './delivered.js';
import type { MessageRecord } from './record.js';

export interface PipelineServices {
  readonly inspector: Inspector;
  readonly scorer: Scorer;
  readonly quarantine: Quarantine;
  readonly delivered: DeliveredFiles;
  /** the snapshot of this moment; one message is judged with one snapshot */
  policy(): LivePolicy;
  /** signs and verifies releases that pass the gate again */
  readonly releaseKey: Uint8Array;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** counters that outlive the process; absent where nobody keeps them */
  readonly counts?: CounterTally;
  /** told of every message whose fate is known; absent where nobody listens */
  readonly audience?: Audience;
  /** milliseconds, monotonic */
  now(): number;
  /** milliseconds since 1970 */
  clock(): number;
  /** Takes charge of work that nobody waits for. */
  supervise(work: Promise<unknown>, what: string): void;
}

export interface PipelineListener {
  readonly name: string;
  /** what the client of a withheld message sees; notices go out only with `replace` */
  blockedAnswer(recipients: readonly string[]): 'replace' | 'reject';
}

/** One message on its way. */
export interface Case {
  readonly services: PipelineServices;
  readonly listener: PipelineListener;
  readonly envelope: SmtpEnvelope;
  readonly spool: Spool;
  readonly inspection: Inspection;
  readonly record: MessageRecord;
}
