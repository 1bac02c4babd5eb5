/**
 * The quarantine and its pages under attack: by whoever wrote the mail, by whoever holds a link that is not his, by
 * other pages in the same browser, and by whoever has the files in his hands.
 */
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { newKeyPair } from '../src/quarantine/keys.js';
import { browserPrograms, openBrowser } from './support/browser.js';
import type { Gate, Settings } from './support/gate.js';
import { canary, hostileMail, payloads } from './support/hostile-mail.js';
import { buildMail, eicar } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { checkHarmless } from './support/page-crawl.js';
import { freePort, waitFor } from './support/ports.js';
import { folderOf, itemOf, sendMail, sluice, startGate, startSink } from './support/running.js';
import type { Sink } from './support/sink.js';
import { filesHolding } from './support/stored-bytes.js';

t.setTimeout(300_000);

const secret = 'a sentence that nobody else will ever read';

/** Blocked, and known by its text. */
function secretMail(subject = 'Papers', text = `${secret}\r\n`): Buffer {
  return buildMail({ subject, text, attachment: { name: 'papers.com', content: eicar } });
}

function originalsAt(sink: Sink) {
  return sink.messages.filter(({ mail }) => !mail.startsWith('<>'));
}

function sealedFile(gate: Gate, id: string): string {
  return join(gate.folder, 'var', 'quarantine', `${id}.eml.age`);
}

async function startPair(t: Test, config: Settings = {}, folder = folderOf(t)): Promise<{ gate: Gate; sink: Sink }> {
  const sink = await startSink(t);
  return { sink, gate: await startGate(t, { upstreamPort: sink.port, folder, config }) };
}

/** With pages. */
async function startPages(t: Test, config: Settings = {}): Promise<{ gate: Gate; sink: Sink; origin: string }> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const pair = await startPair(t, { ...config, portal: { listen: `127.0.0.1:${port}`, publicUrl: origin } });
  return { ...pair, origin };
}

/** The link in the first notice about an item. */
async function linkOf(sink: Sink, item: string): Promise<string> {
  const text = await waitFor(`notice about ${item}`, 10_000, () =>
    sink.messages
      .map(({ bytes }) => bytes.toString('latin1').replace(/=\r\n/g, ''))
      .find((mail) => mail.includes(item)),
  );
  return /http:\/\/[\w.:]+\/q\/[\w-]{32}/.exec(text)?.[0] ?? 'no link';
}

t.test('an original that is not what was sealed goes to nobody, and whoever asks is told', async (t) => {
  const { gate, sink } = await startPair(t);
  const mails = [secretMail('one'), secretMail('two')];
  const ids: string[] = [];
  for (const mail of mails) ids.push(itemOf(await sendMail(gate, mail)));
  const [id = '', other = ''] = ids;
  await sink.waitForMessage(2);
  const file = sealedFile(gate, id);
  const sealed = readFileSync(file);
  const middle = Buffer.from(sealed);
  middle[sealed.length - 40] = (middle[sealed.length - 40] ?? 0) ^ 1;
  const damages: Readonly<Record<string, () => void>> = {
    'an octet changed': () => writeFileSync(file, middle),
    'cut off': () => truncateSync(file, sealed.length - 1),
    'of another item': () => copyFileSync(sealedFile(gate, other), file),
    empty: () => writeFileSync(file, ''),
    gone: () => rmSync(file),
  };
  for (const [name, damage] of Object.entries(damages)) {
    writeFileSync(file, sealed);
    damage();
    const { code, stdout, stderr } = await sluice(gate, 'quarantine', 'release', id);
    t.equal(code, 1, name);
    t.match(stderr, /not released|cannot|sealed|original/i, `${name}: it is said`);
    t.notMatch(stdout + stderr, secret);
  }
  t.equal(originalsAt(sink).length, 0, 'nothing was delivered');
  writeFileSync(file, sealed);
  t.equal((await sluice(gate, 'quarantine', 'release', id)).code, 0, 'whole again, it is given back');
  t.ok(originalsAt(sink)[0]?.bytes.equals(mails[0] ?? Buffer.alloc(0)));
});

