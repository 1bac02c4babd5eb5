/** What the store does for those who work beside it: claims on queued mail, and the scorer's long memory of answers. */
import { limits } from '../runtime/limits.js';
import type { KnownVerdict, StoredVerdict, VerdictKey } from '../scoring/verdict-store.js';
import type { Database } from './database.js';
import type { OutboxMail, OutboxTable } from './outbox-table.js';
import { type VerdictLifetimes, VerdictTable } from './verdict-table.js';

export class LeaseStore {
  readonly #database: Database;
  readonly #outbox: OutboxTable;
  readonly #verdicts: VerdictTable;

  constructor(database: Database, outbox: OutboxTable) {
    this.#database = database;
    this.#outbox = outbox;
    this.#verdicts = new VerdictTable(database, limits.scoring.storedMax);
  }

  #write<Result>(work: () => Result): Result {
    return this.#database.transaction(work).immediate();
  }

  claim(now: number, owner: string, max: number): OutboxMail[] {
    return this.#write(() => this.#outbox.claim(now, owner, max));
  }

  claimOne(mail: number, now: number, owner: string): OutboxMail | undefined {
    return this.#write(() => this.#outbox.claimOne(mail, now, owner));
  }

  keepLease(mail: number, now: number, owner: string): boolean {
    return this.#write(() => this.#outbox.keep(mail, now, owner));
  }

  mail(id: number): Omit<OutboxMail, 'message'> | undefined {
    const found = this.#outbox.get(id);
    if (found === undefined) return undefined;
    const { message, ...mail } = found;
    return mail;
  }

  nextDue(): number | undefined {
    return this.#outbox.nextDue();
  }

  outboxCounts(): ReturnType<OutboxTable['counts']> {
    return this.#outbox.counts();
  }

  leaseOwners(): string[] {
    return this.#outbox.owners();
  }

  releaseLeases(owner: string): number {
    return this.#write(() => this.#outbox.releaseLeases(owner));
  }

  /** In the order of the keys. */
  verdicts(keys: readonly VerdictKey[]): (KnownVerdict | undefined)[] {
    return this.#verdicts.get(keys);
  }

  keepVerdicts(batch: readonly StoredVerdict[]): void {
    this.#write(() => this.#verdicts.put(batch));
  }

  expireVerdicts(now: number, lifetimes: VerdictLifetimes): number {
    return this.#write(() => this.#verdicts.expire(now, lifetimes));
  }
}
