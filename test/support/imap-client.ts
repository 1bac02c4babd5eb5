/**
 * A raw IMAP client for tests: sends exactly the given octets, reads responses to the octet, and can show every octet
 * that its socket received to whoever watches.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { cut, type Segmentation } from './client.js';
import { codeOf, type ImapResponse, readResponse, responseEnd, textOf } from './imap-values.js';

export interface ImapClientOptions {
  /** `localhost` by default where TLS is used, else 127.0.0.1 */
  readonly host?: string;
  readonly from?: string;
  /** TLS from the start, with this authority trusted */
  readonly tlsCa?: string;
  /** every octet that arrives, before it is read as anything; decrypted where there is TLS */
  readonly watch?: (chunk: Buffer) => void;
}

/** A literal inside of a command. */
export interface OutgoingLiteral {
  readonly literal: Buffer;
  /** `{n+}`: sent without waiting (RFC 7888) */
  readonly eager?: boolean;
  /** `~{n}` (RFC 3516) */
  readonly binary?: boolean;
}
export type OutgoingPiece = string | OutgoingLiteral;

/** What a command brought. */
export interface ImapAnswer {
  readonly tag: string;
  readonly status: string;
  /** of the tagged response, without code */
  readonly text: string;
  readonly tagged: ImapResponse;
  /** everything before it since the answer before, in order, continuation requests left out */
  readonly untagged: readonly ImapResponse[];
}

export class ImapClient {
  /** for each response that is waited for, ms */
  patienceMs = 20_000;
  readonly #watch: ((chunk: Buffer) => void) | undefined;
  #socket: Socket;
  #chunks: Buffer[] = [];
  #octets = 0;
  /** octets that must be there before reading is worth a try */
  #need = 1;
  readonly #responses: ImapResponse[] = [];
  #closed = false;
  #wake: () => void = () => {};
  #commands = 0;
  #prefix = 'a';

  private constructor(socket: Socket, options: ImapClientOptions) {
    this.#watch = options.watch;
    this.#socket = socket;
    this.#attach(socket);
  }

