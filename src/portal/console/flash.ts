/**
 * What the last action led to, kept for the page that follows it. The address of that page names the sentence and does
 * not hold it, so that nobody can put words into our mouth by a link.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { limits } from '../../runtime/limits.js';
import { seeOther } from '../answers.js';
import { type Operator, operatorOf } from '../operator.js';
import type { Flash } from '../view/console-page.js';

interface Kept {
  readonly flash: Flash;
  readonly session: string;
  readonly until: number;
}

const fieldName = 'told';

export class Flashes {
  readonly #kept = new Map<string, Kept>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Sends the browser to a page that tells it. @param path of ours, with or without a query */
  redirect(request: FastifyRequest, reply: FastifyReply, path: string, flash: Flash): FastifyReply {
    const id = randomBytes(12).toString('base64url');
    const { csrf } = operatorOf(request);
    this.#kept.set(id, { flash, session: csrf, until: this.#clock() + limits.console.flashMs });
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > limits.console.flashesMax) this.#kept.delete(oldest);
    return seeOther(reply, `${path}${path.includes('?') ? '&' : '?'}${fieldName}=${id}`);
  }

  /** The sentence that the address of a page names, if it was said to this session and not long ago. */
  of(request: FastifyRequest, operator: Operator): Flash | undefined {
    const id = new URL(request.url, 'http://localhost').searchParams.get(fieldName) ?? '';
    const kept = this.#kept.get(id);
    return kept?.session === operator.csrf && this.#clock() < kept.until ? kept.flash : undefined;
  }
}
