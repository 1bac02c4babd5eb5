/**
 * An IMAP session between a model of a server and a client that takes what it likes, out of memory that is used again
 * or out of fresh memory: as Connection has it, but with each read, write and flush in the hands of a test.
 */
import { createFetchExchange } from '../../src/imap/fetch/fetch-exchange.js';
import type { Account, ImapHandler, Mailbox } from '../../src/imap/handler.js';
import type { Sink } from '../../src/imap/session/outlet.js';
import { ImapSession } from '../../src/imap/session/session.js';
import type { SessionIo } from '../../src/imap/session/session-io.js';
import { PassedMemory } from '../../src/runtime/read-memory.js';
import { imapSettings } from './imap-dialogue.js';

/** ms; what a command waits for may be a disk that others use as well */
const askMs = 10_000;

/** Keeps what it is given as it is, until it is taken. */
class HeldSink implements Sink {
  #waiting: Buffer[] = [];
  #callbacks: (() => void)[] = [];
  backlog = 0;

  write(data: Buffer): boolean {
    this.#waiting.push(data);
    this.backlog += data.length;
    return true;
  }

  afterWritten(callback: () => void): void {
    if (this.backlog === 0) callback();
    else this.#callbacks.push(callback);
  }

  /** octets of memory that what waits here holds on to */
  get heldBytes(): number {
    let bytes = 0;
    for (const buffer of new Set(this.#waiting.map((piece) => piece.buffer))) bytes += buffer.byteLength;
    return bytes;
  }

  /** Copies of the next writes, as many as there are. */
  take(writes: number): Buffer[] {
    const taken = this.#waiting.splice(0, writes).map((bytes) => Buffer.from(bytes));
    for (const { length } of taken) this.backlog -= length;
    if (this.backlog === 0) for (const callback of this.#callbacks.splice(0)) callback();
    return taken;
  }
}

/** What a server says to a command, tagged answer included. */
export type Answers = (command: string, tag: string) => Buffer;

export interface MemorySessionOptions {
  readonly mailbox: Mailbox;
  /** in the mailbox when it is opened */
  readonly messages: () => number;
  readonly answers: Answers;
  /** false: each read has memory of its own */
  readonly reuses: boolean;
  readonly inspected?: boolean;
}

export class MemorySession implements SessionIo {
  readonly client = new HeldSink();
  readonly upstream = new HeldSink();
  readonly problems: string[] = [];
  readonly session: ImapSession;
  readonly #options: MemorySessionOptions;
  readonly #memory = new PassedMemory();
  readonly #received: Buffer[] = [];
  #piece: Buffer;
  #said: Buffer = Buffer.alloc(0);
  #paused = false;
  ended = false;
  now = 0;

  constructor(options: MemorySessionOptions) {
    this.#options = options;
    const account = {
      open: async () => options.mailbox,
      releases: async () => [],
      census: () => undefined,
      close: () => {},
    };
    const handler: ImapHandler = {
      inspects: () => options.inspected ?? true,
      loggedIn: () => undefined,
      account: () => account as unknown as Account,
    };
    const services = {
      handler,
      fetchExchange: createFetchExchange,
      beforeSelect: undefined,
      now: () => this.now,
      unexpected: (error: unknown) => this.problems.push(`unexpected: ${String(error)}`),
      event: (name: string, detail?: string) => this.problems.push(`${name} ${detail ?? ''}`),
      ended: () => {},
    };
    const peer = { address: '192.0.2.7', port: 40_000, tls: false, servername: undefined };
    this.session = new ImapSession(this, imapSettings(new Map()), services, peer);
    this.#piece = this.#memory.next();
    const greeting = { kind: 'status', status: 'OK', code: undefined, raw: Buffer.from('* OK hello\r\n') } as const;
    this.session.begin({ greeting, capabilities: undefined, rest: Buffer.alloc(0) });
  }

  /** Logged in, and with the mailbox open. */
  async open(): Promise<this> {
    for (const line of ['l LOGIN bob secret', 's SELECT inbox']) {
      this.command(line);
      await this.settle();
    }
    this.#received.length = 0;
    return this;
  }

  command(line: string): void {
    this.session.clientData(Buffer.from(`${line}\r\n`, 'latin1'));
    this.#answer();
  }

  #answer(): void {
    for (const line of Buffer.concat(this.upstream.take(Number.MAX_SAFE_INTEGER)).toString('latin1').split('\r\n')) {
      const space = line.indexOf(' ');
      if (space > 0) this.say(this.#answerTo(line.slice(space + 1), line.slice(0, space)));
    }
  }

  #answerTo(command: string, tag: string): Buffer {
    if (command.startsWith('SELECT')) {
      return Buffer.from(`* ${this.#options.messages()} EXISTS\r\n* OK [UIDVALIDITY 7] u\r\n${tag} OK done\r\n`);
    }
    if (command.startsWith('LOGIN')) return Buffer.from(`${tag} OK done\r\n`);
    return this.#options.answers(command, tag);
  }

  /** The server says this, and it waits to be read. */
  say(bytes: Buffer): void {
    this.#said = Buffer.concat([this.#said, bytes]);
  }

  /** One read of the server's socket. False: nothing is read now. */
  read(size: number): boolean {
    this.#answer();
    if (this.#paused || this.#said.length === 0) return false;
    const bytes = this.#said.copy(this.#piece, 0, 0, Math.min(size, this.#said.length));
    this.#said = this.#said.subarray(bytes);
    const chunk = this.#piece.subarray(0, bytes);
    this.session.upstreamData(this.#options.reuses ? chunk : Buffer.from(chunk));
    if (this.#options.reuses) {
      this.#memory.handled(bytes, this.session.passing);
      this.#piece = this.#memory.next();
    }
    this.#answer();
    return true;
  }

  /** The client takes some writes, and what has left is told, as at the end of a turn of the event loop. */
  take(writes: number): void {
    this.#received.push(...this.client.take(writes));
    if (this.client.backlog === 0 && !this.session.passing.waiting) this.#memory.left();
  }

  /** Until nothing moves any more. */
  async settle(size = 65_536): Promise<void> {
    for (let still = 0; still < 12; still += 1) {
      if (this.read(size) || this.client.backlog > 0) still = 0;
      this.take(Number.MAX_SAFE_INTEGER);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Runs a command to its end. Returns what the client got meanwhile. */
  async ask(line: string, readBytes = 65_536): Promise<string> {
    this.#received.length = 0;
    this.command(line);
    const deadline = Date.now() + askMs;
    for (let turn = 0; this.busy && (turn < 5000 || Date.now() < deadline); turn += 1) {
      this.read(readBytes);
      this.take(Number.MAX_SAFE_INTEGER);
      await new Promise((resolve) => (turn % 20 === 19 ? setTimeout(resolve, 1) : setImmediate(resolve)));
    }
    if (this.busy) this.problems.push(`no end of ${line}`);
    return this.output.toString('latin1');
  }

  /** Something is under way. */
  get busy(): boolean {
    return (
      this.#said.length > 0 ||
      this.client.backlog > 0 ||
      !this.session.answers.queue.empty ||
      this.session.passing.waiting
    );
  }

  /** All that the client took. */
  get output(): Buffer {
    return Buffer.concat(this.#received);
  }

  flushSoon(): void {}
  pauseClient(): void {}
  resumeClient(): void {}
  startTls(): void {}

  pauseUpstream(): void {
    this.#paused = true;
  }

  resumeUpstream(): void {
    this.#paused = false;
  }

  end(): void {
    this.ended = true;
  }
}
