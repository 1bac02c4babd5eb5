/** Mail inside of mail: messages and mailboxes as files, winmail.dat, S/MIME, OpenPGP and Outlook's own files. */
import { existsSync, readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import t from 'tap';
import { activeMimeOpener } from '../src/inspect/container/active-mime.js';
import { cmsOpener } from '../src/inspect/container/cms.js';
import { readCompoundFile } from '../src/inspect/container/compound-file.js';
import { decompressRtf } from '../src/inspect/container/compressed-rtf.js';
import { mailStoreOpener, rightsManagedOpener } from '../src/inspect/container/mail-store.js';
import { createMessageOpener } from '../src/inspect/container/message-file.js';
import { openPgpOpener } from '../src/inspect/container/openpgp.js';
import { outlookMessageOpener } from '../src/inspect/container/outlook-message.js';
import { tnefOpener } from '../src/inspect/container/tnef.js';
import { type Bounds, everyMember, everyProblem, type OpenedFile, openMembers } from './support/open-members.js';
import {
  binary,
  compoundFile,
  compressedRtf,
  long,
  messageStreams,
  object,
  type Property,
  propertyList,
  text8,
  text16,
  tnef,
} from './support/outlook-files.js';

/** only these, so that no other format's members are counted */
const messageOpener = createMessageOpener(async () => undefined);
const openers = [messageOpener, activeMimeOpener, cmsOpener, openPgpOpener, tnefOpener, outlookMessageOpener];
const samples = new URL('file:///usr/share/clamav-testfiles/');
const program = Buffer.from('MZ\x90\0 a program that nobody should miss', 'latin1');
/** what this process worked, which unlike the clock is not everybody else's */
const cpuMs = () => process.cpuUsage().user / 1000;
const lines = (...text: string[]) => Buffer.from(`${text.join('\r\n')}\r\n`, 'latin1');

function letter(...extra: string[]): Buffer {
  return lines(
    'From: a@example.com',
    'Subject: hello',
    'MIME-Version: 1.0',
    ...extra,
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    '',
    'text',
    '--b',
    'Content-Type: application/x-msdownload; name="run.exe"',
    'Content-Transfer-Encoding: base64',
    '',
    program.toString('base64'),
    '--b--',
  );
}

t.test('a file that is a message is opened, whatever it is called', async (t) => {
  const cases: [string, string, string[]][] = [
    ['message/rfc822', 'declared, because it was encoded', []],
    ['application/octet-stream', 'saved mail', ['letter.eml']],
    ['application/octet-stream', 'saved mail without a name', []],
    ['text/plain', 'a text that is a message', []],
    ['', 'a member of an archive', ['x.mht']],
  ];
  for (const [declaredType, about, names] of cases) {
    for (const content of [letter(), Buffer.concat([Buffer.from('\ufeff'), letter()])]) {
      const opened = await openMembers(openers, { content, names, declaredType });
      const found = [...everyMember(opened)].filter((member) => member.content.equals(program));
      t.equal(found.length, 1, about);
      t.same(found[0]?.names, ['run.exe']);
      t.equal(found[0]?.declaredType, 'application/x-msdownload');
      t.same(opened.thrown, []);
      t.same(opened.problems, [], `${about}: no problems`);
    }
  }
  const emlx = Buffer.concat([Buffer.from('433       \n'), letter(), Buffer.from('<?xml version="1.0"?><plist/>')]);
  const opened = await openMembers(openers, { content: emlx, names: ['1.emlx'] });
  t.ok(
    opened.members.some((member) => member.content.equals(program)),
    'as Apple Mail stores it',
  );
});

t.test('texts that quote a letter, and other files, are no messages', async (t) => {
  const matches = (content: Buffer, declaredType = 'text/plain') =>
    messageOpener.matches({ content, declaredType, names: [], detectedType: undefined, charset: undefined });
  t.notOk(matches(lines('From: Bob', 'Sent: Monday', 'To: Al', 'Subject: x', '', 'text')));
  t.ok(matches(lines('From: Bob', 'To: Al', '', 'text'), 'application/octet-stream'));
  t.notOk(matches(lines('Dear all:', 'we write about this.'), 'application/octet-stream'));
  t.notOk(matches(lines('Date: 2026-01-01', 'x=1'), 'application/octet-stream'), 'one field is no header');
  for (const content of [
    Buffer.alloc(0),
    Buffer.from('M'),
    program,
    Buffer.from('%PDF-1.7\n'),
    Buffer.alloc(100, 10),
  ]) {
    t.notOk(matches(content, 'application/octet-stream'));
  }
});

t.test('what is odd about an inner message is a problem of the file when somebody may open it as one', async (t) => {
  const odd = letter('Content-Type: text/plain');
  t.same((await openMembers(openers, { content: odd, names: ['a.eml'] })).problems, ['type-duplicate']);
  t.same((await openMembers(openers, { content: odd, declaredType: 'text/plain' })).problems, []);
  const partial = lines('From: a@b.c', 'MIME-Version: 1.0', 'Content-Type: MESSAGE/Partial ; ID=x;Number=1', '', 'x');
  t.same((await openMembers(openers, { content: partial, names: ['a.eml'] })).problems, ['message-partial']);
  const nested = lines(
    'MIME-Version: 1.0',
    'Content-Type: message/rfc822',
    'Subject: x',
    '',
    partial.toString('latin1'),
  );
  t.same((await openMembers(openers, { content: nested, names: ['a.eml'] })).problems, ['message-partial']);
  const external = lines('MIME-Version: 1.0', 'Content-type: Message/External-Body; access-type=url', 'To: x', '', 'x');
  t.same((await openMembers(openers, { content: external, names: ['a.EML'] })).problems, ['message-external']);

  const asked: Buffer[] = [];
  const opener = createMessageOpener(async (message) => void asked.push(message));
  await openMembers([opener], { content: odd, names: ['a.eml'] });
  t.same(asked, [odd], 'other readings are followed');
  await openMembers([opener], { content: letter(), names: ['a.eml'] });
  t.equal(asked.length, 1, 'a message with one reading has no others');
});

t.test('a quoted header alone gives nothing', async (t) => {
  const header = lines(
    'Received: by x',
    'From: a@b.c',
    'Subject: x',
    'MIME-Version: 1.0',
    'Content-Type: text/plain',
    '',
  );
  for (const content of [header, header.subarray(0, -2)]) {
    const opened = await openMembers(openers, { content, declaredType: 'text/rfc822-headers' });
    t.same([opened.members, opened.problems], [[], []]);
  }
});

t.test('an encoded message in a message is opened at every level', async (t) => {
  let message = letter();
  for (let depth = 0; depth < 5; depth += 1) {
    const type = ['message/rfc822', 'Message/Global', 'message/news'][depth % 3];
    message = lines(
      `Subject: level ${depth}`,
      'MIME-Version: 1.0',
      `Content-Type: ${type}`,
      'Content-Transfer-Encoding: base64',
      '',
      message.toString('base64').replace(/.{76}/g, '$&\r\n'),
    );
  }
  const opened = await openMembers(openers, { content: message, declaredType: 'message/rfc822' });
  t.ok([...everyMember(opened)].some((member) => member.content.equals(program)));
  t.same([...new Set(everyProblem(opened))], ['encoding-on-message']);
});

t.test('a web archive gives its macros, also behind junk that Word skips', async (t) => {
  const inside = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(3000, 'x')]);
  const active = Buffer.concat([Buffer.from('ActiveMime\0\0'), Buffer.alloc(38, 7), deflateSync(inside)]);
  const archive = lines(
    'MIME-Version: 1.0',
    'Content-Type: multipart/related; boundary="----=_NextPart_01"',
    '',
    '------=_NextPart_01',
    'Content-Location: file:///C:/A1B2/editdata.mso',
    'Content-Transfer-Encoding: base64',
    'Content-Type: application/x-mso',
    '',
    active.toString('base64'),
    '------=_NextPart_01--',
  );
  for (const content of [archive, Buffer.concat([lines('', 'some junk', '\x01\x02 and more'), archive])]) {
    const opened = await openMembers(openers, { content, names: ['Invoice.doc'], declaredType: 'application/msword' });
    const found = [...everyMember(opened)].find((member) => member.content.equals(inside));
    t.equal(found?.method, 'activemime');
    t.same(everyProblem(opened), []);
  }
  const inTar = Buffer.concat([Buffer.from('a.eml'), Buffer.alloc(507), lines(''), archive]);
  t.same((await openMembers(openers, { content: inTar })).members, [], 'an archive of mail is left to its own opener');
  const torn = await openMembers(openers, { content: active.subarray(0, active.length - 20) });
  t.equal(torn.members[0]?.content.subarray(0, 8).toString('hex'), 'd0cf11e0a1b11ae1');
  t.same(torn.problems, ['file-damaged']);
  t.same((await openMembers(openers, { content: active.subarray(0, 40) })).problems, ['file-damaged']);
});

