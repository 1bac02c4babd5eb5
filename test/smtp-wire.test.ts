/** The parts of the SMTP engine that turn bytes into values and back, against the obvious way of doing it. */
import fc from 'fast-check';
import t from 'tap';
import { readProxyHeader, writeProxyHeader } from '../src/runtime/proxy-protocol.js';
import { ForbiddenByteWatch, nextControl } from '../src/smtp/control-scan.js';
import { DataReader } from '../src/smtp/data-reader.js';
import { DotStuffer } from '../src/smtp/dot-stuffer.js';
import { type MailPathProblem, parseMailPath } from '../src/smtp/mail-path.js';
import { mayRelayTo } from '../src/smtp/relay-safety.js';
import { type ReplyFault, ReplyReader } from '../src/smtp/reply-reader.js';
import { ownCpuMs } from './support/process-facts.js';

/** The obvious reading of RFC 5321 §4.5.2, octet string by octet string: what was the content, and where did it end? */
function readSimply(wire: string): { content: string; end: number } | undefined {
  const lineStart = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2;
  if (lineStart === 1) return undefined;
  const raw = wire.slice(0, lineStart);
  return { content: raw.replace(/(^|\r\n)\./g, '$1'), end: lineStart + 3 };
}

function readInPieces(wire: Buffer, cuts: readonly number[]): { content: string; end: number; reader: DataReader } {
  const reader = new DataReader();
  let content = '';
  let at = 0;
  for (const cut of [...cuts.filter((one) => one < wire.length).sort((a, b) => a - b), wire.length]) {
    const end = reader.read(wire.subarray(at, cut), 0, (bytes) => {
      content += bytes.toString('latin1');
    });
    if (end !== -1) return { content, end: at + end, reader };
    at = cut;
  }
  return { content, end: -1, reader };
}

const tricky = fc
  .array(fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', '\r\n.\r\n', 'a', 'b\t', '\0', '\x0b', '\xff', '.\r\n'), {
    maxLength: 40,
  })
  .map((pieces) => pieces.join(''));
const cutPoints = fc.array(fc.nat(200), { maxLength: 12 });

t.test('DATA is read as the simple reading says, however it is cut', (t) => {
  fc.assert(
    fc.property(tricky, cutPoints, (text, cuts) => {
      const wire = `${text}\r\n.\r\nafter`;
      const simple = readSimply(wire);
      const { content, end, reader } = readInPieces(Buffer.from(wire, 'latin1'), cuts);
      if (simple === undefined || end !== simple.end) throw new Error(`ended at ${end}, not ${simple?.end}`);
      // With a bare CR or LF the content is refused, so only its end matters.
      const bare = /\r(?!\n)|(?<!\r)\n|\0/.test(wire.slice(0, end));
      if (bare !== (reader.forbidden !== undefined)) throw new Error(`forbidden: ${reader.forbidden}`);
      if (!bare && content !== simple.content) throw new Error(`content ${JSON.stringify(content)}`);
      if (!bare && reader.stuffed !== /(^|\r\n)\./.test(simple.content)) throw new Error('stuffed');
    }),
    { numRuns: 3000 },
  );
  t.pass('3,000 random wires');
  t.end();
});

t.test('no sequence but CRLF.CRLF ends DATA', (t) => {
  const ends = ['\n.\n', '\n.\r', '\r.\n', '\r.\r', '\n.\r\n', '\r.\r\n', '\r\n.\n', '\r\n.\r', '\r\n.\r\r\n'];
  ends.push('\r\r\n.\r\r\n', '\r\n\0.\r\n', '\r\n.\0\r\n', '\r\n. \r\n', '\r\n.\n\r\n', '\r\n.\rx', '\x85.\x85');
  ends.push('\n\n.\n\n', '\r\n\r.\r\n', '\u2028.\u2028', '\r\n.\x0b\r\n', '\r\n\x0c.\r\n', '\n\r.\n\r', '\r\n..\r\n');
  for (const sequence of ends) {
    const wire = Buffer.from(`first${sequence}MAIL FROM:<evil@client.example>\r\n`);
    const cuts = [[], ...Array.from(wire, (_, index) => [index]), Array.from(wire, (_, index) => index)];
    t.ok(
      cuts.every((cut) => readInPieces(wire, cut).end === -1),
      encodeURI(sequence),
    );
  }
  t.end();
});

