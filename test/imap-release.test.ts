/** Released messages over IMAP: a new UID for the original, in steps that any cut may interrupt. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { TaggedResponse } from '../src/imap/exchange.js';
import type { Account, ReleasedCopy, SwapStep } from '../src/imap/handler.js';
import { SwapLocks, type SwapPort, swapBeforeSelect, swapReleased } from '../src/imap/release/release-swap.js';
import { type FetchedMessage, FetchFacts } from '../src/imap/release/swap-fetch.js';
import { ResponseReader } from '../src/imap/wire/response-reader.js';
import type { OutgoingCommand, ServerEvent } from '../src/imap/wire/wire.js';
import { limits } from '../src/runtime/limits.js';
import { dovecotPrograms, startDovecot } from './support/dovecot.js';
import { Gate } from './support/gate.js';
import { ImapWireClient } from './support/imap-wire-client.js';
import { eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { ModelMailbox, type ModelOptions, sha256 } from './support/model-mailbox.js';
import { freePort, portOf } from './support/ports.js';

const original = Buffer.from('Subject: the released one\r\n\r\nsome "quoted\\ text)\r\n* 1 EXPUNGE\r\n'.repeat(3));
const other = Buffer.from('Subject: another\r\n\r\ntext\r\n');
const date = '17-Oct-2026 08:15:00 +0200';

/** Octets and commits that are still allowed, and then the end of everything. */
class Budget {
  left: number;
  spent = 0;

  constructor(left: number) {
    this.left = left;
  }

  /** @returns how much of it is allowed */
  spend(wanted: number): number {
    const allowed = Math.min(wanted, this.left);
    this.left -= allowed;
    this.spent += allowed;
    return allowed;
  }
}

class Cut extends Error {}

/** The session's part: tags, octets on a wire that breaks, responses read by the gate's own reader. */
class CutPort implements SwapPort {
  readonly sent: string[] = [];
  /** told after every command of the server's life */
  watch: () => void = () => {};
  readonly #mailbox: ModelMailbox;
  readonly #budget: Budget;
  readonly #offered: ReadonlySet<string>;
  readonly #reader = new ResponseReader();
  #tag = 0;

  constructor(mailbox: ModelMailbox, budget: Budget, offered: readonly string[]) {
    this.#mailbox = mailbox;
    this.#budget = budget;
    this.#offered = new Set(offered);
  }

  offers(capability: string): boolean {
    return this.#offered.has(capability);
  }

