/**
 * Replies in the order of their commands (RFC 2920 §3.2): what we wait for from the next hop, with our own replies
 * queued among them.
 */
import type { MailPath } from './mail-path.js';
import type { UpstreamReply } from './reply-reader.js';

/** What the next reply of the next hop will mean to us. */
export type Expected =
  | { readonly kind: 'ehlo' | 'helo' | 'rset' | 'auth' | 'quit' | 'plain' | 'swallow' | 'abandon' }
  | { readonly kind: 'mail' | 'rcpt'; readonly path: MailPath }
  | { readonly kind: 'content'; take(reply: UpstreamReply): void };

export class ReplyQueue {
  readonly #entries: (Expected | string)[] = [];
  #unanswered = 0;

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** RCPT commands not yet answered. */
  get pendingRecipients(): number {
    return this.#entries.filter((entry) => typeof entry !== 'string' && entry.kind === 'rcpt').length;
  }

  /** Whether a command of this kind is unanswered. */
  expects(kind: Expected['kind']): boolean {
    return this.#entries.some((entry) => typeof entry !== 'string' && entry.kind === kind);
  }

  /** Whether the next reply is to answer a command of this kind. */
  awaits(kind: Expected['kind']): boolean {
    const head = this.#entries[0];
    return typeof head === 'object' && head.kind === kind;
  }

  /** Commands sent upstream and not yet answered. */
  get unanswered(): number {
    return this.#unanswered;
  }

  expect(expected: Expected): void {
    this.#entries.push(expected);
    this.#unanswered += 1;
  }

  /** A reply of ours that has to wait for those before it. */
  own(text: string): void {
    this.#entries.push(text);
  }

  /** What the reply that just came answers; undefined when nothing was asked. */
  next(): Expected | undefined {
    const head = this.#entries.shift();
    if (typeof head !== 'object') return undefined;
    this.#unanswered -= 1;
    return head;
  }

  /** Our own replies that have no unanswered command before them any more. */
  takeReady(): string {
    let text = '';
    while (typeof this.#entries[0] === 'string') text += this.#entries.shift();
    return text;
  }

  clear(): void {
    this.#entries.length = 0;
    this.#unanswered = 0;
  }
}
