/**
 * A connection to a next hop, whatever is spoken on it: TCP, then TLS with verification. Who greets whom is for the
 * protocol that uses it.
 */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { GateError } from './errors.js';
import { type ProxyAddress, writeProxyHeader } from './proxy-protocol.js';
import type { ReadMemory } from './read-memory.js';

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly verify: boolean;
  /** name to verify and to send as SNI; `host` when undefined */
  readonly servername: string | undefined;
  /** PEM; the system's authorities when undefined */
  readonly ca: string | undefined;
  readonly connectTimeoutMs: number;
}

/** Called as soon as our end of the connection has an address, so that a loop can be recognised before any greeting. */
export type OnConnected = (socket: Socket) => void;

export interface Opening<Opened> {
  readonly address: UpstreamAddress;
  readonly signal: AbortSignal;
  readonly onConnected: OnConnected;
  /** where what comes is read to, as long as it is not TLS; each time fresh memory by default */
  readonly memory?: ReadMemory;
  /** ends when the connection can be used; the socket is destroyed when it rejects */
  greet(tcp: Socket): Promise<Opened>;
}

/**
 * Connects and greets within `connectTimeoutMs` each.
 *
 * @throws GateError `upstream-unreachable` (temporary) when there is no usable connection, or what `greet` throws
 */
export async function openSocket<Opened>(opening: Opening<Opened>): Promise<Opened> {
  const { address, signal } = opening;
  const tcp = await connected(opening);
  opening.onConnected(tcp);
  const deadline = setTimeout(() => tcp.destroy(new Error('timeout')), address.connectTimeoutMs);
  const abort = () => tcp.destroy(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await opening.greet(tcp);
  } catch (error) {
    tcp.destroy();
    throw error instanceof GateError
      ? error
      : new GateError('upstream-unreachable', `upstream ${address.host}:${address.port}`, { cause: error });
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', abort);
  }
}

function connected({ address, signal, memory }: Opening<unknown>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, connectTimeoutMs } = address;
    const reading = memory === undefined || address.tls !== 'none' ? {} : { onread: reader(memory) };
    const socket: Socket = connectTcp({ host, port, noDelay: true, ...reading });
    function reader(memory: ReadMemory): OnReadOpts {
      const callback = (bytes: number, buffer: Uint8Array): boolean => {
        socket.emit('data', (buffer as Buffer).subarray(0, bytes));
        return true;
      };
      return { buffer: () => memory.next(), callback };
    }
    const fail = (error: Error) => {
      socket.destroy();
      const text = `upstream ${host}:${port}: ${error.message}`;
      reject(new GateError('upstream-unreachable', text, { cause: error }));
    };
    const abort = () => fail(new Error('aborted'));
    socket.setTimeout(connectTimeoutMs, () => fail(new Error('connection timed out')));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.on('error', closeFollows);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

/** Keeps an error event from ending the process; 'close' comes after it, and is what everybody listens to. */
const closeFollows = (): void => undefined;

/** Tells the server who the client is (PROXY v2), before anything else. */
export function announce(tcp: Socket, client: ProxyAddress): void {
  tcp.write(writeProxyHeader(client, { address: tcp.remoteAddress ?? '', port: tcp.remotePort ?? 0 }));
}

/** Rejects when the handshake fails or the certificate is not valid for the name, unless `verify` is off. */
export function secured(tcp: Socket, { servername, host, verify, ca }: UpstreamAddress): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const name = servername ?? host;
    const settings: ConnectionOptions = {
      socket: tcp,
      host: name,
      rejectUnauthorized: verify,
      minVersion: 'TLSv1.2',
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(ca === undefined ? {} : { ca }),
    };
    const socket = connectTls(settings);
    socket.on('error', closeFollows);
    const fail = (error: Error) =>
      reject(new GateError('upstream-unreachable', `TLS to upstream: ${error.message}`, { cause: error }));
    socket.once('error', fail);
    tcp.once('close', () => fail(new Error('closed during the handshake')));
    socket.once('secureConnect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
