/** What is withheld from mailboxes: sealed once, told once, recognised wherever it is seen again, and given back. */
import t from 'tap';
import { standings } from '../src/imap/handler.js';
import { originalStarts } from '../src/pipeline/imap-recognise.js';
import { tokenHash } from '../src/quarantine/token-table.js';
import { GateError } from '../src/runtime/errors.js';
import { holdRequest, sha256Of } from './support/held-message.js';
import { JudgeFixture, noticeOf, policyOf, read } from './support/imap-judge.js';
import { buildMail, eicarMail } from './support/mail.js';

const anna = 'anna@example.org';
const carl = 'carl@example.org';
const dayMs = 86_400_000;

const top = (mail: Buffer, ...fields: string[]) =>
  Buffer.concat([Buffer.from(fields.map((field) => `${field}\r\n`).join(''), 'latin1'), mail]);
const trace = ['Return-Path: <bob@example.net>', 'Delivered-To: anna@example.org', 'Received: from a\r\n by b; now'];

async function readAll(source: { readonly fd: number; readonly length: number }): Promise<Buffer> {
  const { readSync } = await import('node:fs');
  const bytes = Buffer.alloc(source.length);
  readSync(source.fd, bytes, 0, bytes.length, 0);
  return bytes;
}

t.test('a message is sealed and told once for each user, however often and wherever it is read', async (t) => {
  const judge = await JudgeFixture.open(t, { subscribers: ['secops@example.org'] });
  const { store } = judge.test.vault;
  const mail = eicarMail({ from: 'bob@example.net' });
  const first = await judge.mailbox(anna);
  const { notice } = noticeOf(await read(first, 1, mail));
  const archive = await judge.mailbox(anna, { name: 'Archive', uidValidity: 9 });
  const others = await judge.mailbox(carl);
  for (const [mailbox, uid] of [
    [first, 2],
    [archive, 1],
    [archive, 2],
    [others, 1],
    [others, 2],
    [await judge.mailbox(anna, { utf8: true }), 1],
  ] as const) {
    const again = noticeOf(await read(mailbox, uid, mail));
    t.same(again.notice, notice, 'the same item and the same octets');
    t.equal(mailbox.standing(uid), standings.notice);
  }
  judge.test.clock.now += 3 * dayMs;
  noticeOf(await read(archive, 3, mail));
  const items = await store.call('list', undefined, 10);
  t.match(items, [{ id: notice.item, protocol: 'imap', state: 'held', sha256: sha256Of(mail), bytes: mail.length }]);
  t.equal(items.length, 1);
  const incidents = await store.call('listIncidents', 10);
  t.same(
    incidents
      .map(({ item, targets, protocol, action }) => ({ item, targets, protocol, action }))
      .sort((a, b) => (a.targets[0] ?? '').localeCompare(b.targets[0] ?? '')),
    [anna, carl].map((user) => ({ item: notice.item, targets: [user], protocol: 'imap', action: 'block' })),
    'one incident for each user',
  );
  const [digest] = await store.call('dueDigests', judge.test.clock.now);
  t.equal(digest?.events.length, 2);
  const opened = await judge.test.vault.openItem(notice.item);
  t.same(await readAll(opened.source), mail, 'the original lies sealed');
  opened.close();
  t.equal(notice.bytes.toString('latin1').includes(anna), false, 'no reader is named');
});

t.test('two clients at once get one item and one incident', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mail = eicarMail();
  const boxes = await Promise.all([judge.mailbox(anna), judge.mailbox(anna), judge.mailbox(carl)]);
  const rulings = await Promise.all(boxes.map((mailbox) => read(mailbox, 4, mail)));
  const notices = rulings.map((ruling) => noticeOf(ruling));
  t.equal(new Set(notices.map(({ notice }) => notice.item)).size, 1);
  t.same(
    notices.map(({ late }) => late),
    [false, false, false],
  );
  t.equal((await judge.test.vault.store.call('listIncidents', 10)).length, 2);
  t.equal(judge.test.vault.blobs.list().ids.length, 1);
});

