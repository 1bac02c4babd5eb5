/** Messages released with their attachments in an encrypted archive: what is in it, what is not, and for whom it opens. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobReader, Uint8ArrayWriter, ZipReader } from '@zip.js/zip.js';
import fc from 'fast-check';
import { type ParsedMail, simpleParser } from 'mailparser';
import t, { type Test } from 'tap';
import type { Deliver } from '../src/quarantine/deliver.js';
import { encryptedZip } from '../src/quarantine/encrypted-zip.js';
import { memberNames } from '../src/quarantine/member-names.js';
import { buildParcel } from '../src/quarantine/parcel-build.js';
import { newOwner } from '../src/quarantine/process-owner.js';
import { reentryFieldName, verifyReentry } from '../src/quarantine/reentry.js';
import { releaseNow } from '../src/quarantine/release.js';
import { GateError } from '../src/runtime/errors.js';
import { limits } from '../src/runtime/limits.js';
import { sha256Of, sourceOf } from './support/held-message.js';
import { carl, holdWithLinks, publicUrl } from './support/lifecycle-stage.js';
import { base64Lines, buildMail, eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { waitFor } from './support/ports.js';
import { Postfix } from './support/postfix.js';
import { accepted, contentOf, refused, routeTo, toolsOf } from './support/postman.js';
import { itemOf, sendMail, sluice, startGate, startSink } from './support/running.js';
import { openVault } from './support/test-vault.js';

t.setTimeout(180_000);

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-parcel-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const secret = Buffer.alloc(32, 7);

/** The parcel of a message, as it would be sent. */
async function parcelOf(t: Test, message: Buffer, more: { readonly id?: string; readonly secret?: Buffer } = {}) {
  const file = join(folderOf(t), 'parcel.eml');
  const fd = openSync(file, 'wx+');
  try {
    const facts = {
      id: 'a'.repeat(26),
      secret,
      from: 'Gate <postmaster@example.org>',
      receivedAt: Date.UTC(2026, 2, 1),
    };
    const built = await buildParcel({ source: sourceOf(message), fd, ...facts, ...more });
    const bytes = readFileSync(file);
    t.same(built, { bytes: bytes.length, sha256: sha256Of(bytes) });
    return bytes;
  } finally {
    closeSync(fd);
  }
}

interface Unpacked {
  readonly mail: ParsedMail;
  readonly password: string;
  readonly zip: Buffer;
}

async function unpacked(t: Test, parcel: Buffer): Promise<Unpacked> {
  const mail = await simpleParser(parcel);
  t.same(
    mail.attachments.map(({ filename }) => filename),
    ['attachments.zip', 'password.txt'],
  );
  const [zip, password] = mail.attachments.map(({ content }) => content);
  return { mail, password: String(password).trim(), zip: zip ?? Buffer.alloc(0) };
}

/** What a library that is not ours finds in the archive, by name. */
async function membersOf({ zip, password }: Pick<Unpacked, 'zip' | 'password'>): Promise<Map<string, Buffer>> {
  const reader = new ZipReader(new BlobReader(new Blob([new Uint8Array(zip)])), { password, useWebWorkers: false });
  const found = new Map<string, Buffer>();
  for (const entry of await reader.getEntries()) {
    if (entry.directory) throw new Error('a directory');
    found.set(entry.filename, Buffer.from(await entry.getData(new Uint8ArrayWriter())));
  }
  await reader.close();
  return found;
}

const program = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7919) & 0xff));

function mixed(...parts: readonly string[]): Buffer {
  const head = [
    'From: =?utf-8?q?J=C3=BCrgen?= <bob@example.net>',
    'To: Anna <anna@example.org>, Both: carl@example.org, dora@example.org;',
    'Cc: eve@example.org',
    'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
    'Date: Mon, 2 Mar 2026 10:00:00 +0100',
    'Message-ID: <original@example.net>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
  ].join('\r\n');
  return Buffer.from(`${head}\r\n\r\n${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--\r\n`, 'latin1');
}

const plain = 'Content-Type: text/plain; charset=utf-8\r\n\r\nHello Anna\r\n.dot';
const html = 'Content-Type: text/html\r\n\r\n<b>Hello</b><script>alert(1)</script>';
function attachment(name: string, content: Buffer): string {
  const fields = `Content-Type: application/octet-stream; name="${name}"\r\nContent-Transfer-Encoding: base64`;
  return `${fields}\r\n\r\n${base64Lines(content)}`;
}

