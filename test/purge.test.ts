/** Old rows go and nothing else does: which, in what order, wherever it is cut, and what is still known afterwards. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { standings } from '../src/imap/handler.js';
import { type Database, openDatabase } from '../src/quarantine/database.js';
import { purgeRecords } from '../src/quarantine/purge.js';
import { type PurgePlace, type PurgeStep, PurgeStore } from '../src/quarantine/purge-store.js';
import { LocalStore } from '../src/quarantine/store-access.js';
import { limits } from '../src/runtime/limits.js';
import { holdRequest } from './support/held-message.js';
import { identityOf, JudgeFixture, noticeOf, read } from './support/imap-judge.js';
import { holdWithLinks, publicUrl } from './support/lifecycle-stage.js';
import { buildMail, eicarMail } from './support/mail.js';
import { accepted } from './support/postman.js';
import {
  dayMs,
  type Signature,
  since,
  type World,
  WorldBuilder,
  type WorldPlan,
  worldPlan,
} from './support/purge-world.js';
import { openVault, type TestVault, testDirectory } from './support/test-vault.js';

t.setTimeout(120_000);

const childTables = [
  'deliveries',
  'tokens',
  'outbox',
  'incidents',
  'recipient_answers',
  'administrator_events',
  'parcels',
];
const never = new AbortController().signal;

type Rows = Readonly<Record<string, readonly unknown[]>>;

/** Everything that belongs to these items, and the tables that no purge touches. */
function rowsOf(database: Database, items: ReadonlySet<string>): Rows {
  const list = JSON.stringify([...items]);
  const all = (sql: string) => database.prepare(sql).all(...(sql.includes('?') ? [list] : []));
  const mine = 'IN (SELECT value FROM json_each(?))';
  return {
    items: all(`SELECT * FROM items WHERE id ${mine}`),
    ...Object.fromEntries(
      childTables
        .filter((table) => table !== 'incidents')
        .map((table) => [table, all(`SELECT * FROM ${table} WHERE item ${mine}`)]),
    ),
    // One that is old goes before its item where the original is gone.
    incidents: all(
      `SELECT * FROM incidents WHERE item ${mine}
       AND (at > ${since} OR item IN (SELECT id FROM items WHERE state NOT IN ('deleted', 'expired')))`,
    ),
    notices: all(`SELECT * FROM imap_notices WHERE item ${mine}`),
    told: all(`SELECT t.* FROM imap_told t JOIN imap_notices n USING (upstream, sha256) WHERE n.item ${mine}`),
    messages: all(`SELECT m.* FROM imap_messages m JOIN imap_notices n ON n.id = m.notice WHERE n.item ${mine}`),
    mails: all(
      `SELECT * FROM outbox WHERE item IS NULL AND (state = 'queued' OR created > ${since}
       OR id IN (SELECT mail FROM administrator_events WHERE item ${mine}))`,
    ),
    audit: all('SELECT * FROM audit'),
    counters: all('SELECT * FROM counters'),
    mailboxes: all('SELECT * FROM imap_mailboxes'),
  };
}

function numberOf(database: Database, sql: string, ...values: unknown[]): number {
  return Number(
    database
      .prepare(sql)
      .pluck()
      .get(...values),
  );
}

function expectWhole(database: Database): void {
  const broken = database.pragma('foreign_key_check') as unknown[];
  if (broken.length > 0) throw new Error(`foreign keys: ${JSON.stringify(broken)}`);
  const lost = numberOf(
    database,
    'SELECT count(*) FROM imap_messages WHERE notice <> 0 AND notice NOT IN (SELECT id FROM imap_notices)',
  );
  if (lost > 0) throw new Error(`${lost} messages lost their notice`);
  const check = database.pragma('quick_check', { simple: true });
  if (check !== 'ok') throw new Error(String(check));
}