t.test('another server, and another message, have items of their own', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mail = eicarMail();
  const here = noticeOf(await read(await judge.mailbox(anna), 1, mail)).notice.item;
  const elsewhere = await judge.account(anna, { upstream: { host: 'other.example.org', port: 143 } }).open({
    name: 'INBOX',
    mailboxId: undefined,
    uidValidity: 7,
    uidNext: undefined,
    readOnly: false,
    utf8: false,
  });
  t.equal(elsewhere.standing(1), standings.unjudged);
  t.not(noticeOf(await read(elsewhere, 1, mail)).notice.item, here);
  t.not(noticeOf(await read(await judge.mailbox(anna), 2, eicarMail())).notice.item, here);
});

t.test('when the original cannot be kept or its row not be written, it is neither shown nor held', async (t) => {
  const failing = new Set<string>();
  const judge = await JudgeFixture.open(t, {
    store: (method) => {
      if (failing.has(method)) throw new GateError('store-failed', 'made to fail');
    },
  });
  const mailbox = await judge.mailbox();
  const mail = eicarMail();
  for (const method of ['lengthsOfItems', 'itemOfMessage', 'noticeOf', 'withhold']) {
    failing.add(method);
    t.match(await read(mailbox, 1, mail), { kind: 'defer', text: /keep the message safe/ }, method);
    failing.clear();
  }
  const seal = judge.test.vault.blobs.seal;
  judge.test.vault.blobs.seal = async () => {
    throw new GateError('seal-failed', 'no space');
  };
  t.equal((await read(mailbox, 1, mail)).kind, 'defer');
  judge.test.vault.blobs.seal = seal;
  t.equal(mailbox.standing(1), standings.unjudged);
  t.same(judge.test.vault.blobs.list().ids, [], 'no file is left');
  t.equal((await judge.test.vault.store.call('list', undefined, 10)).length, 0);
  failing.add('keepMessages');
  t.match(await read(mailbox, 2, buildMail({})), { kind: 'defer', text: /Cannot record/ });
  t.equal(mailbox.standing(2), standings.unjudged);
  await t.rejects(mailbox.showMetadata([3]), { code: 'store-failed' });
  t.equal(mailbox.standing(3), standings.unjudged);
  failing.clear();
  t.equal((await read(mailbox, 1, mail)).kind, 'notice');
  t.equal((await read(mailbox, 2, buildMail({}))).kind, 'original');
});

t.test('a message released over SMTP is recognised below the trace fields of the servers', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault } = judge.test;
  const mail = eicarMail();
  const { id } = await vault.hold(holdRequest(mail));
  const mailbox = await judge.mailbox();
  const held = noticeOf(await read(mailbox, 1, top(mail, ...trace)));
  t.equal(held.notice.item, id, 'while it is held it is the same item');
  t.equal(vault.blobs.list().ids.length, 1, 'and has no second copy');
  const plain = noticeOf(await read(mailbox, 2, mail));
  t.equal(plain.notice.item, id);
  const ticket = await vault.release(id, 'cli:root');
  if (ticket.kind !== 'queued') throw new Error('not queued');
  const replies = [0, 1].map((position) => ({
    position,
    reply: { address: '', delivered: true, permanent: false, stage: 'data', code: 250, reply: '250 ok' },
  }));
  const none = { blocked: [], released: [], 'release-requested': [] };
  await vault.store.call('settleRelease', ticket.mail, replies as never, none, judge.test.clock.now);
  t.equal((await vault.detail(id)).item.state, 'released');
  t.same(await read(mailbox, 3, top(mail, ...trace)), { kind: 'original' });
  t.same(await read(mailbox, 4, mail), { kind: 'original' });
  t.same(await read(mailbox, 5, top(mail, 'Authentication-Results: x; spf=pass', 'X-Original-To: a@b.example')), {
    kind: 'original',
  });
  t.equal(mailbox.standing(3), standings.original);
  t.equal(mailbox.standing(1), standings.notice, 'the old UID stays a notice until it is swapped');
  for (const [name, other] of [
    ['another field', top(mail, 'X-Note: x')],
    ['a trace field and another', top(mail, 'Received: x', 'Subject: open this', 'Received: y')],
    ['changed octets', Buffer.concat([mail.subarray(0, -4), Buffer.from('x\r\n')])],
    ['more octets', Buffer.concat([mail, Buffer.from('x')])],
    ['a line that is no field', top(mail, 'Received: x', 'no field at all')],
  ] as const) {
    const ruling = noticeOf(await read(mailbox, 10, other));
    t.not(ruling.notice.item, id, name);
  }
  judge.policy = await policyOf('lists: { block: ["nobody@bad.example"] }');
  t.equal(mailbox.standing(3), standings.unjudged);
  await mailbox.settle([3]);
  t.same(await read(mailbox, 3, top(mail, ...trace)), { kind: 'original' }, 'recognised again under another policy');
});

