/** The mailbox server of the demonstration: IMAP4rev1 as clients expect it, and nothing that a stranger sends ends it. */
import { once } from 'node:events';
import fc from 'fast-check';
import { ImapFlow } from 'imapflow';
import t, { type Test } from 'tap';
import { MailboxServer } from '../src/cli/demo/mailbox-server.js';
import { MailboxSession } from '../src/cli/demo/mailbox-session.js';
import { MailAccount } from '../src/cli/demo/mailbox-store.js';
import { fetchMails } from './support/fetch-mails.js';
import { codeIn, ImapClient } from './support/imap-client.js';
import { bytesOf, fetchItemsOf, plainValue } from './support/imap-values.js';
import { attachmentMail, buildMail, eicarMail } from './support/mail.js';

const password = 'a-password';
const date = new Date(Date.UTC(2026, 1, 2, 10, 0, 0));

async function startServer(t: Test, mails: readonly Buffer[] = []): Promise<MailboxServer> {
  const server = await MailboxServer.start(['anna', 'ben'], password);
  t.teardown(() => server.stop());
  for (const mail of mails) server.account('anna').inbox.append(mail, [], date);
  return server;
}

async function login(t: Test, server: MailboxServer, user = 'anna'): Promise<ImapClient> {
  const client = await ImapClient.login(server.port, user, password);
  t.teardown(() => client.destroy());
  return client;
}

/** What is untagged, without `* ` and CRLF. */
async function lines(client: ImapClient, command: string): Promise<string[]> {
  const { untagged } = await client.ok(command);
  return untagged.map(({ raw }) => raw.toString('latin1').slice(2, -2));
}

