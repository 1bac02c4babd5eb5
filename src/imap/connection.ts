/**
 * One client connection with its sockets: PROXY header, TLS, the connection to the real server, and between them the
 * session. Sockets appear here, in the listener and on the way to the server, and nowhere else in this protocol.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { GateError, messageOf } from '../runtime/errors.js';
import { type Flushable, flushLater } from '../runtime/flush-batch.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import { type ProxyAddress, readProxyHeader } from '../runtime/proxy-protocol.js';
import { SocketOutlet } from '../runtime/socket-outlet.js';
import { type Ending, endings } from './replies.js';
import { ImapSession } from './session.js';
import type { SessionIo, SessionServices, SessionSettings } from './session-io.js';
import { openUpstream, type UpstreamOptions } from './upstream.js';

/** too many to be guessed in one connection, as the first wrong guess ends it */
const tagRandomBytes = 4;

export interface ConnectionOptions {
  readonly implicitTls: boolean;
  readonly secureContext: SecureContext | undefined;
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
  readonly tlsHandshakeMs: number;
  readonly proxyHeaderMs: number;
  /** whether this peer must begin with a PROXY header */
  readonly proxied: boolean;
}

/** What all connections of a listener share; the session's own log lines are made for each of them. */
export interface ConnectionServices extends Omit<SessionServices, 'event' | 'ended'> {
  readonly log: Logger;
  /** both ends of every connection that we opened ourselves, to recognise a loop */
  readonly outbound: Set<string>;
  /** @param logged false for the many more of a session that has had its share of the log */
  event(peer: ProxyAddress, logged: boolean, ...event: Parameters<SessionServices['event']>): void;
  ended(peer: ProxyAddress, summary: Parameters<SessionServices['ended']>[0]): void;
}

/** ms that a closing client gets to read its last line */
const lingerMs = 5000;

export class Connection implements SessionIo, Flushable {
  readonly client: SocketOutlet;
  readonly upstream: SocketOutlet;
  readonly #options: ConnectionOptions;
  readonly #services: ConnectionServices;
  readonly #abort = new AbortController();
  readonly #tcp: Socket;
  readonly #onClosed: () => void;
  #socket: Socket;
  #upstreamSocket: Socket | undefined;
  #session: ImapSession | undefined;
  #peer: ProxyAddress;
  /** where the peer connected to, as it sees it */
  #target: ProxyAddress;
  #timer: NodeJS.Timeout | undefined;
  #events = 0;
  #clientPaused = false;
  #upstreamPaused = false;
  #ended = false;
  #closed = false;

