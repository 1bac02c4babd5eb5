/**
 * The contract between the session and what runs for one command of its client: the FETCH that is judged, the SELECT
 * that looks for released messages, the command that only passes.
 */
import type { Spool } from '../runtime/spool.js';
import type { ReadAhead } from './fetch/read-ahead.js';
import type { Mailbox } from './handler.js';
import type { OutgoingCommand, ServerEvent } from './wire/wire.js';

/** A run of octets for the client: our own, or a range of a spooled message. */
export type Piece = Buffer | { readonly spool: Spool; readonly start: number; readonly end: number };

/** The way to the client: one order, whatever becomes known first. */
export interface Outlet {
  /** Appends. Neighbouring slices of one buffer go out in one write. The octets must not change afterwards. */
  write(bytes: Buffer): void;
  /** Appends what is already known. `sent` is called when the socket has taken it all, or the connection is over. */
  writePieces(pieces: readonly Piece[], sent?: () => void): void;
  /**
   * Keeps the place of something that is not known yet; all that is written later waits behind it.
   *
   * @param bytes in memory that wait with it
   */
  reserve(bytes?: number): Reservation;
  /**
   * Writes at once, before everything that waits, but only where a response may begin: when nothing waits, or a
   * reservation is the next in order. False: not written. For untagged `* OK`.
   */
  interject(line: Buffer): boolean;
  /** Octets that wait, a reservation counted with a fixed weight. */
  readonly backlog: number;
}

/** Must be filled exactly once, also when the command fails. */
export interface Reservation {
  fill(pieces: readonly Piece[], sent?: () => void): void;
}

export type TaggedResponse = Extract<ServerEvent, { readonly kind: 'tagged' }>;

/** One command of the client under way. */
export interface Exchange {
  /** Sends the first command. Called when all before it are answered, so far as `commands.ts` asks for that. */
  start(): void;
  /** What the server says while this is the oldest command under way, tagged answers excepted. False: not taken. */
  take(event: ServerEvent): boolean;
  /** Of the `fetch` or `fetch-more` that it took last no octets are kept, but for what was written. Default: no */
  readonly spent?: boolean;
  /** The connection is over: frees what is held. */
  abort(): void;
}

export interface ExchangePort {
  readonly outlet: Outlet;
  /** the selected mailbox */
  readonly mailbox: Mailbox;
  /** what its FETCH commands tell of those to come */
  readonly ahead: ReadAhead;
  /** Sends a command under a tag of ours. Its tagged answer is not passed on. */
  send(command: OutgoingCommand, answered: (response: TaggedResponse) => void): void;
  /** Treats an event as the session would without this exchange: pass, rewrite or drop by its rules. */
  forward(event: ServerEvent): void;
  /** Stops reading what the server says; counted: as many calls of `resume` are needed. */
  pause(): void;
  resume(): void;
  /**
   * Ends the client's command: its tag is written before `status` (`OK …`, `NO …`, with CRLF), behind all that was
   * written or reserved. The next command may start.
   */
  finish(status: Buffer): void;
  /** Ends the session: the server broke the protocol, or something of ours failed. */
  fail(reason: string): void;
  /** Takes charge of work that nobody waits for; its failure ends the session. */
  supervise(work: Promise<unknown>): void;
  readonly times: ExchangeTimes;
}

export interface ExchangeTimes {
  /** between untagged OKs while a judgement is waited for, ms */
  readonly keepAliveMs: number;
  /** net under the judgement's own deadline, ms */
  readonly judgeMs: number;
}