t.test('only who knows name and password sees mailboxes', async (t) => {
  const server = await startServer(t);
  const stranger = await ImapClient.open(server.port);
  t.teardown(() => stranger.destroy());
  t.match((await stranger.next()).raw.toString(), /^\* OK \[CAPABILITY IMAP4rev1 LITERAL\+ IDLE UIDPLUS /);
  t.match(await stranger.command('SELECT INBOX'), { status: 'BAD' });
  t.match(await stranger.command('LOGIN anna wrong'), { status: 'NO' });
  t.match(await stranger.command('LOGIN carl a-password'), { status: 'NO' });
  t.match(await stranger.command('LOGIN anna'), { status: 'BAD' });
  t.match(await stranger.command('LOGIN ', { literal: Buffer.from('anna') }, ' "a-password"'), { status: 'OK' });
  t.match(await stranger.command('LOGIN anna a-password'), { status: 'BAD' }, 'once');
  t.match(await stranger.command('FETCH 1 FLAGS'), { status: 'BAD' }, 'nothing is selected');
  t.match(await stranger.command('BOGUS'), { status: 'BAD' });
  t.same(await lines(stranger, 'LOGOUT'), ['BYE goodbye']);
  await stranger.ended();
});

t.test('mailboxes are listed, opened, counted, made and removed', async (t) => {
  const server = await startServer(t, [buildMail({}), buildMail({})]);
  const client = await login(t, server);
  t.same(await lines(client, 'LIST "" ""'), ['LIST (\\Noselect) "/" ""']);
  t.match(await client.command('CREATE Archive/2026'), { status: 'OK' });
  t.match(await client.command('CREATE inbox'), { status: 'NO' });
  t.same(await lines(client, 'LIST "" *'), ['LIST () "/" "INBOX"', 'LIST () "/" "Archive/2026"']);
  t.same(await lines(client, 'LIST "" %'), ['LIST () "/" "INBOX"']);
  t.same(await lines(client, 'LIST Archive/ %'), ['LIST () "/" "Archive/2026"']);
  t.same(await lines(client, 'SELECT inbox'), [
    'FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
    'OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags that are kept',
    '2 EXISTS',
    '0 RECENT',
    'OK [UNSEEN 1] the first that is not seen',
    'OK [UIDVALIDITY 1] UIDs are valid',
    'OK [UIDNEXT 3] the next UID',
  ]);
  t.same(await lines(client, 'STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)'), [
    'STATUS "INBOX" (MESSAGES 2 UNSEEN 2 UIDNEXT 3 UIDVALIDITY 1 RECENT 0)',
  ]);
  t.match(await client.command('STATUS INBOX (SIZE)'), { status: 'BAD' });
  t.match(await client.command('SELECT nowhere'), { status: 'NO' });
  t.match(await client.command('FETCH 1 FLAGS'), { status: 'BAD' }, 'a SELECT that failed leaves nothing selected');
  t.match(await client.command('DELETE Archive/2026'), { status: 'OK' });
  t.match(await client.command('DELETE INBOX'), { status: 'NO' });
  await client.ok('CREATE Archive/2026');
  t.equal(codeIn(await client.ok('EXAMINE Archive/2026'), 'UIDVALIDITY'), '3', 'UIDs of the old one mean nothing here');
});

t.test('messages are fetched in every form, and reading marks them', async (t) => {
  const mail = fetchMails['mixed with files'] ?? Buffer.alloc(0);
  const server = await startServer(t, [mail, buildMail({})]);
  const client = await login(t, server);
  await client.ok('SELECT INBOX');
  t.same(await lines(client, 'FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)'), [
    `1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Feb-2026 10:00:00 +0000" RFC822.SIZE ${mail.length})`,
  ]);
  t.same(await lines(client, 'UID FETCH 2 FLAGS'), ['2 FETCH (UID 2 FLAGS ())']);
  t.same(await lines(client, 'FETCH 1 BODY.PEEK[3]<0.5>'), ['1 FETCH (BODY[3]<0> {5}\r\nbm8gb)']);
  t.same(await lines(client, 'FETCH 1 FLAGS'), ['1 FETCH (FLAGS ())'], 'PEEK is no reading');
  t.same(await lines(client, 'FETCH 1 BODY[3]<0.5>'), ['1 FETCH (BODY[3]<0> {5}\r\nbm8gb FLAGS (\\Seen))']);
  const [whole] = (await client.ok('FETCH 1 BODY[]')).untagged;
  t.ok(whole !== undefined && bytesOf(fetchItemsOf(whole).get('BODY[]'))?.equals(mail));
  t.match(await client.command('FETCH 3 FLAGS'), { status: 'BAD' });
  t.match(await client.command('FETCH 1:* FLAGS'), { status: 'OK' });
  t.match(await client.command('UID FETCH 99 FLAGS'), { status: 'OK', untagged: [] });
  t.match(await client.command('FETCH 1 MODSEQ'), { status: 'BAD' });
  t.match(await client.command('FETCH 1 X-GM-RAW'), { status: 'BAD' });
  await client.ok('EXAMINE INBOX');
  await client.ok('FETCH 2 BODY[]');
  t.same(await lines(client, 'FETCH 2 FLAGS'), ['2 FETCH (FLAGS ())'], 'EXAMINE changes nothing');
});

t.test('flags, copies and removal, by numbers and by UIDs', async (t) => {
  const server = await startServer(
    t,
    [1, 2, 3, 4].map((number) => buildMail({ subject: `mail ${number}` })),
  );
  const client = await login(t, server);
  await client.ok('CREATE Trash');
  await client.ok('SELECT INBOX');
  t.same(await lines(client, 'STORE 1:2 +FLAGS (\\seen $Mine)'), [
    '1 FETCH (FLAGS (\\Seen $Mine))',
    '2 FETCH (FLAGS (\\Seen $Mine))',
  ]);
  t.same(await lines(client, 'UID STORE 2 -FLAGS ($Mine)'), ['2 FETCH (UID 2 FLAGS (\\Seen))']);
  t.same(await lines(client, 'STORE 3 FLAGS.SILENT \\Deleted'), []);
  t.match(await client.command('STORE 1 +FLAGS'), { status: 'BAD' });
  t.same(await lines(client, 'SEARCH UNSEEN'), ['SEARCH 3 4']);
  t.same(await lines(client, 'UID SEARCH NOT DELETED UID 2:*'), ['SEARCH 2 4']);
  t.same(await lines(client, 'SEARCH CHARSET UTF-8 ALL'), ['SEARCH 1 2 3 4']);
  t.same(await lines(client, 'SEARCH DRAFT'), ['SEARCH']);
  t.match(await client.command('SEARCH FROM x'), { status: 'BAD' });
  t.equal(codeIn(await client.ok('UID COPY 2:3 Trash'), 'COPYUID'), '2 2:3 1:2');
  t.match(await client.command('COPY 1 nowhere'), { status: 'NO' });
  await client.ok('STORE 1 +FLAGS.SILENT \\Deleted');
  t.same(await lines(client, 'UID EXPUNGE 2:4'), ['3 EXPUNGE'], 'the first is not among them');
  t.same(await lines(client, 'EXPUNGE'), ['1 EXPUNGE']);
  t.same(await lines(client, 'FETCH 1:* UID'), ['1 FETCH (UID 2)', '2 FETCH (UID 4)']);
  t.match(await client.command('UNSELECT'), { status: 'OK' });
  await client.ok('EXAMINE Trash');
  t.match(await client.command('EXPUNGE'), { status: 'NO' });
  t.match(await client.command('STORE 1 FLAGS ()'), { status: 'NO' });
  t.same(await lines(client, 'FETCH 1:* FLAGS'), ['1 FETCH (FLAGS (\\Seen))', '2 FETCH (FLAGS (\\Deleted))']);
  await client.ok('SELECT Trash');
  await client.ok('CLOSE');
  t.same(await lines(client, 'STATUS Trash (MESSAGES)'), ['STATUS "Trash" (MESSAGES 1)'], 'CLOSE expunges');
});

t.test('mail is appended with its flags and its date', async (t) => {
  const server = await startServer(t);
  const client = await login(t, server);
  const mail = attachmentMail(200_000);
  const answer = await client.ok('APPEND INBOX (\\Seen) "02-Feb-2026 10:00:00 -0500" ', { literal: mail });
  t.equal(codeIn(answer, 'APPENDUID'), '1 1');
  t.match(await client.command('APPEND nowhere ', { literal: mail, eager: true }), { status: 'NO' });
  t.match(await client.command('APPEND INBOX "no date" ', { literal: mail }), { status: 'BAD' });
  t.match(await client.command('APPEND INBOX (\\Seen)'), { status: 'BAD' });
  await client.ok('SELECT INBOX');
  t.same(await lines(client, 'FETCH 1 (INTERNALDATE FLAGS)'), [
    '1 FETCH (INTERNALDATE "02-Feb-2026 15:00:00 +0000" FLAGS (\\Seen))',
  ]);
  const [fetched] = (await client.ok('FETCH 1 RFC822')).untagged;
  t.ok(fetched !== undefined && bytesOf(fetchItemsOf(fetched).get('RFC822'))?.equals(mail));
});

t.test('numbers hold until a client may be told that they changed', async (t) => {
  const server = await startServer(t, [buildMail({}), buildMail({}), buildMail({})]);
  const [one, other] = [await login(t, server), await login(t, server)];
  await one.ok('SELECT INBOX');
  await other.ok('SELECT INBOX');
  await other.ok('STORE 1 +FLAGS.SILENT \\Deleted');
  t.same(await lines(one, 'NOOP'), ['1 FETCH (UID 1 FLAGS (\\Deleted))'], 'flags of others are told');
  await other.ok('EXPUNGE');
  server.account('anna').inbox.append(buildMail({}), [], date);
  t.same(await lines(one, 'FETCH 2 UID'), ['2 FETCH (UID 2)', '4 EXISTS'], 'FETCH counts on numbers');
  t.same(await lines(one, 'FETCH 1 UID'), [], 'the message has gone, its number has not');
  t.same(await lines(one, 'UID FETCH 4 FLAGS'), ['4 FETCH (UID 4 FLAGS ())', '1 EXPUNGE']);
  t.same(await lines(one, 'FETCH 3 UID'), ['3 FETCH (UID 4)']);
  const tag = one.newTag();
  await one.send(`${tag} IDLE\r\n`);
  t.equal((await one.next()).tag, '+');
  server.account('anna').inbox.append(buildMail({}), [], date);
  t.match((await one.next()).raw.toString(), /^\* 4 EXISTS/);
  t.same(await lines(other, 'NOOP'), ['4 EXISTS']);
  await other.ok('STORE 3 +FLAGS.SILENT \\Deleted');
  t.match((await one.next()).raw.toString(), /^\* 3 FETCH \(UID 4 FLAGS \(\\Deleted\)\)/);
  await other.ok('EXPUNGE');
  t.match((await one.next()).raw.toString(), /^\* 3 EXPUNGE/);
  await one.send('DONE\r\n');
  t.match(await one.answer(tag), { status: 'OK' });
  server.account('anna').inbox.append(buildMail({}), [], date);
  t.same(await lines(one, 'NOOP'), ['4 EXISTS']);
});

t.test('imapflow works with it', async (t) => {
  const bad = eicarMail({ subject: 'with a file' });
  const server = await startServer(t, [...Object.values(fetchMails), bad]);
  const { inbox } = server.account('anna');
  const auth = { user: 'anna', pass: password };
  const client = new ImapFlow({ host: '127.0.0.1', port: server.port, secure: false, auth, logger: false });
  await client.connect();
  t.same(
    (await client.list()).map(({ path }) => path),
    ['INBOX'],
  );
  t.match(await client.status('INBOX', { messages: true }), { messages: inbox.mails.length });
  const mailbox = await client.mailboxOpen('INBOX');
  t.match(mailbox, { exists: inbox.mails.length, uidNext: inbox.uidNext, readOnly: false });
  let count = 0;
  for await (const message of client.fetch('1:*', { envelope: true, bodyStructure: true, source: true, size: true })) {
    count += 1;
    t.ok(message.source?.equals(inbox.get(message.uid)?.bytes ?? Buffer.alloc(0)), `${message.uid} as it is`);
    t.equal(message.size, message.source?.length);
    t.ok(message.bodyStructure !== undefined && message.envelope !== undefined);
  }
  t.equal(count, inbox.mails.length);
  const last = await client.fetchOne('*', { bodyStructure: true, envelope: true });
  t.match(last, {
    envelope: { subject: 'with a file' },
    bodyStructure: { childNodes: [{ part: '1' }, { part: '2' }] },
  });
  const { content, meta } = await client.download('*', '2');
  const chunks: Buffer[] = [];
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer);
  t.equal(meta?.filename, 'eicar.com');
  t.match(Buffer.concat(chunks).toString(), /EICAR/);
  const exists = once(client, 'exists');
  const appended = await client.append('INBOX', buildMail({ subject: 'new' }), ['\\Seen']);
  t.equal(appended === false ? 0 : appended.uid, inbox.uidNext - 1);
  await exists;
  t.equal(await client.messageFlagsAdd('1', ['\\Flagged']), true);
  t.same(await client.search({ flagged: true }), [1]);
  await client.mailboxCreate('Archive');
  const copied = await client.messageCopy('1', 'Archive');
  t.same(copied === false ? undefined : [...(copied.uidMap ?? [])], [[1, 1]]);
  t.equal(await client.messageDelete('1'), true);
  t.equal(inbox.get(1), undefined);
  await client.logout();
});

