/** `sluice password`: makes the record of a password with which an administrator signs in. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { newPasswordRecord, passwordFault } from '../portal/console/password.js';
import { writePrivate } from '../quarantine/private-file.js';
import { GateError } from '../runtime/errors.js';
import { runCommand, type StoreContext } from './store-context.js';

const examples = `
Exit code: 0 done, 1 not done (the reason is printed), 2 wrong use.

Examples:
  sluice password --out /etc/sluice/root.password   then, in the configuration:
    portal: { administrators: [{ name: root, passwordFile: /etc/sluice/root.password }] }
  pwgen 20 1 | sluice password --out root.password  one line of the standard input is the password`;

/** Lines of the standard input; on a terminal nothing of what is typed is shown. */
class Lines {
  readonly #terminal = process.stdin.isTTY === true;
  #muted = false;
  readonly #reader;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        if (!this.#muted) process.stderr.write(chunk);
        done();
      },
    });
    this.#reader = createInterface({ input: process.stdin, output, terminal: this.#terminal, historySize: 0 });
    this.#reader.on('SIGINT', () => this.#reader.close());
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  get onTerminal(): boolean {
    return this.#terminal;
  }

  async next(question: string): Promise<string> {
    if (this.#terminal) process.stderr.write(question);
    this.#muted = true;
    const line = await this.#lines.next();
    this.#muted = false;
    if (this.#terminal) process.stderr.write('\n');
    if (line.done === true) throw new GateError('aborted', 'no password was given', { temporary: false });
    return line.value;
  }

  close(): void {
    this.#reader.close();
  }
}

async function askPassword(): Promise<string> {
  const lines = new Lines();
  try {
    const password = await lines.next('New password: ');
    const fault = passwordFault(password);
    if (fault !== undefined) throw new GateError('state-conflict', fault, { temporary: false });
    if (lines.onTerminal && (await lines.next('The same again: ')) !== password) {
      throw new GateError('state-conflict', 'the two passwords differ: nothing was made', { temporary: false });
    }
    return password;
  } finally {
    lines.close();
  }
}

export function registerPassword(program: Command, context: StoreContext): void {
  program
    .command('password')
    .description("Make the record of a password for the administrators' pages; asks for it, or reads one line")
    .option('--out <file>', 'write the record to this new file with mode 0600 (default: the standard output)')
    .addHelpText('after', examples)
    .action((options: { readonly out?: string }) =>
      runCommand(context, async () => {
        const record = await newPasswordRecord(await askPassword());
        if (options.out === undefined) {
          context.stdout.write(`${record}\n`);
          return 0;
        }
        try {
          writePrivate(options.out, `${record}\n`);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          const advice = 'remove it first, or choose another --out';
          throw new GateError('state-conflict', `${options.out} exists: ${advice}`, { temporary: false });
        }
        context.stdout.write(`wrote ${options.out}: name it as passwordFile under portal.administrators\n`);
        return 0;
      }),
    );
}
