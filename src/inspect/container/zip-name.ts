/** The names a ZIP member may have, by every rule that readers use. */
import { limits } from '../../runtime/limits.js';

/** the upper half of code page 437, which names are in when nothing says UTF-8 */
const upper =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A name may have 65,535 bytes; of a long one both ends are kept, and what it would cost to read it all is not spent. */
export function decodeZipName(raw: Buffer, flags: number, unicodePath: string | undefined): string[] {
  const most = limits.open.nameBytes;
  if (raw.length <= most) return readName(raw, flags, unicodePath);
  return [...readName(raw.subarray(0, most), flags, unicodePath), ...readName(raw.subarray(-most), flags, undefined)];
}

function readName(raw: Buffer, flags: number, unicodePath: string | undefined): string[] {
  const names = new Set<string>();
  const declaresUtf8 = (flags & 0x800) !== 0;
  const ascii = raw.every((byte) => byte < 0x80);
  const text = ascii ? raw.toString('latin1') : readUtf8(raw);
  if (text !== undefined) names.add(text);
  if (!ascii && !(declaresUtf8 && text !== undefined)) names.add(readCodePage437(raw));
  if (unicodePath !== undefined) names.add(unicodePath);
  for (const name of [...names]) {
    // Readers in C see the name up to a NUL only.
    const end = name.indexOf('\0');
    if (end >= 0) names.add(name.slice(0, end));
  }
  names.delete('');
  return [...names];
}

function readUtf8(raw: Buffer): string | undefined {
  try {
    return utf8.decode(raw);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function readCodePage437(raw: Buffer): string {
  let text = '';
  for (const byte of raw) text += byte < 0x80 ? String.fromCharCode(byte) : (upper[byte - 0x80] ?? '?');
  return text;
}
