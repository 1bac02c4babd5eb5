/** IDLE (RFC 2177, RFC 9051 §6.3.13): the server tells what happens, as it happens, until the client says DONE. */

import type { Exchange } from '../exchange.js';
import { type CollectedCommand, isBare, type PieceTaker } from '../session/collected-command.js';
import type { UnderWay } from '../session/command-queue.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import type { CommandPiece, ServerEvent } from '../wire/wire.js';

const done = Buffer.from('DONE\r\n');

export function idle(session: ImapSession, command: CollectedCommand): void {
  if (!isBare(command)) {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const exchange = new Idling(session, command);
  session.answers.run(command.tag, true, exchange, (entry) => exchange.begin(entry));
}

export class Idling implements Exchange, PieceTaker {
  readonly plain = true;
  readonly #session: ImapSession;
  readonly #command: CollectedCommand;
  #tag = '';
  /** the server has begun to idle */
  #begun = false;
  /** we have told it to stop */
  #ended = false;
  #wrongLine = false;

  constructor(session: ImapSession, command: CollectedCommand) {
    this.#session = session;
    this.#command = command;
  }

  /** DONE ahead of the server's agreement waits for it. */
  get holds(): boolean {
    return !this.#begun || this.#ended;
  }

  /** Nothing is owed by the server: its silence means that nothing happens. */
  get quiet(): boolean {
    return this.#begun && !this.#ended;
  }

  begin(entry: UnderWay): void {
    const session = this.#session;
    session.intake.give(this);
    this.#tag = session.answers.send(this.#command.outgoing, (response) => {
      session.intake.done();
      if (this.#wrongLine) session.answers.own(entry, refusals.done);
      else session.answers.pass(entry, response);
    });
  }

  start(): void {}

  take(event: ServerEvent | CommandPiece): boolean {
    const session = this.#session;
    if (event.kind === 'continuation') {
      if (this.#begun) return false;
      this.#begun = true;
      session.outlet.write(event.raw);
      return true;
    }
    if (event.kind !== 'line') return false;
    this.#wrongLine = event.bytes.toString('latin1').toUpperCase() !== 'DONE';
    this.#ended = true;
    session.answers.writer.write(this.#tag, done);
    return true;
  }

  abort(): void {}
}
