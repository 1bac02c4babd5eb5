/**
 * Reads which UIDs a server tells in answer to a search of ours (RFC 9051 §7.3.4, RFC 3501 §7.2.5): eight octets a
 * range in memory, and nothing at all of an answer that is not exactly what it should be.
 */
import { limits } from '../../runtime/limits.js';
import type { LeftUids } from '../handler.js';
import type { ServerEvent } from '../wire/wire.js';

const octet = { zero: 0x30, nine: 0x39, colon: 0x3a, comma: 0x2c, space: 0x20 } as const;
const uidMax = 0xffff_ffff;
const firstRanges = 1024;
/** in which the head of an ESEARCH is looked for; tags of ours are short */
const headOctets = 512;

/** Takes the events of one `UID SEARCH ALL`. */
export class UidAnswer {
  #firsts = new Uint32Array(firstRanges);
  #lasts = new Uint32Array(firstRanges);
  #ranges = 0;
  #count = 0;
  #answered = false;
  #wrong = false;

  take(event: ServerEvent): void {
    if (event.kind !== 'data' || this.#wrong) return;
    const { raw } = event;
    // A server may answer in the new form without being asked for it, as the client enabled IMAP4rev2.
    if (event.name === 'SEARCH') this.#read(raw, '* SEARCH'.length, octet.space);
    else if (event.name === 'ESEARCH') this.#extended(raw);
  }

  /** Undefined when there was no answer, or none that can be trusted. */
  get uids(): LeftUids | undefined {
    if (!this.#answered || this.#wrong) return undefined;
    const [firsts, lasts, ranges] = [this.#firsts, this.#lasts, this.#ranges];
    return { count: this.#count, has: (uid) => isIn(firsts, lasts, ranges, uid) };
  }

  #extended(raw: Buffer): void {
    const head = /^\* ESEARCH(?: \(TAG (?:"[^"\\]*"|[^\s()"\\]+)\))? UID(?: ALL(?= )|(?=\r\n$))/i.exec(
      raw.toString('latin1', 0, headOctets),
    );
    // News of an older search (RFC 5267), of which a client may have several, is no answer to this one.
    if (head !== null) this.#read(raw, head[0].length, octet.comma);
  }

  /** Numbers from a blank to the end of the line; after the first, each has this octet before it. */
  #read(raw: Buffer, from: number, separator: number): void {
    this.#answered = true;
    const end = raw.length - 2;
    let at = from;
    for (let first = true; at < end && !this.#wrong; first = false) {
      if (raw[at] !== (first ? octet.space : separator)) break;
      // Some servers end the line with a blank.
      if (at + 1 === end && separator === octet.space) return;
      at = this.#range(raw, at + 1, end);
    }
    if (at !== end) this.#wrong = true;
  }

  /** @returns where it ends */
  #range(raw: Buffer, from: number, end: number): number {
    let at = numberEnd(raw, from, end);
    const first = numberAt(raw, from, at);
    let last = first;
    if (raw[at] === octet.colon) {
      const lastFrom = at + 1;
      at = numberEnd(raw, lastFrom, end);
      last = numberAt(raw, lastFrom, at);
    }
    this.#add(first, last);
    return at;
  }

  /** Servers tell UIDs in their order; what is told in another is looked at as little as what is no number. */
  #add(first: number, last: number): void {
    const before = this.#ranges === 0 ? 0 : (this.#lasts[this.#ranges - 1] ?? 0);
    if (!(first > before && last >= first && last <= uidMax)) {
      this.#wrong = true;
      return;
    }
    this.#count += last - first + 1;
    if (first === before + 1 && this.#ranges > 0) {
      this.#lasts[this.#ranges - 1] = last;
      return;
    }
    if (this.#ranges >= limits.census.messagesMax) {
      this.#wrong = true;
      return;
    }
    if (this.#ranges === this.#firsts.length) {
      this.#firsts = doubled(this.#firsts);
      this.#lasts = doubled(this.#lasts);
    }
    this.#firsts[this.#ranges] = first;
    this.#lasts[this.#ranges] = last;
    this.#ranges += 1;
  }
}

function doubled(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(numbers.length * 2);
  more.set(numbers);
  return more;
}

function numberEnd(raw: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(raw[at] ?? 0)) at += 1;
  return at;
}

/** NaN for what is no number. */
function numberAt(raw: Buffer, from: number, end: number): number {
  if (end === from || end - from > 10) return Number.NaN;
  let number = 0;
  for (let at = from; at < end; at += 1) number = number * 10 + (raw[at] ?? 0) - octet.zero;
  return number;
}

const isDigit = (byte: number): boolean => byte >= octet.zero && byte <= octet.nine;

function isIn(firsts: Uint32Array, lasts: Uint32Array, ranges: number, uid: number): boolean {
  let low = 0;
  let high = ranges;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((firsts[middle] ?? 0) <= uid) low = middle + 1;
    else high = middle;
  }
  return low > 0 && (lasts[low - 1] ?? 0) >= uid;
}
