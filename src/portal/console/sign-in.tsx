/**
 * The way in and out of the administrators' pages. A stranger learns nothing from it: not whether an account exists, by
 * words or by time; and he gets few tries.
 */
import { createHmac } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../../config/host-port.js';
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import { readForm, refuse, seeOther, sendPage } from '../answers.js';
import { FormGuard, isSameOrigin } from '../form-guard.js';
import { actorOf, operatorOf } from '../operator.js';
import { clientNetwork } from '../request-limit.js';
import { csrfFieldName } from '../view/controls.js';
import { accountNamed, type ConsoleAccount, type Credential, credentialOf } from './accounts.js';
import { FailureRecord } from './failure-record.js';
import { deriveKey, KnownBrowsers } from './known-browser.js';
import { nextPage } from './next-page.js';
import type { ConsoleOptions } from './options.js';
import { dummyRecord, PasswordChecks } from './password.js';
import { cookieName, cookieTerms, newSecret, type Sessions, secretOf } from './sessions.js';
import { SignInPage, wrongEntry } from './sign-in-page.js';

const notes: Readonly<Record<string, string>> = {
  out: 'You are signed out.',
  over: 'Your session is over, so nothing was changed. Sign in to go on.',
};

export class SignIn {
  readonly #options: ConsoleOptions;
  readonly #sessions: Sessions;
  readonly #forms: FormGuard;
  readonly #browsers: KnownBrowsers;
  readonly #countKey: Buffer;
  readonly #checks = new PasswordChecks();
  readonly #failures: FailureRecord;

  constructor(options: ConsoleOptions, sessions: Sessions) {
    this.#options = options;
    this.#sessions = sessions;
    this.#forms = new FormGuard(deriveKey(options.secret, 'sign-in form'));
    this.#browsers = new KnownBrowsers(options.secret);
    this.#countKey = deriveKey(options.secret, 'failures');
    this.#failures = new FailureRecord(options);
  }

