/**
 * The records of a ZIP file as values: local header, central header and end of directory, as in APPNOTE 6.3.10.
 * It reads one record at one place; which places are believed is decided elsewhere.
 */
import { decodeZipName } from './zip-name.js';

export const localSignature = Buffer.from('504b0304', 'hex');
export const centralSignature = Buffer.from('504b0102', 'hex');
export const endSignature = Buffer.from('504b0506', 'hex');
export const spannedSignature = Buffer.from('504b0708', 'hex');

export const zipFlags = { encrypted: 1, descriptor: 8, strong: 0x40, utf8: 0x800, masked: 0x2000 } as const;

/** What both kinds of header say of a member. */
export interface ZipHeader {
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly rawName: Buffer;
  /** every candidate: by the flag, by code page 437, and from the Unicode path field */
  readonly names: readonly string[];
}

export interface LocalHeader extends ZipHeader {
  readonly offset: number;
  readonly dataOffset: number;
  /** a size is given as all ones and nowhere else */
  readonly sizesUnknown: boolean;
}

export interface CentralHeader extends ZipHeader {
  /** of the local header, as written */
  readonly localOffset: number;
  readonly disk: number;
  readonly end: number;
}

export interface EndRecord {
  readonly offset: number;
  /** where the comment ends */
  readonly end: number;
  readonly disk: number;
  readonly entries: number;
  readonly directoryBytes: number;
  readonly directoryOffset: number;
  /** where the record stands that ends the directory: this one, or the ZIP64 one before it */
  readonly directoryEnd: number;
}

const localBytes = 30;
const centralBytes = 46;
const endBytes = 22;
const allOnes = 0xffffffff;

interface Zip64 {
  readonly bytes: Buffer | undefined;
  readonly unicodeName: string | undefined;
}

function readExtra(extra: Buffer): Zip64 {
  let bytes: Buffer | undefined;
  let unicodeName: string | undefined;
  let at = 0;
  while (at + 4 <= extra.length) {
    const id = extra.readUInt16LE(at);
    const length = extra.readUInt16LE(at + 2);
    const field = extra.subarray(at + 4, at + 4 + length);
    // The first of two is the one that the readers known to us take.
    if (id === 1) bytes ??= field;
    // Version and CRC of the header's name are not compared: readers differ in whether they do.
    else if (id === 0x7075 && field.length > 5) unicodeName ??= field.toString('utf8', 5);
    at += 4 + length;
  }
  return { bytes, unicodeName };
}

/** Takes the 64-bit values in their fixed order, each there only when its short form is all ones. */
function widen(values: readonly number[], zip64: Buffer | undefined): number[] {
  let at = 0;
  return values.map((value) => {
    if (value !== allOnes || zip64 === undefined || at + 8 > zip64.length) return value;
    const wide = Number(zip64.readBigUInt64LE(at));
    at += 8;
    return wide;
  });
}

export function readLocalHeader(content: Buffer, offset: number): LocalHeader | undefined {
  if (offset < 0 || offset + localBytes > content.length) return undefined;
  if (localSignature.compare(content, offset, offset + 4) !== 0) return undefined;
  const nameEnd = offset + localBytes + content.readUInt16LE(offset + 26);
  const dataOffset = nameEnd + content.readUInt16LE(offset + 28);
  if (dataOffset > content.length) return undefined;
  const flags = content.readUInt16LE(offset + 6);
  const rawName = content.subarray(offset + localBytes, nameEnd);
  const extra = readExtra(content.subarray(nameEnd, dataOffset));
  const short = [content.readUInt32LE(offset + 22), content.readUInt32LE(offset + 18)];
  const [size = 0, compressed = 0] = widen(short, extra.bytes);
  return {
    offset,
    dataOffset,
    flags,
    method: content.readUInt16LE(offset + 8),
    crc: content.readUInt32LE(offset + 14),
    compressed,
    size,
    sizesUnknown: size === allOnes || compressed === allOnes,
    rawName,
    names: decodeZipName(rawName, flags, extra.unicodeName),
  };
}

export function readCentralHeader(content: Buffer, offset: number): CentralHeader | undefined {
  if (offset < 0 || offset + centralBytes > content.length) return undefined;
  if (centralSignature.compare(content, offset, offset + 4) !== 0) return undefined;
  const nameEnd = offset + centralBytes + content.readUInt16LE(offset + 28);
  const extraEnd = nameEnd + content.readUInt16LE(offset + 30);
  const end = extraEnd + content.readUInt16LE(offset + 32);
  // A name or field said to reach beyond the file is cut off there, as readers do.
  const flags = content.readUInt16LE(offset + 8);
  const rawName = content.subarray(offset + centralBytes, nameEnd);
  const extra = readExtra(content.subarray(nameEnd, extraEnd));
  const short = [24, 20, 42].map((field) => content.readUInt32LE(offset + field));
  const [size = 0, compressed = 0, localOffset = 0] = widen(short, extra.bytes);
  return {
    flags,
    method: content.readUInt16LE(offset + 10),
    crc: content.readUInt32LE(offset + 16),
    compressed,
    size,
    rawName,
    names: decodeZipName(rawName, flags, extra.unicodeName),
    localOffset,
    disk: content.readUInt16LE(offset + 34),
    end,
  };
}

/**
 * The readings of one end record: its own values, and those of a ZIP64 record that a locator in front of it names.
 * Most readers take the second only where the first is all ones; some always, some never.
 */
export function readEndRecords(content: Buffer, offset: number): EndRecord[] {
  if (offset + endBytes > content.length) return [];
  const short: EndRecord = {
    offset,
    end: offset + endBytes + content.readUInt16LE(offset + 20),
    disk: Math.max(content.readUInt16LE(offset + 4), content.readUInt16LE(offset + 6)),
    entries: content.readUInt16LE(offset + 10),
    directoryBytes: content.readUInt32LE(offset + 12),
    directoryOffset: content.readUInt32LE(offset + 16),
    directoryEnd: offset,
  };
  const wide = readZip64End(content, short);
  if (wide === undefined) return [short];
  const same =
    fits(short.entries, wide.entries, 0xffff) &&
    fits(short.directoryBytes, wide.directoryBytes, allOnes) &&
    fits(short.directoryOffset, wide.directoryOffset, allOnes);
  return same ? [wide] : [wide, short];
}

function fits(short: number, wide: number, ones: number): boolean {
  return short === wide || short === ones;
}

function readZip64End(content: Buffer, short: EndRecord): EndRecord | undefined {
  const locator = short.offset - 20;
  if (locator < 56 || content.readUInt32LE(locator) !== 0x07064b50) return undefined;
  const named = Number(content.readBigUInt64LE(locator + 8));
  // With something in front of the archive the named place is off, and the record stands before the locator.
  for (const at of [named, locator - 56]) {
    if (at + 56 > content.length || content.readUInt32LE(at) !== 0x06064b50) continue;
    return {
      offset: short.offset,
      end: short.end,
      disk: Math.max(content.readUInt32LE(at + 16), content.readUInt32LE(at + 20)),
      entries: Number(content.readBigUInt64LE(at + 32)),
      directoryBytes: Number(content.readBigUInt64LE(at + 40)),
      directoryOffset: Number(content.readBigUInt64LE(at + 48)),
      directoryEnd: at,
    };
  }
  return undefined;
}
