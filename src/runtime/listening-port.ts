/** One listening port, whatever is spoken on it: accepts within its limits, wakes its connections once a second, and stops without cutting what is under way. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from './log.js';

/** A connection as its port sees it. */
export interface AcceptedConnection {
  start(): void;
  tick(now: number): void;
  /** finish what is under way, begin nothing */
  drain(): void;
  /** the time to finish is over */
  cut(): void;
}

export interface PortOptions {
  readonly host: string;
  /** 0 takes a free one */
  readonly port: number;
  readonly connectionsMax: number;
  readonly connectionsPerPeerMax: number;
  /** written to a client for whom there is no room */
  readonly fullText: string | Buffer;
}

export interface PortServices {
  readonly log: Logger;
  /** ms of a clock that never goes back */
  now(): number;
  /** told of every client that comes, and whether there was room */
  arrived(accepted: boolean): void;
  /** told whenever the number of open connections changes */
  counted(connections: number): void;
  /** @param onClosed to be called once, when the connection is over */
  accept(socket: Socket, address: string, onClosed: () => void): AcceptedConnection;
}

const tickMs = 1000;

export class ListeningPort {
  readonly #options: PortOptions;
  readonly #services: PortServices;
  readonly #server: Server;
  readonly #connections = new Set<AcceptedConnection>();
  readonly #perPeer = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: PortOptions, services: PortServices) {
    this.#options = options;
    this.#services = services;
    // Half-open, so that a client which closes its sending side after its last command still gets its answers.
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
    const { connectionsMax, connectionsPerPeerMax, fullText } = this.#options;
    const address = socket.remoteAddress ?? '';
    const fromPeer = this.#perPeer.get(address) ?? 0;
    const full = this.#connections.size >= connectionsMax || fromPeer >= connectionsPerPeerMax;
    this.#services.arrived(!full);
    if (full) {
      socket.on('error', () => socket.destroy());
      socket.end(fullText, () => socket.destroy());
      return;
    }
    this.#perPeer.set(address, fromPeer + 1);
    const connection: AcceptedConnection = this.#services.accept(socket, address, () =>
      this.#closed(connection, address),
    );
    this.#connections.add(connection);
    this.#services.counted(this.#connections.size);
    connection.start();
  }

  #closed(connection: AcceptedConnection, address: string): void {
    this.#connections.delete(connection);
    const left = (this.#perPeer.get(address) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(address);
    else this.#perPeer.set(address, left);
    this.#services.counted(this.#connections.size);
    if (this.#connections.size === 0) this.#stopped?.();
  }

  #tick(): void {
    const now = this.#services.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  /** Takes no new connections, lets work under way finish, and after `graceMs` closes what is left. */
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
