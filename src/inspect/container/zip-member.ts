/**
 * Takes one member of a ZIP file out, by the method that its header declares and, where the result does not fit what
 * is declared, by the others that its bytes allow: a reader that ignores the header finds those.
 */
import { crc32 } from 'node:zlib';
import type { ProblemCode } from '../../mime/problem.js';
import { limits } from '../../runtime/limits.js';
import type { PartFlag } from '../report.js';
import { inflate } from './inflate.js';
import { LazyMember } from './lazy-member.js';
import type { MemberAbout, MemberWriter, OpenOutput } from './opener.js';
import { openWithSevenZip } from './seven-zip.js';
import { spannedSignature, zipFlags } from './zip-records.js';

/** A way to read one member: where its data is, and what is declared of it. */
export interface ZipMember {
  readonly names: readonly string[];
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly dataOffset: number;
  /** compressed size and CRC follow the data, so that only the data itself says where it ends */
  readonly open: boolean;
}

export interface Taken {
  /** where the data ends that this member really has */
  readonly end: number;
  /** the data is what the header says */
  readonly fits: boolean;
}

const methods = { stored: 0, deflated: 8 } as const;

export async function takeZipMember(content: Buffer, member: ZipMember, out: OpenOutput): Promise<Taken> {
  const limit = member.open
    ? openEnd(content, member)
    : Math.min(content.length, member.dataOffset + member.compressed);
  const data = content.subarray(member.dataOffset, limit);
  if ((member.flags & zipFlags.encrypted) !== 0) return takeEncrypted(content, member, data, out);
  if (member.method === methods.stored) return takeStored(content, member, data, out);
  if (member.method === methods.deflated) return takeDeflated(content, member, data, out);
  return takeOther(member, data, out);
}

/** Where data may end whose size is told behind it: stored data has no end of its own. */
function openEnd(content: Buffer, { method, dataOffset }: ZipMember): number {
  if (method !== methods.stored) return content.length;
  for (
    let at = content.indexOf(spannedSignature, dataOffset);
    at >= 0;
    at = content.indexOf(spannedSignature, at + 1)
  ) {
    if (at + 16 <= content.length && content.readUInt32LE(at + 8) === at - dataOffset) return at;
  }
  return content.length;
}

function begin(member: ZipMember, out: OpenOutput, flags: readonly PartFlag[] = []): MemberWriter | undefined {
  return out.member({ names: member.names, method: 'zip', flags });
}

async function takeStored(content: Buffer, member: ZipMember, data: Buffer, out: OpenOutput): Promise<Taken> {
  const end = member.dataOffset + data.length;
  const fits = member.open || (data.length === member.size && crc32(data) === member.crc);
  if (data.length > 0) await out.add({ names: member.names, method: 'zip' }, data);
  else if (member.size === 0) await begin(member, out)?.end();
  if (fits || out.exhausted) return { end, fits: fits && data.length === member.compressed };
  // Two sizes are declared, and readers take the one or the other.
  const bySize = content.subarray(member.dataOffset, member.dataOffset + member.size);
  if (member.size !== data.length && bySize.length > 0) {
    if (!(await out.add({ names: member.names, method: 'zip' }, bySize))) return { end, fits: false };
  }
  // The declared method does not fit: whoever goes by the content inflates it.
  const attempt = new LazyMember(() => begin(member, out));
  await inflate(data, 'raw', attempt.write);
  await attempt.end();
  return { end, fits: false };
}

async function takeDeflated(content: Buffer, member: ZipMember, data: Buffer, out: OpenOutput): Promise<Taken> {
  const attempt = new LazyMember(() => begin(member, out));
  const result = await inflate(data, 'raw', attempt.write);
  const isFolder = member.names.some((name) => name.endsWith('/'));
  if (!attempt.started && result.complete && !isFolder) attempt.write(new Uint8Array(0));
  await attempt.end();
  const end = member.dataOffset + result.consumed;
  if (result.stopped || out.exhausted) return { end, fits: true };
  const declared = member.open || (result.consumed === member.compressed && result.size === member.size);
  if (result.complete && declared && (member.open || result.crc === member.crc)) return { end, fits: true };
  if (result.size > member.size && member.size > 0) await takeCut(member, data, out);
  if (result.complete) return { end, fits: false };
  if (data.length > 0 && !(await out.add({ names: member.names, method: 'zip' }, data))) return { end, fits: false };
  // Readers that go by the data itself do not stop where the header says.
  const rest = content.subarray(member.dataOffset);
  if (rest.length > data.length) {
    const whole = new LazyMember(() => begin(member, out));
    await inflate(rest, 'raw', whole.write);
    await whole.end();
  }
  return { end, fits: false };
}

