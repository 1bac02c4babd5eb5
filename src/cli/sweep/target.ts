/** Which listener of the gate a sweep goes through, and how it is connected to and known. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';
import { rootCertificates } from 'node:tls';
import { addressMatcher, formatHostPort, isLoopback } from '../../config/host-port.js';
import type { Config, ImapListenerConfig } from '../../config/schema.js';
import { isServerListed, normalServerName } from '../../config/server-names.js';

export interface SweepTarget {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: ImapListenerConfig['tls'];
  /** undefined without TLS */
  readonly tlsOptions: ConnectionOptions | undefined;
}

/** @param wanted name of a listener. @returns the target, or what is wrong and what to do, for a person */
export function sweepTarget(config: Config, wanted: string | undefined): SweepTarget | string {
  const { listeners } = config.imap;
  const names = listeners.map(({ name }) => name).join(', ');
  if (listeners.length === 0) return 'the configuration has no IMAP listener to sweep through: add one under imap';
  if (wanted === undefined && listeners.length > 1) return `say which listener with --listener: ${names}`;
  const listener = wanted === undefined ? listeners[0] : listeners.find(({ name }) => name === wanted);
  if (listener === undefined) return `there is no IMAP listener ${wanted}; these there are: ${names}`;
  return unsuitable(config, listener) ?? targetOf(config, listener);
}

/** Why no message would be judged, or no connection would come about. */
function unsuitable(config: Config, listener: ImapListenerConfig): string | undefined {
  const { action, servers } = config.policy.imap;
  if (action === 'permit')
    return 'policy.imap.action is permit: nothing is judged over IMAP, so there is nothing to sweep';
  const listed = servers === 'all' ? servers : new Set(servers.map(normalServerName));
  if (!isServerListed(listed, listener.upstream, undefined))
    return `${listener.upstream.host} is not in policy.imap.servers: its mail is not judged, so there is nothing to sweep`;
  if (listener.listen.port === 0)
    return `${listener.name} listens on a port of chance; give it a fixed one, or name another listener with --listener`;
  const host = reachable(listener.listen.host);
  // A connection to an address of this machine comes from that address, and who is taken for the load balancer begins
  // with a header.
  if (addressMatcher(listener.proxyProtocolFrom)(host.toLowerCase() === 'localhost' ? '127.0.0.1' : host))
    return `${listener.name} wants a PROXY header from this machine; name another listener with --listener`;
  if (
    listener.tls === 'none' &&
    (listener.authWithoutTls === 'never' ||
      (listener.authWithoutTls === 'loopback' && !isLoopback(listener.listen.host)))
  )
    return `${listener.name} allows no login without TLS and has none; name another listener with --listener`;
  return undefined;
}

function targetOf(config: Config, listener: ImapListenerConfig): SweepTarget {
  const { name, tls, listen } = listener;
  return {
    name,
    host: reachable(listen.host),
    port: listen.port,
    tls,
    tlsOptions: tls === 'none' ? undefined : tlsOptionsOf(config, listener),
  };
}

/** An address that listens everywhere cannot be connected to everywhere. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/**
 * The listener is known by the very certificate that it is configured with: the address that it listens on is seldom
 * a name in it, and whoever else listens there must not get the password.
 */
function tlsOptionsOf(config: Config, { tlsFiles }: ImapListenerConfig): ConnectionOptions {
  if (tlsFiles === undefined) return {};
  const own = readFileSync(tlsFiles.certificateFile, 'utf8');
  const authorities = config.tls.caFile === undefined ? [] : [readFileSync(config.tls.caFile, 'utf8')];
  const expected = new X509Certificate(own).fingerprint256;
  // Since Node 22 the certificate itself is enough of an anchor; the types know that later.
  const anchoredByItself = { allowPartialTrustChain: true };
  return {
    ...anchoredByItself,
    ca: [...rootCertificates, ...authorities, own],
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      certificate.fingerprint256 === expected
        ? undefined
        : new Error(
            `the listener shows another certificate than ${tlsFiles.certificateFile}; was it renewed since the gate started?`,
          ),
  };
}

export function describeTarget(target: SweepTarget): string {
  return `${target.name} at ${formatHostPort(target)}`;
}
