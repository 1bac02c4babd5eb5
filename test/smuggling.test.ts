/**
 * End-of-data smuggling and STARTTLS injection, through the gate as a black box. A real Postfix without its own defence
 * stands behind it: that it takes the second message when asked directly proves that these tests can fail.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Client, type Segmentation } from './support/client.js';
import { Gate } from './support/gate.js';
import { buildMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { Postfix } from './support/postfix.js';
import { Sink } from './support/sink.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(300_000);

/** The eleven sequences that some server somewhere took for the end of data, and some more that might be. */
const sequences = [
  '\n.\n',
  '\n.\r',
  '\r.\n',
  '\r.\r',
  '\n.\r\n',
  '\r.\r\n',
  '\r\n.\n',
  '\r\n.\r',
  '\r\n.\r\r\n',
  '\r\r\n.\r\r\n',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\r\n.\n\r\n',
  '\r\n.\rx',
  '\n\n.\n\n',
  '\r\n\r.\r\n',
  '\n.\n\r\n',
];
/** Well-formed lines that only look like an end: they must arrive as they are, as one message. */
const harmless = ['\r\n. \r\n', '\r\n..\r\n', '\r\n.\t\r\n', '\r\n .\r\n'];

const opening = 'Subject: first\r\n\r\nfirst';
const second =
  'MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: second\r\n\r\nsmuggled';
const ending = '\r\n.\r\n';

/** Data with `sequence` inside, and every way to cut it near there. */
function segmentationsOf(sequence: string): Segmentation[] {
  const cuts: Segmentation[] = ['whole'];
  for (let offset = 0; offset <= sequence.length; offset += 1) cuts.push([opening.length + offset, 10_000]);
  const octets = Array.from({ length: sequence.length + 2 }, () => 1);
  cuts.push([opening.length - 1, ...octets, 10_000]);
  return cuts;
}

async function beginData(client: Client): Promise<void> {
  await client.command('MAIL FROM:<alice@client.example>', 250);
  await client.command('RCPT TO:<bob@example.org>', 250);
  await client.command('DATA', 354);
}

t.test(
  'no sequence ends the data but CRLF.CRLF, before a Postfix that would believe others',
  {
    skip: skipWithout('postfix', 'root'),
  },
  async (t) => {
    const sink = await Sink.start({ protocol: 'lmtp' });
    const postfix = await Postfix.start({ lmtpPort: sink.port });
    const gate = await Gate.start({ upstreamPort: postfix.port });
    t.teardown(async () => {
      await gate.stop();
      await postfix.stop();
      await sink.stop();
    });

    const client = await Client.greet(postfix.port);
    await beginData(client);
    await client.send(`${opening}\n.\n${second}${ending}`);
    await sink.waitForMessage(2);
    // Postfix delivers both at once, in any order.
    const senders = sink.messages.map(({ mail }) => mail).join();
    t.match(senders, /evil/, 'asked directly, Postfix is smuggled');
    client.destroy();
    sink.messages.length = 0;

    for (const sequence of sequences) {
      for (const segmentation of segmentationsOf(sequence)) {
        const attacker = await Client.greet(gate.port);
        await beginData(attacker);
        await attacker.send(`${opening}${sequence}${second}${ending}`, segmentation);
        const reply = await attacker.reply();
        const next = await attacker.command('RSET');
        const label = `${JSON.stringify(sequence)} cut ${JSON.stringify(segmentation)}`;
        if (!/^554 5\.6\.0 /.test(reply.raw) || next.code !== 250 || attacker.unread !== '') {
          t.fail(`${label}: ${JSON.stringify(reply.raw)} then ${JSON.stringify(next.raw + attacker.unread)}`);
        }
        attacker.destroy();
      }
      t.pass(`${JSON.stringify(sequence)} in ${segmentationsOf(sequence).length} segmentations is refused, in step`);
    }
    for (const line of harmless) {
      const sender = await Client.greet(gate.port);
      await beginData(sender);
      await sender.send(`${opening}${line}${second}${ending}`, 'octets');
      t.equal((await sender.reply()).code, 250, `${JSON.stringify(line)} is part of the message`);
      await sender.quit();
    }
    await sink.waitForMessage(harmless.length);
    await sleep(500);
    t.equal(sink.messages.length, harmless.length, 'Postfix delivered nothing else');
    t.notMatch(sink.messages.map((message) => message.mail).join(), /evil/, 'and nothing from the smuggled sender');
    for (const [index, line] of harmless.entries()) {
      // RFC 5321 §4.5.2: the first dot of a line is the wire's, not the message's.
      const wanted = `\r\n\r\nfirst${line.replace('\r\n.', '\r\n')}${second}\r\n`;
      t.ok(
        sink.messages.some(({ bytes }) => bytes.toString('latin1').endsWith(wanted)),
        `${JSON.stringify(harmless[index])}`,
      );
    }
    t.same(sink.violations, []);
  },
);