t.test('the archive opens with its password in programs that are not ours', { skip: skipWithout('7z') }, async (t) => {
  const folder = folderOf(t);
  const contents = { 'größe 1.bin': program, 'text.txt': Buffer.from('line\n'.repeat(20_000)), empty: Buffer.alloc(0) };
  const members = Object.entries(contents).map(([name, content], index) => ({
    name,
    content,
    salt: Buffer.alloc(16, index + 1),
  }));
  const at = Date.UTC(2026, 4, 6, 7, 8, 10);
  const zip = encryptedZip(members, 'ABCDEFGH23456789', at);
  const file = join(folder, 'a.zip');
  writeFileSync(file, zip);
  execFileSync('7z', ['x', '-pABCDEFGH23456789', `-o${folder}`, file], { stdio: 'ignore' });
  for (const [name, content] of Object.entries(contents)) t.ok(readFileSync(join(folder, name)).equals(content), name);
  t.throws(() => execFileSync('7z', ['t', '-pwrong', file], { stdio: 'ignore' }), 'another password opens nothing');
  const list = execFileSync('7z', ['l', '-slt', file]).toString();
  t.equal(list.match(/^Method = AES-256 /gm)?.length, 3);
  t.equal(list.match(/^Modified = 2026-05-06 07:08:10/gm)?.length, 3);
  const members2 = await membersOf({ zip, password: 'ABCDEFGH23456789' });
  for (const [name, content] of Object.entries(contents)) t.ok(members2.get(name)?.equals(content), `${name} again`);
  t.notOk(zip.includes(program.subarray(0, 64)), 'no content in clear');
  t.ok(zip.equals(encryptedZip(members, 'ABCDEFGH23456789', at)), 'the same bytes each time');
  const broken = Buffer.from(zip);
  broken[200] = (broken[200] ?? 0) ^ 1;
  await t.rejects(membersOf({ zip: broken, password: 'ABCDEFGH23456789' }), 'an altered member is noticed');
  t.throws(() => encryptedZip([{ name: 'a', content: program, salt: Buffer.alloc(8) }], 'x', at), RangeError);
});

t.test('what goes in comes out, whatever its size', async (t) => {
  const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 });
  const sizes = fc.array(fc.constantFrom(0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 131_073), { maxLength: 2 });
  const property = fc.asyncProperty(contents, sizes, fc.string({ minLength: 1 }), async (small, large, password) => {
    const all = [
      ...small,
      ...large.map((size) => program.subarray(0, size)),
      ...large.map((size) => Buffer.alloc(size)),
    ];
    const members = all.map((content, index) => ({
      name: String(index),
      content,
      salt: Buffer.from(String(index).padStart(16)),
    }));
    const found = await membersOf({ zip: encryptedZip(members, password, 0), password });
    for (const [index, content] of all.entries()) {
      if (found.get(String(index))?.equals(content) !== true) throw new Error(`member ${index} differs`);
    }
  });
  await t.resolves(fc.assert(property, { numRuns: 40 }));
});

/** Names that files have in attacks, in old systems and by mistake. */
const nastyNames = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(
    '../../etc/passwd',
    'C:\\windows\\x.exe',
    'CON',
    'nul.txt',
    '..',
    '.',
    '',
    '-rf',
    ' a ',
    'a.',
    'A',
    'a',
  ),
  fc.constantFrom('invoice\u202efdp.exe', 'x'.repeat(300), `${'é'.repeat(200)}.pdf`, 'a/b', 'ﬁ.txt', 'fi.txt', 'a\0b'),
);

