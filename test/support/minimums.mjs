/** How many assertions a test file must make before its silence counts as success. Pure; the numbers are in expected.json. */

/**
 * One sentence for each of `files` that made fewer assertions than `expected` says, or did not run at all. A file that
 * skipped some (no server here) is held to its minimum only when `strict`.
 */
export function findShortfalls(results, expected, files, strict) {
  const problems = [];
  for (const file of files) {
    const result = results.find((one) => one.file === file);
    const least = expected[file]?.least;
    if (result === undefined) problems.push(`${file} was not run: the runner did not find its compiled form`);
    else if (least === undefined) problems.push(`${file} has no minimum: run npm test -- --record ${file}`);
    else if (result.passed + result.failed < least && (strict || result.skipped === 0)) {
      problems.push(
        `${file} made ${result.passed + result.failed} assertions, fewer than the ${least} it is known for`,
      );
    }
  }
  return problems;
}
