/**
 * What is sent to the server, in order. Knows in which form the server takes literals and waits where it must be asked
 * first: a literal sent unasked to a server that does not expect it would be read as commands.
 */
import type { LiteralForm } from './capability.js';
import type { OutgoingCommand } from './exchange.js';
import type { Literal } from './wire.js';

/** RFC 7888 §5: what LITERAL- allows without asking, octets */
const smallLiteralBytes = 4096;

interface Held {
  readonly tag: string;
  readonly bytes: Buffer;
  /** the octets behind these are a literal that the server must agree to; called when it has */
  readonly granted: ((raw: Buffer) => void) | undefined;
}

const nothing = (): void => undefined;

export class LiteralWriter {
  form: LiteralForm = 'synchronizing';
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
    let line: Buffer = Buffer.from(`${tag} `, 'latin1');
    for (const part of command) {
      if (Buffer.isBuffer(part)) {
        line = Buffer.concat([line, part]);
        continue;
      }
      const literal = { size: part.literal.length, synchronizing: true, binary: false };
      this.announce(tag, line, this.allows(literal) ? { ...literal, synchronizing: false } : literal, nothing);
      line = part.literal;
    }
    this.write(tag, Buffer.concat([line, Buffer.from('\r\n')]));
  }

  /** Whether the server takes a literal of this size without being asked. */
  allows(literal: Pick<Literal, 'size'>): boolean {
    return this.form === 'any-size' || (this.form === 'small' && literal.size <= smallLiteralBytes);
  }

  /** Sends octets of the command with this tag of ours, at once or when those before them have been sent. */
  write(tag: string, bytes: Buffer): void {
    if (this.#awaited === undefined) this.#send(bytes);
    else this.#held.push({ tag, bytes, granted: undefined });
  }

  /**
   * Sends a line and the announcement of the literal behind it.
   * @param line without the announcement
   * @param granted the server agreed; not called for a non-synchronizing literal, which needs no agreement
   */
  announce(tag: string, line: Buffer, literal: Literal, granted: (raw: Buffer) => void): void {
    const text = `${literal.binary ? '~' : ''}{${literal.size}${literal.synchronizing ? '' : '+'}}\r\n`;
    const bytes = Buffer.concat([line, Buffer.from(text, 'latin1')]);
    if (!literal.synchronizing) this.write(tag, bytes);
    else if (this.#awaited === undefined) this.#ask(tag, bytes, granted);
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
