/** Proves the judges that other tests rely on: the capturing sink, the raw client, the reporter and its minimums. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Client, cut } from './support/client.js';
import { attachmentMail, dotMail, dotStuff, dotUnstuff, eicar, everyOctetMail, longLineMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { freePort } from './support/ports.js';
import { parseProxyHeader, proxyV1, proxyV2 } from './support/proxy-header.js';
import { folderOf } from './support/running.js';
import { Sink, type SinkOptions } from './support/sink.js';
import { makeCertificates } from './support/tls.js';

async function withSink(options: SinkOptions, work: (sink: Sink) => Promise<void>): Promise<void> {
  const sink = await Sink.start(options);
  try {
    await work(sink);
  } finally {
    await sink.stop();
  }
}

t.test('the test mails are what they say', async (t) => {
  t.equal(eicar.length, 68);
  t.equal(
    Math.max(
      ...longLineMail()
        .toString('latin1')
        .split('\r\n')
        .map((line) => line.length),
    ),
    998,
  );
  t.equal(new Set(everyOctetMail()).size, 255, 'all octets but NUL; CR and LF only end lines');
  t.notMatch(everyOctetMail().toString('latin1'), /\r(?!\n)|(?<!\r)\n/);
  for (const mail of [dotMail(), everyOctetMail(), Buffer.from('.\r\n'), Buffer.from(''), attachmentMail(3000)]) {
    const wire = dotStuff(mail);
    t.equal(wire.indexOf('\r\n.\r\n'), wire.length === 3 ? -1 : wire.length - 5, 'one end of data, at the end');
    t.ok(dotUnstuff(wire.subarray(0, -3)).equals(mail), 'unstuffing gives the mail back');
  }
});

t.test('the sink keeps the exact octets and the envelope, however they were cut', async (t) => {
  await withSink({}, async (sink) => {
    const client = await Client.greet(sink.port);
    const mails = [dotMail(), everyOctetMail(), Buffer.from('.\r\n'), Buffer.from(''), attachmentMail(2_000_000)];
    for (const mail of mails) {
      t.equal((await client.mail('a@client.example', ['b@example.org', 'c@example.org'], mail)).code, 250);
    }
    await client.command('MAIL FROM:<a@client.example> BODY=8BITMIME', 250);
    await client.command('RCPT TO:<b@example.org> NOTIFY=NEVER', 250);
    await client.send('DATA\r\n');
    await client.expect(354);
    await client.send(dotStuff(Buffer.from('.x\r\n..\r\n\r\n.\r\n')), 'octets');
    await client.expect(250);
    await client.quit();
    t.equal(sink.messages.length, 6);
    for (const [index, mail] of mails.entries()) t.ok(sink.messages[index]?.bytes.equals(mail), `mail ${index}`);
    t.same(sink.messages[5]?.bytes.toString(), '.x\r\n..\r\n\r\n.\r\n');
    t.equal(sink.messages[5]?.mail, '<a@client.example> BODY=8BITMIME');
    t.same(sink.messages[5]?.recipients, ['<b@example.org> NOTIFY=NEVER']);
    t.same(sink.messages[0]?.recipients.length, 2);
    t.same(sink.violations, []);
  });
});

t.test('the sink answers pipelined commands in order and takes chunks', async (t) => {
  await withSink({}, async (sink) => {
    const client = await Client.greet(sink.port);
    await client.send('MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nBDAT 3\r\na\r\nBDAT 4 LAST\r\n\n.\r\nNOOP\r\n');
    const codes = [];
    for (let count = 0; count < 5; count += 1) codes.push((await client.reply()).code);
    t.same(codes, [250, 250, 250, 250, 250]);
    t.equal(sink.messages[0]?.bytes.toString(), 'a\r\n\n.\r\n');
    t.equal(sink.messages[0]?.verb, 'BDAT');
    client.destroy();
  });
});

t.test('the sink reports what a strict server objects to', async (t) => {
  const cases: [string, RegExp, string[] | undefined][] = [
    ['a\nb\r\n.\r\n', /bare LF/, undefined],
    ['a\n.\n\r\n.\r\n', /bare LF/, undefined],
    ['a\rb\r\n.\r\n', /bare CR/, undefined],
    ['a\0b\r\n.\r\n', /NUL/, undefined],
  ];
  for (const [data, violation] of cases) {
    await withSink({}, async (sink) => {
      const client = await Client.greet(sink.port);
      await client.send('MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
      for (const code of [250, 250, 354]) await client.expect(code);
      await client.send(data);
      await client.expect(250);
      t.match(sink.violations.join(), violation);
      t.equal(sink.messages.length, 1, 'one message whatever is in it');
      client.destroy();
    });
  }
  const slow = { text: '250 2.0.0 ok\r\n', delayMs: 100 };
  await withSink(
    { extensions: ['8BITMIME'], script: ({ verb }) => (verb === 'MAIL' ? slow : undefined) },
    async (sink) => {
      const client = await Client.greet(sink.port);
      await client.send('MAIL FROM:<>\r\n');
      await client.send('RCPT TO:<b@example.org>\r\n', [1, 30]);
      await client.expect(250);
      await client.expect(250);
      t.match(sink.violations.join(), /before the reply/);
      client.destroy();
    },
  );
});

t.test('the script answers, delays, hangs up and dies inside the data', async (t) => {
  const script: SinkOptions['script'] = ({ verb, line }) => {
    if (line.includes('no@')) return '550-5.1.1 no\r\n550 5.1.1 such user\r\n';
    return verb === 'NOOP' ? { text: '421 4.3.2 going\r\n', closeAfter: true } : undefined;
  };
  await withSink({ script, dieAfterDataBytes: 1000 }, async (sink) => {
    const client = await Client.greet(sink.port);
    await client.command('MAIL FROM:<>', 250);
    t.same((await client.command('RCPT TO:<no@example.org>')).lines, ['5.1.1 no', '5.1.1 such user']);
    await client.command('NOOP', 421);
    await client.ended();
    const second = await Client.greet(sink.port);
    await t.rejects(second.mail('a@b.example', ['b@example.org'], attachmentMail(5000)), /connection ended/);
    t.equal(sink.messages.length, 0);
  });
  await withSink({ script: ({ verb }) => (verb === 'END' ? { text: undefined } : undefined) }, async (sink) => {
    const client = await Client.greet(sink.port);
    await t.rejects(client.mail('a@b.example', ['b@example.org'], dotMail()), /connection ended/);
    t.equal(sink.messages.length, 0, 'what was not answered was not taken');
  });
});

t.test('the sink upgrades to TLS and notices what was sent too early', { skip: skipWithout('openssl') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-harness-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const certificates = makeCertificates(folder);
  await withSink({ certificates }, async (sink) => {
    const client = await Client.greet(sink.port);
    await client.command('STARTTLS', 220);
    await client.upgrade(certificates.ca);
    await client.command('EHLO client.example', 250);
    t.equal((await client.mail('a@client.example', ['b@example.org'], dotMail())).code, 250);
    t.same(sink.violations, []);
    client.destroy();
    const hasty = await Client.greet(sink.port);
    await hasty.send('STARTTLS\r\nRSET\r\n');
    await hasty.expect(220);
    t.match(sink.violations.join(), /after STARTTLS/);
    hasty.destroy();
  });
  await withSink({ certificates, implicitTls: true }, async (sink) => {
    const client = await Client.greet(sink.port, { tlsCa: certificates.ca });
    t.equal((await client.mail('a@client.example', ['b@example.org'], dotMail())).code, 250);
    client.destroy();
  });
});

t.test('PROXY headers are read as they were written, and no earlier than complete', async (t) => {
  const connection = { source: '192.0.2.7', sourcePort: 4711, target: '127.0.0.1', targetPort: 25 };
  for (const header of [proxyV1(connection), proxyV2(connection)]) {
    t.same(parseProxyHeader(Buffer.concat([header, Buffer.from('EHLO')])), {
      bytes: header.length,
      source: '192.0.2.7:4711',
    });
    for (let length = 0; length < header.length; length += 1) {
      if (parseProxyHeader(header.subarray(0, length)) !== undefined) t.fail(`complete after ${length} octets`);
    }
    await withSink({ proxyProtocol: true }, async (sink) => {
      const client = await Client.open(sink.port);
      await client.send(header, 'octets');
      await client.expect(220);
      t.same(sink.proxied, ['192.0.2.7:4711']);
      client.destroy();
    });
  }
  t.same(cut(Buffer.from('abcdef'), [1, 2]).map(String), ['a', 'bc', 'de', 'f']);
});

interface Judged {
  passed: number;
  failed: number;
  skipped: number;
  failures: { name: string }[];
}

interface ReporterModule {
  formatResult(result: Judged): string;
}

interface RunnerModule {
  runFile(file: string, command: string[], options: { cwd: string; timeoutMs: number }): Promise<Judged>;
}

interface MinimumsModule {
  findShortfalls(results: object[], expected: object, files: string[], strict: boolean): string[];
}

// The runner's own scripts are not compiled, so they have no types but these.
const support = new URL('../../test/support/', import.meta.url);
const reporter = (await import(new URL('reporter.mjs', support).href)) as ReporterModule;
const minimums = (await import(new URL('minimums.mjs', support).href)) as MinimumsModule;

const runner = (await import(new URL('run-file.mjs', support).href)) as RunnerModule;

/** What is said of a file that prints this and then runs the code. */
async function report(tap: string, code = '', timeoutMs = 20_000): Promise<string> {
  const program = `process.stdout.write(${JSON.stringify(`TAP version 14\n${tap}`)});${code}`;
  const result = await runner.runFile('a.test.ts', ['-e', program], { cwd: '.', timeoutMs });
  return reporter.formatResult(result);
}

