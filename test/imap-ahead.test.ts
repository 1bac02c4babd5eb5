/** Messages that are judged before they are asked for: what is seen of that is that answers come sooner. */
import fc from 'fast-check';
import t from 'tap';
import { createFetchExchange } from '../src/imap/fetch/fetch-exchange.js';
import { ReadAhead } from '../src/imap/fetch/read-ahead.js';
import { standings } from '../src/imap/handler.js';
import { limits } from '../src/runtime/limits.js';
import { goThrough, standingOf, walk } from './support/ahead-walk.js';
import { CountingRelay } from './support/counting-relay.js';
import { type Dovecot, dovecotPrograms, startDovecot } from './support/dovecot.js';
import { FakeMailbox } from './support/fake-mailbox.js';
import { requestOf } from './support/fetch-check.js';
import { FakePort } from './support/fetch-port.js';
import { ImapClient, type ImapClientOptions } from './support/imap-client.js';
import { cleanMails, maliciousMails } from './support/imap-mails.js';
import { messagesIn } from './support/imap-matrix.js';
import { bytesOf } from './support/imap-values.js';
import { judgedMail, type Kind } from './support/judged-mails.js';
import { MemorySession } from './support/memory-session.js';
import { skipWithout } from './support/missing.js';
import { ModelServer } from './support/model-server.js';
import { waitFor } from './support/ports.js';
import { incidents, startGate } from './support/running.js';
import { SecretWatch } from './support/secret-watch.js';

t.setTimeout(300_000);

const directory = t.testdir({});
const skip = skipWithout(...dovecotPrograms);

t.test('whoever goes through a mailbox is answered as if nothing had been read ahead', async (t) => {
  let hidden = 0;
  await fc.assert(
    fc.asyncProperty(walk, async (one) => {
      const fast = await goThrough(one, false, directory);
      const slow = await goThrough(one, true, directory);
      const problems = [...fast.problems, ...slow.problems];
      for (const [index, answer] of fast.answers.entries()) {
        if (answer !== slow.answers[index])
          problems.push(`${answer.slice(0, 300)}\nfor ${slow.answers[index]?.slice(0, 300)}`);
      }
      for (const { uid, kind } of fast.mails) {
        const [standing, other] = [fast.mailbox.standing(uid), slow.mailbox.standing(uid)];
        if (standing !== other && other !== standings.unjudged)
          problems.push(`${uid} stands as ${standing}, not ${other}`);
        if (standing !== standings.unjudged && standing !== standingOf(kind))
          problems.push(`${uid} ${kind} stands as ${standing}`);
      }
      const count = (commands: readonly string[]) =>
        commands.filter((command) => /^(?:UID )?FETCH [\d:,]*[:,]/.test(command)).length;
      if (count(slow.commands) > 0) problems.push('the slow one is read ahead of');
      hidden += count(fast.commands);
      if (problems.length > 0) throw new Error(problems.join('\n'));
    }),
    { numRuns: Number(process.env.AHEAD_RUNS ?? 100) },
  );
  t.ok(hidden > 25, `${hidden} times`);
});

/** A session with these mails, UIDs 1, 2, 3 …, whose client asks in the pace of a program. */
async function walker(kinds: readonly Kind[], options: Partial<WalkerOptions> = {}) {
  const mails = kinds.map((kind, index) => judgedMail(index + 1, kind, options.size ?? 300));
  const mailbox = new FakeMailbox(mails, { delay: options.delay ?? (() => undefined), metadataWaits: true }, directory);
  const server = new ModelServer(mails);
  const commands: string[] = [];
  const answers = (command: string, tag: string) => {
    commands.push(command);
    return options.answers?.(command, tag) ?? server.answer([Buffer.from(command)], tag);
  };
  const session = await new MemorySession({ mailbox, messages: () => mails.length, answers, reuses: true }).open();
  return { mails, mailbox, server, session, commands };
}

interface WalkerOptions {
  readonly size: number;
  readonly delay: () => number | undefined;
  /** instead of the server */
  readonly answers: (command: string, tag: string) => Buffer | undefined;
}

const clean = (count: number) => Array.from({ length: count }, () => 'clean' as const);
const hiddenOf = (commands: readonly string[]) => commands.filter((command) => /^(?:UID )?FETCH \d+[:,]/.test(command));

