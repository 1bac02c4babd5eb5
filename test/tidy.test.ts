/** Reads the source once and holds it to the house rules; first proves of every rule that it can be broken. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import * as checks from './support/tidy-checks.js';
import { citedRfcs, compareMetrics, compareRfcs, unusedErrorCodes } from './support/tidy-documents.js';
import { importOrder } from './support/tidy-imports.js';
import { type Check, formatFinding, readSources, type SourceFile } from './support/tidy-source.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = readSources(root, ['src', 'test', 'bench'], /\.tsx?$/);
const product = sources.filter((file) => file.path.startsWith('src/'));
const scripts = readSources(root, ['test'], /\.mjs$/);

function readDocument(path: string): SourceFile {
  return { path, text: existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '' };
}

const rules: Readonly<Record<string, Check>> = { importOrder, ...checks };
const forScriptsToo = ['fileLength', 'fileNames', 'opensWithComment', 'unfinishedWork', 'foreignWords'];

/** A made-up source for each rule that breaks it, and one close by that does not. */
const longBody = '  step();\n'.repeat(80);
const examples: Readonly<Record<string, { bad: readonly [string, string][]; good: readonly [string, string][] }>> = {
  importOrder: {
    bad: [
      ['src/runtime/a.ts', "import { b } from '../config/b.js';"],
      ['src/config/a.ts', "export { b } from '../mime/b.js';"],
      ['src/smtp/a.ts', "import { b } from '../imap/b.js';"],
      ['src/imap/a.ts', "import type { B } from '../smtp/b.js';"],
      ['src/mime/a.ts', "import { b } from '../smtp/b.js';"],
      ['src/scoring/a.ts', "import { b } from '../policy/b.js';"],
      ['src/inspect/a.ts', "const b = await import('../scoring/b.js');"],
      ['src/inspect/c.ts', "const b = new URL('../quarantine/b-worker.js', import.meta.url);"],
      ['src/quarantine/a.ts', "import { b } from '../smtp/b.js';"],
      ['src/notice/a.ts', "import { b } from '../incident/b.js';"],
      ['src/policy/a.ts', "import { b } from '../pipeline.js';"],
      ['src/pipeline.ts', "import { b } from './smtp/session.js';"],
      ['src/portal/a.ts', "import { b } from '../smtp/handler.js';"],
      ['src/attic/a.ts', "import { b } from '../runtime/b.js';"],
      ['src/smtp/session.ts', "import { connect } from 'node:net';"],
      ['src/cli/a.ts', "import { b } from '../../test/b.js';"],
      ['src/imap/wire/a.ts', "import type { B } from '../exchange.js';"],
      ['src/imap/message/a.ts', "import { b } from '../fetch/b.js';"],
      ['src/imap/fetch/a.ts', "import type { B } from '../session/b.js';"],
      ['src/imap/release/a.ts', "import { b } from '../connection.js';"],
    ],
    good: [
      ['src/imap/fetch/a.ts', "import { b } from '../message/b.js';\nimport type { C } from '../exchange.js';"],
      ['src/imap/session/a.ts', "import { b } from '../command/b.js';"],
      ['src/quarantine/a.ts', "import { b } from '../inspect/b.js';\nimport { c } from '../mime/c.js';"],
      ['src/pipeline.ts', "import type { SmtpHandler } from './smtp/handler.js';"],
      ['src/daemon.ts', "import { b } from './smtp/server.js';"],
      ['src/smtp/server.ts', "import { connect } from 'node:net';"],
      ['src/smtp/session.ts', "import type { Socket } from 'node:net';\nimport { isIP } from 'node:net';"],
    ],
  },
  fileLength: {
    bad: [['src/mime/a.ts', 'x();\n'.repeat(401)]],
    good: [
      ['src/mime/a.ts', 'x();\n'.repeat(400)],
      ['test/a.test.ts', 'x();\n'.repeat(900)],
    ],
  },
  functionLength: {
    bad: [
      ['src/mime/a.ts', `function f() {\n${longBody}}\n`],
      ['test/a.test.ts', `t.test('x', () => {\n${longBody}});\n`],
      ['src/mime/b.ts', `class A {\n  f() {\n${longBody}}\n}\n`],
    ],
    good: [['src/mime/a.ts', `function f() {\n${longBody.slice(0, 600)}}\n`]],
  },
  fileNames: {
    bad: [
      ['src/mime/utils.ts', ''],
      ['src/mime/types.ts', ''],
      ['src/mime/fooBar.ts', ''],
    ],
    good: [
      ['src/mime/header-field.ts', ''],
      ['src/quarantine/schema.sql.ts', ''],
    ],
  },
  opensWithComment: {
    bad: [['src/a.ts', "import { b } from './b.js';"]],
    good: [
      ['src/a.ts', '/** Owns a. */'],
      ['src/main.ts', '#!/usr/bin/env node\n/** Starts. */'],
    ],
  },
  unfinishedWork: { bad: [['src/a.ts', `// ${'TO'}DO later`]], good: [['src/a.ts', '// all done']] },
  suppressions: {
    bad: [
      ['src/a.ts', `// @ts-${'ignore'}`],
      ['src/a.ts', `// biome-${'ignore'} lint/style/x`],
    ],
    good: [['src/a.ts', '// biome-ignore lint/style/x: the library mutates it']],
  },
  foreignWords: {
    bad: [
      ['src/a.ts', `// see /${'home'}/me/notes`],
      ['src/a.ts', `// fixes issue ${'12'}`],
    ],
    good: [['src/a.ts', '// the issue is the framework']],
  },
  looseTypes: {
    bad: [
      ['src/a.ts', 'const a: any = 1;'],
      ['src/a.ts', 'const a = list[0]!.b;'],
    ],
    good: [['src/a.ts', 'const any = !list[0]; // any!']],
  },
  defaultExports: {
    bad: [
      ['src/a.ts', 'export default 1;'],
      ['src/a.ts', 'export default function f() {}'],
    ],
    good: [
      ['src/a.ts', 'export function f(x) { switch (x) { default: return 1; } }'],
      ['src/inspect/part-worker.ts', 'export default function f() {}'],
    ],
  },
  emptyCatches: {
    bad: [
      ['src/a.ts', 'try { f(); } catch {}'],
      ['src/a.ts', 'f().catch(() => {});'],
    ],
    good: [
      ['src/a.ts', 'try { f(); } catch { g(); }\nf().catch((error) => { log(error); });'],
      ['src/a.ts', 'try { f(); } catch {\n  // It is gone already, which is what was wanted.\n}'],
    ],
  },
  consoleOutput: {
    bad: [['src/mime/a.ts', 'console.log(1);']],
    good: [
      ['src/cli/a.ts', 'console.log(1);'],
      ['bench/a.ts', 'console.log(1);'],
    ],
  },
  pageMarkup: {
    bad: [
      ['src/portal/a.tsx', 'const a = <p dangerouslySetInnerHTML={{ __html: b }} />;'],
      ['src/portal/a.ts', "h('p', { dangerouslySetInnerHTML: { __html: b } });"],
      ['src/portal/a.tsx', 'const a = <button onClick={b} />;'],
      ['src/portal/a.tsx', 'const a = <body onload="b()" />;'],
      ['src/portal/a.tsx', 'const a = <p style="color:red" />;'],
      ['src/portal/a.tsx', 'const a = <p style={{ color: b }} />;'],
      ['src/portal/a.tsx', 'const a = <iframe srcdoc={b} />;'],
    ],
    good: [['src/portal/a.tsx', 'const a = <p class="style" one="1">dangerous on click</p>;']],
  },
  environment: {
    bad: [['src/smtp/a.ts', 'const a = process.env.HOME;']],
    good: [['src/main.ts', 'const a = process.env.HOME;']],
  },
};