t.test('every message of a mailbox is opened, and the mailbox as one message', async (t) => {
  const from = 'From someone@example.com Thu Jul 31 13:49:50 2008';
  const plain = lines('From: a@b.c', 'Subject: 1', '', 'text', 'From 2010 on here it is text.');
  const content = Buffer.concat([lines(from), plain, lines('', from), letter(), lines('', from), plain]);
  const opened = await openMembers(openers, { content, names: ['inbox.mbox'] });
  t.equal(opened.members.filter((member) => member.content.equals(program)).length, 1);
  t.equal(opened.members.filter((member) => member.content.indexOf('on here it is') >= 0).length, 3);
  t.same(everyProblem(opened), ['header-mbox-line'], 'a sentence that begins with From is no problem');
  t.ok(
    opened.members.some((member) => member.content.indexOf(program.toString('base64')) > 0),
    'unsplit',
  );
});

t.test('files of mail programs are opened', { skip: !existsSync(samples) && 'no samples here' }, async (t) => {
  const wanted = readFileSync(new URL('clam.exe', samples));
  for (const name of ['clam.mail', 'clam.exe.mbox.base64']) {
    const opened = await openMembers(openers, { content: readFileSync(new URL(name, samples)), names: [name] });
    t.ok(
      [...everyMember(opened)].some((member) => member.content.equals(wanted)),
      name,
    );
  }
});

