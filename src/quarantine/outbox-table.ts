/** Rows of mail that still has to be sent: who may work on one, until when, and what came of it. It sends nothing. */
import { limits } from '../runtime/limits.js';
import type { Database } from './database.js';

export type OutboxKind = 'notice' | 'release' | 'administrator';
export type OutboxState = 'queued' | 'sent' | 'failed' | 'cancelled';

/** The original as it came, or its text with the attachments in an encrypted archive. */
export const releaseForms = ['original', 'zip'] as const;
export type ReleaseForm = (typeof releaseForms)[number];

export interface OutboxMail {
  readonly id: number;
  readonly kind: OutboxKind;
  readonly state: OutboxState;
  readonly item: string | undefined;
  readonly listener: string;
  /** empty for a release, whose recipients are the item's */
  readonly recipient: string;
  /** undefined for a release, and once it is settled */
  readonly message: Uint8Array | undefined;
  readonly messageId: string;
  readonly attempts: number;
  readonly created: number;
  readonly nextAt: number;
  readonly lastReply: string | undefined;
  /** of a release */
  readonly releaseAs: ReleaseForm;
}

interface OutboxRow {
  readonly id: number;
  readonly kind: OutboxKind;
  readonly state: OutboxState;
  readonly item: string | null;
  readonly listener: string;
  readonly recipient: string;
  readonly message: Uint8Array | null;
  readonly message_id: string;
  readonly attempts: number;
  readonly created: number;
  readonly next_at: number;
  readonly last_reply: string | null;
  readonly release_as: ReleaseForm | null;
}

export interface NewMail {
  readonly kind: OutboxKind;
  readonly item: string | undefined;
  readonly listener: string;
  readonly recipient: string;
  readonly message: Uint8Array | undefined;
  readonly messageId: string;
  /** of a release; the original when undefined */
  readonly releaseAs?: ReleaseForm;
}

/** A row to be written, whose absent values are NULL. */
interface NewRow extends Omit<NewMail, 'item' | 'message' | 'releaseAs'> {
  readonly item: string | null;
  readonly message: Uint8Array | null;
  readonly releaseAs: ReleaseForm | null;
  readonly now: number;
}

function mailOf(row: OutboxRow): OutboxMail {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    item: row.item ?? undefined,
    listener: row.listener,
    recipient: row.recipient,
    message: row.message ?? undefined,
    messageId: row.message_id,
    attempts: row.attempts,
    created: row.created,
    nextAt: row.next_at,
    lastReply: row.last_reply ?? undefined,
    releaseAs: row.release_as ?? 'original',
  };
}

/** ms until the next attempt: 30 s, doubled with each failure up to an hour. */
export function retryDelayMs(attempts: number): number {
  return Math.min(limits.outbox.retryFirstMs * 2 ** Math.min(attempts, 16), limits.outbox.retryMaxMs);
}

