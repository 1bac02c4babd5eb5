/** The scoring server: the API to the letter, its limits, what hostile clients get, and gates that share it. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { Analyser, type Opinion } from '../src/cli/scoring-server/analyser.js';
import { type Injection, InjectionSource } from '../src/cli/scoring-server/injection.js';
import { Results } from '../src/cli/scoring-server/results.js';
import { rulesOfFiles } from '../src/cli/scoring-server/rules-source.js';
import { createScoringServer, type ScoringServerOptions } from '../src/cli/scoring-server/server.js';
import { claimedDigest } from '../src/cli/scoring-server/upload.js';
import { parseServiceUrl } from '../src/config/service-url.js';
import { GateError } from '../src/runtime/errors.js';
import { limits } from '../src/runtime/limits.js';
import { createLog } from '../src/runtime/log.js';
import { SpoolPool } from '../src/runtime/spool.js';
import { TokenFile } from '../src/runtime/token-file.js';
import { HttpBackend, type HttpSettings } from '../src/scoring/http.js';
import * as api from '../src/scoring/http-api.js';
import { contentOf, runBackendContract } from './support/backend-contract.js';
import { madePart } from './support/facts.js';
import { buildMail, eicar, eicarMail } from './support/mail.js';
import { portOf, waitFor } from './support/ports.js';
import { metricsOf, sendMail, startGate, startSink } from './support/running.js';
import { ScoringServer } from './support/scoring-server.js';
import { writeZip } from './support/zip-writer.js';

t.setTimeout(180_000);

const root = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..');
const file = { 'content-type': 'application/octet-stream' };
const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const clean = Buffer.from('a harmless text\n');

function folderOf(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-scoring-test-'));
  test.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Started {
  readonly app: FastifyInstance;
  readonly lines: string[];
  readonly spools: SpoolPool;
  readonly folder: string;
  /** what is injected from now on */
  inject: Injection;
}

/** A server in this process, with the real analyser unless told otherwise. */
async function startServer(
  test: Test,
  options: Partial<ScoringServerOptions> = {},
  feeds: string[] = [],
): Promise<Started> {
  const folder = folderOf(test);
  const spools = new SpoolPool(folder);
  const lines: string[] = [];
  const { logger } = createLog(
    { level: 'info', addresses: 'none', file: undefined },
    { write: (line: string) => void lines.push(line) },
  );
  let { analyser } = options;
  if (analyser === undefined) {
    const rules = await rulesOfFiles(feeds, undefined, () => {});
    const real = new Analyser(rules, 'test');
    analyser = real;
    test.teardown(async () => {
      await real.close();
      rules.close();
    });
  }
  const state = { inject: {} as Injection };
  const app = createScoringServer({
    token: undefined,
    maxBytes: 1_000_000,
    uploadsMax: 4,
    spools,
    injection: () => state.inject,
    log: logger,
    random: () => 0.5,
    now: () => performance.now(),
    ...options,
    analyser,
  });
  test.teardown(async () => {
    const closed = app.close();
    app.server.closeAllConnections();
    await closed;
  });
  return Object.assign(state, { app, lines, spools, folder });
}

async function portOfApp({ app }: Started): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return portOf(app.server);
}

/** Puts a question; resolves when the server has it, and gives the status of the answer that comes some time. */
function question(url: string): Promise<{ readonly status: Promise<number> }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { expect: '100-continue' } });
    const status = new Promise<number>((answered) => {
      asked.once('response', (response) => {
        response.resume();
        answered(response.statusCode ?? 0);
      });
    });
    asked.once('error', reject);
    asked.once('continue', () => {
      asked.end();
      resolve({ status });
    });
  });
}

/** An analyser that answers as a test tells it to. */
function scripted(analyse: () => Promise<Opinion>, version = 'v1'): ScoringServerOptions['analyser'] {
  return { version, lookup: async () => undefined, analyse };
}

const scoredNothing: Opinion = { status: 'scored', score: 0, name: '' };

function serviceAt(port: number) {
  const service = parseServiceUrl(`http://127.0.0.1:${port}`);
  if (service === undefined) throw new Error('no address');
  return service;
}

