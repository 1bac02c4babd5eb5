/** Which messages are left, and that rows of the others go: asked of servers good and bad, while mail comes and goes. */

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import t from 'tap';
import { censusBeforeSelect } from '../src/imap/census/census.js';
import { UidAnswer } from '../src/imap/census/uid-answer.js';
import type { TaggedResponse } from '../src/imap/exchange.js';
import { type Account, type LeftUids, type Mailbox, standings } from '../src/imap/handler.js';
import { ResponseReader } from '../src/imap/wire/response-reader.js';
import type { ServerEvent } from '../src/imap/wire/wire.js';
import { ImapRows } from '../src/pipeline/imap-rows.js';
import type { StoreMethod } from '../src/quarantine/store-access.js';
import { limits } from '../src/runtime/limits.js';
import { dovecotPrograms } from './support/dovecot.js';
import { startBed } from './support/imap-bed.js';
import { ImapClient } from './support/imap-client.js';
import { identityOf, JudgeFixture, noticeOf, read } from './support/imap-judge.js';
import { buildMail, eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { ModelMailbox } from './support/model-mailbox.js';

t.setTimeout(300_000);

const { rowsFree, windowRows, pauseMs, messagesMax } = limits.census;
const bad = eicarMail({});
const clean = buildMail({ text: 'nothing in it' });

/** What the gate's own reader makes of these octets, cut into pieces of this length. */
function events(octets: string, piece = octets.length): ServerEvent[] {
  const reader = new ResponseReader();
  const bytes = Buffer.from(octets, 'latin1');
  const found: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(Buffer.from(bytes.subarray(at, at + piece)));
    for (let event = reader.next(); event !== undefined && event.kind !== 'fault'; event = reader.next())
      found.push(event);
  }
  return found;
}

function answered(octets: string, piece?: number): LeftUids | undefined {
  const answer = new UidAnswer();
  for (const event of events(octets, piece)) answer.take(event);
  return answer.uids;
}

function ranges(uids: readonly number[]): string {
  const found: [number, number][] = [];
  for (const uid of uids) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === uid - 1) last[1] = uid;
    else found.push([uid, uid]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
}

/** Up to 300 UIDs in order, close together and far apart. */
const uidLists = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 0xffff_ffff })), { maxLength: 300 })
  .map((uids) => [...new Set(uids)].sort((left, right) => left - right));

t.test('the UIDs that a server tells are those that are left, in whatever form and pieces', (t) => {
  const form = fc.constantFrom('search', 'lines', 'extended', 'untagged');
  const written = (uids: readonly number[], form: string) => {
    const half = uids.length >> 1;
    const line = (some: readonly number[]) => `* SEARCH${some.map((uid) => ` ${uid}`).join('')}\r\n`;
    if (form === 'search') return `* 5 EXISTS\r\n${line(uids)}`;
    if (form === 'lines') return `${line(uids.slice(0, half))}* 3 EXPUNGE\r\n${line(uids.slice(half))}`;
    const tag = form === 'extended' ? ' (TAG "x7")' : '';
    return `* ESEARCH${tag} UID${uids.length === 0 ? '' : ` ALL ${ranges(uids)}`}\r\n`;
  };
  fc.assert(
    fc.property(uidLists, form, fc.integer({ min: 1, max: 50 }), (uids, form, piece) => {
      const left = answered(written(uids, form), piece);
      const model = new Set(uids);
      const near = uids.flatMap((uid) => [uid - 1, uid, uid + 1]);
      return (
        left?.count === uids.length && [0, 1, 0xffff_ffff, ...near].every((uid) => left.has(uid) === model.has(uid))
      );
    }),
    { numRuns: 500 },
  );
  t.equal(answered('* SEARCH 1 2 \r\n')?.count, 2, 'with a blank at the end, as some servers write it');
  const many = Array.from({ length: 50_000 }, (_, index) => 2 * index + 1);
  const large = answered(`* SEARCH ${many.join(' ')}\r\n`);
  t.same([large?.count, large?.has(99_999), large?.has(99_998)], [50_000, true, false], 'more than fits at first');
  t.end();
});