t.test('names in the archive are names on any system, and no two are alike', async (t) => {
  const list = fc.array(fc.record({ name: fc.option(nastyNames, { nil: undefined }), type: fc.constant('x/y') }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(list, (contents) => {
      const names = memberNames(contents);
      const folded = new Set(names.map((name) => name.normalize('NFKC').toLowerCase()));
      if (names.length !== contents.length || folded.size !== names.length) throw new Error('two are alike');
      for (const name of names) {
        if (name === '' || /[/\\<>:"|?*\u0000-\u001f\u007f-\u009f\u202a-\u202e]|^[.\- ]|[. ]$/u.test(name))
          throw new Error(name);
        if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)) throw new Error(name);
        if (Buffer.byteLength(name) > 255) throw new Error(`${Buffer.byteLength(name)} bytes`);
      }
    }),
    { numRuns: 2000 },
  );
  t.same(
    memberNames(
      [
        '../../evil.exe',
        'EVIL.exe',
        undefined,
        'invoice\u202efdp.exe',
        'con.txt',
        '.bashrc',
        '-rf',
        'evil (2).exe',
      ].map((name) => ({
        name,
        type: 'message/rfc822',
      })),
    ),
    [
      'evil.exe',
      'EVIL (2).exe',
      'attachment-3.eml',
      'invoicefdp.exe',
      '_con.txt',
      '_bashrc',
      '_rf',
      'evil (2) (2).exe',
    ],
  );
});

t.test('a parcel is a new mail with the old sender, recipients, subject and text', async (t) => {
  const inner = 'Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner body';
  const alternative = `Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n${plain}\r\n--c\r\n${html}\r\n--c--`;
  const message = mixed(
    alternative,
    attachment('../report.exe', program),
    attachment('report.exe', Buffer.from('x')),
    inner,
  );
  const parcel = await parcelOf(t, message);
  const found = await unpacked(t, parcel);
  const { mail } = found;
  t.equal(mail.from?.text, '"Jürgen" <bob@example.net>');
  t.match([mail.to].flat()[0]?.text, /anna@example\.org.*carl@example\.org.*dora@example\.org/);
  t.match([mail.cc].flat()[0]?.text, 'eve@example.org');
  t.equal(mail.subject, 'Grüße');
  t.equal(mail.date?.getTime(), Date.UTC(2026, 2, 2, 9));
  t.not(mail.messageId, '<original@example.net>');
  t.equal(mail.references, '<original@example.net>', 'its thread stays');
  t.match(mail.text, 'Hello Anna\n.dot');
  t.match(mail.text, /^The attachments of this message are in the archive attachments\.zip/);
  t.notOk(mail.html);
  t.match(found.password, /^[A-HJ-NP-Z2-9]{16}$/);
  const members = await membersOf(found);
  t.same([...members.keys()], ['report.exe', 'report (2).exe', 'attachment-3.eml', 'message.html']);
  t.ok(members.get('report.exe')?.equals(program));
  t.match(members.get('message.html')?.toString(), '<script>');
  t.match(members.get('attachment-3.eml')?.toString(), 'inner body');
  t.notMatch(
    parcel.toString('latin1'),
    /<script>|inner body|[^\r]\n|[^\x00-\x7f]/,
    '7-bit, and nothing of it in clear',
  );
  t.ok(parcel.equals(await parcelOf(t, message)), 'each attempt sends the same bytes');
  const other = await unpacked(t, await parcelOf(t, message, { secret: Buffer.alloc(32, 8) }));
  t.not(other.password, found.password);
});

t.test('what cannot be told apart from the message goes into the archive with it', async (t) => {
  const without = buildMail({ text: 'begin 644 evil.exe\r\n#0V%T\r\n`\r\nend\r\n' });
  const whole = await unpacked(t, await parcelOf(t, without));
  t.ok((await membersOf(whole)).get('message.eml')?.equals(without), 'no attachment was found: all of it');
  t.notMatch(whole.mail.text, 'begin 644');
  const carrying = plain.replace('Hello Anna', 'begin 644 evil.exe\r\n#0V%T\r\n`\r\nend');
  const both = await unpacked(t, await parcelOf(t, mixed(carrying, attachment('a.bin', program))));
  t.same([...(await membersOf(both)).keys()], ['a.bin', 'message.txt']);
  t.notMatch(both.mail.text, 'begin 644', 'a text that carries a file is locked away');
  const onlyHtml = await unpacked(t, await parcelOf(t, mixed(html, attachment('a.bin', program))));
  t.match(onlyHtml.mail.text, 'Hello');
  t.notMatch(onlyHtml.mail.text, 'alert');
  const honest = await unpacked(
    t,
    await parcelOf(t, mixed(plain.replace('Hello', 'We begin'), attachment('a.bin', program))),
  );
  t.match(honest.mail.text, 'We begin Anna');
});

t.test('hostile messages become a parcel or an error, and no field of theirs leaves its line', async (t) => {
  const fields = [
    'From: "a\r\n b" <x@y.example>, \0<z@y.example\r\n >',
    `To: ${Array.from({ length: 1000 }, (_, index) => `u${index}@example.org`).join(',\r\n ')}`,
    'Subject: =?utf-8?q?x=0D=0ABcc:_victim@example.com=0D=0A=0D=0Abody?=',
    'Reply-To: =?utf-8?q?=0D=0AX-Evil:_1?= <a@b.example>',
    'Date: never',
    'Message-ID: <a\r\n\tb@c> \r\n d',
  ].join('\r\n');
  const body = mixed(plain, attachment('=?utf-8?q?a=0D=0AX-Evil:_1?=', program)).toString('latin1');
  const hostile = Buffer.from(`${fields}\r\n${body.slice(body.indexOf('MIME-Version'))}`, 'latin1');
  const parcel = await parcelOf(t, hostile);
  const head = parcel.subarray(0, parcel.indexOf('\r\n\r\n')).toString('latin1');
  t.notMatch(head, /^(Bcc|X-Evil)/m);
  t.ok((head.match(/u\d+@example\.org/g)?.length ?? 0) <= limits.parcel.addressesMax);
  await unpacked(t, parcel);
});

t.test('depth, number and garbage end in a parcel or an error', async (t) => {
  const nested = `Content-Type: text/html\r\n\r\n${'<div>'.repeat(150_000)}`;
  t.ok((await unpacked(t, await parcelOf(t, mixed(nested, attachment('a', program))))).password, 'HTML of great depth');
  const many = mixed(...Array.from({ length: limits.parcel.membersMax + 1 }, () => attachment('a', Buffer.from('a'))));
  await t.rejects(parcelOf(t, many), {
    code: 'open-failed',
    temporary: false,
    message: /501 attachments.*release the original/,
  });
  const seed = mixed(plain, attachment('a.bin', program.subarray(0, 300))).toString('latin1');
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(fc.nat(seed.length), fc.nat(40), fc.string({ maxLength: 20 }))
      .map(([at, cut, put]) => Buffer.from(seed.slice(0, at) + put + seed.slice(at + cut), 'utf8')),
  );
  await fc.assert(
    fc.asyncProperty(garbage, async (bytes) => {
      const result = await parcelOf(t, bytes).catch((error: unknown) => error);
      if (!Buffer.isBuffer(result) && !(result instanceof GateError)) throw result;
    }),
    { numRuns: 60 },
  );
});

