/** Writes archives of one stored member in formats for which no free program is at hand, from their descriptions. */
import { crc32 } from 'node:zlib';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

function fields(...values: readonly (readonly [bytes: 1 | 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    values.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes);
      field.writeUIntLE(value, 0, bytes);
      return field;
    }),
  );
}

export interface TarFields {
  readonly name?: string;
  readonly size?: string;
  readonly kind?: string;
  readonly magic?: string;
}

export function tarMember(content: Buffer, about: TarFields = {}): Buffer {
  const header = Buffer.alloc(512);
  header.write(about.name ?? 'note.txt', 0, 100, 'latin1');
  header.write('0000644\x000000000\x000000000\x00', 100, 'latin1');
  header.write(about.size ?? `${content.length.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1');
  header.write('00000000000\x00        ', 136, 'latin1');
  header.write(about.kind ?? '0', 156, 'latin1');
  header.write(about.magic ?? 'ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function tarFile(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

export function cabFile(content: Buffer): Buffer {
  const name = ascii('note.txt\0');
  const header = 36;
  const folder = 8;
  const dataStart = header + folder + 16 + name.length;
  const total = dataStart + 8 + content.length;
  return Buffer.concat([
    ascii('MSCF'),
    fields([4, 0], [4, total], [4, 0], [4, header + folder], [4, 0], [1, 3], [1, 1], [2, 1], [2, 1], [2, 0], [2, 1]),
    fields([2, 0]),
    fields([4, dataStart], [2, 1], [2, 0]),
    fields([4, content.length], [4, 0], [2, 0], [2, 0x21], [2, 0], [2, 0x20]),
    name,
    fields([4, 0], [2, content.length], [2, content.length]),
    content,
  ]);
}

export function rar4File(content: Buffer): Buffer {
  const block = (type: number, flags: number, body: Buffer): Buffer => {
    const head = Buffer.concat([fields([1, type], [2, flags], [2, 7 + body.length]), body]);
    return Buffer.concat([fields([2, crc32(head) & 0xffff]), head]);
  };
  const name = ascii('note.txt');
  const about = fields(
    [4, content.length],
    [4, content.length],
    [1, 3],
    [4, crc32(content)],
    [4, 0x21],
    [1, 20],
    [1, 0x30],
    [2, name.length],
    [4, 0o100644],
  );
  return Buffer.concat([
    Buffer.from('526172211a0700', 'hex'),
    block(0x73, 0, Buffer.alloc(6)),
    block(0x74, 0x8000, Buffer.concat([about, name])),
    content,
    block(0x7b, 0x4000, Buffer.alloc(0)),
  ]);
}

export function rar5File(content: Buffer): Buffer {
  const number = (value: number): Buffer => {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  };
  const block = (...body: readonly Buffer[]): Buffer => {
    const inner = Buffer.concat(body);
    const sized = Buffer.concat([number(inner.length), inner]);
    return Buffer.concat([fields([4, crc32(sized)]), sized]);
  };
  const name = ascii('note.txt');
  const numbers = (...values: readonly number[]) => values.map(number);
  return Buffer.concat([
    Buffer.from('526172211a070100', 'hex'),
    block(...numbers(1, 0, 0)),
    block(
      ...numbers(2, 2, content.length, 4, content.length, 0o100644),
      fields([4, crc32(content)]),
      ...numbers(0, 1, name.length),
      name,
    ),
    content,
    block(...numbers(5, 0, 0)),
  ]);
}

export function lzhFile(content: Buffer): Buffer {
  const name = ascii('note.txt');
  const body = Buffer.concat([
    ascii('-lh0-'),
    fields([4, content.length], [4, content.length], [4, 0x210000], [1, 0x20], [1, 0], [1, name.length]),
    name,
    fields([2, crc16(content)]),
  ]);
  const sum = body.reduce((total, byte) => (total + byte) & 255, 0);
  return Buffer.concat([fields([1, body.length], [1, sum]), body, content, Buffer.alloc(1)]);
}

function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}

export function arFile(content: Buffer): Buffer {
  const size = `${content.length}`.padEnd(10);
  return Buffer.concat([
    ascii(`!<arch>\nnote.txt/       0           0     0     100644  ${size}\`\n`),
    content,
    ascii(content.length % 2 === 1 ? '\n' : ''),
  ]);
}

export function cpioFile(content: Buffer): Buffer {
  const member = (name: string, bytes: Buffer): Buffer => {
    const hex = (value: number) => value.toString(16).padStart(8, '0');
    const values = [1, 0o100644, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = ascii(`070701${values.map(hex).join('')}${name}\0`);
    const pad = (length: number) => Buffer.alloc((4 - (length % 4)) % 4);
    return Buffer.concat([header, pad(header.length), bytes, pad(bytes.length)]);
  };
  return Buffer.concat([member('note.txt', content), member('TRAILER!!!', Buffer.alloc(0))]);
}

/** A virtual disk of fixed size: the disk, then a footer. */
export function fixedVhd(disk: Buffer): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x10000, 12);
  footer.fill(0xff, 16, 24);
  footer.writeBigUInt64BE(BigInt(disk.length), 40);
  footer.writeBigUInt64BE(BigInt(disk.length), 48);
  footer.writeUInt32BE(2, 60);
  footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  return Buffer.concat([disk, footer]);
}
