/** Files in files: what opening lists, how it names it, and where it stops. Openers here are made up. */
import { createHash } from 'node:crypto';
import t from 'tap';
import type { Opener, OpenFile } from '../src/inspect/container/opener.js';
import { type OpeningTools, openFile } from '../src/inspect/container/opening.js';
import { eicarFile } from '../src/inspect/eicar.js';
import { everyPart } from '../src/inspect/report.js';
import { limits } from '../src/runtime/limits.js';

/** `box` and then lines `name=content in hex`: a format of our own. */
function box(...members: [name: string, content: Buffer][]): Buffer {
  return Buffer.from(['box', ...members.map(([name, content]) => `${name}=${content.toString('hex')}`)].join('\n'));
}

const isBox = ({ content }: OpenFile) => content.subarray(0, 4).toString() === 'box\n';
const boxOpener: Opener = {
  id: 'box',
  matches: isBox,
  async open({ content }, out) {
    for (const line of content.toString().split('\n').slice(1)) {
      const [name = '', hex = ''] = line.split('=');
      if (!(await out.add({ names: [name], method: 'box' }, Buffer.from(hex, 'hex')))) return;
    }
  },
};

function tools(openers: readonly Opener[], more: Partial<OpeningTools> = {}): OpeningTools {
  return { openers, sniff: () => undefined, shortDigests: false, now: () => 0, ...more };
}

