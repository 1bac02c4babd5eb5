/**
 * One leaf decoded and looked at: size, digests, type by content, flags. It runs on the main thread for
 * parts of small messages and in worker threads for everything else, and touches nothing but the bytes it is given.
 */
import { createHash, type Hash, hash as hashOf } from 'node:crypto';
import { Base64Decoder, decodedBytesMax } from '../mime/base64.js';
import type { TransferEncoding } from '../mime/entity.js';
import { type ProblemCode, problemEffects } from '../mime/problem.js';
import { QuotedPrintableDecoder } from '../mime/quoted-printable.js';
import { limits } from '../runtime/limits.js';
import type { OpenProblem } from './container/opening.js';
import { EicarTest } from './eicar.js';
import { signatureType } from './file-signature.js';
import { PolyglotProbe } from './polyglot-probe.js';
import { isQuiet } from './quiet-types.js';
import { type PartFacts, type PartFlag, partFlags } from './report.js';
import { TextScan } from './text-scan.js';

/** What is known of a leaf from its header, as it crosses to a worker. */
export interface PartTask {
  readonly start: number;
  readonly end: number;
  readonly encoding: TransferEncoding;
  readonly encodingUnknown: boolean;
  /** the header says that the content is encrypted */
  readonly encrypted: boolean;
  readonly type: string;
  readonly names: readonly string[];
  readonly charset: string | undefined;
  /** already known to be one; false for a text body that may turn out to be one */
  readonly attachment: boolean;
  /** whether files in it are wanted */
  readonly open: boolean;
  /** wanted even for a text body that is none */
  readonly digests: boolean;
  /** SHA-1 and MD5 too; they cost four times as much as SHA-256 alone */
  readonly shortDigests: boolean;
}

export interface PartFindings {
  readonly bytes: number;
  readonly attachment: boolean;
  /** empty when they were not wanted */
  readonly sha256: string;
  readonly sha1: string;
  readonly md5: string;
  readonly detectedType: string | undefined;
  readonly flags: readonly PartFlag[];
  readonly problems: readonly ProblemCode[];
  /** whether somebody with the whole file at hand must look into it; false once that was done */
  readonly toOpen: boolean;
  /** what opening found, with paths relative to the part: `!1`, `!1!2` */
  readonly members: readonly PartFacts[];
  readonly memberProblems: readonly OpenProblem[];
}

/** Media type of a file by its first bytes; undefined when unknown. The digest of the whole lets it remember. */
export type Sniffer = (head: Buffer, sha256: string) => string | undefined;

interface BodyDecoder {
  write(chunk: Buffer): Buffer;
  finish(): Buffer;
}

const empty: Buffer = Buffer.alloc(0);
/** bytes decoded at a time */
const sliceBytes = 65_536;
/** one for the thread: everything that looks at a slice is done with it before the next */
const decodeMemory = Buffer.allocUnsafeSlow(decodedBytesMax(sliceBytes));
/** enough of a body to see how it begins */
const markBytes = 512;
/** three lines of it, or a head that is nothing else */
const base64Lines = /^(?:[A-Za-z0-9+/]{60,76}\r?\n){3}|^[A-Za-z0-9+/\r\n]{60,}={0,2}\s*$/;
const partFields = /^\s*content-(?:type|transfer-encoding|disposition)[ \t]*:/i;
/** types whose content is a header block by definition: message/rfc822, text/rfc822-headers (RFC 6522 §3) */
const holdsFields = /^(?:message\/|text\/rfc822)/;
const identity: BodyDecoder = { write: (chunk) => chunk, finish: () => empty };

/** The decoder for a transfer encoding; identity for those that need none. */
export function bodyDecoder(encoding: string, problems: Set<ProblemCode>, memory?: Buffer): BodyDecoder {
  switch (encoding) {
    case 'base64':
      return new Base64Decoder(problems, memory);
    case 'quoted-printable':
      return new QuotedPrintableDecoder(problems);
    default:
      return identity;
  }
}

/** Words and numbers alone could be anything; base64 of a file has all kinds of characters. */
function looksLikeBase64(beginning: string): boolean {
  return base64Lines.test(beginning) && /[A-Z]/.test(beginning) && /[a-z]/.test(beginning) && /[0-9]/.test(beginning);
}

