/** One listening port: accepts within its limits, wakes its sessions once a second, and stops without losing mail. */
import { createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Metrics } from '../runtime/metrics.js';
import { Connection, type ConnectionOptions, type ConnectionServices } from './connection.js';
import { replies } from './replies.js';
import { serializeReply } from './reply.js';
import type { SessionServices, SessionSettings } from './session-io.js';
import type { UpstreamOptions } from './upstream.js';

export interface SmtpServerOptions {
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

export type SmtpServerServices = Omit<ConnectionServices, 'event'> & {
  readonly metrics: Metrics;
};

const tickMs = 1000;

export class SmtpServer {
  readonly #options: SmtpServerOptions;
  readonly #services: SmtpServerServices;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #perPeer = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: SmtpServerOptions, services: SmtpServerServices) {
    this.#options = options;
    this.#services = services;
    // Half-open, so that a client which closes its sending side after QUIT still gets its replies.
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
    this.#services.metrics.connectionsTotal.inc({ listener, result: full ? 'refused' : 'accepted' });
    if (full) {
      socket.on('error', () => socket.destroy());
      socket.end(serializeReply(replies.tooManyConnections), () => socket.destroy());
      return;
    }
    this.#perPeer.set(address, fromPeer + 1);
    const connection: Connection = new Connection(socket, this.#connectionOptions(address), this.#events(), () =>
      this.#closed(connection, address),
    );
    this.#connections.add(connection);
    this.#services.metrics.connections.set({ listener }, this.#connections.size);
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

  #events(): ConnectionServices {
    const { log, metrics } = this.#services;
    const { listener } = this.#options.settings;
    const event: SessionServices['event'] = (name, detail) => {
      metrics.protocolEvents.inc({ listener, event: name });
      log.info({ event: name, detail }, 'protocol event');
    };
    return { ...this.#services, event };
  }

  #closed(connection: Connection, address: string): void {
    this.#connections.delete(connection);
    const left = (this.#perPeer.get(address) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(address);
    else this.#perPeer.set(address, left);
    this.#services.metrics.connections.set({ listener: this.#options.settings.listener }, this.#connections.size);
    if (this.#connections.size === 0) this.#stopped?.();
  }

  #tick(): void {
    const now = this.#services.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  /** Takes no new connections, lets transactions under way finish, and after `graceMs` closes what is left. */
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
    for (const connection of this.#connections) connection.destroy();
  }
}
