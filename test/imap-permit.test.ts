/**
 * IMAP where nothing is judged: by `policy.imap.action: permit`, or because a server is not listed. Such a session takes
 * ways of its own, and has to be answered as by the server itself, octet for octet, malicious mail included.
 */
import t, { type Test } from 'tap';
import { dovecotPrograms, startDovecot } from './support/dovecot.js';
import type { Settings } from './support/gate.js';
import { type ImapBed, loginTwins, startBed } from './support/imap-bed.js';
import { type ImapAnswer, ImapClient, type OutgoingPiece } from './support/imap-client.js';
import { cleanMails, maliciousMails } from './support/imap-mails.js';
import { fetchForms, fetchSets, messagesIn } from './support/imap-matrix.js';
import { mailPrograms } from './support/imap-programs.js';
import { bytesOf } from './support/imap-values.js';
import { skipWithout } from './support/missing.js';
import { folderOf, reconfigure, startGate } from './support/running.js';
import { SecretWatch } from './support/secret-watch.js';

t.setTimeout(300_000);

const skip = skipWithout(...dovecotPrograms);

const permitted = { policy: { imap: { action: 'permit' } } };
const judged = { policy: { imap: { action: 'block' } } };

/** Before a server whose name is not listed. */
async function startUnlisted(t: Test): Promise<ImapBed> {
  const dovecot = await startDovecot(t);
  const gate = await startGate(t, {
    imapUpstreamPort: dovecot.port,
    imapListener: { upstream: { host: 'localhost', port: dovecot.port } },
    config: { policy: { imap: { action: 'block', servers: ['imap.example.org'] } } },
  });
  return { dovecot, direct: dovecot.port, through: gate.imapPort, blocks: false };
}

const startPermitting = (t: Test, config: Settings = permitted) => startBed(t, { gate: { config } });

/** All that was said; of the tagged answer whether it is OK, and its code, as the words may be ours. */
function saidIn({ untagged, status, tagged }: ImapAnswer): string {
  const code = /^\S+ \S+ (\[[^\]]*\])/.exec(tagged.raw.toString('latin1'))?.[1] ?? '';
  return `${untagged.map(({ raw }) => raw.toString('latin1')).join('')}${status} ${code}`;
}

function difference(expected: string, actual: string): string | undefined {
  if (expected === actual) return undefined;
  let same = 0;
  while (expected[same] === actual[same]) same += 1;
  const near = (text: string) => text.slice(Math.max(0, same - 60), same + 120);
  return `${near(expected)} is expected, ${near(actual)} came`;
}

const name = (pieces: readonly OutgoingPiece[]) =>
  pieces.map((piece) => (typeof piece === 'string' ? piece : `{${piece.literal.length}}`)).join('');

const literal = (text: string, form: { eager?: boolean; binary?: boolean } = {}): OutgoingPiece => ({
  literal: Buffer.from(text, 'latin1'),
  ...form,
});

