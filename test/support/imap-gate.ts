/** An IMAP listener of ours in this process, before whatever server, with a judge that lets everything through. */
import { createSecureContext } from 'node:tls';
import type { Test } from 'tap';
import { createFetchExchange } from '../../src/imap/fetch/fetch-exchange.js';
import { ImapServer, type ImapServerOptions } from '../../src/imap/server.js';
import type { SessionSettings } from '../../src/imap/session/session-io.js';
import type { UpstreamOptions } from '../../src/imap/upstream.js';
import { createLog } from '../../src/runtime/log.js';
import { createMetrics } from '../../src/runtime/metrics.js';
import { SpoolPool } from '../../src/runtime/spool.js';
import { imapSettings } from './imap-dialogue.js';
import type { TestCertificates } from './tls.js';
import { TrustingJudge } from './trusting-judge.js';

export interface ImapGateOptions {
  readonly tls?: ImapServerOptions['tls'];
  readonly certificates?: TestCertificates;
  readonly upstream: Partial<UpstreamOptions> & { readonly port: number };
  readonly settings?: Partial<SessionSettings>;
  readonly server?: Partial<ImapServerOptions>;
  /** tags as the product makes them; else they begin with `S` */
  readonly ownTags?: boolean;
  /** judged, everything through; else nothing is */
  readonly inspected?: boolean;
}

export interface ImapGate {
  readonly port: number;
  readonly server: ImapServer;
  readonly judge: TrustingJudge;
  /** all that was logged, parsed */
  readonly log: Record<string, unknown>[];
  /** errors that nobody foresaw */
  readonly errors: unknown[];
  readonly outbound: Set<string>;
}

/** Stops with the test. */
export async function startImapGate(t: Test, options: ImapGateOptions): Promise<ImapGate> {
  const log: Record<string, unknown>[] = [];
  const errors: unknown[] = [];
  const outbound = new Set<string>();
  const judge = new TrustingJudge(new SpoolPool(t.testdir()));
  judge.inspected = options.inspected ?? true;
  const tls = options.tls ?? 'none';
  const { certificates } = options;
  const context = certificates && createSecureContext({ cert: certificates.certificate, key: certificates.key });
  const upstream: UpstreamOptions = {
    host: '127.0.0.1',
    tls: 'none',
    verify: true,
    servername: undefined,
    ca: undefined,
    clientIdentity: 'none',
    connectTimeoutMs: 5000,
    ...options.upstream,
  };
  const { logger } = createLog(
    { level: 'debug', addresses: 'full', file: undefined },
    { write: (line: string) => log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const server = new ImapServer(
    {
      host: '127.0.0.1',
      port: 0,
      tls,
      secureContext: context === undefined ? undefined : () => context,
      upstream,
      settings: {
        ...imapSettings(new Map()),
        offerStartTls: tls === 'starttls',
        upstreamTls: upstream.tls !== 'none',
        ...options.settings,
      },
      connectionsMax: 5000,
      connectionsPerPeerMax: 5000,
      tlsHandshakeMs: 5000,
      proxyHeaderMs: 2000,
      believesProxy: () => false,
      ...options.server,
    },
    {
      handler: judge,
      tagPrefix: options.ownTags === true ? undefined : 'S',
      fetchExchange: createFetchExchange,
      beforeSelect: undefined,
      now: () => performance.now(),
      unexpected: (error) => errors.push(error),
      log: logger,
      metrics: createMetrics(),
      outbound,
    },
  );
  const port = await server.listen();
  t.teardown(() => server.stop(100));
  return { port, server, judge, log, errors, outbound };
}
