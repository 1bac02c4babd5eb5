/** YARA rules from a folder: what is matched, what is wrong with a rule file, and the contract of backends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadYara, YaraBackend } from '../src/scoring/yara.js';
import { contentOf, runBackendContract } from './support/backend-contract.js';
import { madePart } from './support/facts.js';
import { skipWithout } from './support/missing.js';

/** The package is no dependency: it has no binaries for some machines, and npm then refuses to install anything. */
const skip = skipWithout('package:@litko/yara-x');

const idle = (): AbortSignal => new AbortController().signal;

async function rulesFolder(files: Readonly<Record<string, string>>): Promise<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-yara-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const evil = 'rule Evil { meta: score = 100 strings: $a = "evil" condition: $a }';

if (skip === false) {
  runBackendContract('yara', async () => {
    const { folder, remove } = await rulesFolder({ 'a.yar': evil });
    const { matcher } = await loadYara(folder);
    if (matcher === undefined) throw new Error('the engine is not there');
    const close = async () => remove();
    return {
      backend: new YaraBackend(() => matcher),
      bad: madePart(1),
      badContent: Buffer.from('an evil file'),
      close,
    };
  });
}

t.test('YARA: a broken file is told with its line, and the others work', { skip }, async (t) => {
  const { folder, remove } = await rulesFolder({
    'a.yar': evil,
    'b.yara': 'rule Broken {\n condition: $b }\n',
    'c.yar': 'rule Half { meta: score = 0.5 condition: filesize < 3 }\nrule Plain { condition: filesize == 2 }',
    'd.yar': 'rule Evil { condition: false }',
    'e.yar': 'include "/etc/hostname"',
    'notes.txt': 'no rules',
  });
  t.teardown(remove);
  const { matcher, problems } = await loadYara(folder);
  t.match(problems, [
    { severity: 'warning', file: /b\.yara$/, line: 2, expected: /\$b/ },
    { severity: 'warning', file: /e\.yar$/, line: 1, expected: /include/ },
    { severity: 'warning', file: /d\.yar$/, expected: /duplicate/ },
  ]);
  t.same(await matcher?.scan(Buffer.from('xx evil')), [{ rule: 'Evil', score: 1 }]);
  t.same(await matcher?.scan(Buffer.from('x')), [{ rule: 'Half', score: 0.5 }]);
  t.same(
    (await matcher?.scan(Buffer.from('xy')))?.map(({ score }) => score),
    [0.75, 0.5],
    'the worst first',
  );
  t.match((await loadYara(join(folder, 'absent'))).problems, [{ severity: 'error', expected: /folder/ }]);
});

t.test('YARA: the version is that of the rules, and large files are refused', { skip }, async (t) => {
  const one = await rulesFolder({ 'a.yar': evil });
  const two = await rulesFolder({ 'a.yar': evil.replace('100', '50') });
  t.teardown(one.remove);
  t.teardown(two.remove);
  const [first, again, second] = await Promise.all([loadYara(one.folder), loadYara(one.folder), loadYara(two.folder)]);
  t.equal(first.matcher?.version, again.matcher?.version);
  t.not(first.matcher?.version, second.matcher?.version);
  const { matcher } = first;
  if (matcher === undefined) throw new Error('the engine is not there');
  const content = { ...contentOf(Buffer.alloc(0)), bytes: 1e12 };
  const answer = await new YaraBackend(() => matcher).score(madePart(1), content, idle());
  t.match(answer, { kind: 'none', cause: 'oversize' });
  let current: typeof matcher | undefined = matcher;
  const backend = new YaraBackend(() => current);
  const version = backend.version;
  current = undefined;
  t.equal(backend.version, version, 'rules stay until there are others');
  t.notOk(new YaraBackend(() => undefined).health().up);
  t.match(await new YaraBackend(() => undefined).score(madePart(1), contentOf(Buffer.from('x')), idle()), {
    kind: 'none',
  });
});
