/**
 * The one logger. It redacts: credentials and message content have no way in, addresses and subjects appear as
 * `log.addresses` says.
 */
import { createHash } from 'node:crypto';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { limits } from './limits.js';
import { LogSink } from './log-sink.js';

export type Logger = PinoLogger;
export type AddressMode = 'full' | 'hashed' | 'none';

export interface LogOptions {
  readonly level: string;
  readonly addresses: AddressMode;
  /** appended to; standard output when undefined */
  readonly file: string | undefined;
}

/** Field names that hold addresses or subjects wherever they stand in a record. */
const personal = [
  'from',
  'to',
  'address',
  'addresses',
  'subject',
  'recipients',
  'sender',
  'messageId',
  'user',
  'mailbox',
] as const;

/** Field names whose values never reach the log, whoever puts them there by mistake. */
const secret = ['password', 'token', 'secret', 'identity', 'credentials'] as const;

/**
 * An address inside a longer text. Next hops repeat addresses in their replies, and the entry of a list is one.
 * RFC 5321 §4.1.2: the local part may be quoted, the domain an address in brackets.
 */
const addressInText = /(?:"[^"]*"|[^\s<>"(),;:[\]]+)@(?:\[[^\]]*\]|[^\s<>"(),;:[\]]+)/g;

type Hidden = Exclude<AddressMode, 'full'>;

/** The record as it may be written: personal values as `mode` says, secrets never. */
export function redact(record: Record<string, unknown>, mode: AddressMode): Record<string, unknown> {
  const hidden = secret.some((key) => record[key] !== undefined);
  if (mode === 'full' && !hidden) return record;
  const copy: Record<string, unknown> = { ...record };
  for (const key of secret) if (copy[key] !== undefined) copy[key] = '[redacted]';
  return mode === 'full' ? copy : withoutAddresses(copy, mode);
}

function withoutAddresses(record: object, mode: Hidden, depth = 0): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(record)) {
    if (!(personal as readonly string[]).includes(key)) copy[key] = cleaned(value, mode, depth + 1);
    else if (mode === 'hashed') copy[key] = hashed(value, depth + 1);
  }
  return copy;
}

/** A value that is not an address as a whole but may mention one. */
function cleaned(value: unknown, mode: Hidden, depth: number): unknown {
  if (typeof value === 'string') {
    if (!value.includes('@')) return value;
    return value.replace(addressInText, (address) => (mode === 'none' ? '[address]' : String(hashed(address, depth))));
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth > limits.log.depthMax) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => cleaned(item, mode, depth + 1));
  if (!(value instanceof Error)) return withoutAddresses(value, mode, depth);
  const { name, message, stack } = value;
  return withoutAddresses({ type: name, message, stack }, mode, depth);
}

function hashed(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return value.map((item) => hashed(item, depth));
  if (typeof value === 'object' && value !== null) return cleaned(value, 'hashed', depth);
  if (typeof value !== 'string' || value === '') return value;
  return `sha256:${createHash('sha256').update(value.toLowerCase()).digest('hex').slice(0, 16)}`;
}

let isoMs = 0;
let isoText = '';

/** Made once a millisecond: under load several lines share it. */
function isoTime(): string {
  const now = Date.now();
  if (now !== isoMs) {
    isoMs = now;
    isoText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return isoText;
}

export interface Log {
  readonly logger: Logger;
  /** Resolves when the gathered lines are written, or cannot be. */
  flush(): Promise<void>;
  /** Goes on in a new file of the same name. */
  reopen(): void;
  /** why no line can be written now */
  readonly trouble: string | undefined;
  /** dropped because none could be written for long */
  readonly lostLines: number;
}

/** @throws GateError `config-invalid` when `file` cannot be written */
export function createLog(options: LogOptions, stream?: DestinationStream): Log {
  const own =
    stream === undefined
      ? new LogSink(options.file, (lost) => logger.warn({ lost }, 'the log can be written again'))
      : undefined;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => redact(record, options.addresses),
      },
    },
    own ?? stream,
  );
  return {
    logger,
    flush: async () => own?.flush(),
    reopen: () => own?.reopen(),
    get trouble() {
      return own?.trouble;
    },
    get lostLines() {
      return own?.lost ?? 0;
    },
  };
}
