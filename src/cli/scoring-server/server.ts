/**
 * The scoring API over HTTP: who may ask, what is taken in and what is answered. It decides about no file; the analyser
 * does. config/scoring-api.yaml describes it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { messageOf } from '../../runtime/errors.js';
import { limits } from '../../runtime/limits.js';
import type { Logger } from '../../runtime/log.js';
import type { SpoolPool } from '../../runtime/spool.js';
import type { TokenFile } from '../../runtime/token-file.js';
import {
  apiHeaders,
  apiTypes,
  type EngineInfo,
  type Pending,
  type Problem,
  type Result,
} from '../../scoring/http-api.js';
import type { Analyser, Claims, Opinion } from './analyser.js';
import { type Injection, injectedScore, injectionVersion } from './injection.js';
import { type Analysis, Results } from './results.js';
import { claimedDigest, receiveFile } from './upload.js';

export interface ScoringServerOptions {
  readonly analyser: Pick<Analyser, 'version' | 'lookup' | 'analyse'>;
  /** absent: nobody is asked for one */
  readonly token: TokenFile | undefined;
  readonly maxBytes: number;
  readonly uploadsMax: number;
  readonly spools: SpoolPool;
  readonly injection: () => Injection;
  readonly log: Logger;
  /** 0 up to 1 */
  readonly random: () => number;
  /** milliseconds of a clock that never goes back */
  readonly now: () => number;
}

const engineName = 'sluice';

/** What a handler learns for the log line of its request. */
interface Noted {
  bytes?: number;
  sha256?: string;
  result?: string;
}

interface Answered {
  readonly status: number;
  readonly body: EngineInfo | Result | Pending | Problem;
  readonly fields?: Readonly<Record<string, string>>;
}

/** The server without a port: for `listen`, and for tests through `inject`. */
export function createScoringServer(options: ScoringServerOptions): FastifyInstance {
  const { requestMs, silenceMs, keepAliveMs, connectionsMax, pathChars } = limits.scoringServer;
  const app = fastify({
    logger: false,
    // Files are not read by the framework, and nothing else has a body.
    bodyLimit: 1024,
    requestTimeout: requestMs,
    connectionTimeout: silenceMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: pathChars },
    // What is no address at all never gets to the hooks below.
    frameworkErrors: (_error, _request, reply) => {
      send(reply as FastifyReply, problem(400, 'The address of this request cannot be read'));
    },
  });
  app.server.maxConnections = connectionsMax;
  app.server.headersTimeout = silenceMs;
  const service = new ScoringService(options);
  app.removeAllContentTypeParsers();
  // The handler takes the file from the socket.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', async (request, reply) => {
    const refused = await service.admit(request);
    return refused === undefined ? undefined : send(reply, refused);
  });
  app.addHook('preClose', async () => service.stop());
  app.addHook('onResponse', async (request, reply) => service.logged(request, reply));
  app.get('/v1/engine', async (_request, reply) => send(reply, { status: 200, body: service.engine() }));
  app.get<{ Params: { sha256: string } }>('/v1/hashes/:sha256', async (request, reply) =>
    send(reply, await service.hash(request, request.params.sha256)),
  );
  app.post('/v1/files', async (request, reply) => send(reply, await service.file(request)));
  app.get<{ Params: { id: string } }>('/v1/analyses/:id', async (request, reply) =>
    send(reply, await service.analysis(request, request.params.id)),
  );
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed =
      path === '/v1/files' ? 'POST' : /^\/v1\/(?:engine|hashes\/[^/]+|analyses\/[^/]+)$/.test(path) ? 'GET' : '';
    if (allowed === '' || allowed === request.method)
      return send(reply, problem(404, 'There is nothing at this address'));
    return send(reply, { ...problem(405, 'This method is not for this address'), fields: { allow: allowed } });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { readonly statusCode?: number }).statusCode ?? 500;
    if (status >= 400 && status < 500) return send(reply, problem(status, 'This request cannot be read'));
    options.log.error({ error: messageOf(error) }, 'request failed');
    return send(reply, problem(500, 'The service failed'));
  });
  return app;
}

function send(reply: FastifyReply, { status, body, fields }: Answered): FastifyReply {
  const type = status < 400 ? apiTypes.json : apiTypes.problem;
  return reply
    .code(status)
    .headers({ 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...fields })
    .send(JSON.stringify(body));
}

function problem(status: number, title: string, detail?: string): Answered {
  return { status, body: { type: 'about:blank', title, status, ...(detail === undefined ? {} : { detail }) } };
}

