/** The judge behind IMAP sessions, with its real store and inspector: how a message stands, and why. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { type Ruling, standings } from '../src/imap/handler.js';
import { createImapHandler } from '../src/pipeline/imap-handler.js';
import { logMessage } from '../src/pipeline/imap-record.js';
import { GateError } from '../src/runtime/errors.js';
import { createLog } from '../src/runtime/log.js';
import { report, verdict } from './support/held-message.js';
import { identityOf, JudgeFixture, listener, noticeOf, peer, policyOf, read, take } from './support/imap-judge.js';
import { buildMail, eicarMail } from './support/mail.js';
import { waitFor } from './support/ports.js';

const clean = buildMail({ text: 'Good news.\r\n' });
const file = { name: 'report.txt', content: Buffer.from('quarterly figures\n'.repeat(20)) };
const withFile = buildMail({ attachment: file });
const anna = 'anna@example.org';

t.test('a clean message stands as its original, a bad one as its notice, here and in the next session', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  t.equal(mailbox.standing(1), standings.unjudged);
  t.same(await read(mailbox, 1, clean), { kind: 'original' });
  t.same(await read(mailbox, 2, withFile, 100), { kind: 'original' });
  const notice = noticeOf(await read(mailbox, 3, eicarMail()));
  t.equal(notice.late, false);
  t.match(notice.notice.bytes.toString('latin1'), /Subject: Malware Detected/);
  t.match(notice.notice.bytes.toString('latin1'), /EICAR/);
  for (const seen of [mailbox, await judge.mailbox()]) {
    t.equal(seen.standing(1), standings.original);
    t.equal(seen.bytes(1), clean.length);
    t.equal(seen.standing(2), standings.original);
    t.equal(seen.standing(3), standings.notice);
    t.same(await seen.notice(3), notice.notice);
    t.equal(seen.standing(4), standings.unjudged);
    t.equal(seen.bytes(4), 0);
    t.throws(() => seen.notice(1), { code: 'not-found' });
  }
  judge.services.tally.flush();
  const counted = await judge.services.metrics.registry.getSingleMetricAsString('sluice_messages_total');
  t.match(counted, /action="permit",reason="no-attachment"} 1\n/);
  t.match(counted, /action="block",reason="threshold"} 1$/m);
  t.match(
    judge.lines.filter(({ msg }) => msg === 'message'),
    [{ protocol: 'imap', uid: 3, outcome: 'notice', action: 'block', user: anna, client: '192.0.2.9' }],
    'one line, for the message that is not clean',
  );
});

t.test('whose mail it was is told as the log is set to', (t) => {
  for (const [addresses, shown] of [
    ['full', true],
    ['hashed', false],
    ['none', false],
  ] as const) {
    const written: string[] = [];
    const log = createLog(
      { level: 'info', addresses, file: undefined },
      { write: (line: string) => written.push(line) },
    );
    const reader = {
      listener,
      upstream: 'imap.example.org:143',
      user: anna,
      clientAddress: '192.0.2.9',
      clientPort: 40_000,
    };
    const fate = { id: 'x', reader, mailbox: 'Sick leave', uid: 5, outcome: 'notice', judgeMs: 1 } as const;
    logMessage(log.logger, fate, report(), verdict());
    t.equal(written.join('').includes(anna), shown, addresses);
    t.equal(written.join('').includes('Sick leave'), shown, addresses);
    t.match(written.join(''), /"uid":5/);
  }
  t.end();
});

t.test('which servers are judged', async (t) => {
  const of = async (imap: string, servername?: string, host = 'imap.example.org') => {
    const judge = await JudgeFixture.open(t, { yaml: `policy: { imap: ${imap} }` });
    return createImapHandler(judge.services, { ...listener, upstream: { host, port: 143 } }).inspects({
      ...peer,
      servername,
    });
  };
  t.equal(await of('{}'), true, 'all by default');
  t.equal(await of('{ action: permit }'), false);
  t.equal(await of('{ action: permit }', 'other.example.org'), false);
  t.equal(await of('{ servers: [imap.example.org] }'), true);
  t.equal(await of('{ servers: [mail.example.org] }'), false);
  t.equal(await of('{ servers: [mail.example.org] }', 'imap.example.org'), false, 'its own name');
  t.equal(await of('{ servers: [mail.example.org] }', 'IMAP.example.org.'), false, 'the same name');
  t.equal(await of('{ servers: [mail.example.org] }', 'mail.example.org'), true, 'a listed name');
  t.equal(await of('{ servers: [mail.example.org] }', 'gate.example.org'), true, 'a name of nobody');
  t.equal(await of('{ servers: [mail.example.org] }', undefined, '192.0.2.1'), true, 'an address could be any of them');
});

t.test('the lists see the envelope that the server wrote down, else the reader', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  const bad = eicarMail();
  const top = (...fields: string[]) =>
    Buffer.concat([Buffer.from(fields.map((field) => `${field}\r\n`).join('')), bad]);
  const cases: [string, string, Buffer, Ruling['kind']][] = [
    ['the return path', 'allow: ["bob@list.example"]', top('Return-Path: <bob@list.example>'), 'original'],
    [
      'the topmost one',
      'allow: ["bob@list.example"]',
      top('Return-Path: <>', 'Return-Path: <bob@list.example>'),
      'notice',
    ],
    ['no return path', 'allow: ["bob@list.example"]', bad, 'notice'],
    ['Delivered-To', 'allow: ["in@list.example"]', top('Delivered-To: in@list.example', 'Received: x'), 'original'],
    ['X-Original-To', 'allow: ["in@list.example"]', top('X-Original-To: in@list.example'), 'original'],
    ['the reader, when nobody is named', `allow: ["${anna}"]`, bad, 'original'],
    ['not the reader, when somebody is', `allow: ["${anna}"]`, top('Delivered-To: in@list.example'), 'notice'],
    [
      'not what the sender wrote below',
      'allow: ["in@list.example"]',
      top('Delivered-To: a@b.example', 'Received: x', 'Delivered-To: in@list.example'),
      'notice',
    ],
    ['not half an address', 'allow: ["in@list.example"]', top('Delivered-To: in@list.example, x@y.example'), 'notice'],
    [
      'the block list',
      'block: ["*@list.example"]',
      Buffer.concat([Buffer.from('Return-Path: <a@list.example>\r\n'), clean]),
      'notice',
    ],
    ['a body field', 'block: ["alice@client.example"]', clean, 'notice'],
  ];
  let uid = 100;
  for (const [name, lists, mail, expected] of cases) {
    judge.policy = await policyOf(`lists: { ${lists}, allowFields: [envelope-from, envelope-to] }`);
    uid += 1;
    t.equal((await read(mailbox, uid, mail)).kind, expected, name);
  }
  judge.policy = await policyOf('lists: { block: ["*@list.example"] }');
  const huge = Buffer.concat([Buffer.from(`Delivered-To: ${'x'.repeat(50_000)}@list.example\r\n`), clean]);
  t.equal((await read(mailbox, 90, huge)).kind, 'original', 'an endless address is none');
});

t.test('a changed list or threshold is applied to what is remembered, without a new scan', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  await read(mailbox, 1, clean);
  await read(mailbox, 2, withFile);
  t.equal(judge.backend.scanned.length, 1);
  judge.policy = await policyOf('lists: { block: ["nobody@bad.example"] }');
  t.equal(mailbox.standing(1), standings.unjudged);
  t.equal(mailbox.standing(2), standings.unjudged);
  await mailbox.settle([1, 2, 3]);
  t.equal(mailbox.standing(1), standings.original);
  t.equal(mailbox.standing(2), standings.original);
  t.equal(mailbox.standing(3), standings.unjudged);
  t.equal(judge.backend.scanned.length, 1, 'nothing was scanned again');
  judge.policy = await policyOf('policy: { verdictThreshold: 2 }');
  const other = await judge.mailbox();
  await other.settle([2]);
  t.equal(other.standing(2), standings.original, 'also in another session');
  t.equal(other.standing(1), standings.unjudged, 'only what was asked for');
  judge.policy = await policyOf('lists: { block: ["alice@client.example"] }');
  await mailbox.settle([1, 2]);
  t.equal(mailbox.standing(1), standings.unjudged, 'what is bad now needs its content to be kept safe');
  const late = noticeOf(await read(mailbox, 1, clean));
  t.equal(late.late, true);
  t.equal(mailbox.standing(1), standings.lateNotice, 'its reader may hold pieces of it');
  judge.policy = await policyOf('');
  await mailbox.settle([1, 2]);
  t.equal(mailbox.standing(1), standings.lateNotice, 'a notice stays whatever the lists become');
  t.equal(mailbox.standing(2), standings.original);
  t.equal(noticeOf(await read(mailbox, 1, clean)).notice.item, late.notice.item, 'also for who asks to judge it again');
});

t.test('what is remembered is never of another content than what was judged last', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  await read(mailbox, 1, clean);
  judge.policy = await policyOf('policy: { fallback: { default: permit } }');
  judge.backend.script = () => judge.backend.none('backend-unavailable');
  const many = Array.from({ length: 5000 }, (_, count) => `anna${count}@example.org`).join(',\r\n ');
  t.equal((await read(mailbox, 1, buildMail({ to: many, attachment: file }))).kind, 'original', 'by its fallback');
  judge.policy = await policyOf('');
  await mailbox.settle([1]);
  t.equal(mailbox.standing(1), standings.unjudged);
});

t.test('scores that are not known any more need the content', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  await read(mailbox, 1, clean);
  await read(mailbox, 2, withFile);
  judge.backend.version = '2';
  t.equal(mailbox.standing(1), standings.original, 'no backend had a part in it');
  t.equal(mailbox.standing(2), standings.unjudged);
  await mailbox.settle([2]);
  t.equal(mailbox.standing(2), standings.unjudged);
  t.same(await read(mailbox, 2, withFile), { kind: 'original' });
  t.equal(judge.backend.scanned.length, 2);
  t.equal(mailbox.standing(2), standings.original);
  judge.backend.cacheable = false;
  judge.backend.version = 'unknown';
  t.equal(mailbox.standing(2), standings.original, 'a backend that is away puts nothing in question');
});

t.test('metadata that was shown is remembered, and what is found bad after it is late', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  t.equal(mailbox.metadataWaits, true);
  await mailbox.showMetadata([5, 6]);
  t.equal(mailbox.standing(5), standings.metadata);
  t.equal((await judge.mailbox()).standing(6), standings.metadata);
  t.same(await read(mailbox, 5, clean), { kind: 'original' });
  t.equal(mailbox.standing(5), standings.original);
  t.equal(noticeOf(await read(mailbox, 6, eicarMail())).late, true);
  t.equal(mailbox.standing(6), standings.lateNotice);
  await mailbox.showMetadata([5, 6]);
  t.equal(mailbox.standing(5), standings.original);
  t.equal(mailbox.standing(6), standings.lateNotice);
  judge.policy = await policyOf('lists: { block: ["alice@client.example"] }');
  await mailbox.showMetadata([5]);
  t.equal(mailbox.standing(5), standings.metadata, 'seen in full, in question, its metadata shown again');
  t.equal(noticeOf(await read(mailbox, 5, clean)).late, true);
  await read(mailbox, 7, buildMail({ from: 'other@client.example' }));
  judge.policy = await policyOf('');
  await mailbox.showMetadata([7]);
  await mailbox.settle([7]);
  t.equal(mailbox.standing(7), standings.original);
});

t.test('no verdict is a deferral, of which nothing is remembered', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  judge.backend.script = () => judge.backend.none('backend-unavailable');
  const ruling = await read(mailbox, 1, withFile);
  t.match(ruling, { kind: 'defer', text: /try again later \([0-9a-z]+-[0-9a-z]+\)$/ });
  t.equal(mailbox.standing(1), standings.unjudged);
  t.equal((await judge.mailbox()).standing(1), standings.unjudged);
  judge.policy = await policyOf('policy: { fallback: { default: permit } }');
  t.same(await read(mailbox, 1, withFile), { kind: 'original' });
  judge.policy = await policyOf('policy: { fallback: { default: block } }');
  t.equal((await read(mailbox, 2, withFile)).kind, 'notice');
  t.match(
    judge.lines.filter(({ msg }) => msg === 'fallback').map(({ cause, action }) => [cause, action]),
    [
      ['backend-unavailable', 'defer'],
      ['backend-unavailable', 'permit'],
      ['backend-unavailable', 'block'],
    ],
  );
});

t.test('an inspection that fails is decided by the fallback of its cause', async (t) => {
  const judge = await JudgeFixture.open(t, {
    inspector: (real) => ({
      ...real,
      start: () => ({
        write: () => undefined,
        abort: () => undefined,
        header: { fields: [], end: 0 },
        finish: () => sleep(1).then(() => Promise.reject(new GateError('inspection-timeout', 'made to fail'))),
      }),
    }),
  });
  const mailbox = await judge.mailbox();
  t.equal((await read(mailbox, 1, clean)).kind, 'defer');
  judge.policy = await policyOf('policy: { fallback: { causes: { verdict-timeout: permit } } }');
  t.equal((await read(mailbox, 1, clean)).kind, 'original');
  judge.policy = await policyOf('policy: { fallback: { causes: { verdict-timeout: block } } }');
  t.equal((await read(mailbox, 2, clean)).kind, 'notice');
});

t.test('a message larger than is judged meets its fallback', async (t) => {
  const judge = await JudgeFixture.open(t, { listener: { messageBytesMax: 400 } });
  const mailbox = await judge.mailbox();
  t.equal((await read(mailbox, 1, buildMail({}), 100)).kind, 'original');
  t.equal((await read(mailbox, 2, withFile, 100)).kind, 'notice', 'oversize: block by default');
  judge.policy = await policyOf('policy: { fallback: { causes: { oversize: permit } } }');
  const intake = take(mailbox, eicarMail(), 100);
  t.same(await intake.judge({ uid: 3 }), { kind: 'original' });
  t.equal(intake.spool.length, eicarMail().length, 'all of it can be passed on');
  intake.close();
  judge.policy = await policyOf('policy: { fallback: { causes: { oversize: defer } } }');
  t.equal((await read(mailbox, 4, withFile)).kind, 'defer');
});

t.test('a message that its client gave up is not acted on', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  let answer: (() => void) | undefined;
  judge.backend.script = () =>
    new Promise((resolve) => {
      answer = () => resolve(judge.backend.answer(1));
    });
  const intake = take(mailbox, withFile);
  const ruling = intake.judge({ uid: 1 });
  const late = await waitFor('the question to the backend', 10_000, () => answer);
  intake.close();
  intake.close();
  t.equal((await ruling).kind, 'defer');
  late();
  await sleep(5);
  t.equal(mailbox.standing(1), standings.unjudged);
  t.equal((await judge.test.vault.store.call('list', undefined, 10)).length, 0);
  t.equal((await read(mailbox, 1, withFile)).kind, 'notice', 'the answer of its scan is not lost');
  t.equal(judge.backend.scanned.length, 1);
  take(mailbox, clean).close();
  t.equal(judge.services.spools.usedBytes, 0, 'nothing is kept of any message');
});

t.test('policy permit in the middle of a session shows what is asked for', async (t) => {
  const judge = await JudgeFixture.open(t);
  const mailbox = await judge.mailbox();
  judge.policy = await policyOf('policy: { imap: { action: permit } }');
  t.same(await read(mailbox, 1, eicarMail()), { kind: 'original' });
  judge.policy = await policyOf('');
  t.equal(mailbox.standing(1), standings.unjudged, 'and it is in question afterwards');
  await mailbox.settle([1]);
  t.equal(mailbox.standing(1), standings.unjudged);
  t.same(identityOf(), mailbox.identity);
});
