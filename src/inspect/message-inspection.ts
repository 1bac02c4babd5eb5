/**
 * One message under inspection: the framer's leaves are examined at once when they are small texts, else in worker
 * threads, and the findings become the report. It decides what counts as an attachment, and nothing else.
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
import { MessageFacts } from './message-facts.js';
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
  typeDeclared: false,
};
const plainBodies = new Set(['text/plain', 'text/html']);

export class MessageInspection implements Inspection, FramerHandler {
  readonly #spool: Spool;
  readonly #queue: WorkerQueue;
  readonly #digests: boolean;
  readonly #framer: Framer;
  readonly #parts: Part[] = [];
  /** small attachments, sent to a worker together */
  #batch: Part[] = [];
  #batchBytes = 0;
  readonly #submissions = new Set<Submission>();
  #rawAdded = false;
  #pending = 0;
  #failure: GateError | undefined;
  #aborted = false;
  #wake: (() => void) | undefined;
  #raw: Buffer = Buffer.alloc(0);
  header: MessageHeader = { fields: [], end: 0 };
  #fields: readonly Field[] = [];

  /** @param digests also of text bodies that are no attachments */
  constructor(spool: Spool, queue: WorkerQueue, digests: boolean) {
    this.#spool = spool;
    this.#queue = queue;
    this.#digests = digests;
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
    const task = taskOf(leaf, this.#digests);
    const part: Part = { leaf, task, findings: undefined };
    this.#parts.push(part);
    const bytes = leaf.end - leaf.start;
    const memory = this.#spool.memory;
    if (bytes > limits.inspect.inlineBytes) {
      this.#submit([part]);
    } else if (task.attachment || memory === undefined) {
      this.#addToBatch(part);
    } else {
      const findings = examine(task, [memory.subarray(leaf.start, leaf.end)], undefined);
      part.findings = findings;
      // A text that turned out to carry a file is examined again where files are.
      if (findings.attachment) {
        part.task = { ...task, attachment: true };
        this.#addToBatch(part);
      }
    }
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
    if (this.#failure !== undefined || this.#aborted) return;
    this.#pending += 1;
    void this.#examineInWorker(parts)
      .catch((error: unknown) => {
        this.#fail(
          error instanceof GateError
            ? error
            : new GateError('inspection-crashed', 'inspection failed', { cause: error }),
        );
      })
      .finally(() => {
        this.#pending -= 1;
        if (this.#pending === 0) this.#wake?.();
      });
  }

  async #examineInWorker(parts: readonly Part[]): Promise<void> {
    const flushed = this.#spool.flush(parts.reduce((end, part) => Math.max(end, part.leaf.end), 0));
    if (flushed !== undefined) await flushed;
    if (this.#failure !== undefined || this.#aborted) return;
    const tasks = parts.map((part) => part.task);
    const spool = this.#spool;
    const submission = this.#queue.submit(spool, () => ({ kind: 'parts', source: spool.source(), parts: tasks }));
    this.#submissions.add(submission);
    try {
      const findings = await submission.result;
      if (typeof findings === 'string') return;
      for (const [index, part] of parts.entries()) part.findings = findings[index];
    } finally {
      this.#submissions.delete(submission);
    }
  }

  #fail(error: GateError): void {
    this.#failure ??= error;
    for (const submission of this.#submissions) submission.cancel();
  }

  finish(): InspectionReport | Promise<InspectionReport> {
    const bytes = this.#framer.finish();
    if (this.#isDoubtful()) this.#addRawMessage(bytes);
    this.#submitBatch();
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
      if (this.#pending === 0) resolve();
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
    const part: Part = { leaf, task: taskOf(leaf, this.#digests), findings: undefined };
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

function taskOf(leaf: Leaf, digests: boolean): PartTask {
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
    digests,
  };
}

function partFacts({ leaf, findings }: Part): PartFacts {
  return {
    path: leaf.path,
    names: leaf.facts.names,
    declaredType: leaf.facts.type,
    detectedType: findings?.detectedType,
    encoding: leaf.facts.encoding,
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
