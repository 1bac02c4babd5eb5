/** Scoring: the contract of all backends, hash feeds, and how the scorer gathers, shares, remembers and gives up. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { PartFacts } from '../src/inspect/report.js';
import { type LevelMap, levelOf } from '../src/policy/level.js';
import { limits } from '../src/runtime/limits.js';
import type { Answer, PartContent, PartScore } from '../src/scoring/backend.js';
import { EmbeddedBackend } from '../src/scoring/embedded.js';
import { HashFeeds, loadHashFeeds } from '../src/scoring/hash-feed.js';
import { requestsFor } from '../src/scoring/score-request.js';
import { Scorer, type ScorerSettings } from '../src/scoring/scorer.js';
import { contentOf, runBackendContract } from './support/backend-contract.js';
import { madePart } from './support/facts.js';
import { FakeBackend } from './support/fake-backend.js';

const bytes = Buffer.from('data');
const anyContent = (): PartContent => contentOf(bytes);
const idle = (): AbortSignal => new AbortController().signal;
const settings: ScorerSettings = { deadlineMs: 5000, cache: { clean: 60, flagged: 600 } };

function folder(test: { teardown(handler: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'sluice-scoring-'));
  test.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A promise and the function that settles it. */
function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

function mustBeNow(result: PartScore[] | Promise<PartScore[]>): PartScore[] {
  if (!Array.isArray(result)) throw new Error('a promise where an answer was at hand');
  return result;
}

runBackendContract('embedded', async () => {
  const none = await HashFeeds.none();
  return { backend: new EmbeddedBackend(() => none), bad: madePart(1, { flags: ['eicar'] }), badContent: bytes };
});

runBackendContract('fake', async () => {
  const bad = madePart(1);
  return { backend: new FakeBackend().know(bad, 1), bad, badContent: bytes };
});

t.test('embedded knows parts by their flags and files by the digests of its feeds', async (t) => {
  const dir = folder(t);
  const [bySha256, bySha1, byMd5, twice] = [madePart(2), madePart(3), madePart(4), madePart(5)];
  writeFileSync(
    join(dir, 'one.txt'),
    [
      '# digest score name',
      `${bySha256.sha256.toUpperCase()}`,
      `${bySha1.sha1},0.5,Some.Name`,
      `${byMd5.md5}\t.25 ; Name with spaces # comment`,
      `${twice.md5} 0.3 weak`,
      `${twice.sha256} 0.9 strong`,
      `${twice.sha256} 0.1 later`,
      'abc 1 short',
      `${bySha256.sha256} 1.5 too-high`,
      'zz',
    ].join('\r\n'),
  );
  const { feeds, problems } = await loadHashFeeds([join(dir, 'one.txt')]);
  t.same(
    problems.map((problem) => [problem.severity, problem.line]),
    [
      ['warning', 8],
      ['warning', 9],
      ['warning', 10],
    ],
  );
  const backend = new EmbeddedBackend(() => feeds);
  const cases: [PartFacts, number, string][] = [
    [madePart(9, { flags: ['eicar'] }), 1, 'EICAR-Test-File'],
    [bySha256, 1, 'known-bad-file'],
    [bySha1, 0.5, 'Some.Name'],
    [byMd5, 0.25, 'Name with spaces'],
    [twice, 0.9, 'strong'],
    [madePart(8), 0, ''],
    [madePart(7, { flags: ['encrypted'] }), 0.5, 'encrypted'],
  ];
  for (const [part, score, name] of cases) {
    const answer = backend.scoreNow(part) as Extract<Answer, { kind: 'score' }>;
    t.equal(Math.round(answer.score * 1000) / 1000, score, `${name || 'clean'} scores ${score}`);
    t.equal(answer.name, name);
  }
  t.match((await loadHashFeeds([join(dir, 'absent.txt')])).problems, [{ severity: 'error', file: /absent/ }]);
});

t.test('the version of embedded changes with its feeds', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'feed.txt'), `${madePart(1).md5}\n`);
  let feeds = await HashFeeds.none();
  const backend = new EmbeddedBackend(() => feeds);
  const before = backend.version;
  ({ feeds } = await loadHashFeeds([join(dir, 'feed.txt')]));
  t.not(backend.version, before);
  t.equal(backend.scoreNow(madePart(1)).kind, 'score');
});

