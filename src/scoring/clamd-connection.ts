/**
 * One connection to clamd for one command: it is opened, used once and destroyed, so that the answer to one file can
 * never be taken for the answer to another. It knows the wire, not what a reply means.
 *
 * clamd(8): commands that begin with `z` end with NUL, and so do their replies; INSTREAM is followed by chunks, each
 * behind its length in four octets, big-endian; a length of zero ends the stream.
 */
import { connect, type Socket } from 'node:net';
import type { SocketAddress } from '../config/socket-address.js';
import { limits } from '../runtime/limits.js';
import type { FallbackCause } from './backend.js';

export type Exchange =
  | { readonly kind: 'reply'; readonly text: string }
  | {
      readonly kind: 'failed';
      readonly cause: FallbackCause;
      readonly detail: string;
      /** the other side ended it while content was being sent */
      readonly cutOff?: boolean;
    };

export interface ExchangeOptions {
  readonly address: SocketAddress;
  /** ms from connected to the reply */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Content that is sent as a stream; `bytes` are announced nowhere but must be all. */
export interface Upload {
  readonly bytes: number;
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A command without content, e.g. `VERSION`. Never rejects. */
export function ask(command: string, options: ExchangeOptions): Promise<Exchange> {
  return new ClamdExchange(options).run(async (exchange) => {
    await exchange.send([Buffer.from(`z${command}\0`, 'latin1')]);
  });
}

/** Sends the content and gives the reply. Never rejects. */
export async function instream(upload: Upload, options: ExchangeOptions): Promise<Exchange> {
  const result = await stream(upload, options);
  if (result.kind === 'reply' || result.cutOff !== true) return result;
  // clamd refuses a size and closes at once, and then a write that fails may discard its reply unread. It already
  // refuses the length of a chunk, so the length alone is sent to hear whether that was the reason.
  const refusal = await new ClamdExchange({ ...options, timeoutMs: limits.clamd.sizeProbeMs }).run(async (exchange) => {
    await exchange.send([Buffer.from('zINSTREAM\0', 'latin1'), lengthOf(upload.bytes)], 'more follows');
  });
  return refusal.kind === 'reply' && refusal.text.includes('size limit') ? refusal : result;
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}

function stream(upload: Upload, options: ExchangeOptions): Promise<Exchange> {
  return new ClamdExchange(options).run(async (exchange) => {
    await exchange.send([Buffer.from('zINSTREAM\0', 'latin1')], 'more follows');
    let sent = 0;
    for await (const chunk of upload.read(exchange.ended)) {
      if (exchange.settled) return;
      if (chunk.length === 0) continue;
      sent += chunk.length;
      if (sent > upload.bytes) break;
      await exchange.send([lengthOf(chunk.length), chunk], 'more follows');
    }
    if (sent === upload.bytes) await exchange.send([Buffer.alloc(4)]);
    else exchange.fail('unscannable', `content of ${upload.bytes} bytes gave ${sent}`);
  });
}

/** The local machine has no more of something, or the server's queue of connections is full. */
const exhausted = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

class ClamdExchange {
  readonly #options: ExchangeOptions;
  readonly #controller = new AbortController();
  #socket: Socket | undefined;
  #resolve: (result: Exchange) => void = () => {};
  #settled = false;
  /** all of the command is sent; what comes before it is no answer to it */
  #asked = false;
  /** some of it is sent */
  #sending = false;
  #received: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  #onDrain: (() => void) | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Aborted when the exchange is over, however it ended: for what is still being read. */
  get ended(): AbortSignal {
    return this.#controller.signal;
  }

  run(talk: (exchange: ClamdExchange) => Promise<void>): Promise<Exchange> {
    const { signal, address } = this.#options;
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const aborted = () => this.fail('verdict-timeout', 'the scan was given up');
      if (signal.aborted) {
        aborted();
        return;
      }
      signal.addEventListener('abort', aborted, { once: true });
      this.ended.addEventListener('abort', () => signal.removeEventListener('abort', aborted), { once: true });
      const { connectTimeoutMs } = limits.clamd;
      this.#expire(connectTimeoutMs, () => this.fail('backend-unavailable', `no connection in ${connectTimeoutMs} ms`));
      this.#listen(connect({ ...address, noDelay: true }), talk);
    });
  }

  #listen(socket: Socket, talk: (exchange: ClamdExchange) => Promise<void>): void {
    this.#socket = socket;
    socket.on('connect', () => {
      const { timeoutMs } = this.#options;
      this.#expire(timeoutMs, () => this.fail('verdict-timeout', `no answer in ${timeoutMs} ms`));
      talk(this).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.fail('backend-unavailable', `the content cannot be read: ${reason}`);
      });
    });
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('drain', () => this.#resume());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const cause = exhausted.has(error.code ?? '') ? 'out-of-resources' : 'backend-unavailable';
      this.#lose(cause, error.code ?? error.message);
    });
    socket.on('close', () => this.#lose('backend-unavailable', 'closed before its answer'));
  }

  #expire(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }

  /** Waits until the socket takes more; returns at once when the exchange is over. */
  async send(pieces: readonly Uint8Array[], more?: 'more follows'): Promise<void> {
    const socket = this.#socket;
    if (this.#settled || socket === undefined) return;
    socket.cork();
    let room = true;
    for (const piece of pieces) room = socket.write(piece);
    socket.uncork();
    this.#sending = true;
    if (more === undefined) this.#asked = true;
    else if (!room) {
      await new Promise<void>((resolve) => {
        this.#onDrain = resolve;
      });
    }
  }

  #resume(): void {
    const resume = this.#onDrain;
    this.#onDrain = undefined;
    resume?.();
  }

  #onData(chunk: Buffer): void {
    // A file that ended with NUL is asked for; errors that clamd writes by itself end with a line feed.
    const all = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = all.findIndex((byte) => byte === 0 || byte === 10);
    if (end === -1 && all.length <= limits.clamd.replyBytes) {
      this.#received = all;
      return;
    }
    if (end === -1 || end > limits.clamd.replyBytes) {
      this.fail('backend-unavailable', 'answered without end');
      return;
    }
    const text = all.subarray(0, end).toString('utf8');
    // An approval of what was not yet sent approves nothing; clamd itself refuses early, but never approves.
    if (!this.#asked && !text.endsWith('ERROR') && !text.startsWith('COMMAND')) {
      this.fail('backend-unavailable', 'answered before the content was sent');
      return;
    }
    this.#settle({ kind: 'reply', text });
  }

  #lose(cause: FallbackCause, detail: string): void {
    // What fits into the sockets' buffers is sent before the other side has read any of it.
    const cutOff = this.#sending && (!this.#asked || detail === 'EPIPE' || detail === 'ECONNRESET');
    this.#settle({ kind: 'failed', cause, detail, cutOff });
  }

  fail(cause: FallbackCause, detail: string): void {
    this.#settle({ kind: 'failed', cause, detail });
  }

  #settle(result: Exchange): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#controller.abort();
    this.#resume();
    this.#resolve(result);
  }
}
