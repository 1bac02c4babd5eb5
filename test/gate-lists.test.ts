/**
 * Lists, notices and administrators' mail as the running gate handles them: which field decides, what an edited file
 * changes, who is told of what, and that a repeated mail is told of once.
 */
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Client } from './support/client.js';
import { base64Lines, buildMail, eicar, eicarMail } from './support/mail.js';
import { freePort, waitFor } from './support/ports.js';
import {
  folderOf,
  incidents,
  itemOf,
  noticesAt,
  recipientOf,
  reconfigure,
  sendMail,
  startGate,
  startSink,
} from './support/running.js';
import type { Sink } from './support/sink.js';

t.setTimeout(180_000);

const alice = 'alice@client.example';
const [bob, carl, dora] = ['bob@example.org', 'carl@example.org', 'dora@example.org'];
const taken = /^250 2\.0\.0 taken/;
const withheld = /^250 2\.0\.0 .*withheld as /;

t.test(
  'each of the four fields allows and blocks, allow goes first, one listed recipient decides for all',
  async (t) => {
    const sink = await startSink(t);
    const gate = await startGate(t, { upstreamPort: sink.port });
    const bad = eicarMail({ from: 'Alice <from@client.example>', to: 'to@example.org' });
    const clean = buildMail({ from: 'Alice <from@client.example>', to: 'to@example.org' });
    const to = [bob, carl];
    const where: Readonly<Record<string, string>> = {
      'envelope-from': alice,
      'envelope-to': carl,
      'body-sender': 'from@client.example',
      'body-receiver': 'to@example.org',
    };
    for (const [field, entry] of Object.entries(where)) {
      t.equal(await reconfigure(gate, { lists: { allow: [entry] } }), 'applied');
      t.match((await sendMail(gate, bad, to)).raw, taken, `${field} allows`);
      const told = gate.log.length;
      t.equal(
        await reconfigure(gate, { lists: { block: [entry.replace(/@.*/, (domain) => domain.toUpperCase())] } }),
        'applied',
      );
      t.match((await sendMail(gate, clean, to)).raw, withheld, `${field} blocks`);
      await gate.waitForLog(
        'the reason',
        (line) => gate.log.indexOf(line) > told && String(line.reasons).includes(field),
      );
      t.equal(
        await reconfigure(gate, { lists: { allow: [entry], block: ['*@client.example', '*@example.org'] } }),
        'applied',
      );
      t.match((await sendMail(gate, bad, to)).raw, taken, `${field}: allow goes before block`);
    }
    t.equal(await reconfigure(gate, { lists: { allow: [carl], allowRecipients: 'all' } }), 'applied');
    t.match((await sendMail(gate, bad, to)).raw, withheld, 'all: one listed recipient is not enough');
    t.match((await sendMail(gate, bad, [carl])).raw, taken);
    t.equal(
      await reconfigure(gate, { lists: { allow: ['from@client.example'], allowFields: ['envelope-from'] } }),
      'applied',
    );
    t.match((await sendMail(gate, bad, [dora])).raw, withheld, 'a forged From allows nothing where it may not');
    t.equal(await reconfigure(gate, { lists: { block: ['*@*.sub.example'] } }), 'applied');
    t.match((await sendMail(gate, clean, [bob], 'x@a.sub.example')).raw, withheld);
    t.match((await sendMail(gate, clean, [bob], 'x@sub.example')).raw, taken);
    t.match((await sendMail(gate, clean, [bob], '')).raw, taken, 'the null sender is on no list');
  },
);

