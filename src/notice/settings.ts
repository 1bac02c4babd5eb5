/** What an administrator configures about notices, and the facts one notice is made of. Plain values only. */
import type { Finding } from './findings.js';

export interface NoticeSettings {
  /** mailbox in the From field, with or without a display name */
  readonly from: string;
  readonly subject: string;
  /** paragraphs are separated by blank lines */
  readonly message: string;
  /** text of the link into the portal */
  readonly linkText: string;
  /** nothing is shown when it is blank */
  readonly learnMoreUrl: string;
  /** where recipients ask by mail; nothing is shown when undefined */
  readonly releaseRequestAddress?: string | undefined;
  /** days that the link works */
  readonly validDays: number;
}

export interface NoticeFacts {
  /** the quarantined item */
  readonly id: string;
  /** the one recipient whom this notice tells, no other is ever named; empty when all readers of a mailbox share it */
  readonly recipient: string;
  /** envelope sender; empty for the null reverse-path */
  readonly mailFrom: string;
  /** the From field, decoded */
  readonly from: string | undefined;
  readonly subject: string | undefined;
  /** ms since 1970; also the Date of the notice */
  readonly receivedAt: number;
  readonly threat: string;
  /** -1 unknown, 0..10 */
  readonly threatLevel: number;
  readonly findings: readonly Finding[];
  /** findings beyond those given */
  readonly omitted: number;
  /** personal link into the portal; undefined when there is no portal */
  readonly link: string | undefined;
}

/** A notice in its three forms; `eml` is exactly what is sent. */
export interface Notice {
  readonly eml: Buffer;
  readonly html: string;
  readonly text: string;
  readonly messageId: string;
}

/** What an administrator can tick. */
export const administratorEvents = ['blocked', 'released', 'release-requested'] as const;
export type AdministratorEvent = (typeof administratorEvents)[number];

/** What he is told; that a recipient deleted a message, whoever ticked `released` learns. */
export type EventName = AdministratorEvent | 'deleted';

export interface Administrator {
  readonly address: string;
  readonly notify: readonly AdministratorEvent[];
}
