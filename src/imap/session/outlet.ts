/**
 * The way to the client: one order of octets, whatever becomes known first. Merges neighbouring slices into one write
 * and reads spooled messages back no faster than they are taken.
 */
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Outlet, Piece, Reservation } from '../exchange.js';

/** Where octets leave: a socket. */
export interface Sink {
  write(data: Buffer): boolean;
  /** octets that have not left this process */
  readonly backlog: number;
  /** Calls back when all that was written has left, or the connection is over. */
  afterWritten(callback: () => void): void;
}

export interface OutletHost {
  /** Whether the octets that were written last belong to a response of the server that goes on. */
  readonly midResponse: boolean;
  /** A spooled message cannot be read back: what the client has of it cannot be completed. */
  unreadable(reason: string): void;
  /** Something of ours waits less than before; called from outside of any event of the session. */
  wake(): void;
}

/** A piece of the queue; undefined pieces are reserved and not known yet. */
interface Entry {
  pieces: readonly Piece[] | undefined;
  sent: (() => void) | undefined;
}

export class ClientOutlet implements Outlet {
  readonly #sink: Sink;
  readonly #host: OutletHost;
  #queue: Entry[] = [];
  #queuedBytes = 0;
  /** slices of one buffer that follow each other, not written yet */
  #tail: Buffer | undefined;
  /** a spooled piece is being read or its socket is full */
  #pumping = false;
  #closed = false;
  /** octets written in all */
  writtenBytes = 0;

  constructor(sink: Sink, host: OutletHost) {
    this.#sink = sink;
    this.#host = host;
  }

  get backlog(): number {
    return this.#sink.backlog + (this.#tail?.length ?? 0) + this.#queuedBytes;
  }

  /** Whether octets that were written are still here. */
  get waiting(): boolean {
    return this.#tail !== undefined || this.#queue.length > 0;
  }

  /** Whether octets wait for what stands before them, as a message under judgement. */
  get held(): boolean {
    return this.#queue.length > 0;
  }

  write(bytes: Buffer): void {
    if (bytes.length === 0 || this.#closed) return;
    if (this.#queue.length === 0) this.#append(bytes);
    else this.#push({ pieces: [bytes], sent: undefined });
  }

  writePieces(pieces: readonly Piece[], sent?: () => void): void {
    if (this.#closed) {
      sent?.();
      return;
    }
    this.#push({ pieces, sent });
    this.#pump();
  }

  /** No more is to be read for the client: it does not take what it has, or enough of it is under judgement. */
  get full(): boolean {
    const { clientBacklogBytes, judgedBacklogBytes } = limits.imapSession;
    if (this.#sink.backlog > clientBacklogBytes) return true;
    const [first] = this.#queue;
    const judged = first !== undefined && first.pieces === undefined;
    return this.backlog > (judged ? judgedBacklogBytes : clientBacklogBytes);
  }

  reserve(bytes = 0): Reservation {
    const weight = limits.imapSession.reservationWeight + bytes;
    const entry: Entry = { pieces: undefined, sent: undefined };
    if (!this.#closed) this.#push(entry, weight);
    return {
      fill: (pieces, sent) => {
        if (this.#closed) {
          sent?.();
          return;
        }
        this.#queuedBytes += weightOf(pieces) - weight;
        entry.pieces = pieces;
        entry.sent = sent;
        this.#pump();
        this.#host.wake();
      },
    };
  }

  interject(line: Buffer): boolean {
    if (this.#closed || this.#pumping) return false;
    const [first] = this.#queue;
    const between = first === undefined ? !this.#host.midResponse : first.pieces === undefined;
    if (between) this.#append(line);
    return between;
  }

  /** Hands to the socket what was gathered. Called at the end of an event. */
  flush(): void {
    const tail = this.#tail;
    if (tail === undefined) return;
    this.#tail = undefined;
    this.writtenBytes += tail.length;
    this.#sink.write(tail);
  }

  /** The connection is over: nothing is written any more, and whoever waits for its end is told. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tail = undefined;
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const entry of queue) entry.sent?.();
  }

  #push(entry: Entry, weight = weightOf(entry.pieces ?? [])): void {
    this.#queue.push(entry);
    this.#queuedBytes += weight;
  }

  #append(bytes: Buffer): void {
    const tail = this.#tail;
    if (tail !== undefined && tail.buffer === bytes.buffer && tail.byteOffset + tail.length === bytes.byteOffset) {
      this.#tail = Buffer.from(bytes.buffer, tail.byteOffset, tail.length + bytes.length);
      return;
    }
    if (tail !== undefined && tail.length + bytes.length <= limits.imapSession.joinedBytes) {
      this.#tail = Buffer.concat([tail, bytes]);
      return;
    }
    this.flush();
    this.#tail = bytes;
  }

  /** Writes what is known, up to the first place that is not. */
  #pump(): void {
    while (!this.#pumping && !this.#closed) {
      const [entry] = this.#queue;
      if (entry?.pieces === undefined) return;
      const [piece, ...rest] = entry.pieces;
      if (piece === undefined) {
        this.#queue.shift();
        this.#whenWritten(entry.sent);
      } else if (Buffer.isBuffer(piece)) {
        entry.pieces = rest;
        this.#queuedBytes -= piece.length;
        if (piece.length > 0) this.#append(piece);
      } else {
        this.#readSpool(entry, piece, rest);
      }
    }
  }

  #whenWritten(sent: (() => void) | undefined): void {
    if (sent === undefined) return;
    this.flush();
    this.#sink.afterWritten(sent);
  }

  /** One chunk of a spooled piece; the next one when the socket has room. */
  #readSpool(entry: Entry, piece: Exclude<Piece, Buffer>, rest: readonly Piece[]): void {
    if (piece.start >= piece.end) {
      entry.pieces = rest;
      return;
    }
    const end = Math.min(piece.end, piece.start + limits.spool.readChunkBytes);
    const write = (chunk: Buffer): void => {
      entry.pieces = [{ ...piece, start: piece.start + chunk.length }, ...rest];
      this.#append(chunk);
      this.flush();
      if (this.#sink.backlog > limits.imapSession.clientBacklogBytes) this.#awaitRoom();
    };
    const failed = (error: unknown): void => {
      this.#pumping = false;
      if (this.#closed) return;
      this.close();
      this.#host.unreadable(messageOf(error));
    };
    try {
      const flushed = piece.spool.flush(end);
      const chunk = flushed === undefined ? piece.spool.readChunk(piece.start, end) : flushed;
      if (Buffer.isBuffer(chunk)) {
        write(chunk);
        return;
      }
      this.#pumping = true;
      Promise.resolve(chunk)
        .then((read) => read ?? piece.spool.readChunk(piece.start, end))
        .then((read) => {
          this.#pumping = false;
          if (this.#closed) return;
          write(read);
          this.#pump();
          this.#host.wake();
        })
        .catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #awaitRoom(): void {
    this.#pumping = true;
    this.#sink.afterWritten(() => {
      this.#pumping = false;
      this.#pump();
      this.#host.wake();
    });
  }
}

/** Octets in memory; a spooled piece waits at no cost but its place. */
function weightOf(pieces: readonly Piece[]): number {
  let weight = 0;
  for (const piece of pieces) weight += Buffer.isBuffer(piece) ? piece.length : 0;
  return weight;
}
