/**
 * One attempt to give a quarantined original back: open, verify, send to whoever has not got it, record what the next
 * hop said. The outbox runs it when a release falls due, the command line at once; the lease keeps them apart.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { OpenedMessage } from './blobs.js';
import type { Deliver, DeliveryRequest, RecipientReply, Route, RouteTable } from './deliver.js';
import { subscribersOf } from './holding.js';
import type { DeliveryRecord, Item } from './item.js';
import { underLease } from './lease.js';
import type { OutboxMail, ReleaseForm } from './outbox-table.js';
import { reentryFieldName, signReentry } from './reentry.js';
import type { SettledState } from './release-store.js';
import type { Clock, QuarantineLog } from './settings.js';
import type { Vault } from './vault.js';

export interface ReleaseTools {
  readonly vault: Vault;
  readonly routes: RouteTable;
  readonly deliver: Deliver;
  /** signs the re-entry field */
  readonly releaseKey: Uint8Array;
  readonly clock: Clock;
  readonly log: QuarantineLog;
}

interface Pending {
  readonly position: number;
  readonly address: string;
  readonly parameters: readonly string[];
}

/**
 * RFC 3461 §4.1: NOTIFY becomes NEVER, because the sender of a mail that was held as malicious is told nothing of its
 * later fate. ORCPT stays, it names the address that he wrote. A next hop without DSN never sees either.
 */
function recipientParameters(parameters: readonly string[]): string[] {
  return [...parameters.filter((parameter) => !/^NOTIFY=/i.test(parameter)), 'NOTIFY=NEVER'];
}

/**
 * The original's MAIL parameters without those that described its first journey: SIZE is declared anew for what is
 * sent now (RFC 1870), AUTH named a login that is not ours to assert (RFC 4954 §5). A parcel is 7-bit text, whatever BODY said.
 */
function mailParameters(parameters: readonly string[], bytes: number, form: ReleaseForm): string[] {
  const hadSize = parameters.some((parameter) => /^SIZE=/i.test(parameter));
  const dropped = form === 'original' ? /^(SIZE|AUTH)=/i : /^(SIZE|AUTH|BODY)=/i;
  const kept = parameters.filter((parameter) => !dropped.test(parameter));
  return hadSize ? [`SIZE=${bytes}`, ...kept] : kept;
}

function pendingOf(item: Item, records: readonly DeliveryRecord[]): Pending[] {
  return item.envelope.recipients
    .map((recipient, position) => ({ ...recipient, position }))
    .filter(({ position }) => records[position]?.status === 'pending');
}

/** What is sent: the original, or what stands in for it. */
interface Content {
  readonly source: OpenedMessage['source'];
  readonly bytes: number;
  readonly sha256: string;
  readonly form: ReleaseForm;
}

function requestOf(
  item: Item,
  pending: readonly Pending[],
  route: Route,
  content: Content,
  tools: ReleaseTools,
): DeliveryRequest {
  const pieces: DeliveryRequest['pieces'][number][] = [];
  let { bytes } = content;
  if (route.reentry) {
    const facts = {
      id: item.id,
      bytes: content.bytes,
      sha256: content.sha256,
      recipients: pending.map(({ address }) => address),
      expires: tools.clock() + limits.quarantine.reentryMs,
    };
    const field = Buffer.from(`${reentryFieldName}: ${signReentry(tools.releaseKey, facts)}\r\n`, 'latin1');
    pieces.push(field);
    bytes += field.length;
  }
  pieces.push({ start: 0, end: content.bytes });
  return {
    route,
    mailFrom: item.envelope.mailFrom,
    mailParameters: mailParameters(item.envelope.mailParameters, bytes, content.form),
    recipients: pending.map(({ address, parameters }) => ({ address, parameters: recipientParameters(parameters) })),
    pieces,
    source: content.source,
  };
}

/** A next hop that said nothing about a recipient has not accepted the mail for him. */
function answersOf(
  pending: readonly Pending[],
  replies: readonly RecipientReply[],
): { position: number; reply: RecipientReply }[] {
  return pending.map(({ position, address }, index) => {
    const reply = replies[index];
    if (reply !== undefined && reply.address === address) return { position, reply };
    const missing = { address, stage: 'connect', code: undefined, reply: 'no answer for this recipient' } as const;
    return { position, reply: { ...missing, delivered: false, permanent: false } };
  });
}

