/** Whole inspections: golden facts, agreement with another parser, and what happens when a worker does not answer. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import t, { type Test } from 'tap';
import { eicarFile } from '../src/inspect/eicar.js';
import { createInspector, type Inspector, type InspectorOptions } from '../src/inspect/inspection.js';
import { holdsNothing, looksRandom } from '../src/inspect/random-octets.js';
import { everyPart, type InspectionReport, type PartFacts } from '../src/inspect/report.js';
import { TextScan } from '../src/inspect/text-scan.js';
import { zipType } from '../src/inspect/zip-type.js';
import { problemEffects } from '../src/mime/problem.js';
import { GateError } from '../src/runtime/errors.js';
import { limits } from '../src/runtime/limits.js';
import { type Spool, SpoolPool } from '../src/runtime/spool.js';
import { inspectBuffer } from './support/inspect-buffer.js';

// dist/test/ at run time; golden files live beside the sources
const corpus = new URL('../../test/corpus/', import.meta.url);
const hostileWorker = new URL('./support/hostile-worker.js', import.meta.url);

/** What a golden file holds: everything but offsets, and of other readings what is remarkable, so that it stays readable. */
function golden(report: InspectionReport): unknown {
  const { parts, views, ...message } = report;
  const partFacts = ({ range, members, sha1, md5, view, ...facts }: PartFacts): unknown => ({
    ...(view === '' ? {} : { view }),
    ...facts,
    members: members.map(partFacts),
  });
  return JSON.parse(
    JSON.stringify({ ...message, ...(views > 1 ? { views } : {}), parts: parts.filter(isRemarkable).map(partFacts) }),
  );
}

const isRemarkable = ({ path, flags }: PartFacts) => !path.startsWith('~') || flags.length > 0;

function feed(inspector: Inspector, spool: Spool, message: Buffer, chunkBytes: number) {
  const inspection = inspector.start(spool);
  for (let at = 0; at < message.length; at += chunkBytes) {
    const chunk = Buffer.from(message.subarray(at, at + chunkBytes));
    spool.append(chunk);
    inspection.write(chunk);
    chunk.fill(0);
  }
  return inspection;
}

function attachmentMail(content: Buffer, name = 'a.bin'): Buffer {
  const encoded = content.toString('base64').replace(/.{1,76}/g, '$&\r\n');
  return Buffer.from(
    `From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n` +
      `Content-Type: application/octet-stream; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${encoded}--b--\r\n`,
  );
}

function harness(t: Test, options: InspectorOptions = {}) {
  const inspector = createInspector({ threads: 1, ...options });
  const pool = new SpoolPool(t.testdir());
  t.teardown(() => inspector.close());
  return { inspector, pool };
}

t.test('every mail of the corpus gives its golden facts', async (t) => {
  const { inspector, pool } = harness(t, { digests: 'all' });
  const names = readdirSync(corpus).filter((name) => name.endsWith('.eml'));
  t.ok(names.length > 0, 'there are cases');
  for (const name of names) {
    const message = readFileSync(new URL(name, corpus));
    const file = new URL(name.replace(/\.eml$/, '.json'), corpus);
    for (const chunkBytes of [65_536, 11]) {
      const spool = pool.create();
      const actual = golden(await feed(inspector, spool, message, chunkBytes).finish());
      spool.release();
      const expected = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
      if (!t.strictSame(actual, expected, `${name} in pieces of ${chunkBytes}`)) {
        writeFileSync(new URL(`${file.href}.actual`), `${JSON.stringify(actual, undefined, 2)}\n`);
      }
    }
  }
  t.equal(pool.usedBytes, 0, 'every spool was given back');
});

t.test("mail as today's clients write it is never ambiguous, and odd mail always leaves a trace", async (t) => {
  const { inspector } = harness(t);
  for (const name of readdirSync(corpus).filter((entry) => entry.endsWith('.eml'))) {
    const report = await inspectBuffer(readFileSync(new URL(name, corpus)), { inspector });
    if (name.startsWith('odd-')) {
      t.ok(report.problems.length > 0 || report.hasAttachment, `${name} is noticed`);
      const notes = report.problems.every(({ code }) => problemEffects[code] === 'note');
      const found = report.parts.some(({ flags }) => flags.includes('eicar'));
      t.ok(!notes || found || report.hasAttachment, `${name} cannot pass as a mail without attachment`);
    } else {
      t.notOk(report.ambiguous || report.unscannable, `${name} is clear`);
    }
  }
});

