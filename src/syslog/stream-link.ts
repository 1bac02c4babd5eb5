/** Records over TCP or TLS (RFC 6587, RFC 5425): framed, a batch at a time, on one connection. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { limits } from '../runtime/limits.js';
import type { Link, LinkEvents, OpenLink } from './link.js';

export type Framing = 'octet-counted' | 'newline';

export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  readonly framing: Framing;
  /** absent: TCP in the clear */
  readonly tls?: {
    readonly verify: boolean;
    /** PEM of authorities; undefined for the system's */
    readonly ca: string | undefined;
  };
  readonly times?: Partial<StreamTimes>;
}

export interface StreamTimes {
  readonly connectTimeoutMs: number;
  readonly stallMs: number;
  readonly closeGraceMs: number;
}

const lineEnd = Buffer.from('\n');

/** RFC 6587 §3.4.1 and RFC 5425 §4.3, or §3.4.2: a record has no line end inside, so that one ends it. */
export function frame(record: Buffer, framing: Framing): Buffer {
  return framing === 'newline'
    ? Buffer.concat([record, lineEnd])
    : Buffer.concat([Buffer.from(`${record.length} `), record]);
}

export function streamLink(options: StreamOptions): OpenLink {
  return (events) => new StreamLink(options, events);
}

class StreamLink implements Link {
  readonly #socket: Socket;
  readonly #framing: Framing;
  readonly #times: StreamTimes;
  #timer: NodeJS.Timeout | undefined;
  #reason = 'closed by the collector';

  constructor({ host, port, framing, tls, times }: StreamOptions, events: LinkEvents) {
    this.#framing = framing;
    this.#times = { ...limits.syslog, ...times };
    const address = { host, port };
    const socket =
      tls === undefined
        ? connectTcp(address)
        : connectTls({
            ...address,
            // An address is no server name.
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            rejectUnauthorized: tls.verify,
            minVersion: 'TLSv1.2',
          });
    this.#socket = socket;
    this.#wait(this.#times.connectTimeoutMs, 'no connection in time');
    socket.setNoDelay(true);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      this.#waitNoMore();
      events.ready();
    });
    // Collectors say nothing; what one says all the same must not fill a buffer.
    socket.resume();
    socket.on('error', (error: Error) => {
      this.#reason = error.message;
    });
    socket.once('close', () => {
      this.#waitNoMore();
      events.lost(this.#reason);
    });
  }

  #wait(ms: number, reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#reason = reason;
      this.#socket.destroy();
    }, ms);
  }

  #waitNoMore(): void {
    clearTimeout(this.#timer);
  }

  write(records: readonly Buffer[], done: (failed: number) => void): void {
    this.#wait(this.#times.stallMs, 'takes nothing any more');
    const framed = Buffer.concat(records.map((record) => frame(record, this.#framing)));
    this.#socket.write(framed, (error) => {
      // An error is followed by `close`, and there the records are still ours.
      if (error !== undefined && error !== null) return;
      this.#waitNoMore();
      done(0);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) {
        resolve();
        return;
      }
      this.#socket.once('close', () => resolve());
      this.#wait(this.#times.closeGraceMs, 'closed');
      this.#socket.end();
    });
  }

  destroy(): void {
    this.#waitNoMore();
    this.#socket.destroy();
  }
}
