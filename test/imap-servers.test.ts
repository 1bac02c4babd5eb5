/**
 * IMAP between real programs: Dovecot behind, and whatever fetches mail in front. Everything is asked twice, directly
 * and through, and has to be answered the same, but for what must not pass.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { dovecotPrograms, startDovecot } from './support/dovecot.js';
import { type ImapBed, loginTwins, startBed, startPlainBed } from './support/imap-bed.js';
import { ImapClient } from './support/imap-client.js';
import { cleanMails, type MailboxMail, maliciousMails } from './support/imap-mails.js';
import { differences, fetchForms, fetchSets, messagesIn } from './support/imap-matrix.js';
import { mailPrograms } from './support/imap-programs.js';
import { parseScript, playScript, transcriptDifferences } from './support/imap-script.js';
import { SharedContent, StressClient } from './support/imap-stress.js';
import { bytesOf } from './support/imap-values.js';
import { skipWithout } from './support/missing.js';
import { folderOf, startGate } from './support/running.js';
import { SecretWatch } from './support/secret-watch.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(500_000);

const skip = skipWithout(...dovecotPrograms);

/** A mail, and what a client is to get for it. */
interface Seen extends MailboxMail {
  readonly shown: Buffer;
}

async function contentsOf(port: number, user: string, password: string): Promise<Buffer[]> {
  const client = await ImapClient.login(port, user, password);
  await client.ok('EXAMINE INBOX');
  const messages = messagesIn(await client.ok('UID FETCH 1:* (UID BODY.PEEK[])'));
  await client.logout();
  return [...messages.values()].map((items) => bytesOf(items.get('BODY[]')) ?? Buffer.from('nothing came'));
}

/** Reads every mail once, directly and through: a server that held what came would have to answer as the gate does. */
async function asShown(bed: ImapBed, mails: readonly MailboxMail[]): Promise<Seen[]> {
  const { dovecot } = bed;
  const user = dovecot.user('first-reader');
  const all = mails.map(({ mail }) => mail);
  dovecot.putMaildir(user, all);
  const direct = await contentsOf(bed.direct, user, dovecot.password);
  const through = await contentsOf(bed.through, user, dovecot.password);
  return mails.map((mail, number) => {
    const shown = through[number];
    return shown === undefined || direct[number]?.equals(shown) === true
      ? { ...mail, shown: mail.mail }
      : { ...mail, shown };
  });
}

/** Those of a long list whose turn it is, so that all come up in the end. */
function turn<T>(list: readonly T[], round: number, count: number): T[] {
  return Array.from({ length: count }, (_, index) => list[(round * count + index) % list.length]).filter(
    (item) => item !== undefined,
  );
}

function mixed(clean: readonly Seen[], bad: readonly Seen[]): Seen[] {
  return clean.flatMap((mail, index) => [mail, ...(index % 2 === 0 ? bad.slice(index / 2, index / 2 + 1) : [])]);
}

interface Question {
  readonly mails: readonly Seen[];
  /** asked in this order in a mailbox that nobody has read before */
  readonly commands: readonly string[];
}

/** Asks every question of a mailbox of its own, directly and through. What differs, one line each. */
async function ask(t: Test, bed: ImapBed, name: string, questions: readonly Question[], watch: SecretWatch) {
  const users = { direct: `${name}-direct`, through: `${name}-through` };
  for (const [number, { mails }] of questions.entries()) {
    const of = (mail: (one: Seen) => Buffer) => mails.map(mail);
    bed.dovecot.putMaildir(
      users.direct,
      of(({ shown }) => shown),
      `q${number}`,
    );
    bed.dovecot.putMaildir(
      users.through,
      of(({ mail }) => mail),
      `q${number}`,
    );
  }
  const { direct, through } = await loginTwins(t, bed, users, { watch: watch.connection(name) });
  const flags = await loginTwins(t, { ...bed, through: bed.direct }, users);
  const found: string[] = [];
  for (const [number, { mails, commands }] of questions.entries()) {
    const nameOf = (sequence: number) => mails[sequence - 1]?.id ?? 'no message';
    const withheld = (sequence: number) => mails[sequence - 1]?.shown !== mails[sequence - 1]?.mail;
    for (const client of [direct, through]) await client.ok(`SELECT q${number}`);
    for (const command of commands) {
      const [expected, actual] = [await direct.command(command), await through.command(command)];
      found.push(...differences(expected, actual, nameOf, withheld).map((line) => `${command}: ${line}`));
    }
    for (const client of [flags.direct, flags.through]) await client.ok(`EXAMINE q${number}`);
    const [expected, actual] = [await flags.direct.ok('FETCH 1:* FLAGS'), await flags.through.ok('FETCH 1:* FLAGS')];
    found.push(...differences(expected, actual, nameOf).map((line) => `flags after ${commands.join(', ')}: ${line}`));
  }
  return found;
}