  async run(command: OutgoingCommand, take?: (event: ServerEvent) => void): Promise<TaggedResponse> {
    const text = Buffer.concat(command.map((piece) => (Buffer.isBuffer(piece) ? piece : piece.literal))).toString(
      'latin1',
    );
    this.#tag += 1;
    const tag = `s${this.#tag}`;
    const line = `${tag} ${text}\r\n`;
    if (this.#budget.spend(line.length) < line.length) throw new Cut();
    this.sent.push(text);
    const { untagged, status } = this.#mailbox.run(text);
    this.watch();
    const answer = Buffer.concat([untagged, Buffer.from(`${tag} ${status}\r\n`)]);
    const arrived = answer.subarray(0, this.#budget.spend(answer.length));
    // As a socket might: in pieces.
    for (let at = 0; at < arrived.length; at += 37) {
      this.#reader.push(Buffer.from(arrived.subarray(at, at + 37)));
      for (let event = this.#reader.next(); event !== undefined; event = this.#reader.next()) {
        if (event.kind === 'fault') throw new Error(`the reader refuses: ${event.fault}`);
        if (event.kind === 'tagged' && event.tag === tag) return event;
        take?.(event);
      }
    }
    throw new Cut();
  }
}

/** What the store keeps of one copy; a commit can be the last thing that happens, or the first that does not. */
class StoredCopy implements ReleasedCopy {
  readonly uidValidity: number;
  readonly uid: number;
  readonly bytes: number;
  readonly sha256: string;
  step: SwapStep = 'waiting';
  uidNextBefore: number | undefined;
  copyUid: number | undefined;
  readonly steps: SwapStep[] = [];
  budget = new Budget(Number.POSITIVE_INFINITY);

  constructor(uid: number, content = original, uidValidity = 7) {
    this.uid = uid;
    this.uidValidity = uidValidity;
    this.bytes = content.length;
    this.sha256 = sha256(content);
  }

  async advance(
    step: SwapStep,
    facts: { readonly uidNextBefore?: number; readonly copyUid?: number } = {},
  ): Promise<void> {
    if (this.budget.spend(1) < 1) throw new Cut();
    this.step = step;
    this.uidNextBefore = facts.uidNextBefore ?? this.uidNextBefore;
    this.copyUid = facts.copyUid ?? this.copyUid;
    this.steps.push(step);
    if (this.budget.spend(1) < 1) throw new Cut();
  }
}

interface Line {
  readonly record: object;
  readonly text: string;
}

interface RunOptions {
  readonly budget?: Budget;
  readonly offered?: readonly string[];
  readonly locks?: SwapLocks;
  readonly watch?: () => void;
  readonly now?: () => number;
}

async function swap(mailbox: ModelMailbox, copies: readonly StoredCopy[], options: RunOptions = {}) {
  const budget = options.budget ?? new Budget(Number.POSITIVE_INFINITY);
  for (const copy of copies) copy.budget = budget;
  const port = new CutPort(mailbox, budget, options.offered ?? ['UIDPLUS', 'UNSELECT']);
  if (options.watch !== undefined) port.watch = options.watch;
  const lines: Line[] = [];
  const write = (record: object, text: string) => lines.push({ record, text });
  await swapReleased(port, [Buffer.from('INBOX')], copies, {
    locks: options.locks ?? new SwapLocks(),
    now: options.now ?? (() => 0),
    log: { info: write, warn: write } as never,
  });
  return { port, lines };
}

/** Three messages: one that the reader marked as deleted, the released one, and one more. */
function filled(options: ModelOptions = {}, flags: readonly string[] = ['\\Seen', 'keyword']) {
  const mailbox = new ModelMailbox(options);
  const deleted = mailbox.add(other, ['\\Deleted']);
  const uid = mailbox.add(original, flags, date);
  const last = mailbox.add(other, ['\\Flagged']);
  return { mailbox, deleted, uid, last };
}

t.test('a released message gets a new UID with its date and flags, and nothing else changes', async (t) => {
  const { mailbox, deleted, uid, last } = filled();
  const copy = new StoredCopy(uid);
  const { port, lines } = await swap(mailbox, [copy]);
  t.same(mailbox.holding(original), [103]);
  t.same([...(mailbox.get(103)?.flags ?? [])], ['\\Seen', 'keyword']);
  t.equal(mailbox.get(103)?.internalDate, date);
  t.same([...(mailbox.get(deleted)?.flags ?? [])], ['\\Deleted'], 'what else is marked as deleted stays');
  t.same([...(mailbox.get(last)?.flags ?? [])], ['\\Flagged']);
  t.same(copy.steps, ['copying', 'copied', 'removing', 'done']);
  t.same([copy.uidNextBefore, copy.copyUid], [103, 103]);
  t.match(lines, [{ text: /took the place/ }]);
  t.same(
    port.sent.filter((command) => /^(?:EXPUNGE|CLOSE)/.test(command)),
    [],
    'nothing that removes more',
  );
  t.equal(port.sent.at(-1), 'UNSELECT');
  const again = await swap(mailbox, [copy]);
  t.same(again.port.sent, [], 'what is done is done');
});

t.test('cut at every octet and at every commit: one original at the end, at no moment none', async (t) => {
  const shapes: readonly ModelOptions[] = [
    {},
    { shape: 'uid-last' },
    { silentCodes: ['COPYUID'] },
    { forgetsFlags: true, silentCodes: ['COPYUID', 'READ-WRITE'] },
  ];
  for (const options of shapes) {
    const whole = new Budget(Number.POSITIVE_INFINITY);
    {
      const { mailbox, uid } = filled(options);
      await swap(mailbox, [new StoredCopy(uid)], { budget: whole });
    }
    t.ok(whole.spent > 1000, 'a dialogue worth cutting');
    const wrong: string[] = [];
    for (let at = 0; at <= whole.spent; at += 1) {
      const { mailbox, deleted, uid, last } = filled(options);
      const copy = new StoredCopy(uid);
      const locks = new SwapLocks();
      let most = 0;
      const watch = () => {
        const there = mailbox.holding(original).length;
        most = Math.max(most, there);
        if (there === 0) wrong.push(`${at}: no original`);
      };
      await swap(mailbox, [copy], { budget: new Budget(at), locks, watch });
      await swap(mailbox, [copy], { locks, watch });
      const found = mailbox.holding(original);
      const message = mailbox.get(found[0] ?? 0);
      if (found.length !== 1 || found[0] === uid) wrong.push(`${at}: ${found.join(',')} at the end`);
      if (most > 2) wrong.push(`${at}: ${most} copies`);
      if (message?.internalDate !== date || [...message.flags].join(' ') !== '\\Seen keyword')
        wrong.push(`${at}: ${message?.internalDate} ${[...(message?.flags ?? [])].join(' ')}`);
      if (copy.step !== 'done') wrong.push(`${at}: ${copy.step}`);
      const untouched = [deleted, last].map((one) => [...(mailbox.get(one)?.flags ?? ['gone'])].join(' '));
      if (untouched.join() !== '\\Deleted,\\Flagged') wrong.push(`${at}: others ${untouched.join()}`);
      if (mailbox.messages.length !== 3) wrong.push(`${at}: ${mailbox.messages.length} messages`);
    }
    t.same(wrong, [], JSON.stringify(options));
  }
});

t.test('cut again and again, with mail coming in and two equal messages released', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 12 }),
      fc.array(fc.constantFrom('equal', 'other', 'none'), { minLength: 12, maxLength: 12 }),
      fc.constantFrom<ModelOptions>({}, { silentCodes: ['COPYUID'] }, { shape: 'uid-last', forgetsFlags: true }),
      fc.constantFrom(date, '18-Oct-2026 09:00:00 +0200'),
      async (cuts, arrivals, options, secondDate) => {
        const mailbox = new ModelMailbox(options);
        const first = mailbox.add(original, [], date);
        const second = mailbox.add(original, ['\\Flagged'], secondDate);
        const copies = [new StoredCopy(first), new StoredCopy(second)];
        let expected = 2;
        for (const [index, at] of cuts.entries()) {
          let commands = 0;
          const watch = () => {
            commands += 1;
            if (mailbox.holding(original).length < expected) throw new Error('a message is lost');
            if (commands !== 4) return;
            // Delivered in the middle, at another time than the released ones.
            if (arrivals[index] === 'equal') expected += 1;
            if (arrivals[index] === 'equal')
              mailbox.add(original, ['$arrived'], `2${index % 9}-Nov-2026 09:00:00 +0200`);
            if (arrivals[index] === 'other') mailbox.add(other);
          };
          await swap(mailbox, copies, { budget: new Budget(at), watch });
        }
        await swap(mailbox, copies);
        const left = mailbox.holding(original);
        const dates = left.map((uid) => mailbox.get(uid)?.internalDate);
        return (
          left.length === expected &&
          !left.includes(first) &&
          !left.includes(second) &&
          dates.filter((one) => one === date).length === (secondDate === date ? 2 : 1) &&
          left.some((uid) => mailbox.get(uid)?.flags.has('\\Flagged')) &&
          left.filter((uid) => mailbox.get(uid)?.flags.has('$arrived')).length === expected - 2 &&
          copies.every((copy) => copy.step === 'done')
        );
      },
    ),
    { numRuns: 300 },
  );
  t.pass('held');
});

