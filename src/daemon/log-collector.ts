/** The log collector as a part of the daemon: made from the configuration, told of mail, items and files, ended with the gate. */
import { isIP } from 'node:net';
import type { Config } from '../config/schema.js';
import type { ToldRow } from '../quarantine/counter-store.js';
import type { StoredEnvelope } from '../quarantine/hold.js';
import type { Item } from '../quarantine/item.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';
import { productVersion } from '../runtime/product-version.js';
import { datagramLink } from '../syslog/datagram-link.js';
import { Forwarder } from '../syslog/forwarder.js';
import type { OpenLink } from '../syslog/link.js';
import type { ToldListener } from '../syslog/place.js';
import { Sender } from '../syslog/sender.js';
import { streamLink } from '../syslog/stream-link.js';
import type { Told, ToldItem } from '../syslog/told.js';
import { counterProtocolsOf } from './listener-protocols.js';
import { authorities } from './tls-files.js';

type SyslogConfig = NonNullable<Config['log']['syslog']>;

export interface CollectorTools {
  readonly metrics: Metrics;
  readonly log: Logger;
}

export class LogCollector {
  readonly #sender: Sender;
  readonly #forwarder: Forwarder;
  readonly #metrics: Metrics;

  private constructor(config: Config, syslog: SyslogConfig, { metrics, log }: CollectorTools) {
    const datagrams = syslog.transport === 'udp';
    const port = portOf(syslog);
    this.#metrics = metrics;
    this.#sender = new Sender({
      name: `${syslog.transport} ${syslog.host}:${port}`,
      open: linkOf(syslog, port),
      log,
      counted: (result, records) => metrics.syslogRecords.inc({ result }, records),
      settings: datagrams ? { batchRecords: limits.syslog.datagramsAtOnce } : {},
    });
    this.#forwarder = new Forwarder(
      {
        format: syslog.format,
        place: {
          listeners: listenersOf(config),
          appName: syslog.appName,
          version: productVersion(),
          zones: syslog.zones,
        },
        origin: { facility: syslog.facility, hostname: config.hostname },
        addresses: config.log.addresses,
        bytesMax: datagrams ? limits.syslog.datagramBytes : limits.syslog.streamBytes,
      },
      this.#sender,
    );
  }

  /** Undefined where the configuration names none. */
  static start(config: Config, tools: CollectorTools): LogCollector | undefined {
    const { syslog } = config.log;
    if (syslog === undefined) return undefined;
    const collector = new LogCollector(config, syslog, tools);
    collector.#sender.start();
    return collector;
  }

  tell(told: Told): void {
    this.#forwarder.tell(told);
  }

  tellOfAudit(row: ToldRow): void {
    const told = toldItem(row);
    if (told !== undefined) this.#forwarder.tell(told);
  }

  /** `ok`, or what is wrong */
  get check(): string {
    return this.#sender.up ? 'ok' : 'not reached; records wait';
  }

  refreshGauges(): void {
    this.#metrics.syslogUp.set(this.#sender.up ? 1 : 0);
    this.#metrics.syslogQueued.set(this.#sender.queuedBytes);
  }

  stop(): Promise<void> {
    return this.#sender.stop();
  }
}

function portOf({ port, transport }: SyslogConfig): number {
  return port ?? (transport === 'tls' ? 6514 : 514);
}

function linkOf({ host, transport, framing, verify, caFile }: SyslogConfig, port: number): OpenLink {
  if (transport === 'udp') return datagramLink({ host, port });
  const stream = { host, port, framing };
  return streamLink(transport === 'tcp' ? stream : { ...stream, tls: { verify, ca: authorities(caFile) } });
}

const applications = { smtp: 'SMTP', smtps: 'SMTPS', imap: 'IMAP', imaps: 'IMAPS' } as const;

function listenersOf(config: Config): Map<string, ToldListener> {
  const protocols = counterProtocolsOf(config);
  const inbound = new Set(config.smtp.listeners.filter(({ direction }) => direction === 'inbound'));
  return new Map(
    [...config.smtp.listeners, ...config.imap.listeners].map((listener) => {
      const { host, port } = listener.upstream;
      const known = addressOf(host);
      const told: ToldListener = {
        application: applications[protocols[listener.name] ?? 'smtp'],
        host,
        address: known ?? addressOf(listener.listen.host),
        port: known === undefined ? listener.listen.port : port,
        inbound: [...inbound].some(({ name }) => name === listener.name),
      };
      return [listener.name, told];
    }),
  );
}

function addressOf(host: string): string | undefined {
  return isIP(host) === 0 || host === '0.0.0.0' || host === '::' ? undefined : host;
}

const toldActions: ReadonlySet<string> = new Set([
  'held',
  'release-requested',
  'request-denied',
  'released',
  'partly-released',
  'deleted',
  'expired',
]);

/** Undefined for rows that are about no message, or say nothing new of it. */
export function toldItem(row: ToldRow): ToldItem | undefined {
  const { item, listener, action } = row;
  if (item === null || listener === null || !toldActions.has(action)) return undefined;
  // Both columns are written by the item table alone, so what they parse to is what was put in.
  const envelope = row.envelope === null ? undefined : (JSON.parse(row.envelope) as StoredEnvelope);
  const verdict = row.verdict === null ? undefined : (JSON.parse(row.verdict) as Item['verdict']);
  return {
    kind: 'item',
    at: row.at,
    event: action,
    item,
    by: row.actor,
    listener,
    sender: envelope?.mailFrom ?? '',
    recipients: (envelope?.recipients ?? []).slice(0, limits.syslog.recipientsMax).map(({ address }) => address),
    subject: row.subject ?? undefined,
    threatLevel: verdict?.threatLevel ?? -1,
    threat: verdict?.threat ?? '',
  };
}
