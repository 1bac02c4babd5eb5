/**
 * One leaf decoded and looked at: size, digests, type by content, flags. It runs on the main thread for
 * parts of small messages and in worker threads for everything else, and touches nothing but the bytes it is given.
 */
import { createHash, type Hash } from 'node:crypto';
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

function wantedHashes({ attachment, digests, shortDigests }: PartTask): Hash[] {
  if (!attachment && !digests) return [];
  return (shortDigests ? ['sha256', 'sha1', 'md5'] : ['sha256']).map((algorithm) => createHash(algorithm));
}

/**
 * @param chunks the encoded body in order; each may be overwritten when the next one is asked for
 * @param keep takes the decoded bytes, when the file will be opened by the same thread
 */
export function examine(
  task: PartTask,
  chunks: Iterable<Buffer>,
  sniff: Sniffer | undefined,
  keep?: (decoded: Buffer) => void,
): PartFindings {
  const problems = new Set<ProblemCode>();
  const decoder = bodyDecoder(task.encoding, problems, decodeMemory);
  const text =
    task.type === 'text/plain' || task.type === 'text/html' ? new TextScan(task.type, task.charset) : undefined;
  const hashes = wantedHashes(task);
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
    if (keep === undefined && task.attachment && head.length === 0 && isQuiet(signatureType(decoded)))
      probe = new PolyglotProbe();
    probe?.write(decoded);
    keep?.(decoded);
    const missing = headBytes - head.length;
    if (missing > 0) {
      head = Buffer.concat([head, decoded.subarray(0, missing)]);
    }
  };
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += sliceBytes) take(decoder.write(chunk.subarray(at, at + sliceBytes)));
  }
  take(decoder.finish());
  if (text?.embeddedFile === true) problems.add('body-embedded-file');
  if (text?.embeddedPart === true) problems.add('body-embedded-part');
  const flags: PartFlag[] = [];
  const beginning = head.toString('latin1', 0, markBytes);
  if (decoder === identity && looksLikeBase64(beginning)) problems.add('body-looks-encoded');
  if (partFields.test(beginning) && !holdsFields.test(task.type)) problems.add('body-starts-as-header');
  if (task.encrypted) flags.push(partFlags.encrypted);
  if (eicar.found) flags.push(partFlags.eicar);
  if (task.encodingUnknown) flags.push(partFlags.undecodable);
  const doubtful = [...problems].some((code) => problemEffects[code] !== 'note');
  const attachment = task.attachment || text?.found === true || eicar.found || doubtful;
  const [sha256 = '', sha1 = '', md5 = ''] = hashes.map((hash) => hash.digest('hex'));
  const detectedType = attachment && bytes > 0 ? sniff?.(head, sha256) : undefined;
  const toOpen = attachment && bytes > 0 && probe?.suspicious !== false;
  const opened = { toOpen, members: [], memberProblems: [] };
  return { bytes, attachment, sha256, sha1, md5, detectedType, flags, problems: [...problems], ...opened };
}
