/** Mail inside of mail: messages and mailboxes as files, winmail.dat, S/MIME, OpenPGP and Outlook's own files. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { createMessageOpener } from '../src/inspect/container/message-file.js';
import { openers } from '../src/inspect/container/openers.js';
import { everyMember, everyProblem, openMembers } from './support/open-members.js';

const samples = new URL('file:///usr/share/clamav-testfiles/');
const program = Buffer.from('MZ\x90\0 a program that nobody should miss', 'latin1');
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
  const [opener = createMessageOpener(async () => undefined)] = openers;
  const matches = (content: Buffer, declaredType = 'text/plain') =>
    opener.matches({ content, declaredType, names: [], detectedType: undefined, charset: undefined });
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

t.test('every message of a mailbox is opened, and the mailbox as one message', async (t) => {
  const from = 'From someone@example.com Thu Jul 31 13:49:50 2008';
  const plain = lines('From: a@b.c', 'Subject: 1', '', 'text', 'From here on it is text.');
  const content = Buffer.concat([lines(from), plain, lines('', from), letter(), lines('', from), plain]);
  const opened = await openMembers(openers, { content, names: ['inbox.mbox'] });
  t.equal(opened.members.filter((member) => member.content.equals(program)).length, 1);
  t.equal(opened.members.filter((member) => member.content.indexOf('From here') >= 0).length, 3);
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
