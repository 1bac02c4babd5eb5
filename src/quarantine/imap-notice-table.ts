/**
 * Rows of the notices that stand in for withheld messages in mailboxes, of whose incidents are written down, and of
 * released originals on their way to a new UID.
 */
import type { Database } from './database.js';
import type { ItemState } from './item.js';

export interface NoticeRow {
  readonly id: number;
  readonly item: string;
  readonly state: ItemState;
}

export type SwapStep = 'waiting' | 'copying' | 'copied' | 'removing' | 'done' | 'given-up';

export interface ReleasedRow {
  readonly mailbox: number;
  readonly uidValidity: number;
  readonly uid: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly step: SwapStep;
  readonly uidNextBefore: number | undefined;
  readonly copyUid: number | undefined;
}

export interface SwapAdvance {
  readonly mailbox: number;
  readonly uid: number;
  readonly step: SwapStep;
  readonly uidNextBefore: number | undefined;
  readonly copyUid: number | undefined;
}

/** An item that a message of a mailbox may be. */
export interface ItemOfLength {
  readonly id: string;
  readonly state: ItemState;
  readonly bytes: number;
  readonly sha256: string;
}

type ReleasedColumns = Omit<ReleasedRow, 'uidNextBefore' | 'copyUid'> & {
  readonly nextBefore: number | null;
  readonly copyUid: number | null;
};

export class ImapNoticeTable {
  readonly #find;
  readonly #insert;
  readonly #message;
  readonly #tell;
  readonly #released;
  readonly #advance;
  readonly #items;

  constructor(database: Database) {
    this.#find = database.prepare<[string, string], NoticeRow>(
      `SELECT imap_notices.id, item, state FROM imap_notices JOIN items ON items.id = item
       WHERE upstream = ? AND imap_notices.sha256 = ?`,
    );
    this.#insert = database.prepare<[string, string, number, string, Uint8Array]>(
      'INSERT INTO imap_notices (upstream, sha256, bytes, item, message) VALUES (?, ?, ?, ?, ?)',
    );
    this.#message = database.prepare<[number], { item: string; message: Buffer }>(
      'SELECT item, message FROM imap_notices WHERE id = ?',
    );
    this.#tell = database.prepare<[string, string, string]>('INSERT OR IGNORE INTO imap_told VALUES (?, ?, ?)');
    // In either UTF-8 mode the message is the same one, and once is enough.
    this.#released = database.prepare<[string, string, string], ReleasedColumns>(
      `SELECT min(m.mailbox) AS mailbox, b.uid_validity AS uidValidity, m.uid, n.bytes, n.sha256,
         coalesce(s.step, 'waiting') AS step, s.next_before AS nextBefore, s.copy_uid AS copyUid
       FROM imap_mailboxes b JOIN imap_messages m ON m.mailbox = b.id JOIN imap_notices n ON n.id = m.notice
       JOIN items i ON i.id = n.item LEFT JOIN imap_swaps s ON s.mailbox = m.mailbox AND s.uid = m.uid
       WHERE b.upstream = ? AND b.user = ? AND b.name = ? AND m.state IN (3, 4) AND i.state = 'released'
       AND NOT EXISTS (SELECT 1 FROM imap_swaps d JOIN imap_mailboxes o ON o.id = d.mailbox
         WHERE d.uid = m.uid AND d.step IN ('done', 'given-up') AND o.upstream = b.upstream AND o.user = b.user
         AND o.name = b.name AND o.uid_validity = b.uid_validity)
       GROUP BY b.uid_validity, m.uid ORDER BY m.uid`,
    );
    this.#advance = database.prepare<[number, string, number | null, number | null, number]>(
      `INSERT INTO imap_swaps SELECT id, ?, ?, ?, ? FROM imap_mailboxes WHERE id = ?
       ON CONFLICT DO UPDATE SET step = excluded.step, next_before = coalesce(excluded.next_before, next_before),
       copy_uid = coalesce(excluded.copy_uid, copy_uid)`,
    );
    // Messages withheld over SMTP, and those of this server: what another server's administrator released is his.
    this.#items = database.prepare<[number, string], ItemOfLength>(
      `SELECT id, state, bytes, sha256 FROM items WHERE bytes = ? AND state NOT IN ('deleted', 'expired')
       AND (protocol = 'smtp' OR EXISTS (SELECT 1 FROM imap_notices WHERE item = items.id AND upstream = ?))
       ORDER BY state <> 'released', created DESC LIMIT 16`,
    );
  }

  find(upstream: string, sha256: string): NoticeRow | undefined {
    return this.#find.get(upstream, sha256);
  }

  insert(upstream: string, sha256: string, bytes: number, item: string, message: Uint8Array): number {
    return Number(this.#insert.run(upstream, sha256, bytes, item, message).lastInsertRowid);
  }

  message(id: number): { readonly item: string; readonly message: Buffer } | undefined {
    return this.#message.get(id);
  }

  /** False when this user's incident of this message is written down already. */
  tell(upstream: string, sha256: string, user: string): boolean {
    return this.#tell.run(upstream, sha256, user).changes > 0;
  }

  released(upstream: string, user: string, name: string): ReleasedRow[] {
    return this.#released.all(upstream, user, name).map(({ nextBefore, copyUid, ...row }) => ({
      ...row,
      uidNextBefore: nextBefore ?? undefined,
      copyUid: copyUid ?? undefined,
    }));
  }

  /** False when the mailbox was dropped. */
  advance({ mailbox, uid, step, uidNextBefore, copyUid }: SwapAdvance): boolean {
    return this.#advance.run(uid, step, uidNextBefore ?? null, copyUid ?? null, mailbox).changes > 0;
  }

  itemsOfLengths(upstream: string, lengths: readonly number[]): ItemOfLength[] {
    return lengths.flatMap((bytes) => this.#items.all(bytes, upstream));
  }
}
