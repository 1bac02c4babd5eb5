/**
 * Records on their way to one collector: a bounded queue before a link that is opened again whenever it is lost. Mail
 * never waits for it; what the queue cannot take is dropped and counted.
 */
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { Link, OpenLink } from './link.js';

export interface SenderSettings {
  /** bytes of records that wait */
  readonly queueBytes: number;
  /** bytes and records given to the link at a time; at least one record */
  readonly batchBytes: number;
  readonly batchRecords: number;
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  readonly stopGraceMs: number;
}

export interface SenderOptions {
  /** of the collector, for the log */
  readonly name: string;
  readonly open: OpenLink;
  readonly log: Logger;
  counted(result: 'sent' | 'dropped', records: number): void;
  readonly settings?: Partial<SenderSettings>;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #settings: SenderSettings;
  /** taken from the front, `#next` on */
  #queue: Buffer[] = [];
  #next = 0;
  #queuedBytes = 0;
  #link: Link | undefined;
  #ready = false;
  /** handed to the link, which has not said that it carried them */
  #underWay: readonly Buffer[] | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs: number;
  /** when the link became ready, ms of the monotonic clock */
  #since = 0;
  /** what the log was told last */
  #told: 'connected' | 'lost' | undefined;
  #droppedNow = 0;
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#settings = { ...limits.syslog, batchRecords: Number.MAX_SAFE_INTEGER, ...options.settings };
    this.#retryMs = this.#settings.retryFirstMs;
  }

  start(): void {
    this.#open();
  }

  get up(): boolean {
    return this.#ready;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Takes a record or drops it. Never throws, never waits. */
  send(record: Buffer): void {
    if (this.#stopping || this.#queuedBytes + record.length > this.#settings.queueBytes) {
      this.#drop(1);
      return;
    }
    this.#queue.push(record);
    this.#queuedBytes += record.length;
    this.#pump();
  }

  /** Gives the collector a little time to take what is left; the rest is dropped. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    let grace: NodeJS.Timeout | undefined;
    if (this.#left > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        grace = setTimeout(resolve, this.#settings.stopGraceMs);
      });
    }
    clearTimeout(grace);
    clearTimeout(this.#retry);
    const link = this.#link;
    this.#ready = false;
    this.#link = undefined;
    const left = this.#left;
    if (left > 0) {
      this.#drop(left);
      link?.destroy();
    }
    this.#queue = [];
    this.#underWay = undefined;
    await link?.close();
    this.#tellOfDrops();
  }

  /** records that no link has carried */
  get #left(): number {
    return this.#queue.length - this.#next + (this.#underWay?.length ?? 0);
  }

  #open(): void {
    let own: Link | undefined;
    const isOurs = () => own === undefined || this.#link === own;
    own = this.#options.open({
      ready: () => {
        if (isOurs()) this.#opened();
      },
      lost: (reason) => {
        if (isOurs()) this.#lost(reason);
      },
    });
    this.#link = own;
  }

  #opened(): void {
    this.#ready = true;
    this.#since = performance.now();
    if (this.#told !== 'connected') this.#log('info', 'the log collector is reached');
    this.#told = 'connected';
    this.#pump();
  }

  #lost(reason: string): void {
    const livedMs = this.#ready ? performance.now() - this.#since : 0;
    this.#ready = false;
    this.#link = undefined;
    if (this.#underWay !== undefined) {
      // Whether they arrived is not known: twice is better than never.
      this.#queue = [...this.#underWay, ...this.#queue.slice(this.#next)];
      this.#next = 0;
      this.#queuedBytes += bytesOf(this.#underWay);
      this.#underWay = undefined;
    }
    const { retryFirstMs, retryMaxMs } = this.#settings;
    // One that takes connections and drops them at once is no better than one that is away, and told of as rarely.
    const stable = livedMs >= retryMaxMs / 3;
    if (stable) this.#retryMs = retryFirstMs;
    if (this.#told === undefined || stable || this.#retryMs >= retryMaxMs / 2) {
      if (this.#told !== 'lost') this.#log('warn', 'the log collector is not reached', { reason });
      this.#told = 'lost';
    }
    this.#retry = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, retryMaxMs);
  }

  #pump(): void {
    if (!this.#ready || this.#underWay !== undefined) return;
    const batch = this.#take();
    if (batch.length === 0) {
      this.#idle?.();
      if (this.#droppedNow > 0) this.#tellOfDrops();
      return;
    }
    this.#underWay = batch;
    this.#link?.write(batch, (failed) => {
      if (this.#underWay !== batch) return;
      this.#underWay = undefined;
      if (batch.length > failed) this.#options.counted('sent', batch.length - failed);
      if (failed > 0) this.#drop(failed);
      this.#pump();
    });
  }

  #take(): Buffer[] {
    const { batchBytes, batchRecords } = this.#settings;
    const batch: Buffer[] = [];
    let bytes = 0;
    for (let record = this.#queue[this.#next]; record !== undefined; record = this.#queue[this.#next]) {
      if (batch.length > 0 && (bytes + record.length > batchBytes || batch.length >= batchRecords)) break;
      batch.push(record);
      bytes += record.length;
      this.#next += 1;
    }
    this.#queuedBytes -= bytes;
    // Moved to the front now and then, not for each batch.
    if (this.#next > 1024 || this.#next === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return batch;
  }

  #drop(records: number): void {
    this.#options.counted('dropped', records);
    if (this.#droppedNow === 0 && !this.#stopping) this.#log('warn', 'records for the log collector are dropped');
    this.#droppedNow += records;
  }

  /** Once the queue is empty again, or for the last time. */
  #tellOfDrops(): void {
    if (this.#droppedNow === 0) return;
    this.#log('warn', 'records for the log collector were dropped', { records: this.#droppedNow });
    this.#droppedNow = 0;
  }

  #log(level: 'info' | 'warn', text: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.#options.log[level]({ collector: this.#options.name, ...more }, text);
  }
}

function bytesOf(records: readonly Buffer[]): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}
