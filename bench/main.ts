/** Chooses the measurement: `npm run bench -- smtp`, `imap` or `inspect`. Knows nothing about any of them. */
import { existsSync } from 'node:fs';
import { benchImap } from './imap.js';
import { benchSmtp } from './smtp.js';

const usage = `usage: npm run bench -- smtp [--quick] [--json FILE] [--rounds N] [--sizes 1k,100k,10m] [--connections 1,10,100]
                              [--same] [--pipelining] [--malicious SHARE]
       npm run bench -- imap [--quick] [--json FILE] [--rounds N] [--messages N] [--sizes 1400,5500,102000] [--idle N]
       npm run bench -- inspect [ARGUMENTS]
`;

interface InspectBench {
  benchInspect(parameters: readonly string[]): Promise<void>;
}

async function benchInspect(parameters: readonly string[]): Promise<void> {
  const file = new URL('./inspect.js', import.meta.url);
  if (!existsSync(file)) throw new Error('there is no measurement of inspection in this build');
  const module = (await import(file.href)) as InspectBench;
  await module.benchInspect(parameters);
}

const [name, ...parameters] = process.argv.slice(2);
if (name === 'smtp') await benchSmtp(parameters);
else if (name === 'imap') await benchImap(parameters);
else if (name === 'inspect') await benchInspect(parameters);
else {
  process.stderr.write(usage);
  process.exitCode = 2;
}
