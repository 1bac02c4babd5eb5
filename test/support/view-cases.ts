/**
 * Mails in which the place, the boundary or the encoding of one attachment is told in a way that readers take
 * differently. Each holds the same payload, so that finding it needs no knowledge of the trick.
 */
export interface ViewCase {
  readonly name: string;
  readonly mail: Buffer;
  readonly payload: Buffer;
}

/** bytes that no text has, and of a length that ends inside a base64 group */
export const payload = Buffer.from(Array.from({ length: 301 }, (_, index) => (index * 89 + (index >> 3)) & 255));
export const textPayload = Buffer.from(
  'X-lines that are sent as they are\r\n=?second? line, with = and - and more\r\nthe end',
);

const n = '\r\n';
export const lines64 = (payload.toString('base64').match(/.{1,76}/g) ?? []).join(n);
const quoted = [...payload]
  .map((byte, index) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}${index % 24 === 23 ? `=${n}` : ''}`)
  .join('');
const top = `From: a@b.example${n}To: c@d.example${n}Subject: test${n}MIME-Version: 1.0${n}`;
const attachment = `Content-Type: application/octet-stream; name="a.bin"${n}`;
const base64 = `Content-Transfer-Encoding: base64${n}`;
const text = `Content-Type: text/plain${n}${n}hello${n}`;
const b64Part = `${attachment}${base64}${n}${lines64}${n}`;

function latin(name: string, mail: string, expected = payload): ViewCase {
  return { name, mail: Buffer.from(mail, 'latin1'), payload: expected };
}

/** A multipart whose declaration, delimiters or parts are as given. */
function multipart(given: {
  type?: string;
  open?: string;
  middle?: string;
  close?: string;
  part?: string;
  preamble?: string;
  epilogue?: string;
}): string {
  const type = given.type ?? `Content-Type: multipart/mixed; boundary="bound"${n}`;
  const open = given.open ?? `--bound${n}`;
  const middle = given.middle ?? open;
  const close = given.close ?? `--bound--${n}`;
  const preamble = given.preamble ?? `preamble${n}`;
  const part = given.part ?? b64Part;
  return `${top}${type}${n}${preamble}${open}${text}${middle}${part}${close}${given.epilogue ?? ''}`;
}

function withEncoding(field: string, body = lines64): string {
  return multipart({ part: `${attachment}${field}${n}${body}${n}` });
}

function* encodingFields(): Generator<ViewCase> {
  const name = 'Content-Transfer-Encoding';
  const duplicates = [
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
  for (const values of duplicates) {
    const fields = values.map((value) => `${name}: ${value}${n}`).join('');
    yield latin(`A01 ${values.join(' then ')}`, withEncoding(fields));
    yield latin(
      `A01 ${values.join(' then ')}, quoted`,
      withEncoding(fields.replaceAll('base64', 'QUOTED-printable'), quoted),
    );
  }
  const values = [
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
  for (const value of values)
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
  const names = [
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
  for (const field of names)
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

function* containers(): Generator<ViewCase> {
  const inner = `--bound${n}${text}--bound${n}${b64Part}--bound--${n}`;
  const message = `Subject: inner${n}MIME-Version: 1.0${n}${b64Part}`;
  const wrap = (what: string) =>
    (
      Buffer.from(what, 'latin1')
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    ).join(n);
  const quote = (what: string) => what.replaceAll('=', '=3D').replaceAll('\r\n', '=0D=0A=\r\n');
  const q = `Content-Transfer-Encoding: quoted-printable${n}`;
  const type = `Content-Type: multipart/mixed; boundary=bound${n}`;
  yield latin('A05 base64 multipart', `${top}${type}${base64}${n}${wrap(inner)}${n}`);
  yield latin('A05 quoted multipart', `${top}${type}${q}${n}${quote(inner)}${n}`);
  yield latin('A05 base64 multipart, raw inside', `${top}${type}${base64}${n}${inner}`);
  yield latin('A05 quoted multipart, raw inside', `${top}${type}${q}${n}${inner}`);
  for (const media of ['message/rfc822', 'message/global', 'message/news', 'application/octet-stream', 'text/plain']) {
    yield latin(`A05 A60 ${media} in base64`, `${top}Content-Type: ${media}${n}${base64}${n}${wrap(message)}${n}`);
    yield latin(`A05 A60 ${media} quoted`, `${top}Content-Type: ${media}${n}${q}${n}${quote(message)}${n}`);
    yield latin(`A60 ${media} as it is`, `${top}Content-Type: ${media}${n}${n}${message}`);
    yield latin(`A60 ${media} in a part`, multipart({ part: `Content-Type: ${media}${n}${n}${message}` }));
  }
  yield latin(
    'A31 digest',
    multipart({ type: `Content-Type: multipart/digest; boundary=bound${n}`, part: `${n}${message}` }),
  );
}

function* typeFields(): Generator<ViewCase> {
  const good = 'multipart/mixed; boundary="bound"';
  const pairs = [
    [good, 'text/plain'],
    ['text/plain', good],
    [good, 'multipart/mixed; boundary=other'],
    ['multipart/mixed; boundary=other', good],
    ['application/octet-stream', good],
    [good, 'application/octet-stream'],
    ['text/plain;', `${good};`],
    [`${good};`, 'text/plain;'],
    ['', good],
    [good, ''],
    ['multipart/mixed', good],
    [good, 'multipart/mixed'],
    ['multipart/mixed', '; boundary=bound'],
  ];
  for (const [first, last] of pairs) {
    const type = `Content-Type: ${first}${n}Content-Type: ${last}${n}`;
    yield latin(`A06 ${first} then ${last}`, multipart({ type }));
    const body = `${top}Content-Type: ${first}${n}Content-Type: ${last}${n}${base64}${n}${lines64}${n}`;
    yield latin(`A06 ${first} then ${last}, no parts`, body);
  }
  const values = [
    `\0${good}`,
    `multi\0part/mixed; boundary=bound`,
    `${good}\0`,
    `multipart/mixed\0; boundary=bound`,
    'MuLtIpArT/mIxEd; BoUnDaRy=bound',
    'multipart / mixed; boundary=bound',
    'multi part/mixed; boundary=bound',
    '"multipart/mixed"; boundary=bound',
    '"multipart/mixed; boundary=bound"',
    '=?us-ascii?Q?multipart/mixed=3B_boundary=3Dbound?=',
    '=?us-ascii?Q?multipart/mixed?=; boundary=bound',
    'multipart; boundary=bound',
    'multipart/; boundary=bound',
    'multipartx; boundary=bound',
    'multipart/mixed/x; boundary=bound',
    'x-multipart/mixed; boundary=bound',
    'xmultipart/mixed; boundary=bound',
    '/multipart/mixed; boundary=bound',
    ', multipart/mixed; boundary=bound',
    '; multipart/mixed; boundary=bound',
    '; boundary=bound',
    'boundary=bound',
    'foo/bar; boundary=bound',
    'text/plain; boundary=bound',
    'application/octet-stream; boundary=bound',
    'multipart/mixed (comment); boundary=bound',
    '(comment) multipart/mixed; boundary=bound',
    'multi(comment)part/mixed; boundary=bound',
    'multipart/mixed boundary=bound',
    'multipart/mixed, boundary=bound',
    'multipart/mixed;; boundary=bound',
    'multipart\\/mixed; boundary=bound',
    `multipart/mixed;${n} boundary=bound`,
    `multipart/mixed;\r boundary=bound`,
    `multipart/mixed;\n boundary=bound`,
    `multipart/mixed;${n} ${n} boundary=bound`,
    `${n} multipart/mixed; boundary=bound`,
  ];
  for (const value of values)
    yield latin(`A07 ${JSON.stringify(value)}`, multipart({ type: `Content-Type: ${value}${n}` }));
  const field = `Content-Type: ${good}`;
  const fields = [
    ` ${field}`,
    `\0${field}`,
    `\xff\xfe${field}`,
    `\xef\xbb\xbf${field}`,
    `\x80\x81${field}`,
    `+AEM-ontent-Type: ${good}`,
    [...field].map((char) => `${char}\0`).join(''),
    [...field].map((char) => `\0${char}`).join(''),
    `Content-Type : ${good}`,
    `Content-Type\0: ${good}`,
    `Content-Type:: ${good}`,
    `Content-Type ${good}`,
    `X-Foo: bar\r${field}`,
    `X-Foo: bar\n${field}`,
    `X-Foo: bar\n\r${field}`,
    `X-Foo: bar\r\r\n${field}`,
    `X-Foo: bar\r\n\n${field}`,
    `X-Foo: bar\x0b${field}`,
    `X-Foo: bar${n}\t${field}`,
    `Authentication-Results: bar${n}\t${field}`,
    `no colon${n}${field}`,
    `X-Long: ${'y'.repeat(70_000)}${n}${field}`,
    `MIME-Version: 2.0${n}${field}`,
  ];
  for (const one of fields)
    yield latin(`A08-A12 ${JSON.stringify(one.slice(0, 30))}…${one.slice(-12)}`, multipart({ type: `${one}${n}` }));
  const fronts = [
    `${n}`,
    `${n}${n}`,
    ` ${n}`,
    '\n',
    '\r',
    ` folded${n}`,
    `From a@b.example Sat Nov 21 10:00:00 2026${n}`,
    `>From a@b.example${n}`,
    `junk${n}`,
    '\xef\xbb\xbf',
    '\0',
  ];
  for (const front of fronts) yield latin(`A11 in front ${JSON.stringify(front)}`, front + multipart({}));
  yield latin('A11 no MIME-Version', multipart({}).replace(`MIME-Version: 1.0${n}`, ''));
  yield latin('A11 version twice', `MIME-Version: 1.0${n}${multipart({})}`);
  yield latin(
    'A11 fields first',
    multipart({})
      .replace(top, '')
      .replace(n + n, `${n}${top}${n}`),
  );
}

function* boundaries(): Generator<ViewCase> {
  /** parameters, and the boundary that the delimiters have */
  const cases: [string, string][] = [
    ['boundary=bound; boundary=other', 'bound'],
    ['boundary=other; boundary=bound', 'bound'],
    ['boundary="other"; boundary="bound"; boundary=third', 'bound'],
    ["boundary=other; boundary*=us-ascii''bound", 'bound'],
    ["boundary*=us-ascii''other; boundary=bound", 'bound'],
    ["boundary*=us-ascii''bound; boundary=other", 'bound'],
    ["boundary=bound; boundary*=us-ascii''other", 'bound'],
    ["boundary*=''bound", 'bound'],
    ['boundary*=bound', 'bound'],
    ["boundary*=us-ascii'en'b%6Fund", 'bound'],
    ["boundary*=us-ascii'en'b%6Fund", 'b%6Fund'],
    ['boundary*0=bo; boundary*1=und', 'bound'],
    ['boundary*1=und; boundary*0=bo', 'bound'],
    ['boundary*1=und; boundary*0=bo', 'undbo'],
    ["boundary*0*=us-ascii''bo; boundary*1=und", 'bound'],
    ["boundary*0*=us-ascii''b%6F; boundary*1*=und", 'bound'],
    ['boundary*0=bo; boundary*2=und', 'bound'],
    ['boundary*0=bo; boundary*2=und', 'bo'],
    ['boundary*1=bo; boundary*2=und', 'bound'],
    ['boundary*0=bound; boundary*0=other', 'bound'],
    ['boundary*0=other; boundary*0=bound', 'bound'],
    ['boundary=bo; boundary*1=und', 'bound'],
    ['boundary=bo; boundary*1=und', 'bo'],
    ['boundary*01=und; boundary*00=bo', 'bound'],
    ['boundary *=bound', 'bound'],
    ['boundary="bou,nd"', 'bou,nd'],
    ['boundary=bou,nd', 'bou,nd'],
    ['boundary=bou,nd', 'bou'],
    ['boundary="bou;nd"', 'bou;nd'],
    ['boundary=bou;nd', 'bou'],
    ['boundary="bou nd"', 'bou nd'],
    ['boundary="bou nd"', 'bou'],
    ['boundary=bou nd', 'bou nd'],
    ['boundary=bou nd', 'bou'],
    ['boundary=" bound"', ' bound'],
    ['boundary=" bound"', 'bound'],
    ['boundary="bound "', 'bound'],
    ['boundary="bou\tnd"', 'bou\tnd'],
    ['boundary=bou\tnd', 'bou'],
    ['boundary="bou\x0bnd"', 'bou\x0bnd'],
    ['boundary="bou\x0bnd"', 'bou'],
    ['boundary=bound\x0b', 'bound'],
    ['boundary="bou\0nd"', 'bou\0nd'],
    ['boundary="bou\0nd"', 'bou'],
    ['boundary=bound\0x', 'bound'],
    ['boundary=\0bound', 'bound'],
    ['boundary="bou\rnd"', 'bou'],
    ['boundary=bound\rx', 'bound'],
    ['boundary="bound', 'bound'],
    ['boundary="bound', '"bound'],
    ['boundary=bound"', 'bound'],
    ['boundary=bound"', 'bound"'],
    ['boundary=bou"nd', 'bound'],
    ['boundary=bou"nd', 'bou'],
    ['boundary="bou"nd', 'bou'],
    ['boundary="bou"nd', 'bound'],
    ['boundary=""bound', 'bound'],
    ['boundary=""bound""', 'bound'],
    ['boundary="bound""', 'bound'],
    ["boundary='bound'", 'bound'],
    ["boundary='bound'", "'bound'"],
    ["boundary='bound", 'bound'],
    ['boundary="bound"x', 'bound'],
    ['boundary="bo\\und"', 'bound'],
    ['boundary="bo\\und"', 'bo\\und'],
    ['boundary="bo\\"und"', 'bo"und'],
    ['boundary="bo\\"und"', 'bo\\"und'],
    ['boundary="bo\\"und"', 'bo\\'],
    ['boundary=bo\\und', 'bound'],
    ['boundary=bo\\und', 'bo\\und'],
    ['boundary = bound', 'bound'],
    ['boundary =bound', 'bound'],
    ['boundary= bound', 'bound'],
    [`boundary${n} =bound`, 'bound'],
    [`boundary=${n} bound`, 'bound'],
    [`boundary=${n} "bound"`, 'bound'],
    ['boundary\\=bound', 'bound'],
    ['oundary=bound', 'bound'],
    ['xboundary=bound', 'bound'],
    ['boundaryx=bound', 'bound'],
    ['boundary:=bound', 'bound'],
    ['BOUNDARY=bound', 'bound'],
    ['x="; boundary=bound"', 'bound'],
    ['x="; boundary=bound"; boundary=other', 'bound'],
    ['x="; boundary=other"; boundary=bound', 'bound'],
    ['x=y boundary=bound', 'bound'],
    ['x="y" boundary=bound', 'bound'],
    ['x=y, boundary=bound', 'bound'],
    ['boundary=(comment)bound', 'bound'],
    ['boundary=(comment)bound', '(comment)bound'],
    ['boundary=bound(comment)', 'bound'],
    ['boundary=bou(comment)nd', 'bound'],
    ['boundary=bound (comment)', 'bound'],
    ['boundary="bound"(comment)', 'bound'],
    ['boundary="bou(comment)nd"', 'bou(comment)nd'],
    ['boundary=(boundary=foo)bound', 'bound'],
    ['boundary=(boundary=bound)foo', 'bound'],
    ['boundary(comment)=bound', 'bound'],
    ['(boundary=bound)', 'bound'],
    ['boundary=bound(unbalanced', 'bound'],
    ['boundary=bound)', 'bound)'],
    ['boundary="=?us-ascii?Q?bound?="', 'bound'],
    ['boundary="=?us-ascii?Q?bound?="', '=?us-ascii?Q?bound?='],
    ['boundary==?us-ascii?Q?bound?=', 'bound'],
    ['boundary==?us-ascii?Q?bound?=', '=?us-ascii?Q?bound?='],
    ['boundary==?utf-8?B?Ym91bmQ=?=', 'bound'],
    ["boundary*=utf-16be''%00b%00o%00u%00n%00d", 'bound'],
    ["boundary*=utf-16''%FE%FF%00b%00o%00u%00n%00d", 'bound'],
    ['boundary="b\xe9und"', 'b\xe9und'],
    ['boundary=<bound>', '<bound>'],
    ['boundary=bound>', 'bound>'],
    ['boundary="----bound"', '----bound'],
    ['boundary=--', '--'],
    ['boundary=-', '-'],
    ['boundary=""', ''],
    ['boundary=', ''],
    ['boundary=" "', ''],
    ['boundary', 'anything'],
    ['charset=x', 'anything'],
    ['boundary=unused', 'anything'],
    [`boundary=${'b'.repeat(71)}`, 'b'.repeat(71)],
    [`boundary=${'b'.repeat(200)}`, 'b'.repeat(200)],
    [`boundary=${'b'.repeat(200)}`, 'b'.repeat(70)],
    ['boundary=BOUND', 'bound'],
    [`${'x=y; '.repeat(100)}boundary=bound`, 'bound'],
  ];
  for (const [parameters, used] of cases) {
    yield latin(
      `A20-A26 ${JSON.stringify(parameters.slice(-60))} as ${JSON.stringify(used.slice(0, 30))}`,
      multipart({
        type: `Content-Type: multipart/mixed; ${parameters}${n}`,
        open: `--${used}${n}`,
        close: `--${used}--${n}`,
      }),
    );
  }
  yield latin('A25 no type at all', multipart({ type: '' }));
  yield latin('A25 part declared as text', multipart({ type: `Content-Type: text/plain; boundary=bound${n}` }));
}

function* delimiterLines(): Generator<ViewCase> {
  const opens = [
    ' --bound\r\n',
    '\t--bound\r\n',
    '--bound \r\n',
    '--bound\t\r\n',
    '--bound\x0b\r\n',
    '--bound\0\r\n',
    '--bound junk\r\n',
    '--boundjunk\r\n',
    '--bound--MORE\r\n',
    '--bound--\r\n',
    '--bound\r',
    '--bound\n',
    '--bound\n\r',
    '--bound\r\r\n',
    '--bound;\r\n',
    '--BOUND\r\n',
    '---bound\r\n',
    '--bound\r\n\r\n',
    '--bound\r\n \r\n',
    '--bound\r\n\t\r\n',
    '--bound - -\r\n',
    `--bound${' '.repeat(300)}\r\n`,
  ];
  for (const open of opens)
    yield latin(`A27 opened by ${JSON.stringify(open.slice(0, 20))}`, multipart({ middle: open }));
  for (const before of ['', '\r', '\n', '\n\r', '!', '\x0b', '\0', ' ']) {
    const part = `${attachment}${base64}${n}${lines64}`;
    yield latin(`A27 closed behind ${JSON.stringify(before)}`, multipart({ part, close: `${before}--bound--${n}` }));
    yield latin(
      `A27 ended behind ${JSON.stringify(before)}`,
      multipart({ part, close: `${before}--bound${n}${text}--bound--${n}` }),
    );
    const mail = multipart({ middle: `${before}--bound${n}` });
    yield latin(
      `A27 opened behind ${JSON.stringify(before)}`,
      mail.replace(`hello${n}${before}--bound`, `hello${before}--bound`),
    );
  }
  yield latin(
    'A27 no empty line above the first delimiter',
    multipart({ preamble: '' }).replace(`${n}${n}--bound`, `${n}--bound`),
  );
  yield latin(
    'A27 a delimiter inside a header',
    multipart({ part: `${attachment}--bound${n}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A27 a delimiter inside a folded field',
    multipart({ part: `Content-Type: application/octet-stream;${n}--bound${n} name=a${n}${base64}${n}${lines64}${n}` }),
  );
  const nested = (outer: string, inner: string, body: string) =>
    `${top}Content-Type: multipart/mixed; boundary="${outer}"${n}${n}--${outer}${n}Content-Type: multipart/mixed; boundary="${inner}"${n}${n}${body}`;
  const end = (outer: string, inner: string) => `--${inner}--${n}--${outer}--${n}`;
  const pairs: [string, string][] = [
    ['bound', 'boundx'],
    ['boundx', 'bound'],
    ['bound', 'bound'],
    ['bound', 'bound--'],
    ['bound--', 'bound'],
    ['bound', 'BOUND'],
    ['-', '--'],
  ];
  for (const [outer, inner] of pairs) {
    yield latin(`A28 ${outer} around ${inner}`, nested(outer, inner, `--${inner}${n}${b64Part}${end(outer, inner)}`));
    yield latin(
      `A28 ${outer} behind ${inner}`,
      nested(outer, inner, `--${inner}${n}${text}--${inner}--${n}--${outer}${n}${b64Part}--${outer}--${n}`),
    );
  }
  const half = lines64.indexOf(n, 120);
  const cut = `${lines64.slice(0, half)}${n}--.:.${n}${lines64.slice(half + 2)}`;
  yield latin(
    'A28 the outer boundary inside inner base64',
    nested('.:.', 'in', `--in${n}${attachment}${base64}${n}${cut}${n}--in--${n}--.:.--${n}`),
  );
  yield latin(
    'A28 the outer boundary in the inner preamble',
    nested('bound', 'in', `--bound${n}${n}--in${n}${b64Part}--in--${n}--bound--${n}`),
  );
  yield latin(
    'A28 the outer end is the inner start',
    nested('bound', 'bound--', `--bound--${n}${b64Part}--bound----${n}`),
  );
  yield latin('A29 no end', multipart({ close: '' }));
  yield latin('A29 no end and no line end', multipart({ close: '' }).trimEnd());
  yield latin('A29 no dashes at the end', multipart({ close: `--bound${n}` }));
  yield latin('A29 inner not ended', nested('bound', 'in', `--in${n}${b64Part}--bound--${n}`));
  yield latin('A29 none ended', nested('bound', 'in', `--in${n}${b64Part}`));
  yield latin('A29 ended at once', multipart({ open: `--bound--${n}`, middle: `--bound${n}` }));
  yield latin('A29 ended early', multipart({ epilogue: `--bound${n}${b64Part}--bound--${n}`, part: text }));
  yield latin(
    'A29 ended in the header',
    multipart({ part: text, epilogue: b64Part }).replace(`boundary="bound"${n}`, `boundary="bound"${n}--bound--${n}`),
  );
  yield latin('A30 in the preamble', multipart({ preamble: b64Part, part: text }));
  yield latin('A30 in the preamble, below a text', multipart({ preamble: `some text${n}${n}${b64Part}`, part: text }));
  yield latin('A30 in the epilogue', multipart({ epilogue: b64Part, part: text }));
  yield latin('A30 in the epilogue, below a text', multipart({ epilogue: `some text${n}${n}${b64Part}`, part: text }));
  yield latin('A30 base64 alone in the epilogue', multipart({ epilogue: `${n}${lines64}${n}`, part: text }));
  yield latin('A30 base64 alone in the preamble', multipart({ preamble: `${lines64}${n}`, part: text }));
  yield latin(
    'A30 a second message in the epilogue',
    multipart({
      part: text,
      epilogue: multipart({
        type: `Content-Type: multipart/mixed; boundary=second${n}`,
        open: `--second${n}`,
        close: `--second--${n}`,
      }),
    }),
  );
  yield latin('A30 nothing but a preamble', `${top}Content-Type: multipart/mixed; boundary=bound${n}${n}${b64Part}`);
  const plainInner = `Content-Type: multipart/mixed${n}${n}`;
  yield latin('A31 inner without a boundary', multipart({ part: `${plainInner}--bound${n}${b64Part}` }));
  yield latin(
    'A31 inner without a boundary, another used',
    multipart({ part: `${plainInner}--in${n}${b64Part}--in--${n}` }),
  );
  yield latin('A31 no parts', `${top}Content-Type: multipart/mixed; boundary=bound${n}${base64}${n}${lines64}${n}`);
  for (const levels of [2, 10, 40]) {
    let mail = top;
    for (let level = 0; level < levels; level += 1)
      mail += `${level > 0 ? `--l${level - 1}x${n}` : ''}Content-Type: multipart/mixed; boundary=l${level}x${n}${n}`;
    yield latin(`A31 ${levels} levels`, `${mail}--l${levels - 1}x${n}${b64Part}`);
    yield latin(`A31 ${levels} messages`, `${top}${`Content-Type: message/rfc822${n}${n}`.repeat(levels)}${b64Part}`);
  }
}

