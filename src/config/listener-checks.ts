/**
 * Checks of the listeners against each other and against the servers behind them: relay safety, loops, clashes, TLS.
 *
 * Relay safety. The real server sees the gate's address instead of the client's. Many servers let some addresses relay
 * to anywhere (Postfix `mynetworks`: at least 127.0.0.0/8), and a gate beside or near the server is often among them, so
 * a stranger behind the gate would relay too. The gate cannot see what its upstream trusts; it can only see that one of
 * two things holds: the upstream learns the real client (`clientIdentity`), or the gate itself refuses foreign
 * recipients to unauthenticated clients (`localDomains`). Direction submission is no exception: a submission port that
 * demands AUTH usually still exempts the networks that it trusts. A loopback listener has only local clients, which
 * could reach the server without us, so there it is a warning.
 */
import { formatHostPort, type HostPort, isLoopback, parseAddressRange, parseHostPort } from './host-port.js';
import { checkImapListener } from './imap-checks.js';
import type { Finding, KeyPath } from './problem.js';
import type { Config, ImapListenerConfig, ListenerConfig, Settings } from './schema.js';

/** A listener of either protocol, and where it stands in the file. */
interface Placed {
  readonly listener: ListenerConfig | ImapListenerConfig;
  readonly path: KeyPath;
}

export function checkListeners(settings: Settings, config: Config): Finding[] {
  const place = (listener: Placed['listener'], path: KeyPath): Placed => ({ listener, path });
  const relays = config.smtp.listeners.map((listener, index) => place(listener, ['smtp', 'listeners', index]));
  const mailboxes = config.imap.listeners.map((listener, index) => place(listener, ['imap', 'listeners', index]));
  const all = [...relays, ...mailboxes];
  if (all.length === 0) {
    return [
      {
        severity: 'error',
        path: ['smtp', 'listeners'],
        value: [],
        expected: 'at least one listener, here or under imap; without one there is nothing to relay',
      },
    ];
  }
  return [
    ...config.smtp.listeners.flatMap((listener, index) => checkListener(listener, ['smtp', 'listeners', index])),
    ...config.imap.listeners.flatMap((listener, index) => checkImapListener(listener, ['imap', 'listeners', index])),
    ...all.flatMap((placed) => checkProtection(placed)),
    ...checkClashes(all),
    ...checkWebPorts(settings, all),
    ...checkLoops(all),
    ...checkTlsPair(settings),
  ];
}

function checkListener(listener: ListenerConfig, path: KeyPath): Finding[] {
  const { upstream, listen } = listener;
  const local = isLoopback(listen.host);
  const findings: Finding[] = [];
  if (listener.clientIdentity === 'none' && listener.localDomains.length === 0) {
    findings.push({
      severity: local ? 'warning' : 'error',
      path,
      value: formatHostPort(listen),
      expected:
        'localDomains or clientIdentity: the real server sees the address of the gate instead of the client’s, and where it trusts that address, strangers could relay through it',
    });
  }
  if (
    listener.direction === 'submission' &&
    listener.tls === 'none' &&
    !local &&
    listener.authWithoutTls !== 'always'
  ) {
    findings.push({
      severity: 'warning',
      path: [...path, 'tls'],
      value: 'none',
      expected: 'starttls or implicit: without TLS no AUTH is offered here, so nobody can log in',
    });
  }
  if (listener.direction === 'submission' && upstream.tls === 'none' && !isLoopback(upstream.host)) {
    findings.push({
      severity: 'warning',
      path: [...path, 'upstream'],
      value: formatHostPort(upstream),
      expected: 'tls: starttls or implicit, as passwords pass this connection',
    });
  }
  return findings;
}

/** TLS and the PROXY protocol, which are the same for both protocols. */
function checkProtection(placed: Placed): Finding[] {
  const { listener, path } = placed;
  const findings: Finding[] = [];
  if (listener.tls !== 'none' && listener.tlsFiles === undefined) {
    findings.push({
      severity: 'error',
      path: [...path, 'tls'],
      value: listener.tls,
      expected: 'certificateFile and keyFile, under `tls` or under tlsFiles of this listener',
    });
  }
  if (listener.authWithoutTls === 'always' && listener.tls !== 'implicit' && !isLoopback(listener.listen.host)) {
    findings.push({
      severity: 'warning',
      path: [...path, 'authWithoutTls'],
      value: 'always',
      expected: 'loopback or never: passwords would cross the network in clear',
    });
  }
  if (listener.upstream.tls !== 'none' && !listener.upstream.verify) {
    findings.push({
      severity: 'warning',
      path: [...path, 'upstream', 'verify'],
      value: false,
      expected: 'true: whoever sits in between can read and change the mail; a private authority goes into caFile',
    });
  }
  return [...findings, ...checkProxyPeers(placed)];
}

