/**
 * FETCH items answered from one message: every piece belongs to the same octets, whatever the message is, and the
 * answers are those of a real server.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Daemon } from '../src/daemon.js';
import { answerItem, isContentItem, parseStored, type StoredMessage } from '../src/imap/message/stored-message.js';
import { renderNotice } from '../src/notice/notice.js';
import type { NoticeFacts, NoticeSettings } from '../src/notice/settings.js';
import { createLog } from '../src/runtime/log.js';
import { Dovecot, dovecotPrograms } from './support/dovecot.js';
import { differences, explained } from './support/fetch-differences.js';
import { answered, itemOf } from './support/fetch-forms.js';
import { fetchMails, oddMails } from './support/fetch-mails.js';
import { mailSoup, mailTree } from './support/fetch-random.js';
import { type ImapAnswer, ImapClient } from './support/imap-client.js';
import { cleanMails, maliciousMails } from './support/imap-mails.js';
import { fetchForms } from './support/imap-matrix.js';
import { bytesOf, fetchItemsOf, type ImapValue, numberIn, plainValue } from './support/imap-values.js';
import { eicarMail } from './support/mail.js';
import { skipWithout } from './support/missing.js';

t.setTimeout(240_000);

const runs = { numRuns: 300 };

function section(message: StoredMessage, text: string): Buffer {
  const { value } = answered(message, text);
  const bytes = bytesOf(value);
  if (bytes === undefined) throw new Error(`${text} is ${plainValue(value)}`);
  return bytes;
}

/** A leaf as BODYSTRUCTURE describes it. */
interface Described {
  readonly path: string;
  readonly bytes: number;
  /** undefined where none are given */
  readonly lines: number | undefined;
}

function textOf(value: ImapValue | undefined): string {
  return bytesOf(value)?.toString('latin1').toLowerCase() ?? '';
}

/** Every part that a client would number by the structure: RFC 9051 §7.5.2 and §6.4.5.1. */
function described(structure: ImapValue, path: string): Described[] {
  const items = structure.kind === 'list' ? structure.items : [];
  const below = (number: number) => (path === '' ? `${number}` : `${path}.${number}`);
  if (items[0]?.kind === 'list') {
    const parts = items.slice(
      0,
      items.findIndex((item) => item.kind !== 'list'),
    );
    return parts.flatMap((part, index) => described(part, below(index + 1)));
  }
  const own = path === '' ? '1' : path;
  const text = textOf(items[0]) === 'text';
  const message = textOf(items[0]) === 'message' && textOf(items[1]) === 'rfc822';
  const lines = text ? numberIn(items[7]) : message ? numberIn(items[9]) : undefined;
  const leaf = { path: own, bytes: numberIn(items[6]), lines };
  const inner = items[8];
  if (!message || inner === undefined) return [leaf];
  const parts =
    inner.kind === 'list' && inner.items[0]?.kind === 'list' ? described(inner, own) : described(inner, `${own}.1`);
  return [leaf, ...parts];
}

function countOf(bytes: Buffer, octet: number): number {
  return bytes.filter((byte) => byte === octet).length;
}

/** Throws unless all that is said about the message agrees. */
function agree(bytes: Buffer, cuts: readonly number[]): void {
  const message = parseStored(bytes);
  const size = numberIn(answered(message, 'RFC822.SIZE').value);
  const pieces: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < size; turn += 1) {
    const count = cuts[turn % cuts.length] ?? 1;
    const { name, value } = answered(message, `BODY[]<${at}.${count}>`);
    if (name !== `BODY[]<${at}>`) throw new Error(`origin: ${name}`);
    const piece = bytesOf(value) ?? Buffer.alloc(0);
    if (piece.length !== Math.min(count, size - at)) throw new Error('length of a piece');
    pieces.push(piece);
    at += count;
  }
  if (!Buffer.concat(pieces).equals(bytes) || size !== bytes.length) throw new Error('pieces do not join');
  if (section(message, `BODY[]<${size}.10>`).length !== 0) throw new Error('something behind the end');
  const header = section(message, 'BODY[HEADER]');
  if (!Buffer.concat([header, section(message, 'BODY[TEXT]')]).equals(bytes)) throw new Error('header and text');
  for (const [item, other] of [
    ['RFC822', 'BODY[]'],
    ['RFC822.HEADER', 'BODY[HEADER]'],
    ['RFC822.TEXT', 'BODY[TEXT]'],
    ['BODY[]<0.4294967295>', 'BODY[]'],
  ] as const) {
    if (!section(message, item).equals(section(message, other))) throw new Error(item);
  }
  partsAgree(message, bytes);
}

