/** The http backend: what is asked and sent, what each answer means, and what becomes of all that a service can do wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { parseConfig } from '../src/config/load.js';
import { followedPath, isExposed, parseServiceUrl, type ServiceAddress } from '../src/config/service-url.js';
import { limits } from '../src/runtime/limits.js';
import { TokenFile, tokenIn } from '../src/runtime/token-file.js';
import type { Answer, PartContent } from '../src/scoring/backend.js';
import { HttpBackend, type HttpSettings, type HttpTools } from '../src/scoring/http.js';
import { retryAfterMs } from '../src/scoring/http-answer.js';
import { requestsFor } from '../src/scoring/score-request.js';
import { Scorer } from '../src/scoring/scorer.js';
import { contentOf, runBackendContract } from './support/backend-contract.js';
import { madePart } from './support/facts.js';
import { FakeBackend } from './support/fake-backend.js';
import {
  type Asked,
  answer,
  digestOf,
  engine,
  FakeScoringService,
  type Handler,
  scored,
} from './support/fake-scoring-service.js';
import { skipWithout } from './support/missing.js';
import { freePort, portOf, waitFor } from './support/ports.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(180_000);

const idle = (): AbortSignal => new AbortController().signal;
const usual = {
  name: 'http',
  connections: 8,
  maxBytes: 100_000_000,
  timeoutMs: 2000,
  analysisMs: 5000,
  sendNames: false,
};
const bytes = Buffer.from('the content of a file');
const part = madePart(1, { sha256: digestOf(bytes), bytes: bytes.length });
/** Waits are cut short, so that repetitions cost no time. */
const hasty: HttpTools = {
  random: () => 0,
  sleep: (ms, signal) => sleep(Math.min(ms, 5), undefined, { signal }).catch(() => undefined),
};

function serviceOf(url: string): ServiceAddress {
  const service = parseServiceUrl(url);
  if (service === undefined) throw new Error(`no address: ${url}`);
  return service;
}

async function fakeOf(test: Test): Promise<FakeScoringService> {
  const fake = await FakeScoringService.start();
  test.teardown(() => fake.stop());
  return fake;
}

function backendOf(
  test: Test,
  port: number,
  settings: Partial<HttpSettings> = {},
  tools: HttpTools = hasty,
): HttpBackend {
  const backend = new HttpBackend({ ...usual, service: serviceOf(`http://127.0.0.1:${port}`), ...settings }, tools);
  test.teardown(() => backend.close());
  return backend;
}

/** Content that is made chunk by chunk. */
function inChunks(count: number, chunk: Buffer, pauseMs = 0): PartContent {
  return {
    bytes: count * chunk.length,
    async *read(signal) {
      for (let index = 0; index < count; index += 1) {
        if (pauseMs > 0) await sleep(pauseMs);
        signal.throwIfAborted();
        yield chunk;
      }
    },
  };
}

const summary = (found: Answer | undefined): string => {
  if (found === undefined) return 'unknown';
  return found.kind === 'score'
    ? `${found.score} ${found.name}`.trim()
    : found.kind === 'none'
      ? found.cause
      : found.kind;
};

runBackendContract('http, a fake service', async () => {
  const fake = await FakeScoringService.start();
  fake.file = ({ content }, response) => {
    const bad = content.includes('bad');
    const field = /^sha-256=:(.*):$/.exec('')?.[1];
    answer(response, 200, { ...scored(field ?? digestOf(content), bad ? 1 : 0, bad ? 'Test.Bad' : '') });
  };
  const backend = new HttpBackend({ ...usual, service: serviceOf(`http://127.0.0.1:${fake.port}`) }, hasty);
  await waitFor('version', 5000, () => backend.cacheable);
  const close = async () => {
    await backend.close();
    await fake.stop();
  };
  const badContent = Buffer.from('something bad');
  return { backend, bad: madePart(1, { sha256: digestOf(badContent) }), badContent, close };
});

t.test('addresses', (t) => {
  t.same(serviceOf('http://127.0.0.1:8090'), {
    origin: 'http://127.0.0.1:8090',
    basePath: '/',
    host: '127.0.0.1:8090',
  });
  t.same(serviceOf('https://scan.example.org/api/x'), {
    origin: 'https://scan.example.org',
    basePath: '/api/x/',
    host: 'scan.example.org',
  });
  t.match(serviceOf('http://[::1]:1/'), { host: '[::1]:1' });
  const wrong = [
    '',
    'scan.example.org',
    'ftp://x',
    'http://',
    'http:///x',
    'http://user:pw@x',
    'http://x?y',
    'http://x#y',
  ];
  for (const text of [...wrong, 'http://x:99999', 'file:///etc/passwd', 'javascript:alert(1)', 'http://@x'])
    t.equal(parseServiceUrl(text), undefined, text);
  for (const text of ['http://scan.example.org', 'http://192.0.2.1', 'http://[2001:db8::1]'])
    t.ok(isExposed(serviceOf(text)));
  for (const text of ['http://127.0.0.1', 'http://[::1]', 'http://localhost:1', 'https://scan.example.org'])
    t.notOk(isExposed(serviceOf(text)), text);
  t.end();
});

t.test('where a result will be is followed at the same service only', (t) => {
  const service = serviceOf('http://scan.example.org:8090/api');
  const from = '/api/v1/files';
  const followed: [string, string][] = [
    ['/api/v1/analyses/7', '/api/v1/analyses/7'],
    ['analyses/7?x=1', '/api/v1/analyses/7?x=1'],
    ['http://scan.example.org:8090/api/a', '/api/a'],
    ['../v2/a', '/api/v2/a'],
    ['/api/a#part', '/api/a'],
    ['/api/a b', '/api/a%20b'],
  ];
  for (const [location, expected] of followed) t.equal(followedPath(service, from, location), expected, location);
  const refused = [
    'http://169.254.169.254/latest/meta-data',
    'https://scan.example.org:8090/api/a',
    'http://scan.example.org/api/a',
    '//evil.example/api/a',
    '\\\\evil.example\\api\\a',
    'http://user@scan.example.org:8090/api/a',
    '/admin',
    '/api',
    '../../admin',
    '/api/../admin',
    '/api/%2e%2e/admin',
    '/api/.%2E/admin',
    '/api/..%2fadmin',
    '/api/..%5cadmin',
    '/api/x%00',
    'file:///etc/passwd',
    'javascript:1',
    'http://[',
    `/api/${'x'.repeat(3000)}`,
  ];
  for (const location of refused) t.equal(followedPath(service, from, location), undefined, location.slice(0, 50));
  t.end();
});