const messageInterface = '0703020000000000c000000000000046';
const storageInterface = '0b00000000000000c000000000000046';
const render: [number, Buffer] = [0x69002, Buffer.alloc(14, 1)];
const longName = `Résumé 文書 ${'x'.repeat(200)}.exe`;

function winmail(): Buffer {
  const inner = tnef(render, [0x18010, Buffer.from('inner.exe\0')], [0x6800f, program]);
  const attached = (...properties: Property[]): [number, Buffer] => [0x69005, propertyList(properties)];
  return tnef(
    [0x89006, Buffer.of(0, 0, 1, 0)],
    [0x2800c, Buffer.from('plain body\0')],
    [
      0x69003,
      propertyList([
        long(0x3fde, 1251),
        text16(0x8001, 'named'),
        binary(0x1009, compressedRtf('{\\rtf1 rich body}')),
        binary(0x1013, Buffer.from('<p>html body')),
        text16(0x1000, 'wide body'),
      ]),
    ],
    render,
    [0x18010, Buffer.from('RESUME~1.EXE\0')],
    [0x6800f, program],
    attached(long(0x3705, 1), text16(0x3707, longName), text8(0x370e, 'Application/X-Test')),
    render,
    attached(object(0x3701, messageInterface, inner), text8(0x3001, 'A message')),
    render,
    attached(object(0x3701, storageInterface, Buffer.from('d0cf11e0', 'hex')), text16(0x3707, 'C:\\x\\object.ole')),
    render,
    attached(binary(0x3701, Buffer.from('by value')), text8(0x3704, 'VALUE.TXT')),
  );
}

t.test('winmail.dat gives its attachments, objects, embedded items and bodies', async (t) => {
  const opened = await openMembers(openers, { content: winmail(), names: ['winmail.dat'] });
  t.same(opened.problems, []);
  t.same(opened.thrown, []);
  const told = opened.members.map(({ names, declaredType, content, method }) => {
    return [method, names, declaredType, content.equals(program) ? 'program' : content.toString('latin1', 0, 20)];
  });
  t.same(told, [
    ['tnef', ['body.txt'], 'text/plain', 'plain body'],
    ['tnef', ['body.rtf'], 'application/rtf', '{\\rtf1 rich body}'],
    ['tnef', ['body.html'], 'text/html', '<p>html body'],
    ['tnef', ['body.txt'], 'text/plain', 'wide body'],
    ['tnef', [longName, 'RESUME~1.EXE'], 'application/x-test', 'program'],
    ['tnef', ['A message'], 'application/ms-tnef', opened.members[5]?.content.toString('latin1', 0, 20)],
    ['tnef', ['C:\\x\\object.ole', 'object.ole'], '', '\xd0\xcf\x11\xe0'],
    ['tnef', ['VALUE.TXT'], '', 'by value'],
  ]);
  const inner = opened.members[5]?.opened.members[0];
  t.same([inner?.names, inner?.content], [['inner.exe'], program], 'an embedded item is opened in turn');
});

