/**
 * Reads InstallShield's own cabinets, which have nothing but the name in common with Microsoft's: a header file lists
 * what the numbered data files hold. Versions 6 and later, as the unshield project describes them.
 */
import { limits } from '../../runtime/limits.js';
import { inflate } from './inflate.js';
import { nameIsUnsafe } from './member-name.js';
import type { MemberWriter, OpenOutput } from './opener.js';

export const cabinetSignature = Buffer.from('ISc(', 'latin1');

export interface CabinetFile {
  readonly name: string;
  readonly content: Buffer;
}

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly size: number;
  readonly compressed: number;
  readonly offset: number;
  readonly volume: number;
}

const entryBytes = 0x57;
const entryFlags = { split: 1, obfuscated: 2, compressed: 4, invalid: 8 } as const;
/** the version from which names are UTF-16 */
const wideNames = 17;

/** Opens the cabinet among `files`, if there is one. */
export async function openInstallCabinet(files: readonly CabinetFile[], out: OpenOutput): Promise<void> {
  const cabinets = files.filter(({ content }) => content.length > 20 && cabinetSignature.compare(content, 0, 4) === 0);
  const header = cabinets.find(({ name }) => /\.hdr$/i.test(name)) ?? cabinets[0];
  if (header === undefined) return;
  for (const entry of readEntries(header.content)) {
    if (out.exhausted) return;
    const data = cabinets.find(({ name }) => name.toLowerCase() === `data${entry.volume}.cab`)?.content;
    if (data === undefined || (entry.flags & entryFlags.split) !== 0) {
      // A part of a setup on its own; a whole setup has all of its parts.
      if (cabinets.length < 2) out.flag('multi-volume');
      else out.problem('archive-unsupported');
      continue;
    }
    if (nameIsUnsafe(entry.name)) out.flag('member-name-unsafe');
    const writer = out.member({ names: [entry.name], method: 'installshield' });
    if (writer === undefined) return;
    const goOn = await takeEntry(entry, data, writer);
    await writer.end();
    if (!goOn) return;
  }
}

function majorVersion(version: number): number {
  return version >>> 24 === 1 ? (version >>> 12) & 15 : (version & 0xffff) / 100;
}

function readEntries(header: Buffer): Entry[] {
  const descriptor = header.readUInt32LE(12);
  if (descriptor + 0x30 > header.length) return [];
  const version = majorVersion(header.readUInt32LE(4));
  const table = descriptor + header.readUInt32LE(descriptor + 0x0c);
  const start = table + header.readUInt32LE(descriptor + 0x2c);
  const count = Math.min(header.readUInt32LE(descriptor + 0x28), limits.open.membersMax);
  const entries: Entry[] = [];
  const end = Math.min(header.length, start + count * entryBytes);
  for (let at = start; at + entryBytes <= end; at += entryBytes) {
    const entry = {
      flags: header.readUInt16LE(at),
      size: Number(header.readBigUInt64LE(at + 2)),
      compressed: Number(header.readBigUInt64LE(at + 10)),
      offset: Number(header.readBigUInt64LE(at + 18)),
      name: readName(header, table + header.readUInt32LE(at + 58), version >= wideNames),
      volume: header.readUInt16LE(at + entryBytes - 2),
    };
    // What has no place is beside the cabinet; what has no size is a name only.
    if ((entry.flags & entryFlags.invalid) === 0 && entry.offset > 0 && entry.size > 0) entries.push(entry);
  }
  return entries;
}

function readName(header: Buffer, start: number, isWide: boolean): string {
  const field = header.subarray(start, start + limits.open.nameBytes);
  return (field.toString(isWide ? 'utf16le' : 'latin1').split('\0', 1)[0] ?? '').trim();
}

/** False when a bound was reached. */
async function takeEntry(entry: Entry, data: Buffer, writer: MemberWriter): Promise<boolean> {
  const isCompressed = (entry.flags & entryFlags.compressed) !== 0;
  const stored = data.subarray(entry.offset, entry.offset + (isCompressed ? entry.compressed : entry.size));
  const plain = (entry.flags & entryFlags.obfuscated) !== 0 ? deobfuscate(stored) : stored;
  if (!isCompressed) return plain.length === 0 || writer.write(plain);
  // Chunks of their own, each deflated and led by its length.
  for (let at = 0; at + 2 <= plain.length; ) {
    const length = plain.readUInt16LE(at);
    if (length === 0) return true;
    const { stopped } = await inflate(plain.subarray(at + 2, at + 2 + length), 'raw', (chunk) => writer.write(chunk));
    if (stopped) return false;
    at += 2 + length;
  }
  return true;
}

function deobfuscate(bytes: Buffer): Buffer {
  const plain = Buffer.alloc(bytes.length);
  for (let index = 0; index < bytes.length; index += 1) {
    const mixed = (bytes[index] ?? 0) ^ 0xd5;
    plain[index] = ((mixed >>> 2) | (mixed << 6)) - (index % 0x47);
  }
  return plain;
}
