/** How a FETCH ends for the client, when several commands were needed to answer it. */
import type { TaggedResponse } from '../exchange.js';

const completed = 'OK Fetch completed';

export class FinalStatus {
  #answer: TaggedResponse | undefined;
  #deferred: string | undefined;
  #refused = false;

  constructor(answer?: TaggedResponse) {
    this.#answer = answer;
  }

  /** The answer to one of the commands. The first that is not OK counts, else the last that says something special. */
  add(answer: TaggedResponse): void {
    if (this.#answer === undefined || (this.#answer.status === 'OK' && isSpecial(answer))) this.#answer = answer;
  }

  /** A message could not be judged: the client may ask again (RFC 5530 §3). */
  defer(text: string): void {
    this.#deferred ??= text;
  }

  refuse(): void {
    this.#refused = true;
  }

  /** With CRLF, without tag. */
  line(): Buffer {
    if (this.#deferred !== undefined) return Buffer.from(`NO [UNAVAILABLE] ${printable(this.#deferred)}\r\n`);
    if (this.#refused) return Buffer.from('NO [CANNOT] A notice stands in for the message, fetch it as a whole\r\n');
    const answer = this.#answer;
    // What a server can do is told by the session, which knows what we carry.
    if (answer === undefined || answer.code?.name === 'CAPABILITY') {
      return Buffer.from(`${answer === undefined ? completed : `${answer.status} Fetch ended`}\r\n`);
    }
    return answer.raw.subarray(answer.raw.indexOf(0x20) + 1);
  }
}

function isSpecial(answer: TaggedResponse): boolean {
  return answer.status !== 'OK' || answer.code !== undefined;
}

function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 200);
}
