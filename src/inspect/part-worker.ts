/** A worker thread's side of inspection: reads ranges of the spool, examines and opens them, and sends back plain facts. */
import { createHash } from 'node:crypto';
import { decodedBytesMax } from '../mime/base64.js';
import { limits } from '../runtime/limits.js';
import { type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { openers } from './container/openers.js';
import { anyOpener, type Opened, type OpeningTools, openFile, type Wanted } from './container/opening.js';
import { openViews, type ViewFindings } from './container/views.js';
import { DecodedFile } from './decoded-file.js';
import { examine, type Keeping, type PartFindings, type PartTask, type Sniffer } from './examine.js';
import { OpenedFiles } from './opened-files.js';
import { isQuiet } from './quiet-types.js';
import { loadSniffer } from './sniffer.js';

export type WorkerTask =
  | { readonly kind: 'parts'; readonly source: SpoolSource; readonly parts: readonly PartTask[] }
  | { readonly kind: 'views'; readonly source: SpoolSource; readonly shortDigests: boolean }
  | { readonly kind: 'extract'; readonly source: SpoolSource; readonly from: Extract }
  | { readonly kind: 'digest'; readonly source: SpoolSource; readonly start: number };

/** A member whose bytes are wanted again: of a part, or of a reading when there is no part. */
export interface Extract {
  readonly part: PartTask | undefined;
  /** relative, as in PartFindings.members */
  readonly path: string;
  readonly bytes: number;
}

export type WorkerResult =
  | { readonly kind: 'parts'; readonly findings: readonly PartFindings[] }
  | { readonly kind: 'views'; readonly views: ViewFindings }
  | { readonly kind: 'extract'; readonly content: Uint8Array }
  | { readonly kind: 'digest'; readonly sha256: string };

const sniffer = loadSniffer();
// A thread takes no task before it has what most tasks need; whether that failed, each of them finds out.
await sniffer.catch(() => undefined);
/** one for the thread, which works on one chunk at a time; a fresh one for each costs more than reading into it */
const readMemory = Buffer.allocUnsafeSlow(limits.spool.readChunkBytes);
const decoded = new DecodedFile();
const keeping: Keeping = { write: (slice) => decoded.write(slice), whole: undefined, opens: true };
/** files that this thread has opened */
const files = new OpenedFiles();

/** openers that say what a file is, and take nothing out of it */
const tellingIds: ReadonlySet<string> = new Set(['executable', 'script', 'lnk']);
/** openers that look at every file, so that their interest says nothing */
const curiousIds: ReadonlySet<string> = new Set(['polyglot', 'text']);
const telling = openers.filter(({ id }) => tellingIds.has(id));
const unpacking = openers.filter(({ id }) => !tellingIds.has(id) && !curiousIds.has(id));

/** What the pool calls: findings for each part, other readings, a member's bytes, or the digest of the whole message. */
export default async function run(task: WorkerTask): Promise<WorkerResult> {
  if (task.kind === 'digest') return { kind: 'digest', sha256: digest(task.source, task.start) };
  const sniff = await sniffer;
  switch (task.kind) {
    case 'views':
      return { kind: 'views', views: await openViews(wholeMessage(task.source), toolsOf(sniff, task.shortDigests)) };
    case 'extract':
      return { kind: 'extract', content: await extract(task.source, task.from, sniff) };
    default: {
      const findings: PartFindings[] = [];
      for (const part of task.parts) findings.push(await examineRange(part, task.source, sniff));
      return { kind: 'parts', findings };
    }
  }
}

function toolsOf(sniff: Sniffer, shortDigests: boolean): OpeningTools {
  return { openers, sniff, shortDigests, now: () => performance.now() };
}

function digest(source: SpoolSource, start: number): string {
  const hash = createHash('sha256');
  for (const chunk of sourceChunks(source, start, source.length, readMemory)) hash.update(chunk);
  return hash.digest('hex');
}

/** All of a message; undefined when it is larger than is read in more than one way. */
function wholeMessage(source: SpoolSource): Buffer | undefined {
  if (source.length > limits.views.messageBytes) return undefined;
  const whole = Buffer.allocUnsafeSlow(source.length);
  let at = 0;
  for (const chunk of sourceChunks(source, 0, source.length, readMemory)) at += chunk.copy(whole, at);
  return whole;
}

async function examineRange(part: PartTask, source: SpoolSource, sniff: Sniffer): Promise<PartFindings> {
  let findings = examineInto(part, source, sniff);
  // A text that turned out to carry a file: rare enough to read it again for its digests.
  if (findings.attachment && findings.sha256 === '') {
    findings = examineInto({ ...part, attachment: true }, source, sniff);
  }
  if (!findings.toOpen || !part.open) return findings;
  const known = files.find(part, findings);
  if (known !== undefined) return known;
  const opened = { ...findings, ...(await openDecoded(part, findings, sniff)), toOpen: false };
  files.remember(part, opened);
  return opened;
}

function examineInto(part: PartTask, source: SpoolSource, sniff: Sniffer): PartFindings {
  const encodedBytes = part.end - part.start;
  decoded.begin(part.encoding === 'base64' ? decodedBytesMax(encodedBytes) : encodedBytes);
  const chunks = sourceChunks(source, part.start, part.end, readMemory);
  return examine(part, chunks, sniff, part.open ? keeping : undefined);
}

async function openDecoded(
  part: PartTask,
  findings: PartFindings,
  sniff: Sniffer,
): Promise<Pick<PartFindings, 'flags' | 'members' | 'memberProblems'>> {
  const { members, flags, problems } = await openContent(part, findings.detectedType, sniff);
  return { members, memberProblems: problems, flags: [...new Set([...findings.flags, ...flags])] };
}

async function openContent(
  part: PartTask,
  detectedType: string | undefined,
  sniff: Sniffer,
  wanted?: Wanted,
): Promise<Opened> {
  const { names, type, charset } = part;
  const about = { names, declaredType: type, detectedType, charset };
  const { content } = decoded;
  if (content !== undefined) return openFile({ ...about, content }, toolsOf(sniff, part.shortDigests), wanted);
  // Of a file that is too large to be held, what it is can be told by its ends, and whether something is in it.
  const ends = { ...about, content: decoded.ends };
  const opened = await openFile(ends, { ...toolsOf(sniff, part.shortDigests), openers: telling }, wanted);
  if (isQuiet(detectedType) || !anyOpener(ends, unpacking)) return opened;
  return { ...opened, problems: [...opened.problems, { code: 'unpack-limit', path: '' }] };
}

async function extract(source: SpoolSource, { part, path, bytes }: Extract, sniff: Sniffer): Promise<Uint8Array> {
  const content = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  const wanted: Wanted = {
    path,
    take: (chunk) => {
      if (at + chunk.length <= bytes) content.set(chunk, at);
      at += chunk.length;
    },
  };
  if (part === undefined) {
    await openViews(wholeMessage(source), toolsOf(sniff, false), wanted);
  } else {
    const { detectedType } = examineInto({ ...part, attachment: true }, source, sniff);
    await openContent(part, detectedType, sniff, wanted);
  }
  if (at !== bytes) throw new Error(`member ${path} has ${at} bytes, not ${bytes}`);
  return content;
}
