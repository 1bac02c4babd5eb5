/**
 * Counters that outlive the gate: exact for mail of every fate over SMTP and IMAP, kept over a restart and a kill,
 * readable beside a running gate, and small in the database whatever their age.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { MailboxServer } from '../src/cli/demo/mailbox-server.js';
import { parseSpan } from '../src/cli/stats.js';
import { counterProtocolsOf } from '../src/daemon/listener-protocols.js';
import {
  type CounterWord,
  counterDayMs,
  counterHourMs,
  counterSliceMs,
  counterWords,
  countSteps,
  readCounterName,
  sliceOf,
  sumCounts,
} from '../src/quarantine/counter-names.js';
import { CounterTally } from '../src/quarantine/counter-tally.js';
import { Store } from '../src/quarantine/store.js';
import { Client } from './support/client.js';
import { FakeClamd } from './support/fake-clamd.js';
import type { Gate } from './support/gate.js';
import { ImapClient } from './support/imap-client.js';
import { attachmentMail, buildMail, eicarMail } from './support/mail.js';
import { folderOf, itemOf, sendMail, sluice, startGate, startSink } from './support/running.js';
import { writeZip } from './support/zip-writer.js';

t.setTimeout(480_000);

type Column = Readonly<Record<string, number>>;
type Statistics = Readonly<Record<'smtp' | 'smtps' | 'imap' | 'imaps' | 'total', Column>> & {
  readonly running: boolean;
  readonly begin: string;
};

async function statistics(gate: Gate, ...words: readonly string[]): Promise<Statistics> {
  const { code, stdout, stderr } = await sluice(gate, 'stats', '--json', ...words);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Statistics;
}

/** Those that are not 0. */
function raised(column: Column): Column {
  return Object.fromEntries(Object.entries(column).filter(([, value]) => value !== 0));
}

/** Once the gate has kept what the test waits for; the last reading when it never does. */
async function statisticsWith(gate: Gate, check: (read: Statistics) => boolean): Promise<Statistics> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const read = await statistics(gate);
    if (check(read) || Date.now() > deadline) return read;
    await sleep(100);
  }
}

/** Mail is counted with its answer, and its connection ends behind that: both are kept, and not in one step. */
function counted(gate: Gate, scanned: number, open = 0): Promise<Statistics> {
  return statisticsWith(
    gate,
    ({ total }) => (total['email-scanned'] ?? 0) >= scanned && (total['session-actives'] ?? 0) === open,
  );
}

function outcomesOf(column: Column): number {
  const words: readonly CounterWord[] = [
    'email-permitted',
    'email-blocked',
    'email-tag-and-delivered',
    'email-quarantined',
    'email-fallback-blocked',
    'email-fallback-permitted',
    'deferred',
  ];
  return words.reduce((sum, word) => sum + (column[word] ?? 0), 0);
}

const lists = { block: ['*@bad.example'], allow: ['partner@good.example'] };

