/** One listening port: accepts within its limits, wakes its sessions once a second, and stops without cutting answers. */
import { createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import type { ProxyAddress } from '../runtime/proxy-protocol.js';
import { Connection, type ConnectionOptions, type ConnectionServices } from './connection.js';
import { endings } from './replies.js';
import type { SessionEvent, SessionSettings, SessionSummary } from './session-io.js';
import type { UpstreamOptions } from './upstream.js';

export interface ImapServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly secureContext: SecureContext | undefined;
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
  readonly connectionsMax: number;
  readonly connectionsPerPeerMax: number;
  readonly tlsHandshakeMs: number;
  readonly proxyHeaderMs: number;
  /** whether a peer's PROXY header is required and believed */
  believesProxy(address: string): boolean;
}

export type ImapServerServices = Omit<ConnectionServices, 'event' | 'ended'> & {
  readonly log: Logger;
  readonly metrics: Metrics;
};

const tickMs = 1000;

export class ImapServer {
  readonly #options: ImapServerOptions;
  readonly #services: ImapServerServices;
  readonly #connectionServices: ConnectionServices;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #perPeer = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: ImapServerOptions, services: ImapServerServices) {
    this.#options = options;
    this.#services = services;
    this.#connectionServices = {
      ...services,
      event: (peer, logged, name, detail) => this.#event(peer, logged, name, detail),
      ended: (peer, summary) => this.#sessionEnded(peer, summary),
    };
    // Half-open, so that a client which closes its sending side after LOGOUT still gets its answer.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the port, which is a free one when 0 was asked for. Rejects when the address cannot be had. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: this.#options.host, port: this.#options.port, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#services.log.error({ error: error.message }, 'listener failed'));
        this.#timer = setInterval(() => this.#tick(), tickMs);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket): void {
    const { listener } = this.#options.settings;
    const address = socket.remoteAddress ?? '';
    const fromPeer = this.#perPeer.get(address) ?? 0;
    const full =
      this.#connections.size >= this.#options.connectionsMax || fromPeer >= this.#options.connectionsPerPeerMax;
    this.#services.metrics.imapConnectionsTotal.inc({ listener, result: full ? 'refused' : 'accepted' });
    if (full) {
      socket.on('error', () => socket.destroy());
      socket.end(endings.tooManyConnections, () => socket.destroy());
      return;
    }
    this.#perPeer.set(address, fromPeer + 1);
    const options = this.#connectionOptions(address);
    const connection: Connection = new Connection(socket, options, this.#connectionServices, () =>
      this.#closed(connection, address),
    );
    this.#connections.add(connection);
    this.#services.metrics.imapConnections.set({ listener }, this.#connections.size);
    connection.start();
  }

  #connectionOptions(address: string): ConnectionOptions {
    const { secureContext, upstream, settings, tlsHandshakeMs, proxyHeaderMs, tls } = this.#options;
    const proxied = this.#options.believesProxy(address);
    return {
      implicitTls: tls === 'implicit',
      secureContext,
      upstream,
      settings,
      tlsHandshakeMs,
      proxyHeaderMs,
      proxied,
    };
  }

  #event(peer: ProxyAddress, logged: boolean, name: SessionEvent, detail: string | undefined): void {
    const { log, metrics } = this.#services;
    metrics.imapEvents.inc({ listener: this.#options.settings.listener, event: name });
    if (logged) log.info({ peer: peer.address, event: name, detail }, 'protocol event');
  }

  #sessionEnded(peer: ProxyAddress, summary: SessionSummary): void {
    const { log, metrics } = this.#services;
    const { listener } = this.#options.settings;
    const { user, ...facts } = summary;
    metrics.imapCommands.inc({ listener }, facts.commands);
    metrics.imapBytes.inc({ listener, from: 'client' }, facts.clientBytes);
    metrics.imapBytes.inc({ listener, from: 'server' }, facts.upstreamBytes);
    // A user's name is an address often enough to be logged like one.
    log.info({ peer: peer.address, address: user, ...facts }, 'session ended');
  }

  #closed(connection: Connection, address: string): void {
    this.#connections.delete(connection);
    const left = (this.#perPeer.get(address) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(address);
    else this.#perPeer.set(address, left);
    this.#services.metrics.imapConnections.set({ listener: this.#options.settings.listener }, this.#connections.size);
    if (this.#connections.size === 0) this.#stopped?.();
  }

  #tick(): void {
    const now = this.#services.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  /** Takes no new connections, lets commands under way finish, and after `graceMs` closes what is left. */
  async stop(graceMs: number): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#stopped = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.cut();
  }
}
