/**
 * One client connection that is relayed to a server, whatever the protocol: PROXY header, TLS, loop detection, and
 * between the two sockets a session. What is said to the client, and what the session does, is for the protocol.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { GateError, messageOf } from './errors.js';
import { type Flushable, flushLater } from './flush-batch.js';
import { limits } from './limits.js';
import type { Logger } from './log.js';
import { type ProxyAddress, readProxyHeader } from './proxy-protocol.js';
import type { PassedMemory, Passing } from './read-memory.js';
import { SocketOutlet } from './socket-outlet.js';
import type { UpstreamAddress } from './upstream-socket.js';

export interface RelayedOptions {
  readonly implicitTls: boolean;
  /** what is shown in a handshake that begins now */
  readonly secureContext: (() => SecureContext) | undefined;
  readonly upstream: UpstreamAddress;
  readonly tlsHandshakeMs: number;
  readonly proxyHeaderMs: number;
  /** whether this peer must begin with a PROXY header */
  readonly proxied: boolean;
}

export interface RelayedServices {
  readonly log: Logger;
  /** both ends of every connection that we opened ourselves, to recognise a loop */
  readonly outbound: Set<string>;
}

/** What the events of the two sockets are handed to. */
export interface RelayedSession {
  clientData(chunk: Buffer): void;
  clientEnded(): void;
  clientClosed(): void;
  upstreamData(chunk: Buffer): void;
  upstreamClosed(): void;
  /** the client's side is encrypted now */
  secured(servername: string | undefined): void;
  tick(now: number): void;
  drain(): void;
  /** an error of ours */
  fail(error: unknown): void;
  /** what became of the octets that `upstreamData` was given; without it they are not used again */
  readonly passing?: Passing;
}

/** Why a client is sent away before there is a session. */
export type Refusal = 'proxyHeader' | 'loop' | 'shuttingDown';

/** ms that a closing client gets to read its last line */
const lingerMs = 5000;

export abstract class RelayedConnection<Session extends RelayedSession> implements Flushable {
  readonly client: SocketOutlet;
  readonly upstream: SocketOutlet;
  protected peer: ProxyAddress;
  protected session: Session | undefined;
  /** what the server says is read into, where the session tells what becomes of it */
  protected readonly memory: PassedMemory | undefined;
  readonly #options: RelayedOptions;
  readonly #services: RelayedServices;
  readonly #abort = new AbortController();
  readonly #tcp: Socket;
  readonly #onClosed: () => void;
  #socket: Socket;
  #upstreamSocket: Socket | undefined;
  /** where the peer connected to, as it sees it */
  #target: ProxyAddress;
  #timer: NodeJS.Timeout | undefined;
  #clientPaused = false;
  #upstreamPaused = false;
  #ended = false;
  #closed = false;

