/**
 * Logging in. The exchange is the client's and the server's; we look at the mechanism's name, and for whose mailbox it
 * is. What was said is overwritten when it is over, and goes nowhere but to the server.
 */
import { limits } from '../../runtime/limits.js';
import type { Exchange, TaggedResponse } from '../exchange.js';
import { isRelayableMechanism } from '../session/capability.js';
import type { CollectedCommand, PieceTaker } from '../session/collected-command.js';
import type { UnderWay } from '../session/command-queue.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { parseCommand } from '../wire/command.js';
import { saslUser } from '../wire/sasl-user.js';
import type { CommandPiece, ServerEvent, Token } from '../wire/wire.js';

/** RFC 9051 §6.2.3. */
export function login(session: ImapSession, command: CollectedCommand): void {
  const parsed = parseCommand(command.pieces);
  const [user, password] = 'fault' in parsed ? [] : parsed.args;
  if ('fault' in parsed || parsed.args.length !== 2 || user === undefined || password?.kind === 'list') {
    session.answers.refuse(command.tag, refusals.syntax);
    return;
  }
  const name = userName(user);
  session.answers.run(command.tag, true, undefined, (entry) =>
    session.answers.send(command.outgoing, (response) => {
      for (const piece of command.pieces) if (piece.kind !== 'fault') piece.bytes.fill(0);
      for (const part of command.outgoing) (Buffer.isBuffer(part) ? part : part.literal).fill(0);
      if (response.status === 'OK') session.loggedIn(name);
      session.answers.pass(entry, response);
    }),
  );
}

function userName(token: Token): string | undefined {
  if (token.kind === 'list') return undefined;
  const name = token.bytes.toString('utf8');
  return name !== '' && Buffer.from(name, 'utf8').equals(token.bytes) ? name : undefined;
}

/** RFC 9051 §6.2.2; with an initial response as in RFC 4959. */
export function authenticate(session: ImapSession, command: CollectedCommand): void {
  const words = command.outgoing.length === 1 ? latin1(command.outgoing[0]).split(' ') : [];
  const [, mechanism = '', initial, ...more] = words;
  if (mechanism === '' || more.length > 0) {
    session.answers.refuse(command.tag, refusals.syntax);
  } else if (!isRelayableMechanism(mechanism.toUpperCase())) {
    session.answers.refuse(command.tag, refusals.mechanism);
  } else {
    const exchange = new Authentication(session, command, mechanism.toUpperCase(), initial);
    session.answers.run(command.tag, true, exchange, (entry) => exchange.begin(entry));
  }
}

function latin1(part: CollectedCommand['outgoing'][number] | undefined): string {
  return Buffer.isBuffer(part) ? part.toString('latin1') : '';
}

/** From the command to its tagged answer: challenges and responses pass, one after the other. */
class Authentication implements Exchange, PieceTaker {
  readonly plain = true;
  readonly #session: ImapSession;
  readonly #command: CollectedCommand;
  readonly #mechanism: string;
  readonly #responses: Buffer[] = [];
  #bytes = 0;
  #tag = '';
  #challenged = false;

  constructor(session: ImapSession, command: CollectedCommand, mechanism: string, initial: string | undefined) {
    this.#session = session;
    this.#command = command;
    this.#mechanism = mechanism;
    // RFC 4959 §3: `=` stands for an empty one.
    if (initial !== undefined) this.#responses.push(Buffer.from(initial === '=' ? '' : initial, 'latin1'));
  }

  /** The client speaks when it was asked. */
  get holds(): boolean {
    return !this.#challenged;
  }

  begin(entry: UnderWay): void {
    this.#tag = this.#session.answers.send(this.#command.outgoing, (response) => this.#answered(entry, response));
    this.#session.intake.give(this);
  }

  start(): void {}

  take(event: ServerEvent | CommandPiece): boolean {
    if (event.kind === 'continuation') {
      if (this.#challenged) return false;
      this.#challenged = true;
      this.#session.outlet.write(event.raw);
      return true;
    }
    if (event.kind !== 'line') return false;
    this.#challenged = false;
    this.#bytes += event.bytes.length;
    if (this.#bytes > limits.imapSession.authBytes) {
      this.#session.clientBroke('line-too-long');
      return true;
    }
    const { bytes } = event;
    // Its own copy, as what passes is overwritten by nobody before the server has it.
    if (this.#responses.length < 2) this.#responses.push(Buffer.from(bytes));
    this.#session.answers.writer.write(this.#tag, Buffer.concat([bytes, Buffer.from('\r\n')]));
    bytes.fill(0);
    return true;
  }

  #answered(entry: UnderWay, response: TaggedResponse): void {
    this.#session.intake.done();
    const user = saslUser(this.#mechanism, this.#responses);
    this.abort();
    if (response.status === 'OK') this.#session.loggedIn(user);
    this.#session.answers.pass(entry, response);
  }

  abort(): void {
    for (const response of this.#responses.splice(0)) response.fill(0);
    for (const part of this.#command.outgoing) if (Buffer.isBuffer(part)) part.fill(0);
  }
}
