/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */

import { calendar } from './calendar.js';
import { executableOpener } from './executable.js';
import { gzip } from './gzip.js';
import { installShield } from './installshield.js';
import { mailCoded } from './mail-coded.js';
import { messageOpener } from './message-opener.js';
import type { Opener } from './opener.js';
import { outlookMessageOpener } from './outlook-message.js';
import { pdfOpener } from './pdf.js';
import { scriptOpener } from './script.js';
import { sevenZip } from './seven-zip.js';
import { shortcutOpener } from './shortcut.js';
import { symbian } from './symbian.js';
import { tar } from './tar.js';
import { textCarrier } from './text-carrier.js';
import { tnefOpener } from './tnef.js';
import { zip } from './zip.js';

export const openers: readonly Opener[] = [
  messageOpener,
  sevenZip,
  textCarrier,
  calendar,
  mailCoded,
  tnefOpener,
  outlookMessageOpener,
  gzip,
  installShield,
  symbian,
  tar,
  zip,
  executableOpener,
  scriptOpener,
  shortcutOpener,
  pdfOpener,
];