t.test('mail of every fate over SMTP is counted exactly once, and the sums outlive the gate', async (t) => {
  const sink = await startSink(t);
  const clamd = await FakeClamd.start();
  t.teardown(() => clamd.stop());
  clamd.onStream = ({ content }) => (content.includes('knock out') ? undefined : 'stream: OK');
  const folder = folderOf(t);
  const scoring = {
    deadlineMs: 3000,
    backends: [{ type: 'embedded' }, { type: 'clamd', address: `127.0.0.1:${clamd.port}` }],
  };
  const policy = { fallback: { causes: { 'verdict-timeout': 'permit' } } };
  const options = { upstreamPort: sink.port, folder, config: { lists, scoring, policy } };
  const gate = await startGate(t, options);
  const to = ['bob@example.org'];
  const clean = buildMail({ text: 'Hello.\r\n' });
  t.match((await sendMail(gate, clean)).raw, /^250/, 'no attachment');
  const plain = attachmentMail(2000);
  t.match((await sendMail(gate, plain)).raw, /^250/, 'a clean file');
  t.match((await sendMail(gate, plain)).raw, /^250/, 'the same again, which the cache knows');
  const eicar = await sendMail(gate, eicarMail());
  t.match(eicar.raw, /^250 .*withheld/);
  t.match((await sendMail(gate, buildMail({}), to, 'x@bad.example')).raw, /^250 .*withheld/, 'blocklisted');
  t.match((await sendMail(gate, eicarMail(), to, 'partner@good.example')).raw, /^250 .*taken/, 'allowlisted');
  const late = buildMail({ attachment: { name: 'a.txt', content: Buffer.from('knock out') } });
  t.match((await sendMail(gate, late)).raw, /^250 .*taken/, 'the fallback lets it pass');
  const read = await counted(gate, 7);
  t.equal(read.running, true);
  t.equal(outcomesOf(read.smtp), read.smtp['email-scanned'], 'every message has one fate');
  const { bytes, ...rest } = raised(read.smtp);
  t.ok((bytes ?? 0) > 5000);
  t.same(rest, {
    interested: 7,
    'session-permitted': 7,
    'email-scanned': 7,
    'email-permitted': 4,
    'email-quarantined': 2,
    'email-fallback-permitted': 1,
    'email-hit-whitelist': 1,
    'email-blacklist': 1,
    'with-attachment': 5,
    malicious: 2,
    // One file each of four messages; lists had decided the others.
    'hash-eligible': 4,
    'hash-selected': 4,
    'hash-submitted': 3,
    'hash-known': 1,
    'hash-unknown': 3,
    'file-submission-success': 2,
    'file-submission-failure': 1,
    'file-submission-not-needed': 1,
    'file-verdict-meets_threshold': 1,
    'file-verdict-under_threshold': 3,
    'file-fallback-permitted': 1,
  });
  t.same(raised(read.imap), {});
  t.same(read.total, read.smtp);

  t.match((await sluice(gate, 'quarantine', 'delete', itemOf(eicar))).code, 0);
  t.equal((await statisticsWith(gate, ({ smtp }) => smtp.deleted === 1)).smtp.deleted, 1, 'from another process');
  await gate.stop();
  const stopped = await statistics(gate);
  t.equal(stopped.running, false);
  t.equal(stopped.smtp['session-actives'], undefined, 'nobody knows of a gate that does not run');
  t.same(stopped.smtp['email-scanned'], 7);
  const again = await startGate(t, options);
  t.match((await sendMail(again, buildMail({}))).raw, /^250/);
  const later = await counted(again, 8);
  t.equal(later.smtp['email-scanned'], 8);
  t.equal(later.smtp.deleted, 1, 'an audit row is counted once, however often the gate starts');
});

const locked = { flags: 1 };
const encryptedZip = writeZip([
  { name: 'a.txt', content: Buffer.alloc(100, 'x'), method: 8, data: randomBytes(60), local: locked, central: locked },
]);

t.test('fallbacks, refusals, tags and deferrals have their own words', async (t) => {
  const sink = await startSink(t);
  const encrypted = buildMail({ attachment: { name: 'a.zip', content: encryptedZip } });
  const fates = [
    [{ policy: { fallback: { causes: { encrypted: 'block' } } } }, encrypted, 'email-fallback-blocked'],
    [{ policy: { fallback: { causes: { encrypted: 'defer' } } } }, encrypted, 'deferred'],
    [{ policy: { fallback: { causes: { encrypted: 'permit' } } } }, encrypted, 'email-fallback-permitted'],
    [{ policy: { smtp: { action: 'warn' } } }, eicarMail(), 'email-tag-and-delivered'],
    [{ policy: { smtp: { action: 'permit' } } }, eicarMail(), 'email-permitted'],
  ] as const;
  for (const [config, mail, word] of fates) {
    const gate = await startGate(t, { upstreamPort: sink.port, config });
    await sendMail(gate, mail);
    const { smtp } = await counted(gate, 1);
    t.equal(smtp[word], 1, `${word} ${JSON.stringify(raised(smtp))}`);
    t.equal(outcomesOf(smtp), 1, 'and one fate');
    const fallback = word.includes('fallback') || word === 'deferred';
    t.equal(
      (smtp['file-fallback-blocked'] ?? 0) + (smtp['file-fallback-permitted'] ?? 0),
      0,
      'its answers are all there',
    );
    t.equal(smtp.malicious, fallback ? 0 : 1);
    await gate.stop();
  }
  const strict = await startGate(t, { upstreamPort: sink.port, listener: { onBlock: 'reject' } });
  t.match((await sendMail(strict, eicarMail())).raw, /^554/);
  t.equal((await counted(strict, 1)).smtp['email-blocked'], 1, 'refused');
});

