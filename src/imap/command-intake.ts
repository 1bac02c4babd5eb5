/**
 * Takes a client's commands in, one after the other: finds each one's row in the table, waits until it may begin, and
 * hands its pieces to whoever takes them.
 */
import { limits } from '../runtime/limits.js';
import { firstWords, parseCommandHead } from './command.js';
import { CommandReader } from './command-reader.js';
import { type CommandRule, commandRule, isAlone, refusal } from './commands.js';
import type { OutgoingCommand } from './exchange.js';
import { continueLiteral, refusals } from './replies.js';
import type { ImapSession } from './session.js';
import { StreamedCommand } from './streamed-command.js';
import type { Command, CommandPiece, Literal } from './wire.js';

/** What the first line says of a command: the client's tag and the verb. */
export type CommandHead = Pick<Command, 'tag' | 'verb'>;

/** Whoever takes the pieces that come next. */
export interface PieceTaker {
  /** may not take any now */
  readonly holds: boolean;
  /** takes lines that are no commands: a SASL response, DONE */
  readonly plain: boolean;
  take(piece: Exclude<CommandPiece, { readonly kind: 'fault' }>): void;
}

/** A command that is in memory as a whole. */
export interface CollectedCommand extends CommandHead {
  /** the command as it can be sent, without its tag */
  readonly outgoing: OutgoingCommand;
  /** as the reader gave it */
  readonly pieces: readonly CommandPiece[];
}

export class CommandIntake {
  readonly reader = new CommandReader();
  readonly #session: ImapSession;
  #taker: PieceTaker | undefined;
  /** the first line of a command that may not begin yet */
  #held: Extract<CommandPiece, { readonly kind: 'line' }> | undefined;
  #running = false;
  commands = 0;

  constructor(session: ImapSession) {
    this.#session = session;
  }

  /** Octets of the client wait for something. */
  get blocked(): boolean {
    return this.#held !== undefined || this.reader.buffered > 0;
  }

  get idle(): boolean {
    return this.#taker === undefined && !this.blocked;
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
    if (session.ended || !session.takesCommands || this.#taker?.holds === true) return false;
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
    if (!session.answers.queue.admits(isAlone(rule, session))) return false;
    const problem = refusal(rule, session);
    if (problem !== undefined) return this.#refuse(head.tag, problem, line.literal);
    this.#held = undefined;
    this.commands += 1;
    if (rule.how.kind === 'refuse') return this.#refuse(head.tag, `BAD ${rule.how.why}\r\n`, line.literal);
    this.#taker =
      rule.how.kind === 'pass'
        ? new StreamedCommand(session, head, isAlone(rule, session), rule.how)
        : new Collector(session, head, rule.how.begin);
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

/** Keeps a command until it is there as a whole, within a bound; its literals are agreed to by us. */
class Collector implements PieceTaker {
  readonly holds = false;
  readonly plain = false;
  readonly #session: ImapSession;
  readonly #head: CommandHead;
  readonly #begin: Extract<CommandRule['how'], { readonly kind: 'collect' }>['begin'];
  readonly #pieces: CommandPiece[] = [];
  readonly #outgoing: (Buffer | { readonly literal: Buffer })[] = [];
  #data: Buffer[] = [];
  #bytes = 0;

  constructor(
    session: ImapSession,
    head: CommandHead,
    begin: Extract<CommandRule['how'], { readonly kind: 'collect' }>['begin'],
  ) {
    this.#session = session;
    this.#head = head;
    this.#begin = begin;
  }

  take(piece: Exclude<CommandPiece, { readonly kind: 'fault' }>): void {
    this.#pieces.push(piece);
    if (piece.kind === 'data') {
      this.#data.push(piece.bytes);
      if (piece.end) this.#outgoing.push({ literal: Buffer.concat(this.#data.splice(0)) });
      return;
    }
    const { bytes, literal } = piece;
    const { intake } = this.#session;
    const first = this.#pieces.length === 1;
    this.#bytes += bytes.length + (literal?.size ?? 0);
    if (this.#bytes > limits.imapSession.collectedBytes || literal?.binary === true) {
      this.#session.answers.refuse(this.#head.tag, literal?.binary === true ? refusals.syntax : refusals.tooLong);
      intake.skip(literal);
      return;
    }
    const text = bytes.subarray(first ? this.#head.tag.length + 1 : 0, bytes.length - announcementLength(bytes, literal));
    this.#outgoing.push(text);
    if (literal === undefined) {
      intake.done();
      this.#begin(this.#session, { ...this.#head, outgoing: this.#outgoing, pieces: this.#pieces });
    } else if (literal.synchronizing) {
      this.#session.outlet.write(continueLiteral);
    }
  }
}

/** Octets of `{n}`, `{n+}` or `~{n}` at the end of a line. */
export function announcementLength(line: Buffer, literal: Literal | undefined): number {
  if (literal === undefined) return 0;
  const open = line.lastIndexOf(0x7b) - (literal.binary ? 1 : 0);
  return line.length - open;
}