t.test('when every answer is at hand there is no promise', async (t) => {
  const none = await HashFeeds.none();
  const fake = new FakeBackend();
  const [one, two] = [madePart(1), madePart(2)];
  const scorer = new Scorer([new EmbeddedBackend(() => none), fake], () => settings);
  t.same(mustBeNow(scorer.score(requestsFor([]), anyContent, idle())), []);
  const first = scorer.score(requestsFor([one, two]), anyContent, idle());
  t.ok(first instanceof Promise, 'the fake has to scan');
  const scores = await first;
  t.match(scores, [{ how: [{ source: 'facts' }, { source: 'backend' }] }, { how: [{ source: 'facts' }, {}] }]);
  t.same(
    mustBeNow(scorer.score(requestsFor([two, one]), anyContent, idle())).map(({ answers }) => answers),
    scores.toReversed().map(({ answers }) => answers),
    'the second time all is known',
  );
  t.equal(fake.scanned.length, 2);
  const alone = new Scorer([new EmbeddedBackend(() => none)], () => settings);
  t.match(mustBeNow(alone.score(requestsFor([madePart(3, { flags: ['eicar'] })]), anyContent, idle())), [
    { score: 1, name: 'EICAR-Test-File' },
  ]);
});

t.test('the highest score counts, and missing answers stay visible', async (t) => {
  const part = madePart(1);
  const low = new FakeBackend('low').know(part, 0.2);
  const high = new FakeBackend('high').know(part, 0.8);
  const silent = new FakeBackend('silent');
  silent.script = () => silent.none('oversize');
  const scorer = new Scorer([low, silent, high], () => settings);
  const [score] = await scorer.score(requestsFor([part]), anyContent, idle());
  t.match(score, {
    path: part.path,
    sha256: part.sha256,
    score: 0.8,
    name: 'Fake.Threat',
    answers: [
      { backend: 'low', score: 0.2 },
      { backend: 'silent', kind: 'none', cause: 'oversize' },
      { backend: 'high', score: 0.8 },
    ],
  });
  const [none] = await new Scorer([silent], () => settings).score(requestsFor([part]), anyContent, idle());
  t.match(none, { score: undefined, name: '', answers: [{ cause: 'oversize' }] });
});

t.test('a backend that throws or answers nonsense is a missing answer', async (t) => {
  const fake = new FakeBackend();
  const scorer = new Scorer([fake], () => settings);
  fake.score = async () => {
    throw new Error('a mistake in the backend');
  };
  t.match(await scorer.score(requestsFor([madePart(1)]), anyContent, idle()), [
    { score: undefined, answers: [{ cause: 'backend-unavailable' }] },
  ]);
  for (const wrong of [1.5, -0.1, Number.NaN]) {
    fake.score = async () => fake.answer(wrong);
    t.match(
      await scorer.score(requestsFor([madePart(2)]), anyContent, idle()),
      [{ score: undefined, answers: [{ cause: 'backend-unavailable' }] }],
      String(wrong),
    );
  }
});

t.test(
  'the deadline is a missing answer for the parts that wait, and the late answer is kept for next time',
  async (t) => {
    const slow = gate<Answer>();
    const fake = new FakeBackend();
    const [quick, late] = [madePart(1), madePart(2)];
    fake.script = (part) => (part === late ? slow.promise : fake.answer(0.1));
    const scorer = new Scorer([fake], () => ({ ...settings, deadlineMs: 30 }));
    const hold = setInterval(() => {}, 1000);
    const scores = await scorer.score(requestsFor([quick, late]), anyContent, idle());
    clearInterval(hold);
    t.match(scores, [{ score: 0.1 }, { score: undefined, answers: [{ kind: 'none', cause: 'verdict-timeout' }] }]);
    slow.open(fake.answer(1));
    await new Promise(setImmediate);
    t.match(mustBeNow(scorer.score(requestsFor([late]), anyContent, idle())), [{ score: 1 }]);
    t.equal(fake.scanned.length, 2, 'nothing was scanned twice');
  },
);

