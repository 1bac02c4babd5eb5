/**
 * The administrators' pages as a whole: who gets in, and which pages there are. Every route of the inner scope is behind
 * the sign-in, and every form in it is bound to its session.
 */
import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { limits } from '../../runtime/limits.js';
import { notAllowed, readForm, refuse, seeOther, sendPage } from '../answers.js';
import { FormGuard, isSameOrigin } from '../form-guard.js';
import type { SettingsOptions } from '../settings/options.js';
import { registerSettings } from '../settings/register.js';
import { csrfFieldName } from '../view/controls.js';
import { SayingPage } from '../view/public-page.js';
import { registerAudit } from './audit-list.js';
import { Flashes } from './flash.js';
import { registerHealth } from './health-page.js';
import { registerIncidentList } from './incident-list.js';
import { registerIncident } from './incident-page.js';
import { registerItem } from './item-routes.js';
import { deriveKey } from './known-browser.js';
import { nextPage } from './next-page.js';
import type { ConsoleOptions } from './options.js';
import { registerOverview } from './overview.js';
import { registerQuarantineList } from './quarantine-list.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';

/** What the pages behind the sign-in share. */
export interface ConsoleTools {
  readonly options: ConsoleOptions;
  readonly flashes: Flashes;
  /** undefined where the configuration cannot be changed from here */
  readonly settings: SettingsOptions | undefined;
}

export function registerConsole(app: FastifyInstance, options: ConsoleOptions): void {
  const sessions = new Sessions(options, new FormGuard(deriveKey(options.secret, 'forms')));
  const signIn = new SignIn(options, sessions);
  const { store, clock, log, live } = options;
  const flashes = new Flashes(clock);
  const settings = live === undefined ? undefined : { live, store, flashes, clock, log };
  const tools = { options, flashes, settings };
  void app.register(async (scope) => {
    await scope.register(cookie);
    scope.addHook('onRequest', async (_request, reply) =>
      options.accounts().length === 0 ? refuse(reply, 404) : undefined,
    );
    signIn.register(scope);
    await scope.register(async (inner) => {
      // Before the body is read: a stranger's is not.
      inner.addHook('onRequest', (request, reply) => admit(request, reply, sessions));
      inner.addHook('preHandler', (request, reply) => checkForm(request, reply, sessions, options));
      inner.addHook('onRoute', (route) => {
        route.bodyLimit ??= limits.console.formBytes;
      });
      inner.post('/admin/sign-out', (request, reply) => signIn.signOut(request, reply));
      inner.get('/admin/sign-out', async (_request, reply) => notAllowed(reply, 'POST'));
      registerPages(inner, tools);
    });
  });
}

/** The pages, each section in its own file. */
function registerPages(scope: FastifyInstance, tools: ConsoleTools): void {
  registerOverview(scope, tools);
  registerQuarantineList(scope, tools);
  registerItem(scope, tools);
  registerIncidentList(scope, tools);
  registerIncident(scope, tools);
  registerHealth(scope, tools);
  registerAudit(scope, tools);
  if (tools.settings !== undefined) registerSettings(scope, tools.settings);
}

async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  sessions: Sessions,
): Promise<FastifyReply | undefined> {
  const operator = await sessions.find(request);
  if (operator !== undefined) {
    request.operator = operator;
    return undefined;
  }
  if (request.method === 'POST') return seeOther(reply, '/admin/sign-in?why=over');
  if (request.headers['sec-fetch-site'] === 'cross-site') return continueHere(request, reply);
  const next = nextPage(request.url);
  return seeOther(reply, next === '/admin' ? '/admin/sign-in' : `/admin/sign-in?next=${encodeURIComponent(next)}`);
}

/** A link on another site comes without the strict cookie; the same link on a page of ours brings it. */
function continueHere(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const page = (
    <SayingPage heading="You come from another site" sentence="Your browser tells us who you are only after this step.">
      <p>
        <a href={nextPage(request.url)}>Continue to Sluice</a>
      </p>
    </SayingPage>
  );
  return sendPage(reply, 403, page);
}

async function checkForm(
  request: FastifyRequest,
  reply: FastifyReply,
  sessions: Sessions,
  options: ConsoleOptions,
): Promise<FastifyReply | undefined> {
  if (request.method !== 'POST') return undefined;
  const nonce = readForm(request).get(csrfFieldName) ?? '';
  const ours = isSameOrigin(request.headers, options.url()) && sessions.ownsForm(request, nonce);
  return ours ? undefined : refuse(reply, 403);
}