t.test('property: no location leads out of the base address', (t) => {
  const service = serviceOf('http://scan.example.org:8090/api');
  const piece = fc.constantFrom(
    '/',
    '\\',
    '..',
    '.',
    '%2e',
    '%2f',
    '%5C',
    'api',
    'http:',
    'evil',
    '@',
    '#',
    '?',
    '\t',
    '\n',
    ':8090',
    'scan.example.org',
    '%00',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 12 }), (pieces) => {
      const path = followedPath(service, '/api/v1/files', pieces.join(''));
      if (path === undefined) return true;
      const again = new URL(path, service.origin);
      return again.origin === service.origin && again.pathname.startsWith('/api/') && !/[\r\n\s]/.test(path);
    }),
    { numRuns: 5000 },
  );
  t.pass('none of them');
  t.end();
});

t.test('how long to wait', (t) => {
  const now = Date.parse('Sun, 22 Nov 2026 05:00:00 GMT');
  t.equal(retryAfterMs('3', now), 3000);
  t.equal(retryAfterMs(' 0 ', now), 0);
  t.equal(retryAfterMs('Sun, 22 Nov 2026 05:00:10 GMT', now), 10_000);
  t.equal(retryAfterMs('Sun, 22 Nov 2026 04:00:00 GMT', now), 0);
  for (const wrong of [
    undefined,
    '',
    '-1',
    '1.5',
    'soon',
    '2026-11-22',
    '99999999999999',
    'Sun, 99 Nov 2026 05:00:10 GMT',
  ])
    t.equal(retryAfterMs(wrong, now), undefined, String(wrong));
  t.end();
});

t.test('tokens: white space around them is none of them, a changed file counts', (t) => {
  t.equal(tokenIn(' abc.DEF-1~/+_== \r\n'), 'abc.DEF-1~/+_==');
  for (const wrong of ['', ' \n', 'two words', 'a\nb', 'é', '"quoted"', 'a=b', `${'x'.repeat(9000)}`, 'x\u0000'])
    t.equal(tokenIn(wrong), undefined, JSON.stringify(wrong).slice(0, 20));
  const folder = mkdtempSync(join(tmpdir(), 'sluice-token-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'token');
  let nowMs = 0;
  const token = new TokenFile(file, () => nowMs);
  t.equal(token.token, undefined);
  writeFileSync(file, 'one');
  t.equal(token.token, undefined, 'not looked at again at once');
  nowMs += limits.http.tokenCheckMs;
  t.equal(token.token, 'one');
  t.equal(token.reread(), false);
  writeFileSync(file, 'two');
  t.equal(token.token, 'one');
  t.equal(token.reread(), true);
  t.equal(token.token, 'two');
  writeFileSync(file, 'x'.repeat(20_000));
  t.equal(token.reread(), false);
  t.equal(token.token, undefined);
  t.end();
});

t.test('a digest is asked first; what is not known is sent as it is', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { service: serviceOf(`http://127.0.0.1:${fake.port}/base`) });
  t.equal(backend.cacheable, false, 'before the version is known');
  await waitFor('version', 5000, () => backend.cacheable);
  t.equal(backend.version, 'fake 1');
  t.equal(backend.opensArchives, true);
  t.same(backend.health(), { up: true, detail: 'fake 1' });
  t.equal(await backend.lookup(part, idle()), undefined);
  t.equal(await backend.lookup(madePart(1, { sha256: '' }), idle()), undefined);
  t.match(await backend.score(part, contentOf(bytes), idle()), {
    kind: 'score',
    score: 0,
    name: '',
    engine: 'http/fake 1',
  });
  t.same(fake.asked, [`GET /base/v1/hashes/${part.sha256}`, 'POST /base/v1/files']);
  const [question, upload] = fake.requests;
  t.ok(upload?.content.equals(bytes));
  t.match(upload?.headers, { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) });
  t.equal(upload?.headers['content-digest'], `sha-256=:${Buffer.from(part.sha256, 'hex').toString('base64')}:`);
  for (const asked of [question, upload]) {
    t.equal(asked?.headers.authorization, undefined, 'no token was given');
    t.equal(asked?.headers['accept-encoding'], 'identity');
    t.equal(asked?.headers.cookie, undefined);
    t.notOk(
      Object.keys(asked?.headers ?? {}).some((name) => name.startsWith('sluice')),
      'nothing of the mail',
    );
  }
  fake.hash = (asked, response) => answer(response, 200, scored(asked.url.split('/').at(-1) ?? '', 0.9, 'Known.Bad'));
  t.match(await backend.lookup(part, idle()), { score: 0.9, name: 'Known.Bad' });
  t.equal(fake.uploads, 1);
});

t.test('the content arrives whole, whatever its size', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { timeoutMs: 20_000 });
  for (const [count, size] of [
    [0, 1],
    [1, 1],
    [3, 70_000],
    [200, 65_536],
  ] as const) {
    const chunk = Buffer.alloc(size, count);
    const whole = Buffer.concat(Array.from({ length: count }, () => chunk));
    const sent = madePart(2, { sha256: digestOf(whole) });
    t.match(await backend.score(sent, inChunks(count, chunk), idle()), { score: 0 }, `${count} chunks`);
    t.equal(fake.requests.at(-1)?.content.length, whole.length);
  }
  const shared = madePart(3, { sha256: digestOf(Buffer.alloc(300_000)) });
  t.match(await backend.score(shared, inChunks(3, Buffer.alloc(100_000)), idle()), { score: 0 });
});

t.test('names go along only when that is wanted, and then nothing is remembered', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { sendNames: true });
  await waitFor('version', 5000, () => backend.version !== 'unknown');
  t.equal(backend.cacheable, false);
  const names = [
    'résumé, final.doc',
    'a\r\nX-Evil: 1',
    '\ud800',
    'x'.repeat(3000),
    ...Array.from({ length: 20 }, (_, index) => `n${index}`),
  ];
  const named = { ...part, names, declaredType: 'text/plain' };
  await backend.score(named, contentOf(bytes), idle());
  const { headers } = fake.requests[0] as Asked;
  t.equal(headers['sluice-declared-type'], 'text/plain');
  t.equal(headers['sluice-file-names'], 'r%C3%A9sum%C3%A9%2C%20final.doc,a%0D%0AX-Evil%3A%201,%EF%BF%BD,n0,n1,n2,n3');
  t.equal(headers['x-evil'], undefined);
  await backend.lookup({ ...named, declaredType: 'text/plain\r\nX-Evil: 1', names: [] }, idle());
  t.equal(fake.requests[1]?.headers['sluice-declared-type'], 'application/octet-stream');
  t.equal(fake.requests[1]?.headers['sluice-file-names'], undefined);
});

const problem = (status: number, extra: object = {}) => ({ type: 'about:blank', title: 'a title', status, ...extra });
const plainly =
  (status: number, text: string, headers: Record<string, string> = {}): Handler =>
  (_asked, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_asked, response) =>
    answer(response, status, body, headers);

