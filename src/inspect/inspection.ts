/**
 * The contract of inspection: bytes of one message go in as they arrive, a report of facts comes out. It does not know
 * whether a fact is bad, who sent the message, or what becomes of it.
 */
import { createHash } from 'node:crypto';
import type { ProblemCode } from '../mime/problem.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import { bodyDecoder } from './examine.js';
import { type FileClaims, type FileReport, inspectFile } from './file-inspection.js';
import { KnownTypes } from './known-types.js';
import { originOf } from './member-origin.js';
import { MessageInspection } from './message-inspection.js';
import { OpenedFiles } from './opened-files.js';
import type { Extract } from './part-worker.js';
import type { InspectionReport, PartFacts } from './report.js';
import { WorkerQueue } from './worker-queue.js';

/** One header field of the message, as byte offsets in the raw message. */
export interface FieldRange {
  /** as written, without the colon */
  readonly name: string;
  readonly start: number;
  /** behind the CRLF that ends the field */
  readonly end: number;
}

/** One message on its way through the gate. */
export interface Inspection {
  /** The next bytes, right after they were appended to the spool. Never throws; the chunk is not kept. */
  write(chunk: Buffer): void;
  /**
   * Ends the message. The report comes at once when nothing is outstanding (mail without attachments), else as a
   * promise, which rejects with GateError `inspection-busy`, `inspection-timeout` or `inspection-crashed`, or with the
   * spool's failure.
   */
  finish(): InspectionReport | Promise<InspectionReport>;
  /** Gives up: queued work is dropped, running work is ignored. Allowed at any time, also twice. */
  abort(): void;
  /** The top header block, for tagging; complete after `finish`. */
  readonly header: MessageHeader;
}

export interface MessageHeader {
  readonly fields: readonly FieldRange[];
  /** offset of the empty line that ends the header block, or of the message's end when there is none */
  readonly end: number;
}

/** Decoded bytes of a part, read again from the spool; the shape that scoring asks for. */
export interface DecodedContent {
  readonly bytes: number;
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What all inspections share: the worker threads and their queue. */
export interface Inspector {
  start(spool: Spool): Inspection;
  /**
   * SHA-256 of the whole message, or of its octets from `start`, in lower-case hex; in a worker when it is large or
   * lies in a file.
   */
  digest(spool: Spool, start?: number): Promise<string>;
  /** A file that no message is around. The spool must be held while it is looked at. */
  file(spool: Spool, claims: FileClaims): Promise<FileReport>;
  /** Starts a thread before the first message needs one, which takes half a second. */
  prepare(): void;
  /** The decoded bytes of a leaf, or of a member of one. The spool must be held (`retain`) while it is read. */
  content(spool: Spool, part: PartFacts): DecodedContent;
  stats(): { readonly queued: number; readonly running: number; readonly lostThreads: number };
  close(): Promise<void>;
}

export interface InspectorOptions {
  readonly threads?: number;
  readonly queueMax?: number;
  readonly partTimeoutMs?: number;
  /**
   * `attachments` (default) leaves the digests of inline text bodies empty, which saves their hashing on the main
   * thread; `all` fills them too, as `sluice scan` prints them.
   */
  readonly digests?: 'attachments' | 'all';
  /** asked for each message: whether anybody wants SHA-1 and MD5 too. Default: yes */
  readonly shortDigests?: () => boolean;
  /** for tests only: a module with the same exports as part-worker.js, to see what a crash or a hang does */
  readonly workerFile?: URL;
}

/** The inspector of a process. Its threads start with the first part that needs one, or when `prepare` says so. */
export function createInspector(options: InspectorOptions = {}): Inspector {
  const queue = new WorkerQueue({
    threads: options.threads ?? limits.inspect.threads,
    queueMax: options.queueMax ?? limits.inspect.queueMax,
    taskTimeoutMs: options.partTimeoutMs ?? limits.inspect.partTimeoutMs,
    workerFile: options.workerFile ?? new URL('./part-worker.js', import.meta.url),
  });
  const textBodies = options.digests === 'all';
  const short = options.shortDigests ?? (() => true);
  const types = new KnownTypes();
  const files = new OpenedFiles();
  return {
    start: (spool) => new MessageInspection(spool, { queue, types, files, textBodies, shortDigests: short() }),
    digest: (spool, start = 0) => digestMessage(spool, start, queue),
    file: (spool, claims) => inspectFile(spool, claims, { queue, shortDigests: short() }),
    prepare: () => queue.prepare(),
    content: (spool, part) => contentOf(spool, part, queue),
    stats: () => ({ queued: queue.queued, running: queue.running, lostThreads: queue.lostThreads }),
    close: () => queue.close(),
  };
}

async function digestMessage(spool: Spool, start: number, queue: WorkerQueue): Promise<string> {
  const { memory, length } = spool;
  if (memory !== undefined && length <= limits.inspect.inlineBytes) {
    return createHash('sha256').update(memory.subarray(start)).digest('hex');
  }
  await spool.flush(length);
  const result = await queue.submit(spool, () => ({ kind: 'digest', source: spool.source(), start })).result;
  if (result.kind !== 'digest') throw new GateError('inspection-crashed', 'digest: wrong kind of result');
  return result.sha256;
}

function contentOf(spool: Spool, part: PartFacts, queue: WorkerQueue): DecodedContent {
  const origin = originOf(part);
  if (origin !== undefined) return { bytes: part.bytes, read: (signal) => readMember(spool, origin, queue, signal) };
  return {
    bytes: part.bytes,
    async *read(signal) {
      if (part.range === undefined) throw new GateError('not-found', `part ${part.path} is not in the raw message`);
      const decoder = bodyDecoder(part.encoding, new Set<ProblemCode>());
      const { start, end } = part.range;
      await spool.flush(end);
      for (let at = start; at < end; ) {
        signal.throwIfAborted();
        const chunk = await spool.readChunk(at, Math.min(end, at + limits.spool.readChunkBytes));
        at += chunk.length;
        const decoded = decoder.write(chunk);
        // An undecoded chunk may be a view of shared memory, which sockets and fetch refuse.
        if (decoded.length > 0) yield decoded === chunk ? Buffer.from(chunk) : decoded;
      }
      const rest = decoder.finish();
      if (rest.length > 0) yield rest;
    },
  };
}

/** Opens the leaf once more; a member may have come out of several files, each inside of the other. */
async function* readMember(spool: Spool, from: Extract, queue: WorkerQueue, signal: AbortSignal) {
  await spool.flush(spool.length);
  signal.throwIfAborted();
  const result = await queue.submit(spool, () => ({ kind: 'extract', source: spool.source(), from })).result;
  if (result.kind !== 'extract') throw new GateError('inspection-crashed', 'extract: wrong kind of result');
  yield result.content;
}
