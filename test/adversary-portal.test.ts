/** What a sender, a recipient or a slip of the hand could make the quarantine say that is not so. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import t, { type Test } from 'tap';
import { parseConfig } from '../src/config/load.js';
import { toldItem } from '../src/daemon/log-collector.js';
import type { Deliver } from '../src/quarantine/deliver.js';
import { buildParcel } from '../src/quarantine/parcel-build.js';
import { newOwner } from '../src/quarantine/process-owner.js';
import { releaseNow } from '../src/quarantine/release.js';
import { openConsole } from './support/console-stage.js';
import { sourceOf } from './support/held-message.js';
import { anna, carl, holdWithLinks, publicUrl } from './support/lifecycle-stage.js';
import { ask, hold, openPortal, stateOf } from './support/portal-stage.js';
import { accepted, refused, routeTo, toolsOf } from './support/postman.js';
import { openVault, type TestVault } from './support/test-vault.js';

const parts = '\r\n--b\r\n\r\nOpen the archive at once\r\n--b\r\nContent-Type: a/b; name=x\r\n\r\nx\r\n--b--\r\n';

async function sendersOf(t: Test, fields: string): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-parcel-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const fd = openSync(join(folder, 'parcel.eml'), 'wx+');
  try {
    const source = sourceOf(Buffer.from(`${fields}Content-Type: multipart/mixed; boundary=b\r\n${parts}`));
    const facts = { id: 'a'.repeat(26), secret: Buffer.alloc(32, 7), receivedAt: 0 };
    await buildParcel({ source, fd, ...facts, from: 'Mail Security <postmaster@example.org>' });
  } finally {
    closeSync(fd);
  }
  return (await simpleParser(readFileSync(join(folder, 'parcel.eml')))).from?.text;
}

t.test('a sender who does not say who he is does not get the name of the gate', async (t) => {
  for (const fields of ['', 'From: \r\n', 'From: Mail Security\r\n', 'From: undisclosed:;\r\n']) {
    const senders = await sendersOf(t, fields);
    t.equal(senders, '"Unknown sender" <unknown@sender.invalid>', JSON.stringify(fields));
  }
  t.equal(await sendersOf(t, 'From: Bob <bob@example.net>\r\n'), '"Bob" <bob@example.net>', 'who does keeps his own');
});

const subscribed = [{ address: 'sec@example.org', notify: ['released' as const] }];

/** Carl's address is refused with this code; anna's is not. */
function refusing(code: () => number): Deliver {
  return async ({ recipients }) =>
    recipients.map(({ address }) =>
      address === carl && code() !== 250 ? refused(address, code()) : accepted(address),
    );
}

function releaserOf(test: TestVault, id: string, deliver: Deliver): () => ReturnType<typeof releaseNow> {
  const tools = toolsOf(test, deliver, routeTo(1));
  return () => releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal);
}

async function newsOf({ vault, clock }: TestVault): Promise<string[]> {
  const digests = await vault.store.call('dueDigests', clock.now);
  return digests.flatMap(({ administrator, events }) => events.map(({ event }) => `${administrator} ${event}`));
}

t.test('a message that some of its recipients have is out, whatever becomes of the others', async (t) => {
  for (const first of [550, 451]) {
    const test = await openVault(t, { policy: { publicUrl, administrators: subscribed } });
    const { id } = await holdWithLinks(test.vault, Buffer.from(`partly ${first}`));
    let code = first;
    const release = releaserOf(
      test,
      id,
      refusing(() => code),
    );
    await release();
    t.same(await newsOf(test), ['sec@example.org released'], `administrators learn it at once (${first})`);
    const { audit } = await test.vault.detail(id);
    const row = audit.find(({ action }) => action === 'partly-released');
    t.match(row, { actor: 'cli:root', detail: '{"delivered":1,"of":2}' });
    const told =
      row &&
      toldItem({
        ...row,
        protocol: 'smtp',
        listener: 'in',
        sender: null,
        subject: null,
        envelope: null,
        verdict: null,
      });
    t.match(told, { event: 'partly-released', by: 'cli:root' }, 'and the log collector');
    await release();
    t.equal((await newsOf(test)).length, 1, 'a second try that reaches nobody is no news');
    code = 250;
    await release();
    if ((await test.vault.detail(id)).item.state === 'released') {
      t.equal((await newsOf(test)).length, 1, 'nor is the end of what they know');
    }
  }
});

