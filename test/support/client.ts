/** A raw SMTP client for tests: sends exactly the given octets in exactly the given segments, and reads replies. */
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { dotStuff } from './mail.js';

export interface ClientReply {
  readonly code: number;
  /** text of every line after the code and its separator */
  readonly lines: readonly string[];
  /** the reply's octets, CRLFs included */
  readonly raw: string;
}

/** How octets are cut into writes: one write, one octet each, or pieces of these lengths (the last one repeats). */
export type Segmentation = 'whole' | 'octets' | readonly number[];

export function cut(octets: Buffer, segmentation: Segmentation): Buffer[] {
  if (segmentation === 'whole') return [octets];
  const lengths = segmentation === 'octets' ? [1] : segmentation;
  const pieces: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = lengths[Math.min(pieces.length, lengths.length - 1)] ?? octets.length;
    pieces.push(octets.subarray(at, at + Math.max(1, length)));
    at += Math.max(1, length);
  }
  return pieces;
}

export class Client {
  #socket: Socket;
  #input = '';
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach(socket);
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#input += chunk.toString('latin1');
      this.#wake();
    });
    const closed = () => {
      this.#closed = true;
      this.#wake();
    };
    socket.on('close', closed);
    socket.on('end', closed);
    socket.on('error', closed);
  }

  /** Connects without waiting for a greeting. */
  static async open(port: number, options: { from?: string; tlsCa?: string } = {}): Promise<Client> {
    const local = options.from === undefined ? {} : { localAddress: options.from };
    const socket =
      options.tlsCa === undefined
        ? connectSocket({ port, host: '127.0.0.1', ...local })
        : connectTls({ port, host: '127.0.0.1', ca: options.tlsCa, servername: 'localhost' });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once(options.tlsCa === undefined ? 'connect' : 'secureConnect', resolve);
    });
    return new Client(socket);
  }

  /** Connects, reads the greeting and says EHLO. */
  static async greet(port: number, options: { from?: string; tlsCa?: string } = {}): Promise<Client> {
    const client = await Client.open(port, options);
    await client.expect(220);
    await client.command('EHLO client.example', 250);
    return client;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** octets received and not yet read as a reply */
  get unread(): string {
    return this.#input;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Writes segment by segment, giving each time to leave as its own packet. */
  async send(octets: Buffer | string, segmentation: Segmentation = 'whole'): Promise<void> {
    const pieces = cut(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets, segmentation);
    for (const [index, piece] of pieces.entries()) {
      if (this.#closed) return;
      if (!this.#socket.write(piece)) await this.#drained();
      if (index < pieces.length - 1) await sleep(1);
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', done);
    });
  }

  async #changed(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = await Promise.race([
      new Promise<boolean>((resolve) => {
        this.#wake = () => resolve(false);
      }),
      new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(true), timeoutMs);
      }),
    ]);
    clearTimeout(timer);
    return !late;
  }

  /** @throws Error when the connection ends or nothing complete comes in time */
  async reply(timeoutMs = 10_000): Promise<ClientReply> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r\n)*(\d{3})(?: .*)?\r\n/.exec(this.#input);
      if (found !== null) {
        const raw = found[0];
        this.#input = this.#input.slice(raw.length);
        const lines = raw.slice(0, -2).split('\r\n');
        return { code: Number(found[1]), lines: lines.map((line) => line.slice(4)), raw };
      }
      if (this.#closed) throw new Error(`connection ended, unread: ${JSON.stringify(this.#input)}`);
      if (!(await this.#changed(timeoutMs))) {
        throw new Error(`no reply in ${timeoutMs} ms, unread: ${JSON.stringify(this.#input)}`);
      }
    }
  }

  async expect(code: number): Promise<ClientReply> {
    const reply = await this.reply();
    if (reply.code !== code) throw new Error(`expected ${code}, got ${JSON.stringify(reply.raw)}`);
    return reply;
  }

  /** Sends one line; with `code` given, any other reply code throws. */
  async command(line: string, code?: number): Promise<ClientReply> {
    await this.send(`${line}\r\n`);
    return code === undefined ? this.reply() : this.expect(code);
  }

  /** MAIL, RCPT…, DATA and the message; the reply to the end of data, or to the command that was refused. */
  async mail(from: string, to: readonly string[], message: Buffer): Promise<ClientReply> {
    const started = await this.command(`MAIL FROM:<${from}>`);
    if (started.code !== 250) return started;
    for (const recipient of to) await this.command(`RCPT TO:<${recipient}>`);
    const data = await this.command('DATA');
    if (data.code !== 354) return data;
    await this.send(dotStuff(message));
    return this.reply(60_000);
  }

  /**
   * Begins TLS on this connection; everything received before it is dropped, as RFC 3207 §4.2 demands.
   * @throws Error when the handshake fails or the connection is gone
   */
  async upgrade(ca: string): Promise<void> {
    if (this.#closed) throw new Error('connection ended before the handshake');
    this.#socket.removeAllListeners();
    this.#input = '';
    const secure = connectTls({ socket: this.#socket, ca, servername: 'localhost' });
    await new Promise<void>((resolve, reject) => {
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('connection ended in the handshake')));
      secure.once('secureConnect', resolve);
    });
    this.#socket = secure;
    this.#attach(secure);
  }

  /** Resolves once the other side has closed the connection. */
  async ended(timeoutMs = 10_000): Promise<void> {
    while (!this.#closed) {
      if (!(await this.#changed(timeoutMs))) throw new Error(`still connected after ${timeoutMs} ms`);
    }
  }

  /** From now on replies stay in the kernel, and then in the other side's memory. */
  stopReading(): void {
    this.#socket.pause();
  }

  async quit(): Promise<void> {
    if (!this.#closed) await this.command('QUIT').catch((error: Error) => void error);
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
