/**
 * Values that strangers wrote, as text that cannot leave its place in a record: no control character, no half
 * character, escaped as the format wants, and together no longer than the record may be.
 */

/** C0, DEL, C1 and the two separators that end lines in Unicode: what could begin a record, or drive a terminal. */
const blanks = /[\t\r\n\u2028\u2029]+/g;
const controls = /[\u0000-\u001f\u007f-\u009f]/g;
const loneSurrogate = /\p{Cs}/gu;

/** Line ends and tabs become a blank, other control characters and half characters U+FFFD; at most `max` characters. */
export function cleanValue(text: string, max: number): string {
  // Bounded before anything is matched: a field of a megabyte costs no more than one of a page.
  const clean = text
    .slice(0, max + 1)
    .replace(blanks, ' ')
    .replace(controls, '\ufffd')
    .replace(loneSurrogate, '\ufffd');
  return text.length <= max ? clean : `${withoutTail(clean, max - 1)}…`;
}

/** The first `length` UTF-16 units, or one less where they would end in half a character. */
function withoutTail(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

export type Escape = (text: string) => string;

/** RFC 5424 §6.3.3 */
export const escapeParam: Escape = (text) => text.replace(/["\\\]]/g, '\\$&');

/** CEF: what separates the fields of its header, and the escape itself. */
export const escapeCefHeader: Escape = (text) => text.replace(/[|\\]/g, '\\$&');

/** CEF: what separates keys from values in its extension. */
export const escapeCefValue: Escape = (text) => text.replace(/[=\\]/g, '\\$&');

const ellipsisBytes = 3;

/**
 * The values, escaped, in at most `bytesMax` bytes of UTF-8 together: when they have more the longest are shortened,
 * all to the same length, each to whole characters and whole escapes.
 */
export function fitValues(values: readonly string[], quote: Escape, bytesMax: number): string[] {
  const escaped = values.map(quote);
  const sizes = escaped.map((text) => Buffer.byteLength(text));
  if (sizes.reduce((sum, size) => sum + size, 0) <= bytesMax) return escaped;
  const cap = commonCap(sizes, Math.max(0, bytesMax));
  return values.map((value, at) => ((sizes[at] ?? 0) <= cap ? (escaped[at] ?? '') : shortened(value, quote, cap)));
}

/** The greatest length to which all longer values are cut so that the sum fits. */
function commonCap(sizes: readonly number[], bytesMax: number): number {
  const ascending = sizes.toSorted((a, b) => a - b);
  let left = bytesMax;
  for (const [at, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - at));
    if (size > share) return share;
    left -= size;
  }
  return Number.MAX_SAFE_INTEGER;
}

function shortened(value: string, quote: Escape, bytesMax: number): string {
  const room = bytesMax - ellipsisBytes;
  let bytes = 0;
  let text = '';
  for (const character of value) {
    const next = quote(character);
    bytes += Buffer.byteLength(next);
    if (bytes > room) break;
    text += next;
  }
  return room < 0 ? '' : `${text}…`;
}
