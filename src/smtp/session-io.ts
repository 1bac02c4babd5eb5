/** What a session needs from the outside: two outlets, time, and the services it was given. Sockets live behind this. */
import type { SpoolPool } from '../runtime/spool.js';
import type { SmtpHandler } from './handler.js';

/** The sending side of one connection. Writes are collected and leave together at `flush`. */
export interface Outlet {
  /** Strings go out as latin1. False asks to wait for `onDrain` before writing more of a long content. */
  write(data: string | Buffer): boolean;
  flush(): void;
  /** Bytes written that have not left this process. */
  readonly backlog: number;
  /** Calls back when everything written so far has left this process, or the connection is gone. */
  afterWritten(callback: () => void): void;
}

export interface SessionIo {
  readonly client: Outlet;
  readonly upstream: Outlet;
  /** Both outlets are flushed at the end of this turn of the event loop. */
  flushSoon(): void;
  pauseClient(): void;
  resumeClient(): void;
  /** Begins the TLS handshake with the client; `session.secured()` or a close follows. */
  startTls(): void;
  /** Sends what is written, then closes both connections. */
  end(): void;
  destroyUpstream(): void;
}

export interface SessionTimeouts {
  readonly commandMs: number;
  readonly dataMs: number;
  readonly judgeMs: number;
  readonly upstreamReplyMs: number;
  readonly upstreamFinalReplyMs: number;
}

export interface SessionSettings {
  readonly listener: string;
  readonly offerStartTls: boolean;
  /** AUTH may be used on this connection although it is not encrypted */
  readonly authWithoutTls: boolean;
  /** lower-case A-labels; empty for no restriction */
  readonly localDomains: readonly string[];
  readonly recipientsMax: number;
  readonly errorsMax: number;
  /** bytes; 0 for no bound of our own */
  readonly messageBytesMax: number;
  readonly timeouts: SessionTimeouts;
}

export interface SessionServices {
  readonly handler: SmtpHandler;
  readonly spools: SpoolPool;
  /** milliseconds, monotonic */
  now(): number;
  /** The one receiver of errors that no branch foresaw. */
  unexpected(error: unknown): void;
  /** A protocol event worth counting or logging; texts hold no content and no credentials. */
  event(name: SessionEvent, detail?: string): void;
}

export type SessionEvent =
  | 'forbidden-byte'
  | 'too-large'
  | 'relay-denied'
  | 'upstream-lost'
  | 'upstream-protocol'
  | 'timeout'
  | 'starttls-injection'
  | 'spool-failed'
  | 'too-many-errors'
  | 'keep-alive';
