/**
 * The gate between real mail programs: Postfix behind it, the usual clients and haproxy in front. All seen from
 * outside, as whoever installs the gate would.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Client } from './support/client.js';
import { Gate, type GateOptions } from './support/gate.js';
import {
  attachmentMail,
  base64Lines,
  buildMail,
  dotMail,
  eicar,
  eicarMail,
  everyOctetMail,
  longLineMail,
} from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { freePort, waitFor } from './support/ports.js';
import { Postfix, type PostfixOptions } from './support/postfix.js';
import { Haproxy, runProgram } from './support/program.js';
import { proxyV1 } from './support/proxy-header.js';
import { Sink, type SinkOptions } from './support/sink.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(480_000);

const folder = mkdtempSync(join(tmpdir(), 'sluice-servers-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

async function startSink(t: Test, options: SinkOptions = {}): Promise<Sink> {
  const sink = await Sink.start(options);
  t.teardown(() => sink.stop());
  return sink;
}

async function startGate(t: Test, options: GateOptions): Promise<Gate> {
  const gate = await Gate.start(options);
  t.teardown(async () => {
    if (gate.running) await gate.stop();
  });
  return gate;
}

/** Postfix, with a sink that it delivers to. */
async function startPostfix(
  t: Test,
  options: Omit<PostfixOptions, 'lmtpPort'> = {},
): Promise<{ postfix: Postfix; mailbox: Sink }> {
  const mailbox = await startSink(t, { protocol: 'lmtp' });
  const postfix = await Postfix.start({ lmtpPort: mailbox.port, ...options });
  t.teardown(() => postfix.stop());
  return { postfix, mailbox };
}

const exactMails: Readonly<Record<string, Buffer>> = {
  'dot lines': dotMail(),
  'every octet': everyOctetMail(),
  'lines of 1,000': longLineMail(),
  'an attachment of 400 KB': attachmentMail(400_000),
  'no header at all': Buffer.from('\r\nonly text\r\n'),
  'no final line end in its last part': buildMail({ text: 'x' }).subarray(0, -1),
};

t.test('clean mail arrives octet for octet, at a capturing server', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const mails = {
    ...exactMails,
    empty: Buffer.from(''),
    'only a dot': Buffer.from('.\r\n'),
    '12 MB': attachmentMail(9_000_000),
  };
  const client = await Client.greet(gate.port);
  for (const [name, mail] of Object.entries(mails)) {
    const whole =
      mail.length === 0 || mail.subarray(-2).toString() === '\r\n' ? mail : Buffer.concat([mail, Buffer.from('\r\n')]);
    const reply = await client.mail('alice@client.example', ['bob@example.org'], mail);
    t.match(reply.raw, /^250 2\.0\.0 taken as /, `${name}: the reply is the real server's`);
    t.ok(sink.messages.at(-1)?.bytes.equals(whole), `${name}: every octet`);
  }
  await client.quit();
  t.equal(sink.messages.length, Object.keys(mails).length);
  t.same(sink.violations, []);
});

t.test('clean mail arrives octet for octet behind Postfix', { skip: skipWithout('postfix', 'root') }, async (t) => {
  const { postfix, mailbox } = await startPostfix(t);
  const gate = await startGate(t, { upstreamPort: postfix.port });
  const client = await Client.greet(gate.port);
  const names = ['dot lines', 'every octet', 'lines of 1,000', 'an attachment of 400 KB'];
  for (const name of names) {
    const reply = await client.mail('alice@client.example', ['bob@example.org'], exactMails[name] ?? Buffer.alloc(0));
    t.match(reply.raw, /^250 2\.0\.0 Ok: queued as /, `${name}: the reply is Postfix's own`);
  }
  await client.quit();
  await mailbox.waitForMessage(names.length);
  for (const name of names) {
    const mail = exactMails[name] ?? Buffer.alloc(0);
    const arrived = mailbox.messages.find(({ bytes }) => bytes.subarray(-mail.length).equals(mail));
    t.ok(arrived, `${name}: every octet`);
    const added = arrived?.bytes.subarray(0, -mail.length).toString() ?? '';
    t.match(added, /^Received: from client\.example [\s\S]+\r\n$/, `${name}: Postfix put its trace field before it`);
    t.equal(added.match(/^\S+:/gm)?.length, 1, `${name}: and nothing else was added`);
  }
});

