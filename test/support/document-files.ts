/** Makes small documents and programs for the tests: as real as the programs that open them ask for. */
import { deflateSync } from 'node:zlib';
import CFB from 'cfb';
import { vbaProject } from '../../src/cli/demo/vba-project.js';
import { zip } from '../../src/cli/demo/zip.js';

const number = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

/** A Windows program that holds nothing; a library when asked for. */
export function windowsProgram(library = false): Buffer {
  const program = Buffer.alloc(512);
  program.write('MZ', 0, 'latin1');
  program.writeUInt32LE(64, 60);
  program.write('PE\0\0', 64, 'latin1');
  program.writeUInt16LE(library ? 0x2102 : 0x0102, 64 + 22);
  return program;
}

/** @param interpreter as in a program; without it the file is a library */
export function elfFile(interpreter: boolean): Buffer {
  const file = Buffer.alloc(256);
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(3, 16);
  file.writeUInt32LE(64, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(interpreter ? 3 : 1, 64);
  return file;
}

/** A PDF of these objects, numbered from 1; there is no cross-reference table, which readers rebuild. */
export function pdf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const pieces: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  objects.forEach((object, index) => {
    pieces.push(Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object as string), Buffer.from('\nendobj\n'));
  });
  pieces.push(Buffer.from(`trailer\n<< /Root 1 0 R ${trailer} >>\nstartxref\n0\n%%EOF\n`));
  return Buffer.concat(pieces);
}

/** @param dictionary entries besides the length */
export function pdfStream(dictionary: string, data: Buffer, length = String(data.length)): Buffer {
  const head = Buffer.from(`<< ${dictionary} /Length ${length} >>\nstream\r\n`);
  return Buffer.concat([head, data, Buffer.from('\nendstream')]);
}

/** An object stream of these objects, with numbers from 100. */
export function pdfObjectStream(objects: readonly string[]): Buffer {
  let offset = 0;
  const index = objects.map((object, at) => {
    const entry = `${100 + at} ${offset}`;
    offset += object.length + 1;
    return entry;
  });
  const head = `${index.join(' ')}\n`;
  const data = deflateSync(Buffer.from(head + objects.join('\n'), 'latin1'));
  return pdfStream(`/Type /ObjStm /N ${objects.length} /First ${head.length} /Filter /FlateDecode`, data);
}

const word = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml';
export const macroWord = 'application/vnd.ms-word.document.macroEnabled.main+xml';

/** An Office package. */
export function officePackage(parts: Readonly<Record<string, string | Buffer>>, mainType = word): Buffer {
  const types = `<?xml version="1.0"?><Types><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="${mainType}"/></Types>`;
  const all = { '[Content_Types].xml': types, 'word/document.xml': '<w:document/>', ...parts };
  return zip(Object.entries(all).map(([name, content]) => ({ name, content: Buffer.from(content as string) })));
}

export function relationship(type: string, target: string, mode = 'External'): string {
  return `<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}" TargetMode="${mode}"/></Relationships>`;
}

export const autoMacro: Buffer = vbaProject('Sub AutoOpen()\nMsgBox 1\nEnd Sub');
export const plainMacro: Buffer = vbaProject('Sub Greet()\nMsgBox 1\nEnd Sub');

/** A compound file of these streams, by their path. */
export function compoundFile(streams: Readonly<Record<string, Buffer>>): Buffer {
  const file = CFB.utils.cfb_new();
  for (const [path, content] of Object.entries(streams)) CFB.utils.cfb_add(file, `/${path}`, content);
  const written = CFB.write(file, { type: 'buffer' });
  return Buffer.isBuffer(written) ? written : Buffer.from(written as Uint8Array);
}

/** What the Object Packager makes of a file, without the size in front. */
export function packaged(name: string, content: Buffer): Buffer {
  const path = `C:\\Users\\a\\${name}`;
  const zero = (text: string) => Buffer.from(`${text}\0`, 'latin1');
  return Buffer.concat([
    number(2, 2),
    zero(name),
    zero(path),
    number(0, 2),
    number(3, 2),
    number(path.length + 1, 4),
    zero(path),
    number(content.length, 4),
    content,
  ]);
}

export const ole10Native = (name: string, content: Buffer): Buffer => {
  const data = packaged(name, content);
  return Buffer.concat([number(data.length, 4), data]);
};

/** An object as RTF has it, in hexadecimal. */
export function rtfObjectData(className: string, native: Buffer): string {
  const text = (value: string) => Buffer.concat([number(value.length + 1, 4), Buffer.from(`${value}\0`, 'latin1')]);
  const none = number(0, 4);
  const data = [number(0x0501, 4), number(2, 4), text(className), none, none, number(native.length, 4), native];
  return Buffer.concat(data).toString('hex');
}

export const rtf = (body: string): Buffer => Buffer.from(`{\\rtf1\\ansi ${body}}`, 'latin1');

/** A record of a binary workbook. */
export const record = (kind: number, body: Buffer): Buffer =>
  Buffer.concat([number(kind, 2), number(body.length, 2), body]);

const bof = (kind: number): Buffer =>
  record(0x0809, Buffer.concat([number(0x0600, 2), number(kind, 2), Buffer.alloc(12)]));

/** @param type of its sheet: 0 for a worksheet, 1 for a macro sheet */
export function workbookStream(type: number, ...records: readonly Buffer[]): Buffer {
  const sheet = Buffer.concat([Buffer.alloc(4), number(2, 1), number(type, 1), number(2, 1), Buffer.from('\0S1')]);
  return Buffer.concat([
    bof(5),
    ...records,
    record(0x85, sheet),
    record(0x0a, Buffer.alloc(0)),
    bof(type === 1 ? 0x40 : 0x10),
  ]);
}

/** The built-in name Auto_Open. */
export const autoOpenName: Buffer = record(
  0x18,
  Buffer.concat([number(0x20, 2), number(0, 1), number(1, 1), Buffer.alloc(10), Buffer.from([0, 1])]),
);

export function oneNote(files: readonly Buffer[], text = ''): Buffer {
  const head = Buffer.concat([Buffer.from('e4525c7b8cd8a74daeb15378d02996d3', 'hex'), Buffer.alloc(48)]);
  const stored = files.map((file) => {
    const size = Buffer.alloc(20);
    size.writeUInt32LE(file.length, 0);
    return Buffer.concat([Buffer.from('e716e3bd65261145a4c48d4d0b7a9eac', 'hex'), size, file, Buffer.alloc(16)]);
  });
  return Buffer.concat([head, ...stored, Buffer.from(text, 'utf16le'), Buffer.alloc(8)]);
}

export const shortcutFile: Buffer = Buffer.concat([
  Buffer.from('4c0000000114020000000000c000000000000046', 'hex'),
  Buffer.alloc(60),
]);

export const pngFile: Buffer = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(64)]);
export const gifFile: Buffer = Buffer.concat([Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'), Buffer.alloc(40)]);
