/**
 * Runs the compiled tests and decides whether the run as a whole is good: every test file of the source was run, each
 * made at least as many assertions as it is known to have, nothing failed. Usage:
 *   run-tests.mjs [--fast] [--record] [NAME…]
 * NAME picks the files whose name contains it. `--fast` leaves out files marked slow and runs the rest without the tap
 * runner, which costs seconds a file. `--record` writes the assertions that were counted as the new minimum.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';
import { findShortfalls } from './minimums.mjs';
import { emptyResult, formatResult, summaryLine, sumResults, watch } from './reporter.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const expectedFile = join(root, 'test/support/expected.json');
const jobs = 2;
/** part of the assertions of a good run that is the minimum: a case may go, a suite may not */
const recordedShare = 0.95;
/** seconds for one file; the slowest ones start real servers */
const fileTimeoutSeconds = 600;

function runWithTap(files) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-results-'));
  const target = join(folder, 'results.json');
  const tapEntry = join(dirname(createRequire(import.meta.url).resolve('tap/package.json')), 'dist/esm/run.mjs');
  const options = ['run', '--disable-coverage', '--allow-incomplete-coverage', `--jobs=${jobs}`];
  options.push(`--timeout=${fileTimeoutSeconds}`, '--reporter=./test/support/reporter.mjs');
  const compiled = files.map((file) => join('dist/test', file.replace(/\.ts$/, '.js')));
  const child = spawn(process.execPath, [tapEntry, ...options, ...compiled], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SLUICE_TEST_RESULTS: target },
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const results = existsSync(target) ? JSON.parse(readFileSync(target, 'utf8')) : [];
      rmSync(folder, { recursive: true, force: true });
      resolve({ code: code ?? 1, results });
    });
  });
}

function runDirectly(file) {
  const result = emptyResult(file);
  const parser = new Parser();
  watch(parser, result);
  let skippedWhole;
  parser.on('complete', (final) => {
    if (final.plan.skipAll) skippedWhole = final.plan.comment ?? '';
  });
  const started = Date.now();
  const compiled = join(root, 'dist/test', file.replace(/\.ts$/, '.js'));
  const child = spawn(process.execPath, ['--enable-source-maps', compiled], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (chunk) => parser.write(chunk));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      parser.end();
      if (code !== 0 && result.failed === 0) {
        result.failed += 1;
        result.failures.push({ name: 'the file itself failed', where: '', diff: '', detail: `exit code ${code}` });
      } else if (code === 0 && skippedWhole !== undefined) {
        result.skipped += 1;
        result.skips.push(`whole file: ${skippedWhole}`);
      }
      result.ms = Date.now() - started;
      process.stdout.write(formatResult(result));
      resolve(result);
    });
  });
}

async function runAllDirectly(files) {
  const queue = [...files];
  const results = [];
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) results.push(await runDirectly(file));
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return { code: results.some((result) => result.failed > 0) ? 1 : 0, results };
}

function record(results, expected) {
  for (const { file, passed, failed } of results) {
    expected[file] = { ...expected[file], least: Math.floor((passed + failed) * recordedShare) };
  }
  const sorted = Object.fromEntries(Object.entries(expected).sort(([a], [b]) => a.localeCompare(b)));
  writeFileSync(expectedFile, `${JSON.stringify(sorted, undefined, 2)}\n`);
}

/** Where the runner finds no file it runs nothing, and nothing failed. */
function findUncompiled(files) {
  return files.filter((file) => !existsSync(join(root, 'dist/test', file.replace(/\.ts$/, '.js'))));
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const strict = process.env.CI === 'true' || process.env.SLUICE_REQUIRE_SERVERS === '1';
const fast = process.argv.includes('--fast');
const expected = JSON.parse(readFileSync(expectedFile, 'utf8'));
const present = readdirSync(join(root, 'test')).filter((file) => file.endsWith('.test.ts'));
const gone = Object.keys(expected).filter((file) => !present.includes(file));
const files = present.filter(
  (file) => (names.length === 0 || names.some((name) => file.includes(name))) && !(fast && expected[file]?.slow),
);

const problems = gone.map((file) => `${file} is expected but is not there`);
problems.push(...findUncompiled(files).map((file) => `${file} is not compiled: run npm run build`));
if (files.length === 0) problems.push('no test file was found');
const { code, results } =
  files.length === 0 ? { code: 1, results: [] } : await (fast ? runAllDirectly : runWithTap)(files);
if (process.argv.includes('--record')) record(results, expected);
problems.push(...findShortfalls(results, expected, files, strict));

const total = sumResults(results);
if (code !== 0 && total.failed === 0 && problems.length === 0) problems.push(`the test runner ended with ${code}`);
for (const problem of problems) process.stdout.write(`not ok ${problem}\n`);
total.failed += problems.length;
process.stdout.write(`${summaryLine(total)}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