function drip(response: ServerResponse, text: string, ms: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (response.destroyed || at >= text.length) clearInterval(timer);
    else response.write(text[at]);
    at += 1;
  }, ms);
}

const good = scored(part.sha256);
const wrongAnswers: readonly [string, Handler, string, RegExp][] = [
  ['redirect', json(302, {}, { location: 'http://127.0.0.1:1/' }), 'backend-unavailable', /302.*not followed/],
  ['another redirect', json(307, {}, { location: '/v1/engine' }), 'backend-unavailable', /307.*not followed/],
  ['not modified', json(304, {}), 'backend-unavailable', /304/],
  ['400', json(400, problem(400)), 'backend-unavailable', /answered 400 "a title"/],
  ['401', json(401, problem(401)), 'backend-unavailable', /refuses our token.*401/],
  ['403', json(403, problem(403)), 'backend-unavailable', /refuses our token.*403/],
  ['405', json(405, problem(405)), 'backend-unavailable', /405/],
  ['408', json(408, problem(408)), 'verdict-timeout', /408/],
  ['413', json(413, problem(413)), 'oversize', /413/],
  ['418', plainly(418, 'I am a teapot', { 'content-type': 'text/plain' }), 'backend-unavailable', /^answered 418$/],
  ['429', json(429, problem(429)), 'out-of-resources', /429/],
  ['500', json(500, problem(500)), 'backend-unavailable', /answered 500 "a title"/],
  ['503 of a proxy', plainly(503, '<html>', { 'content-type': 'text/html' }), 'backend-unavailable', /^answered 503$/],
  ['no content', plainly(204, ''), 'backend-unavailable', /204/],
  ['partial content', plainly(206, JSON.stringify(good)), 'backend-unavailable', /206/],
  ['nothing', plainly(200, ''), 'backend-unavailable', /no JSON/],
  ['garbage', plainly(200, '{"status": "sco'), 'backend-unavailable', /no JSON/],
  ['two answers', plainly(200, JSON.stringify(good).repeat(2)), 'backend-unavailable', /no JSON/],
  [
    'another type',
    plainly(200, JSON.stringify(good), { 'content-type': 'text/html' }),
    'backend-unavailable',
    /no application\/json/,
  ],
  [
    'no type',
    plainly(200, JSON.stringify(good), { 'content-type': '' }),
    'backend-unavailable',
    /no application\/json/,
  ],
  ['an array', json(200, [good]), 'backend-unavailable', /no result/],
  ['null', json(200, null), 'backend-unavailable', /no result/],
  ['deep nesting', plainly(200, '['.repeat(30_000)), 'backend-unavailable', /no JSON/],
  [
    'deep and whole',
    plainly(200, '['.repeat(30_000) + ']'.repeat(30_000)),
    'backend-unavailable',
    /no (?:JSON|result)/,
  ],
  [
    'not UTF-8',
    (_asked, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0x22, 0xff, 0x22])),
    'backend-unavailable',
    /UTF-8/,
  ],
  ['score above 1', json(200, { ...good, score: 1.01 }), 'backend-unavailable', /score/],
  ['score below 0', json(200, { ...good, score: -0.1 }), 'backend-unavailable', /score/],
  ['score as text', json(200, { ...good, score: '0' }), 'backend-unavailable', /score/],
  [
    'score without end',
    plainly(200, JSON.stringify(good).replace('"score":0', '"score":1e999')),
    'backend-unavailable',
    /score/,
  ],
  ['no score', json(200, { ...good, score: undefined }), 'backend-unavailable', /score/],
  ['score null', json(200, { ...good, score: null }), 'backend-unavailable', /score/],
  ['no version', json(200, { ...good, version: undefined }), 'backend-unavailable', /version/],
  ['version with line feed', json(200, { ...good, version: 'a\nb' }), 'backend-unavailable', /version/],
  ['another status', json(200, { ...good, status: 'clean' }), 'backend-unavailable', /status/],
  ['another file', json(200, scored('0'.repeat(64))), 'backend-unavailable', /another file/],
  ['no file', json(200, { ...good, sha256: undefined }), 'backend-unavailable', /sha256/],
  ['digest in capitals', json(200, { ...good, sha256: part.sha256.toUpperCase() }), 'backend-unavailable', /sha256/],
  ['pending as 200', json(200, { status: 'pending', sha256: part.sha256 }), 'backend-unavailable', /status/],
  ['result as 202', json(202, good, { location: '/v1/analyses/1' }), 'backend-unavailable', /no analysis/],
  ['pending nowhere', json(202, { status: 'pending', sha256: part.sha256 }), 'backend-unavailable', /where/],
  [
    'pending elsewhere',
    json(202, { status: 'pending', sha256: part.sha256 }, { location: 'http://127.0.0.1:1/' }),
    'backend-unavailable',
    /elsewhere/,
  ],
  [
    'pending for another',
    json(202, { status: 'pending', sha256: '0'.repeat(64) }, { location: '/v1/a' }),
    'backend-unavailable',
    /another file/,
  ],
  ['compressed', plainly(200, 'x', { 'content-encoding': 'gzip' }), 'backend-unavailable', /compressed/],
  [
    'huge',
    plainly(200, JSON.stringify({ ...good, pad: 'x'.repeat(100_000) })),
    'backend-unavailable',
    /more than 65536/,
  ],
  [
    'endless',
    (_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    },
    'backend-unavailable',
    /more than 65536/,
  ],
  [
    'a large header',
    plainly(200, JSON.stringify(good), { x: 'y'.repeat(20_000) }),
    'backend-unavailable',
    /HEADERS_OVERFLOW/,
  ],
  [
    'cut in the answer',
    (_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{');
      setTimeout(() => response.destroy(), 20);
    },
    'backend-unavailable',
    /./,
  ],
  [
    'encrypted',
    json(200, { status: 'unscored', sha256: part.sha256, cause: 'encrypted', detail: 'locked', ...engine }),
    'encrypted',
    /locked/,
  ],
  [
    'unscannable',
    json(200, { status: 'unscored', sha256: part.sha256, cause: 'unscannable', detail: '', ...engine }),
    'unscannable',
    /./,
  ],
  [
    'no opinion',
    json(200, { status: 'unscored', sha256: part.sha256, cause: 'unknown-file', detail: 'x', ...engine }),
    'unknown-file',
    /x/,
  ],
  [
    'a cause of its own',
    json(200, { status: 'unscored', sha256: part.sha256, cause: 'permit', detail: 'x', ...engine }),
    'backend-unavailable',
    /cause/,
  ],
  ['slow header', () => {}, 'verdict-timeout', /no answer in/],
  [
    'one octet at a time',
    (_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      drip(response, `${JSON.stringify(good)}${' '.repeat(1000)}`, 40);
    },
    'verdict-timeout',
    /no answer in/,
  ],
  [
    'signs of life without end',
    (_asked, response) => {
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.writeProcessing()), 20);
    },
    'verdict-timeout',
    /no answer in/,
  ],
];