t.test('a server that has much to tell meanwhile is heard to its end', async (t) => {
  const flags = `* 1 FETCH (FLAGS (${'keyword '.repeat(12)}\\Seen))\r\n`;
  const flood = flags.repeat(Math.ceil((2 * limits.imapSession.judgedBacklogBytes) / flags.length));
  const { session, commands } = await walker(clean(8), {
    delay: () => 1,
    answers: (command, tag) => (hiddenOf([command]).length > 0 ? Buffer.from(`${flood}${tag} OK done\r\n`) : undefined),
  });
  for (let number = 1; number <= 4; number += 1) {
    const output = await session.ask(`c FETCH ${number} (BODY.PEEK[])`);
    t.match(output, /c OK [^\r\n]*\r\n$/, `message ${number}`);
  }
  t.ok(hiddenOf(commands).length > 0);
  t.same(session.problems, []);
});

/** What a client asks for, message by message: a name, the order, and each command. */
type OneByOne = readonly [string, readonly number[], (number: number) => string];

function walksOver(numbers: readonly number[]): readonly OneByOne[] {
  const down = [...numbers].reverse();
  const third = numbers.filter((number) => number % 3 === 0);
  return [
    ['up by number', numbers, (number) => `FETCH ${number} (BODY.PEEK[])`],
    ['down by number', down, (number) => `FETCH ${number} (FLAGS BODY.PEEK[])`],
    ['up by UID', numbers, (number) => `UID FETCH ${number} (BODY.PEEK[])`],
    ['down by UID', down, (number) => `UID FETCH ${number} (UID BODY.PEEK[])`],
    ['every third by UID', third, (number) => `UID FETCH ${number} (BODY.PEEK[])`],
    ['parts by UID', numbers, (number) => `UID FETCH ${number} (BODY.PEEK[TEXT])`],
    ['marking as read', numbers, (number) => `FETCH ${number} BODY[]`],
  ];
}

type Contents = ReadonlyMap<number, Buffer | undefined>;

/** Of all messages of `reader`, in one command. */
async function contentsOf(port: number, dovecot: Dovecot, options: ImapClientOptions, item: string): Promise<Contents> {
  const client = await ImapClient.login(port, 'reader', dovecot.password, options);
  await client.ok('EXAMINE INBOX');
  const all = messagesIn(await client.ok(`FETCH 1:* (${item})`));
  client.destroy();
  return new Map([...all].map(([number, items]) => [number, bytesOf(items.get(item.replace('.PEEK', '')))]));
}

/** Asks one after the other. What is not as it should be, one line each. */
async function wrongSteps(
  client: ImapClient,
  steps: readonly (readonly [number, string])[],
  shown: Contents,
  texts: Contents,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const [number, command] of steps) {
    const answer = await client.command(command);
    const given = messagesIn(answer);
    const text = given.get(number)?.get('BODY[TEXT]');
    const content = bytesOf(text ?? given.get(number)?.get('BODY[]'));
    const expected = (text === undefined ? shown : texts).get(number);
    const same = expected !== undefined && content?.equals(expected) === true;
    if (answer.status !== 'OK' || given.size !== 1) wrong.push(`${number}: ${answer.status}, ${given.size} messages`);
    else if (!same) wrong.push(`${number}: ${content?.length} octets`);
  }
  return wrong;
}

/** How many messages are marked as read. */
async function seenIn(dovecot: Dovecot, user: string): Promise<number> {
  const client = await ImapClient.login(dovecot.port, user, dovecot.password);
  await client.ok('EXAMINE INBOX');
  const { untagged } = await client.ok('SEARCH SEEN');
  client.destroy();
  const found = untagged.find(({ name }) => name === 'SEARCH')?.raw.toString('latin1') ?? '';
  return found.trim().split(' ').length - 2;
}

