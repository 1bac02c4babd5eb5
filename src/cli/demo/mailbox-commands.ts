/**
 * The commands of the demonstration's mailbox server, IMAP4rev1 with UIDPLUS: what each does to one connection's state,
 * and its tagged answer. RENAME, subscriptions and searching for words are not offered.
 */
import { parseFetch } from '../../imap/fetch/fetch-request.js';
import { mailboxName } from '../../imap/wire/mailbox-name.js';
import { imapString } from '../../imap/wire/nstring.js';
import { formatSet } from '../../imap/wire/sequence-set.js';
import type { Command, Token } from '../../imap/wire/wire.js';
import { fetchAll, unknownItem } from './mailbox-fetch.js';
import { search } from './mailbox-search.js';
import type { Mail, MailAccount, MemoryMailbox } from './mailbox-store.js';
import { flagList, MailboxView, type Numbered } from './mailbox-view.js';

export const capabilities = 'IMAP4rev1 LITERAL+ IDLE UIDPLUS UNSELECT PREVIEW';

/** What the commands of one connection share. */
export interface Connection {
  account: MailAccount | undefined;
  view: MailboxView | undefined;
  /** the account of a user; undefined when name or password are wrong */
  readonly login: (user: string, password: string) => MailAccount | undefined;
  readonly clock: () => Date;
  readonly write: (bytes: Buffer | string) => void;
}

/** `OK …`, `NO …` or `BAD …`, with code and text. */
export type Ending = string;

type State = 'any' | 'stranger' | 'user' | 'selected';

interface Definition {
  readonly state: State;
  readonly run: (connection: Connection, command: Command) => Ending;
}

const wrong = 'BAD these arguments are not understood';
const absent = 'NO [TRYCREATE] there is no such mailbox';

function text(token: Token | undefined): string | undefined {
  return token === undefined || token.kind === 'list' ? undefined : token.bytes.toString('latin1');
}

function named({ account }: Connection, token: Token | undefined): MemoryMailbox | undefined {
  const name = mailboxName(token);
  return name === undefined ? undefined : account?.get(name);
}

function login(connection: Connection, { args }: Command): Ending {
  const [user, password] = [text(args[0]), text(args[1])];
  if (user === undefined || password === undefined || args.length !== 2) return wrong;
  connection.account = connection.login(user, password);
  return connection.account === undefined
    ? 'NO [AUTHENTICATIONFAILED] wrong name or password'
    : `OK [CAPABILITY ${capabilities}] welcome`;
}

function select(connection: Connection, { args, verb }: Command): Ending {
  connection.view = undefined;
  const mailbox = named(connection, args[0]);
  if (mailbox === undefined) return 'NO [NONEXISTENT] there is no such mailbox';
  const view = new MailboxView(mailbox, verb === 'EXAMINE');
  connection.view = view;
  const unseen = view.all().find(({ mail }) => !mail.flags.has('\\Seen'))?.sequence;
  const flags = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';
  connection.write(
    [
      `* FLAGS (${flags})`,
      `* OK [PERMANENTFLAGS (${view.readOnly ? '' : `${flags} \\*`})] flags that are kept`,
      `* ${view.count} EXISTS`,
      '* 0 RECENT',
      ...(unseen === undefined ? [] : [`* OK [UNSEEN ${unseen}] the first that is not seen`]),
      `* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid`,
      `* OK [UIDNEXT ${mailbox.uidNext}] the next UID`,
      '',
    ].join('\r\n'),
  );
  return view.readOnly ? 'OK [READ-ONLY] done' : 'OK [READ-WRITE] done';
}

/** `%` is anything below one level, `*` anything (RFC 9051 §6.3.9). */
function patternOf(reference: string, pattern: string): RegExp {
  const source = `${reference}${pattern}`
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/%+/g, '[^/]*');
  return new RegExp(`^${source}$`, 'i');
}

function list(connection: Connection, { args, verb }: Command): Ending {
  const [reference, pattern] = [text(args[0]), text(args[1])];
  if (reference === undefined || pattern === undefined || args.length !== 2) return wrong;
  if (pattern === '') connection.write(`* ${verb} (\\Noselect) "/" ""\r\n`);
  else {
    const wanted = patternOf(reference.slice(0, 200), pattern.slice(0, 200));
    for (const name of connection.account?.names ?? []) {
      if (wanted.test(name)) connection.write(`* ${verb} () "/" ${imapString(name)}\r\n`);
    }
  }
  return 'OK done';
}

