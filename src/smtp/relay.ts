/**
 * Sends a judged message to the next hop, with the very bytes that were inspected, and brings its final reply back
 * verbatim. The spool may be reused only when the last byte has left, whatever the next hop answered before.
 */
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import { DotStuffer } from './dot-stuffer.js';
import type { Piece, RelayOutcome } from './handler.js';
import type { Expected } from './reply-queue.js';
import type { UpstreamReply } from './reply-reader.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';

export interface RelayHost {
  readonly io: SessionIo;
  readonly services: SessionServices;
  readonly settings: SessionSettings;
  /** Sends a command upstream once nothing is unanswered there. */
  whenQuiet(run: () => void): void;
  expect(expected: Expected): void;
  /** A reply of the next hop, as it came. */
  relayReply(reply: UpstreamReply): void;
  setDeadline(ms: number): void;
  /** The message ends here: RSET at the next hop, its reply swallowed. */
  abandonTransaction(): void;
  /** The next hop broke the protocol: give the client its last reply and end the session. */
  upstreamBroken(): void;
  /** End the session after the reply just given. */
  endAfterReply(): void;
}

export interface RelayMode {
  readonly verb: 'DATA' | 'BDAT';
  /** some line of the content begins with a dot */
  readonly stuffed: boolean;
}

const endOfData = Buffer.from('.\r\n');

export class Relay {
  readonly #host: RelayHost;
  readonly #spool: Spool;
  readonly #pieces: readonly Piece[];
  readonly #mode: RelayMode;
  readonly #done: (outcome: RelayOutcome) => void;
  #sending = false;
  #written = false;
  #ended = false;
  #resume: (() => void) | undefined;

  constructor(
    host: RelayHost,
    spool: Spool,
    pieces: readonly Piece[],
    mode: RelayMode,
    done: (outcome: RelayOutcome) => void,
  ) {
    this.#host = host;
    this.#spool = spool;
    this.#pieces = pieces;
    this.#mode = mode;
    this.#done = done;
  }

