/** What the quarantine is told from outside: places, keys, and the part of the configuration that may be reloaded. */
import type { Administrator, NoticeSettings } from '../notice/settings.js';
import type { ReleaseForm } from './outbox-table.js';
import type { RecipientMay } from './token-table.js';

/** Swapped as a whole when the configuration is reloaded; the next message uses the new one. */
export interface QuarantinePolicy {
  readonly retentionDays: number;
  /** what is known of a message is kept as long, from the day it was withheld; at least `retentionDays` */
  readonly recordDays: number;
  readonly notice: NoticeSettings;
  /** what a recipient may do with the link in his notice */
  readonly recipientMay: RecipientMay;
  /** form in which a message is released when nobody says otherwise */
  readonly releaseAs: ReleaseForm;
  readonly administrators: readonly Administrator[];
  /** base of personal links, e.g. `https://quarantine.example.org`; notices have no link when undefined */
  readonly publicUrl: string | undefined;
  /** base of the administrators' pages; their mail has no links when undefined */
  readonly consoleUrl: string | undefined;
}

/** Injected, so that tests own the clock. */
export type Clock = () => number;

export type LogLevel = 'info' | 'warn' | 'error';

/** Fields never hold content, tokens or keys; addresses are under `addresses`, so that one logger may hash them. */
export type QuarantineLog = (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>) => void;
