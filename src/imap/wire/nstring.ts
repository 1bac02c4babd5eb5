/** Strings of IMAP as a server writes them: quoted where that is legal and short, else as a literal (RFC 9051 §4.3). */

/** octets; longer strings are easier on their readers as literals */
const quotedMax = 1000;
const quotable = /^[\x01-\x09\x0b\x0c\x0e-\x7f]*$/;

/** @param text octets as latin1. NUL, which no string may hold, is left out. */
export function imapString(text: string): string {
  const clean = text.includes('\0') ? text.replaceAll('\0', '') : text;
  if (clean.length <= quotedMax && quotable.test(clean)) return `"${clean.replace(/["\\]/g, '\\$&')}"`;
  return `{${clean.length}}\r\n${clean}`;
}

/** `NIL` when absent. */
export function imapNstring(text: string | undefined): string {
  return text === undefined ? 'NIL' : imapString(text);
}

/** Content: a literal whatever it holds, but nothing at all is the empty string. */
export function contentLiteral(bytes: Buffer, binary = false): readonly Buffer[] {
  if (bytes.length === 0) return [Buffer.from('""')];
  // RFC 3516 §4.2: only the literal8 form may hold NUL.
  const eight = binary && bytes.includes(0) ? '~' : '';
  return [Buffer.from(`${eight}{${bytes.length}}\r\n`), bytes];
}