interface Sender {
  readonly name: string;
  readonly needs: string;
  send(port: number, file: string): Promise<{ code: number | null; output: string }>;
}

const python = `
import smtplib, sys
server = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
server.sendmail('alice@client.example', ['bob@example.org', 'carol@example.org'], open(sys.argv[2], 'rb').read(), ['BODY=8BITMIME'])
server.quit()
`;

const envelope = ['--from', 'alice@client.example', '--to', 'bob@example.org'];
const senders: readonly Sender[] = [
  {
    name: 'swaks',
    needs: 'swaks',
    send: (port, file) =>
      runProgram('swaks', ['--server', `127.0.0.1:${port}`, ...envelope, '--ehlo', 'c.example', '--data', `@${file}`]),
  },
  {
    name: 'swaks with pipelining',
    needs: 'swaks',
    send: (port, file) =>
      runProgram('swaks', [
        '--server',
        `127.0.0.1:${port}`,
        ...envelope,
        '--ehlo',
        'c.example',
        '--pipeline',
        '--data',
        `@${file}`,
      ]),
  },
  {
    name: 'curl',
    needs: 'curl',
    send: (port, file) => {
      const people = ['--mail-from', 'alice@client.example', '--mail-rcpt', 'bob@example.org'];
      return runProgram('curl', ['-sS', `smtp://127.0.0.1:${port}/c.example`, ...people, '-T', file]);
    },
  },
  {
    name: 'msmtp',
    needs: 'msmtp',
    send: (port, file) => {
      const people = ['--from=alice@client.example', 'bob@example.org', 'carol@example.org'];
      const parameters = [
        '--host=127.0.0.1',
        `--port=${port}`,
        '--domain=c.example',
        '--tls=off',
        '--auth=off',
        ...people,
      ];
      return runProgram('msmtp', parameters, { input: readFileSync(file) });
    },
  },
  {
    name: "Python's smtplib",
    needs: 'python3',
    send: (port, file) => runProgram('python3', ['-c', python, String(port), file]),
  },
];

t.test('what a client sends through the gate is what it sends without it', async (t) => {
  const direct = await startSink(t);
  const behind = await startSink(t);
  const gate = await startGate(t, { upstreamPort: behind.port });
  const file = join(folder, 'mail.eml');
  for (const [kind, mail] of Object.entries({
    dots: dotMail(),
    attachment: attachmentMail(100_000),
    octets: everyOctetMail(),
  })) {
    writeFileSync(file, mail);
    for (const sender of senders) {
      await t.test(`${sender.name}, ${kind}`, { skip: skipWithout(sender.needs) }, async (t) => {
        const before = { direct: direct.messages.length, behind: behind.messages.length };
        const plain = await sender.send(direct.port, file);
        const gated = await sender.send(gate.port, file);
        t.equal(gated.code, plain.code, `same exit code; ${gated.output.slice(-300)}`);
        const one = direct.messages[before.direct];
        const other = behind.messages[before.behind];
        t.ok(one !== undefined && other?.bytes.equals(one.bytes), 'same octets');
        t.equal(other?.mail, one?.mail, 'same MAIL, parameters included');
        t.same(other?.recipients, one?.recipients, 'same RCPT');
      });
    }
  }
  t.same(behind.violations, direct.violations);
});

