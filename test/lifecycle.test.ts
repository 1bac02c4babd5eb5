/** The life of a held message: who may ask, deny, release and delete, who is told, and that each is told once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { renderAdministratorMail } from '../src/notice/administrator-mail.js';
import { renderAnswer } from '../src/notice/answer.js';
import { newOwner } from '../src/quarantine/process-owner.js';
import { releaseNow } from '../src/quarantine/release.js';
import { tokenHash } from '../src/quarantine/token-table.js';
import { limits } from '../src/runtime/limits.js';
import { checkLives } from './support/lifecycle-model.js';
import { liveOn } from './support/lifecycle-run.js';
import {
  anna,
  answersAmong,
  carl,
  holdWithLinks,
  publicUrl,
  readMails,
  silentRules,
  tokenIn,
} from './support/lifecycle-stage.js';
import { type MailServer, startMailServer } from './support/mail-server.js';
import { accepted, refused, routeTo, startOutbox, toolsOf, until } from './support/postman.js';
import { openVault, policy, type TestVault, testDirectory } from './support/test-vault.js';

t.setTimeout(600_000);

const message = Buffer.from('From: bob@example.net\r\nSubject: Your invoice\r\n\r\nbody\r\n');
const ops = { address: 'ops@example.org', notify: ['blocked', 'released', 'release-requested'] as const };
const linked = { publicUrl } as const;
const releasing = { publicUrl, recipientMay: 'release' } as const;

async function stateOf({ vault }: TestVault, id: string): Promise<string> {
  return (await vault.detail(id)).item.state;
}

/** Everything that is due has been sent, and nothing is owed. */
async function quiet({ vault }: TestVault): Promise<void> {
  // What is owed becomes what is queued, so in this order nothing is missed between the two questions.
  await until(
    async () =>
      (await vault.store.call('dueAnswers')).length === 0 && (await vault.store.call('outboxCounts')).queued === 0,
  );
}

t.test('whatever is done in whatever order, the message is in the state that the rules say', async (t) => {
  const test = await openVault(t, { policy: releasing, local: true });
  const { runs, acts } = await checkLives(test);
  t.ok(runs >= 60 && acts > 300, `${runs} lives with ${acts} acts`);
  t.equal(await test.vault.store.call('firstBrokenAudit'), undefined);
});

t.test('a recipient who may release does so for all, once', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: { ...releasing, administrators: [ops] } });
  const { id, first, second } = await holdWithLinks(test.vault, message);
  t.match(await test.vault.personalView(first), {
    mayRequest: true,
    mayRelease: true,
    mayDelete: true,
    releasing: false,
  });
  const [one, two] = await Promise.all([test.vault.releaseByToken(first), test.vault.releaseByToken(first)]);
  t.same([one.outcome, two.outcome].sort(), ['already', 'done'], 'a double click is one release');
  t.match(one.view, { releasing: true, mayRequest: false, mayRelease: false, mayDelete: false });
  t.match(await test.vault.deleteByToken(second), { outcome: 'busy' }, 'no deletion takes it away meanwhile');
  t.match(await test.vault.requestRelease(second), { outcome: 'refused' });
  startOutbox(t, test, server);
  await until(async () => (await stateOf(test, id)) === 'released');
  await quiet(test);
  const original = server.received.filter(({ content }) => content.equals(message));
  t.same(
    original.map(({ recipients }) => recipients),
    [[anna, carl]],
    'one delivery, to everybody',
  );
  t.match(await test.vault.personalView(first), { state: 'released', decision: { by: 'you' }, mail: undefined });
  t.match(await test.vault.personalView(second), { state: 'released', decision: { by: 'recipient' } });
  t.match(await test.vault.releaseByToken(second), { outcome: 'already' });
  t.match(await test.vault.deleteByToken(first), { outcome: 'refused' }, 'what was delivered is delivered');
  const { audit } = await test.vault.detail(id);
  t.same(
    audit.filter(({ action }) => action === 'release' || action === 'released').map(({ actor }) => actor),
    [`recipient:${anna}`, `recipient:${anna}`],
  );
  t.equal(answersAmong(await readMails(server.received)).length, 0, 'nobody asked, nobody is answered');
  test.clock.now += limits.notice.digestIntervalMs;
  await until(async () => (await readMails(server.received)).some(({ text }) => text.includes('Message released at')));
  const told = (await readMails(server.received)).filter(({ to }) => to === ops.address);
  t.match(told.at(-1)?.text, `by recipient ${anna}`);
});