function expectSame(what: string, found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left} and not ${right}`);
}

async function whatIs(store: LocalStore, { upstream, bytes, sha256, coreSha256 }: Signature): Promise<string> {
  const lengths = await store.call('lengthsOfItems', [bytes]);
  const endings = lengths.map((length) => ({ bytes: length, sha256 }));
  const item = await store.call('itemOfMessage', upstream, endings, coreSha256);
  return `${item?.id} ${item?.state}`;
}

/** Nothing of what was forgotten is left, and everything else is as it was. */
async function expectForgotten(directory: string, world: World, before: Rows): Promise<void> {
  const database = openDatabase(directory);
  const store = new LocalStore(directory);
  try {
    expectWhole(database);
    const left = database.prepare('SELECT id FROM items ORDER BY id').pluck().all();
    expectSame('items', left, [...world.kept].sort());
    expectSame('rows that stay', rowsOf(database, world.kept), before);
    for (const id of world.forgotten) {
      for (const table of childTables) {
        expectSame(`${table} of ${id}`, numberOf(database, `SELECT count(*) FROM ${table} WHERE item = ?`, id), 0);
      }
      expectSame('notices', numberOf(database, 'SELECT count(*) FROM imap_notices WHERE item = ?', id), 0);
    }
    const orphans =
      'SELECT count(*) FROM imap_told WHERE (upstream, sha256) NOT IN (SELECT upstream, sha256 FROM imap_notices)';
    expectSame('told', numberOf(database, orphans), 0);
    const old = `SELECT count(*) FROM incidents LEFT JOIN items ON items.id = item
      WHERE at <= ${since} AND (item IS NULL OR state IN ('deleted', 'expired'))`;
    expectSame('old incidents', numberOf(database, old), 0);
    const done = `SELECT count(*) FROM outbox WHERE item IS NULL AND state <> 'queued' AND created <= ${since}
      AND id NOT IN (SELECT mail FROM administrator_events WHERE mail IS NOT NULL)`;
    expectSame('old mails', numberOf(database, done), 0);
    for (const signature of world.known) {
      expectSame('what is recognised', await whatIs(store, signature), `${signature.item} released`);
    }
    expectSame('audit', await store.call('firstBrokenAudit'), undefined);
  } finally {
    await store.close();
    database.close();
  }
}

function newWorld(directory: string, plan: WorldPlan): { readonly world: World; readonly before: Rows } {
  const database = openDatabase(directory);
  const world = database.transaction(() => new WorldBuilder(database).build(plan))();
  const before = rowsOf(database, world.kept);
  database.close();
  return { world, before };
}

t.test('whatever hangs on old items goes with them, and nothing else', async (t) => {
  let [gone, stayed, known] = [0, 0, 0];
  const property = fc.asyncProperty(worldPlan, async (plan) => {
    const directory = testDirectory(t);
    const { world, before } = newWorld(directory, plan);
    const store = new LocalStore(directory);
    const removed = await purgeRecords(store, since, never);
    expectSame('count', removed.items, world.forgotten.size);
    const again = await purgeRecords(store, since, never);
    expectSame('a second run', again, { items: 0, incidents: 0, mails: 0, rows: 0 });
    await store.close();
    await expectForgotten(directory, world, before);
    gone += world.forgotten.size;
    stayed += world.kept.size;
    known += world.known.length;
  });
  await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 60_000 });
  t.ok(gone > 20 && stayed > 20 && known > 20, `${gone} items were forgotten, ${stayed} stayed, ${known} were known`);
});

/** Many items of all kinds; no two are alike in what hangs on them. */
function manyItems(count: number): WorldPlan {
  const [plan] = fc.sample(
    fc.array(worldPlan, { minLength: count, maxLength: count }).map((list) => ({
      items: list.flatMap(({ items }) => items),
      incidents: list.flatMap(({ incidents }) => incidents),
      mails: list.flatMap(({ mails }) => mails),
    })),
    { numRuns: 1, seed: 11 },
  );
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

const childFile = join(import.meta.dirname, 'support', 'purge-child.js');

async function purgeInChild(directory: string, calls: number, killAfterMs?: number): Promise<string> {
  const child = spawn(process.execPath, [childFile, directory, String(since), String(calls)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', async (chunk) => {
    said += String(chunk);
    if (killAfterMs === undefined || said !== 'begun\n') return;
    await sleep(killAfterMs);
    child.kill('SIGKILL');
  });
  await once(child, 'close');
  return said;
}

t.test('killed at any call and in the middle of one, the next run goes on', async (t) => {
  const directory = testDirectory(t);
  const { world, before } = newWorld(directory, manyItems(80));
  const whole = () => {
    const database = openDatabase(directory);
    expectWhole(database);
    const kept = rowsOf(database, world.kept);
    const left = numberOf(database, 'SELECT count(*) FROM items');
    database.close();
    return { kept, left };
  };
  const counts: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    // By turns after a call, and at some moment.
    const said = await (round % 2 === 0 ? purgeInChild(directory, 2 + round) : purgeInChild(directory, -1, 15 * round));
    t.match(said, /^begun\n/, `round ${round} began`);
    const { kept, left } = whole();
    t.same(kept, before, 'what has to stay is there');
    counts.push(left);
  }
  t.ok((counts[0] ?? 0) > world.kept.size, `${counts.join(', ')} items were left, ${world.kept.size} in the end`);
  t.match(JSON.parse((await purgeInChild(directory, -1)).split('\n')[1] ?? ''), { items: Number });
  await expectForgotten(directory, world, before);
  t.equal(whole().left, world.kept.size, 'the last round ran to its end');
});

t.test('one call does little, however much there is to do', async (t) => {
  const directory = testDirectory(t);
  newWorld(directory, manyItems(120));
  const database = openDatabase(directory);
  const store = new LocalStore(directory);
  let calls = 0;
  for (let place: PurgePlace | undefined = { stage: 'deleted', at: 0, id: '' }; place; ) {
    const step: PurgeStep = await store.call('purgeSome', since, place);
    // The item with which the bound is reached goes as a whole.
    t.ok(step.rows < limits.quarantine.purgeRows + 40, `${step.rows} rows`);
    place = step.next;
    calls += 1;
  }
  t.ok(calls > 8, `${calls} calls`);
  await store.close();
  database.close();
});

t.test('as many released messages are remembered as there is room for, the last ones', (t) => {
  const directory = testDirectory(t);
  const item = {
    ...manyItems(1).items[0],
    ...{ state: 'expired', released: true, protocol: 'smtp', days: 400, parcel: false, heldAgainDays: undefined },
    ...{ queued: false, untold: false, unanswered: false, uncounted: false, incidentDays: [], notices: [] },
  } as WorldPlan['items'][number];
  const items = [500, 480, 460, 440, 420].map((days) => ({ ...item, days }));
  const { world } = newWorld(directory, { items, incidents: [], mails: [] });
  t.equal(world.forgotten.size, 5);
  const database = openDatabase(directory);
  new PurgeStore(database, 3).purgeSome(since, { stage: 'expired', at: 0, id: '' });
  const marks = database.prepare('SELECT item FROM released_marks ORDER BY id').pluck().all();
  t.same(marks, [...world.forgotten].slice(2));
  database.close();
  t.end();
});

async function everythingTold({ vault, clock }: TestVault): Promise<void> {
  const mails = await vault.store.call('claim', clock.now, 'test', 1000);
  for (const { id, kind } of mails) {
    if (kind !== 'release') await vault.store.call('settleMail', id, { kind: 'sent', reply: '250 ok' }, clock.now);
  }
  await vault.store.call('releaseLeases', 'test');
  await vault.store.call('takeAudit', {}, 10_000);
}

t.test('a message is forgotten a year after it came, its page and link with it', async (t) => {
  const test = await openVault(t, { policy: { publicUrl } });
  const { vault, clock, lines } = test;
  const { id, first } = await holdWithLinks(vault, Buffer.from('Subject: a\r\n\r\na\r\n'));
  const kept = await vault.hold(holdRequest(Buffer.from('Subject: b\r\n\r\nb\r\n')));
  await vault.delete(id, 'cli:root');
  await everythingTold(test);
  clock.now += 364 * dayMs;
  t.match(await vault.purge(), { items: 0 }, 'not yet');
  t.equal((await vault.detail(id)).item.state, 'deleted');
  clock.now += 2 * dayMs;
  const [run, same] = [vault.purge(), vault.purge()];
  t.match(await run, { items: 1, incidents: 1, mails: 2 });
  t.equal(await same, await run, 'two at a time are one');
  await t.rejects(vault.detail(id), { code: 'not-found' });
  t.equal(await vault.personalView(first), undefined);
  t.equal((await vault.detail(kept.id)).item.state, 'held', 'what nobody swept is still there, however old it is');
  t.ok(vault.blobs.has(kept.id));
  const logged = lines.filter(({ event }) => event === 'old records are removed');
  t.equal(logged.length, 1, 'one line for a run that removed something');
  t.match(logged[0]?.fields, { items: 1, incidents: 1, mails: 2, rows: Number, ms: Number });
  const { lines: told } = await vault.store.call('scanAudit', { item: id }, { towards: 'older', key: undefined }, 10);
  t.same(
    told.map(({ action }) => action),
    ['deleted', 'held'],
    'the audit log still tells of it',
  );
  t.equal(await vault.store.call('firstBrokenAudit'), undefined);
});

t.test('what was released is recognised after its item is forgotten', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault, clock } = judge.test;
  const [overSmtp, inMailbox] = [eicarMail({ subject: 'one' }), eicarMail({ subject: 'two' })];
  const { id } = await vault.hold(holdRequest(overSmtp));
  const ticket = await vault.release(id, 'cli:root');
  const mail = ticket.kind === 'queued' ? ticket.mail : 0;
  const replies = holdRequest(overSmtp).envelope.recipients.map(({ address }, position) => ({
    position,
    reply: accepted(address),
  }));
  const nobody = { blocked: [], released: [], 'release-requested': [] };
  t.equal(await vault.store.call('settleRelease', mail, replies, nobody, clock.now), 'sent');
  const account = judge.account();
  const { notice } = noticeOf(await read(await account.open(identityOf({ name: 'Old' })), 1, inMailbox));
  account.close();
  await vault.release(notice.item, 'cli:root');
  // The newest notice stays, so there is a newer one.
  noticeOf(await read(await judge.mailbox(), 50, eicarMail({ subject: 'three' })));
  clock.now += 31 * dayMs;
  await vault.sweep();
  await everythingTold(judge.test);
  clock.now += 335 * dayMs;
  t.equal(
    await judge.services.mailboxes.expire(clock.now - 365 * dayMs),
    1,
    'a mailbox that nobody opens is forgotten',
  );
  t.match(await vault.purge(), { items: 2 });
  await t.rejects(vault.detail(id), { code: 'not-found' });
  await t.rejects(vault.detail(notice.item), { code: 'not-found' });
  const trace = Buffer.from('Return-Path: <bob@example.net>\r\nReceived: from a by b; now\r\n');
  const mailbox = await judge.mailbox();
  for (const [uid, copy] of [
    overSmtp,
    inMailbox,
    Buffer.concat([trace, overSmtp]),
    Buffer.concat([trace, inMailbox]),
  ].entries()) {
    t.same(await read(mailbox, 10 + uid, copy), { kind: 'original' }, `copy ${uid}`);
  }
  t.equal((await read(mailbox, 20, eicarMail({ subject: 'four' }))).kind, 'notice');
});

t.test('a notice in a mailbox that is in use stays the same for good', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault, clock } = judge.test;
  const mail = eicarMail();
  const before = noticeOf(await read(await judge.mailbox(), 1, mail)).notice;
  noticeOf(await read(await judge.mailbox(), 2, eicarMail({ subject: 'newer' })));
  await read(await judge.mailbox(), 3, buildMail({ subject: 'hello' }));
  for (let month = 0; month < 40; month += 1) {
    clock.now += 30 * dayMs;
    await vault.sweep();
    await everythingTold(judge.test);
    const account = judge.account();
    const mailbox = await account.open(identityOf());
    t.equal(mailbox.standing(1), standings.notice);
    t.same(await mailbox.notice(1), before);
    account.close();
    await judge.services.mailboxes.expire(clock.now - 365 * dayMs);
    t.match(await vault.purge(), { items: 0 });
  }
  t.equal((await vault.detail(before.item)).item.state, 'expired');
  t.same(await vault.store.call('listIncidents', 10), [], 'its incidents do not stay');
});

t.test('the rows of a large mailbox go in small pieces', async (t) => {
  const directory = testDirectory(t);
  const database = openDatabase(directory);
  database.exec(
    "INSERT INTO imap_mailboxes VALUES (1, 'u', 'a', 'name A', 0, 'A', 1, 5), (2, 'u', 'a', 'name B', 0, 'B', 1, 50)",
  );
  const add = database.prepare('INSERT INTO imap_messages VALUES (?, ?, 2, 1000, 1, 0)');
  const fact = database.prepare("INSERT INTO imap_facts VALUES (?, ?, '{}')");
  database.transaction(() => {
    for (let uid = 1; uid <= 5000; uid += 1) {
      add.run(1, uid);
      add.run(2, uid);
      if (uid % 2 === 0) fact.run(1, uid);
    }
  })();
  const store = new LocalStore(directory);
  const rows = () =>
    numberOf(database, 'SELECT (SELECT count(*) FROM imap_messages) + (SELECT count(*) FROM imap_facts)');
  const left: number[] = [rows()];
  const dropped: number[] = [];
  for (let more = true; more; ) {
    const step = await store.call('expireMailboxes', 20, [], 20);
    more = step.more;
    left.push(rows());
    dropped.push(step.dropped);
  }
  for (const [index, count] of left.slice(1).entries()) {
    t.ok((left[index] ?? 0) - count <= limits.imapJudge.expireRows, `${(left[index] ?? 0) - count} rows`);
  }
  t.ok(dropped.length >= 4, `${dropped.length} calls`);
  t.equal(
    dropped.reduce((sum, count) => sum + count, 0),
    1,
  );
  t.equal(rows(), 5000, 'the other mailbox has all of its own');
  t.same(await store.call('expireMailboxes', 60, [2], 70), { dropped: 0, more: false }, 'one that is open stays');
  await store.close();
  database.close();
});
