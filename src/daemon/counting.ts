/**
 * Brings what was counted in memory into the store every few seconds, with the sessions that the servers counted, and
 * counts what other processes did to items of the quarantine. Mail never waits for any of it.
 */
import type { CounterProtocol } from '../quarantine/counter-names.js';
import { gaugeWord, sliceOf } from '../quarantine/counter-names.js';
import type { ToldRow } from '../quarantine/counter-store.js';
import { CounterTally } from '../quarantine/counter-tally.js';
import { newOwner } from '../quarantine/process-owner.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { Metrics } from '../runtime/metrics.js';

export interface CountingTools {
  readonly store: StoreAccess;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** milliseconds since 1970 */
  clock(): number;
  /** told of every audit row once, in order; not of those that are older than the first start with this table */
  readonly onAudit: (row: ToldRow) => void;
}

export class Counting {
  readonly tally: CounterTally;
  readonly #protocols: Readonly<Record<string, CounterProtocol>>;
  readonly #tools: CountingTools;
  /** what the servers' metrics stood at when they were last read */
  readonly #sessions = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  /** slices that the store has not taken yet; a failing disk must not lose them, and their names are few */
  readonly #waiting = new Map<number, Record<string, number>>();
  readonly #owner = newOwner();
  #gauges = '';
  #failing = false;
  #running: Promise<void> = Promise.resolve();
  /** rounds that have not ended */
  #pending = 0;

  /** @param protocols of every listener by its name */
  constructor(protocols: Readonly<Record<string, CounterProtocol>>, tools: CountingTools) {
    this.tally = new CounterTally(protocols);
    this.#protocols = protocols;
    this.#tools = tools;
  }

  start(): void {
    const { flushMs, auditMs, mergeMs } = limits.counters;
    this.#timers.push(setInterval(() => void this.#queue(() => this.#flush()), flushMs));
    this.#timers.push(setInterval(() => void this.#queue(() => this.#takeAudit()), auditMs));
    // First of all, so that what happens from now on is news also where the table is new.
    void this.#queue(() => this.#takeAudit());
    // What a killed process said of its moment is no longer true.
    void this.#queue(() => this.#flush());
    void this.#queue(() => this.#merge());
    this.#timers.push(setInterval(() => void this.#queue(() => this.#merge()), mergeMs));
  }

  /** Everything counted so far is in the store when this resolves, or the log says why not. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    // Not a round that is left out when too many wait.
    await this.#running;
    await this.#queue(async () => {
      await this.#takeAudit();
      await this.#flush();
      await this.#tools.store.call('dropGauges');
    });
  }

  /** One after the other, so that a slow disk does not gather calls. Never rejects. */
  #queue(work: () => Promise<void>): Promise<void> {
    if (this.#pending >= limits.counters.roundsMax) return this.#running;
    this.#pending += 1;
    this.#running = this.#running
      .then(work)
      .then(() => this.#well())
      .catch((error: unknown) => this.#unwell(error))
      .finally(() => {
        this.#pending -= 1;
      });
    return this.#running;
  }

  #well(): void {
    if (this.#failing) this.#tools.log.info('counters are kept again');
    this.#failing = false;
  }

  #unwell(error: unknown): void {
    if (!this.#failing) this.#tools.log.error({ error: messageOf(error) }, 'counters cannot be kept');
    this.#failing = true;
  }

  async #flush(): Promise<void> {
    const { store, clock } = this.#tools;
    const gauges = await this.#countSessions();
    const taken = this.tally.take();
    if (taken !== undefined) this.#gather(sliceOf(clock()), taken);
    for (const [at, counts] of this.#waiting) {
      await store.call('addCounts', at, counts);
      this.#waiting.delete(at);
    }
    const told = JSON.stringify(gauges);
    if (told === this.#gauges) return;
    await store.call('setGauges', this.#owner, gauges);
    this.#gauges = told;
  }

  #gather(at: number, counts: Readonly<Record<string, number>>): void {
    // A disk that is full for days: what comes later stands in the newest slice that there is.
    const slice = this.#waiting.size < limits.counters.slicesMax ? at : ([...this.#waiting.keys()].at(-1) ?? at);
    const sums = this.#waiting.get(slice) ?? {};
    for (const [name, value] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + value;
    this.#waiting.set(slice, sums);
  }

  /** What the servers have counted since; gives the sessions that are open, by name of their counter. */
  async #countSessions(): Promise<Record<string, number>> {
    const { metrics } = this.#tools;
    const [smtp, imap, smtpNow, imapNow] = await Promise.all([
      metrics.connectionsTotal.get(),
      metrics.imapConnectionsTotal.get(),
      metrics.connections.get(),
      metrics.imapConnections.get(),
    ]);
    for (const { labels, value } of [...smtp.values, ...imap.values]) {
      const listener = String(labels.listener);
      const accepted = labels.result === 'accepted';
      const key = `${listener} ${labels.result}`;
      const more = value - (this.#sessions.get(key) ?? 0);
      this.#sessions.set(key, value);
      if (more <= 0) continue;
      const tally = this.tally.of(listener);
      tally.add(accepted ? 'session-permitted' : 'session-blocked', more);
      // Whether an IMAP session is judged is known when its TLS stands.
      if (accepted && this.#protocols[listener]?.startsWith('smtp') === true) tally.add('interested', more);
    }
    const open: Record<string, number> = {};
    for (const { labels, value } of [...smtpNow.values, ...imapNow.values]) {
      const protocol = this.#protocols[String(labels.listener)];
      if (protocol === undefined) continue;
      const name = `${protocol}.${gaugeWord}`;
      open[name] = (open[name] ?? 0) + value;
    }
    return open;
  }

  async #takeAudit(): Promise<void> {
    const { store, onAudit } = this.#tools;
    for (;;) {
      const { rows, more } = await store.call('takeAudit', this.#protocols, limits.counters.auditRows);
      for (const row of rows) onAudit(row);
      if (!more) return;
    }
  }

  async #merge(): Promise<void> {
    await this.#tools.store.call('mergeOldCounts', this.#tools.clock());
  }
}
