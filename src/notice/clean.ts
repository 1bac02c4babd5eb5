/**
 * Makes strings that strangers wrote safe to show: in a notice, in an administrator's mail, on a terminal. Escaping
 * for HTML comes after it, where HTML is made.
 */

/**
 * Left out: characters that change how their neighbours look without being seen. Bidirectional controls turn
 * `fdp.exe` into `exe.pdf`; zero-width ones and the tag block hide text.
 */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/** Half a character: UTF-8 cannot carry it. */
const loneSurrogate = /\p{Cs}/gu;

/** C0, DEL and C1, which drive terminals and end header lines, and the two separators that end lines in Unicode. */
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Without characters that are not seen, and halves of characters marked. */
export function removeInvisible(text: string): string {
  return text.replace(loneSurrogate, '\ufffd').replace(invisible, '');
}

/** One printable line of at most `max` characters, an ellipsis included. */
export function cleanLine(text: string, max: number): string {
  // Bounded before anything is matched: a field of a megabyte costs no more than one of a page.
  const bounded = text.slice(0, max * 8).replace(loneSurrogate, '\ufffd');
  const printable = bounded.replace(control, ' ').replace(invisible, '').trim();
  const characters = Array.from(printable);
  const whole = characters.length <= max && text.length <= max * 8;
  return whole ? printable : `${characters.slice(0, max - 1).join('')}…`;
}

/**
 * Mail programs make links of what looks like one. In a mail that its reader trusts, a stranger's address must not
 * become clickable, so it is written the way analysts write them.
 */
export function defang(text: string): string {
  return text.replace(/:\/\//g, '[:]//').replace(/\bwww\./gi, 'www[.]');
}

/** Text for HTML content and for double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

/** `1 byte`, `12 bytes`, `3.4 kB`, `5.0 MB`, `1.2 GB`: powers of 1000. */
export function sizeText(bytes: number): string {
  if (bytes === 1) return '1 byte';
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
}

/** `2026-03-01 14:05 UTC`: the same for every reader, whatever the server's locale. */
export function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A threat level as a person reads it; the bands are those of the level map. */
export function levelText(level: number): string {
  if (level < 0) return 'not rated';
  const band = level >= 7 ? 'high' : level >= 4 ? 'medium' : 'low';
  return `${level} of 10 (${band})`;
}
