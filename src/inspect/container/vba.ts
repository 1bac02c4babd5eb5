/**
 * VBA projects in compound files: whether there is one, and whether some macro of it runs by itself. The source is
 * decompressed ([MS-OVBA] §2.4.1); names are looked for in everything else too, as the source may have been taken out
 * to leave only compiled code.
 */
import { limits } from '../../runtime/limits.js';
import type { CompoundEntry } from './compound-file.js';

export interface VbaFacts {
  readonly project: boolean;
  readonly autorun: boolean;
}

/** Procedures that Office runs when a document is opened, closed or shown, and events that controls send unasked. */
const autorun =
  /(?<![A-Za-z0-9])(?:auto_?(?:exec|open|close|new|exit|activate|deactivate)|(?:document|workbook|presentation|thisdocument|app|slideshow|project)_(?:open|close|new|beforeclose|activate|deactivate|documentopen|documentbeforeclose|workbookopen|onpagechange|begin)|document(?:open|close|new|beforeclose|change)|workbook_(?:windowactivate|addininstall)|on_?slideshow\w{0,20}|(?:inkpicture|webbrowser|frame|imagecombo|textbox|multipage|treeview|image)\d{0,3}_(?:painted|painting|resize|layout|gotfocus|mousemove|mouseover|beforenavigate2?|documentcomplete|statechanged|titlechange))(?![A-Za-z0-9])/i;
/** streams of a project that hold no module */
const noModule = /^(?:_VBA_PROJECT|dir|__SRP_\w{1,8}|PROJECT|PROJECTwm|PROJECTlk)$/i;
/** how a compressed module begins: eight plain characters of `Attribute VB_Name` */
const sourceStart = Buffer.from('\0Attribut', 'latin1');
const chunkBytes = 4096;

/** @param entries of one compound file */
export function vbaFacts(entries: readonly CompoundEntry[]): VbaFacts {
  const streams = entries.filter(({ path }) => /(?:^|\/)VBA\/[^/]+$/i.test(path));
  const loose = looseModules(entries);
  const project = streams.some(({ name }) => /^(?:_VBA_PROJECT|dir)$/i.test(name)) || loose.length > 0;
  if (!project) return { project, autorun: false };
  let left: number = limits.document.vbaBytes;
  const inside = entries.filter(({ path, name }) => !path.endsWith('/') && (noModule.test(name) || /VBA/i.test(path)));
  for (const { name, content } of [...inside, ...loose]) {
    if (left <= 0) break;
    const raw = content.subarray(0, left);
    left -= raw.length;
    if (autorun.test(raw.toString('latin1')) || autorun.test(wide(raw))) return { project, autorun: true };
    if (noModule.test(name)) continue;
    const source = moduleSource(raw, left);
    left -= source.length;
    // A statement may go on in the next line; the words of a name may not.
    if (autorun.test(source)) return { project, autorun: true };
  }
  return { project, autorun: false };
}

/** Modules without the storage that they belong to: what a repair or a reader by list would find. */
function looseModules(entries: readonly CompoundEntry[]): CompoundEntry[] {
  return entries.filter(
    ({ path, content }) =>
      !/VBA\//i.test(path) && content.includes(sourceStart) && /^Attribute VB_/.test(moduleSource(content, chunkBytes)),
  );
}

/** UTF-16 text at even or odd places, read as one byte a letter. */
function wide(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll('\0', '');
}

/** The source behind the compiled code; found by how it begins, as the place in the directory may be wrong. */
function moduleSource(stream: Buffer, bytesMax: number): string {
  const found = stream.indexOf(sourceStart);
  const at = found < 3 ? 0 : found - 3;
  return decompressVba(stream.subarray(at), bytesMax).toString('latin1');
}

/** Empty when there is no compressed container; what could be read when it is damaged. */
export function decompressVba(container: Buffer, bytesMax: number): Buffer {
  if (container[0] !== 1) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (let at = 1; at + 2 <= container.length && bytes < bytesMax; ) {
    const header = container.readUInt16LE(at);
    if ((header & 0x7000) !== 0x3000) break;
    const end = Math.min(container.length, at + (header & 0x0fff) + 3);
    const raw = container.subarray(at + 2, end);
    const chunk = (header & 0x8000) === 0 ? raw.subarray(0, chunkBytes) : decompressChunk(raw);
    chunks.push(chunk);
    bytes += chunk.length;
    at = end;
  }
  return Buffer.concat(chunks);
}

function decompressChunk(data: Buffer): Buffer {
  const text = Buffer.alloc(chunkBytes);
  let length = 0;
  for (let at = 0; at < data.length; ) {
    const flags = data[at] ?? 0;
    at += 1;
    for (let bit = 0; bit < 8 && at < data.length && length < chunkBytes; bit += 1) {
      if (((flags >> bit) & 1) === 0) {
        text[length] = data[at] ?? 0;
        length += 1;
        at += 1;
        continue;
      }
      if (at + 2 > data.length) return text.subarray(0, length);
      const token = data.readUInt16LE(at);
      at += 2;
      // The more was written, the more bits of the token are needed to say how far back to go.
      const offsetBits = Math.max(4, 32 - Math.clz32(Math.max(0, length - 1)));
      const count = Math.min((token & (0xffff >> offsetBits)) + 3, chunkBytes - length);
      const from = length - (token >> (16 - offsetBits)) - 1;
      if (from < 0) return text.subarray(0, length);
      for (let index = 0; index < count; index += 1) text[length + index] = text[from + index] ?? 0;
      length += count;
    }
  }
  return text.subarray(0, length);
}
