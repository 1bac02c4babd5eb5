/** A client that goes through a mailbox step by step, some steps faster than a person reads. */
import fc from 'fast-check';
import { type Standing, standings } from '../../src/imap/handler.js';
import { FakeMailbox } from './fake-mailbox.js';
import { readTold } from './fetch-check.js';
import { type JudgedMail, judgedMail, type Kind } from './judged-mails.js';
import { MemorySession } from './memory-session.js';
import { ModelServer, type ServerHabits } from './model-server.js';

/** What the client does next, and how long after the step before, ms. */
type Step = {
  readonly wait: number;
} & (
  | { readonly kind: 'go'; readonly by: number }
  | { readonly kind: 'turn' | 'switch' | 'again' | 'new mail' | 'select' }
  | { readonly kind: 'gone'; readonly at: number }
);

export interface Walk {
  readonly mails: readonly (readonly [Kind, number, number])[];
  readonly form: string;
  readonly uid: boolean;
  readonly from: number;
  readonly steps: readonly Step[];
  readonly habits: ServerHabits;
  readonly delays: readonly (number | undefined)[];
  readonly readBytes: number;
}

const kinds: fc.Arbitrary<Kind> = fc.constantFrom('clean', 'clean', 'clean', 'text', 'bad', 'late-bad', 'deferred');
const sizes = fc.constantFrom(0, 100, 2000, 40_000, 300_000);
const waits = fc.constantFrom(0, 10, 10, 10, 10, 10, 10, 1000);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('go' as const),
      wait: waits,
      by: fc.constantFrom(1, 1, 1, 1, 1, 1, 2, 5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('turn', 'switch', 'again', 'new mail', 'select'), wait: waits }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gone' as const), wait: waits, at: fc.nat(30) }) },
);

export const walk: fc.Arbitrary<Walk> = fc.record({
  mails: fc.array(fc.tuple(kinds, sizes, fc.constantFrom(1, 1, 1, 1, 2, 6, 20)), { minLength: 3, maxLength: 30 }),
  form: fc.constantFrom(
    ...['(BODY.PEEK[])', 'BODY[]', '(FLAGS RFC822)', '(UID BODY.PEEK[] INTERNALDATE)', '(BODY.PEEK[TEXT]<0.200>)'],
    ...['BODY[1]', '(ENVELOPE BODY.PEEK[1])', '(BODY.PEEK[]<10.90>)'],
  ),
  uid: fc.boolean(),
  from: fc.nat(8),
  steps: fc.array(steps, { minLength: 6, maxLength: 25 }),
  habits: fc.record({
    uidLast: fc.boolean(),
    inTwo: fc.boolean(),
    chatty: fc.boolean(),
    expunge: fc.constant(undefined),
  }),
  delays: fc.oneof(
    fc.constant([undefined]),
    fc.array(fc.constantFrom(undefined, 0, 1), { minLength: 1, maxLength: 5 }),
  ),
  readBytes: fc.constantFrom(500, 5000, 65_536, 131_072),
});

export interface Walked {
  /** of each FETCH: what it told of the message that was asked for, and how it ended */
  readonly answers: string[];
  readonly problems: string[];
  readonly mailbox: FakeMailbox;
  readonly mails: readonly JudgedMail[];
  /** commands that the server saw */
  readonly commands: readonly string[];
}

/** Those of the mailbox, and those that come later. */
function mailsOf({ mails }: Walk): { readonly mails: readonly JudgedMail[]; readonly later: JudgedMail[] } {
  let lastUid = 0;
  const mailOf = ([kind, size, gap]: Walk['mails'][number]) => {
    lastUid += gap;
    return judgedMail(lastUid, kind, size);
  };
  const now = mails.map(mailOf);
  return {
    mails: now,
    later: Array.from({ length: 30 }, (_, index) => mailOf(mails[index % mails.length] ?? ['clean', 0, 1])),
  };
}

/** What the client was told of the message that it asked for, in one line. */
function answerIn(output: string, asked: string, sequence: number, problems: string[], inTwo: boolean): string {
  const { told, ends } = readTold(Buffer.from(output, 'latin1'), inTwo ? [] : problems);
  for (const [other, { items }] of told) {
    if (other !== sequence && items.size > 0) problems.push(`${asked} told of ${other}`);
  }
  if (/MARK\d+(?:BAD|LATEBAD|DEFERRED)Z/.test(output)) problems.push(`${asked} told what is withheld`);
  const of = told.get(sequence);
  const [items, others] = [[...(of?.items ?? [])].sort(), [...(of?.other ?? [])].sort()];
  return JSON.stringify([asked, of?.uid, of?.flags, items, others, ends[0]?.replace(/ \(run \d+\)/, '')]);
}

/** @param slowly never two steps in the pace of a program */
export async function goThrough(one: Walk, slowly: boolean, directory: string): Promise<Walked> {
  const { mails, later } = mailsOf(one);
  let turn = 0;
  const delay = () => one.delays[turn++ % one.delays.length];
  const mailbox = new FakeMailbox([...mails, ...later], { delay, metadataWaits: true }, directory);
  const server = new ModelServer(mails, one.habits);
  let news = '';
  const session: MemorySession = new MemorySession({
    mailbox,
    messages: () => server.messages.length,
    reuses: true,
    answers: (command, tag) => {
      if (command === 'NOOP') return Buffer.from(`${news}${tag} OK done\r\n`);
      const beyond = /^FETCH ([\d:]+)/
        .exec(command)?.[1]
        ?.split(':')
        .some((last) => Number(last) > server.messages.length);
      if (beyond === true) session.problems.push(`${command} of ${server.messages.length}`);
      return server.answer([Buffer.from(command)], tag);
    },
  });
  await session.open();
  const answers: string[] = [];
  const problems = session.problems;
  let at = one.from % mails.length;
  let [up, uid] = [1, one.uid];
  for (const [number, step] of one.steps.entries()) {
    session.now += step.wait + (slowly ? 1000 : 0);
    news = '';
    if (step.kind === 'turn') up = -up;
    else if (step.kind === 'switch') uid = !uid;
    else if (step.kind === 'go') at += up * step.by;
    else if (step.kind === 'gone' && server.messages.length > 1) {
      const gone = step.at % server.messages.length;
      server.messages.splice(gone, 1);
      news = `* ${gone + 1} EXPUNGE\r\n`;
    } else if (step.kind === 'new mail') {
      const mail = later.shift();
      if (mail !== undefined) server.messages.push({ uid: mail.uid, bytes: mail.bytes, flags: new Set() });
      news = `* ${server.messages.length} EXISTS\r\n`;
    }
    if (step.kind === 'select') await session.ask(`s${number} SELECT inbox`, one.readBytes);
    if (news !== '') await session.ask(`n${number} NOOP`, one.readBytes);
    at = Math.max(0, Math.min(at, server.messages.length - 1));
    const asked = uid ? `UID FETCH ${server.messages[at]?.uid}` : `FETCH ${at + 1}`;
    const output = await session.ask(`c${number} ${asked} ${one.form}`, one.readBytes);
    answers.push(answerIn(output, asked, at + 1, problems, one.habits.inTwo));
    if (mailbox.openIntakes > 0) problems.push(`${asked} leaves ${mailbox.openIntakes} intakes open`);
  }
  problems.push(...mailbox.strange);
  return { answers, problems, mailbox, mails: [...mails], commands: server.commands };
}

/** How a message of this kind stands when it was judged. */
export function standingOf(kind: Kind): Standing {
  if (kind === 'deferred') return standings.unjudged;
  return kind === 'bad' || kind === 'late-bad' ? standings.notice : standings.original;
}
