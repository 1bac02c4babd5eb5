/**
 * What a client gets of what the server says on its own, or beside the answer to a command: the rule for everything
 * that no command under way has claimed.
 */

import type { ResponseItem, ServerEvent } from '../wire/wire.js';
import { announcedCapabilities, type CapabilityContext, enabledExtensions, listedNames } from './capability.js';
import { alertIsTrusted, statusLine } from './status-line.js';

export type UntaggedEvent = Exclude<ServerEvent, { readonly kind: 'tagged' | 'continuation' | 'fault' }>;

export interface UntaggedContext extends CapabilityContext {
  /** messages of this connection are judged */
  readonly inspected: boolean;
  /** What the client calls the command that has this tag of ours; undefined when it is none of its own. */
  clientTag(tag: string): string | undefined;
}

/** Before a login the server has nothing to tell of mailboxes; whoever says it in its name wants the client to believe it. */
const beforeLogin = new Set(['CAPABILITY', 'ID']);

/** Responses that carry nothing of a message. What an unknown one carries is not known. */
const afterLogin = new Set([
  ...['CAPABILITY', 'ENABLED', 'ID', 'NAMESPACE', 'LANGUAGE', 'COMPARATOR'],
  ...['LIST', 'LSUB', 'STATUS', 'FLAGS', 'EXISTS', 'RECENT', 'EXPUNGE', 'VANISHED'],
  ...['SEARCH', 'ESEARCH', 'SORT', 'THREAD'],
  ...['ACL', 'LISTRIGHTS', 'MYRIGHTS', 'QUOTA', 'QUOTAROOT', 'METADATA'],
]);

/** The octets for the client; undefined when the response is dropped. */
export function passedUntagged(event: UntaggedEvent, context: UntaggedContext): Buffer | undefined {
  switch (event.kind) {
    case 'status':
      // RFC 9051 §11.3; the same goes for a text without a code, which some clients show as well.
      if (event.code?.name === 'ALERT' && !alertIsTrusted(context)) return undefined;
      return statusLine(event, '*', context);
    case 'data':
      return passedData(event, context);
    case 'fetch':
      if (!context.authenticated) return undefined;
      return context.inspected ? withoutContent(event) : event.raw;
    case 'fetch-data':
      return context.authenticated && !context.inspected ? event.bytes : undefined;
    case 'fetch-more':
      return context.authenticated && !context.inspected ? event.raw : undefined;
  }
}

function passedData(
  event: Extract<ServerEvent, { readonly kind: 'data' }>,
  context: UntaggedContext,
): Buffer | undefined {
  if (!(context.authenticated ? afterLogin : beforeLogin).has(event.name)) return undefined;
  const names = (): string[] => listedNames(event.raw);
  if (event.name === 'CAPABILITY') return listed('CAPABILITY', announcedCapabilities(names(), context));
  if (event.name === 'ENABLED') return listed('ENABLED', enabledExtensions(names()));
  if (event.name === 'ESEARCH') return searchResult(event.raw, context);
  return event.raw;
}

function listed(name: string, values: readonly string[]): Buffer {
  return Buffer.from(`* ${[name, ...values].join(' ')}\r\n`, 'latin1');
}

/**
 * RFC 4731 §3.1: `* ESEARCH (TAG "A285") …` says by its tag which command it belongs to. Dropped when that is none of
 * the client's, who could take it for the answer to something else.
 */
function searchResult(raw: Buffer, context: UntaggedContext): Buffer | undefined {
  const head = raw.toString('latin1', 0, correlatorOctets);
  if (!/^\* ESEARCH \(/i.test(head)) return raw;
  const [whole, quote, tag] = correlatorTag.exec(head) ?? [];
  const clientTag = context.clientTag(tag ?? '');
  if (whole === undefined || quote === undefined || tag === undefined || clientTag === undefined) return undefined;
  const end = whole.length - 1 - quote.length;
  const before = head.slice(0, end - tag.length);
  return Buffer.concat([Buffer.from(before + clientTag, 'latin1'), raw.subarray(end)]);
}

/** in which the tag is looked for; another mailbox may be named before it (RFC 7377 §2.1) */
const correlatorOctets = 2048;
const correlatorTag = /^\* ESEARCH \((?:(?:[^()"]|"(?:[^"\\]|\\.)*")* )?TAG ("?)([^\s()"\\]+)\1[ )]/i;

/** The items that may come unasked (RFC 9051 §7.5.2), and the form that each of them has. */
const contentFree: Readonly<Record<string, ResponseItem['form'] | undefined>> = {
  UID: 'number',
  FLAGS: 'list',
  MODSEQ: 'list',
  INTERNALDATE: 'quoted',
  SAVEDATE: 'quoted',
};

/** A FETCH response that no FETCH command of the client has asked for: its flags, and nothing of a message. */
function withoutContent(event: Extract<ServerEvent, { readonly kind: 'fetch' }>): Buffer | undefined {
  const kept = event.items.filter((item) => contentFree[item.name] === item.form);
  if (kept.length === event.items.length && !event.open) return event.raw;
  if (!kept.some((item) => item.name !== 'UID')) return undefined;
  const items = kept.map((item) => event.raw.toString('latin1', item.start, item.end));
  return Buffer.from(`* ${event.sequence} FETCH (${items.join(' ')})\r\n`, 'latin1');
}