function status(connection: Connection, { args }: Command): Ending {
  const mailbox = named(connection, args[0]);
  const items = args[1]?.kind === 'list' ? args[1].items.map((item) => text(item)?.toUpperCase() ?? '') : [];
  if (mailbox === undefined) return 'NO [NONEXISTENT] there is no such mailbox';
  const values: Readonly<Record<string, number>> = {
    MESSAGES: mailbox.mails.length,
    RECENT: 0,
    UIDNEXT: mailbox.uidNext,
    UIDVALIDITY: mailbox.uidValidity,
    UNSEEN: mailbox.mails.filter(({ flags }) => !flags.has('\\Seen')).length,
  };
  if (items.length === 0 || items.some((item) => values[item] === undefined)) return wrong;
  const shown = items.map((item) => `${item} ${values[item]}`).join(' ');
  connection.write(`* STATUS ${imapString(mailbox.name)} (${shown})\r\n`);
  return 'OK done';
}

function create({ account }: Connection, { args }: Command): Ending {
  const name = mailboxName(args[0]);
  if (name === undefined || name === '' || name.includes('*') || name.includes('%')) return wrong;
  if (account?.get(name) !== undefined) return 'NO [ALREADYEXISTS] there is such a mailbox';
  account?.create(name);
  return 'OK done';
}

function remove({ account }: Connection, { args }: Command): Ending {
  const name = mailboxName(args[0]);
  return name !== undefined && account?.delete(name) === true ? 'OK done' : 'NO there is no such mailbox to delete';
}

function flagsOf(tokens: readonly Token[]): string[] | undefined {
  const atoms = tokens.flatMap((token) => (token.kind === 'list' ? token.items : [token]));
  if (atoms.some((token) => token.kind !== 'atom')) return undefined;
  const known = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'];
  return atoms.map((atom) => {
    const name = text(atom) ?? '';
    return known.find((flag) => flag.toLowerCase() === name.toLowerCase()) ?? name;
  });
}

function append(connection: Connection, { args }: Command): Ending {
  const message = args.at(-1);
  const mailbox = named(connection, args[0]);
  const between = args.slice(1, -1);
  if (message?.kind !== 'string' || args.length < 2) return wrong;
  if (mailbox === undefined) return absent;
  const flags = flagsOf(between.filter((token) => token.kind === 'list'));
  const given = between.find((token) => token.kind === 'string');
  // "02-Feb-2026 10:00:00 -0500", which Date.parse reads once the first two dashes are blanks.
  const written = text(given)
    ?.trim()
    .replace(/^(\d+)-(\w+)-/, '$1 $2 ');
  const date = written === undefined ? connection.clock() : new Date(written);
  if (flags === undefined || Number.isNaN(date.getTime())) return wrong;
  const { uid } = mailbox.append(Buffer.from(message.bytes), flags, date);
  return `OK [APPENDUID ${mailbox.uidValidity} ${uid}] done`;
}

type WithView = (connection: Connection, view: MailboxView, command: Command) => Ending;

function selected(run: WithView): Definition {
  return {
    state: 'selected',
    run: (connection, command) => (connection.view === undefined ? wrong : run(connection, connection.view, command)),
  };
}

function chosen(view: MailboxView, { verb, args }: Command): Numbered[] | undefined {
  return view.choose(text(args[0]) ?? '', verb.startsWith('UID '));
}

function fetch(connection: Connection, view: MailboxView, command: Command): Ending {
  const request = parseFetch(command);
  if ('error' in request) return `BAD ${request.error}`;
  const unknown = unknownItem(request) ?? (request.modifiers === '' ? undefined : request.modifiers);
  if (unknown !== undefined) return `BAD ${unknown} is not offered`;
  const messages = view.choose(request.set, request.uid);
  if (messages === undefined) return 'BAD there are no such messages';
  fetchAll(view, messages, request, connection.write);
  return 'OK done';
}

function changedFlags(mail: Mail, sign: string, flags: readonly string[]): string[] {
  if (sign === '+') return [...mail.flags, ...flags];
  return sign === '-' ? [...mail.flags].filter((flag) => !flags.includes(flag)) : [...flags];
}

