/**
 * Takes a client's commands in, one after the other: finds each one's row in the table, waits until it may begin, and
 * hands its pieces to whoever takes them.
 */

import { commandRule, handling, refusal } from '../command/commands.js';
import { firstWords, parseCommandHead } from '../wire/command.js';
import { CommandReader } from '../wire/command-reader.js';
import type { CommandPiece, Literal } from '../wire/wire.js';
import { Collector, type PieceTaker } from './collected-command.js';
import { refusals } from './replies.js';
import type { ImapSession } from './session.js';
import { StreamedCommand } from './streamed-command.js';

export class CommandIntake {
  readonly reader = new CommandReader();
  readonly #session: ImapSession;
  #taker: PieceTaker | undefined;
  /** the first line of a command that may not begin yet */
  #held: Extract<CommandPiece, { readonly kind: 'line' }> | undefined;
  #running = false;
  /** nothing may be taken at the moment */
  #waits = false;
  commands = 0;

  constructor(session: ImapSession) {
    this.#session = session;
  }

  /** Octets of the client wait, and not for more of them. */
  get blocked(): boolean {
    return this.#held !== undefined || (this.#waits && this.reader.buffered > 0);
  }

  /** A command has begun, and its next piece may come. */
  get awaitsClient(): boolean {
    return this.#taker?.holds === false;
  }

  /** Takes all that may be taken now. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#step());
    } finally {
      this.#running = false;
    }
  }

  /** Pieces that follow go to `taker`, until it says that it is done. */
  give(taker: PieceTaker): void {
    this.#taker = taker;
  }

  done(): void {
    this.#taker = undefined;
    this.reader.expectContinuation(false);
  }

  /** The command whose line was the last is refused: what still comes of it is read over. */
  skip(literal: Literal | undefined): void {
    this.done();
    if (literal === undefined) return;
    if (literal.synchronizing) this.reader.refuseLiteral();
    else this.#taker = new SkippedCommand(this);
  }

  #step(): boolean {
    const session = this.#session;
    this.#waits = !session.takesCommands || this.#taker?.holds === true;
    if (session.ended || this.#waits) return false;
    if (this.#held !== undefined) return this.#begin(this.#held);
    if (this.#taker?.plain === true) this.reader.expectContinuation(true);
    const piece = this.reader.next();
    if (piece === undefined) return false;
    if (piece.kind === 'fault') {
      session.clientBroke(piece.fault);
      return false;
    }
    if (this.#taker !== undefined) {
      this.#taker.take(piece);
      return true;
    }
    // Data cannot come without the taker that saw it announced.
    return piece.kind === 'line' && this.#begin(piece);
  }

  /** False: it has to wait. */
  #begin(line: Extract<CommandPiece, { readonly kind: 'line' }>): boolean {
    const session = this.#session;
    this.#held = line;
    if (session.outletFull) return false;
    const head = firstWords(line.bytes);
    if (head === undefined) {
      return this.#refuse(parseCommandHead([line]).tag ?? '*', refusals.syntax, line.literal);
    }
    const rule = commandRule(head.verb);
    if (rule === undefined) return this.#refuse(head.tag, refusals.unknown, line.literal);
    const { alone, how } = handling(rule, session);
    const overtaken = rule.alone === 'judged' && session.overtaken;
    if (!session.answers.queue.admits(alone || overtaken)) return false;
    const problem = refusal(rule, session);
    if (problem !== undefined) return this.#refuse(head.tag, problem, line.literal);
    if (overtaken) {
      session.end('policyChanged');
      return false;
    }
    this.#held = undefined;
    this.commands += 1;
    if (how.kind === 'refuse') return this.#refuse(head.tag, `BAD ${how.why}\r\n`, line.literal);
    this.#taker =
      how.kind === 'pass' ? new StreamedCommand(session, head, alone, how) : new Collector(session, head, how.begin);
    this.#taker.take(line);
    return true;
  }

  #refuse(tag: string, text: string, literal: Literal | undefined): boolean {
    this.#held = undefined;
    this.#session.answers.refuse(tag, text);
    this.skip(literal);
    return true;
  }
}

/** The rest of a command that was refused. */
class SkippedCommand implements PieceTaker {
  readonly holds = false;
  readonly plain = false;
  readonly #intake: CommandIntake;

  constructor(intake: CommandIntake) {
    this.#intake = intake;
  }

  take(piece: CommandPiece): void {
    if (piece.kind === 'line' && piece.literal?.synchronizing !== false) this.#intake.skip(piece.literal);
  }
}
