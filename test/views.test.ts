/** The readings of doubtful messages: that the payload is among them whatever the trick, and that bounds hold. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { Framer, type Leaf } from '../src/mime/framer.js';
import { type ProblemCode, problemEffects, wantsViews } from '../src/mime/problem.js';
import type { ViewLeaf, Views } from '../src/mime/view.js';
import { readViews } from '../src/mime/views.js';
import { limits } from '../src/runtime/limits.js';
import { legacyCases } from './support/view-cases/bodies.js';
import { viewCases } from './support/view-cases/view-cases.js';

const corpus = new URL('../../test/corpus/', import.meta.url);

/** What a plain decoder makes of bytes; other encodings are not this test's business. */
function plainDecode(bytes: Buffer, encoding: string): Buffer {
  const text = bytes.toString('latin1');
  if (encoding === 'base64') return Buffer.from(text.replace(/[^A-Za-z0-9+/]/g, ''), 'base64');
  if (encoding !== 'quoted-printable') return bytes;
  const joined = text.replace(/=[ \t]*\r?\n/g, '');
  const decoded = joined.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}

function holds({ source, start, end, encodings }: ViewLeaf, payload: Buffer): boolean {
  return encodings.some((encoding) => plainDecode(source.subarray(start, end), encoding).equals(payload));
}

function strictly(mail: Buffer): { leaves: Leaf[]; codes: ProblemCode[] } {
  const leaves: Leaf[] = [];
  const framer = new Framer({ onLeaf: (leaf) => leaves.push(leaf), onHeader: () => undefined });
  framer.write(mail);
  framer.finish();
  return { leaves, codes: framer.problems.map(({ code }) => code) };
}

/** Codes that come from looking into bodies, which the framer does not do: the trick is left to them. */
const seenInBodies =
  /^(?:A54|A53|A60|A05 A60|A25 no type|A42|A41|A40 (?:encoding|all fields)|A27 opened by "--(?:BOUND|bound\\r\\n\\r\\n)|A03 .*"xContent)/;

t.test('the payload is in some reading, whatever hides it', (t) => {
  let count = 0;
  for (const { name, mail, payload } of viewCases()) {
    count += 1;
    const views = readViews(mail);
    const found = views.leaves.some((leaf) => holds(leaf, payload));
    t.ok(found && views.complete, name);
  }
  t.ok(count >= 500, `${count} cases`);
  t.end();
});

t.test('where the strict reading misses the payload, there is a code that asks for the others', (t) => {
  for (const { name, mail, payload } of viewCases()) {
    const { leaves, codes } = strictly(mail);
    const found = leaves.some(({ start, end, facts }) =>
      plainDecode(mail.subarray(start, end), facts.encoding).equals(payload),
    );
    if (!found && !seenInBodies.test(name)) t.ok(codes.some(wantsViews), name);
  }
  t.end();
});

t.test('encodings from before MIME are among those of their place', (t) => {
  for (const { mail, encoding, body } of legacyCases()) {
    const at = mail.indexOf(Buffer.from(body, 'latin1'));
    const { leaves } = readViews(mail);
    const leaf = leaves.find(({ start, encodings }) => start === at && encodings.some((one) => one === encoding));
    t.ok(leaf, `${encoding} ${mail.toString('latin1', at - 24, at).trim()}`);
  }
  t.end();
});

function summary({ leaves, count, complete }: Views): unknown {
  return [leaves.map(({ source, ...leaf }) => [leaf, source.length]), count, complete];
}

t.test('the strict reading is among the others, for the mail of every client', (t) => {
  for (const name of readdirSync(corpus).filter((name) => name.endsWith('.eml'))) {
    const mail = readFileSync(new URL(name, corpus));
    const views = readViews(mail);
    const { leaves, codes } = strictly(mail);
    for (const { start, end, facts } of leaves) {
      const same = views.leaves.find((leaf) => leaf.source === mail && leaf.start === start && leaf.end === end);
      t.ok(same, `${name} ${start}-${end}`);
      for (const one of facts.names) t.ok(same?.facts.names.includes(one), `${name} keeps the name ${one}`);
    }
    t.ok(views.complete, name);
    if (name.startsWith('odd-') || codes.some(wantsViews)) continue;
    t.ok(views.leaves.length <= leaves.length * 4, `${name}: few readings of a clean mail`);
  }
  t.end();
});