t.test('what is looked for is found where nothing is withheld', { skip }, async (t) => {
  const bed = await startPlainBed(t);
  const mails = maliciousMails();
  const user = bed.dovecot.user('anna');
  bed.dovecot.putMaildir(
    user,
    mails.map(({ mail }) => mail),
  );
  const unseen: string[] = [];
  for (const [number, { id, secrets }] of mails.entries()) {
    for (const item of ['BODY.PEEK[]', 'BODY.PEEK[TEXT]', 'RFC822']) {
      const watch = new SecretWatch(secrets);
      const options = { watch: watch.connection(id) };
      const client = await ImapClient.login(bed.through, user, bed.dovecot.password, options);
      await client.ok('EXAMINE INBOX');
      await client.ok(`UID FETCH ${number + 1} ${item}`);
      if (watch.found.length === 0) unseen.push(`${id}: ${item}`);
      client.destroy();
    }
  }
  t.same(unseen, [], 'every payload in every mail');

  const questions = [
    { mails: mails.slice(0, 3).map((mail) => ({ ...mail, shown: mail.mail })), commands: ['FETCH 1:3 RFC822'] },
  ];
  t.same(await ask(t, bed, 'same', questions, new SecretWatch([])), [], 'two mailboxes that are the same');
  const others = questions.map((question) => ({
    ...question,
    mails: question.mails.map((mail) => ({ ...mail, shown: Buffer.from('\r\n') })),
  }));
  t.equal((await ask(t, bed, 'other', others, new SecretWatch([]))).length, 3, 'two that are not');
});

t.test('every form of FETCH', { skip }, async (t) => {
  const bed = await startBed(t);
  const mails = await asShown(bed, [...cleanMails(400), ...maliciousMails()]);
  const withheld = mails.filter(({ mail, shown }) => mail !== shown);
  const clean = mails.filter(({ secrets }) => secrets.length === 0);
  const bad = mails.filter(({ secrets }) => secrets.length > 0);
  t.ok(clean.length > 300 && bad.length > 30, 'there is enough mail');
  t.same(
    withheld.map(({ id }) => id),
    bad.map(({ id }) => id),
    'what is withheld is what should be',
  );

  const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
  const forms = fetchForms();
  const questions = forms.map((form, round) => ({
    mails: mixed(turn(clean, round, 6), turn(bad, round, 3)),
    commands: [round % 2 === 0 ? `FETCH 1:* ${form}` : `UID FETCH 1:* ${form}`],
  }));
  t.same(await ask(t, bed, 'forms', questions, watch), [], `${forms.length} forms`);

  const pairs = forms.slice(0, -1).map((form, round) => ({
    mails: mixed(turn(clean, round + 500, 4), turn(bad, round + 500, 2)),
    commands: [
      `UID FETCH 1:* ${form}`,
      `FETCH 1:* ${forms[(round * 7 + 1) % forms.length] ?? form}`,
      `FETCH 1:* ${form}`,
    ],
  }));
  t.same(await ask(t, bed, 'pairs', pairs, watch), [], 'one form after another');

  const items = ['BODY.PEEK[]', 'BODY[1]<0.10>', '(FLAGS BODY[TEXT])', 'RFC822.SIZE', 'BODYSTRUCTURE', 'FLAGS'];
  const sets = [...fetchSets, '$'].flatMap((set, round) =>
    items.flatMap((item) =>
      ['FETCH', 'UID FETCH'].map((verb) => ({
        mails: mixed(turn(clean, round + 700, 6), turn(bad, round + 700, 3)),
        commands: [...(set === '$' ? ['SEARCH RETURN (SAVE) SMALLER 100000'] : []), `${verb} ${set} ${item}`],
      })),
    ),
  );
  t.same(await ask(t, bed, 'sets', sets, watch), [], `${sets.length} sets`);

  t.same(watch.found, [], `nothing of a payload in ${watch.octets} octets`);
});