t.test('what is not exactly an answer is none', (t) => {
  const wrong = [
    ...['', '* 3 EXISTS\r\n', '* SEARCHED 1 2\r\n', '* OK [SEARCH 1 2] x\r\n', '* SORT 1 2\r\n', '* 5 SEARCH 1\r\n'],
    ...[
      '* SEARCH 1  2\r\n',
      '* SEARCH 1 x\r\n',
      '* SEARCH 1,2\r\n',
      '* SEARCH 0\r\n',
      '* SEARCH 1 -2\r\n',
      '* SEARCH *\r\n',
    ],
    ...[
      '* SEARCH 2 1\r\n',
      '* SEARCH 1 1\r\n',
      '* SEARCH 4294967296\r\n',
      '* SEARCH 00000000001\r\n',
      '* SEARCH 1 (MODSEQ 5)\r\n',
    ],
    ...[
      '* SEARCH 1 2\r\n* SEARCH 2 3\r\n',
      '* SEARCH 1:\r\n',
      '* SEARCH :1\r\n',
      '* SEARCH 1 3:2\r\n',
      '* SEARCH (1 2)\r\n',
    ],
    ...['* ESEARCH (TAG "a") ALL 1:3\r\n', '* ESEARCH (TAG "a") UID COUNT 3\r\n', '* ESEARCH (TAG "a") UID ALL\r\n'],
    ...[
      '* ESEARCH (TAG "a") UID ALL 1:*\r\n',
      '* ESEARCH (TAG "a") UID ALL 1:3 COUNT 3\r\n',
      '* ESEARCH UID ALL 3,1\r\n',
    ],
    ...[
      '* ESEARCH UID ALL \r\n',
      '* ESEARCH UID ALL 1,\r\n',
      '* ESEARCH UID ALL 1:2:3\r\n',
      '* ESEARCH UID ADDTO (0 1:3)\r\n',
    ],
    ...['* ESEARCH (MAILBOX "x" TAG "a") UID ALL 1\r\n', '* SEARCH "1"\r\n', '* SEARCH 1.5\r\n', '* SEARCH 1e3\r\n'],
  ];
  for (const octets of wrong) t.equal(answered(octets), undefined, JSON.stringify(octets));
  // Whatever octets stand in it, what is believed is what is written there.
  const octets = fc.string({ unit: fc.constantFrom(...'0123456789 ,:*()UIDALxMODSEQ"'.split('')), maxLength: 40 });
  fc.assert(
    fc.property(octets, (text) => {
      const left = answered(`* SEARCH${text}\r\n`);
      return left === undefined || /^(?: [0-9]{1,10}(?::[0-9]{1,10})?)* ?$/.test(text);
    }),
    { numRuns: 5000 },
  );
  t.end();
});

t.test('an answer of more ranges than a mailbox may have messages takes no more memory', (t) => {
  const answer = new UidAnswer();
  const lines = 11;
  const each = Math.ceil((messagesMax + 1) / lines);
  for (let line = 0; line < lines; line += 1) {
    const uids = Array.from({ length: each }, (_, index) => 2 * (line * each + index) + 1);
    answer.take({
      kind: 'data',
      name: 'SEARCH',
      number: undefined,
      raw: Buffer.from(`* SEARCH ${uids.join(' ')}\r\n`),
    });
    if (line < lines - 1) t.ok(answer.uids !== undefined);
  }
  t.equal(answer.uids, undefined);
  t.end();
});

t.test('rows that are not kept go, and their memory', (t) => {
  const uid = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 0xffff_ffff }));
  const row = fc.tuple(
    uid,
    fc.integer({ min: 1, max: 5 }),
    fc.nat(0xffff_ffff),
    fc.nat(20),
    fc.constantFrom(0, 0, 0, 7),
  );
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 400 }),
      fc.integer({ min: 1, max: 7 }),
      fc.array(row),
      (first, part, then) => {
        const rows = new ImapRows();
        const model = new Map<number, readonly number[]>();
        const set = (entries: typeof first) => {
          for (const [key, ...values] of entries) {
            rows.set(key, ...values);
            model.set(key, values);
          }
        };
        set(first);
        const highest = Math.max(0, ...model.keys());
        rows.retain((key) => key % part === 0);
        for (const [key, values] of model)
          if (key % part !== 0 && key !== highest && values[3] === 0) model.delete(key);
        const same = () => {
          for (const key of [...first, ...then].map(([key]) => key)) {
            const slot = rows.find(key);
            const values = [rows.state(slot), rows.bytes(slot), rows.revision(slot), rows.notice(slot)];
            if (JSON.stringify(values) !== JSON.stringify(model.get(key) ?? [0, 0, 0, 0])) return false;
          }
          const plain = [...model.values()].filter((values) => values[3] === 0).length;
          return (
            rows.count === model.size && rows.forgettable === plain && rows.highest === Math.max(0, ...model.keys())
          );
        };
        if (!same()) return false;
        set(then);
        return same();
      },
    ),
    { numRuns: 1000 },
  );
  const rows = new ImapRows();
  for (let key = 1; key <= 100_000; key += 1) rows.set(key, 2, 1000, 1, 0);
  const before = rows.heldBytes;
  rows.retain((key) => key > 99_900);
  t.equal(rows.count, 100);
  t.ok(rows.heldBytes * 500 < before, `${before} octets, and then ${rows.heldBytes}`);
  t.end();
});