t.test('where another reading is plausible, the raw message is one more file to scan', async (t) => {
  const { inspector, pool } = harness(t);
  for (const name of ['odd-delimiter-indented.eml', 'odd-base64-junk.eml', 'odd-partial.eml']) {
    const message = readFileSync(new URL(name, corpus));
    const spool = pool.create();
    const report = await feed(inspector, spool, message, 500).finish();
    const raw = report.parts.find(({ path }) => path === '0');
    t.equal(raw?.path, '0', name);
    t.equal(raw?.sha256, createHash('sha256').update(message).digest('hex'));
    t.ok(report.hasAttachment);
    spool.release();
  }
  const clear = await inspectBuffer(readFileSync(new URL('outlook.eml', corpus)), { inspector });
  t.notOk(
    clear.parts.some((part) => part.path === '0'),
    'a clear message pays nothing',
  );
});

t.test('another parser finds no attachment in well-formed mail that we do not have', async (t) => {
  const { inspector } = harness(t, { digests: 'all' });
  let compared = 0;
  for (const name of readdirSync(corpus).filter((entry) => entry.endsWith('.eml') && !entry.startsWith('odd-'))) {
    const message = readFileSync(new URL(name, corpus));
    const report = await inspectBuffer(message, { inspector });
    const digests = new Set([...everyPart(report.parts)].map((part) => part.sha256));
    const parsed = await simpleParser(message, { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true });
    for (const attachment of parsed.attachments) {
      // It offers forwarded messages and text reports as files; we open the first and hash the second as parts.
      if (attachment.contentType.startsWith('message/')) continue;
      compared += 1;
      t.ok(
        digests.has(createHash('sha256').update(attachment.content).digest('hex')),
        `${name}: ${attachment.filename}`,
      );
    }
  }
  t.ok(compared >= 9, `${compared} attachments were compared`);
});

t.test('what another parser finds in a spoiled mail is among what we find', async (t) => {
  const { inspector } = harness(t, { digests: 'all' });
  const file = eicarFile().toString('base64');
  const lines = [
    ...['From: a@x.example', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b"', '', 'preamble', '--b'],
    ...[
      'Content-Type: multipart/alternative;',
      ' boundary="c"',
      '',
      '--c',
      'Content-Type: text/plain',
      '',
      'hi',
      '--c',
    ],
    ...[
      'Content-Type: text/html',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '<b>=C3=BC</b>=',
      '',
      '--c--',
      '',
    ],
    ...[
      '--b',
      'Content-Type: application/octet-stream;',
      ' name="a.com"',
      'Content-Transfer-Encoding: base64',
      '',
      file,
    ],
    ...['--b', 'Content-Type: message/rfc822', '', 'Subject: x', 'Content-Type: application/x-y; name=z'],
    ...['Content-Transfer-Encoding: base64', '', file, '--b--', ''],
  ];
  const text = fc.constantFrom(
    ...['', ' ', '\t', '"', ';', '=', '(', ')', "'", '\\', '--', '\0', ':', ',', '*', '\r', '\n', '\x0b', '\xff', 'x'],
    ...['Content-Type: text/plain', 'Content-Transfer-Encoding: 7bit', '--b', '--c', '--b--', '--b ', '====', 'X: y'],
    ...['Content-Type: multipart/mixed; boundary=c', 'boundary="c"', 'Content-Type: message/rfc822', 'AAAA', ' '],
  );
  const edit = fc.record({ line: fc.nat(lines.length - 1), at: fc.nat(40), kind: fc.nat(3), text });
  let clear = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const spoiled = [...lines];
      for (const { line, at, kind, text } of edits) {
        const old = spoiled[line] ?? '';
        if (kind === 0) spoiled.splice(line, 0, text);
        else if (kind === 1) spoiled.splice(line, 1);
        else if (kind === 2) spoiled[line] = old.slice(0, at) + text + old.slice(at);
        else spoiled[line] = old.slice(0, at) + old.slice(at + 1);
      }
      const message = Buffer.from(spoiled.join('\r\n'), 'latin1');
      const report = await inspectBuffer(message, { inspector });
      if (report.unscannable) return;
      if (!report.ambiguous) clear += 1;
      const ours = new Set([...everyPart(report.parts)].map((part) => part.sha256));
      const parsed = await simpleParser(message, { skipTextToHtml: true, skipHtmlToText: true });
      for (const { contentType, content } of parsed.attachments) {
        if (content.length === 0 || `${contentType}`.startsWith('message/')) continue;
        if (!ours.has(createHash('sha256').update(content).digest('hex'))) throw new Error(`missed ${contentType}`);
      }
    }),
    { numRuns: 600, seed: 20_261_121 },
  );
  t.ok(clear > 60, `${clear} spoiled mails were still clear`);
});

