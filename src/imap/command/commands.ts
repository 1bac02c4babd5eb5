/**
 * The command table: for each command where it is allowed, whether others may be under way beside it, and what happens
 * to it. What is not here, or is here as refused, does not reach the server.
 */

import type { TaggedResponse } from '../exchange.js';
import { type Begin, type CollectedCommand, isBare } from '../session/collected-command.js';
import { refusals, startTlsNow } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { authenticate, login } from './auth.js';
import { fetch } from './fetch-command.js';
import { idle } from './idle.js';
import { changeMailboxes, copy, enable } from './mailbox-commands.js';
import { cancelUpdate } from './search-contexts.js';
import { select } from './select.js';

export interface CommandRule {
  /** where the connection must stand (RFC 9051 §3) */
  readonly state: 'any' | 'before-login' | 'after-login' | 'selected';
  /** runs when all before it are answered, and nothing else beside it; `judged`: if messages are */
  readonly alone: 'never' | 'always' | 'judged';
  readonly how: PassRule | CollectRule | RefuseRule;
}

/** Goes to the server as it comes, its literals too. */
export interface PassRule {
  readonly kind: 'pass';
  /** what is wrong with a line of it, as an answer */
  check?(line: Buffer): string | undefined;
  /** its answer has been passed */
  answered?(session: ImapSession, response: TaggedResponse): void;
}

/** Is read as a whole first. */
interface CollectRule {
  readonly kind: 'collect';
  readonly begin: Begin;
}

interface RefuseRule {
  readonly kind: 'refuse';
  /** for the client */
  readonly why: string;
}

type State = CommandRule['state'];

const passed = (state: State): CommandRule => ({ state, alone: 'never', how: { kind: 'pass' } });
const passedAlone = (state: State, answered?: PassRule['answered']): CommandRule => ({
  state,
  alone: 'always',
  how: answered === undefined ? { kind: 'pass' } : { kind: 'pass', answered },
});
const readAlone = (state: State, begin: Begin): CommandRule => ({
  state,
  alone: 'always',
  how: { kind: 'collect', begin },
});
const judged = (begin: Begin): CommandRule => ({ state: 'selected', alone: 'judged', how: { kind: 'collect', begin } });
const refused = (why: string): CommandRule => ({ state: 'any', alone: 'never', how: { kind: 'refuse', why } });

const table: Readonly<Record<string, CommandRule | undefined>> = {
  // RFC 9051 §6.1, any state
  CAPABILITY: passed('any'),
  NOOP: passed('any'),
  ID: passed('any'),
  LANGUAGE: passed('any'),
  LOGOUT: passedAlone('any', (session, { status }) => {
    if (status === 'OK') session.loggedOut();
  }),

  // §6.2, before the login
  STARTTLS: readAlone('before-login', startTls),
  LOGIN: readAlone('before-login', protectedOnly(login)),
  AUTHENTICATE: readAlone('before-login', protectedOnly(authenticate)),

  // §6.3, after it
  ENABLE: readAlone('after-login', enable),
  SELECT: readAlone('after-login', select),
  EXAMINE: readAlone('after-login', select),
  CREATE: passed('after-login'),
  DELETE: readAlone('after-login', changeMailboxes),
  RENAME: readAlone('after-login', changeMailboxes),
  SUBSCRIBE: passed('after-login'),
  UNSUBSCRIBE: passed('after-login'),
  LIST: passed('after-login'),
  LSUB: passed('after-login'),
  NAMESPACE: passed('after-login'),
  STATUS: passed('after-login'),
  APPEND: { state: 'after-login', alone: 'never', how: { kind: 'pass', check: catenateRefusal } },
  IDLE: readAlone('after-login', idle),
  GETACL: passed('after-login'),
  SETACL: passed('after-login'),
  DELETEACL: passed('after-login'),
  LISTRIGHTS: passed('after-login'),
  MYRIGHTS: passed('after-login'),
  GETQUOTA: passed('after-login'),
  GETQUOTAROOT: passed('after-login'),
  SETQUOTA: passed('after-login'),
  GETMETADATA: passed('after-login'),
  SETMETADATA: passed('after-login'),
  COMPARATOR: passed('after-login'),
  ESEARCH: passed('after-login'),

  // §6.4, with a mailbox
  CHECK: passed('selected'),
  CLOSE: passedAlone('selected', closed),
  UNSELECT: passedAlone('selected', closed),
  EXPUNGE: passed('selected'),
  'UID EXPUNGE': passed('selected'),
  SEARCH: passed('selected'),
  'UID SEARCH': passed('selected'),
  SORT: passed('selected'),
  'UID SORT': passed('selected'),
  THREAD: passed('selected'),
  'UID THREAD': passed('selected'),
  CANCELUPDATE: { state: 'selected', alone: 'never', how: { kind: 'collect', begin: cancelUpdate } },
  STORE: passed('selected'),
  'UID STORE': passed('selected'),
  COPY: readAlone('selected', copy),
  'UID COPY': readAlone('selected', copy),
  MOVE: readAlone('selected', copy),
  'UID MOVE': readAlone('selected', copy),
  FETCH: judged(fetch),
  'UID FETCH': judged(fetch),

  COMPRESS: refused('COMPRESS would hide what passes from this gate'),
  URLFETCH: refused('URLFETCH shows content that was not inspected'),
  GENURLAUTH: refused('URLAUTH shows content that was not inspected'),
  RESETKEY: refused('URLAUTH is not carried by this gate'),
  CONVERT: refused('CONVERT shows content that was not inspected'),
  'UID CONVERT': refused('CONVERT shows content that was not inspected'),
  CONVERSIONS: refused('CONVERT is not carried by this gate'),
  NOTIFY: refused('NOTIFY sends content that nobody asked for'),
  REPLACE: refused('REPLACE is not carried by this gate'),
  'UID REPLACE': refused('REPLACE is not carried by this gate'),
  // Updates name a tag of long ago (RFC 5267), and tags are not kept.
  UNAUTHENTICATE: refused('UNAUTHENTICATE would mix the mailboxes of two users'),
  GETJMAPACCESS: refused('JMAPACCESS leads around this gate'),
  RLIST: refused('Mailbox referrals lead around this gate'),
  RLSUB: refused('Mailbox referrals lead around this gate'),
};

