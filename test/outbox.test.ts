/** Mail of ours on its way out: notices, administrators' mail and releases, with retries, failures and leases. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Deliver, DeliveryRequest, Route } from '../src/quarantine/deliver.js';
import { type AutomaticEnvelope, newMailer } from '../src/quarantine/mailer.js';
import { newOwner } from '../src/quarantine/process-owner.js';
import { reentryFieldName, verifyReentry } from '../src/quarantine/reentry.js';
import { releaseNow } from '../src/quarantine/release.js';
import { limits } from '../src/runtime/limits.js';
import { holdRequest, sha256Of } from './support/held-message.js';
import { startMailServer } from './support/mail-server.js';
import { accepted, contentOf, refused, routeTo, startOutbox, toolsOf, until } from './support/postman.js';
import { openVault } from './support/test-vault.js';

const message = Buffer.from('From: bob@example.net\r\nSubject: Your invoice\r\n\r\n.dot\r\nbody\r\n');

t.test('each recipient gets one notice, with a null sender and the bytes that were queued', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t);
  startOutbox(t, test, server);
  const { id } = await test.vault.hold(holdRequest(message));
  await until(() => server.received.length === 2);
  await until(async () => (await test.vault.store.call('outboxCounts')).sent === 2);
  t.same(server.received.map((mail) => mail.recipients).sort(), [['anna@example.org'], ['carl@example.org']]);
  t.same(
    server.received.map((mail) => mail.mailFrom),
    ['', ''],
  );
  t.match(server.received[0]?.content.toString('latin1'), /^Auto-Submitted: auto-generated\r$/m);
  await sleep(100);
  t.equal(server.received.length, 2, 'sent once');
  t.ok((await test.vault.detail(id)).mails.every((mail) => mail.lastReply?.startsWith('250')));
});

t.test('a temporary refusal is tried again later, a permanent one is not', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t);
  server.answer = (recipient) => (recipient.startsWith('anna') ? 451 : 550);
  startOutbox(t, test, server);
  const { id } = await test.vault.hold(holdRequest(message));
  const mailTo = async (name: string) =>
    (await test.vault.detail(id)).mails.find((mail) => mail.recipient.startsWith(name));
  await until(async () => (await mailTo('anna'))?.attempts === 1 && (await mailTo('carl'))?.state === 'failed');
  t.match(await mailTo('carl'), { state: 'failed', lastReply: /^550/ });
  t.match((await test.vault.detail(id)).audit.at(-1), { action: 'mail-failed' });
  t.match(await mailTo('anna'), {
    state: 'queued',
    lastReply: /^451/,
    nextAt: test.clock.now + limits.outbox.retryFirstMs,
  });
  const { attempts } = server;
  await sleep(100);
  t.equal(server.attempts, attempts, 'not before its time');
  server.answer = () => undefined;
  test.clock.now += limits.outbox.retryFirstMs;
  await until(async () => (await mailTo('anna'))?.state === 'sent');
  t.same(
    server.received.map((mail) => mail.recipients),
    [['anna@example.org']],
  );
});

t.test('mail of ours takes the TLS that its route demands, or waits', async (t) => {
  const mailer = newMailer('gate.example.org');
  const send = (route: Route, mail: AutomaticEnvelope) => mailer(route, mail, new AbortController().signal);
  const mail = { recipient: 'anna@example.org', message: Buffer.from('Subject: x\r\n\r\nx\r\n') };
  for (const tls of ['starttls', 'implicit'] as const) {
    const server = await startMailServer(t, tls);
    const route = { ...routeTo(server.port), tls };
    t.match(await send({ ...route, verify: false }, mail), { kind: 'sent' }, tls);
    t.equal(server.received[0]?.secure, true, tls);
    t.match(await send({ ...route, verify: true }, mail), { kind: 'temporary', reply: /certificate/ }, tls);
    t.equal(server.received.length, 1, 'not to a server that cannot prove its name');
  }
  const plain = await startMailServer(t);
  t.match(await send({ ...routeTo(plain.port), tls: 'starttls' }, mail), { kind: 'temporary' });
  t.equal(plain.received.length, 0, 'STARTTLS that is not offered is not skipped');
  t.match(await send(routeTo(1), mail), { kind: 'temporary', reply: /ECONNREFUSED/ });
  const hostile = { ...mail, recipient: 'anna@example.org>\r\nRCPT TO:<victim@example.com' };
  t.match(await send(routeTo(plain.port), hostile), { kind: 'permanent' });
  t.equal(plain.attempts, 0, 'no command hides in an address');
});

t.test('retries slow down and end after the time to give up', async (t) => {
  const test = await openVault(t);
  const { vault, clock } = test;
  await vault.hold(holdRequest(message));
  const start = clock.now;
  const delays: number[] = [];
  let state = 'queued';
  while (state === 'queued') {
    const [mail] = await vault.store.call('claim', clock.now, 'test', 1);
    if (mail === undefined) throw new Error('nothing is due');
    state = await vault.store.call('settleMail', mail.id, { kind: 'temporary', reply: '451 later' }, clock.now);
    const next = (await vault.store.call('mail', mail.id))?.nextAt ?? 0;
    if (mail.recipient.startsWith('anna') && state === 'queued') delays.push(next - clock.now);
    clock.now = Math.max(clock.now, (await vault.store.call('nextDue')) ?? 0);
  }
  t.same(
    delays.slice(0, 8),
    [30, 60, 120, 240, 480, 960, 1920, 3600].map((seconds) => seconds * 1000),
  );
  t.ok(delays.slice(8).every((delay) => delay === limits.outbox.retryMaxMs));
  t.ok(clock.now - start >= limits.outbox.giveUpMs);
});

t.test('a mail whose sender died is taken again when its lease ends, and by nobody before', async (t) => {
  const { vault, clock } = await openVault(t);
  await vault.hold(holdRequest(message));
  t.equal((await vault.store.call('claim', clock.now, 'one', 10)).length, 2);
  t.equal((await vault.store.call('claim', clock.now, 'two', 10)).length, 0);
  clock.now += limits.outbox.leaseMs - 1;
  t.ok(await vault.store.call('keepLease', 1, clock.now, 'one'));
  t.notOk(await vault.store.call('keepLease', 1, clock.now, 'two'));
  clock.now += 1;
  t.same(
    (await vault.store.call('claim', clock.now, 'two', 10)).map((mail) => mail.id),
    [2],
  );
  await vault.close();
});

t.test('leases of a dead process are free at the next start, those of a living one are not', async (t) => {
  const first = await openVault(t);
  await first.vault.hold(holdRequest(message));
  const [host, , started] = newOwner().split(' ');
  await first.vault.store.call('claimOne', 1, first.clock.now, `${host} 999999999 ${started} dead`);
  await first.vault.store.call('claimOne', 2, first.clock.now, newOwner());
  await first.vault.close();
  const next = await openVault(t, { directory: first.directory });
  t.equal(next.recovery.leasesReleased, 1);
  t.same(
    (await next.vault.store.call('claim', next.clock.now, 'new', 10)).map((mail) => mail.id),
    [1],
  );
});

t.test('a release gives the next hop the exact bytes and the original envelope', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const requests: DeliveryRequest[] = [];
  const deliver: Deliver = async (request) => {
    requests.push(request);
    t.ok(contentOf(request).equals(message), 'byte-identical');
    return request.recipients.map(({ address }) => accepted(address));
  };
  const report = await releaseNow(
    id,
    'cli:root',
    newOwner(),
    toolsOf(test, deliver, routeTo(1)),
    new AbortController().signal,
  );
  t.equal(report.outcome, 'released');
  t.match(requests[0], {
    mailFrom: 'bob@example.net',
    mailParameters: [`SIZE=${message.length}`, 'BODY=8BITMIME', 'RET=HDRS', 'ENVID=abc'],
  });
  t.same(requests[0]?.recipients, [
    { address: 'anna@example.org', parameters: ['ORCPT=rfc822;anna@example.org', 'NOTIFY=NEVER'] },
    { address: 'carl@example.org', parameters: ['NOTIFY=NEVER'] },
  ]);
  t.equal((await test.vault.detail(id)).item.state, 'released');
  const again = await releaseNow(
    id,
    'cli:root',
    newOwner(),
    toolsOf(test, deliver, routeTo(1)),
    new AbortController().signal,
  );
  t.equal(again.outcome, 'released');
  t.equal(requests.length, 1, 'asking again sends nothing');
  t.same(
    (await test.vault.detail(id)).audit.map((row) => [row.actor, row.action]),
    [
      ['gate', 'held'],
      ['cli:root', 'release'],
      ['gate', 'delivery'],
      ['cli:root', 'released'],
    ],
  );
});

t.test('a release that meets a gate again carries one signed field before the untouched original', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  let sent: Buffer = Buffer.alloc(0);
  const deliver: Deliver = async (request) => {
    sent = contentOf(request);
    t.equal(request.mailParameters[0], `SIZE=${sent.length}`);
    return request.recipients.map(({ address }) => accepted(address));
  };
  const tools = toolsOf(test, deliver, routeTo(1, true));
  await releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal);
  const end = sent.indexOf('\r\n') + 2;
  t.ok(sent.subarray(end).equals(message));
  const [name, value = ''] = sent
    .subarray(0, end - 2)
    .toString('latin1')
    .split(/: (.*)/);
  t.equal(name, reentryFieldName);
  const claim = {
    bytes: message.length,
    sha256: sha256Of(message),
    recipients: ['carl@example.org', 'anna@example.org'],
    now: test.clock.now,
  };
  t.same(verifyReentry(tools.releaseKey, value, claim), { ok: true, id });
  t.notOk(verifyReentry(tools.releaseKey, value, { ...claim, recipients: ['eve@example.org'] }).ok);
});

t.test('recipients who were accepted are not sent to again when the others are retried', async (t) => {
  const server = await startMailServer(t);
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message, { notify: false }));
  server.answer = (recipient) => (recipient.startsWith('anna') ? undefined : 450);
  startOutbox(t, test, server);
  await test.vault.release(id, 'cli:root');
  const statuses = async () => (await test.vault.detail(id)).deliveries.map((record) => record.status);
  await until(async () => (await statuses())[0] === 'delivered');
  const partial = await test.vault.detail(id);
  t.same(
    partial.deliveries.map(({ status, code }) => [status, code]),
    [
      ['delivered', 250],
      ['pending', 450],
    ],
  );
  t.match(partial.deliveries[1]?.reply, '450 no to carl@example.org');
  t.equal(partial.item.state, 'held', 'not released until everybody has it');
  server.answer = () => undefined;
  test.clock.now += limits.outbox.retryFirstMs;
  await until(async () => (await test.vault.detail(id)).item.state === 'released');
  t.same(
    server.received.map((mail) => mail.recipients),
    [['anna@example.org'], ['carl@example.org']],
  );
  t.ok(server.received.every((mail) => mail.content.equals(message)));
});

t.test('a permanent refusal stays visible, and releasing again tries only those refused', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const asked: string[][] = [];
  let code = 550;
  const deliver: Deliver = async (request) => {
    asked.push(request.recipients.map(({ address }) => address));
    return request.recipients.map(({ address }) =>
      address.startsWith('carl') && code !== 250 ? refused(address, code) : accepted(address),
    );
  };
  const tools = toolsOf(test, deliver, routeTo(1));
  const release = () => releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal);
  t.match(await release(), {
    outcome: 'failed',
    deliveries: [{ status: 'delivered' }, { status: 'failed', code: 550, reply: '550 no' }],
  });
  t.equal((await test.vault.detail(id)).item.state, 'held');
  code = 250;
  t.match(await release(), { outcome: 'released' });
  t.same(asked, [['anna@example.org', 'carl@example.org'], ['carl@example.org']]);
});

t.test('a next hop that fails, says too little, or is not configured leaves the release queued', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const signal = new AbortController().signal;
  const down: Deliver = () => Promise.reject(new Error('connect ECONNREFUSED'));
  const terse: Deliver = async () => [accepted('anna@example.org')];
  t.match(await releaseNow(id, 'x', newOwner(), toolsOf(test, down, routeTo(1)), signal), {
    outcome: 'queued',
    reason: /ECONNREFUSED/,
  });
  t.match(await releaseNow(id, 'x', newOwner(), toolsOf(test, terse, undefined), signal), {
    outcome: 'queued',
    reason: /inbound/,
  });
  t.match(await releaseNow(id, 'x', newOwner(), toolsOf(test, terse, routeTo(1)), signal), {
    outcome: 'queued',
    deliveries: [{ status: 'delivered' }, { status: 'pending', reply: 'no answer for this recipient' }],
  });
});

t.test('an original that fails its check is not released and says why', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  const { id: other } = await test.vault.hold(holdRequest(Buffer.from('another message')));
  const { copyFileSync } = await import('node:fs');
  copyFileSync(test.vault.blobs.fileOf(other), test.vault.blobs.fileOf(id));
  const deliver: Deliver = () => Promise.reject(new Error('must not be called'));
  const report = await releaseNow(
    id,
    'x',
    newOwner(),
    toolsOf(test, deliver, routeTo(1)),
    new AbortController().signal,
  );
  t.match(report, { outcome: 'failed', reason: /the length is not that/ });
  t.equal((await test.vault.detail(id)).item.state, 'held');
});

t.test('a release asked for twice at once is sent once, and both learn the answer', async (t) => {
  const test = await openVault(t);
  const { id } = await test.vault.hold(holdRequest(message));
  let calls = 0;
  const deliver: Deliver = async (request) => {
    calls += 1;
    await sleep(300);
    return request.recipients.map(({ address }) => accepted(address));
  };
  const tools = toolsOf(test, deliver, routeTo(1));
  const local = await openVault(t, { directory: test.directory, local: true });
  const reports = await Promise.all([
    releaseNow(id, 'one', newOwner(), tools, AbortSignal.timeout(10_000)),
    releaseNow(id, 'two', newOwner(), toolsOf(local, deliver, routeTo(1)), AbortSignal.timeout(10_000)),
  ]);
  t.same(
    reports.map((report) => report.outcome),
    ['released', 'released'],
  );
  t.equal(calls, 1);
});

t.test('administrators are told at once, then at most once a minute', async (t) => {
  const server = await startMailServer(t);
  const ops = { address: 'ops@example.org', notify: ['blocked', 'released'] as const };
  const blind = { address: 'blind@example.org', notify: [] };
  const test = await openVault(t, { policy: { administrators: [ops, blind] } });
  const deliver: Deliver = async (request) => request.recipients.map(({ address }) => accepted(address));
  startOutbox(t, test, server, deliver);
  const hold = (text: string) => test.vault.hold(holdRequest(Buffer.from(text), { notify: false }));
  const { id } = await hold('first');
  await until(() => server.received.length === 1);
  for (let index = 0; index < 60; index += 1) await hold(`more ${index}`);
  await test.vault.release(id, 'cli:root');
  await until(async () => (await test.vault.detail(id)).item.state === 'released');
  await sleep(100);
  t.equal(server.received.length, 1, 'the rest waits');
  test.clock.now += limits.notice.digestIntervalMs;
  await until(() => server.received.length === 2);
  const texts = server.received.map((mail) => mail.content.toString('latin1'));
  t.match(texts[0], 'Subject: Mail gate: Message blocked: EICAR-Test-File');
  t.match(texts[1], 'Subject: Mail gate: 61 events');
  t.match(texts[1], 'and 11 more events');
  t.ok(server.received.every((mail) => mail.mailFrom === '' && mail.recipients[0] === 'ops@example.org'));
});
