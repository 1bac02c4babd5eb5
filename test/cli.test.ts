/** The program as its users run it: a child process, its two streams and its exit code. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import t from 'tap';
import { checkConfig } from '../src/cli/check-config.js';
import { createProgram } from '../src/cli/program.js';
import { type LineEnds, readMessage } from '../src/cli/scan/message-file.js';
import { jsonLine } from '../src/cli/scan.js';
import { createInspector } from '../src/inspect/inspection.js';
import { SpoolPool } from '../src/runtime/spool.js';
import { FakeClamd } from './support/fake-clamd.js';
import { inspectBuffer } from './support/inspect-buffer.js';
import { base64Lines, buildMail, eicarMail } from './support/mail.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const entry = join(root, 'dist/src/main.js');
const corpus = join(root, 'test/corpus');
const childMs = 120_000;
// Some thirty processes start, each of which takes a third of a second of a core.
t.setTimeout(4 * childMs);

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A folder of this test file's own, which is also where the program runs. */
const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function sluice(words: readonly string[], options: { input?: Buffer; temporary?: string } = {}): Promise<Result> {
  const child = spawn(process.execPath, [entry, ...words], {
    cwd: folder,
    stdio: 'pipe',
    timeout: childMs,
    killSignal: 'SIGKILL',
    env: { ...process.env, TMPDIR: options.temporary ?? folder },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('utf8');
  });
  child.stdin.end(options.input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

function file(name: string, content: Buffer | string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const withLf = (mail: Buffer): Buffer => Buffer.from(mail.toString('latin1').replace(/\r\n/g, '\n'), 'latin1');

type Json = Readonly<Record<string, unknown>>;

/** What `scan` printed, one object a line. */
interface ScanLine {
  readonly file: string;
  readonly error?: string;
  readonly lineEnds: LineEnds;
  readonly forbiddenByte: string | null;
  readonly verdict: {
    readonly action: string;
    readonly reasons: Json[];
    readonly threatLevel: number;
    readonly score: number;
  };
  readonly hits: { readonly addresses: Json[] };
  readonly report: { readonly bytes: number; readonly parts: (Json & { readonly sha256: string })[] };
  readonly scores: readonly Json[];
  readonly timings: Json;
}

function scanned({ out }: Result): ScanLine[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ScanLine);
}

t.test('every command explains itself and ends its help with examples', async (t) => {
  const texts: string[] = [];
  const visit = (command: Command) => {
    let text = '';
    command.configureOutput({
      writeOut: (piece) => {
        text += piece;
      },
    });
    command.outputHelp();
    texts.push(command.name());
    t.match(text, /\nExamples:\n {2}\S/, `${command.name()} has examples`);
    t.ok(
      text.split('\n').every((line) => line.length <= 120),
      `the help of ${command.name()} fits a terminal`,
    );
    command.commands.forEach(visit);
  };
  visit(createProgram());
  const wanted =
    'run check-config demo scan preview quarantine list show export release delete incidents set lists test keygen scoring-server';
  t.same(
    wanted.split(' ').filter((name) => !texts.includes(name)),
    [],
  );
  const { code, out } = await sluice(['--help']);
  t.equal(code, 0);
  t.match(out, /Exit code of every command: 0 done, 1 problem found, 2 wrong use/);
});

t.test('wrong use ends with 2 and says on standard error what was meant', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /Usage: sluice/],
    ['nonsense', /unknown command/],
    ['scan', /missing required argument/],
    ['scan --rcpt-to nobody x.eml', /not an address/],
    ['run', /no configuration: give --config FILE, there is none at \.\/sluice\.yaml/],
    ['check-config', /name a file/],
    ['quarantine list', /give --config FILE/],
    ['lists test --config x.yaml', /missing required argument/],
    ['demo --odd', /unknown option/],
  ];
  await Promise.all(
    cases.map(async ([words, message]) => {
      const result = await sluice(words.split(' ').filter((word) => word !== ''));
      t.match(result, { code: 2, out: '', err: message }, `sluice ${words}`);
    }),
  );
});