/** Ways to ask that no list of forms has: literals in all places, and spellings. */
const odd: readonly (readonly OutgoingPiece[])[] = [
  ['FETCH 1:3 BODY.PEEK[HEADER.FIELDS (', literal('Subject'), ')]'],
  [
    'FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (',
    literal('Subject', { eager: true }),
    ' To ',
    literal('From'),
    ')] FLAGS)',
  ],
  ['UID FETCH 1:3 (BODY.PEEK[HEADER.FIELDS.NOT (', literal('Received'), ')]<0.40> RFC822.SIZE)'],
  ['FETCH 1:3 (BODY.PEEK[HEADER.FIELDS (To)] BODY.PEEK[1.HEADER.FIELDS (To)] BODY.PEEK[2.HEADER.FIELDS.NOT (To)])'],
  ['FETCH 1:3 (BODY.PEEK[HEADER.FIELDS ("To" "X-]" "X-(")] UID)'],
  ['FETCH 1:3 BODY.PEEK[HEADER.FIELDS (  To   From  )]'],
  ['FETCH 1:3 (  FLAGS   UID  )'],
  ['uid fetch 1:3 (flags body.peek[header.fields (date subject from to cc message-id references)] rfc822.size)'],
  ['FETCH 1:3 (FLAGS BODY.PEEK[HEADER.FIELDS (TO)]) (CHANGEDSINCE 1)'],
  ['UID FETCH 1:3 (FLAGS) (CHANGEDSINCE 1)'],
  ['UID FETCH 1:3 (BODY.PEEK[1]<0.5> BODY.PEEK[1]<5.5> BODY.PEEK[HEADER.FIELDS (To)]<2.9>)'],
  [`FETCH ${Array.from({ length: 3000 }, (_, number) => (number % 3) + 1).join(',')} UID`],
  [`FETCH 1:2 (${'BODY.PEEK[] BODY.PEEK[TEXT] '.repeat(60).trim()})`],
  [`FETCH 1 BODY.PEEK[HEADER.FIELDS (${Array.from({ length: 200 }, (_, number) => `X-Field-${number}`).join(' ')})]`],
  ['FETCH 1 BODY[HEADER.FIELDS (To]'],
  ['FETCH 1 BODY[HEADER.FIELDS (To))'],
  ['FETCH 1 BODY[HEADER.FIELDS (To)] )'],
  ['FETCH 1 (BODY[HEADER.FIELDS (To)]'],
  ['FETCH 1 NOTHING (To)'],
  ['SEARCH SUBJECT ', literal('here')],
  ['SEARCH OR SUBJECT ', literal('here', { eager: true }), ' NOT TEXT ', literal('Bob')],
  ['SEARCH CHARSET UTF-8 TEXT ', literal('Gr\xc3\xbc\xc3\x9fe')],
  ['SEARCH CHARSET UTF-8 TEXT "Gr\xc3\xbc\xc3\x9fe"'],
  ['SEARCH CHARSET ISO-8859-1 TEXT ', literal('Gr\xfc\xdfe', { eager: true })],
  ['SEARCH CHARSET X-UNKNOWN TEXT ', literal('x')],
  ['UID SEARCH RETURN (MIN MAX COUNT ALL) (OR (LARGER 2000) (NOT (FROM "Ann")))'],
  ['UID SEARCH 1:5,7 UNDELETED HEADER "Message-ID" "@client" SINCE 1-Jan-2000'],
  ['SEARCH TEXT "quoted \\"inside\\" \\\\"'],
  ['SORT (REVERSE SIZE SUBJECT) UTF-8 ALL'],
  ['UID SORT RETURN (COUNT ALL) (ARRIVAL) US-ASCII TEXT ', literal('Bob')],
  ['THREAD REFERENCES UTF-8 ALL'],
  ['UID THREAD ORDEREDSUBJECT ', literal('UTF-8'), ' SUBJECT ', literal('e', { eager: true })],
  ['STATUS ', literal('INBOX'), ' (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)'],
  ['LIST (SUBSCRIBED) "" ("INBOX" "%") RETURN (CHILDREN STATUS (MESSAGES))'],
  ['LIST "" ', literal('*', { eager: true })],
  ['STORE 1 +FLAGS (\\Seen)'],
  ['NOOP'],
];

