/**
 * What the gate writes down about mail, and what it must not: addresses and subjects as `log.addresses` says,
 * credentials nowhere, one line a message. Each secret is a word that is searched for in everything the gate wrote.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { redact } from '../src/runtime/log.js';
import { Client } from './support/client.js';
import type { Gate } from './support/gate.js';
import { buildMail, dotMail, eicarMail } from './support/mail.js';
import { freePort, waitFor } from './support/ports.js';
import {
  itemOf,
  metricsOf,
  noticesAt,
  reconfigure,
  sendMail,
  sluice,
  startGate,
  startSink,
} from './support/running.js';
import type { Sink } from './support/sink.js';
import { contentOf } from './support/stored-bytes.js';

t.setTimeout(120_000);

const sender = 'canary-sender@client-canary.example';
const people = ['canary-bob@example.org', 'canary-carl@example.org'];
const subject = 'Canary subject line';
const words = /canary/i;

/** A next hop that repeats the addresses in its answers, as real ones do. */
const talkative = {
  script: ({ verb, line }: { readonly verb: string; readonly line: string }) => {
    if (verb === 'RCPT' && line.includes('canary-nobody')) return `550 5.1.1 ${line.slice(8)} is unknown here\r\n`;
    if (verb === 'RCPT' || verb === 'MAIL') return `250 2.1.5 ${line} Ok\r\n`;
    return verb === 'END' ? `250 2.0.0 taken for ${people.join()} from ${sender}\r\n` : undefined;
  },
};

/** Mail of every fate: passed, blocked, listed both ways, refused by the next hop, given up, told of to administrators. */
async function everyFate(t: Test, gate: Gate, sink: Sink, portal: string): Promise<number> {
  const to = [...people, 'canary-nobody@example.org'];
  const blocked = await sendMail(gate, eicarMail({ subject, from: sender, to: people.join() }), to, sender);
  t.equal(blocked.code, 250);
  t.match(await sendMail(gate, buildMail({ subject, from: sender }), to, sender), { code: 250 });
  t.match(await sendMail(gate, buildMail({ subject }), people, 'canary-bad@blocked-canary.example'), { code: 250 });
  t.match(await sendMail(gate, eicarMail({ subject }), people, 'canary@allowed-canary.example'), { code: 250 });
  const hash = buildMail({ subject, from: 'X <canary-header@blocked-canary.example>' });
  t.match(await sendMail(gate, hash, people, ''), { code: 250 });
  const broken = await Client.greet(gate.port);
  await broken.mail(sender, people, Buffer.from(`Subject: ${subject}\r\n\r\nbare\nLF\r\n`));
  await broken.command(`MAIL FROM:<canary @x>`);
  await broken.command(`CANARY`);
  await broken.command(`MAIL FROM:<${sender}>`);
  await broken.command('RCPT TO:<canary-stranger@strange.example>');
  await broken.command(`RCPT TO:<${people[0]}>`);
  await broken.command('DATA', 354);
  await broken.send(`Subject: ${subject}\r\n`);
  broken.destroy();
  await waitFor('notices', 10_000, () => noticesAt(sink).length >= 7 || undefined);
  const notice = sink.messages.find(({ mail, recipients }) => mail.startsWith('<>') && recipients[0]?.includes('bob'));
  const text = notice?.bytes.toString('latin1').replace(/=\r\n/g, '') ?? '';
  const link = /http:\/\/[\w.:]+\/q\/[\w-]{32}/.exec(text)?.[0] ?? '';
  t.ok(link.startsWith(portal));
  const page = await (await fetch(link)).text();
  const nonce = /name="nonce" value="([^"]+)"/.exec(page)?.[1] ?? '';
  const action = /<form method="post" action="([^"]+)"/.exec(page)?.[1] ?? '';
  const headers = {
    origin: 'null',
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/x-www-form-urlencoded',
  };
  const body = new URLSearchParams({ nonce }).toString();
  t.equal((await fetch(new URL(action, link), { method: 'POST', headers, body })).status, 200);
  await gate.waitForLog('the request', ({ msg }) => msg === 'a recipient asks for a release');
  t.equal((await sluice(gate, 'quarantine', 'release', itemOf(blocked))).code, 0);
  t.match(await metricsOf(gate), /sluice_messages_total/);
  t.notMatch(await metricsOf(gate), words, 'nor are they labels of metrics');
  return 7;
}

for (const addresses of ['hashed', 'none']) {
  t.test(`log.addresses ${addresses}: no address and no subject anywhere in the output`, async (t) => {
    const sink = await startSink(t, talkative);
    const portal = `127.0.0.1:${await freePort()}`;
    const gate = await startGate(t, {
      upstreamPort: sink.port,
      config: {
        log: { level: 'debug', addresses },
        portal: { listen: portal, publicUrl: `http://${portal}` },
        administrators: [{ address: 'canary-admin@example.org' }],
        lists: { allow: ['*@allowed-canary.example'], block: ['*@blocked-canary.example'] },
      },
    });
    const messages = await everyFate(t, gate, sink, `http://${portal}`);
    await gate.stop();
    t.same(
      gate.log.filter((line) => words.test(JSON.stringify(line))),
      [],
      'in no line of the log',
    );
    t.notMatch(gate.output, words, 'nor beside it');
    const lines = gate.log.filter(({ msg }) => msg === 'message');
    t.equal(lines.length, messages, 'one line a message');
    t.equal(new Set(lines.map(({ id }) => id)).size, messages);
    const hashes = lines.map(({ from }) => from).filter((from) => from !== undefined && from !== '');
    if (addresses === 'none') t.same(hashes, []);
    else t.ok(hashes.length > 0 && hashes.every((from) => /^sha256:[0-9a-f]{16}$/.test(String(from))));
  });
}

