/** Hands octets on to a server, and counts what it is asked. */
import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { portOf } from './ports.js';

export class CountingRelay {
  /** FETCH commands that went to the server */
  fetches = 0;
  port = 0;

  /** Stops with the test. */
  static async start(t: Test, upstreamPort: number): Promise<CountingRelay> {
    const relay = new CountingRelay();
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (client) => {
      const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true });
      client.on('data', (chunk) => {
        relay.fetches += chunk.toString('latin1').match(/^\S+ (?:UID )?FETCH /gm)?.length ?? 0;
      });
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    relay.port = portOf(server);
    t.teardown(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return relay;
  }
}
