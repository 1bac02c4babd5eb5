/**
 * The client's commands from their beginning to their answer: who is under way, what is sent to the server for them,
 * and the one answer that each of them gets, in its place among the others.
 */
import { GateError } from '../../runtime/errors.js';
import type { Exchange, TaggedResponse } from '../exchange.js';
import type { OutgoingCommand } from '../wire/wire.js';
import { capabilityNames } from './capability.js';
import { CommandQueue, type UnderWay } from './command-queue.js';
import { LiteralWriter } from './literal-writer.js';
import type { ImapSession } from './session.js';
import { statusLine } from './status-line.js';

export class Answers {
  readonly queue: CommandQueue;
  readonly writer: LiteralWriter;
  readonly #session: ImapSession;
  refused = 0;

  constructor(session: ImapSession) {
    this.#session = session;
    this.queue = new CommandQueue(session.services.tagPrefix ?? 'S');
    this.writer = new LiteralWriter((bytes) => {
      session.io.upstream.write(bytes);
    });
  }

  /** A command of the client is under way from now on, until one of the answers below. */
  run(clientTag: string, alone: boolean, exchange: Exchange | undefined, start: (entry: UnderWay) => void): void {
    const entry: UnderWay = { clientTag, alone, exchange };
    this.queue.begin(entry);
    start(entry);
  }

  /** Sends a command under a tag of ours, and gives it. */
  send(command: OutgoingCommand, answered: (response: TaggedResponse) => void): string {
    const tag = this.expect(answered);
    this.writer.command(tag, command);
    return tag;
  }

  /**
   * A tag for a command that is written piece by piece.
   * @param clientTag of the command that it is, if it is the client's own
   */
  expect(answered: (response: TaggedResponse) => void, clientTag?: string): string {
    this.#session.patience.serverOwes();
    const taken = (response: TaggedResponse): void => {
      this.writer.answered(response.tag);
      answered(response);
    };
    return this.queue.expect(taken, clientTag);
  }

  /** The server has answered. False: nothing that we sent. */
  take(response: TaggedResponse): boolean {
    const answered = this.queue.take(response.tag);
    answered?.(response);
    return answered !== undefined;
  }

  /** An answer of ours to a command that needed none of the server. @param text status and text, with CRLF */
  reply(tag: string, text: string): void {
    const line = Buffer.from(`${tag} ${text}`, 'latin1');
    if (this.queue.empty) this.#session.outlet.write(line);
    else this.queue.own(line);
  }

  /** As `reply`, for what the client did wrong; too many of them end the session. */
  refuse(tag: string, text: string): void {
    const { services, settings } = this.#session;
    this.refused += 1;
    services.event('refused-command');
    this.reply(tag, text);
    if (this.refused <= settings.errorsMax) return;
    services.event('too-many-errors');
    this.#session.end('tooManyErrors');
  }

  /** The server's answer becomes the one to the client's command. */
  pass(entry: UnderWay, response: TaggedResponse): void {
    const { outlet, context, server } = this.#session;
    if (response.code?.name === 'CAPABILITY') server.learn(capabilityNames(response.code.text));
    outlet.write(statusLine(response, entry.clientTag, context));
    this.finish(entry);
  }

  /**
   * As `pass`, when `work` is done; what comes after it waits.
   * @param otherwise status and text with CRLF, for the client when the work fails; without it the session ends then
   */
  passAfter(entry: UnderWay, response: TaggedResponse, work: Promise<unknown>, otherwise?: string): void {
    const session = this.#session;
    const place = session.outlet.reserve();
    const answer = (line: Buffer): void => {
      if (session.ended) return;
      place.fill([line]);
      this.finish(entry);
    };
    const done = work.then(
      () => answer(statusLine(response, entry.clientTag, session.context)),
      (error: unknown) => {
        if (otherwise === undefined || !(error instanceof GateError)) throw error;
        session.services.event('judge-failed', error.message);
        answer(Buffer.from(`${entry.clientTag} ${otherwise}`, 'latin1'));
      },
    );
    session.supervise(done);
  }

  /** @param text status and text, with CRLF */
  own(entry: UnderWay, text: Buffer | string): void {
    const { outlet } = this.#session;
    outlet.write(Buffer.concat([Buffer.from(`${entry.clientTag} `, 'latin1'), Buffer.from(text)]));
    this.finish(entry);
  }

  /** The command is answered: what waited for that goes on. */
  finish(entry: UnderWay): void {
    for (const reply of this.queue.finish(entry)) this.#session.outlet.write(reply);
    this.#session.wake();
  }
}
