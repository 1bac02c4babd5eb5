/**
 * Texts as clients read them: whatever the charset, the same bytes for the same ASCII characters, so that markers can
 * be searched for. What the text means is for those who search.
 */
import { decodeCharset } from '../../mime/encoded-word.js';
import { ebcdicText } from './ebcdic.js';
import type { OpenFile } from './opener.js';
import { utf7 } from './utf7.js';

/** bytes that show whether a file is a text, and how it is written */
const headBytes = 2048;
const textTypes = /^(?:text\/|message\/|application\/(?:.*\+)?(?:xml|json|javascript|ecmascript|x-javascript)\b)/;

/** code pages of mainframes, as Windows knows them */
const ebcdic = /^(?:ebcdic|ibm-?(?:037|1047|500|273|1140)|cp-?(?:037|1047|500))/;

/** The width of UTF-16 or UTF-32 and the order of its bytes; undefined for charsets of single bytes. */
type Wide = 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be';

/** A text by declaration, by detection, or by having no NUL in its beginning. */
export function isText(file: OpenFile): boolean {
  if (textTypes.test(file.declaredType) || textTypes.test(file.detectedType ?? '')) return true;
  const head = file.content.subarray(0, headBytes);
  return !head.includes(0) || wideOf(file) !== undefined;
}

/** The text itself first, then other readings of its charset. */
export function readableTexts(file: OpenFile): readonly Buffer[] {
  const { content } = file;
  const wide = wideOf(file);
  if (wide !== undefined) return [content, narrow(content, wide)];
  const charset = file.charset ?? '';
  const texts = [content];
  if (/^(?:utf-?7|unicode-1-1-utf-7|csunicode11utf7)/.test(charset) || content.includes('+ADw')) {
    texts.push(utf7(content), utf7(content, true));
  }
  // Switches between character sets, and NUL, may stand inside of any word.
  if (content.includes(0x1b)) texts.push(without(content, escapeBytes));
  if (ebcdic.test(charset)) texts.push(ebcdicText(content));
  if (/^hz/.test(charset)) texts.push(without(content, tildeBytes));
  if (content.includes(0)) texts.push(without(content, nulBytes));
  return texts;
}

/** How many bytes at a place no reader shows. */
type Unseen = (text: Buffer, at: number) => number;

/** ISO 2022: ESC, up to three intermediate bytes, a final one. */
function escapeBytes(text: Buffer, at: number): number {
  if (text[at] !== 0x1b) return 0;
  let end = at + 1;
  while (end < at + 4 && (text[end] ?? 0) >= 0x20 && (text[end] ?? 0) < 0x30) end += 1;
  return end + 1 - at;
}

/** HZ (RFC 1843): `~{` and `~}` switch, `~` in front of a line end takes it away. */
function tildeBytes(text: Buffer, at: number): number {
  if (text[at] !== 0x7e) return 0;
  const next = text[at + 1];
  if (next === 0x0d && text[at + 2] === 0x0a) return 3;
  return next === 0x7b || next === 0x7d || next === 0x0a ? 2 : 0;
}

function nulBytes(text: Buffer, at: number): number {
  return text[at] === 0 ? 1 : 0;
}

function without(text: Buffer, unseen: Unseen): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  let at = 0;
  while (at < text.length) {
    const skipped = unseen(text, at);
    if (skipped === 0) out[length++] = text[at] as number; // at < length
    at += Math.max(1, skipped);
  }
  return out.subarray(0, length);
}

function wideOf({ content, charset }: OpenFile): Wide | undefined {
  if (content.length < 4) return undefined;
  const mark = content.readUInt32BE(0);
  if (mark === 0x0000feff) return 'utf-32be';
  if (mark === 0xfffe0000) return 'utf-32le';
  if (mark >>> 16 === 0xfeff) return 'utf-16be';
  if (mark >>> 16 === 0xfffe) return 'utf-16le';
  const zeros = [0, 0, 0, 0];
  const head = content.subarray(0, headBytes);
  for (let at = 0; at < head.length; at += 1) if (head[at] === 0) zeros[at & 3] = (zeros[at & 3] ?? 0) + 1;
  const quarter = head.length / 4;
  const full = zeros.map((count) => count > quarter * 0.7);
  const declared = charset ?? '';
  if (/^(?:utf-?32|ucs-?4|iso-10646-ucs-4)/.test(declared)) return full[0] === true ? 'utf-32be' : 'utf-32le';
  if (full[0] && full[1] && full[2]) return 'utf-32be';
  if (full[1] && full[2] && full[3]) return 'utf-32le';
  if (full[0] && full[2]) return 'utf-16be';
  if (full[1] && full[3]) return 'utf-16le';
  if (/^(?:utf-?16|ucs-?2|iso-10646|unicode$|csunicode$)/.test(declared)) {
    return /le$/.test(declared) ? 'utf-16le' : (zeros[0] ?? 0) + (zeros[2] ?? 0) > 0 ? 'utf-16be' : 'utf-16le';
  }
  return undefined;
}

function narrow(content: Buffer, wide: Wide): Buffer {
  if (wide === 'utf-16le' || wide === 'utf-16be') return Buffer.from(decodeCharset(content, wide), 'utf8');
  const out = Buffer.allocUnsafe(content.length >> 2);
  const low = wide === 'utf-32le' ? 0 : 3;
  // Markers are ASCII; any other character only has to be none of them.
  for (let at = 0; at < out.length; at += 1) {
    const whole = wide === 'utf-32le' ? content.readUInt32LE(at * 4) : content.readUInt32BE(at * 4);
    out[at] = whole < 128 ? (content[at * 4 + low] as number) : 0xbf; // at * 4 + 3 < length
  }
  return out;
}
