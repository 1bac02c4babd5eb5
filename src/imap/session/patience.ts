/** How long a session waits, and for whom. Told what happens and what time it is; says when it has been too long. */
import { limits } from '../../runtime/limits.js';
import type { Ending } from './replies.js';
import type { SessionTimeouts } from './session-io.js';

export interface Waiting {
  readonly loggedIn: boolean;
  /** the server has a command of ours to answer, and may speak */
  readonly serverOwes: boolean;
  /** it is the client's turn */
  readonly clientsTurn: boolean;
  /** octets that the client has not taken, and octets ever written for it */
  readonly backlog: number;
  readonly written: number;
}

export class Patience {
  readonly #timeouts: SessionTimeouts;
  readonly #now: () => number;
  readonly #began: number;
  #client: number;
  #server: number;
  /** since when octets wait for a client that takes none, and what it had taken then */
  #stalled: { readonly since: number; readonly taken: number } | undefined;

  constructor(timeouts: SessionTimeouts, now: () => number) {
    this.#timeouts = timeouts;
    this.#now = now;
    this.#began = now();
    this.#client = this.#began;
    this.#server = this.#began;
  }

  clientSpoke(): void {
    this.#client = this.#now();
  }

  serverSpoke(): void {
    this.#server = this.#now();
  }

  /** A command is on its way: the time that it may take begins. */
  serverOwes(): void {
    this.#server = this.#now();
  }

  /** Whose silence, if any, has lasted too long. */
  exhausted(now: number, waiting: Waiting): Ending | undefined {
    const { loginMs, idleMs, upstreamReplyMs, stallMs, judgeMs } = this.#timeouts;
    const taken = waiting.written - waiting.backlog;
    if (waiting.backlog === 0) this.#stalled = undefined;
    else if (this.#stalled === undefined || taken - this.#stalled.taken >= limits.imapSession.progressBytes) {
      this.#stalled = { since: now, taken };
    }
    if (this.#stalled !== undefined) return now - this.#stalled.since > stallMs ? 'stalled' : undefined;
    if (!waiting.loggedIn && now - this.#began > loginMs) return 'loginTimeout';
    if (waiting.serverOwes) return now - this.#server > upstreamReplyMs ? 'upstreamTimeout' : undefined;
    if (waiting.clientsTurn) return now - this.#client > idleMs ? 'idleTimeout' : undefined;
    // Ours is the turn. Whoever judges has deadlines of his own, so something of him is stuck.
    return now - Math.max(this.#client, this.#server) > 2 * judgeMs ? 'judgeTimeout' : undefined;
  }
}
