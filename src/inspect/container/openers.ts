/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */
import { calendar } from './calendar.js';
import { htmlCarrier } from './html-carrier.js';
import { mailCoded } from './mail-coded.js';
import type { Opener } from './opener.js';
import { textCarrier } from './text-carrier.js';

export const openers: readonly Opener[] = [textCarrier, htmlCarrier, calendar, mailCoded];