t.test('doubled dots come off again, however both sides are cut', (t) => {
  fc.assert(
    fc.property(tricky, cutPoints, cutPoints, (text, cutsOut, cutsIn) => {
      const content = Buffer.from(text, 'latin1');
      const stuffer = new DotStuffer();
      const pieces: Buffer[] = [];
      let at = 0;
      for (const cut of [...cutsOut.sort((a, b) => a - b), content.length]) {
        pieces.push(stuffer.push(content.subarray(at, Math.max(at, cut))));
        at = Math.max(at, Math.min(cut, content.length));
      }
      const stuffed = Buffer.concat(pieces);
      const wanted = text.replace(/(^|\r\n)\./g, '$1..');
      if (stuffed.toString('latin1') !== wanted) throw new Error(`stuffed ${JSON.stringify(stuffed.toString())}`);
      if (/\r(?!\n)|(?<!\r)\n|\0/.test(text) || (text !== '' && !text.endsWith('\r\n'))) return;
      const back = readInPieces(Buffer.concat([stuffed, Buffer.from('.\r\n')]), cutsIn);
      if (back.content !== text) throw new Error(`came back as ${JSON.stringify(back.content)}`);
    }),
    { numRuns: 3000 },
  );
  t.pass('3,000 random contents');
  t.end();
});

t.test('nextControl finds what a naive scan finds, at every alignment', (t) => {
  const memory = Buffer.alloc(400, 0x41);
  let wrong = 0;
  for (let offset = 0; offset < 8; offset += 1) {
    for (const length of [0, 1, 3, 63, 64, 65, 66, 67, 68, 130]) {
      for (let hit = 0; hit <= length; hit += 1) {
        for (const byte of [0, 10, 13, 14, 0x80, 0x8d, 0xff]) {
          const chunk = memory.subarray(offset, offset + length);
          chunk.fill(hit % 2 === 0 ? 0x41 : 0xff);
          if (hit < length) chunk[hit] = byte;
          // Bytes around the chunk must not be seen.
          memory[offset + length] = 0;
          const from = Math.min(hit, 2);
          const naive = chunk.findIndex((one, index) => index >= from && one < 14);
          if (nextControl(chunk, from) !== (naive === -1 ? length : naive)) wrong += 1;
          memory[offset + length] = 0x41;
        }
      }
    }
  }
  t.equal(wrong, 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, from) => {
      const chunk = Buffer.from(bytes);
      const start = Math.min(from, chunk.length);
      const naive = chunk.findIndex((one, index) => index >= start && one < 14);
      return nextControl(chunk, start) === (naive === -1 ? chunk.length : naive);
    }),
  );
  t.end();
});

t.test('forbidden bytes in chunks are found however they are cut', (t) => {
  fc.assert(
    fc.property(tricky, cutPoints, (text, cuts) => {
      const bytes = Buffer.from(text, 'latin1');
      const watch = new ForbiddenByteWatch();
      let at = 0;
      for (const cut of [...cuts.filter((one) => one < bytes.length).sort((a, b) => a - b), bytes.length]) {
        watch.read(bytes.subarray(at, cut));
        at = cut;
      }
      return (watch.end() !== undefined) === /\r(?!\n)|(?<!\r)\n|\0/.test(text);
    }),
    { numRuns: 2000 },
  );
  t.pass('2,000 random contents');
  t.end();
});

const goodPaths: [string, string, string | undefined, ...string[]][] = [
  ['<a@b.example>', 'a@b.example', 'b.example'],
  [' <a@b.example>', 'a@b.example', 'b.example'],
  ['<>', '', undefined],
  ['<> SIZE=1', '', undefined, 'SIZE=1'],
  ['<postmaster>', 'postmaster', undefined],
  ['<a.b+c=d/e!f%g#h@B.Example>', 'a.b+c=d/e!f%g#h@B.Example', 'b.example'],
  ['<"a b"@c.example>', '"a b"@c.example', 'c.example'],
  ['<"a@evil.example"@c.example>', '"a@evil.example"@c.example', 'c.example'],
  ['<"a\\"b\\\\>"@c.example>', '"a\\"b\\\\>"@c.example', 'c.example'],
  ['<a@[192.0.2.1]>', 'a@[192.0.2.1]', '[192.0.2.1]'],
  ['<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]', '[ipv6:2001:db8::1]'],
  ['<@x.example,@y.example:a@b.example>', 'a@b.example', 'b.example'],
  ['<jürgen@münchen.example> SMTPUTF8', 'jürgen@münchen.example', 'münchen.example', 'SMTPUTF8'],
  ['<a@b.example> ENVID=a+2Bb  RET=FULL ', 'a@b.example', 'b.example', 'ENVID=a+2Bb', 'RET=FULL'],
  [`<${'a'.repeat(64)}@b.example>`, `${'a'.repeat(64)}@b.example`, 'b.example'],
  ['<a..b@c.example>', 'a..b@c.example', 'c.example'],
  ['<a_b@c_d.example.>', 'a_b@c_d.example.', 'c_d.example.'],
];