t.test('mailboxes are counted per message read, and sessions that nobody judges as ignored', async (t) => {
  const server = await MailboxServer.start(['anna'], 'secret');
  t.teardown(() => server.stop());
  const { inbox } = server.account('anna');
  for (const mail of [buildMail({}), attachmentMail(500), eicarMail()]) inbox.append(mail, [], new Date(0));
  const sink = await startSink(t);
  const options = { upstreamPort: sink.port, imapUpstreamPort: server.port, folder: folderOf(t), config: { lists } };
  const gate = await startGate(t, options);
  const read = async (running: Gate): Promise<void> => {
    const client = await ImapClient.login(running.imapPort, 'anna', 'secret');
    await client.ok('SELECT INBOX');
    await client.ok('FETCH 1:* (UID BODY.PEEK[])');
    await client.ok('FETCH 1:* (UID BODY.PEEK[])');
    client.destroy();
  };
  await read(gate);
  const { imap } = await counted(gate, 3);
  const { bytes, ...rest } = raised(imap);
  t.ok((bytes ?? 0) > 1000);
  t.same(rest, {
    interested: 1,
    'session-permitted': 1,
    'email-scanned': 3,
    'email-permitted': 2,
    'email-blocked': 1,
    'with-attachment': 2,
    malicious: 1,
    'hash-eligible': 2,
    'hash-selected': 2,
    'hash-known': 2,
    'file-submission-not-needed': 2,
    'file-verdict-meets_threshold': 1,
    'file-verdict-under_threshold': 1,
  });
  await gate.stop();
  const permissive = await startGate(t, { ...options, config: { lists, policy: { imap: { action: 'permit' } } } });
  await read(permissive);
  const after = await statisticsWith(permissive, (now) => now.imap.ignored === 1);
  t.equal(after.imap.ignored, 1);
  t.equal(after.imap.interested, 1);
  t.equal(after.imap['email-scanned'], 3, 'nothing of it was judged');
});

t.test('open sessions are those of this moment, and a killed gate has none', async (t) => {
  const sink = await startSink(t);
  const folder = folderOf(t);
  const gate = await startGate(t, { upstreamPort: sink.port, folder });
  for (let count = 0; count < 5; count += 1) t.match((await sendMail(gate, buildMail({}))).raw, /^250/);
  const open = await Client.greet(gate.port);
  t.teardown(() => open.destroy());
  const busy = await counted(gate, 5, 1);
  t.equal(busy.smtp['session-actives'], 1);
  t.equal(busy.smtp['email-scanned'], 5);
  await gate.kill();
  const killed = await statistics(gate);
  t.equal(killed.running, false);
  t.equal(killed.smtp['email-scanned'], 5, 'what was kept is kept');
  t.equal(killed.smtp['session-actives'], undefined);
  const again = await startGate(t, { upstreamPort: sink.port, folder });
  const begun = await statisticsWith(again, ({ running }) => running);
  t.equal(begun.smtp['session-actives'] ?? 0, 0);
  t.equal((await statistics(again)).smtp['email-scanned'], 5);
});

