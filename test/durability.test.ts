/**
 * What was acknowledged is there, whatever dies: the gate, the next hop, the client, the disk. The gate is the real
 * process, seen from outside. SLUICE_KILLS sets how often it is killed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { readSource } from '../src/runtime/spool-source.js';
import { Client } from './support/client.js';
import { Gate, type GateOptions } from './support/gate.js';
import { attachmentMail, buildMail, dotStuff, eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { waitFor } from './support/ports.js';
import { type ScriptedReply, Sink, type SinkCommand, type SinkOptions } from './support/sink.js';
import { openVault } from './support/test-vault.js';

t.setTimeout(900_000);

const kills = Number(process.env.SLUICE_KILLS ?? 12);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const from = 'alice@client.example';

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-durability-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startSink(t: Test, options: SinkOptions = {}): Promise<Sink> {
  const sink = await Sink.start(options);
  t.teardown(() => sink.stop());
  return sink;
}

async function startGate(t: Test, options: GateOptions): Promise<Gate> {
  const gate = await Gate.start(options);
  t.teardown(async () => {
    if (gate.running) await gate.kill();
  });
  return gate;
}

/** A value of /metrics, all its labels added up. */
async function metric(gate: Gate, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gate.statusPort}/metrics`)).text();
  const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  if (values.length === 0) throw new Error(`no metric ${name}`);
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Nothing of any message is kept, nobody is connected. */
async function assertIdle(t: Test, gate: Gate): Promise<void> {
  const names = ['sluice_smtp_connections', 'sluice_spool_memory_bytes', 'sluice_spool_files'];
  let values: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    values = await Promise.all(names.map((name) => metric(gate, name)));
    if (values.every((value) => value === 0)) break;
    await sleep(100);
  }
  t.same(values, [0, 0, 0], 'no connection, no spool memory, no spool file is left');
}

interface Acknowledged {
  readonly sha256: string;
  readonly recipients: readonly string[];
  /** of the quarantined original; undefined when the mail was passed on */
  readonly item: string | undefined;
}

const withheld = /withheld as ([a-z2-7]{26})/;

/** Sends mail until the connection breaks for good; what got a 250 is noted. */
async function sendUntilStopped(
  port: number,
  lane: number,
  running: () => boolean,
  acknowledged: Acknowledged[],
): Promise<void> {
  for (let index = 0; running(); index += 1) {
    const client = await Client.greet(port).catch(() => undefined);
    if (client === undefined) return;
    try {
      for (let mail = 0; mail < 3 && running(); mail += 1) {
        const recipients = [`bob${lane}@example.org`, `carl${index}@example.org`];
        const bad = (lane + index + mail) % 3 === 0;
        const parts = { subject: `${lane} ${index} ${mail} ${process.hrtime.bigint()}` };
        const message = bad ? eicarMail(parts) : attachmentMail(mail === 1 ? 400_000 : 2000, parts);
        const reply = await client.mail(from, recipients, message);
        if (reply.code !== 250) continue;
        acknowledged.push({ sha256: sha256(message), recipients, item: withheld.exec(reply.raw)?.[1] });
      }
    } catch {
      // The gate was killed: what has no reply was not acknowledged.
    } finally {
      client.destroy();
    }
  }
}

t.test(`killed ${kills} times under load, nothing acknowledged is lost`, async (t) => {
  const sink = await startSink(t);
  const folder = folderOf(t);
  const acknowledged: Acknowledged[] = [];
  for (let round = 0; round < kills; round += 1) {
    const gate = await startGate(t, { upstreamPort: sink.port, folder });
    let running = true;
    const lanes = [0, 1, 2, 3].map((lane) => sendUntilStopped(gate.port, lane, () => running, acknowledged));
    // Threads start with the first mail that needs them; a gate that is killed before only proves that it starts.
    const enough = acknowledged.length + 2 + Math.floor(Math.random() * 30);
    await waitFor('acknowledged mail', 60_000, () => acknowledged.length >= enough || undefined);
    await sleep(Math.random() * 60);
    await gate.kill();
    running = false;
    await Promise.all(lanes);
  }
  const held = acknowledged.filter(({ item }) => item !== undefined);
  t.ok(acknowledged.length - held.length > kills && held.length > kills, `${acknowledged.length}, ${held.length} held`);

  const delivered = new Map(sink.messages.map((message) => [sha256(message.bytes), message]));
  const lost = acknowledged.filter(({ item, sha256 }) => item === undefined && !delivered.has(sha256));
  t.same(lost, [], 'every mail that was passed on is at the next hop, byte for byte');
  const misdirected = acknowledged.filter(({ item, sha256, recipients }) => {
    if (item !== undefined) return false;
    return delivered.get(sha256)?.recipients.join() !== recipients.map((address) => `<${address}>`).join();
  });
  t.same(misdirected, [], 'for the recipients it had');

  const last = await startGate(t, { upstreamPort: sink.port, folder });
  const { vault } = await openVault(t, { directory: join(folder, 'var'), local: true });
  for (const { item, sha256: digest, recipients } of held) {
    const opened = await vault.openItem(item ?? '');
    const content = readSource(opened.source, 0, opened.source.length);
    opened.close();
    const { mails, item: row } = await vault.detail(item ?? '');
    const notified = mails.filter((mail) => mail.kind === 'notice').map((mail) => mail.recipient);
    const whole =
      sha256(content) === digest && row.envelope.recipients.map(({ address }) => address).join() === recipients.join();
    if (!whole || notified.sort().join() !== [...recipients].sort().join()) t.fail(`item ${item} is not whole`);
  }
  t.pass(`${held.length} withheld mails can be opened, with their notices`);

  const wanted = held.flatMap(({ item, recipients }) => recipients.map((recipient) => `${item} ${recipient}`));
  await waitFor('all notices at the next hop', 60_000, () => {
    const got = sink.messages.filter(({ mail }) => mail.startsWith('<>')).map(({ recipients }) => recipients.join());
    return held.every(({ recipients }) => recipients.every((address) => got.includes(`<${address}>`)));
  });
  const notices = sink.messages.filter(({ mail }) => mail.startsWith('<>')).length;
  t.ok(notices >= wanted.length, `${notices} notices for ${wanted.length} wanted`);
  t.same(sink.violations, []);
  t.equal(await last.stop(), 0);
});

/** One whole mail; the codes that came back, and whether the last one stood for the message. */
async function attempt(port: number, message: Buffer): Promise<{ code: number; stage: string }> {
  let client: Client | undefined;
  let stage = 'connect';
  try {
    client = await Client.open(port);
    for (const [name, line] of [
      ['greeting', ''],
      ['EHLO', 'EHLO client.example\r\n'],
      ['MAIL', `MAIL FROM:<${from}>\r\n`],
      ['RCPT', 'RCPT TO:<bob@example.org>\r\n'],
      ['DATA', 'DATA\r\n'],
    ] as const) {
      stage = name;
      await client.send(line);
      const reply = await client.reply();
      if (reply.code >= 400) return { code: reply.code, stage };
    }
    stage = 'END';
    await client.send(dotStuff(message));
    return { code: (await client.reply()).code, stage };
  } catch {
    return { code: 0, stage };
  } finally {
    client?.destroy();
  }
}

t.test('a next hop that dies at any octet of its replies', async (t) => {
  let fault: { verb: string; octets: number } | undefined;
  const usual: Readonly<Record<string, string>> = {
    CONNECT: '220 sink.example ESMTP\r\n',
    EHLO: '250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n',
    MAIL: '250 2.1.0 ok\r\n',
    RCPT: '250 2.1.5 ok\r\n',
    DATA: '354 go ahead\r\n',
    END: '250 2.0.0 taken\r\n',
  };
  const script = ({ verb }: SinkCommand): ScriptedReply | undefined => {
    if (fault?.verb !== verb) return undefined;
    const text = usual[verb]?.slice(0, fault.octets) ?? '';
    return { text: text === '' ? undefined : text, closeAfter: true };
  };
  const sink = await startSink(t, { script });
  const gate = await startGate(t, { upstreamPort: sink.port });
  const message = buildMail({ subject: 'fault' });
  for (const [verb, text] of Object.entries(usual)) {
    const wrong: string[] = [];
    for (let octets = 0; octets <= text.length; octets += 1) {
      fault = { verb, octets };
      const { code, stage } = await attempt(gate.port, message);
      const whole = verb === 'END' && octets === text.length;
      const good = whole ? code === 250 : code === 0 || (code >= 400 && code < 500);
      if (!good) wrong.push(`${octets}: ${code} at ${stage}`);
    }
    t.same(wrong, [], `${verb}: ${text.length + 1} places to die`);
  }
  fault = undefined;
  t.equal((await attempt(gate.port, message)).code, 250, 'and afterwards mail flows');
  await assertIdle(t, gate);
});

t.test('a next hop that dies at any place of the content', async (t) => {
  let bound = 0;
  const sink = await startSink(t, {
    get dieAfterDataBytes() {
      return bound;
    },
  });
  const gate = await startGate(t, { upstreamPort: sink.port });
  for (const message of [buildMail({ subject: 'small' }), attachmentMail(1_500_000)]) {
    for (let step = 0; step <= 12; step += 1) {
      bound = Math.floor((message.length * step) / 12);
      const { code, stage } = await attempt(gate.port, message);
      if (!(code === 0 || (code >= 400 && code < 500)) || stage !== 'END') t.fail(`${bound}: ${code} at ${stage}`);
    }
    t.pass(`${message.length} octets, 13 places`);
  }
  t.equal(sink.messages.length, 0);
  bound = Number.MAX_SAFE_INTEGER;
  t.equal((await attempt(gate.port, buildMail({}))).code, 250, 'and afterwards mail flows');
  await assertIdle(t, gate);
});

t.test('clients that die at any moment leave nothing behind', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const messages = [
    buildMail({ subject: 'small' }),
    attachmentMail(600_000),
    eicarMail(),
    eicarMail({ text: 'x'.repeat(400_000) }),
  ];
  const digests = new Set(messages.map(sha256));
  const lane = async (seed: number): Promise<void> => {
    for (let round = 0; round < 30; round += 1) {
      const message = messages[(seed + round) % messages.length] ?? Buffer.alloc(0);
      const opening = `EHLO c\r\nMAIL FROM:<${from}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n`;
      const wire = Buffer.concat([Buffer.from(opening), dotStuff(message), Buffer.from('QUIT\r\n')]);
      const client = await Client.open(gate.port);
      // Often the whole mail, so that the client is gone while it is judged.
      const part = Math.random() < 0.5 ? 1 : Math.random();
      await client.send(wire.subarray(0, Math.ceil(part * wire.length)));
      if (Math.random() < 0.8) await sleep(Math.random() * 30);
      client.destroy();
    }
  };
  await Promise.all([0, 1, 2, 3].map(lane));
  await assertIdle(t, gate);
  const broken = sink.messages.filter(({ mail, bytes }) => !mail.startsWith('<>') && !digests.has(sha256(bytes)));
  t.equal(broken.length, 0, 'what reached the next hop is whole');
  t.same(sink.violations, []);
  // Behind the ready line, because a first start warns about the keys it made.
  const ready = gate.log.findIndex(({ msg }) => msg === 'ready');
  const noise = gate.log
    .slice(ready)
    .filter(({ level }) => ['warn', 'error', 'fatal'].includes(String(level)))
    .map(({ msg }) => msg);
  t.same(noise, [], 'a client that leaves is no failure of ours');
  t.equal((await attempt(gate.port, buildMail({}))).code, 250, 'mail flows');
});

t.test('a full disk: no 250 without an outcome, and it mends by itself', { skip: skipWithout('root') }, async (t) => {
  const folder = folderOf(t);
  const disk = join(folder, 'var');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
  const sink = await startSink(t);
  const gate = await Gate.start({ upstreamPort: sink.port, folder });
  t.teardown(async () => {
    if (gate.running) await gate.kill();
    execFileSync('umount', ['-l', disk]);
  });
  const send = async (message: Buffer) => {
    const client = await Client.greet(gate.port);
    const reply = await client.mail(from, ['bob@example.org'], message);
    client.destroy();
    return reply.raw;
  };
  t.match(await send(eicarMail({ subject: 'before' })), /^250 .*withheld/);
  const filler = join(disk, 'filler');
  const fill = () => {
    try {
      execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096'], { stdio: 'ignore' });
    } catch {
      // It ends when there is no room left: that is what it is for.
    }
  };
  fill();
  t.match(await send(attachmentMail(3_000_000)), /^452 4\.3\.1 /, 'a mail too large for memory');
  const eicar = eicarMail({ subject: 'while full' });
  t.match(await send(eicar), /^45[12] 4\.3\./, 'a mail that must be sealed');
  t.match(await send(eicarMail({ subject: 'large', text: 'x'.repeat(500_000) })), /^45[12] 4\.3\./);
  t.match(await send(buildMail({ subject: 'small' })), /^250 /, 'a clean mail needs no disk');
  await assertIdle(t, gate);
  rmSync(filler);
  const reply = await send(eicar);
  t.match(reply, /^250 .*withheld/, 'with room again it is sealed');
  t.match(await send(attachmentMail(3_000_000)), /^250 /);
  const { vault } = await openVault(t, { directory: disk, local: true });
  const opened = await vault.openItem(withheld.exec(reply)?.[1] ?? '');
  t.ok(readSource(opened.source, 0, opened.source.length).equals(eicar), 'and can be opened');
  opened.close();
  const notices = () => sink.messages.filter(({ mail }) => mail.startsWith('<>')).length >= 2;
  await waitFor('both notices', 40_000, () => notices() || undefined);
  t.equal(await gate.stop(), 0);
});

t.test('SIGTERM: the mail under way finishes, nothing new begins', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const busy = await Client.greet(gate.port);
  const idle = await Client.greet(gate.port);
  await busy.command(`MAIL FROM:<${from}>`, 250);
  await busy.command('RCPT TO:<bob@example.org>', 250);
  await busy.command('DATA', 354);
  const message = attachmentMail(700_000);
  const wire = dotStuff(message);
  await busy.send(wire.subarray(0, 300_000));
  const started = Date.now();
  const stopped = gate.stop();
  t.equal((await idle.reply()).code, 421, 'an idle client is told');
  await t.rejects(Client.open(gate.port), 'nobody new gets in');
  await sleep(300);
  t.ok(gate.running);
  await busy.send(wire.subarray(300_000));
  t.equal((await busy.reply()).code, 250);
  t.ok(sink.messages[0]?.bytes.equals(message));
  t.equal(await stopped, 0);
  t.ok(Date.now() - started < 10_000, 'without waiting for the period of grace');
  busy.destroy();
  idle.destroy();
});

t.test('SIGHUP with a broken configuration keeps the running policy', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, {
    upstreamPort: sink.port,
    config: { lists: { block: ['evil@bad.example'], applyWithoutAttachment: true } },
  });
  const send = async (sender: string) => {
    const client = await Client.greet(gate.port);
    const reply = await client.mail(sender, ['bob@example.org'], buildMail({ from: sender, subject: sender }));
    client.destroy();
    return reply.raw;
  };
  t.match(await send('evil@bad.example'), /withheld/);
  const good = gate.readConfig();
  writeFileSync(join(gate.folder, 'sluice.yaml'), 'lists: { block: [ "unclosed');
  gate.signal('SIGHUP');
  await gate.waitForLog('refusal', ({ msg }) => String(msg).includes('refused'));
  t.match(await send('evil@bad.example'), /withheld/, 'the old list holds');
  t.match(await send('other@bad.example'), /^250 /);
  gate.writeConfig({ ...good, lists: { block: ['other@bad.example'], applyWithoutAttachment: true } });
  gate.signal('SIGHUP');
  await gate.waitForLog('reload', ({ msg }) => String(msg).includes('reloaded'));
  t.match(await send('other@bad.example'), /withheld/, 'the mended one is taken');
  t.notMatch(await send('evil@bad.example'), /withheld/);
});

t.test('memory does not grow with what a peer sends or leaves unread', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  await attempt(gate.port, buildMail({}));
  const before = gate.memoryBytes;
  const block = Buffer.alloc(1_000_000, 'a');
  const endless = await Client.greet(gate.port);
  for (let index = 0; index < 200; index += 1) await endless.send(block);
  await endless.send('\r\n');
  t.match((await endless.reply()).raw, /^500 5\.5\.2 /, 'a line of 200 MB');
  t.equal((await endless.command('NOOP')).code, 250, 'and the session goes on');
  endless.destroy();

  const flood = Buffer.from('NOOP\r\n'.repeat(20_000));
  const deaf = await Promise.all(Array.from({ length: 20 }, () => Client.greet(gate.port)));
  for (const client of deaf) client.stopReading();
  await Promise.all(
    deaf.map(async (client) => {
      for (let index = 0; index < 20; index += 1) {
        await Promise.race([client.send(flood), sleep(200)]);
      }
    }),
  );
  await sleep(300);
  const grown = gate.memoryBytes - before;
  for (const client of deaf) client.destroy();
  t.ok(grown < 150_000_000, `${Math.round(grown / 1e6)} MB more`);
  await assertIdle(t, gate);
  const cpuMs = gate.cpuMs;
  await sleep(1000);
  t.ok(gate.cpuMs - cpuMs < 500, 'and nothing goes on spinning');
});
