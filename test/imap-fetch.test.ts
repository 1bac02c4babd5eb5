/** FETCH as it is judged: against a model of a server, with every form of item and every kind of message. */
import fc from 'fast-check';
import t from 'tap';
import { createFetchGuard } from '../src/imap/fetch/fetch-guard.js';
import { isSure } from '../src/imap/fetch/fetch-plan.js';
import { batches } from '../src/imap/fetch/message-batches.js';
import { surelyWithoutAttachment } from '../src/imap/fetch/plain-structure.js';
import { standings } from '../src/imap/handler.js';
import { ResponseReader } from '../src/imap/wire/response-reader.js';
import { countSet, parseSet, setContains } from '../src/imap/wire/sequence-set.js';
import { limits } from '../src/runtime/limits.js';
import { FetchBench } from './support/fetch-bench.js';
import { describe, readTold, requestOf, runScenario } from './support/fetch-check.js';
import { scenario } from './support/fetch-scenario.js';
import type { Kind } from './support/judged-mails.js';
import { waitFor } from './support/ports.js';

const directory = t.testdir({});

t.test('whatever is asked, judged messages are answered as the server does, and the others as they must', async (t) => {
  const runs = Number(process.env.FETCH_RUNS ?? 300);
  let problems: string[] = [];
  await fc.assert(
    fc.asyncProperty(scenario, async (one) => {
      ({ problems } = await runScenario(one, directory));
      if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${describe(one)}`);
    }),
    { numRuns: runs },
  );
  t.same(problems, []);
});

t.test('a part of an unjudged message costs the message and the part, within one command', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad', 'deferred']);
  const output = await bench.run('FETCH 1:* (BODY[1])');
  t.same(bench.port.sent, [
    'FETCH 1:* (UID BODY.PEEK[1])',
    'FETCH 1:3 (UID INTERNALDATE BODY.PEEK[])',
    'FETCH 1:2 (UID BODY.PEEK[1])',
    'FETCH 1:2 (BODY[HEADER.FIELDS (X-Sluice-None)])',
  ]);
  const lines = output.split('\r\n');
  t.match(lines[0], /^\* 1 FETCH \(BODY\[1\] \{\d+\}$/, 'the UID that was not asked for is gone');
  t.match(output, /\* 2 FETCH \(BODY\[1\] \{14\}\r\nNOTICE in text\)\r\n/);
  t.match(
    output,
    /\* 1 FETCH \(FLAGS \(\\Seen\)\)\r\n\* 2 FETCH \(FLAGS \(\\Seen\)\)\r\nC1 NO \[UNAVAILABLE\] Not judged\r\n$/,
  );
  t.notMatch(output, 'BADZ');
  t.same(bench.left, []);
});

t.test('known UIDs of which nothing can be answered are not asked for what they ask', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad']);
  const output = await bench.run('UID FETCH 10:11,20 (UID BODY.PEEK[2])');
  t.same(bench.port.sent, ['UID FETCH 10:11,20 (UID INTERNALDATE BODY.PEEK[])', 'UID FETCH 10,20 (UID BODY.PEEK[2])']);
  t.match(output, /^\* 1 FETCH \(UID 10 BODY\[2\] /);
  t.match(output, /\* 2 FETCH \(UID 20 BODY\[2\] \{21\}\r\n<p>NOTICE in HTML<\/p>\)\r\nC1 OK /);
});

t.test('whole messages are judged as they pass', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad', 'clean'], { delay: () => 1 });
  const output = await bench.run('UID FETCH 1:* (FLAGS BODY.PEEK[])');
  t.same(bench.port.sent, ['UID FETCH 1:* (UID FLAGS BODY.PEEK[])']);
  t.equal(bench.mailbox.intakes, 3);
  t.ok(output.indexOf('UID 10') < output.indexOf('UID 20') && output.indexOf('UID 20') < output.indexOf('UID 30'));
  t.match(output, /\* 2 FETCH \(UID 20 FLAGS \(\) BODY\[\] \{\d+\}\r\nFrom: Mail Security/);
  t.notMatch(output, 'BADZ');
});

t.test('originals that are named by UID are asked for in the words of the client', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'clean']);
  for (const { uid, bytes } of bench.mails) {
    bench.mailbox.standings.set(uid, standings.original);
    bench.mailbox.sizes.set(uid, bytes.length);
  }
  t.ok(isSure(requestOf('UID FETCH 10,20 (RFC822)'), bench.mailbox));
  t.notOk(isSure(requestOf('UID FETCH 10:20 (RFC822)'), bench.mailbox), 'nobody knows what 15 is');
  t.notOk(isSure(requestOf('UID FETCH 10:* (RFC822)'), bench.mailbox));
  t.notOk(isSure(requestOf('UID FETCH * (RFC822)'), bench.mailbox));
  t.notOk(isSure(requestOf('FETCH 10 (RFC822)'), bench.mailbox));
  t.notOk(isSure(requestOf('UID FETCH 1:4000000000 (RFC822)'), bench.mailbox));
  const output = await bench.run('UID FETCH 20 (RFC822 FLAGS)');
  t.same(bench.port.sent, ['UID FETCH 20 (UID RFC822 FLAGS)']);
  t.match(output, /\* 2 FETCH \(UID 20 RFC822 \{\d+\}\r\n/);
  t.equal(bench.mailbox.intakes, 0);
});

t.test('a message of another size than the one that was judged is judged anew', async (t) => {
  for (const size of [100, 100_000]) {
    const bench = new FetchBench(directory, ['bad', 'bad'], { size });
    for (const { uid, bytes } of bench.mails) {
      bench.mailbox.standings.set(uid, standings.original);
      bench.mailbox.sizes.set(uid, bytes.length + 1);
    }
    const output = await bench.run('UID FETCH 10,20 (BODY.PEEK[])');
    t.notMatch(output, 'BADZ');
    t.equal(output.match(/BODY\[\] \{\d+\}\r\nFrom: Mail Security/g)?.length, 2);
  }
});

t.test('what a server called empty once is judged when it is not', async (t) => {
  for (const form of ['BODY.PEEK[]', 'BODY.PEEK[1]', 'BODY.PEEK[]<0.50>', 'RFC822.TEXT', 'BINARY.PEEK[1]']) {
    const bench = new FetchBench(directory, ['bad', 'clean']);
    for (const { uid } of bench.mails) {
      bench.mailbox.standings.set(uid, standings.original);
      bench.mailbox.sizes.set(uid, 0);
    }
    const output = await bench.run(`UID FETCH 10,20 (${form})`);
    t.notMatch(output, 'BADZ', form);
    t.equal(bench.mailbox.standing(10), standings.notice, form);
    t.equal(bench.mailbox.standing(20), standings.original, form);
    t.match(output, /OK [^\r]*\r\n$/, form);
  }
});

t.test('behind a FETCH that others do not wait for, nothing is taken for its own', async (t) => {
  const bench = new FetchBench(directory, ['bad', 'clean'], { delay: () => 5 });
  for (const { uid, bytes } of bench.mails) {
    bench.mailbox.standings.set(uid, standings.original);
    bench.mailbox.sizes.set(uid, bytes.length + (uid === 10 ? 1 : 0));
  }
  const answered = bench.run('UID FETCH 10,20 (BODY.PEEK[])');
  bench.port.say(Buffer.from('* 9 FETCH (UID 90 BODY[] "of the next")\r\n'));
  const output = await answered;
  t.match(output, /UID 10 BODY\[\] \{\d+\}\r\nFrom: Mail Security[\s\S]*UID 20 BODY\[\][\s\S]*C1 OK .*\r\n/);
  t.same(bench.port.sent, ['UID FETCH 10,20 (UID BODY.PEEK[])']);
  t.equal(bench.mailbox.intakes, 1, 'what came behind the answer was left for others');
  t.same(bench.left, []);
});

t.test('metadata of mails without attachment is shown without their bodies', async (t) => {
  const bench = new FetchBench(directory, ['text', 'clean', 'text', 'bad']);
  const output = await bench.run('FETCH 1:* (FLAGS ENVELOPE)');
  t.same(bench.port.sent, [
    'FETCH 1:* (UID FLAGS ENVELOPE)',
    'FETCH 1:4 (UID BODYSTRUCTURE)',
    'FETCH 2,4 (UID INTERNALDATE BODY.PEEK[])',
    'FETCH 1:4 (UID FLAGS ENVELOPE)',
  ]);
  t.notMatch(output, /BODYSTRUCTURE|UID|BADZ/);
  t.equal(output.match(/ENVELOPE/g)?.length, 4);
  t.equal(bench.mailbox.standing(10), standings.metadata);
  t.equal(bench.mailbox.standing(20), standings.original);
  t.same(
    [...output.matchAll(/^\* (\d) FETCH/gm)].map(([, number]) => number),
    ['1', '2', '3', '4'],
    'in their order',
  );
  const again = new FetchBench(directory, ['text', 'clean', 'text']);
  await again.run('UID FETCH 1:* (BODYSTRUCTURE)');
  t.same(again.port.sent, [
    'UID FETCH 1:* (UID BODYSTRUCTURE)',
    'UID FETCH 20 (UID INTERNALDATE BODY.PEEK[])',
    'UID FETCH 20,30 (UID BODYSTRUCTURE)',
  ]);
});

t.test('metadata passes at once where it need not wait', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad'], { metadataWaits: false });
  const output = await bench.run('UID FETCH 1:* (ENVELOPE RFC822.SIZE)');
  t.same(bench.port.sent, ['UID FETCH 1:* (UID ENVELOPE RFC822.SIZE)']);
  t.match(output, /MARK20BADZ/);
  t.equal(bench.mailbox.standing(20), standings.metadata, 'and it is written down that it was shown');
  const content = new FetchBench(directory, ['bad'], { metadataWaits: false });
  t.notMatch(await content.run('UID FETCH 1:* (ENVELOPE BODY.PEEK[1])'), 'BADZ', 'content waits, and all with it');
});

t.test('a message of which only a part was answered does not look read', async (t) => {
  const bench = new FetchBench(directory, ['deferred', 'clean'], { metadataWaits: false, habits: { inTwo: true } });
  t.match(await bench.run('FETCH 1:* (ENVELOPE BODY[])'), /\* 1 FETCH \(ENVELOPE [\s\S]*C1 NO \[UNAVAILABLE\] /);
  t.same(
    bench.server.messages.map(({ flags }) => [...flags]),
    [[], ['\\Seen']],
  );
});

t.test('what is found bad while its metadata is written down is not shown', async (t) => {
  for (const size of [100, 100_000]) {
    const bench = new FetchBench(directory, ['bad'], { metadataWaits: false, size });
    bench.mailbox.showMetadata = async (uids) => {
      await new Promise((done) => setTimeout(done, 2));
      for (const uid of uids) bench.mailbox.standings.set(uid, standings.notice);
    };
    const header = bench.mails[0]?.bytes.toString('latin1') ?? '';
    bench.server.pushes = () => [Buffer.from(`RFC822.HEADER {${header.length}}\r\n${header}`)];
    const output = await bench.run('UID FETCH 1:* (RFC822.SIZE)');
    t.notMatch(output, 'BADZ');
    t.match(output, /\* 1 FETCH \(UID 10 RFC822.SIZE 275\)\r\nC1 OK /);
  }
});

t.test('of a message that was shown before it was found bad, later pieces are refused', async (t) => {
  const bench = new FetchBench(directory, ['bad', 'clean']);
  bench.mailbox.standings.set(10, standings.lateNotice);
  const output = await bench.run('UID FETCH 1:* (BODY[]<0.20>)');
  t.match(output, /\* 1 FETCH \(UID 10 BODY\[\]<0> \{20\}\r\nFrom: Mail Security \)/);
  t.match(output, /C1 OK /);
  const later = new FetchBench(directory, ['bad', 'clean']);
  later.mailbox.standings.set(10, standings.lateNotice);
  const end = await later.run('UID FETCH 1:* (FLAGS BODY[]<20.20>)');
  t.match(end, /\* 1 FETCH \(UID 10 FLAGS \(\)\)\r\n/);
  t.match(end, /\* 2 FETCH \(UID 20 FLAGS \(\\Seen\)\)\r\nC1 NO \[CANNOT\] /);
  t.notMatch(end, 'BADZ');
});

t.test('what the server says of the mailbox keeps its place', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad', 'clean', 'clean'], {
    delay: () => 2,
    habits: { expunge: { run: 1, uid: 20 } },
  });
  const output = await bench.run('UID FETCH 10,20,30,40 (BODY.PEEK[1])');
  const told = [...output.matchAll(/^\* (\d+) (EXPUNGE|FETCH \(UID \d+)/gm)].map((found) => found[0]);
  t.same(told, ['* 2 EXPUNGE', '* 1 FETCH (UID 10', '* 2 FETCH (UID 30', '* 3 FETCH (UID 40']);
  t.match(output, /C1 OK /);
  const first = new FetchBench(directory, ['clean', 'bad', 'clean'], {
    delay: () => 2,
    habits: { expunge: { run: 0, uid: 10 } },
  });
  const all = await first.run('UID FETCH 1:* (BODY.PEEK[])');
  t.same(
    [...all.matchAll(/^\* (\d+) (EXPUNGE|FETCH \(UID \d+)/gm)].map((found) => found[0]),
    ['* 1 EXPUNGE', '* 1 FETCH (UID 20', '* 2 FETCH (UID 30'],
  );
});

t.test('numbers that a server has broken are not used', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'bad', 'clean']);
  bench.server.before = '* 1 EXPUNGE\r\n';
  const output = await bench.run('FETCH 1:* (BODY[1] FLAGS)');
  t.equal(output, '* 1 EXPUNGE\r\nC1 NO [UNAVAILABLE] A message could not be checked, try again later\r\n');
  t.same(bench.port.sent, ['FETCH 1:* (UID BODY.PEEK[1] FLAGS)']);
});

t.test('an event of the server waits behind what is held, and splits what is written down together', async (t) => {
  const bench = new FetchBench(directory, [], {
    metadataWaits: false,
    delay: () => 3,
    answer: (_command, tag) =>
      `* 1 FETCH (UID 10 RFC822.SIZE 5)\r\n* 3 EXISTS\r\n* 1 EXPUNGE\r\n* 1 FETCH (UID 20 RFC822.SIZE 6)\r\n${tag} OK [EXPUNGEISSUED] x\r\n`,
  });
  t.equal(
    await bench.run('UID FETCH 1:* (RFC822.SIZE)'),
    '* 1 FETCH (UID 10 RFC822.SIZE 5)\r\n* 3 EXISTS\r\n* 1 EXPUNGE\r\n* 1 FETCH (UID 20 RFC822.SIZE 6)\r\nC1 OK [EXPUNGEISSUED] x\r\n',
  );
});

t.test('a judgement that takes long keeps the client alive, and ends', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'clean'], { delay: () => 600, keepAliveMs: 10, judgeMs: 300 });
  const output = await bench.run('UID FETCH 1:* (BODY.PEEK[])');
  t.match(output, /^(?:\* OK Still checking\r\n)+C1 NO \[UNAVAILABLE\] .*\r\n$/);
  t.ok(bench.port.outlet.interjected >= 2);
  t.same(bench.left, []);
  const slow = new FetchBench(directory, ['clean', 'bad'], { delay: () => 150, keepAliveMs: 20 });
  const answered = await slow.run('FETCH 1:* (BODY[1])');
  t.match(answered, /^\* OK Still checking\r\n/);
  t.match(answered, /\* 1 FETCH \(BODY\[1\][\s\S]*C1 OK /);
});

t.test('a message that comes slowly keeps the client alive, in front of its answer', async (t) => {
  for (const command of ['UID FETCH 10 (UID BODY.PEEK[1])', 'UID FETCH 1:* (UID BODY.PEEK[])']) {
    let tag = '';
    const bench = new FetchBench(directory, ['clean'], {
      keepAliveMs: 10,
      size: 100_000,
      answer: (asked, own) => {
        if (!asked.includes('BODY.PEEK[])')) return undefined;
        tag = own;
        return '';
      },
    });
    const answered = bench.run(command);
    const whole = bench.server.answer([Buffer.from('UID FETCH 10 (UID BODY.PEEK[])')], 'X').toString('latin1');
    const answer = whole.slice(0, whole.indexOf('X OK'));
    for (let at = 0; at < answer.length; at += 20_000) {
      bench.port.say(Buffer.from(answer.slice(at, at + 20_000), 'latin1'));
      await new Promise((done) => setTimeout(done, 50));
    }
    bench.port.say(Buffer.from(`${tag} OK done\r\n`));
    t.match(await answered, /^(?:\* OK Still checking\r\n){2,}\* 1 FETCH \(UID 10 BODY\[1?\] [\s\S]*C1 OK /, command);
    t.same(bench.left, []);
  }
});

t.test('when the connection ends, nothing stays', async (t) => {
  for (const command of [
    'UID FETCH 1:* (BODY.PEEK[])',
    'FETCH 1:* (BODY[1] FLAGS)',
    'FETCH 1:* (ENVELOPE)',
    'UID FETCH 10 (BODY[2])',
  ]) {
    for (const ms of [0, 1, 3, 6, 12]) {
      const bench = new FetchBench(directory, ['clean', 'bad', 'deferred', 'text'], {
        delay: () => 4,
        size: 70_000,
        chunk: 9000,
      });
      void bench.start(command);
      await new Promise((done) => setTimeout(done, ms));
      bench.port.fail('gone');
      await waitFor('that nothing is left', 5000, () => bench.left.length === 0).catch(() => undefined);
      t.same(bench.left, [], `${command} after ${ms} ms`);
      t.same(bench.port.finished.length > 0 ? ['gone'] : bench.port.failures, ['gone']);
    }
  }
});

t.test('a server that says more than it was asked gives away no more', async (t) => {
  const secret = 'BODY[1] {6}\r\nSECRET';
  const say = (first: string) => (command: string, tag: string) =>
    command.includes('UID INTERNALDATE') ? `${tag} OK x\r\n` : `${first}${tag} OK x\r\n`;
  const cases: [string, string][] = [
    ['FETCH 1:* (FLAGS)', `* 1 FETCH (FLAGS () ${secret})\r\n`],
    ['FETCH 1:* (FLAGS)', '* 1 FETCH (FLAGS () BODY[] "SECRET")\r\n'],
    ['FETCH 1:* (FLAGS)', '* 1 FETCH (UID 10 X-ANYTHING "SECRET")\r\n'],
    ['FETCH 1:* (FLAGS)', '* 1 FETCH (UID 10 ENVELOPE ("SECRET"))\r\n'],
    ['FETCH 1:* (FLAGS)', `* 1 FETCH (UID 10 BODY[] {70000}\r\n${'SECRET'.padEnd(70_000)} FLAGS ())\r\n`],
    ['FETCH 1:* (FLAGS RFC822.SIZE)', `* 1 FETCH (UID 10 RFC822.SIZE 9 ${secret})\r\n`],
    ['UID FETCH 1:* (BODY.PEEK[1])', `* 1 FETCH (UID 10 ${secret} BODY[] NIL)\r\n`],
    ['UID FETCH 1:* (BODY.PEEK[1])', `* 1 FETCH (UID 10 BODY[ ] "SECRET" FLAGS ())\r\n`],
    ['UID FETCH 1:* (BODY.PEEK[])', '* 1 FETCH (UID 10 BODY[]<0> "SECRET")\r\n'],
    ['UID FETCH 1:* (BODY.PEEK[])', '* 1 FETCH (UID 10 BODY[] SECRET)\r\n'],
    ['UID FETCH 1:* (BODY.PEEK[])', '* 1 FETCH (UID 10 BODY[] (SECRET))\r\n'],
    ['UID FETCH 1:* (BODY.PEEK[])', `* 1 FETCH (UID 10 BODY[] "unknown" ${secret})\r\n`],
    ['FETCH 1:* (FLAGS)', '* 1 FETCH (UID 10 INTERNALDATE {6}\r\nSECRET FLAGS ())\r\n'],
    ['FETCH 1:* (FLAGS)', `* 1 FETCH (UID 10 INTERNALDATE {70000}\r\n${'SECRET'.padEnd(70_000)})\r\n`],
    ['UID FETCH 1:* (BODY.PEEK[])', `* 1 FETCH (UID 10 INTERNALDATE {70000}\r\n${'SECRET'.padEnd(70_000)})\r\n`],
  ];
  for (const [command, said] of cases) {
    const bench = new FetchBench(directory, [], { answer: say(said) });
    const output = await bench.run(command);
    const problems: string[] = [];
    const { ends } = readTold(Buffer.from(output, 'latin1'), problems);
    t.equal(ends.length + bench.port.failures.length, 1, 'answered, or ended');
    t.same(problems, [], 'the client can read what came');
    t.notMatch(output, 'SECRET', `${command}: ${said.slice(0, 60)}`);
    t.same(bench.left, []);
  }
});

t.test('content without its UID, or with two, ends the session', async (t) => {
  const long = `{70000}\r\n${'SECRET'.padEnd(70_000)}`;
  const bad = [
    '* 1 FETCH (BODY[] {6}\r\nSECRET)',
    '* 1 FETCH (UID 10 BODY[] {6}\r\nSECRET UID 20)',
    `* 1 FETCH (BODY[] ${long})`,
    `* 1 FETCH (UID 30 BODY[] ${long} UID 10)`,
    `* 1 FETCH (UID 10 BODY[1] ${long} UID 20 BODY[] {6}\r\nSECRET)`,
    '* 1 FETCH (UID 10 BODY[] {1}\r\nx BODY[] {6}\r\nSECRET)',
    `* 1 FETCH (UID 10 BODY[] {1}\r\nx BODY[] ${long})`,
    `* 1 FETCH (UID 10 BODY[] ${long} RFC822 ${long})`,
  ];
  for (const said of bad) {
    const bench = new FetchBench(directory, [], { answer: (_, tag) => `${said}\r\n${tag} OK x\r\n` });
    bench.mailbox.standings.set(20, standings.original);
    t.notMatch(await bench.run('UID FETCH 1:* (BODY.PEEK[])'), 'SECRET', said.slice(0, 60));
    t.equal(bench.port.failures.length, 1);
    t.same(bench.left, []);
  }
  const turning = new FetchBench(directory, [], {
    answer: (_, tag) =>
      `* 1 FETCH (UID 20 BODY[1] {70000}\r\n${'x'.repeat(70_000)} UID 10 BODY[] {6}\r\nSECRET)\r\n${tag} OK x\r\n`,
  });
  turning.mailbox.standings.set(20, standings.original);
  t.notMatch(await turning.run('UID FETCH 1:* (BODY.PEEK[] BODY.PEEK[1])'), 'SECRET');
  t.equal(turning.port.failures.length, 1);
});

t.test('failures of the judge are refusals', async (t) => {
  const broken = () => Promise.reject(new Error('broken'));
  const judge = new FetchBench(directory, ['clean']);
  judge.mailbox.judge = broken;
  t.match(await judge.run('UID FETCH 1:* (BODY.PEEK[])'), /^C1 NO \[UNAVAILABLE\] /);
  t.same(judge.left, []);
  const notice = new FetchBench(directory, ['bad']);
  notice.mailbox.standings.set(10, standings.notice);
  notice.mailbox.notice = broken;
  t.match(await notice.run('UID FETCH 1:* (BODY.PEEK[])'), /^C1 NO \[UNAVAILABLE\] /);
  const shown = new FetchBench(directory, ['text']);
  shown.mailbox.showMetadata = broken;
  t.match(await shown.run('UID FETCH 1:* (BODYSTRUCTURE)'), /^C1 NO \[UNAVAILABLE\] /);
  const settle = new FetchBench(directory, ['clean']);
  settle.mailbox.settle = broken;
  t.match(
    await settle.run('UID FETCH 1:* (BODY.PEEK[1])'),
    /BODY\[1\][\s\S]*C1 OK /,
    'what is not remembered is fetched',
  );
  for (const bench of [notice, shown, settle]) t.same(bench.left, []);
});

t.test('a message that never comes to stand is given up', async (t) => {
  const bench = new FetchBench(directory, ['clean', 'clean']);
  bench.mailbox.standing = () => standings.unjudged;
  t.match(await bench.run('UID FETCH 1:* (BODY[1])'), /^C1 NO \[UNAVAILABLE\] /);
  t.equal(bench.port.sent.length, 1 + 2 * 3);
  t.notOk(bench.server.messages.some(({ flags }) => flags.has('\\Seen')));
});

t.test('one slow message holds up the answers behind it, and not their judgement', async (t) => {
  const count = 600;
  const bench = new FetchBench(directory, Array<Kind>(count).fill('clean'), { chunk: 4096 });
  const { mailbox } = bench;
  const receive = mailbox.receive.bind(mailbox);
  let release: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  let judged = 0;
  mailbox.receive = () => {
    const intake = receive();
    const judge = intake.judge.bind(intake);
    let recorded = false;
    Object.defineProperty(intake, 'recorded', { get: () => recorded });
    intake.judge = (facts) => {
      judged += 1;
      if (facts.uid === 10) return slow.then(() => judge(facts));
      recorded = true;
      return Promise.resolve().then(() => judge(facts));
    };
    return intake;
  };
  const over = bench.run('UID FETCH 1:* (BODY.PEEK[])');
  await waitFor('all but one to be judged', 20_000, () => judged === count);
  t.equal(mailbox.openIntakes, 1, 'the octets of the others have made room');
  t.equal(bench.output, '', 'and none of them comes before its turn');
  release();
  const numbers = (await over).match(/^\* \d+ FETCH/gm)?.map((head) => Number(head.split(' ')[1]));
  t.same(
    numbers,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  t.same(bench.left, []);
});

t.test('many messages under way hold up the server, not the memory', async (t) => {
  const kinds = Array.from({ length: 600 }, (_, index): Kind => (index % 3 === 0 ? 'bad' : 'clean'));
  const bench = new FetchBench(directory, kinds, { delay: () => 1, chunk: 4096 });
  let most = 0;
  const receive = bench.mailbox.receive.bind(bench.mailbox);
  bench.mailbox.receive = () => {
    const intake = receive();
    most = Math.max(most, bench.mailbox.openIntakes);
    return intake;
  };
  const output = await bench.run('UID FETCH 1:* (BODY.PEEK[])');
  t.equal(output.match(/^\* \d+ FETCH/gm)?.length, 600);
  t.ok(most <= limits.imapFetch.heldMax, `${most} at a time`);
  t.ok(bench.port.pauses > 1);
  t.same(bench.left, []);
});

t.test('the end of the command tells what the server said', async (t) => {
  const ended = async (...answers: string[]) => {
    let run = 0;
    const bench = new FetchBench(directory, ['clean'], {
      answer: (_, tag) =>
        `${answers[run++] === undefined ? '' : '* 1 FETCH (UID 10 BODY[1] "x")\r\n'}${tag} ${answers[run - 1] ?? 'OK last'}\r\n`,
    });
    return (await bench.run('FETCH 1:* (BODY.PEEK[1])')).replace(/^\*.*\r\n/gm, '');
  };
  t.equal(await ended('BAD Unknown thing'), 'C1 BAD Unknown thing\r\n');
  t.equal(await ended('NO [UNKNOWN-CTE] Cannot decode'), 'C1 NO [UNKNOWN-CTE] Cannot decode\r\n');
  t.equal(await ended('OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] done'), 'C1 OK Fetch ended\r\n');
  t.equal(await ended('OK done'), 'C1 OK done\r\n');
});

t.test('flags that the server changes are told, whatever becomes of the rest', async (t) => {
  const bench = new FetchBench(directory, ['deferred', 'bad'], { habits: { chatty: true } });
  const output = await bench.run('FETCH 1:* (BODY.PEEK[1])');
  t.match(output, /^\* 1 FETCH \(FLAGS \(\)\)\r\n/);
  const since = new FetchBench(directory, ['clean']);
  const changed = await since.run('UID FETCH 1:* (BODY.PEEK[1]) (CHANGEDSINCE 5 VANISHED)');
  t.match(changed, /^\* 1 FETCH \(UID 10 BODY\[1\][\s\S]* MODSEQ \(7\)\)\r\nC1 OK/);
  t.equal(since.port.sent[0], 'UID FETCH 1:* (UID BODY.PEEK[1]) (CHANGEDSINCE 5 VANISHED)');
  t.equal(since.port.sent.at(-1), 'UID FETCH 10 (UID BODY.PEEK[1] MODSEQ)');
});

t.test('outside of a FETCH only what tells nothing of the content passes', async (t) => {
  const guarded = (text: string) => {
    const reader = new ResponseReader();
    const guard = createFetchGuard();
    const passed: Buffer[] = [];
    for (let at = 0; at < text.length; at += 30_000) {
      reader.push(Buffer.from(text.slice(at, at + 30_000), 'latin1'));
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (event.kind !== 'fetch' && event.kind !== 'fetch-data' && event.kind !== 'fetch-more')
          throw new Error(event.kind);
        const bytes = guard(event);
        if (bytes !== undefined) passed.push(bytes);
      }
    }
    return Buffer.concat(passed).toString('latin1');
  };
  const flags = '* 5 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))\r\n';
  t.equal(guarded(flags), flags);
  t.equal(guarded('* 5 FETCH (FLAGS () BODY[] "x" UID 7)\r\n'), '* 5 FETCH (FLAGS () UID 7)\r\n');
  t.equal(guarded('* 5 FETCH (UID 7 ENVELOPE (NIL))\r\n'), '', 'a UID alone says nothing');
  const long = `{100000}\r\n${'x'.repeat(100_000)}`;
  t.equal(
    guarded(`* 5 FETCH (BODY[] ${long} FLAGS () BODY[1] ${long} UID 7)\r\n${flags}`),
    `* 5 FETCH (FLAGS () UID 7)\r\n${flags}`,
  );
});

t.test('messages are asked for in commands that servers take', async (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 3_000_000_000 }), { maxLength: 3000 }),
      fc.integer({ min: 1, max: 50 }),
      (list, max) => {
        const numbers = list.sort((a, b) => a - b);
        const made = [...batches(numbers, (number) => number, max * 40)];
        if (made.flatMap(({ members }) => members).join() !== numbers.join()) return false;
        return made.every(({ set, members }) => {
          const ranges = parseSet(set) ?? [];
          return (
            set.length < 4100 &&
            members.length <= max * 40 &&
            countSet(ranges) === members.length &&
            members.every((number) => setContains(ranges, number))
          );
        });
      },
    ),
    { numRuns: 100 },
  );
  t.equal([...batches([1, 2, 3, 7, 8, 10], (number) => number)][0]?.set, '1:3,7:8,10');
});

t.test('the structure of a message without attachment', async (t) => {
  const text = '("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 10 1 NIL NIL NIL NIL)';
  const html = '("TEXT" "HTML" NIL NIL NIL "quoted-printable" 10 1 NIL ("inline" NIL) NIL NIL)';
  const plain = [
    text,
    html,
    `(${text}${html} "alternative" ("boundary" "b") NIL NIL NIL)`,
    `((${text} ${html} "alternative" ("boundary" "b") NIL NIL) "mixed" ("boundary" {1}\r\nb) NIL NIL)`,
  ];
  const others = [
    '("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 10 1)',
    '("text" "plain" ("name" "x.txt") NIL NIL "7bit" 10 1 NIL NIL NIL NIL)',
    '("text" "plain" ("NAME*0" "x.txt") NIL NIL "7bit" 10 1 NIL NIL NIL NIL)',
    '("text" "plain" NIL NIL NIL "7bit" 10 1 NIL ("attachment" NIL) NIL NIL)',
    '("text" "plain" NIL NIL NIL "7bit" 10 1 NIL ("inline" ("filename" "x")) NIL NIL)',
    '("text" "plain" NIL NIL NIL "x-uuencode" 10 1 NIL NIL NIL NIL)',
    '("text" "calendar" NIL NIL NIL "7bit" 10 1 NIL NIL NIL NIL)',
    '("image" "png" NIL NIL NIL "base64" 10 NIL NIL NIL NIL NIL)',
    '("message" "rfc822" NIL NIL NIL "7bit" 10 NIL NIL NIL NIL NIL)',
    `(${text}("image" "png" NIL NIL NIL "base64" 10 NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)`,
    `(${text} "signed" ("boundary" "b") NIL NIL NIL)`,
    `(${text} "mixed")`,
    `(${text} "mixed" ("boundary" "b") ("attachment" ("filename" "x")) NIL NIL)`,
    ...[
      '',
      '()',
      '(',
      ')',
      'NIL',
      '"text"',
      '(())',
      `${text} `,
      `${text}${text}`,
      text.slice(0, -1),
      '(NIL "mixed" NIL NIL)',
      '({99}\r\nx)',
    ],
    `${'('.repeat(100)}${')'.repeat(100)}`,
    `(${text.repeat(100)} "mixed" NIL NIL NIL)`,
  ];
  for (const value of plain) t.ok(surelyWithoutAttachment(Buffer.from(value)), value);
  for (const value of others) t.notOk(surelyWithoutAttachment(Buffer.from(value)), value.slice(0, 80));
});
