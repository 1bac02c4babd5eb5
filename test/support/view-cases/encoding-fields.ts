/** Content-Transfer-Encoding in every disguise: repeated, listed, quoted, misnamed, hidden. */
import { attachment, base64, latin, lines64, multipart, n, quoted, type ViewCase, withEncoding } from './mail.js';

const name = 'Content-Transfer-Encoding';
const repeated = [
  ['base64', 'quoted-printable'],
  ['quoted-printable', 'base64'],
  ['base64', '7bit'],
  ['7bit', 'base64'],
  ['8bit', 'base64'],
  ['base64', 'x-unknown'],
  ['x-unknown', 'base64'],
  ['base64', 'base64', '7bit'],
  ['7bit', '7bit', 'base64'],
  ['', 'base64'],
  ['base64', ''],
];

const encodingValues = [
  'base64, quoted-printable',
  'quoted-printable, base64',
  'base64; quoted-printable',
  'quoted-printable; base64',
  'base64 quoted-printable',
  '7bit, base64',
  'base64;',
  'base64,',
  ';base64',
  `${' '.repeat(2000)}base64`,
  '"base64"',
  '"base64',
  "'base64'",
  'base64 (comment)',
  '(comment) base64',
  'base(comment)64',
  '(base64)',
  'base64 (a(b)c',
  `(comment${n} folded) base64`,
  'base\\64',
  '\\base64',
  '"ba\\se64"',
  '=?us-ascii?Q?base64?=',
  '=?utf-8?B?YmFzZTY0?=',
  'BaSe64',
  'xbase64',
  'x-base64',
  'base64x',
  'base645',
  'base6',
  'base',
  'b',
  'b64',
  'base64/',
  'base 64',
  'base64\0',
  '\0base64',
  'base64\0x',
  'base64\x0b',
  '\xefbase64',
  '<base64>',
  'base64=',
  'encoding=base64',
  'base-64',
  'uuencode, base64',
];

const encodingFieldsHidden = [
  ` ${name}: base64`,
  `\t${name}: base64`,
  `\0${name}: base64`,
  `${name} : base64`,
  `${name}\t: base64`,
  `${name}\0: base64`,
  `${name}:: base64`,
  `${name}: : base64`,
  `${name} base64`,
  `${name}=base64`,
  `${name}; base64`,
  `Content-Transfer-Encoding(comment): base64`,
  `Content-(comment)Transfer-Encoding: base64`,
  `Content-Transfer\0-Encoding: base64`,
  `Content- Transfer-Encoding: base64`,
  `\xff${name}: base64`,
  `\xef\xbb\xbf${name}: base64`,
  `x${name}: base64`,
  `"${name}": base64`,
  `${name.toUpperCase()}: base64`,
  `${name}:${n} base64`,
  `${name}:${n}\tbase64`,
  `${name}:${n} ${n} base64`,
  `${name}:${n}  ${n}\t${n} base64`,
  `${name}:\r base64`,
  `${name}:\n base64`,
  `${name}:\rbase64`,
  `${name}${n} : base64`,
  `${name}${n}: base64`,
  `${name}:base64`,
  `X-Foo: bar\r${name}: base64`,
  `X-Foo: bar\n${name}: base64`,
  `X-Foo: bar\n\r${name}: base64`,
  `X-Foo: bar\r\r\n${name}: base64`,
  `X-Foo: bar\r\n\n${name}: base64`,
  `X-Foo: bar\x0b${name}: base64`,
  `X-Foo: bar\x0c${name}: base64`,
  `X-Foo: bar\0${name}: base64`,
  `X-Foo: bar\rx${name}: base64`,
  `X-Foo: bar${n} ${name}: base64`,
  `DKIM-Signature: bar${n} ${name}: base64`,
  `no colon here${n}${name}: base64`,
  `\x01\x02${n}${name}: base64`,
  `__proto__: x${n}constructor: y${n}toString: z${n}1: 2${n}${name}: base64`,
  `X-Long: ${'x'.repeat(1200)}${n}${name}: base64`,
  `X-Long: ${'x'.repeat(70_000)}${n}${name}: base64`,
  `X-Long: ${'x'.repeat(70_000)}${name}: base64`,
  `X-Long: ${'x'.repeat(990)} ${name}: base64`,
  `X-Nul: \0${n}${name}: base64`,
];

export function* encodingFields(): Generator<ViewCase> {
  for (const values of repeated) {
    const fields = values.map((value) => `${name}: ${value}${n}`).join('');
    yield latin(`A01 ${values.join(' then ')}`, withEncoding(fields));
    yield latin(
      `A01 ${values.join(' then ')}, quoted`,
      withEncoding(fields.replaceAll('base64', 'QUOTED-printable'), quoted),
    );
  }
  for (const value of encodingValues)
    yield latin(`A02 ${JSON.stringify(value.slice(-40))}`, withEncoding(`${name}: ${value}${n}`));
  for (const value of [
    'q',
    'qu',
    'quoted',
    'quoted_printable',
    'x-quoted-printable',
    'quoted-printable;',
    '"quoted-printable"',
  ]) {
    yield latin(`A02 ${value}`, withEncoding(`${name}: ${value}${n}`, quoted));
  }
  for (const field of encodingFieldsHidden)
    yield latin(
      `A03 A04 A08-A13 ${JSON.stringify(field.slice(0, 30))}…${JSON.stringify(field.slice(-40))}`,
      withEncoding(`${field}${n}`),
    );
  yield latin(
    'A03 only in the parent',
    multipart({
      type: `Content-Type: multipart/mixed; boundary=bound${n}${base64}`,
      part: `${attachment}${n}${lines64}${n}`,
    }),
  );
}
