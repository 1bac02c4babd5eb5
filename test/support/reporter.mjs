/**
 * What a person sees of a test run: one line for a file that passed, every failing assertion in full for one that did
 * not, and a closing line of plain counts. It reads the TAP stream and knows nothing about what is tested.
 */

/** lines of stray output kept for a failing file; the rest is only counted */
const strayLinesMax = 40;

/**
 * @typedef {{ name: string, where: string, diff: string, detail: string }} Failure
 * @typedef {{ file: string, passed: number, failed: number, skipped: number, ms: number,
 *   failures: Failure[], skips: string[], stray: string[] }} FileResult
 */

/** @returns {FileResult} */
export function emptyResult(file) {
  return { file, passed: 0, failed: 0, skipped: 0, ms: 0, failures: [], skips: [], stray: [] };
}

/** The line that everything which counts tests may rely on. */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @param {FileResult[]} results */
export function sumResults(results) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) {
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
  }
  return total;
}

function describeFailure(path, point) {
  const diag = point.diag ?? {};
  const at = diag.at?.fileName === undefined ? undefined : `${diag.at.fileName}:${diag.at.lineNumber ?? '?'}`;
  const detail = [];
  for (const key of ['tapError', 'message', 'errorMessage', 'code', 'signal', 'exitCode', 'timeout']) {
    if (diag[key] !== undefined && diag[key] !== null) detail.push(`${key}: ${diag[key]}`);
  }
  if (diag.found !== undefined && diag.diff === undefined) detail.push(`found: ${JSON.stringify(diag.found)}`);
  if (diag.wanted !== undefined && diag.diff === undefined) detail.push(`wanted: ${JSON.stringify(diag.wanted)}`);
  if (at === undefined && typeof diag.stack === 'string') detail.push(diag.stack.trimEnd());
  return { name: [...path, point.name].join(' › '), where: at ?? '', diff: diag.diff ?? '', detail: detail.join('\n') };
}

/**
 * Adds everything that `parser` reports to `result`. Only leaves count: the closing point of a subtest repeats what its
 * own assertions said, unless it failed without any of them failing (a crash, a wrong plan, a time-out).
 */
export function watch(parser, result, path = []) {
  let failedBefore = 0;
  parser.on('child', (child) => {
    failedBefore = result.failed;
    watch(child, result, [...path, child.name]);
  });
  parser.on('extra', (line) => {
    if (result.stray.length < strayLinesMax) result.stray.push(String(line).trimEnd());
  });
  parser.on('assert', (point) => {
    if (point.skip || point.todo) {
      result.skipped += 1;
      result.skips.push(`${[...path, point.name].join(' › ')}: ${point.skip || point.todo}`);
    } else if (!point.closingTestPoint) {
      if (point.ok) result.passed += 1;
      else addFailure(result, path, point);
    } else if (!point.ok && result.failed === failedBefore) {
      addFailure(result, path, point);
    }
  });
  parser.on('complete', (final) => {
    for (const failure of final.failures) if (failure.tapError) result.stray.push(String(failure.tapError));
  });
  parser.on('bailout', (reason) => addFailure(result, path, { name: `bail out: ${reason}`, diag: {} }));
}

export function addFailure(result, path, point) {
  result.failed += 1;
  result.failures.push(describeFailure(path, point));
}

function indent(text) {
  return text.replace(/^/gm, '      ');
}

/** @param {FileResult} result */
export function formatResult(result) {
  const lines = [`${result.failed > 0 ? 'FAIL' : 'ok  '} ${result.file} ${summaryLine(result)} (${result.ms} ms)`];
  for (const failure of result.failures) {
    lines.push(`  not ok ${failure.name}${failure.where === '' ? '' : `  (${failure.where})`}`);
    if (failure.diff !== '') lines.push(indent(failure.diff.trimEnd()));
    if (failure.detail !== '') lines.push(indent(failure.detail));
  }
  for (const skip of result.skips) lines.push(`  skipped ${skip}`);
  if (result.failed > 0) for (const line of result.stray) lines.push(`  | ${line}`);
  return `${lines.join('\n')}\n`;
}
