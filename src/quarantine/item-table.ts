/** Rows of quarantined messages and of their recipients' deliveries. It maps rows to values; what may follow what is for store.ts. */
import type { Database } from './database.js';
import type { StoredEnvelope } from './hold.js';
import {
  type DeliveryRecord,
  type Item,
  type ItemState,
  type ListedItem,
  type ListedState,
  partRelease,
  type StoredFacts,
} from './item.js';

interface ItemRow {
  readonly id: string;
  readonly state: ItemState;
  readonly sha256: string;
  readonly bytes: number;
  readonly envelope: string;
  readonly listener: string;
  readonly protocol: 'smtp' | 'imap';
  readonly client: string;
  readonly verdict: string;
  readonly facts: string;
  readonly subject: string | null;
  readonly sender: string | null;
  readonly created: number;
  readonly expires: number;
  readonly blob_bytes: number;
}

interface DeliveryRow {
  readonly address: string;
  readonly status: DeliveryRecord['status'];
  readonly stage: string | null;
  readonly code: number | null;
  readonly reply: string | null;
  readonly at: number | null;
}

/** JSON columns are written by this file alone, so what they parse to is what was put in. */
function itemOf(row: ItemRow): Item {
  return {
    id: row.id,
    state: row.state,
    sha256: row.sha256,
    bytes: row.bytes,
    envelope: JSON.parse(row.envelope) as StoredEnvelope,
    listener: row.listener,
    protocol: row.protocol,
    clientAddress: row.client,
    verdict: JSON.parse(row.verdict) as Item['verdict'],
    facts: JSON.parse(row.facts) as StoredFacts,
    subject: row.subject ?? undefined,
    from: row.sender ?? undefined,
    created: row.created,
    expires: row.expires,
    blobBytes: row.blob_bytes,
  };
}

export class ItemTable {
  readonly #database;
  readonly #insert;
  readonly #insertDelivery;
  readonly #get;
  readonly #repeat;
  readonly #setState;
  readonly #revive;
  readonly #deliveries;
  readonly #settle;
  readonly #parcel;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare<[ItemRow & { repeat_key: string }]>(
      `INSERT INTO items VALUES (@id, @state, @repeat_key, @sha256, @bytes, @envelope, @listener, @protocol, @client,
       @verdict, @facts, @subject, @sender, @created, @expires, @blob_bytes, 0)`,
    );
    this.#insertDelivery = database.prepare<[string, number, string]>(
      "INSERT INTO deliveries (item, position, address, status) VALUES (?, ?, ?, 'pending')",
    );
    this.#get = database.prepare<[string], ItemRow>('SELECT * FROM items WHERE id = ?');
    this.#repeat = database.prepare<[string, number], { id: string }>(
      `SELECT id FROM items WHERE repeat_key = ? AND created > ? AND state NOT IN ('deleted', 'expired') LIMIT 1`,
    );
    this.#setState = database.prepare<[{ state: ItemState; id: string }]>(
      "UPDATE items SET state = @state, was_released = was_released OR @state = 'released' WHERE id = @id",
    );
    this.#revive = database.prepare<[number, string]>(
      "UPDATE items SET state = 'held', expires = ? WHERE id = ? AND state = 'expired'",
    );
    this.#deliveries = database.prepare<[string], DeliveryRow>(
      'SELECT * FROM deliveries WHERE item = ? ORDER BY position',
    );
    this.#settle = database.prepare<[DeliveryRow & { item: string; position: number }]>(
      `UPDATE deliveries SET status = @status, stage = @stage, code = @code, reply = @reply, at = @at
       WHERE item = @item AND position = @position`,
    );
    this.#parcel = database.prepare<[number, string, string]>('INSERT OR IGNORE INTO parcels VALUES (?, ?, ?)');
  }

  insert(item: Item, repeatKey: string): void {
    this.#insert.run({
      id: item.id,
      state: item.state,
      repeat_key: repeatKey,
      sha256: item.sha256,
      bytes: item.bytes,
      envelope: JSON.stringify(item.envelope),
      listener: item.listener,
      protocol: item.protocol,
      client: item.clientAddress,
      verdict: JSON.stringify(item.verdict),
      facts: JSON.stringify(item.facts),
      subject: item.subject ?? null,
      sender: item.from ?? null,
      created: item.created,
      expires: item.expires,
      blob_bytes: item.blobBytes,
    });
    // The original of a message withheld in a mailbox is still on its server: nothing has to be delivered.
    if (item.protocol === 'imap') return;
    for (const [position, recipient] of item.envelope.recipients.entries()) {
      this.#insertDelivery.run(item.id, position, recipient.address);
    }
  }

  get(id: string): Item | undefined {
    const row = this.#get.get(id);
    return row === undefined ? undefined : itemOf(row);
  }

  /** An item of the same message and envelope whose sealed file still exists. */
  repeatOf(repeatKey: string, since: number): string | undefined {
    return this.#repeat.get(repeatKey, since)?.id;
  }

  setState(id: string, state: ItemState): void {
    this.#setState.run({ state, id });
  }

  /** An expired item whose message was withheld again. */
  revive(id: string, expires: number): void {
    this.#revive.run(expires, id);
  }

  /** What is sent in place of the original; known already when a release is tried again. */
  addParcel(id: string, bytes: number, sha256: string): void {
    this.#parcel.run(bytes, sha256, id);
  }

  list(state: ListedState | undefined, max: number): ListedItem[] {
    const count = (status: string) => `(SELECT count(*) FROM deliveries WHERE item = items.id ${status})`;
    const where =
      state === undefined
        ? ''
        : state === 'partly-released'
          ? "WHERE state <> 'released' AND has BETWEEN 1 AND asked - 1"
          : 'WHERE state = @state';
    const query = this.#database.prepare<[object], ItemRow & { readonly has: number; readonly asked: number }>(
      `SELECT *, ${count("AND status = 'delivered'")} AS has, ${count('')} AS asked
       FROM items ${where} ORDER BY created DESC LIMIT @max`,
    );
    return query
      .all({ max, state: state ?? '' })
      .map((row) => ({ ...itemOf(row), partRelease: partRelease(row.state, row.has, row.asked) }));
  }

  /** Every item whose state says that its sealed file exists, without the expensive columns. */
  *sealed(): Generator<string, void, undefined> {
    const query = this.#database.prepare<[], { id: string }>(
      "SELECT id FROM items WHERE state NOT IN ('deleted', 'expired')",
    );
    for (const row of query.all()) yield row.id;
  }

  /** Items to expire; one with a release under way waits for its end. */
  due(now: number, max: number): string[] {
    const query = this.#database.prepare<[number, number], { id: string }>(
      `SELECT id FROM items WHERE state NOT IN ('deleted', 'expired') AND expires <= ?
       AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.item = items.id AND kind = 'release' AND state = 'queued')
       ORDER BY expires LIMIT ?`,
    );
    return query.all(now, max).map((row) => row.id);
  }

  deliveries(id: string): DeliveryRecord[] {
    return this.#deliveries.all(id).map((row) => ({
      address: row.address,
      status: row.status,
      stage: row.stage ?? undefined,
      code: row.code ?? undefined,
      reply: row.reply ?? undefined,
      at: row.at ?? undefined,
    }));
  }

  setDelivery(id: string, position: number, record: DeliveryRecord): void {
    this.#settle.run({
      item: id,
      position,
      address: record.address,
      status: record.status,
      stage: record.stage ?? null,
      code: record.code ?? null,
      reply: record.reply ?? null,
      at: record.at ?? null,
    });
  }
}
