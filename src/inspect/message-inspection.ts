/**
 * One message under inspection: the framer's leaves are examined at once when they are small and in memory, else in
 * worker threads, and the findings become the report. It decides what counts as an attachment, and nothing else.
 */
import { Framer, type FramerHandler, type Leaf } from '../mime/framer.js';
import type { Field } from '../mime/header.js';
import { isDoubtful } from '../mime/problem.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import type { ViewFindings } from './container/views.js';
import { examine } from './examine.js';
import type { Inspection, MessageHeader } from './inspection.js';
import type { KnownTypes } from './known-types.js';
import { MessageFacts } from './message-facts.js';
import { messageReport, type Part } from './message-report.js';
import type { OpenedFiles } from './opened-files.js';
import { rawMessageLeaf, taskOf } from './part-task.js';
import type { WorkerResult, WorkerTask } from './part-worker.js';
import { holdsNothing, looksRandom } from './random-octets.js';
import type { InspectionReport } from './report.js';
import { SmallFile } from './small-file.js';
import type { Submission, WorkerQueue } from './worker-queue.js';

/** What all inspections of a process share, and what this one is asked for. */
export interface InspectionTools {
  readonly queue: WorkerQueue;
  readonly types: KnownTypes;
  readonly files: OpenedFiles;
  /** digests also of text bodies that are no attachments */
  readonly textBodies: boolean;
  /** SHA-1 and MD5 as well */
  readonly shortDigests: boolean;
}

const empty: Buffer = Buffer.alloc(0);
/** of the thread: a part is looked at in one go */
const small = new SmallFile();

export class MessageInspection implements Inspection, FramerHandler {
  readonly #spool: Spool;
  readonly #tools: InspectionTools;
  readonly #framer: Framer;
  readonly #parts: Part[] = [];
  /** small attachments, sent to a worker together */
  #batch: Part[] = [];
  #batchBytes = 0;
  readonly #submissions = new Set<Submission>();
  #views: ViewFindings | undefined;
  #viewsAsked = false;
  #pending = 0;
  #failure: GateError | undefined;
  #aborted = false;
  #wake: (() => void) | undefined;
  #raw: Buffer = empty;
  header: MessageHeader = { fields: [], end: 0 };
  #fields: readonly Field[] = [];

  constructor(spool: Spool, tools: InspectionTools) {
    this.#spool = spool;
    this.#tools = tools;
    this.#framer = new Framer(this);
  }

  write(chunk: Buffer): void {
    this.#framer.write(chunk);
  }

  // FramerHandler: the message header is complete
  onHeader(raw: Buffer, fields: readonly Field[], end: number): void {
    this.#raw = raw;
    this.#fields = fields;
    this.header = { fields, end };
  }

  // FramerHandler: a leaf has ended
  onLeaf(leaf: Leaf): void {
    const task = this.#taskOf(leaf);
    const part: Part = { leaf, task, findings: undefined };
    this.#parts.push(part);
    const bytes = leaf.end - leaf.start;
    const memory = this.#spool.memory;
    if (memory === undefined && bytes <= limits.inspect.inlineBytes) this.#addToBatch(part);
    else if (memory === undefined || bytes > limits.inspect.inlineBytes) this.#submit([part]);
    else this.#examineHere(part, memory.subarray(leaf.start, leaf.end));
  }

  /** Small and in memory: a trip to a worker would cost more than the work, but for a file that has to be opened. */
  #examineHere(part: Part, body: Buffer): void {
    small.begin(body.length);
    const findings = examine(part.task, [body], this.#sniff, small);
    if (findings.attachment && findings.sha256 === '') {
      // A text that turned out to carry a file is read again for its digests.
      part.task = { ...part.task, attachment: true };
      this.#examineHere(part, body);
      return;
    }
    part.findings = findings.toOpen ? this.#tools.files.find(part.task, findings) : findings;
    if (part.findings !== undefined) return;
    const { names, type: declaredType, charset } = part.task;
    const { detectedType } = findings;
    const random = detectedType === undefined && looksRandom(small.content);
    if (random && holdsNothing({ content: small.content, names, declaredType, detectedType, charset })) {
      part.findings = { ...findings, toOpen: false };
    } else this.#addToBatch(part);
  }

  readonly #sniff = (head: Buffer, sha256: string): string | undefined => this.#tools.types.find(head, sha256)?.type;

  #taskOf(leaf: Leaf) {
    return taskOf(leaf, this.#tools.textBodies, this.#tools.shortDigests);
  }

