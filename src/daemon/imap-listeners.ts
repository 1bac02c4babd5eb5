/** Makes the IMAP servers from the configuration: one per listener, each with its judge. */
import { addressMatcher, isLoopback } from '../config/host-port.js';
import type { Config, ImapListenerConfig } from '../config/schema.js';
import { ImapServer, type ImapServerOptions } from '../imap/server.js';
import type { PipelineServices } from '../pipeline/services.js';
import { authorities, secureContext } from './tls-files.js';

export interface ImapListenerServices {
  readonly pipeline: PipelineServices;
  readonly outbound: Set<string>;
}

/** ms; the deadline of scoring and of each inspected part lie below it, so it is the net under both. */
const judgeMarginMs = 120_000;

export function createImapListener(
  config: Config,
  listener: ImapListenerConfig,
  services: ImapListenerServices,
): ImapServer {
  const { pipeline, outbound } = services;
  const log = pipeline.log.child({ listener: listener.name });
  return new ImapServer(serverOptions(config, listener), {
    handler: {
      inspects: () => false,
      account: () => {
        throw new Error('no judge');
      },
    },
    fetchExchange: () => {
      throw new Error('no judge');
    },
    beforeSelect: undefined,
    outbound,
    metrics: pipeline.metrics,
    now: pipeline.now,
    unexpected: (error) => log.error({ err: error }, 'unexpected error in a session'),
    log,
  });
}

function serverOptions(config: Config, listener: ImapListenerConfig): ImapServerOptions {
  const { timeouts, limits } = config.imap;
  const { upstream } = listener;
  return {
    host: listener.listen.host,
    port: listener.listen.port,
    tls: listener.tls,
    secureContext: secureContext(listener.tlsFiles),
    upstream: {
      host: upstream.host,
      port: upstream.port,
      tls: upstream.tls,
      verify: upstream.verify,
      servername: upstream.servername,
      ca: authorities(upstream.caFile ?? config.tls.caFile),
      clientIdentity: listener.clientIdentity,
      connectTimeoutMs: timeouts.connectSeconds * 1000,
    },
    settings: {
      listener: listener.name,
      offerStartTls: listener.tls === 'starttls',
      authWithoutTls:
        listener.authWithoutTls === 'always' ||
        (listener.authWithoutTls === 'loopback' && isLoopback(listener.listen.host)),
      upstreamTls: upstream.tls !== 'none',
      errorsMax: limits.errors,
      timeouts: {
        loginMs: timeouts.loginSeconds * 1000,
        idleMs: timeouts.idleSeconds * 1000,
        upstreamReplyMs: timeouts.upstreamReplySeconds * 1000,
        stallMs: timeouts.stallSeconds * 1000,
        keepAliveMs: timeouts.keepAliveSeconds * 1000,
        judgeMs: config.scoring.deadlineMs + judgeMarginMs,
      },
    },
    connectionsMax: limits.connections,
    connectionsPerPeerMax: limits.connectionsPerPeer,
    tlsHandshakeMs: timeouts.tlsHandshakeSeconds * 1000,
    proxyHeaderMs: timeouts.proxyHeaderSeconds * 1000,
    believesProxy: listener.proxyProtocolFrom.length === 0 ? () => false : addressMatcher(listener.proxyProtocolFrom),
  };
}
