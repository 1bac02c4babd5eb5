/**
 * Files in calendars and address cards: the base64 values of iCalendar (RFC 5545) and of vCard 2.1 to 4.0 (RFC 6350).
 * It reads lines and parameters, and knows no property's meaning.
 */
import { decodeBase64 } from '../../mime/decoding-base64.js';
import { textLines } from '../../mime/text-lines.js';
import { limits } from '../../runtime/limits.js';
import { dataUriContent, readDataUriHeader } from './data-uri.js';
import type { MemberAbout, Opener, OpenFile, OpenOutput } from './opener.js';
import { readableTexts } from './readable-text.js';

const types = new Set([
  'text/calendar',
  'text/vcard',
  'text/x-vcard',
  'text/directory',
  'text/x-vcalendar',
  'application/ics',
]);
/** bytes in which the first component begins */
const headBytes = 4096;
/** bytes of a property's name and parameters, folds undone */
const propertyBytes = 8192;
const base64Parameter = /;\s*(?:encoding\s*=\s*"?(?:base64|b)"?|base64)\s*(?=[;:]|$)/i;

interface Property {
  /** name and parameters */
  readonly head: string;
  /** the value as written, folds in it */
  readonly start: number;
  end: number;
}

export const calendar: Opener = {
  id: 'calendar',
  matches(file: OpenFile): boolean {
    if (types.has(file.declaredType)) return true;
    return /begin\x00?:\x00?v\x00?c\x00?a/i.test(file.content.toString('latin1', 0, headBytes));
  },
  async open(file: OpenFile, out: OpenOutput): Promise<void> {
    let count = 0;
    for (const text of readableTexts(file)) {
      for (const property of encodedProperties(text)) {
        if (out.exhausted) return;
        count += 1;
        if (count > limits.mime.carriedFilesMax) return out.problem('unpack-limit');
        const { about, content } = memberOf(text, property);
        if (content.length > 0 && !(await out.add(about, content))) return;
      }
    }
  },
};

/** Properties whose value is base64 or a `data:` address. */
function* encodedProperties(text: Buffer): Generator<Property, void, undefined> {
  let open: Property | undefined;
  let head = '';
  let quoted = false;
  for (const { start, end } of textLines(text)) {
    const folded = text[start] === 0x20 || text[start] === 0x09;
    if (open !== undefined) {
      if (folded || (base64Parameter.test(open.head) && isBase64(text, start, end))) {
        open.end = end;
        continue;
      }
      if (isEncoded(text, open)) yield open;
      open = undefined;
    }
    if (!folded) {
      head = '';
      quoted = false;
    } else if (head === '' || head.length >= propertyBytes) continue;
    const from = folded ? start + 1 : start;
    const stop = Math.min(end, from + propertyBytes);
    let colon = from;
    for (; colon < stop && (quoted || text[colon] !== 0x3a); colon += 1) if (text[colon] === 0x22) quoted = !quoted;
    head += text.toString('latin1', from, colon);
    if (colon < stop) open = { head, start: colon + 1, end };
  }
  if (open !== undefined && isEncoded(text, open)) yield open;
}

function isEncoded(text: Buffer, property: Property): boolean {
  return base64Parameter.test(property.head) || addressOf(text, property) !== undefined;
}

/** vCard 2.1 lets writers break base64 without a fold. */
function isBase64(text: Buffer, start: number, end: number): boolean {
  return end > start && /^[A-Za-z0-9+/=]+\s*$/.test(text.toString('latin1', start, Math.min(end, start + 2000)));
}

/** The value with its folds undone, when it is a `data:` address. */
function addressOf(text: Buffer, { start, end }: Property): Buffer | undefined {
  const beginning = text.toString('latin1', start, Math.min(end, start + 64)).replace(/\r?\n[ \t]/g, '');
  if (!/^\s*data:/i.test(beginning)) return undefined;
  return Buffer.from(text.toString('latin1', start, end).replace(/\r?\n[ \t]/g, ''), 'latin1');
}

function memberOf(text: Buffer, property: Property): { about: MemberAbout; content: Buffer } {
  const parameters = new Map<string, string>();
  const written = /;\s{0,8}([a-z0-9-]{1,64})\s{0,8}=\s{0,8}(?:"([^"]{0,512})"|([^;:"]{0,512}))/gi;
  for (const found of property.head.matchAll(written)) {
    parameters.set((found[1] ?? '').toLowerCase(), found[2] ?? found[3] ?? '');
  }
  const names = ['filename', 'x-filename', 'x-apple-filename', 'x-name'].flatMap((key) => parameters.get(key) ?? []);
  const address = addressOf(text, property);
  const header =
    address === undefined ? undefined : readDataUriHeader(address, address.indexOf(0x3a) + 1, address.indexOf(0x2c));
  if (address !== undefined && header !== undefined) {
    const about = { names, method: 'data-uri', declaredType: header.type, charset: header.charset };
    return { about, content: dataUriContent(header, address.subarray(header.end)) };
  }
  const declaredType = parameters.get('fmttype')?.toLowerCase() ?? '';
  const about = declaredType === '' ? { names, method: 'base64' } : { names, method: 'base64', declaredType };
  return { about, content: decodeBase64(text.subarray(property.start, property.end)) };
}
