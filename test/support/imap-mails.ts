/**
 * Mails for mailboxes: clean ones of many shapes, and such as the gate must withhold together with the octets of which
 * no client may see a run. What is in them says nothing of how the product reads.
 */
import { octetsOf, payloadOf, quoted, uuencoded } from './ambiguous-payload.js';
import { honestMails } from './honest-mail.js';
import { base64Lines, buildMail, dotMail, eicar, everyOctetMail, longLineMail } from './mail.js';

export interface MailboxMail {
  readonly id: string;
  readonly mail: Buffer;
  /** of a mail that is to be withheld: its payload, and each line in which it is encoded; empty for a clean one */
  readonly secrets: readonly Buffer[];
}

const envelope = (subject: string) =>
  [
    'Return-Path: <ann@client.example>',
    'From: Ann Example <ann@client.example>',
    'To: Bob <bob@example.org>, "Q \\"uoted\\"" <quoted@example.org>',
    'Cc: Friends: carl@example.org, dora@example.org;',
    `Subject: ${subject}`,
    'Date: Mon, 02 Feb 2026 10:00:00 +0000',
    `Message-ID: <${subject.replace(/\W+/g, '.')}@client.example>`,
    'In-Reply-To: <an.earlier.one@client.example>',
    'MIME-Version: 1.0',
    '',
  ].join('\r\n');

const text = 'Content-Type: text/plain; charset=us-ascii\r\n\r\nHello Bob, here it is.\r\n';
const html =
  'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Gr=C3=BC=C3=9Fe</p>\r\n';

function multipart(boundary: string, parts: readonly string[], subtype = 'mixed', around: [string, string] = ['', '']) {
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
  return `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${around[0]}${body}--${boundary}--\r\n${around[1]}`;
}

function file(name: string, encoding: string, body: string): string {
  return `Content-Type: application/octet-stream; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\n${encoding}\r\n${body}\r\n`;
}

const encoded = 'Content-Transfer-Encoding: base64\r\n';

function of(id: string, entity: string): MailboxMail {
  return { id, mail: Buffer.from(envelope(id) + entity, 'latin1'), secrets: [] };
}

function deep(levels: number): string {
  let entity = text;
  for (let level = 0; level < levels; level += 1) entity = multipart(`=_level_${level}`, [text, entity]);
  return entity;
}

function forwarded(levels: number): string {
  let entity = multipart('=_inner', [text, file('notes.bin', encoded, base64Lines(octetsOf('notes', 900)))]);
  for (let level = 0; level < levels; level += 1) {
    const message = `Content-Type: message/rfc822\r\n\r\n${envelope(`Forwarded ${level}`)}${entity}`;
    entity = multipart(`=_forward_${level}`, [text, message]);
  }
  return entity;
}

/** Shapes at the edges of what servers make structures of. */
function edges(): MailboxMail[] {
  const digestMail = `\r\n${envelope('in a digest')}Content-Type: text/plain\r\n\r\nOne.\r\n`;
  const raw = (id: string, mail: Buffer): MailboxMail => ({ id, mail, secrets: [] });
  return [
    of('only a header', '\r\n'),
    of('no body at all', ''),
    raw('no header', Buffer.from('\r\nonly text\r\n')),
    raw('one octet', Buffer.from('x')),
    raw('every octet', everyOctetMail()),
    raw('lines of dots', dotMail()),
    raw('lines of 1,000 octets', longLineMail()),
    raw('no final line end', buildMail({ text: 'without an end' })),
    raw('lines that end with LF', Buffer.from(buildMail({ text: 'a\r\nb\r\n' }).toString('latin1').replace(/\r/g, ''))),
    of('eight levels', deep(8)),
    of('a mail in a mail in a mail', forwarded(3)),
    of('a digest', multipart('=_digest', [digestMail, digestMail], 'digest')),
    of('alternatives', multipart('=_alternative', [text, html], 'alternative')),
    of('parts without anything', multipart('=_empty', ['\r\n', '\r\n', text])),
    of('words around the parts', multipart('=_around', [text, html], 'mixed', ['Before.\r\n', 'After.\r\n'])),
    of('a part that is all of it', file('all.bin', encoded, base64Lines(octetsOf('all', 2500)))),
    of('an empty file', multipart('=_file', [text, file('empty.bin', encoded, '')])),
    of('a name in another language', multipart('=_name', [text, file('=?utf-8?B?w6QudHh0?=', encoded, 'QUJD')])),
    of('a long header', `X-Long: ${'word '.repeat(5000)}\r\n${text}`),
    of(
      'many fields',
      `${Array.from({ length: 300 }, (_, number) => `X-Field-${number}: ${number}`).join('\r\n')}\r\n${text}`,
    ),
    of(
      'a large file',
      multipart('=_large', [text, file('large.bin', encoded, base64Lines(octetsOf('large', 200_000)))]),
    ),
    of('a long text', `Content-Type: text/plain\r\n\r\n${'All work and no play.\r\n'.repeat(8000)}`),
  ];
}

