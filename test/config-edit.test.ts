/** Editing the configuration file: what a change leaves alone, what is refused, and what is on the disk when something goes wrong. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { parse, parseDocument } from 'yaml';
import { applyEdits, changesOf, type Edit } from '../src/config/edit.js';
import { editText, previousOf, readConfigText, saveEdits } from '../src/config/edit-file.js';
import { editLists } from '../src/config/edit-lists.js';
import { patchText } from '../src/config/edit-text.js';
import { type WrittenFile, YamlWriter } from './support/yaml-writer.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function folder(test: { teardown(handler: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'sluice-edit-'));
  test.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const minimal = `smtp:
  listeners:
    - { listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }
`;

/** Only what the property is about: any text may be written and read, whatever the loader says of it. */
const text = fc.oneof(
  fc.stringMatching(/^[a-z]{1,8}(@[a-z]{1,5}\.[a-z]{2})?$/),
  fc.constantFrom(
    '',
    ' ',
    '# no comment',
    'a: b',
    '*@bad.example',
    '- x',
    '[x',
    'yes',
    '1',
    '"',
    "it's",
    'ü\u2028',
    'a\nb',
    'a\n# b c\nd\n',
    '\n\nx',
    ' lead',
    'tail ',
    '\t',
    '%',
    '!!x',
    '&a',
    'a #b',
    '\ufeffx',
    '\x7f',
    'null',
    '~',
    '0x1f',
    '2001-01-01',
    '1e3',
    '.inf',
    '---',
    '...',
    'a\n\n\nb',
  ),
  fc
    .string({ unit: 'binary', maxLength: 12 })
    .filter((value) => !/[\ud800-\udfff]/.test(value.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''))),
);
const addresses = fc.uniqueArray(text, { maxLength: 6 });
const person = fc.record(
  { address: text, notify: fc.uniqueArray(fc.constantFrom('blocked', 'released'), { maxLength: 2 }) },
  { requiredKeys: ['address'] },
);
const value = {
  'lists.allow': addresses,
  'lists.block': addresses,
  'lists.applyWithoutAttachment': fc.boolean(),
  'policy.verdictThreshold': fc.oneof(fc.constant('recommended'), fc.integer({ min: 1, max: 10 })),
  'policy.ambiguous': text,
  'policy.smtp.action': text,
  'policy.smtp.headers.subjectPrefix': text,
  'policy.smtp.headers.xSpamFlag': fc.boolean(),
  'policy.imap.servers': fc.oneof(fc.constant('all'), addresses),
  'policy.fallback.causes.oversize': text,
  'notice.subject': text,
  'notice.message': text,
  administrators: fc.uniqueArray(person, { maxLength: 3, selector: (one) => one.address }),
  'scoring.levelMap': fc.array(
    fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs), fc.integer({ min: 0, max: 10 })),
    { maxLength: 4 },
  ),
  'log.level': text,
} as const;
const names = Object.keys(value) as (keyof typeof value)[];

const tree = fc.record(value, { requiredKeys: [] }).map((flat) => {
  const made: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(flat)) {
    const steps = name.split('.');
    let at = made;
    for (const step of steps.slice(0, -1)) {
      at[step] ??= {};
      at = at[step] as Record<string, unknown>;
    }
    at[steps.at(-1) ?? ''] = item;
  }
  return made;
});

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .constantFrom(...names)
    .chain((name) => (value[name] as fc.Arbitrary<never>).map((item) => ({ path: name.split('.'), value: item }))),
  fc
    .constantFrom(...names, 'policy.smtp.headers', 'policy.smtp', 'lists')
    .map((name) => ({ path: name.split('.'), remove: true as const })),
  fc
    .constantFrom('lists.allow', 'lists.block')
    .chain((name) => addresses.map((append) => ({ path: name.split('.'), append }))),
  fc
    .constantFrom('lists.allow', 'lists.block')
    .chain((name) => addresses.map((without) => ({ path: name.split('.'), without }))),
  fc.nat(2).chain((index) => text.map((address) => ({ path: ['administrators', index, 'address'], value: address }))),
  fc.nat(2).chain((index) => fc.constant({ path: ['administrators', index, 'notify'], value: ['released'] })),
  person.map((one) => ({ path: ['administrators'], append: [one] })),
);