  #addToBatch(part: Part): void {
    this.#batch.push(part);
    this.#batchBytes += part.leaf.end - part.leaf.start;
    if (this.#batch.length >= limits.inspect.batchParts || this.#batchBytes >= limits.inspect.batchBytes) {
      this.#submitBatch();
    }
  }

  #submitBatch(): void {
    if (this.#batch.length === 0) return;
    const parts = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#submit(parts);
  }

  #submit(parts: readonly Part[]): void {
    const spool = this.#spool;
    const tasks = parts.map((part) => part.task);
    this.#supervise(async () => {
      const flushed = spool.flush(parts.reduce((end, part) => Math.max(end, part.leaf.end), 0));
      if (flushed !== undefined) await flushed;
      if (this.#failure !== undefined || this.#aborted) return;
      const result = await this.#run(() => ({ kind: 'parts', source: spool.source(), parts: tasks }));
      if (result.kind !== 'parts') return;
      for (const [index, part] of parts.entries()) {
        part.findings = result.findings[index];
        if (part.findings?.attachment === true) this.#tools.files.remember(part.task, part.findings);
      }
    });
  }

  /** Counts work that the report waits for; its failure is the inspection's. */
  #supervise(work: () => Promise<void>): void {
    if (this.#failure !== undefined || this.#aborted) return;
    this.#pending += 1;
    work()
      .catch((error: unknown) => {
        const crashed = () => new GateError('inspection-crashed', 'inspection failed', { cause: error });
        this.#fail(error instanceof GateError ? error : crashed());
      })
      .finally(() => {
        this.#pending -= 1;
        if (this.#pending === 0) this.#wake?.();
      });
  }

  async #run(task: () => WorkerTask): Promise<WorkerResult> {
    const submission = this.#tools.queue.submit(this.#spool, task);
    this.#submissions.add(submission);
    try {
      return await submission.result;
    } finally {
      this.#submissions.delete(submission);
    }
  }

  #fail(error: GateError): void {
    this.#failure ??= error;
    for (const submission of this.#submissions) submission.cancel();
    // What still runs for this message cannot change its answer.
    this.#wake?.();
  }

  finish(): InspectionReport | Promise<InspectionReport> {
    const bytes = this.#framer.finish();
    if (this.#isDoubtful()) this.#readOtherwise(bytes);
    this.#submitBatch();
    const failure = this.#failure ?? this.#spool.failure;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#pending === 0) return this.#report(bytes);
    return this.#whenExamined(bytes);
  }

  async #whenExamined(bytes: number): Promise<InspectionReport> {
    await this.#examined();
    if (!this.#viewsAsked && this.#isDoubtful()) {
      this.#readOtherwise(bytes);
      await this.#examined();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#report(bytes);
  }

  #examined(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#pending === 0 || this.#failure !== undefined) resolve();
      else this.#wake = resolve;
    });
  }

  /** Whether another reading of what was found so far is plausible. */
  #isDoubtful(): boolean {
    // Nearly all mail ends here.
    if (this.#framer.problems.length === 0 && this.#parts.every(hasNoProblem)) return false;
    const codes = this.#framer.problems.map(({ code }) => code);
    return isDoubtful([...codes, ...this.#parts.flatMap(({ findings }) => findings?.problems ?? [])]);
  }

  /**
   * Our reading may miss a part that some reader finds: all plausible readings are taken, and the message itself is
   * examined as one more file, so that a scanner that parses mail adds its own.
   */
  #readOtherwise(bytes: number): void {
    this.#viewsAsked = true;
    const leaf = rawMessageLeaf(bytes);
    const part: Part = { leaf, task: this.#taskOf(leaf), findings: undefined };
    this.#parts.push(part);
    this.#submit([part]);
    const spool = this.#spool;
    this.#supervise(async () => {
      const flushed = spool.flush(bytes);
      if (flushed !== undefined) await flushed;
      if (this.#failure !== undefined || this.#aborted) return;
      const { shortDigests } = this.#tools;
      const result = await this.#run(() => ({ kind: 'views', source: spool.source(), shortDigests }));
      if (result.kind === 'views') this.#views = result.views;
    });
  }

  abort(): void {
    this.#aborted = true;
    this.#batch = [];
    this.#fail(new GateError('aborted', 'inspection was given up'));
  }

  #report(bytes: number): InspectionReport {
    const inspected = { bytes, problems: this.#framer.problems, parts: this.#parts, views: this.#views };
    return messageReport(inspected, (doubtful) => new MessageFacts(this.#raw, this.#fields, doubtful));
  }
}

function hasNoProblem({ findings }: Part): boolean {
  return findings === undefined || findings.problems.length === 0;
}
