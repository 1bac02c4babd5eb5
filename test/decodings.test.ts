/** Every way in which some reader undoes a transfer encoding is among the decodings of a body. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { binhexFiles } from '../src/mime/binhex.js';
import { decodings } from '../src/mime/decodings.js';
import { uuencodedFiles } from '../src/mime/uuencode.js';
import { type ViewEncoding, viewEncodings } from '../src/mime/view.js';
import { yencFiles } from '../src/mime/yenc.js';
import { limits } from '../src/runtime/limits.js';
import {
  base64Lines,
  binhex,
  uuBackticks,
  uuencode,
  uuLines,
  uuSpaces,
  xxAlphabet,
  yencLines,
  yencode,
} from './support/old-encoders.js';
import { ownCpuMs } from './support/process-facts.js';

const bytesMax = 100_000_000;
/** 200 bytes of all kinds that begin as no file does, and a file with a signature */
const payload = Buffer.from(Array.from({ length: 200 }, (_, index) => (index * 37 + (index >> 3)) & 0xff));
const pdf = Buffer.concat([Buffer.from('%PDF-1.4\n', 'latin1'), payload]);

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function contents(body: Buffer | string, encoding: ViewEncoding): readonly string[] {
  const { list } = decodings(typeof body === 'string' ? latin1(body) : body, encoding, { bytesMax });
  return list.map(({ content }) => content.toString('latin1'));
}

interface Assertions {
  ok(value: unknown, message: string): boolean;
}

/** One reader's decoding is there. */
function finds(
  t: Assertions,
  name: string,
  body: Buffer | string,
  encoding: ViewEncoding,
  wanted: Buffer | string,
): void {
  const text = typeof wanted === 'string' ? wanted : wanted.toString('latin1');
  t.ok(contents(body, encoding).includes(text), name);
}

t.test('a strict body has one decoding', (t) => {
  for (const size of [0, 1, 2, 3, 57, 200, 100_000]) {
    const content = Buffer.alloc(size, payload);
    for (const end of ['\r\n', '\n']) {
      const { list, complete } = decodings(latin1(base64Lines(content, 76, end)), 'base64', { bytesMax });
      t.equal(list.length, 1, `base64 of ${size} bytes`);
      t.ok(list[0]?.content.equals(content));
      t.ok(complete);
    }
  }
  t.strictSame(contents('a=3Db =E4', 'quoted-printable'), ['a=b \xe4']);
  t.strictSame(contents('one line', 'identity'), ['one line']);
  t.end();
});

t.test('base64 with junk in it is decoded as readers that skip it, stop at it or count it', (t) => {
  const text = payload.toString('base64');
  const broken = (junk: string, at = 40) => `${text.slice(0, at)}${junk}${text.slice(at)}`;
  for (const junk of ['.', '#', '%', ' ', '\v', '\0', '\xe4', '\x80', '\r\n!!!!\r\n', '\r', '~~~~~~~']) {
    finds(t, `skips ${JSON.stringify(junk)}`, broken(junk), 'base64', payload);
  }
  for (const junk of ['-', '_', '--__']) finds(t, `skips ${junk}`, broken(junk), 'base64', payload);
  finds(t, 'stops at it', broken('#'), 'base64', payload.subarray(0, 30));
  finds(
    t,
    'ends its group',
    broken('#', 42),
    'base64',
    Buffer.concat([payload.subarray(0, 31), Buffer.from(text.slice(42), 'base64')]),
  );
  finds(
    t,
    'counts it as zero',
    broken('####'),
    'base64',
    Buffer.concat([payload.subarray(0, 30), Buffer.alloc(3), payload.subarray(30)]),
  );
  const lines = base64Lines(payload, 40);
  finds(t, 'leaves out the line', lines.replace('\r\n', '\r\nabc!defg\r\n'), 'base64', payload);
  finds(
    t,
    'takes only seven bits',
    Buffer.from(latin1(text).map((byte, at) => (at === 7 ? byte | 0x80 : byte))),
    'base64',
    payload,
  );
  finds(t, 'ends at NUL', `${text.slice(0, 40)}\0AAAA`, 'base64', payload.subarray(0, 30));
  const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
  t.not(urlSafe, text, 'the payload has such characters');
  finds(t, 'knows the URL-safe alphabet', urlSafe, 'base64', payload);
  finds(t, 'takes the URL-safe alphabet for junk', broken('-_'), 'base64', payload);
  for (const comment of ['*comment*', '(comment)', '(a b c)']) finds(t, comment, broken(comment), 'base64', payload);
  t.end();
});

