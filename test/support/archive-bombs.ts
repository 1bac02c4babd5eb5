/** Makes archive bombs of the kinds that are known, each a few MB at most. */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { tarFile, tarMember } from './stored-archives.js';
import { centralHeader, endRecord, localHeader, writeZip, type ZipFields } from './zip-writer.js';

const mebibyte = 1_048_576;

/** By name; made on demand. `fixture` reads a file of zeros that a real program has packed. */
export function archiveBombs(fixture: (name: string) => Buffer): Record<string, () => Buffer> {
  const gibibyte = () => deflateRawSync(Buffer.alloc(64 * mebibyte));
  return {
    'overlapping members, 250': () => quotedOverlap(250, 16 * mebibyte),
    'overlapping members, 65000': () => quotedOverlap(65_000, 64 * mebibyte),
    'one member in many entries': () => sharedMember(5000, 16 * mebibyte),
    'archives in archives': () => nestedZips(5, 16, 64 * mebibyte),
    'a deflated gibibyte': () => writeZip([{ content: Buffer.alloc(0), data: gibibyte() }]),
    '10 GiB in gzip': () => repeated(gzipSync(Buffer.alloc(64 * mebibyte)), 160),
    '10 GiB in bzip2': () => repeated(fixture('zeros.bz2'), 10),
    '10 GiB in xz': () => repeated(fixture('zeros.xz'), 640),
    '10 GiB in zstd': () => repeated(fixture('zeros.zst'), 160),
    'a gibibyte in 7z': () => fixture('zeros.7z'),
    'a gibibyte by bzip2 in ZIP': () => fixture('zeros-bzip2.zip'),
    'a million small members': () => smallMembers(1_000_000),
    'gzip in gzip, 100 deep': () => nestedGzip(100),
    'a sparse terabyte in tar': () => sparseTar(),
    'gzip in gzip, one deeper than is followed': () => nestedGzip(17),
  };
}

function repeated(bytes: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

const blank: ZipFields = { name: '', flags: 0, method: 8, crc: 0, compressed: 0, size: 0, extra: Buffer.alloc(0) };

/**
 * David Fifield, "A better zip bomb" (WOOT 2019): each member begins with a stored block that holds the next member's
 * header, so that all share one compressed end.
 */
function quotedOverlap(members: number, kernelBytes: number): Buffer {
  const kernel = deflateRawSync(Buffer.alloc(kernelBytes), { level: 9 });
  const parts: Buffer[] = [kernel];
  const entries: ZipFields[] = [];
  let compressed = kernel.length;
  let size = kernelBytes;
  for (let index = members - 1; index >= 0; index -= 1) {
    const fields = { ...blank, name: index.toString(16).padStart(5, '0'), compressed, size: size % 2 ** 32 };
    const header = localHeader(fields);
    entries.push(fields);
    parts.push(header);
    if (index === 0) break;
    const block = Buffer.alloc(5);
    block.writeUInt16LE(header.length, 1);
    block.writeUInt16LE(header.length ^ 0xffff, 3);
    parts.push(block);
    compressed += header.length + 5;
    size += header.length;
  }
  return closed(parts.reverse(), entries.reverse());
}

/** Adds a directory for `entries`, whose local headers are those of `parts`, in order. */
function closed(parts: readonly Buffer[], entries: readonly ZipFields[]): Buffer {
  const directory: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const entry = entries[directory.length];
    if (entry !== undefined && part.toString('latin1', 0, 4) === 'PK\x03\x04')
      directory.push(centralHeader(entry, offset));
    offset += part.length;
  }
  return Buffer.concat([...parts, ...directory, endRecord(directory, offset)]);
}

function sharedMember(entries: number, bytes: number): Buffer {
  const data = deflateRawSync(Buffer.alloc(bytes));
  const fields = { ...blank, name: 'a', compressed: data.length, size: bytes };
  const local = localHeader(fields);
  const directory = Array.from({ length: entries }, (_, index) => centralHeader({ ...fields, crc: index }, 0));
  return Buffer.concat([local, data, ...directory, endRecord(directory, local.length + data.length)]);
}

function nestedZips(depth: number, width: number, bytes: number): Buffer {
  let inner = writeZip([{ content: Buffer.alloc(bytes) }]);
  for (let level = 0; level < depth; level += 1) {
    const content = inner;
    inner = writeZip(Array.from({ length: width }, (_, index) => ({ name: `${level} ${index}.zip`, content })));
  }
  return inner;
}

function smallMembers(count: number): Buffer {
  const specs = Array.from({ length: count }, (_, index) => ({ ...blank, method: 0, name: index.toString(16) }));
  return closed(specs.map(localHeader), specs);
}

function nestedGzip(depth: number): Buffer {
  let content = Buffer.from('the bottom');
  for (let level = 0; level < depth; level += 1) content = gzipSync(content);
  return content;
}

function sparseTar(): Buffer {
  const record = (text: string) => `${text.length + 4} ${text}\n`;
  const pax = ['major=1', 'minor=0', 'realsize=999999999999', 'name=a'].map((text) => record(`GNU.sparse.${text}`));
  const map = Buffer.alloc(512);
  map.write('1\n999999999998\n1\n');
  return tarFile(tarMember(Buffer.from(pax.join('')), { kind: 'x' }), tarMember(map));
}