/** UIDs of all rows on disk, in order. */
function rowsIn(directory: string): number[] {
  const database = new Sqlite(join(directory, 'sluice.db'), { readonly: true });
  try {
    return database.prepare<[], number>('SELECT uid FROM imap_messages ORDER BY uid').pluck().all();
  } finally {
    database.close();
  }
}

/** A user's server and the gate's judge before it; rows as many as in a mailbox of years. */
class Bench {
  readonly mailbox = new ModelMailbox();
  readonly judge: JudgeFixture;
  readonly lines: string[] = [];
  /** commands that are answered with this instead of being run */
  refusals: Readonly<Record<string, string>> = {};
  /** of what the server has not told its session yet */
  #unsaid: string[] = [];
  /** called before each command is run */
  before: (command: string) => Promise<void> | void = () => {};

  constructor(judge: JudgeFixture) {
    this.judge = judge;
  }

  /** As a session would: our work, and then the client's SELECT. */
  async open(account: Account): Promise<Mailbox> {
    await this.ask(account);
    return this.select(account);
  }

  async ask(account: Account): Promise<string[]> {
    const sent: string[] = [];
    const port = {
      account,
      readOnly: false,
      offers: (name: string) => name === 'UNSELECT',
      run: async (command: readonly unknown[], take?: (event: ServerEvent) => void): Promise<TaggedResponse> => {
        const text = Buffer.concat(command as Buffer[]).toString('latin1');
        sent.push(text);
        await this.before(text);
        const refusal = this.refusals[text];
        const { untagged, status } = refusal === undefined ? this.mailbox.run(text) : { untagged: '', status: refusal };
        const unsaid = text === 'UID SEARCH ALL' ? this.#unsaid.join('') : '';
        this.#unsaid = [];
        for (const event of events(`${unsaid}${untagged.toString('latin1')}t ${status}\r\n`)) {
          if (event.kind === 'tagged') return event;
          take?.(event);
        }
        throw new Error('no answer');
      },
    };
    const log = { info: ({ reason }: { reason: string }) => this.lines.push(reason) } as never;
    await censusBeforeSelect(log)(port, 'INBOX', [Buffer.from('INBOX')]);
    return sent;
  }

  select(account: Account): Promise<Mailbox> {
    const { uidNext, messages, uidValidity } = this.mailbox;
    return account.open(identityOf({ uidNext, uidValidity }), messages.length);
  }

  /** Adds messages and shows what is needed to have rows of them. */
  async fill(mailbox: Mailbox, count: number): Promise<number[]> {
    const uids = Array.from({ length: count }, () => this.mailbox.add(clean));
    await mailbox.showMetadata(uids);
    return uids;
  }

  expunge(uids: readonly number[]): void {
    const gone = new Set(uids);
    const { messages } = this.mailbox;
    for (let at = messages.length - 1; at >= 0; at -= 1) {
      if (!gone.has(messages[at]?.uid ?? 0)) continue;
      messages.splice(at, 1);
      this.#unsaid.push(`* ${at + 1} EXPUNGE\r\n`);
    }
  }

  rows(): number[] {
    return rowsIn(this.judge.test.directory);
  }