t.test('a gate under load and readers of its numbers do not disturb each other', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const sent = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let count = 0; count < 25; count += 1) t.match((await sendMail(gate, buildMail({}))).raw, /^250/);
    }),
  );
  const readings: number[] = [];
  for (let count = 0; count < 4; count += 1) readings.push((await statistics(gate)).smtp['email-scanned'] ?? -1);
  await sent;
  t.same(
    readings,
    readings.toSorted((a, b) => a - b),
    'never fewer than before',
  );
  t.equal((await counted(gate, 100)).smtp['email-scanned'], 100);
});

t.test('clearing begins anew, is written down, and forgets nothing', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  await sendMail(gate, buildMail({}));
  await sendMail(gate, eicarMail());
  t.equal((await counted(gate, 2)).begin, 'records');
  const cleared = await sluice(gate, 'stats', '--clear');
  t.match(cleared.stdout, /email-scanned +2 +0 +0 +0 +2/, 'prints what stood until now');
  const zero = await statistics(gate);
  t.equal(zero.begin, 'cleared');
  t.same(raised(zero.total), {});
  t.equal((await statistics(gate, '--since', '1h')).total['email-scanned'], 2);
  await sendMail(gate, buildMail({}));
  t.equal((await counted(gate, 1)).total['email-scanned'], 1);
  const store = Store.open(`${gate.folder}/var`);
  const row = store.console
    .scanAudit({ action: 'statistics-cleared' }, { towards: 'older', key: undefined }, 10)
    .lines.at(0);
  t.match(row?.actor, /^cli:/);
  t.equal(store.firstBrokenAudit(), undefined);
  store.close();
});

t.test('the words of the command line', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  await sendMail(gate, buildMail({}));
  await counted(gate, 1);
  const srx = JSON.parse((await sluice(gate, 'stats', '--json', '--names', 'srx')).stdout) as Column;
  t.equal(srx['aamw-statistics-smtp-email-scanned'], 1);
  t.equal(srx['aamw-statistics-total-email-scanned'], 1);
  t.equal(srx['aamw-statistics-interested'], 1);
  t.equal(srx['aamw-statistics-whitelist-hit-counter'], 0);
  t.equal(srx['aamw-statistics-imaps-file-ignored_by_sample_rate'], 0);
  // Four of the whole gate; then of four protocols and their total: 3 of sessions, 8 of files, 7 of hashes, 9 of mail.
  t.equal(Object.keys(srx).length, 4 + 5 * (3 + 8 + 7 + 9));
  t.ok(Object.keys(srx).every((name) => /^aamw-statistics-[a-z_-]+$/.test(name)));
  const table = await sluice(gate, 'stats');
  t.match(table.stdout, /^From .* UTC \(since the records begin\) to .* UTC\n/);
  for (const words of Object.values(counterWords))
    for (const word of Object.keys(words)) t.match(table.stdout, `  ${word} `, 'in the table');
  t.equal((await sluice(gate, 'stats', '--names', 'srx')).code, 2);
  t.equal((await sluice(gate, 'stats', '--since', '0h')).code, 2);
  t.equal((await sluice(gate, 'stats', '--since', '1y')).code, 2);
  t.equal((await sluice(gate, 'stats', '--clear', '--since', '1h')).code, 2);
  t.equal(parseSpan('90m'), 5_400_000);
  t.equal(parseSpan('2d'), 172_800_000);
});

t.test('listeners with TLS from the first byte are counted under protocols of their own', (t) => {
  const listeners = (one: string) =>
    (['none', 'starttls', 'implicit'] as const).map((tls) => ({ name: `${one}-${tls}`, tls }));
  t.same(counterProtocolsOf({ smtp: { listeners: listeners('s') }, imap: { listeners: listeners('i') } }), {
    's-none': 'smtp',
    's-starttls': 'smtp',
    's-implicit': 'smtps',
    'i-none': 'imap',
    'i-starttls': 'imap',
    'i-implicit': 'imaps',
  });
  const tally = new CounterTally({ a: 'smtps', b: 'imap' });
  tally.of('a').add('released');
  tally.of('b').add('bytes', 7);
  tally.of('unknown').add('bytes', 7);
  t.same(tally.take(), { 'smtps.released': 1, 'imap.bytes': 7 });
  t.equal(tally.take(), undefined, 'taken once');
  t.end();
});