function* starts(): Generator<ViewCase> {
  const separators = [
    '\r\r',
    '\n\n',
    '\n\r',
    '\r\n\r',
    '\r\n\n',
    '\r\n \r\n',
    '\r\n\t\r\n',
    '\r\n\x0b\r\n',
    '\r\n\0\r\n',
    '\r\n.\r\n',
    '\r\nx\r\n',
    '\r\n\r\r\n',
    '\r\r\n\r\r\n',
    '\n\r\n',
    '\r\n\r\n\r\n',
    '\r\n\r\n\r',
    '\r\n\r\n\n',
    '\r\n\r\n \r\n',
    '\r\n',
    '\r',
    '\n',
    '\r\n-\r\n',
    '\r\n--\r\n',
    '\r\n\x1a\r\n',
    '\r\n\xa0\r\n',
    '\r\n\x85\r\n',
  ];
  for (const separator of separators) {
    const header = `${attachment}${base64}`.trimEnd();
    yield latin(
      `A40 separated by ${JSON.stringify(separator)}`,
      multipart({ part: `${header}${separator}${lines64}${n}` }),
    );
    yield latin(
      `A40 separated by ${JSON.stringify(separator)}, at the top`,
      `${top}${header}${separator}${lines64}${n}`,
    );
  }
  yield latin('A40 encoding below the empty line', multipart({ part: `${attachment}${n}${base64}${n}${lines64}${n}` }));
  yield latin(
    'A40 all fields below an empty line',
    multipart({ part: `${n}${attachment}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A40 all fields below two empty lines',
    multipart({ part: `${n}${n}${attachment}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A40 all fields of the message below an empty line',
    `From: a@b.example${n}${n}${multipart({}).slice(top.length)}`,
  );
  yield latin(
    'A40 a line of blanks between fields',
    multipart({ part: `${attachment} ${n}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A41 text like a header',
    multipart({ part: `${attachment}${base64}${n}X-Foo: bar${n}${n}${lines64}${n}` }),
  );
  yield latin('A41 header ended by the end', `${top}${attachment}${base64}`.trimEnd(), Buffer.alloc(0));
  for (const junk of ['AAAA', 'AAAAAAAA', 'AAA'])
    yield latin(`A41 ${junk} in front`, multipart({ part: `${attachment}${base64}${junk}${n}${n}${lines64}${n}` }));
  yield latin('A42 no header', multipart({ part: `${n}${lines64}${n}` }));
  yield latin('A42 no header and no empty line', multipart({ part: `${lines64}${n}` }));
  yield latin('A42 the length is a lie', multipart({ part: `Content-Length: 10${n}${b64Part}` }));
  yield latin(
    'A42 the length ends the body',
    multipart({ part: `Content-Length: ${lines64.length}${n}${b64Part.trimEnd()}AAAA${n}` }),
  );
}

function* bodies(): Generator<ViewCase> {
  for (const value of [undefined, '7bit', '8bit', 'binary', 'x-unknown', 'quoted-printable']) {
    const field = value === undefined ? '' : `Content-Transfer-Encoding: ${value}${n}`;
    yield latin(`A54 base64 called ${value}`, withEncoding(field));
    yield latin(
      `A54 base64 called ${value}, in lines of 4`,
      withEncoding(field, lines64.replace(/\r\n/g, '').replace(/.{4}/g, `$&${n}`)),
    );
    yield latin(`A54 base64 called ${value}, in one line`, withEncoding(field, lines64.replace(/\r\n/g, '')));
    yield latin(`A54 base64 called ${value}, alone`, `${top}${field}${n}${lines64}${n}`);
    yield latin(`A53 quoted-printable called ${value}`, withEncoding(field, quoted));
    const mail = `${top}${attachment}${field}${n}`;
    yield {
      name: `identity called ${value}`,
      mail: Buffer.concat([Buffer.from(mail), textPayload]),
      payload: textPayload,
    };
    const part = multipart({ part: `${attachment}${field}${n}${textPayload.toString('latin1')}${n}` });
    yield latin(`identity in a part, called ${value}`, part, textPayload);
  }
}

/** Bodies in encodings from before MIME: which one it is must be among the encodings of its place. */
export function* legacyCases(): Generator<{ readonly mail: Buffer; readonly encoding: string; readonly body: string }> {
  const uu = `begin 644 a.bin${n}#86)C${n}\`${n}end${n}`;
  const yenc = `=ybegin line=128 size=3 name=a.bin${n}\x8b\x8c\x8d${n}=yend size=3${n}`;
  const binhex = `(This file must be converted with BinHex 4.0)${n}${n}:abc:${n}`;
  const bodies: [string, string, string[]][] = [
    ['uuencode', uu, ['x-uuencode', 'uuencode', 'x-uue', 'uue', 'UUENCODE (comment)', '7bit', 'base64']],
    ['uuencode', uu.split(n).slice(1, 2).join(n), ['x-uuencode', 'uuencode', 'x-uue', '"x-uuencode"']],
    ['uuencode', uu.replace('begin 644', 'Begin 755'), ['7bit', '8bit']],
    ['xxencode', uu, ['x-xxencode', 'xxencode', '7bit']],
    ['yenc', yenc, ['x-yencode', 'yenc', 'x-yenc', '8bit']],
    ['yenc', yenc.split(n).slice(1, 2).join(n), ['x-yencode', 'yenc']],
    ['binhex', binhex, ['x-binhex', 'binhex', 'mac-binhex40', '7bit']],
    ['binhex', ':abc:', ['x-binhex', 'x-hqx']],
    ['gzip64', lines64, ['x-gzip64', 'gzip64']],
  ];
  for (const [encoding, body, values] of bodies) {
    for (const value of values) {
      const mail = multipart({ part: `${attachment}Content-Transfer-Encoding: ${value}${n}${n}${body}${n}` });
      yield { mail: Buffer.from(mail, 'latin1'), encoding, body };
    }
  }
  const typed = multipart({ part: `Content-Type: application/mac-binhex40; name=a.hqx${n}${n}:abc:${n}` });
  yield { mail: Buffer.from(typed, 'latin1'), encoding: 'binhex', body: ':abc:' };
}

/** All of them: some six hundred. */
export function* viewCases(): Generator<ViewCase> {
  yield* encodingFields();
  yield* containers();
  yield* typeFields();
  yield* boundaries();
  yield* delimiterLines();
  yield* starts();
  yield* bodies();
}