/** A PROXY header is believed: whoever may send one may claim to be an address that the real server trusts. */
function checkProxyPeers({ listener, path }: Placed): Finding[] {
  return listener.proxyProtocolFrom.flatMap((text, index): Finding[] => {
    if (parseAddressRange(text)?.prefix !== 0) return [];
    return [
      {
        severity: listener.clientIdentity === 'none' ? 'warning' : 'error',
        path: [...path, 'proxyProtocolFrom', index],
        value: text,
        expected: 'the load balancers alone: a range of all addresses lets every client claim to be any other',
      },
    ];
  });
}

function checkClashes(listeners: readonly Placed[]): Finding[] {
  const findings: Finding[] = [];
  listeners.forEach(({ listener, path }, index) => {
    const before = listeners.slice(0, index).map((other) => other.listener);
    if (before.some((other) => sameSocket(other.listen, listener.listen))) {
      findings.push({
        severity: 'error',
        path: [...path, 'listen'],
        value: formatHostPort(listener.listen),
        expected: 'an address and port that no other listener has',
      });
    }
    if (before.some((other) => other.name === listener.name)) {
      findings.push({
        severity: 'error',
        path: [...path, 'name'],
        value: listener.name,
        expected: 'a name that no other listener has',
      });
    }
  });
  return findings;
}

/** The ports for monitoring and for recipients, against the listeners and each other. */
function checkWebPorts(settings: Settings, listeners: readonly Placed[]): Finding[] {
  const status = settings.status === undefined ? undefined : parseHostPort(settings.status.listen);
  const portal = parseHostPort(settings.portal.listen);
  const admin = parseHostPort(settings.portal.adminListen);
  const findings: Finding[] = [];
  const pages = [[['portal', 'listen'], portal] as const, [['portal', 'adminListen'], admin] as const];
  for (const [path, address] of [[['status', 'listen'], status] as const, ...pages]) {
    if (address === undefined || !listeners.some(({ listener }) => sameSocket(address, listener.listen))) continue;
    const expected = 'an address and port that no listener has';
    // The pages may be missing; mail and monitoring may not.
    const severity = path[0] === 'portal' ? 'warning' : 'error';
    findings.push({ severity, path, value: formatHostPort(address), expected });
  }
  for (const [other, address] of [['status', status] as const, ['portal.listen', portal] as const]) {
    if (admin === undefined || address === undefined || !sameSocket(address, admin)) continue;
    const expected = `an address and port other than that of ${other}, or nothing`;
    findings.push({ severity: 'warning', path: ['portal', 'adminListen'], value: formatHostPort(admin), expected });
  }
  if (status !== undefined && portal !== undefined && sameSocket(status, portal)) {
    const expected = 'an address and port other than that of status';
    findings.push({ severity: 'warning', path: ['portal', 'listen'], value: formatHostPort(portal), expected });
  }
  return findings;
}

/** Mail that comes back to a listener goes round until its hop count is used up; a mailbox has no such count. */
function checkLoops(listeners: readonly Placed[]): Finding[] {
  const next = listeners.map(({ listener }) =>
    listeners.findIndex((other) => reaches(listener.upstream, other.listener.listen)),
  );
  return listeners.flatMap(({ listener, path }, index): Finding[] => {
    let at = next[index] ?? -1;
    for (let steps = 0; at !== -1 && at !== index && steps < listeners.length; steps += 1) at = next[at] ?? -1;
    if (at !== index) return [];
    return [
      {
        severity: 'error',
        path: [...path, 'upstream'],
        value: formatHostPort(listener.upstream),
        expected: 'the real server: this leads back to the listener itself, in a loop',
      },
    ];
  });
}

function checkTlsPair(settings: Settings): Finding[] {
  const { certificateFile, keyFile } = settings.tls;
  if ((certificateFile === undefined) === (keyFile === undefined)) return [];
  return [{ severity: 'error', path: ['tls'], expected: 'both certificateFile and keyFile, or neither' }];
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function sameSocket(left: HostPort, right: HostPort): boolean {
  if (left.port === 0 || left.port !== right.port) return false;
  return left.host.toLowerCase() === right.host.toLowerCase() || isWildcard(left.host) || isWildcard(right.host);
}

function reaches(upstream: HostPort, listen: HostPort): boolean {
  if (upstream.port !== listen.port) return false;
  if (upstream.host.toLowerCase() === listen.host.toLowerCase()) return true;
  if (upstream.host.toLowerCase() === 'localhost') return isLoopback(listen.host) || isWildcard(listen.host);
  return isWildcard(upstream.host) ? isLoopback(listen.host) : isWildcard(listen.host) && isLoopback(upstream.host);
}
