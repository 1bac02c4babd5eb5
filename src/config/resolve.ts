/** Settles what the schema cannot: defaults that depend on other keys, and file names relative to the configuration's folder. */
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type HostPort, isHost, parseHostPort } from './host-port.js';
import type { Config, ImapListenerConfig, ListenerConfig, Settings, TlsFiles, WrittenTlsFiles } from './schema.js';

/** as long as whoever asks about a mail of last year may expect an answer */
const recordDaysUsual = 365;

/** @param file absolute name of the configuration file */
export function resolveConfig(settings: Settings, file: string): Config {
  const folder = dirname(file);
  const absolute = (name: string): string => resolve(folder, name);
  const optional = <K extends string>(key: K, name: string | undefined) =>
    (name === undefined ? {} : { [key]: absolute(name) }) as { [P in K]?: string };
  const ownName = settings.hostname ?? (isHost(hostname()) ? hostname() : 'localhost');
  const { lists, quarantine, scoring, notice, portal } = settings;
  const taken = new Set([...settings.smtp.listeners, ...settings.imap.listeners].map((listener) => listener.name));
  return {
    ...settings,
    file,
    hostname: ownName,
    dataDirectory: absolute(settings.dataDirectory),
    smtp: { ...settings.smtp, listeners: resolveListeners(settings, taken, absolute) },
    imap: { ...settings.imap, listeners: resolveImapListeners(settings, taken, absolute) },
    tls: {
      ...optional('certificateFile', settings.tls.certificateFile),
      ...optional('keyFile', settings.tls.keyFile),
      ...optional('caFile', settings.tls.caFile),
    },
    lists: {
      ...lists,
      allowFiles: lists.allowFiles.map(absolute),
      blockFiles: lists.blockFiles.map(absolute),
      allowHashes: lists.allowHashes.map(absolute),
      blockHashes: lists.blockHashes.map(absolute),
    },
    scoring: {
      ...scoring,
      backends: scoring.backends.map((backend) => resolveBackend(backend, settings, optional)),
    },
    quarantine: {
      ...quarantine,
      ...optional('identityFile', quarantine.identityFile),
      recordDays: quarantine.recordDays ?? Math.max(recordDaysUsual, quarantine.retentionDays),
    },
    notice: { ...notice, from: notice.from ?? `Mail Security <postmaster@${ownName}>` },
    portal: resolvePortal(portal, absolute),
    log: {
      ...settings.log,
      ...optional('file', settings.log.file),
      ...(settings.log.syslog === undefined
        ? {}
        : {
            syslog: {
              ...settings.log.syslog,
              ...optional('caFile', settings.log.syslog.caFile ?? settings.tls.caFile),
            },
          }),
    },
  };
}

function resolvePortal(portal: Settings['portal'], absolute: (name: string) => string): Settings['portal'] {
  // No link may lead to a page that is not there.
  const publicUrl = portal.listen === '' ? '' : portal.publicUrl;
  const place = portal.adminListen === '' ? portal.listen : portal.adminListen;
  const ownUrl = place === '' ? '' : `http://${place}`;
  const usualUrl = portal.adminListen === '' && publicUrl !== '' ? publicUrl : ownUrl;
  return {
    ...portal,
    publicUrl,
    administrators: portal.administrators.map((one) => ({ ...one, passwordFile: absolute(one.passwordFile) })),
    adminUrl: portal.adminUrl === '' ? usualUrl : portal.adminUrl,
  };
}

type Backend = Config['scoring']['backends'][number];
/** A file name as an entry to be spread, or nothing. */
type OptionalFile = <K extends string>(key: K, name: string | undefined) => { [P in K]?: string };

function resolveBackend(backend: Backend, { tls }: Settings, file: OptionalFile): Backend {
  switch (backend.type) {
    case 'embedded': {
      const hashFeeds = backend.hashFeeds.map((name) => file('name', name).name ?? name);
      return { ...backend, hashFeeds, ...file('yaraRules', backend.yaraRules) };
    }
    case 'http': {
      const own = file('tokenFile', backend.tokenFile);
      return { ...backend, ...own, ...file('caFile', backend.caFile ?? tls.caFile) };
    }
    default:
      return backend;
  }
}

function resolveListeners(
  settings: Settings,
  taken: Set<string | undefined>,
  absolute: (name: string) => string,
): ListenerConfig[] {
  return settings.smtp.listeners.map((listener) => {
    const listen = listenOf(listener.listen);
    const { tlsFiles, upstream, ...rest } = listener;
    const caFile = upstream.caFile ?? settings.tls.caFile;
    return {
      ...rest,
      name: listener.name ?? freeName(`smtp-${listen.port}`, taken),
      listen,
      onBlock: listener.onBlock ?? (listener.direction === 'submission' ? 'reject' : 'replace'),
      tlsFiles: listener.tls === 'none' ? undefined : resolveTlsFiles(tlsFiles ?? settings.tls, absolute),
      upstream: caFile === undefined ? upstream : { ...upstream, caFile: absolute(caFile) },
    };
  });
}

function resolveImapListeners(
  settings: Settings,
  taken: Set<string | undefined>,
  absolute: (name: string) => string,
): ImapListenerConfig[] {
  return settings.imap.listeners.map((listener) => {
    const listen = listenOf(listener.listen);
    const { tlsFiles, upstream, ...rest } = listener;
    const caFile = upstream.caFile ?? settings.tls.caFile;
    // RFC 9051 §2.1 names both ports.
    const port = upstream.port ?? (upstream.tls === 'implicit' ? 993 : 143);
    return {
      ...rest,
      name: listener.name ?? freeName(`imap-${listen.port}`, taken),
      listen,
      tlsFiles: listener.tls === 'none' ? undefined : resolveTlsFiles(tlsFiles ?? settings.tls, absolute),
      upstream: { ...upstream, port, ...(caFile === undefined ? {} : { caFile: absolute(caFile) }) },
    };
  });
}

/** The schema has checked the form; the fallback only satisfies the type. */
function listenOf(text: string): HostPort {
  return parseHostPort(text) ?? { host: '127.0.0.1', port: 0 };
}

function resolveTlsFiles(files: WrittenTlsFiles, absolute: (name: string) => string): TlsFiles | undefined {
  const { certificateFile, keyFile } = files;
  if (certificateFile === undefined || keyFile === undefined) return undefined;
  return { certificateFile: absolute(certificateFile), keyFile: absolute(keyFile) };
}

function freeName(wanted: string, taken: Set<string | undefined>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}-${count}`;
  taken.add(name);
  return name;
}