  start(): void {
    this.#spool.retain();
    this.#host.whenQuiet(() => {
      if (this.#ended) return;
      this.#host.setDeadline(this.#host.settings.timeouts.upstreamReplyMs);
      this.#host.expect({ kind: 'content', take: (reply) => this.#take(reply) });
      if (this.#mode.verb === 'DATA') {
        this.#host.io.upstream.write('DATA\r\n');
      } else {
        this.#host.io.upstream.write(`BDAT ${this.#bytes()} LAST\r\n`);
        this.#send();
      }
      this.#host.io.flushSoon();
    });
  }

  #bytes(): number {
    let bytes = 0;
    for (const piece of this.#pieces) bytes += Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start;
    return bytes;
  }

  #take(reply: UpstreamReply): void {
    const goAhead = reply.code === 354;
    if (this.#mode.verb === 'DATA' && !goAhead && !this.#sending) {
      // A refusal of DATA is final. A 2xx here would be a message accepted unseen: nothing was sent.
      if (reply.code >= 400) this.#refusedData(reply);
      else this.#broken();
      return;
    }
    if (goAhead) {
      if (this.#mode.verb === 'BDAT' || this.#sending) {
        this.#broken();
        return;
      }
      this.#host.expect({ kind: 'content', take: (final) => this.#take(final) });
      this.#send();
      return;
    }
    // A 3xx here would make the client send something more.
    if (reply.code < 400 && reply.code >= 300) this.#broken();
    else if (this.#written) this.#final(reply);
    else if (reply.code >= 400) this.#refusedEarly(reply);
    else this.#broken();
  }

  #send(): void {
    this.#sending = true;
    this.#host.setDeadline(this.#host.settings.timeouts.upstreamFinalReplyMs);
    const pumped = this.#pump();
    if (pumped === undefined) this.#sent();
    else pumped.then(() => this.#sent()).catch((error: unknown) => this.#pumpFailed(error));
  }

  #sent(): void {
    if (this.#ended) return;
    if (this.#mode.verb === 'DATA') this.#host.io.upstream.write(endOfData);
    this.#written = true;
    this.#host.io.flushSoon();
    this.#host.setDeadline(this.#host.settings.timeouts.upstreamFinalReplyMs);
  }

  /** Messages in memory go out in one write, without a promise; those in a file chunk by chunk. */
  #pump(): Promise<void> | undefined {
    const stuffer = this.#mode.stuffed ? new DotStuffer() : undefined;
    if (this.#spool.memory === undefined) return this.#pumpFile(stuffer);
    for (const piece of this.#pieces) {
      const bytes = Buffer.isBuffer(piece) ? piece : (this.#spool.readChunk(piece.start, piece.end) as Buffer); // in memory
      if (bytes.length > 0) this.#host.io.upstream.write(stuffer === undefined ? bytes : stuffer.push(bytes));
    }
    return undefined;
  }

  async #pumpFile(stuffer: DotStuffer | undefined): Promise<void> {
    for (const piece of this.#pieces) {
      if (Buffer.isBuffer(piece)) {
        await this.#writeChunk(stuffer === undefined ? piece : stuffer.push(piece));
        continue;
      }
      await this.#pumpRange(piece.start, piece.end, stuffer);
    }
  }

  async #pumpRange(start: number, end: number, stuffer: DotStuffer | undefined): Promise<void> {
    let memory: Buffer | undefined;
    for (let at = start; at < end && !this.#ended; ) {
      memory ??= Buffer.allocUnsafeSlow(limits.spool.readChunkBytes);
      const chunk = await this.#spool.readChunk(at, end, memory);
      at += chunk.length;
      const gone = await this.#writeChunk(stuffer === undefined ? chunk : stuffer.push(chunk));
      // What the socket took without waiting may still lie in its queue.
      if (!gone) memory = undefined;
    }
  }

  /** Resolves when more may be written; true when the chunk has left this process. */
  async #writeChunk(chunk: Buffer): Promise<boolean> {
    if (this.#ended || this.#host.io.upstream.write(chunk)) return false;
    this.#host.io.upstream.flush();
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      this.#host.io.upstream.afterWritten(resolve);
    });
    this.#host.setDeadline(this.#host.settings.timeouts.upstreamFinalReplyMs);
    return !this.#ended;
  }

  #pumpFailed(error: unknown): void {
    if (this.#ended) return;
    this.#host.services.unexpected(
      new GateError('spool-failed', 'the spooled message could not be read back', { cause: error }),
    );
    // Half a message is on the wire: only a closed connection keeps it from being taken for a whole one.
    this.#host.io.destroyUpstream();
    this.#broken();
  }

  #final(reply: UpstreamReply): void {
    this.#finish(reply);
    // RFC 3030 §2: after a chunk that failed, the next hop takes nothing until RSET, but our client has no chunk that failed.
    if (this.#mode.verb === 'BDAT' && reply.code >= 400) this.#host.abandonTransaction();
  }

  #finish(reply: UpstreamReply): void {
    if (this.#ended) return;
    this.#host.relayReply(reply);
    this.#end({ kind: 'replied', code: reply.code, line: reply.raw });
  }

  /** The client is done with this message, so its envelope must not linger at the next hop. */
  #refusedData(reply: UpstreamReply): void {
    this.#finish(reply);
    this.#host.abandonTransaction();
  }

  /** A refusal while we still send: it stands, but what follows on this connection would be content to the next hop. */
  #refusedEarly(reply: UpstreamReply): void {
    this.#host.io.destroyUpstream();
    this.#host.relayReply(reply);
    this.#end({ kind: 'replied', code: reply.code, line: reply.raw });
    this.#host.endAfterReply();
  }

  #broken(): void {
    this.#host.upstreamBroken();
    this.#end({ kind: 'lost' });
  }

  /** The connection to the next hop is gone; the session answers the client. */
  lost(): void {
    this.#end({ kind: 'lost' });
  }

  #end(outcome: RelayOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resume?.();
    // The next hop may answer before it has read everything; the kernel may still need our memory then.
    this.#host.io.upstream.afterWritten(() => this.#spool.release());
    this.#done(outcome);
  }
}
