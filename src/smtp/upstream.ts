/**
 * The connection to the next hop, up to the greeting that the client is shown: TCP, PROXY header, TLS with
 * verification, XCLIENT. Afterwards it only carries bytes; the session reads the replies.
 */
import type { Socket } from 'node:net';
import { GateError } from '../runtime/errors.js';
import { announce, type OnConnected, openSocket, secured, type UpstreamAddress } from '../runtime/upstream-socket.js';
import { Dialogue } from './dialogue.js';
import { parseExtensions } from './ehlo.js';
import type { UpstreamReply } from './reply-reader.js';

export interface UpstreamOptions extends UpstreamAddress {
  readonly clientIdentity: 'none' | 'xclient' | 'proxy-v2';
  /** our own name in EHLO */
  readonly hostname: string;
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

/**
 * Replies are read at once and kept as text, so that all unencrypted connections can share one buffer; a fresh one for
 * each of the four replies to a small message is a good part of its cost.
 */
const replyBytes = Buffer.alloc(16_384);
const memory = { next: () => replyBytes };

/**
 * Connects, identifies the client as configured, and returns with the greeting.
 *
 * @throws GateError `upstream-unreachable` (temporary) when there is no usable connection, `upstream-protocol` when the
 *   next hop answers out of protocol or lacks what the configuration requires of it
 */
export function openUpstream(
  options: UpstreamOptions,
  client: ClientIdentity,
  signal: AbortSignal,
  onConnected: OnConnected,
): Promise<OpenUpstream> {
  const greet = (tcp: Socket) => greeted(options, client, tcp);
  return openSocket({ address: options, signal, onConnected, memory, greet });
}

async function greeted(options: UpstreamOptions, client: ClientIdentity, tcp: Socket): Promise<OpenUpstream> {
  if (options.clientIdentity === 'proxy-v2') announce(tcp, client);
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
