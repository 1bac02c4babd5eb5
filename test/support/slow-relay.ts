/** Hands octets on from a server as slowly as a client far away takes them. */
import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { portOf } from './ports.js';

/** Stops with the test. @param pauseMs before each further read of what the server says. @returns its port */
export async function startSlowRelay(t: Test, upstreamPort: number, pauseMs: () => number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true });
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      upstream.pause();
      client.write(chunk, () => setTimeout(() => upstream.resume(), pauseMs()));
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return portOf(server);
}
