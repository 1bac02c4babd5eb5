/** Messages as values: framing, headers, parameters, addresses and decoders, mostly as properties. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { parseAddressList } from '../src/mime/address.js';
import { Base64Decoder } from '../src/mime/base64.js';
import { decodeWords } from '../src/mime/encoded-word.js';
import { Framer, type Leaf } from '../src/mime/framer.js';
import { type Field, HeaderReader, unfold } from '../src/mime/header.js';
import { parameterReadings, parseParameters } from '../src/mime/parameters.js';
import { type Problem, type ProblemCode, problemEffects } from '../src/mime/problem.js';
import { QuotedPrintableDecoder } from '../src/mime/quoted-printable.js';
import { limits } from '../src/runtime/limits.js';

const corpus = new URL('../../test/corpus/', import.meta.url);

interface Framed {
  readonly leaves: Leaf[];
  readonly problems: Problem[];
  readonly names: string[];
  readonly bytes: number;
}

function frame(pieces: Iterable<Buffer>): Framed {
  const leaves: Leaf[] = [];
  let names: string[] = [];
  const framer = new Framer({
    onLeaf: (leaf) => leaves.push(leaf),
    onHeader: (_raw, fields) => {
      names = fields.map((field) => `${field.name}@${field.start}-${field.end}`);
    },
  });
  for (const piece of pieces) {
    // What the framer was given is overwritten afterwards, as a socket's buffer is.
    const copy = Buffer.from(piece);
    framer.write(copy);
    copy.fill(0x2d);
  }
  const bytes = framer.finish();
  return { leaves, problems: framer.problems, names, bytes };
}

function* split(message: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const cut of cuts) {
    const end = Math.min(message.length, at + Math.max(1, cut));
    if (end > at) yield message.subarray(at, end);
    at = end;
  }
  yield message.subarray(at);
}

function* bytewise(message: Buffer): Generator<Buffer> {
  for (let at = 0; at < message.length; at += 1) yield message.subarray(at, at + 1);
}

function codes(text: string): string[] {
  return frame([Buffer.from(text, 'latin1')]).problems.map((problem) => problem.code);
}

t.test('framing does not depend on how the input is split', (t) => {
  const files = readdirSync(corpus).filter((name) => name.endsWith('.eml'));
  t.ok(files.length > 40, 'the corpus is there');
  for (const name of files) {
    const message = readFileSync(new URL(name, corpus));
    const whole = frame([message]);
    t.same(frame(bytewise(message)), whole, `${name} byte by byte`);
    t.equal(whole.bytes, message.length);
    for (const size of [2, 3, 7, 64, 1000]) {
      const pieces = Array.from({ length: Math.ceil(message.length / size) }, () => size);
      t.same(frame(split(message, pieces)), whole, `${name} in pieces of ${size}`);
    }
  }
  const fragment = fc.constantFrom(
    ...['\r\n', '\n', '\r', '--b', '--bb', '--', '-', ' ', '\t', 'x', ':', '\0', '\xff', '--b--', '\r\n\r\n'],
    ...['\r\n--b\r\n', '\r\n--bb\r\n', '\r\n--b--\r\n', '\r\n--bb--', 'Content-Type: multipart/mixed; boundary=b\r\n'],
    ...['Content-Type: multipart/digest; boundary="bb"\r\n', 'Content-Type: message/rfc822\r\n', 'A: b\r\n', 'text'],
  );
  const soup = fc.array(fragment, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''), 'latin1'));
  const multipart = soup.map((tail) =>
    Buffer.concat([Buffer.from('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'), tail]),
  );
  fc.assert(
    fc.property(
      fc.oneof(soup, multipart),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }),
      (message, cuts) => {
        const whole = frame([message]);
        if (JSON.stringify(frame(split(message, cuts))) !== JSON.stringify(whole)) throw new Error('split differs');
        if (JSON.stringify(frame(bytewise(message))) !== JSON.stringify(whole)) throw new Error('bytewise differs');
        for (const leaf of whole.leaves) {
          if (leaf.start > leaf.end || leaf.end > message.length) throw new Error('leaf outside of the message');
        }
      },
    ),
    { numRuns: 1500 },
  );
  t.end();
});

interface Tree {
  readonly type: string;
  readonly body?: string;
  readonly children?: readonly Tree[];
}

/** Writes a tree as a strictly well-formed message and notes where its leaves must be found. */
function writeTree(tree: Tree, path: string, expected: Map<string, string>, serial: { next: number }): string {
  if (tree.children === undefined) {
    expected.set(path === '' ? '1' : path, tree.body ?? '');
    return `Content-Type: ${tree.type}\r\n\r\n${tree.body}`;
  }
  serial.next += 1;
  const boundary = `=_${serial.next.toString(36)}_part`;
  let text = `Content-Type: ${tree.type};\r\n boundary="${boundary}"\r\n\r\n`;
  for (const [index, child] of tree.children.entries()) {
    const childPath = path === '' ? `${index + 1}` : `${path}.${index + 1}`;
    text += `${index === 0 ? '' : '\r\n'}--${boundary}\r\n${writeTree(child, childPath, expected, serial)}`;
  }
  return `${text}\r\n--${boundary}--\r\n`;
}

