/** `sluice sweep`: has the mailboxes of a user judged ahead of time, through the running gate, so that a first look is quick. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';
import type { Config } from '../config/schema.js';
import { takesConfig } from './configuration.js';
import { jsonText } from './store-context.js';
import type { SweepLogin } from './sweep/connection.js';
import { readPassword } from './sweep/password.js';
import { closingLine, isComplete, progressLine, reportJson, summaryTable } from './sweep/report.js';
import { type SweepProgress, type SweepReport, sweep } from './sweep/sweep.js';
import { type SweepTarget, sweepTarget } from './sweep/target.js';

interface SweepCommandOptions {
  readonly config: string;
  readonly user: string;
  readonly login?: string;
  readonly passwordFile?: string;
  readonly listener?: string;
  readonly mailbox?: readonly string[];
  readonly json?: boolean;
}

const help = `
The gate judges a message when a mail program first looks at it, which makes the first look into a large mailbox slow.
A sweep looks at every message before: it logs in through the gate's own listener, opens the mailboxes read-only and
asks for one octet of each message, the newest first. Nothing is downloaded to where it runs, no message is marked as
read, and what was judged is remembered for this user. It may be stopped and started again at any time. A message that
is withheld counts as shown to this user from then on: only a release brings it back.

A mailbox of somebody else: --user says whose, --login who the password belongs to, where the server lets one user act
for others (SASL PLAIN with an authorisation identity, master users in Dovecot).

Exit code: 0 every message is judged, withheld ones included; 1 some could not be judged; 2 wrong use.

Examples:
  sluice sweep --user anna@example.org
  sluice sweep --user anna@example.org --password-file anna.txt --mailbox INBOX --json
  sluice sweep --user anna@example.org --login master --password-file - < master.txt`;

export function registerSweep(program: Command): void {
  takesConfig(program.command('sweep'))
    .description('Have the mail of a user judged ahead of time, through the running gate')
    .requiredOption('--user <name>', 'whose mailboxes')
    .option('--login <name>', 'who logs in and acts for that user')
    .option('--password-file <file>', 'file with the password in its first line, - for standard input')
    .option('--listener <name>', 'IMAP listener of the configuration, when it has several')
    .addOption(
      new Option('--mailbox <name>', 'only this one; may be given again').argParser(
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      ),
    )
    .option('--json', 'the result as JSON')
    .addHelpText('after', help)
    .action(async (options: SweepCommandOptions, command: Command) => {
      process.exitCode = await runSweep(options, (text) => command.error(`error: ${text}`, { exitCode: 2 }));
    });
}

/** @param wrongUse ends the command */
async function runSweep(options: SweepCommandOptions, wrongUse: (text: string) => never): Promise<number> {
  const config = await configurationOf(options.config);
  const target = sweepTarget(config, options.listener);
  if (typeof target === 'string') return wrongUse(target);
  const prompt = (text: string) => process.stderr.write(text);
  const found = await readPassword(options.passwordFile, options.login ?? options.user, {
    stdin: process.stdin,
    prompt,
  });
  if (typeof found === 'string') return wrongUse(found);
  if (found.warning !== undefined) process.stderr.write(`warning: ${found.warning}\n`);
  const login = { user: options.user, login: options.login, password: found.password };
  const report = await untilInterrupted((signal) => sweepAll(target, login, options.mailbox, signal));
  if (options.json === true) process.stdout.write(`${jsonText(reportJson(report))}\n`);
  else if (report.mailboxes.length > 0) process.stdout.write(`${summaryTable(report)}\n`);
  if (options.json !== true || !isComplete(report)) process.stderr.write(`${closingLine(report)}\n`);
  return isComplete(report) ? 0 : 1;
}

async function configurationOf(file: string): Promise<Config> {
  const { config, problems } = await loadConfig(file);
  if (config === undefined) throw new Error(problems.map((problem) => formatProblem(problem, file)).join('\n'));
  return config;
}

async function sweepAll(
  target: SweepTarget,
  login: SweepLogin,
  paths: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<SweepReport> {
  // Loaded only here: the client is more than the rest of the command.
  const { openConnection } = await import('./sweep/connection.js');
  const show = shower(process.stderr);
  const report = await sweep({
    paths,
    connect: () => openConnection(target, login),
    signal,
    now: Date.now,
    wait: (ms) => delay(ms, undefined, { signal }),
    progress: show.progress,
  });
  show.end();
  return report;
}

/** ms between lines where there is no terminal */
const plainLineMs = 10_000;

/** A bar that is drawn over itself on a terminal, and elsewhere a line now and then. */
function shower(stream: NodeJS.WriteStream) {
  let drawn = false;
  let shownMs = 0;
  return {
    progress(progress: SweepProgress): void {
      if (stream.isTTY) {
        stream.write(`\r\x1b[K${progressLine(progress, (stream.columns || 80) - 1)}`);
        drawn = true;
      } else if (progress.elapsedMs - shownMs >= plainLineMs) {
        shownMs = progress.elapsedMs;
        stream.write(`${progressLine(progress, 120)}\n`);
      }
    },
    end(): void {
      if (drawn) stream.write('\r\x1b[K');
    },
  };
}

async function untilInterrupted(work: (signal: AbortSignal) => Promise<SweepReport>): Promise<SweepReport> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
