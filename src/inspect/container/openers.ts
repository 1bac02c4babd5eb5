/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import type { Opener } from './opener.js';
import { calendar } from './calendar.js';
import { createMessageOpener } from './message-file.js';
import { mailCoded } from './mail-coded.js';
import { openViewBodies } from './view-bodies.js';
import { sevenZip } from './seven-zip.js';
import { textCarrier } from './text-carrier.js';

export const openers: readonly Opener[] = [
  sevenZip,
  textCarrier,
  calendar,
  mailCoded,
];
