/**
 * The one logger. It redacts: credentials and message content have no way in, addresses and subjects appear as
 * `log.addresses` says.
 */
import { createHash } from 'node:crypto';
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;
export type AddressMode = 'full' | 'hashed' | 'none';

export interface LogOptions {
  readonly level: string;
  readonly addresses: AddressMode;
  /** appended to; standard output when undefined */
  readonly file: string | undefined;
  /** bytes gathered before a write; 0 writes each line at once */
  readonly bufferBytes?: number;
}

/** Field names that hold addresses or subjects wherever they stand in a record. */
const personal = ['from', 'to', 'address', 'addresses', 'subject', 'recipients', 'sender', 'messageId'] as const;

/** Replaces personal values in a record, at the top level and in `envelope`. */
export function redact(record: Record<string, unknown>, mode: AddressMode): Record<string, unknown> {
  if (mode === 'full') return record;
  const copy: Record<string, unknown> = { ...record };
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
      minLength: options.bufferBytes ?? 0,
      periodicFlush: 500,
    });
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => redact(record, options.addresses),
      },
      redact: { paths: ['password', 'token', 'secret', 'identity'], censor: '[redacted]' },
    },
    sink,
  );
  return {
    logger,
    flush: () => {
      if ('flushSync' in sink && typeof sink.flushSync === 'function') sink.flushSync();
    },
  };
}
