/**
 * The connection to the real server, up to the greeting that the client is shown: TCP, PROXY header, TLS with
 * verification. Afterwards it only carries bytes; the session reads them.
 */
import type { Socket } from 'node:net';
import { GateError } from '../runtime/errors.js';
import type { ProxyAddress } from '../runtime/proxy-protocol.js';
import type { ReadMemory } from '../runtime/read-memory.js';
import { announce, type OnConnected, openSocket, secured, type UpstreamAddress } from '../runtime/upstream-socket.js';
import { type GreetedUpstream, Opening } from './upstream-greeting.js';

export interface UpstreamOptions extends UpstreamAddress {
  readonly clientIdentity: 'none' | 'proxy-v2';
}

export interface OpenUpstream extends GreetedUpstream {
  readonly socket: Socket;
}

/**
 * Connects, identifies the client as configured, and returns with the greeting.
 *
 * @throws GateError `upstream-unreachable` (temporary) when there is no usable connection, `upstream-protocol` when the
 *   server answers out of protocol or lacks what the configuration requires of it
 */
export function openUpstream(
  options: UpstreamOptions,
  client: ProxyAddress,
  signal: AbortSignal,
  onConnected: OnConnected,
  memory: ReadMemory,
): Promise<OpenUpstream> {
  return openSocket({ address: options, signal, onConnected, memory, greet: (tcp) => greeted(options, client, tcp) });
}

async function greeted(options: UpstreamOptions, client: ProxyAddress, tcp: Socket): Promise<OpenUpstream> {
  if (options.clientIdentity === 'proxy-v2') announce(tcp, client);
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