t.test('a plain mail is reported at once, one with an attachment through a promise', async (t) => {
  const { inspector, pool } = harness(t);
  const spool = pool.create();
  const plain = feed(inspector, spool, Buffer.from('From: a@x.example\r\nSubject: s\r\n\r\nhi\r\n'), 5);
  const report = plain.finish();
  t.notOk(report instanceof Promise);
  t.same(plain.header, {
    fields: [
      { name: 'From', start: 0, valueStart: 5, end: 19 },
      { name: 'Subject', start: 19, valueStart: 27, end: 31 },
    ],
    end: 31,
  });
  t.equal((await report).parts[0]?.sha256, '', 'nobody asked for the digest of a text body');
  spool.release();
  const other = pool.create();
  const pending = feed(inspector, other, attachmentMail(eicarFile()), 100).finish();
  t.ok(pending instanceof Promise);
  const [, part] = (await pending).parts;
  t.same(part?.flags, ['eicar']);
  t.equal(part?.sha256, '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f');
  t.equal(part?.md5, '44d88612fea8a8f36de82e1278abb02f');
  other.release();
});

t.test('the EICAR file is known by its definition only', async (t) => {
  const { inspector } = harness(t);
  const flags = async (content: Buffer) =>
    (await inspectBuffer(attachmentMail(content), { inspector })).parts[1]?.flags ?? ['missing'];
  t.same(await flags(eicarFile()), ['eicar']);
  t.same(await flags(Buffer.concat([eicarFile(), Buffer.from('\r\n \t\x1a')])), ['eicar']);
  t.same(await flags(Buffer.concat([eicarFile(), Buffer.alloc(60, ' ')])), ['eicar']);
  t.same(await flags(Buffer.concat([eicarFile(), Buffer.alloc(61, ' ')])), [], '129 bytes');
  t.same(await flags(Buffer.concat([eicarFile(), Buffer.from('x')])), []);
  t.same(await flags(Buffer.concat([Buffer.from(' '), eicarFile()])), []);
  const body = Buffer.concat([Buffer.from('From: a@x.example\r\n\r\n'), eicarFile(), Buffer.from('\r\n')]);
  const report = await inspectBuffer(body, { inspector });
  t.same(report.parts[0]?.flags, ['eicar'], 'also as the text of a mail');
  t.ok(report.hasAttachment);
});

t.test('large parts, parts in a file spool and many small parts have the digests of their content', async (t) => {
  const { inspector, pool } = harness(t);
  const large = randomBytes(3_000_001);
  const spool = pool.create();
  const inspection = feed(inspector, spool, attachmentMail(large), 60_000);
  const report = await inspection.finish();
  const part = report.parts[1];
  t.equal(part?.bytes, large.length);
  t.equal(part?.sha256, createHash('sha256').update(large).digest('hex'));
  t.equal(part?.sha1, createHash('sha1').update(large).digest('hex'));
  if (part === undefined) throw new Error('no part');
  const pieces: Uint8Array[] = [];
  for await (const piece of inspector.content(spool, part).read(AbortSignal.timeout(10_000))) pieces.push(piece);
  t.ok(Buffer.concat(pieces).equals(large), 'the content can be read again, decoded');
  t.equal(await inspector.digest(spool), createHash('sha256').update(attachmentMail(large)).digest('hex'));
  spool.release();

  const contents = Array.from({ length: 300 }, (_, index) => randomBytes(50 + index * 10));
  const message = Buffer.concat([
    Buffer.from('MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'),
    ...contents.map((content) =>
      Buffer.from(
        `--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n${content.toString('base64')}\r\n`,
      ),
    ),
    Buffer.from('--b--\r\n'),
  ]);
  const many = pool.create();
  const found = await feed(inspector, many, message, 4096).finish();
  t.same(
    found.parts.map((entry) => entry.sha256),
    contents.map((content) => createHash('sha256').update(content).digest('hex')),
  );
  const digest = createHash('sha256').update(message).digest('hex');
  t.equal(await inspector.digest(many), digest);
  many.release();
  t.equal(pool.usedBytes, 0);
});