t.test('where nothing may be removed, nothing is copied', async (t) => {
  const cases: [string, ModelOptions, readonly string[], SwapStep][] = [
    ['no UIDPLUS', {}, ['UNSELECT'], 'given-up'],
    ['read-only', { readOnly: true }, ['UIDPLUS'], 'waiting'],
    ['no \\Deleted', { permanentFlags: '(\\Seen \\*)' }, ['UIDPLUS'], 'given-up'],
    ['no right to expunge', { rights: 'lrswipkxt' }, ['UIDPLUS', 'ACL'], 'given-up'],
    ['no right to insert', { rights: 'lrswted' }, ['UIDPLUS', 'ACL'], 'given-up'],
    ['no UIDNEXT', { silentCodes: ['UIDNEXT'] }, ['UIDPLUS'], 'given-up'],
    ['no SELECT', { refusals: { SELECT: 'NO gone' } }, ['UIDPLUS'], 'waiting'],
    ['no UID FETCH', { refusals: { 'UID FETCH': 'NO [SERVERBUG] broken' } }, ['UIDPLUS'], 'waiting'],
  ];
  for (const [name, options, offered, step] of cases) {
    const { mailbox, uid } = filled(options);
    const copy = new StoredCopy(uid);
    const { lines } = await swap(mailbox, [copy], { offered });
    t.equal(copy.step, step, name);
    t.same(mailbox.holding(original), [uid], `${name}: the message stays as it was`);
    t.notOk(
      mailbox.commands.some((command) => /^UID (?:COPY|STORE|EXPUNGE)/.test(command)),
      `${name}: nothing is tried`,
    );
    if (step === 'given-up') {
      t.equal(lines.length, 1, `${name}: said once`);
      t.same((await swap(mailbox, [copy], { offered })).lines, [], `${name}: and not again`);
    }
  }
  const old = filled({ rights: 'lrswicd' });
  await swap(old.mailbox, [new StoredCopy(old.uid)], { offered: ['UIDPLUS', 'ACL'] });
  t.same(old.mailbox.holding(original), [103], 'the rights of RFC 2086 are enough');
  const modern = filled();
  await swap(modern.mailbox, [new StoredCopy(modern.uid)], { offered: ['IMAP4REV2'] });
  t.same(modern.mailbox.holding(original), [103], 'IMAP4rev2 includes UIDPLUS');
});

