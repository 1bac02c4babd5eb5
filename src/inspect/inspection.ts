/**
 * The contract of inspection: bytes of one message go in as they arrive, a report of facts comes out. It does not know
 * whether a fact is bad, who sent the message, or what becomes of it.
 */
import type { Spool } from '../runtime/spool.js';
import type { InspectionReport, PartFacts } from './report.js';

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
  /** SHA-256 of the whole message in lower-case hex; in a worker when it is large or lies in a file. */
  digest(spool: Spool): Promise<string>;
  /** The decoded bytes of a leaf. The spool must be held (`retain`) while it is read. */
  content(spool: Spool, part: PartFacts): DecodedContent;
  stats(): { readonly queued: number; readonly running: number };
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
  /** for tests only: a module with the same exports as part-worker.js, to see what a crash or a hang does */
  readonly workerFile?: URL;
}