t.test('what was sent in place of a released original is recognised in a mailbox', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault } = judge.test;
  const { id } = await vault.hold(holdRequest(eicarMail({ subject: 'the original' })));
  const parcel = eicarMail({ subject: 'in its place' });
  const mailbox = await judge.mailbox();
  t.not(noticeOf(await read(mailbox, 1, parcel)).notice.item, id, 'a stranger’s mail like any other');
  await vault.store.call('recordParcel', id, parcel.length, sha256Of(parcel));
  t.same(await read(mailbox, 2, top(parcel, ...trace)), { kind: 'original' });
  const altered = Buffer.concat([parcel, Buffer.from('x')]);
  t.not(noticeOf(await read(mailbox, 3, altered)).notice.item, id, 'octet for octet, or not at all');
  await vault.delete(id, 'cli:root');
  t.same(await read(mailbox, 4, top(parcel, ...trace)), { kind: 'original' }, 'it was given out, and stays so');
});

t.test('copies that differ in their trace fields alone are one item, given back at once', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault } = judge.test;
  const mail = eicarMail();
  const to = (user: string) => top(mail, 'Return-Path: <bob@example.net>', `Delivered-To: ${user}`, 'Received: x');
  const [hers, his] = [await judge.mailbox(anna), await judge.mailbox(carl)];
  const first = noticeOf(await read(hers, 1, to(anna)));
  const second = noticeOf(await read(his, 1, to(carl)));
  t.equal(second.notice.item, first.notice.item);
  t.equal(vault.blobs.list().ids.length, 1);
  t.equal((await vault.store.call('listIncidents', 10)).length, 2);
  t.not(noticeOf(await read(his, 2, top(mail, 'Subject: another'))).notice.item, first.notice.item);
  await vault.release(first.notice.item, 'cli:root');
  for (const [user, mailbox] of [
    [anna, hers],
    [carl, his],
  ] as const) {
    t.match(await judge.account(user).releases('INBOX'), [{ uid: 1, sha256: sha256Of(to(user)) }]);
    t.same(await read(mailbox, 5, to(user)), { kind: 'original' });
  }
  t.same(await read(his, 6, to('dora@example.org')), { kind: 'original' }, 'also one that nobody had read before');
});