  register(scope: FastifyInstance): void {
    const bodyLimit = limits.console.signInBytes;
    scope.get('/admin/sign-in', async (request, reply) => {
      const asked = new URL(request.url, 'http://localhost').searchParams;
      const next = nextPage(asked.get('next'));
      if ((await this.#sessions.find(request)) !== undefined) return seeOther(reply, next);
      return this.#form(request, reply, 200, { next, note: notes[asked.get('why') ?? ''] });
    });
    scope.post('/admin/sign-in', { bodyLimit }, (request, reply) => this.#signIn(request, reply));
  }

  /** Behind the sign-in. */
  async signOut(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const operator = operatorOf(request);
    await this.#sessions.close(request, reply);
    await this.#audit('sign-out', actorOf(operator), request);
    return seeOther(reply, '/admin/sign-in?why=out');
  }

  /** The form is bound to a cookie, so that nobody can make a browser sign in to an account of his (login CSRF). */
  #form(
    request: FastifyRequest,
    reply: FastifyReply,
    status: number,
    words: { next: string; name?: string; error?: string | undefined; note?: string | undefined },
  ): FastifyReply {
    const url = this.#options.url();
    const cookie = cookieName('sluice-form', url);
    const secret = secretOf(request, cookie) ?? newSecret();
    reply.setCookie(cookie, secret, cookieTerms(url));
    return sendPage(reply, status, <SignInPage csrf={this.#forms.nonce(secret)} {...words} />);
  }

  async #signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { url, store, clock } = this.#options;
    const form = readForm(request);
    const next = nextPage(form.get('next'));
    const secret = secretOf(request, cookieName('sluice-form', url()));
    const ours = secret !== undefined && this.#forms.accepts(secret, form.get(csrfFieldName) ?? '');
    if (!isSameOrigin(request.headers, url()) || !ours) {
      const error = 'This page was out of date, or your browser takes no cookies from it. Try again.';
      return this.#form(request, reply, 403, { next, error });
    }
    const name = (form.get('name') ?? '').trim();
    const keys = this.#keysOf(request, name);
    if (this.#checks.full) return refuse(reply, 503);
    const { waitMs, failures } = await store.call('beginSignIn', keys, clock());
    if (waitMs > 0) return this.#refuseForNow(request, reply, next, waitMs);
    const found = await this.#verify(name, form.get('password') ?? '');
    if (found === undefined) {
      const account = accountNamed(this.#options.accounts(), name)?.name;
      await this.#failures.add({ account, client: clientNetwork(request.ip), failures });
      return this.#form(request, reply, 403, { next, name, error: wrongEntry });
    }
    await store.call('forgetFailures', keys);
    return this.#welcome(request, reply, found, next);
  }

  #refuseForNow(request: FastifyRequest, reply: FastifyReply, next: string, waitMs: number): FastifyReply {
    reply.header('retry-after', String(Math.ceil(waitMs / 1000)));
    const minutes = Math.ceil(waitMs / 60_000);
    const error = `There were too many failed attempts. Try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
    return this.#form(request, reply, 429, { next, error });
  }

  /** What failures are counted under, as digests: what stands in the field of the name may be a password. */
  #keysOf(request: FastifyRequest, name: string): string[] {
    const { url, clock, accounts } = this.#options;
    const key = (kind: string, value: string) =>
      createHmac('sha256', this.#countKey).update(`${kind}\n${value}`).digest('base64url');
    const account = accountNamed(accounts(), name)?.name ?? name.toLowerCase();
    const mark = request.cookies[cookieName('sluice-known', url())];
    const browser = this.#browsers.find(mark, account, clock());
    if (browser !== undefined) return [key('browser', browser)];
    const network = clientNetwork(request.ip);
    // A proxy on this machine stands for everybody.
    return isLoopback(network) ? [key('account', account)] : [key('account', account), key('network', network)];
  }

  /** Takes as long for an account that is not there. */
  async #verify(
    name: string,
    password: string,
  ): Promise<{ account: ConsoleAccount; credential: Credential } | undefined> {
    const accounts = this.#options.accounts();
    const account = accountNamed(accounts, name);
    const credentials = await Promise.all(accounts.map((one) => this.#credential(one)));
    const credential = account === undefined ? undefined : credentials[accounts.indexOf(account)];
    const like = credentials.find((one) => one !== undefined)?.record;
    const right = await this.#checks.check(credential?.record ?? dummyRecord(like), password);
    return right && account !== undefined && credential !== undefined ? { account, credential } : undefined;
  }

  async #credential(account: ConsoleAccount): Promise<Credential | undefined> {
    try {
      return await credentialOf(account);
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log('error', 'the password file of an administrator cannot be read', {
        account: account.name,
        reason,
      });
      return undefined;
    }
  }

  async #welcome(
    request: FastifyRequest,
    reply: FastifyReply,
    { account, credential }: { account: ConsoleAccount; credential: Credential },
    next: string,
  ): Promise<FastifyReply> {
    const url = this.#options.url();
    const terms = cookieTerms(url);
    await this.#audit('sign-in', `console:${account.name}`, request);
    await this.#sessions.close(request, reply);
    await this.#sessions.open(reply, account, credential);
    reply.clearCookie(cookieName('sluice-form', url), terms);
    const maxAge = limits.console.deviceMs / 1000;
    const mark = this.#browsers.mark(account.name, this.#options.clock());
    reply.setCookie(cookieName('sluice-known', url), mark, { ...terms, maxAge });
    return seeOther(reply, next);
  }

  async #audit(action: string, actor: string, request: FastifyRequest): Promise<void> {
    const { store, clock, log } = this.#options;
    const detail = { client: clientNetwork(request.ip) };
    log('info', action === 'sign-in' ? 'an administrator signed in' : 'an administrator signed out', {
      actor,
      ...detail,
    });
    await store.call('audit', { at: clock(), actor, action, item: undefined, detail });
  }
}
