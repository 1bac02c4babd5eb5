/**
 * Files that a text carries in itself: uuencode, xxencode, yEnc, BinHex, lines of base64, and MIME parts that it
 * quotes. Clients offer them beside the text, so each becomes a member.
 */

import { binhexFiles, binhexMark, carriedForks } from '../../mime/binhex.js';
import type { CarriedFile } from '../../mime/carried-file.js';
import { decodeBase64 } from '../../mime/decoding-base64.js';
import { mayHoldUuencode, uuencodedFiles } from '../../mime/uuencode.js';
import { yencFiles } from '../../mime/yenc.js';
import { limits } from '../../runtime/limits.js';
import { base64Runs, isWholeBase64 } from '../base64-run.js';
import { isMessageFile } from './message-file.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';
import { quotedParts } from './quoted-part.js';
import { isText, readableTexts } from './readable-text.js';

const guessed = { names: [], guess: true };

export const textCarrier: Opener = {
  id: 'text',
  matches: isText,
  async open(file: OpenFile, out: OpenOutput): Promise<void> {
    const isMessage = isMessageFile(file);
    for (const text of readableTexts(file)) {
      const carried = carriedFiles(text, out.bytesLeft);
      const bounded = carried.length >= limits.mime.carriedFilesMax || carried.some(({ truncated }) => truncated);
      if (bounded) out.problem('unpack-limit');
      if (carried.some(({ damaged }) => damaged)) out.problem('embedded-file-damaged');
      for (const { method, names, content } of carried) {
        if (content.length > 0 && !(await out.add({ names, method }, content))) return;
      }
      if (isWholeBase64(text) && !(await out.add({ ...guessed, method: 'base64' }, decodeBase64(text)))) return;
      // In a message they are its parts, which are opened as such.
      if (isMessage) continue;
      // Other readings of the charset break runs into pieces.
      for (const { start, end } of text === file.content ? base64Runs(text) : []) {
        const content = decodeBase64(text.subarray(start, end));
        if (!(await out.add({ ...guessed, method: 'base64' }, content))) return;
      }
      for (const { about, content } of quotedParts(text, out.bytesLeft)) {
        if (!(await out.add({ ...about, guess: true }, content))) return;
      }
    }
  },
};

/** Whether `open` would find nothing in such a file, asked with the same questions. */
export function carriesNothing(file: OpenFile): boolean {
  return readableTexts(file).every((text) => {
    if (mayCarry(text) || isWholeBase64(text)) return false;
    const runs = text === file.content ? base64Runs(text).next().done === true : true;
    return runs && quotedParts(text, text.length).next().done === true;
  });
}

function mayCarry(text: Buffer): boolean {
  return mayHoldUuencode(text) || text.includes('=ybegin') || text.includes(binhexMark);
}

function carriedFiles(text: Buffer, bytesMax: number): readonly CarriedFile[] {
  const files: CarriedFile[] = [];
  if (mayHoldUuencode(text)) files.push(...uuencodedFiles(text, false, bytesMax));
  if (text.includes('=ybegin')) files.push(...yencFiles(text, false));
  if (text.includes(binhexMark)) files.push(...binhexFiles(text, false, bytesMax).flatMap(carriedForks));
  return files;
}
