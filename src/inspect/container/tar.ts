/**
 * Opens tar archives of all dialects: v7, ustar, GNU, pax. Members are found by walking over headers; a header whose
 * checksum is wrong does not end the walk, as readers differ in how they go on. Nothing is decoded but numbers.
 */
import { limits } from '../../runtime/limits.js';
import { nameIsUnsafe } from './member-name.js';
import type { Opener, OpenOutput } from './opener.js';

const blockBytes = 512;
/** a member's data is handed over in such pieces, so that a bound is noticed between them */
const pieceBytes = 65_536;
/** kinds whose data is no file: links, devices, folders, fifos */
const withoutData = new Set(['1', '2', '3', '4', '5', '6']);

export const tar: Opener = {
  id: 'tar',
  matches: ({ content }) => readHeader(content, 0) !== undefined,
  open: ({ content }, out) => openTar(content, out),
};

interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly kind: string;
}

/** A block that has the checksum of a header; undefined for anything else, an empty block included. */
function readHeader(content: Buffer, offset: number): TarHeader | undefined {
  if (offset + blockBytes > content.length) return undefined;
  const block = content.subarray(offset, offset + blockBytes);
  if (block[0] === 0 && block[156] === 0) return undefined;
  const stored = readNumber(block, 148, 8);
  if (stored === undefined || !checksums(block).includes(stored)) return undefined;
  const size = readNumber(block, 124, 12);
  if (size === undefined) return undefined;
  const isUstar = block.toString('latin1', 257, 262) === 'ustar';
  // GNU has other fields where POSIX has a prefix, and says so by a blank behind the magic.
  const prefix = isUstar && block[262] !== 0x20 ? readText(block, 345, 155) : '';
  const name = readText(block, 0, 100);
  return { name: prefix === '' ? name : `${prefix}/${name}`, size, kind: String.fromCharCode(block[156] ?? 0) };
}

/** The sum of all bytes with blanks for the sum itself: unsigned, and signed as old programs made it. */
function checksums(block: Buffer): number[] {
  let unsigned = 0;
  let negative = 0;
  for (let index = 0; index < blockBytes; index += 1) {
    const byte = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
    unsigned += byte;
    if (byte > 127) negative += 256;
  }
  return [unsigned, unsigned - negative];
}

/** An octal number, or GNU's base 256 for large ones. */
function readNumber(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] ?? 0;
  if (first === 0x80) {
    const high = block.readUIntBE(start + 1, length - 7);
    return high === 0 ? block.readUIntBE(start + length - 6, 6) : undefined;
  }
  const text = readText(block, start, length).trim();
  if (text === '') return start === 148 ? undefined : 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function readText(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  const raw = end < 0 ? field : field.subarray(0, end);
  const text = raw.toString('utf8');
  return text.includes('\ufffd') ? raw.toString('latin1') : text;
}

async function openTar(content: Buffer, out: OpenOutput): Promise<void> {
  let offset = 0;
  let names: string[] = [];
  let paxSize: number | undefined;
  while (offset + blockBytes <= content.length) {
    const header = readHeader(content, offset);
    if (header === undefined) {
      if (!isEmptyBlock(content, offset)) {
        out.problem('archive-damaged');
        out.flag('archive-mismatch');
      }
      // Some readers stop at an empty block, some go on behind it, and some search for the next header.
      offset += blockBytes;
      continue;
    }
    const start = offset + blockBytes;
    if ('LKxgX'.includes(header.kind)) {
      const record = content.subarray(start, Math.min(start + header.size, start + pieceBytes));
      if (header.kind === 'L') names.push(readText(record, 0, record.length));
      else if (header.kind === 'x' || header.kind === 'X') {
        const pax = readPax(record);
        if (pax.path !== undefined) names.push(pax.path);
        paxSize = pax.size ?? paxSize;
      }
      offset = nextBlock(start + header.size);
      continue;
    }
    names.push(header.name);
    const size = withoutData.has(header.kind) ? 0 : (paxSize ?? header.size);
    if (header.kind === 'M') out.flag('multi-volume');
    if (paxSize !== undefined && paxSize !== header.size && header.size !== 0) out.flag('archive-mismatch');
    if (!(await takeMember(content, header, names, start, size, out))) return;
    const behindMap = header.kind === 'S' ? sparseMapBytes(content, offset) : 0;
    offset = nextBlock(start + behindMap + size);
    names = [];
    paxSize = undefined;
  }
  if (offset > content.length) out.problem('archive-damaged');
}

/** False when a bound was reached. */
async function takeMember(
  content: Buffer,
  header: TarHeader,
  names: readonly string[],
  start: number,
  size: number,
  out: OpenOutput,
): Promise<boolean> {
  const known = [...new Set(names)].filter((name) => name !== '');
  if (known.some(nameIsUnsafe)) out.flag('member-name-unsafe');
  const isFolder = header.kind === '5' || (header.name.endsWith('/') && size === 0);
  if (isFolder || withoutData.has(header.kind)) return !out.exhausted;
  // A sparse file is handed over as its pieces: the holes are zeros, and as long as the sender likes.
  const dataStart = start + (header.kind === 'S' ? sparseMapBytes(content, start - blockBytes) : 0);
  const data = content.subarray(dataStart, dataStart + size);
  const writer = out.member({ names: known, method: 'tar' });
  if (writer === undefined) return false;
  let goOn = true;
  for (let at = 0; at < data.length && goOn; at += pieceBytes) goOn = writer.write(data.subarray(at, at + pieceBytes));
  await writer.end();
  return goOn && !out.exhausted;
}

/** GNU's old sparse format has further blocks of its map between header and data. */
function sparseMapBytes(content: Buffer, offset: number): number {
  let more = content[offset + 482] === 1;
  let bytes = 0;
  while (more && offset + blockBytes + bytes < content.length) {
    more = content[offset + blockBytes + bytes + 504] === 1;
    bytes += blockBytes;
  }
  return bytes;
}

interface Pax {
  readonly path: string | undefined;
  readonly size: number | undefined;
}

/** Records of `length key=value`; the last of a key counts. */
function readPax(record: Buffer): Pax {
  const values = new Map<string, string>();
  let at = 0;
  for (let records = 0; records < limits.mime.parametersMax && at < record.length; records += 1) {
    const blank = record.indexOf(0x20, at);
    const length = blank < 0 ? Number.NaN : Number(record.toString('latin1', at, Math.min(blank, at + 12)));
    if (!Number.isInteger(length) || length <= blank - at || at + length > record.length) break;
    const text = record.toString('utf8', blank + 1, at + length - 1);
    const equals = text.indexOf('=');
    if (equals > 0) values.set(text.slice(0, equals), text.slice(equals + 1));
    at += length;
  }
  const size = Number(values.get('size'));
  return {
    path: values.get('GNU.sparse.name') ?? values.get('path'),
    size: Number.isSafeInteger(size) && size >= 0 ? size : undefined,
  };
}

function nextBlock(offset: number): number {
  return Math.ceil(offset / blockBytes) * blockBytes;
}

function isEmptyBlock(content: Buffer, offset: number): boolean {
  for (let index = offset; index < offset + blockBytes; index += 8) {
    if (content.readInt32LE(index) !== 0 || content.readInt32LE(index + 4) !== 0) return false;
  }
  return true;
}
