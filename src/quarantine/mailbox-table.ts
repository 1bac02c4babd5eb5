/**
 * Rows of mailboxes and of what was shown of their messages. Columns travel packed, because a mailbox has a hundred
 * thousand messages; what the numbers mean to a client is not known here, but that a notice is never overwritten.
 */
import { limits } from '../runtime/limits.js';
import type { Database } from './database.js';

/** What of a message was shown; kept as a number. */
export const exposures = {
  metadata: 1,
  original: 2,
  notice: 3,
  /** the notice, after metadata or the original */
  lateNotice: 4,
  /** the original once, and since it is in question its metadata again */
  metadataAgain: 5,
} as const;
export type Exposure = (typeof exposures)[keyof typeof exposures];

export interface MailboxKey {
  /** `host:port` */
  readonly upstream: string;
  readonly user: string;
  /** RFC 8474 */
  readonly mailboxId: string | undefined;
  readonly name: string;
  readonly utf8: boolean;
  readonly uidValidity: number;
}

/** Columns of equal length. */
export interface PackedRows {
  readonly uids: Uint32Array;
  readonly states: Uint8Array;
  readonly bytes: Float64Array;
  readonly revisions: Uint32Array;
  /** row of the notice; 0 for none */
  readonly notices: Uint32Array;
}

/** Messages of any mailboxes whose rows are written together. */
export interface RowBatch {
  readonly mailboxes: readonly number[];
  readonly uids: readonly number[];
  readonly states: readonly number[];
  readonly bytes: readonly number[];
  readonly revisions: readonly number[];
  /** null forgets what was remembered of another content, but for metadata */
  readonly facts: readonly (string | null)[];
}

interface MailboxRow {
  readonly id: number;
  readonly uid_validity: number;
}
interface NamedRow extends MailboxRow {
  readonly mailbox: string;
  readonly utf8: number;
  readonly name: string;
  readonly opened: number;
}
/** What one call removed of mailboxes that nobody opens any more. */
export interface ExpireStep {
  readonly dropped: number;
  readonly more: boolean;
}

type MessageRow = readonly [uid: number, state: number, bytes: number, revision: number, notice: number];

/** A mailbox with an identifier is known by it, whatever it is called. */
function mailboxText({ mailboxId, name }: Pick<MailboxKey, 'mailboxId' | 'name'>): string {
  return mailboxId === undefined ? `name ${name}` : `id ${mailboxId}`;
}

/** What servers put between the levels of a name; which of them does not matter to what is forgotten. */
export const delimiters = './\\^|:!';

const isBelow = `substr(name, 1, length(:name)) = :name AND length(name) > length(:name)
  AND instr('${delimiters}', substr(name, length(:name) + 1, 1)) > 0`;

/** A message that was shown and is no notice; nor one whose original is on its way to a new UID, or came there. */
const isForgettable = `state NOT IN (${exposures.notice}, ${exposures.lateNotice}) AND notice = 0
  AND NOT EXISTS (SELECT 1 FROM imap_swaps s WHERE s.mailbox = imap_messages.mailbox AND s.uid = imap_messages.uid)`;

export class MailboxTable {
  readonly #find;
  readonly #findName;
  readonly #insert;
  readonly #rename;
  readonly #drop;
  readonly #dropName;
  readonly #dropBelow;
  readonly #highest;
  readonly #rows;
  readonly #put;
  readonly #putFacts;
  readonly #dropFacts;
  readonly #facts;
  readonly #revise;
  readonly #copy;
  readonly #copyFacts;
  readonly #state;
  readonly #withhold;
  readonly #named;
  readonly #moves;
  readonly #touch;
  readonly #old;
  readonly #thin;
  readonly #leftOver;