t.test('smtp-source in many sessions loses nothing', { skip: skipWithout('smtp-source') }, async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const people = ['-f', 'alice@client.example', '-t', 'bob@example.org'];
  for (const flags of [
    ['-s', '20', '-m', '200', '-l', '2000', '-d'],
    ['-s', '5', '-m', '20', '-l', '300000'],
  ]) {
    const before = sink.messages.length;
    const result = await runProgram('smtp-source', [...flags, ...people, `127.0.0.1:${gate.port}`]);
    t.equal(result.code, 0, result.output);
    t.equal(sink.messages.length - before, Number(flags[3]));
    const shortest = Math.min(...sink.messages.slice(before).map(({ bytes }) => bytes.length));
    t.ok(shortest >= Number(flags[5]), 'every message is whole');
  }
  t.same(sink.violations, []);
});

t.test('TLS on both legs', { skip: skipWithout('postfix', 'root', 'msmtp', 'curl', 'openssl') }, async (t) => {
  const certificates = makeCertificates(folder);
  const { postfix, mailbox } = await startPostfix(t, {
    certificates,
    settings: { smtpd_tls_security_level: 'encrypt', smtpd_tls_loglevel: '1' },
  });
  const tlsFiles = { certificateFile: certificates.certificateFile, keyFile: certificates.keyFile };
  const upstream = {
    host: '127.0.0.1',
    servername: 'localhost',
    port: postfix.port,
    tls: 'starttls',
    caFile: certificates.caFile,
  };
  const gate = await startGate(t, { listener: { tls: 'starttls', tlsFiles, upstream } });
  const file = join(folder, 'tls.eml');
  writeFileSync(file, buildMail({}));
  const people = ['--mail-from', 'alice@client.example', '--mail-rcpt', 'bob@example.org'];
  const secure = ['--ssl-reqd', '--cacert', certificates.caFile, '-T', file];
  const curl = await runProgram('curl', ['-sS', `smtp://localhost:${gate.port}`, ...people, ...secure]);
  t.equal(curl.code, 0, curl.output);
  const host = ['--host=localhost', `--port=${gate.port}`, '--tls=on', `--tls-trust-file=${certificates.caFile}`];
  const msmtp = await runProgram('msmtp', [...host, '--auth=off', '--from=alice@client.example', 'bob@example.org'], {
    input: readFileSync(file),
  });
  t.equal(msmtp.code, 0, msmtp.output);
  await mailbox.waitForMessage(2);
  t.ok(await postfix.waitForLog(/TLS connection established from/), 'Postfix, which demands TLS, got it');

  const implicit = await startGate(t, { listener: { tls: 'implicit', tlsFiles, upstream } });
  const client = await Client.greet(implicit.port, { tlsCa: certificates.ca });
  t.equal((await client.mail('alice@client.example', ['bob@example.org'], dotMail())).code, 250);
  client.destroy();

  const distrusting = await startGate(t, { listener: { upstream: { ...upstream, caFile: undefined } } });
  const refused = await Client.open(distrusting.port);
  t.match((await refused.reply()).raw, /^4/, 'a certificate that nobody vouches for is not accepted');
  refused.destroy();
});

const eicarBase64 = base64Lines(eicar).slice(0, 60);

