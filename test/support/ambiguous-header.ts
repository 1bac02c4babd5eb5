/** Tricks with the header as a whole: Content-Type repeated or disguised, fields hidden by line ends, NUL, 8-bit and length. */
import { base64, quoted } from './ambiguous-payload.js';
import {
  base64Field,
  body,
  envelope,
  file,
  fileFields,
  type LeafTrick,
  type ShapeTrick,
  textPart,
} from './ambiguous-shape.js';

const boundary = '=_trick';

/** A multipart of a text and the part, behind the given header lines (each with its CRLF). */
function under(lines: string, part: string, used = boundary): string {
  return `${lines}\r\n${body(used, [textPart, part])}`;
}

const mixed = `Content-Type: multipart/mixed; boundary="${boundary}"\r\n`;
const other = 'Content-Type: multipart/mixed; boundary="=_other"\r\n';

const rivals: readonly (readonly [string, string])[] = [
  ['text', 'Content-Type: text/plain; charset=us-ascii\r\n'],
  ['text-bare', 'Content-Type: text/plain\r\n'],
  ['html', 'Content-Type: text/html\r\n'],
  ['app', 'Content-Type: application/octet-stream\r\n'],
  ['image', 'Content-Type: image/png; name="a.png"\r\n'],
  ['multipart', other],
  ['multipart-unbounded', 'Content-Type: multipart/mixed\r\n'],
  ['message', 'Content-Type: message/rfc822\r\n'],
  ['empty', 'Content-Type:\r\n'],
  ['garbage', 'Content-Type: foo\r\n'],
  ['signed', 'Content-Type: multipart/signed; boundary="=_other"; protocol="application/pgp-signature"\r\n'],
];

/** Content-Type twice, in both orders, the fields together or apart, the real boundary quoted or not. */
function* twice(): Generator<ShapeTrick> {
  const bare = `Content-Type: multipart/mixed; boundary=${boundary}\r\n`;
  for (const [id, rival] of rivals) {
    yield { class: 'A06', id: `${id}-first`, shape: (part) => under(rival + mixed, part) };
    yield { class: 'A06', id: `${id}-last`, shape: (part) => under(mixed + rival, part) };
    yield { class: 'A06', id: `${id}-around`, shape: (part) => under(rival + mixed + rival, part) };
    yield {
      class: 'A06',
      id: `${id}-apart`,
      shape: (part) => under(`${rival}X-Between: 1\r\n${bare.toLowerCase()}`, part),
    };
  }
  const decoy = body('=_other', ['Content-Type: text/plain\r\n\r\nNothing else here.\r\n']);
  yield { class: 'A06', id: 'decoy-first', shape: (part) => `${under(other + mixed, part)}${decoy}` };
  yield {
    class: 'A06',
    id: 'decoy-last',
    shape: (part) => `${mixed}${other}\r\n${decoy}${body(boundary, [textPart, part])}`,
  };
}

/** A leaf under two types, of which one would have it cut or shown as text. */
const leafRivals: readonly LeafTrick[] = [
  ['multipart-first', `${mixed}${fileFields}`],
  ['multipart-last', `${fileFields}${mixed}`],
  ['text-first', `Content-Type: text/plain\r\n${fileFields}`],
  ['message-first', `Content-Type: message/rfc822\r\n${fileFields}`],
  ['message-last', `${fileFields}Content-Type: message/rfc822\r\n`],
].map(([id = '', fields = '']) => ({
  class: 'A06',
  id: `leaf-${id}`,
  leaf: (payload) => `${fields}${base64Field}\r\n${base64(payload)}`,
}));

