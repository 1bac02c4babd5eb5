/**
 * Makes a VBA project with one module: an OLE compound file ([MS-CFB]) with the streams of [MS-OVBA]. It is real enough
 * for any program that looks for macros; what the macro does is show a message box.
 */

const sectorBytes = 512;
const miniSectorBytes = 64;
const free = 0xffffffff;
const endOfChain = 0xfffffffe;
const fatSector = 0xfffffffd;
const directoryEntryBytes = 128;
/** entries of a FAT that fits into one sector */
const fatEntries = sectorBytes / 4;

/** [MS-CFB] §2.6.1 */
const kinds = { storage: 1, stream: 2, root: 5 } as const;

interface DirectoryEntry {
  readonly name: string;
  readonly kind: number;
  readonly left?: number;
  readonly right?: number;
  readonly child?: number;
  readonly content?: Buffer;
}

const moduleName = 'ThisDocument';

export function vbaProject(source: string): Buffer {
  const code = `Attribute VB_Name = "${moduleName}"\r\n${source.replace(/\r?\n/g, '\r\n')}\r\n`;
  const project = [
    `ID="{00000000-0000-0000-0000-000000000000}"`,
    `Document=${moduleName}/&H00000000`,
    'Name="Project"',
  ];
  // Siblings are a search tree, ordered by length and then by name: [MS-CFB] §2.6.4.
  return compoundFile([
    { name: 'Root Entry', kind: kinds.root, child: 2 },
    { name: 'VBA', kind: kinds.storage, child: 4 },
    { name: 'PROJECT', kind: kinds.stream, left: 1, content: Buffer.from(`${project.join('\r\n')}\r\n`, 'latin1') },
    { name: 'dir', kind: kinds.stream, content: compressed(directoryStream()) },
    { name: moduleName, kind: kinds.stream, left: 3, right: 5, content: compressed(Buffer.from(code, 'latin1')) },
    // [MS-OVBA] §2.3.4.1: no performance cache, so readers take the source.
    { name: '_VBA_PROJECT', kind: kinds.stream, content: Buffer.from([0xcc, 0x61, 0xff, 0xff, 0, 0, 0]) },
  ]);
}

