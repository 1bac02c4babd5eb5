/**
 * Where the data of a tar member goes in the file it stands for: as it is, or with holes by one of the sparse formats
 * of GNU tar. Sizes are the sender's word; nothing is allocated by them.
 */

export interface SparseMap {
  /** where the data begins and ends in the archive */
  readonly start: number;
  readonly end: number;
  /** size of the file with its holes */
  readonly size: number;
  readonly pieces: readonly Piece[];
}

interface Piece {
  readonly at: number;
  readonly bytes: number;
}

const blockBytes = 512;
/** entries of one map; each stands for 24 bytes of the archive or more */
const piecesMax = 65_536;

/** `offset` is that of the header, `size` what the header says of the data. */
export function readSparseMap(
  content: Buffer,
  offset: number,
  isSparse: boolean,
  pax: ReadonlyMap<string, string>,
  size: number,
): SparseMap {
  const start = offset + blockBytes;
  const plain = { start, end: start + size, size, pieces: [{ at: 0, bytes: size }] };
  if (isSparse) return readOld(content, offset, size) ?? plain;
  const realSize = readSize(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size'));
  if (realSize === undefined) return plain;
  const inHeader = pax.get('GNU.sparse.map');
  if (inHeader !== undefined) {
    const pieces = pair(inHeader.split(','));
    return pieces === undefined ? plain : { start, end: start + size, size: realSize, pieces };
  }
  if (pax.get('GNU.sparse.major') !== '1') return plain;
  return readInData(content, start, start + size, realSize) ?? plain;
}

/** A whole number that a file size may be. */
export function readSize(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

/** The map of version 1.0: decimal lines in front of the data, padded to a block. */
function readInData(content: Buffer, start: number, end: number, realSize: number): SparseMap | undefined {
  const map = content.toString('latin1', start, Math.min(end, start + 24 * piecesMax)).split('\n', 2 * piecesMax + 1);
  const count = readSize(map[0]);
  if (count === undefined || count > piecesMax) return undefined;
  const lines = map.slice(0, 1 + 2 * count);
  const pieces = pair(lines.slice(1));
  if (pieces === undefined) return undefined;
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
  return { start: start + Math.ceil(bytes / blockBytes) * blockBytes, end, size: realSize, pieces };
}

function pair(numbers: readonly string[]): Piece[] | undefined {
  const pieces: Piece[] = [];
  for (let index = 0; index + 1 < numbers.length && pieces.length < piecesMax; index += 2) {
    const at = readSize(numbers[index]);
    const bytes = readSize(numbers[index + 1]);
    if (at === undefined || bytes === undefined) return undefined;
    pieces.push({ at, bytes });
  }
  return pieces;
}

/** The map of GNU's own header: four pieces in it, and 21 in each block that follows while a flag says so. */
function readOld(content: Buffer, offset: number, size: number): SparseMap | undefined {
  const pieces: Piece[] = [];
  const take = (start: number, count: number) => {
    for (let at = start; at < start + 24 * count; at += 24) {
      const piece = { at: octal(content, at), bytes: octal(content, at + 12) };
      if (piece.at !== undefined && piece.bytes !== undefined) pieces.push({ at: piece.at, bytes: piece.bytes });
    }
  };
  take(offset + 386, 4);
  let start = offset + blockBytes;
  let more = content[offset + 482] !== 0;
  while (more && start + blockBytes <= content.length && pieces.length < piecesMax) {
    take(start, 21);
    more = content[start + 504] !== 0;
    start += blockBytes;
  }
  const realSize = octal(content, offset + 483);
  return realSize === undefined ? undefined : { start, end: start + size, size: realSize, pieces };
}

function octal(content: Buffer, start: number): number | undefined {
  const first = content[start] ?? 0;
  if (first === 0x80) return content.readUIntBE(start + 6, 6);
  const text = content.toString('latin1', start, start + 12).replace(/[\0 ]+$/, '');
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}
