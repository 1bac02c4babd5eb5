/** What a session needs from the outside: two ways out, time, and the services it was given. Sockets live behind this. */
import type { BeforeSelect } from '../before-select.js';
import type { Exchange, ExchangePort } from '../exchange.js';
import type { ImapHandler } from '../handler.js';
import type { FetchRequest } from '../wire/wire.js';
import type { Sink } from './outlet.js';

export interface SessionIo {
  readonly client: Sink;
  readonly upstream: Sink;
  pauseClient(): void;
  resumeClient(): void;
  pauseUpstream(): void;
  resumeUpstream(): void;
  /** What was written leaves at the end of this turn of the event loop. */
  flushSoon(): void;
  /** Begins the TLS handshake with the client; `session.secured()` or a close follows. */
  startTls(): void;
  /** Sends what is written, then closes both connections. */
  end(): void;
}

export interface SessionTimeouts {
  /** from the greeting to the login, ms */
  readonly loginMs: number;
  /** silence of a client that is logged in, ms */
  readonly idleMs: number;
  /** silence of a server that owes an answer, ms */
  readonly upstreamReplyMs: number;
  /** a client that takes nothing of what waits for it, ms */
  readonly stallMs: number;
  /** between untagged OKs while a judgement is waited for, ms */
  readonly keepAliveMs: number;
  /** net under the judgement's own deadline, ms */
  readonly judgeMs: number;
}

export interface SessionSettings {
  readonly listener: string;
  readonly offerStartTls: boolean;
  /** a client may log in although this connection is not encrypted */
  readonly authWithoutTls: boolean;
  /** the connection to the server is encrypted */
  readonly upstreamTls: boolean;
  readonly errorsMax: number;
  readonly timeouts: SessionTimeouts;
}

export interface SessionServices {
  readonly handler: ImapHandler;
  /** what runs for a FETCH of a connection whose messages are judged */
  fetchExchange(request: FetchRequest, port: ExchangePort): Exchange;
  /** work of ours before a mailbox is selected; undefined when there is none */
  readonly beforeSelect: BeforeSelect | undefined;
  /**
   * Begins the tags of ours on this connection; `S` when undefined. What a client might smuggle past us to the server
   * cannot be answered under one that it could not foresee, and any other tag ends the session.
   */
  readonly tagPrefix?: string | undefined;
  /** milliseconds, monotonic */
  now(): number;
  /** The one receiver of errors that no branch foresaw. */
  unexpected(error: unknown): void;
  /** A protocol event worth counting or logging; texts hold no content and no credentials. */
  event(name: SessionEvent, detail?: string): void;
  /** Called once, with what the session was. */
  ended(summary: SessionSummary): void;
}

export type SessionEvent =
  | 'refused-command'
  | 'unasked-response'
  | 'upstream-lost'
  | 'upstream-protocol'
  | 'client-protocol'
  | 'timeout'
  | 'starttls-injection'
  | 'preauth-refused'
  | 'judge-failed'
  | 'too-many-errors';

export interface SessionSummary {
  readonly user: string | undefined;
  readonly inspected: boolean;
  /** why it ended, in words for the log */
  readonly reason: string;
  readonly commands: number;
  readonly refused: number;
  readonly clientBytes: number;
  readonly upstreamBytes: number;
}
