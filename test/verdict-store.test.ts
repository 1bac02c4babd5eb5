/** Answers that outlive the process: the table, the scorer's use of it, and late answers that meet a message when it comes again. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import t, { type Test } from 'tap';
import { DeliveredFiles } from '../src/pipeline/delivered.js';
import { openDatabase } from '../src/quarantine/database.js';
import { migrations } from '../src/quarantine/schema.sql.js';
import { LocalStore } from '../src/quarantine/store-access.js';
import { StoredVerdicts } from '../src/quarantine/stored-verdicts.js';
import { VerdictTable } from '../src/quarantine/verdict-table.js';
import { limits } from '../src/runtime/limits.js';
import type { PartContent } from '../src/scoring/backend.js';
import { requestsFor } from '../src/scoring/score-request.js';
import { Scorer, type ScorerSettings } from '../src/scoring/scorer.js';
import type { KnownVerdict, StoredVerdict, VerdictKey, VerdictStore } from '../src/scoring/verdict-store.js';
import { contentOf } from './support/backend-contract.js';
import { madePart } from './support/facts.js';
import { FakeBackend } from './support/fake-backend.js';
import { FakeClamd } from './support/fake-clamd.js';
import { attachmentMail, buildMail } from './support/mail.js';
import { waitFor } from './support/ports.js';
import { folderOf, incidents, metricsOf, reconfigure, sendMail, startGate, startSink } from './support/running.js';

t.setTimeout(120_000);

const settings: ScorerSettings = { deadlineMs: 5000, cache: { clean: 60, flagged: 600 } };
const idle = (): AbortSignal => new AbortController().signal;
const anyContent = (): PartContent => contentOf(Buffer.from('data'));
const startMs = 1_800_000_000_000;

/** A store in memory that can be made to fail. */
class FakeStore implements VerdictStore {
  readonly rows = new Map<string, KnownVerdict>();
  readonly asked: (readonly VerdictKey[])[] = [];
  readonly batches: (readonly StoredVerdict[])[] = [];
  fails = false;

  async get(keys: readonly VerdictKey[]): Promise<readonly (KnownVerdict | undefined)[]> {
    this.asked.push(keys);
    if (this.fails) throw new Error('the disk is gone');
    return keys.map(({ backend, version, sha256 }) => this.rows.get(`${backend} ${version} ${sha256}`));
  }

  put(batch: readonly StoredVerdict[]): void {
    this.batches.push(batch);
    for (const { backend, version, sha256, ...known } of batch) this.rows.set(`${backend} ${version} ${sha256}`, known);
  }
}

function scorerWith(backend: FakeBackend, store: VerdictStore, clock: () => number = () => startMs): Scorer {
  return new Scorer([backend], () => settings, undefined, { store, clock });
}

async function scoreOf(scorer: Scorer, ...seeds: number[]): Promise<(number | undefined)[]> {
  const parts = seeds.map((seed) => madePart(seed));
  return (await scorer.score(requestsFor(parts), anyContent, idle())).map(({ score }) => score);
}

const verdict = (seed: number, changes: Partial<StoredVerdict> = {}): StoredVerdict => ({
  sha256: madePart(seed).sha256,
  backend: 'clamd',
  version: '1',
  score: 0,
  name: '',
  engine: 'clamd/1',
  at: startMs,
  ...changes,
});

t.test('the table knows what it was told, by digest, backend and version', (t) => {
  const table = new VerdictTable(openDatabase(folderOf(t)));
  table.put([verdict(1), verdict(2, { score: 0.75, name: 'Näme\n' }), verdict(1, { version: '2', score: 1 })]);
  const key = (seed: number, changes: Partial<VerdictKey> = {}) => ({ ...verdict(seed), ...changes });
  t.same(
    table.get([key(2), key(1), key(3), key(1, { version: '2' }), key(1, { version: '3' }), key(1, { backend: 'x' })]),
    [
      { score: 0.75, name: 'Näme\n', engine: 'clamd/1', at: startMs },
      { score: 0, name: '', engine: 'clamd/1', at: startMs },
      undefined,
      { score: 1, name: '', engine: 'clamd/1', at: startMs },
      undefined,
      undefined,
    ],
  );
  table.put([verdict(1, { score: 0.5, at: startMs + 5 })]);
  t.match(table.get([key(1)]), [{ score: 0.5, at: startMs + 5 }], 'the later answer counts');
  t.end();
});