t.test('log.addresses full: a line says what an administrator looks for', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port, config: { lists: { block: ['*@blocked.example'] } } });
  const blocked = await sendMail(gate, eicarMail({}), people, sender);
  const line = await gate.waitForLog('the line', ({ item }) => item === itemOf(blocked));
  t.match(line, {
    msg: 'message',
    level: 'info',
    client: '127.0.0.1',
    from: sender,
    to: people,
    recipientCount: 2,
    action: 'block',
    threatLevel: 10,
    malicious: true,
    outcome: 'answered',
    reply: '250 2.0.0',
    parts: 2,
  });
  t.match(line.reasons, [/^score 1 /, /^threshold 10\/7$/]);
  await sendMail(gate, dotMail(), people, 'x@blocked.example');
  await gate.waitForLog('the entry', ({ reasons }) =>
    String(reasons).includes('blocklisted envelope-from *@blocked.example'),
  );
  t.notOk(
    gate.log.some(({ notJson }) => notJson === true),
    'the output is JSON, line by line',
  );
  t.notMatch(gate.output, /EICAR-STANDARD|Hello\./, 'no content of a message');
});

t.test('addresses are found wherever a record holds them', async (t) => {
  const hash = 'sha256:686b5e4cf4f963ad';
  const cyclic: Record<string, unknown> = { to: 'bob@example.org' };
  cyclic.self = cyclic;
  cyclic.recipients = [cyclic];
  const records: readonly (readonly [Record<string, unknown>, Record<string, unknown>])[] = [
    [
      { to: 'BOB@example.org', bytes: 7, at: '5 @ 3' },
      { to: hash, bytes: 7, at: '5 @ 3' },
    ],
    [{ why: '550 <bob@example.org>: no, bob@example.org.' }, { why: /^550 <sha256:\w{16}>: no, sha256:\w{16}$/ }],
    [{ why: '"bob smith"@example.org and bob@[192.0.2.1]' }, { why: /^sha256:\w{16} and sha256:\w{16}$/ }],
    [{ recipients: [{ address: 'bob@example.org' }] }, { recipients: [{ address: hash }] }],
    [{ replies: [{ reply: 'for bob@example.org' }] }, { replies: [{ reply: `for ${hash}` }] }],
    [{ err: new Error('bob@example.org') }, { err: { type: 'Error', message: hash } }],
    [{ nested: { subject: 'bob' } }, { nested: { subject: /^sha256:/ } }],
    [cyclic, { to: hash, self: { to: hash } }],
  ];
  for (const [record, expected] of records) {
    t.match(redact(record, 'hashed'), expected);
    t.notMatch(JSON.stringify(redact(record, 'none')), /bob|example/i);
  }
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

t.test('credentials are nowhere', async (t) => {
  const sink = await startSink(t, { extensions: ['AUTH PLAIN LOGIN XOAUTH2', 'PIPELINING'] });
  const gate = await startGate(t, { upstreamPort: sink.port, config: { log: { level: 'debug' } } });
  const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
  const user = 'hidden-user-0815';
  const password = 'hidden-password-4711';
  const plain = base64(`\0${user}\0${password}`);
  const exchanges: readonly (readonly [readonly string[], number])[] = [
    [[`AUTH PLAIN ${plain}`], 235],
    [['AUTH PLAIN', plain], 235],
    [['AUTH LOGIN', base64(user), base64(password)], 500],
    [[`AUTH LOGIN ${base64(user)}`, base64(password)], 500],
    [['AUTH XOAUTH2', base64(`user=${user}\x01auth=Bearer ${password}\x01\x01`)], 235],
    [[`AUTH UNKNOWN ${plain}`], 504],
    [[`AUTH PLAIN ${plain} ${plain}`], 501],
    [[plain], 500],
    [['AUTH LOGIN', `${base64(password)}${'A'.repeat(20_000)}`], 500],
  ];
  for (const [lines] of exchanges) {
    const client = await Client.greet(gate.port);
    for (const line of lines) {
      const { code } = await client.command(line);
      if (code >= 500) break;
    }
    if (!client.closed)
      await client.mail(
        'alice@client.example',
        ['bob@example.org'],
        eicarMail({ subject: lines[0]?.slice(0, 8) ?? '' }),
      );
    client.destroy();
  }
  const seen = sink.commands.map(({ line }) => line).join('\n');
  t.match(seen, plain, 'the next hop got them');
  const dying = await Client.greet(gate.port);
  await dying.command('AUTH LOGIN', 334);
  await dying.send(`${base64(password)}`);
  sink.dropConnections();
  await dying.ended();
  await reconfigure(gate, { lists: {} });
  const running = filesBelow(join(gate.folder, 'var')).map((file) => [file, contentOf(file)] as const);
  t.ok(running.some(([file]) => file.endsWith('.db')) && running.length > 4, 'there is something to search');
  await gate.signal('SIGTERM');
  await waitFor('end', 20_000, () => !gate.running || undefined);
  const secrets = [user, password, plain, base64(user), base64(password), base64(`x${password}`).slice(4, 24)];
  for (const secret of secrets) {
    t.notOk(gate.output.includes(secret), 'not in the output');
    t.same(
      running.filter(([, bytes]) => bytes.includes(secret)).map(([file]) => file),
      [],
      'not in a file',
    );
  }
});