/** A refusal for the time being. */
function busy(status: 429 | 503, title: string): Answered {
  return { ...problem(status, title), fields: { 'retry-after': String(limits.scoringServer.retryAfterSeconds) } };
}

class ScoringService {
  readonly #options: ScoringServerOptions;
  readonly #results = new Results();
  readonly #noted = new WeakMap<FastifyRequest, Noted>();
  readonly #stopping = new AbortController();
  #uploads = 0;

  constructor(options: ScoringServerOptions) {
    this.#options = options;
  }

  /** Before anything of a body is read: why the request is refused, if it is. */
  async admit(request: FastifyRequest): Promise<Answered | undefined> {
    const { token, random, injection } = this.#options;
    if (token !== undefined && !carries(request.headers.authorization, token.token)) {
      // Who has none may not go on sending, either.
      const fields = { 'www-authenticate': 'Bearer', connection: 'close' };
      return { ...problem(401, 'A bearer token is needed'), fields };
    }
    if (request.routeOptions.url === '/v1/engine') return undefined;
    const { delayMs = 0, fail = 0, error } = injection();
    if (delayMs > 0) {
      // Silence that is wanted must not end the connection.
      request.raw.socket.setTimeout?.(0);
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      request.raw.socket.setTimeout?.(limits.scoringServer.silenceMs);
    }
    if (this.#stopping.signal.aborted) return busy(503, 'The service is about to stop');
    if (error !== undefined) return problem(error, 'An injected failure');
    if (fail > 0 && random() < fail) return busy(503, 'An injected failure');
    return undefined;
  }

  /** Ends delays; what is under way is finished. */
  stop(): void {
    this.#stopping.abort();
  }

  engine(): EngineInfo {
    return { ...this.#version(), maxBytes: this.#options.maxBytes, opensArchives: true };
  }

  async hash(request: FastifyRequest, sha256: string): Promise<Answered> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return problem(400, 'A digest is 64 hexadecimal digits in lower case');
    this.#noted.set(request, { sha256 });
    const { version } = this.#version();
    const known = this.#results.find(keyOf(sha256, claimsOf(request)), version);
    if (known !== undefined) return this.#answer(request, known);
    // A score for all files shows once they were sent, as it would of a service that learns of each.
    const { scores } = this.#options.injection();
    const injected = scores === undefined ? undefined : injectedScore({ scores }, sha256);
    const opinion = injected === undefined ? await this.#options.analyser.lookup(sha256) : injectedOpinion(injected);
    return opinion === undefined
      ? problem(404, 'This file is not known')
      : this.#result(request, sha256, version, opinion);
  }

  async analysis(request: FastifyRequest, id: string): Promise<Answered> {
    const known = /^[0-9a-f]{32}$/.test(id) ? this.#results.get(id) : undefined;
    if (known === undefined) return problem(404, 'There is no such analysis');
    this.#noted.set(request, { sha256: known.sha256 });
    return this.#answer(request, known);
  }

  async file(request: FastifyRequest): Promise<Answered> {
    const refused = this.#refusalOf(request);
    if (refused !== undefined) return refused;
    const claimed = claimedDigest(one(request.headers['content-digest']));
    if (claimed === 'wrong') return problem(400, 'The field Content-Digest cannot be read');
    this.#uploads += 1;
    try {
      const received = await receiveFile(request.raw, Number(request.headers['content-length']), this.#options.spools);
      if (received === undefined) return problem(400, 'The file did not come whole');
      const { spool, sha256 } = received;
      this.#noted.set(request, { bytes: spool.length, sha256 });
      try {
        if (claimed !== undefined && claimed !== sha256)
          return problem(400, 'The file has another digest than the field Content-Digest says');
        // The analysis holds the spool for as long as it takes.
        return await this.#analyse(request, received.sha256, received);
      } finally {
        spool.release();
      }
    } finally {
      this.#uploads -= 1;
    }
  }

  /** Told before the content is read, so that nobody sends what is not wanted. */
  #refusalOf(request: FastifyRequest): Answered | undefined {
    const { maxBytes, uploadsMax } = this.#options;
    const type = one(request.headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (type !== apiTypes.file) return problem(415, `A file is sent as ${apiTypes.file}`);
    const length = request.headers['content-length'];
    if (length === undefined) return problem(411, 'The length of the file must be said');
    if (Number(length) > maxBytes) return problem(413, 'The file is too large', `at most ${maxBytes} bytes`);
    if (this.#uploads >= uploadsMax) return busy(429, 'Too many files at a time');
    if (this.#results.running >= limits.scoringServer.analysesMax) return busy(429, 'Too many analyses at a time');
    return undefined;
  }

  async #analyse(
    request: FastifyRequest,
    sha256: string,
    { spool }: NonNullable<Awaited<ReturnType<typeof receiveFile>>>,
  ): Promise<Answered> {
    const { analyser, injection } = this.#options;
    const { version } = this.#version();
    const claims = claimsOf(request);
    const key = keyOf(sha256, claims);
    let analysis = this.#results.find(key, version);
    if (analysis === undefined) {
      const { pollAfterMs = 0 } = injection();
      const injected = injectedScore(injection(), sha256);
      spool.retain();
      const work = async (): Promise<Opinion> => {
        try {
          return injected === undefined ? await analyser.analyse(spool, claims) : injectedOpinion(injected);
        } finally {
          spool.release();
        }
      };
      const readyAtMs = this.#options.now() + pollAfterMs;
      analysis = this.#results.begin(key, { sha256, version, readyAtMs }, work);
    }
    return this.#answer(request, analysis);
  }

  /** The result, when it comes soon; else where it will be. */
  async #answer(request: FastifyRequest, analysis: Analysis): Promise<Answered> {
    const heldMs = analysis.readyAtMs - this.#options.now();
    const timer = new AbortController();
    const late = sleep(limits.scoringServer.answerWithinMs, 'late' as const, { signal: timer.signal }).catch(
      () => 'late' as const,
    );
    const opinion = heldMs > 0 ? 'late' : await Promise.race([analysis.done, late]);
    timer.abort();
    if (opinion === undefined) return busy(503, 'The file could not be analysed at this moment');
    if (opinion !== 'late') return this.#result(request, analysis.sha256, analysis.version, opinion);
    this.#note(request, 'pending');
    const seconds = Math.floor(heldMs / 1000);
    const location = `/v1/analyses/${analysis.id}`;
    return {
      status: 202,
      body: { status: 'pending', sha256: analysis.sha256 },
      fields: seconds < 1 ? { location } : { location, 'retry-after': String(seconds) },
    };
  }

  #result(request: FastifyRequest, sha256: string, version: string, opinion: Opinion): Answered {
    this.#note(request, opinion.status === 'scored' ? `${opinion.score} ${opinion.name}`.trim() : opinion.cause);
    const about = { sha256, engine: engineName, version };
    if (opinion.status === 'scored')
      return { status: 200, body: { ...opinion, name: opinion.name.slice(0, 200), ...about } };
    return { status: 200, body: { ...opinion, detail: opinion.detail.slice(0, 500), ...about } };
  }

  #version(): { readonly engine: string; readonly version: string } {
    const { analyser, injection } = this.#options;
    return { engine: engineName, version: analyser.version + injectionVersion(injection()) };
  }