t.test('one digest is scanned once however many wait, and an abort ends only its own wait', async (t) => {
  const slow = gate<Answer>();
  const fake = new FakeBackend();
  let scanSignal: AbortSignal | undefined;
  fake.script = (_part, _content, signal) => {
    scanSignal = signal;
    return slow.promise;
  };
  const scorer = new Scorer([fake], () => settings);
  const part = madePart(1);
  const leaving = new AbortController();
  const first = scorer.score(requestsFor([part]), anyContent, leaving.signal);
  const second = scorer.score(requestsFor([part, madePart(1, { path: '2' })]), anyContent, idle());
  await new Promise(setImmediate);
  leaving.abort();
  t.match(
    await first,
    [{ score: undefined, answers: [{ kind: 'none', detail: /given up/ }] }],
    'the one that left gets no answer',
  );
  t.equal(scanSignal?.aborted, false, 'the scan goes on');
  slow.open(fake.answer(0.9));
  t.match(await second, [
    { path: '1', score: 0.9 },
    { path: '2', score: 0.9 },
  ]);
  t.equal(fake.scanned.length, 1);
});

t.test('a shared scan that lost its content is done again with the content of who still waits', async (t) => {
  const fake = new FakeBackend();
  const vanishing = gate<void>();
  const gone: PartContent = {
    bytes: 4,
    async *read() {
      yield bytes.subarray(0, 1);
      await vanishing.promise;
      throw new Error('the spool is gone');
    },
  };
  const scorer = new Scorer([fake.know(madePart(1), 0.7)], () => settings);
  const first = scorer.score(requestsFor([madePart(1)]), () => gone, idle());
  const second = scorer.score(requestsFor([madePart(1)]), anyContent, idle());
  await new Promise(setImmediate);
  vanishing.open();
  t.match(await first, [{ score: undefined }]);
  t.match(await second, [{ score: 0.7 }]);
});

t.test('answers are remembered as long as their outcome says, failures and uncacheable backends never', async (t) => {
  let nowMs = 1000;
  const fake = new FakeBackend();
  const [clean, bad, failing] = [madePart(1), madePart(2), madePart(3)];
  fake.know(bad, 1);
  const usual = fake.script;
  fake.script = (part, content, signal) =>
    part.sha256 === failing.sha256 ? fake.none('unscannable') : usual(part, content, signal);
  let cache = settings.cache;
  const scorer = new Scorer(
    [fake],
    () => ({ ...settings, cache }),
    () => nowMs,
  );
  const scansOf = async (part: PartFacts): Promise<number> => {
    const before = fake.scanned.length;
    await scorer.score(requestsFor([part]), anyContent, idle());
    return fake.scanned.length - before;
  };
  t.same([await scansOf(clean), await scansOf(bad), await scansOf(failing)], [1, 1, 1]);
  t.same([await scansOf(clean), await scansOf(bad), await scansOf(failing)], [0, 0, 1], 'a failure is asked again');
  nowMs += 61_000;
  t.same([await scansOf(clean), await scansOf(bad)], [1, 0], 'clean answers age first');
  fake.version = '2';
  t.same([await scansOf(clean), await scansOf(bad)], [1, 1], 'another version knows nothing of the old answers');
  cache = { clean: 0, flagged: 0 };
  t.same([await scansOf(madePart(4)), await scansOf(madePart(4))], [1, 1], 'a lifetime of 0 keeps nothing');
  cache = settings.cache;
  fake.cacheable = false;
  t.same([await scansOf(madePart(5)), await scansOf(madePart(5))], [1, 1]);
});

