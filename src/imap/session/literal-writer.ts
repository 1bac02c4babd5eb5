/**
 * What is sent to the server, in order. Every literal waits until the server has agreed to it, also where it says that
 * it need not (RFC 7888): Dovecot 2.3 refuses some commands before their literals, and then takes for commands of the
 * client what stands in a literal that was sent unasked. They could select another mailbox than the one judged here.
 */
import type { Literal, OutgoingCommand } from '../wire/wire.js';

interface Held {
  readonly tag: string;
  readonly bytes: Buffer;
  /** the octets behind these are a literal that the server must agree to; called when it has */
  readonly granted: ((raw: Buffer) => void) | undefined;
}

const nothing = (): void => undefined;

/** `tag`, a space, the command, CRLF. */
function wholeLine(tag: string, command: Buffer): Buffer {
  const line = Buffer.allocUnsafe(tag.length + 1 + command.length + 2);
  let length = line.write(tag, 0, 'latin1');
  line[length] = 0x20;
  length += 1 + command.copy(line, length + 1);
  line[length] = 0x0d;
  line[length + 1] = 0x0a;
  return line;
}

export class LiteralWriter {
  readonly #send: (bytes: Buffer) => void;
  #held: Held[] = [];
  #awaited: { readonly tag: string; readonly granted: (raw: Buffer) => void } | undefined;

  /** @param send writes to the socket */
  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  /** Whether octets must wait until the server has agreed to a literal. */
  get waiting(): boolean {
    return this.#awaited !== undefined;
  }

  /** Sends a whole command; what must wait is kept here. */
  command(tag: string, command: OutgoingCommand): void {
    const [only, ...others] = command;
    if (Buffer.isBuffer(only) && others.length === 0) {
      this.write(tag, wholeLine(tag, only));
      return;
    }
    let line: Buffer = Buffer.from(`${tag} `, 'latin1');
    for (const part of command) {
      if (Buffer.isBuffer(part)) {
        line = Buffer.concat([line, part]);
        continue;
      }
      this.announce(tag, line, { size: part.literal.length, binary: false }, nothing);
      line = part.literal;
    }
    this.write(tag, Buffer.concat([line, Buffer.from('\r\n')]));
  }

  /** Sends octets of the command with this tag of ours, at once or when those before them have been sent. */
  write(tag: string, bytes: Buffer): void {
    if (this.#awaited === undefined) this.#send(bytes);
    else this.#held.push({ tag, bytes, granted: undefined });
  }

  /**
   * Sends a line and the announcement of the literal behind it.
   * @param line without the announcement
   * @param granted the server agreed
   */
  announce(tag: string, line: Buffer, literal: Pick<Literal, 'size' | 'binary'>, granted: (raw: Buffer) => void): void {
    const text = `${literal.binary ? '~' : ''}{${literal.size}}\r\n`;
    const bytes = Buffer.concat([line, Buffer.from(text, 'latin1')]);
    if (this.#awaited === undefined) this.#ask(tag, bytes, granted);
    else this.#held.push({ tag, bytes, granted });
  }

  #ask(tag: string, bytes: Buffer, granted: (raw: Buffer) => void): void {
    this.#awaited = { tag, granted };
    this.#send(bytes);
  }

  /** A continuation request came. False: no literal waits for one. @param raw it, with CRLF */
  continued(raw: Buffer): boolean {
    const awaited = this.#awaited;
    if (awaited === undefined) return false;
    this.#awaited = undefined;
    awaited.granted(raw);
    this.#release();
    return true;
  }

  /** The command was answered: if the server refused its literal, the rest of it is not sent. */
  answered(tag: string): void {
    if (this.#awaited?.tag !== tag) return;
    this.#awaited = undefined;
    this.#held = this.#held.filter((held) => held.tag !== tag);
    this.#release();
  }

  #release(): void {
    for (let held = this.#held[0]; held !== undefined && this.#awaited === undefined; held = this.#held[0]) {
      this.#held.shift();
      if (held.granted === undefined) this.#send(held.bytes);
      else this.#ask(held.tag, held.bytes, held.granted);
    }
  }
}
