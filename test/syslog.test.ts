/**
 * What log collectors are told: records that a strict reader takes whatever strangers write into a mail, in the fields
 * and the order of the firewall; and senders that bother neither mail nor memory, whatever a collector does.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { parseConfig } from '../src/config/load.js';
import { syslogFacilities } from '../src/config/schema-syslog.js';
import { limits } from '../src/runtime/limits.js';
import { createLog } from '../src/runtime/log.js';
import { datagramLink } from '../src/syslog/datagram-link.js';
import { type ForwarderOptions, recordsOf } from '../src/syslog/forwarder.js';
import type { OpenLink } from '../src/syslog/link.js';
import { facilities } from '../src/syslog/record.js';
import { Sender, type SenderSettings } from '../src/syslog/sender.js';
import { frame, streamLink } from '../src/syslog/stream-link.js';
import type { Told, ToldMail } from '../src/syslog/told.js';
import { cleanValue } from '../src/syslog/value-text.js';
import { Collector } from './support/log-collector.js';
import { freePort, waitFor } from './support/ports.js';
import { folderOf } from './support/running.js';
import { FrameReader, parseCef, parseRecord } from './support/syslog-parser.js';
import { makeCertificates } from './support/tls.js';
import { anyFile, anyItem, anyMail, anyTurnedBad, place } from './support/told-events.js';

t.setTimeout(180_000);

/** As in the firewall's own records. */
const actionNames = [
  'hostname',
  'file-category',
  'verdict-number',
  'malware-info',
  'action',
  'list-hit',
  'file-hash-lookup',
  'source-address',
  'source-port',
  'destination-address',
  'destination-port',
  'protocol-id',
  'application',
  'nested-application',
  'policy-name',
  'username',
  'roles',
  'session-id-32',
  'source-zone-name',
  'destination-zone-name',
  'sample-sha256',
  'file-name',
  'url',
];
const malwareNames = [
  'timestamp',
  'tenant-id',
  'sample-sha256',
  'client-ip',
  'verdict-number',
  'malware-info',
  'username',
  'hostname',
];

function options(more: Partial<ForwarderOptions> = {}): ForwarderOptions {
  const origin = { facility: 'user', hostname: 'gate.example.org' } as const;
  return { format: 'srx', place, origin, addresses: 'full', bytesMax: 1_000_000, ...more };
}

const clean = (text: string): string => cleanValue(text, limits.syslog.valueCharacters);
const given = (text: string | undefined): string => clean(text === undefined || text === '' ? 'N/A' : text);
const anyTold: fc.Arbitrary<Told> = fc.oneof(anyMail, anyItem, anyTurnedBad);

t.test('whatever stands in a mail comes back out of the firewall records, each in its place', (t) => {
  fc.assert(
    fc.property(anyMail, (mail) => {
      const records = recordsOf(mail, options()).map(parseRecord);
      const logs = records.filter(({ msgId }) => msgId === 'AAMW_ACTION_LOG');
      const files = mail.files.length === 0 && mail.list !== undefined ? [undefined] : mail.files;
      if (logs.length !== files.length || records.length !== files.length + 1) throw new Error('a record too many');
      for (const [at, file] of files.entries()) {
        const log = logs[at];
        const params = log?.data[0]?.params ?? new Map<string, string>();
        if (log?.appName !== 'RT_AAMW' || log.data[0]?.id !== 'junos@2636.1.1.1.2.129') throw new Error('not theirs');
        if (log.message !== undefined || log.facility !== 1 || log.at !== mail.at) throw new Error('odd header');
        if ([...params.keys()].join() !== actionNames.join()) throw new Error([...params.keys()].join());
        const passes = mail.action === 'permit' || mail.action === 'warn';
        const expected = {
          'file-name': given(file?.name),
          'malware-info': given(file?.threat),
          'file-category': given(file?.category),
          'sample-sha256': given(file?.sha256),
          'verdict-number': String(file?.level ?? -1),
          action: passes ? 'PERMIT' : 'BLOCK',
          username: given(mail.user),
          'source-address': mail.clientAddress,
          'source-port': String(mail.clientPort),
        };
        for (const [name, value] of Object.entries(expected))
          if (params.get(name) !== value) throw new Error(`${name}: ${params.get(name)} for ${value}`);
      }
      const own = records.at(-1);
      const params = own?.data[0]?.params;
      if (own?.msgId !== 'SLUICE_MAIL_EVENT' || own.data[0]?.id !== 'sluice@32473') throw new Error('not ours');
      const absent = (text: string | undefined) => (text === undefined || text === '' ? undefined : clean(text));
      const texts = { subject: mail.subject, sender: mail.sender, 'message-id': mail.messageId, user: mail.user };
      for (const [name, value] of Object.entries({ ...texts, reply: mail.reply, threat: mail.threat }))
        if (params?.get(name) !== absent(value)) throw new Error(`${name}: ${params?.get(name)} for ${value}`);
      if (params?.get('recipients') !== absent(mail.recipients.join(', '))) throw new Error('recipients');
    }),
    { numRuns: 600 },
  );
  t.pass('strictly read');
  t.end();
});

