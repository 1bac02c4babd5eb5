/**
 * SELECT and EXAMINE. The client learns that a mailbox is open when its judge knows it; before that, what we have to do
 * in the mailbox is done.
 */

import type { Exchange, TaggedResponse } from '../exchange.js';
import type { Account, MailboxIdentity } from '../handler.js';
import type { CollectedCommand } from '../session/collected-command.js';
import type { UnderWay } from '../session/command-queue.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { parseCommand } from '../wire/command.js';
import { mailboxName } from '../wire/mailbox-name.js';
import type { OutgoingCommand, ResponseCode, ServerEvent } from '../wire/wire.js';

export function select(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const name = 'fault' in parsed ? undefined : mailboxName(parsed.args[0]);
  if (name === undefined) {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const selection = new Selection(session, command, name);
  session.answers.run(command.tag, true, selection, (entry) => selection.begin(entry));
}

class Selection implements Exchange {
  readonly #session: ImapSession;
  readonly #command: CollectedCommand;
  readonly #name: string;
  /** whether the client knows that the mailbox which it had open is closed, or had none */
  #closedTold: boolean;
  /** takes what the server says to commands of ours, before the client's own */
  #ours: ((event: ServerEvent) => void) | undefined;
  #aborted: ((error: Error) => void) | undefined;
  #uidValidity = 0;
  #uidNext: number | undefined;
  #mailboxId: string | undefined;
  #messages: number | undefined;
  #readOnly: boolean;

  constructor(session: ImapSession, command: CollectedCommand, name: string) {
    this.#session = session;
    this.#command = command;
    this.#name = name;
    this.#closedTold = !session.selected;
    this.#readOnly = command.verb === 'EXAMINE';
  }

  start(): void {}

  begin(entry: UnderWay): void {
    const session = this.#session;
    const { beforeSelect } = session.services;
    // Whatever becomes of it, the mailbox that was open is closed (RFC 9051 §6.3.2).
    session.deselect();
    session.reconsider();
    const { account } = session;
    if (beforeSelect === undefined || account === undefined) {
      this.#select(entry);
      return;
    }
    const port = {
      account,
      readOnly: this.#readOnly,
      run: (command: OutgoingCommand, take?: (event: ServerEvent) => void) => this.#run(command, take),
      offers: (capability: string) => session.server.offers(capability),
    };
    this.#ours = () => undefined;
    session.supervise(
      beforeSelect(port, this.#name, mailboxArgument(this.#command))
        .catch((error: unknown) => this.#withoutThat(error))
        .then(() => {
          this.#ours = undefined;
          if (!session.ended) this.#select(entry);
        }),
    );
  }

  /** The client gets its mailbox although our own work in it failed, if the connection is still in step. */
  #withoutThat(error: unknown): void {
    const { ended, answers, services } = this.#session;
    if (ended) return;
    if (answers.queue.unanswered) throw error;
    services.unexpected(error);
  }

  #run(command: OutgoingCommand, take?: (event: ServerEvent) => void): Promise<TaggedResponse> {
    this.#ours = take ?? (() => undefined);
    return new Promise((resolve, reject) => {
      this.#aborted = reject;
      if (this.#session.ended) reject(new Error('the session has ended'));
      else this.#session.answers.send(command, resolve);
      // Between two commands lies a step that is written down, so that no reading of the socket sends this one.
      this.#session.io.flushSoon();
    });
  }

  #select(entry: UnderWay): void {
    this.#session.answers.send(this.#command.outgoing, (response) => this.#answered(entry, response));
  }

  take(event: ServerEvent): boolean {
    const code = event.kind === 'status' && event.status === 'OK' ? event.code : undefined;
    if (code?.name === 'CLOSED') {
      // RFC 7162 §3.2.11: the client is told once that its mailbox is closed; what else is closed was ours.
      const told = this.#closedTold;
      this.#closedTold = true;
      return told;
    }
    if (this.#ours !== undefined) {
      this.#ours(event);
      return true;
    }
    if (code !== undefined) this.#learn(code);
    else if (event.kind === 'data' && event.name === 'EXISTS') this.#messages = event.number;
    return false;
  }

  #learn(code: ResponseCode): void {
    const number = /^\d{1,10}$/.test(code.text) ? Number(code.text) : undefined;
    if (code.name === 'UIDVALIDITY') this.#uidValidity = number ?? 0;
    else if (code.name === 'UIDNEXT') this.#uidNext = number;
    else if (code.name === 'MAILBOXID') this.#mailboxId = /^\(([^\s()]{1,255})\)$/.exec(code.text)?.[1];
  }

  #answered(entry: UnderWay, response: TaggedResponse): void {
    const session = this.#session;
    const { account } = session;
    if (response.code !== undefined) this.#learn(response.code);
    if (response.status !== 'OK') {
      session.answers.pass(entry, response);
    } else if (account === undefined) {
      session.select(undefined);
      session.answers.pass(entry, response);
    } else if (this.#uidValidity === 0) {
      // Without it a UID names nothing for longer than a moment, and no verdict could be kept.
      session.serverBroke('no UIDVALIDITY');
    } else {
      if (response.code?.name === 'READ-ONLY') this.#readOnly = true;
      // What the server has open is not open for the client, who may select again.
      session.answers.passAfter(entry, response, this.#open(account), refusals.unknownMailbox);
    }
  }

  async #open(account: Account): Promise<void> {
    const identity: MailboxIdentity = {
      name: this.#name,
      mailboxId: this.#mailboxId,
      uidValidity: this.#uidValidity,
      uidNext: this.#uidNext,
      readOnly: this.#readOnly,
      utf8: this.#session.server.utf8,
    };
    const mailbox = await account.open(identity, this.#messages);
    if (!this.#session.ended) this.#session.select(mailbox);
  }

  abort(): void {
    this.#aborted?.(new Error('the session has ended'));
  }
}

/** The mailbox as the client wrote it: what stands behind the verb, without parameters. */
function mailboxArgument(command: CollectedCommand): OutgoingCommand {
  const [first, second] = command.outgoing;
  if (!Buffer.isBuffer(first)) return [];
  const text = first.subarray(command.verb.length + 1);
  if (second !== undefined && !Buffer.isBuffer(second)) return [second];
  const quoted = /^"(?:[^"\\]|\\.)*"/.exec(text.toString('latin1'))?.[0];
  const end = quoted?.length ?? text.indexOf(0x20);
  return [end === -1 ? text : text.subarray(0, end)];
}
