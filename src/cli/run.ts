/** `sluice run`: the daemon in the foreground, with its signals. */
import type { Command } from 'commander';
import type { Daemon } from '../daemon.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { takesConfig } from './configuration.js';

const examples = `
The log goes to standard output, one JSON object a line, unless log.file says otherwise. A changed configuration or list
file is taken over while connections live; one with errors is refused and named in the log.

Exit code: 0 stopped by a signal, 1 could not start or ended by an error, 2 wrong use.

Examples:
  sluice check-config sluice.yaml && sluice run --config sluice.yaml
  kill -HUP PID   reads the configuration again at once, and opens log.file again`;

export function registerRun(program: Command): void {
  takesConfig(program.command('run'))
    .description('Start the gate and keep it running (SIGTERM stops it gracefully, SIGHUP reloads the configuration)')
    .addHelpText('after', examples)
    .action(async ({ config }: { config: string }) => {
      // Loaded only here, as no other command needs it.
      const starting = import('../daemon.js').then(({ Daemon: loaded }) => loaded.start(config));
      // At once, because as process 1 of a container an unhandled SIGTERM would be ignored.
      handleSignals(starting);
      try {
        await starting;
      } catch (error) {
        process.stderr.write(`sluice cannot start:\n${messageOf(error)}\n`);
        process.exitCode = 1;
      }
    });
}

function handleSignals(starting: Promise<Daemon>): void {
  const stop = () => {
    starting
      .then((daemon) => daemon.stop())
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        process.stderr.write(`sluice did not stop cleanly: ${messageOf(error)}\n`);
        process.exit(1);
      });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // A failed start has been reported where it was awaited.
  process.on('SIGHUP', () => void starting.then((daemon) => daemon.reload()).catch(() => undefined));
  // The state after an error that nobody caught is unknown. Nothing that was acknowledged can be lost by ending here.
  process.on('uncaughtException', (error) => {
    process.stderr.write(`sluice ends after an unexpected error: ${error.stack ?? error.message}\n`);
    const end = () => process.exit(1);
    // What was to start may wait for the very thing that broke.
    setTimeout(end, 2 * limits.log.flushMs);
    starting.then((daemon) => daemon.flushLog()).then(end, end);
  });
}
