/** One load on an IMAP server as plain values: what to ask, and what came of it. Both sides of the process boundary. */

export interface ImapLoad {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** sent one after the other, each when the one before is answered; without tags */
  readonly commands: readonly string[];
  /** the list is gone through this many times */
  readonly repeats: number;
  /** no command is begun after this time */
  readonly secondsMax: number;
}

export interface ImapLoadResult {
  readonly commands: number;
  /** received in answers to these commands */
  readonly octets: number;
  /** answered other than OK */
  readonly failures: number;
  readonly firstFailure: string;
  readonly seconds: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
}

/** Many clients that wait for news. */
export interface ImapIdleLoad {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly connections: number;
}
