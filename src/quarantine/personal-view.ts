/**
 * What one recipient may know of a held message: what his notice said, and what has become of it. It is made in the
 * store, so that whoever answers strangers never holds the other recipients' addresses.
 */
import { reasonWords } from '../notice/plain-reasons.js';
import type { NoticeFacts } from '../notice/settings.js';
import type { AuditRow } from './audit.js';
import type { DeliveryRecord, Item, ItemState } from './item.js';
import type { ReleaseForm } from './outbox-table.js';
import {
  isRecipientActor,
  mailboxReaders,
  type RecipientMay,
  recipientActor,
  rightOf,
  type Token,
} from './token-table.js';

/** What ended a request or an item, as the audit table has it. */
export interface Decision {
  /** as in the audit table, e.g. `console:anna`, `recipient:bob@example.org`, `retention` */
  readonly actor: string;
  /** ms since 1970 */
  readonly at: number;
  /** of a denied request, an administrator's words */
  readonly reason: string | undefined;
}

export interface PersonalView {
  /** the item's identifier */
  readonly item: string;
  readonly state: ItemState;
  /** of nobody in particular when the link is for all readers of a mailbox; undefined once the message was released, deleted or expired: its link then only says which */
  readonly mail: NoticeFacts | undefined;
  /** why it was withheld, in whole sentences; empty when `mail` is undefined */
  readonly why: readonly string[];
  /** ms since 1970, when the original is deleted */
  readonly keptUntil: number;
  /** ms since 1970, when the link ends */
  readonly linkUntil: number;
  /** a release was ordered and the mail server has not taken it for everybody yet; nothing else is possible meanwhile */
  readonly releasing: boolean;
  /** in which form it is being released, or would be */
  readonly form: ReleaseForm;
  /** this recipient has got it, whatever became of the others; undefined when he has not, or nobody in particular looks */
  readonly received: Received | undefined;
  /** also true where `mayRelease` is, which makes asking needless */
  readonly mayRequest: boolean;
  readonly mayRelease: boolean;
  readonly mayDelete: boolean;
  /** ms since 1970, when this recipient asked; undefined when nobody or somebody else did */
  readonly requestedAt: number | undefined;
  /** who ended it, never by name; undefined while it is held or asked for */
  readonly decision: PersonalDecision | undefined;
}

/** A copy that the mail server has taken for a recipient. */
export interface Received {
  /** ms since 1970 */
  readonly at: number;
  readonly form: ReleaseForm;
}

export interface PersonalDecision {
  /** `recipient`: another one than the bearer */
  readonly by: 'you' | 'recipient' | 'administrator' | 'retention';
  /** ms since 1970 */
  readonly at: number;
  /** why a request was denied; undefined when nothing was said */
  readonly reason: string | undefined;
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

export function isOver(state: ItemState): boolean {
  return state === 'released' || state === 'deleted' || state === 'expired';
}

/** The row that brought an item into its state; undefined while nobody has decided anything. */
export function decisionOf(state: ItemState, audit: readonly AuditRow[]): Decision | undefined {
  if (state === 'held' || state === 'release-requested') return undefined;
  const row = audit.findLast(({ action }) => action === state);
  if (row === undefined) return undefined;
  // Rows are written by the store alone, as JSON objects.
  const { reason } = JSON.parse(row.detail) as { readonly reason?: string };
  return { actor: row.actor, at: row.at, reason };
}

/** The form in which a release went out whose answers came at that time. @param audit of the item, in order */
export function formAt(audit: readonly AuditRow[], at: number): ReleaseForm {
  const answered = audit.findLastIndex((row) => row.action === 'delivery' && row.at <= at);
  const order = audit.slice(0, answered + 1).findLast(({ action }) => action === 'release');
  if (order === undefined) return 'original';
  // Rows are written by the store alone, as JSON objects.
  return (JSON.parse(order.detail) as { readonly as?: ReleaseForm }).as ?? 'original';
}

/** An address may stand in the envelope more than once. */
export function receivedBy(
  recipient: string,
  deliveries: readonly DeliveryRecord[],
  audit: readonly AuditRow[],
): Received | undefined {
  const copy = deliveries.find(({ address, status }) => address === recipient && status === 'delivered');
  return copy?.at === undefined ? undefined : { at: copy.at, form: formAt(audit, copy.at) };
}

function toldTo(recipient: string, decision: Decision | undefined): PersonalDecision | undefined {
  if (decision === undefined) return undefined;
  const { actor, at, reason } = decision;
  if (actor === 'retention') return { by: 'retention', at, reason };
  if (!isRecipientActor(actor)) return { by: 'administrator', at, reason };
  return { by: actor === recipientActor(recipient) ? 'you' : 'recipient', at, reason };
}

/** What is known beside token and item. */
export interface ViewFacts {
  readonly may: RecipientMay;
  /** the item can be released in the form that is configured */
  readonly releasable: boolean;
  /** a release of the item is queued */
  readonly releasing: boolean;
  readonly decision: Decision | undefined;
  readonly form: ReleaseForm;
  readonly received: Received | undefined;
  /** ms since 1970 */
  readonly now: number;
}

/** Undefined when the token grants nothing: it is too old, or was revoked while its message is still held. */
export function personalView(token: Token, item: Item, facts: ViewFacts): PersonalView | undefined {
  const { state } = item;
  const over = isOver(state);
  if (token.expires <= facts.now || (token.revoked && !over)) return undefined;
  const right = rightOf(token, facts.may);
  const idle = !over && !facts.releasing;
  const undecided = idle && state !== 'request-denied';
  // A second recipient may ask as well, so that he is answered too.
  const unasked = state === 'held' || token.used === undefined;
  const shared = token.recipient === mailboxReaders;
  return {
    item: item.id,
    state,
    mail: over ? undefined : noticeFacts(item, shared ? '' : token.recipient, undefined),
    why: over ? [] : reasonWords(item.verdict),
    keptUntil: item.expires,
    linkUntil: token.expires,
    releasing: facts.releasing,
    form: facts.form,
    received: facts.received,
    // Who has it already has nothing to ask for.
    mayRequest: undecided && right !== 'view' && unasked && facts.received === undefined,
    // What an administrator refused, no recipient undoes; to be rid of it stays his right.
    mayRelease: undecided && right === 'release' && facts.releasable,
    mayDelete: idle && right === 'release',
    requestedAt: token.used,
    decision: toldTo(token.recipient, facts.decision),
  };
}
