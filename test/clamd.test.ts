/** The clamd backend: what is sent, what each reply means, and what becomes of everything that a server can do wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { formatSocketAddress, parseSocketAddress } from '../src/config/socket-address.js';
import { limits } from '../src/runtime/limits.js';
import type { Answer, PartContent } from '../src/scoring/backend.js';
import { ClamdBackend, type ClamdSettings } from '../src/scoring/clamd.js';
import { answerOf } from '../src/scoring/clamd-reply.js';
import { requestsFor } from '../src/scoring/score-request.js';
import { Scorer } from '../src/scoring/scorer.js';
import { Slots } from '../src/scoring/slots.js';
import { contentOf, runBackendContract } from './support/backend-contract.js';
import { Clamd, clamdHeuristicMarker, clamdMarker, clamdWholeFile } from './support/clamd.js';
import { madePart } from './support/facts.js';
import { FakeClamd } from './support/fake-clamd.js';
import { skipWithout } from './support/missing.js';
import { freePort, waitFor } from './support/ports.js';

const part = madePart(1);
const idle = (): AbortSignal => new AbortController().signal;
const usual = { connections: 8, maxBytes: 26_214_400, timeoutMs: 5000, heuristicScore: 0.75 };
const eicar = Buffer.from('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*');

async function fakeOf(test: Test): Promise<FakeClamd> {
  const fake = await FakeClamd.start();
  test.teardown(() => fake.stop());
  return fake;
}

function backendOf(test: Test, port: number, settings: Partial<ClamdSettings> = {}): ClamdBackend {
  const backend = new ClamdBackend({ ...usual, address: { host: '127.0.0.1', port }, ...settings });
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

const summary = (answer: Answer): string =>
  answer.kind === 'score' ? `${answer.score} ${answer.name}` : answer.kind === 'none' ? answer.cause : answer.kind;

runBackendContract('clamd, a fake one', async () => {
  const fake = await FakeClamd.start();
  fake.onStream = ({ content }) => (content.includes('bad') ? 'stream: Test.Bad FOUND' : 'stream: OK');
  const backend = new ClamdBackend({ ...usual, address: { host: '127.0.0.1', port: fake.port } });
  await waitFor('version', 5000, () => backend.cacheable);
  const close = async () => {
    await backend.close();
    await fake.stop();
  };
  return { backend, bad: part, badContent: Buffer.from('something bad'), close };
});

t.test('addresses are host:port or the absolute path of a socket', (t) => {
  t.same(parseSocketAddress('127.0.0.1:3310'), { host: '127.0.0.1', port: 3310 });
  t.same(parseSocketAddress('[::1]:3310'), { host: '::1', port: 3310 });
  t.same(parseSocketAddress('unix:/run/clamd.sock'), { path: '/run/clamd.sock' });
  for (const wrong of ['127.0.0.1', 'clamd:0', 'unix:run/clamd', 'unix:', '/run/clamd', `unix:/${'x'.repeat(107)}`, ''])
    t.equal(parseSocketAddress(wrong), undefined, wrong);
  for (const text of ['clamd.example:3310', '[::1]:3310', 'unix:/run/a b'])
    t.equal(formatSocketAddress(parseSocketAddress(text) ?? { path: '' }), text);
  t.end();
});

t.test('each reply means what it says, and what is not known exactly means nothing', (t) => {
  const cases: [string, string][] = [
    ['stream: OK', '0 '],
    ['stream: Win.Test.EICAR_HDB-1 FOUND', '1 Win.Test.EICAR_HDB-1'],
    ['stream: Name with spaces FOUND FOUND', '1 Name with spaces FOUND'],
    ['stream: Heuristics.OLE2.ContainsMacros.VBA FOUND', '0.75 Heuristics.OLE2.ContainsMacros.VBA'],
    ['stream: PUA.Win.Packer.X FOUND', '0.75 PUA.Win.Packer.X'],
    ['stream: Heuristics.Encrypted.Zip FOUND', 'encrypted'],
    ['stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND', 'unscannable'],
    ['INSTREAM size limit exceeded. ERROR', 'oversize'],
    ['COMMAND READ TIMED OUT', 'verdict-timeout'],
    ['Queue limit reached. ERROR', 'out-of-resources'],
    ["stream: Can't allocate memory ERROR", 'backend-unavailable'],
    ['UNKNOWN COMMAND', 'backend-unavailable'],
    ['PONG', 'backend-unavailable'],
    ['', 'backend-unavailable'],
    ['stream: ok', 'backend-unavailable'],
    ['stream: OK FOUND OK', 'backend-unavailable'],
    [' stream: OK', 'backend-unavailable'],
    ['1: stream: OK', 'backend-unavailable'],
    ['stream:  FOUND', 'backend-unavailable'],
    ['HTTP/1.1 200 OK', 'backend-unavailable'],
  ];
  for (const [reply, expected] of cases) {
    t.equal(summary(answerOf(reply, { backend: 'clamd', engine: 'e', heuristicScore: 0.75 })), expected, reply);
  }
  t.end();
});

t.test('property: one reply alone says clean, however it is damaged', (t) => {
  const clean = 'stream: OK';
  const damaged = fc.tuple(fc.nat({ max: clean.length }), fc.nat({ max: 3 }), fc.string({ maxLength: 3 }));
  const reply = fc.oneof(
    fc.string(),
    damaged.map(([at, drop, put]) => clean.slice(0, at) + put + clean.slice(at + drop)),
    fc.string().map((name) => `stream: ${name} FOUND`),
  );
  const property = fc.property(reply, (text) => {
    const answer = answerOf(text, { backend: 'clamd', engine: 'e', heuristicScore: 0.75 });
    return (answer.kind === 'score' && answer.score === 0) === (text === clean);
  });
  fc.assert(property, { numRuns: 2000 });
  t.pass('2000 replies');
  t.end();
});

t.test('the content arrives whole and in chunks, also when it is large or empty', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  const chunk = Buffer.alloc(100_000, 'abcdefg');
  for (const [content, chunks] of [
    [contentOf(Buffer.from('x')), 1],
    [{ ...contentOf(Buffer.alloc(0)), bytes: 0 }, 0],
    [inChunks(30, chunk), 30],
  ] as const) {
    fake.streams.length = 0;
    t.equal(summary(await backend.score(part, content, idle())), '0 ');
    t.equal(fake.streams[0]?.content.length, content.bytes);
    t.equal(fake.streams[0]?.chunks, chunks);
  }
  t.ok(fake.streams[0]?.content.equals(Buffer.concat(Array.from({ length: 30 }, () => chunk))));
});

t.test('content that is not as long as was said gives no answer, whatever clamd says', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  const real = contentOf(Buffer.from('abcdef'));
  for (const bytes of [5, 7, 0]) {
    t.match(await backend.score(part, { ...real, bytes }, idle()), { kind: 'none', cause: 'unscannable' });
  }
  t.equal(fake.streams.length, 0, 'no stream was ended as if it were whole');
});

t.test('a file above maxBytes is not sent', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { maxBytes: 1000 });
  await waitFor('version', 5000, () => backend.cacheable);
  const before = fake.connections;
  t.match(await backend.score(part, contentOf(Buffer.alloc(1001)), idle()), { cause: 'oversize', detail: /1001/ });
  t.equal(fake.connections, before);
  t.match(await backend.score(part, contentOf(Buffer.alloc(1000)), idle()), { kind: 'score', score: 0 });
});

type OnStream = FakeClamd['onStream'];
const says =
  (text: string): OnStream =>
  (_stream, socket) => {
    socket.write(text);
    return undefined;
  };
const leaves =
  (text = ''): OnStream =>
  (_stream, socket) => {
    socket.end(text);
    return undefined;
  };
const neverStops: OnStream = (_stream, socket) => {
  const pump = () => {
    if (socket.destroyed) return;
    socket.write('x'.repeat(10_000));
    setImmediate(pump);
  };
  pump();
  return undefined;
};
const resets: OnStream = (_stream, socket) => {
  socket.resetAndDestroy();
  return undefined;
};
const early =
  (text: string): FakeClamd['onOctets'] =>
  (socket) => {
    socket.end(text);
  };

interface Wrong {
  readonly what: string;
  readonly does: Partial<Pick<FakeClamd, 'onStream' | 'onOctets'>>;
  readonly cause: string;
  readonly detail: RegExp;
}
const away = 'backend-unavailable';
const slow = 'verdict-timeout';
const wrongs: readonly Wrong[] = [
  { what: 'silent', does: { onStream: says('') }, cause: slow, detail: /no answer/ },
  { what: 'half an answer', does: { onStream: says('stream: O') }, cause: slow, detail: /no answer/ },
  { what: 'half, then closed', does: { onStream: leaves('stream: OK') }, cause: away, detail: /closed before/ },
  { what: 'closed', does: { onStream: leaves() }, cause: away, detail: /closed before/ },
  { what: 'reset', does: { onStream: resets }, cause: away, detail: /ECONNRESET|closed/ },
  { what: 'closed midway', does: { onOctets: early('') }, cause: away, detail: /closed|ECONN|EPIPE/ },
  { what: 'garbage', does: { onStream: () => '\x01\x02 what' }, cause: away, detail: /answered/ },
  { what: 'another protocol', does: { onStream: () => '220 mail.example ESMTP' }, cause: away, detail: /220/ },
  { what: 'endless', does: { onStream: neverStops }, cause: away, detail: /without end/ },
  { what: 'approves too early', does: { onOctets: early('stream: OK\0') }, cause: away, detail: /before the content/ },
  { what: 'its own error', does: { onStream: () => 'stream: lstat() failed ERROR' }, cause: away, detail: /lstat/ },
  { what: 'full', does: { onStream: () => 'Thread limit reached ERROR' }, cause: 'out-of-resources', detail: /Thread/ },
  {
    what: 'too large, said early',
    does: { onOctets: early('INSTREAM size limit exceeded. ERROR\0') },
    cause: 'oversize',
    detail: /StreamMaxLength/,
  },
  { what: 'we are slow', does: { onOctets: early('COMMAND READ TIMED OUT\n') }, cause: slow, detail: /TIMED OUT/ },
];

t.test('all that a server can do wrong is a missing answer with its cause', async (t) => {
  for (const { what, does, cause, detail } of wrongs) {
    const fake = await fakeOf(t);
    Object.assign(fake, does);
    // Only silence is cut short: a machine that is busy elsewhere answers late as well.
    const backend = backendOf(t, fake.port, { timeoutMs: String(detail) === '/no answer/' ? 300 : 10_000 });
    // Long enough that a server can answer before its end.
    const answer = await backend.score(part, inChunks(10, Buffer.alloc(1000), 5), idle());
    t.match(answer, { kind: 'none', backend: 'clamd', cause, detail }, what);
    await backend.close();
    await waitFor('end of the connections', 2000, () => fake.open === 0);
    t.equal(fake.open, 0, `${what}: nothing stays open`);
  }
});

t.test('a server that is not there, or does not read', async (t) => {
  const backend = backendOf(t, await freePort());
  t.match(await backend.score(part, contentOf(eicar), idle()), {
    cause: 'backend-unavailable',
    detail: /ECONNREFUSED/,
  });
  const lost = backendOf(t, 1, { address: { path: '/nowhere/clamd.sock' } });
  t.match(await lost.score(part, contentOf(eicar), idle()), { cause: 'backend-unavailable', detail: /ENOENT/ });
  const fake = await fakeOf(t);
  fake.listens = false;
  const deaf = backendOf(t, fake.port, { timeoutMs: 300, maxBytes: 100_000_000 });
  const answer = await deaf.score(part, inChunks(400, Buffer.alloc(100_000)), idle());
  t.match(answer, { cause: 'verdict-timeout' }, 'a socket that takes no more does not hold us');
});

t.test('at most so many connections as configured; who waits too long is told that it is busy', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port, { connections: 3 });
  await waitFor('version', 5000, () => backend.cacheable);
  let running = 0;
  let most = 0;
  fake.onStream = (_stream, socket) => {
    running += 1;
    most = Math.max(most, running);
    setTimeout(() => {
      running -= 1;
      socket.end('stream: OK\0');
    }, 20);
    return undefined;
  };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => backend.score(part, contentOf(Buffer.from('x')), idle())),
  );
  t.same([...new Set(answers.map(summary))], ['0 ']);
  t.equal(most, 3);

  const slots = new Slots(1);
  const first = await slots.take(1000, idle());
  t.match(await slots.take(10, idle()), { kind: 'busy' });
  t.match(await slots.take(1000, AbortSignal.abort()), { kind: 'aborted' });
  const leaving = new AbortController();
  const left = slots.take(1000, leaving.signal);
  const second = slots.take(1000, idle());
  leaving.abort();
  t.match(await left, { kind: 'aborted' });
  if (first.kind === 'slot') {
    first.release();
    first.release();
  }
  t.match(await second, { kind: 'slot' }, 'the next in line gets the place');
  t.equal(slots.used, 1, 'and a place is given back once');
  t.equal(slots.waiting, 0);
});

t.test('an abort ends the upload and the connection', async (t) => {
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
  const answer = backend.score(part, endless, controller.signal);
  await waitFor('some octets', 5000, () => read > 3);
  controller.abort();
  t.match(await answer, { kind: 'none', cause: 'verdict-timeout', detail: /given up/ });
  await waitFor('end of the connection', 5000, () => fake.open === 0);
  const stopped = read;
  await sleep(30);
  t.ok(read <= stopped + 1, 'the content is read no further');
  const running = backend.score(part, endless, idle());
  await sleep(20);
  await backend.close();
  t.match(await running, { kind: 'none', cause: 'verdict-timeout' }, 'closing ends what runs');
});

t.test('the version is asked for at start, and an answer under an unknown one is not kept', async (t) => {
  const fake = await fakeOf(t);
  const backend = backendOf(t, fake.port);
  t.equal(backend.cacheable, false);
  await waitFor('version', 5000, () => backend.cacheable);
  t.equal(backend.version, fake.version);
  t.same(backend.health(), { up: true, detail: fake.version });
  t.match(await backend.score(part, contentOf(Buffer.from('x')), idle()), { engine: `clamd/${fake.version}` });
  const away = backendOf(t, await freePort());
  await waitFor('bad news', 5000, () => !away.health().up);
  t.match(away.health(), { up: false, detail: /^127\.0\.0\.1:\d+: ECONNREFUSED$/ });
  t.equal(away.cacheable, false);
  const other = await fakeOf(t);
  other.version = 'SSH-2.0-OpenSSH_9.6';
  const wrong = backendOf(t, other.port);
  await waitFor('bad news', 5000, () => !wrong.health().up);
  t.match(wrong.health(), { up: false, detail: /SSH/ });
});

const noClamd = skipWithout('clamd');

if (noClamd === false) {
  runBackendContract('clamd, the real one', async () => {
    const clamd = await Clamd.start();
    const backend = new ClamdBackend({ ...usual, address: { path: clamd.socketPath } });
    await waitFor('version', 5000, () => backend.cacheable);
    const close = async () => {
      await backend.close();
      await clamd.stop();
    };
    return { backend, bad: part, badContent: clamdWholeFile, close };
  });
}

t.test('many parts of one message at a time are no reason for a warning', async (t) => {
  const fake = await fakeOf(t);
  fake.version = 'nothing that a version is';
  const scorer = new Scorer([backendOf(t, fake.port)], () => ({ deadlineMs: 5000, cache: { clean: 60, flagged: 60 } }));
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.message);
  process.on('warning', onWarning);
  const parts = Array.from({ length: 40 }, (_, index) => madePart(index));
  const scores = await scorer.score(requestsFor(parts), () => contentOf(Buffer.from('x')), idle());
  await new Promise(setImmediate);
  process.off('warning', onWarning);
  t.ok(scores.every(({ score }) => score === 0));
  t.same(warnings, []);
});

t.test('with the real clamd', { skip: noClamd }, async (t) => {
  const clamd = await Clamd.start();
  t.teardown(() => clamd.stop());
  const ways: [string, ClamdSettings['address']][] = [
    ['TCP', { host: '127.0.0.1', port: clamd.port }],
    ['unix socket', { path: clamd.socketPath }],
  ];
  for (const [way, address] of ways) {
    const backend = backendOf(t, 0, { address, connections: 4 });
    await waitFor('version', 5000, () => backend.cacheable);
    t.match(backend.version, /^ClamAV \d+\.\d+/, way);
    const score = async (content: PartContent) => summary(await backend.score(part, content, idle()));
    t.equal(await score(contentOf(Buffer.from('clean'))), '0 ');
    t.equal(await score(contentOf(Buffer.alloc(0))), '0 ');
    t.equal(await score(contentOf(clamdWholeFile)), '1 Test.WholeFile.UNOFFICIAL');
    t.equal(await score(contentOf(Buffer.from(`in the midst ${clamdMarker} of it`))), '1 Test.Marker.UNOFFICIAL');
    t.equal(await score(contentOf(Buffer.from(clamdHeuristicMarker))), '0.75 Heuristics.Test.Marker.UNOFFICIAL');
    const filler = Buffer.alloc(65_536, 'a');
    t.equal(await score(inChunks(15, filler)), '0 ', 'just below its limit');
    const many = await Promise.all(Array.from({ length: 60 }, () => score(contentOf(clamdWholeFile))));
    t.same([...new Set(many)], ['1 Test.WholeFile.UNOFFICIAL'], 'more than it has threads');
    let told = 0;
    for (let round = 0; round < 40; round += 1) {
      if ((await score(inChunks(round < 20 ? 40 : 17, filler))) === 'oversize') told += 1;
    }
    t.equal(told, 40, 'above StreamMaxLength it says so, and we hear it');
    t.match(
      await backend.score(part, inChunks(2, filler, 2500), idle()),
      { cause: 'verdict-timeout' },
      'we were too slow',
    );
  }
  await t.test('frozen, thawed, killed', async (t) => {
    const brief = backendOf(t, clamd.port, { timeoutMs: 500 });
    const backend = backendOf(t, clamd.port, { timeoutMs: 20_000 });
    for (const one of [brief, backend]) await waitFor('version', 5000, () => one.cacheable);
    clamd.freeze();
    t.match(await brief.score(part, contentOf(eicar), idle()), { cause: 'verdict-timeout' });
    clamd.thaw();
    t.match(await backend.score(part, contentOf(clamdWholeFile), idle()), { score: 1 });
    const dying = backend.score(part, inChunks(300, Buffer.alloc(1000), 50), idle());
    await sleep(60);
    await clamd.stop();
    t.match(await dying, { kind: 'none', cause: 'backend-unavailable' });
    t.match(await backend.score(part, contentOf(eicar), idle()), {
      cause: 'backend-unavailable',
      detail: /ECONNREFUSED/,
    });
  });
});

t.test('real files in a real clamd', { skip: noClamd || skipWithout('zip') }, async (t) => {
  const clamd = await Clamd.start({ settings: { MaxFileSize: '500K', StreamMaxLength: '2M' } });
  t.teardown(() => clamd.stop());
  const backend = backendOf(t, clamd.port);
  const { execFileSync } = await import('node:child_process');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clamd-files-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'bad.txt'), `x ${clamdMarker}`);
  execFileSync('zip', ['-q', 'plain.zip', 'bad.txt'], { cwd: folder });
  execFileSync('zip', ['-q', '-P', 'secret', 'locked.zip', 'bad.txt'], { cwd: folder });
  execFileSync('zip', ['-q', 'twice.zip', 'plain.zip'], { cwd: folder });
  const { readFileSync } = await import('node:fs');
  const scan = async (name: string) =>
    summary(await backend.score(part, contentOf(readFileSync(join(folder, name))), idle()));
  t.equal(await scan('plain.zip'), '1 Test.Marker.UNOFFICIAL');
  t.equal(await scan('twice.zip'), '1 Test.Marker.UNOFFICIAL');
  t.equal(await scan('locked.zip'), 'encrypted');
  const large = Buffer.concat([Buffer.alloc(600_000, 'a'), Buffer.from(clamdMarker)]);
  t.equal(
    summary(await backend.score(part, contentOf(large), idle())),
    'unscannable',
    'what clamd did not look at for its size is not clean',
  );
});

t.ok(limits.clamd.slotWaitMs < 30_000, 'a file does not wait for a connection longer than for its verdict');