const typeValues: readonly (readonly [string, string])[] = [
  ['nul-end', 'multipart/mixed\0; boundary=b'],
  ['nul-front', '\0multipart/mixed; boundary=b'],
  ['nul-inside', 'multi\0part/mixed; boundary=b'],
  ['mixed-case', 'MuLtIpArT/MiXeD; BoUnDaRy=b'],
  ['spaces', 'multipart / mixed; boundary=b'],
  ['space-inside', 'multi part/mixed; boundary=b'],
  ['quoted', '"multipart/mixed"; boundary=b'],
  ['quoted-halves', '"multipart"/"mixed"; boundary=b'],
  ['word', '=?us-ascii?Q?multipart/mixed?=; boundary=b'],
  ['no-slash', 'multipart; boundary=b'],
  ['no-slash-mixed', 'multipart-mixed; boundary=b'],
  ['backslash', 'multipart\\mixed; boundary=b'],
  ['empty-subtype', 'multipart/; boundary=b'],
  ['double-slash', 'multipart//mixed; boundary=b'],
  ['x-suffix', 'multipartx/mixed; boundary=b'],
  ['x-prefix', 'x-multipart/mixed; boundary=b'],
  ['comma-front', ', multipart/mixed; boundary=b'],
  ['semicolon-front', '; multipart/mixed; boundary=b'],
  ['only-parameters', '; boundary=b'],
  ['only-boundary', 'boundary=b'],
  ['unknown-top', 'foo/bar; boundary=b'],
  ['unknown-subtype', 'multipart/x-foo; boundary=b'],
  ['text-list', 'text/plain, multipart/mixed; boundary=b'],
  ['list-text', 'multipart/mixed, text/plain; boundary=b'],
  ['comment', 'multipart/mixed (comment); boundary=b'],
  ['comment-front', '(comment) multipart/mixed; boundary=b'],
  ['comment-inside', 'multi(c)part/mixed; boundary=b'],
  ['comment-slash', 'multipart(c)/(c)mixed; boundary=b'],
  ['two-types', 'multipart/mixed text/plain; boundary=b'],
  ['colon', ': multipart/mixed; boundary=b'],
  ['folded', '\r\n multipart/mixed;\r\n boundary=b'],
  ['folded-type', 'multipart/\r\n mixed; boundary=b'],
  ['empty-fold', '\r\n \r\n multipart/mixed; boundary=b'],
  ['dot', 'multipart/mixed.; boundary=b'],
  ['high-bit', 'multipart/mixed\xa0; boundary=b'],
  ['text-plain', 'text/plain; boundary=b'],
  ['message', 'message/rfc822; boundary=b'],
];

function* types(): Generator<ShapeTrick> {
  for (const [id, value] of typeValues) {
    yield { class: 'A07', id, shape: (part) => under(`Content-Type: ${value}\r\n`, part, 'b') };
  }
  const fieldNames = [
    ['name-space', 'Content-Type : '],
    ['name-tab', 'Content-Type\t: '],
    ['name-leading-blank', ' Content-Type: '],
    ['name-double-colon', 'Content-Type:: '],
    ['name-no-colon', 'Content-Type '],
    ['name-comment', 'Content-Type (x): '],
    ['name-nul', 'Content-Type\0: '],
    ['name-folded', 'Content-Type\r\n : '],
    ['name-upper', 'CONTENT-TYPE:'],
  ];
  for (const [id = '', name] of fieldNames) {
    yield { class: 'A07', id, shape: (part) => under(`${name}multipart/mixed; boundary=b\r\n`, part, 'b') };
  }
}

/** What stands between two fields in place of CRLF. */
const lineEnds: readonly (readonly [string, string])[] = [
  ['cr', '\r'],
  ['lf', '\n'],
  ['lfcr', '\n\r'],
  ['crcrlf', '\r\r\n'],
  ['crlflf', '\r\n\n'],
  ['crcr', '\r\r'],
  ['vt', '\x0b'],
  ['ff', '\x0c'],
  ['x-cr', 'x\r'],
  ['blank-cr', ' \r'],
  ['crlf-blank', '\r\n '],
  ['crlf-tab', '\r\n\t'],
  ['crlf-blank-crlf', '\r\n \r\n'],
  ['crlf-vt', '\r\n\x0b'],
  ['nul-lf', '\0\n'],
  ['crlf-nul', '\r\n\0'],
  ['line-without-colon', '\r\nno field at all\r\n'],
  ['line-of-from', '\r\nFrom ann@client.example Mon Feb  2 10:00:00 2026\r\n'],
  ['line-of-mark', '\r\n>From ann@client.example\r\n'],
  ['empty-name', '\r\n: nothing\r\n'],
];

