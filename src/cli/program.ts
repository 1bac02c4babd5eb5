/** The command line as a whole: its commands, its help and its exit codes (0 done, 1 problem found, 2 wrong use). */
import { Command, CommanderError } from 'commander';
import { messageOf } from '../runtime/errors.js';
import { productVersion } from '../runtime/product-version.js';
import { registerCheckConfig } from './check-config.js';
import { registerDemo } from './demo.js';
import { registerIncidents } from './incidents.js';
import { registerKeygen } from './keygen.js';
import { registerLists } from './lists.js';
import { registerPassword } from './password.js';
import { registerPreview } from './preview.js';
import { registerQuarantine } from './quarantine.js';
import { registerRun } from './run.js';
import { registerScan } from './scan.js';
import { registerScoringServer } from './scoring-server.js';
import { registerStats } from './stats.js';
import { storeContext } from './store-program.js';
import { registerSweep } from './sweep.js';

const examples = `
Exit code of every command: 0 done, 1 problem found, 2 wrong use.

Examples:
  sluice demo                              see the gate at work, nothing else is needed
  sluice check-config sluice.yaml          then: sluice run --config sluice.yaml
  sluice scan --pretty mail.eml            what the gate would do with a message
  sluice sweep --user anna@example.org     have her mailboxes judged before she looks
  sluice quarantine list                   what it holds; release, show, export, delete
  sluice stats --since 24h                 what it counted`;

export function createProgram(): Command {
  const program = new Command('sluice')
    .description(
      'An inline mail gate: relays SMTP transparently and inspects every attachment before its reader sees it',
    )
    .version(productVersion())
    .addHelpText('after', examples)
    .showHelpAfterError('(sluice --help, or sluice COMMAND --help, says more)')
    .exitOverride();
  const context = storeContext((code) => {
    process.exitCode = code;
  });
  registerRun(program);
  registerCheckConfig(program);
  registerDemo(program);
  registerScan(program);
  registerPreview(program, context);
  registerQuarantine(program, context);
  registerIncidents(program, context);
  registerStats(program, context);
  registerLists(program);
  registerSweep(program);
  registerScoringServer(program);
  registerKeygen(program, context);
  registerPassword(program, context);
  return program;
}

export async function runProgram(argv: readonly string[]): Promise<void> {
  // Whoever reads our output may have seen enough, as `head` has.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
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
