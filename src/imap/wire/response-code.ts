/** The bracketed code at the beginning of a status response's text (RFC 9051 §7.1). */
import { octet, upperCase } from './octet-scan.js';
import type { ResponseCode } from './wire.js';

/**
 * The code of `[CODE text] human text` in `bytes[from..to)`. Its text ends at the first bracket, as the grammar has it.
 * @returns undefined when there is none, also for a bracket that is never closed
 */
export function parseResponseCode(bytes: Buffer, from: number, to: number): ResponseCode | undefined {
  if (bytes[from] !== octet.openBracket) return undefined;
  let close = from + 1;
  while (close < to && bytes[close] !== octet.closeBracket) close += 1;
  if (close === to) return undefined;
  const inside = bytes.toString('latin1', from + 1, close);
  const space = inside.indexOf(' ');
  const name = space === -1 ? inside : inside.slice(0, space);
  if (name === '') return undefined;
  return { name: upperCase(name), text: space === -1 ? '' : inside.slice(space + 1) };
}