const names = ['smtp.email-scanned', 'imaps.released', 'of.another-version'] as const;

t.test('old slices are merged, and no sum changes by it', (t) => {
  const now = Date.UTC(2026, 10, 22, 5, 0, 0);
  const slice = fc.record({
    age: fc.integer({ min: 0, max: 200 * 24 * 6 }),
    name: fc.constantFrom(...names),
    value: fc.integer({ min: 1, max: 1000 }),
  });
  fc.assert(
    fc.property(fc.array(slice, { maxLength: 60 }), (slices) => {
      const store = Store.open(t.testdir());
      try {
        for (const { age, name, value } of slices)
          store.counters.addCounts(sliceOf(now - age * counterSliceMs), { [name]: value });
        const before = store.counters.countTotals();
        store.counters.mergeOldCounts(now);
        store.counters.mergeOldCounts(now);
        t.same(store.counters.countTotals(), before);
        for (const { at } of store.counters.countsBetween(0, now + 1)) {
          const age = now - at;
          if (age > 91 * counterDayMs) t.equal(at % counterDayMs, 0);
          else if (age > 7 * counterDayMs + counterHourMs) t.equal(at % counterHourMs, 0);
          else t.equal(at % counterSliceMs, 0);
        }
      } finally {
        store.close();
      }
    }),
    { numRuns: 25 },
  );
  t.end();
});

t.test('sums by step have a step for every hour, and miss nothing', (t) => {
  const row = fc.record({
    at: fc.integer({ min: 0, max: 20 * 6 }).map((slices) => slices * counterSliceMs),
    name: fc.constantFrom(...names),
    value: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 50 }), (rows) => {
      const steps = countSteps(rows, { from: 0, to: 21 * counterHourMs, stepMs: counterHourMs });
      t.equal(steps.length, 21);
      const all = sumCounts(rows);
      const scanned = steps.reduce((sum, { counts }) => sum + (counts['email-scanned'] ?? 0), 0);
      t.equal(scanned, all['email-scanned'] ?? 0);
      t.equal(all.released ?? 0, sumCounts(rows, ['imaps']).released ?? 0);
      t.equal(sumCounts(rows, ['imap']).released, undefined);
    }),
    { numRuns: 30 },
  );
  t.same(readCounterName('smtps.email-blocked'), { protocol: 'smtps', word: 'email-blocked' });
  for (const name of ['smtp', 'smtp.', 'http.email-scanned', 'smtp.constructor', '__proto__.bytes', ''])
    t.equal(readCounterName(name), undefined, name);
  t.end();
});

t.test('what happened to items before the counters were there is counted, but no news', (t) => {
  const store = Store.open(t.testdir());
  t.teardown(() => store.close());
  const audit = (action: string) => store.audit({ at: 1000, actor: 'cli:root', action, item: undefined, detail: {} });
  for (let count = 0; count < 7; count += 1) audit('deleted');
  t.same(store.counters.takeAudit({}, 5), { rows: [], more: true });
  audit('released');
  const rest = store.counters.takeAudit({}, 5);
  t.same(
    rest.rows.map(({ seq, action }) => ({ seq, action })),
    [{ seq: 8, action: 'released' }],
  );
  t.same(store.counters.takeAudit({}, 5), { rows: [], more: false });
  audit('expired');
  t.equal(store.counters.takeAudit({}, 5).rows.length, 1);
  t.same(store.counters.countTotals(), {}, 'rows without an item are of no protocol');
  t.end();
});