function talk(chunks: readonly Buffer[]): { readonly output: string; readonly ended: boolean } {
  const account = new MailAccount();
  account.inbox.append(buildMail({ text: 'x' }), [], date);
  const output: Buffer[] = [];
  let ended = false;
  const session = new MailboxSession({
    login: (user) => (user === 'anna' ? account : undefined),
    clock: () => date,
    write: (bytes) => output.push(bytes),
    end: () => {
      ended = true;
    },
  });
  session.greet();
  for (const chunk of chunks) session.receive(chunk);
  session.close();
  return {
    output: Buffer.concat(output)
      .toString('latin1')
      .replace(/<\w+@client/g, '<@client'),
    ended,
  };
}

const scraps = fc.constantFrom(
  'a LOGIN anna x\r\n',
  'b SELECT INBOX\r\n',
  'c FETCH 1:* (FLAGS BODY[])\r\n',
  'd UID STORE 1 +FLAGS (\\Deleted)\r\n',
  'e EXPUNGE\r\n',
  'f IDLE\r\n',
  'DONE\r\n',
  'g APPEND INBOX {3+}\r\nabc\r\n',
  'h COPY 1 INBOX\r\n',
  'i SEARCH NOT\r\n',
  'j LIST "" *%*%*\r\n',
  'k FETCH 1 BODY[HEADER.FIELDS (',
  '{5}\r\n',
  '"',
  '\\',
  ')\r\n',
  '\r\n',
  'constructor __proto__\r\n',
  'l toString\r\n',
  'm STATUS INBOX (toString)\r\n',
  'n UID EXPUNGE 1:*\r\n',
  'o CLOSE\r\n',
  'p LOGOUT\r\n',
  '\0',
  'q STORE 1 FLAGS (\\Seen \\Seen)\r\n',
);

