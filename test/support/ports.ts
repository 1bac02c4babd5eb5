/** Free loopback ports, for programs that cannot be told to choose one and say which. */
import { type AddressInfo, connect as connectSocket, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0;
}

/**
 * Below the ports that the kernel gives to connections and to those who ask for any, so that nobody is given one of
 * these between its choice and its use. A process takes them from blocks that it has for itself.
 */
const lowest = 12_000;
const blockPorts = 100;
const blocks = 200;
let block = process.pid % blocks;
let used = blockPorts;

function listens(place: { readonly port: number; readonly host: string } | { readonly path: string }) {
  const server = createServer();
  return new Promise<Server | undefined>((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(place, () => resolve(server));
  });
}

/** A socket whose name says whose block it is, until the process ends. Only Linux has such names. */
async function takeBlock(): Promise<void> {
  for (let tries = 0; tries < blocks; tries += 1) {
    block = (block + 1) % blocks;
    const guard = await listens({ path: `\0sluice-test-ports-${block}` });
    guard?.unref();
    if (guard === undefined && process.platform === 'linux') continue;
    used = 0;
    return;
  }
  throw new Error('others have all ports that tests may use');
}

/** A port that nobody listens on, and that was given to nobody else. */
export async function freePort(): Promise<number> {
  for (;;) {
    if (used === blockPorts) await takeBlock();
    const port = lowest + block * blockPorts + used;
    used += 1;
    const server = await listens({ port, host: '127.0.0.1' });
    if (server === undefined) continue;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    return port;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Waits until something listens on `port`. */
export async function waitForPort(port: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await accepts(port))) {
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`);
    await sleep(25);
  }
}

/** Polls `check` until it gives a value: for facts that show up in log files, or that somebody has to be asked for. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  check: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`no ${what} after ${timeoutMs} ms`);
    await sleep(20);
  }
}
