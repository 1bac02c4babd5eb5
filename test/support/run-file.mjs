/**
 * Runs one compiled test file in a process of its own and tells what came of it. No runner stands between: one that
 * watches every process and all they start costs seconds for each file, and as much for each gate that a test starts.
 */
import { spawn } from 'node:child_process';
import { Parser } from 'tap-parser';
import { addFailure, emptyResult, watch } from './reporter.mjs';

/** ms for a file that was told to end; it stops the servers that it started meanwhile */
const endGraceMs = 15_000;

/**
 * @param {string} file name of the source, for the report
 * @param {string[]} command arguments of node
 * @param {{ cwd: string, timeoutMs: number }} options
 * @returns {Promise<import('./reporter.mjs').FileResult>}
 */
export function runFile(file, command, { cwd, timeoutMs }) {
  const result = emptyResult(file);
  const parser = new Parser();
  let final;
  watch(parser, result);
  parser.on('complete', (end) => {
    final = end;
  });
  const started = performance.now();
  const child = spawn(process.execPath, command, {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    // What a single test may take is for its file to say; the time of a file is bounded here.
    env: { ...process.env, TAP_TIMEOUT: String(Math.ceil(timeoutMs / 1000)) },
  });
  let late = false;
  const end = setTimeout(() => {
    late = true;
    child.kill('SIGTERM');
  }, timeoutMs);
  const kill = setTimeout(() => child.kill('SIGKILL'), timeoutMs + endGraceMs);
  child.stdout.on('data', (chunk) => parser.write(chunk));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(end);
      clearTimeout(kill);
      parser.end();
      const whole = code === 0 && final?.ok === true;
      if (late) addFailure(result, [], failureOf(`it did not end within ${timeoutMs / 1000} s`));
      else if (!whole && result.failed === 0) addFailure(result, [], failureOf(`exit code ${code ?? signal}`));
      else if (whole && final.plan.skipAll) {
        result.skipped += 1;
        result.skips.push(`whole file: ${final.plan.comment ?? ''}`);
      }
      result.ms = Math.round(performance.now() - started);
      resolve(result);
    });
  });
}

function failureOf(message) {
  return { name: 'the file itself failed', diag: { message } };
}