const badPaths: [string, MailPathProblem][] = [
  ['a@b.example', 'syntax'],
  ['', 'syntax'],
  ['  <a@b.example>', 'syntax'],
  ['<a@b.example', 'syntax'],
  ['<<a@b.example>>', 'syntax'],
  ['<"a@b.example>', 'syntax'],
  ['<a@b.example>x', 'parameter'],
  ['<a@b.example> =x', 'parameter'],
  ['<a@b.example> SIZE==', 'parameter'],
  ['<a@b.example> A=b\tC=d', 'parameter'],
  ['<a@b.example> A=b <c@d.example>', 'parameter'],
  ['<a@b@c.example>', 'address'],
  ['<@b.example>', 'address'],
  ['<a@>', 'address'],
  ['<@>', 'address'],
  ['<a@b..example>', 'address'],
  ['<a@-b.example>', 'address'],
  ['<a@b-.example>', 'address'],
  ['<a b@c.example>', 'address'],
  ['<a\tb@c.example>', 'address'],
  ['<"a\tb"@c.example>', 'address'],
  ['<.a@b.example>', 'address'],
  ['<a@b.example,c@d.example>', 'address'],
  ['<a:b@c.example>', 'address'],
  ['<(comment)a@b.example>', 'address'],
  ['<a@[192.0.2.1] >', 'address'],
  ['<@x.example:>', 'address'],
  ['<@x y:a@b.example>', 'address'],
  [`<${'a'.repeat(65)}@b.example>`, 'address'],
  [`<a@${'b.'.repeat(130)}example>`, 'address'],
];

t.test('the grammar of paths', (t) => {
  for (const [text, address, domain, ...parameters] of goodPaths) {
    const path = parseMailPath(text, true);
    t.match(path, { address, domain, parameters }, text);
  }
  for (const [text, problem] of badPaths) t.equal(parseMailPath(text, true), problem, JSON.stringify(text));
  t.equal(parseMailPath('<>', false), 'address', 'no null path where there may be none');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const path = parseMailPath(`<${text}>`, true);
      // What is accepted holds nothing that could end a line or a path elsewhere.
      return typeof path === 'string' || !/[\0-\x1f\x7f]/.test(path.address + path.parameters.join(''));
    }),
    { numRuns: 3000 },
  );
  const began = ownCpuMs();
  for (const unit of ['a', 'a.', '.', '@', '"', '\\', 'a-', '@a,', '<']) parseMailPath(`<${unit.repeat(5000)}`, true);
  for (const unit of ['a', 'a.', '@a,', 'a-']) parseMailPath(`<${unit.repeat(5000)}!:x@y>`, true);
  const ms = Math.round(ownCpuMs() - began);
  t.ok(ms < 1000, `no input takes long: ${ms} ms`);
  t.end();
});

t.test('relay safety', (t) => {
  const allowed = (text: string) => {
    const path = parseMailPath(text, false);
    return typeof path !== 'string' && mayRelayTo(path, ['example.org', 'xn--mnchen-3ya.example']);
  };
  for (const text of [
    '<a@example.org>',
    '<a@EXAMPLE.org.>',
    '<a@münchen.example>',
    '<a@XN--MNCHEN-3YA.example>',
    '<a>',
  ]) {
    t.ok(allowed(text), text);
  }
  const denied = ['<a@example.com>', '<a@sub.example.org>', '<a@example.org.evil.example>', '<a%evil@example.org>'];
  denied.push('<evil.example!a@example.org>', '<"a@evil.example"@example.org>', '<@evil.example:a@example.org>');
  denied.push('<a@[192.0.2.1]>', '<"a:b"@example.org>', '<a%evil.example>');
  for (const text of denied) t.notOk(allowed(text), text);
  t.end();
});

