/**
 * What becomes of a malicious message under each action: tagged, passed and recorded, refused, or replaced by notices.
 * Through the real gate, seen from outside.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Client } from './support/client.js';
import type { Gate } from './support/gate.js';
import { badMail, base64Lines, buildMail, dotMail, dotStuff, eicar, eicarMail } from './support/mail.js';
import { waitFor } from './support/ports.js';
import {
  folderOf,
  incidents,
  itemOf,
  noticesAt,
  reconfigure,
  sendMail,
  startGate,
  startSink,
} from './support/running.js';
import type { Sink } from './support/sink.js';

t.setTimeout(180_000);

const bob = 'bob@example.org';
const alice = 'alice@client.example';
const eicarLine = base64Lines(eicar).slice(0, 60);

const warn = (headers: Readonly<Record<string, unknown>>) => ({ policy: { smtp: { action: 'warn', headers } } });
const silent = { xDistribution: 'none', xSpamFlag: false, subjectPrefix: '' };

/** What the next hop gets for `mail`. */
async function relayed(gate: Gate, sink: Sink, mail: Buffer): Promise<string> {
  const before = sink.messages.length;
  const reply = await sendMail(gate, mail);
  if (!reply.raw.startsWith('250 2.0.0 taken as ')) throw new Error(`not relayed: ${reply.raw}`);
  return sink.messages[before]?.bytes.toString('latin1') ?? '';
}

t.test('warn: each header as configured, and every other octet as it came', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port, config: warn({}) });
  const mail = badMail('Subject: invoice\r\n');
  const text = mail.toString('latin1');
  const tagged: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [silent, text],
    [{ ...silent, xDistribution: 'Bulk' }, `X-Distribution: Bulk\r\n${text}`],
    [{ ...silent, xDistribution: 'Spam' }, `X-Distribution: Spam\r\n${text}`],
    [{ ...silent, xSpamFlag: true }, `X-Spam-Flag: YES\r\n${text}`],
    [{ ...silent, subjectPrefix: '[!] ' }, text.replace('invoice', '[!] invoice')],
    [{}, `X-Distribution: Spam\r\nX-Spam-Flag: YES\r\n${text.replace('invoice', '[Possible Spam] invoice')}`],
  ];
  for (const [headers, expected] of tagged) {
    t.equal(await reconfigure(gate, warn(headers)), 'applied');
    t.equal(await relayed(gate, sink, mail), expected, JSON.stringify(headers));
  }

  t.equal(await reconfigure(gate, warn({ ...silent, subjectPrefix: '[Vorsicht: Müll] ' })), 'applied');
  const encoded = /^Subject: (=\?utf-8\?B\?([\w+/=]+)\?=) invoice\r\n/.exec(await relayed(gate, sink, mail));
  t.equal(Buffer.from(encoded?.[2] ?? '', 'base64').toString(), '[Vorsicht: Müll] ', 'the blank is inside the word');
  const word = encoded?.[1] ?? '';
  const own = '=?iso-8859-1?Q?Rechnung_M=E4rz?=';
  t.match(
    await relayed(gate, sink, badMail(`Subject: ${own}\r\n`)),
    `Subject: ${word} ${own}\r\n`,
    'an encoded subject',
  );

  const rows = await incidents(gate, tagged.length + 2);
  t.equal(rows.length, tagged.length + 2, 'an incident for each');
  t.match(rows[0], { action: 'warn', protocol: 'smtp', source: alice, targets: [bob], level: 10 });
  t.notOk(
    rows.some(({ item }) => item !== undefined),
    'nothing was put into quarantine',
  );
  t.same(noticesAt(sink), []);
});