t.test('text that carries a file is an attachment, and ordinary text is not', async (t) => {
  const { inspector } = harness(t);
  const attachment = async (type: string, body: string, extra = '') => {
    const message = `From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n${extra}\r\n${body}\r\n`;
    const report = await inspectBuffer(Buffer.from(message, 'latin1'), { inspector });
    if (report.hasAttachment)
      t.ok(
        report.parts.some((part) => part.sha256 !== ''),
        'and has digests',
      );
    return report.hasAttachment;
  };
  t.notOk(await attachment('text/plain', 'We begin 100 miles from here.\r\nbegin with 3 eggs'));
  t.notOk(await attachment('text/html', '<p>data: see below</p><img src="cid:1">'));
  t.ok(await attachment('text/plain', 'hi\r\n--b\r\nContent-Type: application/zip\r\n\r\nUEsDBA=='));
  t.ok(await attachment('text/plain', '\r\nContent-Type: application/zip\r\n\r\nUEsDBA=='));
  t.ok(await attachment('text/plain', eicarFile().toString('base64')), 'base64 that nobody declared');
  t.notOk(await attachment('text/plain', '1234567890'.repeat(8)));
  t.notOk(await attachment('text/plain', 'x', 'Content-Disposition: inline\r\n'));
  t.ok(await attachment('text/plain', 'x', 'Content-Disposition: attachment\r\n'));
  t.ok(await attachment('text/plain; name=x.txt', 'x'));
  t.ok(await attachment('text/plain', 'see\r\nbegin 644 a.exe\r\n#86)C\r\n`\r\nend'));
  t.ok(await attachment('text/plain', 'begin-base64 755 a.exe\r\nQUJD\r\n===='));
  t.ok(await attachment('text/plain', '=ybegin line=128 size=3 name=a.exe\r\nabc'));
  t.ok(await attachment('text/plain', '(This file must be converted with BinHex 4.0)\r\n:abc:'));
  t.ok(await attachment('text/html', '<a href="DATA:application/zip;BASE64,UEsDBA==">x</a>'));
  t.ok(await attachment('text/html', '<SCRIPT>x</SCRIPT>'));
  t.ok(await attachment('text/html; charset=utf-16le', '<\0p\0>\0'));
  t.ok(await attachment('text/calendar', 'BEGIN:VCALENDAR'));
  t.ok(
    await attachment('text/plain', `${'f\r\n'.repeat(20_000)}begin 644 a.exe\r\n#86)C\r\n\`\r\nend`),
    'in a long text',
  );
});

t.test('a marker in a text is seen however the text is cut', (t) => {
  const texts = [
    'hi\r\nbegin 644 a.exe\r\n#86)C',
    'x\r\n=ybegin line=128 size=3 name=a\r\n',
    'must be converted with BinHex',
  ];
  for (const text of texts) {
    const padded = Buffer.from(`${'word '.repeat(300)}\r\n${text}${' word'.repeat(300)}`);
    for (const size of [1, 2, 7, 511, 512, 513, 1500, padded.length]) {
      const scan = new TextScan('text/plain', undefined);
      for (let at = 0; at < padded.length; at += size) scan.write(padded.subarray(at, at + size));
      t.equal(scan.embeddedFile, true, `${text.slice(0, 12)} in pieces of ${size}`);
    }
  }
  t.end();
});

