/**
 * A selected mailbox as one client knows it: sequence numbers that hold until the client is told of a change, and the
 * words in which it is told (RFC 9051 §7.4, §7.5).
 */
import { parseSet, setContains } from '../../imap/wire/sequence-set.js';
import type { Mail, MemoryMailbox } from './mailbox-store.js';

export interface Numbered {
  readonly sequence: number;
  readonly mail: Mail;
}

export function flagList(mail: Mail): string {
  return `FLAGS (${[...mail.flags].join(' ')})`;
}

export class MailboxView {
  readonly mailbox: MemoryMailbox;
  readonly readOnly: boolean;
  /** as last told to the client; the place is the sequence number less one */
  #known: Mail[];
  /** UIDs from here on are new to the client */
  #nextUid: number;

  constructor(mailbox: MemoryMailbox, readOnly: boolean) {
    this.mailbox = mailbox;
    this.readOnly = readOnly;
    this.#known = [...mailbox.mails];
    this.#nextUid = mailbox.uidNext;
  }

  get count(): number {
    return this.#known.length;
  }

  /** The messages of a set that are still there; undefined for what is no set, or names numbers that are none. */
  choose(set: string, uid: boolean): Numbered[] | undefined {
    const ranges = parseSet(set);
    if (ranges === undefined) return undefined;
    const { length } = this.#known;
    const wrong = ({ first, last }: { first: number; last: number }) =>
      [first, last].some((bound) => Number.isFinite(bound) && bound > length);
    if (!uid && (length === 0 || ranges.some(wrong))) return undefined;
    const largest = uid ? (this.#known.at(-1)?.uid ?? 0) : length;
    return this.all().filter(({ sequence, mail }) => setContains(ranges, uid ? mail.uid : sequence, largest));
  }

  /** Those that are still there, with what is known of them now. */
  all(): Numbered[] {
    return this.#known.flatMap((known, index) => {
      const mail = this.mailbox.get(known.uid);
      return mail === undefined ? [] : [{ sequence: index + 1, mail }];
    });
  }

  /** The client knows these flags, so they are no news. */
  told(mail: Mail): void {
    const index = this.#known.findIndex(({ uid }) => uid === mail.uid);
    if (index >= 0) this.#known[index] = mail;
  }

  /**
   * What has changed since the client was told last, as untagged responses.
   * @param expunge whether messages may lose their numbers now: not while a client counts on them (RFC 9051 §7.5.1)
   */
  news(expunge: boolean): string[] {
    const lines: string[] = [];
    if (expunge) {
      for (let index = this.#known.length - 1; index >= 0; index -= 1) {
        if (this.mailbox.get(this.#known[index]?.uid ?? 0) !== undefined) continue;
        this.#known.splice(index, 1);
        lines.push(`* ${index + 1} EXPUNGE\r\n`);
      }
    }
    for (const { sequence, mail } of this.all()) {
      const known = this.#known[sequence - 1];
      if (known === undefined || known === mail) continue;
      this.#known[sequence - 1] = mail;
      if (flagList(known) !== flagList(mail)) lines.push(`* ${sequence} FETCH (UID ${mail.uid} ${flagList(mail)})\r\n`);
    }
    const added = this.mailbox.mails.filter(({ uid }) => uid >= this.#nextUid);
    if (added.length > 0) {
      this.#known.push(...added);
      lines.push(`* ${this.#known.length} EXISTS\r\n`);
    }
    this.#nextUid = this.mailbox.uidNext;
    return lines;
  }
}
