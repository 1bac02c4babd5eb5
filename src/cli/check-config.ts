/** `sluice check-config FILE`: everything that is wrong with a configuration and the list files that it names. */
import type { Command } from 'commander';
import { loadConfig } from '../config/load.js';
import { type ConfigProblem, formatProblem } from '../config/problem.js';
import { buildLivePolicy } from '../policy/live-policy.js';
import { usualFile, usualFiles } from './configuration.js';

/** Problems on standard output, one a line, then a summary. */
export async function checkConfig(file: string, print: (line: string) => void): Promise<number> {
  const loaded = await loadConfig(file);
  const problems: ConfigProblem[] = [...loaded.problems];
  if (loaded.config !== undefined) problems.push(...(await buildLivePolicy(loaded.config)).problems);
  for (const problem of problems) print(formatProblem(problem, file));
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  const summary = [count(errors, 'error'), count(warnings, 'warning')].filter((text) => text !== '').join(' and ');
  print(summary === '' ? `${file}: in order` : `${file}: ${summary}${errors === 0 ? ', can be used' : ''}`);
  return errors === 0 ? 0 : 1;
}

const examples = `
Every problem is shown with its line, what was found and what was expected. config/reference.yaml explains all keys.

Exit code: 0 the file can be used (there may be warnings), 1 it cannot, 2 wrong use.

Examples:
  sluice check-config sluice.yaml
  sluice check-config && systemctl reload sluice`;

export function registerCheckConfig(program: Command): void {
  program
    .command('check-config')
    .description('Check a configuration file and the lists that it names; exit code 1 when it cannot be used')
    .argument('[file]', `configuration file (default: ${usualFiles.join(', else ')})`)
    .addHelpText('after', examples)
    .action(async (given: string | undefined, _options: unknown, command: Command) => {
      const file = given ?? usualFile(command, 'name a file');
      process.exitCode = await checkConfig(file, (line) => process.stdout.write(`${line}\n`));
    });
}

function count(number: number, noun: string): string {
  if (number === 0) return '';
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
