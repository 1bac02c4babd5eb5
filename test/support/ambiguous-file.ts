/** Files that hold files, written from their formats: ZIP, tar, gzip, TNEF, Outlook messages, CMS and OpenPGP. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import CFB from 'cfb';
import { crc32, lines } from './ambiguous-payload.js';

function le16(...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) octets.writeUInt16LE(value & 0xffff, 2 * index);
  return octets;
}

function le32(...values: readonly number[]): Buffer {
  const octets = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) octets.writeUInt32LE(value >>> 0, 4 * index);
  return octets;
}

export interface ZipOptions {
  readonly stored?: boolean;
  /** in front of the archive, as self-extractors have it; offsets are not corrected */
  readonly prefix?: Buffer;
  /** the central directory names another file */
  readonly directoryName?: string;
  /** there is no central directory */
  readonly streamOnly?: boolean;
}

export function zipOf(name: string, content: Buffer, options: ZipOptions = {}): Buffer {
  const packed = options.stored === true ? content : deflateRawSync(content);
  const facts = Buffer.concat([
    le16(20, 0, options.stored === true ? 0 : 8, 0, 0x21),
    le32(crc32(content), packed.length, content.length),
  ]);
  const file = Buffer.concat([
    Buffer.from('PK\x03\x04', 'latin1'),
    facts,
    le16(name.length, 0),
    Buffer.from(name),
    packed,
  ]);
  const listed = options.directoryName ?? name;
  const entry = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\0', 'latin1'),
    ...[facts, le16(listed.length, 0, 0, 0, 0), le32(0, 0), Buffer.from(listed)],
  ]);
  const end = Buffer.concat([
    Buffer.from('PK\x05\x06', 'latin1'),
    ...[le16(0, 0, 1, 1), le32(entry.length, file.length), le16(0)],
  ]);
  return Buffer.concat([options.prefix ?? Buffer.alloc(0), file, ...(options.streamOnly === true ? [] : [entry, end])]);
}