t.test('every leaf of a well-formed tree is found with its exact bytes and number', (t) => {
  const body = fc
    .array(fc.constantFrom('line', '\r\n', '--', '-- \r\n', '--=_', '\r\n\r\n', ' --x', 'QUJD'), { maxLength: 12 })
    .map((parts) => parts.join(''));
  const { tree } = fc.letrec<{ tree: Tree; leaf: Tree; node: Tree }>((tie) => ({
    leaf: fc.record({ type: fc.constantFrom('text/plain', 'text/html', 'application/octet-stream'), body }),
    node: fc.record({
      type: fc.constantFrom('multipart/mixed', 'multipart/alternative', 'multipart/related'),
      children: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
    }),
    tree: fc.oneof({ maxDepth: 5, withCrossShrink: true }, tie('leaf'), tie('node')),
  }));
  fc.assert(
    fc.property(tree, (root) => {
      const expected = new Map<string, string>();
      const message = Buffer.from(`MIME-Version: 1.0\r\n${writeTree(root, '', expected, { next: 0 })}`);
      const { leaves, problems } = frame([message]);
      const found = leaves.map((leaf) => [leaf.path, message.toString('latin1', leaf.start, leaf.end)]);
      if (JSON.stringify(found) !== JSON.stringify([...expected])) throw new Error('other leaves');
      if (problems.length > 0) throw new Error(`problems in a well-formed message: ${JSON.stringify(problems)}`);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('a forwarded message is descended into and numbered as RFC 9051 says', (t) => {
  const message = Buffer.from(
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nhi\r\n--o\r\n' +
      'Content-Type: message/rfc822\r\n\r\nSubject: one\r\n\r\nplain\r\n--o\r\n' +
      'Content-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n' +
      '--i\r\n\r\na\r\n--i\r\nContent-Type: message/global\r\n\r\nX: y\r\n\r\nb\r\n--i--\r\n\r\n--o--\r\n',
  );
  const { leaves, problems } = frame([message]);
  t.same(
    leaves.map((leaf) => [leaf.path, message.toString('latin1', leaf.start, leaf.end)]),
    [
      ['1', 'hi'],
      ['2.1', 'plain'],
      ['3.1', 'a'],
      ['3.2.1', 'b'],
    ],
  );
  t.same(problems, []);
  t.end();
});

t.test('an outer delimiter ends inner multiparts, and parts behind a closing delimiter are still found', (t) => {
  const head = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n';
  const inner = '--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\na\r\n';
  t.same(codes(`${head}${inner}--o\r\n\r\nb\r\n--o--\r\n`), ['delimiter-missing']);
  t.same(codes(`${head}--o\r\n\r\na\r\n--o--\r\n--o\r\n\r\nb\r\n--o--\r\n`), ['delimiter-after-close']);
  t.same(codes(`${head}--o\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nb\r\n--o--\r\n`).sort(), [
    'boundary-reused',
    'delimiter-missing',
  ]);
  t.same(codes(`${head}nothing here`), ['multipart-empty']);
  t.same(codes(`${head}--o\r\nA: b\r\n--o--\r\n`), ['header-unterminated']);
  t.same(codes(`${head}--o\r\n\r\na\r\n--o-- x\r\n`), ['delimiter-junk', 'delimiter-missing']);
  t.same(codes(`\r\n${head}`), ['header-empty']);
  t.same(codes(`${head}--o\r\n\r\na\r\n--o--\n`), ['lines-mixed']);
  t.same(codes(`${head}<script>x</script>\r\n--o\r\n\r\na\r\n--o--`), ['preamble-content']);
  t.same(codes(`${head}--o \r\n\r\na\r\n--o--\t\r\n`), ['delimiter-padding']);
  t.same(codes(`${head}--o\r\n\r\na\r--o\r\n\r\n--o--\r\n`), ['delimiter-misplaced']);
  t.same(codes(`${head}--o\r\n\r\na\r--o\r\r\n--o--\r\n`), ['delimiter-junk']);
  t.end();
});

t.test('each odd Content-* field leaves its code', (t) => {
  const mime = 'MIME-Version: 1.0\r\n';
  const cases: [string, ProblemCode[]][] = [
    ['Content-Type: text\r\n', ['type-without-subtype']],
    ['Content-Type: text; charset=x\r\n', ['type-odd']],
    ['Content-Type: "text/plain"\r\n', ['type-odd']],
    ['Content-Type: text /plain\r\n', ['type-odd']],
    ['Content-Type: text/plain;\r\n', []],
    ['Content-Type: text/plain; charset=us-ascii (Plain text)\r\n', ['parameter-odd']],
    ['Content-Type: text/plain; boundary=x\r\n', ['boundary-on-leaf']],
    ['Content-Type: text/plain; name=a; name=b\r\n', ['parameter-duplicate']],
    ['Content-Disposition: inline\r\nContent-Disposition: attachment\r\n', ['disposition-duplicate']],
    ['Content-Transfer-Encoding: 8BIT\r\n', []],
    ['Content-Transfer-Encoding: "base64"\r\n', ['encoding-odd']],
    ['Content-Transfer-Encoding: xbase64\r\n', ['encoding-odd', 'encoding-unknown']],
    ['Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n', ['encoding-on-message']],
    ['MIME-Version: 1.0\r\n', ['mime-version-odd']],
    ['Content-Type: message/x-unknown\r\n', ['message-unknown']],
    ['Content-Type: message/delivery-status\r\n', []],
    ['Content-Type: text/plain; x="; boundary=y"\r\n', ['boundary-on-leaf']],
    ['Content-Transfer-Encoding: base64\xa0\r\n', ['encoding-odd', 'header-8bit']],
  ];
  for (const [fields, expected] of cases) {
    t.same(codes(`${mime}${fields}\r\nbody\r\n`).sort(), [...expected].sort(), fields.trim());
  }
  t.same(codes('Content-Type: text/plain\r\n\r\n'), ['mime-version-missing']);
  const multipart = (parameters: string, delimiter: string) =>
    codes(`${mime}Content-Type: multipart/mixed${parameters}\r\n\r\n--${delimiter}\r\n\r\nx\r\n--${delimiter}--\r\n`);
  t.same(multipart('; boundary="x y"', 'x y'), []);
  t.same(multipart('; boundary=----=_x', '----=_x'), []);
  t.same(multipart('; boundary="x\xe9"', 'x\xe9'), ['header-8bit', 'boundary-odd']);
  t.same(multipart('; boundary=""', ''), ['boundary-missing']);
  t.same(multipart('', 'x'), ['boundary-missing']);
  t.same(multipart('; boundary="a\\b"', 'ab'), ['boundary-ambiguous']);
  t.same(multipart('; boundary = "x"', 'x'), ['parameter-odd', 'boundary-ambiguous']);
  t.same(multipart('; x="; boundary=y"; boundary=x', 'x'), ['boundary-ambiguous']);
  t.same(multipart('; boundary="Boundary_(ID_x)"', 'Boundary_(ID_x)'), []);
  t.same(multipart('; boundary="x)"', 'x)'), ['boundary-odd']);
  t.same(multipart('; boundary=" x"', ' x'), ['boundary-odd']);
  t.same(multipart('; boundary="--"', '--'), ['boundary-odd']);
  t.same(multipart('; boundary="=?us-ascii?Q?x?="', '=?us-ascii?Q?x?='), ['boundary-odd']);
  t.same(multipart("; boundary*=us-ascii''x", 'x'), ['boundary-ambiguous']);
  t.end();
});

t.test('each bound gives a problem that means unscannable', (t) => {
  const unscannable = (text: string) =>
    codes(text).filter((code) => problemEffects[code as ProblemCode] === 'unscannable');
  let deep = '';
  for (let level = 0; level < limits.mime.depthMax * 4; level += 1) {
    deep += `${level === 0 ? '' : `--x${level - 1}y\r\n`}Content-Type: multipart/mixed; boundary=x${level}y\r\n\r\n`;
  }
  t.match(unscannable(deep), ['nesting-too-deep']);
  const head = 'Content-Type: multipart/mixed; boundary=o\r\n\r\n';
  t.same(unscannable(`${head}${'--o\r\n\r\n\r\n'.repeat(limits.mime.partsMax + 2)}--o--`), ['parts-too-many']);
  t.same(unscannable(`${'A: b\r\n'.repeat(limits.mime.headerFieldsMax + 1)}\r\n`), ['header-too-long']);
  t.same(unscannable(`A: ${'b'.repeat(limits.mime.headerBytes)}\r\n\r\n`), ['header-too-long']);
  t.same(unscannable(`Content-Type: a/b${'; c=d'.repeat(limits.mime.parametersMax + 1)}\r\n\r\n`), [
    'parameters-too-many',
  ]);
  const long = 'o'.repeat(limits.mime.boundaryBytes + 1);
  t.same(unscannable(`Content-Type: multipart/mixed; boundary=${long}\r\n\r\n--${long}\r\n`), ['boundary-too-long']);
  const many = Array.from({ length: 300 }, (_, index) => `--o\r\nContent-Type: x${index}\r\n\r\n\r\n`).join('');
  t.ok(unscannable(`${head}${many}--o--`).includes('problems-too-many'));
  const { problems } = frame([Buffer.from(`${head}${many}--o--`)]);
  t.ok(problems.length <= limits.mime.problemsMax + 1, 'the list itself is bounded');
  t.end();
});

/** CPU milliseconds of the fastest of five runs; ratios of these are compared, never the numbers. */
function fastest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    run();
    best = Math.min(best, process.cpuUsage(before).user / 1000);
  }
  return best;
}

t.test('hostile input costs time in proportion to its length', (t) => {
  const head = 'Content-Type: multipart/mixed; boundary="----=_x"\r\n\r\n------=_x\r\n\r\n';
  const nested = Array.from({ length: 60 }, (_, level) => {
    const outer = level === 0 ? '' : `--${'a'.repeat(level)}b\r\n`;
    return `${outer}Content-Type: multipart/mixed; boundary="${'a'.repeat(level + 1)}b"\r\n\r\n`;
  }).join('');
  const hostile: Record<string, (count: number) => string> = {
    'dashes only': (count) => head + '-'.repeat(count * 10),
    'lines like delimiters': (count) => head + '\r\n------=_'.repeat(count),
    'one line': (count) => head + 'x'.repeat(count * 10),
    'header lines': (count) => 'A: b\r\n'.repeat(count),
    'continuation lines': (count) => `A: b\r\n${' c\r\n'.repeat(count)}`,
    'open boundaries and near misses': (count) =>
      `${nested}--${'a'.repeat(60)}b\r\n\r\n${'\r\n--aaaaaaaa'.repeat(count)}`,
    parts: (count) => head + '------=_x\r\n\r\n'.repeat(count),
    parameters: (count) => `Content-Type: text/plain${';x="y"z="'.repeat(count)}\r\n\r\n`,
    'blanks in a boundary': (count) => `Content-Type: multipart/mixed; boundary="a${' '.repeat(count * 4)}b"\r\n\r\n`,
    'parentheses in an encoding': (count) => `Content-Transfer-Encoding: ${'('.repeat(count * 4)}\r\n\r\n`,
    'a long line of half fields': (count) => `A: ${'content-type: '.repeat(count)}\r\n\r\n`,
    comments: (count) => `Content-Type: text/plain; ${'('.repeat(count * 4)}\r\n\r\n`,
    'encoded words': (count) => `Content-Disposition: attachment; filename="${'=?a?b?'.repeat(count)}"\r\n\r\n`,
  };
  for (const [name, make] of Object.entries(hostile)) {
    const [small, large] = [12_000, 96_000].map((count) => Buffer.from(make(count))) as [Buffer, Buffer]; // two in, two out
    const pieces = (message: Buffer) => Array.from({ length: message.length >> 12 }, () => 4096);
    const largeMs = fastest(() => frame(split(large, pieces(large))));
    const ratio = (largeMs + 2) / (fastest(() => frame(split(small, pieces(small)))) + 2);
    // 8 times the input; a quadratic cost would be 64 times
    t.ok(ratio < 28, `${name}: 8 times the input took ${ratio.toFixed(1)} times as long`);
  }
  t.end();
});

t.test('header fields are found with their offsets, whatever stands between them', (t) => {
  const read = (text: string): { reader: HeaderReader; raw: Buffer; fields: readonly Field[] } => {
    const reader = new HeaderReader(() => false);
    reader.write(Buffer.from(text, 'latin1'), 0);
    reader.finish();
    return { reader, raw: reader.raw, fields: reader.fields };
  };
  const { raw, fields, reader } = read('Subject: one\r\n  two\r\n\tthree\r\nX:\r\nFrom : a@b\r\n\r\nbody');
  t.same(
    fields.map((field) => [field.name, unfold(raw, field)]),
    [
      ['Subject', 'one  two\tthree'],
      ['X', ''],
      ['From', 'a@b'],
    ],
  );
  t.same([...reader.problems], ['header-name-space']);
  t.equal(reader.end, 'Subject: one\r\n  two\r\n\tthree\r\nX:\r\nFrom : a@b\r\n\r\n'.length);
  const oddities: [string, ProblemCode[]][] = [
    ['no colon here\r\n\r\n', ['header-no-colon']],
    ['From a@b Sat Nov 21\r\nA: b\r\n\r\n', ['header-mbox-line']],
    [' folded\r\nA: b\r\n\r\n', ['header-leading-fold']],
    ['A: b\r\n \r\nC: d\r\n\r\n', ['header-blank-fold']],
    ['A: b\0\r\n\r\n', ['header-nul']],
    ['A: b\rContent-Type: x/y\r\n\r\n', ['header-bare-cr']],
    ['A: \xe9\r\n\r\n', ['header-8bit']],
    [`A: ${'b'.repeat(1200)}\r\n\r\n`, ['header-line-long']],
    [`A: ${'b'.repeat(70_000)}\r\n\r\n`, ['header-line-huge']],
    ['Content\x01-Type: x/y\r\n\r\n', ['header-name-invalid']],
    ['A: b\r\n Content-Type: x/y\r\n\r\n', ['header-hidden-field']],
    ['DKIM-Signature: h=From:\r\n Content-Type: MIME-Version; b=x\r\n\r\n', []],
    ['DKIM-Signature: h=From\r\n Content-Type:MIME-Version:\r\n Content-Transfer-Encoding; bh=a/b\r\n\r\n', []],
    ['DKIM-Signature: x\r\n Content-Type: multipart/mixed\r\n\r\n', ['header-hidden-field']],
    ['DKIM-Signature: x\r\n Content-Transfer-Encoding: base64\r\n\r\n', ['header-hidden-field']],
    ['A: b\x0bContent-Type: x/y\r\n\r\n', ['header-control']],
    ['A: b\x0cContent-Type: x/y\r\n\r\n', ['header-control']],
    ['A: \x1b$B\x1b(B\r\n\r\n', []],
    ['Content-Type(x): x/y\r\n\r\n', ['header-name-invalid']],
    ['"Content-Type": x/y\r\n\r\n', ['header-name-invalid']],
    ['X-Odd.name_(1): y\r\n\r\n', []],
    [`A: ${'b'.repeat(1200)} Content-Type: x/y\r\n\r\n`, ['header-line-long', 'header-hidden-field']],
    ['__proto__: x\r\nconstructor: y\r\n1: z\r\n\r\n', []],
  ];
  for (const [text, expected] of oddities)
    t.same([...read(text).reader.problems], expected, JSON.stringify(text.slice(0, 40)));
  t.end();
});

t.test('every plausible reading of a parameter is kept', (t) => {
  const readings = (text: string, name: string) => {
    const problems = new Set<ProblemCode>();
    return parameterReadings(parseParameters(text, 0), name, problems);
  };
  t.same(readings('; filename="a.pdf"', 'filename'), ['a.pdf']);
  t.same(readings('; FILENAME = a.pdf ; x=y', 'filename'), ['a.pdf']);
  t.same(readings('; filename="a.pdf"; filename="b.exe"', 'filename'), ['a.pdf', 'b.exe']);
  t.same(readings('; filename="a\\"b.pdf"', 'filename'), ['a"b.pdf', 'a\\"b.pdf']);
  t.same(readings('; filename=my file.exe', 'filename'), ['my file.exe', 'my']);
  t.same(readings('; x="; filename=a.exe"; filename=b.pdf', 'filename'), ['b.pdf']);
  t.same(readings('; filename="a.pdf"filename=b.exe', 'filename').includes('b.exe'), true);
  t.same(readings("; filename*=utf-8''%e2%82%ac.exe", 'filename')[0], '€.exe');
  t.same(readings("; filename*1*=%C3%BC.e; filename*0*=utf-8'de'a; filename*2=xe", 'filename')[0], 'aü.exe');
  t.same(readings("; filename=safe.pdf; filename*=iso-8859-1''%FC.exe", 'filename'), [
    'ü.exe',
    'safe.pdf',
    "iso-8859-1''%FC.exe",
  ]);
  t.same(readings('; name="=?utf-8?Q?=C3=BC?= =?utf-8?B?LmV4ZQ==?="', 'name')[0], 'ü.exe');
  t.same(readings('; boundary=(boundary=foo)bar', 'boundary'), ['bar']);
  for (const [text, name] of [
    ['; filename*0=a.exe; filename*2=.txt', 'a.exe'],
    ['; filename*0=a.exe; filename*2=.txt', 'a.exe.txt'],
    ['; filename*1=xe; filename*0=a.e', 'a.exe'],
    ['; filename*2=.e; filename*1=a; filename*3=xe', 'a.exe'],
    ['; filename*0=a.exe; filename*0=a.txt', 'a.exe'],
    ['; filename*0=a.txt; filename*0=a.exe', 'a.exe'],
    ['; filename=a.; filename*1=exe', 'a.exe'],
    ['; filename="a.exe\0.txt"', 'a.exe'],
    ['; filename="a.e\0xe"', 'a.exe'],
  ] as const) {
    t.ok(readings(text, 'filename').includes(name), `${JSON.stringify(text)} as ${name}`);
  }
  const gaps = new Set<ProblemCode>();
  parameterReadings(parseParameters('; a*1=x; a*3=y', 0), 'a', gaps);
  t.ok(gaps.has('parameter-sections-odd'));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      parameterReadings(parseParameters(text, 0), 'name', new Set());
      parameterReadings(parseParameters(`; name*0*=${text}; name*1="${text}`, 0), 'name', new Set());
    }),
  );
  t.end();
});