t.test('large messages, which lie in files, are judged, withheld and recognised alike', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault } = judge.test;
  const text = `${'A line of a long letter.\r\n'.repeat(40_000)}`;
  const mailbox = await judge.mailbox();
  t.same(await read(mailbox, 1, top(buildMail({ text }), ...trace)), { kind: 'original' });
  judge.policy = await policyOf('lists: { block: ["bob@example.net"], allow: ["carl@example.org"] }');
  t.equal(mailbox.standing(1), standings.unjudged);
  await mailbox.settle([1]);
  t.equal(mailbox.standing(1), standings.unjudged, 'its return path is known');
  t.equal(noticeOf(await read(mailbox, 1, top(buildMail({ text }), ...trace))).late, true);
  const mail = eicarMail({ text });
  const { notice } = noticeOf(await read(mailbox, 2, top(mail, ...trace)));
  t.equal(
    (await read(mailbox, 3, top(mail, 'Delivered-To: carl@example.org'))).kind,
    'original',
    'an allowed recipient',
  );
  judge.policy = await policyOf('');
  const copy = top(mail, 'Delivered-To: carl@example.org', 'Received: x');
  t.equal(noticeOf(await read(mailbox, 4, copy)).notice.item, notice.item);
  const opened = await vault.openItem(notice.item);
  t.equal(sha256Of(await readAll(opened.source)), sha256Of(top(mail, ...trace)));
  opened.close();
  await vault.release(notice.item, 'cli:root');
  t.same(await read(mailbox, 5, copy), { kind: 'original' });
  t.same(await read(mailbox, 6, top(mail, ...trace)), { kind: 'original' });
  t.equal(judge.services.spools.openFiles, 0);
});

t.test('more items of one length than one attack can make hide no released one', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault } = judge.test;
  const mail = eicarMail({ subject: 'number 00' });
  const { id } = await vault.hold(holdRequest(mail));
  for (let count = 10; count < 40; count += 1) {
    const other = Buffer.from(mail.toString('latin1').replace('number 00', `number ${count}`), 'latin1');
    await vault.hold(holdRequest(other));
  }
  const mailbox = await judge.mailbox();
  t.equal(noticeOf(await read(mailbox, 1, top(mail, ...trace))).notice.item, id);
  t.equal(vault.blobs.list().ids.length, 31);
});

t.test('where an original may begin', (t) => {
  const fields = (...names: string[]) => names.map((name, at) => ({ name, start: at * 10, end: at * 10 + 10 }));
  t.same(originalStarts([]), [0]);
  t.same(originalStarts(fields('Subject', 'Received')), [0]);
  t.same(originalStarts(fields('Received', 'RETURN-PATH', 'Subject', 'Received')), [0, 10, 20]);
  t.same(originalStarts([{ name: 'Received', start: 3, end: 9 }]), [0], 'something stands before it');
  t.ok(originalStarts(fields(...Array<string>(10_000).fill('Received'))).length < 200);
  t.end();
});

t.test('a released message waits for its new UID, step by step', async (t) => {
  const judge = await JudgeFixture.open(t, { subscribers: ['secops@example.org'] });
  const { vault } = judge.test;
  const mail = eicarMail();
  const account = judge.account(anna);
  const mailbox = await judge.mailbox(anna);
  const { notice } = noticeOf(await read(mailbox, 8, mail));
  await read(await judge.mailbox(anna, { utf8: true }), 8, mail);
  await read(await judge.mailbox(carl), 3, mail);
  await read(mailbox, 9, eicarMail());
  t.same(await account.releases('INBOX'), []);
  t.same(await vault.release(notice.item, 'cli:root'), { kind: 'released' }, 'nothing has to be sent');
  t.same(await vault.release(notice.item, 'cli:root'), { kind: 'released' }, 'asking again is no error');
  t.equal((await vault.detail(notice.item)).item.state, 'released');
  const copies = await account.releases('INBOX');
  const [copy] = copies;
  if (copies.length !== 1 || copy === undefined) throw new Error(`${copies.length} copies`);
  const facts = { uidValidity: 7, uid: 8, bytes: mail.length, sha256: sha256Of(mail), step: 'waiting' };
  t.match(copy, { ...facts, uidNextBefore: undefined, copyUid: undefined });
  t.same(await account.releases('Other'), []);
  t.equal((await judge.account(carl).releases('INBOX')).length, 1);
  await copy.advance('copying', { uidNextBefore: 20 });
  t.match(copy, { step: 'copying', uidNextBefore: 20 });
  t.match(await account.releases('INBOX'), [{ ...facts, step: 'copying', uidNextBefore: 20, copyUid: undefined }]);
  await copy.advance('copied', { copyUid: 21 });
  t.match(await judge.account(anna).releases('INBOX'), [{ step: 'copied', uidNextBefore: 20, copyUid: 21 }]);
  t.equal(mailbox.standing(8), standings.notice);
  t.same(await read(mailbox, 21, mail), { kind: 'original' }, 'the copy is the original');
  await copy.advance('done');
  t.same(await account.releases('INBOX'), [], 'also in the other UTF-8 mode');
  t.equal((await judge.account(carl).releases('INBOX')).length, 1, 'another user has his own');
  const [digest] = await vault.store.call('dueDigests', judge.test.clock.now);
  t.ok(digest !== undefined);
});