t.test('PROXY headers, in every cut', (t) => {
  const v2 = (head: readonly number[], body: Buffer) =>
    Buffer.concat([
      Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
      Buffer.from([...head, body.length >> 8, body.length & 255]),
      body,
    ]);
  const four = Buffer.from([192, 0, 2, 7, 127, 0, 0, 1, 0x9c, 0x40, 0, 25]);
  const six = Buffer.concat([
    Buffer.from('20010db8000000000000000000000001'.repeat(2), 'hex'),
    Buffer.from([1, 2, 0, 25]),
  ]);
  const good: [Buffer, { address: string; port: number } | undefined][] = [
    [Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 40000 25\r\n'), { address: '192.0.2.7', port: 40_000 }],
    [Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 25\r\n'), { address: '2001:db8::1', port: 1 }],
    [Buffer.from('PROXY UNKNOWN\r\n'), undefined],
    [Buffer.from('PROXY UNKNOWN ffff::1 ::1 1 2\r\n'), undefined],
    [v2([0x21, 0x11], four), { address: '192.0.2.7', port: 40_000 }],
    [v2([0x21, 0x11], Buffer.concat([four, Buffer.from([4, 0, 1, 7])])), { address: '192.0.2.7', port: 40_000 }],
    [v2([0x21, 0x21], six), { address: '2001:db8::1', port: 258 }],
    [v2([0x20, 0x00], Buffer.alloc(0)), undefined],
    [v2([0x20, 0x11], four), undefined],
    [v2([0x21, 0x00], Buffer.from('x')), undefined],
    [
      writeProxyHeader({ address: '192.0.2.7', port: 40_000 }, { address: '127.0.0.1', port: 25 }),
      { address: '192.0.2.7', port: 40_000 },
    ],
    [
      writeProxyHeader({ address: '2001:db8::7', port: 9 }, { address: '127.0.0.1', port: 25 }),
      { address: '2001:db8::7', port: 9 },
    ],
    [writeProxyHeader({ address: '', port: 0 }, { address: '127.0.0.1', port: 25 }), undefined],
  ];
  for (const [header, source] of good) {
    const whole = readProxyHeader(Buffer.concat([header, Buffer.from('EHLO x\r\n')]));
    t.match(whole, { kind: 'header', bytes: header.length, source }, header.toString('hex'));
    const target = whole.kind === 'header' ? whole.target : undefined;
    if (source === undefined) t.equal(target, undefined);
    else t.match(target, { address: /^(?:127\.0\.0\.1|::1|2001:db8::1|::ffff:7f00:1)$/, port: 25 });
    const kinds = Array.from(header, (_, cut) => readProxyHeader(header.subarray(0, cut)).kind);
    t.ok(
      kinds.every((kind) => kind === 'incomplete'),
      'no earlier cut is taken for a header or refused',
    );
  }
  const bad = [
    Buffer.from('EHLO x\r\n'),
    Buffer.from('proxy TCP4 192.0.2.7 127.0.0.1 1 25\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 1\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 1 25 6\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.999 127.0.0.1 1 25\r\n'),
    Buffer.from('PROXY TCP4 2001:db8::1 ::1 1 25\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 65536 25\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7 127.0.0.1 -1 25\r\n'),
    Buffer.from('PROXY TCP4 192.0.2.7  127.0.0.1 1 25\r\n'),
    Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}\r\n`),
    Buffer.from(`PROXY ${'x'.repeat(120)}`),
    v2([0x11, 0x11], four),
    v2([0x22, 0x11], four),
    v2([0x21, 0x11], four.subarray(0, 11)),
    v2([0x21, 0x21], four),
    v2([0x21, 0x31], Buffer.alloc(216)),
    v2([0x21, 0x11], Buffer.alloc(5000)),
  ];
  for (const header of bad)
    t.equal(readProxyHeader(header).kind, 'invalid', encodeURI(header.toString('latin1').slice(0, 40)));
  t.end();
});

t.test('replies are cut from any segmentation, and what is none is a fault', (t) => {
  const replies = ['250 ok\r\n', '250-a\r\n250-b\r\n250 c\r\n', '421\r\n', '250-\r\n250 \r\n', '554 \xe9\t\x7f\r\n'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...replies), { maxLength: 6 }), cutPoints, (sent, cuts) => {
      const wire = Buffer.from(sent.join(''), 'latin1');
      const reader = new ReplyReader();
      const got: string[] = [];
      let at = 0;
      for (const cut of [...cuts.filter((one) => one < wire.length).sort((a, b) => a - b), wire.length]) {
        if (reader.read(wire.subarray(at, cut), (reply) => got.push(reply.raw)) !== undefined) return false;
        at = cut;
      }
      return got.join('|') === sent.join('|') && !reader.partial;
    }),
  );
  const faults: [string, ReplyFault][] = [
    ['250-a\r\n251 b\r\n', 'code-changed'],
    ['25 a\r\n', 'syntax'],
    ['2500 a\r\n', 'syntax'],
    ['250_a\r\n', 'syntax'],
    ['199 a\r\n', 'syntax'],
    ['600 a\r\n', 'syntax'],
    ['2a0 b\r\n', 'syntax'],
    ['250 a\n', 'syntax'],
    ['250 a\0\r\n', 'syntax'],
    ['250 a\r\r\n', 'syntax'],
    ['\r\n', 'syntax'],
    [' 250 a\r\n', 'syntax'],
    [`250 ${'a'.repeat(5000)}\r\n`, 'line-too-long'],
    [`250 ${'a'.repeat(5000)}`, 'line-too-long'],
    ['250-a\r\n'.repeat(300), 'too-many-lines'],
  ];
  for (const [text, fault] of faults) {
    const reader = new ReplyReader();
    t.equal(
      reader.read(Buffer.from(text, 'latin1'), () => undefined),
      fault,
      JSON.stringify(text.slice(0, 20)),
    );
  }
  t.end();
});