t.test('ZIP files are told apart by the names of their entries', (t) => {
  const entry = (name: string, content = '') => {
    const header = Buffer.alloc(30);
    header.write('PK\x03\x04', 'latin1');
    header.writeUInt32LE(content.length, 18);
    header.writeUInt16LE(name.length, 26);
    return Buffer.concat([header, Buffer.from(name + content, 'latin1')]);
  };
  const office = 'application/vnd.openxmlformats-officedocument';
  const odt = 'application/vnd.oasis.opendocument.text';
  const cases: readonly (readonly [string, readonly Buffer[]])[] = [
    ['application/zip', [entry('a.txt')]],
    ['application/zip', [entry('word/document.xml')]],
    [`${office}.wordprocessingml.document`, [entry('[Content_Types].xml'), entry('word/document.xml')]],
    [`${office}.spreadsheetml.sheet`, [entry('_rels/.rels'), entry('xl/workbook.xml')]],
    [`${office}.presentationml.presentation`, [entry('[Content_Types].xml', 'x'.repeat(400)), entry('ppt/p.xml')]],
    ['application/java-archive', [entry('META-INF/MANIFEST.MF')]],
    [odt, [entry('mimetype', odt), entry('content.xml')]],
    ['application/zip', [entry('mimetype', '<script>'), entry('content.xml')]],
  ];
  for (const [type, entries] of cases) t.equal(zipType(Buffer.concat(entries)), type);
  t.equal(zipType(Buffer.from('PK\x03\x04', 'latin1')), 'application/zip', 'cut short');
  t.equal(zipType(Buffer.from('xPK\x03\x04', 'latin1')), undefined);
  t.end();
});

t.test('addresses that may allow are only those that every reader agrees on', async (t) => {
  const addresses = async (header: string) => (await inspectBuffer(Buffer.from(`${header}\r\n\r\n`))).addresses;
  t.same(await addresses('From: A <a@x.example>\r\nTo: b@y.example\r\nCc: c@z.example, d@z.example'), {
    sender: ['a@x.example'],
    receiver: ['b@y.example', 'c@z.example', 'd@z.example'],
    certainSender: ['a@x.example'],
    certainReceiver: ['b@y.example'],
  });
  t.same((await addresses('From: a@x.example\r\nFrom: b@x.example')).certainSender, []);
  t.same((await addresses('From: a@x.example\r\nReply-To: c@x.example')).certainSender, ['a@x.example']);
  const forged = await addresses('From: a@x.example\r\nFrom: e@x.example\r\nTo: a@x.example');
  t.same([forged.certainSender, forged.certainReceiver], [[], ['a@x.example']], 'one field vouches for no other');
  t.same((await addresses('From : a@x.example')).certainSender, [], 'a field that some readers do not see');
  t.same((await addresses('From: a@x.example <b@x.example>')).sender, ['a@x.example', 'b@x.example']);
});

function rejection(promise: unknown): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );
}

t.test('a worker that crashes, hangs or is overrun costs one message, and the next one is inspected', async (t) => {
  const { inspector, pool } = harness(t, { workerFile: hostileWorker, partTimeoutMs: 6000, queueMax: 2 });
  const run = (content: string) => {
    const spool = pool.create();
    const report = feed(inspector, spool, attachmentMail(Buffer.from(content), content), 4096).finish();
    spool.release();
    return report;
  };
  let healthyMails = 0;
  const healthy = async (after: string) => {
    // New bytes each time: a type that is known already would not be asked of a worker.
    healthyMails += 1;
    const report = await run(`fin${healthyMails}`);
    t.equal(report.parts[1]?.bytes, 4, `a mail is inspected after ${after}`);
  };
  await healthy('nothing');
  for (const [content, code] of [
    ['throw', 'inspection-crashed'],
    ['exit', 'inspection-crashed'],
    ['hang', 'inspection-timeout'],
  ] as const) {
    const error = await rejection(run(content));
    t.ok(error instanceof GateError);
    t.equal((error as GateError).code, code, content);
    await healthy(content);
  }
  const running = [run('wait'), run('wait'), run('wait')];
  t.match(inspector.stats(), { queued: 2, running: 1 });
  const busy = await rejection(run('too many'));
  t.equal((busy as GateError).code, 'inspection-busy');
  await Promise.all(running);
  await healthy('an overrun');
  t.match(inspector.stats(), { queued: 0, running: 0 });
  t.equal(pool.usedBytes, 0, 'no spool is left behind');
});

