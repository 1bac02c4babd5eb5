/** Content-Type in every disguise, what stands in front of a header, and encoded containers. */
import { b64Part, base64, latin, lines64, multipart, n, text, top, type ViewCase } from './mail.js';

const good = 'multipart/mixed; boundary="bound"';
const field = `Content-Type: ${good}`;
const typePairs = [
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

const typeValues = [
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

const typeFieldsHidden = [
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

export function* containers(): Generator<ViewCase> {
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

export function* typeFields(): Generator<ViewCase> {
  for (const [first, last] of typePairs) {
    const type = `Content-Type: ${first}${n}Content-Type: ${last}${n}`;
    yield latin(`A06 ${first} then ${last}`, multipart({ type }));
    const body = `${top}Content-Type: ${first}${n}Content-Type: ${last}${n}${base64}${n}${lines64}${n}`;
    yield latin(`A06 ${first} then ${last}, no parts`, body);
  }
  for (const value of typeValues)
    yield latin(`A07 ${JSON.stringify(value)}`, multipart({ type: `Content-Type: ${value}${n}` }));
  for (const one of typeFieldsHidden)
    yield latin(`A08-A12 ${JSON.stringify(one.slice(0, 30))}…${one.slice(-12)}`, multipart({ type: `${one}${n}` }));
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