t.test('encoded words decode in any charset, and unknown ones lose nothing', (t) => {
  t.equal(decodeWords('=?UTF-8?Q?Gr=C3=BC=C3=9Fe?= an alle'), 'Grüße an alle');
  t.equal(decodeWords('=?utf-8?Q?=FC?='), 'ü', 'bytes that are not in the charset stay visible');
  t.equal(decodeWords('=?utf-8?Q?=C3?= =?utf-8?Q?=BC?='), 'ü', 'a character split between words');
  t.equal(decodeWords('=?iso-2022-jp?B?GyRCRnxLXBsoQg==?='), '日本');
  t.equal(decodeWords('=?x-unknown?Q?a=FCb?='), 'aüb');
  t.equal(decodeWords('a =?utf-8?Q?b?= c'), 'a b c');
  t.equal(decodeWords('=?utf-8?X?b?= =?broken'), '=?utf-8?X?b?= =?broken');
  t.end();
});

t.test('addresses are found in every syntax, and only canonical ones are certain', (t) => {
  const cases: [string, string[], boolean][] = [
    ['a@b.example', ['a@b.example'], true],
    ['A B <a@b.example>', ['a@b.example'], true],
    ['"B, A" <a@b.example>', ['a@b.example'], true],
    ['a@b.example, C <c@d.example>', ['a@b.example', 'c@d.example'], true],
    ['"x@good.example" <a@bad.example>', ['a@bad.example'], true],
    ['x@good.example <a@bad.example>', ['x@good.example', 'a@bad.example'], false],
    ['<a@bad.example> <x@good.example>', ['a@bad.example', 'x@good.example'], false],
    ['<@relay.example,@r2.example:a@b.example>', ['a@b.example'], false],
    ['Team: a@b.example, c@d.example;', ['a@b.example', 'c@d.example'], false],
    ['undisclosed-recipients:;', [], false],
    ['a@b.example (good@c.example)', ['a@b.example'], false],
    ['"john doe"@b.example', ['"john doe"@b.example'], false],
    ['"john"@b.example', ['john@b.example'], false],
    ['a@[192.0.2.1]', ['a@[192.0.2.1]'], true],
    ['jörg@müller.example', ['jörg@müller.example'], true],
    ['<a@b.example', ['a@b.example'], false],
    ['', [], false],
  ];
  for (const [text, mailboxes, certain] of cases) {
    const list = parseAddressList(text);
    t.same([...list.mailboxes].sort(), [...mailboxes].sort(), text);
    t.equal(list.certain, certain, `${text} certain`);
  }
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => parseAddressList(text) !== undefined));
  t.end();
});

