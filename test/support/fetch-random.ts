/** Random messages: well-formed trees of parts, and scraps of mail syntax in any order. */
import fc from 'fast-check';

const line = fc.oneof(
  fc.constantFrom('', 'text', '--', '--x', '-- ', '.', 'From me', 'Subject: in the body'),
  fc.string({ maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ' ')),
);
const content = fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\r\n'));
const fields = fc
  .uniqueArray(
    fc.constantFrom(
      'Subject: one\r\n two',
      'From: A <a@example.net>',
      'To: b@example.org, Group: c@example.org;',
      'Date: Mon, 02 Feb 2026 10:00:00 +0100',
      'Content-Disposition: attachment; filename="x \\" y"',
      'Content-Language: en',
      'Content-Description: \xe9',
    ),
  )
  .map((chosen) => chosen.map((field) => `${field}\r\n`).join(''));

const leaf = fc
  .tuple(fields, fc.constantFrom('text/plain', 'text/html; charset=utf-8', 'image/png', ''), content)
  .map(([head, type, body]) => `${type === '' ? '' : `Content-Type: ${type}\r\n`}${head}\r\n${body}`);

const encodedLeaf = fc.tuple(fields, fc.uint8Array({ maxLength: 60 })).map(([head, octets]) => {
  const body = Buffer.from(octets).toString('base64');
  return `Content-Type: application/x-any\r\nContent-Transfer-Encoding: base64\r\n${head}\r\n${body}`;
});

const { entity } = fc.letrec<{ entity: string }>((tie) => ({
  entity: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    encodedLeaf,
    fc.tuple(fields, tie('entity')).map(([head, inner]) => `Content-Type: message/rfc822\r\n${head}\r\n${inner}`),
    fc
      .tuple(fields, fc.array(tie('entity'), { maxLength: 4 }), fc.nat(1_000_000), fc.boolean())
      .map(([head, parts, number, closed]) => {
        const boundary = `=_${number}_${parts.length}`;
        const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
        return `Content-Type: multipart/mixed; boundary="${boundary}"\r\n${head}\r\n${body}${closed ? `--${boundary}--` : ''}\r\n`;
      }),
  ),
}));

/** Well-formed but for what the chosen lines happen to be. */
export const mailTree = entity.map((text) => Buffer.from(text, 'latin1'));

const scrap = fc.constantFrom(
  '\r\n',
  '\n',
  '\r',
  '--b',
  '--',
  '--c\r\n',
  '--b\r\n',
  '--b--\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  'Subject: x\r\n',
  'From: a@b, "c" <d@e>\r\n',
  'To: g: a@b, (c) d;\r\n',
  'content-type: multipart/mixed; boundary=b\r\n\r\n',
  'Content-Type: multipart/digest; boundary="c"\r\n\r\n',
  'Content-Type: message/rfc822\r\n\r\n',
  'Content-Type: text/plain; charset=',
  'Content-Transfer-Encoding: base64\r\n',
  'Content-Transfer-Encoding: quoted-printable\r\n',
  'YWJj',
  '=41=\r\n',
  '"',
  '(',
  '\\',
  '<',
  '\0',
  '\xff',
  'word',
);

export const mailSoup = fc.array(scrap, { maxLength: 40 }).map((scraps) => Buffer.from(scraps.join(''), 'latin1'));
