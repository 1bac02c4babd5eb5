/** What looks like random octets is not opened in a thread: whatever an opener would find in it must be seen before. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { openers } from '../src/inspect/container/openers.js';
import { holdsNothing, looksRandom } from '../src/inspect/random-octets.js';
import { everyPart } from '../src/inspect/report.js';
import { SignatureScan } from '../src/inspect/signature-scan.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { yencode } from './support/old-encoders.js';
import { open, openFile } from './support/open-file.js';

/** Octets without any structure; without NUL, as every twentieth small file has none. */
function randomOctets(seed: string, bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 24) }, (_, at) =>
    createHash('sha256').update(`${seed} ${at}`).digest(),
  );
  return Buffer.concat(blocks.map((block) => block.filter((octet) => octet !== 0))).subarray(0, bytes);
}

t.test('a signature is found wherever it begins, and nothing else is', async (t) => {
  const signatures = ['PK\x05\x06', 'Rar!\x1a\x07', '<script', 'PKPK\x05'].map((text) => Buffer.from(text, 'latin1'));
  const scan = new SignatureScan(signatures);
  for (const signature of signatures) {
    for (let before = 0; before < 14; before += 1) {
      for (let behind = 0; behind < 7; behind += 1) {
        const octets = Buffer.concat([Buffer.alloc(before, 'P'), signature, Buffer.alloc(behind, 'x')]);
        if (!scan.any(octets)) t.fail(`${signature.toString('latin1')} behind ${before} octets, ${behind} in all`);
        const cut = octets.subarray(0, before + signature.length - 1);
        if (scan.any(cut) !== signatures.some((other) => cut.includes(other))) t.fail(`${before} octets, cut short`);
      }
    }
  }
  t.notOk(scan.any(Buffer.alloc(0)));
  t.notOk(scan.any(Buffer.from('P')));
  t.throws(() => new SignatureScan([Buffer.from('PK\x05')]), RangeError);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'PK\x05\x06Rar!\x1a\x07<script') }), (text) => {
      const octets = Buffer.from(text, 'latin1');
      return scan.any(octets) === signatures.some((signature) => octets.includes(signature));
    }),
    { numRuns: 2000 },
  );
});

const fragments = [
  '=ybegin line=128 size=5 name=a.exe\r\nabcde\r\n=yend size=5\r\n',
  '=ybegin part=1 line=128 size=3\r\n',
  '\r\nbegin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n',
  'begin-base64 644 a\r\nQ2F0\r\n====\r\n',
  '\r\n(This file must be converted with BinHex 4.0)\r\n\r\n:#QGc,R!@$',
  'data:text/html;base64,PGI+PC9iPg==',
  '"data:,x"',
  '=&#100;at&#97;:text/html,<b>',
  'data&colon;text/html,x',
  '+ADw-script+AD4-alert(1)+ADw-/script+AD4-',
  '<script>x</script>',
  '<html>',
  '%PDF-1.4\n',
  'PK\x03\x04',
  'Rar!\x1a\x07\x00',
  '\n--b\r\nContent-Type: application/x-msdownload; name=a.exe\r\n\r\nMZ',
  `\r\n${Buffer.from(createHash('sha512').update('run').digest()).toString('base64').slice(0, 76)}\r\n`.repeat(4),
  'MIME-Version: 1.0\r\n',
  'Content-Type: text/plain\r\n',
  '-----BEGIN PGP MESSAGE-----\r\n',
  '-----BEGIN PKCS7-----\r\n',
  'BEGIN:VCARD\r\n',
];

t.test('no opener finds anything in what is not opened', async (t) => {
  const piece = fc.oneof(
    fc.constantFrom(...fragments),
    // Switches of character sets and NUL may stand inside of any mark.
    fc
      .tuple(fc.constantFrom(...fragments), fc.nat(20), fc.constantFrom('\x1b(B', '\x00', '\x1b$@'))
      .map(([text, at, between]) => text.slice(0, at) + between + text.slice(at)),
    fc.nat(400).map((bytes) => randomOctets(`piece ${bytes}`, bytes).toString('latin1')),
  );
  const about = fc.record({
    names: fc.constantFrom([], ['a.bin'], ['a.html'], ['a.uue'], ['a.js']),
    declaredType: fc.constantFrom('application/octet-stream', 'text/plain', 'image/svg+xml', 'application/zip'),
    charset: fc.constantFrom(undefined, undefined, 'utf-7', 'utf-16le', 'hz-gb-2312', 'ibm037'),
  });
  let silent = 0;
  let loud = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(500), fc.array(piece, { maxLength: 4 }), about, async (seed, pieces, of) => {
      const content = Buffer.concat([randomOctets(String(seed), 260), Buffer.from(pieces.join(''), 'latin1')]);
      const file = openFile(content, of);
      if (!holdsNothing(file)) {
        loud += 1;
        return;
      }
      silent += 1;
      const { members, flags, problems } = await open(openers, file);
      const found = [...members.map(({ method }) => method), ...flags, ...problems];
      if (found.length > 0) throw new Error(`not seen before: ${found.join()}`);
    }),
    { numRuns: 3000 },
  );
  t.ok(silent > 200, `${silent} hold nothing`);
  t.ok(loud > 300, `${loud} may hold something`);
});

t.test('random octets without a NUL need no thread, and a coded file behind them is found', async (t) => {
  let quiet = 0;
  for (let seed = 0; seed < 300; seed += 1) {
    const file = openFile(randomOctets(`file ${seed}`, 700), { declaredType: 'application/octet-stream' });
    if (looksRandom(file.content) && holdsNothing(file)) quiet += 1;
  }
  t.ok(quiet > 280, `${quiet} of 300`);
  const inner = Buffer.from('the inner file, which nobody may miss');
  const carrier = Buffer.concat([randomOctets('front', 600), Buffer.from('\r\n'), yencode('inner.exe', inner)]);
  t.ok(looksRandom(carrier));
  const mail = Buffer.from(
    [
      'From: a@client.example',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: application/octet-stream; name=a.bin',
      'Content-Transfer-Encoding: base64',
      '',
      carrier.toString('base64').replace(/.{76}/g, '$&\r\n'),
      '--b--',
      '',
    ].join('\r\n'),
  );
  const report = await inspectBuffer(mail);
  const wanted = createHash('sha256').update(inner).digest('hex');
  t.ok([...everyPart(report.parts)].some(({ sha256 }) => sha256 === wanted));
});
