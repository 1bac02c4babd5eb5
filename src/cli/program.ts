/** The command line as a whole: its commands, its help and its exit codes (0 done, 1 problem found, 2 wrong use). */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { messageOf } from '../runtime/errors.js';
import { registerCheckConfig } from './check-config.js';
import { registerLists } from './lists.js';
import { registerRun } from './run.js';
import { registerScan } from './scan.js';

export function createProgram(): Command {
  const program = new Command('sluice')
    .description(
      'An inline mail gate: relays SMTP transparently and inspects every attachment before its reader sees it',
    )
    .version(version())
    .showHelpAfterError('(sluice --help, or sluice COMMAND --help, says more)')
    .exitOverride();
  registerRun(program);
  registerCheckConfig(program);
  registerLists(program);
  registerScan(program);
  return program;
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { version: number } = JSON.parse(text) as { version: string };
  return number;
}

export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  // commander has printed its own text already
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  process.stderr.write(`sluice: ${messageOf(error)}\n`);
  return 1;
}