t.test('the gate is strict for upstreams that are not: what it sends has no bare CR, LF or NUL', async (t) => {
  const sink = await Sink.start();
  const gate = await Gate.start({ upstreamPort: sink.port });
  t.teardown(async () => {
    await gate.stop();
    await sink.stop();
  });
  for (const sequence of sequences) {
    const client = await Client.greet(gate.port);
    await beginData(client);
    await client.send(`${opening}${sequence}${second}${ending}`);
    t.match((await client.reply()).raw, /^554 5\.6\.0 /, JSON.stringify(sequence));
    await beginData(client);
    await client.send('Subject: after\r\n\r\n\r\n.\r\n');
    t.equal((await client.reply()).code, 250, 'the session goes on');
    client.destroy();
  }
  t.equal(sink.messages.length, sequences.length, 'only the messages in between arrived');
  t.ok(sink.messages.every(({ bytes }) => bytes.toString() === 'Subject: after\r\n\r\n\r\n'));
  t.same(sink.violations, []);

  const lines = [
    'RCPT TO:<a@example.org>\nX',
    'MAIL FROM:<a@b.example\0>',
    'NOOP \rRSET',
    'EHLO a\nMAIL FROM:<e@b.example>',
  ];
  for (const line of lines) {
    const client = await Client.greet(gate.port);
    const reply = await client.command(line);
    t.ok(reply.code >= 500 && reply.code < 600, `${JSON.stringify(line)} is refused: ${reply.raw.trim()}`);
    client.destroy();
  }
  t.same(sink.violations, [], 'and does not go upstream');
});

t.test('the end of data may fall anywhere in a segment, with commands behind it', async (t) => {
  const sink = await Sink.start();
  const gate = await Gate.start({ upstreamPort: sink.port });
  t.teardown(async () => {
    await gate.stop();
    await sink.stop();
  });
  const mails = ['.\r\n', '\r\n', 'a: b\r\n\r\n', '..\r\n.\r\n\r\n..x\r\n', ''];
  for (const mail of mails) {
    const wire = `${mail.replace(/^\./gm, '..')}.\r\nNOOP\r\n`;
    for (let offset = 0; offset <= wire.length; offset += 1) {
      const client = await Client.greet(gate.port);
      await beginData(client);
      await client.send(wire, [offset, 10_000]);
      const codes = [(await client.reply()).code, (await client.reply()).code];
      const kept = sink.messages.pop()?.bytes.toString();
      if (codes.join() !== '250,250' || kept !== mail) t.fail(`cut at ${offset}: ${codes} ${JSON.stringify(kept)}`);
      client.destroy();
    }
    t.pass(`${JSON.stringify(mail)} in all segmentations`);
  }
  t.same(sink.violations, []);
});

const injected = 'MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@example.org>\r\n';