t.test('a wrong checksum, a wrong length and a missing end of winmail.dat hide nothing before them', async (t) => {
  const whole = winmail();
  const wrong = Buffer.from(whole);
  wrong.writeUInt16LE(7, 6 + 9 + 4);
  const opened = await openMembers(openers, { content: wrong });
  t.same([opened.problems, opened.members.length], [['file-damaged'], 8]);
  const cut = await openMembers(openers, { content: whole.subarray(0, whole.length - 300) });
  t.same(cut.problems, ['file-damaged']);
  t.ok(cut.members.some((member) => member.content.equals(program)));
  const long = Buffer.concat([tnef(render), Buffer.of(2), Buffer.from('0f800600ffffffff', 'hex'), program]);
  const rest = await openMembers(openers, { content: long });
  t.same([rest.problems, rest.members[0]?.content], [['file-damaged'], program], 'a length beyond the end');
});

t.test('compressed rich text comes out as its specification says', async (t) => {
  // The two examples of [MS-OXRTFCP] §4.
  const first = '2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0';
  const second = '1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0';
  t.same(decompressRtf(Buffer.from(first, 'hex'), 1000), {
    content: Buffer.from('{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n'),
    damaged: false,
  });
  t.same(decompressRtf(Buffer.from(second, 'hex'), 1000), {
    content: Buffer.from('{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}'),
    damaged: false,
  });
  const plain = compressedRtf('{\\rtf1 plain}');
  plain.write('MELA', 8);
  t.equal(decompressRtf(plain, 5)?.content.length, 5, 'bounded');
  t.same(decompressRtf(compressedRtf('x'.repeat(9000)), 100), { content: Buffer.from('x'.repeat(100)), damaged: true });
  t.equal(decompressRtf(Buffer.from(`0000${first.slice(4, 16)}41414141`, 'hex'), 9), undefined);
});

function outlookMessage(): Buffer {
  const attach = (at: string, ...properties: Property[]) => messageStreams(properties, `${at}/`, 8);
  const first = '__attach_version1.0_#00000000';
  const second = '__attach_version1.0_#00000001';
  const third = '__attach_version1.0_#00000002';
  return compoundFile({
    ...messageStreams([
      long(0x3fde, 65001),
      text16(0x1000, 'the body'),
      binary(0x1013, Buffer.from('<p>html')),
      binary(0x1009, compressedRtf('{\\rtf1 rich}')),
    ]),
    '__nameid_version1.0/__substg1.0_00020102': Buffer.alloc(16),
    ...attach(first, binary(0x3701, program), text16(0x3707, longName), text8(0x370e, 'application/x-test')),
    ...attach(second, text16(0x3001, 'A forwarded item')),
    ...messageStreams([text16(0x1000, 'inner body')], `${second}/__substg1.0_3701000D/`),
    ...attach(
      `${second}/__substg1.0_3701000D/${first}`,
      binary(0x3701, Buffer.alloc(5000, 5)),
      text8(0x3704, 'IN.BIN'),
    ),
    ...attach(third, text16(0x3001, 'An object')),
    [`${third}/__substg1.0_3701000D/\u0001Ole10Native`]: Buffer.from('native'),
    [`${third}/__substg1.0_3701000D/sub/CONTENTS`]: Buffer.from('contents'),
  });
}

t.test('a message of Outlook gives its attachments, embedded items, objects and bodies', async (t) => {
  const opened = await openMembers(openers, { content: outlookMessage(), names: ['a.msg'] });
  t.same([opened.problems, opened.thrown, opened.flags], [[], [], ['embedded-object']]);
  const told = opened.members
    .map(({ names, declaredType, content }) => {
      const what = content.equals(program) ? 'program' : content.toString('latin1', 0, 12);
      return [names.join(' | '), declaredType, what].join(': ');
    })
    .sort();
  t.same(told, [
    `An object | \u0001Ole10Native: : native`,
    'An object | CONTENTS: : contents',
    'IN.BIN: : \x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05',
    `${longName}: application/x-test: program`,
    'body.html: text/html: <p>html',
    'body.rtf: application/rtf: {\\rtf1 rich}',
    'body.txt: text/plain: inner body',
    'body.txt: text/plain: the body',
  ]);
});

t.test('mail that nothing here can read is called by its name', async (t) => {
  const stores = [mailStoreOpener, rightsManagedOpener];
  const open = (hex: string) => openMembers(stores, { content: Buffer.concat([Buffer.from(hex, 'hex'), program]) });
  t.same((await open('76e80460c411e386')).flags, ['encrypted'], 'message.rpmsg');
  t.same((await open('2142444e00000000534d')).problems, ['archive-unsupported'], 'a .pst');
  t.same((await open('cfad12fec5fd746f')).problems, ['archive-unsupported'], 'a .dbx');
  t.same((await open('2142444e000000005341')).problems, [], 'another program');
});

