/** Writes the files of Outlook for tests: TNEF streams, MAPI properties, compressed rich text and .msg files. */
import CFB from 'cfb';

const u16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
const padded = (value: Buffer) => Buffer.concat([value, Buffer.alloc((4 - (value.length % 4)) % 4)]);

export interface Property {
  readonly id: number;
  readonly type: number;
  readonly value: Buffer;
}

export const text8 = (id: number, text: string): Property => ({ id, type: 0x1e, value: Buffer.from(`${text}\0`) });
export const text16 = (id: number, text: string): Property => ({
  id,
  type: 0x1f,
  value: Buffer.from(`${text}\0`, 'utf16le'),
});
export const binary = (id: number, value: Buffer): Property => ({ id, type: 0x102, value });
export const long = (id: number, value: number): Property => ({ id, type: 3, value: u32(value) });

/** An attached object: the identifier of its interface stands in front. */
export function object(id: number, interfaceId: string, value: Buffer): Property {
  return { id, type: 0x0d, value: Buffer.concat([Buffer.from(interfaceId, 'hex'), value]) };
}

export function propertyList(properties: readonly Property[]): Buffer {
  const pieces: Buffer[] = [u32(properties.length)];
  for (const { id, type, value } of properties) {
    pieces.push(u16(type), u16(id));
    if (id >= 0x8000) pieces.push(Buffer.alloc(16, 7), u32(1), u32(6), padded(Buffer.from('ab\0', 'utf16le')));
    if (type === 3) pieces.push(value);
    else pieces.push(u32(1), u32(value.length), padded(value));
  }
  return Buffer.concat(pieces);
}

export function tnef(...attributes: readonly [id: number, data: Buffer][]): Buffer {
  const pieces: Buffer[] = [u32(0x223e9f78), u16(1)];
  for (const [id, data] of attributes) {
    let sum = 0;
    for (const byte of data) sum += byte;
    pieces.push(Buffer.of((id & 0xffff) === 0x9003 ? 1 : 2), u32(id), u32(data.length), data, u16(sum));
  }
  return Buffer.concat(pieces);
}

/** LZFu of literals only, each run of eight behind its control byte, and the end mark. */
export function compressedRtf(text: string): Buffer {
  const source = Buffer.from(text, 'latin1');
  const pieces: Buffer[] = [];
  const end = Buffer.alloc(2);
  end.writeUInt16BE(((207 + source.length) % 4096) << 4);
  for (let at = 0; at <= source.length; at += 8) {
    const run = source.subarray(at, at + 8);
    pieces.push(Buffer.of(run.length === 8 ? 0 : 1 << run.length), run);
    if (run.length < 8) pieces.push(end);
  }
  const body = Buffer.concat(pieces);
  return Buffer.concat([u32(body.length + 12), u32(source.length), Buffer.from('LZFu'), u32(0), body]);
}

/** A compound file of the given streams; paths are joined by `/`. */
export function compoundFile(streams: Readonly<Record<string, Buffer>>): Buffer {
  const file = CFB.utils.cfb_new();
  for (const [path, content] of Object.entries(streams)) CFB.utils.cfb_add(file, `/${path}`, content);
  // Its type says `any`; with this option it is a Buffer.
  return Buffer.from(CFB.write(file, { type: 'buffer' }) as Buffer);
}

/** The streams of an item or attachment of a .msg file. */
export function messageStreams(
  properties: readonly Property[],
  prefix = '',
  headerBytes = prefix === '' ? 32 : 24,
): Record<string, Buffer> {
  const streams: Record<string, Buffer> = {};
  const fixed: Buffer[] = [Buffer.alloc(headerBytes)];
  for (const { id, type, value } of properties) {
    const name = (id * 0x10000 + type).toString(16).toUpperCase().padStart(8, '0');
    const inline = type === 3 ? value : Buffer.alloc(4);
    fixed.push(u16(type), u16(id), u32(6), inline, Buffer.alloc(4));
    if (type !== 3) streams[`${prefix}__substg1.0_${name}`] = value;
  }
  streams[`${prefix}__properties_version1.0`] = Buffer.concat(fixed);
  return streams;
}