t.test('all that a service can answer wrong is a missing answer with its cause', async (t) => {
  for (const [what, handler, cause, detail] of wrongAnswers) {
    const fake = await fakeOf(t);
    // Only what is a matter of time is cut short: a machine that is busy elsewhere answers late as well.
    const brief = cause === 'verdict-timeout' || what === 'pending nowhere';
    const backend = backendOf(t, fake.port, brief ? { timeoutMs: 700, analysisMs: 1000 } : { timeoutMs: 10_000 });
    const started = performance.now();
    fake.hash = handler;
    fake.file = handler;
    t.match(
      await backend.lookup(part, idle()),
      { kind: 'none', backend: 'http', cause, detail },
      `${what}, of a digest`,
    );
    t.match(await backend.score(part, contentOf(bytes), idle()), { kind: 'none', cause, detail }, `${what}, of a file`);
    fake.file = json(202, { status: 'pending', sha256: part.sha256 }, { location: '/v1/analyses/1' });
    fake.other = handler;
    const polled = await backend.score(part, contentOf(bytes), idle());
    if (what === 'pending nowhere') t.match(polled, { cause: 'verdict-timeout' }, 'asked again, it need not say where');
    else t.match(polled, { kind: 'none', cause, detail }, `${what}, of an analysis`);
    t.ok(performance.now() - started < 10_000, 'in time');
    await backend.close();
    await waitFor('end of the connections', 2000, () => fake.open === 0);
    t.equal(fake.open, 0, `${what}: nothing stays open`);
    await fake.stop();
  }
});