t.test(
  'EICAR is replaced by a notice, and only its recipients get one',
  {
    skip: skipWithout('postfix', 'root', 'swaks', 'age'),
  },
  async (t) => {
    const { postfix, mailbox } = await startPostfix(t, { mailboxes: ['bob', 'carol'] });
    const identityFile = join(folder, 'identity.txt');
    const made = await runProgram('age-keygen', ['-o', identityFile]);
    const recipient = /age1\w+/.exec(made.output)?.[0] ?? '';
    const gate = await startGate(t, {
      upstreamPort: postfix.port,
      config: { quarantine: { recipients: [recipient], identityFile } },
    });
    const mail = eicarMail({ subject: 'invoice' });
    const client = await Client.greet(gate.port);
    const send = () =>
      client.mail('alice@client.example', ['bob@example.org', 'nobody@example.org', 'carol@example.org'], mail);
    const first = await send();
    t.equal(first.code, 250, 'the sender need not try again');
    await mailbox.waitForMessage(2, 20_000);
    const notices = mailbox.messages.map(({ bytes, recipients, mail: reversePath }) => ({
      text: bytes.toString(),
      recipients,
      reversePath,
    }));
    t.same(notices.map(({ recipients }) => /<(.*?)>/.exec(recipients[0] ?? '')?.[1]).sort(), [
      'bob@example.org',
      'carol@example.org',
    ]);
    for (const { text, reversePath, recipients } of notices) {
      t.match(reversePath, /^<>/, 'a notice has the null sender');
      t.match(text, /^Subject: Malware Detected\r$/m);
      t.match(text, /^Auto-Submitted: auto-/im);
      t.notMatch(text, eicarBase64, 'nothing of the attachment is in it');
      const other = recipients[0]?.includes('bob') === true ? 'carol@' : 'bob@';
      t.notMatch(text, other, 'nor who else got one');
    }
    const again = await send();
    t.equal(again.code, 250);
    t.equal(
      /[0-9a-f-]{8,}|[A-Z0-9]{10,}/.exec(again.raw)?.[0],
      /[0-9a-f-]{8,}|[A-Z0-9]{10,}/.exec(first.raw)?.[0],
      'the same incident',
    );
    await sleep(3000);
    t.equal(mailbox.messages.length, 2, 'a repeated transaction brings no more notices');

    const quarantine = join(gate.folder, 'var/quarantine');
    const sealed = readdirSync(quarantine).filter((name) => name.endsWith('.age'));
    t.equal(sealed.length, 1);
    const opened = join(folder, 'opened.eml');
    const age = await runProgram('age', ['-d', '-i', identityFile, '-o', opened, join(quarantine, sealed[0] ?? '')]);
    t.equal(age.code, 0, age.output);
    t.ok(readFileSync(opened).equals(mail), 'the age tool opens the original, octet for octet');

    const attached = join(folder, 'eicar.com');
    writeFileSync(attached, eicar);
    const swaks = await runProgram('swaks', [
      '--server',
      `127.0.0.1:${gate.port}`,
      ...envelope,
      '--attach',
      `@${attached}`,
    ]);
    t.equal(swaks.code, 0, swaks.output.slice(-400));
    await mailbox.waitForMessage(3, 20_000);
    t.notMatch(mailbox.messages.map(({ bytes }) => bytes.toString()).join(), eicarBase64, 'no original was delivered');
  },
);

t.test('a submission listener rejects EICAR, a warning one tags it', async (t) => {
  const sink = await startSink(t);
  const rejecting = await startGate(t, { upstreamPort: sink.port, listener: { onBlock: 'reject' } });
  const client = await Client.greet(rejecting.port);
  const refused = await client.mail('alice@client.example', ['bob@example.org'], eicarMail());
  t.match(refused.raw, /^554 5\.7\.1 /);
  t.equal((await client.mail('alice@client.example', ['bob@example.org'], dotMail())).code, 250, 'the session goes on');
  t.equal(sink.messages.length, 1);
  client.destroy();

  const warning = await startGate(t, { upstreamPort: sink.port, config: { policy: { smtp: { action: 'warn' } } } });
  const other = await Client.greet(warning.port);
  const mail = eicarMail({ subject: 'invoice' });
  t.equal((await other.mail('alice@client.example', ['bob@example.org'], mail)).code, 250);
  const tagged = sink.messages[1]?.bytes.toString('latin1') ?? '';
  t.match(tagged, /^X-Spam-Flag: YES\r$/m);
  t.match(tagged, /^X-Distribution: Spam\r$/m);
  t.match(tagged, /^Subject: \[Possible Spam\] invoice\r$/m);
  const untagged = tagged.replace(/^X-(?:Spam-Flag|Distribution): .*\r\n/gm, '').replace('[Possible Spam] ', '');
  t.equal(untagged, mail.toString('latin1'), 'nothing else changed');
  other.destroy();
});

