/** Memory that is read into again and again: no octet of one read, mail or user ever stands where another belongs. */
import fc from 'fast-check';
import t from 'tap';
import { standings } from '../src/imap/handler.js';
import { limits } from '../src/runtime/limits.js';
import { dovecotPrograms } from './support/dovecot.js';
import { FakeMailbox } from './support/fake-mailbox.js';
import { startBed } from './support/imap-bed.js';
import { type ImapAnswer, ImapClient } from './support/imap-client.js';
import { maliciousMails } from './support/imap-mails.js';
import { differences } from './support/imap-matrix.js';
import { type Random, randomFrom } from './support/imap-stress.js';
import { judgedMail, type Kind } from './support/judged-mails.js';
import { MemorySession } from './support/memory-session.js';
import { skipWithout } from './support/missing.js';
import { ModelServer } from './support/model-server.js';
import { SecretWatch } from './support/secret-watch.js';
import { startSlowRelay } from './support/slow-relay.js';

t.setTimeout(400_000);

const directory = t.testdir({});
const skip = skipWithout(...dovecotPrograms);

const emptyMailbox = () => new FakeMailbox([], { delay: () => undefined, metadataWaits: true }, directory);

t.test('what is understood only when the client reads on is not read over', async (t) => {
  for (const reuses of [false, true]) {
    const flags = `FLAGS (${Array.from({ length: 200 }, (_, index) => `keyword${index}`).join(' ')})`;
    const line = `* 2 FETCH (FLAGS (${Array.from({ length: 20 }, () => '\\Seen').join(' ')}))\r\n`;
    // As many as the client's backlog takes before nothing more is read.
    const lines = line.repeat(Math.ceil(limits.imapSession.clientBacklogBytes / line.length) + 3);
    const content = 'SECRET OF ANOTHER. '.repeat(20_000);
    const session = await new MemorySession({
      mailbox: emptyMailbox(),
      messages: () => 2,
      reuses,
      // A server that says more than it was asked.
      answers: (_, tag) =>
        Buffer.from(
          `${lines}* 1 FETCH (${flags} BODY[] {${content.length}}\r\n${content})\r\n${line}${tag} OK done\r\n`,
        ),
    }).open();
    session.command('c FETCH 1:2 FLAGS');
    // The client takes nothing, until the head of the long response is the next that there is.
    while (session.read(40_000));
    t.ok(session.client.backlog > limits.imapSession.clientBacklogBytes, 'no more is read');
    session.take(Number.MAX_SAFE_INTEGER);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await session.settle(40_000);
    const text = session.output.toString('latin1');
    t.notOk(text.includes('SECRET'), reuses ? 'in memory that is used again' : 'in fresh memory');
    t.ok(text.includes(`* 1 FETCH (${flags})`), 'flags as they were');
    t.ok(text.endsWith('c OK done\r\n'));
    t.same(session.problems, []);
  }
});

t.test('a client who takes nothing holds no more memory than a few times what waits for him', async (t) => {
  const { clientBacklogBytes } = limits.imapSession;
  for (const size of [3000, 20_000, 100_000]) {
    for (const read of [1000, 1448, 4344, 8000, 16_000, 30_000, 65_536]) {
      const mails = Array.from({ length: Math.ceil(1_500_000 / size) }, (_, index) =>
        judgedMail(index + 1, 'clean', size),
      );
      const mailbox = new FakeMailbox(mails, { delay: () => undefined, metadataWaits: true }, directory);
      for (const { uid, bytes } of mails) {
        mailbox.standings.set(uid, standings.original);
        mailbox.sizes.set(uid, bytes.length);
      }
      const server = new ModelServer(mails);
      const answers = (command: string, tag: string) => server.answer([Buffer.from(command, 'latin1')], tag);
      const session = await new MemorySession({ mailbox, messages: () => mails.length, answers, reuses: true }).open();
      session.command('c FETCH 1:* (BODY.PEEK[])');
      while (session.read(read));
      const { backlog, heldBytes } = session.client;
      t.ok(backlog > clientBacklogBytes, `mails of ${size}: ${backlog} octets wait`);
      t.ok(heldBytes < 5 * clientBacklogBytes, `in ${heldBytes} octets, read ${read} at a time`);
      await session.settle();
    }
  }
});

