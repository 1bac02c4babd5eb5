/**
 * Opens the setup programs of InstallShield, which carry their files behind the program: as they are, each after four
 * texts that name it, or packed and lightly scrambled after a table. The program itself is not looked into.
 */
import { limits } from '../../runtime/limits.js';
import { inflate } from './inflate.js';
import { type CabinetFile, cabinetSignature, openInstallCabinet } from './installshield-cabinet.js';
import { LazyMember } from './lazy-member.js';
import { nameIsUnsafe } from './member-name.js';
import type { Opener, OpenOutput } from './opener.js';
import { StoppingOutput } from './stopping-output.js';

const signature = Buffer.from('InstallShield\0', 'latin1');
const headerBytes = 46;
const entryBytes = 312;
const entryNameBytes = 260;
const entrySizeOffset = 268;
/** what the key of the scrambling is mixed with */
const mask = [0x13, 0x35, 0x86, 0x07];
/** later versions begin the key anew after so many bytes */
const keyBlockBytes = 1024;

export const installShield: Opener = {
  id: 'installshield',
  matches: ({ content }) => isCabinet(content) || (overlayStart(content) !== undefined && content.includes(signature)),
  open: async ({ content }, out) => {
    const stopping = new StoppingOutput(out);
    if (isCabinet(content)) {
      // Alone, the first data file has the list as well, and lacks the others.
      await openInstallCabinet([{ name: 'data1.cab', content }], stopping);
      return;
    }
    await openScrambled(content, stopping);
    if (!stopping.stopped) await openPlain(content, overlayStart(content) ?? content.length, stopping);
  },
};

function isCabinet(content: Buffer): boolean {
  return content.length > 64 && cabinetSignature.compare(content, 0, 4) === 0;
}

/** Where the last section of a Windows program ends; undefined for anything else, or when nothing is behind it. */
function overlayStart(content: Buffer): number | undefined {
  if (content.length < 64 || content.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const header = content.readUInt32LE(60);
  if (header + 24 > content.length || content.toString('latin1', header, header + 4) !== 'PE\0\0') return undefined;
  const sections = content.readUInt16LE(header + 6);
  const table = header + 24 + content.readUInt16LE(header + 20);
  let end = 0;
  for (let at = table; at < table + sections * 40 && at + 40 <= content.length; at += 40) {
    end = Math.max(end, content.readUInt32LE(at + 16) + content.readUInt32LE(at + 20));
  }
  return end > 0 && end < content.length ? end : undefined;
}

async function openScrambled(content: Buffer, out: StoppingOutput): Promise<void> {
  const overlay = overlayStart(content) ?? content.length;
  const header = content.indexOf(signature, overlay);
  if (header < 0 || header + headerBytes > content.length) return;
  let files = content.readUInt16LE(header + signature.length);
  let at = header + headerBytes;
  for (; files > 0 && at + entryBytes <= content.length && !out.stopped; files -= 1) {
    const name = content.subarray(at, at + entryNameBytes);
    const nameEnd = name.indexOf(0);
    const key = nameEnd < 0 ? name : name.subarray(0, nameEnd);
    const size = content.readUInt32LE(at + entrySizeOffset);
    const start = at + entryBytes;
    if (key.length === 0 || start + size > content.length) break;
    await takeScrambled(content.subarray(start, start + size), key, out);
    at = start + size;
  }
  if (files > 0 && !out.stopped) out.problem('archive-damaged');
}

async function takeScrambled(data: Buffer, key: Buffer, out: StoppingOutput): Promise<void> {
  const names = [key.toString('latin1')];
  const blocks = [data.length, keyBlockBytes].map((block) => unscramble(data, key, block));
  for (const plain of blocks) {
    const member = new LazyMember(() => out.member({ names, method: 'installshield' }));
    const { complete } = await inflate(plain, 'zlib', member.write);
    await member.end();
    if (complete || out.stopped) return;
  }
  out.problem('archive-damaged');
  const [plain] = blocks;
  if (plain !== undefined) await out.add({ names, method: 'installshield' }, plain);
}

function unscramble(data: Buffer, key: Buffer, blockBytes: number): Buffer {
  const plain = Buffer.alloc(data.length);
  for (let index = 0; index < data.length; index += 1) {
    const place = (index % blockBytes) % key.length;
    const byte = data[index] ?? 0;
    plain[index] = ~((key[place] ?? 0) ^ (mask[place % 4] ?? 0) ^ ((byte << 4) | (byte >>> 4)));
  }
  return plain;
}

async function openPlain(content: Buffer, start: number, out: OpenOutput): Promise<void> {
  const files: CabinetFile[] = [];
  let at = start;
  while (at < content.length && files.length < limits.open.membersMax) {
    const file = readPlain(content, at);
    if (file === undefined) break;
    files.push(file);
    at = file.end;
    if (nameIsUnsafe(file.path)) out.flag('member-name-unsafe');
    if (!(await out.add({ names: [file.name, file.path], method: 'installshield' }, file.content))) return;
  }
  await openInstallCabinet(files, out);
}

interface PlainFile extends CabinetFile {
  readonly path: string;
  readonly end: number;
}

/** Name, path, version and size as texts, then the file. */
function readPlain(content: Buffer, start: number): PlainFile | undefined {
  const texts: string[] = [];
  let at = start;
  while (texts.length < 4) {
    const end = content.indexOf(0, at);
    if (end < 0 || end - at > limits.open.nameBytes) return undefined;
    texts.push(content.toString('latin1', at, end));
    at = end + 1;
  }
  const [name = '', path = '', , sizeText = ''] = texts;
  if (name === '' || !/^\d{1,10}$/.test(sizeText)) return undefined;
  const size = Number(sizeText);
  if (at + size > content.length) return undefined;
  return { name, path, content: content.subarray(at, at + size), end: at + size };
}
