/**
 * Runs the compiled tests and decides whether the run as a whole is good: every test file of the source was run, each
 * made at least as many assertions as it is known to have, nothing failed. Usage:
 *   run-tests.mjs [--fast] [--record] [NAME…]
 * NAME picks the files whose name contains it. `--fast` leaves out files marked slow. `--record` writes the assertions
 * that were counted as the new minimum, and the seconds that a file took: the longest begin first, so that no core is
 * idle while the last one runs.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findShortfalls } from './minimums.mjs';
import { formatResult, summaryLine, sumResults } from './reporter.mjs';
import { runFile } from './run-file.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const expectedFile = join(root, 'test/support/expected.json');
const jobs = 2;
/** part of the assertions of a good run that is the minimum: a case may go, a suite may not */
const recordedShare = 0.95;
/** ms for one file; the slowest ones start real servers and take four minutes, on a machine that is at work five times that */
const fileTimeoutMs = 1_200_000;
/** seconds from which it matters when a file begins */
const longSeconds = 5;

function compiledOf(file) {
  return join(root, 'dist/test', file.replace(/\.ts$/, '.js'));
}

/** @returns {Promise<import('./reporter.mjs').FileResult[]>} */
async function runAll(files, expected) {
  const secondsOf = (file) => expected[file]?.seconds ?? 0;
  const queue = [...files].sort((one, other) => secondsOf(other) - secondsOf(one));
  const results = [];
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const command = ['--enable-source-maps', compiledOf(file)];
      const result = await runFile(file, command, { cwd: root, timeoutMs: fileTimeoutMs });
      process.stdout.write(formatResult(result));
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return results;
}

function record(results, expected) {
  for (const { file, passed, failed, ms } of results) {
    const { seconds: _before, ...known } = expected[file] ?? {};
    const seconds = Math.round(ms / 1000);
    const least = Math.floor((passed + failed) * recordedShare);
    expected[file] = { ...known, least, ...(seconds >= longSeconds ? { seconds } : {}) };
  }
  const sorted = Object.fromEntries(Object.entries(expected).sort(([a], [b]) => a.localeCompare(b)));
  writeFileSync(expectedFile, `${JSON.stringify(sorted, undefined, 2)}\n`);
}

/** Where the runner finds no file it runs nothing, and nothing failed. */
function findUncompiled(files) {
  return files.filter((file) => !existsSync(compiledOf(file)));
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
const results = await runAll(files, expected);
if (process.argv.includes('--record')) record(results, expected);
problems.push(...findShortfalls(results, expected, files, strict));

const total = sumResults(results);
for (const problem of problems) process.stdout.write(`not ok ${problem}\n`);
total.failed += problems.length;
process.stdout.write(`${summaryLine(total)}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