const kinds: fc.Arbitrary<Kind> = fc.constantFrom('clean', 'clean', 'clean', 'text', 'bad', 'late-bad', 'deferred');
const mailSizes = fc.constantFrom(0, 100, 2000, 30_000, 40_000, 70_000, 300_000);
const asked = fc.constantFrom(
  ...[
    'FETCH 1:* (BODY.PEEK[])',
    'UID FETCH 1:* (FLAGS BODY[])',
    'FETCH 1:* (UID BODY.PEEK[TEXT]<0.3000>)',
    'FETCH 2 RFC822',
  ],
  ...[
    'FETCH 1:* (ENVELOPE BODYSTRUCTURE)',
    'UID FETCH 1:* (FLAGS)',
    'FETCH 1 BODY[]',
    'FETCH 2 BODY[]',
    'FETCH 3 BODY[]',
  ],
  ...[
    'FETCH 1:* (BODY.PEEK[1] BODY.PEEK[])',
    'FETCH 1:* (BODY.PEEK[HEADER])',
    'UID FETCH 1:* (UID RFC822.TEXT)',
    'NOOP',
  ],
);
const user = fc.record({
  mails: fc.array(fc.tuple(kinds, mailSizes), { minLength: 1, maxLength: 5 }),
  commands: fc.array(asked, { minLength: 1, maxLength: 6 }),
  reads: fc.array(fc.constantFrom(100, 1000, 4096, 5000, 30_000, 65_536, 131_072), { minLength: 1, maxLength: 5 }),
  takes: fc
    .array(fc.constantFrom(0, 0, 1, 2, 5, 1000), { minLength: 1, maxLength: 6 })
    .filter((list) => list.some((one) => one > 0)),
  delays: fc.array(fc.constantFrom(undefined, undefined, 0), { minLength: 1, maxLength: 3 }),
  habits: fc.record({
    uidLast: fc.boolean(),
    inTwo: fc.boolean(),
    chatty: fc.boolean(),
    expunge: fc.constant(undefined),
  }),
  inspected: fc.constantFrom(true, true, true, false),
});
type User = typeof user extends fc.Arbitrary<infer T> ? T : never;

/** reads of all mails of a user, and turns of all users, at the most */
const readsMax = 1500;
const roundsMax = 200_000;

/** All users at a time, each with its reads and its patience. What each of them got, and what was wrong. */
async function readAll(users: readonly User[], reuses: boolean): Promise<{ outputs: string[]; problems: string[] }> {
  const problems: string[] = [];
  const sessions = await Promise.all(
    users.map(async ({ mails, delays, habits, inspected }, number) => {
      const judged = mails.map(([kind, size], index) => judgedMail((number + 1) * 100 + index, kind, size));
      let turn = 0;
      const mailbox = new FakeMailbox(
        judged,
        { delay: () => delays[turn++ % delays.length], metadataWaits: true },
        directory,
      );
      const server = new ModelServer(judged, habits);
      const answers = (command: string, tag: string) =>
        command === 'NOOP' ? Buffer.from(`${tag} OK done\r\n`) : server.answer([Buffer.from(command, 'latin1')], tag);
      return {
        mailbox,
        session: await new MemorySession({ mailbox, messages: () => judged.length, answers, reuses, inspected }).open(),
      };
    }),
  );
  const waiting = users.map(({ commands }) => commands.map((command, index) => `c${index} ${command}`));
  // Long mails in short reads, which a client takes one write at a time, would never end.
  const least = users.map(({ mails }) => mails.reduce((sum, [, size]) => sum + size, 0) / readsMax);
  const busy = () => sessions.some(({ session }, index) => waiting[index]?.length !== 0 || session.busy);
  for (let round = 0; busy() && round < roundsMax; round += 1) {
    for (const [index, { session }] of sessions.entries()) {
      const { reads, takes } = users[index] as User;
      const command = round % 3 === 0 ? waiting[index]?.shift() : undefined;
      if (command !== undefined) session.command(command);
      session.read(Math.max(reads[round % reads.length] ?? 1000, Math.ceil(least[index] ?? 0)));
      session.take(takes[round % takes.length] ?? 1000);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [index, { session, mailbox }] of sessions.entries()) {
    const { commands } = users[index] as User;
    problems.push(...session.problems, ...mailbox.strange);
    if (mailbox.openIntakes > 0) problems.push(`${mailbox.openIntakes} intakes stay open`);
    const text = session.output.toString('latin1');
    if (!new RegExp(`(?:^|\n)c${commands.length - 1} (?:OK|NO) [^\r\n]*\r\n$`).test(text))
      problems.push('not all was answered');
  }
  // How many commands of ours a FETCH took is no matter of the client's.
  return {
    outputs: sessions.map(({ session }) => session.output.toString('latin1').replace(/ \(run \d+\)/g, '')),
    problems,
  };
}

t.test('users who read side by side get what each gets in memory of his own', async (t) => {
  let octets = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(user, { minLength: 1, maxLength: 4 }), async (users) => {
      const fresh = await readAll(users, false);
      const again = await readAll(users, true);
      const problems = [...fresh.problems, ...again.problems];
      for (const [index, text] of again.outputs.entries()) {
        octets += text.length;
        if (text !== fresh.outputs[index]) problems.push(`user ${index} got something else`);
        for (const [mark, of] of text.matchAll(/MARK(\d+)\d\d[A-Z]+Z/g)) {
          if (Number(of) !== index + 1) problems.push(`user ${index} got ${mark}`);
        }
        if ((users[index] as User).inspected && /MARK\d+(?:BAD|DEFERRED)Z/.test(text))
          problems.push(`user ${index} got what is withheld`);
      }
      if (problems.length > 0) throw new Error(problems.join('\n'));
    }),
    { numRuns: Number(process.env.MEMORY_RUNS ?? 60) },
  );
  t.ok(octets > 5_000_000, `${octets} octets`);
});

