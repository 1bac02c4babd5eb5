/** What the judge of mailboxes is given besides what all mail is judged with, and what it knows of a listener. */
import type { StoreAccess } from '../quarantine/store-access.js';
import type { MailboxQuarantine } from '../quarantine/withhold.js';
import type { SpoolPool } from '../runtime/spool.js';
import type { ImapMailboxes } from './imap-mailboxes.js';
import type { ImapTally } from './imap-record.js';
import type { PipelineServices } from './services.js';

export interface ImapServices extends PipelineServices {
  readonly spools: SpoolPool;
  readonly store: StoreAccess;
  readonly withholding: MailboxQuarantine;
  /** of all listeners, so that two that lead to one server agree */
  readonly mailboxes: ImapMailboxes;
  readonly tally: ImapTally;
}

export interface ImapListenerFacts {
  readonly name: string;
  /** the real server as the configuration names it */
  readonly upstream: { readonly host: string; readonly port: number; readonly servername?: string | undefined };
  /** a larger message meets the fallback `oversize` */
  readonly messageBytesMax: number;
}

/** Whose message in which mailbox it is. */
export interface Reader {
  readonly listener: ImapListenerFacts;
  /** `host:port` */
  readonly upstream: string;
  /** authorisation identity; undefined when it is not known */
  readonly user: string | undefined;
  readonly clientAddress: string;
  readonly clientPort: number;
}
