/**
 * Compound files other than mail: Office documents before 2007, macro projects, objects, installers. Packaged files
 * and streams that are files become members; macros, data exchange and encryption become flags.
 */
import { signatureType } from '../file-signature.js';
import { partFlags } from '../report.js';
import { type CompoundEntry, isCompoundFile, readCompoundFile } from './compound-file.js';
import { isWorkbook, type WorkbookFacts, workbookFacts } from './excel-records.js';
import { fieldFlag, isElsewhere } from './field-code.js';
import { isRiskyClassId, readOle10Native } from './ole-object.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
import { presentationObjects } from './powerpoint-records.js';
import { vbaFacts } from './vba.js';

/** FIB of Word ([MS-DOC] §2.5.2): fEncrypted in the flags at this place */
const fibFlagsAt = 10;
const fibEncrypted = 0x0100;
/** characters of a field instruction that are looked at; the character U+0013 begins a field in Word's text */
const fieldCharacters = 256;
const fieldBegin = 0x13;
/** fields of one document; an index of a book has some ten thousand */
const fieldsMax = 200_000;
/** streams of Outlook's messages are for the opener of mail */
const outlookStream = /^__(?:substg1\.0_|properties_version|recip|attach|nameid)/i;
const nativeStream = /^\x01Ole10Native/i;
const webAddress = /(?:https?:|ftp:|file:|script:|\\\\)[^\0]{1,512}/i;

export const officeBinaryOpener: Opener = {
  id: 'compound',
  matches: ({ content }) => isCompoundFile(content) || isWorkbook(content),
  async open(file, out) {
    if (!isCompoundFile(file.content)) {
      judgeWorkbook(workbookFacts(file.content), out);
      return;
    }
    const compound = readCompoundFile(file.content);
    if (compound === undefined) {
      out.problem('file-damaged');
      return;
    }
    for (const problem of compound.problems) out.problem(problem);
    judgeStructure(compound.entries, out);
    for (const entry of compound.entries) {
      if (out.exhausted) return;
      if (!entry.path.endsWith('/') && entry.path !== '' && !(await openStream(entry, file, out))) return;
    }
  },
};

function judgeStructure(entries: readonly CompoundEntry[], out: OpenOutput): void {
  const vba = vbaFacts(entries);
  if (vba.project) out.flag(partFlags.macro);
  if (vba.autorun) out.flag(partFlags.macroAutorun);
  for (const { path, name, clsid } of entries) {
    if (/^(?:EncryptedPackage|EncryptionInfo)$/i.test(name)) out.flag(partFlags.encrypted);
    // Word keeps an empty pool in every document; only what lies in it is an object.
    if (/^ObjectPool\/[^/]+\/$/i.test(path) || /^MBD[0-9A-F]{8}\/$/i.test(path)) out.flag(partFlags.embeddedObject);
    if (path.endsWith('/') && isRiskyClassId(clsid)) out.flag(partFlags.embeddedObject);
  }
}

/** False when a bound was reached. */
async function openStream({ name, content }: CompoundEntry, file: OpenFile, out: OpenOutput): Promise<boolean> {
  if (outlookStream.test(name) || content.length === 0) return true;
  if (nativeStream.test(name)) {
    out.flag(partFlags.embeddedObject);
    const packaged = readOle10Native(content);
    return out.add({ names: packaged.names, method: 'ole' }, packaged.content);
  }
  if (/^\x01Ole$/i.test(name)) {
    judgeLink(content, out);
    return true;
  }
  if (/^(?:Workbook|Book)$/i.test(name)) {
    judgeWorkbook(workbookFacts(content), out);
    return true;
  }
  if (/^WordDocument$/i.test(name)) {
    judgeWord(content, out);
    return true;
  }
  if (/^PowerPoint Document$/i.test(name)) return openPresentation(content, out);
  return openFileStream(name, content, file, out);
}

/** A stream that is a file on its own: packages of newer documents, cabinets of installers, objects of other programs. */
async function openFileStream(name: string, content: Buffer, file: OpenFile, out: OpenOutput): Promise<boolean> {
  const type = signatureType(content);
  if (type === undefined || /^image\//.test(type) || content === file.content) return true;
  if (/^(?:Package|CONTENTS)$/i.test(name)) out.flag(partFlags.embeddedObject);
  return out.add({ names: [], method: 'ole' }, content);
}

async function openPresentation(stream: Buffer, out: OpenOutput): Promise<boolean> {
  for (const object of presentationObjects(stream, () => out.bytesLeft)) {
    if (object.length === 0) continue;
    const vba = vbaFacts(readCompoundFile(object)?.entries ?? []);
    if (vba.project) out.flag(partFlags.macro);
    else out.flag(partFlags.embeddedObject);
    if (vba.autorun) out.flag(partFlags.macroAutorun);
    if (!(await out.add({ names: [], method: 'ole' }, object))) return false;
  }
  return true;
}

function judgeWorkbook(facts: WorkbookFacts, out: OpenOutput): void {
  if (facts.macroSheet) out.flag(partFlags.macroSheet);
  if (facts.autorun) out.flag(partFlags.macroAutorun);
  if (facts.dde) out.flag(partFlags.dde);
  if (facts.encrypted) out.flag(partFlags.encrypted);
}

function judgeWord(stream: Buffer, out: OpenOutput): void {
  if (stream.length > fibFlagsAt + 2 && (stream.readUInt16LE(fibFlagsAt) & fibEncrypted) !== 0) {
    out.flag(partFlags.encrypted);
  }
  // Text is stored with one or with two bytes a letter; a field begins with the same byte in both.
  let left = fieldsMax;
  for (let at = stream.indexOf(fieldBegin); at !== -1; at = stream.indexOf(fieldBegin, at + 1)) {
    left -= 1;
    if (left < 0) {
      out.problem('unpack-limit');
      return;
    }
    const instruction = stream.toString('latin1', at + 1, at + fieldCharacters).replaceAll('\0', '');
    if (!/^\s{0,8}[A-Za-z]/.test(instruction)) continue;
    const flag = fieldFlag(instruction.split(/[\x14\x15]/, 1)[0] ?? '');
    if (flag !== undefined) out.flag(flag);
  }
}

/** [MS-OLEDS] §2.3.3: a link to an object elsewhere holds its moniker, in which the address is plain text. */
function judgeLink(content: Buffer, out: OpenOutput): void {
  const address = webAddress.exec(content.toString('latin1').replaceAll('\0', ''))?.[0];
  if (address !== undefined && isElsewhere(address)) out.flag(partFlags.externalTemplate);
}