t.test('a backend that keeps failing is left alone for a while, then tried once', async (t) => {
  let nowMs = 0;
  const fake = new FakeBackend();
  const scorer = new Scorer(
    [fake],
    () => settings,
    () => nowMs,
  );
  let seed = 100;
  const ask = async () => {
    seed += 1;
    const [score] = await scorer.score(requestsFor([madePart(seed)]), anyContent, idle());
    return score?.answers[0];
  };
  fake.script = () => fake.none('backend-unavailable', 'refused');
  for (let count = 0; count < limits.scoring.breakerFailures; count += 1) t.match(await ask(), { detail: 'refused' });
  t.match(await ask(), { cause: 'backend-unavailable', detail: /left alone/ });
  t.equal(fake.scanned.length, limits.scoring.breakerFailures, 'it was not asked');
  t.match(scorer.health(), [{ name: 'fake', up: false }]);
  nowMs += limits.scoring.breakerPauseMs;
  t.match(await ask(), { detail: 'refused' }, 'one trial, which fails');
  t.match(await ask(), { detail: /left alone/ });
  nowMs += limits.scoring.breakerPauseMs;
  fake.script = () => fake.answer(0);
  t.match(await ask(), { kind: 'score' });
  t.match(await ask(), { kind: 'score' });
  t.match(scorer.health(), [{ name: 'fake', up: true }]);
});

t.test('being busy, and content of ours that fails, are no failures of a backend', async (t) => {
  const fake = new FakeBackend();
  const scorer = new Scorer([fake], () => settings);
  const gone: PartContent = {
    bytes: 4,
    // biome-ignore lint/correctness/useYield: it fails before there is anything to yield
    async *read() {
      throw new Error('the spool is gone');
    },
  };
  for (let seed = 1; seed <= limits.scoring.breakerFailures * 2; seed += 1) {
    const scores = await scorer.score(requestsFor([madePart(seed)]), () => gone, idle());
    t.match(scores, [{ answers: [{ kind: 'none', cause: 'backend-unavailable', detail: /spool is gone/ }] }]);
  }
  fake.script = () => fake.none('out-of-resources', 'busy');
  for (let seed = 100; seed < 100 + limits.scoring.breakerFailures * 2; seed += 1) {
    const scores = await scorer.score(requestsFor([madePart(seed)]), anyContent, idle());
    t.match(scores, [{ answers: [{ cause: 'out-of-resources', detail: 'busy' }] }]);
  }
  t.match(scorer.health(), [{ up: true }]);
});

t.test('a backend that is being tried again and is busy is tried again', async (t) => {
  let nowMs = 0;
  const fake = new FakeBackend();
  const scorer = new Scorer(
    [fake],
    () => settings,
    () => nowMs,
  );
  let seed = 0;
  const ask = async () => {
    seed += 1;
    const [score] = await scorer.score(requestsFor([madePart(seed)]), anyContent, idle());
    return score?.answers[0];
  };
  fake.script = () => fake.none('backend-unavailable', 'refused');
  for (let count = 0; count < limits.scoring.breakerFailures; count += 1) await ask();
  nowMs += limits.scoring.breakerPauseMs;
  fake.script = () => fake.none('out-of-resources', 'busy');
  t.match(await ask(), { detail: 'busy' });
  t.match(await ask(), { detail: 'busy' }, 'which proves neither health nor failure');
  t.match(scorer.health(), [{ up: true, breaker: 'half-open' }], 'unready gates are sent no mail to try it with');
});

t.test('files without a digest share no answer', async (t) => {
  const fake = new FakeBackend();
  fake.script = (part) => fake.answer(part.path === '2' ? 0.9 : 0);
  const scorer = new Scorer([fake], () => settings);
  const parts = [madePart(1, { sha256: '' }), madePart(2, { sha256: '' })];
  const scores = await scorer.score(requestsFor(parts), anyContent, idle());
  t.match(scores, [{ score: 0 }, { score: 0.9 }]);
  await scorer.score(requestsFor(parts), anyContent, idle());
  t.equal(fake.scanned.length, 4);
});

t.test('content is held for as long as its scan takes, whoever has left', async (t) => {
  const fake = new FakeBackend();
  const slow = gate<Answer>();
  fake.script = () => slow.promise;
  const scorer = new Scorer([fake], () => settings);
  const holds: string[] = [];
  const content: PartContent = {
    ...contentOf(bytes),
    hold: () => {
      holds.push('held');
      return () => holds.push('let go');
    },
  };
  const leaving = new AbortController();
  const first = scorer.score(requestsFor([madePart(1)]), () => content, leaving.signal);
  await new Promise(setImmediate);
  leaving.abort();
  await first;
  t.same(holds, ['held']);
  slow.open(fake.answer(0));
  await new Promise(setImmediate);
  t.same(holds, ['held', 'let go']);
  t.match(mustBeNow(scorer.score(requestsFor([madePart(1)]), anyContent, idle())), [{ score: 0 }]);
});