t.test('a configuration that cannot be read or used is a problem, not wrong use', async (t) => {
  file('bad.yaml', 'smtp: { listeners: [] }\npolicy: { verdictTreshold: 7 }\n');
  for (const words of ['run -c bad.yaml', 'scan -c bad.yaml x.eml', 'quarantine list -c bad.yaml']) {
    const result = await sluice(words.split(' '));
    t.match(result, { code: 1, out: '', err: /did you mean verdictThreshold\?/ }, words);
  }
  t.match(await sluice(['quarantine', 'list', '-c', 'none.yaml']), { code: 1, err: /none\.yaml.*readable file/ });
});

t.test('the shipped configurations are in order', async (t) => {
  const shipped = readdirSync(join(root, 'config')).filter((name) => /^(?!scoring-api).*\.yaml$/.test(name));
  t.ok(shipped.length >= 3);
  for (const name of shipped) {
    const lines: string[] = [];
    const path = join(root, 'config', name);
    t.equal(await checkConfig(path, (line) => void lines.push(line)), 0, name);
    t.same(lines, [`${path}: in order`]);
  }
});

t.test('scan prints what inspection finds in every mail of the corpus', async (t) => {
  const names = readdirSync(corpus).filter((name) => name.endsWith('.eml'));
  t.ok(names.length > 10);
  const result = await sluice(['scan', ...names.map((name) => join(corpus, name))]);
  t.equal(result.err, '');
  const lines = scanned(result);
  t.same(
    lines.map((line) => line.file),
    names.map((name) => join(corpus, name)),
  );
  let compared = 0;
  const inspector = createInspector({ threads: 1, digests: 'all' });
  t.teardown(() => inspector.close());
  for (const line of lines) {
    t.same(
      Object.keys(line),
      ['file', 'lineEnds', 'forbiddenByte', 'verdict', 'hits', 'report', 'scores', 'timings'],
      line.file,
    );
    const mail = readFileSync(line.file);
    if (line.lineEnds === 'lf' || !mail.subarray(-2).equals(Buffer.from('\r\n'))) continue;
    const report = await inspectBuffer(mail, { inspector });
    t.same(line.report, JSON.parse(jsonLine(report)), line.file);
    t.ok(
      line.report.parts.every(({ sha256 }) => sha256.length === 64),
      `all digests of ${line.file}`,
    );
    compared += 1;
  }
  t.ok(compared > 10);
});

t.test('scan judges as the gate does, whatever the line ends of the file', async (t) => {
  const mail = eicarMail();
  const clean = buildMail({});
  const infected = await sluice(['scan', file('crlf.eml', mail), file('lf.eml', withLf(mail))]);
  t.equal(infected.code, 1);
  const [crlf, lf] = scanned(infected);
  t.match(crlf?.verdict, { action: 'block', threatLevel: 10, score: 1, threat: 'EICAR-Test-File' });
  t.match(crlf?.verdict.reasons, [{ code: 'score', part: '2' }, { code: 'threshold' }]);
  t.same([crlf?.lineEnds, lf?.lineEnds], ['crlf', 'lf']);
  t.same(lf?.report, crlf?.report);
  t.same(lf?.verdict, crlf?.verdict);

  const piped = await sluice(['scan', '-'], { input: withLf(clean) });
  t.equal(piped.code, 0, 'nothing found');
  t.match(scanned(piped), [
    { file: '-', lineEnds: 'lf', verdict: { action: 'permit' }, report: { bytes: clean.length } },
  ]);

  const mixed = Buffer.from(clean.toString('latin1').replace('\r\n', '\n'), 'latin1');
  const refused = await sluice(['scan', file('mixed.eml', mixed)]);
  t.equal(refused.code, 1, 'the gate would refuse it before any verdict');
  t.match(scanned(refused), [{ lineEnds: 'mixed', forbiddenByte: 'bare-lf' }]);
});

t.test('scan goes on after a file that it cannot read, and ends with 1', async (t) => {
  mkdirSync(join(folder, 'maildir'), { recursive: true });
  const clean = file('clean.eml', buildMail({}));
  const result = await sluice(['scan', 'missing.eml', 'maildir', clean]);
  t.equal(result.code, 1);
  t.match(scanned(result), [
    { file: 'missing.eml', error: /ENOENT/ },
    { file: 'maildir', error: /EISDIR/ },
    { file: clean, verdict: { action: 'permit' } },
  ]);
  t.same(
    readdirSync(folder).filter((name) => name.startsWith('sluice-scan-')),
    [],
    'no spool is left',
  );
});