interface Decoder {
  write(chunk: Buffer): Buffer;
  finish(): Buffer;
}

function decode(
  make: (problems: Set<ProblemCode>) => Decoder,
  pieces: Iterable<Buffer>,
): { data: Buffer; problems: string[] } {
  const problems = new Set<ProblemCode>();
  const decoder = make(problems);
  const out: Buffer[] = [];
  for (const piece of pieces) out.push(Buffer.from(decoder.write(piece)));
  out.push(decoder.finish());
  return { data: Buffer.concat(out), problems: [...problems].sort() };
}

const base64 = (problems: Set<ProblemCode>) => new Base64Decoder(problems);
const quoted = (problems: Set<ProblemCode>) => new QuotedPrintableDecoder(problems);

function wrap(text: string, width: number, lineEnd: string): string {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += width) lines.push(text.slice(at, at + width));
  return lines.join(lineEnd);
}

t.test('canonical base64 decodes as the native decoder does, in any pieces and line lengths', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.constantFrom('\r\n', '\n'),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 8 }),
      (bytes, width, lineEnd, cuts) => {
        const encoded = Buffer.from(wrap(Buffer.from(bytes).toString('base64'), width, lineEnd));
        const { data, problems } = decode(base64, split(encoded, cuts));
        if (!data.equals(Buffer.from(bytes)) || problems.length > 0) throw new Error('round trip differs');
      },
    ),
    { numRuns: 300 },
  );
  const large = Buffer.alloc(300_000, 'some content that is not one byte repeated ');
  const encoded = Buffer.from(wrap(large.toString('base64'), 76, '\r\n'));
  t.ok(decode(base64, [encoded]).data.equals(large));
  t.ok(decode(base64, split(encoded, [1, 65_536, 65_535, 77])).data.equals(large));
  t.end();
});

