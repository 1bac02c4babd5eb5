/**
 * Opens gzip files: the first of their members (RFC 1952 §2.2) on its own, and all of them joined, as readers differ in
 * which they take. A wrong checksum does not hide what was inflated.
 */
import { limits } from '../../runtime/limits.js';
import { inflate } from './inflate.js';
import type { Opener, OpenOutput } from './opener.js';

const magic = Buffer.from('1f8b', 'hex');
const trailerBytes = 8;
const headerFlags = { crc: 2, extra: 4, name: 8, comment: 16 } as const;

export const gzip: Opener = {
  id: 'gzip',
  matches: ({ content }) => readHeader(content, 0) !== undefined,
  open: ({ content }, out) => openGzip(content, out),
};

interface Header {
  readonly names: readonly string[];
  readonly dataOffset: number;
}

/** The header at `offset`; undefined when there is none, or of another method than deflate. */
function readHeader(content: Buffer, offset: number): Header | undefined {
  if (offset + 18 > content.length || magic.compare(content, offset, offset + 2) !== 0) return undefined;
  const method = content[offset + 2];
  const flags = content[offset + 3] ?? 0;
  if (method !== 8 || flags > 31) return undefined;
  let at = offset + 10;
  if ((flags & headerFlags.extra) !== 0) at += 2 + content.readUInt16LE(at);
  const names: string[] = [];
  for (const text of [headerFlags.name, headerFlags.comment]) {
    if ((flags & text) === 0) continue;
    const end = content.indexOf(0, at);
    if (end < 0) return undefined;
    if (text === headerFlags.name)
      names.push(readName(content.subarray(at, Math.min(end, at + limits.open.nameBytes))));
    at = end + 1;
  }
  if ((flags & headerFlags.crc) !== 0) at += 2;
  return at < content.length ? { names, dataOffset: at } : undefined;
}

/** RFC 1952 §2.3.1 says Latin-1; what is valid UTF-8 was meant as such. */
function readName(raw: Buffer): string {
  const text = raw.toString('utf8');
  return text.includes('\ufffd') ? raw.toString('latin1') : text;
}

async function openGzip(content: Buffer, out: OpenOutput): Promise<void> {
  const first = readHeader(content, 0);
  if (first === undefined) return;
  const writer = out.member({ names: first.names, method: 'gzip' });
  if (writer === undefined) return;
  const next = await takeMember(content, first, writer.write, out);
  await writer.end();
  if (next === undefined || readHeader(content, next) === undefined || out.exhausted) return;
  const joined = out.member({ names: first.names, method: 'gzip' });
  if (joined === undefined) return;
  let at: number | undefined = 0;
  for (let header: Header | undefined = first; header !== undefined; ) {
    at = await takeMember(content, header, joined.write, out);
    header = at === undefined ? undefined : readHeader(content, at);
  }
  await joined.end();
}

/** Where the next member would begin; undefined when nothing more can be read. */
async function takeMember(
  content: Buffer,
  header: Header,
  write: (chunk: Uint8Array) => boolean,
  out: OpenOutput,
): Promise<number | undefined> {
  const result = await inflate(content.subarray(header.dataOffset), 'raw', write);
  if (result.stopped || out.exhausted) return undefined;
  const trailer = header.dataOffset + result.consumed;
  if (!result.complete || trailer + trailerBytes > content.length) {
    out.problem('archive-damaged');
    return undefined;
  }
  const crc = content.readUInt32LE(trailer);
  const size = content.readUInt32LE(trailer + 4);
  if (crc !== result.crc || size !== result.size % 2 ** 32) out.problem('archive-damaged');
  let next = trailer + trailerBytes;
  // Tapes pad with zeros, and gzip skips them.
  while (content[next] === 0) next += 1;
  return next;
}