t.test('scan asks the lists of the configuration about the given envelope', async (t) => {
  const listener = '{ listen: "127.0.0.1:0", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }';
  file(
    'lists.yaml',
    `smtp: { listeners: [${listener}] }\nlists: { allow: ["*@good.example"], block: ["*@bad.example"] }\n`,
  );
  const clean = file('listed.eml', buildMail({ from: 'x@client.example' }));
  const scan = async (...words: string[]) => scanned(await sluice(['scan', '-c', 'lists.yaml', ...words, clean]))[0];
  t.equal((await scan())?.verdict.action, 'permit');
  const blocked = await scan('--mail-from', 'x@bad.example');
  t.match(blocked?.verdict, { action: 'block', reasons: [{ code: 'blocklisted' }] });
  const both = await scan(
    '--mail-from',
    '<x@bad.example>',
    '--rcpt-to',
    'a@example.org',
    '--rcpt-to',
    'b@good.example',
  );
  t.match(both?.verdict, { action: 'permit', reasons: [{ code: 'allowlisted' }] });
  t.match(both?.hits.addresses, [
    { list: 'allow', field: 'envelope-to' },
    { list: 'block', field: 'envelope-from' },
  ]);
  const page = await sluice(['scan', '--pretty', '-c', 'lists.yaml', '--mail-from', 'x@bad.example', clean]);
  t.match(page.out, /verdict +block/);
  t.match(page.out, /because +envelope-from x@bad\.example is blocked by the entry \*@bad\.example/);
});

t.test('the page of a message tells all and obeys nothing that strangers wrote', async (t) => {
  const hostile = eicarMail({ subject: '=?utf-8?q?=1B]0;owned=07_=E2=80=AEgpj?=', text: 'x' });
  const { out, code } = await sluice(['scan', '--pretty', file('hostile.eml', withLf(hostile))]);
  t.equal(code, 1);
  t.notMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  for (const text of [/level 10 of 10/, /"eicar\.com"/, /EICAR-Test-File/, /LF; read as CRLF/, /list hits +none/])
    t.match(out, text);
  const digest = createHash('sha256').update('x').digest('hex');
  t.match(out, digest, 'the digest of the text body too');
  t.notMatch(jsonLine({ subject: 'a\u009b31m\u202eb' }), /[\u0080-\uffff]/);
  t.same(JSON.parse(jsonLine({ subject: 'a\u009b31m\u202eb', absent: undefined })), {
    subject: 'a\u009b31m\u202eb',
    absent: null,
  });
});

