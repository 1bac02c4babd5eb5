/**
 * The client's commands that are under way, in its order, and whom each tag of ours belongs to. Tags of the client are
 * never sent to the server, so two equal ones, or one that looks like ours, cannot confuse an answer.
 */
import { limits } from '../../runtime/limits.js';
import type { Exchange, TaggedResponse } from '../exchange.js';

export interface UnderWay {
  /** of the client, latin1 */
  readonly clientTag: string;
  /** nothing else is under way beside it */
  readonly alone: boolean;
  readonly exchange: Exchange | undefined;
}

export type Answered = (response: TaggedResponse) => void;

export class CommandQueue {
  #entries: (UnderWay | Buffer)[] = [];
  readonly #awaited = new Map<string, { readonly answered: Answered; readonly clientTag: string | undefined }>();
  readonly #tagPrefix: string;
  #lastTag = 0;

  constructor(tagPrefix: string) {
    this.#tagPrefix = tagPrefix;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** What the server's untagged responses belong to first. */
  get oldest(): UnderWay | undefined {
    const head = this.#entries[0];
    return head === undefined || Buffer.isBuffer(head) ? undefined : head;
  }

  /** Whether the server owes a tagged answer. */
  get unanswered(): boolean {
    return this.#awaited.size > 0;
  }

  /** Whether a command may begin now: those that change what the others mean, or that are judged, are alone. */
  admits(alone: boolean): boolean {
    if (this.#entries.length === 0) return true;
    return !alone && this.oldest?.alone !== true && this.#entries.length < limits.imapSession.pipelineMax;
  }

  begin(entry: UnderWay): void {
    this.#entries.push(entry);
  }

  /** An answer of ours that has to wait for those before it. */
  own(reply: Buffer): void {
    this.#entries.push(reply);
  }

  /** Takes a finished command out. @returns answers of ours that wait for nothing any more */
  finish(entry: UnderWay): Buffer[] {
    const at = this.#entries.indexOf(entry);
    if (at !== -1) this.#entries.splice(at, 1);
    const ready: Buffer[] = [];
    for (let head = this.#entries[0]; head !== undefined && Buffer.isBuffer(head); head = this.#entries[0]) {
      ready.push(head);
      this.#entries.shift();
    }
    return ready;
  }

  /**
   * A tag for a command to the server.
   * @param clientTag of the command that it is, if it is the client's own
   */
  expect(answered: Answered, clientTag?: string): string {
    this.#lastTag += 1;
    const tag = `${this.#tagPrefix}${this.#lastTag}`;
    this.#awaited.set(tag, { answered, clientTag });
    return tag;
  }

  /** Who waits for the answer with this tag; undefined when we never sent it, or it was answered before. */
  take(tag: string): Answered | undefined {
    const awaited = this.#awaited.get(tag);
    this.#awaited.delete(tag);
    return awaited?.answered;
  }

  /** What the client calls a command under way; undefined for what it does not know of. */
  clientTag(tag: string): string | undefined {
    return this.#awaited.get(tag)?.clientTag;
  }

  clear(): void {
    const entries = this.#entries;
    this.#entries = [];
    this.#awaited.clear();
    for (const entry of entries) if (!Buffer.isBuffer(entry)) entry.exchange?.abort();
  }
}