t.test('old rows go by what they say, and the oldest when there are too many', (t) => {
  const database = openDatabase(folderOf(t));
  const table = new VerdictTable(database, 100);
  const count = () => database.prepare<[], { n: number }>('SELECT count(*) AS n FROM verdicts').get()?.n;
  table.put([verdict(1), verdict(2, { score: 1 }), verdict(3, { at: startMs + 50_000 })]);
  t.equal(table.expire(startMs + 60_001, { clean: 60, flagged: 600 }), 1);
  t.same(
    table.get([verdict(1), verdict(2), verdict(3)]).map((row) => row?.score),
    [undefined, 1, 0],
  );
  for (let seed = 100; seed < 400; seed += 10) {
    table.put(Array.from({ length: 10 }, (_, index) => verdict(seed + index, { at: startMs + seed + index })));
    const rows = count() ?? 0;
    if (rows > 100) t.fail(`${rows} rows`);
  }
  t.ok((count() ?? 0) >= 80, 'and not more than needed');
  t.ok(table.get([verdict(399)])[0], 'the newest stay');
  t.notOk(table.get([verdict(100)])[0], 'the oldest go');
  table.put(Array.from({ length: 150 }, (_, index) => verdict(1000 + index)));
  t.ok((count() ?? 0) <= 100, 'also when all are of one moment');
  t.end();
});

t.test('a database of the version before is brought up to date', (t) => {
  const folder = folderOf(t);
  const old = new Sqlite(join(folder, 'sluice.db'));
  old.exec(migrations[0] ?? '');
  old.pragma('user_version = 1');
  old.close();
  const table = new VerdictTable(openDatabase(folder));
  table.put([verdict(1)]);
  t.match(table.get([verdict(1)]), [{ score: 0 }]);
  t.end();
});

t.test('what one scorer learned, the next one knows; failures are not learned', async (t) => {
  const folder = folderOf(t);
  const backend = new FakeBackend().know(madePart(2), 0.9);
  const usual = backend.script;
  backend.script = (part, content, signal) =>
    part.sha256 === madePart(3).sha256 ? backend.none('unscannable') : usual(part, content, signal);
  const problems: unknown[] = [];
  for (const scans of [3, 1]) {
    const store = new LocalStore(folder);
    const scorer = scorerWith(backend, new StoredVerdicts(store, (...told) => problems.push(told)));
    backend.scanned.length = 0;
    t.same(await scoreOf(scorer, 1, 2, 3), [0, 0.9, undefined]);
    t.equal(backend.scanned.length, scans);
    await scorer.close();
    await store.close();
  }
  t.same(problems, []);
  const store = new LocalStore(folder);
  t.teardown(() => store.close());
  backend.version = '2';
  backend.scanned.length = 0;
  const scorer = scorerWith(backend, new StoredVerdicts(store, () => {}));
  t.same(await scoreOf(scorer, 1, 2), [0, 0.9]);
  t.equal(backend.scanned.length, 2, 'another version knows nothing of the old answers');
});

t.test('an answer from the store is as old as it is, and says where it comes from', async (t) => {
  const store = new FakeStore();
  const backend = new FakeBackend('clamd');
  let nowMs = startMs + 59_000;
  store.put([verdict(1), verdict(2, { at: startMs - 2000 }), verdict(3, { score: 0.5, at: startMs - 500_000 })]);
  const scorer = scorerWith(backend, store, () => nowMs);
  const scores = await scorer.score(requestsFor([madePart(1), madePart(2), madePart(3)]), anyContent, idle());
  t.same(
    scores.map(({ how }) => how?.[0]?.source),
    ['store', 'backend', 'store'],
    'two seconds too old',
  );
  t.equal(store.asked.length, 1, 'one question for all');
  nowMs += 10_000;
  t.same(await scoreOf(scorer, 1, 3), [0, 0.5], 'and then from memory');
  t.equal(store.asked.length, 1);
});

t.test('new answers go to the store together, also at the end', async (t) => {
  const store = new FakeStore();
  const scorer = scorerWith(new FakeBackend(), store);
  await scoreOf(scorer, 1, 2, 3);
  t.equal(store.batches.length, 0, 'not while a message waits');
  await waitFor('the batch', 5000, () => store.batches.length > 0);
  t.match(store.batches, [{ length: 3 }]);
  await scoreOf(scorer, ...Array.from({ length: limits.scoring.storeBatch + 1 }, (_, index) => index + 10));
  t.equal(store.batches.length, 2, 'a full batch goes at once');
  await scorer.close();
  t.match(store.batches[2], { length: 1 }, 'and the rest at the end');
});

