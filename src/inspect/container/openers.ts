/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import { cmsOpener } from './cms.js';
import { createMessageOpener } from './message-file.js';
import type { Opener } from './opener.js';
import { outlookMessageOpener } from './outlook-message.js';
import { tnefOpener } from './tnef.js';

export const openers: readonly Opener[] = [
  // mail inside of mail
  createMessageOpener(async () => undefined),
  cmsOpener,
  tnefOpener,
  outlookMessageOpener,
];