t.test('whatever is sent is answered, and the same however it is cut', (t) => {
  const property = fc.property(fc.array(scraps, { maxLength: 30 }), fc.integer({ min: 1, max: 7 }), (pieces, size) => {
    const input = Buffer.from(pieces.join(''), 'latin1');
    const whole = talk([Buffer.from(input)]);
    const cut = Array.from({ length: Math.ceil(input.length / size) }, (_, at) =>
      Buffer.from(input.subarray(at * size, (at + 1) * size)),
    );
    const slowly = talk(cut);
    if (whole.output !== slowly.output || whole.ended !== slowly.ended)
      throw new Error(`${whole.output}\n${slowly.output}`);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }));
  t.match(talk([Buffer.from('a LOGIN anna x\r\nb APPEND INBOX {99999999}\r\n')]), { ended: true, output: /\* BYE / });
  t.match(talk([Buffer.from('a NOOP\n')]), { ended: true, output: /\* BYE bare-line-end/ });
  t.match(talk([Buffer.from('a LOGIN anna x\r\nb STATUS INBOX (toString)\r\nc constructor\r\n')]), {
    ended: false,
    output: /b BAD .*\r\nc BAD /,
  });
  t.end();
});

t.test('what it says is well-formed for every shape of mail', async (t) => {
  const server = await startServer(t, Object.values(fetchMails));
  const client = await login(t, server);
  await client.ok('SELECT INBOX');
  const { untagged } = await client.ok('FETCH 1:* FULL');
  t.equal(untagged.length, Object.keys(fetchMails).length);
  for (const response of untagged) t.match(plainValue(fetchItemsOf(response).get('ENVELOPE')), /^\(/);
});
