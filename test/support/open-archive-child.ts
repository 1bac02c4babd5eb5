/** Opens the file named on its command line, and prints what it cost: a process of its own, so that memory is too. */
import { readFileSync } from 'node:fs';
import { openArchive } from './open-archive.js';

const [path = ''] = process.argv.slice(2);
const started = performance.now();
const { problems, members } = await openArchive(readFileSync(path));
const ms = Math.round(performance.now() - started);
const rssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(JSON.stringify({ problems, members: members.length, ms, rssMiB }));
