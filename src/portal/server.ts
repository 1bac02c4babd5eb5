/**
 * The web server of all pages: bounds, refusals, forms and assets, and the routes of recipients and administrators. It
 * reads no Host field, and a GET changes nothing.
 */
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { isForConsole, isRefusal, notAllowed, pageFields, type Refusal, refuse } from './answers.js';
import { type RecipientOptions, registerRecipient } from './recipient/routes.js';
import { RequestLimit } from './request-limit.js';
import { assets } from './view/assets.js';

export interface PortalOptions extends RecipientOptions {
  /** told the HTTP status of every answer */
  readonly answered: (status: number) => void;
  /** adds the administrators' pages, all of them under /admin; without it there are none */
  readonly console?: ((app: FastifyInstance) => void) | undefined;
}

/** A status of the framework's own refusals, as far as it has a page. */
function refusalOf(error: unknown): Refusal | undefined {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  return isRefusal(status) ? status : 400;
}

/** The pages without a port: for `listen`, and for tests through `inject`. */
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
  app.decorate('sitePath', () => sitePathOf(options.publicUrl()));
  app.decorateRequest('operator', undefined);
  readForms(app);
  guard(app, options);
  addAssets(app);
  registerRecipient(app, options);
  options.console?.(app);
  return app;
}

function sitePathOf(publicUrl: string): string {
  return publicUrl === '' ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
}

function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_request: unknown, body: unknown) => new URLSearchParams(String(body)),
  );
}

/** Strangers who try links out leave administrators their pages: each has bounds of his own. */
function guard(app: FastifyInstance, options: PortalOptions): void {
  const now = options.clock();
  const limit = { console: new RequestLimit(now), recipient: new RequestLimit(now) };
  app.addHook('onRequest', async (request, reply) => {
    // Assets are in memory; what is bounded are calls of the database.
    const own = request.url.startsWith('/assets/');
    const area = isForConsole(request.url) ? 'console' : 'recipient';
    if (!own && !limit[area].allows(request.ip, options.clock())) {
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
    options.log('error', 'a page failed', { reason: messageOf(error) });
    return refuse(reply, 503);
  });
}

function addAssets(app: FastifyInstance): void {
  for (const { path, type, content } of assets) {
    app.get(path, async (_request, reply) =>
      reply
        .headers({ ...pageFields, 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' })
        .send(content),
    );
  }
}