t.test('file hashes: an allowed file exempts itself only, a blocked one is malicious', async (t) => {
  const sink = await startSink(t);
  const folder = folderOf(t);
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const allowed = join(folder, 'allowed.txt');
  const blocked = join(folder, 'blocked.txt');
  const report = Buffer.from('a report that we know\n');
  writeFileSync(allowed, `# known\n${digest(eicar).toUpperCase()}  eicar.com\n`);
  writeFileSync(blocked, `${digest(report)}\n`);
  const lists = { allowHashes: [allowed], blockHashes: [blocked] };
  const gate = await startGate(t, { upstreamPort: sink.port, config: { lists } });
  t.match((await sendMail(gate, eicarMail())).raw, taken, 'the allowed file');
  const part = (content: Buffer) =>
    `--b\r\nContent-Disposition: attachment; filename=f\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(content)}`;
  const two = (one: Buffer, other: Buffer) =>
    Buffer.from(
      `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${part(one)}${part(other)}--b--\r\n`,
    );
  const sibling = Buffer.concat([eicar, Buffer.from(' ')]);
  t.match((await sendMail(gate, two(eicar, sibling))).raw, withheld, 'its sibling is looked at');
  t.match((await sendMail(gate, two(eicar, Buffer.from('fine')))).raw, taken);
  t.match((await sendMail(gate, buildMail({ attachment: { name: 'r', content: report } }))).raw, withheld);
  writeFileSync(blocked, '');
  rmSync(allowed);
  writeFileSync(allowed, '');
  await waitFor(
    'the new lists',
    10_000,
    () => gate.log.filter(({ msg }) => msg === 'configuration reloaded').length > 0 || undefined,
  );
  // Three changes may have been more than one, and the first was told of.
  t.equal(await reconfigure(gate, {}), 'applied');
  t.match((await sendMail(gate, eicarMail())).raw, withheld, 'an edited hash list counts');
  t.match((await sendMail(gate, buildMail({ attachment: { name: 'r', content: report } }))).raw, taken);
});

t.test('an edited list judges the next message of a connection that lives, a bad one nothing', async (t) => {
  const sink = await startSink(t);
  const list = join(folderOf(t), 'blocked.txt');
  writeFileSync(list, '# nobody yet\n');
  const gate = await startGate(t, { upstreamPort: sink.port, config: { lists: { blockFiles: [list] } } });
  const client = await Client.greet(gate.port);
  const mail = buildMail({});
  t.match((await client.mail(alice, [bob], mail)).raw, taken);
  const reloads = () => gate.log.filter(({ msg }) => msg === 'configuration reloaded').length;
  writeFileSync(list, `${alice} # at last\n`);
  await waitFor('a reload without a signal', 10_000, () => reloads() > 0 || undefined);
  t.match((await client.mail(alice, [bob], mail)).raw, withheld);

  writeFileSync(list, `${alice}\nno entry at all\n`);
  const named = await gate.waitForLog('the problem', ({ problem }) => String(problem).includes('no entry at all'));
  t.match(named.problem, /blocked\.txt/, 'with its file');
  t.match((await client.mail(alice, [carl], mail)).raw, withheld, 'the list that was good stays, or its good lines do');
  for (const broken of [{ policy: { verdictThreshold: 11 } }, { nonsense: true }, { lists: { block: ['x'] } }]) {
    const good = gate.readConfig();
    t.equal(await reconfigure(gate, broken), 'refused', JSON.stringify(broken));
    t.match((await client.mail(alice, [dora], mail)).raw, withheld, 'the running policy stays');
    gate.writeConfig(good);
  }
  writeFileSync(list, '');
  t.equal(await reconfigure(gate, { lists: { blockFiles: [list] } }), 'applied');
  t.match((await client.mail(alice, [bob], mail)).raw, taken);
  t.equal(sink.connections - noticesAt(sink).length, 1, 'all on one connection');
  client.destroy();
  gate.writeConfig({ ...gate.readConfig(), lists: { blockFiles: [join(gate.folder, 'gone.txt')] } });
  gate.signal('SIGHUP');
  await gate.waitForLog('the missing file', ({ problem }) => String(problem).includes('gone.txt'));
});