/** A mail that tells in each line whose it is, with a file of random octets. */
function ownMail(user: string, number: number, size: number, random: Random): Buffer {
  const line = `${user} ${number} ${'.'.repeat(40)}\r\n`;
  const file = Buffer.from(Array.from({ length: Math.ceil(size / 40) }, () => random(256)));
  const head = `From: ${user}@example.org\r\nSubject: ${user} ${number}\r\nMIME-Version: 1.0\r\n`;
  const parts = [
    `Content-Type: text/plain\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`,
    `Content-Type: application/octet-stream; name="${number}.dat"\r\nContent-Transfer-Encoding: base64\r\n\r\n${file.toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`,
  ];
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('');
  return Buffer.from(`${head}Content-Type: multipart/mixed; boundary=b\r\n\r\n${body}--b--\r\n`);
}

t.test('many clients, fast and slow, get of a real server what is theirs', { skip }, async (t) => {
  const bed = await startBed(t);
  const { dovecot } = bed;
  const random = randomFrom(7);
  const slow = await startSlowRelay(t, bed.through, () => random(4));
  const bad = maliciousMails().slice(0, 5);
  const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
  const sizes = [100, 2000, 9000, 33_000, 70_000, 150_000, 500_000, 3_000_000];
  const commands = [
    ...['FETCH 1:* (BODY.PEEK[])', 'UID FETCH 1:* (FLAGS BODY.PEEK[1])', 'FETCH 1:* (UID BODY.PEEK[TEXT]<100.70000>)'],
    ...[
      'UID FETCH 1:* (BODY.PEEK[] BODY.PEEK[2])',
      'FETCH 1:* (ENVELOPE BODYSTRUCTURE)',
      'UID FETCH 3:9 RFC822.HEADER',
    ],
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((number) => `FETCH ${number} (BODY.PEEK[])`),
  ];
  const found: string[] = [];
  let octets = 0;
  const readAll = async (number: number) => {
    const user = dovecot.user(`user${number}`);
    const mails = Array.from({ length: 12 }, (_, index) =>
      index === number % 12 ? bad[number % bad.length]?.mail : undefined,
    ).map((mail, index) => mail ?? ownMail(user, index, sizes[random(sizes.length)] ?? 100, random));
    dovecot.putMaildir(user, mails);
    const direct = await ImapClient.login(bed.direct, user, dovecot.password);
    const port = number % 2 === 0 ? slow : bed.through;
    const through = await ImapClient.login(port, user, dovecot.password, { watch: watch.connection(user) });
    through.patienceMs = 100_000;
    for (const client of [direct, through]) await client.ok('EXAMINE INBOX');
    const order = commands.map((command) => ({ command, key: random(1000) })).sort((one, other) => one.key - other.key);
    const own = (answer: ImapAnswer): ImapAnswer => ({
      ...answer,
      untagged: answer.untagged.filter(({ number: sequence }) => sequence !== (number % 12) + 1),
    });
    for (const { command } of order) {
      const [expected, actual] = [await direct.command(command), await through.command(command)];
      for (const { raw } of actual.untagged) octets += raw.length;
      const other = differences(own(expected), own(actual), () => user);
      found.push(...other.map((line) => `${command}: ${line.slice(0, 200)}`));
    }
    for (const client of [direct, through]) client.destroy();
  };
  await Promise.all(Array.from({ length: 16 }, (_, number) => readAll(number)));
  t.same(found, []);
  t.same(watch.found, [], `nothing of a payload in ${octets} octets`);
  t.ok(octets > 50_000_000, 'and a lot was read');
});
