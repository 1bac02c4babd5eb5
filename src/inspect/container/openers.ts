/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import { executableOpener } from './executable.js';
import type { Opener } from './opener.js';
import { pdfOpener } from './pdf.js';
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
];
