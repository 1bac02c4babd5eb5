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
export interface KnownItem {
  readonly id: string;
  readonly state: ItemState;
}

/** A message or the end of one. */
export interface Ending {
  readonly bytes: number;
  /** lower-case hex */
  readonly sha256: string;
}

type ReleasedColumns = Omit<ReleasedRow, 'uidNextBefore' | 'copyUid'> & {
  readonly nextBefore: number | null;
  readonly copyUid: number | null;
};

/** A release outlives the sealed copy, and so does what a message is recognised by. */
const isKept = "(was_released OR state NOT IN ('deleted', 'expired'))";
const stateNow = "iif(was_released, 'released', state) AS state";

export class ImapNoticeTable {
  readonly #find;
  readonly #insert;
  readonly #message;
  readonly #tell;
  readonly #released;
  readonly #advance;
  readonly #length;
  readonly #ending;
  readonly #parcel;
  readonly #core;
  readonly #mark;
  readonly #markCore;

  constructor(database: Database) {
    this.#find = database.prepare<[string, string], NoticeRow>(
      `SELECT imap_notices.id, item, ${stateNow} FROM imap_notices JOIN items ON items.id = item
       WHERE upstream = ? AND imap_notices.sha256 = ?`,
    );
    this.#insert = database.prepare<[string, string, string, number, string, Uint8Array]>(
      'INSERT INTO imap_notices (upstream, sha256, core_sha256, bytes, item, message) VALUES (?, ?, ?, ?, ?, ?)',
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
       WHERE b.upstream = ? AND b.user = ? AND b.name = ? AND m.state IN (3, 4) AND i.was_released
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
    this.#length = database.prepare<[{ bytes: number }], { bytes: number }>(
      `SELECT 1 FROM items WHERE bytes = @bytes AND ${isKept}
       UNION ALL SELECT 1 FROM parcels WHERE bytes = @bytes
       UNION ALL SELECT 1 FROM released_marks WHERE bytes = @bytes LIMIT 1`,
    );
    // It only exists because somebody ordered its release.
    this.#parcel = database.prepare<[number, string], KnownItem>(
      "SELECT item AS id, 'released' AS state FROM parcels WHERE bytes = ? AND sha256 = ?",
    );
    // Messages withheld over SMTP, and those of this server: what another server's administrator released is his.
    this.#ending = database.prepare<[number, string, string], KnownItem>(
      `SELECT id, ${stateNow} FROM items WHERE bytes = ? AND sha256 = ? AND ${isKept}
       AND (protocol = 'smtp' OR EXISTS (SELECT 1 FROM imap_notices WHERE item = items.id AND upstream = ?))
       ORDER BY was_released DESC, created DESC LIMIT 1`,
    );
    this.#core = database.prepare<[string, string], KnownItem>(
      `SELECT items.id, ${stateNow} FROM imap_notices JOIN items ON items.id = item
       WHERE upstream = ? AND core_sha256 = ? AND ${isKept} ORDER BY was_released DESC, created DESC LIMIT 1`,
    );
    this.#mark = database.prepare<[number, string, string], KnownItem>(
      `SELECT item AS id, 'released' AS state FROM released_marks
       WHERE bytes = ? AND sha256 = ? AND upstream IN ('', ?) LIMIT 1`,
    );
    this.#markCore = database.prepare<[string, string], KnownItem>(
      `SELECT item AS id, 'released' AS state FROM released_marks WHERE upstream = ? AND core_sha256 = ? LIMIT 1`,
    );
  }

  find(upstream: string, sha256: string): NoticeRow | undefined {
    return this.#find.get(upstream, sha256);
  }

  insert(upstream: string, original: Ending, coreSha256: string, item: string, message: Uint8Array): number {
    const { bytes, sha256 } = original;
    return Number(this.#insert.run(upstream, sha256, coreSha256, bytes, item, message).lastInsertRowid);
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

  /** Those of the lengths that some item has. */
  lengthsOfItems(lengths: readonly number[]): number[] {
    return lengths.filter((bytes) => this.#length.get({ bytes }) !== undefined);
  }

  /** The item that is one of these, released ones before others; undefined when none is. */
  itemOfEndings(upstream: string, endings: readonly Ending[]): KnownItem | undefined {
    const items = endings.map(({ bytes, sha256 }) => {
      const known = this.#parcel.get(bytes, sha256) ?? this.#ending.get(bytes, sha256, upstream);
      return known?.state === 'released' ? known : (this.#mark.get(bytes, sha256, upstream) ?? known);
    });
    return items.find((item) => item?.state === 'released') ?? items.find((item) => item !== undefined);
  }

  itemOfCore(upstream: string, sha256: string): KnownItem | undefined {
    const known = this.#core.get(upstream, sha256);
    return known?.state === 'released' ? known : (this.#markCore.get(upstream, sha256) ?? known);
  }
}