t.test('every form of FETCH, and of other questions, is answered to the octet', { skip }, async (t) => {
  for (const [how, start] of [
    ['permit', startPermitting],
    ['a server that is not listed', startUnlisted],
  ] as const) {
    const bed = await start(t);
    const { dovecot } = bed;
    const user = dovecot.user('reader');
    const bad = maliciousMails();
    const mails = [...cleanMails(24), ...bad].map(({ mail }) => mail);
    dovecot.putMaildir(user, mails);
    const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
    const { direct, through } = await loginTwins(
      t,
      bed,
      { direct: user, through: user },
      { watch: watch.connection(how) },
    );
    for (const client of [direct, through]) await client.ok('EXAMINE INBOX');
    const questions: (readonly OutgoingPiece[])[] = [
      ...fetchForms().map((form, round) => [`${round % 2 === 0 ? '' : 'UID '}FETCH 1:* ${form}`]),
      ...fetchSets.map((set) => [`FETCH ${set} (UID BODY.PEEK[])`]),
      ...odd,
    ];
    const found: string[] = [];
    for (const pieces of questions) {
      const [expected, actual] = await Promise.all([direct.command(...pieces), through.command(...pieces)]);
      const differs = difference(saidIn(expected), saidIn(actual));
      if (differs !== undefined) found.push(`${name(pieces)}: ${differs}`);
    }
    t.same(found, [], `${how}: ${questions.length} questions`);
    t.ok(watch.found.length > 20, `${how}: what is malicious came too`);

    const lines = questions.flatMap(([line, ...more]) =>
      typeof line === 'string' && more.length === 0 && line.length < 500 ? [line] : [],
    );
    const some = lines.filter((_, index) => index % 4 === 0);
    const [expected, actual] = [await direct.pipeline(some), await through.pipeline(some)];
    t.same(
      some.filter((_, index) => expected[index]?.status !== actual[index]?.status),
      [],
      `${how}: sent all at once`,
    );
    const all = (answer: ImapAnswer | undefined) =>
      (answer?.untagged ?? []).map(({ raw }) => raw.toString('latin1')).join('');
    t.equal(difference(all(expected[0]), all(actual[0])), undefined, `${how}: and answered in the same order`);
  }
});

/** Puts in what differs between two mailboxes that were made one after the other. */
function likeness(said: string): string {
  return said
    .replace(/(UIDVALIDITY|APPENDUID|COPYUID) \d+/g, '$1 n')
    .replace(/(INTERNALDATE|SAVEDATE) "[^"]*"/g, '$1 then');
}

const bad = maliciousMails()[0]?.mail ?? Buffer.alloc(0);
const large = Buffer.from(`Subject: large\r\n\r\n${'0123456789 "{5}" \\ )\r\n'.repeat(400_000)}`);
const small = Buffer.from('Subject: small\r\n\r\n\x80\xff {3}\r\na1 OK\r\n', 'latin1');
const steps: readonly (readonly OutgoingPiece[])[] = [
  ['CREATE ', literal('Other box')],
  ['SELECT INBOX'],
  ['APPEND INBOX ', { literal: bad }],
  ['APPEND INBOX (\\Seen $Label) "05-Jan-2026 10:11:12 +0200" ', { literal: small, eager: true }],
  ['APPEND INBOX ', { literal: small, binary: true }],
  ['APPEND INBOX ', { literal: small, binary: true, eager: true }],
  ['APPEND "Other box" ', { literal: large }],
  ['APPEND ', literal('Other box', { eager: true }), ' (\\Draft) ', { literal: large, eager: true }],
  ['APPEND INBOX ', { literal: small }, ' (\\Flagged) ', { literal: bad, eager: true }],
  ['APPEND Nowhere ', { literal: small, eager: true }],
  ['NOOP'],
  ['FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])'],
  ['FETCH 1 BODY[]'],
  ['STORE 1:2 +FLAGS.SILENT (\\Flagged $Work)'],
  ['STORE 2 -FLAGS (\\Flagged) '],
  ['UID STORE 1:3 (UNCHANGEDSINCE 1) FLAGS ()'],
  ['SEARCH SUBJECT ', literal('small')],
  ['UID COPY 1:2 ', literal('Other box', { eager: true })],
  ['MOVE 2 "Other box"'],
  ['FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (Subject)])'],
  ['SELECT "Other box"'],
  ['FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[]<0.100> BODY.PEEK[TEXT]<7000000.200000>)'],
  ['FETCH 1:2 RFC822'],
  ['STORE 1 +FLAGS (\\Deleted)'],
  ['UID EXPUNGE 1'],
  ['EXAMINE INBOX'],
  ['FETCH 1:* BODY[]'],
  ['UNSELECT'],
  ['FETCH 1:* BODY[]'],
  ['RENAME "Other box" Third'],
  ['SELECT Third'],
  ['FETCH 1:* (UID FLAGS)'],
  ['CLOSE'],
  ['DELETE Third'],
  ['LIST "" *'],
];