t.test('a recipient who may delete takes the original away from all, and administrators learn it', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: { ...releasing, administrators: [ops] } });
  const { id, first, second } = await holdWithLinks(test.vault, message);
  await test.vault.requestRelease(second);
  t.match(await test.vault.deleteByToken(first), {
    outcome: 'done',
    view: { state: 'deleted', decision: { by: 'you' } },
  });
  t.notOk(existsSync(test.vault.blobs.fileOf(id)), 'its file is gone');
  t.match(await test.vault.deleteByToken(second), { outcome: 'already', view: { decision: { by: 'recipient' } } });
  t.match(await test.vault.releaseByToken(second), { outcome: 'refused' });
  await t.rejects(test.vault.release(id, 'cli:root'), { code: 'state-conflict' });
  startOutbox(t, test, server);
  await quiet(test);
  const mails = await readMails(server.received);
  t.same(
    answersAmong(mails).map(({ to, subject }) => [to, subject]),
    [[carl, 'The message that you asked for was deleted']],
    'who asked is answered, who did it is not',
  );
  t.notMatch(answersAmong(mails)[0]?.text, anna, 'and not told by whom');
  const told = mails.find(({ to }) => to === ops.address)?.text ?? '';
  t.match(told, `Message deleted at 2026-03-01 00:00 UTC by recipient ${anna}`);
});

t.test('what an administrator deletes, or time, is no news to administrators', async (t) => {
  const test = await openVault(t, { policy: { ...releasing, administrators: [ops] } });
  const { id } = await holdWithLinks(test.vault, message);
  await test.vault.delete(id, 'cli:root');
  const events = (await test.vault.store.call('dueDigests', test.clock.now)).flatMap((digest) => digest.events);
  t.same(
    events.map(({ event }) => event),
    ['blocked'],
  );
});

t.test('a role that was taken back is gone at once, one that was given later is not in old links', async (t) => {
  const test = await openVault(t, { policy: releasing });
  const strong = await holdWithLinks(test.vault, message);
  test.vault.reload({ ...policy, ...linked });
  const weak = await holdWithLinks(test.vault, Buffer.from('another message'));
  for (const token of [strong.first, weak.first]) {
    t.match(await test.vault.personalView(token), { mayRequest: true, mayRelease: false, mayDelete: false });
    t.match(await test.vault.releaseByToken(token), { outcome: 'refused' });
    t.match(await test.vault.deleteByToken(token), { outcome: 'refused' });
  }
  test.vault.reload({ ...policy, ...releasing });
  t.match(await test.vault.personalView(strong.first), { mayRelease: true, mayDelete: true });
  t.match(await test.vault.personalView(weak.first), { mayRequest: true, mayRelease: false, mayDelete: false });
  t.match(await test.vault.releaseByToken(weak.first), { outcome: 'refused' });
  t.equal(await stateOf(test, weak.id), 'held');
});

t.test('the link that readers of a mailbox share only ever asks', async (t) => {
  const test = await openVault(t, { policy: releasing });
  const { id } = await holdWithLinks(test.vault, message);
  const { vault, clock } = test;
  const rules = { ...silentRules, may: 'release' as const };
  const hash = tokenHash('shared');
  const Database = (await import('better-sqlite3')).default;
  const database = new Database(`${test.directory}/sluice.db`);
  t.teardown(() => database.close());
  database
    .prepare('INSERT INTO tokens (hash, item, recipient, action, expires) VALUES (?, ?, ?, ?, ?)')
    .run(hash, id, 'imap', 'release', clock.now + 1000);
  t.match(await vault.store.call('personalView', hash, clock.now, rules), {
    mayRequest: true,
    mayRelease: false,
    mayDelete: false,
  });
  t.match(await vault.store.call('releaseByToken', hash, clock.now, rules), { outcome: 'refused' });
  t.match(await vault.store.call('deleteByToken', hash, clock.now, rules), { outcome: 'refused' });
  t.match(await vault.store.call('requestRelease', hash, clock.now, rules), { outcome: 'done' });
  await vault.deny(id, 'cli:root', 'no');
  t.same(await vault.store.call('dueAnswers'), [], 'nobody knows which reader asked, so none is mailed');
  t.same((await vault.detail(id)).requests, [{ recipient: undefined, at: clock.now }]);
});