t.test('a server that refuses a step keeps every message', async (t) => {
  const cases: [string, ModelOptions, SwapStep, number[]][] = [
    ['full', { refusals: { 'UID COPY': 'NO [OVERQUOTA] full' } }, 'copying', [101]],
    ['forbidden', { refusals: { 'UID COPY': 'NO [NOPERM] no' } }, 'given-up', [101]],
    ['unable', { refusals: { 'UID COPY': 'BAD what' } }, 'given-up', [101]],
    ['STORE refused', { refusals: { 'UID STORE': 'NO [NOPERM] no' } }, 'given-up', [101, 103]],
    ['EXPUNGE refused', { refusals: { 'UID EXPUNGE': 'NO [NOPERM] no' } }, 'given-up', [101, 103]],
    ['labels for folders', { labels: true }, 'given-up', [101]],
  ];
  for (const [name, options, step, left] of cases) {
    const { mailbox, uid } = filled(options);
    const copy = new StoredCopy(uid);
    const { lines } = await swap(mailbox, [copy]);
    t.equal(copy.step, step, name);
    t.same(mailbox.holding(original), left, name);
    t.same([...(mailbox.get(uid)?.flags ?? [])], ['\\Seen', 'keyword'], `${name}: it is not marked as deleted`);
    t.match(lines, [{ text: /stays/ }], name);
  }
  const { mailbox, uid } = filled({ refusals: { 'UID COPY': 'NO [OVERQUOTA] full' } });
  const copy = new StoredCopy(uid);
  await swap(mailbox, [copy]);
  delete (mailbox.options.refusals as Record<string, string>)['UID COPY'];
  await swap(mailbox, [copy]);
  t.same(mailbox.holding(original), [103], 'when there is room again, it goes on');
});

t.test('what the reader does meanwhile counts', async (t) => {
  const deleted = filled({}, ['\\Deleted']);
  const waiting = new StoredCopy(deleted.uid);
  const { lines } = await swap(deleted.mailbox, [waiting]);
  t.same(lines, [], 'which is no trouble that the log should tell at every SELECT');
  t.same(deleted.mailbox.holding(original), [deleted.uid], 'a message marked as deleted is not brought back');
  t.equal(waiting.step, 'waiting');

  const gone = filled();
  gone.mailbox.messages.splice(1, 1);
  const absent = new StoredCopy(gone.uid);
  await swap(gone.mailbox, [absent]);
  t.equal(absent.step, 'done', 'a message that is gone needs nothing');

  const replaced = filled();
  const misjudged = new StoredCopy(replaced.uid, other);
  await swap(replaced.mailbox, [misjudged]);
  t.equal(misjudged.step, 'given-up', 'a message of another size is another one');
  const sameSize = new StoredCopy(replaced.uid, Buffer.alloc(original.length, 65));
  await swap(replaced.mailbox, [sameSize]);
  t.equal(sameSize.step, 'given-up', 'and so is one of another digest');
  t.equal(replaced.mailbox.messages.length, 3, 'neither was copied');

  const rebuilt = filled();
  const older = new StoredCopy(rebuilt.uid, original, 6);
  await swap(rebuilt.mailbox, [older]);
  t.equal(older.step, 'given-up', 'another UIDVALIDITY, another mailbox');
  t.same(rebuilt.mailbox.holding(original), [rebuilt.uid]);
});

