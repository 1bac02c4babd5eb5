/** A part worker that misbehaves on demand: the decoded content of the first part says how. */
import { setTimeout as sleep } from 'node:timers/promises';
import { examine, type PartFindings } from '../../src/inspect/examine.js';
import type { WorkerResult, WorkerTask } from '../../src/inspect/part-worker.js';
import { readSource } from '../../src/runtime/spool-source.js';

export default async function run(task: WorkerTask): Promise<WorkerResult> {
  if (task.kind !== 'parts') throw new Error('nothing but parts here');
  const findings: PartFindings[] = [];
  for (const part of task.parts) {
    const body = readSource(task.source, part.start, part.end);
    const order = Buffer.from(body.toString('latin1'), 'base64').toString('latin1');
    await obey(order, task.parts.length > 1 ? 5 : 200);
    findings.push(examine(part, [body], undefined));
  }
  return { kind: 'parts', findings };
}

async function obey(order: string, waitMs: number): Promise<void> {
  if (order === 'throw') throw new Error('as ordered');
  if (order === 'exit') process.exit(3);
  if (order === 'wait') await sleep(waitMs);
  // A hang that no timer inside of the thread could end.
  while (order === 'hang') Math.random();
}
