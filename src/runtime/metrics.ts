/** Every metric of the gate, declared in one place; the README's list is compared with this file by a test. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];

/** What comes in at the ports. */
function doorMetrics(registers: Registry[]) {
  return {
    connections: new Gauge({
      name: 'sluice_smtp_connections',
      help: 'Client connections now open, by listener.',
      labelNames: ['listener'] as const,
      registers,
    }),
    connectionsTotal: new Counter({
      name: 'sluice_smtp_connections_total',
      help: 'Client connections, by listener and whether they were accepted or refused.',
      labelNames: ['listener', 'result'] as const,
      registers,
    }),
    protocolEvents: new Counter({
      name: 'sluice_smtp_events_total',
      help: 'Protocol events: forbidden bytes, relay denials, lost upstreams, timeouts and the like.',
      labelNames: ['listener', 'event'] as const,
      registers,
    }),
    portalUp: new Gauge({
      name: 'sluice_portal_up',
      help: '1 when the page for recipients listens, 0 when it is off or its port could not be had.',
      registers,
    }),
    portalAnswers: new Counter({
      name: 'sluice_portal_answers_total',
      help: 'Answers of the page for recipients, by HTTP status.',
      labelNames: ['status'] as const,
      registers,
    }),
  };
}

/** What comes in at the ports for mail programs. */
function imapMetrics(registers: Registry[]) {
  return {
    imapConnections: new Gauge({
      name: 'sluice_imap_connections',
      help: 'IMAP client connections now open, by listener.',
      labelNames: ['listener'] as const,
      registers,
    }),
    imapConnectionsTotal: new Counter({
      name: 'sluice_imap_connections_total',
      help: 'IMAP client connections, by listener and whether they were accepted or refused.',
      labelNames: ['listener', 'result'] as const,
      registers,
    }),
    imapCommands: new Counter({
      name: 'sluice_imap_commands_total',
      help: 'Commands of IMAP sessions that are over, by listener.',
      labelNames: ['listener'] as const,
      registers,
    }),
    imapBytes: new Counter({
      name: 'sluice_imap_bytes_total',
      help: 'Bytes of IMAP sessions that are over, by listener and who sent them: client or server.',
      labelNames: ['listener', 'from'] as const,
      registers,
    }),
    imapEvents: new Counter({
      name: 'sluice_imap_events_total',
      help: 'IMAP protocol events: refused commands, dropped responses, lost servers, timeouts and the like.',
      labelNames: ['listener', 'event'] as const,
      registers,
    }),
  };
}

/** What became of messages. */
function messageMetrics(registers: Registry[]) {
  return {
    messages: new Counter({
      name: 'sluice_messages_total',
      help: 'Messages judged, by listener, action and the reason that decided.',
      labelNames: ['listener', 'action', 'reason'] as const,
      registers,
    }),
    messageBytes: new Counter({
      name: 'sluice_message_bytes_total',
      help: 'Bytes of messages judged, by listener.',
      labelNames: ['listener'] as const,
      registers,
    }),
    judgeSeconds: new Histogram({
      name: 'sluice_judge_seconds',
      help: 'From the last byte of a message to its verdict.',
      buckets: seconds,
      registers,
    }),
    relaySeconds: new Histogram({
      name: 'sluice_relay_seconds',
      help: 'From the verdict to the final reply of the upstream server.',
      buckets: seconds,
      registers,
    }),
    fallbacks: new Counter({
      name: 'sluice_fallbacks_total',
      help: 'Messages decided by policy.fallback, by cause and action.',
      labelNames: ['cause', 'action'] as const,
      registers,
    }),
    held: new Counter({
      name: 'sluice_quarantine_held_total',
      help: 'Messages sealed into quarantine.',
      registers,
    }),
  };
}

/** Its own log. */
function logMetrics(registers: Registry[]) {
  return {
    logLinesLost: new Counter({
      name: 'sluice_log_lines_lost_total',
      help: 'Log lines dropped since the start because none could be written for long.',
      registers,
    }),
  };
}

/** What the gate itself is doing. */
function resourceMetrics(registers: Registry[]) {
  return {
    spoolBytes: new Gauge({ name: 'sluice_spool_memory_bytes', help: 'Message bytes held in memory.', registers }),
    spoolFiles: new Gauge({ name: 'sluice_spool_files', help: 'Messages that lie in spool files.', registers }),
    inspectionQueue: new Gauge({
      name: 'sluice_inspection_queue',
      help: 'Parts waiting for an inspection thread.',
      registers,
    }),
    backendUp: new Gauge({
      name: 'sluice_backend_up',
      help: '1 when a scoring backend answers, 0 when it does not.',
      labelNames: ['backend'] as const,
      registers,
    }),
    backendLeftAlone: new Gauge({
      name: 'sluice_backend_breaker_open',
      help: '1 while a scoring backend is left alone after failures in a row, 0 when it is asked.',
      labelNames: ['backend'] as const,
      registers,
    }),
    backendLastAnswer: new Gauge({
      name: 'sluice_backend_last_answer_timestamp_seconds',
      help: 'When a scoring backend last answered a question about a file, in seconds since 1970; absent before the first.',
      labelNames: ['backend'] as const,
      registers,
    }),
    answers: new Counter({
      name: 'sluice_backend_answers_total',
      help: 'Answers about files, by backend, where they came from (memory, store, container, backend) and result: score, or the cause of a missing one. Answers from facts alone are not counted.',
      labelNames: ['backend', 'source', 'result'] as const,
      registers,
    }),
    turnedBad: new Counter({
      name: 'sluice_delivered_turned_bad_total',
      help: 'Delivered files that feeds or rules know as malicious since.',
      registers,
    }),
    outbox: new Gauge({
      name: 'sluice_outbox_queued',
      help: 'Notices, administrator mail and releases not yet delivered.',
      registers,
    }),
    syslogRecords: new Counter({
      name: 'sluice_syslog_records_total',
      help: 'Records for the log collector, by result: sent, or dropped because it is too slow or away.',
      labelNames: ['result'] as const,
      registers,
    }),
    syslogUp: new Gauge({
      name: 'sluice_syslog_up',
      help: '1 when the log collector is reached, 0 when it is not or there is none.',
      registers,
    }),
    syslogQueued: new Gauge({
      name: 'sluice_syslog_queued_bytes',
      help: 'Bytes of records that wait for the log collector.',
      registers,
    }),
    reloads: new Counter({
      name: 'sluice_config_reloads_total',
      help: 'Reloads of the configuration, by result.',
      labelNames: ['result'] as const,
      registers,
    }),
  };
}

/** A fresh registry with all metrics, so that several gates (in tests) do not share counters. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    ...doorMetrics(registers),
    ...imapMetrics(registers),
    ...messageMetrics(registers),
    ...resourceMetrics(registers),
    ...logMetrics(registers),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
