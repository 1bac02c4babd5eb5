/**
 * What was shown of the messages of one mailbox, by UID: columns with open addressing, some 20 octets a message, because
 * it is asked for every response, a mailbox has a hundred thousand messages, and a thousand users have theirs open. It
 * knows no meaning of a column.
 */
import type { PackedRows } from '../quarantine/mailbox-table.js';

/** slots of an empty table */
const slotsLeast = 16;
/** different revisions that rows of one table have at a time; a row keeps the place of its own in eight bits */
const revisionsMax = 255;
const octetsMax = 0xffff_ffff;

export class ImapRows {
  #count = 0;
  /** the highest UID that has a row */
  highest = 0;
  /** 0 for a free slot; no message has this UID (RFC 9051 §2.3.1.1) */
  #uids = new Uint32Array(slotsLeast);
  #states = new Uint8Array(slotsLeast);
  #bytes = new Uint32Array(slotsLeast);
  #revisions = new Uint8Array(slotsLeast);
  /** at the place that rows keep; at 0 that of none */
  #knownRevisions: number[] = [0];
  /** by UID: few messages have one */
  readonly #notices = new Map<number, number>();

  constructor(packed?: PackedRows) {
    if (packed === undefined) return;
    const { uids, states, bytes, revisions, notices } = packed;
    this.#resize(uids.length);
    for (let at = 0; at < uids.length; at += 1) {
      this.set(uids[at] ?? 0, states[at] ?? 0, bytes[at] ?? 0, revisions[at] ?? 0, notices[at] ?? 0);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** rows without a notice */
  get forgettable(): number {
    return this.#count - this.#notices.size;
  }

  /** octets of memory, but for notices */
  get heldBytes(): number {
    return this.#uids.length * 10;
  }

  /** Where the row of a message is until the next `set`, or -1. */
  find(uid: number): number {
    const mask = this.#uids.length - 1;
    for (let slot = hash(uid) & mask; ; slot = (slot + 1) & mask) {
      const there = this.#uids[slot];
      if (there === uid && uid !== 0) return slot;
      if (there === 0) return -1;
    }
  }

  /** 0 when there is no row. */
  state(slot: number): number {
    return this.#states[slot] ?? 0;
  }

  /** 0 when unknown, and for what is larger than 4 GiB. */
  bytes(slot: number): number {
    return this.#bytes[slot] ?? 0;
  }

  /** 0 for none, and for one of long ago. */
  revision(slot: number): number {
    return this.#knownRevisions[this.#revisions[slot] ?? 0] ?? 0;
  }

  notice(slot: number): number {
    return this.#notices.get(this.#uids[slot] ?? 0) ?? 0;
  }

  /** @param uid 1 to 2^32 - 1; another one is not kept */
  set(uid: number, state: number, bytes: number, revision: number, notice: number): void {
    if (!isUid(uid)) return;
    const place = this.#place(revision);
    let slot = this.find(uid);
    if (slot === -1) {
      if ((this.#count + 1) * 1.5 > this.#uids.length) this.#resize(this.#count + 1);
      slot = this.#take(uid);
      this.#count += 1;
      if (uid > this.highest) this.highest = uid;
    }
    this.#states[slot] = state;
    this.#bytes[slot] = bytes > octetsMax ? 0 : bytes;
    this.#revisions[slot] = place;
    if (notice !== 0) this.#notices.set(uid, notice);
    else if (this.#notices.size > 0) this.#notices.delete(uid);
  }

  /** Forgets all rows that are not kept, but for those with a notice and that of the highest UID. */
  retain(keeps: (uid: number) => boolean): void {
    let count = 0;
    for (let slot = 0; slot < this.#uids.length; slot += 1) {
      const uid = this.#uids[slot] ?? 0;
      if (uid === 0) continue;
      if (uid === this.highest || this.#notices.has(uid) || keeps(uid)) count += 1;
      else this.#uids[slot] = 0;
    }
    if (count === this.#count) return;
    this.#count = count;
    // A slot that became free would end the searches for others.
    this.#resize(count, slotsLeast);
  }

  #take(uid: number): number {
    const mask = this.#uids.length - 1;
    let slot = hash(uid) & mask;
    while (this.#uids[slot] !== 0) slot = (slot + 1) & mask;
    this.#uids[slot] = uid;
    return slot;
  }

  #place(revision: number): number {
    // The last one is that of nearly every row.
    const place = this.#knownRevisions.lastIndexOf(revision);
    if (place !== -1) return place;
    if (this.#knownRevisions.length > revisionsMax) {
      this.#knownRevisions = [0];
      this.#revisions.fill(0);
    }
    return this.#knownRevisions.push(revision) - 1;
  }

  /** @param least slots, a power of two */
  #resize(count: number, least = this.#uids.length): void {
    const [uids, states, bytes, revisions] = [this.#uids, this.#states, this.#bytes, this.#revisions];
    let slots = least;
    while (slots < count * 1.5) slots *= 2;
    this.#uids = new Uint32Array(slots);
    this.#states = new Uint8Array(slots);
    this.#bytes = new Uint32Array(slots);
    this.#revisions = new Uint8Array(slots);
    for (let from = 0; from < uids.length; from += 1) {
      const uid = uids[from] ?? 0;
      if (uid === 0) continue;
      const slot = this.#take(uid);
      this.#states[slot] = states[from] ?? 0;
      this.#bytes[slot] = bytes[from] ?? 0;
      this.#revisions[slot] = revisions[from] ?? 0;
    }
  }
}

export function isUid(uid: number): boolean {
  return Number.isInteger(uid) && uid > 0 && uid <= 0xffff_ffff;
}

/** UIDs are handed out by the server one after another, so a multiplication spreads them enough. */
function hash(uid: number): number {
  return Math.imul(uid, 0x9e3779b1) >>> 7;
}