t.test('base64 is decoded from wherever a reader may begin, to wherever it may stop', (t) => {
  const lines = base64Lines(pdf);
  for (const junk of ['A', 'AB', 'ABC', 'ABCD', 'ABCDEFGH', 'ABCD\r\n', 'A\r\n', 'abc def ghi\r\n']) {
    finds(t, `behind ${JSON.stringify(junk)}`, junk + lines, 'base64', pdf);
  }
  for (const front of ['begin-base64 644 a.pdf\r\n', 'X-Junk: yes\r\n\r\n', '!!!!\r\n????\r\n', 'Here it comes:\r\n']) {
    finds(t, `behind ${JSON.stringify(front)}`, front + lines, 'base64', pdf);
    finds(t, `no signature, behind ${JSON.stringify(front)}`, front + base64Lines(payload), 'base64', payload);
  }
  for (const front of ['ABCD\r\n', 'ABCDEFGH\r\n\r\n', 'ABCD\r\n\r\n']) {
    finds(t, `no signature, behind ${JSON.stringify(front)}`, front + base64Lines(payload), 'base64', payload);
  }
  const whole = base64Lines(Buffer.alloc(171, pdf));
  finds(t, 'up to a footer', `${whole}--\r\nThis list is archived.\r\n`, 'base64', Buffer.alloc(171, pdf));
  finds(t, 'up to an empty line', `${whole}\r\n--ABCD\r\n`, 'base64', Buffer.alloc(171, pdf));
  finds(
    t,
    'and over dashes',
    `${base64Lines(pdf.subarray(0, 207)).replace(/^.{40}/, '$&\r\n--')}\r\n--ABCD--`,
    'base64',
    pdf.subarray(0, 207),
  );
  finds(t, 'between text and footer', `Hello, you\r\n${whole}This is it, all.\r\n`, 'base64', Buffer.alloc(171, pdf));
  const begun = `begin-base64 644 a.pdf\r\n${lines}====\r\n`;
  const decoded = decodings(latin1(begun), 'base64', { bytesMax }).list.find(({ content }) => content.equals(pdf));
  t.strictSame(decoded?.names, ['a.pdf'], 'up to the end of begin-base64, with its name');
  finds(t, 'uuencode that calls itself base64', uuencode('a', pdf), 'base64', pdf);
  t.end();
});

t.test('padding in base64 ends a group, the data, or nothing', (t) => {
  const chunked = (size: number) => {
    let text = '';
    for (let at = 0; at < payload.length; at += size) text += payload.subarray(at, at + size).toString('base64');
    return text;
  };
  for (const size of [1, 2, 4, 5]) finds(t, `chunks of ${size}`, chunked(size), 'base64', payload);
  const text = payload.toString('base64');
  t.match(text, /[^=]=$/);
  const bare = text.replaceAll('=', '');
  for (const odd of [bare, `${bare}==`, `${bare}====`, `${bare}\r\n=\r\n`])
    finds(t, odd.slice(-6), odd, 'base64', payload);
  finds(t, 'ignored in the middle', `${bare.slice(0, 41)}=${bare.slice(41)}`, 'base64', payload);
  finds(t, 'a line of it', `${bare.slice(0, 40)}\r\n=\r\n${bare.slice(40)}=`, 'base64', payload);
  finds(t, 'two in the middle', `${bare.slice(0, 42)}==${bare.slice(42)}`, 'base64', payload);
  const early = `${payload.subarray(0, 20).toString('base64')}${bare}`;
  finds(t, 'stops at it', early, 'base64', payload.subarray(0, 20));
  finds(t, 'a second file behind it', early, 'base64', payload);
  finds(t, 'whole groups only', bare, 'base64', payload.subarray(0, 198));
  finds(
    t,
    'line by line',
    `${bare.slice(0, 42)}\r\n${bare.slice(0, 42)}\r\n${bare}`,
    'base64',
    Buffer.concat([payload.subarray(0, 31), payload.subarray(0, 31), payload]),
  );
  const three = [payload.subarray(0, 10), payload.subarray(10, 35), payload.subarray(35, 36)];
  const pieces = three.map((piece) => piece.toString('base64')).join('\r\n');
  for (const piece of three) finds(t, `piece of ${piece.length}`, pieces, 'base64', piece);
  finds(t, 'bits that are not zero', 'QUJDRF==', 'base64', 'ABCD');
  t.end();
});