/** Lines that have nothing to do with what changed, in their order. */
function untouched(file: WrittenFile, after: unknown, edits: readonly Edit[]): string[] {
  const changed = changesOf(parse(file.text.replace(/^\ufeff/, '')) ?? {}, after).map((change) => change.path);
  const rewritten = edits.filter((one) => 'value' in one || 'remove' in one).map((one) => one.path.join('.'));
  const valueAt = (path: string) =>
    path.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], after);
  return file.lines
    .filter(({ text, path, whole, item }) => {
      if (path === undefined) return /^\s*#/.test(text);
      // It has to become a value of its own when what it stands for changes.
      if (/: \*a\d/.test(text)) return false;
      const inside = changed.some(
        (name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`),
      );
      const around = changed.some((name) => name.startsWith(`${path}.`));
      if (!inside && !around) return true;
      if (around && !inside)
        return !whole && Object.keys((valueAt(path) ?? {}) as object).length > 0 && stays(path, file, after);
      if (item === undefined || typeof item !== 'string' || rewritten.includes(path)) return false;
      return ((valueAt(path) ?? []) as unknown[]).includes(item);
    })
    .map(({ text }) => text);
}

/** Whether a key of the mapping was there before: else all of it was written anew. */
function stays(path: string, file: WrittenFile, after: unknown): boolean {
  const at = (root: unknown) =>
    path.split('.').reduce<unknown>((one, step) => (one as Record<string, unknown> | undefined)?.[step], root);
  const before = Object.keys((at(parse(file.text.replace(/^\ufeff/, ''))) ?? {}) as object);
  return before.some((key) => Object.hasOwn(at(after) as object, key));
}

t.test('any edits of any file: it says what it shall, and what is not concerned stays to the byte', async (t) => {
  let runs = 0;
  fc.assert(
    fc.property(tree, fc.array(edit, { minLength: 1, maxLength: 5 }), fc.nat(), (before, edits, seed) => {
      const file = new YamlWriter(seed).file(before);
      const read = parseDocument(file.text);
      if (read.errors.length > 0) throw new Error(`the writer is wrong: ${read.errors[0]?.message}`);
      const applied = applyEdits(read.toJS(), edits);
      const patched = patchText(file.text, applied.value);
      if (patched === undefined) throw new Error('the file was refused');
      const again = parseDocument(patched);
      if (again.errors.length > 0) throw new Error('what was written is no YAML');
      if (!isDeepStrictEqual(again.toJS() ?? {}, applied.value)) throw new Error('another value was written');
      const lines = patched.split(/\r?\n/);
      let at = 0;
      for (const line of untouched(file, applied.value, edits)) {
        const found = lines.findIndex((one, index) => index >= at && one.replace(/^\ufeff/, '') === line);
        if (found === -1) throw new Error(`lost the line ${JSON.stringify(line)} in ${JSON.stringify(patched)}`);
        at = found + 1;
      }
      runs += 1;
    }),
    { numRuns: 1500 },
  );
  t.equal(runs, 1500);
});

/** The lines that are only in the one, and only in the other. */
function difference(before: string, after: string): { gone: string[]; come: string[] } {
  const [old, next] = [before.split('\n'), after.split('\n')];
  return { gone: old.filter((line) => !next.includes(line)), come: next.filter((line) => !old.includes(line)) };
}

const many: readonly Edit[] = [
  { path: ['policy', 'smtp', 'action'], value: 'warn' },
  { path: ['policy', 'imap', 'servers'], value: ['imap.example.org'] },
  { path: ['lists', 'block'], append: ['*@bad.example'] },
  { path: ['notice', 'message'], value: 'What it was: malware.\n\nAsk # us.' },
  { path: ['administrators'], append: [{ address: 'secops@example.org', notify: ['blocked'] }] },
];

t.test('our own files keep every comment, and only the lines of the keys change', async (t) => {
  for (const name of ['example.yaml', 'srx.yaml', 'reference.yaml']) {
    const file = join(root, 'config', name);
    const before = readFileSync(file, 'utf8');
    const after = patchText(before, applyEdits(parse(before), many).value) ?? 'refused';
    const { gone, come } = difference(before, after);
    const keys = /^ *(action|servers|block|message|administrators|allowRecipients):|^$/;
    t.same(
      gone.filter((line) => !keys.test(line)),
      [],
      `${name}: nothing else goes`,
    );
    t.ok(gone.length <= 5 && come.length <= 14, `${name}: ${gone.length} lines go, ${come.length} come`);
    const comments = (text: string) => text.match(/#.*/g)?.filter((one) => !one.startsWith('# us.'));
    t.same(comments(after), comments(before), `${name}: all comments, in their order`);
    const back = applyEdits(parse(after), [{ path: ['policy', 'smtp', 'action'], value: 'block' }]).value;
    t.match(patchText(after, back), '    action: block', 'and again');
  }
});

const nasty = `# head\t tab
lists: # c
  block:   # about block
    - "a@b.cd"  # one
    # own line
    - 'd@e.fg'

  # trailing
  allow: [ x@y.za,   # first
     "p@q.rs",   # second
  ]
policy: &p { verdictThreshold: 7, "ambiguous": warn, smtp: &s {action: block} }  # flow
notice:
  message: |  # words
    one
    # two

  subject: >-
    folded
    text # no comment
  linkText: &t !!str 12   # tag
  learnMoreUrl: *u
log: { level: info }   # last`.replace('*u', '"" ');

t.test('a file that mixes all styles changes only where it is told', async (t) => {
  const cases: readonly (readonly [string, Edit, readonly string[], readonly string[]])[] = [
    ['an item goes with its comment', { path: ['lists', 'block'], without: ['a@b.cd'] }, ['    - "a@b.cd"  # one'], []],
    ['an item comes', { path: ['lists', 'block'], append: ['*@x.yz'] }, [], ['    - "*@x.yz"']],
    [
      'the last one goes',
      { path: ['lists', 'block'], value: [] },
      ['  block:   # about block', '    - "a@b.cd"  # one', "    - 'd@e.fg'"],
      ['  block: []   # about block'],
    ],
    [
      'into brackets over lines',
      { path: ['lists', 'allow'], append: ['n@e.ww'] },
      ['     "p@q.rs",   # second'],
      ['     "p@q.rs", n@e.ww,   # second'],
    ],
    [
      'into braces',
      { path: ['policy', 'imap'], value: { action: 'permit' } },
      ['policy: &p { verdictThreshold: 7, "ambiguous": warn, smtp: &s {action: block} }  # flow'],
      [
        'policy: &p { verdictThreshold: 7, "ambiguous": warn, smtp: &s {action: block}, imap: { action: permit } }  # flow',
      ],
    ],
    [
      'a literal text',
      { path: ['notice', 'message'], value: 'a\nb' },
      ['  message: |  # words', '    one', '    # two'],
      ['  message: |- # words', '    a', '    b'],
    ],
    [
      'a folded text',
      { path: ['notice', 'subject'], value: 'x' },
      ['  subject: >-', '    folded', '    text # no comment'],
      ['  subject: x'],
    ],
    [
      'a tag and an anchor',
      { path: ['notice', 'linkText'], value: 'yes' },
      ['  linkText: &t !!str 12   # tag'],
      ['  linkText: &t "yes"      # tag'],
    ],
    [
      'the last line has no end',
      { path: ['log', 'addresses'], value: 'none' },
      ['log: { level: info }   # last'],
      ['log: { level: info, addresses: none }   # last'],
    ],
    ['a new section', { path: ['hostname'], value: 'mx.example.org' }, [], ['hostname: mx.example.org']],
  ];
  for (const [name, edit, gone, come] of cases) {
    for (const eol of ['\n', '\r\n']) {
      const before = nasty.replaceAll('\n', eol);
      const patched = patchText(before, applyEdits(parse(before), [edit]).value) ?? 'refused';
      const lines = (list: readonly string[]) => list.map((line) => line + eol.slice(0, -1));
      const found = difference(`${before}${eol}`, patched.endsWith(eol) ? patched : `${patched}${eol}`);
      t.same(found, { gone: lines(gone), come: lines(come) }, name);
    }
  }
});

t.test('an anchor and what it stands for elsewhere', async (t) => {
  const before =
    'lists:\n  block: &bad [a@b.cd]   # shared\n  allow: *bad   # alias\nnotice: { subject: &s x, linkText: *s }\n';
  const edited = (edits: readonly Edit[]) => patchText(before, applyEdits(parse(before), edits).value);
  t.match(
    edited([{ path: ['lists', 'block'], append: ['x@y.za'] }]),
    'block: &bad [a@b.cd, x@y.za]   # shared\n  allow: [a@b.cd] # alias',
  );
  t.match(
    edited([{ path: ['lists', 'allow'], append: ['x@y.za'] }]),
    'block: &bad [a@b.cd]   # shared\n  allow: [a@b.cd, x@y.za] # alias',
  );
  t.match(edited([{ path: ['notice', 'subject'], value: 'w' }]), 'notice: { subject: &s w, linkText: x }');
  t.match(edited([{ path: ['lists', 'block'], remove: true }]), 'lists:\n  allow: [a@b.cd] # alias');
  const both = edited([
    { path: ['lists', 'block'], append: ['x@y.za'] },
    { path: ['lists', 'allow'], append: ['x@y.za'] },
  ]);
  t.match(both, 'allow: *bad   # alias', 'it still stands for the same');
});

t.test('values never become syntax, and names never a prototype', async (t) => {
  const file = join(root, 'config', 'example.yaml');
  const before = readFileSync(file, 'utf8');
  const hostile = 'x"\\ # y: z\u2028 - [a]{b} *c &d !e %f';
  const result = editText(before, file, [{ path: ['notice', 'subject'], value: hostile }]);
  t.ok(result.kind === 'edited' && parse(result.text).notice.subject === hostile);
  const broken = editText(before, file, [{ path: ['notice', 'subject'], value: 'a\r\nBcc: x@example.org' }]);
  t.match(broken, { kind: 'invalid', problems: [{ path: 'notice.subject', severity: 'error' }] });
  for (const path of [
    ['__proto__', 'x'],
    ['constructor'],
    ['policy', '__proto__', 'action'],
    ['lists', 'constructor'],
    ['portal', 'nothing'],
    [],
  ]) {
    const refused = editText(before, file, [{ path, value: 'x' }]);
    t.match(refused, { kind: 'invalid', problems: [{ expected: 'a known key' }] }, path.join('.'));
  }
  t.equal(({} as Record<string, unknown>).x, undefined);
  t.equal(
    editText(before, file, [{ path: ['lists', 'block'], append: ['no address'] }]).kind,
    'invalid',
    'the loader decides',
  );
  t.equal(editText(before, file, [{ path: ['hostname'], value: 'gate.example.org' }]).kind, 'unchanged');
  t.equal(editText('a: [', file, many).kind, 'invalid', 'no YAML');
  const bomb = `a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [${'*b, '.repeat(50)}*b]\n`;
  t.equal(editText(bomb, file, many).kind, 'invalid', 'no bomb of aliases');
  t.equal(
    editText('? lists\n: # odd\n  block: []\n', file, [{ path: ['lists'], remove: true }]).kind,
    'refused',
    'nobody writes it so',
  );
});

t.test('ten thousand entries are edited in reasonable time', async (t) => {
  const entries = Array.from({ length: 10_000 }, (_, index) => `    - user${index}@bad.example  # ${index}\n`).join('');
  const before = `${minimal}lists:\n  block:\n${entries}`;
  const taken = Array.from({ length: 5000 }, (_, index) => `user${index * 2}@bad.example`);
  const added = Array.from({ length: 5000 }, (_, index) => `new${index}@bad.example`);
  const start = process.cpuUsage();
  const result = editText(before, '/nowhere/gate.yaml', [
    { path: ['lists', 'block'], without: taken },
    { path: ['lists', 'block'], append: added },
  ]);
  const { user, system } = process.cpuUsage(start);
  t.comment(`${Math.round((user + system) / 1000)} ms of processor time`);
  if (result.kind !== 'edited') throw new Error(result.kind);
  t.equal(parse(result.text).lists.block.length, 10_000);
  t.equal(result.text.match(/# \d+/g)?.length, 5000, 'the comments of those that stay');
});

const subject = (value: string): Edit => ({ path: ['notice', 'subject'], value });
const gate = `${minimal}notice:\n  subject: First   # the subject\n`;

function gateFile(test: { teardown(handler: () => void): void }): string {
  const file = join(folder(test), 'gate.yaml');
  writeFileSync(file, gate, { mode: 0o640 });
  return file;
}

t.test('a save replaces the file whole, with its mode and owner, and keeps the one before', async (t) => {
  const file = gateFile(t);
  chmodSync(file, 0o640);
  if (process.getuid?.() === 0) chownSync(file, 4711, 4712);
  const old = statSync(file);
  const { digest } = await readConfigText(file);
  const result = await saveEdits({ file, digest, edits: [subject('Second')] });
  t.match(result, { kind: 'saved', changes: [{ path: 'notice.subject', from: 'First', to: 'Second' }] });
  t.equal(readFileSync(file, 'utf8'), gate.replace('First   #', 'Second  #'));
  t.equal(readFileSync(previousOf(file), 'utf8'), gate);
  for (const name of [file, previousOf(file)]) {
    const { mode, uid, gid } = statSync(name);
    t.same({ mode, uid, gid }, { mode: old.mode, uid: old.uid, gid: old.gid }, name);
  }
  t.same(readdirSync(dirname(file)).sort(), ['gate.yaml', 'gate.yaml.previous'], 'nothing else is left');
  t.equal((await saveEdits({ file, edits: [subject('Second')] })).kind, 'unchanged');
  t.equal(readFileSync(previousOf(file), 'utf8'), gate, 'a save without a change is none');
});

t.test("nobody's change is lost", async (t) => {
  const file = gateFile(t);
  const { digest } = await readConfigText(file);
  writeFileSync(file, `${gate}hostname: other.example.org\n`);
  t.equal((await saveEdits({ file, digest, edits: [subject('Second')] })).kind, 'conflict');
  t.match(readFileSync(file, 'utf8'), 'other.example.org');
  t.notOk(existsSync(previousOf(file)), 'nothing was written');
  const both = await readConfigText(file);
  const results = await Promise.all(
    ['a', 'b'].map((value) => saveEdits({ file, digest: both.digest, edits: [subject(value)] })),
  );
  t.same(
    results.map(({ kind }) => kind),
    ['saved', 'conflict'],
    'of two forms from the same text one wins',
  );
  const later = await Promise.all(
    ['c', 'd'].map((value) =>
      saveEdits({ file, edits: [{ path: ['lists', 'block'], append: [`${value}@b.example`] }] }),
    ),
  );
  t.same(
    later.map(({ kind }) => kind),
    ['saved', 'saved'],
    'what names no text goes one after the other',
  );
  t.same(parse(readFileSync(file, 'utf8')).lists.block, ['c@b.example', 'd@b.example']);
});

t.test('a file with wrong values is told with its places, and never written', async (t) => {
  const file = gateFile(t);
  const result = await saveEdits({
    file,
    edits: [
      subject('a\nb'),
      { path: ['lists', 'blockFiles'], append: ['missing.txt'] },
      { path: ['policy', 'imap', 'servers'], value: ['192.0.2.1'] },
    ],
  });
  t.equal(result.kind, 'invalid');
  const paths =
    result.kind === 'invalid'
      ? result.problems
          .filter(({ severity }) => severity === 'error')
          .map(({ path }) => path)
          .sort()
      : [];
  t.same(paths, ['lists.blockFiles[0]', 'notice.subject', 'policy.imap.servers[0]']);
  t.equal(readFileSync(file, 'utf8'), gate);
  t.same(readdirSync(dirname(file)), ['gate.yaml']);
});

t.test('files that cannot be replaced are refused with what to do', async (t) => {
  const reasonOf = async (file: string) => {
    const result = await saveEdits({ file, edits: [subject('Second')] });
    return result.kind === 'refused' ? result.reason : result.kind;
  };
  const readOnly = gateFile(t);
  chmodSync(readOnly, 0o440);
  t.match(await reasonOf(readOnly), 'read-only');
  const linked = gateFile(t);
  linkSync(linked, `${linked}.second`);
  t.match(await reasonOf(linked), 'hard link');
  const map = folder(t);
  mkdirSync(join(map, '..2026_01_01'));
  writeFileSync(join(map, '..2026_01_01', 'gate.yaml'), gate);
  symlinkSync('..2026_01_01', join(map, '..data'));
  symlinkSync('..data/gate.yaml', join(map, 'gate.yaml'));
  t.match(await reasonOf(join(map, 'gate.yaml')), 'ConfigMap');
  t.match(await reasonOf(join(map, 'none.yaml')), 'cannot be read');
  const binary = gateFile(t);
  writeFileSync(binary, Buffer.concat([Buffer.from(gate), Buffer.from('# caf\xe9\n', 'latin1')]));
  t.match(await reasonOf(binary), 'cannot be read');
  t.equal(readFileSync(binary).at(-2), 0xe9, 'and is as it was');
});

t.test('a link stays a link, and what it points to is replaced', async (t) => {
  const real = gateFile(t);
  const link = join(folder(t), 'gate.yaml');
  symlinkSync(real, link);
  t.equal((await saveEdits({ file: link, edits: [subject('Second')] })).kind, 'saved');
  t.ok(lstatSync(link).isSymbolicLink());
  t.match(readFileSync(real, 'utf8'), 'Second');
  t.equal(readFileSync(previousOf(real), 'utf8'), gate);
});

t.test('an entry of a list is known in every spelling', async (t) => {
  const file = gateFile(t);
  const block = () => parse(readFileSync(file, 'utf8')).lists.block;
  t.equal(
    (await editLists(file, [{ list: 'block', add: [' Bad@Example.ORG ', '*@bücher.example', 'bad@example.org'] }]))
      .kind,
    'saved',
  );
  t.same(block(), ['Bad@Example.ORG', '*@bücher.example']);
  t.equal(
    (await editLists(file, [{ list: 'block', add: ['"bad"@example.org', '*@xn--bcher-kva.example'] }])).kind,
    'unchanged',
  );
  t.equal((await editLists(file, [{ list: 'block', remove: ['*@XN--bcher-kva.example'] }])).kind, 'saved');
  t.same(block(), ['Bad@Example.ORG']);
  const wrong = await editLists(file, [{ list: 'block', add: ['info*@example.org'] }]);
  t.match(wrong, { kind: 'invalid', problems: [{ path: 'lists.block[1]' }] });
  const moved = await editLists(file, [
    { list: 'block', remove: ['bad@example.org'] },
    { list: 'allow', add: ['bad@example.org'] },
  ]);
  t.equal(moved.kind, 'saved');
  t.same(parse(readFileSync(file, 'utf8')).lists, { block: [], allow: ['bad@example.org'] });
});

t.test('what a killed process left is removed when it is old', async (t) => {
  const file = gateFile(t);
  const [old, young] = ['old', 'young'].map((name) => join(dirname(file), `.gate.yaml.tmp-${name}`)) as [
    string,
    string,
  ];
  writeFileSync(old, 'x');
  writeFileSync(young, 'x');
  utimesSync(old, 1, 1);
  t.equal((await saveEdits({ file, edits: [subject('Second')] })).kind, 'saved');
  t.same([existsSync(old), existsSync(young)], [false, true]);
});

t.test('killed at any moment, there is the old file or the new one', async (t) => {
  const file = gateFile(t);
  let earlier = '';
  for (let round = 0; round < 12; round += 1) {
    const child = fork(join(root, 'dist', 'test', 'support', 'edit-child.js'), [file], { stdio: 'ignore' });
    await once(child, 'message');
    await new Promise((resolve) => setTimeout(resolve, 7 * round + 1));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const text = readFileSync(file, 'utf8');
    const found = /^ {2}subject: "?\d+ round (\d+) (x+)"? +# the subject$/m.exec(text);
    t.ok(
      found !== null && found[2]?.length === 1 + (Number(found[1]) % 400),
      `round ${round}: whole, ${found?.[1]} saves`,
    );
    t.not(text, earlier, 'it was at work');
    t.ok(parse(readFileSync(previousOf(file), 'utf8')).notice.subject.length > 0);
    earlier = text;
  }
});