t.test('a copy that vanished before the old message went is made again', async (t) => {
  for (const step of ['copied', 'removing'] as const) {
    const { mailbox, uid } = filled();
    const copy = new StoredCopy(uid);
    await copy.advance('copying', { uidNextBefore: 103 });
    await copy.advance('copied', { copyUid: 103 });
    mailbox.uidNext = 110;
    if (step === 'removing') {
      await copy.advance('removing');
      mailbox.get(uid)?.flags.add('\\Deleted');
    }
    await swap(mailbox, [copy], { watch: () => t.ok(mailbox.holding(original).length > 0, step) });
    t.same(mailbox.holding(original), [110], step);
    t.same([...(mailbox.get(110)?.flags ?? [])], ['\\Seen', 'keyword'], `${step}: our own mark is not carried over`);
    t.equal(copy.step, 'done');
  }
});

t.test('flags that change between copy and removal go with the message', async (t) => {
  const { mailbox, uid } = filled();
  let changed = false;
  const watch = () => {
    if (changed || mailbox.get(103) === undefined) return;
    changed = true;
    mailbox.get(uid)?.flags.add('\\Answered');
  };
  await swap(mailbox, [new StoredCopy(uid)], { watch });
  t.same([...(mailbox.get(103)?.flags ?? [])], ['\\Seen', 'keyword', '\\Answered']);
});

t.test('two sessions do not swap the same message, nor equal ones, at a time', async (t) => {
  const { mailbox, uid } = filled();
  const twin = mailbox.add(original, [], '19-Oct-2026 10:00:00 +0000');
  const locks = new SwapLocks();
  const one = new StoredCopy(uid);
  const same = new StoredCopy(uid);
  const equal = new StoredCopy(twin);
  await Promise.all([swap(mailbox, [one], { locks }), swap(mailbox, [same, equal], { locks })]);
  t.same([one.step, same.step, equal.step], ['done', 'waiting', 'waiting']);
  t.equal(mailbox.holding(original).length, 2);
  await swap(mailbox, [same, equal], { locks });
  t.same([same.step, equal.step], ['done', 'done'], 'the locks are free again');
  t.equal(mailbox.holding(original).length, 2);
});

t.test('a SELECT does a bounded amount of work, what was begun first', async (t) => {
  const mailbox = new ModelMailbox();
  const contents = Array.from({ length: 60 }, (_, index) => Buffer.from(`Subject: ${index}\r\n\r\ntext\r\n`));
  const copies = contents.map((content) => new StoredCopy(mailbox.add(content), content));
  await copies[59]?.advance('copying', { uidNextBefore: mailbox.uidNext });
  await swap(mailbox, copies);
  const done = () => copies.filter((copy) => copy.step === 'done').length;
  t.equal(done(), limits.releaseSwap.perSelect);
  t.equal(copies[59]?.step, 'done');
  let clock = 0;
  await swap(mailbox, copies, { now: () => (clock += limits.releaseSwap.beginMs / 2) });
  t.equal(done(), limits.releaseSwap.perSelect + 1, 'none is begun after the time is over');
  await swap(mailbox, copies);
  t.equal(done(), 60);
});

t.test('a session asks for what was released, and a store that fails costs nothing but that', async (t) => {
  const { mailbox, uid } = filled();
  const port = new CutPort(mailbox, new Budget(Number.POSITIVE_INFINITY), ['UIDPLUS']);
  const lines: string[] = [];
  const write = (_: object, text: string) => lines.push(text);
  const before = swapBeforeSelect({ locks: new SwapLocks(), now: () => 0, log: { info: write, warn: write } as never });
  const asked: string[] = [];
  const portWith = (releases: () => Promise<readonly ReleasedCopy[]>) => {
    const account = {
      releases: (name: string) => {
        asked.push(name);
        return releases();
      },
    } as unknown as Account;
    return { run: port.run.bind(port), offers: port.offers.bind(port), account };
  };
  await before(
    portWith(async () => []),
    'INBOX',
    [Buffer.from('inbox')],
  );
  t.same(port.sent, [], 'nothing was released, nothing is sent');
  await before(
    portWith(() => Promise.reject(new Error('the disk'))),
    'INBOX',
    [Buffer.from('inbox')],
  );
  t.same([port.sent, lines.length], [[], 1]);
  await before(
    portWith(async () => [new StoredCopy(uid)]),
    'INBOX',
    [Buffer.from('inbox')],
  );
  t.equal(port.sent[0], 'SELECT inbox', 'the mailbox as the client wrote it');
  t.same(mailbox.holding(original), [103]);
  t.same(asked, ['INBOX', 'INBOX', 'INBOX']);
});

