/**
 * Reads an OLE compound file ([MS-CFB]: Outlook messages, Office documents before 2007, installers) into its streams.
 * It is ours because the packages for it follow a FAT loop for ever and copy cross-linked chains again and again; here
 * each sector is visited once a chain and all chains together are bounded. What streams mean is not its business.
 */
import type { ProblemCode } from '../../mime/problem.js';
import { limits } from '../../runtime/limits.js';

export interface CompoundEntry {
  /** names from below the root joined by `/`; a storage's ends in `/`, the root's is empty */
  readonly path: string;
  readonly name: string;
  /** a view of the file where its sectors are adjacent, else a copy; empty for a storage */
  readonly content: Buffer;
  /** of a storage: 32 hex digits as stored, zeros when it has none; of a stream that of its storage */
  readonly clsid: string;
}

export interface CompoundFile {
  /** streams and storages that are in the tree, then those that only the directory's list holds */
  readonly entries: readonly CompoundEntry[];
  /** what could not be read: `file-damaged`, `unpack-limit` */
  readonly problems: readonly ProblemCode[];
}

interface DirectoryEntry {
  readonly name: string;
  readonly kind: number;
  readonly left: number;
  readonly right: number;
  readonly child: number;
  readonly clsid: string;
  readonly start: number;
  readonly bytes: number;
}

const signature = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const headerBytes = 512;
const headerFatSectors = 109;
const entryBytes = 128;
const miniShift = 6;
/** [MS-CFB] 2.1: greater sector numbers mean free, end of chain or a table's own sectors */
const sectorMax = 0xffff_fffa;
const endOfChain = 0xffff_fffe;
const storageKind = 1;
const streamKind = 2;
const rootKind = 5;
const empty: Buffer = Buffer.alloc(0);

/** A space of sectors of one size with its allocation table. */
interface Sectors {
  readonly table: Uint32Array;
  /** the last chain that visited the sector */
  readonly marks: Uint32Array;
  readonly shift: number;
  readonly bytes: Buffer;
  /** where sector 0 begins in `bytes` */
  readonly first: number;
}

export function isCompoundFile(content: Buffer): boolean {
  return content.length >= headerBytes && content.compare(signature, 0, 8, 0, 8) === 0;
}

/** Undefined when it is none, or too broken to have a directory. Never throws; linear in the file's size. */
export function readCompoundFile(content: Buffer): CompoundFile | undefined {
  if (!isCompoundFile(content)) return undefined;
  const shift = content.readUInt16LE(30);
  if (shift !== 9 && shift !== 12) return undefined;
  return new CompoundReader(content, shift).read();
}

class CompoundReader {
  readonly #content: Buffer;
  readonly #shift: number;
  readonly #problems = new Set<ProblemCode>();
  readonly #cache = new Map<string, Buffer>();
  #chains = 0;
  /** bytes of chains that may still be followed; honest files use each sector once, and those of small streams twice */
  #bytesLeft: number;

  constructor(content: Buffer, shift: number) {
    this.#content = content;
    this.#shift = shift;
    this.#bytesLeft = content.length * 2 + 65_536;
  }

  read(): CompoundFile | undefined {
    const fat = this.#fat();
    const directory = this.#chain(fat, this.#content.readUInt32LE(48), Number.POSITIVE_INFINITY);
    const entries = this.#directory(directory);
    const root = entries.find(({ kind }) => kind === rootKind);
    if (root === undefined) return undefined;
    const mini = this.#miniSectors(fat, root);
    const cutoff = this.#content.readUInt32LE(56);
    if (cutoff !== 4096) this.#problems.add('file-damaged');
    const content = ({ kind, start, bytes }: DirectoryEntry) => {
      if (kind !== streamKind || bytes === 0) return empty;
      return bytes < cutoff ? this.#chain(mini, start, bytes) : this.#chain(fat, start, bytes);
    };
    const placed = placeEntries(entries, entries.indexOf(root));
    return {
      entries: placed.map(({ path, clsid, entry }) => ({ path, name: entry.name, content: content(entry), clsid })),
      problems: [...this.#problems],
    };
  }

  /** The allocation table, cut to the sectors that the file has. */
  #fat(): Sectors {
    const content = this.#content;
    const shift = this.#shift;
    const size = 1 << shift;
    const count = Math.max(0, Math.ceil((content.length - size) / size));
    const table = new Uint32Array(count).fill(endOfChain);
    const perSector = size >>> 2;
    let at = 0;
    const load = (sector: number) => {
      const from = (sector + 1) * size;
      const to = sector >= count ? from : Math.min(content.length - 3, from + size);
      for (let offset = from, index = at; offset < to && index < count; offset += 4, index += 1) {
        table[index] = content.readUInt32LE(offset);
      }
      at += perSector;
    };
    for (let index = 0; index < headerFatSectors && at < count; index += 1) load(content.readUInt32LE(76 + index * 4));
    // The rest of the list is itself a chain of sectors; `at` grows with each, so a loop ends with the table.
    let next = content.readUInt32LE(68);
    while (at < count && next < count) {
      const from = (next + 1) * size;
      if (from + size > content.length) break;
      for (let index = 0; index < perSector - 1 && at < count; index += 1) load(content.readUInt32LE(from + index * 4));
      next = content.readUInt32LE(from + size - 4);
    }
    return { table, marks: new Uint32Array(count), shift, bytes: content, first: size };
  }

