/**
 * Forgets what is older than the configuration wants it kept: items whose originals are gone, with all that belongs to
 * them, incidents, and our own mail that is done. It goes through the tables a few rows at a time; wherever it is cut, the
 * next run begins again and finds what is left. Nothing that somebody may still be told of, or that stands in a mailbox,
 * goes; of a released message that is forgotten the digests stay. The audit table is never touched.
 */
import { limits } from '../runtime/limits.js';
import type { Database } from './database.js';

/** In this order: mail that is done may be named by what belongs to an item. */
export const purgeStages = ['deleted', 'expired', 'incidents', 'mails'] as const;
export type PurgeStage = (typeof purgeStages)[number];

/** The row after which a call goes on; times are ms since 1970. */
export interface PurgePlace {
  readonly stage: PurgeStage;
  readonly at: number;
  readonly id: string | number;
}

export interface PurgeCounts {
  readonly items: number;
  /** those of the items among them */
  readonly incidents: number;
  readonly mails: number;
  /** in all tables */
  readonly rows: number;
}

export interface PurgeStep extends PurgeCounts {
  /** undefined at the end */
  readonly next: PurgePlace | undefined;
}

export const purgeStart: PurgePlace = { stage: 'deleted', at: Number.MIN_SAFE_INTEGER, id: '' };

interface OldItem {
  readonly id: string;
  readonly at: number;
  readonly released: number;
}
interface OldIncident {
  readonly id: string;
  readonly at: number;
  readonly free: number;
}
interface OldMail {
  readonly id: number;
  readonly at: number;
  readonly free: number;
}

/** Row by row, so that a call ends between two of them. */
interface Removed {
  items: number;
  incidents: number;
  mails: number;
  rows: number;
}

/**
 * Whether nothing holds an item back: mail that waits, news that nobody was told, an incident or another withholding
 * that is younger, an act that is not counted yet, a mailbox in which its notice stands. A message whose exchange for its
 * original is done is not there any more. The newest notice stays, since its number must never be another one's.
 */
const isFree = `
  NOT EXISTS (SELECT 1 FROM outbox WHERE item = items.id AND state = 'queued')
  AND NOT EXISTS (SELECT 1 FROM administrator_events WHERE item = items.id AND mail IS NULL)
  AND NOT EXISTS (SELECT 1 FROM recipient_answers WHERE item = items.id AND mail IS NULL)
  AND NOT EXISTS (SELECT 1 FROM incidents WHERE item = items.id AND at > @since)
  AND NOT EXISTS (SELECT 1 FROM audit WHERE item = items.id AND (seq > @counted OR (action = 'held-again' AND at > @since)))
  AND NOT EXISTS (SELECT 1 FROM imap_notices n WHERE n.item = items.id AND (n.id = @newestNotice
    OR EXISTS (SELECT 1 FROM imap_messages m WHERE m.notice = n.id AND m.notice <> 0 AND ${isThere('m')})))`;

function isThere(message: string): string {
  return `NOT EXISTS (SELECT 1 FROM imap_swaps s
    WHERE s.mailbox = ${message}.mailbox AND s.uid = ${message}.uid AND s.step = 'done')`;
}

/** What refers to an item, in an order in which nothing refers to what is gone; without its incidents and its mail. */
const belongings = [
  'DELETE FROM administrator_events WHERE item = @id',
  'DELETE FROM recipient_answers WHERE item = @id',
  'DELETE FROM deliveries WHERE item = @id',
  'DELETE FROM tokens WHERE item = @id',
  'DELETE FROM parcels WHERE item = @id',
  `DELETE FROM imap_told WHERE (upstream, sha256) IN (SELECT upstream, sha256 FROM imap_notices WHERE item = @id)`,
  'DELETE FROM imap_messages WHERE notice <> 0 AND notice IN (SELECT id FROM imap_notices WHERE item = @id)',
  'DELETE FROM imap_notices WHERE item = @id',
];

/** What a released item is known by; see ImapNoticeTable. One withheld in a mailbox is one of its notices' originals. */
const marks = [
  `INSERT OR IGNORE INTO released_marks (upstream, bytes, sha256, core_sha256, item)
   SELECT upstream, bytes, sha256, core_sha256, item FROM imap_notices WHERE item = @id`,
  `INSERT OR IGNORE INTO released_marks (upstream, bytes, sha256, item)
   SELECT '', bytes, sha256, id FROM items WHERE id = @id AND protocol = 'smtp'`,
  `INSERT OR IGNORE INTO released_marks (upstream, bytes, sha256, item)
   SELECT '', bytes, sha256, item FROM parcels WHERE item = @id`,
];

const gone = "('deleted', 'expired')";
interface Named {
  readonly id: string;
}

export class PurgeStore {
  readonly #database: Database;
  readonly #marksMax: number;
  readonly #items;
  readonly #free;
  readonly #incidents;
  readonly #mails;
  readonly #belongings;
  readonly #marks;
  readonly #oldMarks;
  readonly #dropIncidents;
  readonly #dropMails;
  readonly #dropItem;
  readonly #dropIncident;
  readonly #dropMail;
  readonly #dropLastMail;