t.test('the shape of the lines does not matter', (t) => {
  for (const length of [1, 2, 3, 4, 5, 6, 7, 61, 997, 5000]) {
    for (const end of ['\r\n', '\n', '\r', '\r\n\r\n', ' \t\r\n']) {
      finds(t, `${length} characters and ${JSON.stringify(end)}`, base64Lines(payload, length, end), 'base64', payload);
    }
  }
  const wide = Buffer.from(`\ufeff${base64Lines(payload)}`, 'utf16le');
  finds(t, 'UTF-16', wide, 'base64', payload);
  t.end();
});

t.test('what Python decodes is among the decodings', (t) => {
  // binascii.a2b_base64, a2b_qp and quopri of Python 3.11
  for (const [body, wanted] of [
    ['SGVs=bG8=IHdvcmxk', 'Hello'],
    ['SGVsbG8=IHdvcmxk', 'Hello'],
    ['SG=VsbG8gd29ybGQ=', 'Hello world'],
    ['SGVs#bG8gd29ybGQ=', 'Hello world'],
    ['====SGVsbG8gd29ybGQ=', 'Hello world'],
    ['SGVsbG8g=\nd29ybGQ=', 'Hello world'],
  ] as const) {
    finds(t, body, body, 'base64', wanted);
  }
  for (const [body, wanted] of [
    ['a=4=42', 'a=4B'],
    ['a=\r\nb', 'ab'],
    ['a =\r\n b', 'a  b'],
    ['a=e4=E4', 'a\xe4\xe4'],
    ['x=', 'x'],
    ['foo=zzbar', 'foo=zzbar'],
    ['a  \r\nb', 'a  \r\nb'],
    ['_=5F', '__'],
    ['a==e4', 'a=e4'],
    ['a=\rb\nc', 'ac'],
  ] as const) {
    finds(t, body, body, 'quoted-printable', wanted);
  }
  const content = Buffer.from(
    '00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc255044462d312e342000000000000020656e64200a',
    'hex',
  );
  const [spaces, ticks, printable] = [
    'begin 644 a b.bin\nM  <.%1PC*C$X/T9-5%MB:7!W?H6,DYJAJ*^VO<3+TMG@Y^[U_"501$8M,2XT\n-(        "!E;F0@"@  \n \nend\n',
    'begin 644 a b.bin\nM``<.%1PC*C$X/T9-5%MB:7!W?H6,DYJAJ*^VO<3+TMG@Y^[U_"501$8M,2XT\n-(````````"!E;F0@"@``\n`\nend\n',
    '=00=07=0E=15=1C#*18?FMT[bipw~=85=8C=93=9A=A1=A8=AF=B6=BD=C4=CB=D2=D9=E0=E7=\n=EE=F5=FC%PDF-1.4 =00=00=00=00=00=00 end=20\n',
  ];
  finds(t, 'uu with blanks', spaces, 'uuencode', content);
  finds(t, 'uu with back-ticks', ticks, 'uuencode', content);
  finds(t, 'uu whose blanks a transport took', spaces.replace(/ +\n/g, '\n'), 'uuencode', content);
  finds(t, 'quoted-printable', printable, 'quoted-printable', content);
  t.end();
});

