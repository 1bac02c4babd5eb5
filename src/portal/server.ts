/**
 * The page that a notice links to: shows what was withheld from one recipient, and takes his wish for its release. The
 * token in the link is all that it knows of a visitor. It reads no Host field, sets no cookie, and a GET changes nothing.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { NoticeSettings } from '../notice/settings.js';
import type { QuarantineLog } from '../quarantine/settings.js';
import type { StoreAccess } from '../quarantine/store-access.js';
import { tokenHash } from '../quarantine/token-table.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { FormGuard, isSameOrigin } from './form-guard.js';
import { itemPage } from './item-page.js';
import { pageFields, sayingPage } from './page.js';
import { RequestLimit } from './request-limit.js';

export interface PortalOptions {
  readonly store: Pick<StoreAccess, 'call'>;
  /** those of this moment; the page says what a notice says */
  readonly notice: () => NoticeSettings;
  /** address under which visitors come, empty when it is not known */
  readonly publicUrl: () => string;
  /** 32 random bytes */
  readonly formKey: Uint8Array;
  readonly clock: () => number;
  readonly log: QuarantineLog;
  /** told the HTTP status of every answer */
  readonly answered: (status: number) => void;
}

interface TokenRoute {
  Params: { token: string };
  Body: unknown;
}

/** Every refusal has one page. That of 404 is the same whatever is wrong with a link, so that none can be tried out. */
const refusals = {
  400: ['This request was not understood', 'Open the link in your notice again.'],
  403: ['This page is out of date', 'Nothing was changed. Open the link in your notice again, and ask from there.'],
  404: [
    'This link does not work',
    'It may have expired, or parts of it are missing. The notice that it came with says whom to ask.',
  ],
  405: ['This is not possible here', 'Open the link in your notice again.'],
  413: ['This request is too long', 'Open the link in your notice again.'],
  415: ['This request was not understood', 'Open the link in your notice again.'],
  429: ['Too many requests', 'Wait a minute, then open the link in your notice again.'],
  503: ['This page does not work at this moment', 'Nothing was changed. Try again in a few minutes.'],
} as const satisfies Readonly<Record<number, readonly [string, string]>>;
type Refusal = keyof typeof refusals;

function send(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply.code(status).headers(pageFields).send(page);
}

function refuse(reply: FastifyReply, status: Refusal): FastifyReply {
  const [heading, sentence] = refusals[status];
  return send(reply, status, sayingPage(heading, sentence));
}

/** A status of the framework's own refusals, as far as it has a page. */
function refusalOf(error: unknown): Refusal | undefined {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return status in refusals ? (status as Refusal) : 400;
}

/** The page without a port: for `listen`, and for tests through `inject`. */
export function createPortal(options: PortalOptions): FastifyInstance {
  const { bodyBytes, requestTimeoutMs, keepAliveMs, connectionsMax, tokenCharacters } = limits.portal;
  const app = fastify({
    // It would log addresses of pages, and they are secrets.
    logger: false,
    bodyLimit: bodyBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: tokenCharacters },
    // What is no address at all never gets to the hooks below.
    frameworkErrors: (_error, _request, reply) => {
      options.answered(404);
      void refuse(reply as FastifyReply, 404);
    },
  });
  app.server.maxConnections = connectionsMax;
  app.server.headersTimeout = requestTimeoutMs;
  readForms(app);
  guard(app, options);
  addRoutes(app, options);
  return app;
}

function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_request: unknown, body: unknown) => new URLSearchParams(String(body)),
  );
}

function guard(app: FastifyInstance, options: PortalOptions): void {
  const limit = new RequestLimit(options.clock());
  app.addHook('onRequest', async (request, reply) => {
    if (!limit.allows(request.ip, options.clock())) {
      // The same whoever asks, so that it says nothing about others.
      reply.header('retry-after', '60');
      return refuse(reply, 429);
    }
    if (!['GET', 'HEAD', 'POST'].includes(request.method)) return notAllowed(reply, 'GET, HEAD, POST');
    return undefined;
  });
  app.addHook('onResponse', async (_request, reply) => options.answered(reply.statusCode));
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404));
  app.setErrorHandler((error, _request, reply) => {
    const status = refusalOf(error);
    if (status !== undefined) return refuse(reply, status);
    options.log('error', 'the page for recipients failed', { reason: messageOf(error) });
    return refuse(reply, 503);
  });
}

function notAllowed(reply: FastifyReply, methods: string): FastifyReply {
  reply.header('allow', methods);
  return refuse(reply, 405);
}

function addRoutes(app: FastifyInstance, options: PortalOptions): void {
  const forms = new FormGuard(options.formKey);
  // HEAD comes with GET.
  app.get<TokenRoute>('/q/:token', async (request, reply) => {
    const { token } = request.params;
    const now = options.clock();
    const view = await options.store.call('personalView', tokenHash(token), now);
    if (view === undefined) return refuse(reply, 404);
    const form = { action: `${token}/request`, nonce: forms.nonce(token) };
    return send(reply, 200, itemPage({ view, notice: options.notice(), now, form }));
  });
  app.post<TokenRoute>('/q/:token', async (_request, reply) => notAllowed(reply, 'GET, HEAD'));
  app.post<TokenRoute>('/q/:token/request', (request, reply) => takeRequest(request, reply, options, forms));
  app.get<TokenRoute>('/q/:token/request', async (_request, reply) => notAllowed(reply, 'POST'));
}

async function takeRequest(
  request: FastifyRequest<TokenRoute>,
  reply: FastifyReply,
  options: PortalOptions,
  forms: FormGuard,
): Promise<FastifyReply> {
  const { token } = request.params;
  const nonce = request.body instanceof URLSearchParams ? (request.body.get('nonce') ?? '') : '';
  if (!isSameOrigin(request.headers, options.publicUrl()) || !forms.accepts(token, nonce)) return refuse(reply, 403);
  const now = options.clock();
  const { view, asked } = await options.store.call('requestRelease', tokenHash(token), now);
  if (view === undefined) return refuse(reply, 404);
  if (asked) {
    // Of a link that readers of a mailbox share, nobody knows who used it.
    const recipient = view.mail?.recipient ?? '';
    options.log('info', 'a recipient asks for a release', {
      item: view.item,
      addresses: recipient === '' ? [] : [recipient],
    });
  }
  // Shown at once and not by a redirect, whose address would carry the token.
  return send(reply, 200, itemPage({ view, notice: options.notice(), now, form: undefined }));
}
