/** Hands octets on between two ports and knows nothing of them: the yardstick for a gate that should not be felt. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { portOf } from './ports.js';

export class TcpRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(upstreamPort: number): Promise<TcpRelay> {
    const server = createServer({ noDelay: true });
    const relay = new TcpRelay(server);
    server.on('connection', (client) => relay.#join(client, connect({ port: upstreamPort, host: '127.0.0.1' })));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  get port(): number {
    return portOf(this.#server);
  }

  #join(client: Socket, upstream: Socket): void {
    upstream.setNoDelay(true);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