function fileOf(content: Buffer): OpenFile {
  return { content, names: [], declaredType: '', detectedType: undefined, charset: undefined };
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

t.test('members are listed with path, digest, names and flags, level by level', async (t) => {
  const inner = box(['eicar.com', eicarFile()], ['b', Buffer.from('b')]);
  const opened = await openFile(fileOf(box(['one', Buffer.from('1')], ['inner', inner])), tools([boxOpener]));
  const seen = [...everyPart(opened.members)].map(({ path, names, encoding, flags }) => [path, names, encoding, flags]);
  t.same(seen, [
    ['!1', ['one'], 'box', []],
    ['!2', ['inner'], 'box', []],
    ['!2!1', ['eicar.com'], 'box', ['eicar']],
    ['!2!2', ['b'], 'box', []],
  ]);
  t.equal(opened.members[1]?.sha256, sha256(inner));
  t.equal(opened.members[1]?.bytes, inner.length);
  t.same(opened.problems, []);
});

t.test('every opener that matches is run, and the same member is listed once', async (t) => {
  const other: Opener = {
    id: 'other',
    matches: isBox,
    async open(_file, out) {
      out.flag('polyglot');
      await out.add({ names: ['one'], method: 'other' }, Buffer.from('1'));
      await out.add({ names: ['two'], method: 'other' }, Buffer.from('1'));
    },
  };
  const opened = await openFile(fileOf(box(['one', Buffer.from('1')])), tools([boxOpener, other]));
  t.same(
    opened.members.map(({ names }) => names),
    [['one'], ['two']],
  );
  t.same(opened.flags, ['polyglot']);
});

t.test('a file that holds itself, and the same file a thousand times, end', async (t) => {
  const self: Opener = {
    id: 'self',
    matches: () => true,
    open: ({ content }, out) => out.add({ names: [], method: 'self' }, content).then(() => {}),
  };
  const endless = await openFile(fileOf(Buffer.from('quine')), tools([self]));
  t.same(
    endless.problems.map(({ code }) => code),
    ['unpack-limit'],
  );
  t.ok([...everyPart(endless.members)].length <= 3);

  const level = (content: Buffer) =>
    box(...Array.from({ length: 10 }, (_, at): [string, Buffer] => [`${at}`, content]));
  let nested: Buffer = Buffer.from('x');
  for (let depth = 0; depth < 6; depth += 1) nested = level(nested);
  const many = await openFile(fileOf(nested), tools([boxOpener]));
  t.ok([...everyPart(many.members)].length <= 60, 'the same bytes are opened once');
});

t.test('each bound ends in unpack-limit, with what was found before', async (t) => {
  const counting = (add: (at: number) => Buffer, count: number): Opener => ({
    id: 'many',
    matches: ({ content }) => content.toString() === 'root',
    async open(_file, out) {
      for (let at = 0; at < count; at += 1) if (!(await out.add({ names: [], method: 'many' }, add(at)))) return;
    },
  });
  const codes = async (opener: Opener, more: Partial<OpeningTools> = {}) => {
    const opened = await openFile(fileOf(Buffer.from('root')), tools([opener], more));
    return { codes: opened.problems.map(({ code }) => code), members: opened.members.length };
  };
  const members = await codes(counting((at) => Buffer.from(`${at}`), limits.open.membersMax + 1));
  t.same(members, { codes: ['unpack-limit'], members: limits.open.membersMax });
  const block = Buffer.alloc(1_048_576);
  const bytes = await codes(
    counting((at) => {
      block.writeUInt32LE(at);
      return block;
    }, 400),
  );
  t.same(bytes.codes, ['unpack-limit']);
  t.equal(bytes.members, limits.open.ratioFreeBytes / block.length + 1, 'the file that went over is listed too');
  let clock = 0;
  const slow = await codes(
    counting((at) => {
      clock += 1000;
      return Buffer.from(`${at}`);
    }, 100),
    { now: () => clock },
  );
  t.same(slow.codes, ['unpack-limit']);
  t.ok(slow.members <= limits.open.timeMs / 1000);

  let deep: Buffer = Buffer.from('x');
  for (let depth = 0; depth < limits.open.depthMax + 3; depth += 1) deep = box([`${depth}`, deep]);
  const depth = await openFile(fileOf(deep), tools([boxOpener]));
  t.same(
    depth.problems.map(({ code }) => code),
    ['unpack-limit'],
  );
  t.equal([...everyPart(depth.members)].length, limits.open.depthMax);
});

t.test('an opener that throws makes the file unscannable, and the others go on', async (t) => {
  const broken: Opener = {
    id: 'broken',
    matches: () => true,
    open() {
      throw new Error('cannot');
    },
  };
  const confused: Opener = {
    id: 'confused',
    matches() {
      throw new Error('cannot even tell');
    },
    open() {},
  };
  const opened = await openFile(fileOf(box(['a', Buffer.from('1')])), tools([confused, broken, boxOpener]));
  t.same(
    opened.problems.map(({ code, path }) => [code, path]),
    [
      ['opener-failed', ''],
      ['opener-failed', '!1'],
    ],
  );
  t.equal(opened.members.length, 1);
});

t.test('members that are not waited for are opened all the same, also when too large to be held', async (t) => {
  const eager: Opener = {
    id: 'eager',
    matches: ({ content }) => content.toString() === 'root',
    open(_file, out) {
      for (const name of ['a', 'b']) {
        const member = out.member({ names: [name], method: 'eager' });
        member?.write(box([name, Buffer.from(name)]));
        void member?.end();
      }
    },
  };
  const opened = await openFile(fileOf(Buffer.from('root')), tools([eager, boxOpener]));
  t.same(
    [...everyPart(opened.members)].map(({ names }) => names[0]),
    ['a', 'a', 'b', 'b'],
  );

  const huge: Opener = {
    id: 'huge',
    matches: ({ content }) => content.subarray(0, 4).toString() === 'root',
    async open(_file, out) {
      const member = out.member({ names: ['huge'], method: 'huge' });
      const chunk = Buffer.alloc(4_194_304);
      for (let at = 0; at <= limits.open.heldBytes; at += chunk.length) member?.write(chunk);
      await member?.end();
    },
  };
  const root = Buffer.alloc(1_048_576);
  root.write('root');
  const unopened = await openFile(fileOf(root), tools([huge]));
  t.same(
    unopened.problems.map(({ code, path }) => [code, path]),
    [['unpack-limit', '!1']],
  );
  const film = await openFile(fileOf(root), tools([huge], { sniff: () => 'video/mp4' }));
  t.same(film.problems, [], 'a film need not be opened');
});

t.test('the bytes of a member can be taken again', async (t) => {
  const inner = box(['b', Buffer.from('wanted')]);
  const chunks: Buffer[] = [];
  const wanted = { path: '!2!1', take: (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk)) };
  await openFile(fileOf(box(['a', Buffer.from('1')], ['inner', inner])), tools([boxOpener]), wanted);
  t.equal(Buffer.concat(chunks).toString(), 'wanted');
});