t.test('with a real server, all that is asked step by step is there to the octet, and sooner', { skip }, async (t) => {
  const dovecot = await startDovecot(t);
  const bad = maliciousMails().slice(0, 24);
  const mails = cleanMails(260).flatMap((mail, index) => [
    mail,
    ...(index % 11 === 5 ? bad.slice(index / 11, index / 11 + 1) : []),
  ]);
  const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
  const reader = dovecot.user('reader');
  const relay = await CountingRelay.start(t, dovecot.port);
  const gate = await startGate(t, { imapUpstreamPort: relay.port });
  // What a client gets that takes all at once is what one gets that goes step by step.
  const contents = (port: number, item = 'BODY.PEEK[]') =>
    contentsOf(port, dovecot, port === dovecot.port ? {} : { watch: watch.connection('reader') }, item);
  dovecot.putMaildir(
    reader,
    mails.map(({ mail }) => mail),
  );
  const shown = await contents(gate.imapPort);
  const direct = await contents(dovecot.port);
  const texts = await contents(gate.imapPort, 'BODY.PEEK[TEXT]');
  const withheld = [...direct].filter(
    ([number, content]) => content?.equals(shown.get(number) ?? Buffer.alloc(0)) !== true,
  );
  t.equal(direct.size, mails.length);
  t.equal(withheld.length, bad.length, 'what is withheld');

  const numbers = mails.map((_, index) => index + 1);
  const walks = walksOver(numbers);
  for (const [name, order, command] of walks) {
    const user = dovecot.user(name.replaceAll(' ', '-'));
    dovecot.putMaildir(
      user,
      mails.map(({ mail }) => mail),
    );
    const client = await ImapClient.login(gate.imapPort, user, dovecot.password, { watch: watch.connection(name) });
    const marks = command(1).includes('BODY[]');
    await client.ok(marks ? 'SELECT INBOX' : 'EXAMINE INBOX');
    const before = relay.fetches;
    t.same(
      await wrongSteps(
        client,
        order.map((number) => [number, command(number)]),
        shown,
        texts,
      ),
      [],
      name,
    );
    const asked = relay.fetches - before;
    // Without it, one for each whole message and two for each part; a third question comes before what marks as read.
    t.ok(
      asked > order.length && asked < (marks ? 2.5 : 1.5) * order.length,
      `${asked} commands of the gate for ${order.length}`,
    );
    client.destroy();
    const seen = await seenIn(dovecot, user);
    t.equal(seen, marks ? order.length : 0, 'read is what was read');
  }
  t.same(watch.found, [], `nothing of a payload in ${watch.octets} octets`);
  const told = await incidents(gate, 6 * (bad.length - 1));
  const toldOf = (user: string) =>
    told.filter(({ targets }) => JSON.stringify(targets) === JSON.stringify([user])).length;
  // Two of them are one item.
  t.equal(toldOf(reader), bad.length - 1);
  for (const [name, order] of walks) {
    const user = dovecot.user(name.replaceAll(' ', '-'));
    if (order.length === mails.length) t.equal(toldOf(user), toldOf(reader), `${name}: each is told of once`);
  }
});

