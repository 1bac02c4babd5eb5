/** Makes the IMAP servers from the configuration: one per listener, each with its judge. */
import { addressMatcher, isLoopback } from '../config/host-port.js';
import type { Config, ImapListenerConfig } from '../config/schema.js';
import type { BeforeSelect } from '../imap/before-select.js';
import { censusBeforeSelect } from '../imap/census/census.js';
import { createFetchExchange } from '../imap/fetch/fetch-exchange.js';
import { type SwapLocks, swapBeforeSelect } from '../imap/release/release-swap.js';
import { ImapServer, type ImapServerOptions } from '../imap/server.js';
import { createImapHandler } from '../pipeline/imap-handler.js';
import type { ImapServices } from '../pipeline/imap-services.js';
import type { Logger } from '../runtime/log.js';
import type { Certificates } from './certificates.js';
import { authorities } from './tls-files.js';

export interface ImapListenerServices {
  /** what the judge of mailboxes has besides the judge of mail */
  readonly imap: ImapServices;
  /** of all listeners, as two may lead to one mailbox */
  readonly locks: SwapLocks;
  readonly outbound: Set<string>;
  readonly certificates: Certificates;
}

/** ms; the deadline of scoring and of each inspected part lie below it, so it is the net under both. */
const judgeMarginMs = 120_000;

export function createImapListener(
  config: Config,
  listener: ImapListenerConfig,
  services: ImapListenerServices,
): ImapServer {
  const { imap, locks, outbound, certificates } = services;
  const log = imap.log.child({ listener: listener.name });
  return new ImapServer(serverOptions(config, listener, certificates), {
    handler: createImapHandler(imap, {
      name: listener.name,
      upstream: listener.upstream,
      messageBytesMax: config.imap.limits.messageBytes,
    }),
    fetchExchange: createFetchExchange,
    beforeSelect: workBeforeSelect(locks, imap.now, log),
    outbound,
    metrics: imap.metrics,
    now: imap.now,
    unexpected: (error) => log.error({ err: error }, 'unexpected error in a session'),
    log,
  });
}

/** A client that asks for EXAMINE wants nothing changed. */
function workBeforeSelect(locks: SwapLocks, now: () => number, log: Logger): BeforeSelect {
  const swap = swapBeforeSelect({ locks, now, log });
  const census = censusBeforeSelect(log);
  return async (port, name, argument) => {
    if (!port.readOnly) await swap(port, name, argument);
    await census(port, name, argument);
  };
}

function serverOptions(config: Config, listener: ImapListenerConfig, certificates: Certificates): ImapServerOptions {
  const { timeouts, limits } = config.imap;
  const { upstream } = listener;
  return {
    host: listener.listen.host,
    port: listener.listen.port,
    tls: listener.tls,
    secureContext: certificates.of(listener.tlsFiles),
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
