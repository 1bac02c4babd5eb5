/** Writes ZIP files in which every field may lie, for tests of readers. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFields {
  readonly name: string | Buffer;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly extra: Buffer;
}

/** A member: its true bytes, how they are stored, and what its two headers say instead of the truth. */
export interface ZipSpec {
  readonly name?: string | Buffer;
  readonly content: Buffer | string;
  readonly method?: number;
  /** the bytes as stored; the content by the method when absent */
  readonly data?: Buffer;
  readonly local?: Partial<ZipFields>;
  readonly central?: Partial<ZipFields>;
  /** behind the data, e.g. a descriptor */
  readonly behind?: Buffer;
  readonly listed?: boolean;
}

export interface ZipOptions {
  readonly comment?: Buffer;
  readonly entries?: number;
  readonly disk?: number;
  /** what offsets are counted from, when something will be put in front */
  readonly base?: number;
}

export function writeZip(specs: readonly ZipSpec[], options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = options.base ?? 0;
  for (const spec of specs) {
    const content = Buffer.from(spec.content);
    const method = spec.method ?? 8;
    const data = spec.data ?? (method === 8 ? deflateRawSync(content) : content);
    const truth: ZipFields = {
      name: spec.name ?? 'note.txt',
      flags: 0,
      method,
      crc: crc32(content),
      compressed: data.length,
      size: content.length,
      extra: Buffer.alloc(0),
    };
    const local = localHeader({ ...truth, ...spec.local });
    if (spec.listed !== false) directory.push(centralHeader({ ...truth, ...spec.central }, offset));
    const behind = spec.behind ?? Buffer.alloc(0);
    parts.push(local, data, behind);
    offset += local.length + data.length + behind.length;
  }
  return Buffer.concat([...parts, ...directory, endRecord(directory, offset, options)]);
}

function shared(fields: ZipFields, name: Buffer): Buffer {
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(20, 0);
  bytes.writeUInt16LE(fields.flags, 2);
  bytes.writeUInt16LE(fields.method, 4);
  bytes.writeUInt16LE(0x21, 8);
  bytes.writeUInt32LE(fields.crc, 10);
  bytes.writeUInt32LE(fields.compressed, 14);
  bytes.writeUInt32LE(fields.size, 18);
  bytes.writeUInt16LE(name.length, 22);
  bytes.writeUInt16LE(fields.extra.length, 24);
  return bytes;
}

export function localHeader(fields: ZipFields): Buffer {
  const name = Buffer.from(fields.name);
  return Buffer.concat([Buffer.from('PK\x03\x04'), shared(fields, name), name, fields.extra]);
}

export function centralHeader(fields: ZipFields, offset: number): Buffer {
  const name = Buffer.from(fields.name);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE(offset, 10);
  return Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), shared(fields, name), tail, name, fields.extra]);
}

export function endRecord(directory: readonly Buffer[], offset: number, options: ZipOptions = {}): Buffer {
  const comment = options.comment ?? Buffer.alloc(0);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(options.disk ?? 0, 4);
  end.writeUInt16LE(options.disk ?? 0, 6);
  end.writeUInt16LE((options.entries ?? directory.length) % 65_536, 8);
  end.writeUInt16LE((options.entries ?? directory.length) % 65_536, 10);
  end.writeUInt32LE(
    directory.reduce((sum, entry) => sum + entry.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([end, comment]);
}

/** A data descriptor with its signature. */
export function descriptor(content: Buffer, data: Buffer): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write('PK\x07\x08', 'latin1');
  bytes.writeUInt32LE(crc32(content), 4);
  bytes.writeUInt32LE(data.length, 8);
  bytes.writeUInt32LE(content.length, 12);
  return bytes;
}