t.test('scan explains each part: what it lies in, its profile, every answer and every rule', async (t) => {
  const clamd = await FakeClamd.start();
  t.teardown(() => clamd.stop());
  clamd.onStream = ({ content }) =>
    content.includes('%PDF') ? 'stream: Heuristics.Odd FOUND' : content.includes('MZ') ? 'stream: ?' : 'stream: OK';
  const configuration = {
    smtp: {
      listeners: [{ listen: '127.0.0.1:0', upstream: { host: '127.0.0.1' }, localDomains: ['example.org'] }],
    },
    policy: { profile: { configuration: { mode: 'hash-only' }, script: { mode: 'skip' }, pdf: { maxBytes: 20 } } },
    scoring: { backends: [{ type: 'embedded' }, { type: 'clamd', address: `127.0.0.1:${clamd.port}` }] },
  };
  file('explain.yaml', JSON.stringify(configuration));
  const listed = JSON.stringify({ members: ['a.txt'] });
  const archive = gzipSync(Buffer.from('hello from within'));
  const bodies: readonly (readonly [string, Buffer])[] = [
    ['in.gz', archive],
    ['settings.json', Buffer.from(listed)],
    ['small.pdf', Buffer.from('%PDF-1.4 small')],
    ['large.pdf', Buffer.from('%PDF-1.4 larger than twenty')],
    ['run.sh', Buffer.from('#!/bin/sh\necho hello\n')],
    ['in.gz', archive],
    ['invoice.pdf.exe', Buffer.from('MZ and nothing else')],
  ];
  const parts = bodies.map(
    ([name, content]) =>
      `--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${name}"\r\n` +
      `Content-Transfer-Encoding: base64\r\n\r\n${base64Lines(content)}`,
  );
  const head = 'From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
  const mail = file('explain.eml', Buffer.from(`${head}${parts.join('')}--b--\r\n`));
  const { out } = await sluice(['scan', '--pretty', '-c', 'explain.yaml', mail]);
  for (const line of [
    /^ {2}parts {7}1 {2}"in\.gz": attachment, \d+ bytes, base64$/m,
    /^ {17}1!1 {2}.*: member, 17 bytes, gzip$/m,
    /^ {20}clamd: looked at as a part of 1$/m,
    /clamd: score 0, in [\d.]+ ms \(clamd\/ClamAV/,
    /policy\.profile\.configuration is hash-only: it was not sent anywhere/,
    /embedded: no answer, unknown-file/,
    /clamd: score 0\.75 Heuristics\.Odd/,
    /larger than policy\.profile\.pdf\.maxBytes/,
    /clamd: no answer, oversize/,
    /not scored: its category, or that of a file around it, is skipped/,
    /clamd: no answer, backend-unavailable: clamd answered "stream: \?"/,
    /rule [A-Za-z-]+ \([\d.]+\): [A-Z].*\./,
    /part 5 is not looked at, as policy\.profile\.script says/,
  ])
    t.match(out, line);
  const [line] = scanned(await sluice(['scan', '-c', 'explain.yaml', mail]));
  t.match(line?.scores, [
    { path: '1', state: 'asked', category: 'archive', mode: 'scan', answers: [{}, { source: 'backend' }] },
    { path: '1!1', answers: [{ source: 'facts' }, { answer: { kind: 'covered', by: '1' }, source: 'container' }] },
    { path: '2', mode: 'hash-only', score: null, rules: [] },
    { path: '3', oversize: false, score: 0.75, name: 'Heuristics.Odd' },
    { path: '4', oversize: true },
    { path: '5', state: 'skipped', answers: [] },
    { path: '6', score: 0 },
    { path: '6!1' },
    { path: '7', rules: [{ score: /^(1|0\.\d+)$/ }] },
  ]);
});

t.test('line ends are told apart and completed, however the file is cut', async (t) => {
  const cases: readonly (readonly [string, LineEnds, string])[] = [
    ['a: b\n\nc\n', 'lf', 'a: b\r\n\r\nc\r\n'],
    ['a: b\n\nc', 'lf', 'a: b\r\n\r\nc\r\n'],
    ['a: b\r\n\r\nc\r\n', 'crlf', 'a: b\r\n\r\nc\r\n'],
    ['a: b\r\n\r\nc', 'crlf', 'a: b\r\n\r\nc\r\n'],
    ['a: b\r\n\nc\n', 'mixed', 'a: b\r\n\nc\n\r\n'],
    ['a\rb\n', 'lf', 'a\rb\r\n'],
    ['a: b', 'none', 'a: b\r\n'],
    ['', 'none', ''],
  ];
  for (const [written, lineEnds, read] of cases) {
    for (const size of [1, 2, 3, 100]) {
      const pieces = async function* () {
        for (let at = 0; at < written.length; at += size) yield Buffer.from(written.slice(at, at + size));
      };
      const message = await readMessage(pieces(), new SpoolPool(folder));
      t.equal(message.lineEnds, lineEnds, JSON.stringify([written, size]));
      t.equal(message.spool.memory?.toString(), read);
      message.spool.release();
    }
  }
  const large = Buffer.from(`x: y\n\n${'0123456789\n'.repeat(60_000)}`);
  const message = await readMessage(
    (async function* () {
      for (let at = 0; at < large.length; at += 65_536) yield large.subarray(at, at + 65_536);
    })(),
    new SpoolPool(folder),
  );
  t.equal(message.spool.memory, undefined, 'a large file does not stay in memory');
  t.equal(message.spool.length, large.length + 60_002);
  message.spool.release();
});

t.test('the demo shows what happens, ends well and leaves nothing', async (t) => {
  const temporary = join(folder, 'demo');
  mkdirSync(temporary);
  const { code, out, err } = await sluice(['demo'], { temporary });
  t.equal(code, 0, out + err);
  t.equal(err, '');
  for (const text of [
    /carla: 550 5\.1\.1 No such/,
    /250 2\.0\.0 Ok: withheld as/,
    /block, level 10/,
    /2 notices instead:/,
    /blocklisted envelope-from/,
    /Word document with a {2}250/,
    /\$ sluice quarantine release [a-z2-7]{26}\n {2}anna@example\.org delivered: 250/,
    /identical to what the client sent\./,
    /secops@example\.org was told/,
    /EICAR test file, from before the gate {3}in its place: Malware Detected {12}(\d{4}), \1\n/,
    /EICAR test file, to three people {8}the mail, byte for byte/,
    /The mailbox of [^$]*\$ sluice quarantine release [a-z2-7]{26}\nreleased /,
    /with UID 7 instead of 1/,
    /Everything happened as it should\.\n$/,
  ])
    t.match(out, text);
  const explained = out.slice(out.indexOf('That of "EICAR'), out.indexOf('The folder')).split('\n');
  const fields = explained.filter((line) => /^ {2}\w/.test(line));
  t.ok(fields.length > 20, 'the fields of a log line');
  t.same(
    fields.filter((line) => line.length <= 66),
    [],
    'each with its meaning',
  );
  t.same(readdirSync(temporary), []);
});

t.test('what the demo keeps can be looked into with the other commands', async (t) => {
  const temporary = join(folder, 'kept');
  mkdirSync(temporary);
  const demo = await sluice(['demo', '--keep'], { temporary });
  t.equal(demo.code, 0, demo.out + demo.err);
  const kept = join(temporary, readdirSync(temporary)[0] ?? '');
  t.equal(statSync(kept).mode & 0o777, 0o700);
  const config = join(kept, 'sluice.yaml');
  t.match(demo.out, `quarantine list --config ${config}`);
  t.match(await sluice(['check-config', config]), { code: 0 });

  const list = await sluice(['quarantine', 'list', '-c', config]);
  t.match(list, { code: 0, out: /released .*EICAR-Test-File/ });
  t.match(list.out, /held .*offers@bad\.example/);
  const [id = ''] = /[a-z2-7]{26}/.exec(list.out) ?? [];
  const show = await sluice(['quarantine', 'show', id, '--json', '-c', config]);
  const { item } = JSON.parse(show.out) as { item: { sha256: string } };
  const exported = await sluice(['quarantine', 'export', id, '--out', join(kept, 'original.eml'), '-c', config]);
  t.equal(exported.code, 0, exported.err);
  const original = readFileSync(join(kept, 'original.eml'));
  t.equal(createHash('sha256').update(original).digest('hex'), item.sha256);
  const incidents = await sluice(['incidents', '-c', config]);
  t.match(incidents, { code: 0, out: /EICAR-Test-File/ });
  const [incident = ''] = /[a-z2-7]{26}/.exec(incidents.out) ?? [];
  const set = ['incidents', 'set', incident, '--status', 'complete', '-c', config];
  t.match(await sluice(set), { code: 0, out: /complete/ });

  t.equal((await sluice(['preview', '-c', config, '--out', join(kept, 'preview')])).code, 0);
  t.match(readFileSync(join(kept, 'preview', 'notice.eml'), 'latin1'), /^Subject: Malware Detected\r$/m);
  t.match(readFileSync(join(kept, 'preview', 'notice.html'), 'utf8'), /Malware Detected/);
});

t.test('a configuration in the folder is found without being named', async (t) => {
  t.notOk(existsSync(join(folder, 'sluice.yaml')));
  file('sluice.yaml', readFileSync(join(folder, 'lists.yaml')));
  t.match(await sluice(['check-config']), { code: 0, out: /^\.\/sluice\.yaml: 1 warning, can be used$/m });
  t.match(await sluice(['lists', 'test', 'x@bad.example']), { code: 1, out: /block {2}\*@bad\.example/ });
  t.match(await sluice(['quarantine', 'list']), { code: 1, err: /holds no quarantine/ });
  t.match(await sluice(['keygen']), { code: 0, out: /^AGE-SECRET-KEY-/m });
  rmSync(join(folder, 'sluice.yaml'));
});
