/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */

import { activeMimeOpener } from './active-mime.js';
import { calendar } from './calendar.js';
import { cmsOpener } from './cms.js';
import { executableOpener } from './executable.js';
import { gzip } from './gzip.js';
import { htmlCarrier } from './html-carrier.js';
import { installShield } from './installshield.js';
import { mailCoded } from './mail-coded.js';
import { mailStoreOpener, rightsManagedOpener } from './mail-store.js';
import { messageOpener } from './message-opener.js';
import { officeBinaryOpener } from './office-binary.js';
import { officeXmlOpener } from './office-xml.js';
import { oneNoteOpener } from './onenote.js';
import type { Opener } from './opener.js';
import { openPgpOpener } from './openpgp.js';
import { outlookMessageOpener } from './outlook-message.js';
import { pdfOpener } from './pdf.js';
import { polyglotOpener } from './polyglot.js';
import { rtfOpener } from './rtf.js';
import { scriptOpener } from './script.js';
import { sevenZip } from './seven-zip.js';
import { shortcutOpener } from './shortcut.js';
import { symbian } from './symbian.js';
import { tar } from './tar.js';
import { textCarrier } from './text-carrier.js';
import { textSheetOpener } from './text-sheet.js';
import { tnefOpener } from './tnef.js';
import { zip } from './zip.js';

export const openers: readonly Opener[] = [
  messageOpener,
  sevenZip,
  textCarrier,
  calendar,
  mailCoded,
  activeMimeOpener,
  cmsOpener,
  openPgpOpener,
  tnefOpener,
  outlookMessageOpener,
  rightsManagedOpener,
  mailStoreOpener,
  gzip,
  installShield,
  symbian,
  tar,
  zip,
  executableOpener,
  scriptOpener,
  shortcutOpener,
  pdfOpener,
  htmlCarrier,
  rtfOpener,
  officeXmlOpener,
  officeBinaryOpener,
  oneNoteOpener,
  textSheetOpener,
  polyglotOpener,
];