t.test('once a message has waited long enough, nothing new is begun for it', async (t) => {
  const fake = new FakeBackend();
  fake.script = () => new Promise(() => {});
  const scorer = new Scorer([fake], () => ({ ...settings, deadlineMs: 50 }));
  const hold = setInterval(() => {}, 1000);
  const many = Array.from({ length: 5000 }, (_, index) => madePart(index + 1));
  const scores = await scorer.score(requestsFor(many), anyContent, idle());
  clearInterval(hold);
  t.equal(scores.length, 5000);
  t.ok(
    scores.every(({ answers }) => answers[0]?.kind === 'none' && answers[0].cause === 'verdict-timeout'),
    'all are without an answer',
  );
  t.equal(fake.scanned.length, limits.scoring.partsAtOnce);
});

t.test('no more files are sent for one message than it may cost, and the rest counts as not looked at', async (t) => {
  const fake = new FakeBackend();
  const scorer = new Scorer([fake], () => settings);
  const { filesSentMax } = limits.scoring;
  const many = Array.from({ length: filesSentMax * 2 + 10 }, (_, index) => madePart((index >> 1) + 1));
  const scores = await scorer.score(requestsFor(many), anyContent, idle());
  t.equal(fake.scanned.length, filesSentMax, 'a file that is there twice counts once');
  t.match(scores.at(-11), { score: 0 });
  t.match(scores.at(-10), { score: undefined, answers: [{ cause: 'unscannable', detail: /more than 1000 files/ }] });
  const again = await scorer.score(requestsFor(many), anyContent, idle());
  t.match(again.at(-1), { score: 0 }, 'what is known already costs nothing');
});

t.test('many parts are asked about a few at a time, and come back in order', async (t) => {
  const fake = new FakeBackend();
  let running = 0;
  let most = 0;
  fake.script = async (part) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return fake.answer(Number(part.path) / 1000);
  };
  const scorer = new Scorer([fake], () => settings);
  const many = Array.from({ length: 200 }, (_, index) => madePart(index + 1));
  const scores = await scorer.score(requestsFor(many), anyContent, idle());
  t.same(
    scores.map((score) => score.path),
    many.map((part) => part.path),
  );
  t.same(
    scores.map((score) => score.score),
    many.map((part) => Number(part.path) / 1000),
  );
  t.ok(most > 1 && most <= limits.scoring.partsAtOnce, `${most} at once`);
});

t.test('closing ends the scans that run and closes the backends', async (t) => {
  const fake = new FakeBackend();
  fake.script = (_part, _content, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(fake.none('verdict-timeout', 'ended'))));
  const scorer = new Scorer([fake], () => settings);
  const waiting = scorer.score(requestsFor([madePart(1)]), anyContent, idle());
  await new Promise(setImmediate);
  await scorer.close();
  t.match(await waiting, [{ answers: [{ kind: 'none', detail: 'ended' }] }]);
  t.same(fake.closed, ['closed']);
});

const levels: LevelMap = [
  [0, 0],
  [0.25, 2],
  [0.5, 4],
  [0.75, 7],
  [1, 10],
];

t.test('scores become levels along the map, rounded down', (t) => {
  const cases: [number, number][] = [
    [0, 0],
    [0.0001, 1],
    [0.25, 2],
    [0.49, 3],
    [0.5, 4],
    [0.74, 6],
    [0.75, 7],
    [0.84, 8],
    [0.9999, 9],
    [1, 10],
    [2, 10],
    [-1, 0],
    [Number.NaN, 10],
  ];
  for (const [score, level] of cases) t.equal(levelOf(score, levels), level, String(score));
  t.equal(
    levelOf(0.3, [
      [0, 0],
      [0.3, 7],
      [1, 7],
    ]),
    7,
    'exactly on a point',
  );
  t.equal(
    levelOf(0.7, [
      [0, 0],
      [1, 10],
    ]),
    7,
    'not 6 for 6.999999999999999',
  );
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      return levelOf(low, levels) <= levelOf(high, levels);
    }),
  );
  t.end();
});