t.test('ports: each once, below those that the kernel gives away, and none that somebody listens on', async (t) => {
  const ports = new Set<number>();
  for (let count = 0; count < 300; count += 1) ports.add(await freePort());
  t.equal(ports.size, 300);
  t.ok(Math.min(...ports) >= 12_000 && Math.max(...ports) < 32_000);
  const next = (await freePort()) + 1;
  const taken = createServer();
  t.teardown(() => taken.close());
  await new Promise<void>((resolve) => {
    // Where somebody is already, that does as well.
    taken.once('error', () => resolve());
    taken.listen({ port: next, host: '127.0.0.1' }, resolve);
  });
  t.not(await freePort(), next, 'passed over');
  const module = new URL('./support/ports.js', import.meta.url).href;
  const program = `import(${JSON.stringify(module)}).then(async ({ freePort }) => {
    for (let count = 0; count < 300; count += 1) console.log(await freePort());
  })`;
  const others = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }).trim().split('\n').map(Number);
  t.equal(others.length, 300);
  t.same(
    others.filter((port) => ports.has(port)),
    [],
    'nor one that another process was given',
  );
});

t.test('the reporter counts assertions, and a file that crashed without one', async (t) => {
  const inner =
    '# Subtest: deep\n    ok 1 - a\n    not ok 2 - b\n      ---\n      diff: |\n        -1\n        +2\n      at:\n        fileName: test/x.ts\n        lineNumber: 7\n      ...\n    1..2\nnot ok 1 - deep\n1..1\n';
  const bad = await report(inner, 'process.exitCode = 1');
  t.match(bad, /FAIL a\.test\.ts 1 passed, 1 failed/);
  t.match(bad, /not ok deep › b {2}\(test\/x\.ts:7\)\n\s+-1\n\s+\+2\n/);
  const crash = 'process.exitCode = 7';
  t.match(
    await report('1..0 # no tests found\n', crash),
    /0 passed, 1 failed[\s\S]+the file itself failed[\s\S]+exit code 7/,
  );
  t.match(await report('ok 1 - x\n1..1\n', crash), /1 passed, 1 failed/, 'a crash after the last assertion');
  t.match(await report('ok 1 - x\n1..2\n'), /1 passed, 1 failed/, 'fewer than were planned');
  t.match(await report('ok 1 - x\n'), /1 passed, 1 failed/, 'no plan');
  t.match(await report('ok 1 - x\n1..1\n', "process.kill(process.pid, 'SIGKILL')"), /1 passed, 1 failed[\s\S]+SIGKILL/);
  const skipped = await report('ok 1 - x # SKIP no server\nok 2 - y\n1..2\n');
  t.match(skipped, /ok {3}a\.test\.ts 1 passed, 0 failed, 1 skipped/);
  t.match(skipped, /skipped x: no server/);
  t.match(await report('1..0 # SKIP nothing here\n'), /0 passed, 0 failed, 1 skipped[\s\S]+whole file: /);
});

