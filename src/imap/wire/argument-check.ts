/**
 * Says of a command that passes line by line whether its arguments are of the grammar (RFC 9051 §9). One that is not
 * must not reach the server: Dovecot 2.3 gives up within the line of a malformed APPEND and reads on behind the fault
 * as if another command began there.
 */
import { limits } from '../../runtime/limits.js';
import { isArgumentOctet, octet, upperCase } from './octet-scan.js';
import { sectionNames } from './section-brackets.js';
import type { Literal } from './wire.js';

const nowhere = Number.POSITIVE_INFINITY;

export class ArgumentCheck {
  readonly #sections: boolean;
  #depth = 0;
  #lines = 0;
  /** how deep the brackets stand that have been opened last and hold a list */
  #section = nowhere;

  /** @param sections lists may stand in brackets, as in `BODY[HEADER.FIELDS (To)]` (RFC 9051 §9 section) */
  constructor(sections: boolean) {
    this.#sections = sections;
  }

  /**
   * @param line of the command, each in its turn, with the literal's announcement
   * @returns whether all is well so far; after false, nothing that follows can be judged
   */
  line(line: Buffer, literal: Literal | undefined): boolean {
    const end = line.length - announcementBytes(line, literal);
    // A literal ends an argument, so what follows it must be set apart from it.
    let apart = this.#lines === 0;
    this.#lines += 1;
    for (let at = 0; at < end; ) {
      const byte = line[at] ?? 0;
      if (byte === octet.space) {
        apart = true;
        at += 1;
      } else if (byte === octet.closeParen) {
        this.#depth -= 1;
        if (this.#depth < 0) return false;
        apart = false;
        at = this.#closed(line, at + 1, end);
        if (at === -1) return false;
      } else if (!apart) return false;
      else if (byte === octet.openParen) {
        this.#depth += 1;
        if (this.#depth > limits.imap.commandDepthMax) return false;
        at += 1;
      } else {
        const from = at;
        at = byte === octet.quote ? stringEnd(line, at + 1, end) : atomEnd(line, at, end);
        if (at === -1) return false;
        if (this.#sections && this.#depth <= this.#section) {
          this.#section = opensSection(line, from, at) ? this.#depth : nowhere;
        }
        apart = false;
      }
    }
    return literal === undefined ? this.#depth === 0 : apart;
  }

  /** Behind a list, and behind what ends the brackets that it stood in; -1 when they do not end there. */
  #closed(line: Buffer, at: number, end: number): number {
    if (this.#depth !== this.#section) return at;
    this.#section = nowhere;
    return at < end && line[at] === octet.closeBracket ? atomEnd(line, at, end) : -1;
  }
}

/** Whether this is the beginning of `BODY[HEADER.FIELDS (To)]`. */
function opensSection(line: Buffer, from: number, to: number): boolean {
  const text = line.toString('latin1', from, to);
  const open = text.indexOf('[');
  return open !== -1 && !text.includes(']', open) && sectionNames.has(upperCase(text.slice(0, open)));
}

/** Octets of `{n}`, `{n+}` or `~{n}` at the end of a line. */
export function announcementBytes(line: Buffer, literal: Literal | undefined): number {
  if (literal === undefined) return 0;
  return line.length - line.lastIndexOf(octet.openBrace) + (literal.binary ? 1 : 0);
}

/** Behind the closing quote; -1 when there is none, or a backslash stands before what needs none. */
function stringEnd(line: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    const byte = line[at];
    if (byte === octet.quote) return at + 1;
    if (byte === octet.backslash) {
      at += 1;
      if (at >= end || (line[at] !== octet.quote && line[at] !== octet.backslash)) return -1;
    }
  }
  return -1;
}

/** Behind the last octet of what is neither string nor list; -1 for an octet that may not stand there. */
function atomEnd(line: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && line[at] !== octet.space && line[at] !== octet.closeParen) {
    if (!isArgumentOctet(line[at] ?? 0)) return -1;
    at += 1;
  }
  return at;
}