t.test(
  'a real server, cut many times, ends with one original',
  { skip: skipWithout(...dovecotPrograms) },
  async (t) => {
    const dovecot = await startDovecot(t);
    const user = dovecot.user('swap');
    const log = { info: () => {}, warn: () => {} } as never;
    const listing = async (client: ImapWireClient) => {
      const messages: FetchedMessage[] = [];
      const facts = new FetchFacts((message) => messages.push(message));
      const selected = { validity: 0 };
      await client.run([Buffer.from('EXAMINE INBOX')], (event) => {
        if (event.kind === 'status' && event.code?.name === 'UIDVALIDITY') selected.validity = Number(event.code.text);
      });
      const items = '(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])';
      await client.run([Buffer.from(`UID FETCH 1:* ${items}`)], (event) => facts.take(event));
      return { messages, validity: selected.validity };
    };
    const wrong: string[] = [];
    let at = 0;
    let rounds = 0;
    for (;;) {
      const content = Buffer.from(`Subject: round ${rounds}\r\n\r\n${'text\r\n'.repeat(20)}`);
      dovecot.putMaildir(user, [content], undefined, 'FS');
      dovecot.putMaildir(user, [other], undefined, 'T');
      const before = await ImapWireClient.login(dovecot.port, user, dovecot.password);
      const { messages, validity } = await listing(before);
      before.close();
      const old = messages.find((message) => message.body?.sha256 === sha256(content));
      if (old === undefined) throw new Error('the message is not there');
      const copy = new StoredCopy(old.uid, content, validity);
      const locks = new SwapLocks();
      const run = async (octets: number) => {
        const client = await ImapWireClient.login(dovecot.port, user, dovecot.password);
        client.left = octets;
        client.passed = 0;
        await swapReleased(client, [Buffer.from('INBOX')], [copy], { locks, now: () => 0, log });
        client.close();
        return client.passed;
      };
      await run(at);
      const passed = await run(Number.POSITIVE_INFINITY);
      const after = await ImapWireClient.login(dovecot.port, user, dovecot.password);
      const end = await listing(after);
      after.close();
      const found = end.messages.filter((message) => message.body?.sha256 === sha256(content));
      const others = end.messages.length - found.length;
      const flags = found[0]?.flags
        ?.filter((flag) => flag !== '\\Recent')
        .sort()
        .join(' ');
      if (found.length !== 1 || found[0]?.uid === old.uid) wrong.push(`${at}: ${found.length} at the end`);
      if (found[0]?.internalDate !== old.internalDate) wrong.push(`${at}: ${found[0]?.internalDate}`);
      if (flags !== '\\Flagged \\Seen') wrong.push(`${at}: ${flags}`);
      if (others !== messages.length - 1) wrong.push(`${at}: ${others} others`);
      if (copy.step !== 'done') wrong.push(`${at}: ${copy.step}`);
      rounds += 1;
      // When the second run had nothing to do, the first was not cut any more.
      if (passed === 0) break;
      at += 41;
    }
    t.ok(rounds > 40, `${rounds} cuts`);
    t.same(wrong, []);
  },
);

const main = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'main.js');
const runSluice = (parameters: readonly string[]) => promisify(execFile)(process.execPath, [main, ...parameters]);

/** Between the gate and its server: ends a connection after so many octets in both directions. */
async function cuttingRelay(t: Test, upstreamPort: number) {
  const state = { port: 0, left: Number.POSITIVE_INFINITY };
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('data', (chunk: Buffer) => {
        const allowed = Math.min(chunk.length, state.left);
        state.left -= allowed;
        other.write(chunk.subarray(0, allowed));
        if (allowed === chunk.length) return;
        client.destroy();
        upstream.end();
      });
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.end());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  state.port = portOf(server);
  return state;
}

