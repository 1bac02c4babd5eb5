/** Windows shortcuts, by header and class ([MS-SHLLINK] §2.1). Where they lead is for a person to read. */
import { signatureType, signatureTypes } from '../file-signature.js';
import { partFlags } from '../report.js';
import type { Opener } from './opener.js';

export const shortcutOpener: Opener = {
  id: 'lnk',
  matches: ({ content }) => content[0] === 0x4c && signatureType(content) === signatureTypes.shortcut,
  open: (_file, out) => out.flag(partFlags.shortcut),
};