t.test('a denied request is told to each who asked, once, with the reason, and ends asking', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: linked });
  const { vault } = test;
  const { id, first, second } = await holdWithLinks(vault, message);
  await t.rejects(vault.deny(id, 'cli:root'), { code: 'state-conflict', message: /nobody asked/ });
  t.match(await vault.requestRelease(first), {
    outcome: 'done',
    view: { state: 'release-requested', mayRequest: false },
  });
  test.clock.now += 1000;
  t.match(await vault.requestRelease(first), { outcome: 'already' });
  const [one, two] = await Promise.all([
    vault.deny(id, 'console:eve', ' <b>Not</b> for work\u202e\r\nBcc: x '),
    vault.deny(id, 'console:mallory', 'other words'),
  ]);
  t.same([one, two].sort(), [false, true], 'two administrators are one decision');
  startOutbox(t, test, server);
  await quiet(test);
  await sleep(100);
  const answers = answersAmong(await readMails(server.received));
  t.equal(answers.length, 1);
  t.match(answers[0], { to: anna, subject: 'Your request was denied', text: /Not<\/b> for work Bcc: x|<b>Not/ });
  const raw = server.received.find(({ content }) => content.includes('Your request was denied'));
  t.equal(raw?.mailFrom, '', 'with a null sender');
  const source = raw?.content.toString('latin1').replace(/=\r\n/g, '') ?? '';
  t.match(source, /^Auto-Submitted: auto-generated\r$/m);
  t.match(source, `X-Sluice-Notice: ${id}`);
  t.match(source, '&lt;b&gt;Not&lt;/b&gt;', 'an administrator cannot write HTML by accident');
  t.notMatch(source, /carl|console|\beve\b|\u202e/, 'no other recipient, no name of an administrator');
  t.notMatch(source, /^Bcc/m);
  t.match(await vault.personalView(first), {
    state: 'request-denied',
    mayRequest: false,
    decision: { by: 'administrator', reason: '<b>Not</b> for work\u202e\r\nBcc: x' },
  });
  t.match(await vault.requestRelease(first), { outcome: 'already' });
  t.match(await vault.requestRelease(second), { outcome: 'refused' }, 'nor may another one');
  t.match((await vault.detail(id)).decision, { actor: 'console:eve', at: test.clock.now });
});

t.test('an administrator may still release what was denied, and who asked learns that too', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: linked });
  const { id, first, second } = await holdWithLinks(test.vault, message);
  await test.vault.requestRelease(first);
  await test.vault.requestRelease(second);
  await test.vault.deny(id, 'cli:root');
  startOutbox(t, test, server);
  await test.vault.release(id, 'cli:root');
  await until(async () => (await stateOf(test, id)) === 'released');
  await quiet(test);
  t.equal(await test.vault.deny(id, 'cli:root').catch((error: { code: string }) => error.code), 'state-conflict');
  t.same(
    answersAmong(await readMails(server.received))
      .map(({ to, subject }) => `${to} ${subject}`)
      .sort(),
    [anna, carl].flatMap((to) => [`${to} Your request was denied`, `${to} Your request was granted`]),
  );
});

t.test('a request that nobody decided ends with its message, and its author is told', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: linked });
  const { id, first } = await holdWithLinks(test.vault, message);
  await test.vault.requestRelease(first);
  test.clock.now += policy.retentionDays * 86_400_000;
  t.equal(await test.vault.sweep(), 1);
  t.equal(await stateOf(test, id), 'expired');
  startOutbox(t, test, server);
  await quiet(test);
  t.match(answersAmong(await readMails(server.received)), [
    { to: anna, subject: 'The message that you asked for has expired' },
  ]);
  t.equal(await test.vault.sweep(), 0);
});