t.test('every rule finds what it forbids and leaves alone what it does not', async (t) => {
  t.same(Object.keys(examples).sort(), Object.keys(rules).sort(), 'every rule has its examples');
  for (const [name, { bad, good }] of Object.entries(examples)) {
    const rule = rules[name];
    if (rule === undefined) continue;
    for (const [path, text] of bad) {
      t.not(rule([{ path, text }]).length, 0, `${name} finds fault with ${path}: ${text.slice(0, 60)}`);
    }
    for (const [path, text] of good) t.same(rule([{ path, text }]), [], `${name} accepts ${path}`);
  }
});

t.test('the comparison of RFCs finds rows and citations without the other', async (t) => {
  const table = (...rows: string[]) => ({ path: 'ARCHITECTURE.md', text: rows.join('\n') });
  const code = [{ path: 'src/a.ts', text: '// RFC 5321 §4.5.2 and (RFC 1870, 3461)' }];
  const full = ['| RFC | title | status |', '|---|---|---|', '| 5321 | SMTP | yes |', '| RFC 1870 | SIZE | yes: x |'];
  t.same([...citedRfcs(code).keys()], [5321, 1870, 3461]);
  t.same(compareRfcs(code, table(...full, '| 3461 | DSN | partial |', '| 2033 | LMTP | no |')), []);
  t.equal(compareRfcs(code, table(...full)).length, 1, 'a citation without a row');
  t.equal(
    compareRfcs(code, table(...full, '| 3461 | DSN | yes |', '| 2034 | x | yes |')).length,
    1,
    'a row never cited',
  );
  t.equal(compareRfcs(code, table(...full, '| 3461 | DSN | maybe |')).length, 1, 'an unknown status');
  t.equal(compareRfcs(code, table(...full, '| 3461 | a | yes |', '| 3461 | b | yes |')).length, 1, 'two rows');
  t.not(compareRfcs(code, table('')).length, 0, 'no table at all');
});

