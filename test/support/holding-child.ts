/** Holds messages without end and prints each acknowledged id; the test kills it at any moment. */
import { writeSync } from 'node:fs';
import { prepareKeys } from '../../src/quarantine/keys.js';
import { Vault } from '../../src/quarantine/vault.js';
import { holdRequest } from './held-message.js';
import { policy } from './test-vault.js';

const [, , dataDirectory = '', round = ''] = process.argv;
const keys = await prepareKeys({ dataDirectory, recipients: [], identityFile: undefined, warn: () => {} }, Date.now());
const { vault } = await Vault.open({ dataDirectory, keys, policy, clock: Date.now, log: () => {} });
// The first one starts the threads; from then on holds take milliseconds.
await vault.hold(holdRequest(Buffer.from(`first of ${round}`)));
writeSync(1, 'ready\n');
for (let index = 0; ; index += 4) {
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      const body = `${round} ${index + lane} ${'x'.repeat(50_000 * lane)}`;
      const { id } = await vault.hold(holdRequest(Buffer.from(`Subject: ${body}\r\n\r\n${body}\r\n`)));
      writeSync(1, `${id}\n`);
    }),
  );
}
