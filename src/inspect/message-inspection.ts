/**
 * One message under inspection: the framer's leaves are examined at once when they are small and in memory, else in
 * worker threads, and the findings become the report. It decides what counts as an attachment, and nothing else.
 */
import type { EntityFacts } from '../mime/entity.js';
import { Framer, type FramerHandler, type Leaf } from '../mime/framer.js';
import type { Field } from '../mime/header.js';
import { type Problem, type ProblemCode, problemEffects } from '../mime/problem.js';
import { GateError } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import { examine, type PartFindings, type PartTask } from './examine.js';
import type { Inspection, MessageHeader } from './inspection.js';
import type { KnownTypes } from './known-types.js';
import { MessageFacts } from './message-facts.js';
import type { UntypedFile, WorkerResult, WorkerTask } from './part-worker.js';
import type { InspectionReport, PartFacts } from './report.js';
import type { Submission, WorkerQueue } from './worker-queue.js';

interface Part {
  readonly leaf: Leaf;
  task: PartTask;
  findings: PartFindings | undefined;
}

/** no part has this number in RFC 9051 §6.4.5 */
export const rawMessagePath = '0';
const rawMessageFacts: EntityFacts = {
  type: 'message/rfc822',
  boundary: undefined,
  encoding: 'binary',
  encodingUnknown: false,
  disposition: undefined,
  names: [],
  charset: undefined,
  smimeType: undefined,
};
const plainBodies = new Set(['text/plain', 'text/html']);

/** What all inspections of a process share, and what this one is asked for. */
export interface InspectionTools {
  readonly queue: WorkerQueue;
  readonly types: KnownTypes;
  /** digests also of text bodies that are no attachments */
  readonly textBodies: boolean;
  /** SHA-1 and MD5 as well */
  readonly shortDigests: boolean;
}

export class MessageInspection implements Inspection, FramerHandler {
  readonly #spool: Spool;
  readonly #tools: InspectionTools;
  readonly #framer: Framer;
  readonly #parts: Part[] = [];
  /** small attachments, sent to a worker together */
  #batch: Part[] = [];
  #batchBytes = 0;
  readonly #submissions = new Set<Submission>();
  /** files whose type only libmagic can tell */
  readonly #untyped: { readonly part: Part; readonly file: UntypedFile }[] = [];
  #rawAdded = false;
  #pending = 0;
  #failure: GateError | undefined;
  #aborted = false;
  #wake: (() => void) | undefined;
  #raw: Buffer = Buffer.alloc(0);
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
    const task = taskOf(leaf, this.#tools);
    const part: Part = { leaf, task, findings: undefined };
    this.#parts.push(part);
    const bytes = leaf.end - leaf.start;
    const memory = this.#spool.memory;
    if (memory === undefined && bytes <= limits.inspect.inlineBytes) this.#addToBatch(part);
    else if (memory === undefined || bytes > limits.inspect.inlineBytes) this.#submit([part]);
    else this.#examineHere(part, memory.subarray(leaf.start, leaf.end));
  }

