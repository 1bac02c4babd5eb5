/**
 * The one logger. It redacts: credentials and message content have no way in, addresses and subjects appear as
 * `log.addresses` says.
 */
import { createHash } from 'node:crypto';
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import { limits } from './limits.js';

export type Logger = PinoLogger;
export type AddressMode = 'full' | 'hashed' | 'none';

export interface LogOptions {
  readonly level: string;
  readonly addresses: AddressMode;
  /** appended to; standard output when undefined */
  readonly file: string | undefined;
}

/** Field names that hold addresses or subjects wherever they stand in a record. */
const personal = ['from', 'to', 'address', 'addresses', 'subject', 'recipients', 'sender', 'messageId'] as const;

/** Field names whose values never reach the log, whoever puts them there by mistake. */
const secret = ['password', 'token', 'secret', 'identity', 'credentials'] as const;

/** The record as it may be written: personal values as `mode` says, secrets never. */
export function redact(record: Record<string, unknown>, mode: AddressMode): Record<string, unknown> {
  const hidden = secret.some((key) => record[key] !== undefined);
  if (mode === 'full' && !hidden) return record;
  const copy: Record<string, unknown> = { ...record };
  for (const key of secret) if (copy[key] !== undefined) copy[key] = '[redacted]';
  if (mode === 'full') return copy;
  for (const key of personal) {
    if (copy[key] === undefined) continue;
    if (mode === 'none') delete copy[key];
    else copy[key] = hashed(copy[key]);
  }
  return copy;
}

function hashed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hashed);
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
  flush(): void;
}

export function createLog(options: LogOptions, stream?: DestinationStream): Log {
  const sink =
    stream ??
    destination({
      dest: options.file ?? 1,
      append: true,
      mkdir: false,
      sync: false,
      minLength: limits.log.bufferBytes,
      periodicFlush: limits.log.flushIntervalMs,
    });
  const flush = () => {
    if ('flushSync' in sink && typeof sink.flushSync === 'function') sink.flushSync();
  };
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
    sink,
  );
  return { logger, flush };
}
