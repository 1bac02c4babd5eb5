/** Messages that are judged before they are asked for: what is seen of that is that answers come sooner. */
import fc from 'fast-check';
import t from 'tap';
import { standings } from '../src/imap/handler.js';
import { limits } from '../src/runtime/limits.js';
import { goThrough, standingOf, walk } from './support/ahead-walk.js';
import { CountingRelay } from './support/counting-relay.js';
import { dovecotPrograms, startDovecot } from './support/dovecot.js';
import { FakeMailbox } from './support/fake-mailbox.js';
import { ImapClient } from './support/imap-client.js';
import { cleanMails, maliciousMails } from './support/imap-mails.js';
import { messagesIn } from './support/imap-matrix.js';
import { bytesOf } from './support/imap-values.js';
import { judgedMail, type Kind } from './support/judged-mails.js';
import { MemorySession } from './support/memory-session.js';
import { skipWithout } from './support/missing.js';
import { ModelServer } from './support/model-server.js';
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
  t.ok(hidden > 30, `${hidden} times`);
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
  const contents = async (port: number, user: string, item = 'BODY.PEEK[]') => {
    const look = port === dovecot.port ? {} : { watch: watch.connection(user) };
    const client = await ImapClient.login(port, user, dovecot.password, look);
    await client.ok('EXAMINE INBOX');
    const all = messagesIn(await client.ok(`FETCH 1:* (${item})`));
    client.destroy();
    return new Map([...all].map(([number, items]) => [number, bytesOf(items.get(item.replace('.PEEK', '')))]));
  };
  dovecot.putMaildir(
    reader,
    mails.map(({ mail }) => mail),
  );
  const shown = await contents(gate.imapPort, reader);
  const direct = await contents(dovecot.port, reader);
  const texts = await contents(gate.imapPort, reader, 'BODY.PEEK[TEXT]');
  const withheld = [...direct].filter(
    ([number, content]) => content?.equals(shown.get(number) ?? Buffer.alloc(0)) !== true,
  );
  t.equal(direct.size, mails.length);
  t.equal(withheld.length, bad.length, 'what is withheld');

  const numbers = mails.map((_, index) => index + 1);
  const walks: readonly [string, readonly number[], (number: number) => string][] = [
    ['up by number', numbers, (number) => `FETCH ${number} (BODY.PEEK[])`],
    ['down by number', [...numbers].reverse(), (number) => `FETCH ${number} (FLAGS BODY.PEEK[])`],
    ['up by UID', numbers, (number) => `UID FETCH ${number} (BODY.PEEK[])`],
    ['down by UID', [...numbers].reverse(), (number) => `UID FETCH ${number} (UID BODY.PEEK[])`],
    [
      'every third by UID',
      numbers.filter((number) => number % 3 === 0),
      (number) => `UID FETCH ${number} (BODY.PEEK[])`,
    ],
    ['parts by UID', numbers, (number) => `UID FETCH ${number} (BODY.PEEK[TEXT])`],
    ['marking as read', numbers, (number) => `FETCH ${number} BODY[]`],
  ];
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
    const wrong: string[] = [];
    for (const number of order) {
      const answer = await client.command(command(number));
      const given = messagesIn(answer);
      const text = given.get(number)?.get('BODY[TEXT]');
      const content = bytesOf(text ?? given.get(number)?.get('BODY[]'));
      const expected = (text === undefined ? shown : texts).get(number);
      if (answer.status !== 'OK' || given.size !== 1) wrong.push(`${number}: ${answer.status}, ${given.size} messages`);
      else if (expected === undefined || content?.equals(expected) !== true)
        wrong.push(`${number}: ${content?.length} octets`);
    }
    t.same(wrong, [], name);
    const asked = relay.fetches - before;
    // Without it, one for each whole message and two for each part; a third question comes before what marks as read.
    t.ok(
      asked > order.length && asked < (marks ? 2.5 : 1.5) * order.length,
      `${asked} commands of the gate for ${order.length}`,
    );
    client.destroy();
    const second = await ImapClient.login(dovecot.port, user, dovecot.password);
    await second.ok('EXAMINE INBOX');
    const seen =
      (await second.ok('SEARCH SEEN')).untagged.find(({ name }) => name === 'SEARCH')?.raw.toString('latin1') ?? '';
    t.equal(seen.trim().split(' ').length - 2, marks ? order.length : 0, 'read is what was read');
    second.destroy();
  }
  t.same(watch.found, [], `nothing of a payload in ${watch.octets} octets`);
  const told = await incidents(gate, 6 * bad.length);
  for (const [name, order] of walks) {
    const of = told.filter(({ targets }) => JSON.stringify(targets).includes(name.replaceAll(' ', '-')));
    if (order.length === mails.length) t.equal(of.length, withheld.length, `${name}: each is told of once`);
  }
});