t.test('mail programs fetch what is there', { skip }, async (t) => {
  const bed = await startBed(t);
  const { dovecot } = bed;
  const malicious = maliciousMails().slice(0, 9);
  const mails = await asShown(bed, [...cleanMails(45), ...malicious]);
  const watch = new SecretWatch(malicious.flatMap(({ secrets }) => secrets));
  for (const { name, needs, fetch } of mailPrograms) {
    await t.test(name, { skip: skipWithout(...needs) }, async (t) => {
      const users = { direct: dovecot.user(`${name}-direct`), through: dovecot.user(`${name}-through`) };
      dovecot.putMaildir(
        users.direct,
        mails.map(({ shown }) => shown),
      );
      dovecot.putMaildir(
        users.through,
        mails.map(({ mail }) => mail),
      );
      const common = { password: dovecot.password, mails: mails.length };
      const direct = await fetch({ ...common, folder: folderOf(t), port: bed.direct, user: users.direct });
      const through = await fetch({ ...common, folder: folderOf(t), port: bed.through, user: users.through });
      t.equal(through.length, direct.length, 'as many messages');
      const other = direct.findIndex((mail, number) => through[number]?.equals(mail) !== true);
      t.equal(other, -1, `the same octets, also number ${other}`);
      t.ok(Buffer.concat(direct).length > 500_000, 'and all of them');
      const look = watch.connection(name);
      for (const mail of through) look(mail);
    });
  }
  t.same(watch.found, [], 'nothing of a payload was fetched');
});

const scriptFolder = fileURLToPath(new URL('../../test/imap-scripts', import.meta.url));

async function playScripts(t: Test, bed: ImapBed): Promise<void> {
  const names = readdirSync(scriptFolder).filter((name) => name.endsWith('.txt'));
  t.ok(names.length >= 75, 'there are enough scripts');
  for (const name of names) {
    const script = parseScript(name, readFileSync(join(scriptFolder, name), 'utf8'));
    const user = name.replace('.txt', '');
    const [direct, through] = await Promise.all([
      playScript(bed.dovecot, { port: bed.direct, refuses: false }, `${user}-direct`, script),
      playScript(bed.dovecot, { port: bed.through, refuses: true }, `${user}-through`, script),
    ]);
    const ending = direct.at(-1) ?? 'nothing came';
    if (ending.startsWith('the script ended')) t.fail(ending);
    t.same(transcriptDifferences(direct, through), [], `${name}: ${script.title}, ${direct.length} lines`);
  }
}

t.test('scripts of commands are answered the same, line by line', { skip }, async (t) => {
  await playScripts(t, await startBed(t));
});

t.test('and so they are where nothing is judged', { skip }, async (t) => {
  await playScripts(t, await startBed(t, { gate: { config: { policy: { imap: { action: 'permit' } } } } }));
});

t.test('clients that share a mailbox never see it break its word', { skip }, async (t) => {
  const bed = await startBed(t);
  const { dovecot } = bed;
  const user = dovecot.user('shared');
  const bad = maliciousMails().slice(0, 7);
  const mails = [...cleanMails(60), ...bad]
    .map(({ mail }) => mail)
    .filter(({ length }) => length > 0 && length < 50_000);
  dovecot.putMaildir(user, mails.slice(0, 20));
  const watch = new SecretWatch(bad.flatMap(({ secrets }) => secrets));
  const shared = new SharedContent();
  const clients = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((seed) =>
      StressClient.login(bed.through, shared, {
        user,
        password: dovecot.password,
        mails,
        seed,
        watch: watch.connection(`client ${seed}`),
      }),
    ),
  );
  const enough = () => shared.commands > 500 && shared.read > 20;
  const started = Date.now();
  // For some seconds, and where the machine is at work elsewhere until it is worth something.
  const done = () => Date.now() - started > (enough() ? 8000 : 60_000);
  await Promise.all(clients.map((client) => client.run(done)));
  t.same(shared.problems.slice(0, 5), [], `${shared.commands} commands`);
  t.ok(enough(), 'a lot was done');

  const direct = await StressClient.login(bed.direct, new SharedContent(), {
    user,
    password: dovecot.password,
    mails,
    seed: 0,
  });
  const expected = await direct.view();
  for (const client of clients) t.same(await client.view(), expected, 'and each has the mailbox as it is');
  for (const client of [direct, ...clients]) client.destroy();
  t.same(watch.found, [], 'nothing of a payload was seen');
});

