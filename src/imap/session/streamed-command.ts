/**
 * A command that passes as it comes, its tag and the form of its literals excepted; so large that only its octets in
 * flight are ever in memory.
 */

import type { PassRule } from '../command/commands.js';
import type { TaggedResponse } from '../exchange.js';
import { ArgumentCheck, announcementBytes } from '../wire/argument-check.js';
import { hasSections } from '../wire/section-brackets.js';
import type { CommandPiece, Literal } from '../wire/wire.js';
import type { CommandHead, PieceTaker } from './collected-command.js';
import type { UnderWay } from './command-queue.js';
import { refusals } from './replies.js';
import type { ImapSession } from './session.js';

const lineEnd = Buffer.from('\r\n');

export class StreamedCommand implements PieceTaker {
  readonly plain = false;
  readonly #session: ImapSession;
  readonly #head: CommandHead;
  readonly #rule: PassRule;
  readonly #alone: boolean;
  readonly #arguments: ArgumentCheck;
  #tag = '';
  #entry: UnderWay | undefined;
  /** the literal that the server was asked for and has not agreed to */
  #asked: Literal | undefined;
  #answered = false;
  /** the client has sent all of it */
  #whole = false;

  constructor(session: ImapSession, head: CommandHead, alone: boolean, rule: PassRule) {
    this.#session = session;
    this.#head = head;
    this.#arguments = new ArgumentCheck(hasSections(head.verb));
    this.#alone = alone;
    this.#rule = rule;
  }

  get holds(): boolean {
    return this.#asked !== undefined || this.#session.upstreamFull;
  }

  take(piece: Exclude<CommandPiece, { readonly kind: 'fault' }>): void {
    const { writer } = this.#session.answers;
    if (piece.kind === 'data') {
      if (piece.bytes.length > 0) writer.write(this.#tag, piece.bytes);
      return;
    }
    const { bytes, literal } = piece;
    if (this.#answered) {
      // The server has refused the command within a literal and reads over the rest of its line; a further literal it
      // would not agree to any more.
      this.#whole = true;
      writer.write(this.#tag, lineEnd);
      this.#session.intake.skip(literal);
      return;
    }
    const wellFormed = this.#arguments.line(bytes, literal);
    const refusal = this.#rule.check?.(bytes) ?? (wellFormed ? undefined : refusals.syntax);
    if (refusal !== undefined) {
      this.#refuse(refusal, literal);
      return;
    }
    const text = bytes.subarray(0, bytes.length - announcementBytes(bytes, literal));
    const line = this.#entry === undefined ? this.#begin(text) : text;
    if (literal !== undefined) {
      this.#announce(line, literal);
      return;
    }
    this.#session.intake.done();
    this.#whole = true;
    writer.write(this.#tag, Buffer.concat([line, lineEnd]));
  }

  /** The first line under a tag of ours. */
  #begin(text: Buffer): Buffer {
    const { answers } = this.#session;
    this.#entry = { clientTag: this.#head.tag, alone: this.#alone, exchange: undefined };
    answers.queue.begin(this.#entry);
    this.#tag = answers.expect((response) => this.#answer(response), this.#head.tag);
    this.#session.contexts.begin(text, this.#tag, this.#head.tag);
    return Buffer.concat([Buffer.from(`${this.#tag} `, 'latin1'), text.subarray(this.#head.tag.length + 1)]);
  }

  /** The server is asked first, whatever the client's form; meanwhile what the client sends unasked waits. */
  #announce(line: Buffer, literal: Literal): void {
    const { outlet } = this.#session;
    const { writer } = this.#session.answers;
    this.#asked = literal;
    writer.announce(this.#tag, line, literal, (raw) => {
      this.#asked = undefined;
      if (literal.synchronizing) outlet.write(raw);
    });
  }

  #refuse(text: string, literal: Literal | undefined): void {
    const session = this.#session;
    if (this.#entry === undefined) {
      session.answers.refuse(this.#head.tag, text);
      session.intake.skip(literal);
    } else {
      // The server has the first half of the command, and there is no way to take it back.
      session.clientBroke('syntax');
    }
  }

  #answer(response: TaggedResponse): void {
    const session = this.#session;
    const asked = this.#asked;
    if (!this.#whole && !this.#answered) {
      if (response.status === 'OK') {
        session.serverBroke('a command was answered before it was sent');
        return;
      }
      this.#asked = undefined;
      // Else the server reads the literal although it has refused the command (RFC 7888 §4), so the rest is still sent.
      if (asked !== undefined) session.intake.skip(asked);
    }
    this.#answered = true;
    if (this.#entry === undefined) return;
    session.answers.pass(this.#entry, response);
    this.#rule.answered?.(session, response);
  }
}
