/**
 * Writes down what is about to be shown. Rows that come while a transaction runs go into the next one together, so
 * that a mailbox full of small mail costs one commit for hundreds of messages, and one promise.
 */
import { exposures, type RowBatch } from '../quarantine/mailbox-table.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Logger } from '../runtime/log.js';
import type { ImapRows } from './imap-rows.js';

/** A mailbox as far as its rows go. */
export interface RowOwner {
  /** of its row; undefined when nothing of it is remembered */
  readonly id: number | undefined;
  readonly rows: ImapRows;
}

export interface NewRow {
  readonly uid: number;
  readonly state: number;
  readonly bytes: number;
  readonly revision: number;
  readonly facts: string | undefined;
}

type Columns = { -readonly [Column in keyof RowBatch]: RowBatch[Column][number][] };

/** Rows that are written together. */
class Batch {
  readonly columns: Columns = { mailboxes: [], uids: [], states: [], bytes: [], revisions: [], facts: [] };
  readonly owners: RowOwner[] = [];
  /** of each mailbox: whether all its rows of this batch are kept */
  readonly promises = new Map<RowOwner, Promise<boolean>>();
  readonly #settle = new Map<RowOwner, (kept: boolean) => void>();

  add(owner: RowOwner, row: NewRow): Promise<boolean> {
    const { columns } = this;
    columns.mailboxes.push(owner.id ?? 0);
    columns.uids.push(row.uid);
    columns.states.push(row.state);
    columns.bytes.push(row.bytes);
    columns.revisions.push(row.revision);
    columns.facts.push(row.facts ?? null);
    this.owners.push(owner);
    let promise = this.promises.get(owner);
    if (promise === undefined) {
      promise = new Promise((resolve) => this.#settle.set(owner, resolve));
      this.promises.set(owner, promise);
    }
    return promise;
  }

  /** What is kept is known from now on. */
  settle(refused: readonly number[] | undefined): void {
    const { uids, states, bytes, revisions } = this.columns;
    const without = new Set(refused);
    const failed = new Set<RowOwner>();
    for (const [at, owner] of this.owners.entries()) {
      const uid = uids[at] ?? 0;
      const state = states[at] ?? 0;
      if (refused === undefined || without.has(at)) failed.add(owner);
      // Seen in full meanwhile, it is not less for its metadata.
      else if (state !== exposures.metadata || owner.rows.find(uid) === -1)
        owner.rows.set(uid, state, bytes[at] ?? 0, revisions[at] ?? 0, 0);
    }
    for (const [owner, resolve] of this.#settle) resolve(!failed.has(owner));
  }
}

export class GroupCommit {
  readonly #store: StoreAccess;
  readonly #log: Logger;
  /** the last one still takes rows */
  readonly #batches: Batch[] = [];
  #running = false;

  constructor(store: StoreAccess, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * Resolves when the row is kept, or with false when it could not be: then nothing may be shown. The same promise for
   * all rows of a mailbox that are written together. Never rejects.
   */
  add(owner: RowOwner, row: NewRow): Promise<boolean> {
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.owners.length >= limits.imapJudge.batchRows) {
      batch = new Batch();
      this.#batches.push(batch);
    }
    const kept = batch.add(owner, row);
    if (!this.#running) {
      this.#running = true;
      // What the same chunk of a connection brings goes along.
      queueMicrotask(() => void this.#run());
    }
    return kept;
  }

  async #run(): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      let refused: readonly number[] | undefined;
      try {
        refused = await this.#store.call('keepMessages', batch.columns);
      } catch (error) {
        this.#log.error(
          { messages: batch.owners.length, error: messageOf(error) },
          'shown messages cannot be recorded',
        );
      }
      batch.settle(refused);
    }
    this.#running = false;
  }
}