t.test('a release as ZIP sends everybody the same parcel, also after a failed attempt', async (t) => {
  const test = await openVault(t, { policy: { releaseAs: 'zip', publicUrl } });
  const message = mixed(plain, attachment('report.exe', program));
  const { id } = await holdWithLinks(test.vault, message);
  const sent: Buffer[] = [];
  let answer = 450;
  const deliver: Deliver = async (request) => {
    sent.push(contentOf(request));
    t.notOk(
      request.mailParameters.some((parameter) => parameter.startsWith('BODY=')),
      'it is 7-bit',
    );
    return request.recipients.map(({ address }) =>
      address === carl && answer !== 250 ? refused(address, answer) : accepted(address),
    );
  };
  const tools = toolsOf(test, deliver, routeTo(1, true));
  const release = () => releaseNow(id, 'cli:root', newOwner(), tools, new AbortController().signal);
  t.match(await release(), { outcome: 'queued' });
  answer = 250;
  t.match(await release(), { outcome: 'released' });
  const bodies = sent.map((bytes) => bytes.subarray(bytes.indexOf('\r\n') + 2));
  t.equal(bodies.length, 2);
  t.ok(bodies[0]?.equals(bodies[1] ?? Buffer.alloc(0)), 'one password for all');
  const [line = ''] = (sent[1]?.toString('latin1') ?? '').split('\r\n');
  const parcel = bodies[1] ?? Buffer.alloc(0);
  const claim = { bytes: parcel.length, sha256: sha256Of(parcel), recipients: [carl], now: test.clock.now };
  t.same(
    verifyReentry(tools.releaseKey, line.slice(reentryFieldName.length + 2), claim),
    { ok: true, id },
    'the mark vouches for what is sent',
  );
  const members = await membersOf(await unpacked(t, parcel));
  t.ok(members.get('report.exe')?.equals(program));
  const ending = { bytes: parcel.length, sha256: sha256Of(parcel) };
  t.same(await test.vault.store.call('lengthsOfItems', [parcel.length, parcel.length + 1]), [parcel.length]);
  t.same(
    await test.vault.store.call('itemOfMessage', 'imap.example.org', [ending], '0'.repeat(64)),
    { id, state: 'released' },
    'met in a mailbox, it is known for what it is',
  );
  t.equal(await test.vault.store.call('itemOfMessage', 'x', [{ ...ending, sha256: '0'.repeat(64) }], ''), undefined);
  const { mails, audit } = await test.vault.detail(id);
  t.equal(mails.find(({ kind }) => kind === 'release')?.releaseAs, 'zip');
  t.match(audit.find(({ action }) => action === 'release')?.detail, '"as":"zip"');
});

