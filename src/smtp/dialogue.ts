/** Speaks SMTP as a client, one command and one reply at a time: before a session takes the socket over, and for releases. */
import type { Socket } from 'node:net';
import { GateError } from '../runtime/errors.js';
import { ReplyReader, type UpstreamReply } from './reply-reader.js';

export class Dialogue {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  readonly #replies: UpstreamReply[] = [];
  #waiting: { resolve: (reply: UpstreamReply) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Bytes have come that nobody asked for. */
  get pending(): boolean {
    return this.#replies.length > 0 || this.#reader.partial;
  }

  readonly #onData = (chunk: Buffer): void => {
    const fault = this.#reader.read(chunk, (reply) => this.#replies.push(reply));
    if (fault !== undefined) this.#fail(new GateError('upstream-protocol', `upstream reply: ${fault}`));
    const reply = this.#waiting === undefined ? undefined : this.#replies.shift();
    if (reply === undefined) return;
    this.#waiting?.resolve(reply);
    this.#waiting = undefined;
  };

  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail(new Error('closed by the upstream server'));

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  reply(): Promise<UpstreamReply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  command(line: string): Promise<UpstreamReply> {
    if (this.pending) return Promise.reject(new GateError('upstream-protocol', 'upstream replied before it was asked'));
    this.#socket.write(line, 'latin1');
    return this.reply();
  }

  /** Lets go of the socket; nothing may be unread. */
  end(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
    this.#socket.pause();
    if (this.pending) throw new GateError('upstream-protocol', 'upstream sent more than one greeting');
  }
}