/**
 * Without `compare` the replies are equal. `code`: equal codes, the text may be the gate's own. `class`: equal first
 * digits, where servers differ among themselves in what they notice first.
 */
const dialogues: readonly {
  readonly name: string;
  readonly lines: readonly string[];
  readonly compare?: 'code' | 'class';
}[] = [
  { name: 'HELO', lines: ['HELO client.example', 'NOOP'] },
  { name: 'VRFY', lines: ['EHLO client.example', 'VRFY bob@example.org', 'VRFY bob'] },
  { name: 'unknown command', lines: ['EHLO client.example', 'FROBNICATE now'], compare: 'code' },
  { name: 'commands without arguments', lines: ['EHLO client.example', 'MAIL', 'RCPT', 'VRFY'], compare: 'class' },
  { name: 'EHLO without a name', lines: ['EHLO'], compare: 'code' },
  {
    name: 'broken paths',
    lines: ['EHLO c.example', 'MAIL FROM:<a@b', 'MAIL FROM:a b@c>', 'MAIL TO:<a@b.example>'],
    compare: 'class',
  },
  {
    name: 'unknown recipient',
    lines: [
      'EHLO c.example',
      'MAIL FROM:<a@client.example>',
      'RCPT TO:<nobody@example.org>',
      'RCPT TO:<bob@example.org>',
    ],
  },
  { name: 'wrong order', lines: ['EHLO c.example', 'RCPT TO:<bob@example.org>', 'DATA'], compare: 'code' },
  {
    name: 'a second MAIL',
    lines: ['EHLO c.example', 'MAIL FROM:<a@client.example>', 'MAIL FROM:<b@client.example>'],
    compare: 'code',
  },
  {
    name: 'DATA without an accepted recipient',
    lines: ['EHLO c.example', 'MAIL FROM:<a@client.example>', 'RCPT TO:<nobody@example.org>', 'DATA'],
    compare: 'code',
  },
  {
    name: 'DSN parameters',
    lines: [
      'EHLO c.example',
      'MAIL FROM:<a@client.example> RET=HDRS ENVID=QQ314159',
      'RCPT TO:<bob@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@example.org',
    ],
  },
  { name: 'a wrong DSN parameter', lines: ['EHLO c.example', 'MAIL FROM:<a@client.example> RET=SOME'] },
  { name: 'an unknown parameter', lines: ['EHLO c.example', 'MAIL FROM:<a@client.example> FOO=bar'] },
  {
    name: 'a size that is too large',
    lines: ['EHLO c.example', 'MAIL FROM:<a@client.example> SIZE=99999999999'],
    compare: 'code',
  },
  {
    name: 'SMTPUTF8',
    lines: [
      'EHLO c.example',
      'MAIL FROM:<j\u00c3\u00b6rg@client.example> SMTPUTF8',
      'RCPT TO:<bob@example.org>',
      'RCPT TO:<b\u00c3\u00b6b@example.org>',
    ],
  },
  {
    name: 'lower case',
    lines: [
      'ehlo c.example',
      'mail from:<a@client.example> body=8bitmime',
      'rcpt to:<bob@example.org>',
      'rset',
      'noop x',
    ],
  },
  { name: 'the null sender', lines: ['EHLO c.example', 'MAIL FROM:<>', 'RCPT TO:<bob@example.org>', 'RSET', 'QUIT'] },
];

async function converse(port: number, lines: readonly string[]): Promise<string[]> {
  const client = await Client.open(port);
  const replies = [(await client.reply()).raw];
  for (const line of lines) replies.push((await client.command(line)).raw);
  client.destroy();
  return replies;
}

