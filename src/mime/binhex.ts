/**
 * BinHex 4.0 (RFC 1741): six bits a character, runs shortened, and inside a header, a data fork and a resource fork.
 * Lengths and checksums are the sender's claims: what is there is given, whatever they say.
 */
import { limits } from '../runtime/limits.js';
import { type CarriedFile, writtenNames } from './carried-file.js';

const alphabet = '!"#$%&\'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr';
const none = 255;
const values = new Uint8Array(256).fill(none);
for (const [value, character] of [...alphabet].entries()) values[character.charCodeAt(0)] = value;
const colon = 0x3a;
const runMark = 0x90;
export const binhexMark = Buffer.from('must be converted with BinHex', 'latin1');

/** Both forks of a file of the classic Mac OS. */
export interface MacFile {
  /** the bound of bytes was reached before its end */
  readonly truncated: boolean;
  readonly names: readonly string[];
  readonly data: Buffer;
  readonly resource: Buffer;
  readonly damaged: boolean;
}

/**
 * @param declared the body is said to be BinHex, so that the sentence in front may be missing
 * @param bytesMax decoded bytes; runs make up to 100 bytes of a character
 */
export function binhexFiles(text: Buffer, declared: boolean, bytesMax: number): readonly MacFile[] {
  const files: MacFile[] = [];
  let left = bytesMax;
  let at = declared ? 0 : text.indexOf(binhexMark);
  while (at >= 0 && files.length < limits.mime.carriedFilesMax) {
    const start = startOf(text, declared ? at : at + binhexMark.length);
    if (start < 0) break;
    const stop = text.indexOf(colon, start);
    const end = stop < 0 ? text.length : stop;
    const bytes = undoRuns(sixBits(text, start, end), left);
    const file = macFile(bytes, stop >= 0, bytes.length >= left);
    if (file !== undefined) {
      files.push(file);
      left -= file.data.length + file.resource.length;
    }
    at = declared && file === undefined ? -1 : text.indexOf(binhexMark, end);
    if (declared && at < 0) break;
  }
  return files;
}

/** The forks as files of their own. */
export function carriedForks(file: MacFile): readonly CarriedFile[] {
  const { names, damaged, truncated } = file;
  const forks: CarriedFile[] = [{ method: 'binhex', names, content: file.data, reading: '', damaged, truncated }];
  if (file.resource.length > 0) {
    forks.push({ method: 'binhex', names, content: file.resource, reading: 'resource fork', damaged, truncated });
  }
  return forks;
}

/** Behind the colon at the start of a line that opens the data; -1 when there is none. */
function startOf(text: Buffer, from: number): number {
  for (let at = text.indexOf(colon, from); at >= 0; at = text.indexOf(colon, at + 1)) {
    let before = at - 1;
    while (before >= from && (text[before] === 0x20 || text[before] === 0x09)) before -= 1;
    const lineStart = before < 0 || text[before] === 0x0a || text[before] === 0x0d;
    if (lineStart && values[text[at + 1] ?? 0] !== none) return at + 1;
  }
  return -1;
}

function sixBits(text: Buffer, start: number, end: number): Buffer {
  const out = Buffer.allocUnsafe(Math.ceil((end - start) * 0.75) + 3);
  let length = 0;
  let bits = 0;
  let count = 0;
  for (let at = start; at < end; at += 1) {
    const value = values[text[at] as number] as number; // at < end, and the table has 256 entries
    if (value === none) continue;
    bits = ((bits << 6) | value) & 0xffffff;
    count += 1;
    if (count % 4 !== 1) {
      const shift = count % 4 === 2 ? 4 : count % 4 === 3 ? 2 : 0;
      out[length++] = bits >> shift;
    }
  }
  return out.subarray(0, length);
}

/** 0x90 and a number repeat the byte in front so that it is there that often; 0x90 and 0 are a 0x90. */
function undoRuns(packed: Buffer, bytesMax: number): Buffer {
  let total = 0;
  for (let at = 0; at < packed.length; at += 1) {
    if (packed[at] !== runMark) total += 1;
    else {
      at += 1;
      const times = packed[at] ?? 0;
      total += times === 0 ? 1 : times - 1;
    }
  }
  const out = Buffer.allocUnsafe(Math.min(total, bytesMax));
  let length = 0;
  let last = 0;
  for (let at = 0; at < packed.length && length < out.length; at += 1) {
    const byte = packed[at] as number; // at < length
    if (byte !== runMark) {
      out[length++] = byte;
      last = byte;
      continue;
    }
    at += 1;
    const times = packed[at] ?? 0;
    if (times === 0) {
      out[length++] = runMark;
      last = runMark;
    } else {
      const end = Math.min(out.length, length + times - 1);
      out.fill(last, length, end);
      length = end;
    }
  }
  return out.subarray(0, length);
}

/** Name, version, type, creator, flags, two lengths, a checksum; then each fork with its checksum. */
function macFile(bytes: Buffer, closed: boolean, truncated: boolean): MacFile | undefined {
  const nameLength = bytes[0] ?? 0;
  const header = 1 + nameLength + 1 + 4 + 4 + 2;
  if (bytes.length < header + 10 || nameLength > 63) return undefined;
  const dataLength = bytes.readUInt32BE(header);
  const resourceLength = bytes.readUInt32BE(header + 4);
  const dataStart = header + 10;
  const dataEnd = Math.min(bytes.length, dataStart + dataLength);
  const resourceStart = Math.min(bytes.length, dataEnd + 2);
  const resourceEnd = Math.min(bytes.length, resourceStart + resourceLength);
  return {
    names: writtenNames(bytes.subarray(1, 1 + nameLength)),
    data: bytes.subarray(dataStart, dataEnd),
    resource: bytes.subarray(resourceStart, resourceEnd),
    truncated,
    damaged: !closed || dataEnd - dataStart < dataLength || resourceEnd - resourceStart < resourceLength,
  };
}