/** A server below HTTP. */
async function rawOf(
  test: Test,
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; connections: number }> {
  const state = { port: 0, connections: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    state.connections += 1;
    sockets.add(socket);
    socket.on('error', () => {
      // Whoever asks may leave at any time.
    });
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  state.port = portOf(server);
  return state;
}

t.test('what is no HTTP, or ends before it is any', async (t) => {
  const cases: readonly [string, (socket: Socket) => void, string, RegExp][] = [
    ['closed at once', (socket) => socket.end(), 'backend-unavailable', /closed|ECONNRESET|EPIPE/],
    ['reset at once', (socket) => socket.resetAndDestroy(), 'backend-unavailable', /closed|ECONNRESET|EPIPE/],
    [
      'reset at the first octet',
      (socket) => socket.on('data', () => socket.resetAndDestroy()),
      'backend-unavailable',
      /closed|ECONNRESET|EPIPE/,
    ],
    [
      'another protocol',
      (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'),
      'backend-unavailable',
      /no HTTP|closed|MISMATCH/,
    ],
    [
      'half a status line',
      (socket) => socket.on('data', () => socket.end('HTTP/1.1 20')),
      'backend-unavailable',
      /closed|no HTTP/,
    ],
    ['never anything', () => {}, 'verdict-timeout', /no answer in/],
    [
      'a header without end',
      (socket) => socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`)),
      'backend-unavailable',
      /HEADERS_OVERFLOW/,
    ],
    [
      'two lengths',
      (socket) =>
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx')),
      'backend-unavailable',
      /no HTTP|closed|MISMATCH/,
    ],
    [
      'a wrong chunk',
      (socket) =>
        socket.on('data', () =>
          socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
        ),
      'backend-unavailable',
      /no HTTP|closed|MISMATCH/,
    ],
  ];
  for (const [what, onConnection, cause, detail] of cases) {
    const { port } = await rawOf(t, onConnection);
    const backend = backendOf(t, port, { timeoutMs: cause === 'verdict-timeout' ? 600 : 10_000 });
    t.match(await backend.lookup(part, idle()), { kind: 'none', cause, detail }, `${what}, a digest`);
    t.match(await backend.score(part, contentOf(bytes), idle()), { kind: 'none', cause, detail }, `${what}, a file`);
    t.match(
      await backend.score(part, inChunks(40, Buffer.alloc(100_000)), idle()),
      { kind: 'none', cause, detail },
      `${what}, a large file`,
    );
    await backend.close();
  }
});

t.test('an answer that nobody asked for answers nothing', async (t) => {
  const body = (score: number): string => JSON.stringify(scored(part.sha256, score, score > 0 ? 'Planted' : ''));
  const reply = (text: string): string =>
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const asked: string[] = [];
  const { port } = await rawOf(t, (socket) => {
    socket.on('data', (chunk) => {
      asked.push(chunk.toString('latin1').split('\r\n', 1)[0] ?? '');
      // The first question of a connection is answered twice.
      socket.write(reply(body(1)) + reply(body(0)));
    });
  });
  const backend = backendOf(t, port);
  for (let count = 0; count < 5; count += 1) {
    const found = await backend.lookup(part, idle());
    t.ok(found?.kind === 'none' || (found?.kind === 'score' && found.score === 1), summary(found));
  }
  t.ok(asked.filter((line) => line.startsWith('GET /v1/hashes/')).length >= 5, 'each question was put');
});

t.test('a service that is not there, has no name, or another certificate', async (t) => {
  const gone = backendOf(t, await freePort());
  t.match(await gone.lookup(part, idle()), { cause: 'backend-unavailable', detail: 'ECONNREFUSED' });
  t.match(await gone.score(part, contentOf(bytes), idle()), { cause: 'backend-unavailable', detail: 'ECONNREFUSED' });
  await waitFor('bad news', 5000, () => !gone.health().up);
  t.match(gone.health(), { up: false, detail: /^127\.0\.0\.1:\d+: ECONNREFUSED$/, sinceMs: Number });
  t.equal(gone.cacheable, false);
  const nameless = backendOf(t, 1, { service: serviceOf('http://scan.invalid') });
  t.match(await nameless.lookup(part, idle()), { cause: 'backend-unavailable', detail: /ENOTFOUND|EAI_AGAIN/ });
});

t.test('TLS: only a service that an authority vouches for', { skip: skipWithout('openssl') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-http-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { caFile, certificate, key } = makeCertificates(folder);
  const fake = await FakeScoringService.start(0, { cert: certificate, key });
  t.teardown(() => fake.stop());
  const at = (url: string, extra: Partial<HttpSettings> = {}) => backendOf(t, 0, { service: serviceOf(url), ...extra });
  t.match(await at(`https://localhost:${fake.port}`, { caFile }).score(part, contentOf(bytes), idle()), { score: 0 });
  const strange = await at(`https://localhost:${fake.port}`).score(part, contentOf(bytes), idle());
  t.match(strange, { cause: 'backend-unavailable', detail: /UNABLE_TO|SELF_SIGNED/ });
  const named = await at(`https://127.0.0.2:${fake.port}`, { caFile }).score(part, contentOf(bytes), idle());
  t.match(named, { cause: 'backend-unavailable', detail: /ERR_TLS_CERT_ALTNAME_INVALID|ECONNREFUSED/ });
  const clear = await at(`http://localhost:${fake.port}`).score(part, contentOf(bytes), idle());
  t.match(clear, { cause: 'backend-unavailable' }, 'and no way back to clear text');
  const plain = await fakeOf(t);
  t.match(await at(`https://localhost:${plain.port}`, { caFile }).lookup(part, idle()), {
    cause: 'backend-unavailable',
  });
  t.equal(fake.requests.length, 1);
});

t.test('an upload: cut, answered early, or longer and shorter than was said', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  const large = inChunks(60, Buffer.alloc(100_000), 2);
  const largePart = madePart(9, { sha256: digestOf(Buffer.alloc(6_000_000)) });
  fake.early = (request, response) => {
    request.once('data', () => answer(response, 200, scored(largePart.sha256)));
    return true;
  };
  t.match(
    await backend.score(largePart, large, idle()),
    { cause: 'backend-unavailable', detail: /before the content was sent/ },
    'an approval of what was not sent',
  );
  fake.early = (_request, response) => {
    answer(response, 413, problem(413));
    return true;
  };
  t.match(await backend.score(largePart, large, idle()), { cause: 'oversize' }, 'refused early');
  fake.early = (_request, response) => {
    answer(response, 401, problem(401));
    return true;
  };
  t.match(await backend.score(largePart, large, idle()), { cause: 'backend-unavailable', detail: /token/ });
  fake.asked.length = 0;
  fake.early = (request) => {
    request.once('data', () => request.socket.destroy());
    return true;
  };
  t.match(await backend.score(largePart, large, idle()), { cause: 'backend-unavailable' }, 'cut in the midst');
  t.equal(fake.uploads, limits.http.attemptsMax, 'and put again, as nothing was answered');
  let cuts = 1;
  fake.early = (request) => {
    cuts -= 1;
    if (cuts < 0) return false;
    request.once('data', () => request.socket.destroy());
    return true;
  };
  t.match(await backend.score(largePart, large, idle()), { score: 0 }, 'the second time it went well');
  fake.early = undefined;
  const short: PartContent = { bytes: 100, read: contentOf(bytes).read };
  t.match(await backend.score(part, short, idle()), { cause: 'unscannable', detail: /gave 21/ });
  const long: PartContent = { bytes: 5, read: contentOf(bytes).read };
  t.match(await backend.score(part, long, idle()), { cause: 'unscannable' });
  fake.asked.length = 0;
  const broken: PartContent = {
    bytes: 100_000,
    async *read() {
      yield Buffer.alloc(1000);
      throw new Error('the spool is gone');
    },
  };
  t.match(await backend.score(part, broken, idle()), {
    cause: 'backend-unavailable',
    detail: /content cannot be read.*spool is gone/,
  });
  t.ok(fake.uploads <= 1, 'our own trouble is not tried again');
  t.match(await backend.score(part, contentOf(bytes), idle()), { score: 0 }, 'and what is next goes well');
});

t.test('what may be put again is, with pauses in between, and what may not is not', async (t) => {
  const fake = await fakeOf(t);
  const pauses: number[] = [];
  const tools: HttpTools = { random: () => 0.999, sleep: async (ms) => void pauses.push(ms) };
  const backend = backendOf(t, fake.port, {}, tools);
  const failing = (status: number, times: number, headers: Record<string, string> = {}): Handler => {
    let left = times;
    return ({ url, content }, response) => {
      left -= 1;
      const sha256 = content.length > 0 ? digestOf(content) : (url.split('/').at(-1) ?? '');
      if (left >= 0) answer(response, status, problem(status), headers);
      else answer(response, 200, scored(sha256, 0.5, 'x'));
    };
  };
  fake.hash = failing(503, 2);
  t.match(await backend.lookup(part, idle()), { score: 0.5 }, 'a question after 503');
  t.equal(pauses.length, 2);
  t.ok((pauses[0] ?? 0) >= 100 && (pauses[0] ?? 0) <= 200, String(pauses));
  t.ok((pauses[1] ?? 0) >= 200 && (pauses[1] ?? 0) <= 400, String(pauses));
  fake.hash = failing(429, 1, { 'retry-after': '1' });
  t.match(await backend.lookup(part, idle()), { score: 0.5 });
  t.equal(pauses[2], 1000, 'as long as the service wishes');
  fake.hash = failing(429, 1, { 'retry-after': '3600' });
  t.match(await backend.lookup(part, idle()), { cause: 'out-of-resources' }, 'but no longer than there is time');
  t.equal(pauses.length, 3);
  fake.hash = failing(500, 99);
  fake.asked.length = 0;
  t.match(await backend.lookup(part, idle()), { cause: 'backend-unavailable' });
  t.equal(fake.asked.length, limits.http.attemptsMax);
  fake.asked.length = 0;
  fake.file = failing(503, 1);
  t.match(await backend.score(part, contentOf(bytes), idle()), { cause: 'backend-unavailable' });
  t.equal(fake.uploads, 1, 'an answered upload is not');
  fake.file = failing(429, 1, { 'retry-after': '1' });
  t.match(await backend.score(part, contentOf(bytes), idle()), { score: 0.5 }, 'but one that was not taken');
  fake.asked.length = 0;
  fake.hash = json(400, problem(400));
  await backend.lookup(part, idle());
  t.equal(fake.asked.length, 1, 'nor what will not change');
});

t.test('the token: sent, never told, read again when it is refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-http-token-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, '  old-token-0815\n');
  const fake = await fakeOf(t);
  let valid = 'old-token-0815';
  const guarded =
    (inner: Handler): Handler =>
    (asked, response) => {
      if (asked.headers.authorization === `Bearer ${valid}`) return inner(asked, response);
      // A service that repeats what it was sent.
      return answer(response, 401, problem(401, { detail: `unknown: ${asked.headers.authorization}` }));
    };
  fake.engine = guarded(fake.engine);
  fake.hash = guarded(fake.hash);
  fake.file = guarded(fake.file);
  const backend = backendOf(t, fake.port, { tokenFile });
  await waitFor('version', 5000, () => backend.cacheable);
  t.match(await backend.score(part, contentOf(bytes), idle()), { score: 0 });
  valid = 'new-token-4711';
  const refused = await backend.score(part, contentOf(bytes), idle());
  t.match(refused, { cause: 'backend-unavailable', detail: /refuses our token/ });
  t.notMatch(JSON.stringify(refused), /old-token/);
  writeFileSync(tokenFile, 'new-token-4711');
  t.match(await backend.score(part, contentOf(bytes), idle()), { score: 0 }, 'at once');
  fake.file = (_asked, response) => answer(response, 200, scored(part.sha256, 1, 'Found new-token-4711 in it'));
  t.match(await backend.score(part, contentOf(bytes), idle()), { name: 'Found [token] in it' });
  const none = backendOf(t, fake.port, { tokenFile: join(folder, 'none') });
  fake.asked.length = 0;
  t.match(await none.lookup(part, idle()), { cause: 'backend-unavailable', detail: /token file/ });
  t.match(await none.score(part, contentOf(bytes), idle()), { cause: 'backend-unavailable', detail: /token file/ });
  t.same(fake.asked, [], 'nothing is sent without it');
  await waitFor('bad news', 5000, () => !none.health().up);
  t.match(none.health().detail, /token file/);
});

t.test('a slow analysis is asked for until it is done, or for too long', async (t) => {
  const fake = await fakeOf(t);
  const pauses: number[] = [];
  const tools: HttpTools = { random: () => 0.5, sleep: async (ms) => void pauses.push(ms) };
  const pending = { status: 'pending', sha256: part.sha256 };
  const backend = backendOf(t, fake.port, {}, tools);
  fake.file = json(202, pending, { location: 'analyses/7', 'retry-after': '2' });
  let left = 3;
  fake.other = (_asked, response) => {
    left -= 1;
    if (left > 0) answer(response, 202, pending, left === 2 ? { location: '/v1/analyses/8', 'retry-after': '0' } : {});
    else answer(response, 200, scored(part.sha256, 0.75, 'Slow.Found'));
  };
  t.match(await backend.score(part, contentOf(bytes), idle()), { score: 0.75, name: 'Slow.Found' });
  t.same(fake.asked, ['POST /v1/files', 'GET /v1/analyses/7', 'GET /v1/analyses/8', 'GET /v1/analyses/8']);
  t.equal(pauses[0], 2200, 'as the service wishes, and a little more by chance');
  t.equal(pauses[1], limits.http.pollLeastMs * 1.1, 'but never at once');
  fake.hash = json(202, pending, { location: '/v1/analyses/9' });
  left = 1;
  t.match(await backend.lookup(part, idle()), { score: 0.75 }, 'one that another gate has begun');
  fake.other = json(404, problem(404));
  t.match(await backend.lookup(part, idle()), { cause: 'backend-unavailable', detail: /own analysis/ });
  fake.other = json(202, pending);
  let waited = 0;
  const waits: HttpTools = {
    random: () => 0.5,
    sleep: (ms) => {
      waited += ms;
      return sleep(ms);
    },
  };
  const brief = backendOf(t, fake.port, { analysisMs: 1000 }, waits);
  t.match(await brief.score(part, contentOf(bytes), idle()), {
    cause: 'verdict-timeout',
    detail: /still being analysed/,
  });
  t.ok(waited > 0 && waited <= 1000, `${waited} ms`);
  const controller = new AbortController();
  const patient = backendOf(t, fake.port, { analysisMs: 60_000 }, undefined);
  const waiting = patient.score(part, contentOf(bytes), controller.signal);
  await sleep(100);
  controller.abort();
  t.match(await waiting, { cause: 'verdict-timeout', detail: /given up/ });
});

t.test('a slow analysis does not keep the message', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { analysisMs: 60_000 });
  await waitFor('version', 5000, () => backend.cacheable);
  const scorer = new Scorer([backend], () => ({ deadlineMs: 100, cache: { clean: 60, flagged: 60 } }));
  let held = 0;
  let read = 0;
  const content: PartContent = {
    bytes: bytes.length,
    async *read() {
      read += 1;
      t.equal(held, 1, 'held while it is read');
      yield bytes;
    },
    hold: () => {
      held += 1;
      return () => {
        held -= 1;
      };
    },
  };
  const pending = { status: 'pending', sha256: part.sha256 };
  let done = false;
  fake.file = json(202, pending, { location: '/v1/analyses/1' });
  fake.other = (_asked, response) =>
    done ? answer(response, 200, scored(part.sha256, 0.9, 'Late')) : answer(response, 202, pending);
  const [first] = await scorer.score(requestsFor([part]), () => content, idle());
  t.match(first, { score: undefined, answers: [{ cause: 'verdict-timeout' }] });
  await waitFor('the end of the upload', 5000, () => read === 1 && held === 0);
  t.notOk(done, 'the service has it, and has not answered');
  done = true;
  const again = async () => (await scorer.score(requestsFor([part]), () => content, idle()))[0];
  let found = await again();
  while (found?.score === undefined) found = await again();
  t.match(found, { score: 0.9, name: 'Late' }, 'the next attempt of its sender finds the result');
  t.equal(read, 1);
  t.equal(held, 0, 'let go once');
});