  constructor(database: Database) {
    this.#find = database.prepare<[string, string, string, number], MailboxRow>(
      'SELECT id, uid_validity FROM imap_mailboxes WHERE upstream = ? AND user = ? AND mailbox = ? AND utf8 = ?',
    );
    this.#findName = database.prepare<[string, string, string, number], MailboxRow>(
      `SELECT id, uid_validity FROM imap_mailboxes WHERE upstream = ? AND user = ? AND name = ? AND utf8 = ?
       ORDER BY opened DESC LIMIT 1`,
    );
    this.#insert = database.prepare<[string, string, string, number, string, number, number]>(
      `INSERT INTO imap_mailboxes (upstream, user, mailbox, utf8, name, uid_validity, opened) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#rename = database.prepare<[string, string, number, number]>(
      'UPDATE imap_mailboxes SET mailbox = ?, name = ?, opened = ? WHERE id = ?',
    );
    this.#drop = database.prepare<[number]>('DELETE FROM imap_mailboxes WHERE id = ?');
    this.#dropName = database.prepare<[string, string, string]>(
      'DELETE FROM imap_mailboxes WHERE upstream = ? AND user = ? AND name = ?',
    );
    this.#dropBelow = database.prepare<[string, string, { readonly name: string }]>(
      `DELETE FROM imap_mailboxes WHERE upstream = ? AND user = ? AND ${isBelow}`,
    );
    this.#highest = database.prepare<[number], { uid: number | null }>(
      'SELECT max(uid) AS uid FROM imap_messages WHERE mailbox = ?',
    );
    this.#rows = database
      .prepare<[number], MessageRow>('SELECT uid, state, bytes, revision, notice FROM imap_messages WHERE mailbox = ?')
      .raw();
    // A mailbox that was dropped takes nothing; a notice gives way to nothing, and metadata is the least of all.
    this.#put = database.prepare<[number, number, number, number, number]>(
      `INSERT INTO imap_messages SELECT id, ?, ?, ?, ?, 0 FROM imap_mailboxes WHERE id = ?
       ON CONFLICT DO UPDATE SET state = iif(excluded.state = 1, state, excluded.state),
       bytes = iif(excluded.state = 1, bytes, excluded.bytes),
       revision = iif(excluded.state = 1, revision, excluded.revision) WHERE state NOT IN (3, 4)`,
    );
    this.#putFacts = database.prepare<[number, number, string]>(
      'INSERT INTO imap_facts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET facts = excluded.facts',
    );
    this.#dropFacts = database.prepare<[number, number]>('DELETE FROM imap_facts WHERE mailbox = ? AND uid = ?');
    this.#facts = database.prepare<[number, number], { facts: string }>(
      'SELECT facts FROM imap_facts WHERE mailbox = ? AND uid = ?',
    );
    this.#revise = database.prepare<[number, number, number]>(
      'UPDATE imap_messages SET revision = ?, state = 2 WHERE mailbox = ? AND uid = ? AND state IN (2, 5)',
    );
    this.#copy = database.prepare<[number, number, number, number]>(
      `INSERT OR REPLACE INTO imap_messages SELECT ?, ?, state, bytes, revision, notice FROM imap_messages
       WHERE mailbox = ? AND uid = ?`,
    );
    this.#copyFacts = database.prepare<[number, number, number, number]>(
      'INSERT OR REPLACE INTO imap_facts SELECT ?, ?, facts FROM imap_facts WHERE mailbox = ? AND uid = ?',
    );
    this.#state = database.prepare<[number, number], { state: number }>(
      'SELECT state FROM imap_messages WHERE mailbox = ? AND uid = ?',
    );
    this.#withhold = database.prepare<[number, number, number, number, number]>(
      `INSERT INTO imap_messages SELECT id, ?, ?, ?, 0, ? FROM imap_mailboxes WHERE id = ?
       ON CONFLICT DO UPDATE SET state = excluded.state, bytes = excluded.bytes, notice = excluded.notice`,
    );
    this.#named = database.prepare<[string, string, { readonly name: string }], NamedRow>(
      `SELECT id, mailbox, utf8, name, uid_validity, opened FROM imap_mailboxes
       WHERE upstream = ? AND user = ? AND (name = :name OR ${isBelow})`,
    );
    this.#moves = moveStatements(database);
    this.#touch = database.prepare<[number, number]>('UPDATE imap_mailboxes SET opened = ? WHERE id = ?');
    this.#old = database.prepare<[number], { id: number }>(
      'SELECT id FROM imap_mailboxes WHERE opened < ? ORDER BY opened, id LIMIT 1',
    );
    this.#thin = thinStatements(database);
    this.#leftOver = leftOverStatements(database);
  }

  /**
   * The row of a mailbox, made when there is none. One of another UIDVALIDITY gives way to a new row under a number
   * that was never used, so that whoever still holds the old one writes nowhere.
   */
  enter(key: MailboxKey, now: number): number {
    const { upstream, user, name, uidValidity } = key;
    const utf8 = key.utf8 ? 1 : 0;
    const mailbox = mailboxText(key);
    // Filled by a COPY before it was opened, it is known by its name alone.
    const byName = mailboxText({ ...key, mailboxId: undefined });
    const known = this.#find.get(upstream, user, mailbox, utf8) ?? this.#find.get(upstream, user, byName, utf8);
    if (known !== undefined && known.uid_validity === uidValidity) {
      this.#rename.run(mailbox, name, now, known.id);
      return known.id;
    }
    if (known !== undefined) this.#drop.run(known.id);
    return Number(this.#insert.run(upstream, user, mailbox, utf8, name, uidValidity, now).lastInsertRowid);
  }

  /** The target of a COPY, of which only the name is known. */
  enterByName(key: MailboxKey, now: number): number {
    const known = this.#findName.get(key.upstream, key.user, key.name, key.utf8 ? 1 : 0);
    return known?.uid_validity === key.uidValidity ? known.id : this.enter({ ...key, mailboxId: undefined }, now);
  }

  highestUid(mailbox: number): number {
    return this.#highest.get(mailbox)?.uid ?? 0;
  }

  drop(mailbox: number): void {
    this.#drop.run(mailbox);
  }

  /** @param below with those whose names begin with it and a delimiter */
  dropName(upstream: string, user: string, name: string, below: boolean): void {
    this.#dropName.run(upstream, user, name);
    if (below) this.#dropBelow.run(upstream, user, { name });
  }

  /**
   * Under numbers that were never used, so that whoever still holds an old one writes nowhere. A message whose original
   * was on its way to a new UID is left out: nobody knows how far that came.
   */
  moveName(upstream: string, user: string, from: string, to: string): void {
    for (const old of this.#named.all(upstream, user, { name: from })) {
      this.#rename.run(`moved ${old.id}`, old.name, old.opened, old.id);
      const name = to + old.name.slice(from.length);
      const mailbox = old.mailbox.startsWith('id ') ? old.mailbox : mailboxText({ mailboxId: undefined, name });
      const { lastInsertRowid } = this.#insert.run(
        upstream,
        user,
        mailbox,
        old.utf8,
        name,
        old.uid_validity,
        old.opened,
      );
      for (const move of this.#moves) move.run({ to: lastInsertRowid, from: old.id });
      this.#drop.run(old.id);
    }
  }

  rows(mailbox: number): PackedRows {
    const rows = this.#rows.all(mailbox);
    const packed = {
      uids: new Uint32Array(rows.length),
      states: new Uint8Array(rows.length),
      bytes: new Float64Array(rows.length),
      revisions: new Uint32Array(rows.length),
      notices: new Uint32Array(rows.length),
    };
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[index];
      if (row === undefined) continue;
      packed.uids[index] = row[0];
      packed.states[index] = row[1];
      packed.bytes[index] = row[2];
      packed.revisions[index] = row[3];
      packed.notices[index] = row[4];
    }
    return packed;
  }

  /** Gives the positions in the batch that were not taken. */
  put(batch: RowBatch): number[] {
    const { mailboxes, uids, states, bytes, revisions, facts } = batch;
    const refused: number[] = [];
    for (let index = 0; index < uids.length; index += 1) {
      const mailbox = mailboxes[index] ?? 0;
      const uid = uids[index] ?? 0;
      const { changes } = this.#put.run(uid, states[index] ?? 0, bytes[index] ?? 0, revisions[index] ?? 0, mailbox);
      const text = facts[index] ?? null;
      if (changes === 0) refused.push(index);
      else if (text !== null) this.#putFacts.run(mailbox, uid, text);
      else if (states[index] === exposures.original) this.#dropFacts.run(mailbox, uid);
    }
    return refused;
  }

  facts(mailbox: number, uids: readonly number[]): (string | undefined)[] {
    return uids.map((uid) => this.#facts.get(mailbox, uid)?.facts);
  }

  /** Messages that were judged again without their content. */
  revise(mailbox: number, uids: readonly number[], revisions: readonly number[]): void {
    for (const [index, uid] of uids.entries()) this.#revise.run(revisions[index] ?? 0, mailbox, uid);
  }

  copy(from: number, to: number, pairs: readonly (readonly [number, number])[]): void {
    for (const [source, target] of pairs) {
      this.#copy.run(to, target, from, source);
      this.#copyFacts.run(to, target, from, source);
    }
  }

  /** Gives how the message stands now; undefined when the mailbox was dropped. */
  withhold(mailbox: number, uid: number, bytes: number, notice: number): Exposure | undefined {
    const before = this.#state.get(mailbox, uid)?.state;
    const late = before !== undefined && before !== exposures.notice;
    const state = late ? exposures.lateNotice : exposures.notice;
    return this.#withhold.run(uid, state, bytes, notice, mailbox).changes === 0 ? undefined : state;
  }

  /**
   * UIDs in their order of rows that say no more than that a message was shown. The one of the highest UID stays, as by
   * it is found out that a mailbox has begun anew.
   */
  forgettable(mailbox: number, after: number, below: number, max: number): Uint32Array {
    return Uint32Array.from(this.#leftOver.find.all({ mailbox, after, below, max }));
  }

  /** Gives how many went; what has become a notice meanwhile stays. */
  forget(mailbox: number, uids: Uint32Array): number {
    let forgotten = 0;
    for (const uid of uids) {
      if (this.#leftOver.forget.run(mailbox, uid).changes === 0) continue;
      this.#dropFacts.run(mailbox, uid);
      forgotten += 1;
    }
    return forgotten;
  }

  touch(mailboxes: readonly number[], now: number): void {
    for (const mailbox of mailboxes) this.#touch.run(now, mailbox);
  }

  /**
   * Removes some rows of those that nobody opened since, and those that are empty then. One that is opened again before
   * the last row went keeps the others.
   */
  expire(before: number): ExpireStep {
    let left: number = limits.imapJudge.expireRows;
    let dropped = 0;
    while (left > 0) {
      const old = this.#old.get(before);
      if (old === undefined) return { dropped, more: false };
      for (const thin of this.#thin) left -= left > 0 ? thin.run({ mailbox: old.id, max: left }).changes : 0;
      if (left <= 0) break;
      this.#drop.run(old.id);
      dropped += 1;
      left -= 1;
    }
    return { dropped, more: true };
  }
}

/** What removes some rows of a mailbox. */
function thinStatements(database: Database) {
  return ['imap_swaps', 'imap_facts', 'imap_messages'].map((table) =>
    database.prepare<[{ readonly mailbox: number; readonly max: number }]>(
      `DELETE FROM ${table} WHERE mailbox = @mailbox
       AND uid IN (SELECT uid FROM ${table} WHERE mailbox = @mailbox LIMIT @max)`,
    ),
  );
}

/** What finds and forgets messages that were shown and are gone. */
function leftOverStatements(database: Database) {
  return {
    find: database
      .prepare<[Readonly<Record<'mailbox' | 'after' | 'below' | 'max', number>>], number>(
        `SELECT uid FROM imap_messages WHERE mailbox = @mailbox AND uid > @after AND ${isForgettable}
         AND uid < min(@below, (SELECT max(uid) FROM imap_messages WHERE mailbox = @mailbox)) ORDER BY uid LIMIT @max`,
      )
      .pluck(),
    forget: database.prepare<[number, number]>(
      `DELETE FROM imap_messages WHERE mailbox = ? AND uid = ? AND ${isForgettable}`,
    ),
  };
}

/** What moves messages from one mailbox to another, but for those on their way to a new UID. */
function moveStatements(database: Database) {
  const settled = 'uid NOT IN (SELECT uid FROM imap_swaps WHERE imap_swaps.mailbox = :from)';
  return ['imap_messages', 'imap_facts'].map((table) =>
    database.prepare<[{ readonly to: number | bigint; readonly from: number }]>(
      `UPDATE ${table} SET mailbox = :to WHERE mailbox = :from AND ${settled}`,
    ),
  );
}
