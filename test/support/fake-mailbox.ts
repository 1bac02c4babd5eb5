/** A mailbox whose judge knows the verdicts beforehand, and gives them at once or later. */
import { createHash } from 'node:crypto';
import {
  type Intake,
  type Mailbox,
  type MailboxIdentity,
  type MessageFacts,
  type Ruling,
  type Standing,
  type StoredNotice,
  standings,
} from '../../src/imap/handler.js';
import { type Spool, SpoolPool } from '../../src/runtime/spool.js';
import { type JudgedMail, noticeBytes } from './judged-mails.js';

export interface MailboxHabits {
  /** ms until a ruling, a notice, a commit is there; undefined: at once, without a promise where that is allowed */
  readonly delay: () => number | undefined;
  readonly metadataWaits: boolean;
}

const notice: StoredNotice = { item: 'n1', bytes: noticeBytes };

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export class FakeMailbox implements Mailbox {
  readonly identity: MailboxIdentity = {
    name: 'INBOX',
    mailboxId: undefined,
    uidValidity: 1,
    uidNext: undefined,
    readOnly: false,
    utf8: false,
  };
  readonly standings = new Map<number, Standing>();
  readonly sizes = new Map<number, number>();
  readonly metadataWaits: boolean;
  readonly pool: SpoolPool;
  readonly #byDigest = new Map<string, JudgedMail>();
  readonly #habits: MailboxHabits;
  /** UIDs that settle without content */
  readonly remembered = new Map<number, Standing>();
  openIntakes = 0;
  intakes = 0;
  received = 0;
  readonly strange: string[] = [];

  constructor(mails: readonly JudgedMail[], habits: MailboxHabits, directory: string) {
    for (const mail of mails) this.#byDigest.set(digest(mail.bytes), mail);
    this.#habits = habits;
    this.metadataWaits = habits.metadataWaits;
    this.pool = new SpoolPool(directory);
  }

  standing(uid: number): Standing {
    return this.standings.get(uid) ?? standings.unjudged;
  }

  bytes(uid: number): number {
    return this.sizes.get(uid) ?? 0;
  }

  notice(): StoredNotice | Promise<StoredNotice> {
    const ms = this.#habits.delay();
    return ms === undefined ? notice : after(ms).then(() => notice);
  }

  async settle(uids: readonly number[]): Promise<void> {
    const ms = this.#habits.delay();
    if (ms !== undefined) await after(ms);
    for (const uid of uids) {
      const known = this.remembered.get(uid);
      const late = known === standings.notice && this.standing(uid) === standings.metadata;
      if (known !== undefined) this.standings.set(uid, late ? standings.lateNotice : known);
    }
  }

  async showMetadata(uids: readonly number[]): Promise<void> {
    await after(this.#habits.delay() ?? 0);
    for (const uid of uids) {
      if (this.standing(uid) === standings.unjudged) this.standings.set(uid, standings.metadata);
    }
  }

  receive(): Intake {
    this.openIntakes += 1;
    this.intakes += 1;
    return new FakeIntake(this, this.pool.create());
  }

  judge(content: Buffer, facts: MessageFacts): Ruling | Promise<Ruling> {
    const ms = this.#habits.delay();
    return ms === undefined ? this.#ruling(content, facts) : after(ms).then(() => this.#ruling(content, facts));
  }

  #ruling(content: Buffer, { uid }: MessageFacts): Ruling {
    this.received += 1;
    const mail = this.#byDigest.get(digest(content));
    if (mail === undefined || mail.uid !== uid) {
      this.strange.push(`UID ${uid}: ${content.length} octets`);
      return { kind: 'defer', text: 'unknown content' };
    }
    if (mail.kind === 'deferred') return { kind: 'defer', text: 'Not judged' };
    const late = this.standing(uid) === standings.metadata || this.standing(uid) === standings.lateNotice;
    if (mail.kind === 'bad' || mail.kind === 'late-bad') {
      this.standings.set(uid, late ? standings.lateNotice : standings.notice);
      return { kind: 'notice', notice, late };
    }
    this.standings.set(uid, standings.original);
    this.sizes.set(uid, content.length);
    return { kind: 'original' };
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}

class FakeIntake implements Intake {
  readonly recorded = false;
  readonly spool: Spool;
  readonly #mailbox: FakeMailbox;
  readonly #chunks: Buffer[] = [];
  #full = false;
  #open = true;
  onDrain: (() => void) | undefined;

  constructor(mailbox: FakeMailbox, spool: Spool) {
    this.#mailbox = mailbox;
    this.spool = spool;
    spool.onDrain = () => {
      this.#full = false;
      this.onDrain?.();
    };
  }

  write(chunk: Buffer): void {
    if (!this.#open) throw new Error('written after close');
    this.#chunks.push(Buffer.from(chunk));
    this.#full = !this.spool.append(chunk);
  }

  get full(): boolean {
    return this.#full;
  }

  judge(facts: MessageFacts): Ruling | Promise<Ruling> {
    return this.#mailbox.judge(Buffer.concat(this.#chunks), facts);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mailbox.openIntakes -= 1;
    this.spool.release();
  }
}
