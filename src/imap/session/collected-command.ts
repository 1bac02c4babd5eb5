/** Commands that are read as a whole before anything is done, and the words for their pieces on the way in. */
import { limits } from '../../runtime/limits.js';
import { announcementBytes } from '../wire/argument-check.js';
import type { Command, CommandPiece, OutgoingCommand } from '../wire/wire.js';
import { continueLiteral, refusals } from './replies.js';
import type { ImapSession } from './session.js';

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

const none: Buffer = Buffer.alloc(0);

/** What is done with it. */
export type Begin = (session: ImapSession, command: CollectedCommand) => void;

/** Whether nothing stands behind the verb. */
export function isBare(command: CollectedCommand): boolean {
  const [only, ...more] = command.outgoing;
  return more.length === 0 && Buffer.isBuffer(only) && only.length === command.verb.length;
}

/** Keeps a command until it is there as a whole, within a bound; its literals are agreed to by us. */
export class Collector implements PieceTaker {
  readonly holds = false;
  readonly plain = false;
  readonly #session: ImapSession;
  readonly #head: CommandHead;
  readonly #begin: Begin;
  readonly #pieces: CommandPiece[] = [];
  readonly #outgoing: (Buffer | { readonly literal: Buffer })[] = [];
  /** of the literal that comes in */
  #data: Buffer = none;
  #filled = 0;
  #bytes = 0;

  constructor(session: ImapSession, head: CommandHead, begin: Begin) {
    this.#session = session;
    this.#head = head;
    this.#begin = begin;
  }

  take(piece: Exclude<CommandPiece, { readonly kind: 'fault' }>): void {
    if (piece.kind === 'data') {
      this.#takeData(piece.bytes, piece.end);
      return;
    }
    this.#pieces.push(piece);
    const { bytes, literal } = piece;
    const { intake } = this.#session;
    const first = this.#pieces.length === 1;
    this.#bytes += bytes.length + (literal?.size ?? 0);
    const { collectedBytes, loginBytes } = limits.imapSession;
    if (this.#bytes > (this.#session.authenticated ? collectedBytes : loginBytes) || literal?.binary === true) {
      this.#session.answers.refuse(this.#head.tag, literal?.binary === true ? refusals.syntax : refusals.tooLong);
      intake.skip(literal);
      return;
    }
    const text = bytes.subarray(
      first ? this.#head.tag.length + 1 : 0,
      bytes.length - announcementBytes(bytes, literal),
    );
    this.#outgoing.push(text);
    if (literal === undefined) {
      intake.done();
      const { tag, verb } = this.#head;
      this.#begin(this.#session, { tag, verb, outgoing: this.#outgoing, pieces: this.#pieces });
    } else {
      this.#data = Buffer.alloc(literal.size);
      this.#filled = 0;
      if (literal.synchronizing) this.#session.outlet.write(continueLiteral);
    }
  }

  /** Octets that come one by one are no more than they are. */
  #takeData(bytes: Buffer, end: boolean): void {
    bytes.copy(this.#data, this.#filled);
    this.#filled += bytes.length;
    if (!end) return;
    this.#pieces.push({ kind: 'data', bytes: this.#data, end });
    this.#outgoing.push({ literal: this.#data });
  }
}
