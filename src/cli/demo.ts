/** `sluice demo` on the command line. */
import type { Command } from 'commander';

const examples = `
Needs nothing else: mail servers, the gate and clients run in this process, on free ports of this machine.

Exit code: 0 everything happened as it should, 1 something did not, 2 wrong use.

Examples:
  sluice demo
  sluice demo --keep`;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Show the gate at work: five mails through it, a mailbox behind it, releases from quarantine')
    .option('--keep', 'leave the folder with configuration, log, keys and quarantine')
    .addHelpText('after', examples)
    .action(async ({ keep }: { keep?: boolean }) => {
      // Loaded only here: the mail server and the daemon are half of what a command would have to load.
      const { runDemo } = await import('./demo/tour.js');
      process.exitCode = await runDemo((text) => process.stdout.write(`${text}\n`), keep === true);
    });
}