t.test('base64 that is not canonical has one reading and a code, also inside long regular lines', (t) => {
  const cases: [string, string, ProblemCode[]][] = [
    ['aGVsbG8=aGVsbG8=', 'hellohello', ['base64-inner-padding']],
    ['aGVs#bG8=', 'hello', ['base64-junk']],
    ['aGVs bG8=', 'hello', ['base64-blanks']],
    ['aGVsbG8', 'hello', ['base64-bad-padding']],
    ['aGVsbG8==', 'hello', ['base64-bad-padding']],
    ['aGVsbG9=', 'hello', ['base64-trailing-bits']],
    ['aA=', 'h', ['base64-bad-padding']],
    ['aA==', 'h', []],
    ['=', '', ['base64-bad-padding']],
    ['-_-_', '\xfb\xff\xbf', ['base64-url-safe']],
    [
      'aGVsbG8=\r\n-- \r\nlist',
      '',
      ['base64-blanks', 'base64-inner-padding', 'base64-trailing-bits', 'base64-url-safe'],
    ],
  ];
  for (const [text, expected, problems] of cases) {
    const whole = decode(base64, [Buffer.from(text, 'latin1')]);
    if (expected !== '') t.equal(whole.data.toString('latin1'), expected, text);
    t.same(
      whole.problems.filter((code) => code !== 'base64-bad-padding' || problems.includes(code)),
      problems,
      text,
    );
    t.same(decode(base64, bytewise(Buffer.from(text, 'latin1'))), whole, `${text} byte by byte`);
  }
  const clean = wrap('QUJD'.repeat(2000), 76, '\r\n');
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: clean.length - 1 }),
      fc.constantFrom('#', '=', '-', '_', '\0', '\xff', '.', ' '),
      (at, char) => {
        const spoiled = Buffer.from(`${clean.slice(0, at)}${char}${clean.slice(at + 1)}`, 'latin1');
        const whole = decode(base64, [spoiled]);
        if (whole.problems.length === 0 && clean[at] !== '\r') throw new Error(`not noticed at ${at}`);
        const slow = decode(base64, bytewise(spoiled));
        if (!slow.data.equals(whole.data) || slow.problems.join() !== whole.problems.join())
          throw new Error('paths differ');
      },
    ),
    { numRuns: 150 },
  );
  // A line end turned into junk keeps the count of characters: the native path must not be fooled by counts.
  const joined = Buffer.from(clean.replace('\r\n', '##'));
  t.ok(decode(base64, [joined]).problems.includes('base64-junk'));
  t.end();
});

