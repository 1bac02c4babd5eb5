/** Lives a message's life and ends itself by SIGKILL after so many steps. */
import { writeSync } from 'node:fs';
import { liveOn } from './lifecycle-run.js';

const [, , dataDirectory = '', port = '', script = '', steps = ''] = process.argv;
const now = Date.UTC(2026, 2, 1);
let left = Number(steps);
const step = () => {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
};
await liveOn({ dataDirectory, port: Number(port), script, step, now });
writeSync(1, 'done\n');