/** What readers get that stop at the declared size. */
async function takeCut(member: ZipMember, data: Buffer, out: OpenOutput): Promise<void> {
  const cut = new LazyMember(() => begin(member, out));
  let left = member.size;
  await inflate(data, 'raw', (chunk) => {
    const goOn = cut.write(chunk.subarray(0, left));
    left -= Math.min(left, chunk.length);
    return goOn && left > 0;
  });
  await cut.end();
}

/** Its bytes as they are, so that it has a digest; and without the lie, if the mark is one. */
async function takeEncrypted(content: Buffer, member: ZipMember, data: Buffer, out: OpenOutput): Promise<Taken> {
  out.flag('encrypted');
  const end = member.dataOffset + (member.open ? 0 : data.length);
  const flags = member.flags & ~zipFlags.encrypted;
  const stored = member.method === methods.stored && data.length === member.size && crc32(data) === member.crc;
  if (stored || (await inflatesAsDeclared(member, data, out))) {
    await takeZipMember(content, { ...member, flags }, out);
    return { end, fits: false };
  }
  await out.add({ names: member.names, method: 'zip', flags: ['encrypted'] }, member.open ? new Uint8Array(0) : data);
  return { end, fits: true };
}

/** Nothing of this is handed over, so its cost has a bound of its own. */
async function inflatesAsDeclared(member: ZipMember, data: Buffer, out: OpenOutput): Promise<boolean> {
  const isModest = member.size <= limits.open.zipLieRatioMax * data.length;
  if (member.method !== methods.deflated || !isModest) return false;
  let size = 0;
  const result = await inflate(data, 'raw', (chunk) => {
    size += chunk.length;
    return size <= member.size && !out.exhausted;
  });
  return result.complete && result.crc === member.crc && result.size === member.size;
}

/** The methods that only 7-Zip knows: it gets the member as an archive of its own, with its header put right. */
async function takeOther(member: ZipMember, data: Buffer, out: OpenOutput): Promise<Taken> {
  const end = member.dataOffset + data.length;
  if (member.open) {
    out.problem('archive-unsupported');
    return { end: member.dataOffset, fits: true };
  }
  const unpacked = new UnpackedMember(member, out);
  const format = { type: 'zip', offset: 0, certain: true } as const;
  await openWithSevenZip(singleMemberZip(member, data), format, unpacked);
  if (unpacked.bytes > 0 || member.size === 0 || out.exhausted) return { end, fits: true };
  // A method that does not exist, or does not fit, may be a lie about one that does.
  await out.add({ names: member.names, method: 'zip' }, data);
  if (crc32(data) === member.crc) return { end, fits: false };
  const attempt = new LazyMember(() => begin(member, out));
  await inflate(data, 'raw', attempt.write);
  await attempt.end();
  return { end, fits: false };
}

/** Gives what 7-Zip unpacks the names of the member it stands for; what has no byte is no member. */
class UnpackedMember implements OpenOutput {
  readonly #about: MemberAbout;
  readonly #out: OpenOutput;
  bytes = 0;

  constructor(member: ZipMember, out: OpenOutput) {
    this.#about = { names: member.names, method: 'zip' };
    this.#out = out;
  }

  get bytesLeft(): number {
    return this.#out.bytesLeft;
  }

  get exhausted(): boolean {
    return this.#out.exhausted;
  }

  member(): MemberWriter {
    const attempt = new LazyMember(() => this.#out.member(this.#about));
    return {
      write: (chunk) => {
        this.bytes += chunk.length;
        return attempt.write(chunk);
      },
      end: () => attempt.end(),
    };
  }

  async add(_about: MemberAbout, content: Uint8Array): Promise<boolean> {
    const writer = this.member();
    const goOn = content.length === 0 || writer.write(content);
    await writer.end();
    return goOn;
  }

  flag(flag: PartFlag): void {
    this.#out.flag(flag);
  }

  problem(code: ProblemCode): void {
    this.#out.problem(code);
  }
}

/** A ZIP file of one member named `m`, for a program that wants a whole archive. */
function singleMemberZip(member: ZipMember, data: Buffer): Buffer {
  const common = Buffer.alloc(26);
  // The flags of a method's own parameters stay; names, descriptors and keys do not.
  common.writeUInt16LE(63, 0);
  common.writeUInt16LE(member.flags & 0x6, 2);
  common.writeUInt16LE(member.method, 4);
  common.writeUInt32LE(member.crc, 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(Math.min(member.size, 0xfffffffe), 18);
  common.writeUInt16LE(1, 22);
  const name = Buffer.from('m');
  const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, name]);
  const central = Buffer.concat([Buffer.from('504b01023f00', 'hex'), common, Buffer.alloc(14), name]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length + data.length, 16);
  return Buffer.concat([local, data, central, end]);
}