  #note(request: FastifyRequest, result: string): void {
    this.#noted.set(request, { ...this.#noted.get(request), result });
  }

  /** One line for each request: no content, no names, no path but that of the route. */
  logged(request: FastifyRequest, reply: FastifyReply): void {
    const { method, ip: peer } = request;
    const route = request.routeOptions.url ?? 'none';
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    this.#options.log.info(
      { peer, method, route, status: reply.statusCode, ms, ...this.#noted.get(request) },
      'request',
    );
  }
}

function injectedOpinion(score: number): Opinion {
  return { status: 'scored', score, name: score > 0 ? 'injected' : '' };
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Compared by their digests, so that neither length nor content shows in the time that it takes. */
function carries(field: string | undefined, token: string | undefined): boolean {
  const given = /^Bearer +(\S+)$/i.exec(field ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const same = timingSafeEqual(digest(given), digest(token ?? ''));
  return same && token !== undefined && given !== '';
}

/** Names and type that came along; a client sends them only when it was told to. */
function claimsOf({ headers }: FastifyRequest): Claims {
  const type = one(headers[apiHeaders.declaredType])?.toLowerCase() ?? '';
  const declaredType = /^[\x21-\x7e]{1,100}$/.test(type) ? type : 'application/octet-stream';
  const written = (one(headers[apiHeaders.fileNames]) ?? '').slice(0, limits.http.namesBytes).split(',');
  const names = written.slice(0, limits.http.namesMax).map(decoded);
  return { declaredType, names: names.filter((name) => name !== '') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    // Taken as it is written: a name that cannot be read is still a name.
    return text.trim();
  }
}

/** Everything that a result depends on, beside the version. */
function keyOf(sha256: string, { names, declaredType }: Claims): string {
  return JSON.stringify([sha256, declaredType, names]);
}
