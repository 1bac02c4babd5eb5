/** Free loopback ports, for programs that cannot be told to choose one and say which. */
import { type AddressInfo, connect as connectSocket, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0;
}

/**
 * Below the ports that the kernel gives to connections and to those who ask for any, so that nobody is given one of
 * these between its choice and its use. The runner names a half for each file that runs beside another.
 */
const lowest = 12_000;
const half = 10_000;
const first = lowest + half * (Number(process.env.SLUICE_TEST_LANE ?? process.pid) % 2);
/** Neighbouring processes begin apart, and a file does not begin where the one before it has just ended. */
const apart = 64;
let chosen = (process.pid * apart) % half;

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Takes a name that the kernel knows until this process ends. False: another process of ours has it. */
function claim(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(`\0sluice-test-port-${port}`, () => {
      server.unref();
      resolve(true);
    });
  });
}

/** A port that nobody listens on, given to nobody else on this machine who runs tests, and in this process once. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < half; tries += 1) {
    chosen = (chosen + 1) % half;
    // Who asks meanwhile goes on from here.
    const port = first + chosen;
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no port is free from ${first} to ${first + half - 1}`);
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