  constructor(socket: Socket, options: RelayedOptions, services: RelayedServices, onClosed: () => void) {
    this.#tcp = socket;
    this.#socket = socket;
    this.#options = options;
    this.#services = services;
    this.#onClosed = onClosed;
    this.client = new SocketOutlet(socket);
    this.upstream = new SocketOutlet(undefined);
    this.peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.#target = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    socket.on('error', (error) => services.log.debug({ error: error.message }, 'client connection failed'));
    socket.on('close', () => this.#clientClosed());
  }

  /** The session of a client that may come in, and the server that it is for; `connect` follows. */
  protected abstract openSession(secure: boolean, servername: string | undefined): void;

  /** The last line that a client gets. */
  protected abstract farewell(refusal: Refusal): string | Buffer;

  /**
   * Begins after the events that are due now: a connection of our own to ourselves is accepted in the same turn that
   * tells its other end of it. Begun before, it would connect to us again, and so on until no connection is left.
   */
  start(): void {
    setImmediate(() => {
      if (this.isOver) return;
      if (this.#options.proxied) this.#readProxyHeader();
      else this.#greet();
    });
  }

  tick(now: number): void {
    this.guard(() => this.session?.tick(now));
  }

  drain(): void {
    if (this.session === undefined) this.#refuse('shuttingDown');
    else this.guard(() => this.session?.drain());
  }

  /** The time to finish is over. */
  cut(): void {
    this.destroy();
  }

  destroy(): void {
    this.#tcp.destroy();
    this.#upstreamSocket?.destroy();
  }

  /** Our last line is written, or the client has gone. */
  protected get isOver(): boolean {
    return this.#closed || this.#ended;
  }

  // ------------------------------------------------------------------ before the session

  #refuse(refusal: Refusal): void {
    this.client.write(this.farewell(refusal));
    this.end();
  }

  #readProxyHeader(): void {
    let received: Buffer = Buffer.alloc(0);
    const fail = () => {
      this.#services.log.warn({ peer: this.peer.address }, 'peer of proxyProtocolFrom sent no valid PROXY header');
      this.#refuse('proxyHeader');
    };
    this.#timer = setTimeout(fail, this.#options.proxyHeaderMs);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const header = readProxyHeader(received);
      if (header.kind === 'incomplete' && received.length < limits.proxy.headerBytes) return;
      clearTimeout(this.#timer);
      this.#tcp.off('data', onData);
      if (header.kind !== 'header') {
        fail();
        return;
      }
      if (header.source !== undefined) this.peer = header.source;
      if (header.target !== undefined) this.#target = header.target;
      const rest = received.subarray(header.bytes);
      this.#tcp.pause();
      if (rest.length > 0) this.#tcp.unshift(rest);
      this.#greet();
    };
    this.#tcp.on('data', onData);
  }

  #greet(): void {
    // Both ends count: a kernel gives one local port to several connections, if they go to different places.
    if (this.#services.outbound.has(endsText(this.peer, this.#target))) this.#refuse('loop');
    else if (this.#options.implicitTls) this.#secure((servername) => this.#open(true, servername));
    else this.#open(false, undefined);
  }

  #open(secure: boolean, servername: string | undefined): void {
    this.openSession(secure, servername);
    this.#attachClient();
  }

  /**
   * The connection to the server.
   * @param opened begins the session with what the server said
   * @param failed tells the client that there is no server
   */
  protected connect<Opened extends { readonly socket: Socket }>(
    opening: (signal: AbortSignal, onConnected: (socket: Socket) => void) => Promise<Opened>,
    opened: (opened: Opened) => void,
    failed: () => void,
  ): void {
    opening(this.#abort.signal, (socket) => this.#registerOutbound(socket))
      .then((upstream) => {
        if (this.isOver) {
          upstream.socket.destroy();
          return;
        }
        this.#attachUpstream(upstream.socket);
        this.guard(() => opened(upstream));
      })
      .catch((error: unknown) => {
        if (this.isOver) return;
        const { host, port } = this.#options.upstream;
        const code = error instanceof GateError ? error.code : 'unexpected';
        const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : undefined;
        this.#services.log.error({ upstream: `${host}:${port}`, code, error: messageOf(error), cause }, 'no upstream');
        this.guard(failed);
      });
  }

  #registerOutbound(socket: Socket): void {
    const key = endsText(
      { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 },
      { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 },
    );
    this.#services.outbound.add(key);
    socket.once('close', () => this.#services.outbound.delete(key));
  }

  // ------------------------------------------------------------------ sockets and session

  #attachClient(): void {
    this.#socket.on('data', this.#onClientData);
    this.#socket.on('end', () => this.guard(() => this.session?.clientEnded()));
    if (this.#clientPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  readonly #onClientData = (chunk: Buffer): void => this.guard(() => this.session?.clientData(chunk));

  #attachUpstream(socket: Socket): void {
    this.#upstreamSocket = socket;
    this.upstream.replaceSocket(socket);
    socket.on('data', (chunk: Buffer) => {
      this.guard(() => this.session?.upstreamData(chunk));
      const passing = this.session?.passing;
      if (passing !== undefined) this.memory?.handled(chunk.length, passing);
    });
    socket.on('close', () => this.guard(() => this.session?.upstreamClosed()));
    socket.on('end', () => socket.end());
    if (!this.#upstreamPaused) socket.resume();
  }

  /** Every event of a socket or timer ends here: one write per side, and no error gets past. */
  protected guard(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.session?.fail(error);
    }
    this.flushSoon();
  }

  flushSoon(): void {
    flushLater(this);
  }

  flushNow(): void {
    this.client.flush();
    this.upstream.flush();
    if (this.client.backlog === 0 && this.session?.passing?.waiting === false) this.memory?.left();
  }

  #clientClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.guard(() => this.session?.clientClosed());
    this.#upstreamSocket?.destroy();
    this.#onClosed();
  }

