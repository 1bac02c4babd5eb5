/** Writes a small ZIP archive, which is what an Office document is. Only what the demonstration needs. */
import { gzipSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
}

const deflated = 8;
/** 2.0, the first version with deflate */
const version = 20;
/** 1 January 1980, the oldest date that the format knows */
const date = 0x0021;
const gzipHeaderBytes = 10;
const gzipTrailerBytes = 8;

export function zip(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    // A gzip file holds just what a ZIP entry needs: the deflated bytes, and the CRC-32 in its trailer.
    const packed = gzipSync(content);
    const body = packed.subarray(gzipHeaderBytes, -gzipTrailerBytes);
    const crc = packed.readUInt32LE(packed.length - gzipTrailerBytes);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(version, 0);
    facts.writeUInt16LE(deflated, 4);
    facts.writeUInt16LE(date, 8);
    facts.writeUInt32LE(crc, 10);
    facts.writeUInt32LE(body.length, 14);
    facts.writeUInt32LE(content.length, 18);
    facts.writeUInt16LE(name.length, 22);
    const file = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), facts, Buffer.from(name, 'latin1'), body]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const head = Buffer.from([0x50, 0x4b, 0x01, 0x02, version, 0]);
    directory.push(head, facts, place, Buffer.from(name, 'latin1'));
    files.push(file);
    offset += file.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(index.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, index, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