t.test('items, and files that turned bad, are told in their own records', (t) => {
  fc.assert(
    fc.property(anyItem, (item) => {
      const [record, ...more] = recordsOf(item, options()).map(parseRecord);
      const params = record?.data[0]?.params;
      if (more.length > 0 || params?.get('event') !== item.event || params.get('item') !== item.item)
        throw new Error('another event');
      if ((params.get('by') ?? '') !== clean(item.by)) throw new Error('by somebody else');
    }),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(anyTurnedBad, (turned) => {
      const [record, own, ...more] = recordsOf(turned, options()).map(parseRecord);
      const params = record?.data[0]?.params;
      if (record?.msgId !== 'AAMW_MALWARE_EVENT_LOG' || more.length > 0) throw new Error('another record');
      if ([...(params?.keys() ?? [])].join() !== malwareNames.join()) throw new Error('other names');
      if (params?.get('malware-info') !== given(turned.file.threat)) throw new Error('another threat');
      const format = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4,}$/;
      if (!format.test(params.get('timestamp') ?? '')) throw new Error(`${params.get('timestamp')}`);
      if (own?.data[0]?.params.get('event') !== 'turned-bad') throw new Error('no event of ours');
    }),
    { numRuns: 200 },
  );
  t.pass('strictly read');
  t.end();
});

t.test('the same in the Common Event Format', (t) => {
  fc.assert(
    fc.property(anyTold, (told) => {
      const [bytes, ...more] = recordsOf(told, options({ format: 'cef' }));
      if (bytes === undefined || more.length > 0) throw new Error('not one record');
      const record = parseRecord(bytes);
      if (record.data.length > 0 || record.message === undefined) throw new Error('no message');
      const { header, extension } = parseCef(record.message);
      if (header.slice(0, 3).join() !== 'Sluice,Mail Gate,1.2.3') throw new Error(header.join());
      if (!/^(?:[0-9]|10)$/.test(header[5] ?? '')) throw new Error(`severity ${header[5]}`);
      const same = (key: string, value: string | undefined) => {
        const expected = value === undefined || value === '' ? undefined : clean(value);
        if (extension.get(key) !== expected) throw new Error(`${key}: ${extension.get(key)} for ${expected}`);
      };
      same('suser', told.sender);
      same('duser', told.recipients.join(', '));
      same('msg', told.subject);
      same('cs2', told.threat);
      same('rt', String(told.at));
      if (told.kind === 'mail') {
        same('fileName', told.files[0]?.name);
        same('fileType', told.files[0]?.type);
        same('act', told.action);
        same('reason', told.reasons.join('; '));
        same('externalId', told.item ?? told.id);
      }
      for (const key of extension.keys())
        if (key.endsWith('Label') && !extension.has(key.slice(0, -5))) throw new Error(`${key} without a value`);
    }),
    { numRuns: 800 },
  );
  t.pass('strictly read');
  t.end();
});