/** Opens what is to be sent. A parcel is on record before it leaves, so that whoever meets it knows what it is. */
async function contentOf(item: Item, form: ReleaseForm, tools: ReleaseTools): Promise<Content & { close(): void }> {
  const { vault } = tools;
  const opened = await vault.blobs.open(item);
  if (form === 'original') return { ...opened, bytes: item.bytes, sha256: item.sha256, form };
  try {
    const parcel = await vault.parcels.make(item, opened.source, tools.releaseKey, vault.policy.notice.from);
    try {
      await vault.store.call('recordParcel', item.id, parcel.bytes, parcel.sha256);
      return { ...parcel, form };
    } catch (error) {
      parcel.close();
      throw error;
    }
  } finally {
    opened.close();
  }
}

async function attempt(
  item: Item,
  form: ReleaseForm,
  pending: readonly Pending[],
  route: Route,
  tools: ReleaseTools,
  signal: AbortSignal,
): Promise<readonly RecipientReply[]> {
  const content = await contentOf(item, form, tools);
  try {
    return await tools.deliver(requestOf(item, pending, route, content, tools), signal);
  } catch (error) {
    const reply = messageOf(error);
    return pending.map(({ address }) => ({
      address,
      stage: 'connect',
      code: undefined,
      reply,
      delivered: false,
      permanent: false,
    }));
  } finally {
    content.close();
  }
}

/**
 * Works on a release whose lease is held. A crash between the next hop's 250 and our record sends again: at least
 * once, never nothing.
 */
export async function runRelease(mail: OutboxMail, tools: ReleaseTools, signal: AbortSignal): Promise<SettledState> {
  const { vault, clock, log } = tools;
  const detail = await vault.store.call('get', mail.item ?? '');
  if (detail === undefined) throw new GateError('not-found', `release ${mail.id} names no item`, { temporary: false });
  const { item, deliveries } = detail;
  const pending = pendingOf(item, deliveries);
  const route = tools.routes('release', item.listener);
  if (route === undefined) {
    const reply = `no upstream is configured for listener ${item.listener}`;
    return vault.store.call('settleMail', mail.id, { kind: 'temporary', reply }, clock());
  }
  let replies: readonly RecipientReply[];
  try {
    replies = pending.length === 0 ? [] : await attempt(item, mail.releaseAs, pending, route, tools, signal);
  } catch (error) {
    // The original could not be opened or failed its digest: nothing has left us.
    const kind = error instanceof GateError && !error.temporary ? 'permanent' : 'temporary';
    log('error', 'a quarantined original could not be opened for release', { item: item.id, reason: messageOf(error) });
    return vault.store.call('settleMail', mail.id, { kind, reply: messageOf(error) }, clock());
  }
  const subscribers = subscribersOf(vault.policy);
  const state = await vault.store.call('settleRelease', mail.id, answersOf(pending, replies), subscribers, clock());
  const level = state === 'sent' ? 'info' : state === 'queued' ? 'warn' : 'error';
  log(level, 'release attempted', {
    item: item.id,
    outcome: state,
    replies: replies.map(({ code, reply }) => ({ code, reply })),
  });
  return state;
}

/** What came of a release that somebody waits for. */
export interface ReleaseReport {
  readonly outcome: 'released' | 'queued' | 'failed';
  readonly deliveries: readonly DeliveryRecord[];
  /** the last answer, when not everybody has the mail */
  readonly reason: string | undefined;
}

/** Waits until a release that another process works on has been answered. */
async function watch(mail: number, attempts: number, vault: Vault, signal: AbortSignal): Promise<void> {
  for (;;) {
    const now = await vault.store.call('mail', mail);
    if (now === undefined || now.state !== 'queued' || now.attempts > attempts) return;
    await sleep(limits.quarantine.watchIntervalMs, undefined, { signal });
  }
}

/**
 * Queues a release and works on it at once, or watches the daemon that was faster. Rejects when `signal` ends the wait;
 * the release stays queued then.
 * @param owner the caller's name for leases
 */
export async function releaseNow(
  id: string,
  by: string,
  owner: string,
  tools: ReleaseTools,
  signal: AbortSignal,
  options: { readonly as?: ReleaseForm | undefined } = {},
): Promise<ReleaseReport> {
  const { vault, clock, log } = tools;
  const ticket = await vault.release(id, by, owner, options);
  if (ticket.kind === 'released') {
    return { outcome: 'released', deliveries: (await vault.detail(id)).deliveries, reason: undefined };
  }
  const mail = ticket.claimed;
  if (mail === undefined) await watch(ticket.mail, ticket.attempts, vault, signal);
  else await underLease(mail.id, owner, { store: vault.store, clock, log }, () => runRelease(mail, tools, signal));
  const settled = await vault.store.call('mail', ticket.mail);
  const outcome = settled?.state === 'sent' ? 'released' : settled?.state === 'queued' ? 'queued' : 'failed';
  const reason = outcome === 'released' ? undefined : settled?.lastReply;
  return { outcome, deliveries: (await vault.detail(id)).deliveries, reason };
}
