/** FETCH and UID FETCH where messages are judged: each is run by an exchange of its own. */

import type { Exchange, ExchangePort, ExchangeTimes, Outlet, TaggedResponse } from '../exchange.js';
import { parseFetch } from '../fetch/fetch-request.js';
import type { ReadAhead } from '../fetch/read-ahead.js';
import type { Mailbox } from '../handler.js';
import type { CollectedCommand } from '../session/collected-command.js';
import type { UnderWay } from '../session/command-queue.js';
import { refusals } from '../session/replies.js';
import type { ImapSession } from '../session/session.js';
import { parseCommand } from '../wire/command.js';
import type { FetchRequest, OutgoingCommand, ServerEvent } from '../wire/wire.js';

export function fetch(session: ImapSession, command: CollectedCommand): void {
  const { answers, mailbox } = session;
  const request = requestOf(command);
  if (request === undefined || mailbox === undefined) {
    answers.refuse(command.tag, refusals.syntax);
  } else if ('error' in request) {
    answers.refuse(command.tag, `BAD ${request.error}\r\n`);
  } else {
    const port = new FetchPort(session, mailbox);
    const exchange = session.services.fetchExchange(request, port);
    answers.run(command.tag, true, exchange, (entry) => port.begin(entry, exchange));
  }
}

/** What was asked for with these words before, without the set; clients ask in the same words thousands of times. */
const knownItems = new Map<string, Pick<FetchRequest, 'items' | 'modifiers'>>();
const knownItemsMax = 200;
const knownCharacters = 500;
/** One number or one range, which is what such clients vary. */
const plainFetch = /^(UID )?FETCH ([1-9]\d{0,8}(?::(?:[1-9]\d{0,8}|\*))?) ([^\r\n]+)$/;

/** Undefined when it is no command. */
function requestOf(command: CollectedCommand): ReturnType<typeof parseFetch> | undefined {
  const [piece] = command.pieces;
  const plain =
    command.pieces.length === 1 && piece?.kind === 'line' && piece.bytes.length <= knownCharacters
      ? plainFetch.exec(piece.bytes.toString('latin1', piece.bytes.indexOf(0x20) + 1))
      : null;
  const [, uid = '', set = '', rest = ''] = plain ?? [];
  const words = `${uid},${rest}`;
  const known = plain === null ? undefined : knownItems.get(words);
  if (known !== undefined) return { uid: uid !== '', set, ...known };
  const parsed = parseCommand(command.pieces);
  if ('fault' in parsed) return undefined;
  const request = parseFetch(parsed);
  if (plain !== null && !('error' in request)) {
    if (knownItems.size >= knownItemsMax) knownItems.clear();
    knownItems.set(words, { items: request.items, modifiers: request.modifiers });
  }
  return request;
}

/** What an exchange has of the session: its own command, and nothing of the others. */
class FetchPort implements ExchangePort {
  readonly #session: ImapSession;
  readonly mailbox: Mailbox;
  #entry: UnderWay | undefined;

  constructor(session: ImapSession, mailbox: Mailbox) {
    this.#session = session;
    this.mailbox = mailbox;
  }

  begin(entry: UnderWay, exchange: Exchange): void {
    this.#entry = entry;
    exchange.start();
  }

  get outlet(): Outlet {
    return this.#session.outlet;
  }

  get times(): ExchangeTimes {
    return this.#session.settings.timeouts;
  }

  get ahead(): ReadAhead {
    return this.#session.ahead;
  }

  send(command: OutgoingCommand, answered: (response: TaggedResponse) => void): void {
    if (!this.#session.ended) this.#session.answers.send(command, answered);
    this.#session.io.flushSoon();
  }

  forward(event: ServerEvent): void {
    this.#session.server.pass(event);
  }

  pause(): void {
    this.#session.server.pause();
  }

  resume(): void {
    this.#session.server.resume();
  }

  finish(status: Buffer): void {
    const entry = this.#entry;
    this.#entry = undefined;
    if (entry !== undefined && !this.#session.ended) this.#session.answers.own(entry, status);
  }

  fail(reason: string): void {
    this.#session.serverBroke(reason);
  }

  supervise(work: Promise<unknown>): void {
    this.#session.supervise(work);
  }
}