t.test('sizes: what is too large is not sent, by our word or by that of the service', async (t) => {
  const fake = await fakeOf(t);
  fake.engine = json(200, { ...engine, maxBytes: 15 });
  const backend = backendOf(t, fake.port, { maxBytes: 50 });
  await waitFor('version', 5000, () => backend.cacheable);
  t.match(await backend.score(part, contentOf(bytes), idle()), { cause: 'oversize', detail: /21 bytes, at most 15/ });
  fake.engine = json(200, engine);
  const other = backendOf(t, fake.port, { maxBytes: 20 });
  t.match(await other.score(part, contentOf(bytes), idle()), { cause: 'oversize', detail: /at most 20/ });
  t.equal(fake.uploads, 0);
});

t.test('at most so many questions at a time; who waits too long is told that it is busy', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { connections: 3 });
  await waitFor('version', 5000, () => backend.cacheable);
  let running = 0;
  let most = 0;
  fake.file = ({ content }, response) => {
    running += 1;
    most = Math.max(most, running);
    setTimeout(() => {
      running -= 1;
      answer(response, 200, scored(digestOf(content)));
    }, 20);
  };
  const many = await Promise.all(Array.from({ length: 20 }, () => backend.score(part, contentOf(bytes), idle())));
  t.same([...new Set(many.map(summary))], ['0']);
  t.equal(most, 3);
  t.ok(fake.connections <= 4, 'they are used again');
  fake.file = () => {};
  const stuck = backendOf(t, fake.port, { connections: 1, timeoutMs: 300 });
  const [one, two] = await Promise.all([
    stuck.score(part, contentOf(bytes), idle()),
    stuck.score(part, contentOf(bytes), idle()),
  ]);
  t.equal(summary(one), 'verdict-timeout');
  t.match(summary(two), /out-of-resources|verdict-timeout/);
});