t.test('warn: odd headers are tagged without harm', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port, config: warn({}) });
  const tags = 'X-Distribution: Spam\r\nX-Spam-Flag: YES\r\n';
  const prefix = '[Possible Spam] ';
  const long = (length: number) => 'x'.repeat(length - 'Subject: '.length);
  const cases: Readonly<Record<string, readonly [Buffer, string]>> = {
    'a folded subject': [badMail('Subject: one\r\n two\r\n'), `${tags}Subject: ${prefix}one\r\n two\r\n`],
    'a subject that begins with its fold': [badMail('Subject:\r\n one\r\n'), `${tags}Subject:${prefix}\r\n one\r\n`],
    'an empty subject': [badMail('Subject:\r\n'), `${tags}Subject:${prefix}\r\n`],
    'two subjects': [
      badMail('Subject: a\r\nX-A: b\r\nSUBJECT: c\r\n'),
      `${tags}Subject: ${prefix}a\r\nX-A: b\r\nSUBJECT: ${prefix}c\r\n`,
    ],
    'no subject': [badMail('X-A: b\r\n'), `${tags}Subject: ${prefix.trim()}\r\nX-A: b\r\n`],
    'a blank before the colon': [badMail('Subject : a\r\n'), `${tags}Subject : ${prefix}a\r\n`],
    'dots in the body': [
      badMail('Subject: a\r\n', '.\r\n..\r\n.hidden\r\n'),
      `${tags}Subject: ${prefix}a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n.\r\n..\r\n.hidden\r\n--b`,
    ],
    'a subject that just fits': [badMail(`Subject: ${long(982)}\r\n`), `${tags}Subject: ${prefix}${long(982)}\r\n`],
    'a subject of 983': [badMail(`Subject: ${long(983)}\r\n`), `${tags}Subject: ${prefix.trim()}\r\n ${long(983)}\r\n`],
    'a subject of 998': [badMail(`Subject: ${long(998)}\r\n`), `${tags}Subject: ${prefix.trim()}\r\n ${long(998)}\r\n`],
  };
  for (const [name, [mail, start]] of Object.entries(cases)) {
    const got = await relayed(gate, sink, mail);
    t.equal(got.slice(0, start.length), start, `${name}: the header`);
    t.equal(got.slice(-200), mail.toString('latin1').slice(-200), `${name}: the end`);
    const longest = Math.max(...got.split('\r\n').map((line) => line.length));
    t.ok(longest <= 998, `${name}: no line is longer than RFC 5322 allows`);
  }
  for (const clean of [dotMail(), buildMail({ subject: 'x' })]) {
    t.equal(await relayed(gate, sink, clean), clean.toString('latin1'), 'clean mail is untouched');
  }
  t.same(sink.violations, []);
});

t.test('warn: a message without a header gets one', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port, config: { ...warn({}), lists: { block: [alice] } } });
  const tags = 'X-Distribution: Spam\r\nX-Spam-Flag: YES\r\nSubject: [Possible Spam]\r\n';
  t.equal(await relayed(gate, sink, Buffer.from('\r\n.text\r\n')), `${tags}\r\n.text\r\n`);
  t.equal(await relayed(gate, sink, Buffer.from('only text\r\n')), `${tags}\r\nonly text\r\n`);
  t.equal(await relayed(gate, sink, Buffer.from('.\r\n')), `${tags}\r\n.\r\n`);
  t.equal(await relayed(gate, sink, Buffer.alloc(0)), tags);
  const evading = await relayed(gate, sink, Buffer.from(' no\r\nSubject: x\r\n\r\ntext\r\n'));
  t.match(evading, /^X-Spam-Flag: YES\r\n\r\n no\r\n/m, 'a message cannot continue our flag into something else');
  t.same(sink.violations, []);
});

t.test('where mail may be tagged, SIZE leaves room for it', async (t) => {
  const sink = await startSink(t, { extensions: ['SIZE 1000000'] });
  const gate = await startGate(t, { upstreamPort: sink.port });
  const announced = async () => {
    const client = await Client.open(gate.port);
    await client.expect(220);
    const { raw } = await client.command('EHLO client.example', 250);
    client.destroy();
    return /SIZE (\d+)/.exec(raw)?.[1];
  };
  t.equal(await announced(), '1000000');
  for (const policy of [{ smtp: { action: 'warn' } }, { ambiguous: 'warn' }]) {
    t.equal(await reconfigure(gate, { policy }), 'applied');
    t.equal(await announced(), String(1_000_000 - 16_384));
  }
});

