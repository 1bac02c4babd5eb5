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
  ['FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (', literal('Subject', { eager: true }), ' To ', literal('From'), ')] FLAGS)'],
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