/** @param verb upper case */
export function commandRule(verb: string): CommandRule | undefined {
  return Object.hasOwn(table, verb) ? table[verb] : undefined;
}

/** What happens to a command on this connection: where nothing is judged, a FETCH is a command like any other. */
export function handling(rule: CommandRule, session: ImapSession): { alone: boolean; how: CommandRule['how'] } {
  const passes = rule.alone === 'judged' && !session.inspected;
  return { alone: rule.alone !== 'never' && !passes, how: passes ? { kind: 'pass' } : rule.how };
}

/** What forbids a command where the connection stands now, as an answer. */
export function refusal(rule: CommandRule, session: ImapSession): string | undefined {
  if (rule.state === 'any') return undefined;
  if (rule.state === 'before-login') return session.authenticated ? refusals.notNow : undefined;
  if (!session.authenticated) return refusals.notNow;
  return rule.state === 'selected' && !session.selected ? refusals.nothingSelected : undefined;
}

/** RFC 9051 §6.2.1. */
function startTls(session: ImapSession, command: CollectedCommand): void {
  const { answers, context, intake } = session;
  if (!isBare(command)) answers.refuse(command.tag, refusals.syntax);
  else if (context.secure) answers.refuse(command.tag, refusals.tlsActive);
  else if (!context.offerStartTls) answers.refuse(command.tag, refusals.noTls);
  else if (intake.reader.buffered > 0) {
    // It came in the clear and would be run as if it had come encrypted (CVE-2011-0411 and its many children).
    session.services.event('starttls-injection');
    session.end('pipelinedStartTls');
  } else {
    answers.reply(command.tag, startTlsNow);
    session.startTls();
  }
}

/** A password in the clear is everybody's. */
function protectedOnly(begin: Begin): Begin {
  return (session, command) => {
    if (session.context.mayLogIn) begin(session, command);
    else session.answers.refuse(command.tag, refusals.needTls);
  };
}

function closed(session: ImapSession, { status }: TaggedResponse): void {
  if (status === 'OK') session.deselect();
}

/**
 * CATENATE (RFC 4469) puts messages together from parts of others, by URLs that the server follows. Looked for in the
 * whole line: a mailbox of that name before a parenthesis is a small price.
 */
function catenateRefusal(line: Buffer): string | undefined {
  return /CATENATE\s*\(/i.test(line.toString('latin1')) ? refusals.catenate : undefined;
}
