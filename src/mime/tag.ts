/**
 * Adds the warning fields to a message that is delivered all the same. The fields go on top, the subject gets its
 * prefix; every other byte stays.
 */
import type { SpoolRange } from '../runtime/spool-source.js';

export interface TagSettings {
  readonly xDistribution: 'none' | 'Bulk' | 'Spam';
  readonly xSpamFlag: boolean;
  readonly subjectPrefix: string;
}

export interface TaggedField {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** RFC 5322 §2.1.1: a line has at most 998 characters. */
const lineBytesMax = 998;
/** RFC 2047 §2: an encoded-word has at most 75 characters; this leaves room for its frame. */
const encodedWordTextBytes = 45;

/**
 * The tagged message as pieces: our bytes, and ranges of the original.
 *
 * @param bytes length of the message
 * @param fields its top header fields, in order
 * @param readRange gives a field's bytes; fields are small
 */
export function tagMessage(
  bytes: number,
  fields: readonly TaggedField[],
  readRange: (start: number, end: number) => Buffer,
  settings: TagSettings,
): (Buffer | SpoolRange)[] {
  const prefix = encodeUnstructured(settings.subjectPrefix);
  const subjects = prefix === '' ? [] : fields.filter((field) => field.name.toLowerCase() === 'subject');
  let top = '';
  if (settings.xDistribution !== 'none') top += `X-Distribution: ${settings.xDistribution}\r\n`;
  if (settings.xSpamFlag) top += 'X-Spam-Flag: YES\r\n';
  if (prefix !== '' && subjects.length === 0) top += `Subject: ${prefix.trimEnd()}\r\n`;
  if (top !== '' && startsWithBody(fields, readRange(0, Math.min(bytes, 2)).toString('latin1'))) top += '\r\n';
  const pieces: (Buffer | SpoolRange)[] = top === '' ? [] : [Buffer.from(top, 'latin1')];
  let at = 0;
  for (const subject of subjects) {
    const field = readRange(subject.start, subject.end).toString('latin1');
    // A field name may be followed by blanks before the colon (RFC 5322 §4.5, obsolete), the value by one blank.
    const value = subject.start + (/^[^:]*:[ \t]?/.exec(field)?.[0].length ?? 0);
    pieces.push({ start: at, end: value }, Buffer.from(prefixFor(field, prefix), 'latin1'));
    at = value;
  }
  pieces.push({ start: at, end: bytes });
  return pieces;
}

/**
 * Whether our fields are the whole header: then they need the empty line that ends it. A first line that begins with a
 * blank would else continue our last field, and `X-Spam-Flag: YES` with text behind it is no flag to a filter.
 */
function startsWithBody(fields: readonly TaggedField[], start: string): boolean {
  return /^[ \t]/.test(start) || (fields.length === 0 && start !== '' && start !== '\r\n');
}

/** The prefix, followed by a fold where the subject's first line would get too long. */
function prefixFor(field: string, prefix: string): string {
  const firstLine = field.indexOf('\r\n');
  const length = (firstLine === -1 ? field.length : firstLine) + prefix.length;
  return length > lineBytesMax ? `${prefix.trimEnd()}\r\n ` : prefix;
}

/** Text for an unstructured field: as it is when printable ASCII, else as encoded-words that keep their blanks (RFC 2047 §6.2). */
export function encodeUnstructured(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let chunk = '';
  for (const char of text) {
    if (Buffer.byteLength(chunk + char) > encodedWordTextBytes) {
      words.push(chunk);
      chunk = '';
    }
    chunk += char;
  }
  words.push(chunk);
  const encoded = words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`);
  // Blanks between encoded-words are not shown, so the one at the end of the prefix is inside.
  return `${encoded.join(' ')} `;
}
