/** The filters of PDF streams (ISO 32000-1 §7.4) undone, those of pictures left out; bounded by bytes, never throwing. */
import { constants, createInflate, inflateRawSync, inflateSync } from 'node:zlib';
import { lzwDecoded } from './lzw.js';
import { PdfDictionary, PdfName, type PdfValue } from './pdf-syntax.js';

/** filters of one stream; honest ones have one or two */
const filtersMax = 8;
/** columns of a predictor; a page is narrower */
const columnsMax = 65_536;

export interface Decoded {
  readonly content: Buffer;
  /** the bound was reached, or there were more filters than are undone */
  readonly cut: boolean;
}

/** @param bytesMax of each step */
export async function decodeFilters(raw: Buffer, dictionary: PdfDictionary, bytesMax: number): Promise<Decoded> {
  const filters = list(dictionary.get('Filter') ?? dictionary.get('F'));
  const parameters = list(dictionary.get('DecodeParms') ?? dictionary.get('DP'));
  if (filters.length > filtersMax) return { content: raw, cut: true };
  let content = raw;
  for (const [index, filter] of filters.entries()) {
    const name = filter instanceof PdfName ? filter.text : '';
    const options = parameters[index];
    const settings = options instanceof PdfDictionary ? options : new PdfDictionary();
    const decoded = await decodeOne(name, content, settings, bytesMax);
    if (decoded === undefined) break;
    if (decoded.length >= bytesMax) return { content: decoded.subarray(0, bytesMax), cut: true };
    content = decoded;
  }
  return { content, cut: false };
}

const list = (value: PdfValue): readonly PdfValue[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

/** Undefined for filters of pictures, which hold no file, and for unknown ones. */
async function decodeOne(
  name: string,
  content: Buffer,
  settings: PdfDictionary,
  bytesMax: number,
): Promise<Buffer | undefined> {
  switch (name) {
    case 'FlateDecode':
    case 'Fl':
      return unpredicted(await inflated(content, bytesMax), settings);
    case 'LZWDecode':
    case 'LZW':
      return unpredicted(lzwDecoded(content, settings.get('EarlyChange') !== 0, bytesMax), settings);
    case 'ASCIIHexDecode':
    case 'AHx':
      return hexDecoded(content);
    case 'ASCII85Decode':
    case 'A85':
      return ascii85Decoded(content, bytesMax);
    case 'RunLengthDecode':
    case 'RL':
      return runLengthDecoded(content, bytesMax);
    case 'Crypt':
      return content;
    default:
      return undefined;
  }
}

/** Readers take what comes before an error, and go on without the header when that is what is broken. */
export async function inflated(content: Buffer, bytesMax: number): Promise<Buffer> {
  const options = { maxOutputLength: bytesMax, finishFlush: constants.Z_SYNC_FLUSH };
  try {
    return inflateSync(content, options);
  } catch (error) {
    if (isTooLarge(error)) return Buffer.alloc(bytesMax);
  }
  const partial = await inflatedPartly(content, bytesMax);
  if (partial.length > 0) return partial;
  for (const skipped of [0, 2]) {
    try {
      const raw = inflateRawSync(content.subarray(skipped), options);
      if (raw.length > 0) return raw;
    } catch (error) {
      if (isTooLarge(error)) return Buffer.alloc(bytesMax);
    }
  }
  return partial;
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';

/** zlib gives what it has in pieces of this many bytes; the piece with the error is lost */
const partialChunkBytes = 256;

function inflatedPartly(content: Buffer, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stream = createInflate({ chunkSize: partialChunkBytes, finishFlush: constants.Z_SYNC_FLUSH });
    const finish = () => resolve(Buffer.concat(chunks));
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= bytesMax) stream.destroy();
    });
    stream.on('error', finish);
    stream.on('close', finish);
    stream.end(content);
  });
}