function* lineEndShapes(): Generator<ShapeTrick> {
  for (const [id, end] of lineEnds) {
    yield { class: 'A08', id: `type-behind-${id}`, shape: (part) => under(`X-Foo: bar${end}${mixed}`, part) };
    yield {
      class: 'A08',
      id: `type-before-${id}`,
      shape: (part) => under(`${mixed.slice(0, -2)}${end}X-Foo: bar\r\n`, part),
    };
  }
}

function* lineEndLeaves(): Generator<LeafTrick> {
  for (const [id, end] of lineEnds) {
    yield {
      class: 'A08',
      id: `encoding-behind-${id}`,
      leaf: (payload) => file(`X-Foo: bar${end}${base64Field}`, base64(payload)),
    };
  }
  yield {
    class: 'A08',
    id: 'encoding-qp-behind-cr',
    leaf: (payload) => file('X-Foo: bar\rContent-Transfer-Encoding: quoted-printable\r\n', quoted(payload)),
  };
}

/** Header lines, and the boundary that some reader sees. */
const nuls: readonly (readonly [string, string, string])[] = [
  ['cut', 'Content-Type: multipart/mixed; boundary=b\0c\r\n', 'b'],
  ['whole', 'Content-Type: multipart/mixed; boundary=b\0c\r\n', 'b\0c'],
  ['dropped', 'Content-Type: multipart/mixed; boundary=b\0c\r\n', 'bc'],
  ['blank', 'Content-Type: multipart/mixed; boundary="b\0c"\r\n', 'b c'],
  ['parameter', 'Content-Type: multipart/mixed; boun\0dary=b\r\n', 'b'],
  ['name', 'Con\0tent-Type: multipart/mixed; boundary=b\r\n', 'b'],
  ['earlier', 'X-Foo: a\0b\r\nContent-Type: multipart/mixed; boundary=b\r\n', 'b'],
  ['line', '\0\r\nContent-Type: multipart/mixed; boundary=b\r\n', 'b'],
  ['before-parameter', 'Content-Type: multipart/mixed;\0 boundary=b\r\n', 'b'],
  ['rival-behind', 'Content-Type: multipart/mixed; boundary=b;\0 boundary=c\r\n', 'c'],
];

const bytes: readonly (readonly [string, string])[] = [
  ['bom', '\xef\xbb\xbf'],
  ['bom-utf16', '\xff\xfe'],
  ['latin1', 'X-Foo: caf\xe9\r\n'],
  ['utf8', 'X-Foo: caf\xc3\xa9\r\n'],
  ['utf8-broken', 'X-Foo: \xc3\x28\xf0\x9f\r\n'],
  ['utf8-overlong', 'X-Foo: \xc0\x8d\xc0\x8a\r\n'],
  ['utf16', 'X-Foo: \0a\0b\0c\r\n'],
  ['utf7', 'X-Foo: +AGEAYg-\r\n'],
  ['iso-2022', 'X-Foo: \x1b$B4A;z\r\n'],
  ['high-name', 'X-F\xf6\xf6: bar\r\n'],
  ['high-line', '\xfc\xfc\xfc\r\n'],
  ['escape', '\x1b[2J: x\r\n'],
  ['del', 'X\x7f: bar\r\n'],
];

const longs: readonly (readonly [string, string])[] = [
  ['1k', `X-Long: ${'a'.repeat(1000)}\r\n`],
  ['8k', `X-Long: ${'a'.repeat(8200)}\r\n`],
  ['70k', `X-Long: ${'a'.repeat(70_000)}\r\n`],
  ['70k-blanks', `X-Long:${' '.repeat(70_000)}\r\n`],
  ['2000-folds', `X-Long: a\r\n${' b\r\n'.repeat(2000)}`],
  ['2000-fields', 'X-Many: a\r\n'.repeat(2000)],
  ['long-name', `X-${'n'.repeat(3000)}: a\r\n`],
];

const special = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'length',
  '0',
  '-1',
  'then',
  'NaN',
];

