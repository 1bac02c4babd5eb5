/**
 * Opens tar archives of all dialects: v7, ustar, GNU, pax. Members are found by walking over headers; a header whose
 * checksum is wrong does not end the walk, as readers differ in how they go on. Nothing is decoded but numbers.
 */
import { limits } from '../../runtime/limits.js';
import { nameIsUnsafe } from './member-name.js';
import type { Opener, OpenOutput } from './opener.js';
import { readSize, readSparseMap, type SparseMap } from './tar-sparse.js';

const blockBytes = 512;
/** a member's data is handed over in such pieces, so that a bound is noticed between them */
const pieceBytes = 65_536;
/** of a record in front of a header, which holds names and numbers, only so much is read */
const recordBytes = 65_536;
const zeros = Buffer.alloc(pieceBytes);
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

/** What the records in front of a header say of the member that follows them. */
interface Ahead {
  readonly names: string[];
  pax: ReadonlyMap<string, string>;
}

async function openTar(content: Buffer, out: OpenOutput): Promise<void> {
  let offset = 0;
  let ahead: Ahead = { names: [], pax: new Map() };
  while (offset + blockBytes <= content.length && !out.exhausted) {
    const header = readHeader(content, offset);
    const start = offset + blockBytes;
    if (header === undefined) {
      if (!isEmptyBlock(content, offset)) {
        out.problem('archive-damaged');
        out.flag('archive-mismatch');
      }
      // Some readers stop at an empty block, some go on behind it, and some search for the next header.
      offset = start;
    } else if ('LKxgX'.includes(header.kind)) {
      readAhead(header, content.subarray(start, start + Math.min(header.size, recordBytes)), ahead);
      offset = nextBlock(start + header.size);
    } else {
      const end = await takeMember(content, offset, header, ahead, out);
      if (end === undefined) return;
      offset = nextBlock(end);
      ahead = { names: [], pax: new Map() };
    }
  }
  if (offset > content.length) out.problem('archive-damaged');
}

function readAhead(header: TarHeader, record: Buffer, ahead: Ahead): void {
  if (header.kind === 'L') ahead.names.push(readText(record, 0, record.length));
  else if (header.kind === 'x' || header.kind === 'X') ahead.pax = readPax(record);
}

/** Where its data ends; undefined when a bound was reached. */
async function takeMember(
  content: Buffer,
  offset: number,
  header: TarHeader,
  { names, pax }: Ahead,
  out: OpenOutput,
): Promise<number | undefined> {
  const candidates = [...names, pax.get('GNU.sparse.name'), pax.get('path'), header.name];
  const known = [...new Set(candidates)].filter((name): name is string => (name ?? '') !== '');
  if (known.some(nameIsUnsafe)) out.flag('member-name-unsafe');
  if (header.kind === 'M') out.flag('multi-volume');
  const paxSize = readSize(pax.get('size'));
  if (paxSize !== undefined && paxSize !== header.size && header.size !== 0) out.flag('archive-mismatch');
  const size = paxSize ?? header.size;
  // A folder and a link have no data; where their header gives a size, readers differ in whether they skip it.
  if (withoutData.has(header.kind) || (size === 0 && header.name.endsWith('/'))) return offset + blockBytes;
  const map = readSparseMap(content, offset, header.kind === 'S', pax, size);
  const writer = out.member({ names: known, method: 'tar' });
  if (writer === undefined) return undefined;
  const goOn = writePieces(content, map, (chunk) => writer.write(chunk));
  await writer.end();
  return goOn ? map.end : undefined;
}

/** Writes the data with zeros for its holes. False when a bound was reached. */
function writePieces(content: Buffer, map: SparseMap, write: (chunk: Uint8Array) => boolean): boolean {
  let position = 0;
  let from = map.start;
  for (const piece of [...map.pieces, { at: map.size, bytes: 0 }]) {
    for (; position < piece.at; position += Math.min(zeros.length, piece.at - position)) {
      if (!write(zeros.subarray(0, piece.at - position))) return false;
    }
    const end = Math.min(from + piece.bytes, map.end, content.length);
    for (; from < end; from += pieceBytes) {
      if (!write(content.subarray(from, Math.min(end, from + pieceBytes)))) return false;
    }
    from = end;
    position += piece.bytes;
  }
  return true;
}

/** Records of `length key=value`; the last of a key counts. */
function readPax(record: Buffer): Map<string, string> {
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
  return values;
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
