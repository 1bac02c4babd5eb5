/**
 * Checks between keys: what the schema cannot see because it looks at one value at a time. Pure; files are looked at in
 * file-checks.ts.
 */
import { isLoopback, parseHostPort } from './host-port.js';
import { checkImap } from './imap-checks.js';
import { checkListeners } from './listener-checks.js';
import type { Finding, KeyPath } from './problem.js';
import type { Config, Settings } from './schema.js';
import { isExposed, parseServiceUrl } from './service-url.js';

/** @param settings the file as written, for paths and values; @param config the same with everything settled */
export function checkSettings(settings: Settings, config: Config): Finding[] {
  return [
    ...checkListeners(settings, config),
    ...checkImap(settings, config),
    ...checkLevelMap(settings.scoring.levelMap),
    ...checkBackends(settings),
    ...checkLists(settings.lists),
    ...checkQuarantine(settings),
    ...checkAdministrators(settings.administrators),
    ...checkPortal(settings.portal),
    ...checkConsole(settings.portal, config.portal),
  ];
}

function checkLevelMap(points: Settings['scoring']['levelMap']): Finding[] {
  const path = ['scoring', 'levelMap'];
  const findings: Finding[] = [];
  const first = points[0];
  const last = points.at(-1);
  if (first?.[0] !== 0 || first[1] !== 0) {
    findings.push({ severity: 'error', path: [...path, 0], value: first, expected: '[0, 0] as the first point' });
  }
  if (last?.[0] !== 1) {
    findings.push({
      severity: 'error',
      path: [...path, points.length - 1],
      value: last,
      expected: 'a last point with score 1',
    });
  }
  points.forEach((point, index) => {
    const before = points[index - 1];
    if (before !== undefined && (point[0] <= before[0] || point[1] < before[1])) {
      findings.push({
        severity: 'error',
        path: [...path, index],
        value: point,
        expected: 'a higher score than the point before, and no lower level',
      });
    }
  });
  return findings;
}

function checkBackends(settings: Settings): Finding[] {
  const seen = new Set<string>();
  return settings.scoring.backends.flatMap((backend, index): Finding[] => {
    const path = ['scoring', 'backends', index];
    const findings = backend.type === 'http' ? checkService(backend, path) : [];
    const name = backend.type === 'http' ? backend.name : backend.type;
    if (seen.has(name) || (backend.type === 'http' && ownNames.has(name))) {
      const key = backend.type === 'http' ? 'name' : 'type';
      const expected = key === 'name' ? 'a name that no other backend has' : `one backend of type ${backend.type}`;
      findings.push({ severity: 'error', path: [...path, key], value: name, expected });
    }
    seen.add(name);
    return findings;
  });
}

/** What the other backends are called. */
const ownNames: ReadonlySet<string> = new Set(['embedded', 'yara', 'clamd']);

type HttpSettings = Extract<Settings['scoring']['backends'][number], { type: 'http' }>;

function checkService({ url, tokenFile, caFile }: HttpSettings, path: KeyPath): Finding[] {
  const service = parseServiceUrl(url);
  if (service === undefined) return [];
  const findings: Finding[] = [];
  if (isExposed(service)) {
    const what = tokenFile === undefined ? 'files' : 'the token and all files';
    const expected = `https, as ${what} would cross the network in clear`;
    findings.push({ severity: 'warning', path: [...path, 'url'], value: url, expected });
  }
  if (caFile !== undefined && service.origin.startsWith('http:')) {
    const expected = 'an https address, as without TLS no authority is asked';
    findings.push({ severity: 'warning', path: [...path, 'caFile'], value: caFile, expected });
  }
  return findings;
}

function checkLists(lists: Settings['lists']): Finding[] {
  const findings: Finding[] = [];
  const path = ['lists', 'allowFields'];
  const allows = lists.allow.length + lists.allowFiles.length > 0;
  const forgeable = lists.allowFields.filter((field) => field.startsWith('body-'));
  if (allows && forgeable.length > 0) {
    findings.push({
      severity: 'warning',
      path,
      value: lists.allowFields,
      expected:
        'no body-sender or body-receiver: header fields are easily forged, and whoever writes an allowed address into one passes unscanned',
    });
  }
  if (allows && lists.allowFields.length === 0) {
    findings.push({
      severity: 'warning',
      path,
      value: [],
      expected: 'a field, as without one nothing is ever allowed',
    });
  }
  const allowed = new Set(lists.allow.map((entry) => entry.trim().toLowerCase()));
  lists.block.forEach((entry, index) => {
    if (allowed.has(entry.trim().toLowerCase())) {
      findings.push({
        severity: 'warning',
        path: ['lists', 'block', index],
        value: entry,
        expected: 'an entry that is not in lists.allow too: allow is asked first',
      });
    }
  });
  return findings;
}