t.test('a store that fails is a store that knows nothing', async (t) => {
  const store = new FakeStore();
  store.fails = true;
  const scorer = scorerWith(new FakeBackend().know(madePart(2), 1), store);
  t.same(await scoreOf(scorer, 1, 2), [0, 1]);
  const silent: VerdictStore = { get: () => new Promise(() => {}), put: () => {} };
  const impatient = new Scorer([new FakeBackend()], () => ({ ...settings, deadlineMs: 50 }), undefined, {
    store: silent,
    clock: () => startMs,
  });
  const hold = setInterval(() => {}, 1000);
  const [score] = await impatient.score(requestsFor([madePart(1)]), anyContent, idle());
  clearInterval(hold);
  t.match(score, { answers: [{ cause: 'verdict-timeout' }] }, 'and one that is silent meets the deadline');
});

/** The gate with a fake clamd behind it. */
async function stageOf(t: Test, deadlineMs: number) {
  const clamd = await FakeClamd.start();
  t.teardown(() => clamd.stop());
  const sink = await startSink(t);
  const folder = folderOf(t);
  const backends = [{ type: 'embedded' }, { type: 'clamd', address: `127.0.0.1:${clamd.port}` }];
  const options = { upstreamPort: sink.port, folder, config: { scoring: { deadlineMs, backends } } };
  return { clamd, sink, options };
}

t.test('a scan that ends after its message was deferred answers the next attempt, also after a restart', async (t) => {
  const { clamd, sink, options } = await stageOf(t, 400);
  clamd.onStream = ({ content }, socket) => {
    setTimeout(
      () => socket.end(content.includes('something bad') ? 'stream: Test.Late FOUND\0' : 'stream: OK\0'),
      1500,
    );
    return undefined;
  };
  const gate = await startGate(t, options);
  const good = attachmentMail(2_000_000);
  const bad = buildMail({ attachment: { name: 'a.bin', content: Buffer.from('something bad') } });
  for (const mail of [good, bad]) {
    t.match(await sendMail(gate, mail), { raw: /^451 4\.7\.1/ }, 'no verdict in time');
  }
  t.equal(sink.messages.length, 0);
  await waitFor('late answers', 10_000, () => clamd.streams.length === 2);
  await waitFor('late answers at the gate', 10_000, () => clamd.open === 0);
  // What follows is about what is known; how fast that is found is another matter.
  const patient = { scoring: { ...options.config.scoring, deadlineMs: 20_000 } };
  t.equal(await reconfigure(gate, patient), 'applied');
  t.match(await sendMail(gate, good), { raw: /^250 2\.0\.0 taken/ });
  await gate.stop();

  const again = await startGate(t, { ...options, config: patient });
  t.match(await sendMail(again, good), { raw: /^250 2\.0\.0 taken/ });
  t.match(await sendMail(again, bad), { raw: /^250 2\.0\.0 Ok: withheld/ });
  t.match(await again.waitForLog('verdict', (line) => line.threat === 'Test.Late'), { malicious: true, score: 1 });
  t.equal(clamd.streams.length, 2, 'nothing was scanned twice');

  const metrics = await metricsOf(again);
  t.match(metrics, /^sluice_backend_answers_total\{backend="clamd",source="store",result="score"\} 2$/m);
  t.notMatch(metrics, /source="facts"/);

  clamd.version = 'ClamAV 1.4.6/27401/Tue Nov 10 09:00:00 2026';
  await again.stop();
  const renewed = await startGate(t, { ...options, config: patient });
  await renewed.waitForLog('ready', (line) => String(line.msg).includes('ready'));
  await sendMail(renewed, good);
  t.equal(clamd.streams.length, 3, 'new signatures ask anew');
});

t.test('a clamd that comes and goes: mail waits, and is scanned when it is back', async (t) => {
  const { clamd, sink, options } = await stageOf(t, 5000);
  const gate = await startGate(t, options);
  const ready = () => fetch(`http://127.0.0.1:${gate.statusPort}/readyz`);
  t.match(await sendMail(gate, attachmentMail(1000)), { raw: /^250/ });
  const { port } = clamd;
  await clamd.stop();
  t.match(await sendMail(gate, attachmentMail(1000)), { raw: /^451 4\.7\.1/ });
  await gate.waitForLog('fallback', (line) => line.cause === 'backend-unavailable');
  let told = '';
  while (!told.includes('ECONNREFUSED')) told = await (await ready()).text();
  t.match(told, /"ready":false.*backend clamd.*ECONNREFUSED/);
  const back = await FakeClamd.start(undefined, port);
  t.teardown(() => back.stop());
  t.match(await sendMail(gate, attachmentMail(1000)), { raw: /^250/ }, 'a few failures do not keep it away');
  t.equal(sink.messages.length, 2);
  t.equal(
    await reconfigure(gate, { scoring: { backends: [{ type: 'clamd', address: `127.0.0.1:${port}` }] } }),
    'applied',
  );
  const reload = await gate.waitForLog('reload', (line) => line.msg === 'configuration reloaded');
  t.same(reload.restartNeededFor, ['scoring.backends'], 'which server is asked is settled at start');
});