function store(connection: Connection, view: MailboxView, command: Command): Ending {
  const messages = chosen(view, command);
  const found = /^([+-]?)FLAGS(\.SILENT)?$/i.exec(text(command.args[1]) ?? '');
  const flags = flagsOf(command.args.slice(2));
  if (messages === undefined || found === null || flags === undefined || command.args.length < 3) return wrong;
  if (view.readOnly) return 'NO [READ-ONLY] the mailbox was opened to be read';
  for (const { sequence, mail } of messages) {
    const changed = view.mailbox.setFlags(mail.uid, changedFlags(mail, found[1] ?? '', flags));
    if (changed === undefined) continue;
    view.told(changed);
    const uid = command.verb.startsWith('UID ') ? `UID ${mail.uid} ` : '';
    if (found[2] === undefined) connection.write(`* ${sequence} FETCH (${uid}${flagList(changed)})\r\n`);
  }
  return 'OK done';
}

function copy(connection: Connection, view: MailboxView, command: Command): Ending {
  const messages = chosen(view, command);
  if (messages === undefined || command.args.length !== 2) return wrong;
  const mailbox = named(connection, command.args[1]);
  if (mailbox === undefined) return absent;
  const copies = messages.map(({ mail }) => mailbox.append(mail.bytes, mail.flags, mail.date).uid);
  if (copies.length === 0) return 'OK there was nothing to copy';
  const sources = formatSet(messages.map(({ mail }) => mail.uid));
  return `OK [COPYUID ${mailbox.uidValidity} ${sources} ${formatSet(copies)}] done`;
}

function expunge(_connection: Connection, view: MailboxView, command: Command): Ending {
  if (view.readOnly) return 'NO [READ-ONLY] the mailbox was opened to be read';
  if (command.verb === 'EXPUNGE') view.mailbox.expunge();
  else {
    const messages = chosen(view, command);
    if (messages === undefined) return wrong;
    view.mailbox.expunge(new Set(messages.map(({ mail }) => mail.uid)));
  }
  return 'OK done';
}

function searchAll(connection: Connection, view: MailboxView, { verb, args }: Command): Ending {
  const charset = text(args[0])?.toUpperCase() === 'CHARSET';
  const found = search(view, charset ? args.slice(2) : args);
  if (found === undefined) return 'BAD such a search is not offered';
  const numbers = found.map(({ sequence, mail }) => ` ${verb === 'SEARCH' ? sequence : mail.uid}`).join('');
  connection.write(`* SEARCH${numbers}\r\n`);
  return 'OK done';
}

function leave(connection: Connection, view: MailboxView, { verb }: Command): Ending {
  if (verb === 'CLOSE' && !view.readOnly) view.mailbox.expunge();
  connection.view = undefined;
  return 'OK done';
}

const nothing = () => 'OK done';

export const commands: Readonly<Record<string, Definition>> = {
  CAPABILITY: {
    state: 'any',
    run: ({ write }) => {
      write(`* CAPABILITY ${capabilities}\r\n`);
      return 'OK done';
    },
  },
  NOOP: { state: 'any', run: nothing },
  LOGIN: { state: 'stranger', run: login },
  SELECT: { state: 'user', run: select },
  EXAMINE: { state: 'user', run: select },
  LIST: { state: 'user', run: list },
  LSUB: { state: 'user', run: list },
  STATUS: { state: 'user', run: status },
  CREATE: { state: 'user', run: create },
  DELETE: { state: 'user', run: remove },
  APPEND: { state: 'user', run: append },
  CHECK: { state: 'selected', run: nothing },
  FETCH: selected(fetch),
  'UID FETCH': selected(fetch),
  STORE: selected(store),
  'UID STORE': selected(store),
  COPY: selected(copy),
  'UID COPY': selected(copy),
  SEARCH: selected(searchAll),
  'UID SEARCH': selected(searchAll),
  EXPUNGE: selected(expunge),
  'UID EXPUNGE': selected(expunge),
  CLOSE: selected(leave),
  UNSELECT: selected(leave),
};

export function allows(state: State, { account, view }: Connection): boolean {
  switch (state) {
    case 'any':
      return true;
    case 'stranger':
      return account === undefined;
    case 'user':
      return account !== undefined;
    case 'selected':
      return view !== undefined;
  }
}
