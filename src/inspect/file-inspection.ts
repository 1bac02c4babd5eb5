/** One file by itself, without a message around it: examined and opened in a worker, as an attachment would be. */

import type { Leaf } from '../mime/framer.js';
import { type Problem, problemEffects } from '../mime/problem.js';
import { GateError } from '../runtime/errors.js';
import type { Spool } from '../runtime/spool.js';
import { partFacts } from './message-report.js';
import { taskOf } from './part-task.js';
import type { PartFacts } from './report.js';
import type { WorkerQueue } from './worker-queue.js';

export interface FileReport {
  /** the file, with what is in it as its members */
  readonly part: PartFacts;
  readonly problems: readonly Problem[];
  /** not all of it could be looked at */
  readonly unscannable: boolean;
}

/** What is said of a file; it counts as little as what a message says of its attachments. */
export interface FileClaims {
  readonly names: readonly string[];
  /** lower case `type/subtype` */
  readonly declaredType: string;
}

/** @param spool holds the file and nothing else. Rejects with GateError as `Inspection.finish` does. */
export async function inspectFile(
  spool: Spool,
  { names, declaredType }: FileClaims,
  tools: { readonly queue: WorkerQueue; readonly shortDigests: boolean },
): Promise<FileReport> {
  const leaf: Leaf = {
    path: '1',
    facts: {
      type: declaredType,
      boundary: undefined,
      encoding: 'binary',
      encodingUnknown: false,
      disposition: 'attachment',
      names: [...names],
      charset: undefined,
      smimeType: undefined,
    },
    start: 0,
    end: spool.length,
    enclosed: true,
  };
  const task = taskOf(leaf, true, tools.shortDigests);
  await spool.flush(spool.length);
  const result = await tools.queue.submit(spool, () => ({ kind: 'parts', source: spool.source(), parts: [task] }))
    .result;
  const findings = result.kind === 'parts' ? result.findings[0] : undefined;
  if (findings === undefined) throw new GateError('inspection-crashed', 'file: wrong kind of result');
  const problems: Problem[] = [
    ...findings.problems.map((code) => ({ code, part: leaf.path })),
    ...findings.memberProblems.map(({ code, path }) => ({ code, part: leaf.path + path })),
  ];
  return {
    part: partFacts({ leaf, task, findings }),
    problems,
    unscannable: problems.some(({ code }) => problemEffects[code] === 'unscannable'),
  };
}