t.test('the form is chosen for one release, and the one under way stays', async (t) => {
  const test = await openVault(t, { policy: { releaseAs: 'zip', publicUrl } });
  const message = mixed(plain, attachment('report.exe', program));
  const { id } = await holdWithLinks(test.vault, message);
  await test.vault.release(id, 'cli:root', undefined, { as: 'original' });
  await t.rejects(test.vault.release(id, 'cli:root', undefined, { as: 'zip' }), { code: 'state-conflict' });
  let sent: Buffer = Buffer.alloc(0);
  const deliver: Deliver = async (request) => {
    sent = contentOf(request);
    return request.recipients.map(({ address }) => accepted(address));
  };
  const tools = toolsOf(test, deliver, routeTo(1));
  const signal = new AbortController().signal;
  t.match(await releaseNow(id, 'cli:root', newOwner(), tools, signal, { as: 'original' }), { outcome: 'released' });
  t.ok(sent.equals(message), 'as the first one said');
});

t.test('a message that is too large for an archive is refused as a whole, with a way out', async (t) => {
  const test = await openVault(t, { policy: { releaseAs: 'zip', recipientMay: 'release', publicUrl } });
  const large = Buffer.alloc(limits.parcel.messageBytes + 1, 'x\r\n');
  const { id, first } = await holdWithLinks(test.vault, large);
  await t.rejects(test.vault.release(id, 'cli:root'), { code: 'state-conflict', message: /release the original/ });
  t.match(await test.vault.personalView(first), { mayRequest: true, mayRelease: false, mayDelete: true });
  t.match(await test.vault.releaseByToken(first), { outcome: 'refused' });
  t.match(await test.vault.release(id, 'cli:root', undefined, { as: 'original' }), { kind: 'queued' });
  const bomb = mixed(...Array.from({ length: limits.parcel.membersMax + 1 }, () => attachment('a', Buffer.from('a'))));
  const other = await holdWithLinks(test.vault, bomb);
  const deliver: Deliver = () => Promise.reject(new Error('must not be called'));
  const tools = toolsOf(test, deliver, routeTo(1));
  const report = await releaseNow(other.id, 'cli:root', newOwner(), tools, new AbortController().signal);
  t.match(report, { outcome: 'failed', reason: /501 attachments.*release the original/ });
  t.match((await test.vault.detail(other.id)).item, { state: 'held' });
  t.match(await test.vault.personalView(other.first), { releasing: false, mayRelease: true });
});

t.test(
  'through the gate again and a real Postfix, the archive arrives whole',
  { skip: skipWithout('postfix', 'root', '7z') },
  async (t) => {
    const mailbox = await startSink(t, { protocol: 'lmtp' });
    const postfix = await Postfix.start({ lmtpPort: mailbox.port });
    t.teardown(() => postfix.stop());
    const gate = await startGate(t, { upstreamPort: postfix.port });
    const releaseRelay = { host: '127.0.0.1', port: gate.port, passesGate: true };
    gate.writeConfig({ ...gate.readConfig(), quarantine: { releaseRelay, releaseAs: 'zip' } });
    const mail = eicarMail({ subject: 'held' });
    const id = itemOf(await sendMail(gate, mail, ['bob@example.org', 'carl@example.org']));
    const released = await sluice(gate, 'quarantine', 'release', id);
    t.equal(released.code, 0, released.stderr);
    const isParcel = ({ bytes }: { readonly bytes: Buffer }) => bytes.includes('attachments.zip');
    // The gate lets it pass, though nobody can look into it.
    const { bytes } = await waitFor('the parcel', 20_000, () => mailbox.messages.find(isParcel));
    t.notMatch(bytes.toString('latin1'), /X-Sluice-Release/i, 'without the mark');
    const found = await unpacked(t, bytes);
    t.equal(found.mail.subject, 'held');
    const folder = folderOf(t);
    writeFileSync(join(folder, 'a.zip'), found.zip);
    execFileSync('7z', ['x', `-p${found.password}`, `-o${join(folder, 'out')}`, join(folder, 'a.zip')], {
      stdio: 'ignore',
    });
    t.same(readdirSync(join(folder, 'out')), ['eicar.com']);
    const original = (await simpleParser(mail)).attachments[0]?.content;
    t.ok(original !== undefined && readFileSync(join(folder, 'out', 'eicar.com')).equals(original));
    const shown = await sluice(gate, 'quarantine', 'show', id);
    t.match(shown.stdout, 'release as zip');
  },
);