t.test('an abort ends the upload and the connection; closing ends what runs', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  await waitFor('version', 5000, () => backend.cacheable);
  const controller = new AbortController();
  let read = 0;
  const endless: PartContent = {
    bytes: 1_000_000,
    async *read(signal) {
      for (;;) {
        await sleep(5);
        signal.throwIfAborted();
        read += 1;
        yield Buffer.alloc(10);
      }
    },
  };
  const given = backend.score(part, endless, controller.signal);
  await waitFor('some octets', 5000, () => read > 3);
  controller.abort();
  t.match(await given, { cause: 'verdict-timeout', detail: /given up/ });
  const stopped = read;
  await sleep(40);
  t.ok(read <= stopped + 1, 'the content is read no further');
  const running = backend.score(part, endless, idle());
  await sleep(30);
  await backend.close();
  t.match(await running, { kind: 'none' });
  await waitFor('end of the connections', 5000, () => fake.open === 0);
  t.equal(fake.open, 0);
  t.match(await backend.lookup(part, idle()), { kind: 'none' }, 'after that nothing is asked');
});

t.test('a service that lies for long costs no memory', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { timeoutMs: 5000 });
  fake.hash = wrongAnswers.find(([what]) => what === 'endless')?.[1] ?? (() => {});
  fake.file = plainly(200, JSON.stringify({ ...good, pad: 'x'.repeat(1_000_000) }));
  const round = async () => {
    await backend.lookup(part, idle());
    await backend.score(part, inChunks(10, Buffer.alloc(65_536)), idle());
    fake.requests.length = 0;
  };
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = async (): Promise<number> => {
    await sleep(100);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  for (let count = 0; count < 20; count += 1) await round();
  const before = await held();
  for (let count = 0; count < 100; count += 1) await round();
  const grown = (await held()) - before;
  // The service shares the process, and its sockets hold some MB for a while; the answers have more than 200 MB.
  t.ok(grown < 40_000_000, `${Math.round(grown / 1e3)} kB more after 200 answers`);
  t.ok(fake.open <= usual.connections + 1);
});

t.test('property: however the answer is cut, it is the same answer', async (t) => {
  const body = JSON.stringify(scored(part.sha256, 0.25, 'Ünï.cøde'));
  const octets = Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  let cuts: readonly number[] = [];
  const { port } = await rawOf(t, (socket) => {
    socket.once('data', async () => {
      let at = 0;
      for (const cut of [...cuts, octets.length]) {
        if (cut > at) socket.write(octets.subarray(at, cut));
        at = Math.max(at, cut);
        await new Promise(setImmediate);
      }
      socket.end();
    });
  });
  const backend = backendOf(t, port);
  const points = fc.array(fc.nat({ max: octets.length }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(points, async (chosen) => {
      cuts = [...chosen].sort((a, b) => a - b);
      return summary(await backend.lookup(part, idle())) === '0.25 Ünï.cøde';
    }),
    { numRuns: 150 },
  );
  cuts = octets.map((_, index) => index) as unknown as readonly number[];
  t.equal(summary(await backend.lookup(part, idle())), '0.25 Ünï.cøde', 'octet by octet');
  for (let end = 0; end < octets.length; end += 7) {
    const { port: cutAt } = await rawOf(t, (socket) => {
      socket.once('data', () => socket.end(octets.subarray(0, end)));
    });
    const found = await backendOf(t, cutAt).lookup(part, idle());
    if (found?.kind !== 'none') t.fail(`${end} octets of it are no answer`);
  }
  t.pass('and no beginning of it is one');
});

t.test('property: one body alone says what it says, however it is damaged', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  const whole = JSON.stringify(good);
  let text = whole;
  fake.hash = (_asked, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  t.equal(summary(await backend.lookup(part, idle())), '0');
  const damage = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 4 }), fc.string({ maxLength: 3 }));
  await fc.assert(
    fc.asyncProperty(damage, async ([at, length, put]) => {
      text = whole.slice(0, at) + put + whole.slice(at + length);
      const found = await backend.lookup(part, idle());
      if (found?.kind !== 'score') return found?.kind === 'none';
      // What still counts must say the same of the same file.
      const said = JSON.parse(text) as Record<string, unknown>;
      return said.status === 'scored' && said.sha256 === part.sha256 && said.score === found.score;
    }),
    { numRuns: 300 },
  );
});

t.test('engine: what is not what it should be is not up', async (t) => {
  const cases: readonly [Handler, RegExp][] = [
    [json(200, { engine: 'x' }), /version/],
    [json(200, { engine: 'x', version: '' }), /version/],
    [json(200, { engine: 'x', version: 'a\u0000' }), /version/],
    [json(200, { engine: 'x', version: '1', maxBytes: -1 }), /maxBytes/],
    [json(503, problem(503, { detail: 'starting\nup' })), /503 "a title: starting up"/],
    [json(404, problem(404)), /404/],
    [json(301, {}, { location: '/v1/engine2' }), /301/],
    [plainly(200, '<html>', { 'content-type': 'text/html' }), /no application\/json/],
    [plainly(200, 'x'.repeat(100_000)), /more than/],
    [(_asked, response) => response.destroy(), /closed|ECONNRESET/],
  ];
  for (const [handler, detail] of cases) {
    const fake = await fakeOf(t);
    fake.engine = handler;
    const backend = backendOf(t, fake.port);
    await waitFor('bad news', 5000, () => !backend.health().up);
    t.match(backend.health(), { up: false, detail });
    t.equal(backend.cacheable, false);
    t.equal(backend.version, 'unknown');
  }
});

t.test('a new version is noticed with the next answer, and old answers are not used', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  await waitFor('version', 5000, () => backend.cacheable);
  const scorer = new Scorer([backend], () => ({ deadlineMs: 5000, cache: { clean: 60, flagged: 60 } }));
  const ask = async () => (await scorer.score(requestsFor([part]), () => contentOf(bytes), idle()))[0];
  t.match(await ask(), { score: 0 });
  t.match(await ask(), { score: 0, how: [{ source: 'memory' }] });
  t.equal(fake.uploads, 1);
  const newer = { engine: 'fake', version: '2' };
  fake.engine = json(200, newer);
  fake.file = ({ content }, response) =>
    answer(response, 200, { ...scored(digestOf(content), 1, 'New.Bad'), ...newer });
  t.match(await ask(), { score: 0 }, 'not known yet');
  await backend.score(madePart(7, { sha256: digestOf(Buffer.from('y')) }), contentOf(Buffer.from('y')), idle());
  await waitFor('new version', 10_000, () => backend.version === 'fake 2');
  t.match(await ask(), { score: 1, name: 'New.Bad' });
  t.equal(backend.opensArchives, false, 'what it does not say any more is not so');
});