t.test('all names of all readings are kept', (t) => {
  const mail = Buffer.from(
    'MIME-Version: 1.0\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Type: text/plain; name=b.exe\r\n' +
      'X: y\r\n Content-Disposition: attachment; filename=c.js\r\n\r\nbody\r\n',
  );
  const names = readViews(mail).leaves.flatMap(({ facts }) => facts.names);
  t.match(names, ['a.pdf']);
  for (const name of ['a.pdf', 'b.exe', 'c.js']) t.ok(names.includes(name), name);
  t.end();
});

t.test('nothing makes it throw, and the same bytes give the same readings', (t) => {
  const cases = [...viewCases()].map(({ mail }) => mail).filter(({ length }) => length < 4000);
  const fragment = fc.constantFrom(
    ...['\r\n', '\n', '\r', '\0', '\x0b', ' ', '\t', '"', "'", ';', ':', '=', '(', ')', '\\', '--', '*0*', '%', '=?'],
    ...['--bound', '--bound--', 'boundary=', 'Content-Type: ', 'multipart/mixed', 'message/rfc822', 'base64', '\xff'],
    ...['Content-Transfer-Encoding: quoted-printable\r\n', '\r\n\r\n', '=?utf-8?Q?bound?=', 'From a@b\r\n'],
  );
  const edit = fc.record({ at: fc.nat(1200), cut: fc.nat(6), text: fragment });
  const mutant = fc
    .record({ index: fc.nat(cases.length - 1), edits: fc.array(edit, { minLength: 1, maxLength: 6 }) })
    .map(({ index, edits }) => {
      let mail = cases[index] ?? Buffer.alloc(0);
      for (const { at, cut, text } of edits) {
        mail = Buffer.concat([mail.subarray(0, at), Buffer.from(text, 'latin1'), mail.subarray(at + cut)]);
      }
      return mail;
    });
  const soup = fc.array(fragment, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));
  const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof({ arbitrary: mutant, weight: 3 }, soup, noise), (mail) => {
      const views = readViews(mail);
      for (const { source, start, end, encodings, view } of views.leaves) {
        if (start < 0 || start > end || end > source.length) throw new Error('a leaf outside of its source');
        if (encodings.length === 0 || new Set(encodings).size < encodings.length) throw new Error('encodings');
        if (view.length > 200) throw new Error('a view that is too long');
      }
      const places = views.leaves.map(
        ({ source, start, end }) => `${source.length}:${source.indexOf(0)}:${start}:${end}`,
      );
      if (mail.length > 0 && places.length === 0) throw new Error('no reading at all');
      if (JSON.stringify(summary(readViews(mail))) !== JSON.stringify(summary(views))) throw new Error('differs');
      for (const { start, end } of strictly(mail).leaves) {
        const same = views.leaves.some((leaf) => leaf.source === mail && leaf.start === start && leaf.end === end);
        if (!same && views.complete) throw new Error('the strict reading is missing');
      }
    }),
    { numRuns: 500 },
  );
  t.end();
});