t.test('a file that does not end is ended, with what it started', async (t) => {
  const mark = join(folderOf(t), 'stopped');
  const code = `const { writeFileSync } = require('node:fs');
    process.once('SIGTERM', () => { writeFileSync(${JSON.stringify(mark)}, ''); process.exit(1); });
    setInterval(() => {}, 1000);`;
  const said = await report('ok 1 - x\n', code, 4000);
  t.match(said, /1 passed, 1 failed[\s\S]+it did not end within 4 s/);
  t.ok(existsSync(mark), 'it was told before it was killed');
});

t.test('a file that fell silent is a failure', async (t) => {
  const result = (passed: number, skipped = 0): Judged & { file: string } => ({
    file: 'a.test.ts',
    passed,
    failed: 0,
    skipped,
    failures: [],
  });
  const expected = { 'a.test.ts': { least: 10 } };
  const judge = (results: object[], strict = false) =>
    minimums.findShortfalls(results, expected, ['a.test.ts'], strict);
  t.same(judge([result(10)]), []);
  t.match(judge([result(9)]), [/fewer than the 10/]);
  t.match(judge([]), [/was not run/]);
  t.same(judge([result(2, 1)]), [], 'skipping is allowed where servers may be missing');
  t.match(judge([result(2, 1)], true), [/fewer/], 'and is not in CI');
  t.match(minimums.findShortfalls([result(10)], {}, ['a.test.ts'], false), [/no minimum/]);
});