t.test('a record is never longer than its transport takes, and keeps its structure', (t) => {
  const size = fc.integer({ min: 1300, max: 4000 });
  const long = fc.tuple(anyFile, fc.string({ unit: 'binary', minLength: 300, maxLength: 4000 }));
  fc.assert(
    fc.property(
      anyMail,
      long,
      size,
      fc.constantFrom('srx' as const, 'cef' as const),
      (mail, [file, text], bytesMax, format) => {
        const huge: ToldMail = {
          ...mail,
          subject: text,
          sender: `${text}@x`,
          recipients: [text, text],
          reasons: [text],
          threat: text,
          files: [{ ...file, name: text, threat: `${text}"\\]=|`, type: text }],
        };
        for (const bytes of recordsOf(huge, options({ bytesMax, format }))) {
          if (bytes.length > bytesMax) throw new Error(`${bytes.length} bytes`);
          const record = parseRecord(bytes);
          if (format === 'cef') {
            const { extension } = parseCef(record.message ?? '');
            if (!clean(text).startsWith((extension.get('fileName') ?? '').replace(/…$/, '')))
              throw new Error('fileName');
          } else if (record.msgId === 'AAMW_ACTION_LOG') {
            const params = record.data[0]?.params ?? new Map<string, string>();
            if ([...params.keys()].join() !== actionNames.join()) throw new Error('a name is lost');
            if (params.get('action') !== (mail.action === 'permit' || mail.action === 'warn' ? 'PERMIT' : 'BLOCK'))
              throw new Error('short values are not cut');
            const name = params.get('file-name') ?? '';
            if (!clean(text).startsWith(name.replace(/…$/, ''))) throw new Error(`file-name ${name}`);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  t.pass('within its bound');
  t.end();
});

t.test('frames come back out of a stream, however it is cut', (t) => {
  const record = anyTold.map((told) => recordsOf(told, options({ bytesMax: 2048 }))).filter((all) => all.length > 0);
  const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), cuts, (lists, sizes) => {
      const records = lists.flat();
      for (const framing of ['octet-counted', 'newline'] as const) {
        const stream = Buffer.concat(records.map((one) => frame(one, framing)));
        const read: Buffer[] = [];
        const reader = new FrameReader(framing, (one) => read.push(one));
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          reader.read(stream.subarray(at, at + size));
          at += size;
        }
        if (reader.rest !== 0 || read.length !== records.length) throw new Error(`${framing}: ${read.length} records`);
        if (!Buffer.concat(read).equals(Buffer.concat(records))) throw new Error(framing);
      }
    }),
    { numRuns: 200 },
  );
  t.pass('no record begins another');
  t.end();
});

const mail: ToldMail = {
  kind: 'mail',
  at: Date.UTC(2026, 10, 22, 5, 0, 0),
  id: 't0w1rg-1',
  listener: 'inbound',
  clientAddress: '192.0.2.1',
  clientPort: 40_000,
  user: 'anna.secret@example.org',
  sender: 'anna.secret@example.org',
  recipients: ['anna.secret@example.org', 'ben.secret@example.org'],
  subject: 'my secret',
  messageId: '<secret@client.example>',
  recipientCount: 2,
  bytes: 900,
  action: 'block',
  outcome: 'answered',
  reply: '550 5.1.1 <anna.secret@example.org>: no',
  reasons: ['blocklisted envelope-from anna.secret@example.org'],
  threatLevel: 10,
  threat: 'EICAR-Test-File',
  score: 1,
  malicious: true,
  item: 'pfhnljb3vgwoyrcahvjuhyerz4',
  list: 'block',
  files: [
    {
      name: 'anna.secret@example.org.exe',
      category: 'executable',
      type: 'application/x-dosexec',
      bytes: 68,
      sha256: 'ab'.repeat(32),
      level: 10,
      threat: 'EICAR-Test-File',
      list: undefined,
      known: true,
    },
  ],
  filesOmitted: 0,
};
const item: Told = {
  kind: 'item',
  at: mail.at,
  listener: 'inbound',
  event: 'release-requested',
  item: 'pfhnljb3vgwoyrcahvjuhyerz4',
  by: 'recipient:ben.secret@example.org',
  sender: mail.sender,
  recipients: mail.recipients,
  subject: mail.subject,
  threatLevel: 10,
  threat: '',
};

t.test('addresses and subjects are shown, hashed or left out as in the log', (t) => {
  for (const format of ['srx', 'cef'] as const) {
    for (const told of [mail, item]) {
      const text = (addresses: 'full' | 'hashed' | 'none') =>
        Buffer.concat(recordsOf(told, options({ format, addresses }))).toString();
      t.match(text('full'), /anna\.secret@example\.org/);
      for (const mode of ['hashed', 'none'] as const) {
        t.notMatch(text(mode), /secret/, `${format} ${told.kind} ${mode}`);
        t.match(text(mode), /EICAR|release-requested/, 'what is not personal stays');
      }
      t.match(text('hashed'), /sha256:[0-9a-f]{16}/);
      t.notMatch(text('none'), /sha256:/);
    }
  }
  t.end();
});

t.test('a record as a person reads it', (t) => {
  const [log, event] = recordsOf(mail, options()).map(String);
  t.equal(
    log,
    '<12>1 2026-11-22T05:00:00.000Z gate.example.org RT_AAMW - AAMW_ACTION_LOG [junos@2636.1.1.1.2.129' +
      ' hostname="mail.example.org" file-category="executable" verdict-number="10" malware-info="EICAR-Test-File"' +
      ' action="BLOCK" list-hit="N/A" file-hash-lookup="TRUE" source-address="192.0.2.1" source-port="40000"' +
      ' destination-address="192.0.2.25" destination-port="25" protocol-id="6" application="SMTP"' +
      ' nested-application="UNKNOWN" policy-name="inbound" username="anna.secret@example.org" roles="N/A"' +
      ' session-id-32="682445285" source-zone-name="untrust" destination-zone-name="trust"' +
      ` sample-sha256="${'ab'.repeat(32)}" file-name="anna.secret@example.org.exe" url="N/A"]`,
  );
  t.match(event, /^<12>1 .* sluice - SLUICE_MAIL_EVENT \[sluice@32473 event="mail" id="t0w1rg-1" item="pfh/);
  const [cef] = recordsOf(mail, options({ format: 'cef' })).map(String);
  t.match(cef, / sluice - CEF - CEF:0\|Sluice\|Mail Gate\|1\.2\.3\|email\|EICAR-Test-File\|10\|externalId=pfhn/);
  const elsewhere = options({ place: { ...place, zones: { source: 'dmz', destination: 'core' } } });
  t.match(String(recordsOf(mail, elsewhere)[0]), /source-zone-name="dmz" destination-zone-name="core"/);
  t.match(String(recordsOf({ ...mail, listener: 'boxes' }, options())[0]), /source-zone-name="trust"/);
  t.end();
});

t.test('severities say how urgent it is', (t) => {
  const severity = (more: Partial<ToldMail>) => {
    const quiet = { malicious: false, action: 'permit', reasons: [], files: [], list: undefined } as const;
    return recordsOf({ ...mail, ...quiet, ...more }, options()).map((bytes) => parseRecord(bytes).severity)[0];
  };
  t.equal(severity({}), 6, 'clean');
  t.equal(severity({ reasons: ['fallback encrypted permit'] }), 5, 'passed without an answer');
  t.equal(severity({ action: 'defer' }), 5);
  t.equal(severity({ action: 'warn' }), 5);
  t.equal(severity({ action: 'block', malicious: true }), 4, 'withheld');
  t.equal(severity({ action: 'permit', malicious: true }), 3, 'delivered all the same');
  for (const facility of syslogFacilities) {
    const origin = { facility, hostname: 'gate' };
    t.equal(parseRecord(recordsOf(item, options({ origin }))[0] ?? Buffer.alloc(0)).facility, facilities[facility]);
  }
  t.end();
});

t.test('the configuration says what is wrong', async (t) => {
  const problems = (syslog: string) => {
    const { problems } = parseConfig(
      `log: { syslog: ${syslog} }\nsmtp: { listeners: [{ listen: "127.0.0.1:2525", upstream: { host: mx } }] }`,
      '/etc/gate.yaml',
    );
    const errors = problems.filter(({ severity }) => severity === 'error').map(({ path }) => path);
    return errors.length === 0 ? 'none' : errors.join();
  };
  t.equal(problems('{ host: 127.0.0.1 }'), 'none');
  t.equal(problems('{ host: collector.example.org, transport: tls, framing: newline, format: cef }'), 'none');
  t.equal(problems('{}'), 'log.syslog.host');
  t.equal(problems('{ host: "a b" }'), 'log.syslog.host');
  t.equal(problems('{ host: a, port: 0 }'), 'log.syslog.port');
  t.equal(problems('{ host: a, facility: kern }'), 'log.syslog.facility');
  t.equal(problems('{ host: a, appName: "two words" }'), 'log.syslog.appName');
  t.equal(problems('{ host: a, transport: sctp }'), 'log.syslog.transport');
  t.equal(problems('{ host: a, zones: { source: x } }'), 'log.syslog.zones.destination');
  t.equal(problems('{ host: a, caFile: /does/not/exist }'), 'log.syslog.caFile');
});

/** A sender with times that a test can wait for, and what it counted and logged. */
function startSender(t: Test, open: OpenLink, settings: Partial<SenderSettings> = {}) {
  const counts = { sent: 0, dropped: 0 };
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  const { logger } = createLog({ level: 'debug', addresses: 'full', file: undefined }, stream);
  const sender = new Sender({
    name: 'test',
    open,
    log: logger,
    counted: (result, records) => {
      counts[result] += records;
    },
    settings: { retryFirstMs: 20, retryMaxMs: 200, stopGraceMs: 500, ...settings },
  });
  sender.start();
  t.teardown(() => sender.stop());
  const texts = () => lines.map(({ msg }) => String(msg));
  return { sender, counts, texts };
}

const numbered = (number: number, bytes = 300): Buffer =>
  Buffer.from(`<14>1 2026-01-01T00:00:00.000Z h a - M [x@32473 n="${number}" pad="${'x'.repeat(bytes)}"]`);
const numbersOf = (collector: Collector): number[] =>
  collector.records.map(({ data }) => Number(data[0]?.params.get('n')));

t.test('a collector that comes late gets what waited for it', async (t) => {
  const port = await freePort();
  for (const framing of ['octet-counted', 'newline'] as const) {
    const { sender, counts, texts } = startSender(t, streamLink({ host: '127.0.0.1', port, framing }));
    for (let number = 0; number < 500; number += 1) sender.send(numbered(number));
    await sleep(300);
    t.equal(sender.up, false);
    const collector = await Collector.start({ transport: 'tcp', framing, port });
    await collector.count(500);
    t.same(
      numbersOf(collector),
      Array.from({ length: 500 }, (_, at) => at),
      'all, in order',
    );
    await sender.stop();
    t.same(counts, { sent: 500, dropped: 0 });
    t.same(texts(), ['the log collector is not reached', 'the log collector is reached']);
    t.same(collector.errors, []);
    await collector.stop();
  }
});

t.test('a collector that stops reading costs a bounded queue, and every record is counted', async (t) => {
  const sockets: { resume(): void }[] = [];
  const collector = await Collector.start({
    transport: 'tcp',
    onConnection: (socket) => {
      sockets.push(socket);
      setImmediate(() => socket.pause());
    },
  });
  t.teardown(() => collector.stop());
  const queueBytes = 1_000_000;
  const link = streamLink({ host: '127.0.0.1', port: collector.port, framing: 'octet-counted' });
  const { sender, counts, texts } = startSender(t, link, { queueBytes });
  await waitFor('the connection', 5000, () => sender.up || undefined);
  await sleep(50);
  const total = 60_000;
  let most = 0;
  for (let number = 0; number < total; number += 1) {
    sender.send(numbered(number));
    most = Math.max(most, sender.queuedBytes);
    if (number % 200 === 0) await sleep(0);
  }
  t.ok(most <= queueBytes, `${most} bytes`);
  t.ok(counts.dropped > 1000, `${counts.dropped} dropped`);
  t.equal(texts().filter((text) => text === 'records for the log collector are dropped').length, 1, 'told of once');
  for (const socket of sockets) socket.resume();
  await waitFor('the rest', 20_000, () => counts.sent + counts.dropped === total || undefined);
  await collector.count(counts.sent);
  const numbers = numbersOf(collector);
  t.same(
    numbers,
    numbers.toSorted((a, b) => a - b),
    'in order',
  );
  t.equal(new Set(numbers).size, counts.sent, 'what counts as sent has arrived');
  await waitFor('the sum', 5000, () => texts().includes('records for the log collector were dropped') || undefined);
  t.same(collector.errors, []);
});

t.test('a collector that takes nothing for long is left and tried again', async (t) => {
  const collector = await Collector.start({
    transport: 'tcp',
    onConnection: (socket) => setImmediate(() => socket.pause()),
  });
  t.teardown(() => collector.stop());
  const times = { stallMs: 200, closeGraceMs: 50 };
  const link = streamLink({ host: '127.0.0.1', port: collector.port, framing: 'newline', times });
  const { sender, counts } = startSender(t, link, { queueBytes: 40_000_000, batchBytes: 20_000_000 });
  for (let number = 0; number < 40_000; number += 1) sender.send(numbered(number, 400));
  await waitFor('a second connection', 10_000, () => collector.connections >= 2 || undefined);
  const began = performance.now();
  await sender.stop();
  t.ok(performance.now() - began < 3000, 'stopping does not wait for it');
  t.equal(counts.sent + counts.dropped, 40_000);
});

t.test('a collector that resets connections gets the rest on the next one', async (t) => {
  const collector = await Collector.start({ transport: 'tcp' });
  t.teardown(() => collector.stop());
  const link = streamLink({ host: '127.0.0.1', port: collector.port, framing: 'octet-counted' });
  const { sender, counts } = startSender(t, link);
  for (let round = 0; round < 5; round += 1) {
    await waitFor('a connection', 5000, () => (sender.up && collector.connections > round) || undefined);
    for (let number = 0; number < 200; number += 1) sender.send(numbered(round * 1000 + number));
    collector.reset();
    await waitFor('the loss', 5000, () => !sender.up || collector.connections > round + 1 || undefined);
  }
  sender.send(numbered(9999));
  await waitFor('the last record', 5000, () => numbersOf(collector).includes(9999) || undefined);
  await sender.stop();
  t.equal(counts.sent + counts.dropped, 1001);
  t.equal(counts.dropped, 0);
  t.same(collector.errors, []);
});

t.test('one that drops every connection at once is tried ever more rarely, and rarely told of', async (t) => {
  const collector = await Collector.start({ transport: 'tcp', onConnection: (socket) => socket.destroy() });
  t.teardown(() => collector.stop());
  const link = streamLink({ host: '127.0.0.1', port: collector.port, framing: 'newline' });
  const { sender, texts } = startSender(t, link, { retryMaxMs: 400 });
  await sleep(2000);
  const tried = collector.connections;
  t.ok(tried <= 14, `${tried} connections`);
  await waitFor('some tries', 10_000, () => collector.connections >= 3 || undefined);
  t.ok(texts().length <= 12, texts().join());
  await sender.stop();
});

t.test('one that never answers a handshake is given up and tried again', async (t) => {
  const onConnection = (socket: Socket) => void setImmediate(() => socket.pause());
  const collector = await Collector.start({ transport: 'tcp', onConnection });
  t.teardown(() => collector.stop());
  const times = { connectTimeoutMs: 150 };
  const tls = { verify: true, ca: undefined };
  const { port } = collector;
  const { sender } = startSender(t, streamLink({ host: '127.0.0.1', port, framing: 'newline', tls, times }));
  await waitFor('a second try', 10_000, () => collector.connections >= 2 || undefined);
  t.equal(sender.up, false);
  t.same(collector.errors, []);
  await sender.stop();
});

t.test('what is queued when the gate stops still arrives', async (t) => {
  const collector = await Collector.start({ transport: 'tcp' });
  t.teardown(() => collector.stop());
  const link = streamLink({ host: '127.0.0.1', port: collector.port, framing: 'octet-counted' });
  const { sender, counts } = startSender(t, link);
  for (let number = 0; number < 3000; number += 1) sender.send(numbered(number));
  await sender.stop();
  await collector.count(3000);
  t.same(counts, { sent: 3000, dropped: 0 });
  sender.send(numbered(1));
  t.equal(counts.dropped, 1, 'nothing is taken after the end');
});

t.test('TLS: the certificate has to be valid for the name', async (t) => {
  const certificates = makeCertificates(folderOf(t));
  const other = makeCertificates(folderOf(t));
  const collector = await Collector.start({ transport: 'tls', certificates });
  t.teardown(() => collector.stop());
  const attempt = async (host: string, verify: boolean, ca: string | undefined) => {
    const link = streamLink({ host, port: collector.port, framing: 'octet-counted', tls: { verify, ca } });
    const { sender, counts, texts } = startSender(t, link);
    sender.send(numbered(1));
    await waitFor('an end', 10_000, () => counts.sent === 1 || texts().length > 0 || undefined);
    await sleep(50);
    await sender.stop();
    return counts.sent;
  };
  t.equal(await attempt('127.0.0.1', true, certificates.ca), 1);
  t.equal(await attempt('localhost', true, certificates.ca), 1);
  t.equal(await attempt('127.0.0.1', true, other.ca), 0, 'of another authority');
  t.equal(await attempt('127.0.0.1', true, undefined), 0, 'unknown to the system');
  t.equal(await attempt('127.0.0.1', false, undefined), 1, 'where nobody asks');
  await collector.count(3);
  t.same(collector.errors, []);
});

t.test('UDP: one record a datagram, and nobody there is no error', async (t) => {
  const collector = await Collector.start({ transport: 'udp' });
  const { port } = collector;
  const { sender, counts } = startSender(t, datagramLink({ host: 'localhost', port }), { batchRecords: 64 });
  for (let number = 0; number < 200; number += 1) {
    sender.send(numbered(number, 1500));
    // What the kernel cannot hold it drops, and says nothing.
    if (number % 20 === 0) await collector.count(number + 1);
  }
  await collector.count(200);
  await waitFor('all to be counted', 5000, () => counts.sent === 200 || undefined);
  t.same(counts, { sent: 200, dropped: 0 });
  t.same(collector.errors, []);
  await collector.stop();
  for (let number = 0; number < 50; number += 1) {
    sender.send(numbered(number));
    await sleep(2);
  }
  sender.send(Buffer.alloc(100_000, 'x'));
  await waitFor('all to be counted', 5000, () => counts.sent + counts.dropped === 251 || undefined);
  t.ok(counts.dropped >= 1, 'refused ones are counted as dropped');
  await sender.stop();
  const nowhere = startSender(t, datagramLink({ host: 'no-such-host.invalid', port: 514 }));
  nowhere.sender.send(numbered(1));
  await waitFor(
    'the log line',
    10_000,
    () => nowhere.texts().includes('the log collector is not reached') || undefined,
  );
  await nowhere.sender.stop();
  t.same(nowhere.counts, { sent: 0, dropped: 1 });
});
