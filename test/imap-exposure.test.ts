/** Whatever is read, shown, configured and opened in whatever order: a message never stands as better than it is. */
import fc from 'fast-check';
import t from 'tap';
import { type Account, type Mailbox, standings } from '../src/imap/handler.js';
import type { LivePolicy } from '../src/policy/live-policy.js';
import { identityOf, JudgeFixture, policyOf, read } from './support/imap-judge.js';
import { buildMail, eicarMail } from './support/mail.js';

const contents = [
  { mail: buildMail({ from: 'alice@client.example' }), isBad: (policy: number) => policy === 1 },
  { mail: buildMail({ from: 'bob@client.example' }), isBad: () => false },
  { mail: eicarMail({ from: 'carl@client.example' }), isBad: (policy: number) => policy !== 2 },
  {
    mail: buildMail({ from: 'dora@client.example', attachment: { name: 'a.txt', content: Buffer.from('figures') } }),
    isBad: (policy: number) => policy === 3,
  },
] as const;
const policies = [
  '',
  'lists: { block: ["alice@client.example"] }',
  'lists: { allow: ["carl@client.example"] }',
  'lists: { block: ["dora@client.example"] }',
];

const uid = fc.integer({ min: 1, max: 8 });
const session = fc.nat(1);
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('read' as const), uid, session }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('both' as const), uid }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('metadata' as const), uid, session }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('policy' as const), policy: fc.nat(policies.length - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), session }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

/** What the client of one message holds. */
interface Held {
  shown: 'none' | 'metadata' | 'original';
  notice: 'none' | 'notice' | 'late';
}

class Run {
  readonly #judge: JudgeFixture;
  readonly #policies: readonly LivePolicy[];
  readonly #user: string;
  readonly #held = new Map<number, Held>();
  #accounts: Account[] = [];
  #sessions: Mailbox[] = [];
  #policy = 0;

  constructor(judge: JudgeFixture, live: readonly LivePolicy[], user: string) {
    this.#judge = judge;
    this.#policies = live;
    this.#user = user;
    for (let one = 1; one <= 8; one += 1) this.#held.set(one, { shown: 'none', notice: 'none' });
  }

  async open(): Promise<void> {
    for (const account of this.#accounts) account.close();
    this.#accounts = [this.#judge.account(this.#user), this.#judge.account(this.#user)];
    this.#sessions = await Promise.all(this.#accounts.map((account) => account.open(identityOf())));
  }

  async apply(step: Operation): Promise<string | undefined> {
    this.#judge.policy = this.#policies[this.#policy] as LivePolicy;
    switch (step.kind) {
      case 'read':
        return this.#expect(step.uid, await read(this.#session(step.session), step.uid, contentOf(step.uid).mail));
      case 'both': {
        const rulings = this.#sessions.map((one) => read(one, step.uid, contentOf(step.uid).mail));
        return this.#expect(step.uid, ...(await Promise.all(rulings)));
      }
      case 'metadata': {
        const held = this.#heldOf(step.uid);
        const waits = this.#session(step.session).standing(step.uid) === standings.unjudged;
        await this.#session(step.session).showMetadata([step.uid]);
        if (waits && held.shown === 'none') held.shown = 'metadata';
        return undefined;
      }
      case 'policy':
        this.#policy = step.policy;
        this.#judge.policy = this.#policies[step.policy] as LivePolicy;
        return undefined;
      case 'settle':
        await this.#session(step.session).settle([...this.#held.keys()]);
        return this.#settled();
      default:
        await this.open();
        return undefined;
    }
  }

  #session(at: number): Mailbox {
    return this.#sessions[at] as Mailbox;
  }

  #heldOf(one: number): Held {
    return this.#held.get(one) as Held;
  }

  #expect(one: number, ...rulings: Awaited<ReturnType<typeof read>>[]): string | undefined {
    const held = this.#heldOf(one);
    if (held.notice === 'none' && !contentOf(one).isBad(this.#policy)) {
      held.shown = 'original';
      return rulings.every(({ kind }) => kind === 'original')
        ? undefined
        : `${one} is good: ${JSON.stringify(rulings)}`;
    }
    if (held.notice === 'none') held.notice = held.shown === 'none' ? 'notice' : 'late';
    const late = held.notice === 'late';
    const right = rulings.every((ruling) => ruling.kind === 'notice' && ruling.late === late);
    return right ? undefined : `${one} is bad, late ${late}: ${JSON.stringify(rulings.map(({ kind }) => kind))}`;
  }

  #settled(): string | undefined {
    for (const [one, { shown, notice }] of this.#held) {
      if (notice !== 'none' || shown !== 'original' || contentOf(one).isBad(this.#policy)) continue;
      if (this.#session(0).standing(one) !== standings.original) return `${one} is not settled`;
    }
    return undefined;
  }

  /** Both sessions, after every step. */
  check(): string | undefined {
    for (const [one, { shown, notice }] of this.#held) {
      const seen = new Set(this.#sessions.map((mailbox) => mailbox.standing(one)));
      const [standing] = seen;
      if (seen.size !== 1 || standing === undefined) return `${one}: two sessions disagree`;
      if (notice !== 'none') {
        if (standing !== (notice === 'late' ? standings.lateNotice : standings.notice)) return `${one}: ${standing}`;
      } else if (standing === standings.original) {
        if (shown !== 'original' || contentOf(one).isBad(this.#policy)) return `${one}: stands as original`;
      } else if (standing === standings.metadata ? shown === 'none' : standing !== standings.unjudged) {
        return `${one}: stands as ${standing}, ${shown} was shown`;
      }
    }
    return undefined;
  }
}

function contentOf(one: number): (typeof contents)[number] {
  return contents[one % contents.length] as (typeof contents)[number];
}

t.test('no order of events lets a bad message pass, or takes a notice back', async (t) => {
  const judge = await JudgeFixture.open(t);
  const live = await Promise.all(policies.map(policyOf));
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 30 }), async (steps) => {
      runs += 1;
      const run = new Run(judge, live, `user${runs}@example.org`);
      judge.policy = live[0] as LivePolicy;
      await run.open();
      for (const step of steps) {
        const wrong = (await run.apply(step)) ?? run.check();
        if (wrong !== undefined) throw new Error(`after ${JSON.stringify(step)}: ${wrong}`);
      }
    }),
    { numRuns: 60 },
  );
  t.ok(runs >= 60);
  const incidents = await judge.test.vault.store.call('listIncidents', 10_000);
  const told = new Set(incidents.map(({ item, targets }) => `${item} ${targets.join()}`));
  t.equal(told.size, incidents.length, 'nobody was told of a message twice');
  const items = await judge.test.vault.store.call('list', undefined, 100);
  t.ok(items.length <= contents.length, 'one item for each message');
});