t.test('a message with very many parts does not hold up the others', async (t) => {
  const { inspector, pool } = harness(t, { workerFile: hostileWorker });
  const parts = `--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nd2FpdA==\r\n`;
  const crowd = pool.create();
  // Too large for memory, so that its small parts go to workers in batches.
  const padding = `X-Padding: ${'x'.repeat(900)}\r\n`.repeat(300);
  const head = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
  const message = Buffer.from(`${padding}${head}${parts.repeat(limits.inspect.batchParts * 3)}--b--\r\n`);
  const inspection = feed(inspector, crowd, message, 65_536);
  const crowded = rejection(inspection.finish());
  // Batches wait for the disk before they queue.
  for (let turns = 0; inspector.stats().queued < 2 && turns < 1000; turns += 1) await sleep(1);
  t.match(inspector.stats(), { queued: 2, running: 1 });
  const order: string[] = [];
  const other = pool.create();
  const single = Promise.resolve(feed(inspector, other, attachmentMail(Buffer.from('fine')), 4096).finish());
  const ended = single.then(() => order.push('single'));
  void crowded.then(() => order.push('crowd'));
  await ended;
  t.same(order, ['single'], 'its turn came after the batch that was running');
  t.equal(inspector.stats().running, 1, 'while the other one goes on');
  inspection.abort();
  await crowded;
  crowd.release();
  other.release();
});

t.test('an abandoned message leaves nothing behind', async (t) => {
  const { inspector, pool } = harness(t, { workerFile: hostileWorker });
  const first = pool.create();
  const slow = feed(inspector, first, attachmentMail(Buffer.from('wait'), 'wait'), 4096).finish();
  const spool = pool.create();
  // Larger than what is examined here, smaller than what goes to a file.
  const content = randomBytes(limits.inspect.inlineBytes + 8192);
  const inspection = feed(inspector, spool, attachmentMail(content), 4096);
  t.equal(inspector.stats().queued, 1);
  inspection.abort();
  inspection.abort();
  t.equal(inspector.stats().queued, 0, 'its queued work is gone');
  t.equal(((await rejection(inspection.finish())) as GateError).code, 'aborted');
  spool.release();
  await slow;
  first.release();
  t.equal(pool.usedBytes, 0);
});

t.test('the bytes of a part, of a member and of another reading can be read again', async (t) => {
  const { inspector, pool } = harness(t);
  const forwarded = attachmentMail(Buffer.from('deep inside'), 'inner.bin');
  const encoded = forwarded.toString('base64').replace(/.{1,76}/g, '$&\r\n');
  const mail = Buffer.from(
    'From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' +
      '--b\r\nContent-Type: message/rfc822; name=m.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n' +
      `${encoded}--b--\r\n`,
  );
  const spool = pool.create();
  const report = await feed(inspector, spool, mail, 1000).finish();
  const wanted = createHash('sha256').update('deep inside').digest('hex');
  const found = [...everyPart(report.parts)].filter(({ sha256 }) => sha256 === wanted);
  t.ok(found.length > 0, 'the inner attachment is found');
  for (const part of [...found, ...report.parts]) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of inspector.content(spool, part).read(new AbortController().signal)) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    t.equal(content.length, part.bytes, part.path);
    if (part.sha256 !== '') t.equal(createHash('sha256').update(content).digest('hex'), part.sha256, part.path);
  }
  spool.release();
});

t.test('random octets have no type, and need nobody who looks for one', async (t) => {
  const of = (seed: string, bytes: number) =>
    Buffer.concat(
      Array.from({ length: Math.ceil(bytes / 32) }, (_, at) => createHash('sha256').update(`${seed} ${at}`).digest()),
    ).subarray(0, bytes);
  let random = 0;
  for (let seed = 0; seed < 1000; seed += 1) if (looksRandom(of(String(seed), 300))) random += 1;
  t.ok(random >= 990, `${random} of 1000`);
  t.notOk(looksRandom(of('short', 255)), 'too short to tell');
  const counted = Buffer.from(Array.from({ length: 512 }, (_, at) => at & 0xff));
  t.notOk(looksRandom(counted), 'a table is not random');
  const zeros = of('zeros', 300);
  for (const at of [3, 30, 60, 90, 120, 150, 180, 210]) zeros[at] = 0;
  t.notOk(looksRandom(zeros), 'nor are octets with many zeros');
  const about = {
    names: ['a.bin'],
    declaredType: 'application/octet-stream',
    detectedType: undefined,
    charset: undefined,
  };
  t.ok(holdsNothing({ ...about, content: of('nothing', 5000) }));
  const zip = Buffer.concat([of('front', 5000), Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);
  t.notOk(holdsNothing({ ...about, content: zip }), 'an archive may lie behind them');
  const pdf = Buffer.concat([of('front', 5000), Buffer.from('%PDF-1.4\n')]);
  t.notOk(holdsNothing({ ...about, content: pdf }), 'and so may a document');
});