t.test('nobody who has the message is told that he will not get it', async (t) => {
  const ends = {
    deleted: (test: TestVault, id: string) => test.vault.delete(id, 'cli:root'),
    denied: (test: TestVault, id: string) => test.vault.deny(id, 'cli:root', 'no'),
  };
  for (const [answer, end] of Object.entries(ends)) {
    const test = await openVault(t, { policy: { publicUrl } });
    const { id, first, second } = await holdWithLinks(test.vault, Buffer.from(`answers ${answer}`));
    await test.vault.requestRelease(first);
    await test.vault.requestRelease(second);
    t.match(
      await releaserOf(
        test,
        id,
        refusing(() => 550),
      )(),
      { outcome: 'failed' },
    );
    await end(test, id);
    const due = await test.vault.store.call('dueAnswers');
    t.same(
      due.map((one) => [one.recipient, one.answer, one.reason]).sort(),
      [
        [anna, 'released', undefined],
        [carl, answer, answer === 'denied' ? 'no' : undefined],
      ],
      answer,
    );
  }
});

t.test('who asks for an archive is not told that he got one when the message itself goes out', async (t) => {
  const test = await openVault(t, { policy: { publicUrl } });
  const { id } = await holdWithLinks(test.vault, Buffer.from('two forms'));
  const forms: string[] = [];
  const deliver: Deliver = async ({ recipients, pieces }) => {
    forms.push(pieces.map((piece) => (Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start)).join());
    return recipients.map(({ address }) => refused(address, 451));
  };
  const tools = toolsOf(test, deliver, routeTo(1));
  const release = (as: 'original' | 'zip') =>
    releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal, { as });
  t.match(await release('original'), { outcome: 'queued' });
  await t.rejects(release('zip'), {
    code: 'state-conflict',
    message: /cannot be released as ZIP: it is being released as it came/,
  });
  t.match(await release('original'), { outcome: 'queued' }, 'the same again is no mistake');
  t.same(forms, ['9', '9'], 'nothing went out under another name');
  const { id: other } = await holdWithLinks(test.vault, Buffer.from('one form'));
  t.match(await test.vault.release(other, 'cli:root', undefined, { as: 'zip' }), { kind: 'queued' });
  t.match(await test.vault.release(other, 'cli:root', undefined, { as: 'original' }), { kind: 'queued' });
});

t.test('notices without a sender that mail servers take are not configured by a slip of the hand', async (t) => {
  const problemsOf = (from: string) => {
    const listener = '{ listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1, port: 10025 } }';
    const text = `hostname: mx.example.org\ndataDirectory: /tmp/x\nsmtp: { listeners: [${listener}] }\nnotice: { from: ${JSON.stringify(from)} }\n`;
    return parseConfig(text, '/tmp/sluice.yaml').problems.filter(({ path }) => path === 'notice.from').length;
  };
  const wrong = ['', 'Mail Security', 'postmaster', '<>', 'a@b <c@d', 'Security, Mail <a@b.c>', 'a@b.c d@e.f', 'x: y;'];
  for (const from of wrong) t.equal(problemsOf(from), 1, from);
  const right = [
    'a@b.c',
    '<a@b.c>',
    'Mail Security <a@b.c>',
    '"Security, Mail" <a@b.c>',
    'Grüße (x) <a@b.c>',
    'A.B <a@b>',
  ];
  for (const from of right) t.equal(problemsOf(from), 0, from);
});

/** One release in this form; carl's address is answered with this code. */
async function releaseAs(test: TestVault, id: string, as: 'original' | 'zip', code: number): Promise<void> {
  const tools = toolsOf(
    test,
    refusing(() => code),
    routeTo(1),
  );
  test.clock.now += 60_000;
  await releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal, { as });
}

