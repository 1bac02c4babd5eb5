/**
 * The connection to the next hop, up to the greeting that the client is shown: TCP, PROXY header, TLS with
 * verification, XCLIENT. Afterwards it only carries bytes; the session reads the replies.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { GateError } from '../runtime/errors.js';
import { writeProxyHeader } from '../runtime/proxy-protocol.js';
import { Dialogue } from './dialogue.js';
import { parseExtensions } from './ehlo.js';
import type { UpstreamReply } from './reply-reader.js';

export interface UpstreamOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly verify: boolean;
  /** name to verify and to send as SNI; `host` when undefined */
  readonly servername: string | undefined;
  /** PEM; the system's authorities when undefined */
  readonly ca: string | undefined;
  readonly clientIdentity: 'none' | 'xclient' | 'proxy-v2';
  /** our own name in EHLO */
  readonly hostname: string;
  readonly connectTimeoutMs: number;
}

export interface ClientIdentity {
  readonly address: string;
  readonly port: number;
}

export interface OpenUpstream {
  readonly socket: Socket;
  /** the greeting to show to the client */
  readonly banner: UpstreamReply;
}

/** Called as soon as our end of the connection has an address, so that a loop can be recognised before any greeting. */
export type OnConnected = (socket: Socket) => void;

/**
 * Connects, identifies the client as configured, and returns with the greeting.
 *
 * @throws GateError `upstream-unreachable` (temporary) when there is no usable connection, `upstream-protocol` when the
 *   next hop answers out of protocol or lacks what the configuration requires of it
 */
export async function openUpstream(
  options: UpstreamOptions,
  client: ClientIdentity,
  signal: AbortSignal,
  onConnected: OnConnected,
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

/**
 * Replies are read at once and kept as text, so that all unencrypted connections can share one buffer; a fresh one for
 * each of the four replies to a small message is a good part of its cost.
 */
const replyBytes = Buffer.alloc(16_384);

function connected(options: UpstreamOptions, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = options;
    const socket: Socket = connectTcp({
      host,
      port,
      noDelay: true,
      ...(options.tls === 'none' ? { onread: { buffer: replyBytes, callback: received } } : {}),
    });
    function received(bytes: number): boolean {
      socket.emit('data', replyBytes.subarray(0, bytes));
      return true;
    }
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

async function greeted(options: UpstreamOptions, client: ClientIdentity, tcp: Socket): Promise<OpenUpstream> {
  if (options.clientIdentity === 'proxy-v2') {
    tcp.write(writeProxyHeader(client, { address: tcp.remoteAddress ?? '', port: tcp.remotePort ?? 0 }));
  }
  let socket = options.tls === 'implicit' ? await secured(tcp, options) : tcp;
  let dialogue = new Dialogue(socket);
  let banner = await dialogue.reply();
  if (banner.code === 220 && options.tls === 'starttls') {
    await requestTls(dialogue, options);
    dialogue.end();
    socket = await secured(tcp, options);
    dialogue = new Dialogue(socket);
  }
  if (banner.code === 220 && options.clientIdentity === 'xclient') banner = await xclient(dialogue, options, client);
  dialogue.end();
  return { socket, banner };
}

/** Keeps an error event from ending the process; 'close' comes after it, and is what everybody listens to. */
const closeFollows = (): void => undefined;

/** RFC 3207, as a client that insists: without TLS there is no connection. */
async function requestTls(dialogue: Dialogue, options: UpstreamOptions): Promise<void> {
  const ehlo = await dialogue.command(`EHLO ${options.hostname}\r\n`);
  if (!parseExtensions(ehlo).keywords.has('STARTTLS')) {
    throw new GateError('upstream-protocol', 'upstream offers no STARTTLS, which is configured');
  }
  const answer = await dialogue.command('STARTTLS\r\n');
  if (answer.code !== 220) throw new GateError('upstream-protocol', `upstream refuses STARTTLS: ${answer.code}`);
  // Replies sent ahead of the handshake came in the clear and would be taken for encrypted ones (CVE-2021-38371).
  if (dialogue.pending) throw new GateError('upstream-protocol', 'upstream sent data before the TLS handshake');
}

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

/** Postfix's XCLIENT: tells a server that trusts us who the client is, so that its own rules apply to that client. */
async function xclient(dialogue: Dialogue, options: UpstreamOptions, client: ClientIdentity): Promise<UpstreamReply> {
  const ehlo = await dialogue.command(`EHLO ${options.hostname}\r\n`);
  const extensions = parseExtensions(ehlo);
  if (!extensions.keywords.has('XCLIENT')) {
    // Going on without it would let every client use the trust that our own address has.
    throw new GateError('upstream-protocol', 'upstream offers no XCLIENT, which clientIdentity requires');
  }
  const address = client.address.includes(':') ? `IPV6:${client.address}` : client.address;
  const answer = await dialogue.command(`XCLIENT NAME=[UNAVAILABLE] ADDR=${address} PORT=${client.port}\r\n`);
  if (answer.code < 200 || answer.code > 599) throw new GateError('upstream-protocol', `XCLIENT: ${answer.code}`);
  return answer;
}
