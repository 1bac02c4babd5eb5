/**
 * What was shown of the messages of one mailbox, by UID: columns with open addressing, some 20 octets a message, because
 * it is asked for every response and a mailbox has a hundred thousand of them. It knows no meaning of a column.
 */
import type { PackedRows } from '../quarantine/mailbox-table.js';

/** slots of an empty table */
const slotsLeast = 64;

export class ImapRows {
  #count = 0;
  /** the highest UID that has a row */
  highest = 0;
  /** 0 for a free slot; no message has this UID (RFC 9051 §2.3.1.1) */
  #uids: Uint32Array;
  #states: Uint8Array;
  #bytes: Float64Array;
  #revisions: Uint32Array;
  #notices: Uint32Array;

  constructor(packed?: PackedRows) {
    let slots = slotsLeast;
    while (slots < (packed?.uids.length ?? 0) * 1.5) slots *= 2;
    this.#uids = new Uint32Array(slots);
    this.#states = new Uint8Array(slots);
    this.#bytes = new Float64Array(slots);
    this.#revisions = new Uint32Array(slots);
    this.#notices = new Uint32Array(slots);
    if (packed === undefined) return;
    const { uids, states, bytes, revisions, notices } = packed;
    for (let at = 0; at < uids.length; at += 1) {
      this.set(uids[at] ?? 0, states[at] ?? 0, bytes[at] ?? 0, revisions[at] ?? 0, notices[at] ?? 0);
    }
  }

  get count(): number {
    return this.#count;
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

  bytes(slot: number): number {
    return this.#bytes[slot] ?? 0;
  }

  revision(slot: number): number {
    return this.#revisions[slot] ?? 0;
  }

  notice(slot: number): number {
    return this.#notices[slot] ?? 0;
  }

  /** @param uid 1 to 2^32 - 1; another one is not kept */
  set(uid: number, state: number, bytes: number, revision: number, notice: number): void {
    if (!isUid(uid)) return;
    let slot = this.find(uid);
    if (slot === -1) {
      if ((this.#count + 1) * 1.5 > this.#uids.length) this.#grow();
      const mask = this.#uids.length - 1;
      slot = hash(uid) & mask;
      while (this.#uids[slot] !== 0) slot = (slot + 1) & mask;
      this.#uids[slot] = uid;
      this.#count += 1;
      if (uid > this.highest) this.highest = uid;
    }
    this.#states[slot] = state;
    this.#bytes[slot] = bytes;
    this.#revisions[slot] = revision;
    this.#notices[slot] = notice;
  }

  #grow(): void {
    const larger = new ImapRows({
      uids: new Uint32Array(this.#uids.length),
      states: new Uint8Array(0),
      bytes: new Float64Array(0),
      revisions: new Uint32Array(0),
      notices: new Uint32Array(0),
    });
    for (let slot = 0; slot < this.#uids.length; slot += 1) {
      const uid = this.#uids[slot] ?? 0;
      if (uid !== 0) larger.set(uid, this.state(slot), this.bytes(slot), this.revision(slot), this.notice(slot));
    }
    this.#uids = larger.#uids;
    this.#states = larger.#states;
    this.#bytes = larger.#bytes;
    this.#revisions = larger.#revisions;
    this.#notices = larger.#notices;
  }
}

export function isUid(uid: number): boolean {
  return Number.isInteger(uid) && uid > 0 && uid <= 0xffff_ffff;
}

/** UIDs are handed out by the server one after another, so a multiplication spreads them enough. */
function hash(uid: number): number {
  return Math.imul(uid, 0x9e3779b1) >>> 7;
}
