/**
 * What an IMAP session asks of whoever judges messages. The session knows the protocol and no policy; the handler
 * knows policy and never sees a socket.
 */
import type { Spool } from '../runtime/spool.js';

export interface ImapPeer {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  /** name that the client asked for in its TLS handshake */
  readonly servername: string | undefined;
}

export interface ImapHandler {
  /** Whether messages of this connection are judged now; asked again as it goes on, since the policy may change. */
  inspects(peer: ImapPeer): boolean;
  /** Somebody has logged in. @param judged what `inspects` said */
  loggedIn(judged: boolean): void;
  /**
   * @param user authorisation identity; undefined when the mechanism did not tell it, and then nothing is remembered
   * beyond this connection but the notices themselves
   */
  account(peer: ImapPeer, user: string | undefined): Account;
}

export interface MailboxIdentity {
  /** as the server writes it, octets as latin1; `INBOX` in any case is `INBOX` */
  readonly name: string;
  /** RFC 8474 */
  readonly mailboxId: string | undefined;
  readonly uidValidity: number;
  readonly uidNext: number | undefined;
  /** EXAMINE, or SELECT answered with READ-ONLY */
  readonly readOnly: boolean;
  /** UTF8=ACCEPT is enabled (RFC 6855), which changes what some servers send */
  readonly utf8: boolean;
}

/** One user of one upstream, for as long as his connection lasts. */
export interface Account {
  /**
   * The mailbox as it is known, in memory. Called before the client sees that it is selected; sessions of the same
   * user and mailbox share what they learn.
   *
   * @param messages how many there are now, if the server has said so
   */
  open(mailbox: MailboxIdentity, messages?: number): Promise<Mailbox>;
  /** DELETE of this mailbox was answered OK. */
  forget(name: string): Promise<void>;
  /**
   * RENAME was answered OK. What is below a mailbox goes with it, whatever the delimiter is; of INBOX only the messages
   * go, under new UIDs (RFC 9051 §6.3.6).
   */
  renamed(from: string, to: string): Promise<void>;
  /** COPY or MOVE was answered with COPYUID (RFC 4315 §3): [source UID, destination UID]. */
  copied(
    from: Mailbox,
    to: Pick<MailboxIdentity, 'name' | 'uidValidity'>,
    pairs: readonly (readonly [number, number])[],
  ): Promise<void>;
  /** Copies in this mailbox of which the user was shown a notice and whose original has been released since. */
  releases(name: string): Promise<readonly ReleasedCopy[]>;
  /** Whether it is to be asked, before this mailbox is opened, which of its messages are left. */
  census(name: string): Census | undefined;
  close(): void;
}

/** How a message stands; a number, because it is asked for every response. */
export const standings = {
  /** nothing may pass but flags, UID, dates of the server, MODSEQ */
  unjudged: 0,
  /** its size, structure, envelope and header may pass; its content is judged when it is asked for */
  metadata: 1,
  /** everything passes */
  original: 2,
  /** everything is answered from the notice */
  notice: 3,
  /** the notice, but the client may hold pieces of the original: partial fetches with an offset are refused */
  lateNotice: 4,
} as const;
export type Standing = (typeof standings)[keyof typeof standings];

/** The stored notice of one message. The same bytes for every user, for ever. */
export interface StoredNotice {
  /** of the quarantined item */
  readonly item: string;
  /** RFC 5322 message, CRLF line ends, 7-bit */
  readonly bytes: Buffer;
}

export interface Mailbox {
  readonly identity: MailboxIdentity;
  /** From memory. A message whose verdict a changed list or threshold put in question stands as unjudged. */
  standing(uid: number): Standing;
  /** Size of the original when it was judged, octets. A BODY[] literal of another size is judged anew. */
  bytes(uid: number): number;
  /** the notice of a message that stands as `notice` or `lateNotice` */
  notice(uid: number): StoredNotice | Promise<StoredNotice>;
  /** Judges again, from what is remembered, what needs no content. Never rejects; what stays unjudged needs `receive`. */
  settle(uids: readonly number[]): Promise<void>;
  /**
   * Takes a whole message in. Never throws.
   *
   * @param expectedBytes as the server has announced them; it may send others
   */
  receive(expectedBytes?: number): Intake;
  /** Commits that the metadata of these originals is being shown (setting `before-content`, or no attachments). */
  showMetadata(uids: readonly number[]): Promise<void>;
  /** whether metadata waits for the judgement: `imap.judge: before-metadata` */
  readonly metadataWaits: boolean;
}

/** What is known of a message besides its octets. */
export interface MessageFacts {
  readonly uid: number;
  /** as the server wrote it, without quotes */
  readonly internalDate?: string;
  /** RFC 8474 */
  readonly emailId?: string;
}

export type Ruling =
  | { readonly kind: 'original' }
  | { readonly kind: 'notice'; readonly notice: StoredNotice; readonly late: boolean }
  /** nothing is remembered; `text` goes into `NO [UNAVAILABLE]` */
  | { readonly kind: 'defer'; readonly text: string };

/** One message on its way to a client. */
export interface Intake {
  /** the octets taken so far; valid until `close` */
  readonly spool: Spool;
  /** Octets in order. The chunk is valid only during the call. */
  write(chunk: Buffer): void;
  /** Whether the source should wait: the spool's file is behind. `onDrain` is called when it may go on. */
  readonly full: boolean;
  onDrain: (() => void) | undefined;
  /**
   * Called once, when all octets are there. What is shown is committed when this resolves. Never rejects: a failure
   * is a ruling too.
   */
  judge(facts: MessageFacts): Ruling | Promise<Ruling>;
  /** It is judged, and only its record is waited for: `close` before the ruling changes nothing any more. */
  readonly recorded: boolean;
  /** Ends the use of the spool, judged or not. Allowed twice. */
  close(): void;
}

/** UIDs of the messages that a mailbox has. */
export interface LeftUids {
  /** of different UIDs */
  readonly count: number;
  has(uid: number): boolean;
}

/** More is remembered of a mailbox than it has messages. Whoever was given this asks the server which are left. */
export interface Census {
  readonly uidValidity: number;
  readonly mailboxId: string | undefined;
  /**
   * What was shown of messages that are gone is forgotten, in the background; a notice never is.
   *
   * @param below UIDNEXT from before `left` was asked for: what is not below it may be missing there, being younger
   */
  forgetOthers(left: LeftUids, below: number): void;
  /** Must be called at the end, whatever became of it. */
  close(): void;
}

/**
 * A released original that still has its old UID, whose notice a client may hold. The steps of giving it a new UID;
 * each is committed before the next command goes to the server.
 */
export interface ReleasedCopy {
  readonly uidValidity: number;
  readonly uid: number;
  /** size and lower-case hex SHA-256 of the original in this mailbox */
  readonly bytes: number;
  readonly sha256: string;
  /** what was committed last; a cut connection resumes behind it */
  readonly step: SwapStep;
  /** UIDNEXT of the mailbox before the copy, once it is known */
  readonly uidNextBefore: number | undefined;
  readonly copyUid: number | undefined;
  advance(step: SwapStep, facts?: { readonly uidNextBefore?: number; readonly copyUid?: number }): Promise<void>;
}
/** waiting → copying (COPY may have run) → copied (copy found and verified) → removing (may be deleted) → done */
export type SwapStep = 'waiting' | 'copying' | 'copied' | 'removing' | 'done' | 'given-up';