t.test('a delivered file that a feed learns of later is reported once', async (t) => {
  const sink = await startSink(t);
  const folder = folderOf(t);
  const feed = join(folder, 'feed.txt');
  writeFileSync(feed, '# nothing yet\n');
  const backends = [{ type: 'embedded', hashFeeds: [feed] }];
  const gate = await startGate(t, { upstreamPort: sink.port, folder, config: { scoring: { backends } } });
  const content = Buffer.from('known to be bad tomorrow');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const mail = buildMail({ attachment: { name: 'a.bin', content } });
  t.match(await sendMail(gate, mail), { raw: /^250 2\.0\.0 taken/ });
  t.match(await sendMail(gate, attachmentMail(100)), { raw: /^250/ });
  const turned = () => gate.log.filter((line) => line.msg === 'delivered-file-turned-bad');
  writeFileSync(feed, `${sha256} 1 Feed.Late\n`);
  t.equal(await reconfigure(gate, {}), 'applied');
  const line = await gate.waitForLog('report', ({ msg }) => msg === 'delivered-file-turned-bad');
  const record = gate.log.find(({ msg, parts }) => msg === 'message' && parts !== undefined);
  t.match(line, { level: 'warn', sha256, threat: 'Feed.Late', threatLevel: 10, id: record?.id });
  t.equal(await reconfigure(gate, {}), 'applied');
  t.match(await sendMail(gate, mail), { raw: /withheld/ });
  t.equal(turned().length, 1, 'once, and only for this file');
  const rows = await incidents(gate, 2);
  t.match(
    rows.find((row) => row.action === 'permit'),
    {
      item: null,
      level: 10,
      threat: 'Feed.Late',
      source: 'alice@client.example',
      targets: ['bob@example.org'],
      attachments: [{ name: 'a.bin', sha256 }],
      status: 'new',
    },
  );
  t.match(await metricsOf(gate), /^sluice_delivered_turned_bad_total 1$/m);
});

t.test('delivered files are remembered for a day, and no more of them than there is room for', async (t) => {
  let nowMs = startMs;
  const bad = new Map<string, number>();
  const files = new DeliveredFiles(
    ({ sha256 }) => ({ score: bad.get(sha256) ?? 0, name: 'Bad' }),
    () => nowMs,
  );
  const delivery = {
    id: 'x',
    protocol: 'smtp' as const,
    listener: 'l',
    clientAddress: '192.0.2.1',
    mailFrom: '',
    recipients: [],
    messageId: undefined,
    subject: undefined,
  };
  const { filesMax, filesPerMessage, keptMs } = limits.delivered;
  const many = Array.from({ length: filesPerMessage * 2 }, (_, index) => madePart(index));
  bad.set(madePart(5).sha256, 0.9);
  for (let count = 0; count < filesMax / filesPerMessage + 50; count += 1) files.note(delivery, many);
  t.ok(files.count <= filesMax * 1.1, `${files.count}`);
  const told = async () => (await files.recheck((score) => score >= 0.8)).map(({ file }) => file.part.sha256);
  t.same(await told(), [], 'what was known before is not told');
  bad.set(madePart(filesPerMessage).sha256, 1);
  t.same(await told(), [], 'what is beyond the bound of a message');
  bad.set(madePart(3).sha256, 0.7);
  t.same(await told(), [], 'below the threshold');
  bad.set(madePart(3).sha256, 0.8);
  const found = await told();
  t.same([...new Set(found)], [madePart(3).sha256]);
  t.ok(found.length > 100 && found.length <= (filesMax / filesPerMessage) * 1.1, String(found.length));
  t.same(await told(), [], 'once');
  nowMs += keptMs + 1;
  bad.set(madePart(4).sha256, 1);
  t.same(await told(), [], 'a day later');
  t.equal(files.count, 0);
});