t.test('the comparisons of error codes and metrics find what only one side has', async (t) => {
  const list = { path: 'src/errors.ts', text: "export const errorCodes = { a: 'a-b', cD: 'c-d' } as const;" };
  const user = { path: 'src/a.ts', text: "raise('a-b'); raise(errorCodes.cD);" };
  t.same(unusedErrorCodes([list, user], 'src/errors.ts'), []);
  t.equal(unusedErrorCodes([list, { path: 'src/a.ts', text: "raise('a-b')" }], 'src/errors.ts').length, 1);
  t.equal(unusedErrorCodes([user], 'src/errors.ts').length, 1, 'the list itself is gone');
  const code = [{ path: 'src/m.ts', text: "'sluice_messages_total' 'sluice_delay_seconds'" }];
  const told = (text: string) => [{ path: 'README.md', text }];
  t.same(compareMetrics(code, told('no metrics named')), []);
  t.same(compareMetrics(code, told('sluice_messages_total sluice_delay_seconds_bucket sluice_delay_seconds')), []);
  t.equal(compareMetrics(code, told('sluice_messages_total')).length, 1);
  t.equal(compareMetrics(code, told('sluice_messages_total sluice_delay_seconds sluice_gone')).length, 1);
});

t.test('the source keeps the rules', async (t) => {
  t.ok(product.length > 10, 'the source was found');
  for (const [name, rule] of Object.entries(rules)) {
    const files = forScriptsToo.includes(name) ? [...sources, ...scripts] : sources;
    t.same(rule(files).map(formatFinding), [], name);
  }
});

t.test('code and documents agree', async (t) => {
  const architecture = readDocument('ARCHITECTURE.md');
  t.same(compareRfcs(product, architecture).map(formatFinding), [], 'the table of RFCs');
  t.same(unusedErrorCodes(product, 'src/runtime/errors.ts').map(formatFinding), [], 'error codes');
  t.same(compareMetrics(product, [readDocument('README.md'), architecture]).map(formatFinding), [], 'metrics');
});