t.test('who has his copy is told so, and how it came, and who has not sees the message held', async (t) => {
  const stage = await openPortal(t, { recipientMay: 'release' });
  const { id, tokens } = await hold(stage, {}, Buffer.from('Subject: a\r\n\r\npartly\r\n'));
  const [first = '', second = ''] = tokens;
  const pageOf = async (token: string) => (await ask(stage.port, `/q/${token}`)).body;
  const zip = 'as a new message with its attachments in an encrypted ZIP archive and the password in a text file';
  t.match(await pageOf(first), 'This message is held in quarantine.');
  await releaseAs(stage, id, 'zip', 451);
  const taken = 'your mail server took it for you at 2026-03-01 00:01 UTC';
  for (const [code, when] of [
    [451, 'while it is tried again'],
    [550, 'when that is given up'],
  ] as const) {
    if (code === 550) await releaseAs(stage, id, 'zip', code);
    t.equal(await stateOf(stage, id), 'held');
    const [has, lacks] = [await pageOf(first), await pageOf(second)];
    t.match(has, `The message was released ${zip}, and ${taken}.`, when);
    t.notMatch(has, 'held in quarantine');
    t.notMatch(has, 'Ask for release');
    t.notMatch(has, carl, 'nobody learns who has not got it');
    t.notMatch(lacks, 'took it for you');
    t.notMatch(lacks, anna);
    t.match(
      lacks,
      code === 451
        ? `The message is released and on its way to all its recipients, ${zip}.`
        : 'This message is held in quarantine.',
    );
  }
  const asked = await stage.vault.requestRelease(first);
  t.match(asked, { outcome: 'refused', asked: false }, 'who has it has nothing to ask for');
  await releaseAs(stage, id, 'original', 250);
  t.equal(await stateOf(stage, id), 'released');
  t.match(
    await pageOf(first),
    `The message was released to all recipients ${zip}. It was released by an administrator`,
  );
  t.match(await pageOf(second), 'The original was released to all recipients. It was released by an administrator');
});

t.test('a deletion after the first copies does not say that nobody has got one', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [first = '', second = ''] = tokens;
  await releaseAs(stage, id, 'original', 550);
  await stage.vault.delete(id, 'cli:root');
  const has = (await ask(stage.port, `/q/${first}`)).body;
  t.match(has, 'The message was delivered to you');
  t.match(has, 'Its original was deleted for all recipients and cannot be released any more.');
  const lacks = (await ask(stage.port, `/q/${second}`)).body;
  t.match(lacks, 'The message was deleted');
  t.notMatch(lacks, 'delivered to you');
});

t.test('the question before a release says in which form it goes out', async (t) => {
  for (const form of ['original', 'zip'] as const) {
    const stage = await openPortal(t, { recipientMay: 'release', releaseAs: form });
    const { tokens } = await hold(stage);
    const { body } = await ask(stage.port, `/q/${tokens[0]}/release`);
    t.equal(body.includes('encrypted ZIP archive'), form === 'zip');
    t.equal(body.includes('The original, with its attachments, is delivered to everybody'), form === 'original');
  }
});

t.test('administrators see who has got a message, in which form, and who has not', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  await browser.signIn();
  const { id } = await holdWithLinks(stage.vault, Buffer.from('Subject: a\r\n\r\npartly\r\n'));
  const pageOf = async () =>
    (await browser.get(`/admin/quarantine/${id}`)).body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  t.notMatch(await pageOf(), 'recipients have got it');
  await releaseAs(stage, id, 'zip', 550);
  const part = await pageOf();
  t.match(part, '1 of 2 recipients have got it. A release goes only to those who have not.');
  t.match(part, new RegExp(`Has it ${anna}.* Has it not ${carl}`));
  t.match(part, new RegExp(`${anna} delivered encrypted ZIP`));
  t.match(part, new RegExp(`${carl} failed 550`));
  await releaseAs(stage, id, 'original', 250);
  const whole = await pageOf();
  t.notMatch(whole, 'recipients have got it');
  t.match(whole, 'It was released on ');
  t.match(whole, new RegExp(`${anna} delivered encrypted ZIP .* ${carl} delivered original`));
  const other = await holdWithLinks(stage.vault, Buffer.from('Subject: b\r\n\r\nb\r\n'));
  await releaseAs(stage, other.id, 'zip', 250);
  const page = (await browser.get(`/admin/quarantine/${other.id}`)).body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  t.match(page, 'It was released with its attachments in an encrypted ZIP archive on');
});