/** Every mail has its own digest, so that what is known of one says nothing of another. */
export function cleanMails(count: number): MailboxMail[] {
  const honest = honestMails();
  const step = Math.max(1, Math.floor(honest.length / Math.max(1, count - 22)));
  const some = honest.filter((_, number) => number % step === 0).map(({ id, mail }) => ({ id, mail, secrets: [] }));
  return [...edges(), ...some].slice(0, count);
}

const head = Buffer.from(payloadOf('a program', 'pe').subarray(0, 0x88));

interface Payload {
  readonly octets: Buffer;
  /** what of it no other mail holds */
  readonly secret: Buffer;
}

function program(seed: string, bytes: number): Payload {
  const secret = octetsOf(`payload ${seed}`, bytes);
  return { octets: Buffer.concat([head, secret]), secret };
}

interface Encoding {
  readonly name: string;
  readonly field: string;
  readonly encode: (octets: Buffer) => string;
}

const encodings: readonly Encoding[] = [
  { name: 'base64', field: encoded, encode: (octets) => base64Lines(octets) },
  { name: 'long lines of base64', field: encoded, encode: (octets) => `${octets.toString('base64')}\r\n` },
  {
    name: 'quoted-printable',
    field: 'Content-Transfer-Encoding: quoted-printable\r\n',
    encode: (octets) => quoted(octets),
  },
  { name: 'uuencode', field: '', encode: (octets) => uuencoded(octets) },
];

/** Pieces of an encoded body that hold octets of a secret: what encodes the head that programs have in common is none. */
function linesOf(body: string, encode: Encoding['encode']): Buffer[] {
  return body
    .slice(encode(head).length + 100)
    .split('\r\n')
    .filter((line) => line.length >= 16)
    .map((line) => Buffer.from(line, 'latin1'));
}

const wrappings: Readonly<Record<string, (part: string) => string>> = {
  'as an attachment': (part) => multipart('=_mixed', [text, part]),
  'as the first part': (part) => multipart('=_mixed', [part, text]),
  'as all of the mail': (part) => part,
  'three levels down': (part) =>
    multipart('=_a', [text, multipart('=_b', [html, multipart('=_c', [text, part], 'related')], 'alternative')]),
  'in a forwarded mail': (part) =>
    multipart('=_mixed', [
      text,
      `Content-Type: message/rfc822\r\n\r\n${envelope('inner')}${multipart('=_in', [text, part])}`,
    ]),
  'between clean files': (part) =>
    multipart('=_mixed', [
      text,
      file('a.bin', encoded, base64Lines(octetsOf('a', 700))),
      part,
      file('b.bin', encoded, base64Lines(octetsOf('b', 700))),
    ]),
};

function eicarMails(): MailboxMail[] {
  const lines = base64Lines(eicar);
  const secrets = [eicar, ...lines.split('\r\n').map((line) => Buffer.from(line))];
  return Object.entries(wrappings).map(([place, wrap]) => {
    const { id, mail } = of(`eicar ${place}`, wrap(file('eicar.com', encoded, lines)));
    return { id, mail, secrets };
  });
}

function programMails(): MailboxMail[] {
  return encodings.flatMap(({ name, field, encode }) =>
    Object.entries(wrappings).map(([place, wrap], number) => {
      const id = `a program in ${name} ${place}`;
      const { octets, secret } = program(id, 1500 + number * 700);
      const body = encode(octets);
      return {
        id,
        mail: of(id, wrap(file('update.exe', field, body))).mail,
        secrets: [secret, ...linesOf(body, encode)],
      };
    }),
  );
}

/** Mails that the gate blocks as it comes out of the box. The first few differ most. */
export function maliciousMails(): MailboxMail[] {
  const large = program('large', 300_000);
  const body = base64Lines(large.octets);
  const entity = multipart('=_mixed', [text, file('setup.exe', encoded, body)]);
  const lines = programMails();
  const [first] = lines;
  const bare: MailboxMail[] =
    first === undefined
      ? []
      : [
          {
            ...first,
            id: 'lines that end with LF',
            mail: Buffer.from(first.mail.toString('latin1').replace(/\r/g, ''), 'latin1'),
          },
        ];
  return [
    ...eicarMails(),
    {
      id: 'a large program',
      mail: of('a large program', entity).mail,
      secrets: [large.secret, ...linesOf(body, base64Lines)],
    },
    ...bare,
    ...lines,
  ];
}
