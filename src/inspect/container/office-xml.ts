/**
 * Office (OOXML) and OpenDocument packages, as far as their structure tells what they do: macros, targets elsewhere,
 * objects, data exchange, encryption. Their members are handed over by the opener of ZIP files, not here.
 */
import { partFlags } from '../report.js';
import { readCompoundFile } from './compound-file.js';
import { fieldFlag, isElsewhere } from './field-code.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
import { PackageParts } from './package-parts.js';
import { textHead } from './text-head.js';
import { vbaFacts } from './vba.js';
import { xmlTags } from './xml-tags.js';

const zipStart = 0x504b0304;
/** a package may have something in front of it; its directory then stands at the end */
const directoryEnd = Buffer.from('PK\x05\x06', 'latin1');
const directoryEndWithin = 66_000;

const typeTags = new Set(['Override', 'Default']);
const relationTags = new Set(['Relationship']);
const fieldTags = new Set(['instrText', 'fldSimple', 'delInstrText']);
const actionTags = new Set(['hlinkClick', 'hlinkMouseOver', 'hlinkHover']);
const workbookTags = new Set(['definedName']);
const linkTags = new Set(['ddeLink']);
const manifestTags = new Set(['encryption-data']);
const eventTags = new Set(['event-listener', 'event']);

/** relationships that are followed when the document is opened, without a click */
const followed =
  /\/(?:attachedTemplate|oleObject|frame|subDocument|aFChunk|package|control|externalLinkPath|xlExternalLinkPath\/\w+)$/i;
/** names that promise a document without macros */
const macroFree = /\.(?:docx|dotx|xlsx|xltx|pptx|potx|ppsx)[\s.]*$/i;
/** files behind charts and pictures are packages of their own, and ordinary */
const ordinaryEmbedding = /\.(?:xlsx|docx|pptx|sldx|png|jpe?g|gif|emf|wmf|svg|vsdx)$/i;
const autoName = /^(?:_xlnm\.)?auto_?(?:open|close|activate|deactivate)/i;

export const officeXmlOpener: Opener = {
  id: 'office-package',
  matches: ({ content }) =>
    content.length > 100 &&
    (content.readUInt32BE(0) === zipStart || content.subarray(-directoryEndWithin).includes(directoryEnd)),
  open(file, out) {
    const parts = new PackageParts(file.content);
    const office = [...parts.all].some(({ name }) => /^\[Content_Types\]\.xml$/i.test(name));
    const openDocument = [...parts.all].some(({ name }) => /^META-INF\/manifest\.xml$/i.test(name));
    if (office) new OfficePackage(file, parts, out).judge();
    if (openDocument) judgeOpenDocument(parts, out);
    if ((office || openDocument) && parts.cut) out.problem('unpack-limit');
  },
};

class OfficePackage {
  readonly #file: OpenFile;
  readonly #parts: PackageParts;
  readonly #out: OpenOutput;
  /** parts that the content types call VBA projects, lower case */
  readonly #projects = new Set<string>();
  #macroType = false;

  constructor(file: OpenFile, parts: PackageParts, out: OpenOutput) {
    this.#file = file;
    this.#parts = parts;
    this.#out = out;
  }

  judge(): void {
    for (const part of this.#parts.all) {
      if (/^\[Content_Types\]\.xml$/i.test(part.name)) this.#contentTypes(this.#text(this.#parts.read(part)));
    }
    if (this.#macroType && this.#file.names.some((name) => macroFree.test(name)))
      this.#out.flag(partFlags.typeConflict);
    for (const part of this.#parts.all) {
      const { name } = part;
      if (/\.rels$/i.test(name)) this.#relationships(this.#text(this.#parts.read(part)));
      else if (/vbaProject[^/]*\.bin$/i.test(name) || this.#projects.has(name.toLowerCase())) {
        this.#project(this.#parts.read(part));
      } else if (/(?:^|\/)macrosheets\//i.test(name)) this.#out.flag(partFlags.macroSheet);
      else if (/(?:^|\/)embeddings\/[^/]+$/i.test(name)) {
        if (!ordinaryEmbedding.test(name)) this.#out.flag(partFlags.embeddedObject);
      } else if (/(?:^|\/)activeX\/[^/]+\.bin$/i.test(name)) this.#out.flag(partFlags.embeddedObject);
      else if (/^word\/[^/]+\.xml$/i.test(name)) this.#fields(this.#text(this.#parts.read(part)));
      else if (/^ppt\/slides\/[^/]+\.xml$/i.test(name)) this.#slide(this.#text(this.#parts.read(part)));
      else if (/^xl\/workbook[^/]*\.(?:xml|bin)$/i.test(name)) this.#workbook(this.#parts.read(part));
      else if (/^xl\/externalLinks\/[^/]+\.(?:xml|bin)$/i.test(name)) this.#externalLink(this.#parts.read(part));
    }
  }

  #text(content: Buffer): string {
    return textHead(content, content.length) ?? content.toString('latin1');
  }

  #contentTypes(text: string): void {
    for (const { attributes } of xmlTags(text, typeTags)) {
      const type = attributes.get('ContentType') ?? '';
      if (/macroEnabled/i.test(type)) this.#macroType = true;
      if (/macrosheet/i.test(type)) this.#out.flag(partFlags.macroSheet);
      const part = attributes.get('PartName');
      if (/vbaProject/i.test(type) && part !== undefined) this.#projects.add(part.replace(/^\/+/, '').toLowerCase());
    }
  }

