/**
 * What one recipient may know of a held message: what his notice said, and what has become of it. It is made in the
 * store, so that whoever answers strangers never holds the other recipients' addresses.
 */
import type { NoticeFacts } from '../notice/settings.js';
import type { Item, ItemState } from './item.js';
import { mailboxReaders, type Token } from './token-table.js';

export interface PersonalView {
  /** the item's identifier */
  readonly item: string;
  readonly state: ItemState;
  /** of nobody in particular when the link is for all readers of a mailbox; undefined once the message was released, deleted or expired: its link then only says which */
  readonly mail: NoticeFacts | undefined;
  /** ms since 1970, when the original is deleted */
  readonly keptUntil: number;
  /** ms since 1970, when the link ends */
  readonly linkUntil: number;
  readonly mayRequest: boolean;
  /** ms since 1970, when this recipient asked; undefined when nobody or somebody else did */
  readonly requestedAt: number | undefined;
}

/** The message as told to one of its recipients, in his notice and on his page. */
export function noticeFacts(item: Item, recipient: string, link: string | undefined): NoticeFacts {
  return {
    id: item.id,
    recipient,
    mailFrom: item.envelope.mailFrom,
    from: item.from,
    subject: item.subject,
    receivedAt: item.created,
    threat: item.verdict.threat,
    threatLevel: item.verdict.threatLevel,
    findings: item.facts.findings,
    omitted: item.facts.omitted,
    link,
  };
}

/** Undefined when the token grants nothing: it is too old, or was revoked while its message is still held. */
export function personalView(token: Token, item: Item, now: number): PersonalView | undefined {
  const over = item.state === 'released' || item.state === 'deleted' || item.state === 'expired';
  if (token.expires <= now || (token.revoked && !over)) return undefined;
  const recipient = token.recipient === mailboxReaders ? '' : token.recipient;
  return {
    item: item.id,
    state: item.state,
    mail: over ? undefined : noticeFacts(item, recipient, undefined),
    keptUntil: item.expires,
    linkUntil: token.expires,
    mayRequest: item.state === 'held' && token.action === 'request',
    requestedAt: token.used,
  };
}
