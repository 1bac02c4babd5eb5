/** The running gate and its log collector: every message, item and late finding is told of, and mail never waits for it. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { MailboxServer } from '../src/cli/demo/mailbox-server.js';
import { Daemon } from '../src/daemon.js';
import { createLog } from '../src/runtime/log.js';
import { ImapClient } from './support/imap-client.js';
import { Collector } from './support/log-collector.js';
import { base64Lines, buildMail, eicar, eicarMail } from './support/mail.js';
import { freePort, waitFor } from './support/ports.js';
import { folderOf, itemOf, metricsOf, sendMail, sluice, startGate, startSink } from './support/running.js';
import { parseCef } from './support/syslog-parser.js';
import { makeCertificates } from './support/tls.js';

t.setTimeout(180_000);

const hostileName = 'a"] [junos@2636.1.1.1.2.129 action="PERMIT"';

/** A file name with line ends in it, as RFC 2231 can carry. */
function hostileMail(): Buffer {
  const name = encodeURIComponent(`${hostileName}\r\n<14>1 2026-01-01T00:00:00.000Z evil RT_AAMW - X - x\n`);
  return Buffer.from(
    [
      'From: a@client.example\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?x=0A=3C14=3E1_-_-_-_-_-_evil?=\r\n',
      'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n',
      `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*=utf-8''${name}\r\n`,
      `Content-Transfer-Encoding: base64\r\n\r\n${base64Lines(eicar)}--b--\r\n`,
    ].join(''),
  );
}

t.test('the running gate tells of every message, and a hostile name stays one value', async (t) => {
  const certificates = makeCertificates(folderOf(t));
  const sink = await startSink(t);
  const ways = [
    { transport: 'udp' },
    { transport: 'tcp', framing: 'newline' },
    { transport: 'tls', framing: 'octet-counted', caFile: certificates.caFile },
  ] as const;
  for (const way of ways) {
    const collector = await Collector.start({ ...way, ...(way.transport === 'tls' ? { certificates } : {}) });
    t.teardown(() => collector.stop());
    const syslog = { host: '127.0.0.1', port: collector.port, ...way };
    const config = { log: { syslog }, lists: { allow: ['partner@good.example'] } };
    const gate = await startGate(t, { upstreamPort: sink.port, config });
    const withheld = await sendMail(gate, hostileMail());
    t.match(withheld.raw, /^250 .*withheld/);
    await sendMail(gate, buildMail({ subject: 'plain' }));
    await sendMail(gate, eicarMail(), ['bob@example.org'], 'partner@good.example');
    await sluice(gate, 'quarantine', 'delete', itemOf(withheld));
    // Two files and three messages; an item that is held, and deleted.
    await collector.count(7);
    await sleep(100);
    t.equal(collector.raw.length, 7, way.transport);
    t.same(collector.errors, []);
    const [bad, allowed] = collector.named('AAMW_ACTION_LOG').map(({ data }) => data[0]?.params);
    t.ok(bad?.get('file-name')?.startsWith(hostileName), String(bad?.get('file-name')));
    t.equal(bad?.get('action'), 'BLOCK');
    t.equal(bad?.get('verdict-number'), '10');
    t.equal(bad?.get('file-hash-lookup'), 'TRUE');
    t.equal(allowed?.get('action'), 'PERMIT');
    t.equal(allowed?.get('list-hit'), 'whitelist');
    t.equal(allowed?.get('verdict-number'), '-1', 'nobody looked at it');
    const events = collector.named('SLUICE_MAIL_EVENT').map(({ data }) => data[0]?.params);
    const by = new Map(events.map((params) => [params?.get('event'), params]));
    t.equal(by.get('held')?.get('item'), itemOf(withheld));
    t.match(by.get('deleted')?.get('by'), /^cli:/);
    t.equal(events.filter((params) => params?.get('event') === 'mail').length, 3);
    const sent = /^sluice_syslog_records_total\{result="sent"\} 7$/m;
    await waitFor('all to be counted', 5000, async () => sent.test(await metricsOf(gate)));
    const metrics = await metricsOf(gate);
    t.match(metrics, sent);
    t.match(metrics, /^sluice_syslog_up 1$/m);
    await gate.stop();
  }
});

t.test('mail goes on whatever becomes of the collector', async (t) => {
  const sink = await startSink(t);
  const port = await freePort();
  const syslog = { host: '127.0.0.1', port, transport: 'tcp' };
  const gate = await startGate(t, { upstreamPort: sink.port, config: { log: { syslog } } });
  t.match((await sendMail(gate, buildMail({}))).raw, /^250/, 'absent');
  const ready = await fetch(`http://127.0.0.1:${gate.statusPort}/readyz`);
  t.equal(ready.status, 200, 'no reason to send mail elsewhere');
  t.match(await ready.text(), /log collector.*not reached/);
  const collector = await Collector.start({ transport: 'tcp', port });
  t.teardown(() => collector.stop());
  await collector.count(1);
  t.match((await sendMail(gate, buildMail({}))).raw, /^250/, 'there');
  await collector.count(2);
  collector.reset();
  t.match((await sendMail(gate, buildMail({}))).raw, /^250/, 'just gone');
  await waitFor('the next connection', 10_000, () => collector.connections >= 2 || undefined);
  t.match((await sendMail(gate, buildMail({}))).raw, /^250/);
  await waitFor('its record', 10_000, () => collector.raw.length >= 3 || undefined);
  await collector.stop();
  t.match((await sendMail(gate, buildMail({}))).raw, /^250/, 'gone for good');
  const began = performance.now();
  await gate.stop();
  t.ok(performance.now() - began < 10_000, 'and so does stopping');
  t.equal(sink.messages.length, 5);
});