function clientOf(test: Test, port: number, settings: Partial<HttpSettings> = {}): HttpBackend {
  const usual = { name: 'http', connections: 4, maxBytes: 1e9, timeoutMs: 5000, analysisMs: 20_000, sendNames: false };
  const backend = new HttpBackend({ ...usual, service: serviceAt(port), ...settings });
  test.teardown(() => backend.close());
  return backend;
}

const idle = (): AbortSignal => new AbortController().signal;
const partOf = (bytes: Buffer) => madePart(1, { sha256: digestOf(bytes), bytes: bytes.length });

runBackendContract('http, the scoring server', async () => {
  const teardowns: (() => unknown)[] = [];
  const holder = { teardown: (work: () => unknown) => teardowns.push(work) } as unknown as Test;
  const port = await portOfApp(await startServer(holder));
  const backend = clientOf(holder, port);
  await waitFor('version', 5000, () => backend.cacheable);
  const close = async () => {
    for (const work of teardowns.reverse()) await work();
  };
  return { backend, bad: partOf(eicar), badContent: eicar, close };
});

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, object>> }>>>
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, object>>;
  };
}

const document = parse(readFileSync(join(root, 'config', 'scoring-api.yaml'), 'utf8')) as Document;

/** Follows a reference inside of the document. */
function resolved(value: unknown): Record<string, unknown> {
  const reference = (value as { readonly $ref?: string }).$ref;
  if (reference === undefined) return value as Record<string, unknown>;
  let at: unknown = document;
  for (const step of reference.replace(/^#\//, '').split('/')) at = (at as Record<string, unknown>)[step];
  return resolved(at);
}

const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
ajv.addSchema({ $id: 'api', $defs: document.components.schemas });

/** The check of a body that the document promises for this answer. */
function promised(
  path: string,
  method: string,
  status: number,
): { readonly type: string; readonly check: ValidateFunction } {
  const { responses } = document.paths[path]?.[method] ?? { responses: {} };
  const response = resolved(responses[String(status)] ?? responses.default);
  const [type = '', media] = Object.entries(response.content as Record<string, { readonly schema: object }>)[0] ?? [];
  const text = JSON.stringify(media?.schema).replaceAll('"#/components/schemas/', '"api#/$defs/');
  return { type, check: ajv.compile(JSON.parse(text) as object) };
}

t.test('the file that describes the API has the schemas that both sides check', (t) => {
  const both: Record<string, z.ZodType> = {
    Engine: api.engineSchema,
    Scored: api.scoredSchema,
    Unscored: api.unscoredSchema,
    Pending: api.pendingSchema,
    Problem: api.problemSchema,
  };
  t.same(Object.keys(document.components.schemas).sort(), Object.keys(both).sort());
  for (const [name, schema] of Object.entries(both)) {
    const { $schema: _, ...expected } = z.toJSONSchema(schema, { io: 'input' });
    t.strictSame(document.components.schemas[name], expected, name);
  }
  const result = resolved({ $ref: '#/components/responses/Result' });
  const options = (result as { content: Record<string, { schema: { oneOf: object[] } }> }).content['application/json'];
  t.equal(options?.schema.oneOf.length, api.resultSchema.options.length);
  const served = Object.keys(document.paths);
  t.same(served, ['/v1/engine', '/v1/hashes/{sha256}', '/v1/files', '/v1/analyses/{id}']);
  t.end();
});

t.test('every answer is one that the file promises', async (t) => {
  let nowMs = 0;
  const server = await startServer(t, { maxBytes: 1000, now: () => nowMs });
  const { app } = server;
  const ask = async (path: string, method: 'get' | 'post', url: string, expected: number, extra: object = {}) => {
    const reply = await app.inject({ method, url, ...extra });
    t.equal(reply.statusCode, expected, `${method} ${url} ${reply.body.slice(0, 80)}`);
    const { type, check } = promised(path, method, expected);
    t.equal(String(reply.headers['content-type']).split(';')[0], type);
    t.ok(check(reply.json()), JSON.stringify(check.errors));
    return reply;
  };
  const send = (payload: Buffer, headers: object = file) => ({ payload, headers });
  await ask('/v1/engine', 'get', '/v1/engine', 200);
  await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(clean)}`, 404);
  const first = await ask('/v1/files', 'post', '/v1/files', 200, send(clean));
  t.match(first.json(), { status: 'scored', score: 0, name: '', sha256: digestOf(clean), engine: 'sluice' });
  await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(clean)}`, 200);
  const bad = await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(eicar)}`, 200);
  t.match(bad.json(), { status: 'scored', score: 1, name: 'EICAR-Test-File' }, 'known without having been sent');
  const zipped = writeZip([{ name: 'inner.txt', content: eicar }]);
  t.match((await ask('/v1/files', 'post', '/v1/files', 200, send(zipped))).json(), {
    score: 1,
    name: 'EICAR-Test-File',
  });
  const damaged = zipped.subarray(0, zipped.length - 30);
  const opened = (await ask('/v1/files', 'post', '/v1/files', 200, send(damaged))).json() as {
    score?: number;
    cause?: string;
  };
  t.ok(opened.score === 1 || opened.cause === 'unscannable', 'a damaged archive is not clean');
  server.inject = { pollAfterMs: 400 };
  const other = Buffer.from('another text');
  const pending = await ask('/v1/files', 'post', '/v1/files', 202, send(other));
  const location = String(pending.headers.location);
  t.match(location, /^\/v1\/analyses\/[0-9a-f]{32}$/);
  await ask('/v1/analyses/{id}', 'get', location, 202);
  await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(other)}`, 202);
  nowMs += 400;
  await ask('/v1/analyses/{id}', 'get', location, 200);
  await ask('/v1/analyses/{id}', 'get', '/v1/analyses/none', 404);
  server.inject = {};
  await ask('/v1/files', 'post', '/v1/files', 413, send(Buffer.alloc(1001)));
  await ask('/v1/files', 'post', '/v1/files', 415, send(clean, { 'content-type': 'text/plain' }));
  await ask('/v1/files', 'post', '/v1/files', 400, send(clean, { ...file, 'content-digest': 'sha-256=broken' }));
  const lied = { ...file, 'content-digest': `sha-256=:${createHash('sha256').update('x').digest('base64')}:` };
  await ask('/v1/files', 'post', '/v1/files', 400, send(clean, lied));
  server.inject = { error: 503 };
  await ask('/v1/files', 'post', '/v1/files', 503, send(clean));
  await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(clean)}`, 503);
  await ask('/v1/engine', 'get', '/v1/engine', 200);
  server.inject = { error: 418 };
  await ask('/v1/hashes/{sha256}', 'get', `/v1/hashes/${digestOf(clean)}`, 418);
});

t.test('every question of a gate is one that the file describes', async (t) => {
  const seen: { method: string; url: string; headers: Record<string, unknown> }[] = [];
  const server = await startServer(t, { analyser: scripted(async () => scoredNothing) });
  server.app.addHook('onRequest', async ({ method, url, headers }) => void seen.push({ method, url, headers }));
  server.inject = { pollAfterMs: 300 };
  const backend = clientOf(t, await portOfApp(server), { sendNames: true });
  const part = { ...partOf(clean), names: ['a, b.txt', 'ü.exe'], declaredType: 'text/plain' };
  t.equal(await backend.lookup(part, idle()), undefined);
  t.match(await backend.score(part, contentOf(clean), idle()), { kind: 'score' });
  const usual = /^(?:host|connection|accept|accept-encoding|user-agent|authorization|content-type)$/;
  const asked = new Set<string>();
  for (const { method, url, headers } of seen) {
    const [path, item] =
      Object.entries(document.paths).find(([template]) =>
        new RegExp(`^${template.replace(/\{\w+\}/, '[^/?]+')}$`).test(url),
      ) ?? [];
    asked.add(`${method} ${path}`);
    const operation = item?.[method.toLowerCase()] as unknown as
      | { readonly parameters?: readonly object[] }
      | undefined;
    t.ok(operation, `${method} ${url}`);
    const parameters = (operation?.parameters ?? []).map(resolved);
    for (const { name, in: where, required, schema } of parameters) {
      const value = where === 'path' ? url.split('/').at(-1) : headers[String(name).toLowerCase()];
      if (value === undefined) t.not(required, true, `${String(name)} is there`);
      else
        t.ok(
          ajv.validate(schema as object, (schema as { type: string }).type === 'integer' ? Number(value) : value),
          `${String(name)}: ${String(value)}`,
        );
    }
    const named = new Set(parameters.map(({ name }) => String(name).toLowerCase()));
    t.same(
      Object.keys(headers).filter((name) => !usual.test(name) && !named.has(name)),
      [],
      'and nothing else is said',
    );
  }
  t.same([...asked].sort(), ['GET /v1/analyses/{id}', 'GET /v1/engine', 'GET /v1/hashes/{sha256}', 'POST /v1/files']);
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
  t.ok(references.length > 30);
  for (const reference of references) t.ok(resolved(JSON.parse(`{${reference}}`)), reference);
});

t.test('a delay is longer than the silence that is allowed, and does not keep a server that stops', async (t) => {
  const server = await ScoringServer.start(['--delay', '3600000']);
  const asked = await question(`${server.url}/v1/hashes/${digestOf(clean)}`);
  const started = performance.now();
  t.equal(await server.stop(), 0);
  t.ok(performance.now() - started < limits.scoringServer.stopGraceMs);
  t.equal(await asked.status, 503);
});

t.test('a file that could not be looked at is not called clean, unless it is known to be bad', async (t) => {
  const { app } = await startServer(t);
  const send = async (payload: Buffer) =>
    (await app.inject({ method: 'POST', url: '/v1/files', payload, headers: file })).json();
  const broken = gzipSync(randomBytes(2000)).subarray(0, 1500);
  t.match(await send(broken), { status: 'unscored', cause: 'unscannable', detail: /archive-damaged/ });
  t.match(await send(Buffer.alloc(0)), { status: 'scored', score: 0 }, 'an empty file');
});

t.test('trouble of the server itself is no verdict', async (t) => {
  let fails = true;
  const analyser = scripted(async () => {
    if (fails) throw new GateError('inspection-busy', 'too much');
    return scoredNothing;
  });
  const { app } = await startServer(t, { analyser });
  const send = () => app.inject({ method: 'POST', url: '/v1/files', payload: clean, headers: file });
  t.match(await send(), { statusCode: 503, headers: { 'retry-after': '1' } });
  fails = false;
  t.match((await send()).json(), { status: 'scored' }, 'and is forgotten');
});

t.test('who has no token learns nothing, whatever he asks', async (t) => {
  const folder = folderOf(t);
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, ' secret-token-1\n');
  let nowMs = 0;
  const token = new TokenFile(tokenFile, () => nowMs);
  const { app, lines } = await startServer(t, { token });
  const status = async (authorization?: string, url = '/v1/engine') =>
    (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })).statusCode;
  t.equal(await status('Bearer secret-token-1'), 200);
  t.equal(await status('bearer secret-token-1'), 200, 'the scheme in any case');
  const wrong = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer secret-token-',
    'Bearer secret-token-12',
    'Bearer Secret-token-1',
  ];
  wrong.push(
    'Basic secret-token-1',
    'secret-token-1',
    'Bearer secret-token-1 x',
    'Bearer \u00e9',
    `Bearer ${'x'.repeat(8000)}`,
  );
  for (const one of wrong) t.equal(await status(one), 401, String(one).slice(0, 40));
  for (const url of ['/v1/hashes/x', '/v1/analyses/x', '/nowhere', '/v1/files'])
    t.equal(await status(undefined, url), 401, `${url}: not even whether it is there`);
  writeFileSync(tokenFile, 'secret-token-22');
  nowMs += limits.http.tokenCheckMs;
  t.equal(await status('Bearer secret-token-1'), 401);
  t.equal(await status('Bearer secret-token-22'), 200, 'a changed file counts');
  rmSync(tokenFile);
  nowMs += limits.http.tokenCheckMs;
  t.equal(await status('Bearer secret-token-22'), 401, 'without a token nobody gets in');
  t.equal(await status('Bearer undefined'), 401);
  t.notMatch(lines.join(''), /secret-token/);
  t.ok(lines.length > 15, 'every request has a line');
});

t.test('odd paths and methods', async (t) => {
  const { app } = await startServer(t);
  const status = async (method: 'GET' | 'PUT' | 'DELETE' | 'HEAD' | 'POST', url: string) => {
    const { statusCode, headers } = await app.inject({ method, url });
    return `${statusCode} ${String(headers.allow ?? '')}`.trim();
  };
  const cases: [Parameters<typeof status>, string][] = [
    [['GET', '/'], '404'],
    [['GET', '/v1'], '404'],
    [['GET', '/v2/engine'], '404'],
    [['GET', '/v1/engine/'], '404'],
    [['GET', '/V1/ENGINE'], '404'],
    [['GET', '/v1/files'], '405 POST'],
    [['PUT', '/v1/files'], '405 POST'],
    [['DELETE', `/v1/hashes/${digestOf(clean)}`], '405 GET'],
    [['POST', '/v1/engine'], '405 GET'],
    [['HEAD', '/v1/engine'], '405 GET'],
    [['GET', '/v1/hashes/..%2f..%2fetc%2fpasswd'], '400'],
    [['GET', '/v1/hashes/../../etc/passwd'], '404'],
    [['GET', '/v1/hashes/%00'], '400'],
    [['GET', '/v1/hashes/%zz'], '400'],
    [['GET', `/v1/hashes/${'A'.repeat(64)}`], '400'],
    [['GET', `/v1/hashes/${'a'.repeat(63)}`], '400'],
    [['GET', `/v1/hashes/${'a'.repeat(64)}%0a`], '400'],
    [['GET', `/v1/hashes/${'a'.repeat(10_000)}`], '400'],
    [['GET', '/v1/hashes/'], '400'],
    [['GET', '/v1/analyses/__proto__'], '404'],
    [['GET', '/v1/analyses/constructor'], '404'],
  ];
  for (const [words, expected] of cases) t.equal(await status(...words), expected, words.join(' ').slice(0, 60));
});

/** Sends octets as they are and gives what comes back, up to the end of a header. */
function raw(port: number, pieces: readonly (string | Buffer)[], untilMs = 10_000): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (said.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {
      // The server may leave first.
    });
    socket.on('close', () => resolve(said));
    for (const piece of pieces) socket.write(piece);
    setTimeout(() => socket.destroy(), untilMs).unref();
  });
}

t.test('what is not a request is refused, and an upload that ends early leaves nothing', async (t) => {
  let analysed = 0;
  const analyser = scripted(async () => {
    analysed += 1;
    return scoredNothing;
  });
  const server = await startServer(t, { analyser, maxBytes: 10_000_000, uploadsMax: 2 });
  const port = await portOfApp(server);
  t.match(await raw(port, ['nonsense\r\n\r\n']), /^HTTP\/1\.1 400/);
  t.match(
    await raw(port, [`GET /v1/engine HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`]),
    /^HTTP\/1\.1 431/,
  );
  const chunked =
    'POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  t.match(await raw(port, [`${chunked}3\r\nabc\r\n0\r\n\r\n`]), /^HTTP\/1\.1 411/);
  const both = chunked.replace('Transfer', 'Content-Length: 3\r\nTransfer');
  t.match(await raw(port, [`${both}0\r\n\r\n`]), /^HTTP\/1\.1 400/, 'two ways to say how long it is');
  const head = (bytes: number) =>
    `POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`;
  t.equal(await raw(port, [head(5_000_000), Buffer.alloc(1_000_000)], 200), '', 'no answer for half a file');
  await waitFor('its end', 5000, () => server.spools.usedBytes + server.spools.openFiles === 0);
  const half = connect(port, '127.0.0.1');
  half.write(head(5_000_000));
  half.write(Buffer.alloc(2_000_000));
  await waitFor('a file on the disk', 5000, () => server.spools.openFiles === 1);
  t.same(readdirSync(server.folder), [], 'which has no name');
  const second = connect(port, '127.0.0.1');
  second.write(head(100).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'));
  t.match(String(await once(second, 'data')), /^HTTP\/1\.1 100 /);
  second.write('slow');
  const busy = await raw(port, [head(3), 'abc']);
  t.match(busy, /^HTTP\/1\.1 429[\s\S]*retry-after: 1/i, 'two are under way');
  half.destroy();
  second.destroy();
  await waitFor('end of both', 5000, () => server.spools.openFiles === 0);
  t.equal(server.spools.usedBytes, 0);
  await waitFor('place', 5000, async () => (await raw(port, [head(3), 'abc'])).startsWith('HTTP/1.1 200'));
  t.equal(analysed, 1, 'only the whole file was looked at');
  t.match(await raw(port, [head(20_000_000), Buffer.alloc(5_000_000)]), /^HTTP\/1\.1 413/, 'told at once');
  t.equal(server.spools.usedBytes, 0);
});

t.test('one analysis for a file, however many send it; another version or other names are another one', async (t) => {
  let analysed = 0;
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const holder = { version: 'v1' };
  const analyser = {
    lookup: async () => undefined,
    get version() {
      return holder.version;
    },
    analyse: async (_spool: unknown, { names }: { names: readonly string[] }): Promise<Opinion> => {
      analysed += 1;
      await gate;
      return { status: 'scored', score: 0.25, name: names.join('|') };
    },
  };
  const { app } = await startServer(t, { analyser, uploadsMax: 20 });
  const send = (headers: object = {}) =>
    app.inject({ method: 'POST', url: '/v1/files', payload: clean, headers: { ...file, ...headers } });
  const several = [send(), send(), send()];
  await waitFor('analysis', 5000, () => analysed > 0);
  open();
  for (const reply of await Promise.all(several)) t.match(reply.json(), { score: 0.25, version: 'v1', name: '' });
  t.equal(analysed, 1);
  const named = await send({ 'sluice-file-names': 'r%C3%A9sum%C3%A9.exe,b%2Cc.txt,%ff' });
  t.match(named.json(), { name: 'résumé.exe|b,c.txt|%ff' });
  t.equal(analysed, 2);
  holder.version = 'v2';
  const hash = () => app.inject({ url: `/v1/hashes/${digestOf(clean)}` });
  t.equal((await hash()).statusCode, 404, 'rules have changed since');
  t.match((await send()).json(), { version: 'v2' });
  t.match((await hash()).json(), { version: 'v2', score: 0.25 });
});

t.test('results are forgotten in time and number', async (t) => {
  let nowMs = 1000;
  const results = new Results(() => nowMs);
  const about = { sha256: '', version: 'v', readyAtMs: 0 };
  const one = results.begin('one', about, async () => scoredNothing);
  const bad = results.begin('two', about, async () => {
    throw new Error('failed');
  });
  t.equal(results.running, 2);
  await Promise.all([one.done, bad.done]);
  t.equal(results.running, 0);
  t.equal(results.find('one', 'v'), one);
  t.equal(results.find('one', 'w'), undefined);
  t.equal(results.find('two', 'v'), undefined, 'a failure is no result');
  t.equal(results.get(one.id), one);
  nowMs += limits.scoringServer.resultMs + 1;
  t.equal(results.find('one', 'v'), undefined);
  t.equal(results.get(one.id), undefined);
});

t.test('what a rehearsal injects', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'inject.json');
  const sha256 = digestOf(clean);
  writeFileSync(path, JSON.stringify({ scores: { [sha256]: 0.5 } }));
  const problems: string[] = [];
  const source = new InjectionSource({ fail: 0.25, scoreAll: 0 }, path, (problem) => problems.push(problem));
  t.same(source.current, { fail: 0.25, scoreAll: 0, scores: { [sha256]: 0.5 } }, 'the file comes before the options');
  const changed = async (text: string) => {
    writeFileSync(path, text);
    await sleep(limits.scoringServer.injectionCheckMs + 20);
    return source.current;
  };
  t.match(await changed('{"fail":1}'), { fail: 1, scoreAll: 0 });
  t.match(await changed('{"fail":2}'), { fail: 1 }, 'a bad file changes nothing');
  t.match(await changed('{'), { fail: 1 });
  t.match(await changed('{"nonsense": 1}  '), { fail: 1 });
  t.equal(problems.length, 3);
  t.throws(() => new InjectionSource({}, join(folder, 'none.json'), () => {}), /ENOENT/);

  const server = await startServer(t);
  const { app } = server;
  const send = (payload: Buffer) => app.inject({ method: 'POST', url: '/v1/files', payload, headers: file });
  const version = async () => ((await app.inject({ url: '/v1/engine' })).json() as { version: string }).version;
  const plain = await version();
  server.inject = { scores: { [sha256]: 0.5, [digestOf(eicar)]: 0 }, scoreAll: 0.9 };
  t.not(await version(), plain, 'gates forget what they knew');
  t.match((await app.inject({ url: `/v1/hashes/${sha256}` })).json(), { score: 0.5, name: 'injected' });
  t.match((await send(clean)).json(), { score: 0.5 });
  t.match((await send(eicar)).json(), { score: 0, name: '' });
  t.match((await send(Buffer.from('any'))).json(), { score: 0.9 });
  server.inject = { fail: 0.6 };
  t.match(await send(clean), { statusCode: 503, headers: { 'retry-after': /\d/ } });
  server.inject = { fail: 0.4 };
  t.match(await send(clean), { statusCode: 200 });
  server.inject = { delayMs: 150 };
  const started = performance.now();
  t.match(await send(clean), { statusCode: 200 });
  t.ok(performance.now() - started >= 145);
  server.inject = { error: 404 };
  t.match(await send(clean), { statusCode: 404 });
});

t.test('the field Content-Digest', (t) => {
  const digest = createHash('sha256').update('x');
  const text = digest.copy().digest('base64');
  const hex = digest.digest('hex');
  t.equal(claimedDigest(undefined), undefined);
  t.equal(claimedDigest(`sha-256=:${text}:`), hex);
  t.equal(claimedDigest(`md5=:AAAA:, sha-256=:${text}: `), hex);
  t.equal(claimedDigest('sha-512=:AAAA:'), undefined, 'of which nothing is known');
  for (const wrong of ['', 'sha-256=', 'sha-256=:AAAA:', `sha-256=${text}`, `SHA-256=:${text}:`, `sha-256=:${text}`])
    t.equal(claimedDigest(wrong), 'wrong', wrong);
  t.end();
});

t.test('changed feeds count while the server runs', async (t) => {
  const feed = join(folderOf(t), 'feed.txt');
  writeFileSync(feed, '# none yet\n');
  const applied: boolean[] = [];
  const rules = await rulesOfFiles([feed], undefined, (ok) => applied.push(ok));
  t.teardown(() => rules.close());
  const analyser = new Analyser(rules, 'test');
  t.teardown(() => analyser.close());
  const before = analyser.version;
  t.equal(await analyser.lookup(digestOf(clean)), undefined);
  writeFileSync(feed, `${digestOf(clean)} 0.8 Some.Name\n`);
  await waitFor('reload', 10_000, () => applied.length > 0);
  t.not(analyser.version, before);
  t.match(await analyser.lookup(digestOf(clean)), { name: 'Some.Name' });
  await t.rejects(
    rulesOfFiles([join(feed, 'none')], undefined, () => {}),
    /expected/,
  );
});

t.test('the command: what it refuses, what it says, how it ends', async (t) => {
  const folder = folderOf(t);
  const refused = async (...words: string[]) => {
    try {
      const server = await ScoringServer.start(words);
      await server.stop();
      return 'it started';
    } catch (error) {
      return String(error);
    }
  };
  writeFileSync(join(folder, 'empty'), '\n');
  t.match(await refused('--listen', '0.0.0.0:0'), /with 2.*--token-file/s, 'nobody is served openly by mistake');
  t.match(await refused('--token-file', join(folder, 'empty')), /with 1.*holds no token/s);
  t.match(await refused('--score', 'abc=1'), /with 2/);
  t.match(await refused('--fail', '2'), /with 2/);
  t.match(await refused('--config', 'x', '--hash-feed', 'y'), /with 2/);
  t.match(await refused('--hash-feed', join(folder, 'none')), /with 1/);
  const own = join(folder, 'own');
  mkdirSync(own);
  const server = await ScoringServer.start(['--poll-after', '60000'], undefined, own);
  t.match(await refused('--listen', `127.0.0.1:${server.port}`), /with 1.*cannot listen/s);
  const reply = await fetch(`${server.url}/v1/files`, { method: 'POST', body: clean, headers: file });
  t.equal(reply.status, 202);
  t.match(reply.headers.get('retry-after'), /^(?:59|60)$/);
  t.match(readdirSync(own), [/^sluice-scoring-/]);
  t.equal(await server.stop(), 0);
  t.same(readdirSync(own), [], 'its folder goes with it');
  t.notMatch(server.output, /harmless/, 'no content in its lines');
  t.match(server.log.at(-1), { msg: 'stopping' }, server.output);
});

t.test('two gates, one server: what one has sent the other knows; while it is away mail is deferred', async (t) => {
  const folder = folderOf(t);
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'shared-secret', { mode: 0o600 });
  const sink = await startSink(t);
  let server = await ScoringServer.start(['--token-file', tokenFile], undefined, folder);
  t.teardown(() => server.stop());
  const backends = [{ type: 'http', url: server.url, tokenFile, timeoutMs: 5000 }];
  const options = { upstreamPort: sink.port, config: { scoring: { backends, deadlineMs: 8000 } } };
  const [first, second] = await Promise.all([startGate(t, options), startGate(t, options)]);
  const gates = [first, second] as const;
  const readiness = async (gate: (typeof gates)[number]) =>
    (await fetch(`http://127.0.0.1:${gate.statusPort}/readyz`)).status;
  await waitFor('sign of life', 10_000, () => server.requests.filter((line) => line.includes('engine')).length >= 2);

  const uploads = () => server.requests.filter((line) => line.startsWith('POST')).length;
  const mail = buildMail({ attachment: { name: 'report.bin', content: randomBytes(300_000) } });
  t.match(await sendMail(first, mail), { code: 250 });
  t.ok(sink.messages[0]?.bytes.equals(mail), 'byte by byte what was sent');
  await waitFor('line of the upload', 5000, () => uploads() === 1);
  t.match(await sendMail(second, mail), { code: 250 });
  t.ok(sink.messages[1]?.bytes.equals(mail));
  await waitFor('hit', 5000, () => server.requests.includes('GET /v1/hashes/:sha256 200'));
  t.equal(uploads(), 1, 'the second gate asked by digest alone');
  const asked = server.requests.length;
  t.match(await sendMail(first, mail), { code: 250 });
  await sleep(2 * limits.log.flushIntervalMs);
  t.equal(server.requests.length, asked, 'and the first remembers');

  const before = sink.messages.length;
  const infected = eicarMail();
  t.match(await sendMail(first, infected), { code: 250 });
  await first.waitForLog('verdict', (line) => line.action === 'block');
  t.notOk(
    sink.messages.slice(before).some(({ bytes }) => bytes.equals(infected)),
    'what is bad is not relayed',
  );

  await server.stop('SIGKILL');
  const fresh = () => buildMail({ attachment: { name: 'new.bin', content: randomBytes(1000) } });
  t.match(await sendMail(first, fresh()), { code: 451 });
  t.match(await sendMail(first, mail), { code: 250 }, 'known files pass');
  await waitFor('unreadiness', 10_000, async () => (await readiness(first)) === 503);
  t.match(await metricsOf(first), /sluice_backend_up\{backend="http"\} 0/);
  t.match(await metricsOf(first), /sluice_fallbacks_total\{cause="backend-unavailable",action="defer"\} 1/);
  for (let count = 0; count < limits.scoring.breakerFailures; count += 1) await sendMail(first, fresh());
  t.match(await metricsOf(first), /sluice_backend_breaker_open\{backend="http"\} 1/);

  server = await ScoringServer.start(['--token-file', tokenFile], server.port);
  await waitFor('readiness', 8000, async () => (await readiness(first)) === 200);
  t.match(await sendMail(first, fresh()), { code: 250 }, 'at once, without waiting for the breaker');
  const told = await metricsOf(first);
  t.match(told, /sluice_backend_up\{backend="http"\} 1/);
  t.match(told, /sluice_backend_breaker_open\{backend="http"\} 0/);
  t.match(told, /sluice_backend_last_answer_timestamp_seconds\{backend="http"\} 1\d{9}/);
  for (const { output } of [...gates, server]) t.notMatch(output, /shared-secret/);
  t.ok(existsSync(tokenFile));
});
