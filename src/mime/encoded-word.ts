/**
 * RFC 2047 encoded words and charsets: bytes of an alleged charset become text, never an error. An unknown charset or
 * malformed bytes fall back to Latin-1, so that nothing disappears from a name that rules look at.
 */

import { TextDecoder } from 'node:util';

const decoders = new Map<string, TextDecoder | undefined>();
/** labels come from mail, so the cache must not grow with it */
const decodersMax = 256;
const word = /=\?([^?\s]{1,75})\?([bBqQ])\?([^?]*)\?=/g;

function decoderOf(charset: string): TextDecoder | undefined {
  const label = charset.toLowerCase();
  if (decoders.has(label)) return decoders.get(label);
  let decoder: TextDecoder | undefined;
  try {
    decoder = new TextDecoder(label, { fatal: true });
  } catch {
    decoder = undefined;
  }
  if (decoders.size < decodersMax) decoders.set(label, decoder);
  return decoder;
}

/** Bytes as text in `charset`; Latin-1 when that charset is unknown or the bytes are not in it. */
export function decodeCharset(bytes: Buffer, charset: string): string {
  try {
    return decoderOf(charset)?.decode(bytes) ?? bytes.toString('latin1');
  } catch {
    return bytes.toString('latin1');
  }
}

function wordBytes(encoding: string, text: string): Buffer {
  if (encoding === 'B' || encoding === 'b') return Buffer.from(text, 'base64');
  // RFC 2047 §4.2: underscore is a blank whatever the charset says
  const raw = text
    .replace(/_/g, ' ')
    .replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(raw, 'latin1');
}

/**
 * Text with its encoded words decoded. Adjacent words lose the blanks between them, and those of one charset are
 * joined before decoding, because many writers split characters between words (RFC 2047 §5 forbids it).
 */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text;
  let out = '';
  let last = 0;
  let charset = '';
  let pending: Buffer[] = [];
  const flush = () => {
    if (pending.length > 0) out += decodeCharset(Buffer.concat(pending), charset);
    pending = [];
  };
  for (const match of text.matchAll(word)) {
    const between = text.slice(last, match.index);
    // RFC 2231 §5 allows a language behind the charset
    const label = (match[1] ?? '').split('*', 1)[0]?.toLowerCase() ?? '';
    const adjacent = pending.length > 0 && between.trim() === '';
    if (!adjacent || label !== charset) flush();
    if (!adjacent) out += between;
    charset = label;
    pending.push(wordBytes(match[2] ?? '', match[3] ?? ''));
    last = match.index + match[0].length;
  }
  flush();
  return out + text.slice(last);
}
