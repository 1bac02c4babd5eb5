/**
 * Asks a server which messages of a mailbox are left, of which more is remembered than it can have. Runs inside the
 * client's SELECT, before that is sent: opens the mailbox itself, with EXAMINE, and asks once. Whatever is unclear in the
 * answer, nothing is forgotten and the client's SELECT goes on.
 */
import { limits } from '../../runtime/limits.js';
import type { Logger } from '../../runtime/log.js';
import type { BeforeSelect, BeforeSelectPort } from '../before-select.js';
import type { Census, LeftUids } from '../handler.js';
import type { OutgoingCommand, ResponseCode } from '../wire/wire.js';
import { UidAnswer } from './uid-answer.js';

/** What a session runs before it sends its client's SELECT or EXAMINE. Rejects when the session is over. */
export function censusBeforeSelect(log: Pick<Logger, 'info'>): BeforeSelect {
  return async (port, name, argument) => {
    const census = port.account.census(name);
    if (census === undefined) return;
    try {
      const reason = await ask(port, argument, census);
      if (reason !== undefined) log.info({ reason }, 'which messages of a mailbox are left is not known');
    } finally {
      census.close();
    }
  };
}

/** Why nothing was forgotten; undefined when all went well. */
async function ask(port: BeforeSelectPort, argument: OutgoingCommand, census: Census): Promise<string | undefined> {
  const opened = await examine(port, argument);
  if (opened === undefined) return 'the server does not open the mailbox';
  try {
    if (opened.uidValidity !== census.uidValidity || opened.mailboxId !== census.mailboxId)
      return 'the mailbox is another one';
    if (opened.uidNext === 0) return 'no UIDNEXT';
    if (opened.messages === undefined) return 'no EXISTS';
    if (opened.messages > limits.census.messagesMax) return 'too many messages';
    const left = await search(port, opened.messages);
    if (typeof left === 'string') return left;
    census.forgetOthers(left, opened.uidNext);
    return undefined;
  } finally {
    // As after the exchange of released messages: a client's SELECT that fails must not find this mailbox selected.
    if (port.offers('UNSELECT') || port.offers('IMAP4REV2')) await port.run([Buffer.from('UNSELECT')]);
  }
}

interface Opened {
  /** 0 when the server does not tell it */
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly mailboxId: string | undefined;
  readonly messages: number | undefined;
}

async function examine(port: BeforeSelectPort, argument: OutgoingCommand): Promise<Opened | undefined> {
  let opened: Opened = { uidValidity: 0, uidNext: 0, mailboxId: undefined, messages: undefined };
  const learn = (code: ResponseCode | undefined): void => {
    if (code?.name === 'UIDVALIDITY') opened = { ...opened, uidValidity: numberIn(code.text) };
    else if (code?.name === 'UIDNEXT') opened = { ...opened, uidNext: numberIn(code.text) };
    else if (code?.name === 'MAILBOXID')
      opened = { ...opened, mailboxId: /^\(([^\s()]{1,255})\)$/.exec(code.text)?.[1] };
  };
  const answer = await port.run([Buffer.from('EXAMINE '), ...argument], (event) => {
    if (event.kind === 'status' && event.status === 'OK') learn(event.code);
    else if (event.kind === 'data' && event.name === 'EXISTS') opened = { ...opened, messages: event.number };
  });
  learn(answer.code);
  return answer.status === 'OK' ? opened : undefined;
}

/**
 * The UIDs, if the server tells of no fewer messages than it has: one that bounds its answers (MESSAGELIMIT), or that leaves
 * out what it cannot read, would have everything else forgotten.
 */
async function search(port: BeforeSelectPort, messages: number): Promise<LeftUids | string> {
  const answer = new UidAnswer();
  let least = messages;
  let vanished = false;
  const response = await port.run([Buffer.from('UID SEARCH ALL')], (event) => {
    answer.take(event);
    if (event.kind !== 'data') return;
    if (event.name === 'EXPUNGE') least -= 1;
    else if (event.name === 'VANISHED') vanished = true;
  });
  if (response.status !== 'OK') return 'the server does not search';
  const { uids } = answer;
  if (uids === undefined) return 'the server does not tell the UIDs';
  return vanished || uids.count < least ? 'the server does not tell all UIDs' : uids;
}

/** 0 for what is no number. */
function numberIn(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}