  pauseClient(): void {
    if (this.#clientPaused) return;
    this.#clientPaused = true;
    this.#socket.pause();
  }

  resumeClient(): void {
    if (!this.#clientPaused) return;
    this.#clientPaused = false;
    this.#socket.resume();
  }

  pauseUpstream(): void {
    if (this.#upstreamPaused) return;
    this.#upstreamPaused = true;
    this.#upstreamSocket?.pause();
  }

  resumeUpstream(): void {
    if (!this.#upstreamPaused) return;
    this.#upstreamPaused = false;
    this.#upstreamSocket?.resume();
  }

  destroyUpstream(): void {
    this.#upstreamSocket?.destroy();
  }

  startTls(): void {
    this.#socket.off('data', this.#onClientData);
    this.client.flush();
    this.#secure((servername) => {
      this.#attachClient();
      this.guard(() => this.session?.secured(servername));
    });
  }

  #secure(done: (servername: string | undefined) => void): void {
    const { secureContext } = this.#options;
    if (secureContext === undefined) {
      this.destroy();
      return;
    }
    const tls = new TLSSocket(this.#tcp, { isServer: true, secureContext: secureContext() });
    this.#timer = setTimeout(() => tls.destroy(new Error('TLS handshake timed out')), this.#options.tlsHandshakeMs);
    tls.on('error', (error) => {
      this.#services.log.info({ peer: this.peer.address, error: error.message }, 'TLS with the client failed');
      this.#tcp.destroy();
    });
    tls.once('close', () => this.#tcp.destroy());
    tls.once('secure', () => {
      // The session may have ended meanwhile; its timer then closes what is left.
      if (this.#ended) return;
      clearTimeout(this.#timer);
      this.#socket = tls;
      this.client.replaceSocket(tls);
      done(askedName(tls));
    });
  }

  /** What is written goes out, then both connections end. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abort.abort();
    this.client.flush();
    this.upstream.flush();
    // What the client still sends is read and dropped: unread bytes would turn our close into a reset that may
    // overtake the last line.
    for (const socket of [this.#socket, this.#upstreamSocket]) {
      socket?.removeAllListeners('data');
      socket?.resume();
      socket?.end();
    }
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.destroy(), lingerMs);
  }

  /** As `end`, without waiting for anybody. */
  protected endNow(): void {
    this.flushNow();
    this.#socket.destroySoon();
    this.#upstreamSocket?.destroy();
  }
}

/** Server side, Node's type does not say: the name of the client's SNI, false without one. */
function askedName(tls: TLSSocket): string | undefined {
  const { servername } = tls as { readonly servername?: unknown };
  return typeof servername === 'string' && servername !== '' ? servername : undefined;
}

function endsText(from: ProxyAddress, to: ProxyAddress): string {
  return `${from.address}:${from.port}>${to.address}:${to.port}`;
}

/** IPv4 clients of a dual-stack listener look like `::ffff:192.0.2.1`. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}
