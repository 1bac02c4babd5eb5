/**
 * The contract between the pipeline and the quarantine: what is handed over when a message is blocked, and what comes
 * back once it lies sealed on disk with its notices durably queued.
 */
import type { InspectionReport } from '../inspect/report.js';
import type { Verdict } from '../policy/verdict.js';
import type { SpoolSource } from '../runtime/spool-source.js';

/** One accepted recipient with the parameters of its RCPT command, verbatim (RFC 3461 ORCPT, NOTIFY). */
export interface EnvelopeRecipient {
  readonly address: string;
  readonly parameters: readonly string[];
}

/** The envelope as the next hop accepted it; enough to send the message again as it came. */
export interface StoredEnvelope {
  /** empty for the null reverse-path */
  readonly mailFrom: string;
  readonly mailParameters: readonly string[];
  readonly recipients: readonly EnvelopeRecipient[];
}

export interface HoldRequest {
  readonly source: SpoolSource;
  /** lower-case hex SHA-256 of the raw message as in `source` */
  readonly sha256: string;
  readonly envelope: StoredEnvelope;
  readonly protocol: 'smtp' | 'imap';
  /** name of the listener it came through; its upstream receives notices and, by default, releases */
  readonly listener: string;
  readonly clientAddress: string;
  readonly verdict: Verdict;
  readonly report: InspectionReport;
  /** whether recipients get notices: `replace` does, `reject` does not */
  readonly notify: boolean;
}

export interface HoldResult {
  readonly id: string;
  /** the same digest and envelope was held within the last hour: nothing new was written or queued */
  readonly duplicate: boolean;
}

export interface Quarantine {
  /**
   * Seals the original and queues its notices durably. Resolves only when a power cut can no longer lose either;
   * rejects with GateError `seal-failed` or `store-failed`, in which case nothing was acknowledged.
   */
  hold(request: HoldRequest): Promise<HoldResult>;
  /** Records a malicious message that was not held (warn or permit): an incident row only. */
  record(request: Omit<HoldRequest, 'source' | 'notify'> & { readonly action: 'warn' | 'permit' }): Promise<void>;
}
