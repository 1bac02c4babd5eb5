/** Field instructions of word processors: which of them start a program, and which fetch something from elsewhere. */
import { type PartFlag, partFlags } from '../report.js';

/** DDE and DDEAUTO name a program right behind them; a field that only begins with these letters is something else. */
const dynamicExchange = /(?:^|[\s"{(=\\])DDE(?:AUTO)?\s{1,16}["\\\w]/i;
/** INCLUDEPICTURE is left out: pictures from elsewhere are how newsletters look */
const inclusion = /(?:^|[\s"{])(?:INCLUDETEXT|INCLUDE|IMPORT|LINK)\s{1,16}[^\r\n]{0,256}?(?:https?:|ftp:|file:|\\\\)/i;
/** addresses for which a reader's program leaves the machine, or starts a handler */
const scheme = /^(?:https?|ftps?|mhtml|script|javascript|vbscript|search-ms|ms-[\w-]{1,32}|mk|its|ms-its|res|url):/i;
/** the server of a path like \\\\server\\share, with or without `file:` in front */
const server = /^(?:file:)?[\\/]{2,5}([^\\/]{1,255})[\\/]/i;

export function fieldFlag(instruction: string): PartFlag | undefined {
  const text = instruction.replace(/[\u201c\u201d]/g, '"');
  if (dynamicExchange.test(text)) return partFlags.dde;
  return inclusion.test(text) ? partFlags.externalTemplate : undefined;
}

/**
 * Whether a target is on a machine that a stranger can choose. Servers with a single word for a name are those of the
 * sender's own office, whose documents name its templates; nobody outside can answer for one.
 */
export function isElsewhere(target: string): boolean {
  const text = target.trim().replace(/^["']+/, '');
  if (scheme.test(text)) return true;
  const name = server.exec(text)?.[1]?.toLowerCase() ?? '';
  if (name === 'localhost' || /^[a-z]:?$/.test(name) || name === '.' || name === '?') return false;
  return /[.@:]|^\d+$|^0x/.test(name);
}
