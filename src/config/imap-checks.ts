/** Checks of the IMAP proxy that SMTP has no like of: who may log in, which servers are judged, how long a client may be silent. */
import { isIP } from 'node:net';
import { formatHostPort, isLoopback } from './host-port.js';
import type { Finding, KeyPath } from './problem.js';
import type { Config, ImapListenerConfig, Settings } from './schema.js';
import { serverNames } from './server-names.js';

export function checkImapListener(listener: ImapListenerConfig, path: KeyPath): Finding[] {
  const { upstream, listen } = listener;
  const findings: Finding[] = [];
  if (listener.tls === 'none' && !isLoopback(listen.host) && listener.authWithoutTls !== 'always') {
    findings.push({
      severity: 'warning',
      path: [...path, 'tls'],
      value: 'none',
      expected: 'starttls or implicit: without TLS no login is allowed here, so nobody can read his mail',
    });
  }
  if (upstream.tls === 'none' && !isLoopback(upstream.host)) {
    findings.push({
      severity: 'warning',
      path: [...path, 'upstream'],
      value: formatHostPort(upstream),
      expected: 'tls: starttls or implicit, as passwords pass this connection',
    });
  }
  return findings;
}

export function checkImap(settings: Settings, config: Config): Finding[] {
  const { idleSeconds } = settings.imap.timeouts;
  const findings = checkServers(config);
  if (idleSeconds < 1800) {
    findings.push({
      severity: 'warning',
      path: ['imap', 'timeouts', 'idleSeconds'],
      value: idleSeconds,
      expected: 'at least 1800 (RFC 9051 §5.4): clients that wait for new mail would lose their connection',
    });
  }
  if (config.imap.listeners.length > 0 && config.smtp.listeners.length === 0) findings.push(...checkWayOut(settings));
  return findings;
}

/** A list of servers against the listeners: what is behind a name that is not listed passes unseen. */
function checkServers({ policy, imap }: Config): Finding[] {
  const { servers, action } = policy.imap;
  if (servers === 'all' || action === 'permit' || imap.listeners.length === 0) return [];
  const path = ['policy', 'imap', 'servers'];
  if (servers.length === 0) {
    const expected = 'all, or a name: with an empty list no mail is judged over IMAP';
    return [{ severity: 'warning', path, value: servers, expected }];
  }
  const known = new Set(imap.listeners.flatMap(({ upstream }) => serverNames(upstream)));
  const findings = servers.flatMap((name, index): Finding[] => {
    if (serverNames({ host: name }).some((one) => known.has(one))) return [];
    const expected =
      'the host of an imap listener’s upstream, as written there: this name only fits a client that asks for it in TLS';
    return [{ severity: 'warning', path: [...path, index], value: name, expected }];
  });
  imap.listeners.forEach(({ upstream }, index) => {
    if (isIP(upstream.host) === 0 || upstream.servername !== undefined) return;
    findings.push({
      severity: 'warning',
      path: ['imap', 'listeners', index, 'upstream', 'host'],
      value: upstream.host,
      expected:
        'a host name, or servername beside it: policy.imap.servers lists names and this server has none, so that all its mail is judged',
    });
  });
  return findings;
}

/** Without an SMTP listener there is no mail server that mail of our own could go to. */
function checkWayOut({ administrators, quarantine }: Settings): Finding[] {
  if (administrators.length === 0 || quarantine.releaseRelay !== undefined) return [];
  const expected =
    'quarantine.releaseRelay as well: without an smtp listener no server is known that could take this mail';
  return [{ severity: 'warning', path: ['administrators'], value: `${administrators.length}`, expected }];
}
