/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import { executableOpener } from './executable.js';
import { officeBinaryOpener } from './office-binary.js';
import { officeXmlOpener } from './office-xml.js';
import { oneNoteOpener } from './onenote.js';
import type { Opener } from './opener.js';
import { pdfOpener } from './pdf.js';
import { polyglotOpener } from './polyglot.js';
import { rtfOpener } from './rtf.js';
import { scriptOpener } from './script.js';
import { shortcutOpener } from './shortcut.js';

export const openers: readonly Opener[] = [
  // programs, scripts and documents
  executableOpener,
  scriptOpener,
  shortcutOpener,
  pdfOpener,
  rtfOpener,
  officeXmlOpener,
  officeBinaryOpener,
  oneNoteOpener,
  polyglotOpener,
];
