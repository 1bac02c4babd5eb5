/**
 * Giving held mail back, end to end: past the gate and through it again, with every answer a mail server may give, and
 * with the tricks of somebody who wants his own mail to look like a release.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadReleaseKey } from '../src/quarantine/keys.js';
import { signReentry } from '../src/quarantine/reentry.js';
import type { Gate, Settings } from './support/gate.js';
import { badMail, dotMail, eicarMail } from './support/mail.js';
import { waitFor } from './support/ports.js';
import { folderOf, itemOf, noticesAt, recipientOf, sendMail, sluice, startGate, startSink } from './support/running.js';
import type { ScriptedReply, Sink, SinkCommand } from './support/sink.js';
import { openVault } from './support/test-vault.js';

t.setTimeout(180_000);

const alice = 'alice@client.example';
const [bob, carl, dora] = ['bob@example.org', 'carl@example.org', 'dora@example.org'];
const mark = /^X-Sluice-Release: v=1; [^\r\n]+\r\n/;

function originalsAt(sink: Sink) {
  return sink.messages.filter(({ mail }) => !mail.startsWith('<>'));
}

/** Commands read the configuration anew, so a relay that is known only now is theirs. */
function relayTo(gate: Gate, port: number, more: Settings = {}): void {
  const releaseRelay = { host: '127.0.0.1', port, passesGate: true, ...more };
  gate.writeConfig({ ...gate.readConfig(), quarantine: { releaseRelay } });
}

/** Accepts everybody but dora. */
const withoutDora = ({ verb, line }: SinkCommand) =>
  verb === 'RCPT' && line.includes('dora') ? '550 5.1.1 unknown\r\n' : undefined;

/** A held message and its copy with the mark that the gate has signed for it. */
async function markedMail(t: Test): Promise<{ gate: Gate; sink: Sink; mail: Buffer; marked: Buffer; id: string }> {
  const sink = await startSink(t, { script: withoutDora });
  const mta = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  relayTo(gate, mta.port);
  const mail = badMail('Subject: mine\r\nReceived: from here\r\n', '.\r\n..\r\n');
  const id = itemOf(await sendMail(gate, mail, [bob, dora, carl]));
  t.equal((await sluice(gate, 'quarantine', 'release', id)).code, 0);
  const marked = mta.messages[0]?.bytes ?? Buffer.alloc(0);
  return { gate, sink, mail, marked, id };
}

t.test('a release passes the gate again, to exactly those who were accepted, octet for octet', async (t) => {
  const sink = await startSink(t, { script: withoutDora });
  const gate = await startGate(t, { upstreamPort: sink.port });
  relayTo(gate, gate.port);
  for (const mail of [eicarMail(), badMail('Subject: dots\r\n', '.\r\n..\r\n'), badMail('', '')]) {
    const before = originalsAt(sink).length;
    const id = itemOf(await sendMail(gate, mail, [bob, dora, carl]));
    const { code, stdout, stderr } = await sluice(gate, 'quarantine', 'release', id);
    t.equal(code, 0, stderr);
    t.match(stdout, `released ${id}`);
    t.match(stdout, /bob@example\.org delivered: 250 2\.0\.0 taken as/, 'the answer of the real server');
    t.notMatch(stdout, 'dora');
    const arrived = originalsAt(sink).slice(before);
    t.equal(arrived.length, 1);
    t.same(
      arrived[0]?.recipients.map((recipient) => /<(.*)>/.exec(recipient)?.[1]),
      [bob, carl],
    );
    t.ok(arrived[0]?.bytes.equals(mail), 'without the mark');
    const again = await sluice(gate, 'quarantine', 'release', id);
    t.equal(again.code, 0, 'a release is idempotent');
    t.equal(originalsAt(sink).length, before + 1);
  }
  const released = () => gate.log.filter(({ reasons }) => /^released /.test(String(reasons))).length;
  await waitFor('what the log says of them', 10_000, () => released() >= 3 || undefined);
  t.equal(released(), 3, 'the log says why it passed');
  await waitFor('all notices', 10_000, () => noticesAt(sink).length >= 6 || undefined);
  t.equal(noticesAt(sink).length, 6, 'two notices a message, none for a release');
  t.same(sink.violations, []);
});