  constructor(database: Database, marksMax: number = limits.quarantine.marksMax) {
    this.#database = database;
    this.#marksMax = marksMax;
    const scan = limits.quarantine.purgeScan;
    this.#items = database.prepare<[Record<string, string | number>], OldItem>(
      `SELECT id, created AS at, was_released AS released FROM items
       WHERE state = @state AND created <= @since AND (created, id) > (@at, @id) ORDER BY created, id LIMIT ${scan}`,
    );
    this.#free = database.prepare<[Record<string, string | number>], { readonly free: number }>(
      `SELECT ${isFree} AS free FROM items WHERE id = @id`,
    );
    this.#incidents = database.prepare<[Record<string, string | number>], OldIncident>(
      `SELECT id, at, item IS NULL OR (SELECT state FROM items WHERE items.id = incidents.item) IN ${gone} AS free
       FROM incidents WHERE at <= @since AND (at, id) > (@at, @id) ORDER BY at, id LIMIT ${scan}`,
    );
    this.#mails = database.prepare<[Record<string, string | number>], OldMail>(
      `SELECT id, created AS at, state <> 'queued' AND NOT EXISTS (SELECT 1 FROM administrator_events WHERE mail = outbox.id)
       AND NOT EXISTS (SELECT 1 FROM recipient_answers WHERE mail = outbox.id) AS free
       FROM outbox WHERE item IS NULL AND created <= @since AND (created, id) > (@at, @id)
       ORDER BY created, id LIMIT ${scan}`,
    );
    const prepare = (statement: string) => database.prepare<[Named]>(statement);
    this.#belongings = belongings.map(prepare);
    this.#marks = marks.map(prepare);
    this.#oldMarks = database.prepare<[number]>(
      'DELETE FROM released_marks WHERE id <= (SELECT max(id) FROM released_marks) - ?',
    );
    this.#dropIncidents = prepare('DELETE FROM incidents WHERE item = @id');
    this.#dropMails = prepare('DELETE FROM outbox WHERE item = @id');
    this.#dropItem = prepare('DELETE FROM items WHERE id = @id');
    this.#dropIncident = prepare('DELETE FROM incidents WHERE id = @id');
    this.#dropMail = database.prepare<[number]>('DELETE FROM outbox WHERE id = ?');
    this.#dropLastMail = database.prepare<[number]>('DELETE FROM administrator_mail WHERE last_at <= ?');
  }

  /**
   * Removes some of what was last withheld, seen or sent at `since` or before; an original that is still there keeps
   * everything of its item.
   * @param since ms since 1970
   */
  purgeSome(since: number, place: PurgePlace): PurgeStep {
    const removed = { items: 0, incidents: 0, mails: 0, rows: 0 };
    const work = () => ({ next: this.#stage(since, place, removed), ...removed });
    return this.#database.transaction(work).immediate();
  }

  #stage(since: number, place: PurgePlace, removed: Removed): PurgePlace | undefined {
    switch (place.stage) {
      case 'incidents': {
        const rows = this.#incidents.all({ since, at: place.at, id: place.id });
        return this.#through(place, rows, removed, ({ id, free }) => {
          if (free === 0) return;
          removed.incidents += this.#dropIncident.run({ id }).changes;
          removed.rows += 1;
        });
      }
      case 'mails': {
        const rows = this.#mails.all({ since, at: place.at, id: place.id });
        const next = this.#through(place, rows, removed, ({ id, free }) => {
          if (free === 0) return;
          removed.mails += this.#dropMail.run(id).changes;
          removed.rows += 1;
        });
        if (next === undefined) removed.rows += this.#dropLastMail.run(since).changes;
        return next;
      }
      default: {
        const facts = { counted: this.#counted(), newestNotice: this.#newestNotice() };
        const rows = this.#items.all({ since, state: place.stage, at: place.at, id: place.id });
        return this.#through(place, rows, removed, (item) => {
          const free = this.#free.get({ ...facts, since, id: item.id })?.free ?? 0;
          if (free !== 0) this.#forget(item, removed);
        });
      }
    }
  }

  /** Gives where to go on: behind the last row that was looked at, or at the next stage. */
  #through<Row extends { readonly id: string | number; readonly at: number }>(
    { stage }: PurgePlace,
    rows: readonly Row[],
    removed: Removed,
    drop: (row: Row) => void,
  ): PurgePlace | undefined {
    const { purgeRows, purgeScan } = limits.quarantine;
    for (const [index, row] of rows.entries()) {
      drop(row);
      const last = index === rows.length - 1 && rows.length < purgeScan;
      if (removed.rows >= purgeRows && !last) return { stage, at: row.at, id: row.id };
    }
    const reached = rows.at(-1);
    if (reached !== undefined && rows.length === purgeScan) return { stage, at: reached.at, id: reached.id };
    const following = purgeStages[purgeStages.indexOf(stage) + 1];
    return following === undefined ? undefined : { ...purgeStart, stage: following };
  }

  #forget({ id, released }: OldItem, removed: Removed): void {
    const named = { id };
    if (released !== 0) {
      for (const mark of this.#marks) mark.run(named);
      this.#oldMarks.run(this.#marksMax);
    }
    for (const statement of this.#belongings) removed.rows += statement.run(named).changes;
    const incidents = this.#dropIncidents.run(named).changes;
    const mails = this.#dropMails.run(named).changes;
    removed.items += this.#dropItem.run(named).changes;
    removed.incidents += incidents;
    removed.mails += mails;
    removed.rows += incidents + mails + 1;
  }

  /** Acts beyond it are still to be counted and told, with the facts of their items. */
  #counted(): number {
    const query = "SELECT value FROM counter_state WHERE kind = 'seen' AND name = 'audit'";
    return this.#database.prepare<[], { value: number }>(query).get()?.value ?? 0;
  }

  #newestNotice(): number {
    return this.#database.prepare<[], { id: number | null }>('SELECT max(id) AS id FROM imap_notices').get()?.id ?? 0;
  }
}