t.test('large messages are not read ahead, however small those before them were', async (t) => {
  const { bytesMax, messagesMax } = limits.readAhead;
  for (const command of ['FETCH', 'UID FETCH']) {
    const mails = Array.from({ length: 60 }, (_, index) => judgedMail(index + 1, 'clean', index < 30 ? 200 : 400_000));
    const mailbox = new FakeMailbox(mails, { delay: () => 0, metadataWaits: true }, directory);
    const server = new ModelServer(mails);
    let most = 0;
    const answers = (asked: string, tag: string) => {
      const answer = server.answer([Buffer.from(asked)], tag);
      if (/ \(UID INTERNALDATE BODY/.test(asked)) most = Math.max(most, answer.length);
      return answer;
    };
    const session = await new MemorySession({ mailbox, messages: () => mails.length, answers, reuses: true }).open();
    for (let number = 1; number <= 50; number += 1) {
      const output = await session.ask(`c ${command} ${number} (BODY.PEEK[])`);
      if (!output.includes(`MARK${number}CLEANZ attachment`)) t.fail(`${number} is not there`);
    }
    t.ok(most > 0 && most < bytesMax + messagesMax * 200, `${command}: ${most} octets at a time`);
    t.same(session.problems, []);
  }
});

/** A command without its items, and ms since the one before. */
type Asked = readonly [string, number?];

function after(exists: number | undefined, ...asked: readonly Asked[]): ReadAhead {
  let now = 0;
  const ahead = new ReadAhead(() => now);
  ahead.counted(exists);
  for (const [text, wait = 10] of asked) {
    now += wait;
    ahead.asked(requestOf(`${text} (BODY.PEEK[])`));
  }
  return ahead;
}

t.test('what a client asks tells where it goes', (t) => {
  const { paceMs, uidGap, messagesLeast, messagesMax, bytesMax } = limits.readAhead;
  const mailbox = new FakeMailbox([], { delay: () => undefined, metadataWaits: true }, directory);
  const told = (exists: number | undefined, ...asked: readonly Asked[]) => after(exists, ...asked).next(mailbox);
  t.equal(told(9, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']), '4:5');
  t.equal(told(9, ['FETCH 9'], ['FETCH 8'], ['FETCH 7']), '5:6');
  t.equal(told(4, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']), '4:4', 'to the end');
  t.equal(told(3, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']), undefined, 'not beyond');
  t.equal(told(3, ['FETCH 3'], ['FETCH 2'], ['FETCH 1']), undefined, 'nor below');
  t.equal(told(undefined, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']), undefined, 'nor where nobody knows the end');
  t.equal(
    told(9, ['FETCH 1'], ['FETCH 1'], ['FETCH 2'], ['FETCH 2'], ['FETCH 3'], ['FETCH 3']),
    '4:5',
    'each in parts',
  );
  t.equal(told(9, ['FETCH 1'], ['FETCH 2']), undefined, 'one step is none');
  t.equal(told(9, ['FETCH 1'], ['FETCH 2'], ['FETCH 3', paceMs + 1]), undefined, 'a person reads');
  t.equal(told(9, ['FETCH 1'], ['FETCH 2'], ['FETCH 4']), undefined, 'a jump');
  t.equal(told(9, ['FETCH 3'], ['FETCH 4'], ['FETCH 5'], ['FETCH 4']), undefined, 'a turn');
  t.equal(told(9, ['FETCH 1'], ['FETCH 2'], ['FETCH 3:4']), undefined, 'several at a time');
  t.equal(told(9, ['FETCH 1'], ['FETCH 2'], ['UID FETCH 3']), undefined, 'another kind of number');
  t.equal(told(undefined, ['UID FETCH 10'], ['UID FETCH 12'], ['UID FETCH 15']), '16,17', 'UIDs have gaps');
  t.equal(told(undefined, ['UID FETCH 30'], ['UID FETCH 27'], ['UID FETCH 20']), '18,19');
  t.equal(told(undefined, ['UID FETCH 3'], ['UID FETCH 2'], ['UID FETCH 1']), undefined);
  t.equal(told(undefined, ['UID FETCH 10'], ['UID FETCH 12'], [`UID FETCH ${13 + uidGap}`]), undefined, 'but not such');

  const ahead = after(1000, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']);
  const sizes: (string | undefined)[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    sizes.push(ahead.next(mailbox));
    ahead.read(true);
  }
  t.equal(sizes[0], `4:${3 + messagesLeast}`);
  t.equal(sizes.at(-1), `4:${3 + messagesMax}`, 'more each time, to a bound');
  ahead.read(false);
  t.equal(ahead.next(mailbox), undefined, 'a server that does not want it is left in peace');

  const gone = after(5, ['FETCH 1'], ['FETCH 2'], ['FETCH 3']);
  gone.expunged();
  t.equal(gone.next(mailbox), '4:4');
  gone.counted(undefined);
  t.equal(gone.next(mailbox), undefined, 'how many vanished is not known');
  gone.clear();
  gone.counted(9);
  t.equal(gone.next(mailbox), undefined, 'another mailbox');

  const sized = (...list: readonly number[]) => list.map((bytes, index) => ({ uid: index + 1, bytes }));
  const up = after(9, ['FETCH 1'], ['FETCH 2']);
  const uids = (messages: readonly { readonly uid: number }[]) => messages.map(({ uid }) => uid).join();
  t.equal(
    uids(up.chosen(sized(10, 20, bytesMax - 30, 1, 1), mailbox)),
    '1,2,3',
    'as many as are small enough together',
  );
  t.equal(uids(up.chosen(sized(bytesMax + 1, 1, 1), mailbox)), '', 'the next is too large');
  mailbox.standings.set(2, standings.original);
  t.equal(uids(up.chosen(sized(10, bytesMax, 20), mailbox)), '1,3', 'what is judged is not asked for');
  const down = after(9, ['FETCH 9'], ['FETCH 8']);
  t.equal(uids(down.chosen(sized(bytesMax, 1, 5, 5), mailbox)), '3,4', 'from the end, in order');
  t.end();
});

t.test('a server that will not have it is asked as before', async (t) => {
  for (const status of ['NO [UNAVAILABLE]', 'BAD']) {
    for (const refused of [/^FETCH \d+:\d+ \(UID RFC822.SIZE\)/, /^FETCH \d+:\d+ \(UID INTERNALDATE/]) {
      const { session, commands } = await walker(clean(12), {
        answers: (command, tag) => (refused.test(command) ? Buffer.from(`${tag} ${status} not now\r\n`) : undefined),
      });
      for (let number = 1; number <= 6; number += 1) {
        const output = await session.ask(`c FETCH ${number} (BODY.PEEK[1])`);
        t.match(output, new RegExp(`^\\* ${number} FETCH \\(BODY\\[1\\] [^]*\r\nc OK [^\r\n]*\r\n$`));
      }
      t.equal(commands.filter((command) => refused.test(command)).length, 2, 'and only after as many steps again');
      t.same(session.problems, []);
    }
  }
});

t.test('messages that go away while they are read ahead are nobody else then', async (t) => {
  const { session, commands, mailbox } = await walker(clean(12), {
    delay: () => 0,
    // Forbidden here (RFC 9051 §7.5.1): from now on 5 is what was 6.
    answers: (command, tag) =>
      /SIZE\)$/.test(command)
        ? Buffer.from(`* 4 EXPUNGE\r\n* 4 FETCH (UID 5 RFC822.SIZE 10)\r\n${tag} OK done\r\n`)
        : undefined,
  });
  for (let number = 1; number <= 3; number += 1) await session.ask(`c FETCH ${number} (BODY.PEEK[])`);
  t.ok(commands.some((command) => command.endsWith('SIZE)')));
  t.notOk(
    commands.some((command) => command.includes('INTERNALDATE')),
    'nothing is asked by numbers that have changed',
  );
  t.equal(mailbox.standing(5), standings.unjudged);
  t.same(session.problems, []);
});

t.test('whenever the connection ends, nothing is left', async (t) => {
  let reads = 0;
  for (let end = 0; end < 60; end += 1) {
    const { session, mailbox } = await walker(['clean', 'clean', 'clean', 'bad', 'deferred', 'clean'], {
      size: 70_000,
      delay: () => 1,
    });
    for (let number = 1; number <= 2; number += 1) await session.ask(`c FETCH ${number} (BODY.PEEK[])`);
    session.command('c FETCH 3 (BODY.PEEK[])');
    for (let turn = 0; turn < end; turn += 1) {
      if (session.read(9000)) reads += 1;
      session.take(1);
      await new Promise((resolve) => (turn % 3 === 0 ? setTimeout(resolve, 1) : setImmediate(resolve)));
    }
    session.session.close('the end');
    session.take(Number.MAX_SAFE_INTEGER);
    await waitFor('that nothing is left', 5000, () => mailbox.openIntakes === 0).catch(() => undefined);
    if (mailbox.openIntakes > 0) t.fail(`${mailbox.openIntakes} intakes after ${end}`);
    t.ok(session.ended && session.problems.length === 0);
  }
  t.ok(reads > 500, `${reads} reads`);
});

t.test('a client is kept alive while a large message is read ahead', async (t) => {
  const mails = Array.from({ length: 6 }, (_, index) => judgedMail(index + 1, 'clean', index === 3 ? 200_000 : 100));
  const mailbox = new FakeMailbox(mails, { delay: () => 0, metadataWaits: true }, directory);
  const server = new ModelServer(mails);
  const ahead = new ReadAhead(() => 1000);
  ahead.counted(mails.length);
  for (let number = 1; number <= 3; number += 1) {
    let rest = Buffer.alloc(0);
    const port: FakePort = new FakePort({
      mailbox,
      ahead,
      chunk: () => 65_536,
      times: { keepAliveMs: 10, judgeMs: 60_000 },
      answer: (command, tag) => {
        const answer = server.answer(command, tag);
        if (!/INTERNALDATE/.test(String(command))) return answer;
        rest = Buffer.from(answer.subarray(80_000));
        return answer.subarray(0, 80_000);
      },
    });
    const done = port.run(createFetchExchange(requestOf(`FETCH ${number} (BODY.PEEK[])`), port));
    if (number === 3) {
      await waitFor('signs of life', 10_000, () => port.outlet.interjected > 1);
      t.ok(port.outlet.text.includes('MARK3CLEANZ attachment'), 'who has had its message before');
      t.equal(port.finished.length, 0);
      port.say(rest);
    }
    await done;
    t.match(String(port.finished), /^OK /);
    t.equal(port.outlet.open + port.paused + mailbox.openIntakes, 0);
  }
  t.equal(mailbox.standing(4), standings.original);
});