t.test('permit: the very octets at once, the incident afterwards', async (t) => {
  const sink = await startSink(t);
  const folder = folderOf(t);
  const config = { policy: { smtp: { action: 'permit' } } };
  const gate = await startGate(t, { upstreamPort: sink.port, config, folder });
  const small = eicarMail();
  t.equal(await relayed(gate, sink, small), small.toString('latin1'));
  const large = badMail('Subject: large\r\n', `${'.\r\n'.repeat(3)}${`${'y'.repeat(98)}\r\n`.repeat(60_000)}`);
  t.equal(await relayed(gate, sink, large), large.toString('latin1'), 'also from a file');
  t.match(await incidents(gate, 2), [{ action: 'permit', source: alice }, { action: 'permit' }]);

  const leaving = await Client.greet(gate.port);
  await leaving.command(`MAIL FROM:<${alice}>`, 250);
  await leaving.command(`RCPT TO:<${bob}>`, 250);
  await leaving.command('DATA', 354);
  await leaving.send(dotStuff(badMail('Subject: gone\r\n')));
  await sink.waitForMessage(3);
  leaving.destroy();
  t.match(await incidents(gate, 3), [{ subject: 'gone', action: 'permit' }, {}, {}], 'when the client has left');

  const many = Array.from({ length: 30 }, (_, index) => sendMail(gate, eicarMail({ subject: String(index) })));
  for (const { code } of await Promise.all(many)) t.equal(code, 250);
  t.equal(await gate.stop(), 0);
  const again = await startGate(t, { upstreamPort: sink.port, config, folder });
  t.equal((await incidents(again, 33)).length, 33, 'a stop right after the replies waits for the records');
  t.equal(gate.log.filter(({ msg }) => msg === 'message').length, 33, 'one line a message');
  t.notOk(gate.log.some(({ level }) => level === 'error'));
  t.match(await sendMail(again, small), { code: 250 });
});

t.test('reject: 554 with the id, the original kept, nobody told', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port, listener: { onBlock: 'reject' } });
  const mail = eicarMail();
  const client = await Client.greet(gate.port);
  const refused = await client.mail(alice, [bob], mail);
  t.match(refused.raw, /^554 5\.7\.1 .*\([a-z2-7]{26}\)\r\n$/);
  t.equal(itemOf(await client.mail(alice, [bob], mail)), itemOf(refused), 'tried again it is the same item');
  t.match((await client.mail(alice, [bob], dotMail())).code, 250);
  await client.quit();
  t.match(await incidents(gate, 1), [{ action: 'block', item: itemOf(refused) }]);
  await sleep(1500);
  t.equal(sink.messages.length, 1, 'only the clean mail, no notices');
  t.notOk(sink.messages.some(({ bytes }) => bytes.includes(eicarLine)));
});

t.test('submission: strangers get no notices', async (t) => {
  const sink = await startSink(t);
  const direction = 'submission';
  const byDefault = await startGate(t, { upstreamPort: sink.port, listener: { direction } });
  t.equal((await sendMail(byDefault, eicarMail())).code, 554, 'the default is to refuse');

  // AUTH lets a user of ours write to strangers; `localDomains` still says who ours are.
  const replacing = await startGate(t, { upstreamPort: sink.port, listener: { direction, onBlock: 'replace' } });
  const client = await Client.greet(replacing.port);
  const mail = eicarMail();
  t.equal((await client.command('AUTH PLAIN AGEAYg==')).code, 235);
  const mixed = await client.mail(alice, [bob, 'zoe@elsewhere.example'], mail);
  t.match(mixed.raw, /^554 5\.7\.1 /, 'one stranger among them');
  const near = await client.mail(alice, [bob, 'zoe@example.org.evil.example'], mail);
  t.match(near.raw, /^554 5\.7\.1 /, 'a domain that only looks like ours');
  const ours = await client.mail(alice, [bob, 'carl@EXAMPLE.org'], mail);
  t.match(ours.raw, /^250 2\.0\.0 .*withheld as /, 'only our own users');
  await client.quit();
  await waitFor('two notices', 10_000, () => noticesAt(sink).length >= 2 || undefined);
  await sleep(1200);
  t.same([...noticesAt(sink)].sort(), [bob, 'carl@EXAMPLE.org'].sort());
  t.equal(join(...sink.messages.map(({ bytes }) => bytes.toString('latin1'))).includes(eicarLine), false);
});