t.test('messages read over IMAP are told of with who read them', async (t) => {
  const server = await MailboxServer.start(['anna'], 'secret');
  t.teardown(() => server.stop());
  const { inbox } = server.account('anna');
  for (const mail of [buildMail({}), eicarMail()]) inbox.append(mail, [], new Date(0));
  const collector = await Collector.start({ transport: 'tcp' });
  t.teardown(() => collector.stop());
  const sink = await startSink(t);
  const syslog = { host: '127.0.0.1', port: collector.port, transport: 'tcp' };
  const gate = await startGate(t, {
    upstreamPort: sink.port,
    imapUpstreamPort: server.port,
    config: { log: { syslog } },
  });
  const client = await ImapClient.login(gate.imapPort, 'anna', 'secret');
  await client.ok('SELECT INBOX');
  await client.ok('FETCH 1:* (UID BODY.PEEK[])');
  client.destroy();
  await collector.count(4);
  const [log] = collector.named('AAMW_ACTION_LOG').map(({ data }) => data[0]?.params);
  t.equal(log?.get('application'), 'IMAP');
  t.equal(log?.get('username'), 'anna');
  t.equal(log?.get('action'), 'BLOCK');
  t.not(log?.get('source-port'), '0');
  const mails = collector
    .named('SLUICE_MAIL_EVENT')
    .map(({ data }) => data[0]?.params)
    .filter((params) => params?.get('event') === 'mail');
  t.same(mails.map((params) => params?.get('outcome')).toSorted(), ['notice', 'original']);
  t.ok(mails.every((params) => params?.get('user') === 'anna'));
  t.same(collector.errors, []);
});

t.test('a file that turns bad after its delivery is a malware event', async (t) => {
  const collector = await Collector.start({ transport: 'tcp' });
  t.teardown(() => collector.stop());
  const sink = await startSink(t);
  const feed = join(folderOf(t), 'feed.txt');
  writeFileSync(feed, '');
  const syslog = { host: '127.0.0.1', port: collector.port, transport: 'tcp' };
  const scoring = { backends: [{ type: 'embedded', hashFeeds: [feed] }] };
  const gate = await startGate(t, { upstreamPort: sink.port, config: { log: { syslog }, scoring } });
  const content = Buffer.from('a file that nobody knows yet\n');
  t.match((await sendMail(gate, buildMail({ attachment: { name: 'new.bin', content } }))).raw, /^250 .*taken/);
  const sha256 = createHash('sha256').update(content).digest('hex');
  writeFileSync(feed, `${sha256},Late-Trojan\n`);
  gate.signal('SIGHUP');
  await waitFor('the event', 15_000, () => collector.named('AAMW_MALWARE_EVENT_LOG').length === 1 || undefined);
  const [event] = collector.named('AAMW_MALWARE_EVENT_LOG').map(({ data }) => data[0]?.params);
  t.equal(event?.get('sample-sha256'), sha256);
  t.equal(event?.get('malware-info'), 'Late-Trojan');
  t.equal(event?.get('client-ip'), '127.0.0.1');
  t.ok(Number(event?.get('verdict-number')) >= 7);
  t.same(collector.errors, []);
});

t.test('what is too quiet for the log is told all the same', async (t) => {
  const collector = await Collector.start({ transport: 'tcp' });
  t.teardown(() => collector.stop());
  const sink = await startSink(t);
  const folder = folderOf(t);
  const file = join(folder, 'sluice.yaml');
  const upstream = { host: '127.0.0.1', port: sink.port };
  const config = {
    dataDirectory: join(folder, 'var'),
    smtp: { listeners: [{ name: 'in', listen: '127.0.0.1:0', upstream, localDomains: ['example.org'] }] },
    portal: { listen: '' },
    log: { syslog: { host: '127.0.0.1', port: collector.port, transport: 'tcp', format: 'cef' } },
  };
  writeFileSync(file, JSON.stringify(config));
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  const log = createLog({ level: 'error', addresses: 'full', file: undefined }, stream);
  const daemon = await Daemon.start(file, { log });
  t.teardown(() => daemon.stop());
  t.match((await sendMail({ port: daemon.ports.get('in') ?? 0 }, buildMail({}))).raw, /^250/);
  await collector.count(1);
  t.match(parseCef(collector.records[0]?.message ?? '').extension.get('act'), 'permit');
  await daemon.stop();
  t.same(lines, []);
});