function* lengths(): Generator<ShapeTrick> {
  for (const [id, line] of longs) yield { class: 'A12', id, shape: (part) => under(line + mixed, part) };
  const junk = 'a'.repeat(70_000);
  const typed = (parameters: string) => `Content-Type: multipart/mixed;${parameters}\r\n`;
  yield {
    class: 'A12',
    id: 'boundary-behind-1k',
    shape: (part) => under(typed(` x=${'a'.repeat(1000)}; boundary=b`), part, 'b'),
  };
  yield { class: 'A12', id: 'boundary-behind-70k', shape: (part) => under(typed(` x=${junk}; boundary=b`), part, 'b') };
  yield {
    class: 'A12',
    id: 'boundary-behind-blanks',
    shape: (part) => under(typed(`${' '.repeat(3000)}boundary=b`), part, 'b'),
  };
  for (const size of [71, 200, 990, 2000]) {
    const long = 'b'.repeat(size);
    yield { class: 'A12', id: `boundary-of-${size}`, shape: (part) => under(typed(` boundary=${long}`), part, long) };
    yield {
      class: 'A12',
      id: `boundary-of-${size}-cut`,
      shape: (part) => under(typed(` boundary=${long}`), part, long.slice(0, 70)),
    };
  }
}

const starts: readonly (readonly [string, string])[] = [
  ['mbox', `From ann@client.example Mon Feb  2 10:00:00 2026\r\n${envelope}`],
  ['mbox-quoted', `>From ann@client.example Mon Feb  2 10:00:00 2026\r\n${envelope}`],
  ['blank-line', `\r\n${envelope}`],
  ['blank-lines', `\r\n\r\n${envelope}`],
  ['lf', `\n${envelope}`],
  ['line-of-blanks', `  \r\n${envelope}`],
  ['continuation', ` continued\r\n${envelope}`],
  ['junk-line', `hello there\r\n${envelope}`],
  ['bom', `\xef\xbb\xbf${envelope}`],
  ['nul', `\0${envelope}`],
  ['no-version', envelope.replace('MIME-Version: 1.0\r\n', '')],
  ['version-2', envelope.replace('1.0', '2.0')],
  ['version-twice', envelope.replace('MIME-Version: 1.0\r\n', 'MIME-Version: 1.0\r\nMIME-Version: 2.0\r\n')],
  ['version-comment', envelope.replace('1.0', '(x) 1(y).0')],
  ['version-empty', envelope.replace('1.0', '')],
  ['nothing-else', ''],
];

function* beginnings(): Generator<ShapeTrick> {
  for (const [id, fields] of starts) {
    yield { class: 'A11', id: `start-${id}`, message: true, shape: (part) => `${fields}${under(mixed, part)}` };
  }
  yield {
    class: 'A11',
    id: 'type-on-top',
    message: true,
    shape: (part) => `${mixed}${envelope}\r\n${body(boundary, [textPart, part])}`,
  };
  yield { class: 'A11', id: 'version-in-part', shape: (part) => under(mixed, `MIME-Version: 2.0\r\n${part}`) };
}

export const headerShapes: readonly ShapeTrick[] = [
  ...twice(),
  ...types(),
  ...lineEndShapes(),
  ...nuls.map(([id, lines, used]): ShapeTrick => ({ class: 'A09', id, shape: (part) => under(lines, part, used) })),
  ...bytes.map(([id, octets]): ShapeTrick => ({ class: 'A10', id, shape: (part) => under(octets + mixed, part) })),
  ...lengths(),
  ...beginnings(),
  ...special.map(
    (name): ShapeTrick => ({
      class: 'A13',
      id: `field-${name}`,
      shape: (part) => under(`${name}: x\r\n${mixed}`, part),
    }),
  ),
  ...special.map(
    (name): ShapeTrick => ({
      class: 'A13',
      id: `parameter-${name}`,
      shape: (part) => under(`Content-Type: multipart/mixed; ${name}=x; boundary=b\r\n`, part, 'b'),
    }),
  ),
];

export const headerLeaves: readonly LeafTrick[] = [...leafRivals, ...lineEndLeaves()];