  constructor(socket: Socket, options: ConnectionOptions, services: ConnectionServices, onClosed: () => void) {
    this.#tcp = socket;
    this.#socket = socket;
    this.#options = options;
    this.#services = services;
    this.#onClosed = onClosed;
    this.client = new SocketOutlet(socket);
    this.upstream = new SocketOutlet(undefined);
    this.#peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.#target = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    socket.on('error', (error) => this.#services.log.debug({ error: error.message }, 'client connection failed'));
    socket.on('close', () => this.#clientClosed());
  }

  /**
   * Begins after the events that are due now: a connection of our own to ourselves is accepted in the same turn that
   * tells its other end of it. Begun before, it would connect to us again, and so on until no connection is left.
   */
  start(): void {
    setImmediate(() => {
      if (this.#closed || this.#ended) return;
      if (this.#options.proxied) this.#readProxyHeader();
      else this.#greet();
    });
  }

  tick(now: number): void {
    this.#guard(() => this.#session?.tick(now));
  }

  drain(): void {
    if (this.#session === undefined) this.#refuse('shuttingDown');
    else this.#guard(() => this.#session?.drain());
  }

  /** The time to finish is over: one last word, then the end. */
  cut(): void {
    if (this.#ended) {
      this.destroy();
      return;
    }
    this.#guard(() => this.#session?.end('shuttingDown'));
    this.flushNow();
    this.#socket.destroySoon();
    this.#upstreamSocket?.destroy();
  }

  destroy(): void {
    this.#tcp.destroy();
    this.#upstreamSocket?.destroy();
  }

  // ------------------------------------------------------------------ before the session

  #refuse(ending: Ending): void {
    this.client.write(endings[ending]);
    this.end();
  }

  #readProxyHeader(): void {
    let received: Buffer = Buffer.alloc(0);
    const fail = () => {
      this.#services.log.warn({ peer: this.#peer.address }, 'peer of proxyProtocolFrom sent no valid PROXY header');
      this.#refuse('clientProtocol');
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
      if (header.source !== undefined) this.#peer = header.source;
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
    if (this.#services.outbound.has(endsText(this.#peer, this.#target))) {
      this.#refuse('loop');
    } else if (this.#options.implicitTls) {
      this.#secure((servername) => this.#openSession(true, servername));
    } else {
      this.#openSession(false, undefined);
    }
  }

  #openSession(tls: boolean, servername: string | undefined): void {
    const peer = this.#peer;
    const services: SessionServices = {
      ...this.#services,
      tagPrefix: this.#services.tagPrefix ?? `S${randomBytes(tagRandomBytes).toString('hex')}x`,
      event: (name, detail) => {
        this.#events += 1;
        this.#services.event(peer, this.#events <= limits.imapSession.eventsLogged, name, detail);
      },
      ended: (summary) => this.#services.ended(peer, summary),
    };
    const session = new ImapSession(this, this.#options.settings, services, { ...peer, tls, servername });
    this.#session = session;
    this.#attachClient();
    openUpstream(this.#options.upstream, peer, this.#abort.signal, (socket) => this.#registerOutbound(socket))
      .then(({ socket, ...greeted }) => {
        if (this.#closed || this.#ended) {
          socket.destroy();
          return;
        }
        this.#attachUpstream(socket);
        this.#guard(() => session.begin(greeted));
      })
      .catch((error: unknown) => this.#upstreamFailed(session, error));
  }

  #upstreamFailed(session: ImapSession, error: unknown): void {
    if (this.#closed || this.#ended) return;
    const { host, port } = this.#options.upstream;
    const code = error instanceof GateError ? error.code : 'unexpected';
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : undefined;
    this.#services.log.error({ upstream: `${host}:${port}`, code, error: messageOf(error), cause }, 'no upstream');
    this.#guard(() => session.refuse());
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
    this.#socket.on('end', () => this.#guard(() => this.#session?.clientEnded()));
    if (this.#clientPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  readonly #onClientData = (chunk: Buffer): void => this.#guard(() => this.#session?.clientData(chunk));

  #attachUpstream(socket: Socket): void {
    this.#upstreamSocket = socket;
    this.upstream.replaceSocket(socket);
    socket.on('data', (chunk: Buffer) => this.#guard(() => this.#session?.upstreamData(chunk)));
    socket.on('close', () => this.#guard(() => this.#session?.upstreamClosed()));
    socket.on('end', () => socket.end());
    if (!this.#upstreamPaused) socket.resume();
  }

  /** Every event of a socket or timer ends here: one write per side, and no error gets past. */
  #guard(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.#session?.fail(error);
    }
    this.flushSoon();
  }

  flushSoon(): void {
    flushLater(this);
  }

  flushNow(): void {
    this.client.flush();
    this.upstream.flush();
  }

  #clientClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#guard(() => this.#session?.clientClosed());
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

  startTls(): void {
    this.#socket.off('data', this.#onClientData);
    this.client.flush();
    this.#secure((servername) => {
      this.#attachClient();
      this.#guard(() => this.#session?.secured(servername));
    });
  }

  #secure(done: (servername: string | undefined) => void): void {
    const { secureContext } = this.#options;
    if (secureContext === undefined) {
      this.destroy();
      return;
    }
    const tls = new TLSSocket(this.#tcp, { isServer: true, secureContext });
    this.#timer = setTimeout(() => tls.destroy(new Error('TLS handshake timed out')), this.#options.tlsHandshakeMs);
    tls.on('error', (error) => {
      this.#services.log.info({ peer: this.#peer.address, error: error.message }, 'TLS with the client failed');
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

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abort.abort();
    this.client.flush();
    this.upstream.flush();
    // What the client still sends is read and dropped: unread bytes would turn our close into a reset that may
    // overtake the last line.
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#socket.end();
    this.#upstreamSocket?.removeAllListeners('data');
    this.#upstreamSocket?.resume();
    this.#upstreamSocket?.end();
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.destroy(), lingerMs);
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