  /** Connects without waiting for a greeting. */
  static async open(port: number, options: ImapClientOptions = {}): Promise<ImapClient> {
    const local = options.from === undefined ? {} : { localAddress: options.from };
    const host = options.host ?? '127.0.0.1';
    const socket =
      options.tlsCa === undefined
        ? connectSocket({ port, host, ...local })
        : connectTls({ port, host, ca: options.tlsCa, servername: 'localhost' });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once(options.tlsCa === undefined ? 'connect' : 'secureConnect', resolve);
    });
    return new ImapClient(socket, options);
  }

  /** Connects, reads the greeting and logs in. @throws Error when that is refused */
  static async login(
    port: number,
    user: string,
    password: string,
    options: ImapClientOptions = {},
  ): Promise<ImapClient> {
    const client = await ImapClient.open(port, options);
    const greeting = await client.next();
    if (greeting.name !== 'OK') throw new Error(`greeted with ${greeting.raw.toString('latin1')}`);
    await client.ok(`LOGIN ${user} ${password}`);
    return client;
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#watch?.(chunk);
      this.#chunks.push(chunk);
      this.#octets += chunk.length;
      if (this.#octets >= this.#need) this.#read();
      this.#wake();
    });
    const closed = () => {
      this.#closed = true;
      this.#wake();
    };
    for (const event of ['close', 'end', 'error'] as const) socket.on(event, closed);
  }

  #read(): void {
    const input = this.#chunks.length === 1 ? (this.#chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks);
    let at = 0;
    this.#need = 1;
    while (at < input.length) {
      const found = responseEnd(input, at);
      if ('need' in found) {
        this.#need = found.need - at;
        break;
      }
      this.#responses.push(readResponse(input.subarray(at, found.end)));
      at = found.end;
    }
    this.#octets = input.length - at;
    this.#chunks = this.#octets === 0 ? [] : [input.subarray(at)];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** responses that nobody has taken yet */
  get waiting(): number {
    return this.#responses.length;
  }

  /** octets of a response that has not ended */
  get unread(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Before the first command: what tags begin with. */
  set tagPrefix(prefix: string) {
    this.#prefix = prefix;
  }

  newTag(): string {
    this.#commands += 1;
    return `${this.#prefix}${this.#commands}`;
  }

  /** Writes; strings are latin1. Resolves when the socket has taken it, so that a slow server is felt. */
  async send(octets: Buffer | string, segmentation: Segmentation = 'whole'): Promise<void> {
    for (const piece of cut(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets, segmentation)) {
      if (this.#closed) return;
      if (this.#socket.write(piece)) {
        if (segmentation !== 'whole') await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#socket.off('drain', done);
          this.#socket.off('close', done);
          resolve();
        };
        this.#socket.once('drain', done);
        this.#socket.once('close', done);
      });
    }
  }

  async #changed(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(false);
      timer = setTimeout(() => resolve(true), timeoutMs);
    });
    clearTimeout(timer);
    return !late;
  }

  /** The next response, in the order of the wire. @throws Error when the connection ends, or after `timeoutMs` */
  async next(timeoutMs = this.patienceMs): Promise<ImapResponse> {
    for (;;) {
      const response = this.#responses.shift();
      if (response !== undefined) return response;
      const unread = () => JSON.stringify(this.unread.toString('latin1').slice(0, 300));
      if (this.#closed) throw new Error(`connection ended, unread: ${unread()}`);
      if (!(await this.#changed(timeoutMs))) throw new Error(`no response in ${timeoutMs} ms, unread: ${unread()}`);
    }
  }

  /** Responses up to the first that `last` accepts, that included. */
  async until(last: (response: ImapResponse) => boolean, timeoutMs = this.patienceMs): Promise<ImapResponse[]> {
    const responses: ImapResponse[] = [];
    for (;;) {
      const response = await this.next(timeoutMs);
      responses.push(response);
      if (last(response)) return responses;
    }
  }

  /** The answer to the command with this tag. */
  async answer(tag: string): Promise<ImapAnswer> {
    const responses = await this.until((response) => response.tag === tag);
    return answerOf(tag, responses);
  }

  /** Sends one command, waiting before each literal that asks for it, and reads its answer. */
  async command(...pieces: readonly OutgoingPiece[]): Promise<ImapAnswer> {
    const tag = this.newTag();
    const before: ImapResponse[] = [];
    let pending: Buffer[] = [Buffer.from(`${tag} `, 'latin1')];
    for (const piece of pieces) {
      if (typeof piece === 'string') {
        pending.push(Buffer.from(piece, 'latin1'));
        continue;
      }
      const size = `${piece.binary === true ? '~' : ''}{${piece.literal.length}${piece.eager === true ? '+' : ''}}\r\n`;
      pending.push(Buffer.from(size));
      if (piece.eager !== true) {
        await this.send(Buffer.concat(pending));
        pending = [];
        before.push(...(await this.until(({ tag: its }) => its === '+' || its === tag)));
        if (before.at(-1)?.tag === tag) return answerOf(tag, before);
      }
      pending.push(piece.literal);
    }
    pending.push(Buffer.from('\r\n'));
    await this.send(Buffer.concat(pending));
    const responses = await this.until((response) => response.tag === tag);
    return answerOf(tag, [...before, ...responses]);
  }

  /** A command that has to succeed. @throws Error with its answer when it does not */
  async ok(...pieces: readonly OutgoingPiece[]): Promise<ImapAnswer> {
    const answer = await this.command(...pieces);
    if (answer.status === 'OK') return answer;
    const what = pieces.map((piece) => (typeof piece === 'string' ? piece : '{…}')).join('');
    throw new Error(`${what.slice(0, 200)}: ${answer.tagged.raw.toString('latin1')}`);
  }

  /**
   * Sends all in one write. Servers may answer in another order; the answers come in that of the commands, everything
   * untagged in the first.
   */
  async pipeline(lines: readonly string[]): Promise<ImapAnswer[]> {
    const tags = lines.map(() => this.newTag());
    await this.send(lines.map((line, index) => `${tags[index] ?? ''} ${line}\r\n`).join(''));
    const open = new Set(tags);
    const responses = await this.until(({ tag }) => open.delete(tag) && open.size === 0);
    const untagged = responses.filter(({ tag }) => tag === '*');
    return tags.map((tag, index) => {
      const tagged = responses.filter((response) => response.tag === tag);
      return answerOf(tag, [...(index === 0 ? untagged : []), ...tagged]);
    });
  }

  /** STARTTLS and the handshake; what came before it is dropped. @throws Error when either fails */
  async startTls(ca: string): Promise<void> {
    await this.ok('STARTTLS');
    this.#socket.removeAllListeners();
    this.#chunks = [];
    this.#octets = 0;
    this.#need = 1;
    this.#responses.length = 0;
    const secure = connectTls({ socket: this.#socket, ca, servername: 'localhost' });
    await new Promise<void>((resolve, reject) => {
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('connection ended in the handshake')));
      secure.once('secureConnect', resolve);
    });
    this.#socket = secure;
    this.#attach(secure);
  }

  /** From now on what the server says stays in the kernel, and then with the server. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Resolves once the other side has closed the connection. */
  async ended(timeoutMs = 10_000): Promise<void> {
    while (!this.#closed) {
      if (!(await this.#changed(timeoutMs))) throw new Error(`still connected after ${timeoutMs} ms`);
    }
  }

  async logout(): Promise<void> {
    if (!this.#closed) await this.command('LOGOUT').catch((error: Error) => void error);
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function answerOf(tag: string, responses: readonly ImapResponse[]): ImapAnswer {
  const tagged = responses.at(-1);
  if (tagged === undefined) throw new Error('an answer without a response');
  const untagged = responses.slice(0, -1).filter((response) => response.tag !== '+');
  const foreign = untagged.find((response) => response.tag !== '*');
  if (foreign !== undefined) throw new Error(`${tag} was waited for, and ${foreign.raw.toString('latin1')} came`);
  return { tag, status: tagged.name, text: textOf(tagged), tagged, untagged };
}

/** What a code such as UIDVALIDITY says in an answer; undefined when it is not there. */
export function codeIn(answer: ImapAnswer, name: string): string | undefined {
  for (const response of [...answer.untagged, answer.tagged]) {
    const code = codeOf(response, name);
    if (code !== undefined) return code;
  }
  return undefined;
}