t.test('what is written arrives, in every form, and two who share a mailbox are told', { skip }, async (t) => {
  const bed = await startPermitting(t);
  const writers = await loginTwins(t, bed, { direct: 'direct', through: 'through' });
  const readers = await loginTwins(t, bed, { direct: 'direct', through: 'through' });
  for (const { direct, through } of [writers, readers]) {
    for (const client of [direct, through]) await client.ok('SELECT INBOX');
  }
  const found: string[] = [];
  const both = async (twins: { direct: ImapClient; through: ImapClient }, pieces: readonly OutgoingPiece[]) => {
    const [expected, actual] = await Promise.all([twins.direct.command(...pieces), twins.through.command(...pieces)]);
    const differs = difference(likeness(saidIn(expected)), likeness(saidIn(actual)));
    if (differs !== undefined) found.push(`${name(pieces)}: ${differs}`);
    return actual;
  };
  for (const pieces of steps) {
    await both(writers, pieces);
    await both(readers, ['NOOP']);
  }
  t.same(found, [], `${steps.length} steps`);
});

t.test(
  'what comes while a client waits is told, and a mailbox may be opened under what is asked',
  { skip },
  async (t) => {
    const bed = await startPermitting(t);
    const { direct: writer, through: reader } = await loginTwins(t, bed, { direct: 'reader', through: 'reader' });
    for (const client of [writer, reader]) await client.ok('SELECT INBOX');
    const tag = reader.newTag();
    await reader.send(`${tag} IDLE\r\n`);
    await reader.until((response) => response.tag === '+');
    await writer.ok('APPEND INBOX ', { literal: bad });
    const told = await reader.until(({ name: its }) => its === 'EXISTS');
    await reader.send('DONE\r\n');
    t.equal((await reader.answer(tag)).status, 'OK');
    const count = told.find(({ name: its }) => its === 'EXISTS')?.number ?? 0;
    const fetched = messagesIn(await reader.ok(`FETCH ${count} BODY[]`));
    t.same(bytesOf(fetched.get(count)?.get('BODY[]')), bad, 'what came while idling is read as it is');

    // Line by line and octet by octet, with a mailbox switched under a FETCH that was just sent.
    const lines = [
      'x1 FETCH 1:* BODY.PEEK[HEADER.FIELDS ({7+}',
      'Subject)]',
      'x2 SELECT INBOX',
      'x3 UID FETCH 1:* (FLAGS)',
      'x4 NOOP',
    ];
    await reader.send(`${lines.join('\r\n')}\r\n`, 'octets');
    const responses = await reader.until((response) => response.tag === 'x4');
    const answers = responses.flatMap(({ tag: its, name: status }) => (its === '*' ? [] : [`${its} ${status}`]));
    t.same(answers, ['x1 OK', 'x2 OK', 'x3 OK', 'x4 OK']);
  },
);

