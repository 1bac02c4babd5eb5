/** Programs of all systems, by their headers. There is nothing to take out of them here; that they are one is enough. */
import { programType } from '../program-signature.js';
import { partFlags } from '../report.js';
import type { Opener } from './opener.js';

export const executableOpener: Opener = {
  id: 'executable',
  matches: ({ content }) => programType(content) !== undefined,
  open: (_file, out) => out.flag(partFlags.executable),
};
