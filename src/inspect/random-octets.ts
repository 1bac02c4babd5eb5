/**
 * Files that look like random octets: encrypted or compressed data without a head that anybody knows. There is no type
 * to find for them, so they need neither libmagic nor, when no opener takes an interest, a thread.
 */

import { addressesNothing, htmlCarrier } from './container/html-carrier.js';
import type { OpenFile } from './container/opener.js';
import { openers } from './container/openers.js';
import { anyOpener } from './container/opening.js';
import { floatingSignatures, hasFixedSignature } from './container/seven-zip-formats.js';
import { carriesNothing, textCarrier } from './container/text-carrier.js';
import { embeddedSignatures } from './polyglot-probe.js';
import { SignatureScan } from './signature-scan.js';

/** octets at the beginning that are looked at */
const headBytes = 256;
/**
 * Different values among them. Random ones have 162 on average, and fewer than 140 or more than 185 once in some
 * thousand times; heads of file formats repeat themselves, with zeros, lengths and names, and tables do not at all.
 */
const leastValues = 140;
const mostValues = 185;
/** more zeros than random octets have (1 on average), and fewer than any format aligned to 4 octets */
const mostZeros = 6;

const seen = new Uint32Array(256);
let round = 0;

/** False for what is shorter than can be told. */
export function looksRandom(head: Buffer): boolean {
  if (head.length < headBytes) return false;
  round = (round + 1) >>> 0;
  if (round === 0) {
    seen.fill(0);
    round = 1;
  }
  let values = 0;
  let zeros = 0;
  for (let at = 0; at < headBytes; at += 1) {
    const octet = head[at] ?? 0;
    if (octet === 0) zeros += 1;
    if (seen[octet] !== round) {
      seen[octet] = round;
      values += 1;
    }
  }
  return values >= leastValues && values <= mostValues && zeros <= mostZeros;
}

/** Openers that look for signatures in the whole of a file: one pass does that for all of them. */
const byScan: ReadonlySet<string> = new Set(['7-zip', 'office-package', 'polyglot', 'zip']);
/**
 * Openers that look into everything that could be a text. Small files of random octets often have no NUL, which is all
 * that it takes, so these say whether they would find something, and not only whether they would look.
 */
const ofTexts = [
  { openers: [textCarrier], findsNothing: carriesNothing },
  { openers: [htmlCarrier], findsNothing: addressesNothing },
];
/** octets of a file that is searched like that at once; larger ones without a NUL in front are one in three thousand */
const textBytes = 16_384;
const texts = ofTexts.flatMap((texts) => texts.openers.map(({ id }) => id));
const asked = openers.filter(({ id }) => !byScan.has(id) && !texts.includes(id));
const scan = new SignatureScan([...embeddedSignatures, ...floatingSignatures]);

/** Whether no opener finds anything in a file that is wholly there, and nothing else begins in it. */
export function holdsNothing(file: OpenFile): boolean {
  const { content } = file;
  if (hasFixedSignature(content) || anyOpener(file, asked) || scan.any(content)) return false;
  return ofTexts.every(({ openers: some, findsNothing }) => {
    if (!anyOpener(file, some)) return true;
    return content.length <= textBytes && surely(() => findsNothing(file));
  });
}

/** Who throws has found something, if only a fault of ours. */
function surely(question: () => boolean): boolean {
  try {
    return question();
  } catch {
    return false;
  }
}