t.test('a mail server on the way may put its trace fields on top', async (t) => {
  const { gate, sink, mail, marked } = await markedMail(t);
  t.match(marked.toString('latin1'), mark);
  t.ok(marked.subarray(marked.indexOf('\r\n') + 2).equals(mail));
  const traces = ['Return-Path: <alice@client.example>\r\n', 'Received: from mta\r\n\tby mx;\r\n Mon, 1\r\n'];
  const top = Buffer.from(`${traces.join('')}Delivered-To: bob@example.org\r\nAuthentication-Results: mx; none\r\n`);
  t.match((await sendMail(gate, Buffer.concat([top, marked]), [bob, carl])).raw, /^250 2\.0\.0 taken/);
  t.ok(
    originalsAt(sink)
      .at(-1)
      ?.bytes.equals(Buffer.concat([top, mail])),
    'they stay, the mark goes',
  );
});

t.test('a mark that is not whole grants nothing', async (t) => {
  const { gate, sink, mail, marked, id } = await markedMail(t);
  const field = marked.subarray(0, marked.indexOf('\r\n') + 2);
  const key = loadReleaseKey(join(gate.folder, 'var'));
  const sign = (facts: { bytes?: number; recipients?: string[]; expires?: number; of?: Buffer; key?: Uint8Array }) => {
    const sha256 = createHash('sha256')
      .update(facts.of ?? mail)
      .digest('hex');
    const { bytes = mail.length, recipients = [bob, carl], expires = Date.now() + 60_000 } = facts;
    const signed = signReentry(facts.key ?? key, { id, bytes, sha256, recipients, expires });
    return Buffer.from(`X-Sluice-Release: ${signed}\r\n`);
  };
  const genuine = Buffer.concat([sign({}), mail]);
  const changed = Buffer.from(mail);
  changed[mail.indexOf('mine')] = 'M'.charCodeAt(0);
  const flipped = Buffer.from(field.toString('latin1').replace(/m=(.)/, (_, c) => (c === 'A' ? 'm=B' : 'm=A')));
  const tricks: Readonly<Record<string, readonly [Buffer, readonly string[]]>> = {
    'other recipients': [marked, [bob, 'eve@example.org']],
    'one recipient more': [marked, [bob, carl, 'eve@example.org']],
    'one recipient less': [marked, [bob]],
    'another signature': [Buffer.concat([flipped, mail]), [bob, carl]],
    'another key': [Buffer.concat([sign({ key: Buffer.alloc(32, 1) }), mail]), [bob, carl]],
    expired: [Buffer.concat([sign({ expires: Date.now() - 1000 }), mail]), [bob, carl]],
    'an altered message': [Buffer.concat([field, changed]), [bob, carl]],
    'a message with more at its end': [Buffer.concat([marked, Buffer.from('more\r\n')]), [bob, carl]],
    'a message with more at its start': [Buffer.concat([field, Buffer.from('Subject: x\r\n'), mail]), [bob, carl]],
    'a field that is no trace on top': [Buffer.concat([Buffer.from('X-Other: 1\r\n'), marked]), [bob, carl]],
    'the mark twice': [Buffer.concat([field, marked]), [bob, carl]],
    'the mark below': [Buffer.concat([Buffer.from('Subject: mine\r\n'), field, mail.subarray(15)]), [bob, carl]],
    'a length of nothing': [Buffer.concat([sign({ bytes: 0, of: Buffer.alloc(0) }), mail]), [bob, carl]],
    'a length beyond the message': [Buffer.concat([sign({ bytes: 999_999_999 }), mail]), [bob, carl]],
  };
  for (const [name, [message, to]] of Object.entries(tricks)) {
    t.match((await sendMail(gate, message, to)).raw, /^250 2\.0\.0 .*withheld as /, name);
  }
  t.equal(originalsAt(sink).length, 0, 'nothing of it went to the next hop');
  // These are not EICAR mails to every reader, so they may pass by their own merits, but never as a release.
  for (const top of ['Content-Type: text/html\r\n', 'Received: x\r\n\r\nread me\r\n']) {
    await sendMail(gate, Buffer.concat([Buffer.from(top), marked]), [bob, carl]);
  }
  t.notMatch(gate.output, /"released /);
  t.match(await sendMail(gate, genuine, [bob, carl], alice), { raw: /^250 2\.0\.0 taken/ }, 'the test signs rightly');
  const clean = Buffer.concat([flipped, dotMail()]);
  t.match(await sendMail(gate, clean), { raw: /taken/ });
  t.ok(originalsAt(sink).at(-1)?.bytes.equals(clean), 'clean mail with a false mark is not touched');
});

t.test('every answer of the mail server is told, and later releases reach who is left', async (t) => {
  let answer = (_: SinkCommand): ScriptedReply | string | undefined => undefined;
  const relay = await startSink(t, { script: (command) => answer(command) });
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  relayTo(gate, relay.port, { passesGate: false });
  const mail = eicarMail();
  const id = itemOf(await sendMail(gate, mail, [bob, carl]));
  const release = () => sluice(gate, 'quarantine', 'release', id);

  answer = ({ verb }) => (verb === 'END' ? '451 4.3.0 come back later\r\n' : undefined);
  const deferred = await release();
  t.equal(deferred.code, 1);
  t.match(deferred.stdout, /bob@example\.org pending: 451 4\.3\.0 come back later\n.*carl@example\.org pending/);
  t.match(deferred.stderr, 'not everybody has it yet');
  t.equal(relay.messages.length, 0);

  answer = ({ verb, line }) => (verb === 'RCPT' && line.includes('carl') ? '550 5.2.1 mailbox closed\r\n' : undefined);
  const refused = await release();
  t.equal(refused.code, 1);
  t.match(refused.stdout, /bob@example\.org delivered: 250 .*\n.*carl@example\.org \w+: 550 5\.2\.1 mailbox closed/);
  t.same(relay.messages.map(recipientOf), [bob]);

  answer = () => undefined;
  const complete = await release();
  t.equal(complete.code, 0, complete.stderr);
  t.same(relay.messages.map(recipientOf), [bob, carl], 'bob does not get it twice');
  t.ok(relay.messages.every(({ bytes }) => bytes.equals(mail)));
  t.equal((await sluice(gate, 'quarantine', 'release', 'a'.repeat(26))).code, 1, 'an unknown id');
  t.equal((await sluice(gate, 'quarantine', 'release')).code, 2, 'no id');
  await sluice(gate, 'quarantine', 'delete', id);
  t.match(await release(), { code: 1, stderr: /deleted/ });
});

t.test('a release that was under way when everything died is made after the restart', async (t) => {
  let stall = true;
  const originals = new Set<number>();
  const sink = await startSink(t, {
    script: ({ verb, line, session }) => {
      if (verb === 'MAIL' && !line.includes('<>')) originals.add(session);
      const stalls = verb === 'END' && stall && originals.has(session);
      return stalls ? { text: '451 never seen\r\n', delayMs: 5000 } : undefined;
    },
  });
  const folder = folderOf(t);
  const gate = await startGate(t, { upstreamPort: sink.port, folder });
  const mail = eicarMail();
  const id = itemOf(await sendMail(gate, mail, [bob, carl]));
  originals.clear();
  const { vault } = await openVault(t, { directory: join(folder, 'var'), local: true });
  await vault.release(id, 'test');
  const underWay = () => sink.commands.some(({ verb, session }) => verb === 'DATA' && originals.has(session));
  await waitFor('the release at the mail server', 10_000, () => underWay() || undefined);
  await gate.kill();
  t.equal(originalsAt(sink).length, 0);
  stall = false;
  await startGate(t, { upstreamPort: sink.port, folder });
  await waitFor('the release again', 10_000, () => originalsAt(sink).length > 0 || undefined);
  t.ok(originalsAt(sink)[0]?.bytes.equals(mail));
  const states = async () => (await vault.detail(id)).deliveries.map(({ status }) => status).join();
  await waitFor('the answers', 20_000, async () => (await states()) === 'delivered,delivered' || undefined);
  t.equal(await states(), 'delivered,delivered', 'the answers are on record');
});