t.test('what is offered is what the server offers, less what goes around the gate', { skip }, async (t) => {
  const bed = await startBed(t);
  const { direct, through } = await loginTwins(t, bed, { direct: 'one', through: 'other' });
  const offered = async (client: ImapClient) => {
    const { untagged } = await client.ok('CAPABILITY');
    const told = untagged.find(({ name }) => name === 'CAPABILITY')?.raw.toString('latin1') ?? '';
    return told.trim().split(' ').slice(2);
  };
  const [server, gate] = [await offered(direct), await offered(through)];
  t.same(
    gate.filter((name) => !server.includes(name)),
    [],
    'nothing is made up',
  );
  const around = ['CATENATE', 'URL-PARTIAL', 'NOTIFY', 'LOGIN-REFERRALS', 'COMPRESS=DEFLATE', 'URLAUTH', 'CONVERT'];
  t.same(
    gate.filter((name) => around.includes(name)),
    [],
  );
  const usual =
    'IDLE UIDPLUS MOVE CONDSTORE QRESYNC ESEARCH SEARCHRES SORT THREAD=REFERENCES BINARY MULTIAPPEND LITERAL+';
  const useful = `${usual} UNSELECT NAMESPACE ENABLE ID LIST-EXTENDED LIST-STATUS CHILDREN STATUS=SIZE SAVEDATE PREVIEW`;
  t.same(
    useful.split(' ').filter((name) => !gate.includes(name)),
    [],
    'what clients use is there',
  );
});

t.test('TLS on both sides', { skip: skip || skipWithout('openssl', 'curl', 'mbsync', 'python3') }, async (t) => {
  const certificates = makeCertificates(folderOf(t));
  const tls = { certificateFile: certificates.certificateFile, keyFile: certificates.keyFile };
  const mails = [...cleanMails(24), ...maliciousMails().slice(0, 3)];
  const secrets = mails.flatMap((mail) => mail.secrets);
  for (const [mode, upstreamTls] of [
    ['starttls', 'starttls'],
    ['implicit', 'implicit'],
  ] as const) {
    const dovecot = await startDovecot(t, { tls: certificates });
    const port = upstreamTls === 'implicit' ? dovecot.tlsPort : dovecot.port;
    const upstream = { host: '127.0.0.1', port, tls: upstreamTls, servername: 'localhost' };
    const gate = await startGate(t, {
      imapUpstreamPort: port,
      imapListener: { tls: mode, upstream, authWithoutTls: 'never' },
      config: { tls: { ...tls, caFile: certificates.caFile } },
    });
    const user = dovecot.user('anna');
    dovecot.putMaildir(
      user,
      mails.map(({ mail }) => mail),
    );
    const watch = new SecretWatch(secrets);
    const options = { watch: watch.connection(mode) };
    const client =
      mode === 'implicit'
        ? await ImapClient.open(gate.imapPort, { ...options, tlsCa: certificates.ca })
        : await ImapClient.open(gate.imapPort, options);
    await client.next();
    if (mode === 'starttls') {
      t.equal((await client.command(`LOGIN ${user} ${dovecot.password}`)).status, 'NO', 'nobody logs in before TLS');
      await client.startTls(certificates.ca);
    }
    await client.ok(`LOGIN ${user} ${dovecot.password}`);
    await client.ok('SELECT INBOX');
    const messages = messagesIn(await client.ok('UID FETCH 1:* (UID BODY.PEEK[])'));
    const same = mails.filter(
      ({ mail }, number) => bytesOf(messages.get(number + 1)?.get('BODY[]'))?.equals(mail) === true,
    );
    const clean = mails.filter(({ id, secrets: its }) => its.length === 0 && id !== 'lines that end with LF');
    t.same(
      same.map(({ id }) => id),
      clean.map(({ id }) => id),
      `${mode}: what is clean comes as it is`,
    );
    t.same(watch.found, [], `${mode}: nothing of a payload in ${watch.octets} octets`);
    await client.logout();
    for (const { name, fetch } of mailPrograms.filter(({ tls: able }) => able === true)) {
      const what = { folder: folderOf(t), port: gate.imapPort, user, password: dovecot.password, mails: mails.length };
      const fetched = await fetch({ ...what, tls: { mode, caFile: certificates.caFile } });
      for (const mail of fetched) watch.connection(name)(mail);
      t.ok(Buffer.concat(fetched).length > 300_000, `${name} with ${mode}`);
    }
    t.same(watch.found, [], `${mode}: nor in what programs fetched`);
  }
});