t.test('a compound file is read without end neither by loops nor by lies', async (t) => {
  const streams = { a: Buffer.alloc(20_000, 1), b: Buffer.alloc(5000, 2), 'in/c': Buffer.alloc(300, 3) };
  const whole = compoundFile(streams);
  const contents = (file: Buffer) =>
    Object.fromEntries((readCompoundFile(file)?.entries ?? []).map(({ path, content }) => [path, content]));
  const read = contents(whole);
  for (const [path, content] of Object.entries(streams)) t.same(read[path], content, path);
  t.same(readCompoundFile(whole)?.problems, []);

  const fat = (whole.readUInt32LE(76) + 1) * 512;
  const directory = (whole.readUInt32LE(48) + 1) * 512;
  const entryOf = (name: string) => {
    const at = whole.indexOf(Buffer.from(`${name}\0`, 'utf16le'), directory);
    return directory + Math.floor((at - directory) / 128) * 128;
  };
  const start = whole.readUInt32LE(entryOf('a') + 116);
  const looped = Buffer.from(whole);
  looped.writeUInt32LE(start, fat + (start + 3) * 4);
  t.equal(contents(looped).a?.length, 4 * 512, 'a chain that bites its tail ends there');
  t.same(readCompoundFile(looped)?.problems, ['file-damaged']);
  t.same(contents(looped).b, streams.b, 'the others are whole');

  const huge = Buffer.from(whole);
  huge.writeUInt32LE(0xffffffff, entryOf('b') + 120);
  t.ok((contents(huge).b?.length ?? 0) >= 5000, 'a size beyond the chain gives the chain');

  const cyclic = Buffer.from(whole);
  for (const name of ['a', 'b']) for (const field of [68, 72, 76]) cyclic.writeUInt32LE(0, entryOf(name) + field);
  t.same(contents(cyclic).a, streams.a, 'a tree that points at its root');
  const orphan = Buffer.from(whole);
  orphan.writeUInt32LE(0xffffffff, directory + 76);
  t.same(contents(orphan).a, streams.a, 'entries that no tree reaches are listed');

  t.equal(readCompoundFile(Buffer.alloc(4096)), undefined);
  t.equal(readCompoundFile(whole.subarray(0, 512)), undefined);
  const wrongShift = Buffer.from(whole);
  wrongShift.writeUInt16LE(31, 30);
  t.equal(readCompoundFile(wrongShift), undefined);

  // 30,000 entries that all claim one chain of 3 MB, each from another sector on.
  const many = sharedChains(3_000_000, 30_000);
  const began = cpuMs();
  const shared = readCompoundFile(many);
  t.same(shared?.problems.includes('unpack-limit'), true, 'cross-linked chains are bounded');
  t.ok(cpuMs() - began < 2000, 'and cheap');
});

/** One chain of sectors in reverse order, and as many streams as wanted, each starting one sector further on. */
function sharedChains(bytes: number, count: number): Buffer {
  const file = compoundFile({ a: Buffer.alloc(bytes, 1) });
  const sectors = Math.floor(file.length / 512) - 1;
  const fatSectors = Math.ceil((sectors + Math.ceil(count / 4) + 20) / 128);
  const directorySectors = Math.ceil((count + 1) / 4);
  const total = fatSectors + directorySectors + Math.ceil(bytes / 512);
  const made = Buffer.alloc((total + 1) * 512);
  file.copy(made, 0, 0, 76);
  made.writeUInt32LE(0xfffffffe, 60);
  made.writeUInt32LE(0xfffffffe, 68);
  made.writeUInt32LE(fatSectors, 48);
  const link = (sector: number, next: number) => {
    const at = 512 * (1 + Math.floor(sector / 128)) + (sector % 128) * 4;
    if (at + 4 <= made.length) made.writeUInt32LE(next, at);
  };
  for (let index = 0; index < 109; index += 1) {
    made.writeUInt32LE(index < fatSectors ? index : 0xffffffff, 76 + index * 4);
  }
  for (let index = 0; index < directorySectors; index += 1) {
    const last = index === directorySectors - 1;
    link(fatSectors + index, last ? 0xfffffffe : fatSectors + index + 1);
  }
  const first = fatSectors + directorySectors;
  for (let sector = total - 1; sector >= first; sector -= 1) {
    link(sector, sector === first ? 0xfffffffe : sector - 1);
  }
  for (let index = 0; index <= count; index += 1) {
    const at = 512 * (1 + fatSectors) + index * 128;
    made.write('x\0', at, 'utf16le');
    made.writeUInt16LE(4, at + 64);
    made.writeUInt8(index === 0 ? 5 : 2, at + 66);
    for (const field of [68, 72, 76]) made.writeUInt32LE(0xffffffff, at + field);
    made.writeUInt32LE(Math.max(first, total - 1 - (index % 5000)), at + 116);
    made.writeUInt32LE(index === 0 ? 0 : bytes - index, at + 120);
  }
  return made;
}

