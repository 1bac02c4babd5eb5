/** Commands whose answer changes what is remembered of mailboxes: COPY, MOVE, DELETE, RENAME; and ENABLE. */
import { limits } from '../../runtime/limits.js';
import type { Exchange, TaggedResponse } from '../exchange.js';
import type { Mailbox } from '../handler.js';
import { enabledExtensions } from '../session/capability.js';
import type { CollectedCommand } from '../session/collected-command.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { parseCommand } from '../wire/command.js';
import { mailboxName } from '../wire/mailbox-name.js';
import { parseCopyUid } from '../wire/sequence-set.js';
import type { ResponseCode, ServerEvent } from '../wire/wire.js';

type Copies = NonNullable<ReturnType<typeof parseCopyUid>>;

/** DELETE and RENAME (RFC 9051 §6.3.5, §6.3.6). */
export function changeMailboxes(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const [name, to, ...more] = 'fault' in parsed ? [] : parsed.args.map(mailboxName);
  const renames = command.verb === 'RENAME';
  if (name === undefined || (to !== undefined) !== renames || more.length > 0) {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  session.answers.run(command.tag, true, undefined, (entry) =>
    session.answers.send(command.outgoing, (response) => {
      const { account } = session;
      if (response.status !== 'OK' || account === undefined) session.answers.pass(entry, response);
      else {
        const work = to === undefined ? account.forget(name) : account.renamed(name, to);
        session.answers.passAfter(entry, response, work);
      }
    }),
  );
}

/** COPY and MOVE: the copies are the same messages, so they stand as these did. */
export function copy(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const name = 'fault' in parsed || parsed.args.length !== 2 ? undefined : mailboxName(parsed.args[1]);
  if (name === undefined) {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const copying = new Copying();
  session.answers.run(command.tag, true, copying, (entry) =>
    session.answers.send(command.outgoing, (response) => {
      if (response.code !== undefined) copying.learn(response.code);
      const { account, mailbox } = session;
      const work =
        response.status === 'OK' && account !== undefined && mailbox !== undefined && copying.copies.length > 0
          ? recordCopies(session, mailbox, name, copying.copies)
          : undefined;
      if (work === undefined) session.answers.pass(entry, response);
      else session.answers.passAfter(entry, response, work);
    }),
  );
}

async function recordCopies(
  session: ImapSession,
  from: Mailbox,
  name: string,
  copies: readonly Copies[],
): Promise<void> {
  for (const { uidValidity, pairs } of copies) await session.account?.copied(from, { name, uidValidity }, pairs);
}

/** Listens for COPYUID, which MOVE sends in an untagged OK (RFC 6851 §4.3), and COPY in its answer. */
class Copying implements Exchange {
  readonly copies: Copies[] = [];

  start(): void {}

  take(event: ServerEvent): boolean {
    if (event.kind === 'status' && event.status === 'OK' && event.code !== undefined) this.learn(event.code);
    return false;
  }

  learn(code: ResponseCode): void {
    if (code.name !== 'COPYUID' || this.copies.length >= limits.imapSession.copyCodesMax) return;
    const copies = parseCopyUid(code.text);
    if (copies !== undefined) this.copies.push(copies);
  }

  abort(): void {}
}

/** RFC 5161: what is not carried is not enabled, which is how a server answers to what it does not know. */
export function enable(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const words = 'fault' in parsed ? [] : parsed.args.map((token) => (token.kind === 'atom' ? token.bytes : undefined));
  if (words.length === 0 || words.includes(undefined)) {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const names = enabledExtensions(words.map((word) => word?.toString('latin1') ?? ''));
  if (names.length === 0) {
    session.answers.reply('*', 'ENABLED\r\n');
    session.answers.reply(command.tag, 'OK Nothing enabled\r\n');
    return;
  }
  session.answers.run(command.tag, true, undefined, (entry) =>
    session.answers.send([Buffer.from(`ENABLE ${names.join(' ')}`, 'latin1')], (response: TaggedResponse) =>
      session.answers.pass(entry, response),
    ),
  );
}