  #relationships(text: string): void {
    for (const { attributes } of xmlTags(text, relationTags)) {
      if (attributes.get('TargetMode')?.toLowerCase() !== 'external') continue;
      const type = attributes.get('Type') ?? '';
      const target = attributes.get('Target') ?? '';
      if (!followed.test(type) || !isElsewhere(target)) continue;
      // Workbooks refer to each other on servers, and Excel asks before it reads the other one.
      if (/externalLinkPath/i.test(type) && isPlainWorkbookLink(target)) continue;
      this.#out.flag(partFlags.externalTemplate);
    }
  }

  #project(content: Buffer): void {
    this.#out.flag(partFlags.macro);
    const file = readCompoundFile(content);
    if (file !== undefined && vbaFacts(file.entries).autorun) this.#out.flag(partFlags.macroAutorun);
  }

  /** The text of a field may be cut into runs, so all of a part is one text. */
  #fields(text: string): void {
    if (!/instrText|fldSimple/i.test(text)) return;
    const pieces: string[] = [];
    for (const { name, attributes, text: content } of xmlTags(text, fieldTags)) {
      if (name === 'fldSimple') pieces.push('\n', attributes.get('instr') ?? '', '\n');
      else pieces.push(content);
    }
    const flag = fieldFlag(pieces.join(''));
    if (flag !== undefined) this.#out.flag(flag);
  }

  /** A click on a shape, or a pointer that passes over it, may start a program. */
  #slide(text: string): void {
    for (const { attributes } of xmlTags(text, actionTags)) {
      if (/^ppaction:\/\/program/i.test(attributes.get('action') ?? '')) this.#out.flag(partFlags.dde);
    }
  }

  #workbook(content: Buffer): void {
    const text = this.#text(content);
    for (const { attributes } of xmlTags(text, workbookTags)) {
      if (autoName.test(attributes.get('name') ?? '')) this.#out.flag(partFlags.macroAutorun);
    }
    const binary = content.toString('latin1').replaceAll('\0', '');
    if (!text.trimStart().startsWith('<') && /_xlnm\.Auto_(?:Open|Close)/i.test(binary)) {
      this.#out.flag(partFlags.macroAutorun);
    }
  }

  #externalLink(content: Buffer): void {
    for (const { attributes } of xmlTags(this.#text(content), linkTags)) {
      if (attributes.has('ddeService')) this.#out.flag(partFlags.dde);
    }
  }
}

const isPlainWorkbookLink = (target: string): boolean =>
  /^(?:https?:|file:|[\\/]{2})/i.test(target) && /\.(?:xls[xmb]?|csv|ods)(?:[?#][^?#]*)?$/i.test(target);

function judgeOpenDocument(parts: PackageParts, out: OpenOutput): void {
  for (const part of parts.all) {
    const { name } = part;
    // Every library has lists of its modules, also when it is empty.
    if (/^Basic\/.+\.xml$/i.test(name) && !/\/(?:script|dialog)-l[bc]\.xml$/i.test(name)) out.flag(partFlags.macro);
    else if (/^Scripts\/.*[^/]$/i.test(name)) out.flag(partFlags.macro);
    else if (/^META-INF\/manifest\.xml$/i.test(name)) {
      for (const _ of xmlTags(parts.read(part).toString('utf8'), manifestTags)) out.flag(partFlags.encrypted);
    } else if (/(?:^|\/)(?:content|settings|styles)\.xml$/i.test(name)) {
      for (const { attributes } of xmlTags(parts.read(part).toString('utf8'), eventTags)) {
        const event = attributes.get('event-name') ?? '';
        const target = attributes.get('href') ?? attributes.get('macro-name') ?? '';
        if (
          /^(?:dom:(?:load|unload)|office:(?:on|load|open|start))|^On(?:Load|New|Unload|Focus)/i.test(event) &&
          target !== ''
        ) {
          out.flag(partFlags.macroAutorun);
        }
      }
    }
  }
}