/** A running gate, and the commands of whoever looks after it. */
async function gateFor(t: Test, upstreamPort: number, user: string, login: string) {
  const port = await freePort();
  const listener = { listen: `127.0.0.1:${port}`, upstream: { host: '127.0.0.1', port: upstreamPort } };
  const gate = await Gate.start({ config: { imap: { listeners: [listener] } } });
  t.teardown(() => gate.stop());
  const password = join(gate.folder, 'password');
  writeFileSync(password, login, { mode: 0o600 });
  const config = ['--config', join(gate.folder, 'sluice.yaml')];
  const json = async (...command: string[]): Promise<unknown> =>
    JSON.parse((await runSluice([...command, ...config, '--json'])).stdout);
  return {
    port,
    sweep: () => json('sweep', '--user', user, '--password-file', password),
    /** how many */
    releaseAll: async (): Promise<number> => {
      const held = (await json('quarantine', 'list')) as { id: string }[];
      for (const { id } of held) await runSluice(['quarantine', 'release', ...config, id]);
      return held.length;
    },
  };
}

t.test(
  'through the gate: swept, released, and found under new UIDs after many cuts',
  { skip: skipWithout(...dovecotPrograms) },
  async (t) => {
    const dovecot = await startDovecot(t);
    const user = dovecot.user('anna');
    const relay = await cuttingRelay(t, dovecot.port);
    const mails = Array.from({ length: 8 }, (_, index) => eicarMail({ subject: `withheld ${index}` }));
    dovecot.putMaildir(user, [other, ...mails], undefined, 'F');
    dovecot.putMaildir(user, [other], undefined, 'T');
    const gate = await gateFor(t, relay.port, user, dovecot.password);
    t.match(await gate.sweep(), {
      complete: true,
      mailboxes: [{ path: 'INBOX', messages: 10, clean: 2, withheld: 8 }],
    });
    const direct = () => messagesOf(dovecot.port, user, dovecot.password);
    const through = () => messagesOf(gate.port, user, dovecot.password);
    const before = await direct();
    t.equal(originals(await through(), mails).length, 0, 'all are withheld');
    t.equal(await gate.releaseAll(), 8);
    t.equal(originals(await through(), mails).length, 0, 'EXAMINE swaps nothing');
    t.same(await direct(), before);

    const wrong: string[] = [];
    for (let octets = 700; octets < 14_000; octets += 397) {
      relay.left = octets;
      // Whatever becomes of it: the connection is cut somewhere.
      await ImapWireClient.login(gate.port, user, dovecot.password)
        .then((client) => client.run([Buffer.from('SELECT INBOX')]).finally(() => client.close()))
        .catch(() => undefined);
      relay.left = Number.POSITIVE_INFINITY;
      const there = new Set(originals(await direct(), mails).map(({ body }) => body?.sha256));
      if (there.size !== 8) wrong.push(`${octets}: ${there.size} originals`);
    }
    t.same(wrong, [], 'no message is ever away');
    const client = await ImapWireClient.login(gate.port, user, dovecot.password);
    t.match(await client.run([Buffer.from('SELECT INBOX')]), { status: 'OK' });
    client.close();
    const after = await direct();
    const found = originals(after, mails);
    t.equal(found.length, 8, 'each is there once');
    t.equal(new Set(found.map(({ body }) => body?.sha256)).size, 8);
    t.same(datesOf(found), datesOf(originals(before, mails)));
    t.ok(found.every(({ uid, flags }) => uid > 10 && flags?.includes('\\Flagged')));
    t.equal(after.length, 10, 'and nothing else has gone or come');
    t.match(
      after.find(({ flags }) => flags?.includes('\\Deleted')),
      { bytes: other.length },
    );
    t.equal(originals(await through(), mails).length, 8, 'the reader has them back');
    t.match(await gate.sweep(), { mailboxes: [{ clean: 10, withheld: 0 }] });
  },
);

