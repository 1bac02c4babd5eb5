/**
 * Tells which messages a client will ask for next. One that goes through its mailbox message by message waits for each
 * of them twice: for the server, and until what it is shown is written down. Read ahead, they are judged together.
 */
import { limits } from '../../runtime/limits.js';
import { type Mailbox, standings } from '../handler.js';
import type { FetchRequest } from '../wire/wire.js';

const oneNumber = /^[1-9]\d{0,8}$/;

export class ReadAhead {
  readonly #now: () => number;
  /** messages in the mailbox; undefined when the server has not said it */
  #exists: number | undefined;
  #byUid = false;
  #last = 0;
  #askedAt = 0;
  /** the way through the mailbox: upwards or downwards */
  #direction = 0;
  /** steps that were taken in it without a stop */
  #steps = 0;
  /** messages to read at the next time, at the most */
  #messages: number = limits.readAhead.messagesLeast;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Another mailbox, or none. */
  clear(): void {
    this.#exists = undefined;
    this.#stop();
    this.#last = 0;
  }

  /** EXISTS; undefined when messages disappeared without being told one by one. */
  counted(messages: number | undefined): void {
    this.#exists = messages;
  }

  /** EXPUNGE */
  expunged(): void {
    if (this.#exists !== undefined) this.#exists -= 1;
  }

  /** A FETCH of what waits for a judgement begins. */
  asked({ uid, set }: FetchRequest): void {
    const now = this.#now();
    const number = oneNumber.test(set) ? Number(set) : 0;
    const step = number - this.#last;
    // Parts of one message are asked for one after the other.
    if (step !== 0 || uid !== this.#byUid) {
      const inPace = now - this.#askedAt <= limits.readAhead.paceMs;
      // UIDs have gaps where messages are gone.
      const isStep = Math.abs(step) <= (uid ? limits.readAhead.uidGap : 1);
      const isNext = uid === this.#byUid && isStep && number > 0 && this.#last > 0;
      if (!isNext || !inPace || this.#direction === -Math.sign(step)) this.#stop();
      if (isNext && inPace) {
        this.#direction = Math.sign(step);
        this.#steps += 1;
      }
    }
    this.#byUid = uid;
    this.#last = number;
    this.#askedAt = now;
  }

  #stop(): void {
    this.#direction = 0;
    this.#steps = 0;
    this.#messages = limits.readAhead.messagesLeast;
  }

  /** A sequence set of what follows the message that was asked for last, as that was numbered; undefined for nothing. */
  next(mailbox: Mailbox): string | undefined {
    if (this.#steps < limits.readAhead.stepsLeast) return undefined;
    const end = this.#last + this.#direction * this.#messages;
    const first = Math.max(1, Math.min(this.#last + 1, end));
    const last = Math.max(this.#last - 1, end);
    if (this.#byUid) return unjudged(mailbox, first, last);
    // What is beyond the end is an error for the whole command.
    const bounded = Math.min(last, this.#exists ?? 0);
    return first > bounded ? undefined : `${first}:${bounded}`;
  }

  /** Those of these messages that are read: the next ones, as many as are small enough, and in the order of their numbers. */
  chosen<Message extends SizedMessage>(messages: readonly Message[], mailbox: Mailbox): readonly Message[] {
    const inOrder = [...messages].sort((one, other) => one.uid - other.uid);
    if (this.#direction < 0) inOrder.reverse();
    const chosen: Message[] = [];
    let bytes = 0;
    for (const message of inOrder) {
      if (mailbox.standing(message.uid) !== standings.unjudged) continue;
      bytes += message.bytes;
      if (bytes > limits.readAhead.bytesMax) break;
      chosen.push(message);
    }
    return this.#direction < 0 ? chosen.reverse() : chosen;
  }

  /** @param answered the server had nothing against it */
  read(answered: boolean): void {
    if (answered) {
      this.#messages = Math.min(this.#messages * 2, limits.readAhead.messagesMax);
    } else {
      this.#stop();
      this.#last = 0;
    }
  }
}

export interface SizedMessage {
  readonly uid: number;
  readonly bytes: number;
}

/** UIDs between these that nobody has judged yet, as a set. */
function unjudged(mailbox: Mailbox, first: number, last: number): string | undefined {
  const uids: number[] = [];
  for (let uid = first; uid <= last; uid += 1) if (mailbox.standing(uid) === standings.unjudged) uids.push(uid);
  return uids.length === 0 ? undefined : uids.join();
}
