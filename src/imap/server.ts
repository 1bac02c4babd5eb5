/** The IMAP side of a listening port: what a connection is made of, and what is counted and logged of it. */
import type { Socket } from 'node:net';
import { ListeningPort, type PortOptions } from '../runtime/listening-port.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import type { RelayedOptions } from '../runtime/relayed-connection.js';
import { Connection, type ConnectionServices } from './connection.js';
import { endings } from './session/replies.js';
import type { SessionSettings } from './session/session-io.js';
import type { UpstreamOptions } from './upstream.js';

export interface ImapServerOptions
  extends Omit<PortOptions, 'fullText'>,
    Omit<RelayedOptions, 'implicitTls' | 'proxied'> {
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
  /** whether a peer's PROXY header is required and believed */
  believesProxy(address: string): boolean;
}

export type ImapServerServices = Omit<ConnectionServices, 'event' | 'ended'> & {
  readonly log: Logger;
  readonly metrics: Metrics;
};

export class ImapServer extends ListeningPort {
  constructor(options: ImapServerOptions, services: ImapServerServices) {
    const { metrics, log } = services;
    const { listener } = options.settings;
    const told = { ...services, ...reports(listener, services) };
    const implicitTls = options.tls === 'implicit';
    super(
      { ...options, fullText: endings.tooManyConnections },
      {
        log,
        now: () => services.now(),
        arrived: (accepted) =>
          metrics.imapConnectionsTotal.inc({ listener, result: accepted ? 'accepted' : 'refused' }),
        counted: (connections) => metrics.imapConnections.set({ listener }, connections),
        accept: (socket: Socket, address, onClosed) => {
          const proxied = options.believesProxy(address);
          return new Connection(socket, { ...options, implicitTls, proxied }, told, onClosed);
        },
      },
    );
  }
}

/** What becomes of the events of sessions. */
function reports(listener: string, { log, metrics }: ImapServerServices): Pick<ConnectionServices, 'event' | 'ended'> {
  return {
    event: (peer, logged, name, detail) => {
      metrics.imapEvents.inc({ listener, event: name });
      if (logged) log.info({ peer: peer.address, event: name, detail }, 'protocol event');
    },
    ended: (peer, { user, ...facts }) => {
      metrics.imapCommands.inc({ listener }, facts.commands);
      metrics.imapBytes.inc({ listener, from: 'client' }, facts.clientBytes);
      metrics.imapBytes.inc({ listener, from: 'server' }, facts.upstreamBytes);
      // A user's name is an address often enough to be logged like one.
      log.info({ peer: peer.address, address: user, ...facts }, 'session ended');
    },
  };
}
