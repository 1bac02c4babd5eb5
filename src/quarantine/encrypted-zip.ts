/**
 * Writes a ZIP archive whose members are encrypted with AES-256 as WinZip does it (AE-2, its specification of 2009; the
 * archive itself is PKWARE APPNOTE 6.3). What is random elsewhere is an argument here: the same members, password and
 * salts are the same bytes, so that a mail sent twice is one mail.
 */
import { createCipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

export interface ZipMember {
  /** without a path; unique in its archive */
  readonly name: string;
  readonly content: Uint8Array;
  /** 16 bytes that no other content is ever encrypted with under the same password */
  readonly salt: Uint8Array;
}

const saltBytes = 16;
const keyBytes = 32;
const authenticationBytes = 10;
/** fixed by the format; what the password lacks in length, they do not make up for */
const iterations = 1000;
const blockBytes = 16;
/** bytes of key stream made at a time */
const strideBytes = 65_536;

const methods = { stored: 0, deflated: 8, encrypted: 99 } as const;
/** APPNOTE 4.4.3: 5.1, the first with AES */
const versionNeeded = 51;
/** APPNOTE 4.4.4: encrypted; names are UTF-8 */
const flags = 0x0001 | 0x0800;
/** APPNOTE 4.4.1: up to here every count and offset fits its field without ZIP64 */
export const membersMax = 65_534;

/** Counter blocks from `first` on: little-endian, unlike the CTR of other formats. */
function counters(first: number, blocks: number): Buffer {
  const bytes = Buffer.alloc(blocks * blockBytes);
  for (let block = 0; block < blocks; block += 1) bytes.writeUInt32LE(first + block, block * blockBytes);
  return bytes;
}

/** Encrypts in place. */
function applyKeyStream(key: Uint8Array, data: Buffer): void {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  for (let start = 0; start < data.length; start += strideBytes) {
    const end = Math.min(data.length, start + strideBytes);
    const stream = cipher.update(counters(1 + start / blockBytes, Math.ceil((end - start) / blockBytes)));
    for (let at = start; at < end; at += 1) data[at] = (data[at] ?? 0) ^ (stream[at - start] ?? 0);
  }
}

interface Sealed {
  readonly name: Buffer;
  readonly method: number;
  readonly bytes: number;
  readonly content: Buffer;
}

/** Salt, the check of the password, the encrypted bytes, and a MAC of these. */
function sealed(member: ZipMember, password: string): Sealed {
  if (member.salt.length !== saltBytes) throw new RangeError(`a salt has ${saltBytes} bytes`);
  const deflated = deflateRawSync(member.content);
  const smaller = deflated.length < member.content.length;
  const data = smaller ? deflated : Buffer.from(member.content);
  const keys = pbkdf2Sync(password, member.salt, iterations, 2 * keyBytes + 2, 'sha1');
  applyKeyStream(keys.subarray(0, keyBytes), data);
  const mac = createHmac('sha1', keys.subarray(keyBytes, 2 * keyBytes))
    .update(data)
    .digest();
  const content = Buffer.concat([member.salt, keys.subarray(2 * keyBytes), data, mac.subarray(0, authenticationBytes)]);
  const method = smaller ? methods.deflated : methods.stored;
  return { name: Buffer.from(member.name, 'utf8'), method, bytes: member.content.length, content };
}

/** The extra field 0x9901: AE-2, strength 3 (AES-256), and the method under the encryption. */
function aesExtra(method: number): Buffer {
  const extra = Buffer.alloc(11);
  extra.writeUInt16LE(0x9901, 0);
  extra.writeUInt16LE(7, 2);
  extra.writeUInt16LE(2, 4);
  extra.write('AE', 6, 'latin1');
  extra.writeUInt8(3, 8);
  extra.writeUInt16LE(method, 9);
  return extra;
}

/** APPNOTE 4.4.6, which knows two-second steps from 1980 on. */
function dosTime(at: number): { readonly date: number; readonly time: number } {
  const when = new Date(Math.min(Math.max(at, Date.UTC(1980, 0, 1)), Date.UTC(2107, 11, 31)));
  const date = ((when.getUTCFullYear() - 1980) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate();
  const time = (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >> 1);
  return { date, time };
}

/** What the local header (APPNOTE 4.3.7) and the entry of the directory (4.3.12) have in common. AE-2 has no CRC. */
function commonHeader(member: Sealed, at: number): Buffer {
  const { date, time } = dosTime(at);
  const header = Buffer.alloc(26);
  header.writeUInt16LE(versionNeeded, 0);
  header.writeUInt16LE(flags, 2);
  header.writeUInt16LE(methods.encrypted, 4);
  header.writeUInt16LE(time, 6);
  header.writeUInt16LE(date, 8);
  header.writeUInt32LE(member.content.length, 14);
  header.writeUInt32LE(member.bytes, 18);
  header.writeUInt16LE(member.name.length, 22);
  header.writeUInt16LE(aesExtra(0).length, 24);
  return header;
}

function signature(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** APPNOTE 4.3.12, up to the name: made under MS-DOS, an ordinary file, no comment. */
function directoryEntry(member: Sealed, at: number, offset: number): Buffer {
  const made = Buffer.alloc(2);
  made.writeUInt16LE(versionNeeded, 0);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(offset, 10);
  return Buffer.concat([signature('PK\x01\x02'), made, commonHeader(member, at), rest]);
}

/** APPNOTE 4.3.16 */
function endOfDirectory(count: number, bytes: number, offset: number): Buffer {
  const end = Buffer.alloc(18);
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(bytes, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([signature('PK\x05\x06'), end]);
}

/**
 * The archive in memory. The caller bounds what goes in: at most `membersMax` members, and less than 4 GiB.
 * @param at ms since 1970, the time of all members
 */
export function encryptedZip(members: readonly ZipMember[], password: string, at: number): Buffer {
  if (members.length > membersMax) throw new RangeError(`an archive has at most ${membersMax} members`);
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const packed = sealed(member, password);
    const extra = aesExtra(packed.method);
    const local = Buffer.concat([signature('PK\x03\x04'), commonHeader(packed, at), packed.name, extra]);
    pieces.push(local, packed.content);
    directory.push(directoryEntry(packed, at, offset), packed.name, extra);
    offset += local.length + packed.content.length;
  }
  const entries = Buffer.concat(directory);
  return Buffer.concat([...pieces, entries, endOfDirectory(members.length, entries.length, offset)]);
}