/** [MS-OVBA] §2.3.4.2: the properties of the project and of its one module. */
function directoryStream(): Buffer {
  const name = Buffer.from(moduleName, 'latin1');
  const wideName = Buffer.from(moduleName, 'utf16le');
  const nothing = Buffer.alloc(0);
  return Buffer.concat([
    record(0x0001, number(1, 4)),
    record(0x0002, number(0x0409, 4)),
    record(0x0014, number(0x0409, 4)),
    record(0x0003, number(1252, 2)),
    record(0x0004, Buffer.from('Project', 'latin1')),
    record(0x0005, nothing),
    record(0x0040, nothing),
    record(0x0006, nothing),
    record(0x003d, nothing),
    record(0x0007, number(0, 4)),
    record(0x0008, number(0, 4)),
    // the one record whose size field does not count all of its bytes: 4, then 6 follow
    record(0x0009, number(1, 4)),
    number(0, 2),
    record(0x000c, nothing),
    record(0x003c, nothing),
    record(0x000f, number(1, 2)),
    record(0x0013, number(0xffff, 2)),
    record(0x0019, name),
    record(0x0047, wideName),
    record(0x001a, name),
    record(0x0032, wideName),
    record(0x001c, nothing),
    record(0x0048, nothing),
    record(0x0031, number(0, 4)),
    record(0x001e, number(0, 4)),
    record(0x002c, number(0xffff, 2)),
    record(0x0022, nothing),
    record(0x002b, nothing),
    record(0x0010, nothing),
  ]);
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

function record(id: number, content: Buffer): Buffer {
  return Buffer.concat([number(id, 2), number(content.length, 4), content]);
}

/** [MS-OVBA] §2.4.1: one chunk of literals only, which is a valid way to compress nothing. */
function compressed(content: Buffer): Buffer {
  const tokens: Buffer[] = [];
  for (let at = 0; at < content.length; at += 8) tokens.push(Buffer.from([0]), content.subarray(at, at + 8));
  const data = Buffer.concat(tokens);
  return Buffer.concat([Buffer.from([1]), number(0xb000 | (data.length - 1), 2), data]);
}

/** All streams are smaller than 4096 bytes, so they share the mini stream: [MS-CFB] §2.4. */
function compoundFile(entries: readonly DirectoryEntry[]): Buffer {
  const miniFat: number[] = [];
  const starts = entries.map(({ content }) => {
    if (content === undefined) return 0;
    const start = miniFat.length;
    const count = Math.ceil(content.length / miniSectorBytes);
    for (let index = 1; index <= count; index += 1) miniFat.push(index === count ? endOfChain : start + index);
    return start;
  });
  const miniStream = padded(
    Buffer.concat(entries.map(({ content }) => padded(content ?? Buffer.alloc(0), miniSectorBytes))),
    sectorBytes,
  );
  const directorySectors = Math.ceil((entries.length * directoryEntryBytes) / sectorBytes);
  const miniFatAt = 1 + directorySectors;
  const miniStreamAt = miniFatAt + 1;
  const directory = entries.map((entry, index) => {
    if (entry.kind === kinds.root) return directoryEntry(entry, miniStreamAt, miniFat.length * miniSectorBytes);
    return directoryEntry(entry, starts[index] ?? 0, entry.content?.length ?? 0);
  });
  const fat = [fatSector, ...chain(1, directorySectors), endOfChain];
  fat.push(...chain(miniStreamAt, miniStream.length / sectorBytes));
  const unused = directorySectors * (sectorBytes / directoryEntryBytes) - entries.length;
  const emptyEntry = directoryEntry({ name: '', kind: 0 }, 0, 0);
  return Buffer.concat([
    header(miniFatAt),
    table(fat),
    ...directory,
    ...Array.from({ length: unused }, () => emptyEntry),
    table(miniFat),
    miniStream,
  ]);
}

/** FAT entries of `count` sectors in a row. */
function chain(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index === count - 1 ? endOfChain : first + index + 1));
}

function table(numbers: readonly number[]): Buffer {
  const buffer = Buffer.alloc(sectorBytes, 0xff);
  for (const [index, value] of numbers.slice(0, fatEntries).entries()) buffer.writeUInt32LE(value, index * 4);
  return buffer;
}

function padded(content: Buffer, unit: number): Buffer {
  return Buffer.concat([content, Buffer.alloc((unit - (content.length % unit)) % unit)]);
}

/** [MS-CFB] §2.2, version 3 */
function header(miniFatAt: number): Buffer {
  const buffer = Buffer.alloc(sectorBytes);
  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(buffer);
  const words = [0x003e, 3, 0xfffe, 9, 6];
  for (const [index, word] of words.entries()) buffer.writeUInt16LE(word, 24 + index * 2);
  const fields = [0, 1, 1, 0, 4096, miniFatAt, 1, endOfChain, 0, 0];
  for (const [index, field] of fields.entries()) buffer.writeUInt32LE(field, 40 + index * 4);
  buffer.fill(0xff, 80);
  return buffer;
}

/** [MS-CFB] §2.6.1 */
function directoryEntry(entry: DirectoryEntry, start: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(directoryEntryBytes);
  const name = Buffer.from(entry.name, 'utf16le');
  name.copy(buffer);
  buffer.writeUInt16LE(entry.name === '' ? 0 : name.length + 2, 64);
  buffer.writeUInt8(entry.kind, 66);
  buffer.writeUInt8(1, 67);
  buffer.writeUInt32LE(entry.left ?? free, 68);
  buffer.writeUInt32LE(entry.right ?? free, 72);
  buffer.writeUInt32LE(entry.child ?? free, 76);
  buffer.writeUInt32LE(start, 116);
  buffer.writeUInt32LE(bytes, 120);
  return buffer;
}
