/**
 * Sessions of administrators in their cookies: made, found again, ended. The store knows a session by the digest of its
 * secret alone, and a session is over when its administrator, or his password, is not what it was at the sign-in.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SessionRow } from '../../quarantine/session-store.js';
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { FormGuard } from '../form-guard.js';
import type { Operator } from '../operator.js';
import { type ConsoleAccount, type Credential, credentialOf } from './accounts.js';
import type { ConsoleOptions } from './options.js';

export interface CookieTerms {
  readonly httpOnly: true;
  readonly sameSite: 'strict';
  readonly secure: boolean;
  readonly path: string;
}

/** Over TLS the prefix binds a cookie to this very host (RFC 6265bis §4.1.3.2): no neighbour can set one for us. */
export function cookieName(name: string, url: string): string {
  return url.startsWith('https:') ? `__Host-${name}` : name;
}

export function cookieTerms(url: string): CookieTerms {
  const secure = url.startsWith('https:');
  // The prefix asks for the path of the whole host.
  return { httpOnly: true, sameSite: 'strict', secure, path: secure ? '/' : '/admin' };
}

/** 256 bits that nobody can guess. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** A secret out of a cookie, when it can be one of ours. */
export function secretOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.cookies[name];
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export class Sessions {
  readonly #options: ConsoleOptions;
  readonly #forms: FormGuard;

  /** @param forms makes the value that stands in each form of a session */
  constructor(options: ConsoleOptions, forms: FormGuard) {
    this.#options = options;
    this.#forms = forms;
  }

  get #cookie(): string {
    return cookieName('sluice', this.#options.url());
  }

  /** A new secret, whatever the browser came with: a session that somebody else prepared leads nowhere. */
  async open(reply: FastifyReply, account: ConsoleAccount, credential: Credential): Promise<void> {
    const secret = newSecret();
    const now = this.#options.clock();
    await this.#options.store.call('openSession', digestOf(secret), {
      account: account.name,
      credential: credential.digest,
      created: now,
      seen: now,
      expires: now + limits.console.sessionMaxMs,
    });
    reply.setCookie(this.#cookie, secret, cookieTerms(this.#options.url()));
  }

  /** Who sent a request; undefined for a stranger and for a session that is over. */
  async find(request: FastifyRequest): Promise<Operator | undefined> {
    const secret = secretOf(request, this.#cookie);
    if (secret === undefined) return undefined;
    const hash = digestOf(secret);
    const { store, clock, accounts } = this.#options;
    const row = await store.call('session', hash);
    if (row === undefined) return undefined;
    const now = clock();
    const account = accounts().find(({ name }) => name === row.account);
    const lives = account !== undefined && !isOver(row, now) && (await this.#isCurrent(account, row));
    if (!lives) {
      await store.call('closeSession', hash);
      return undefined;
    }
    if (Math.abs(now - row.seen) >= limits.console.touchMs) await store.call('touchSession', hash, now);
    return { name: account.name, csrf: this.#forms.nonce(secret) };
  }

  async #isCurrent(account: ConsoleAccount, row: SessionRow): Promise<boolean> {
    try {
      const credential = await credentialOf(account);
      return credential !== undefined && timingSafeEqual(credential.digest, row.credential);
    } catch (error) {
      this.#options.log('error', 'the password file of an administrator cannot be read', {
        account: account.name,
        reason: messageOf(error),
      });
      return false;
    }
  }

  /** Whether a form was made for the session that sent it. */
  ownsForm(request: FastifyRequest, nonce: string): boolean {
    const secret = secretOf(request, this.#cookie);
    return secret !== undefined && this.#forms.accepts(secret, nonce);
  }

  async close(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const secret = secretOf(request, this.#cookie);
    if (secret !== undefined) await this.#options.store.call('closeSession', digestOf(secret));
    reply.clearCookie(this.#cookie, cookieTerms(this.#options.url()));
  }
}

function isOver(row: SessionRow, now: number): boolean {
  return now >= row.expires || now - row.seen >= limits.console.sessionIdleMs || now < row.created - dayMs;
}

/** A clock that jumps back by more than this says nothing about how old a session is. */
const dayMs = 86_400_000;
