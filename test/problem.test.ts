/** The closed list of problem codes: each is what it says, has a case in some test, and leads where its effect says. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { isDoubtful, problemEffects, wantsViews } from '../src/mime/problem.js';
import { limits } from '../src/runtime/limits.js';
import { inspectBuffer } from './support/inspect-buffer.js';

const sources = new URL('../../test/', import.meta.url);
type Code = keyof typeof problemEffects;
// The keys of a constant object.
const codes = Object.keys(problemEffects) as Code[];

async function codesOf(message: string): Promise<readonly string[]> {
  const report = await inspectBuffer(Buffer.from(message.replace(/\n/g, '\r\n'), 'latin1'));
  return report.problems.map(({ code }) => code);
}

t.test('every code is documented, and asked for by some test', (t) => {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:ts|json)$/.test(name),
  );
  const tests = files.map((name) => readFileSync(new URL(name, sources), 'utf8')).join('\n');
  const table = readFileSync(new URL('../src/mime/problem.ts', sources), 'utf8');
  for (const code of codes) {
    t.ok(tests.includes(`'${code}'`) || tests.includes(`"${code}"`), `${code} has a case`);
    t.match(table, new RegExp(`/\\*\\* [^\\n]+ \\*/\\n  '${code}':|\\*/\\n  '${code}':`), `${code} says what it is`);
  }
  t.end();
});

t.test('doubt follows from the effect', (t) => {
  for (const code of codes) {
    if (problemEffects[code] !== 'note') t.ok(wantsViews(code), code);
  }
  t.notOk(isDoubtful([]));
  t.ok(isDoubtful(['type-duplicate']));
  t.notOk(isDoubtful(['header-8bit', 'lines-bare-lf']), 'what has one reading is read once');
  t.notOk(isDoubtful(['type-duplicate', 'parts-too-many']), 'beyond the bounds nothing more is read');
  t.end();
});

t.test('codes that need a message of their own', async (t) => {
  const top = 'From: a@x.example\nMIME-Version: 1.0\n';
  const quoted = `${top}Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n`;
  t.ok((await codesOf(`${quoted}one=0D\ntwo\n`)).includes('qp-escaped-cr'));
  t.notOk((await codesOf(`${quoted}one=0D=0A=\ntwo\n`)).includes('qp-escaped-cr'), 'an escaped line end is one');
  const again = `${top}Content-Type: application/octet-stream\n\nContent-Transfer-Encoding: base64\n\nAAAA\n`;
  t.ok((await codesOf(again)).includes('body-starts-as-header'));
  const delimiters = `${top}Content-Type: multipart/mixed; boundary=b\nContent-Type: multipart/mixed; boundary=b\n\n`;
  const costly = await codesOf(delimiters + '--b--\n'.repeat(limits.views.entitiesMax * 10));
  t.ok(costly.includes('views-too-many'), 'more readings than are followed');
  t.notOk((await codesOf(`${delimiters}--b\n\nx\n--b--\n`)).includes('views-too-many'));
});

t.test('bounds and sets hold at their edges', async (t) => {
  const control = async (character: string) =>
    (await codesOf(`From: a@x.example\nX-Foo: bar${character}baz\n\nx\n`)).includes('header-control');
  for (const character of ['\x0b', '\x0c', '\x1c', '\x1d', '\x1e']) t.ok(await control(character), character);
  for (const character of ['\x1b', '\x1f', '\t']) t.notOk(await control(character), character);
  const line = async (octets: number) => {
    const found = await codesOf(`From: a@x.example\nX-Foo: ${'x'.repeat(octets - 'X-Foo: '.length)}\n\nx\n`);
    return found.filter((code) => code.startsWith('header-line'));
  };
  t.same(await line(998), []);
  t.same(await line(1000), ['header-line-long']);
  t.same(await line(65_534), ['header-line-long'], 'with its line end it has 64 KiB');
  t.same(await line(65_535), ['header-line-huge']);
});

t.test('a file too large to be held is unscannable only when something could be in it', async (t) => {
  const inspect = async (start: string) => {
    const head = `From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: a/b; name=x\r\nContent-Transfer-Encoding: binary\r\n\r\n`;
    const body = Buffer.alloc(limits.open.heldBytes + 1, 'octets \x01 of no kind\n', 'latin1');
    body.write(start, 'latin1');
    const report = await inspectBuffer(Buffer.concat([Buffer.from(head), body]));
    return [report.unscannable, report.parts[0]?.flags];
  };
  t.same(await inspect(''), [false, []]);
  t.same(await inspect('PK\x03\x04'), [true, []]);
});
