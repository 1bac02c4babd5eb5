/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import { createMessageOpener } from './message-file.js';
import type { Opener } from './opener.js';
import { sevenZip } from './seven-zip.js';

export const openers: readonly Opener[] = [
  // mail inside of mail
  createMessageOpener(async () => undefined),
  // archives
  sevenZip,
];