t.test(
  'a client that keeps itself up to date is told of the swap as of any other change',
  { skip: skipWithout(...dovecotPrograms) },
  async (t) => {
    const dovecot = await startDovecot(t);
    const user = dovecot.user('anna');
    const mail = eicarMail({ subject: 'withheld' });
    dovecot.putMaildir(user, [other, mail, other]);
    dovecot.putMaildir(user, [other], 'Work');
    const gate = await gateFor(t, dovecot.port, user, dovecot.password);
    await gate.sweep();
    const client = await ImapWireClient.login(gate.port, user, dovecot.password);
    t.teardown(() => client.close());
    const said = async (command: string) => {
      let text = '';
      const answer = await client.run([Buffer.from(command)], (event) => {
        if ('raw' in event) text += event.raw.toString('latin1');
      });
      return text + answer.raw.toString('latin1');
    };
    await said('ENABLE QRESYNC');
    const first = await said('SELECT INBOX');
    const [, validity] = /\[UIDVALIDITY (\d+)\]/.exec(first) ?? [];
    const [, modseq] = /\[HIGHESTMODSEQ (\d+)\]/.exec(first) ?? [];
    t.match(await said('UID FETCH 2 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])'), 'Malware Detected');
    t.match(await said('SELECT Work'), '[CLOSED]');
    t.equal(await gate.releaseAll(), 1);
    const again = await said(`SELECT INBOX (QRESYNC (${validity} ${modseq}))`);
    t.equal(again.match(/\[CLOSED\]/g)?.length, 1, 'its mailbox is closed once');
    t.match(again, /^\* 3 EXISTS\r$/m);
    t.match(again, /^\* VANISHED \(EARLIER\) 2\r$/m);
    t.match(again, /^\* 3 FETCH \(UID 4 /m);
    t.notMatch(again, /COPYUID|UNSELECT/, 'nothing of ours');
    t.match(await said('UID FETCH 4 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])'), 'Subject: withheld');
    t.match(await said('UID FETCH 2 (UID)'), /^w\d+ OK/);
  },
);

const originals = (messages: readonly FetchedMessage[], mails: readonly Buffer[]): FetchedMessage[] => {
  const digests = new Set(mails.map(sha256));
  return messages.filter(({ body }) => body !== undefined && digests.has(body.sha256));
};
const datesOf = (messages: readonly FetchedMessage[]) => messages.map(({ internalDate }) => internalDate).sort();

/** The INBOX, opened read-only. */
async function messagesOf(port: number, user: string, password: string): Promise<FetchedMessage[]> {
  const client = await ImapWireClient.login(port, user, password);
  const messages: FetchedMessage[] = [];
  const facts = new FetchFacts((message) => messages.push(message));
  await client.run([Buffer.from('EXAMINE INBOX')]);
  await client.run([Buffer.from('UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])')], (event) =>
    facts.take(event),
  );
  client.close();
  return messages.map((message) => ({ ...message, flags: message.flags?.filter((flag) => flag !== '\\Recent') }));
}

t.test('facts and digests are the same however the response is cut', async (t) => {
  const body = Buffer.concat([original, Buffer.from([0x80, 0xff]), Buffer.alloc(5000, 97)]);
  const forms = [
    `* 3 FETCH (UID 9 FLAGS (\\Seen $x) RFC822.SIZE ${body.length} INTERNALDATE "${date}" BODY[] {${body.length}}\r\n%)\r\n`,
    `* 3 FETCH (BODY[] {${body.length}}\r\n% INTERNALDATE "${date}" RFC822.SIZE ${body.length} FLAGS (\\Seen $x) UID 9)\r\n`,
  ];
  const expected = { uid: 9, flags: ['\\Seen', '$x'], bytes: body.length, internalDate: date };
  for (const form of forms) {
    const [head = '', tail = ''] = form.split('%');
    const wire = Buffer.concat([Buffer.from(head), body, Buffer.from(tail)]);
    for (const size of [1, 7, 64, 1000, wire.length]) {
      const told: FetchedMessage[] = [];
      const facts = new FetchFacts((message) => told.push(message));
      const reader = new ResponseReader();
      for (let at = 0; at < wire.length; at += size) {
        reader.push(Buffer.from(wire.subarray(at, at + size)));
        for (let event = reader.next(); event !== undefined && event.kind !== 'fault'; event = reader.next())
          facts.take(event);
      }
      t.same(told, [{ ...expected, body: { bytes: body.length, sha256: sha256(body) } }], `${size} octets at a time`);
    }
  }
  const told: FetchedMessage[] = [];
  const facts = new FetchFacts((message) => told.push(message));
  const reader = new ResponseReader();
  reader.push(
    Buffer.from(
      '* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 4 BODY[] NIL)\r\n* 2 FETCH (UID 5 BODY[HEADER] "x")\r\n* 3 FETCH (BODY[] "a\\"\\\\b" UID 6)\r\n',
    ),
  );
  for (let event = reader.next(); event !== undefined; event = reader.next()) facts.take(event);
  t.match(
    told,
    [
      { uid: 4, body: undefined },
      { uid: 5, body: undefined },
    ],
    'no UID, no message; no body, no digest',
  );
});