  /** Small and in memory: a trip to a worker would cost more than the work, but for a type that is not known yet. */
  #examineHere(part: Part, body: Buffer): void {
    let untyped: UntypedFile | undefined;
    const sniff = (head: Buffer, sha256: string): string | undefined => {
      const known = this.#tools.types.find(head, sha256);
      if (known === undefined) untyped = { head: Buffer.from(head), sha256 };
      return known?.type;
    };
    const findings = examine(part.task, [body], sniff);
    if (findings.attachment && findings.sha256 === '') {
      // A text that turned out to carry a file is read again for its digests.
      part.task = { ...part.task, attachment: true };
      this.#examineHere(part, body);
      return;
    }
    part.findings = findings;
    if (untyped !== undefined) this.#untyped.push({ part, file: untyped });
  }

  /** One trip for all files of the message whose type has to be asked for. */
  #submitUntyped(): void {
    if (this.#untyped.length === 0) return;
    const asked = this.#untyped.splice(0);
    const files = asked.map(({ file }) => file);
    this.#supervise(async () => {
      const result = await this.#run(() => ({ kind: 'types', files }));
      if (result.kind !== 'types') return;
      for (const [index, { part, file }] of asked.entries()) {
        const detectedType = result.types[index];
        this.#tools.types.remember(file.sha256, detectedType);
        if (part.findings !== undefined) part.findings = { ...part.findings, detectedType };
      }
    });
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
      for (const [index, part] of parts.entries()) part.findings = result.findings[index];
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
    if (this.#isDoubtful()) this.#addRawMessage(bytes);
    this.#submitBatch();
    this.#submitUntyped();
    const failure = this.#failure ?? this.#spool.failure;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#pending === 0) return this.#report(bytes);
    return this.#whenExamined(bytes);
  }

  async #whenExamined(bytes: number): Promise<InspectionReport> {
    await this.#examined();
    if (!this.#rawAdded && this.#isDoubtful()) {
      this.#addRawMessage(bytes);
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
    const doubtful = (code: ProblemCode) => problemEffects[code] !== 'note';
    return (
      this.#framer.problems.some(({ code }) => doubtful(code)) ||
      this.#parts.some(({ findings }) => findings?.problems.some(doubtful))
    );
  }

  /**
   * Our reading may miss a part that some reader finds, so the message itself is examined as one more file: a scanner
   * that parses mail then adds its own reading, and nothing in it stays unhashed.
   */
  #addRawMessage(bytes: number): void {
    this.#rawAdded = true;
    const leaf: Leaf = { path: rawMessagePath, facts: rawMessageFacts, start: 0, end: bytes, enclosed: true };
    const part: Part = { leaf, task: taskOf(leaf, this.#tools), findings: undefined };
    this.#parts.push(part);
    this.#submit([part]);
  }

  abort(): void {
    this.#aborted = true;
    this.#batch = [];
    this.#fail(new GateError('aborted', 'inspection was given up'));
  }

  #report(bytes: number): InspectionReport {
    const problems = [...this.#framer.problems];
    for (const { leaf, findings } of this.#parts) {
      for (const code of findings?.problems ?? []) addProblem(problems, { code, part: leaf.path });
    }
    const parts = this.#parts.map(partFacts);
    const doubtful = problems.some(({ code, part }) => part === '' && problemEffects[code] === 'ambiguous');
    const facts = new MessageFacts(this.#raw, this.#fields, doubtful);
    const ambiguous = problems.some(({ code }) => problemEffects[code] === 'ambiguous');
    const unscannable = problems.some(({ code }) => problemEffects[code] === 'unscannable');
    return {
      bytes,
      ambiguous,
      unscannable,
      problems,
      // Own getters: JSON and structured clone read them like plain values, and nobody else pays for them.
      get addresses() {
        return facts.addresses;
      },
      get subject() {
        return facts.text('subject');
      },
      get messageId() {
        return facts.text('message-id');
      },
      get from() {
        return facts.text('from');
      },
      get date() {
        return facts.text('date');
      },
      parts,
      hasAttachment: parts.some((part) => part.attachment),
    };
  }
}

function addProblem(problems: Problem[], problem: Problem): void {
  if (problems.length < limits.mime.problemsMax) problems.push(problem);
  else if (problems.length === limits.mime.problemsMax) problems.push({ code: 'problems-too-many', part: '' });
}

/** Every leaf but a plain inline text body; one inside a named or attached message counts as that file's content. */
function isAttachment({ facts, enclosed }: Leaf): boolean {
  if (enclosed || facts.names.length > 0 || facts.encodingUnknown) return true;
  if (!plainBodies.has(facts.type)) return true;
  return facts.disposition !== undefined && facts.disposition !== 'inline';
}

function isEncrypted(facts: EntityFacts): boolean {
  const pkcs7 = facts.type === 'application/pkcs7-mime' || facts.type === 'application/x-pkcs7-mime';
  return pkcs7 && (facts.smimeType === 'enveloped-data' || facts.smimeType === 'authenveloped-data');
}

function taskOf(leaf: Leaf, { textBodies, shortDigests }: InspectionTools): PartTask {
  const { facts, start, end } = leaf;
  return {
    start,
    end,
    encoding: facts.encoding,
    encodingUnknown: facts.encodingUnknown,
    encrypted: isEncrypted(facts),
    type: facts.type,
    charset: facts.charset,
    attachment: isAttachment(leaf),
    digests: textBodies,
    shortDigests,
  };
}

function partFacts({ leaf, findings }: Part): PartFacts {
  return {
    path: leaf.path,
    names: leaf.facts.names,
    declaredType: leaf.facts.type,
    detectedType: findings?.detectedType,
    encoding: leaf.facts.encoding,
    view: '',
    disposition: leaf.facts.disposition,
    attachment: findings?.attachment ?? true,
    bytes: findings?.bytes ?? 0,
    sha256: findings?.sha256 ?? '',
    sha1: findings?.sha1 ?? '',
    md5: findings?.md5 ?? '',
    range: { start: leaf.start, end: leaf.end },
    flags: findings?.flags ?? [],
    members: [],
  };
}