function partsAgree(message: StoredMessage, bytes: Buffer): void {
  answered(message, 'ENVELOPE');
  const structure = answered(message, 'BODYSTRUCTURE').value;
  const parts = described(structure, '');
  const short = described(answered(message, 'BODY').value, '');
  if (JSON.stringify(short) !== JSON.stringify(parts)) throw new Error('BODY and BODYSTRUCTURE differ');
  for (const part of parts.slice(0, 40)) {
    const body = section(message, `BODY[${part.path}]`);
    if (body.length !== part.bytes) throw new Error(`size of ${part.path}`);
    if (part.lines !== undefined && countOf(body, 0x0a) !== part.lines) throw new Error(`lines of ${part.path}`);
    const mime = section(message, `BODY[${part.path}.MIME]`);
    if (!bytes.includes(Buffer.concat([mime, body]))) throw new Error(`${part.path} does not lie in the message`);
    const size = numberIn(answered(message, `BINARY.SIZE[${part.path}]`).value);
    const binary = bytesOf(answered(message, `BINARY[${part.path}]`).value);
    if ((binary?.length ?? 0) !== size) throw new Error(`decoded size of ${part.path}`);
  }
}

/** Fields of a header block, as an independent reader would cut them, without the empty line. */
function fieldsOf(header: Buffer): string[] {
  const text = header.toString('latin1');
  const fields = text.split(/(?<=\n)(?![ \t])/);
  return /^\r?\n$/.test(fields.at(-1) ?? '') ? fields.slice(0, -1) : fields.filter((field) => field !== '');
}

function nameOf(field: string): string {
  return /^([\x21-\x39\x3b-\x7e]+)[ \t]*:/.exec(field)?.[1]?.toLowerCase() ?? '';
}

t.test('all that is said of a message belongs to the same octets', (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
  for (const [kind, arbitrary] of [
    ['made of parts', mailTree],
    ['made of scraps', mailSoup],
    ['of any octets', fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets))],
  ] as const) {
    t.doesNotThrow(() => fc.assert(fc.property(arbitrary, cuts, agree), runs), kind);
  }
  for (const [name, bytes] of Object.entries({ ...fetchMails, ...oddMails })) {
    t.doesNotThrow(() => agree(bytes, [7, 1, 64]), name);
    t.doesNotThrow(
      () => agree(Buffer.from(bytes.toString('latin1').replace(/\r\n/g, '\n'), 'latin1'), [50]),
      `${name}, LF`,
    );
  }
  t.end();
});

t.test('chosen fields and the others are the header', (t) => {
  const names = fc.subarray(['Subject', 'FROM', 'to', 'Content-Type', 'X-No', 'Date'], { minLength: 1 });
  const property = fc.property(fc.oneof(mailTree, mailSoup), names, (bytes, chosen) => {
    const message = parseStored(bytes);
    const all = fieldsOf(section(message, 'BODY[HEADER]'));
    const wanted = new Set(chosen.map((name) => name.toLowerCase()));
    const some = section(message, `BODY[HEADER.FIELDS (${chosen.join(' ')})]`);
    const rest = section(message, `BODY[HEADER.FIELDS.NOT (${chosen.join(' ')})]`);
    const expected = all.filter((field) => wanted.has(nameOf(field)));
    if (JSON.stringify(fieldsOf(some)) !== JSON.stringify(expected)) throw new Error('HEADER.FIELDS');
    const others = all.filter((field) => !wanted.has(nameOf(field)));
    if (JSON.stringify(fieldsOf(rest)) !== JSON.stringify(others)) throw new Error('HEADER.FIELDS.NOT');
    // Both end with the empty line, if the message has one (RFC 9051 §6.4.5.1).
    const blank = /(?:^|\n)\r?\n$/.test(section(message, 'BODY[HEADER]').toString('latin1'));
    for (const part of [some, rest]) {
      if (/(?:^|\n)\r?\n$/.test(part.toString('latin1')) !== blank) throw new Error('the empty line');
    }
  });
  t.doesNotThrow(() => fc.assert(property, runs));
  t.end();
});