/** Made with `openssl cms`, from an entity that holds the program, with throw-away keys. */
const smime: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../test/files/smime.json', import.meta.url), 'utf8'),
);
const smimeFile = (name: string) => Buffer.from(smime[name] ?? '', 'base64');
const holdsProgram = (opened: OpenedFile) => [...everyMember(opened)].some(({ content }) => content.equals(program));

t.test('what is signed or digested is opened, in DER, in BER, in armour and in other signatures', async (t) => {
  const names = ['signed.p7m', 'signed-ber.p7m', 'nested.p7m', 'triple.p7m', 'digested.p7m', 'data.p7m'];
  for (const name of names) {
    const bytes = smimeFile(name);
    t.ok(bytes.length > 100, `${name} is there`);
    const base64 = bytes.toString('base64').replace(/.{64}/g, '$&\n');
    const forms = [bytes, Buffer.from(base64), Buffer.from(`-----BEGIN PKCS7-----\n${base64}\n-----END PKCS7-----\n`)];
    for (const content of forms) {
      const opened = await openMembers(openers, { content, names: ['smime.p7m'] });
      t.ok(holdsProgram(opened), name);
      const notes = ['lines-bare-lf', 'mime-version-missing'];
      t.same(
        everyProblem(opened).filter((code) => !notes.includes(code)),
        [],
        `${name}: no problems`,
      );
    }
  }
  const file = await openMembers(openers, { content: smimeFile('x.pdf.p7m'), names: ['Invoice.PDF.p7m'] });
  t.same(
    file.members.map(({ names, declaredType }) => [names, declaredType]),
    [[['Invoice.PDF'], '']],
    'a signed file',
  );
  t.equal(file.members[0]?.content.toString('latin1', 0, 5), '%PDF-');
});

t.test('what is encrypted is flagged, and signatures and certificates by themselves are quiet', async (t) => {
  for (const name of ['enveloped.p7m', 'enveloped-ber.p7m', 'authenveloped.p7m', 'encrypted.p7m']) {
    const opened = await openMembers(openers, { content: smimeFile(name) });
    t.same([opened.flags, opened.members, opened.problems], [['encrypted'], [], []], name);
  }
  for (const name of ['detached.p7s', 'certs.p7c']) {
    const opened = await openMembers(openers, { content: smimeFile(name) });
    t.same([opened.flags, opened.members, opened.problems], [[], [], []], name);
  }
});

const der = (tag: number, ...pieces: Buffer[]): Buffer => {
  const body = Buffer.concat(pieces);
  const length = Buffer.alloc(5, 0x84);
  length.writeUInt32BE(body.length, 1);
  return Buffer.concat([Buffer.of(tag), length, body]);
};
const oids = {
  data: Buffer.from('06092a864886f70d010701', 'hex'),
  signed: Buffer.from('06092a864886f70d010702', 'hex'),
  compressed: Buffer.from('060b2a864886f70d0109100109', 'hex'),
  zlib: Buffer.from('060b2a864886f70d0109100308', 'hex'),
};
const one = Buffer.from('020101', 'hex');
const signedData = (type: Buffer, content: Buffer) =>
  der(0x30, one, der(0x31), der(0x30, type, der(0xa0, der(0x04, content))), der(0x31));
const compressedData = (type: Buffer, content: Buffer) =>
  der(0x30, one, der(0x30, oids.zlib), der(0x30, type, der(0xa0, der(0x04, content))));
const contentInfo = (type: Buffer, content: Buffer) => der(0x30, type, der(0xa0, content));