t.test(
  'nothing before the handshake survives STARTTLS, on the leg of the client',
  { skip: skipWithout('openssl') },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
    const certificates = makeCertificates(folder);
    const sink = await Sink.start();
    const files = { certificateFile: certificates.certificateFile, keyFile: certificates.keyFile };
    const gate = await Gate.start({ upstreamPort: sink.port, listener: { tls: 'starttls', tlsFiles: files } });
    t.teardown(async () => {
      await gate.stop();
      await sink.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const command = 'STARTTLS\r\n';
    const cuts: Segmentation[] = ['whole', [command.length - 1, 1000], [command.length + 1, 1000], [3, 1000], 'octets'];
    for (const segmentation of cuts) {
      const client = await Client.greet(gate.port);
      await client.send(command + injected, segmentation);
      await client.expect(220);
      // Either the injected lines are dropped, or the session is; what comes after the handshake was said after it.
      const upgraded = await client.upgrade(certificates.ca).then(
        () => true,
        () => false,
      );
      if (upgraded) {
        const hello = await client.command('EHLO client.example', 250).catch(() => undefined);
        if (hello !== undefined) {
          t.ok(hello.lines.length > 1, 'the first reply is the one to EHLO');
          t.match((await client.command('RCPT TO:<bob@example.org>')).raw, /^503 /, 'there is no transaction');
        }
      }
      t.notMatch(sink.commands.map(({ line }) => line).join(), /evil/, `${JSON.stringify(segmentation)}: not relayed`);
      client.destroy();
    }
    const client = await Client.greet(gate.port);
    await client.command('MAIL FROM:<alice@client.example>', 250);
    t.match((await client.command('STARTTLS')).raw, /^503 /, 'not inside a transaction');
    await client.command('RSET', 250);
    await client.command('STARTTLS', 220);
    await client.upgrade(certificates.ca);
    const hello = await client.command('EHLO client.example', 250);
    t.notMatch(hello.raw, /STARTTLS/, 'not offered again');
    t.match((await client.command('STARTTLS')).raw, /^5/, 'nor done again');
    t.equal((await client.mail('alice@client.example', ['bob@example.org'], buildMail({}))).code, 250);
    client.destroy();
  },
);

t.test(
  'nothing before the handshake survives STARTTLS, on the leg of the server',
  { skip: skipWithout('openssl') },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const certificates = makeCertificates(folder);
    const answers: [string, string | undefined][] = [
      ['a proper answer', '220 2.0.0 ready\r\n'],
      ['a reply injected behind it', '220 2.0.0 ready\r\n250-injected.example\r\n250 AUTH PLAIN\r\n'],
      ['half a reply injected', '220 2.0.0 ready\r\n250-injected'],
      ['a refusal for now', '454 4.7.0 not now\r\n'],
      ['a refusal', '502 5.5.1 no\r\n'],
      ['a wrong code', '354 go ahead\r\n'],
      ['no answer but the end', undefined],
    ];
    for (const [name, text] of answers) {
      const sink = await Sink.start({
        certificates,
        extensions: ['PIPELINING', 'SIZE 1000000', '8BITMIME', 'STARTTLS'],
        script: ({ verb }) => (verb === 'STARTTLS' ? { text } : undefined),
      });
      const upstream = {
        host: '127.0.0.1',
        servername: 'localhost',
        port: sink.port,
        tls: 'starttls',
        caFile: certificates.caFile,
      };
      const gate = await Gate.start({ listener: { upstream } });
      const client = await Client.open(gate.port);
      const greeting = await client.reply();
      if (name === 'a proper answer') {
        t.equal(greeting.code, 220);
        const hello = await client.command('EHLO client.example', 250);
        t.notMatch(hello.raw, /STARTTLS/, 'the upstream TLS is not the client TLS');
        t.equal((await client.mail('alice@client.example', ['bob@example.org'], buildMail({}))).code, 250);
        t.same(sink.violations, []);
      } else {
        const hello =
          greeting.code === 220 ? await client.command('EHLO client.example').catch(() => undefined) : greeting;
        t.notMatch(`${hello?.raw}${client.unread}`, /injected|AUTH/, `${name}: nothing of it is passed on`);
        const sent = await client.command('MAIL FROM:<alice@client.example>').catch(() => undefined);
        if (sent?.code === 250) t.ok(name.includes('injected'), `${name}: no transaction without TLS`);
        t.notMatch(greeting.raw, /^5/, `${name}: the client may try again later`);
      }
      client.destroy();
      await gate.stop();
      await sink.stop();
    }
  },
);

t.test('an upstream that does not offer the TLS it is configured for gets nothing', async (t) => {
  const sink = await Sink.start();
  const gate = await Gate.start({ listener: { upstream: { host: '127.0.0.1', port: sink.port, tls: 'starttls' } } });
  t.teardown(async () => {
    await gate.stop();
    await sink.stop();
  });
  const client = await Client.open(gate.port);
  const greeting = await client.reply();
  const later =
    greeting.code === 220 ? await client.mail('a@client.example', ['bob@example.org'], buildMail({})) : greeting;
  t.match(later.raw, /^4/, 'a temporary failure');
  t.notMatch(sink.commands.map(({ line }) => line).join('\n'), /^(?:MAIL|AUTH|RCPT)/m, 'and no mail in clear');
  client.destroy();
});
