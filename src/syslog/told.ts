/**
 * What a log collector is told, as plain values: the fate of a message with its files, what became of an item of the
 * quarantine, and a delivered file that turned out bad. It knows no format and no socket.
 */

export interface ToldFile {
  /** as found in the mail; empty when it has none */
  readonly name: string;
  /** of the closed list that inspection profiles are written in */
  readonly category: string;
  /** media type by content when recognised, else as declared */
  readonly type: string;
  readonly bytes: number;
  /** lower-case hex of the decoded bytes */
  readonly sha256: string;
  /** 0..10, the worst of the file and what it contains; -1 when nothing was scored */
  readonly level: number;
  readonly threat: string;
  readonly list: 'allow' | 'block' | undefined;
  /** its score was known without its content being sent anywhere */
  readonly known: boolean;
}

/** Whose mail it is. */
interface Addressed {
  /** ms since 1970 */
  readonly at: number;
  readonly listener: string;
  /** empty for the null reverse-path */
  readonly sender: string;
  /** the first of them */
  readonly recipients: readonly string[];
  readonly subject: string | undefined;
  readonly messageId: string | undefined;
  readonly threatLevel: number;
  readonly threat: string;
}

export interface ToldMail extends Addressed {
  readonly kind: 'mail';
  /** of the message in this process's log */
  readonly id: string;
  readonly clientAddress: string;
  readonly clientPort: number;
  /** login name, where it is known */
  readonly user: string | undefined;
  readonly recipientCount: number;
  readonly bytes: number;
  readonly action: 'permit' | 'warn' | 'block' | 'defer';
  /** relayed, upstream-lost, answered; over IMAP original, notice, deferred */
  readonly outcome: string;
  /** of whoever answered last, over SMTP */
  readonly reply: string | undefined;
  readonly reasons: readonly string[];
  /** native, 0..1; undefined when nothing was scored */
  readonly score: number | undefined;
  readonly malicious: boolean;
  /** of the quarantine */
  readonly item: string | undefined;
  readonly list: 'allow' | 'block' | undefined;
  /** worst first */
  readonly files: readonly ToldFile[];
  /** files beyond those */
  readonly filesOmitted: number;
}

export interface ToldItem extends Omit<Addressed, 'messageId'> {
  readonly kind: 'item';
  /** word of the audit table: held, release-requested, request-denied, partly-released, released, deleted, expired */
  readonly event: string;
  readonly item: string;
  /** who did it, as the audit table says: `gate`, `retention`, `cli:root`, `console:NAME`, `recipient:ADDRESS` */
  readonly by: string;
}

export interface ToldTurnedBad extends Addressed {
  readonly kind: 'turned-bad';
  /** ms since 1970 */
  readonly deliveredAt: number;
  readonly id: string;
  readonly clientAddress: string;
  readonly file: ToldFile;
}

export type Told = ToldMail | ToldItem | ToldTurnedBad;

/** Whoever listens. It never throws and never waits. */
export interface Audience {
  tell(told: Told): void;
}
