/**
 * The formats that are left to 7-Zip: how each is known by its bytes, and what 7-Zip calls it. Signatures only;
 * nothing is unpacked here.
 */

import { crc32 } from 'node:zlib';
import { standsAt } from '../stands-at.js';

export interface SevenZipFormat {
  /** 7-Zip's own name, for `-t`; lower case it is the method of its members */
  readonly type: string;
  /** where in the file it begins */
  readonly offset: number;
  /** The signature alone proves it: when it cannot be read it is damaged, and not something else. */
  readonly certain: boolean;
  /** one file without a directory, so that it need not be listed */
  readonly stream?: boolean;
  readonly disk?: boolean;
  /** it stands behind other content, which is no program that unpacks itself */
  readonly inside?: boolean;
}

interface Signature {
  readonly type: string;
  readonly bytes: Buffer;
  readonly at: number;
  readonly stream?: boolean;
  readonly disk?: boolean;
  readonly weak?: boolean;
  readonly check?: (content: Buffer) => boolean;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Formats that begin where the file begins. */
const fixed: readonly Signature[] = [
  { type: 'arj', bytes: hex('60ea'), at: 0, weak: true },
  { type: 'cpio', bytes: ascii('070701'), at: 0 },
  { type: 'cpio', bytes: ascii('070702'), at: 0 },
  { type: 'cpio', bytes: ascii('070707'), at: 0 },
  { type: 'cpio', bytes: hex('c771'), at: 0, weak: true },
  { type: 'cpio', bytes: hex('71c7'), at: 0, weak: true },
  { type: 'ar', bytes: ascii('!<arch>\n'), at: 0 },
  { type: 'chm', bytes: ascii('ITSF'), at: 0 },
  { type: 'hxs', bytes: ascii('ITOLITLS'), at: 0 },
  { type: 'mslz', bytes: hex('535a444488f02733'), at: 0, stream: true },
  { type: 'bzip2', bytes: ascii('BZh'), at: 0, stream: true, check: isBzip2 },
  { type: 'xz', bytes: hex('fd377a585a00'), at: 0, stream: true },
  { type: 'zstd', bytes: hex('28b52ffd'), at: 0, stream: true },
  { type: 'z', bytes: hex('1f9d'), at: 0, stream: true, weak: true },
  { type: 'lzma', bytes: hex('5d0000'), at: 0, stream: true, weak: true, check: isLzma },
  { type: 'lzh', bytes: ascii('-lh'), at: 2, weak: true },
  { type: 'lzh', bytes: ascii('-lz'), at: 2, weak: true },
  { type: 'rpm', bytes: hex('edabeedb'), at: 0 },
  { type: 'xar', bytes: ascii('xar!'), at: 0 },
  { type: 'swfc', bytes: ascii('CWS'), at: 0, stream: true, weak: true, check: isFlash },
  { type: 'swfc', bytes: ascii('ZWS'), at: 0, stream: true, weak: true, check: isFlash },
  { type: 'wim', bytes: hex('4d5357494d000000'), at: 0 },
  { type: 'iso', bytes: ascii('CD001'), at: 0x8001, disk: true },
  { type: 'udf', bytes: ascii('BEA01'), at: 0x8001, disk: true },
  { type: 'udf', bytes: ascii('BEA01'), at: 0x8801, disk: true },
  { type: 'udf', bytes: ascii('BEA01'), at: 0x9001, disk: true },
  { type: 'vhd', bytes: ascii('conectix'), at: 0, disk: true },
  { type: 'vhd', bytes: ascii('conectix'), at: -512, disk: true },
  { type: 'vhdx', bytes: ascii('vhdxfile'), at: 0, disk: true },
  { type: 'vmdk', bytes: ascii('KDMV'), at: 0, disk: true },
  { type: 'qcow', bytes: hex('514649fb'), at: 0, disk: true },
  { type: 'vdi', bytes: hex('7f10dabe'), at: 64, disk: true },
  { type: 'dmg', bytes: hex('6b6f6c7900000004'), at: -512, disk: true },
  { type: 'hfs', bytes: hex('482b0004'), at: 1024, disk: true },
  { type: 'hfs', bytes: hex('48580005'), at: 1024, disk: true },
  { type: 'hfs', bytes: hex('4244'), at: 1024, disk: true, weak: true },
  { type: 'ext', bytes: hex('53ef'), at: 1080, disk: true, weak: true },
  { type: 'ntfs', bytes: ascii('NTFS    '), at: 3, disk: true },
  { type: 'fat', bytes: hex('55aa'), at: 510, disk: true, weak: true, check: isFat },
  { type: 'gpt', bytes: ascii('EFI PART'), at: 512, disk: true },
  { type: 'mbr', bytes: hex('55aa'), at: 510, disk: true, weak: true, check: isMbr },
  { type: 'apm', bytes: ascii('ER'), at: 0, disk: true, weak: true, check: isPartitionMap },
  { type: 'apfs', bytes: ascii('NXSB'), at: 32, disk: true },
  { type: 'squashfs', bytes: ascii('hsqs'), at: 0, disk: true },
  { type: 'squashfs', bytes: ascii('sqsh'), at: 0, disk: true },
  { type: 'cramfs', bytes: ascii('Compressed ROMFS'), at: 16, disk: true },
  { type: 'compound', bytes: hex('d0cf11e0a1b11ae1'), at: 0, weak: true, check: isInstaller },
];

/** A format that programs look for anywhere: self-extractors, and files with something in front. */
interface Floating {
  readonly type: string;
  readonly bytes: Buffer;
  /** bytes of the archive in front of its signature */
  readonly before: number;
  /** The bytes that begin with the signature are a header, and not a list of signatures. */
  readonly isHeader: (start: Buffer) => boolean;
}

const floating: readonly Floating[] = [
  { type: '7z', bytes: hex('377abcaf271c'), before: 0, isHeader: isSevenZip },
  { type: 'rar', bytes: hex('526172211a0700'), before: 0, isHeader: isRar },
  { type: 'rar5', bytes: hex('526172211a070100'), before: 0, isHeader: isRar5 },
  { type: 'cab', bytes: hex('4d53434600000000'), before: 0, isHeader: isCabinet },
  { type: 'nsis', bytes: Buffer.concat([hex('efbeadde'), ascii('NullsoftInst')]), before: 4, isHeader: isNsis },
];

/** Formats of archives that nothing here can open. */
const foreign: readonly Signature[] = [
  { type: 'ace', bytes: ascii('**ACE**'), at: 7 },
  { type: 'stuffit', bytes: ascii('SIT!'), at: 0 },
  { type: 'stuffit', bytes: ascii('StuffIt (c)'), at: 0 },
  { type: 'lzip', bytes: hex('4c5a495001'), at: 0 },
  { type: 'lz4', bytes: hex('04224d18'), at: 0 },
  { type: 'lzop', bytes: hex('894c5a4f000d0a1a0a'), at: 0 },
  { type: 'lrzip', bytes: ascii('LRZI'), at: 0 },
  { type: 'zpaq', bytes: hex('37 6b 53 74 a0 31 83 d3'), at: 0 },
  { type: 'zoo', bytes: hex('dca7c4fd'), at: 20 },
  { type: 'alz', bytes: hex('414c5a01'), at: 0 },
  { type: 'egg', bytes: hex('45474741'), at: 0 },
];

/** headers in one file that are followed: honest files have one or two, and each costs two runs */
const placesMax = 32;

function has(content: Buffer, signature: Signature): boolean {
  const start = signature.at < 0 ? content.length + signature.at : signature.at;
  if (start < 0 || !standsAt(content, signature.bytes, start)) return false;
  return signature.check?.(content) ?? true;
}

/** All formats that a file may be in: it may be valid in several. Undefined stands for more than are followed. */
export function sevenZipFormats(content: Buffer): (SevenZipFormat | undefined)[] {
  const found: SevenZipFormat[] = [];
  for (const signature of fixed) {
    if (has(content, signature)) found.push({ ...signature, offset: 0, certain: signature.weak !== true });
  }
  const isProgram = content.toString('latin1', 0, 2) === 'MZ';
  for (const { type, bytes, before, isHeader } of floating) {
    for (let at = content.indexOf(bytes); at >= 0; at = content.indexOf(bytes, at + 1)) {
      const offset = at - before;
      // At the very start a damaged header is an archive all the same.
      if (offset < 0 || (offset > 0 && !isHeader(content.subarray(at)))) continue;
      if (found.length >= placesMax) return [...found, undefined];
      found.push({ type, offset, certain: offset === 0, inside: offset > 0 && !isProgram });
    }
  }
  return found;
}

/** What makes a file an archive of 7-Zip's wherever it stands. */
export const floatingSignatures: readonly Buffer[] = floating.map(({ bytes }) => bytes);

/** Whether a file begins, or ends, as one that is left to 7-Zip or that nobody can open. */
export function hasFixedSignature(content: Buffer): boolean {
  return fixed.some((signature) => has(content, signature)) || isForeignArchive(content);
}

/** The file is an archive that cannot be opened here. */
export function isForeignArchive(content: Buffer): boolean {
  return foreign.some((signature) => has(content, signature));
}

/** `BZh`, the block size, then a block or the end. */
function isBzip2(content: Buffer): boolean {
  const level = content[3] ?? 0;
  const next = content.toString('hex', 4, 10);
  return level >= 0x31 && level <= 0x39 && (next === '314159265359' || next === '177245385090');
}

/** The header of LZMA alone has no signature: the usual properties, a whole dictionary size, a size below 1 TiB. */
function isLzma(content: Buffer): boolean {
  if (content.length < 14) return false;
  const dictionary = content.readUInt32LE(1);
  const high = content.readUInt32LE(9);
  const low = content.readUInt32LE(5);
  return dictionary >= 4096 && (high < 256 || (high === 0xffffffff && low === 0xffffffff)) && content[13] === 0;
}

/** Apple's: the size of a block, then the first entry of the map in the second block. */
function isPartitionMap(content: Buffer): boolean {
  return content.length > 1024 && content.readUInt16BE(2) === 512 && content.toString('latin1', 512, 514) === 'PM';
}

/** The version of the player, then the size of what is packed. */
function isFlash(content: Buffer): boolean {
  return content.length > 8 && (content[3] ?? 255) < 64 && content.readUInt32LE(4) > 8;
}

function isFat(content: Buffer): boolean {
  const jump = content[0];
  if ((jump !== 0xeb && jump !== 0xe9) || content.length < 1024) return false;
  const sector = content.readUInt16LE(11);
  return sector >= 512 && sector <= 4096 && (sector & (sector - 1)) === 0 && (content[13] ?? 0) > 0;
}

function isMbr(content: Buffer): boolean {
  for (let entry = 446; entry < 510; entry += 16) {
    const active = content[entry] ?? 1;
    if (active !== 0 && active !== 0x80) return false;
  }
  return content.length >= 1024 && !isFat(content);
}

/** Windows Installer packages and patches, by the class of the root storage; other compound files are documents. */
function isInstaller(content: Buffer): boolean {
  return ['84', '86', '82'].some((kind) => content.includes(hex(`${kind}100c0000000000c000000000000046`)));
}

function isSevenZip(start: Buffer): boolean {
  return start.length >= 32 && start.readUInt32LE(8) === crc32(start.subarray(12, 32));
}

/** The main header, with its own checksum, follows the mark. */
function isRar(start: Buffer): boolean {
  if (start.length < 20 || start[9] !== 0x73) return false;
  const end = 7 + start.readUInt16LE(12);
  return end >= 20 && end <= start.length && start.readUInt16LE(7) === (crc32(start.subarray(9, end)) & 0xffff);
}

function isRar5(start: Buffer): boolean {
  if (start.length < 16) return false;
  // The first header is small; its size takes one byte, or two at most.
  const low = start[12] ?? 0;
  const size = low < 128 ? low + 1 : (low & 127) + (start[13] ?? 0) * 128 + 2;
  return start.readUInt32LE(8) === crc32(start.subarray(12, 12 + size));
}

function isCabinet(start: Buffer): boolean {
  if (start.length < 44 || start.readUInt32LE(12) !== 0) return false;
  return start[24] === 3 && start[25] === 1 && start.readUInt32LE(16) < start.length && start.readUInt16LE(26) > 0;
}

function isNsis(start: Buffer): boolean {
  return start.length >= 24 && start.readUInt32LE(16) > 0 && start.readUInt32LE(20) > 0;
}
