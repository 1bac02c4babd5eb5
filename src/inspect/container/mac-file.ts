/**
 * Files of the classic Mac OS in one stream: AppleSingle and AppleDouble (RFC 1740), and MacBinary. Offsets and
 * lengths are the sender's claims, checked against the bytes.
 */
import { writtenNames } from '../../mime/carried-file.js';

export interface Fork {
  readonly method: 'applesingle' | 'appledouble' | 'macbinary';
  readonly names: readonly string[];
  readonly content: Buffer;
}

const single = 0x00051600;
const double = 0x00051607;
const dataFork = 1;
const resourceFork = 2;
const realName = 3;
/** entries that are read; sixteen kinds are defined */
const entriesMax = 64;

export function isAppleFile(content: Buffer): boolean {
  if (content.length < 26) return false;
  const magic = content.readUInt32BE(0);
  return magic === single || magic === double;
}

export function appleForks(content: Buffer): readonly Fork[] {
  const method = content.readUInt32BE(0) === single ? 'applesingle' : 'appledouble';
  const count = Math.min(content.readUInt16BE(24), entriesMax);
  const forks: Buffer[] = [];
  let names: readonly string[] = [];
  for (let entry = 26; entry + 12 <= content.length && entry < 26 + count * 12; entry += 12) {
    const kind = content.readUInt32BE(entry);
    const start = content.readUInt32BE(entry + 4);
    const bytes = content.subarray(start, start + content.readUInt32BE(entry + 8));
    if (kind === realName) names = writtenNames(bytes.subarray(0, 1024));
    else if ((kind === dataFork || kind === resourceFork) && bytes.length > 0) forks.push(bytes);
  }
  return forks.map((bytes) => ({ method, names, content: bytes }));
}

const blockBytes = 128;

/** There is no signature: zeros where the format wants them, a name, and lengths that fit the file. */
export function isMacBinary(content: Buffer): boolean {
  if (content.length < blockBytes || content[0] !== 0 || content[74] !== 0 || content[82] !== 0) return false;
  const nameLength = content[1] ?? 0;
  if (nameLength < 1 || nameLength > 63) return false;
  for (let at = 2; at < 2 + nameLength; at += 1) if ((content[at] ?? 0) < 0x20) return false;
  const data = content.readUInt32BE(83);
  const resource = content.readUInt32BE(87);
  if (data + resource === 0) return false;
  const least = blockBytes + Math.ceil(data / blockBytes) * blockBytes + resource;
  return least <= content.length && content.length < least + 3 * blockBytes;
}

export function macBinaryForks(content: Buffer): readonly Fork[] {
  const names = writtenNames(content.subarray(2, 2 + (content[1] ?? 0)));
  const data = content.readUInt32BE(83);
  const resource = content.readUInt32BE(87);
  const resourceStart = blockBytes + Math.ceil(data / blockBytes) * blockBytes;
  const forks = [
    content.subarray(blockBytes, blockBytes + data),
    content.subarray(resourceStart, resourceStart + resource),
  ];
  return forks.filter((bytes) => bytes.length > 0).map((bytes) => ({ method: 'macbinary', names, content: bytes }));
}
