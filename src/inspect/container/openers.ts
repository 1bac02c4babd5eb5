/** All formats that are looked into, one line each. Every opener that matches a file is run on it. */

import { gzip } from './gzip.js';
import type { Opener } from './opener.js';
import { sevenZip } from './seven-zip.js';
import { tar } from './tar.js';
import { zip } from './zip.js';

export const openers: readonly Opener[] = [gzip, sevenZip, tar, zip];
