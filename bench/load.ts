/** One load on an SMTP server as plain values: what to send, and what came of it. Both sides of the process boundary. */

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly messages: number;
  /** octets of a message, about */
  readonly bytes: number;
  /** whether the bulk of it is a base64 attachment or plain text */
  readonly attachment: boolean;
  /** whether every message has content that was never seen before; otherwise verdicts may come from a cache */
  readonly distinct: boolean;
  /** MAIL, RCPT and DATA in one write, as a server with a queue sends */
  readonly pipelining: boolean;
  /** 0..1: part of the messages that carry EICAR */
  readonly maliciousShare: number;
  /** no new message is begun after this time */
  readonly secondsMax: number;
}

export interface LoadResult {
  readonly messages: number;
  /** answered other than 250, or 554 for a malicious one */
  readonly failures: number;
  readonly firstFailure: string;
  readonly seconds: number;
  readonly octets: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