const longDigests = ['sha256'] as const;
const allDigests = ['sha256', 'sha1', 'md5'] as const;

function wantedDigests({ attachment, digests, shortDigests }: PartTask): readonly string[] {
  if (!attachment && !digests) return [];
  return shortDigests ? allDigests : longDigests;
}

/** Where the decoded bytes of a file go, for whoever opens it. */
export interface Keeping {
  write(decoded: Buffer): void;
  /** all that was written; undefined where a file may be too large for that */
  readonly whole: (() => Buffer) | undefined;
  /** the same thread opens the file in any case, so that no reason has to be looked for */
  readonly opens: boolean;
}

/**
 * @param chunks the encoded body in order; each may be overwritten when the next one is asked for
 * @param keeping when somebody wants the decoded bytes afterwards
 */
export function examine(
  task: PartTask,
  chunks: Iterable<Buffer>,
  sniff: Sniffer | undefined,
  keeping?: Keeping,
): PartFindings {
  const problems = new Set<ProblemCode>();
  const decoder = bodyDecoder(task.encoding, problems, decodeMemory);
  const text =
    task.type === 'text/plain' || task.type === 'text/html' ? new TextScan(task.type, task.charset) : undefined;
  const wanted = wantedDigests(task);
  // What is kept as a whole has its digests taken in one go, without an object for each.
  const whole = keeping?.whole;
  const hashes: Hash[] = whole === undefined ? wanted.map((algorithm) => createHash(algorithm)) : [];
  const opens = keeping?.opens === true;
  const eicar = new EicarTest();
  let probe: PolyglotProbe | undefined;
  const headBytes = sniff === undefined ? markBytes : limits.inspect.sniffBytes;
  let head = empty;
  let bytes = 0;
  const take = (decoded: Buffer) => {
    if (decoded.length === 0) return;
    bytes += decoded.length;
    for (const hash of hashes) hash.update(decoded);
    text?.write(decoded);
    eicar.write(decoded);
    // Only what might be left unopened has to be looked through here.
    if (!opens && task.attachment && bytes === decoded.length && isQuiet(signatureType(decoded)))
      probe = new PolyglotProbe();
    probe?.write(decoded);
    keeping?.write(decoded);
    const missing = headBytes - head.length;
    if (whole === undefined && missing > 0) {
      const more = decoded.subarray(0, missing);
      head = head.length === 0 ? Buffer.from(more) : Buffer.concat([head, more]);
    }
  };
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += sliceBytes) take(decoder.write(chunk.subarray(at, at + sliceBytes)));
  }
  take(decoder.finish());
  if (whole !== undefined) head = whole().subarray(0, headBytes);
  if (text?.embeddedFile === true) problems.add('body-embedded-file');
  if (text?.embeddedPart === true) problems.add('body-embedded-part');
  const flags: PartFlag[] = [];
  const beginning = head.toString('latin1', 0, markBytes);
  if (decoder === identity && looksLikeBase64(beginning)) problems.add('body-looks-encoded');
  if (partFields.test(beginning) && !holdsFields.test(task.type)) problems.add('body-starts-as-header');
  if (task.encrypted) flags.push(partFlags.encrypted);
  if (eicar.found) flags.push(partFlags.eicar);
  if (task.encodingUnknown) flags.push(partFlags.undecodable);
  const doubtful = problems.size > 0 && [...problems].some((code) => problemEffects[code] !== 'note');
  const attachment = task.attachment || text?.found === true || eicar.found || doubtful;
  const digest = (algorithm: string, at: number): string =>
    whole === undefined ? (hashes[at]?.digest('hex') ?? '') : hashOf(algorithm, whole(), 'hex');
  const [sha256 = '', sha1 = '', md5 = ''] = wanted.map(digest);
  const detectedType = attachment && bytes > 0 ? sniff?.(head, sha256) : undefined;
  const toOpen = attachment && bytes > 0 && probe?.suspicious !== false;
  const opened = { toOpen, members: [], memberProblems: [] };
  return { bytes, attachment, sha256, sha1, md5, detectedType, flags, problems: [...problems], ...opened };
}