  /** Until what was begun is done. */
  async settled(): Promise<void> {
    const told = () => this.judge.lines.filter(({ msg }) => /that are gone/.test(String(msg))).length;
    const before = told();
    for (let wait = 0; told() === before; wait += 1) {
      if (wait > 2000) throw new Error(`nothing was forgotten: ${this.lines.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

t.test('a mailbox with many more rows than messages is asked at its next opening', async (t) => {
  const judge = await JudgeFixture.open(t);
  const bench = new Bench(judge);
  const account = judge.account();
  const first = await bench.open(account);
  const old = await bench.fill(first, rowsFree);
  const kept = await bench.fill(first, 50);
  const wicked = bench.mailbox.add(bad);
  const { notice } = noticeOf(await read(first, wicked, bad));
  await read(first, kept[0] ?? 0, clean);
  const youngest = bench.mailbox.add(clean);
  await read(first, youngest, clean);
  t.same(await bench.ask(account), [], 'nobody is gone');
  await bench.select(account);
  bench.expunge([...old, wicked, youngest]);
  t.same(await bench.ask(account), [], 'nobody knows yet');
  await bench.select(account);
  t.same(await bench.ask(account), [], 'nor are there many more yet');
  const more = await bench.fill(await bench.select(account), 60);
  bench.expunge(more);
  await bench.select(account);
  const rows = bench.rows().length;
  const settled = bench.settled();
  t.same(await bench.ask(account), ['EXAMINE INBOX', 'UID SEARCH ALL', 'UNSELECT']);
  await settled;
  t.equal(rows, rowsFree + 50 + 60 + 2);
  t.same(bench.rows(), [...kept, wicked, more.at(-1)], 'what is there, the notice, and the highest');
  const again = await bench.open(account);
  t.same(
    [...old, ...kept, ...more.slice(0, -1)].filter((uid) => again.standing(uid) !== standings.unjudged),
    kept,
  );
  t.equal(again.standing(wicked), standings.notice);
  t.same(await again.notice(wicked), notice);
  t.equal(again.standing(kept[0] ?? 0), standings.original);
  account.close();
  const later = await bench.open(judge.account());
  t.equal(later.standing(kept[0] ?? 0), standings.original, 'also as it is read from the disk');
  t.equal(noticeOf(await read(later, wicked, bad)).notice.item, notice.item);
  t.equal((await read(later, old[0] ?? 0, clean)).kind, 'original', 'what was forgotten is judged anew');
  t.equal(noticeOf(await read(later, old[1] ?? 0, bad)).notice.item, notice.item, 'and withheld');
});

/** A mailbox that is due. */
async function crowded(t: Parameters<typeof JudgeFixture.open>[0], store?: (method: StoreMethod) => void) {
  const judge = await JudgeFixture.open(t, store === undefined ? {} : { store });
  const bench = new Bench(judge);
  const account = judge.account();
  const mailbox = await bench.open(account);
  const gone = await bench.fill(mailbox, 2 * windowRows + 500);
  const kept = await bench.fill(mailbox, 100);
  bench.expunge(gone);
  await bench.select(account);
  return { judge, bench, account, gone, kept };
}

t.test('what came, was judged or was withheld while the server was asked stays', async (t) => {
  const { judge, bench, account, gone, kept } = await crowded(t);
  const other = judge.account();
  const reader = await bench.select(other);
  const during: number[] = [];
  const [bare = 0, found = 0] = gone;
  bench.before = async (command) => {
    // Another session reads new mail and, for a while yet, what is gone; one of these is found to be bad.
    during.push(...(await bench.fill(reader, 3)));
    if (command !== 'UID SEARCH ALL') return;
    await read(reader, bare, clean);
    t.equal(noticeOf(await read(reader, found, bad)).late, true);
    bench.expunge(kept.slice(0, 10));
  };
  const settled = bench.settled();
  await bench.ask(account);
  await settled;
  t.equal(during.length, 9);
  t.same(bench.rows(), [found, ...kept.slice(10), ...during]);
  t.equal(reader.standing(found), standings.lateNotice, 'a notice, in memory too');
  t.equal(reader.standing(bare), standings.unjudged, 'in memory what is gone is forgotten as well');
  t.same(
    [...kept.slice(10), ...during].filter((uid) => reader.standing(uid) !== standings.metadata),
    [],
  );
});

t.test('one mailbox at a time, and each at most once in a while', async (t) => {
  const { judge, bench, account, gone } = await crowded(t);
  bench.refusals = { 'UID SEARCH ALL': 'BAD no such command' };
  const second = judge.account();
  bench.before = async (command) => {
    if (command === 'UID SEARCH ALL') {
      t.same(await new Bench(judge).ask(second), [], 'nobody else asks meanwhile');
    }
  };
  t.same((await bench.ask(account)).length, 3);
  t.same(bench.lines, ['the server does not search']);
  bench.before = () => {};
  await bench.select(account);
  t.same(await bench.ask(account), [], 'a server that does not answer is left alone');
  bench.refusals = {};
  judge.test.clock.now += pauseMs;
  const settled = bench.settled();
  t.equal((await bench.ask(account)).length, 3);
  await settled;
  t.equal(bench.rows().length, 100);
  await bench.select(account);
  judge.test.clock.now += pauseMs;
  t.same(await bench.ask(account), [], 'and there is nothing to ask any more');
  t.ok(gone.length > windowRows);
});

t.test('a store that fails in between loses nothing, and the next time finds the rest', async (t) => {
  let left = Number.POSITIVE_INFINITY;
  const { judge, bench, account, kept } = await crowded(t, (method) => {
    if (method !== 'forgetMessages') return;
    left -= 1;
    if (left < 0) throw new Error('the disk');
  });
  left = 1;
  let settled = bench.settled();
  await bench.ask(account);
  await settled;
  t.equal(bench.rows().length, windowRows + 600, 'the first of them went');
  t.match(
    judge.lines.filter(({ msg }) => msg === 'rows of messages that are gone cannot be forgotten'),
    [{ rows: windowRows }],
  );
  left = Number.POSITIVE_INFINITY;
  await bench.select(account);
  judge.test.clock.now += pauseMs;
  settled = bench.settled();
  await bench.ask(account);
  await settled;
  t.same(bench.rows(), kept);
});

t.test('a mailbox that was deleted or begun anew meanwhile is not touched', async (t) => {
  const { judge, bench, account, kept } = await crowded(t);
  bench.before = async (command) => {
    if (command === 'UNSELECT') await account.forget('INBOX');
  };
  await bench.ask(account);
  const anew = await bench.select(account);
  const rows = [kept[0] ?? 0, 5, 6, 7];
  await anew.showMetadata(rows);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.same(
    bench.rows(),
    rows.sort((left, right) => left - right),
    'rows of the new one, gone or not',
  );
  t.match(judge.lines.at(-1), { rows: 0 });
});

t.test('the rows of users whose name is not known are not asked for', async (t) => {
  const judge = await JudgeFixture.open(t);
  const bench = new Bench(judge);
  const account = judge.account('');
  const mailbox = await bench.open(account);
  bench.expunge(await bench.fill(mailbox, 3 * rowsFree));
  await bench.select(account);
  t.same(await bench.ask(account), []);
});

t.test(
  'whatever happens to a mailbox, rows of messages that are there stay, and the others go in the end',
  async (t) => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('come' as const), count: fc.integer({ min: 1, max: 1500 }) }),
      fc.record({ kind: fc.constant('expunge' as const), part: fc.integer({ min: 2, max: 40 }), keep: fc.boolean() }),
      fc.record({ kind: fc.constant('withhold' as const), at: fc.nat(1000) }),
      fc.record({ kind: fc.constant('open' as const), second: fc.boolean() }),
      fc.record({ kind: fc.constant('open' as const), second: fc.boolean() }),
      fc.record({ kind: fc.constant('restart' as const) }),
    );
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
      const problems: string[] = [];
      await t.test('one life', async (t) => {
        problems.push(...(await liveThrough(await JudgeFixture.open(t), steps)));
        t.same(problems, []);
      });
      if (problems.length > 0) throw new Error(problems.join('; '));
    });
    await fc.assert(property, { numRuns: 20 });
    t.ok(censuses > 10, `${censuses} times a server was asked`);
  },
);

type Step =
  | { readonly kind: 'come'; readonly count: number }
  | { readonly kind: 'expunge'; readonly part: number; readonly keep: boolean }
  | { readonly kind: 'withhold'; readonly at: number }
  | { readonly kind: 'open'; readonly second: boolean }
  | { readonly kind: 'restart' };

let censuses = 0;

/** Gives what was not as it should be. */
async function liveThrough(judge: JudgeFixture, steps: readonly Step[]): Promise<string[]> {
  const bench = new Bench(judge);
  const problems: string[] = [];
  let accounts = [judge.account(), judge.account()] as const;
  let mailbox = await bench.open(accounts[0]);
  const shown = new Set(await bench.fill(mailbox, 2 * windowRows));
  const notices = new Set<number>();
  const forgettable = () => bench.rows().filter((uid) => !notices.has(uid)).length;
  const visit = async (account: Account) => {
    judge.test.clock.now += pauseMs;
    const settled = bench.settled();
    settled.catch(() => undefined);
    const asked = (await bench.ask(account)).length > 0;
    if (asked) await settled;
    if (asked) censuses += 1;
    mailbox = await bench.select(account);
    for (const { uid } of bench.mailbox.messages) {
      const wanted = notices.has(uid) ? standings.lateNotice : standings.metadata;
      if (shown.has(uid) && mailbox.standing(uid) !== wanted) problems.push(`${uid} is lost`);
    }
    for (const uid of notices)
      if (mailbox.standing(uid) !== standings.lateNotice) problems.push(`notice ${uid} is lost`);
    const there = bench.mailbox.messages.length;
    if (asked && forgettable() > there + 1) problems.push(`${forgettable()} rows for ${there} messages`);
  };
  for (const one of steps) {
    const { messages } = bench.mailbox;
    if (one.kind === 'come') for (const uid of await bench.fill(mailbox, one.count)) shown.add(uid);
    else if (one.kind === 'open') await visit(accounts[one.second ? 1 : 0]);
    else if (one.kind === 'expunge') {
      bench.expunge(messages.filter((_, at) => (at % one.part === 0) !== one.keep).map(({ uid }) => uid));
    } else if (one.kind === 'withhold') {
      const uid = messages[one.at % Math.max(1, messages.length)]?.uid ?? 0;
      if (notices.has(uid) || !shown.has(uid)) continue;
      if (!noticeOf(await read(mailbox, uid, bad)).late) problems.push(`${uid} was shown before`);
      notices.add(uid);
    } else {
      for (const account of accounts) account.close();
      accounts = [judge.account(), judge.account()];
      mailbox = await bench.select(accounts[0]);
    }
  }
  for (let round = 0; round < 3; round += 1) await visit(accounts[0]);
  const rows = forgettable();
  if (rows > 2 * bench.mailbox.messages.length + rowsFree) problems.push(`${rows} rows in the end`);
  return problems;
}

t.test(
  'before a real server: the rows go, the client sees nothing of it, and all mail is read as before',
  { skip: skipWithout(...dovecotPrograms) },
  async (t) => {
    const bed = await startBed(t);
    const { dovecot } = bed;
    const user = dovecot.user('anna');
    const count = rowsFree + 300;
    const mails = Array.from({ length: count }, (_, index) =>
      index === 3 || index === count - 4 ? eicarMail({ subject: `${index}` }) : buildMail({ text: `mail ${index}` }),
    );
    dovecot.putMaildir(user, mails);
    const client = await ImapClient.login(bed.through, user, dovecot.password);
    client.patienceMs = 120_000;
    await client.ok('SELECT INBOX');
    await client.ok('FETCH 1:* BODY.PEEK[]');
    const rows = () => rowsIn(join(bed.gate.folder, 'var'));
    t.equal(rows().length, count);
    const left = Array.from({ length: 10 }, (_, index) => count - 9 + index);
    await client.ok(`UID STORE 1:${count - 10} +FLAGS.SILENT (\\Deleted)`);
    await client.ok('EXPUNGE');
    const plain = await client.ok('SELECT INBOX');
    const asked = await client.ok('SELECT INBOX');
    const text = (answer: typeof plain) => answer.untagged.map(({ raw }) => raw.toString('latin1')).sort();
    t.same(text(asked), text(plain), 'nothing of ours');
    for (let wait = 0; wait < 200 && rows().length > 11; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 25));
    t.same(rows(), [4, ...left], 'what is there, and the notice');
    const through = await client.ok('UID FETCH 1:* (UID BODY.PEEK[])');
    t.equal(through.untagged.filter(({ name }) => name === 'FETCH').length, 10);
    t.equal(through.untagged.filter(({ raw }) => raw.includes('X5O!P%')).length, 0, 'what is withheld stays so');
    t.match(await client.ok('EXAMINE INBOX'), { status: 'OK' });
    await client.logout();
  },
);
