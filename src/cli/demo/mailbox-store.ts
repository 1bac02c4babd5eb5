/** Mailboxes in memory: messages with UIDs, flags and dates, and word to whoever looks at them when they change. */
import { parseStored, type StoredMessage } from '../../imap/message/stored-message.js';

export class Mail {
  readonly uid: number;
  readonly bytes: Buffer;
  readonly date: Date;
  /** as written: `\Seen`, `$Forwarded` */
  readonly flags: ReadonlySet<string>;
  #message: StoredMessage | undefined;

  constructor(uid: number, bytes: Buffer, flags: Iterable<string>, date: Date) {
    this.uid = uid;
    this.bytes = bytes;
    this.flags = new Set(flags);
    this.date = date;
  }

  /** Parsed when it is first asked for. */
  get message(): StoredMessage {
    this.#message ??= parseStored(this.bytes);
    return this.#message;
  }

  withFlags(flags: Iterable<string>): Mail {
    const changed = new Mail(this.uid, this.bytes, flags, this.date);
    changed.#message = this.#message;
    return changed;
  }
}

export class MemoryMailbox {
  readonly name: string;
  readonly uidValidity: number;
  uidNext = 1;
  /** by UID, ascending */
  readonly #mails = new Map<number, Mail>();
  readonly #watchers = new Set<() => void>();

  constructor(name: string, uidValidity: number) {
    this.name = name;
    this.uidValidity = uidValidity;
  }

  get mails(): readonly Mail[] {
    return [...this.#mails.values()];
  }

  get(uid: number): Mail | undefined {
    return this.#mails.get(uid);
  }

  append(bytes: Buffer, flags: Iterable<string>, date: Date): Mail {
    const mail = new Mail(this.uidNext, bytes, flags, date);
    this.uidNext += 1;
    this.#mails.set(mail.uid, mail);
    this.#changed();
    return mail;
  }

  /** Undefined when it is not there any more. */
  setFlags(uid: number, flags: Iterable<string>): Mail | undefined {
    const mail = this.#mails.get(uid)?.withFlags(flags);
    if (mail === undefined) return undefined;
    this.#mails.set(uid, mail);
    this.#changed();
    return mail;
  }

  /** Removes what is marked as deleted, among these UIDs where some are given. */
  expunge(uids?: ReadonlySet<number>): void {
    for (const mail of this.mails) {
      if (mail.flags.has('\\Deleted') && uids?.has(mail.uid) !== false) this.#mails.delete(mail.uid);
    }
    this.#changed();
  }

  /** @returns ends it */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** The mailboxes of one user; INBOX is always there. */
export class MailAccount {
  readonly #mailboxes = new Map<string, MemoryMailbox>();
  #uidValidity = 0;

  constructor() {
    this.create('INBOX');
  }

  get names(): readonly string[] {
    return [...this.#mailboxes.keys()];
  }

  get inbox(): MemoryMailbox {
    return this.get('INBOX') ?? this.create('INBOX');
  }

  get(name: string): MemoryMailbox | undefined {
    return this.#mailboxes.get(name);
  }

  /** A mailbox that was deleted and made again has another UIDVALIDITY (RFC 9051 §2.3.1.1). */
  create(name: string): MemoryMailbox {
    this.#uidValidity += 1;
    const mailbox = new MemoryMailbox(name, this.#uidValidity);
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }

  delete(name: string): boolean {
    return name !== 'INBOX' && this.#mailboxes.delete(name);
  }
}
