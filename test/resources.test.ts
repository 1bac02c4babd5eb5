/** Mail that is made to cost too much is read, or given up on, in bounded time and memory. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { costlyMails } from './support/resource-mail.js';

const child = fileURLToPath(new URL('support/resource-child.js', import.meta.url));
/** ms on the processor, all threads together: what the bounds of the readings and of the openers add up to, and slack */
const inspectionMsMax = 30_000;
/** of the whole process, whose libraries alone take 150; a message of 31 MB is held as a whole to be read in all ways */
const peakMibMax = 640;
const killMs = 60_000;
const timeout = 580_000;
t.setTimeout(timeout);

interface Outcome {
  readonly ms: number;
  readonly peakMib: number;
  readonly unscannable: boolean;
}

/** Undefined when it had to be killed. */
function inspectAlone(id: string, mode = 'pieces'): Promise<Outcome | undefined> {
  const process_ = spawn(process.execPath, [child, id, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => process_.kill('SIGKILL'), killMs);
  let output = '';
  process_.stdout.on('data', (piece: Buffer) => {
    output += piece.toString('utf8');
  });
  return new Promise((resolve) => {
    process_.once('close', () => {
      clearTimeout(timer);
      // The child prints one object of this shape, and nothing when it was killed.
      resolve(output === '' ? undefined : (JSON.parse(output) as Outcome));
    });
  });
}

t.test('each costly mail ends in time and in little memory', { timeout }, async (t) => {
  t.ok(costlyMails.length > 40);
  for (const { id } of costlyMails) {
    const outcome = await inspectAlone(id);
    t.ok(outcome !== undefined && outcome.ms < inspectionMsMax, `${id}: ${outcome?.ms ?? 'more than a minute of'} ms`);
    t.ok(outcome !== undefined && outcome.peakMib < peakMibMax, `${id}: ${outcome?.peakMib ?? 'too many'} MiB`);
  }
});

t.test('one octet at a time costs no more than its number', { timeout }, async (t) => {
  for (const id of ['parts-base64-9000', 'comments-nested', 'levels-closed-1000']) {
    const outcome = await inspectAlone(id, 'octets');
    t.ok(outcome !== undefined && outcome.ms < inspectionMsMax, `${id}: ${outcome?.ms ?? 'more than a minute of'} ms`);
  }
});
