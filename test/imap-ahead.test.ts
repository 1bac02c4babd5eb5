/** Messages that are judged before they are asked for: what is seen of that is that answers come sooner. */
import fc from 'fast-check';
import t from 'tap';
import { standings } from '../src/imap/handler.js';
import { limits } from '../src/runtime/limits.js';
import { goThrough, standingOf, walk } from './support/ahead-walk.js';
import { FakeMailbox } from './support/fake-mailbox.js';
import { judgedMail, type Kind } from './support/judged-mails.js';
import { MemorySession } from './support/memory-session.js';
import { ModelServer } from './support/model-server.js';

const directory = t.testdir({});

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