export class OutboxTable {
  readonly #database;
  readonly #insert;
  readonly #claim;
  readonly #claimOne;
  readonly #retry;
  readonly #finish;
  readonly #get;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare<[NewRow]>(
      `INSERT INTO outbox (kind, state, item, listener, recipient, message, message_id, created, next_at, release_as)
       VALUES (@kind, 'queued', @item, @listener, @recipient, @message, @messageId, @now, @now, @releaseAs)`,
    );
    const free = "state = 'queued' AND (lease_until IS NULL OR lease_until <= @now)";
    this.#claim = database.prepare<[{ now: number; until: number; owner: string; max: number }], OutboxRow>(
      `UPDATE outbox SET lease_until = @until, lease_owner = @owner WHERE id IN
       (SELECT id FROM outbox WHERE ${free} AND next_at <= @now ORDER BY next_at LIMIT @max) RETURNING *`,
    );
    this.#claimOne = database.prepare<[{ now: number; until: number; owner: string; id: number }], OutboxRow>(
      `UPDATE outbox SET lease_until = @until, lease_owner = @owner WHERE id = @id AND ${free} RETURNING *`,
    );
    this.#retry = database.prepare<[number, string, number]>(
      `UPDATE outbox SET attempts = attempts + 1, next_at = ?, last_reply = ?, lease_until = NULL, lease_owner = NULL
       WHERE id = ?`,
    );
    this.#finish = database.prepare<[OutboxState, string, number]>(
      `UPDATE outbox SET state = ?, attempts = attempts + 1, last_reply = ?, message = NULL, lease_until = NULL,
       lease_owner = NULL WHERE id = ?`,
    );
    this.#get = database.prepare<[number], OutboxRow>('SELECT * FROM outbox WHERE id = ?');
  }

  add(mail: NewMail, now: number): number {
    const { item = null, message = null, releaseAs = null } = mail;
    const row = { ...mail, item, message, releaseAs, now };
    return Number(this.#insert.run(row).lastInsertRowid);
  }

  get(id: number): OutboxMail | undefined {
    const row = this.#get.get(id);
    return row === undefined ? undefined : mailOf(row);
  }

  /** Takes what is due. A row whose claimant died is taken again when its lease has run out. */
  claim(now: number, owner: string, max: number): OutboxMail[] {
    return this.#claim.all({ now, until: now + limits.outbox.leaseMs, owner, max }).map(mailOf);
  }

  /** Takes one row before its time; undefined when somebody else works on it or it is settled. */
  claimOne(id: number, now: number, owner: string): OutboxMail | undefined {
    const row = this.#claimOne.get({ now, until: now + limits.outbox.leaseMs, owner, id });
    return row === undefined ? undefined : mailOf(row);
  }

  /** Prolongs a lease; false when it is no longer the claimant's. */
  keep(id: number, now: number, owner: string): boolean {
    const query = "UPDATE outbox SET lease_until = ? WHERE id = ? AND lease_owner = ? AND state = 'queued'";
    return this.#database.prepare(query).run(now + limits.outbox.leaseMs, id, owner).changes === 1;
  }

  retryLater(id: number, at: number, reply: string): void {
    this.#retry.run(at, reply, id);
  }

  /** The bytes go with the end of the work: they carried a token. */
  finish(id: number, state: Exclude<OutboxState, 'queued'>, reply: string): void {
    this.#finish.run(state, reply, id);
  }

  /** The release of an item that is under way. */
  openRelease(item: string, now: number): (OutboxMail & { readonly leased: boolean }) | undefined {
    const query = this.#database.prepare<[string], OutboxRow & { lease_until: number | null }>(
      "SELECT * FROM outbox WHERE item = ? AND kind = 'release' AND state = 'queued'",
    );
    const row = query.get(item);
    return row === undefined ? undefined : { ...mailOf(row), leased: (row.lease_until ?? 0) > now };
  }

  ofItem(item: string): OutboxMail[] {
    const query = this.#database.prepare<[string], OutboxRow>('SELECT * FROM outbox WHERE item = ? ORDER BY id');
    return query.all(item).map(mailOf);
  }

  /** A release that was still waiting, for an item that is deleted instead. */
  cancelRelease(item: string, reply: string): void {
    const query = `UPDATE outbox SET state = 'cancelled', message = NULL, lease_until = NULL, lease_owner = NULL,
      last_reply = ? WHERE item = ? AND state = 'queued' AND kind = 'release'`;
    this.#database.prepare(query).run(reply, item);
  }

  owners(): string[] {
    const query = this.#database.prepare<[], { owner: string }>(
      'SELECT DISTINCT lease_owner AS owner FROM outbox WHERE lease_owner IS NOT NULL',
    );
    return query.all().map((row) => row.owner);
  }

  releaseLeases(owner: string): number {
    const query = 'UPDATE outbox SET lease_until = NULL, lease_owner = NULL WHERE lease_owner = ?';
    return this.#database.prepare(query).run(owner).changes;
  }

  /** When the next row falls due; undefined when nothing waits. */
  nextDue(): number | undefined {
    const query = this.#database.prepare<[], { at: number | null }>(
      "SELECT min(max(next_at, coalesce(lease_until, 0))) AS at FROM outbox WHERE state = 'queued'",
    );
    return query.get()?.at ?? undefined;
  }

  counts(): Readonly<Record<OutboxState, number>> {
    const counts = { queued: 0, sent: 0, failed: 0, cancelled: 0 };
    const query = this.#database.prepare<[], { state: OutboxState; count: number }>(
      'SELECT state, count(*) AS count FROM outbox GROUP BY state',
    );
    for (const row of query.all()) counts[row.state] = row.count;
    return counts;
  }
}