/** Values of one mail, in one spelling. */
function values(bytes: Buffer, ...items: readonly string[]): string[] {
  const message = parseStored(bytes);
  return items.map((item) => plainValue(answered(message, item).value));
}

t.test('answers are written as clients read them', (t) => {
  const raw = (bytes: Buffer, item: string) => answerItem(parseStored(bytes), itemOf(item)).toString('latin1');
  const hello = Buffer.from('Subject: "x\\\r\nFrom: \xe9@a.example\r\nX-A: 1\r\n\r\nhello world\r\n', 'latin1');
  t.equal(raw(hello, 'RFC822.SIZE'), `RFC822.SIZE ${hello.length}`);
  t.equal(raw(hello, 'BODY[1]<0.5>'), 'BODY[1]<0> {5}\r\nhello');
  t.equal(raw(hello, 'BODY[1]<13.5>'), 'BODY[1]<13> ""');
  t.equal(raw(hello, 'BODY.PEEK[1]<6.99>'), 'BODY[1]<6> {7}\r\nworld\r\n', 'PEEK is not said back, nor the count');
  t.equal(raw(hello, 'BODY[2]'), 'BODY[2] NIL', 'a part that is not there');
  t.equal(raw(hello, 'BODY[1.1]'), 'BODY[1.1] NIL');
  t.equal(raw(hello, 'BODY[1.HEADER]'), 'BODY[1.HEADER] NIL', 'only messages have a header');
  t.equal(raw(hello, 'BODY[HEADER.FIELDS (x-A)]'), 'BODY[HEADER.FIELDS (x-A)] {10}\r\nX-A: 1\r\n\r\n');
  t.match(raw(hello, 'ENVELOPE'), /^ENVELOPE \(NIL "\\"x\\\\" \(\(NIL NIL \{1\}\r\n\xe9 "a\.example"\)\) /);
  t.equal(raw(hello, 'PREVIEW'), 'PREVIEW "hello world"');
  t.match(raw(hello, 'EMAILID'), /^EMAILID \([A-Za-z0-9_-]{1,255}\)$/);
  t.not(raw(hello, 'EMAILID'), raw(Buffer.concat([hello, hello]), 'EMAILID'));
  t.equal(raw(hello, 'FLAGS'), 'FLAGS NIL');
  t.notOk(isContentItem('FLAGS'));
  t.ok(isContentItem('BODY.PEEK[]') && isContentItem('BINARY.SIZE[]') && isContentItem('BODY'));
  const odd = { name: 'BODY[]', section: { part: [], text: 'HEADER.FIELDS', fields: ['a b', '$&', 'é"'] } } as const;
  t.equal(
    answerItem(parseStored(hello), { ...odd, partial: undefined, lazy: false }).toString('latin1'),
    'BODY[HEADER.FIELDS ("a b" $& {2}\r\n\xe9")] {2}\r\n\r\n',
  );
  const encoded = 'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n';
  const zeros = Buffer.from(`${encoded}${Buffer.from('a\0b').toString('base64')}\r\n`);
  t.equal(raw(zeros, 'BINARY[1]'), 'BINARY[1] ~{3}\r\na\0b');
  t.equal(raw(zeros, 'BINARY.PEEK[1]<2.4>'), 'BINARY[1]<2> {1}\r\nb');
  t.equal(raw(zeros, 'BINARY.SIZE[1]'), 'BINARY.SIZE[1] 3');
  t.equal(raw(zeros, 'BINARY[TEXT]<1>'), 'BINARY[TEXT]<1> ~{2}\r\n\0b');
  t.equal(raw(zeros, 'BODY[]<5.0>'), 'BODY[]<5> ""');
  t.equal(raw(zeros, 'BODY[]<100>'), 'BODY[]<100> ""');
  t.end();
});

t.test('a preview is the beginning of what a reader would read', (t) => {
  const preview = (...lines: readonly string[]) => {
    const value = answered(parseStored(Buffer.from(`${lines.join('\r\n')}\r\n`)), 'PREVIEW').value;
    return bytesOf(value)?.toString();
  };
  const html = 'Content-Type: text/html; charset=utf-8';
  t.equal(preview('', 'one', '', '  two\tthree'), 'one two three');
  t.equal(
    preview(html, '', '<html><head><title>no</title></head><body><p>a &amp; b</p><!-- no --><b>c</b>'),
    'a & b c',
  );
  t.equal(preview(html, '', '<style>p{}</style><script>if (a<b) x()</script>é'), 'é');
  t.equal(preview(html, '', '<p unclosed'), '');
  t.equal(
    preview('Content-Transfer-Encoding: quoted-printable', 'Content-Type: text/plain; charset=utf-8', '', '=C3=A9'),
    'é',
  );
  t.equal(preview('Content-Type: text/plain; charset=no-such', '', 'abc'), 'abc');
  t.equal(preview('Content-Type: image/png', '', 'abc'), '');
  const long = preview('Content-Type: text/plain; charset=utf-8', '', '€'.repeat(60_000));
  t.equal(long, '€'.repeat(200), 'characters are counted, not octets');
  t.end();
});

t.test('hostile messages are answered within bounds', (t) => {
  const lines = (count: number, line: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => line(at)).join('');
  const many = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
  const hostile: Record<string, string> = {
    nothing: '',
    'many parts': `${many}${lines(30_000, () => '--b\r\n\r\n')}`,
    'many nested multiparts': lines(2000, (at) => `Content-Type: multipart/mixed; boundary=${at}\r\n\r\n--${at}\r\n`),
    'many nested messages': lines(2000, () => 'Content-Type: message/rfc822\r\n\r\n'),
    'many fields': lines(50_000, (at) => `X-${at}: y\r\n`),
    'many addresses': `From: ${'a@b,'.repeat(100_000)}\r\n\r\n`,
    'many groups': `To: ${'g:;'.repeat(100_000)}\r\n\r\n`,
    'many parameters': `Content-Type: text/plain${';a=b'.repeat(100_000)}\r\n\r\n`,
    'open comments': `From: ${'('.repeat(100_000)}\r\nContent-Type: ${'('.repeat(100_000)}\r\n\r\n`,
    'open quotes': `From: "${'\\"'.repeat(50_000)}\r\nContent-Type: text/plain; a="${'\\'.repeat(50_001)}\r\n\r\n`,
    blanks: `Content-Type: multipart/mixed; boundary="b${' '.repeat(60_000)}x"\r\nFrom:${' '.repeat(100_000)}x\r\n\r\n`,
    'strange blanks': 'Content-Type: text/\x0b\xa0plain\r\nContent-Language: \x0c,\x0c\r\n\r\n',
    'almost delimiters': `${many}--b\r\n\r\n${`--${'b'.repeat(70)}\r\n`.repeat(20_000)}`,
    'only a delimiter': '--b',
    'carriage returns': '\r'.repeat(50_000),
    zeros: `Subject: ${'\0'.repeat(1000)}\r\nContent-Type: text/\0plain\r\n\r\n${'\0'.repeat(1000)}`,
    'open markup': `Content-Type: text/html\r\n\r\n${'<style><!--<'.repeat(10_000)}`,
    'one line': 'x'.repeat(300_000),
  };
  for (const [name, text] of Object.entries(hostile)) {
    const bytes = Buffer.from(text, 'latin1');
    t.doesNotThrow(() => agree(bytes, [100_000, 1]), name);
    const message = parseStored(bytes);
    for (const item of ['ENVELOPE', 'BODYSTRUCTURE', 'PREVIEW']) {
      const { length } = answerItem(message, itemOf(item));
      t.ok(length < 12 * bytes.length + 1000, `${name}: ${item} has ${length} octets`);
    }
  }
  const parts = described(answered(parseStored(Buffer.from(hostile['many parts'] ?? '')), 'BODYSTRUCTURE').value, '');
  t.equal(parts.length, 9999);
  t.end();
});

t.test('structure follows the numbers of RFC 9051', (t) => {
  const inner = fetchMails['a multipart in a message'] ?? Buffer.alloc(0);
  const message = parseStored(inner);
  const paths = described(answered(message, 'BODYSTRUCTURE').value, '').map(({ path }) => path);
  t.same(paths, ['1', '2', '2.1', '2.2']);
  t.same(values(inner, 'BODY[2.1]', 'BODY[2.2.MIME]', 'BODY[2.HEADER.FIELDS (Subject)]'), [
    '"plain of the pair"',
    JSON.stringify('Content-Type: text/html; charset=utf-8\r\nContent-ID: <html@example.net>\r\n\r\n'),
    JSON.stringify('Subject: inner pair\r\n\r\n'),
  ]);
  const group = fetchMails['a group'] ?? Buffer.alloc(0);
  t.match(
    values(group, 'ENVELOPE')[0],
    /\(\(NIL NIL "Friends" NIL\) \(NIL NIL "a" "x\.example"\) \("B" NIL "b" "x\.example"\) \(NIL NIL NIL NIL\) \(NIL NIL "c" "x\.example"\)\)/,
  );
  t.end();
});

const settings: NoticeSettings = {
  from: 'Mail Security <postmaster@example.org>',
  subject: 'Malware Detected',
  message: 'A mail to you was held back.\n\nNothing is lost: ask for it below.',
  linkText: 'Open the quarantine',
  learnMoreUrl: 'https://intranet.example.org/mail?a=1&b=2',
  validDays: 7,
  releaseRequestAddress: 'security@example.org',
};

const facts: NoticeFacts = {
  id: 'abcdefghijklmnopqrstuvwxyz',
  recipient: 'anna@example.org',
  mailFrom: 'bob@example.net',
  from: 'Bob <bob@example.net>',
  subject: 'Your invoice',
  receivedAt: Date.UTC(2026, 2, 1, 14, 5, 9),
  threat: 'EICAR-Test-File',
  threatLevel: 10,
  findings: [],
  omitted: 3,
  link: 'https://quarantine.example.org/q/token',
};

/** Notices of several settings, which is what the gate answers from. */
async function notices(): Promise<Record<string, Buffer>> {
  const word = 'Größe 東京 🎉 ';
  const made: Record<string, readonly [Partial<NoticeSettings>, Partial<NoticeFacts>]> = {
    'a notice': [{}, {}],
    'a notice with foreign words': [
      { subject: `${word}!`, message: word.repeat(40) },
      { subject: word, from: word },
    ],
    'a bare notice': [
      { message: '', learnMoreUrl: '', linkText: '' },
      { link: undefined, subject: undefined, mailFrom: '' },
    ],
  };
  const mails: Record<string, Buffer> = {};
  for (const [name, [changes, more]] of Object.entries(made)) {
    mails[name] = (await renderNotice({ ...settings, ...changes }, { ...facts, ...more })).eml;
  }
  return mails;
}

/** Every form of every item, for parts that are there and parts that are not. */
function everyForm(): string[] {
  const forms = ['RFC822.SIZE', 'ENVELOPE', 'BODYSTRUCTURE', 'BODY', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT'];
  for (const words of ['', 'HEADER', 'TEXT', 'HEADER.FIELDS (SUBJECT FROM)', 'HEADER.FIELDS.NOT (SUBJECT FROM)']) {
    forms.push(`BODY[${words}]`, `BODY[${words}]<0.5>`, `BODY[${words}]<3.7>`, `BODY[${words}]<100000.5>`);
  }
  forms.push('BINARY[]', 'BINARY.SIZE[]', 'BODY[]<9>', 'BODY[]<100000>', 'BODY[TEXT]<2.0>');
  forms.push('BINARY[HEADER]', 'BINARY[TEXT]', 'BINARY[TEXT]<1>', 'BINARY[2.TEXT]', 'BINARY[1.MIME]');
  for (const part of ['1', '2', '3', '1.1', '1.2', '2.1', '2.2', '1.1.1', '2.1.1', '2.2.1', '2.2.2', '7']) {
    for (const word of ['', '.MIME', '.HEADER', '.TEXT', '.HEADER.FIELDS (SUBJECT)', '.HEADER.FIELDS.NOT (SUBJECT)']) {
      forms.push(`BODY[${part}${word}]`);
    }
    forms.push(`BODY[${part}]<1.4>`, `BINARY[${part}]`, `BINARY[${part}]<1.4>`, `BINARY.SIZE[${part}]`);
  }
  return forms;
}

t.test('Dovecot answers the same', { skip: skipWithout(...dovecotPrograms) }, async (t) => {
  const dovecot = await Dovecot.start();
  t.teardown(() => dovecot.stop());
  const client = await ImapClient.login(dovecot.port, dovecot.user('anna'), dovecot.password);
  t.teardown(() => client.logout());
  const usual = [...cleanMails(40), ...maliciousMails()].map(({ id, mail }) => [id, mail] as const);
  const mails = { ...(await notices()), ...fetchMails, ...oddMails, ...Object.fromEntries(usual) };
  for (const mail of Object.values(mails)) await client.ok('APPEND INBOX ', { literal: mail });
  await client.ok('SELECT INBOX');
  const met = new Set<string>();
  for (const [index, [name, mail]] of Object.entries(mails).entries()) {
    // Dovecot gives every line the end that RFC 5322 §2.1 wants.
    const message = parseStored(Buffer.from(mail.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'), 'latin1'));
    const unexplained: string[] = [];
    for (const form of everyForm()) {
      const answer = await client.command(`FETCH ${index + 1} (${form.replace(/^(BODY|BINARY)\[/, '$1.PEEK[')})`);
      const response = answer.untagged.find((candidate) => candidate.name === 'FETCH');
      const their = response === undefined ? undefined : [...fetchItemsOf(response)].find(([key]) => key !== 'FLAGS');
      const our = answered(message, form);
      const theirs = their === undefined || answer.status !== 'OK' ? answer.status : plainValue(their[1]);
      const ours = plainValue(our.value);
      if (ours === theirs && their?.[0] === our.name) continue;
      const why = explained({ mail: name, form, ours, theirs, message });
      if (why === undefined) unexplained.push(`${form}: ${ours.slice(0, 300)} / ${theirs.slice(0, 300)}`);
      else met.add(why);
    }
    t.same(unexplained, [], name);
  }
  t.same(
    differences.map(({ why }) => why).filter((why) => !met.has(why)),
    [],
    'each difference is still one',
  );
});

async function startGate(t: Test, upstreamPort: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-notice-'));
  const upstream = `{ host: 127.0.0.1, port: ${upstreamPort} }`;
  const file = join(folder, 'sluice.yaml');
  writeFileSync(
    file,
    `hostname: gate.example.org\nimap:\n  listeners:\n    - { name: it, listen: 127.0.0.1:0, upstream: ${upstream} }\n`,
  );
  const log = createLog({ level: 'error', addresses: 'none', file: undefined }, { write: () => {} });
  const daemon = await Daemon.start(file, { log });
  t.teardown(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return daemon.ports.get('it') ?? 0;
}

/** All that an answer says of the one message, by item. */
function itemsIn(answer: ImapAnswer): Map<string, string> {
  const responses = answer.untagged.filter(({ name }) => name === 'FETCH');
  return new Map(
    responses.flatMap((response) => [...fetchItemsOf(response)].map(([k, v]) => [k, plainValue(v)] as const)),
  );
}

t.test(
  'a withheld message is answered as if the notice lay there',
  { skip: skipWithout(...dovecotPrograms) },
  async (t) => {
    const dovecot = await Dovecot.start();
    t.teardown(() => dovecot.stop());
    const port = await startGate(t, dovecot.port);
    const [bad, plain] = [dovecot.user('withheld'), dovecot.user('plain')];
    dovecot.putMaildir(bad, [eicarMail()]);
    const through = await ImapClient.login(port, bad, dovecot.password);
    await through.ok('SELECT INBOX');
    const [first] = (await through.ok('FETCH 1 BODY.PEEK[]')).untagged;
    const notice = first === undefined ? undefined : bytesOf(fetchItemsOf(first).get('BODY[]'));
    t.match(notice?.toString(), /^To: "undisclosed-recipients":;\r$[\s\S]*^Reference: [a-z2-7]{26}\r$/m);
    dovecot.putMaildir(plain, [notice ?? Buffer.alloc(0)]);
    const direct = await ImapClient.login(dovecot.port, plain, dovecot.password);
    await direct.ok('SELECT INBOX');
    const message = parseStored(notice ?? Buffer.alloc(0));
    for (const form of fetchForms()) {
      for (const command of [`FETCH 1 ${form}`, `UID FETCH 1 ${form}`]) {
        const answers = [await through.command(command), await direct.command(command)] as const;
        const [ours, theirs] = answers.map(itemsIn) as [Map<string, string>, Map<string, string>];
        const unlike = [...new Set([...ours.keys(), ...theirs.keys()])].filter((item) => {
          const [our, their] = [ours.get(item) ?? 'absent', theirs.get(item) ?? 'absent'];
          const compared = { mail: 'a notice', form: item, ours: our, theirs: their, message };
          return our !== their && item !== 'MODSEQ' && item !== 'SAVEDATE' && explained(compared) === undefined;
        });
        t.same([answers[0].status, unlike], [answers[1].status, []], command);
      }
    }
    through.destroy();
    direct.destroy();
  },
);