  #miniSectors(fat: Sectors, root: DirectoryEntry): Sectors {
    const bytes = root.bytes === 0 ? empty : this.#chain(fat, root.start, root.bytes);
    const stored = this.#chain(fat, this.#content.readUInt32LE(60), Number.POSITIVE_INFINITY);
    const count = Math.min(Math.ceil(bytes.length / (1 << miniShift)), stored.length >>> 2);
    const table = new Uint32Array(count);
    for (let index = 0; index < count; index += 1) table[index] = stored.readUInt32LE(index * 4);
    return { table, marks: new Uint32Array(count), shift: miniShift, bytes, first: 0 };
  }

  /** The bytes of a chain, at most `bytesMax` of them; what is there when it breaks off. */
  #chain(sectors: Sectors, start: number, bytesMax: number): Buffer {
    const { table, marks, shift, bytes, first } = sectors;
    const key = `${shift} ${start} ${bytesMax}`;
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    this.#chains += 1;
    const size = 1 << shift;
    const pieces: Buffer[] = [];
    let length = 0;
    let sector = start;
    let from = -1;
    let to = -1;
    const close = () => {
      if (to > from) pieces.push(bytes.subarray(from, to));
    };
    while (length < bytesMax && sector < table.length && marks[sector] !== this.#chains) {
      if (this.#bytesLeft <= 0) {
        this.#problems.add('unpack-limit');
        break;
      }
      this.#bytesLeft -= size;
      marks[sector] = this.#chains;
      const begin = first + sector * size;
      if (begin !== to) {
        close();
        from = begin;
      }
      to = begin + size;
      length += size;
      sector = table[sector] ?? endOfChain;
    }
    close();
    const broken = length < bytesMax && (bytesMax !== Number.POSITIVE_INFINITY || sector < sectorMax);
    if (broken) this.#problems.add('file-damaged');
    const whole = pieces.length === 1 ? (pieces[0] ?? empty) : Buffer.concat(pieces);
    const cut = whole.length > bytesMax ? whole.subarray(0, bytesMax) : whole;
    this.#cache.set(key, cut);
    return cut;
  }

  #directory(bytes: Buffer): DirectoryEntry[] {
    const entries: DirectoryEntry[] = [];
    const large = this.#shift === 12;
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
      if (entries.length >= limits.compound.entriesMax) {
        this.#problems.add('unpack-limit');
        break;
      }
      const nameBytes = Math.min(64, bytes.readUInt16LE(at + 64));
      const name = bytes.toString('utf16le', at, at + (nameBytes & ~1)).replace(/\0.*$/s, '');
      const high = large ? bytes.readUInt32LE(at + 124) * 0x1_0000_0000 : 0;
      entries.push({
        name,
        kind: bytes.readUInt8(at + 66),
        left: bytes.readUInt32LE(at + 68),
        right: bytes.readUInt32LE(at + 72),
        child: bytes.readUInt32LE(at + 76),
        clsid: bytes.toString('hex', at + 80, at + 96),
        start: bytes.readUInt32LE(at + 116),
        bytes: bytes.readUInt32LE(at + 120) + high,
      });
    }
    return entries;
  }
}

interface Placed {
  readonly path: string;
  readonly clsid: string;
  readonly entry: DirectoryEntry;
}

/**
 * Walks the trees of siblings below each storage, every entry once. Entries that no tree reaches follow, because
 * some readers go through the directory as a list.
 */
function placeEntries(entries: readonly DirectoryEntry[], root: number): Placed[] {
  const placed: Placed[] = [];
  const seen = new Uint8Array(entries.length);
  const walk = (first: number, underRoot: boolean) => {
    const open = [{ index: first, prefix: '', clsid: '', alone: true, depth: 0 }];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const { index, prefix, clsid, alone, depth } = at;
      const entry = entries[index];
      if (entry === undefined || seen[index] === 1) continue;
      seen[index] = 1;
      // Reversed, so that the smaller sibling comes first.
      if (!alone) open.push({ ...at, index: entry.right });
      const storage = entry.kind === storageKind || entry.kind === rootKind;
      const isTop = underRoot && index === first;
      const path = isTop ? '' : `${prefix}${entry.name}${storage ? '/' : ''}`;
      if (entry.kind === streamKind) placed.push({ path, clsid, entry });
      if (storage) {
        placed.push({ path, clsid: entry.clsid, entry });
        if (depth < limits.compound.depthMax) {
          open.push({ index: entry.child, prefix: path, clsid: entry.clsid, alone: false, depth: depth + 1 });
        }
      }
      if (!alone) open.push({ ...at, index: entry.left });
    }
  };
  walk(root, true);
  const referenced = new Set(entries.flatMap(({ left, right, child }) => [left, right, child]));
  for (const index of entries.keys()) if (!referenced.has(index)) walk(index, false);
  for (const index of entries.keys()) walk(index, false);
  return placed;
}
