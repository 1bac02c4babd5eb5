/** The SMTP side of a listening port: what a connection is made of, and what is counted and logged of it. */
import type { Socket } from 'node:net';
import { ListeningPort, type PortOptions } from '../runtime/listening-port.js';
import type { Metrics } from '../runtime/metrics.js';
import type { RelayedOptions } from '../runtime/relayed-connection.js';
import { Connection, type ConnectionServices } from './connection.js';
import { replies } from './replies.js';
import { serializeReply } from './reply.js';
import type { SessionServices, SessionSettings } from './session-io.js';
import type { UpstreamOptions } from './upstream.js';

export interface SmtpServerOptions
  extends Omit<PortOptions, 'fullText'>,
    Omit<RelayedOptions, 'implicitTls' | 'proxied'> {
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly upstream: UpstreamOptions;
  readonly settings: SessionSettings;
  /** whether a peer's PROXY header is required and believed */
  believesProxy(address: string): boolean;
}

export type SmtpServerServices = Omit<ConnectionServices, 'event'> & {
  readonly metrics: Metrics;
};

export class SmtpServer extends ListeningPort {
  constructor(options: SmtpServerOptions, services: SmtpServerServices) {
    const { metrics, log } = services;
    const { listener } = options.settings;
    const event: SessionServices['event'] = (name, detail) => {
      metrics.protocolEvents.inc({ listener, event: name });
      log.info({ event: name, detail }, 'protocol event');
    };
    const implicitTls = options.tls === 'implicit';
    super(
      { ...options, fullText: serializeReply(replies.tooManyConnections) },
      {
        log,
        now: () => services.now(),
        arrived: (accepted) => metrics.connectionsTotal.inc({ listener, result: accepted ? 'accepted' : 'refused' }),
        counted: (connections) => metrics.connections.set({ listener }, connections),
        accept: (socket: Socket, address, onClosed) => {
          const proxied = options.believesProxy(address);
          return new Connection(socket, { ...options, implicitTls, proxied }, { ...services, event }, onClosed);
        },
      },
    );
  }
}
