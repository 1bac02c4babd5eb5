/** `sluice keygen`: makes an age identity for the quarantine. */
import type { Command } from 'commander';
import { newKeyPair } from '../quarantine/keys.js';
import { writePrivate } from '../quarantine/private-file.js';
import { GateError } from '../runtime/errors.js';
import { runCommand, type StoreContext } from './store-context.js';

const examples = `
Examples:
  sluice keygen --out identity.txt   prints the public key for quarantine.recipients`;

export function registerKeygen(program: Command, context: StoreContext): void {
  program
    .command('keygen')
    .description('Make an age identity for the quarantine; its public key goes to quarantine.recipients')
    .option('--out <file>', 'write the identity to this new file with mode 0600 (default: the standard output)')
    .addHelpText('after', examples)
    .action((options: { readonly out?: string }) =>
      runCommand(context, async () => {
        const { recipient, identityText } = await newKeyPair(context.now());
        if (options.out === undefined) {
          context.stdout.write(identityText);
          return 0;
        }
        try {
          writePrivate(options.out, identityText);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          throw new GateError(
            'state-conflict',
            `${options.out} exists and may be the key to sealed mail: choose another --out`,
          );
        }
        context.stdout.write(`${recipient}\n`);
        return 0;
      }),
    );
}
