/**
 * Files that are valid in two formats which have nothing to do with each other, so that a scanner and a reader may
 * see different files. Formats that are made to be joined are none: self-extracting programs, PDF attachments.
 */
import { signatureType, signatureTypes } from '../file-signature.js';
import { partFlags } from '../report.js';
import type { Opener, OpenFile } from './opener.js';

/** bytes behind an archive that unpackers pass over */
const archiveTrailer = 1024;
const directoryEnd = Buffer.from('PK\x05\x06', 'latin1');
const directoryEndBytes = 22;
const commentBytesMax = 65_535;
const directoryEntry = 0x504b0102;
/** bytes at both ends of a picture in which script is looked for; metadata stands there too */
const scriptWithin = 65_536;

const pictures: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif']);
/** signatures long enough never to be met by chance in compressed pictures */
const archiveMarks = [Buffer.from('Rar!\x1a\x07', 'latin1'), Buffer.from('377abcaf271c', 'hex')];
const markup = /<\?php\s|<script[\s>]|<html[\s>]|<hta:application/i;
/** a picture whose size or length field reads `/*` or `=`: the beginning of script */
const scriptedHeader = /^(?:GIF8[79]a(?:\/\*|=)|BM\/\*|\xff\xd8\xff[\xe0-\xef]\/\*)/;
const isoMark = Buffer.from('CD001');
const isoMarkAt = 32_769;
const tarMark = Buffer.from('ustar');
const tarMarkAt = 257;
const pdfMark = Buffer.from('%PDF-');
const pdfWithin = 1024;
/** Word takes a PDF with a web archive in it for the archive, and runs its macros. */
const webArchive = Buffer.from('application/x-mso');

export const polyglotOpener: Opener = {
  id: 'polyglot',
  matches: ({ content }) => content.length > 32,
  open(file, out) {
    if (isPolyglot(file)) out.flag(partFlags.polyglot);
  },
};

function isPolyglot({ content }: OpenFile): boolean {
  const type = signatureType(content) ?? (/^BM/.test(content.toString('latin1', 0, 2)) ? 'image/bmp' : undefined);
  if (type === undefined || type === signatureTypes.iso) return false;
  const isPicture = pictures.has(type) || type === 'image/bmp';
  if (isPicture && isScriptedPicture(content)) return true;
  if (isPicture && archiveMarks.some((mark) => content.includes(mark))) return true;
  const isProgram = /executable|sharedlib|dosexec|mach-binary/.test(type);
  const isZip = content[0] === 0x50 && content[1] === 0x4b;
  if (!isProgram && !isZip && endsAsZip(content)) return true;
  if ((isPicture || isProgram || type === 'text/rtf') && content.subarray(0, pdfWithin).includes(pdfMark)) return true;
  if (type === 'application/pdf' && content.includes(webArchive) && content.includes('MIME-Version')) return true;
  return stands(content, isoMark, isoMarkAt) || (!isProgram && stands(content, tarMark, tarMarkAt));
}

const stands = (content: Buffer, mark: Buffer, at: number): boolean =>
  content.length > at + mark.length && mark.equals(content.subarray(at, at + mark.length));

function isScriptedPicture(content: Buffer): boolean {
  if (scriptedHeader.test(content.toString('latin1', 0, 16))) return true;
  if (markup.test(content.toString('latin1', 0, scriptWithin))) return true;
  return content.length > scriptWithin && markup.test(content.toString('latin1', content.length - scriptWithin));
}

/** A ZIP directory at the end, with entries where it says; one inside of a PDF attachment is followed by more PDF. */
function endsAsZip(content: Buffer): boolean {
  const from = Math.max(0, content.length - directoryEndBytes - commentBytesMax - archiveTrailer);
  for (
    let at = content.lastIndexOf(directoryEnd);
    at >= from && at !== -1;
    at = content.lastIndexOf(directoryEnd, at - 1)
  ) {
    if (at + directoryEndBytes > content.length) continue;
    const end = at + directoryEndBytes + content.readUInt16LE(at + 20);
    if (content.length - end > archiveTrailer || end > content.length) continue;
    for (const start of [at - content.readUInt32LE(at + 12), content.readUInt32LE(at + 16)]) {
      if (start >= 0 && start + 4 <= content.length && content.readUInt32BE(start) === directoryEntry) return true;
    }
    if (at === 0) return false;
  }
  return false;
}