/** The link in each notice. */
function linksOf(sink: Sink): (string | undefined)[] {
  return sink.messages
    .filter(({ mail }) => mail.startsWith('<>'))
    .map(({ bytes }) => /http:\/\/[\w.:]+\/q\/[\w-]{32}/.exec(bytes.toString('latin1').replace(/=\r\n/g, ''))?.[0]);
}

t.test('a message is told of once, however often its sender repeats it', async (t) => {
  const sink = await startSink(t, {
    script: ({ verb, line }) => (verb === 'RCPT' && line.includes('dora') ? '550 5.1.1 unknown\r\n' : undefined),
  });
  const folder = folderOf(t);
  const page = `127.0.0.1:${await freePort()}`;
  const portal = { listen: page, publicUrl: `http://${page}` };
  const options = { upstreamPort: sink.port, folder, listener: { name: 'inbound' }, config: { portal } };
  const first = await startGate(t, options);
  const mail = eicarMail();
  const to = [bob, dora, carl];
  const together = await Promise.all(Array.from({ length: 10 }, () => sendMail(first, mail, to)));
  t.equal(new Set(together.map(itemOf)).size, 1, 'ten at once are one item');
  t.match(together[9]?.raw, withheld);
  await waitFor('two notices', 10_000, () => noticesAt(sink).length >= 2 || undefined);
  t.same([...noticesAt(sink)].sort(), [bob, carl]);
  const links = linksOf(sink);
  t.ok(links.every((link) => link !== undefined) && new Set(links).size === 2, 'each with a link of its own');
  const id = itemOf(await sendMail(first, mail, to));
  t.equal(id, itemOf(together[0] ?? { code: 0, lines: [], raw: '' }));
  await first.stop();
  const second = await startGate(t, options);
  t.equal(itemOf(await sendMail(second, mail, to)), id, 'also after a restart');
  t.not(itemOf(await sendMail(second, mail, [bob])), id, 'to others it is another message');
  t.not(itemOf(await sendMail(second, mail, to, 'mallory@client.example')), id, 'as it is from another sender');
  await waitFor('their notices', 10_000, () => noticesAt(sink).length >= 5 || undefined);
  await sleep(1500);
  t.equal(noticesAt(sink).length, 5);
  t.equal((await incidents(second, 3)).length, 3);
});

t.test('administrators get what they ticked, and an outbreak is one digest', async (t) => {
  const sink = await startSink(t);
  const administrators = [
    { address: 'all@example.org' },
    { address: 'released@example.org', notify: ['released'] },
    { address: 'nothing@example.org', notify: [] },
  ];
  const gate = await startGate(t, { upstreamPort: sink.port, config: { administrators } });
  const mailsTo = (address: string) =>
    sink.messages
      .filter((message) => recipientOf(message) === address)
      .map(({ bytes }) => bytes.toString('latin1').replace(/=\r\n/g, ''));
  const one = itemOf(await sendMail(gate, eicarMail({ subject: 'the first' })));
  await waitFor('the first mail', 10_000, () => mailsTo('all@example.org').length > 0 || undefined);
  t.match(mailsTo('all@example.org')[0], new RegExp(`Message blocked[\\s\\S]*${one}[\\s\\S]*the first`));
  t.match(sink.messages.find((message) => recipientOf(message) === 'all@example.org')?.mail, /^<>/, 'null sender');

  const outbreak = Array.from({ length: 20 }, (_, index) => sendMail(gate, eicarMail({ subject: `n${index}` })));
  const ids = (await Promise.all(outbreak)).map(itemOf);
  t.equal(new Set(ids).size, 20);
  await waitFor('all notices', 20_000, () => noticesAt(sink).filter((to) => to === bob).length >= 21 || undefined);
  await sleep(1500);
  t.equal(mailsTo('all@example.org').length, 1, 'the rest waits for the digest');
  t.same([mailsTo('released@example.org'), mailsTo('nothing@example.org')], [[], []]);
});