function encodeQuoted(bytes: Uint8Array): string {
  let line = '';
  let out = '';
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x3d;
    const piece = plain ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (line.length + piece.length > 75) {
      out += `${line}=\r\n`;
      line = '';
    }
    line += piece;
  }
  return out + line;
}

t.test('quoted-printable survives a round trip, in any pieces', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 }),
      (bytes, cuts) => {
        const { data, problems } = decode(quoted, split(Buffer.from(encodeQuoted(bytes)), cuts));
        if (!data.equals(Buffer.from(bytes)) || problems.length > 0) throw new Error('round trip differs');
      },
    ),
    { numRuns: 300 },
  );
  const piece = fc.constantFrom(
    '=',
    '=\r\n',
    '= \t\r\n',
    '=4',
    '=4a',
    '=4A',
    '=ZZ',
    ' ',
    '\t',
    '\r',
    '\n',
    '\r\n',
    'x',
    '\xff',
    ' '.repeat(600),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }),
      (pieces, cuts) => {
        const input = Buffer.from(pieces.join(''), 'latin1');
        const whole = decode(quoted, [input]);
        const cut = decode(quoted, split(input, cuts));
        if (!cut.data.equals(whole.data) || cut.problems.join() !== whole.problems.join())
          throw new Error('split differs');
      },
    ),
    { numRuns: 1000 },
  );
  const cases: [string, string, ProblemCode[]][] = [
    ['a=3Db=\r\nc', 'a=bc', []],
    ['a=3db', 'a=b', ['qp-lower-case']],
    ['a=ZZ', 'a=ZZ', ['qp-bad-escape']],
    ['a= \r\nb', 'ab', ['qp-trailing-blanks']],
    ['a  \r\nb', 'a\r\nb', ['qp-trailing-blanks']],
    ['a=', 'a', []],
    ['\xe9', '\xe9', ['qp-raw-bytes']],
  ];
  for (const [text, expected, problems] of cases) {
    const { data, problems: found } = decode(quoted, [Buffer.from(text, 'latin1')]);
    t.equal(data.toString('latin1'), expected, JSON.stringify(text));
    t.same(found, problems, JSON.stringify(text));
  }
  t.end();
});