t.test('a message does not expire, nor is it denied, while its release waits', async (t) => {
  const test = await openVault(t, { policy: releasing });
  const { id, first } = await holdWithLinks(test.vault, message);
  await test.vault.requestRelease(first);
  await test.vault.release(id, 'cli:root');
  await t.rejects(test.vault.deny(id, 'cli:other'), { code: 'state-conflict', message: /being released/ });
  test.clock.now += policy.retentionDays * 86_400_000;
  t.equal(await test.vault.sweep(), 0);
  t.equal(
    await test.vault.store.call('remove', id, 'expired', 'retention', test.clock.now),
    false,
    'not even by a race',
  );
  t.ok(existsSync(test.vault.blobs.fileOf(id)));
  const deliver = async () => [accepted(anna), refused(carl, 550)];
  const report = await releaseNow(
    id,
    'cli:root',
    newOwner(),
    toolsOf(test, deliver, routeTo(1)),
    new AbortController().signal,
  );
  t.equal(report.outcome, 'failed');
  t.equal(await stateOf(test, id), 'release-requested', 'a release that failed leaves the request open');
  t.ok(await test.vault.deny(id, 'cli:root'));
  t.equal(await test.vault.sweep(), 1, 'now it does');
});

t.test('administrators learn who asks for what, with the ways to answer, together with other news', async (t) => {
  const server = await startMailServer(t);
  const quietOne = { address: 'quiet@example.org', notify: ['released'] as const };
  const test = await openVault(t, {
    policy: { ...linked, consoleUrl: 'https://gate.example.org/', administrators: [ops, quietOne] },
  });
  const { id, first, second } = await holdWithLinks(test.vault, message);
  startOutbox(t, test, server);
  await until(async () => (await readMails(server.received)).some(({ to }) => to === ops.address));
  await test.vault.requestRelease(first);
  await test.vault.requestRelease(second);
  await test.vault.requestRelease(second);
  await sleep(100);
  test.clock.now += limits.notice.digestIntervalMs;
  await until(async () => (await readMails(server.received)).filter(({ to }) => to === ops.address).length === 2);
  const mails = await readMails(server.received);
  t.equal(mails.filter(({ to }) => to === quietOne.address).length, 0, 'only who ticked it');
  const told = mails.filter(({ to }) => to === ops.address).at(-1);
  t.equal(told?.subject, 'Mail gate: 2 events', 'one mail for what belongs together');
  for (const recipient of [anna, carl]) {
    t.match(told?.text, `Release requested at 2026-03-01 00:00 UTC by recipient ${recipient}`);
  }
  t.match(told?.text, `Page:         https://gate.example.org/admin/quarantine/${id}`);
  for (const command of ['show', 'release', 'deny', 'delete'])
    t.match(told?.text, `  sluice quarantine ${command} ${id}`);
});

t.test('a hostile address in an actor or a reason in an answer stays text', async (t) => {
  const event = {
    id: 1,
    event: 'release-requested' as const,
    at: 0,
    actor: 'recipient:"a\r\nBcc: x"@https://evil.example',
    item: 'abc',
    mailFrom: '',
    recipients: [],
    subject: undefined,
    threat: '',
    threatLevel: -1,
    findings: [],
  };
  const facts = {
    administrator: ops.address,
    from: policy.notice.from,
    events: [event],
    omitted: 0,
    itemPages: undefined,
  };
  const { eml } = await renderAdministratorMail(facts);
  t.notMatch(eml.toString('latin1'), /^Bcc|https:\/\//m);
  const shared = await renderAdministratorMail({ ...facts, events: [{ ...event, actor: 'recipient:imap' }] });
  t.match(shared.eml.toString('latin1'), 'by a reader of its mailbox');
  const mail = {
    id: 'abc',
    recipient: anna,
    mailFrom: '',
    from: undefined,
    subject: '<img src=x>',
    receivedAt: 0,
    threat: '',
    threatLevel: 0,
    findings: [],
    omitted: 0,
    link: 'https://quarantine.example.org/q/secret',
  };
  const answer = { mail, answer: 'denied', reason: '<script>x</script>', at: 5, number: 1 } as const;
  const one = await renderAnswer(policy.notice, answer);
  t.notMatch(one.html, /<script|<img/);
  t.notMatch(one.text, 'secret', 'no link: it may be forwarded');
  t.ok(one.eml.equals((await renderAnswer(policy.notice, answer)).eml), 'the same facts, the same bytes');
  t.not(one.messageId, (await renderAnswer(policy.notice, { ...answer, number: 2 })).messageId);
});

t.test('an answer that cannot be written holds up no other mail', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t, { policy: linked });
  const { id, first } = await holdWithLinks(test.vault, message);
  await test.vault.requestRelease(first);
  await test.vault.deny(id, 'cli:root');
  const Database = (await import('better-sqlite3')).default;
  const database = new Database(`${test.directory}/sluice.db`);
  t.teardown(() => database.close());
  database.exec("CREATE TRIGGER broken BEFORE UPDATE ON recipient_answers BEGIN SELECT RAISE(ABORT, 'broken'); END");
  startOutbox(t, test, server);
  await until(() => server.received.length === 2);
  t.equal(answersAmong(await readMails(server.received)).length, 0, 'not even once: what is queued is marked with it');
  t.ok(test.lines.some(({ event }) => event.includes('an answer to a recipient could not be queued')));
  database.exec('DROP TRIGGER broken');
  await until(async () => answersAmong(await readMails(server.received)).length === 1);
});