t.test('keys are rotated by adding one, and destroyed with all that only they opened', async (t) => {
  const folder = folderOf(t);
  const sink = await startSink(t);
  let gate = await startGate(t, { upstreamPort: sink.port, folder });
  const old = itemOf(await sendMail(gate, secretMail('old')));
  const made = join(folder, 'new.txt');
  const pair = await newKeyPair(Date.now());
  writeFileSync(made, pair.identityText, { mode: 0o600 });
  await gate.stop();
  const firstKey = join(folder, 'var', 'identity.txt');
  const both = join(folder, 'both.txt');
  writeFileSync(both, readFileSync(firstKey, 'utf8') + readFileSync(made, 'utf8'), { mode: 0o600 });

  const restart = async (quarantine: Settings) => {
    gate = await startGate(t, { upstreamPort: sink.port, folder, config: { quarantine } });
  };
  const readable = async (id: string) => {
    const { code, stdout } = await sluice(gate, 'quarantine', 'export', id, '--out', '-');
    return code === 0 && stdout.includes(secret);
  };
  await restart({ recipients: [pair.recipient], identityFile: both });
  const young = itemOf(await sendMail(gate, secretMail('young')));
  t.ok(await readable(old), 'what was sealed before stays readable');
  t.ok(await readable(young));
  await gate.stop();

  rmSync(firstKey);
  rmSync(both);
  await restart({ recipients: [pair.recipient], identityFile: made });
  t.notOk(await readable(old), 'nobody reads what only the destroyed key opened');
  t.match(await sluice(gate, 'quarantine', 'release', old), { code: 1, stderr: /./ });
  t.ok(await readable(young));
  t.match((await sendMail(gate, buildMail({ subject: 'clean' }))).raw, /^250 2\.0\.0 taken/, 'and mail goes on');
  await gate.stop();

  rmSync(made);
  await restart({ recipients: [pair.recipient] });
  const last = await sendMail(gate, secretMail('sealed for a key that is elsewhere'));
  t.match(last.raw, /withheld as/, 'without any key the gate still withholds');
  t.notOk(await readable(itemOf(last)));
  t.match(await sluice(gate, 'quarantine', 'release', young), { code: 1, stderr: /identity/ });
  t.equal(originalsAt(sink).length, 1, 'nothing was given back but the clean mail');
});

t.test('of what was deleted nothing is left on the disk, and of what is held nothing that can be read', async (t) => {
  const { gate, sink } = await startPair(t, {
    portal: { listen: `127.0.0.1:${await freePort()}`, publicUrl: 'http://q.example.org' },
  });
  const attachment = Buffer.from("the content of the file, which is nobody else's either, ".repeat(4));
  const mail = buildMail({
    text: `${secret}\r\n`,
    attachment: { name: 'papers.com', content: Buffer.concat([eicar, attachment]) },
  });
  const secrets = [secret, attachment.subarray(0, 100), eicar];
  const directory = join(gate.folder, 'var');
  const ids: string[] = [];
  for (const to of ['anna@example.org', 'carl@example.org']) ids.push(itemOf(await sendMail(gate, mail, [to])));
  t.not(ids[0], ids[1]);
  await sink.waitForMessage(2);
  const tokens = sink.messages.map(({ bytes }) => /\/q\/([\w-]{32})/.exec(bytes.toString().replace(/=\r\n/g, ''))?.[1]);
  t.match(tokens, [/./, /./]);
  t.same(filesHolding(directory, secrets), [], 'held: sealed');
  const [first = '', second = ''] = ids;
  t.equal((await sluice(gate, 'quarantine', 'release', first)).code, 0);
  t.same(filesHolding(directory, secrets), [], 'released: sealed still');
  t.equal((await sluice(gate, 'quarantine', 'delete', second)).code, 0);
  t.same(filesHolding(directory, secrets), [], 'deleted');
  t.notOk(filesHolding(join(directory, 'quarantine'), ['age-encryption']).some((file) => file.includes(second)));
  t.notOk(gate.output.includes(secret));
  await gate.stop();
  t.same(filesHolding(directory, tokens.map(String)), [], 'no link that was sent');
});

t.test(
  'no string of a mail does anything on a page, in a real browser',
  { skip: skipWithout(...browserPrograms) },
  async (t) => {
    const enter = await openBrowser(t);
    const { gate, sink, origin } = await startPages(t);
    const visitor = await enter({ origin });
    for (const words of payloads) {
      const { mailFrom, recipients, bytes } = hostileMail(words, ['bob@example.org']);
      const reply = await sendMail(gate, bytes, recipients, mailFrom);
      t.match(reply.raw, /withheld as/, words);
      const link = await linkOf(sink, itemOf(reply));
      await visitor.open(link);
      t.ok((await checkHarmless(t, visitor, words, canary)) > 3, 'it was shown');
      await visitor.press(/request|ask/i);
      await checkHarmless(t, visitor, `asked: ${words}`, canary);
    }
  },
);
