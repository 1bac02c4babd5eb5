/** A worker thread's side of inspection: reads ranges of the spool, examines them, and sends back plain facts. */
import { createHash } from 'node:crypto';
import { type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { examine, type PartFindings, type PartTask, type Sniffer } from './examine.js';
import { loadSniffer } from './sniffer.js';

export type WorkerTask =
  | { readonly kind: 'parts'; readonly source: SpoolSource; readonly parts: readonly PartTask[] }
  | { readonly kind: 'digest'; readonly source: SpoolSource };

export type WorkerResult = readonly PartFindings[] | string;

let sniffer: Promise<Sniffer> | undefined;

/** What the pool calls: findings for each part, or the digest of the whole message. */
export default async function run(task: WorkerTask): Promise<WorkerResult> {
  const { source } = task;
  if (task.kind === 'digest') {
    const hash = createHash('sha256');
    for (const chunk of sourceChunks(source, 0, source.length)) hash.update(chunk);
    return hash.digest('hex');
  }
  sniffer ??= loadSniffer();
  const sniff = await sniffer;
  return task.parts.map((part) => examineRange(part, source, sniff));
}

function examineRange(part: PartTask, source: SpoolSource, sniff: Sniffer): PartFindings {
  const findings = examine(part, sourceChunks(source, part.start, part.end), sniff);
  if (findings.attachment === part.attachment || findings.sha256 !== '') return findings;
  // A text that turned out to carry a file: rare enough to read it again for its digests.
  return examine({ ...part, attachment: true }, sourceChunks(source, part.start, part.end), sniff);
}