t.test('mail programs fetch what is there', { skip }, async (t) => {
  const bed = await startPermitting(t);
  const { dovecot } = bed;
  const mails = [...cleanMails(12), ...maliciousMails().slice(0, 9)].map(({ mail }) => mail);
  const secrets = maliciousMails().flatMap((mail) => mail.secrets);
  for (const { name: program, needs, fetch } of mailPrograms) {
    await t.test(program, { skip: skipWithout(...needs) }, async (t) => {
      const users = { direct: dovecot.user(`${program}-direct`), through: dovecot.user(`${program}-through`) };
      for (const user of Object.values(users)) dovecot.putMaildir(user, mails);
      const common = { password: dovecot.password, mails: mails.length };
      const [direct, through] = await Promise.all([
        fetch({ ...common, folder: folderOf(t), port: bed.direct, user: users.direct }),
        fetch({ ...common, folder: folderOf(t), port: bed.through, user: users.through }),
      ]);
      t.equal(through.length, direct.length, 'as many messages');
      const other = direct.findIndex((mail, number) => through[number]?.equals(mail) !== true);
      t.equal(other, -1, `the same octets, also number ${other}`);
      const watch = new SecretWatch(secrets);
      for (const mail of through) watch.connection(program)(mail);
      t.ok(watch.found.length > 0, 'and what is malicious too');
    });
  }
});

t.test(
  'a policy that changes holds from the next mailbox, and at once where mail was not judged',
  { skip },
  async (t) => {
    const bed = await startPermitting(t);
    const { dovecot, gate } = bed;
    const bad = maliciousMails().slice(0, 3);
    const user = dovecot.user('anna');
    const mails = [...cleanMails(2), ...bad].map(({ mail }) => mail);
    for (const mailbox of [undefined, 'Second']) dovecot.putMaildir(user, mails, mailbox);
    const count = mails.length;
    const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
    const login = (connection: string) =>
      ImapClient.login(bed.through, user, dovecot.password, { watch: watch.connection(connection) });
    const read = async (client: ImapClient) => {
      const messages = messagesIn(await client.ok('UID FETCH 1:* BODY.PEEK[]'));
      return mails.filter((mail, index) => bytesOf(messages.get(index + 1)?.get('BODY[]'))?.equals(mail)).length;
    };
    const [reading, switching, waiting, idle] = await Promise.all(['a', 'b', 'c', 'd'].map(login));
    if (reading === undefined || switching === undefined || waiting === undefined || idle === undefined) return;
    t.teardown(() => {
      for (const client of [reading, switching, waiting, idle]) client.destroy();
    });
    for (const client of [reading, switching, idle]) {
      await client.ok('SELECT INBOX');
      t.equal(await read(client), count, 'all is seen');
    }
    const tag = idle.newTag();
    await idle.send(`${tag} IDLE\r\n`);
    await idle.until((response) => response.tag === '+');

    t.equal(await reconfigure(gate, judged), 'applied');
    const seen = watch.found.length;
    await waiting.ok('SELECT INBOX');
    t.equal(await read(waiting), 2, 'who opens a mailbox now sees notices');
    await switching.ok('SELECT Second');
    t.equal(await read(switching), 2, 'also who had another open');
    await switching.ok('EXAMINE INBOX');
    t.equal(await read(switching), 2, 'and in that one too');

    await reading.ok('NOOP');
    await reading.ok('STORE 1 +FLAGS (\\Seen)');
    await reading.send('x1 NOOP\r\nx2 FETCH 1:* BODY[]\r\n');
    const last = await reading.until(({ name: its }) => its === 'BYE');
    t.ok(
      last.some(({ tag: its, name: status }) => its === 'x1' && status === 'OK'),
      'what came before is answered',
    );
    await reading.ended();
    await idle.send('DONE\r\n');
    t.equal((await idle.answer(tag)).status, 'OK', 'IDLE goes on to its end');
    await idle.send('x1 UID FETCH 1:* (FLAGS)\r\n');
    await idle.until(({ name: its }) => its === 'BYE');
    await idle.ended();
    t.same(watch.found.slice(seen), [], 'nothing of a payload is read any more');

    t.equal(await reconfigure(gate, permitted), 'applied');
    t.equal(await read(waiting), 2, 'a mailbox that is open stays as it is');
    await waiting.ok('SELECT INBOX');
    t.equal(await read(waiting), count, 'all is seen again');
    await waiting.ok('COPY 1:* Second');
    await waiting.logout();
  },
);