t.test('the breaker: left alone after failures, and asked at once when it is seen to be back', async (t) => {
  const fake = await FakeScoringService.start();
  const backend = backendOf(t, fake.port);
  await waitFor('version', 5000, () => backend.cacheable);
  const scorer = new Scorer([backend], () => ({ deadlineMs: 5000, cache: { clean: 60, flagged: 60 } }));
  let seed = 0;
  const ask = async () => {
    seed += 1;
    const content = Buffer.from(`file ${seed}`);
    const asked = madePart(seed, { sha256: digestOf(content) });
    return (await scorer.score(requestsFor([asked]), () => contentOf(content), idle()))[0]?.answers[0];
  };
  t.match(await ask(), { kind: 'score' });
  t.match(scorer.health(), [{ name: 'http', up: true, breaker: 'closed', lastAnswerMs: Number }]);
  const { port } = fake;
  await fake.stop();
  for (let count = 0; count < limits.scoring.breakerFailures; count += 1)
    t.match(await ask(), { cause: 'backend-unavailable', detail: /ECONNREFUSED|closed|ECONNRESET/ });
  t.match(await ask(), { cause: 'backend-unavailable', detail: /left alone/ });
  t.match(scorer.health(), [{ up: false, breaker: 'open' }]);
  await waitFor('bad news', 5000, () => !backend.health().up);
  const again = await FakeScoringService.start(port);
  t.teardown(() => again.stop());
  const started = performance.now();
  await waitFor('good news', limits.scoring.breakerPauseMs, () => scorer.health()[0]?.up);
  t.match(await ask(), { kind: 'score' });
  t.ok(performance.now() - started < limits.scoring.breakerPauseMs, 'without waiting for its pause to end');
  t.match(scorer.health(), [{ up: true, breaker: 'closed' }]);
  again.file = json(413, problem(413));
  for (let count = 0; count < limits.scoring.breakerFailures + 1; count += 1)
    t.match(await ask(), { cause: 'oversize' });
  again.file = json(429, problem(429));
  for (let count = 0; count < limits.scoring.breakerFailures + 1; count += 1)
    t.match(await ask(), { cause: 'out-of-resources' });
  t.match(scorer.health(), [{ up: true, breaker: 'closed' }], 'to be refused is no failure of the service');
});

t.test('several backends: the highest score counts, and a missing answer keeps its cause', async (t) => {
  const fake = await fakeOf(t);
  const http = backendOf(t, fake.port, { name: 'sandbox' });
  await waitFor('version', 5000, () => http.cacheable);
  const other = new FakeBackend('other');
  const third = new FakeBackend('third');
  const scorer = new Scorer([other, http, third], () => ({ deadlineMs: 5000, cache: { clean: 0, flagged: 0 } }));
  const ask = async () => (await scorer.score(requestsFor([part]), () => contentOf(bytes), idle()))[0];
  fake.file = ({ content }, response) => answer(response, 200, scored(digestOf(content), 0.8, 'Http.Bad'));
  other.script = () => other.answer(0.3);
  t.match(await ask(), { score: 0.8, name: 'Http.Bad' });
  other.script = () => other.answer(0.9);
  t.match(await ask(), { score: 0.9, name: 'Fake.Threat' });
  fake.file = json(503, problem(503));
  third.script = () => third.none('encrypted');
  const mixed = await ask();
  t.match(mixed, { score: 0.9 });
  t.same(
    mixed?.answers.map((one) => `${one.backend} ${summary(one)}`),
    ['other 0.9 Fake.Threat', 'sandbox backend-unavailable', 'third encrypted'],
  );
  fake.hash = () => {};
  const slow = new Scorer([other, http], () => ({ deadlineMs: 300, cache: { clean: 0, flagged: 0 } }));
  const late = (await slow.score(requestsFor([part]), () => contentOf(bytes), idle()))[0];
  t.match(late, { score: 0.9, answers: [{ kind: 'score' }, { kind: 'none', cause: 'verdict-timeout' }] });
});

const wrongBackends: readonly [string, string, string, RegExp][] = [
  ['{ type: http }', 'error', 'scoring.backends[0].url', /http/],
  ['{ type: http, url: "scan.example.org" }', 'error', 'scoring.backends[0].url', /http/],
  ['{ type: http, url: "http://u:p@127.0.0.1/" }', 'error', 'scoring.backends[0].url', /without user/],
  [
    '{ type: http, url: "http://127.0.0.1/" }, { type: http, url: "http://127.0.0.2/" }',
    'error',
    'scoring.backends[1].name',
    /no other backend/,
  ],
  ['{ type: http, name: embedded, url: "http://127.0.0.1/" }', 'error', 'scoring.backends[0].name', /no other backend/],
  ['{ type: http, name: Bad_Name, url: "http://127.0.0.1/" }', 'error', 'scoring.backends[0].name', /small letters/],
  [
    '{ type: http, url: "http://192.0.2.1/", tokenFile: secret.txt }',
    'warning',
    'scoring.backends[0].url',
    /https.*token/,
  ],
  ['{ type: http, url: "http://127.0.0.1/", tokenFile: none.txt }', 'error', 'scoring.backends[0].tokenFile', /exists/],
  [
    '{ type: http, url: "http://127.0.0.1/", tokenFile: open.txt }',
    'warning',
    'scoring.backends[0].tokenFile',
    /chmod 600/,
  ],
  [
    '{ type: http, url: "http://127.0.0.1/", tokenFile: two.txt }',
    'error',
    'scoring.backends[0].tokenFile',
    /one token/,
  ],
  ['{ type: http, url: "http://scan.example.org/" }', 'warning', 'scoring.backends[0].url', /https.*files/],
  ['{ type: http, url: "http://127.0.0.1/", caFile: open.txt }', 'warning', 'scoring.backends[0].caFile', /https/],
  ['{ type: http, url: "http://127.0.0.1/", token: x }', 'error', 'scoring.backends[0].token', /./],
];

t.test('configuration: names, addresses, warnings', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-http-config-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const written = (name: string, text: string, mode: number) => writeFileSync(join(folder, name), text, { mode });
  written('secret.txt', 'one-token\n', 0o600);
  written('open.txt', 'one-token\n', 0o644);
  written('two.txt', 'two tokens\n', 0o600);
  const listener =
    'smtp: { listeners: [{ listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }] }';
  const parsed = (backends: string) =>
    parseConfig(`${listener}\nscoring: { backends: [${backends}] }`, join(folder, 'gate.yaml'));
  const { config, problems } = parsed(
    '{ type: http, url: "http://127.0.0.1:8090", tokenFile: secret.txt }, { type: http, name: sandbox, url: "https://scan.example.org/x" }',
  );
  t.same(problems, []);
  t.match(config?.scoring.backends, [
    { name: 'http', tokenFile: join(folder, 'secret.txt'), sendNames: false },
    { name: 'sandbox' },
  ]);
  for (const [backend, severity, path, expected] of wrongBackends)
    t.match(parsed(backend).problems, [{ severity, path, expected }], backend);
  t.notMatch(
    JSON.stringify(parsed('{ type: http, url: "http://127.0.0.1/", tokenFile: two.txt }').problems),
    /two tokens/,
  );
  t.end();
});