t.test('what expired is kept again when it is read again; what was deleted is not', async (t) => {
  const judge = await JudgeFixture.open(t, { publicUrl: 'https://quarantine.example.org' });
  const { vault, clock } = judge.test;
  const mailbox = await judge.mailbox();
  const mail = eicarMail();
  const { notice } = noticeOf(await read(mailbox, 1, mail));
  clock.now += 31 * dayMs;
  t.equal(await vault.sweep(), 1);
  t.equal(vault.blobs.has(notice.item), false);
  t.equal(mailbox.standing(1), standings.notice);
  t.same(noticeOf(await read(mailbox, 2, mail)).notice, notice);
  t.equal((await vault.detail(notice.item)).item.state, 'held');
  t.equal(vault.blobs.has(notice.item), true);
  t.equal(await vault.sweep(), 0, 'for as long as a new one');
  const link = /\/q\/([\w-]{32})/.exec(notice.bytes.toString('latin1').replace(/=\r\n/g, ''))?.[1] ?? '';
  const view = await vault.store.call('personalView', tokenHash(link), clock.now);
  t.match(view, { item: notice.item, state: 'held', mayRequest: true }, 'the link of the old notice works again');
  await vault.delete(notice.item, 'cli:root');
  t.same(noticeOf(await read(mailbox, 3, mail)).notice, notice);
  t.equal((await vault.detail(notice.item)).item.state, 'deleted');
  t.equal(vault.blobs.has(notice.item), false);
});

t.test('who was away when it was released finds the message after the sealed copy has expired', async (t) => {
  const judge = await JudgeFixture.open(t);
  const { vault, clock } = judge.test;
  const mailbox = await judge.mailbox();
  const [mail, overSmtp] = [eicarMail(), eicarMail()];
  const { notice } = noticeOf(await read(mailbox, 1, mail));
  await vault.release(notice.item, 'cli:root');
  const { id } = await vault.hold(holdRequest(overSmtp));
  clock.now += 31 * dayMs;
  t.equal(await vault.sweep(), 2);
  t.equal((await vault.detail(notice.item)).item.state, 'expired');
  t.match(await judge.account(anna).releases('INBOX'), [{ uid: 1 }]);
  t.same(await read(mailbox, 2, mail), { kind: 'original' });
  t.equal((await vault.detail(notice.item)).item.state, 'expired');
  t.not(noticeOf(await read(mailbox, 3, overSmtp)).notice.item, id, 'what expired without a release is held anew');
});

t.test('the link of a notice asks for a release and does nothing else', async (t) => {
  const judge = await JudgeFixture.open(t, { publicUrl: 'https://quarantine.example.org' });
  judge.policy = await policyOf('policy: { imap: { releaseRequestAddress: help@example.org } }');
  const { notice } = noticeOf(await read(await judge.mailbox(), 1, eicarMail()));
  const text = notice.bytes.toString('latin1').replace(/=\r\n/g, '');
  t.match(text, /https:\/\/quarantine\.example\.org\/q\//);
  t.match(text, /help@example\.org/);
  t.match(text, notice.item);
});
