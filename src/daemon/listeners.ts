/** Makes the SMTP servers from the configuration: one per listener, each with its judge. */
import { addressMatcher, isLoopback } from '../config/host-port.js';
import type { Config, ListenerConfig } from '../config/schema.js';
import type { PipelineServices } from '../pipeline/services.js';
import { createSmtpHandler } from '../pipeline/smtp-intake.js';
import type { SpoolPool } from '../runtime/spool.js';
import { asciiDomain } from '../smtp/relay-safety.js';
import { SmtpServer, type SmtpServerOptions } from '../smtp/server.js';
import type { UpstreamOptions } from '../smtp/upstream.js';
import type { Certificates } from './certificates.js';
import { authorities } from './tls-files.js';

export interface ListenerServices {
  readonly pipeline: PipelineServices;
  readonly spools: SpoolPool;
  readonly outbound: Set<string>;
  readonly certificates: Certificates;
}

/** ms; the deadline of scoring and of each inspected part lie below it, so it is the net under both. */
const judgeMarginMs = 120_000;

export function createListener(config: Config, listener: ListenerConfig, services: ListenerServices): SmtpServer {
  const { pipeline, spools, outbound, certificates } = services;
  const log = pipeline.log.child({ listener: listener.name });
  return new SmtpServer(serverOptions(config, listener, certificates), {
    handler: createSmtpHandler(pipeline, {
      name: listener.name,
      blockedAnswer: (recipients) => blockedAnswer(listener, recipients),
    }),
    spools,
    outbound,
    metrics: pipeline.metrics,
    now: pipeline.now,
    unexpected: (error) => log.error({ err: error }, 'unexpected error in a session'),
    log,
  });
}

/**
 * Notices go to our own users. On a submission listener the recipients may be strangers: when one of them is, the
 * sender is told by a refusal instead.
 */
function blockedAnswer(listener: ListenerConfig, recipients: readonly string[]): 'replace' | 'reject' {
  if (listener.onBlock === 'reject' || listener.direction === 'inbound') return listener.onBlock;
  const domains = listener.localDomains.map(asciiDomain);
  const allOurs = recipients.every((address) =>
    domains.includes(asciiDomain(address.slice(address.lastIndexOf('@') + 1))),
  );
  return allOurs ? 'replace' : 'reject';
}

function serverOptions(config: Config, listener: ListenerConfig, certificates: Certificates): SmtpServerOptions {
  const { timeouts, limits } = config.smtp;
  return {
    host: listener.listen.host,
    port: listener.listen.port,
    tls: listener.tls,
    secureContext: certificates.of(listener.tlsFiles),
    upstream: upstreamOptions(config, listener),
    settings: {
      listener: listener.name,
      offerStartTls: listener.tls === 'starttls',
      authWithoutTls:
        listener.authWithoutTls === 'always' ||
        (listener.authWithoutTls === 'loopback' && isLoopback(listener.listen.host)),
      localDomains: listener.localDomains.map(asciiDomain),
      recipientsMax: limits.recipients,
      errorsMax: limits.errors,
      messageBytesMax: limits.messageBytes,
      timeouts: {
        commandMs: timeouts.commandSeconds * 1000,
        dataMs: timeouts.dataSeconds * 1000,
        judgeMs: config.scoring.deadlineMs + judgeMarginMs,
        upstreamReplyMs: timeouts.upstreamReplySeconds * 1000,
        upstreamFinalReplyMs: timeouts.upstreamFinalReplySeconds * 1000,
      },
    },
    connectionsMax: limits.connections,
    connectionsPerPeerMax: limits.connectionsPerPeer,
    tlsHandshakeMs: timeouts.tlsHandshakeSeconds * 1000,
    proxyHeaderMs: timeouts.proxyHeaderSeconds * 1000,
    believesProxy: listener.proxyProtocolFrom.length === 0 ? () => false : addressMatcher(listener.proxyProtocolFrom),
  };
}

/** The next hop of a listener, for sessions. */
export function upstreamOptions(config: Config, listener: ListenerConfig): UpstreamOptions {
  const { upstream } = listener;
  return {
    host: upstream.host,
    port: upstream.port,
    tls: upstream.tls,
    verify: upstream.verify,
    servername: upstream.servername,
    ca: upstreamAuthorities(config, listener),
    clientIdentity: listener.clientIdentity,
    hostname: config.hostname,
    connectTimeoutMs: config.smtp.timeouts.connectSeconds * 1000,
  };
}

export function upstreamAuthorities(config: Config, listener: ListenerConfig): string | undefined {
  return authorities(listener.upstream.caFile ?? config.tls.caFile);
}