/** Runs the child until it ends or kills itself after so many steps; its last line. */
async function live(directory: string, server: MailServer, script: string, steps: number): Promise<string> {
  const child = new URL('./support/lifecycle-child.js', import.meta.url).pathname;
  const process_ = spawn(process.execPath, [child, directory, String(server.port), script, String(steps)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  process_.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [, signal] = await once(process_, 'close');
  return signal === 'SIGKILL' ? 'killed' : (output.trim().split('\n').at(-1) ?? '');
}

for (const script of ['deny', 'release'] as const) {
  t.test(`killed after any step of request and ${script}: nobody is left untold`, async (t) => {
    let steps = 0;
    let last = 'killed';
    let repeated = 0;
    for (; last === 'killed' && steps < 60; steps += 1) {
      const server = await startMailServer(t);
      const directory = testDirectory(t);
      // Never killed in the first round: that is ordinary running.
      last = await live(directory, server, script, steps === 0 ? 1_000_000 : steps);
      // An hour later, when whatever the dead process had waited for is due.
      const later = { now: Date.UTC(2026, 2, 1, 1), script, step: () => {} };
      if (last === 'killed') await liveOn({ dataDirectory: directory, port: server.port, ...later });
      const mails = await readMails(server.received);
      const ids = mails.map(({ to, messageId }) => `${to} ${messageId}`);
      const answers = answersAmong(mails);
      const heading = { deny: 'Your request was denied', release: 'Your request was granted' };
      t.same([...new Set(answers.map(({ to }) => to))].sort(), [anna, carl], `step ${steps}: both are answered`);
      t.equal(new Set(answers.map(({ to, messageId }) => `${to} ${messageId}`)).size, 2, 'each with one mail');
      for (const { subject } of answers) t.match(subject, heading[script]);
      const told = mails.filter(({ to }) => to === ops.address).map(({ text }) => text);
      for (const recipient of [anna, carl]) {
        t.ok(
          told.some((text) => text.includes(`Release requested`) && text.includes(`by recipient ${recipient}`)),
          `step ${steps}: administrators know of ${recipient}`,
        );
      }
      t.equal(
        mails.filter(({ subject }) => subject === 'Your invoice').length >= 1,
        script === 'release',
        'the original is delivered exactly when it was released',
      );
      const twice = ids.length - new Set(ids).size;
      const most = Math.max(...ids.map((one) => ids.filter((other) => other === one).length));
      if (last === 'killed') t.ok(most <= 2, 'a crash repeats what it cut, once');
      else t.equal(twice, 0, 'nothing is sent twice in ordinary running');
      repeated += twice;
      if (steps > 0) continue;
      t.equal(last, 'done', 'the first round is ordinary running');
      last = 'killed';
    }
    t.ok(steps > 8, `${steps} steps were cut, ${repeated} mails repeated`);
    t.equal(last, 'done', 'the last round ran to its end');
  });
}

t.test('links end with their message', async (t) => {
  const test = await openVault(t, { policy: releasing });
  const { id, first } = await holdWithLinks(test.vault, message);
  test.clock.now += policy.notice.validDays * 86_400_000;
  t.equal(await test.vault.personalView(first), undefined);
  t.match(await test.vault.releaseByToken(first), { outcome: 'refused', view: undefined });
  t.match(await test.vault.deleteByToken(first), { outcome: 'refused', view: undefined });
  t.match(await test.vault.requestRelease('nonsense'), { outcome: 'refused', view: undefined });
  t.equal(await stateOf(test, id), 'held');
  t.throws(() => tokenIn(Buffer.from('no link')));
});