function checkQuarantine(settings: Settings): Finding[] {
  const { quarantine, notice } = settings;
  const findings: Finding[] = [];
  if (quarantine.recipients.length > 0 && quarantine.identityFile === undefined) {
    findings.push({
      severity: 'warning',
      path: ['quarantine', 'recipients'],
      value: `${quarantine.recipients.length} keys`,
      expected: 'quarantine.identityFile as well: without it this gate can neither preview nor release what it seals',
    });
  }
  if (quarantine.recordDays !== undefined && quarantine.recordDays < quarantine.retentionDays) {
    findings.push({
      severity: 'error',
      path: ['quarantine', 'recordDays'],
      value: quarantine.recordDays,
      expected: `at least quarantine.retentionDays (${quarantine.retentionDays}): an original is never kept without its record`,
    });
  }
  if (notice.validDays > quarantine.retentionDays) {
    findings.push({
      severity: 'warning',
      path: ['notice', 'validDays'],
      value: notice.validDays,
      expected: `at most quarantine.retentionDays (${quarantine.retentionDays}): later the link leads to a deleted message`,
    });
  }
  return findings;
}

function checkAdministrators(administrators: Settings['administrators']): Finding[] {
  const seen = new Set<string>();
  return administrators.flatMap((administrator, index): Finding[] => {
    const address = administrator.address.toLowerCase();
    if (!seen.has(address)) {
      seen.add(address);
      return [];
    }
    return [
      {
        severity: 'error',
        path: ['administrators', index, 'address'],
        value: administrator.address,
        expected: 'each administrator once',
      },
    ];
  });
}

/** A personal link is a secret: whoever reads it on its way may do what it is for. */
function checkPortal({ listen, publicUrl }: Settings['portal']): Finding[] {
  const address = parseHostPort(listen);
  if (address === undefined || publicUrl === '') return [];
  const { protocol, hostname, port } = new URL(publicUrl);
  const local = isLoopback(hostname.replace(/^\[|\]$/g, ''));
  const path = ['portal', 'publicUrl'];
  if (isLoopback(address.host) && local && protocol === 'http:' && Number(port || 80) !== address.port) {
    const expected = `the port of portal.listen, ${address.port}: else the links in notices lead elsewhere`;
    return [{ severity: 'warning', path, value: publicUrl, expected }];
  }
  if (isLoopback(address.host) || protocol === 'https:') return [];
  const expected =
    'an https address, with a TLS proxy before the page: links and requests would cross the network in clear';
  return [{ severity: 'warning', path, value: publicUrl, expected }];
}

/** A password and the cookie of a session must not cross a network in clear. */
function checkConsole(written: Settings['portal'], { listen, adminListen, adminUrl }: Config['portal']): Finding[] {
  const { administrators } = written;
  if (administrators.length === 0) return [];
  const findings: Finding[] = [];
  const names = administrators.map(({ name }) => name.toLowerCase());
  names.forEach((name, index) => {
    if (names.indexOf(name) === index) return;
    const path = ['portal', 'administrators', index, 'name'];
    findings.push({ severity: 'error', path, value: administrators[index]?.name, expected: 'each name once' });
  });
  if (listen === '' && adminListen === '') {
    const expected = 'portal.listen or portal.adminListen as well: without them nobody can sign in';
    findings.push({ severity: 'warning', path: ['portal', 'administrators'], expected });
    return findings;
  }
  const { protocol, hostname } = new URL(adminUrl);
  if (protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''))) return findings;
  const key = written.adminUrl === '' && adminListen === '' ? 'publicUrl' : 'adminUrl';
  const expected =
    'an https address, with a TLS proxy before the pages: passwords and sessions of administrators would cross the network in clear';
  findings.push({ severity: 'warning', path: ['portal', key], value: adminUrl, expected });
  return findings;
}