t.test("replies are the real server's own", { skip: skipWithout('postfix', 'root') }, async (t) => {
  const { postfix } = await startPostfix(t, { mailboxes: ['bob'] });
  const gate = await startGate(t, { upstreamPort: postfix.port });
  for (const { name, lines, compare } of dialogues) {
    const direct = await converse(postfix.port, lines);
    const gated = await converse(gate.port, lines);
    const digits = compare === 'class' ? 1 : 3;
    const codes = (replies: readonly string[]) => replies.map((reply) => reply.slice(0, digits));
    if (compare !== undefined) t.same(codes(gated), codes(direct), name);
    // The list of extensions is filtered; everything else is not touched.
    else t.same(withoutExtensions(gated), withoutExtensions(direct), name);
  }
  const offered = (await converse(gate.port, ['EHLO c.example']))[1] ?? '';
  for (const keyword of ['PIPELINING', 'SIZE ', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN'])
    t.match(offered, `250-${keyword}`.trim());
  t.notMatch(offered, /XCLIENT|BURL|ETRN/);
});

function withoutExtensions(replies: readonly string[]): string[] {
  return replies.map((reply) =>
    reply.includes('PIPELINING') ? reply.slice(0, reply.indexOf('\r\n')).replace('250-', '250 ') : reply.trim(),
  );
}

t.test('pipelined commands are answered in order', { skip: skipWithout('postfix', 'root') }, async (t) => {
  const { postfix, mailbox } = await startPostfix(t, { mailboxes: ['bob'] });
  const gate = await startGate(t, { upstreamPort: postfix.port });
  const client = await Client.greet(gate.port);
  await client.send(
    'MAIL FROM:<a@client.example>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<x@outside.example>\r\nDATA\r\n',
  );
  const codes: number[] = [];
  for (let count = 0; count < 5; count += 1) codes.push((await client.reply()).code);
  t.same(codes, [250, 550, 250, 550, 354]);
  await client.send(
    'Subject: one\r\n\r\n.\r\nMAIL FROM:<b@client.example>\r\nRCPT TO:<bob@example.org>\r\nNOOP\r\nRSET\r\nQUIT\r\n',
  );
  const later: number[] = [];
  for (let count = 0; count < 6; count += 1) later.push((await client.reply()).code);
  t.same(later, [250, 250, 250, 250, 250, 221]);
  await client.ended();
  await mailbox.waitForMessage(1);
  t.same(mailbox.messages[0]?.recipients.length, 1);
});

const outsideForms = [
  'x@outside.example',
  'x%outside.example@example.org',
  '"x@outside.example"@example.org',
  '@example.org:x@outside.example',
  '@example.org,@example.org:x@outside.example',
  'outside.example!x@example.org',
  'x@outside.example@example.org',
  'x@[192.0.2.1]',
  'x%outside.example',
  'x@sub.example.org',
  'x@example.org.outside.example',
  'x@outside.example\\@example.org',
  '"x"@outside.example',
];

t.test(
  'a Postfix that trusts the gate does not become an open relay',
  { skip: skipWithout('postfix', 'root') },
  async (t) => {
    const { postfix, mailbox } = await startPostfix(t);
    const direct = await Client.greet(postfix.port);
    await direct.command('MAIL FROM:<a@client.example>', 250);
    t.equal((await direct.command('RCPT TO:<x@outside.example>')).code, 250, 'asked directly, Postfix relays');
    direct.destroy();

    const gate = await startGate(t, { upstreamPort: postfix.port });
    const refused = await Client.greet(gate.port);
    await refused.command('MAIL FROM:<a@client.example>', 250);
    t.match((await refused.command('RCPT TO:<x@outside.example>')).raw, /^550 5\.7\.1 /);
    refused.destroy();
    for (const form of outsideForms) {
      const client = await Client.greet(gate.port);
      await client.command('MAIL FROM:<alice@client.example>', 250);
      const reply = await client.command(`RCPT TO:<${form}>`);
      t.ok(reply.code >= 500, `<${form}> is refused: ${reply.raw.trim()}`);
      t.ok((await client.command('DATA')).code >= 500, 'and there is nobody to send to');
      client.destroy();
    }
    for (const form of ['bob@example.org', 'bob@EXAMPLE.org', '"bob"@example.org', 'Postmaster']) {
      const client = await Client.greet(gate.port);
      await client.command('MAIL FROM:<alice@client.example>', 250);
      t.equal((await client.command(`RCPT TO:<${form}>`)).code, 250, `<${form}> is ours`);
      client.destroy();
    }
    t.notMatch(postfix.log, /to=<[^>]*outside/, 'Postfix handled no mail to the outside');
    t.equal(mailbox.messages.length, 0);
  },
);

t.test('Postfix learns the real client by XCLIENT', { skip: skipWithout('postfix', 'root') }, async (t) => {
  const { postfix, mailbox } = await startPostfix(t, { xclientFrom: '127.0.0.1/32', mynetworks: '127.0.0.1/32' });
  const listener = { clientIdentity: 'xclient', localDomains: [] };
  const gate = await startGate(t, { upstreamPort: postfix.port, listener });
  const client = await Client.greet(gate.port, { from: '127.0.0.9' });
  t.equal((await client.mail('alice@client.example', ['bob@example.org'], dotMail())).code, 250);
  await postfix.waitForLog(/client=\S*\[127\.0\.0\.9\]/);
  t.match(
    (await mailbox.waitForMessage()).bytes.toString(),
    /^Received: from client\.example \(\S+ \[127\.0\.0\.9\]\)/,
  );
  await client.command('MAIL FROM:<alice@client.example>', 250);
  t.match((await client.command('RCPT TO:<x@outside.example>')).raw, /^[45]54 .*[Rr]elay/, 'a stranger is a stranger');
  client.destroy();
  const forger = await Client.greet(gate.port, { from: '127.0.0.9' });
  t.match((await forger.command('XCLIENT ADDR=192.0.2.66 NAME=forged.example')).raw, /^5/, 'clients have no say in it');
  await forger.mail('mallory@client.example', ['bob@example.org'], dotMail());
  await mailbox.waitForMessage(2);
  t.notMatch(postfix.log, /192\.0\.2\.66/);
  forger.destroy();
});

t.test('Postfix learns the real client by PROXY v2', { skip: skipWithout('postfix', 'root') }, async (t) => {
  const { postfix, mailbox } = await startPostfix(t, { proxyProtocol: true, mynetworks: '127.0.0.1/32' });
  const listener = { clientIdentity: 'proxy-v2', localDomains: [] };
  const gate = await startGate(t, { upstreamPort: postfix.port, listener });
  const client = await Client.greet(gate.port, { from: '127.0.0.8' });
  t.equal((await client.mail('alice@client.example', ['bob@example.org'], dotMail())).code, 250);
  await postfix.waitForLog(/client=\S*\[127\.0\.0\.8\]/);
  await mailbox.waitForMessage();
  client.destroy();
});

t.test(
  'a listed haproxy is believed, anybody else is not',
  { skip: skipWithout('postfix', 'root', 'haproxy') },
  async (t) => {
    const { postfix, mailbox } = await startPostfix(t, { xclientFrom: '127.0.0.1/32', mynetworks: '127.0.0.1/32' });
    const listener = { clientIdentity: 'xclient', localDomains: [], proxyProtocolFrom: ['127.0.0.1'] };
    const gate = await startGate(t, { upstreamPort: postfix.port, listener });
    for (const version of [1, 2] as const) {
      const haproxy = await Haproxy.start(gate.port, version);
      t.teardown(() => haproxy.stop());
      const client = await Client.greet(haproxy.port, { from: `127.0.0.${20 + version}` });
      t.equal((await client.mail('alice@client.example', ['bob@example.org'], dotMail())).code, 250);
      await postfix.waitForLog(new RegExp(`client=\\S*\\[127\\.0\\.0\\.${20 + version}\\]`));
      t.pass(`PROXY v${version}: Postfix logs the real client`);
      client.destroy();
    }
    const forger = await Client.open(gate.port, { from: '127.0.0.30' });
    await forger.send(proxyV1({ source: '192.0.2.66', sourcePort: 1, target: '127.0.0.1', targetPort: 25 }));
    await forger.send('EHLO client.example\r\n');
    await forger.mail('mallory@client.example', ['bob@example.org'], dotMail()).catch(() => undefined);
    forger.destroy();
    await sleep(300);
    t.notMatch(postfix.log, /192\.0\.2\.66/, 'an unlisted peer cannot claim to be somebody else');
    t.ok(mailbox.messages.length >= 2);
  },
);

t.test('the real server being away, slow or dying is never a lost message', async (t) => {
  const lonely = await startGate(t, { upstreamPort: await freePort() });
  const client = await Client.open(lonely.port);
  t.match((await client.reply()).raw, /^421 /, 'nobody behind the gate');
  client.destroy();

  for (const verb of ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'END']) {
    const sink = await startSink(t, { script: (command) => (command.verb === verb ? { text: undefined } : undefined) });
    const gate = await startGate(t, { upstreamPort: sink.port });
    const sender = await Client.open(gate.port);
    const outcome = await sendStepByStep(sender);
    t.notMatch(outcome, /^END 2/, `hung up at ${verb}: ${outcome.trim()}`);
    t.equal(sink.messages.length, 0);
    sender.destroy();
    await gate.stop();
  }
  const dying = await startSink(t, { dieAfterDataBytes: 200_000 });
  const gate = await startGate(t, { upstreamPort: dying.port });
  const sender = await Client.greet(gate.port);
  const reply = await sender
    .mail('a@client.example', ['bob@example.org'], attachmentMail(1_000_000))
    .catch(() => undefined);
  t.notMatch(reply?.raw ?? '', /^2/, 'died inside the data');
  sender.destroy();
});

/** The reply that ended the attempt, with the step it answered; `closed` when the connection did. */
async function sendStepByStep(client: Client): Promise<string> {
  const steps: [string, string][] = [
    ['CONNECT', ''],
    ['EHLO', 'EHLO client.example\r\n'],
    ['MAIL', 'MAIL FROM:<a@client.example>\r\n'],
    ['RCPT', 'RCPT TO:<bob@example.org>\r\n'],
    ['DATA', 'DATA\r\n'],
    ['END', 'Subject: x\r\n\r\n.\r\n'],
  ];
  for (const [step, octets] of steps) {
    await client.send(octets);
    const reply = await client.reply().catch(() => undefined);
    if (reply === undefined) return `${step} closed`;
    if (reply.code >= 400 || step === 'END') return `${step} ${reply.raw}`;
  }
  return 'nothing';
}

t.test('a stop lets running transactions finish', async (t) => {
  const sink = await startSink(t, {
    script: ({ verb }) => (verb === 'END' ? { text: '250 2.0.0 late\r\n', delayMs: 1500 } : undefined),
  });
  const gate = await startGate(t, { upstreamPort: sink.port });
  const client = await Client.greet(gate.port);
  const sent = client.mail('a@client.example', ['bob@example.org'], dotMail());
  await waitFor('DATA upstream', 5000, () => sink.commands.find(({ verb }) => verb === 'DATA'));
  await sleep(200);
  const idle = await Client.greet(gate.port);
  const begun = Date.now();
  const stopped = gate.stop();
  t.match((await idle.reply()).raw, /^421 /, 'whoever is not in a transaction is told at once');
  t.equal((await sent).raw, '250 2.0.0 late\r\n');
  t.match((await client.reply()).raw, /^421 /, 'and the other after it');
  t.equal(await stopped, 0);
  t.ok(Date.now() - begun < 10_000, 'nobody is waited for who has nothing to finish');
  t.equal(sink.messages.length, 1);
});