/** POSIX ustar with one file. */
export function tarOf(name: string, content: Buffer): Buffer {
  const head = Buffer.alloc(512);
  head.write(name, 0, 'latin1');
  head.write('0000644\x000000000\x000000000\0', 100, 'latin1');
  head.write(`${content.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124, 'latin1');
  head.write('ustar\x0000', 257, 'latin1');
  const sum = head.reduce((total, octet) => total + octet, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([head, content, padding, Buffer.alloc(1024)]);
}

export const gzipOf = (content: Buffer): Buffer => gzipSync(content);

function tnefAttribute(level: number, id: number, data: Buffer): Buffer {
  const sum = data.reduce((total, octet) => (total + octet) & 0xffff, 0);
  return Buffer.concat([Buffer.from([level]), le32(id, data.length), data, le16(sum)]);
}

/** [MS-OXTNEF]: version, code page, and one attachment whose data is an attribute or a MAPI property. */
export function tnefOf(name: string, content: Buffer, asProperty = false): Buffer {
  const property = Buffer.concat([
    le32(1, 0x37010102, 1, content.length),
    content,
    Buffer.alloc((4 - (content.length % 4)) % 4),
  ]);
  const data = asProperty ? tnefAttribute(2, 0x00069005, property) : tnefAttribute(2, 0x0006800f, content);
  return Buffer.concat([
    ...[le32(0x223e9f78), le16(1)],
    tnefAttribute(1, 0x00089006, le32(0x00010000)),
    tnefAttribute(1, 0x00069007, le32(1252, 0)),
    tnefAttribute(2, 0x00069002, Buffer.concat([le16(1), Buffer.alloc(12, 0xff)])),
    tnefAttribute(2, 0x00018010, Buffer.from(`${name}\0`, 'latin1')),
    data,
  ]);
}

/** [MS-OXMSG] with one attachment by value. */
export function outlookMessageOf(name: string, content: Buffer): Buffer {
  const file = CFB.utils.cfb_new();
  const add = (path: string, octets: Buffer) => CFB.utils.cfb_add(file, path, octets);
  const text = (value: string) => Buffer.from(value, 'utf16le');
  add('/__properties_version1.0', Buffer.alloc(32));
  add('/__substg1.0_0037001F', text('Forwarded'));
  add('/__substg1.0_001A001F', text('IPM.Note'));
  add('/__attach_version1.0_#00000000/__properties_version1.0', Buffer.alloc(8));
  add('/__attach_version1.0_#00000000/__substg1.0_37010102', content);
  add('/__attach_version1.0_#00000000/__substg1.0_3707001F', text(name));
  const written = CFB.write(file, { type: 'buffer' });
  // The library's types know no more than that something is written; for `buffer` it is one.
  return Buffer.from(written as Uint8Array);
}

function derLength(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const value = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), derLength(value.length), value]);
}

/** Indefinite length, as OpenSSL and Outlook stream it. */
function ber(tag: number, ...content: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([tag, 0x80]), ...content, Buffer.from([0, 0])]);
}

const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'));
const pkcs7 = '2a864886f70d0107';
const dataOid = oid(`${pkcs7}01`);
const signedOid = oid(`${pkcs7}02`);
const envelopedOid = oid(`${pkcs7}03`);
const compressedOid = oid('2a864886f70d0109100109');
const zlibOid = oid('2a864886f70d0109100308');

export type CmsForm = 'der' | 'ber' | 'chunks';

function octetString(content: Buffer, form: CmsForm): Buffer {
  if (form === 'der') return der(4, content);
  const size = form === 'ber' ? content.length : 100;
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += size) pieces.push(der(4, content.subarray(at, at + size)));
  return ber(0x24, ...pieces);
}

function content(type: Buffer, inner: Buffer, form: CmsForm): Buffer {
  return form === 'der' ? der(0x30, type, der(0xa0, inner)) : ber(0x30, type, ber(0xa0, inner));
}

/** RFC 5652 §5 with neither certificates nor signers, which is how "certs-only" and unsigned data look. */
export function signedData(inner: Buffer, form: CmsForm = 'der'): Buffer {
  const version = der(2, Buffer.from([1]));
  const digests = der(0x31, der(0x30, oid('608648016503040201')));
  const wrapped = content(dataOid, octetString(inner, form), form);
  const signed = [version, digests, wrapped, der(0x31)];
  return content(signedOid, form === 'der' ? der(0x30, ...signed) : ber(0x30, ...signed), form);
}

/** RFC 3274. */
export function compressedData(inner: Buffer, form: CmsForm = 'der'): Buffer {
  const wrapped = content(dataOid, octetString(deflateSync(inner), form), form);
  return content(compressedOid, der(0x30, der(2, Buffer.from([0])), der(0x30, zlibOid), wrapped), form);
}

/** RFC 5652 §6 around octets that nobody can decrypt. */
export function envelopedData(octets: Buffer): Buffer {
  const algorithm = der(0x30, oid('60864801650304012a'), der(4, Buffer.alloc(16)));
  const info = der(0x30, dataOid, algorithm, der(0x80, octets));
  return content(envelopedOid, der(0x30, der(2, Buffer.from([0])), der(0x31), info), 'der');
}

function pgpPacket(tag: number, body: Buffer): Buffer {
  const length = Buffer.alloc(5);
  length.writeUInt8(0xff, 0);
  length.writeUInt32BE(body.length, 1);
  return Buffer.concat([Buffer.from([0xc0 | tag]), length, body]);
}

/** RFC 4880 §5.9: neither encrypted nor signed, which every OpenPGP program opens; with `zip`, compressed (§5.6). */
export function pgpLiteral(name: string, octets: Buffer, zip = false): Buffer {
  const literal = pgpPacket(
    11,
    Buffer.concat([Buffer.from('b'), Buffer.from([name.length]), Buffer.from(name), Buffer.alloc(4), octets]),
  );
  return zip ? pgpPacket(8, Buffer.concat([Buffer.from([1]), deflateRawSync(literal)])) : literal;
}

/** RFC 4880 §6, without the optional checksum. */
export function armoured(packets: Buffer): string {
  return `-----BEGIN PGP MESSAGE-----\r\n\r\n${lines(packets.toString('base64'), 64)}-----END PGP MESSAGE-----\r\n`;
}