/** ISO 32000-1 §7.4.4.4; TIFF's predictor is undone for whole bytes only, as nothing but pictures has others. */
function unpredicted(content: Buffer, settings: PdfDictionary): Buffer {
  const number = (key: string, fallback: number): number => {
    const value = settings.get(key);
    return typeof value === 'number' ? value : fallback;
  };
  const predictor = number('Predictor', 1);
  const depth = number('BitsPerComponent', 8) * number('Colors', 1);
  const step = Math.max(1, Math.min(64, depth >> 3));
  const rowBytes = Math.ceil((Math.max(1, Math.min(columnsMax, number('Columns', 1))) * depth) / 8);
  if (predictor < 2 || !(rowBytes >= 1 && rowBytes <= columnsMax * 8)) return content;
  return predictor === 2 ? withoutTiff(content, rowBytes, step) : withoutPng(content, rowBytes, step);
}

function withoutTiff(content: Buffer, rowBytes: number, step: number): Buffer {
  const result = Buffer.from(content);
  for (let at = 0; at < result.length; at += 1) {
    if (at % rowBytes >= step) result[at] = ((result[at] ?? 0) + (result[at - step] ?? 0)) & 0xff;
  }
  return result;
}

function withoutPng(content: Buffer, rowBytes: number, step: number): Buffer {
  const rows = Math.ceil(content.length / (rowBytes + 1));
  const result = Buffer.alloc(Math.max(0, content.length - rows));
  for (let row = 0; row < rows; row += 1) {
    const from = row * (rowBytes + 1);
    const to = row * rowBytes;
    const kind = content[from] ?? 0;
    for (let column = 0; column < rowBytes && from + 1 + column < content.length; column += 1) {
      const left = column < step ? 0 : (result[to + column - step] ?? 0);
      const above = row === 0 ? 0 : (result[to + column - rowBytes] ?? 0);
      const corner = row === 0 || column < step ? 0 : (result[to + column - rowBytes - step] ?? 0);
      const add = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][kind] ?? 0;
      result[to + column] = ((content[from + 1 + column] ?? 0) + add) & 0xff;
    }
  }
  return result;
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function hexDecoded(content: Buffer): Buffer {
  const close = content.indexOf(0x3e);
  const digits = content.toString('latin1', 0, close === -1 ? content.length : close).replace(/[^0-9a-fA-F]+/g, '');
  return Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex');
}

function ascii85Decoded(content: Buffer, bytesMax: number): Buffer {
  const result = Buffer.alloc(Math.min(bytesMax, content.length * 4));
  let length = 0;
  let count = 0;
  let value = 0;
  const put = (bytes: number) => {
    for (let index = 0; index < bytes && length < result.length; index += 1) {
      result[length] = Math.floor(value / 256 ** (3 - index)) & 0xff;
      length += 1;
    }
    value = 0;
    count = 0;
  };
  let at = /^\s{0,32}<~/.exec(content.toString('latin1', 0, 34))?.[0].length ?? 0;
  for (; at < content.length && length < result.length; at += 1) {
    const byte = content[at] ?? 0;
    if (byte === 0x7e) break;
    if (byte === 0x7a && count === 0) put(4);
    if (byte < 0x21 || byte > 0x75) continue;
    value = value * 85 + (byte - 0x21);
    count += 1;
    if (count === 5) put(4);
  }
  if (count > 1) {
    const missing = 5 - count;
    const bytes = count - 1;
    for (let index = 0; index < missing; index += 1) value = value * 85 + 84;
    put(bytes);
  }
  return result.subarray(0, length);
}

function runLengthDecoded(content: Buffer, bytesMax: number): Buffer {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (let at = 0; at < content.length && bytes < bytesMax; ) {
    const length = content[at] ?? 128;
    if (length === 128) break;
    const piece =
      length < 128 ? content.subarray(at + 1, at + 2 + length) : Buffer.alloc(257 - length, content[at + 1] ?? 0);
    pieces.push(piece);
    bytes += piece.length;
    at += length < 128 ? length + 2 : 2;
  }
  return Buffer.concat(pieces);
}
