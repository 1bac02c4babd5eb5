/** A worker thread's side of inspection: reads ranges of the spool, examines them, and sends back plain facts. */
import { createHash } from 'node:crypto';
import { limits } from '../runtime/limits.js';
import { type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { examine, type PartFindings, type PartTask, type Sniffer } from './examine.js';
import { loadSniffer } from './sniffer.js';

export type WorkerTask =
  | { readonly kind: 'parts'; readonly source: SpoolSource; readonly parts: readonly PartTask[] }
  | { readonly kind: 'types'; readonly files: readonly UntypedFile[] }
  | { readonly kind: 'digest'; readonly source: SpoolSource };

/** A file that was examined elsewhere, but for its type. */
export interface UntypedFile {
  /** its first `limits.inspect.sniffBytes` */
  readonly head: Uint8Array;
  readonly sha256: string;
}

export type WorkerResult =
  | { readonly kind: 'parts'; readonly findings: readonly PartFindings[] }
  | { readonly kind: 'types'; readonly types: readonly (string | undefined)[] }
  | { readonly kind: 'digest'; readonly sha256: string };

let sniffer: Promise<Sniffer> | undefined;
/** one for the thread, which works on one chunk at a time; a fresh one for each costs more than reading into it */
const readMemory = Buffer.allocUnsafeSlow(limits.spool.readChunkBytes);

/** What the pool calls: findings for each part, types of files, or the digest of the whole message. */
export default async function run(task: WorkerTask): Promise<WorkerResult> {
  if (task.kind === 'digest') return { kind: 'digest', sha256: digest(task.source) };
  sniffer ??= loadSniffer();
  const sniff = await sniffer;
  if (task.kind === 'types') {
    return { kind: 'types', types: task.files.map(({ head, sha256 }) => sniff(bufferOf(head), sha256)) };
  }
  return { kind: 'parts', findings: task.parts.map((part) => examineRange(part, task.source, sniff)) };
}

function digest(source: SpoolSource): string {
  const hash = createHash('sha256');
  for (const chunk of sourceChunks(source, 0, source.length, readMemory)) hash.update(chunk);
  return hash.digest('hex');
}

/** A Buffer arrives on this side as a plain Uint8Array. */
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function examineRange(part: PartTask, source: SpoolSource, sniff: Sniffer): PartFindings {
  const findings = examine(part, sourceChunks(source, part.start, part.end, readMemory), sniff);
  if (findings.attachment === part.attachment || findings.sha256 !== '') return findings;
  // A text that turned out to carry a file: rare enough to read it again for its digests.
  return examine({ ...part, attachment: true }, sourceChunks(source, part.start, part.end, readMemory), sniff);
}
