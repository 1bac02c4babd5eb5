/**
 * The clamd backend: files are sent to a ClamAV daemon by INSTREAM. It is told apart whether clamd is away, slow, busy
 * or refuses a size, because each meets another fallback. It knows no messages and keeps no answers.
 *
 * A connection is made for each scan: one IDSESSION for many would save 0.15 ms of 0.5 for a small file and nothing
 * measurable from 1 MB on (clamd 1.4.6, loopback), while a reply out of step would be taken for another file's.
 */
import { formatSocketAddress, type SocketAddress } from '../config/socket-address.js';
import type { PartFacts } from '../inspect/report.js';
import { limits } from '../runtime/limits.js';
import type { Answer, Backend, BackendHealth, FallbackCause, PartContent } from './backend.js';
import { ask, instream } from './clamd-connection.js';
import { answerOf } from './clamd-reply.js';
import { RemoteServer, type SignOfLife } from './remote-server.js';
import { Slots } from './slots.js';

export interface ClamdSettings {
  readonly address: SocketAddress;
  /** scans at a time; not above MaxThreads of clamd */
  readonly connections: number;
  /** larger files are not sent; not above StreamMaxLength of clamd */
  readonly maxBytes: number;
  /** ms for one scan, from connected to answered */
  readonly timeoutMs: number;
  /** 0..1, for names that begin with `Heuristics.` or `PUA.` */
  readonly heuristicScore: number;
}

export class ClamdBackend implements Backend {
  readonly name = 'clamd';
  readonly opensArchives = true;
  readonly #settings: ClamdSettings;
  readonly #slots: Slots;
  readonly #server: RemoteServer;
  #version: string | undefined;

  /** Asks clamd for its version at once, and then from time to time; an answer to it is the sign of life. */
  constructor(settings: ClamdSettings) {
    this.#settings = settings;
    this.#slots = new Slots(settings.connections);
    const { pollIntervalMs: upMs, pollDownMs: downMs } = limits.clamd;
    this.#server = new RemoteServer({ look: (signal) => this.#look(signal), upMs, downMs });
    this.#server.start();
  }

  /** Engine and number of the signatures. Signature files of one's own do not show in it; see the lifetime of answers. */
  get version(): string {
    return this.#version ?? 'unknown';
  }

  /** An answer is kept only under a version that is known. */
  get cacheable(): boolean {
    return this.#version !== undefined;
  }

  /** clamd knows no files by digest alone. */
  async lookup(): Promise<undefined> {
    return undefined;
  }

  async score(_part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer> {
    const { maxBytes } = this.#settings;
    if (content.bytes > maxBytes) return this.#none('oversize', `${content.bytes} bytes, at most ${maxBytes} are sent`);
    return this.#server.during(signal, (ended) => this.#scan(content, ended));
  }

  async #scan(content: PartContent, signal: AbortSignal): Promise<Answer> {
    const { address, timeoutMs, heuristicScore } = this.#settings;
    const slot = await this.#slots.take(limits.clamd.slotWaitMs, signal);
    if (slot.kind === 'aborted') return this.#none('verdict-timeout', 'the scan was given up');
    if (slot.kind === 'busy') return this.#none('out-of-resources', `${this.#settings.connections} scans under way`);
    try {
      const exchange = await instream(content, { address, timeoutMs, signal });
      if (exchange.kind === 'failed') {
        if (exchange.cause === 'backend-unavailable') this.#server.lookSoon();
        return this.#none(exchange.cause, exchange.detail);
      }
      return answerOf(exchange.text, { backend: this.name, engine: `${this.name}/${this.version}`, heuristicScore });
    } finally {
      slot.release();
    }
  }

  health(): BackendHealth {
    return this.#server.health;
  }

  async close(): Promise<void> {
    this.#server.close();
  }

  async #look(signal: AbortSignal): Promise<SignOfLife> {
    const { address } = this.#settings;
    const exchange = await ask('VERSION', { address, timeoutMs: limits.clamd.pollTimeoutMs, signal });
    if (exchange.kind === 'reply' && exchange.text.startsWith('ClamAV')) {
      this.#version = exchange.text.slice(0, limits.clamd.versionCharacters);
      return { up: true, detail: this.#version };
    }
    const detail =
      exchange.kind === 'reply' ? `answered ${JSON.stringify(exchange.text.slice(0, 200))}` : exchange.detail;
    return { up: false, detail: `${formatSocketAddress(address)}: ${detail}` };
  }

  #none(cause: FallbackCause, detail: string): Answer {
    return { kind: 'none', backend: this.name, cause, detail };
  }
}
