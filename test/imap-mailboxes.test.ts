/** What is remembered of mailboxes: whose it is, for how long, and that a message is never taken for another one. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import t from 'tap';
import { type Mailbox, standings } from '../src/imap/handler.js';
import { readFacts, writeFacts } from '../src/pipeline/imap-facts.js';
import { ImapRows } from '../src/pipeline/imap-rows.js';
import { migrations } from '../src/quarantine/schema.sql.js';
import { report } from './support/held-message.js';
import { identityOf, JudgeFixture, noticeOf, policyOf, read, take } from './support/imap-judge.js';
import { buildMail, eicarMail } from './support/mail.js';
import { testDirectory } from './support/test-vault.js';

const clean = buildMail({ text: 'Good news.\r\n' });
const bad = eicarMail();
const anna = 'anna@example.org';
const carl = 'carl@example.org';
const dayMs = 86_400_000;

t.test('no two users, servers, mailboxes or modes share what was shown', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox(anna);
  await read(mailbox, 1, clean);
  const other = { upstream: { host: 'imap.example.org', port: 993 } };
  const others: [string, Mailbox][] = [
    ['another user', await judge.mailbox(carl)],
    ['a user whose name looks alike', await judge.mailbox(`${anna}"`)],
    ['another mailbox', await judge.mailbox(anna, { name: 'INBOX/1' })],
    ['UTF-8 mode', await judge.mailbox(anna, { utf8: true })],
    ['another port', await judge.account(anna, other).open(identityOf())],
    ['a mailbox of another identity', await judge.mailbox(anna, { mailboxId: 'f1', name: 'x' })],
    ['nobody', await judge.mailbox('')],
  ];
  for (const [name, seen] of others) t.equal(seen.standing(1), standings.unjudged, name);
  for (const [name, seen] of others) t.equal((await read(seen, 1, bad)).kind, 'notice', name);
  t.equal(mailbox.standing(1), standings.original);
  const same = judge.account(anna, { name: 'second', upstream: { host: 'IMAP.example.org', port: 143 } });
  t.equal((await same.open(identityOf())).standing(1), standings.original, 'two listeners of one server agree');
});

t.test('two sessions see at once what the other one learned', async (t) => {
  const judge = await JudgeFixture.open(t);
  const [one, two] = await Promise.all([judge.mailbox(), judge.mailbox()]);
  await read(one, 1, clean);
  await read(two, 2, bad);
  t.equal(two.standing(1), standings.original);
  t.equal(one.standing(2), standings.notice);
  t.same(await one.notice(2), await two.notice(2));
  t.equal(judge.services.mailboxes.openCount, 1);
});

t.test('a mailbox goes from memory with its last session, and comes back', async (t) => {
  const judge = await JudgeFixture.open(t);
  const [one, two] = [judge.account(), judge.account()];
  await read(await one.open(identityOf()), 1, clean);
  await two.open(identityOf());
  one.close();
  t.equal(judge.services.mailboxes.openCount, 1);
  await two.open(identityOf({ name: 'Other' }));
  t.equal(judge.services.mailboxes.openCount, 1, 'opening another one ends the first');
  two.close();
  two.close();
  t.equal(judge.services.mailboxes.openCount, 0);
  t.equal((await judge.mailbox()).standing(1), standings.original);
});

t.test('another UIDVALIDITY, or a UIDNEXT that fell, begins anew; the notices stay', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox(anna, { uidNext: 3 });
  await read(mailbox, 1, clean);
  const { notice } = noticeOf(await read(mailbox, 2, bad));
  t.equal((await judge.mailbox(anna, { uidNext: 3 })).standing(1), standings.original);
  const reused = await judge.mailbox(anna, { uidNext: 2 });
  t.equal(reused.standing(1), standings.unjudged);
  t.equal(reused.standing(2), standings.unjudged);
  t.equal((await read(mailbox, 1, clean)).kind, 'defer', 'who still has the old one open can record nothing');
  t.same(noticeOf(await read(reused, 1, bad)).notice, notice);
  t.equal(reused.standing(1), standings.notice);
  const renewed = await judge.mailbox(anna, { uidValidity: 8, uidNext: 2 });
  t.equal(renewed.standing(1), standings.unjudged);
  await read(renewed, 1, clean);
  t.equal(renewed.standing(1), standings.original);
  t.equal(reused.standing(1), standings.notice, 'each generation sees its own');
  t.equal((await read(reused, 3, clean)).kind, 'defer');
});

t.test('DELETE forgets, also where the mailbox is known by an identifier', async (t) => {
  const judge = await JudgeFixture.open(t);
  for (const mailboxId of [undefined, 'F77']) {
    const account = judge.account();
    await read(await account.open(identityOf({ name: 'Old', mailboxId })), 1, clean);
    await read(await account.open(identityOf({ name: 'Old/child' })), 1, clean);
    await account.forget('Ol');
    t.equal((await judge.mailbox(anna, { name: 'Old', mailboxId })).standing(1), standings.original);
    await judge.account(carl).forget('Old');
    t.equal((await judge.mailbox(anna, { name: 'Old', mailboxId })).standing(1), standings.original);
    await account.forget('Old');
    t.equal((await judge.mailbox(anna, { name: 'Old', mailboxId })).standing(1), standings.unjudged);
    t.equal((await judge.mailbox(anna, { name: 'Old/child' })).standing(1), standings.original);
  }
  await read(await judge.mailbox(anna, { name: 'A', mailboxId: 'F1' }), 1, clean);
  t.equal((await judge.mailbox(anna, { name: 'B', mailboxId: 'F1' })).standing(1), standings.original, 'an identifier');
});

t.test('RENAME takes along what was shown, in a mailbox and below it, and nothing beside it', async (t) => {
  const judge = await JudgeFixture.open(t);
  const names = ['Old', 'Old/child', 'Old.child', 'Old/a/b', 'Older', "Old'child", 'old/child', 'New/Old/child'];
  const standing = async (name: string) => (await judge.mailbox(anna, { name })).standing(1);
  for (const [open, to] of [
    [true, 'Target'],
    [false, 'Deep/er'],
  ] as const) {
    const account = judge.account();
    for (const name of names) await read(await judge.account().open(identityOf({ name })), 1, clean);
    await read(await judge.account().open(identityOf({ name: `${to}/child` })), 2, clean);
    if (open) for (const name of names) await judge.account().open(identityOf({ name }));
    await judge.account(carl).renamed('Old', to);
    t.equal(await standing('Old'), standings.original, 'of another user');
    await account.renamed('Old', to);
    for (const [index, name] of names.entries()) {
      t.equal(await standing(name), index < 4 ? standings.unjudged : standings.original, name);
      if (index < 4) t.equal(await standing(to + name.slice(3)), standings.original, `${name} under its new name`);
    }
    const child = await judge.mailbox(anna, { name: `${to}/child` });
    t.equal(child.standing(2), standings.unjudged, 'what had that name before is gone');
    for (const name of ['', '/child', '.child', '/a/b']) await account.forget(to + name);
  }
});

t.test('a notice that was shown stays one under the new name, whatever the lists say then', async (t) => {
  const judge = await JudgeFixture.open(t);
  const account = judge.account();
  for (const mailboxId of [undefined, 'F78']) {
    const old = await account.open(identityOf({ name: 'Old', mailboxId }));
    const { notice } = noticeOf(await read(old, 2, bad));
    await read(old, 3, clean);
    await judge.account().renamed('Old', 'New');
    t.equal((await read(old, 4, clean)).kind, 'defer', 'who has it open records nothing more');
    const renamed = await judge.mailbox(anna, { name: 'New', mailboxId });
    t.equal(renamed.standing(2), standings.notice);
    t.same(await renamed.notice(2), notice);
    t.equal(renamed.standing(3), standings.original);
    const other = await judge.mailbox(carl, { name: 'New', mailboxId });
    t.equal(other.standing(2), standings.unjudged);
    const reborn = await judge.mailbox(anna, { name: 'New', mailboxId, uidValidity: 99 });
    t.equal(reborn.standing(2), standings.unjudged, 'another mailbox under the name');
  }
  await read(await account.open(identityOf({ name: 'INBOX' })), 1, clean);
  await account.renamed('INBOX', 'Archive');
  t.equal((await judge.mailbox(anna, { name: 'INBOX' })).standing(1), standings.unjudged, 'its messages have gone');
  t.equal((await judge.mailbox(anna, { name: 'Archive' })).standing(1), standings.unjudged, 'and have new UIDs');
});

t.test('a copy stands as its source did, wherever it is opened', async (t) => {
  const judge = await JudgeFixture.open(t);
  const account = judge.account();
  const from = await account.open(identityOf());
  await read(from, 1, clean);
  const { notice } = noticeOf(await read(from, 2, bad));
  await from.showMetadata([3]);
  const open = await judge.mailbox(anna, { name: 'Open', uidValidity: 5 });
  const pairs = [
    [1, 11],
    [2, 12],
    [3, 13],
    [4, 14],
  ] as const;
  await account.copied(from, { name: 'Open', uidValidity: 5 }, pairs);
  await account.copied(from, { name: 'Later', uidValidity: 6 }, pairs);
  await account.copied(from, { name: 'Named', uidValidity: 6 }, pairs);
  const copies: [string, Mailbox][] = [
    ['open at that time', open],
    ['opened later', await judge.mailbox(anna, { name: 'Later', uidValidity: 6, uidNext: 15 })],
    ['opened later by its identifier', await judge.mailbox(anna, { name: 'Named', uidValidity: 6, mailboxId: 'F9' })],
  ];
  for (const [name, copy] of copies) {
    t.same(
      [11, 12, 13, 14].map((uid) => copy.standing(uid)),
      [standings.original, standings.notice, standings.metadata, standings.unjudged],
      name,
    );
    t.same(await copy.notice(12), notice, name);
    t.equal(copy.bytes(11), clean.length);
  }
  judge.policy = await policyOf('lists: { block: ["nobody@bad.example"] }');
  await open.settle([11]);
  t.equal(open.standing(11), standings.original, 'what is remembered of it went along');
  t.equal((await judge.mailbox(anna, { name: 'Later', uidValidity: 7 })).standing(11), standings.unjudged);
});

t.test('a user whose name is not known is remembered as long as his connection', async (t) => {
  const judge = await JudgeFixture.open(t);
  const account = judge.account('');
  const mailbox = await account.open(identityOf());
  await read(mailbox, 1, clean);
  const { notice } = noticeOf(await read(mailbox, 2, bad));
  await mailbox.showMetadata([3]);
  await account.copied(mailbox, { name: 'INBOX', uidValidity: 7 }, [[2, 5]]);
  await account.open(identityOf({ name: 'Other' }));
  const again = await account.open(identityOf());
  t.same(
    [1, 2, 3, 4, 5].map((uid) => again.standing(uid)),
    [standings.original, standings.notice, standings.metadata, standings.unjudged, standings.notice],
  );
  t.same(await again.notice(2), notice);
  t.equal(noticeOf(await read(again, 3, bad)).late, true);
  t.equal((await account.open(identityOf({ uidNext: 4 }))).standing(1), standings.unjudged);
  t.same(await account.releases('INBOX'), []);
  await account.forget('INBOX');
  t.equal((await account.open(identityOf())).standing(1), standings.unjudged);
  account.close();
  const next = await judge.account('').open(identityOf());
  t.equal(next.standing(2), standings.unjudged);
  t.same(noticeOf(await read(next, 2, bad)).notice, notice, 'the notice is the same one for ever');
  t.equal((await judge.test.vault.store.call('listIncidents', 10)).length, 1);
});

t.test('a row that is being written is not made less by metadata that comes behind it', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  const intake = take(mailbox, clean);
  const ruling = intake.judge({ uid: 1 });
  await Promise.all([ruling, mailbox.showMetadata([1, 2])]);
  intake.close();
  t.equal(mailbox.standing(1), standings.original);
  t.equal(mailbox.standing(2), standings.metadata);
  t.equal(mailbox.bytes(1), clean.length);
  const again = await judge.services.store.call(
    'openMailbox',
    { upstream: 'imap.example.org:143', user: anna, mailboxId: undefined, name: 'INBOX', utf8: false, uidValidity: 7 },
    undefined,
    0,
  );
  t.same([...again.rows.uids], [1, 2]);
  t.same([...again.rows.states], [2, 1]);
});

t.test('a mailbox made anew under an old name and number is another one where servers say so', async (t) => {
  const judge = await JudgeFixture.open(t);
  await read(await judge.mailbox(anna, { mailboxId: 'F1' }), 1, clean);
  t.equal((await judge.mailbox(anna, { mailboxId: 'F2' })).standing(1), standings.unjudged);
  t.equal((await judge.mailbox(anna, { mailboxId: 'F1' })).standing(1), standings.original);
});

t.test('what was committed before a crash is what was shown', async (t) => {
  const directory = testDirectory(t);
  const before = await JudgeFixture.open(t, { directory });
  const mailbox = await before.mailbox();
  const intakes = [clean, bad, clean].map((mail) => take(mailbox, mail));
  // Judged and committed; nobody has sent an octet yet.
  const rulings = await Promise.all(intakes.map((intake, index) => intake.judge({ uid: index + 1 })));
  await mailbox.showMetadata([4]);
  const unjudged = take(mailbox, clean);
  for (const intake of [...intakes, unjudged]) intake.close();
  await before.test.vault.close();
  const after = await JudgeFixture.open(t, { directory });
  const seen = await after.mailbox();
  t.same(
    [1, 2, 3, 4, 5].map((uid) => seen.standing(uid)),
    [standings.original, standings.notice, standings.original, standings.metadata, standings.unjudged],
  );
  t.same(await seen.notice(2), rulings[1]?.kind === 'notice' ? rulings[1].notice : undefined);
  t.equal((await read(seen, 9, clean)).kind, 'original');
});

t.test('many small messages are written down together', async (t) => {
  const calls = new Map<string, number>();
  const judge = await JudgeFixture.open(t, {
    store: (method) => calls.set(method, (calls.get(method) ?? 0) + 1),
  });
  const [one, two] = [await judge.mailbox(anna), await judge.mailbox(carl)];
  const waits: unknown[] = [];
  for (let uid = 1; uid <= 500; uid += 1) {
    for (const mailbox of [one, two]) {
      const intake = take(mailbox, clean);
      waits.push(intake.judge({ uid }));
      intake.close();
    }
  }
  t.equal(new Set(waits).size, 2, 'one promise for all of a mailbox');
  t.equal(one.standing(1), standings.unjudged, 'nothing stands as shown before it is written down');
  await Promise.all(waits);
  t.equal(calls.get('keepMessages'), 1);
  t.equal(one.standing(500), standings.original);
  t.equal(two.standing(500), standings.original);
});

t.test('mailboxes that nobody opens expire, their notices do not', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { clock } = judge.test;
  const closed = judge.account();
  await read(await closed.open(identityOf({ name: 'Closed' })), 1, clean);
  closed.close();
  const open = judge.account();
  const mailbox = await open.open(identityOf());
  const { notice } = noticeOf(await read(mailbox, 1, bad));
  clock.now += 31 * dayMs;
  t.equal(await judge.services.mailboxes.expire(clock.now - 30 * dayMs), 1);
  const again = judge.account();
  t.equal((await again.open(identityOf({ name: 'Closed' }))).standing(1), standings.unjudged);
  t.equal((await again.open(identityOf())).standing(1), standings.notice);
  again.close();
  t.equal((await read(mailbox, 2, clean)).kind, 'original', 'one that is open is in use');
  open.close();
  clock.now += 100 * dayMs;
  t.equal(await judge.services.mailboxes.expire(clock.now - 30 * dayMs), 2);
  t.same(noticeOf(await read(await judge.mailbox(carl), 1, bad)).notice, notice);
});

t.test('a hundred thousand messages are at hand when their mailbox is opened', async (t) => {
  const directory = testDirectory(t);
  const judge = await JudgeFixture.open(t, { directory });
  const account = judge.account();
  const mailbox = await account.open(identityOf());
  const count = 100_000;
  for (let at = 1; at <= count; at += 10_000) {
    await mailbox.showMetadata(Array.from({ length: 10_000 }, (_, index) => at + index));
  }
  account.close();
  await sleep(1);
  const started = performance.now();
  const loaded = await judge.mailbox();
  t.comment(`${count} rows: ${Math.round(performance.now() - started)} ms`);
  const rows = new ImapRows();
  for (let uid = 1; uid <= count; uid += 1) rows.set(uid, 2, 1000, 1, 0);
  t.ok(rows.heldBytes <= 40 * count, `${rows.heldBytes} octets`);
  t.equal(loaded.standing(1), standings.metadata);
  t.equal(loaded.standing(count), standings.metadata);
  t.equal(loaded.standing(count + 1), standings.unjudged);
});

t.test('a database of an older version gets the tables of mailboxes and keeps what it has', async (t) => {
  const directory = testDirectory(t);
  const old = new Sqlite(join(directory, 'sluice.db'));
  for (const statements of migrations.slice(0, 2)) old.exec(statements);
  old.pragma('user_version = 2');
  old.exec("INSERT INTO meta VALUES ('kept', 'yes')");
  old.close();
  const judge = await JudgeFixture.open(t, { directory });
  t.equal((await read(await judge.mailbox(), 1, bad)).kind, 'notice');
  const database = new Sqlite(join(directory, 'sluice.db'), { readonly: true });
  t.same(database.prepare('SELECT value FROM meta').all(), [{ value: 'yes' }]);
  t.equal(database.pragma('user_version', { simple: true }), migrations.length);
  database.close();
});

t.test('rows are a map from UIDs', (t) => {
  const uid = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 0xffff_ffff }));
  const row = fc.tuple(uid, fc.nat(5), fc.nat(0xffff_ffff), fc.nat(200), fc.nat(3));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 300 }), (entries) => {
      const rows = new ImapRows();
      const model = new Map<number, readonly number[]>();
      for (const [key, ...values] of entries) {
        rows.set(key, ...values);
        model.set(key, values);
      }
      for (const key of [...model.keys(), 1, 7, 0xffff_ffff]) {
        const slot = rows.find(key);
        const values = [rows.state(slot), rows.bytes(slot), rows.revision(slot), rows.notice(slot)];
        if (JSON.stringify(values) !== JSON.stringify(model.get(key) ?? [0, 0, 0, 0])) return false;
      }
      return rows.count === model.size && rows.highest === Math.max(0, ...model.keys());
    }),
  );
  const changed = new ImapRows();
  const wrong: number[] = [];
  for (let revision = 1; revision <= 1000; revision += 1) {
    changed.set(revision, 2, 1, revision, 0);
    if (changed.revision(changed.find(revision)) !== revision) wrong.push(revision);
    const before = changed.revision(changed.find(revision - 1));
    if (before !== 0 && before !== revision - 1) wrong.push(revision);
  }
  t.same(wrong, [], 'each has its own revision or, of long ago, none');
  changed.set(5, 2, 2 ** 33, 1, 0);
  t.equal(changed.bytes(changed.find(5)), 0, 'too large for its column');
  const odd = new ImapRows();
  for (const key of [0, -1, 2 ** 32, 1.5, Number.NaN]) odd.set(key, 1, 1, 1, 1);
  t.equal(odd.count, 0, 'what is no UID is not kept');
  t.equal(odd.find(0), -1);
  t.end();
});

t.test('what is remembered of a message is all that is judged of it, or nothing', (t) => {
  const envelope = { mailFrom: 'a@b.example', recipients: ['c@d.example'] };
  const given = report();
  const read = readFacts(writeFacts(given, envelope) ?? '');
  t.same(read?.envelope, envelope);
  t.same(read?.report.parts, given.parts);
  const written = JSON.parse(writeFacts(given, envelope) ?? '') as unknown[];
  written[10] = given.parts.map(({ range: _range, ...part }) => part);
  t.same(
    readFacts(JSON.stringify(written))?.report.parts,
    given.parts,
    'also as it was written with all that is empty',
  );
  t.same(read?.report.addresses, given.addresses);
  t.match(read?.report, { bytes: given.bytes, hasAttachment: true, ambiguous: false, unscannable: false });
  const text = report({ hasAttachment: false, ambiguous: true, problems: [{ code: 'bare-lf', part: '' } as never] });
  t.same(readFacts(writeFacts(text, envelope) ?? '')?.report.problems, text.problems);
  t.same(readFacts(writeFacts(text, envelope) ?? '')?.report.parts, [], 'no file is in question');
  const many = report({ addresses: { ...given.addresses, receiver: Array<string>(9000).fill('a@b.example') } });
  t.equal(writeFacts(many, envelope), undefined);
  t.equal(writeFacts(report({ addresses: { ...given.addresses, sender: ['x'.repeat(50_000)] } }), envelope), undefined);
  t.equal(readFacts('[2]'), undefined, 'another form');
  t.end();
});
