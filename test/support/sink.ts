/**
 * A mail server that keeps what it is given: the exact octets of every message, the envelope and every command line.
 * It speaks SMTP or LMTP, reads strictly (only CRLF ends a line), and a script may answer, delay or hang up at any
 * command. It delivers nothing. The wire reading is in sink-session.ts.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { portOf, waitFor } from './ports.js';
import { SinkSession } from './sink-session.js';
import type { TestCertificates } from './tls.js';

export interface SinkMessage {
  /** argument of MAIL after `FROM:`, as written, parameters included */
  readonly mail: string;
  /** arguments of the accepted RCPT commands after `TO:`, as written */
  readonly recipients: readonly string[];
  /** dots removed; for BDAT the chunks joined */
  readonly bytes: Buffer;
  readonly verb: 'DATA' | 'BDAT';
  /** number of the connection it came on, from 1 */
  readonly session: number;
}

export interface SinkCommand {
  /** upper case; `CONNECT` for the greeting, `END` for the end of data, `AUTH-LINE` for a line of an exchange */
  readonly verb: string;
  readonly line: string;
  readonly session: number;
}

/** A reply as it goes over the wire, CRLFs included; undefined hangs up without one. */
export interface ScriptedReply {
  readonly text: string | undefined;
  readonly delayMs?: number;
  readonly closeAfter?: boolean;
}

export interface SinkOptions {
  readonly protocol?: 'smtp' | 'lmtp';
  /** EHLO keywords; the default is a modern server's. Without PIPELINING early input is a violation. */
  readonly extensions?: readonly string[];
  /** Answers a command in place of the sink; undefined leaves the answer to the sink. */
  readonly script?: (command: SinkCommand) => ScriptedReply | string | undefined;
  /** destroys a connection once it has sent this many octets of message data */
  readonly dieAfterDataBytes?: number;
  /** expects a PROXY header (v1 or v2) before everything else */
  readonly proxyProtocol?: boolean;
  readonly certificates?: TestCertificates;
  readonly implicitTls?: boolean;
  readonly port?: number;
}

export const defaultExtensions = [
  'PIPELINING',
  'SIZE 209715200',
  '8BITMIME',
  'ENHANCEDSTATUSCODES',
  'DSN',
  'SMTPUTF8',
  'CHUNKING',
];

export class Sink {
  readonly options: SinkOptions;
  readonly messages: SinkMessage[] = [];
  readonly commands: SinkCommand[] = [];
  /** what a strict reader objects to: bare CR, LF or NUL, early input, octets after STARTTLS */
  readonly violations: string[] = [];
  /** client address and port as each connection's PROXY header said */
  readonly proxied: string[] = [];
  /** local port of whoever opened each connection */
  readonly clientPorts: number[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #sessions = 0;

  private constructor(options: SinkOptions) {
    this.options = options;
    const accept = (socket: Socket) => this.#accept(socket);
    const certificates = options.certificates;
    this.#server =
      options.implicitTls === true && certificates !== undefined
        ? createTlsServer({ key: certificates.key, cert: certificates.certificate }, accept)
        : createServer({ noDelay: true }, accept);
  }

  static async start(options: SinkOptions = {}): Promise<Sink> {
    const sink = new Sink(options);
    await new Promise<void>((resolve, reject) => {
      sink.#server.once('error', reject);
      sink.#server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return sink;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get connections(): number {
    return this.#sessions;
  }

  #accept(socket: Socket): void {
    this.#sessions += 1;
    this.#sockets.add(socket);
    this.clientPorts.push(socket.remotePort ?? 0);
    socket.once('close', () => this.#sockets.delete(socket));
    new SinkSession(this, socket, this.#sessions).start();
  }

  /** Lines that were sent on connection `session`, without CRLF. */
  linesOf(session: number): string[] {
    return this.commands.filter((command) => command.session === session).map((command) => command.line);
  }

  /** Waits for the message number `count` (from 1) and returns it. */
  waitForMessage(count = 1, timeoutMs = 10_000): Promise<SinkMessage> {
    return waitFor(`message ${count} at the sink`, timeoutMs, () => this.messages[count - 1]);
  }

  /** Ends every connection as a crash would. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