t.test('quoted-printable is decoded with every habit that makes a difference', (t) => {
  for (const [body, ...wanted] of [
    ['a=zzb', 'a=zzb', 'azzb', 'ab', 'a'],
    ['a=4', 'a=4', 'a4'],
    ['a=e4', 'a\xe4', 'a=e4'],
    ['a=eZ=E4', 'a=eZ\xe4', 'aeZ\xe4', 'a\xe4'],
    ['a \r\nb', 'a\r\nb', 'a \r\nb', 'a\nb', 'a \nb'],
    ['a=4=\r\n1', 'a=41', 'aA'],
    ['a= \r\nb', 'ab', 'a=\r\nb'],
    ['a=\t\r\nb', 'ab'],
    ['a=\rb', 'ab', 'a=\rb', 'a\rb'],
    ['a=\nb', 'ab'],
    ['ab=', 'ab', 'ab='],
    ['ab= ', 'ab'],
    ['a=20=\r\n', 'a '],
    ['a_b=5F', 'a_b_', 'a b_'],
    ['a=0D=0Ab\r\nc', 'a\r\nb\r\nc', 'a\nb\nc', 'a\r\nb\nc'],
    ['a=0Ab\nc', 'a\nb\nc', 'a\r\nb\r\nc'],
    ['a\r\n', 'a\r\n', 'a\n', 'a'],
    ['a\r\n\r\n', 'a\r\n', 'a'],
    ['\x80\x01=41', '\x80\x01A'],
    ['=zz \r\n=e4=E4', '=zz\r\n\xe4\xe4', 'zz \r\ne4\xe4'],
  ] as const) {
    for (const text of wanted)
      finds(t, `${JSON.stringify(body)}: ${JSON.stringify(text)}`, body, 'quoted-printable', text);
  }
  t.end();
});

t.test('a body without an encoding is taken with every kind of line end', (t) => {
  const body = 'a\r\nb\nc\rd\r\n..e\r\n\r\n';
  for (const wanted of [
    body,
    'a\nb\nc\rd\n..e\n\n',
    'a\r\nb\r\nc\r\nd\r\n..e\r\n\r\n',
    'a\nb\nc\nd\n..e\n\n',
    'a\r\nb\nc\rd\r\n..e\r\n',
    'a\r\nb\nc\rd\r\n..e',
    'a\r\nb\nc\rd\r\n.e\r\n\r\n',
  ]) {
    finds(t, JSON.stringify(wanted), body, 'identity', wanted);
  }
  t.end();
});

