/**
 * The connection to the real server, up to the greeting that the client is shown: TCP, PROXY header, TLS with
 * verification. Afterwards it only carries bytes; the session reads them.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { GateError } from '../runtime/errors.js';
import { type ProxyAddress, writeProxyHeader } from '../runtime/proxy-protocol.js';
import { type GreetedUpstream, Opening } from './upstream-greeting.js';

export interface UpstreamOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly verify: boolean;
  /** name to verify and to send as SNI; `host` when undefined */
  readonly servername: string | undefined;
  /** PEM; the system's authorities when undefined */
  readonly ca: string | undefined;
  readonly clientIdentity: 'none' | 'proxy-v2';
  readonly connectTimeoutMs: number;
}

export interface OpenUpstream extends GreetedUpstream {
  readonly socket: Socket;
}

/**
 * Connects, identifies the client as configured, and returns with the greeting.
 *
 * @param onConnected called as soon as our end has an address, so that a loop can be recognised before any greeting
 * @throws GateError `upstream-unreachable` (temporary) when there is no usable connection, `upstream-protocol` when the
 *   server answers out of protocol or lacks what the configuration requires of it
 */
export async function openUpstream(
  options: UpstreamOptions,
  client: ProxyAddress,
  signal: AbortSignal,
  onConnected: (socket: Socket) => void,
): Promise<OpenUpstream> {
  const tcp = await connected(options, signal);
  onConnected(tcp);
  const deadline = setTimeout(() => tcp.destroy(new Error('timeout')), options.connectTimeoutMs);
  const abort = () => tcp.destroy(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await greeted(options, client, tcp);
  } catch (error) {
    tcp.destroy();
    throw error instanceof GateError
      ? error
      : new GateError('upstream-unreachable', `upstream ${options.host}:${options.port}`, { cause: error });
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', abort);
  }
}

function connected(options: UpstreamOptions, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = options;
    const socket: Socket = connectTcp({ host, port, noDelay: true });
    const fail = (error: Error) => {
      socket.destroy();
      const text = `upstream ${options.host}:${options.port}: ${error.message}`;
      reject(new GateError('upstream-unreachable', text, { cause: error }));
    };
    const abort = () => fail(new Error('aborted'));
    socket.setTimeout(options.connectTimeoutMs, () => fail(new Error('connection timed out')));
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

async function greeted(options: UpstreamOptions, client: ProxyAddress, tcp: Socket): Promise<OpenUpstream> {
  if (options.clientIdentity === 'proxy-v2') {
    tcp.write(writeProxyHeader(client, { address: tcp.remoteAddress ?? '', port: tcp.remotePort ?? 0 }));
  }
  let socket = options.tls === 'implicit' ? await secured(tcp, options) : tcp;
  let opening = openingOn(socket);
  const greeting = await opening.dialogue.greeting();
  let capabilities: readonly string[] | undefined;
  if (greeting.status !== 'BYE' && options.tls === 'starttls') {
    // Whoever is let in before TLS cannot ask for it any more (RFC 9051 §6.2.1).
    if (greeting.status === 'PREAUTH') throw new GateError('upstream-protocol', 'upstream says PREAUTH before TLS');
    await opening.dialogue.requestTls();
    opening.end();
    socket = await secured(tcp, options);
    opening = openingOn(socket);
    capabilities = await opening.dialogue.capabilities();
  }
  opening.end();
  return { socket, greeting, capabilities, rest: opening.dialogue.rest };
}

/** Reads a socket until the session takes over. */
function openingOn(socket: Socket): { readonly dialogue: Opening; end(): void } {
  const dialogue = new Opening((text) => {
    socket.write(text, 'latin1');
  });
  const onData = (chunk: Buffer) => dialogue.received(chunk);
  const onClose = () => dialogue.failed(new GateError('upstream-unreachable', 'upstream closed the connection'));
  socket.on('data', onData);
  socket.on('close', onClose);
  socket.on('end', onClose);
  const end = () => {
    socket.pause();
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.off('end', onClose);
  };
  return { dialogue, end };
}

/** Keeps an error event from ending the process; 'close' comes after it, and is what everybody listens to. */
const closeFollows = (): void => undefined;

function secured(tcp: Socket, options: UpstreamOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const name = options.servername ?? options.host;
    const settings: ConnectionOptions = {
      socket: tcp,
      host: name,
      rejectUnauthorized: options.verify,
      minVersion: 'TLSv1.2',
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
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
