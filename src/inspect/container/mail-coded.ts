/**
 * Files that are as a whole in an encoding of old mail programs: forks of the classic Mac OS, and bodies whose type
 * says BinHex, uuencode or yEnc although what announces them is missing. Marked ones in texts are found elsewhere.
 */

import { binhexFiles, carriedForks } from '../../mime/binhex.js';
import type { CarriedFile } from '../../mime/carried-file.js';
import { uuencodedFiles } from '../../mime/uuencode.js';
import { yencFiles } from '../../mime/yenc.js';
import { appleForks, type Fork, isAppleFile, isMacBinary, macBinaryForks } from './mac-file.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';

const codedType =
  /^(?:application|text|image)\/(?:x-)?(?:mac-?binhex(?:40)?|binhex(?:40?)?|uu-?encoded?|uue|yenc(?:oded?)?)$/;
const codedName = /\.(?:hqx|uue?|xxe|yenc)$/i;

export const mailCoded: Opener = {
  id: 'mail-coded',
  matches: (file) => isAppleFile(file.content) || isMacBinary(file.content) || isDeclared(file),
  async open(file: OpenFile, out: OpenOutput): Promise<void> {
    for (const { names, method, content } of filesOf(file, out.bytesLeft)) {
      if (content.length > 0 && !(await out.add({ names, method }, content))) return;
    }
  },
};

function isDeclared({ declaredType, names }: OpenFile): boolean {
  return codedType.test(declaredType) || names.some((name) => codedName.test(name));
}

function filesOf(file: OpenFile, bytesMax: number): readonly (Fork | CarriedFile)[] {
  const { content } = file;
  if (isAppleFile(content)) return appleForks(content);
  const forks = isMacBinary(content) ? macBinaryForks(content) : [];
  if (!isDeclared(file)) return forks;
  const kind = `${file.declaredType} ${file.names.join(' ')}`.toLowerCase();
  if (/binhex|\.hqx/.test(kind)) return [...forks, ...binhexFiles(content, true, bytesMax).flatMap(carriedForks)];
  if (/yenc/.test(kind)) return [...forks, ...yencFiles(content, !content.includes('=ybegin'))];
  return [...forks, ...uuencodedFiles(content, true, bytesMax)];
}