t.test('uuencode and xxencode are decoded whatever transports and writers did to them', (t) => {
  const text = uuencode('a.exe', pdf);
  for (const [name, body] of [
    ['as it should be', text],
    ['with blanks', uuencode('a.exe', pdf, uuSpaces)],
    ['blanks at line ends lost', uuencode('a.exe', Buffer.concat([pdf]), uuSpaces).replace(/ +\r\n/g, '\r\n')],
    ['LF', text.replaceAll('\r\n', '\n')],
    ['CR', text.replaceAll('\r\n', '\r')],
    ['no end', text.replace(/`\r\nend\r\n/, '')],
    ['no begin', text.replace(/^begin.*\r\n/, '')],
    ['neither', uuLines(pdf, uuBackticks)],
    ['text in front', `Dear all,\r\n\r\n${text}`],
    ['text behind', `${text}\r\nYours\r\n`],
    ['text behind, no end', `${text.replace('end\r\n', '')}\r\nyours, who else\r\n`],
    ['upper case', text.replace('begin', 'BEGIN').replace('end', 'END')],
    ['a checksum behind each line', text.replace(/^(M.*)$/gm, '$1x')],
    ['no name', text.replace(' a.exe', ' ')],
    ['a mode of four digits', text.replace('644', '0644')],
    ['xxencode', uuencode('a.exe', pdf, xxAlphabet)],
    ['xxencode without begin', uuLines(pdf, xxAlphabet)],
    ['begin-base64', `begin-base64 644 a.exe\r\n${base64Lines(pdf)}====\r\n`],
  ] as const) {
    for (const encoding of ['uuencode', 'xxencode'] as const) finds(t, `${name}, ${encoding}`, body, encoding, pdf);
  }
  const named = decodings(latin1(text), 'uuencode', { bytesMax }).list[0];
  t.strictSame(named?.names, ['a.exe']);
  const two = `${uuencode('one', payload)}${uuencode('two b.c', pdf)}`;
  const { list } = decodings(latin1(two), 'uuencode', { bytesMax });
  t.strictSame(
    list.slice(0, 2).map(({ names }) => names[0]),
    ['one', 'two b.c'],
  );
  finds(t, 'joined by a decoder that knows no begin', two, 'uuencode', Buffer.concat([payload, pdf]));
  const wrong = `begin 644 a\r\n!${uuLines(pdf.subarray(0, 45), uuBackticks).slice(1)}end\r\n`;
  finds(t, 'a length that is too small: as stated', wrong, 'uuencode', pdf.subarray(0, 1));
  finds(t, 'and by its characters', wrong, 'uuencode', pdf.subarray(0, 45));
  t.strictSame(
    uuencodedFiles(latin1('see\r\nbegin 2020 was a year\r\nof hope\r\n'), false, bytesMax),
    [],
    'prose is no file',
  );
  const party = uuencodedFiles(
    latin1('begin 1999 with a party\nbegin 644 things at once\nand end\nend\n'),
    false,
    bytesMax,
  );
  t.notOk(
    party.some(({ damaged }) => damaged),
    'prose between such lines is nothing damaged',
  );
  const zeros = uuencode('a', Buffer.alloc(90), uuSpaces)
    .replace(/ +\r\n/g, '\r\n')
    .replace('end\r\n', '');
  t.ok(uuencodedFiles(latin1(zeros), false, bytesMax)[0]?.content.equals(Buffer.alloc(90)), 'zeros, and no end');
  t.end();
});

t.test('yEnc is decoded in one part or several', (t) => {
  finds(t, 'as it should be', yencode('a.exe', pdf), 'yenc', pdf);
  finds(t, 'no header', yencLines(pdf), 'yenc', pdf);
  finds(t, 'no end', yencode('a.exe', pdf).subarray(0, -'=yend size=209\r\n'.length), 'yenc', pdf);
  const stuffed = Buffer.from([46 - 42, 1, 2]);
  finds(t, 'dots stuffed', latin1('=ybegin size=3 name=a\r\n..+,\r\n=yend\r\n'), 'yenc', stuffed);
  const part = (number: number, from: number, to: number) =>
    Buffer.concat([
      latin1(`=ybegin part=${number} line=128 size=209 name=b c.bin\r\n=ypart begin=${from + 1} end=${to}\r\n`),
      yencLines(pdf.subarray(from, to)),
      latin1(`=yend size=${to - from} part=${number} pcrc32=00000000\r\n`),
    ]);
  const parts = Buffer.concat([part(2, 100, 209), latin1('\r\n'), part(1, 0, 100)]);
  finds(t, 'parts in any order', parts, 'yenc', pdf);
  finds(t, 'one part by itself', parts, 'yenc', pdf.subarray(100));
  t.strictSame(yencFiles(parts, false)[0]?.names, ['b c.bin']);
  t.end();
});

t.test('BinHex gives both forks, whatever its checksums say', (t) => {
  const runs = Buffer.concat([Buffer.alloc(600, 0x90), pdf, Buffer.alloc(300), Buffer.from([0x90, 0x90, 1])]);
  for (const content of [payload, runs]) {
    const text = binhex('a.exe', content, pdf);
    finds(t, 'data fork', text, 'binhex', content);
    finds(t, 'resource fork', text, 'binhex', pdf);
    finds(t, 'without the sentence', text.slice(text.indexOf(':')), 'binhex', content);
    finds(t, 'without its end', text.replace(/:\r\n$/, ''), 'binhex', content);
  }
  t.strictSame(binhexFiles(latin1(binhex('a.exe', pdf)), false, bytesMax)[0]?.names, ['a.exe']);
  const bomb = binhex('a', Buffer.alloc(1_000_000));
  t.ok(bomb.length < 30_000);
  t.equal(decodings(latin1(bomb), 'binhex', { bytesMax: 1000 }).complete, false);
  t.end();
});

t.test('gzip64 is unpacked, also when it is damaged, within the bound', (t) => {
  const packed = gzipSync(pdf);
  finds(t, 'as it should be', base64Lines(packed), 'gzip64', pdf);
  const wrong = Buffer.from(packed);
  wrong.writeUInt32LE(1, wrong.length - 8);
  finds(t, 'a wrong checksum', base64Lines(wrong), 'gzip64', pdf);
  finds(t, 'cut short', base64Lines(packed.subarray(0, -4)), 'gzip64', pdf);
  finds(t, 'packed', base64Lines(packed), 'gzip64', packed);
  const bomb = decodings(latin1(base64Lines(gzipSync(Buffer.alloc(1_000_000)))), 'gzip64', { bytesMax: 10_000 });
  t.equal(bomb.complete, false);
  t.end();
});

t.test('no content comes twice, none is lost in silence, nothing throws', (t) => {
  const alphabet = fc.constantFrom(
    ...'AQb9+/-_=  \r\n\t.#*()!M`%:>\0\xe4',
    'QUJD',
    '=\r\n',
    '==',
    '=e4',
    '=3D',
    'begin 644 a\n',
    'end\n',
    '=ybegin name=a\n',
    '=yend\n',
    '\n:',
    '!!!!',
  );
  const body = fc.oneof(
    fc.array(alphabet, { maxLength: 60 }).map((pieces) => latin1(pieces.join(''))),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(body, fc.constantFrom(...Object.values(viewEncodings)), fc.nat(400), (bytes, encoding, bound) => {
      const all = decodings(bytes, encoding, { bytesMax });
      const seen = all.list.map(({ content }) => content.toString('latin1'));
      const bounded = decodings(bytes, encoding, { bytesMax: bound });
      const sum = bounded.list.reduce((total, { content }) => total + content.length, 0);
      const lost = bounded.list.length < all.list.length;
      return (
        new Set(seen).size === seen.length &&
        seen.length <= limits.views.decodingsMax &&
        sum <= bound &&
        (!lost || !bounded.complete)
      );
    }),
    { numRuns: 3000 },
  );
  t.pass('3000 bodies');
  t.end();
});

t.test('what holds for the framer holds here: its decoding is the first', (t) => {
  const { list } = decodings(latin1('SGVs#bG8=IHdv\r\ncmxk'), 'base64', { bytesMax });
  t.equal(list[0]?.content.toString('latin1'), 'Hello world');
  t.equal(list[0]?.reading, 'base64');
  t.end();
});

t.test('time grows with the body, not faster', (t) => {
  const units = [
    'QUJD',
    'QUI=',
    'Q#',
    '=',
    '= ',
    ' \t',
    '(',
    '*',
    '\r\n',
    '-',
    'begin 644 a\n',
    'M\n',
    '=ybegin a\n',
    ':!',
    '\n..',
  ];
  for (const encoding of Object.values(viewEncodings)) {
    for (const unit of units) {
      const body = latin1(unit.repeat(Math.ceil(300_000 / unit.length)));
      const start = ownCpuMs();
      decodings(body, encoding, { bytesMax });
      const elapsed = ownCpuMs() - start;
      // A quadratic step over 300 KB would take minutes.
      if (elapsed > 10_000) t.fail(`${encoding} of ${JSON.stringify(unit)} took ${Math.round(elapsed)} ms`);
    }
    t.pass(encoding);
  }
  t.end();
});