t.test('compressed mail is inflated, within bounds', async (t) => {
  const plain = compressedData(oids.data, deflateSync(letter()));
  const opened = await openMembers(openers, { content: contentInfo(oids.compressed, plain) });
  t.ok(holdsProgram(opened));
  t.same(opened.problems, []);
  const inner = signedData(oids.data, letter());
  const both = contentInfo(oids.compressed, compressedData(oids.signed, deflateSync(inner)));
  t.ok(holdsProgram(await openMembers(openers, { content: both })), 'a signature in it');
  const outside = signedData(oids.compressed, plain);
  t.ok(
    holdsProgram(await openMembers(openers, { content: contentInfo(oids.signed, outside) })),
    'a signature around it',
  );

  const cut = deflateSync(letter()).subarray(0, -30);
  const torn = await openMembers(openers, { content: contentInfo(oids.compressed, compressedData(oids.data, cut)) });
  t.ok((torn.members[0]?.content.length ?? 0) > 100, 'what is there of a torn one');
  const junk = contentInfo(oids.compressed, compressedData(oids.data, Buffer.from('no zlib')));
  t.same((await openMembers(openers, { content: junk })).problems, ['file-damaged']);

  const bomb = contentInfo(oids.compressed, compressedData(oids.data, deflateSync(Buffer.alloc(80_000_000))));
  const bounds = { bytesLeft: 1_000_000, membersLeft: 10, depthLeft: 4 };
  const began = cpuMs();
  const burst = await openMembers(openers, { content: bomb }, bounds);
  t.same(burst.problems, ['unpack-limit']);
  t.ok((burst.members[0]?.content.length ?? 0) <= 1_000_000);
  t.ok(cpuMs() - began < 1000, 'it is not inflated to its end');
});

/** Made with `gpg`, from the program, with a throw-away key. */
const openPgp: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../../test/files/openpgp.json', import.meta.url), 'utf8'),
);
const openPgpFile = (name: string) => Buffer.from(openPgp[name] ?? '', 'base64');

t.test('OpenPGP without encryption is opened, and with it is flagged', async (t) => {
  for (const name of ['signed.gpg', 'stored.gpg', 'zl.gpg', 'none.gpg', 'piped.gpg', 'signed.asc']) {
    const opened = await openMembers(openers, { content: openPgpFile(name) });
    const found = [...everyMember(opened)].find(({ content }) => content.equals(program));
    t.same(found?.names, name === 'piped.gpg' ? [] : ['run.exe'], name);
    t.same([opened.flags, everyProblem(opened)], [[], []], name);
  }
  const bzip = await openMembers(openers, { content: openPgpFile('bz.gpg') });
  t.equal(bzip.members[0]?.content.toString('latin1', 0, 3), 'BZh', 'bzip2 is left to what opens archives');
  const quoted = Buffer.concat([Buffer.from('Dear all\r\n\r\n'), openPgpFile('enc.asc'), Buffer.from('\r\nBye\r\n')]);
  for (const content of [openPgpFile('enc.gpg'), openPgpFile('sym.gpg'), openPgpFile('enc.asc'), quoted]) {
    const opened = await openMembers(openers, { content, declaredType: 'text/plain' });
    t.same([opened.flags, opened.members, opened.problems], [['encrypted'], [], []]);
  }
  const torn = Buffer.from('-----BEGIN PGP MESSAGE-----\n\n!!!!\n-----END PGP MESSAGE-----\n');
  t.same((await openMembers(openers, { content: torn })).flags, ['encrypted'], 'what cannot be read may be encrypted');
  for (const name of ['det.gpg', 'key.asc']) {
    const opened = await openMembers(openers, { content: openPgpFile(name) });
    t.same([opened.flags, opened.members, opened.problems], [[], [], []], name);
  }
  const pieces = Buffer.concat([Buffer.of(0xcb), Buffer.alloc(300, Buffer.from('\xe0b', 'latin1')), Buffer.of(0)]);
  const many = await openMembers(openers, { content: pieces });
  t.equal(many.members[0]?.content.length, 150 - 6 - 98, 'a body in pieces of one byte');
});

t.test('random octets are no OpenPGP that would be withheld', async (t) => {
  let state = 0x9e3779b9;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
  const content = Buffer.alloc(740);
  const alarming: string[] = [];
  for (let file = 0; file < 200_000; file += 1) {
    content.writeInt32LE(next(), 0);
    // Half of them begin as a packet does, and the rest is new only where it counts.
    if (file % 2 === 0) content[0] = 0x80 | (content[0] ?? 0);
    for (let at = 4; at < 64; at += 4) content.writeInt32LE(next(), at);
    content.writeInt32LE(next(), 64 + ((next() >>> 0) % 160) * 4);
    if (!openPgpOpener.matches({ content, declaredType: '', detectedType: undefined, charset: undefined, names: [] }))
      continue;
    const opened = await openMembers([openPgpOpener], { content: Buffer.from(content) });
    const named = [...everyMember(opened)].some(({ names }) => names.some((name) => name.includes('\0')));
    if (named || opened.flags.includes('encrypted')) alarming.push(content.toString('hex', 0, 16));
  }
  t.same(alarming, []);
});

