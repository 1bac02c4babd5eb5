/** OneNote sections: the files that were put on their pages ([MS-ONESTORE] §2.6.13) become members. */
import { signatureType, signatureTypes } from '../file-signature.js';
import { partFlags } from '../report.js';
import type { Opener } from './opener.js';

/** FileDataStoreObject: its class, its length, 12 bytes of nothing, its data */
const storeClass = Buffer.from('e716e3bd65261145a4c48d4d0b7a9eac', 'hex');
const storeHeaderBytes = 36;
/** names are kept far from the files, so each file may have any of them; this many are offered */
const namesMax = 16;
/** texts are taken whole, one behind the other, so that none is read twice */
const wideText = /(?:[\x20-\x7e]\0){2,260}/g;
const extension = /^[A-Za-z0-9_-]{1,12}$/;
const picture = /^(?:\x89PNG|\xff\xd8\xff|GIF8|BM|II\*\0|MM\0\*|RIFF.{4}WEBP|\x01\0\0\0.{36} EMF|\xd7\xcd\xc6\x9a)/s;

export const oneNoteOpener: Opener = {
  id: 'onenote',
  matches: ({ content }) =>
    (content[0] === 0xe4 || content[0] === 0xa1) && signatureType(content) === signatureTypes.oneNote,
  async open({ content }, out) {
    const files: Buffer[] = [];
    const rest: Buffer[] = [];
    let behind = 0;
    for (let at = content.indexOf(storeClass); at !== -1; at = content.indexOf(storeClass, behind)) {
      rest.push(content.subarray(behind, at));
      behind = at + storeClass.length;
      if (at + storeHeaderBytes > content.length) break;
      const length = Math.min(Number(content.readBigUInt64LE(at + 16)), content.length - at - storeHeaderBytes);
      const file = content.subarray(at + storeHeaderBytes, at + storeHeaderBytes + length);
      behind = at + storeHeaderBytes + length;
      if (file.length > 0) files.push(file);
    }
    rest.push(content.subarray(behind));
    const names = fileNames(Buffer.concat(rest));
    for (const file of files) {
      const isPicture = picture.test(file.toString('latin1', 0, 48));
      if (!isPicture) out.flag(partFlags.onenoteFile);
      if (!(await out.add({ names: isPicture ? [] : names, method: 'onenote' }, file))) return;
    }
  },
};

/** What looks like the name of a file, without its folders. */
function fileNames(bytes: Buffer): string[] {
  const names = new Set<string>();
  for (const [match] of bytes.toString('latin1').matchAll(wideText)) {
    const path = match.replaceAll('\0', '');
    const name = path.slice(Math.max(path.lastIndexOf('\\'), path.lastIndexOf('/')) + 1);
    const dot = name.lastIndexOf('.');
    if (dot > 0 && extension.test(name.slice(dot + 1))) names.add(name);
    if (names.size >= namesMax) break;
  }
  return [...names];
}