const n = '\r\n';
const odd = `MIME-Version: 1.0${n}Content-Type: multipart/mixed; boundary=o; boundary=p${n}${n}`;
const repeat = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => make(at)).join('');
const hostile: Record<string, () => string> = {
  '10,000 parts': () => odd + repeat(10_000, () => `--o${n}Content-Type: a/b${n}${n}x${n}`),
  '10,000 parts of two boundaries': () =>
    odd + repeat(10_000, (at) => `--${at % 2 === 0 ? 'o' : 'p'}${n}A: b${n}${n}x${n}`),
  '10,000 levels': () =>
    repeat(10_000, (at) => `Content-Type: multipart/mixed; boundary=l${at}x; boundary=z${n}${n}--l${at}x${n}`),
  '10,000 levels of one boundary': () =>
    repeat(10_000, () => `Content-Type: multipart/mixed; boundary=o${n}${n}--o${n}`),
  '10,000 messages in each other': () => repeat(10_000, () => `Content-Type: message/rfc822${n}${n}`),
  '10,000 boundaries': () =>
    `Content-Type: multipart/mixed${repeat(10_000, (at) => `;boundary=b${at}`)}${n}${n}${repeat(10_000, (at) => `--b${at}${n}${n}x${n}`)}`,
  '10,000 guessed boundaries': () =>
    `A: b${n}${n}${repeat(10_000, (at) => `--b${at}${n}Content-Type: a/b${n}${n}x${n}`)}`,
  '1,000 boundaries that extend each other': () =>
    repeat(
      1000,
      (at) => `Content-Type: multipart/mixed; boundary=${'a'.repeat(at + 1)}${n}${n}--${'a'.repeat(at + 1)}${n}`,
    ),
  '100,000 header lines': () => `${repeat(100_000, (at) => `X-${at}: y${n}`)}${n}x`,
  '100,000 types': () => `${repeat(100_000, (at) => `Content-Type: a/b; boundary=x${at}${n}`)}${n}x`,
  '100,000 hidden types': () => `X: y${n}${repeat(100_000, () => ` Content-Type: a/b${n}`)}${n}x`,
  '100,000 delimiters on a line': () => odd + '--o '.repeat(100_000),
  '100,000 empty parts': () => odd + `--o${n}`.repeat(100_000),
  '100,000 fields in a body': () => `A: b${n}${n}x${n}${`Content-Type: a/b${n}`.repeat(100_000)}`,
  'encoded messages in each other': () => {
    let mail = 'x';
    for (let level = 0; level < 30; level += 1) {
      mail = `Content-Type: message/rfc822${n}Content-Transfer-Encoding: base64${n}${n}${Buffer.from(mail).toString('base64')}`;
    }
    return mail;
  },
  'parentheses, quotes and keys': () =>
    `Content-Type: multipart/mixed; ${'('.repeat(100_000)}${'boundary="'.repeat(20_000)}${n}${n}x`,
};

t.test('hostile mail ends at a bound, in time', (t) => {
  for (const [name, make] of Object.entries(hostile)) {
    const mail = Buffer.from(make(), 'latin1');
    const before = process.cpuUsage();
    const { leaves, count } = readViews(mail);
    const milliseconds = process.cpuUsage(before).user / 1000;
    t.ok(milliseconds < 8000, `${name} took ${milliseconds.toFixed(0)} ms`);
    t.ok(leaves.length <= limits.views.leavesMax, name);
    t.ok(count <= limits.views.entitiesMax + limits.views.leavesMax, name);
  }
  for (const fill of ['x', '\n', '\r', '-', '--o\r\n', 'QUJD', '\0']) {
    const mail = Buffer.alloc(8_000_000, fill);
    odd.split('').forEach((char, at) => {
      mail[at] = char.charCodeAt(0);
    });
    const before = process.cpuUsage();
    readViews(mail);
    const milliseconds = process.cpuUsage(before).user / 1000;
    t.ok(milliseconds < 8000, `8 MB of ${JSON.stringify(fill)} took ${milliseconds.toFixed(0)} ms`);
  }
  t.end();
});

t.test('over a bound, the answer says that something was left out', (t) => {
  const complete = (name: string) => readViews(Buffer.from(hostile[name]?.() ?? '', 'latin1')).complete;
  t.notOk(complete('10,000 parts'));
  t.notOk(complete('10,000 levels'));
  t.notOk(complete('10,000 boundaries'));
  t.notOk(complete('100,000 types'));
  t.notOk(complete('encoded messages in each other'));
  let clock = 0;
  const now = () => {
    clock += limits.views.timeMs + 1;
    return clock;
  };
  t.notOk(readViews(Buffer.from(`${odd}--o${n}A: b${n}${n}x${n}--o--`), { now }).complete, 'late');
  t.end();
});

t.test('each code that may hide content asks for the other readings', (t) => {
  const codes = Object.keys(problemEffects) as ProblemCode[]; // the keys of the table are the codes
  for (const code of codes) if (problemEffects[code] !== 'note') t.ok(wantsViews(code), code);
  for (const code of ['parameter-odd', 'body-embedded-part', 'mime-version-odd'] as const) t.ok(wantsViews(code), code);
  for (const code of ['lines-bare-lf', 'header-8bit', 'mime-version-missing', 'base64-blanks'] as const) {
    t.notOk(wantsViews(code), code);
  }
  t.end();
});