t.test('structures without bottom cost no more than their size', async (t) => {
  const timed = async (about: string, content: Buffer, bounds?: Bounds): Promise<OpenedFile> => {
    const began = cpuMs();
    const opened = await openMembers(openers, { content }, bounds);
    t.ok(cpuMs() - began < 5000, `${about} in time`);
    t.same(opened.thrown, [], `${about} throws nothing`);
    return opened;
  };
  const prefix = Buffer.concat([
    Buffer.from('3080', 'hex'),
    oids.signed,
    Buffer.from('a0803080020101310030800609', 'hex'),
  ]);
  const open = Buffer.concat([prefix, oids.data.subarray(2), Buffer.from('a080', 'hex')]);
  const nested = await timed(
    '20 MB of octet strings in octet strings',
    Buffer.concat([open, Buffer.alloc(20_000_000, '$\x80', 'latin1')]),
  );
  t.same(nested.problems, ['unpack-limit']);
  const tiny = Buffer.alloc(9_000_000, Buffer.from('040141', 'hex'));
  const pieces = await timed(
    '3 million pieces',
    Buffer.concat([open, Buffer.from('2480', 'hex'), tiny, Buffer.alloc(12)]),
  );
  t.same(pieces.problems, []);
  t.equal(pieces.members[0]?.content.length, 3_000_000);
  const spread = Buffer.concat([
    Buffer.from('3080', 'hex'),
    oids.signed,
    Buffer.from('a0803080', 'hex'),
    Buffer.alloc(20_000_000, Buffer.from('3080')),
  ]);
  await timed('20 MB of open sequences', spread);

  let signed = signedData(oids.data, Buffer.from('x'));
  for (let depth = 0; depth < 1000; depth += 1) signed = signedData(oids.signed, signed);
  const deep = await timed('a thousand signatures', contentInfo(oids.signed, signed));
  t.ok(everyProblem(deep).includes('unpack-limit'));
  const attributes = Buffer.alloc(11_000_000, Buffer.from('02098006000000000000 00'.replace(' ', ''), 'hex'));
  await timed('a million empty attributes', Buffer.concat([Buffer.from('789f3e220100', 'hex'), attributes]));
  const partial = Buffer.concat([Buffer.from('cbe16262', 'hex'), Buffer.alloc(20_000_000, Buffer.from('e041', 'hex'))]);
  await timed('ten million pieces of a byte', partial);
  const armors = Buffer.alloc(4_000_000, '-----BEGIN PGP MESSAGE-----\n\n-----END\n');
  t.same((await timed('a hundred thousand armours', armors)).problems, ['unpack-limit']);
  const froms = Buffer.alloc(3_000_000, 'From a@b 2008\n\n');
  await timed('a mailbox of 200,000 messages', froms);
  const fields = Buffer.concat([Buffer.from('From: a\nTo: b\n'), Buffer.alloc(5_000_000, 'a: b\n ')]);
  await timed('a header without end', fields);
});

t.test('no truncation and no changed byte makes an opener throw', async (t) => {
  const samples: [string, Buffer][] = [
    ['a message', letter()],
    ['winmail.dat', winmail()],
    ['a .msg file', outlookMessage()],
    ['signed mail', smimeFile('signed-ber.p7m')],
    ['nested signatures', smimeFile('nested.p7m')],
    ['OpenPGP', openPgpFile('piped.gpg')],
    ['OpenPGP in armour', openPgpFile('signed.asc')],
    ['compressed mail', contentInfo(oids.compressed, compressedData(oids.data, deflateSync(letter())))],
  ];
  for (const [about, sample] of samples) {
    const step = Math.max(1, Math.floor(sample.length / 1500));
    const began = cpuMs();
    let thrown: unknown[] = [];
    const open = async (content: Buffer) => {
      const opened = await openMembers(openers, { content, names: ['x.eml'] });
      thrown = thrown.concat(opened.thrown, ...[...everyMember(opened)].map((member) => member.opened.thrown));
    };
    for (let at = 0; at < sample.length; at += step) {
      await open(sample.subarray(0, at));
      for (const change of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(sample);
        changed[at] = (changed[at] ?? 0) ^ change;
        await open(changed);
      }
    }
    t.same(thrown, [], about);
    t.ok(cpuMs() - began < 20_000, `${about}: in time`);
  }
});
