/** Where `data:` addresses stand in a text, and where each of them ends for whoever reads attributes, CSS or script. */
import { type DataUriHeader, readDataUriHeader } from './data-uri.js';
import { schemeStart, skipBlanksBack } from './markup-scan.js';

export interface FoundAddress {
  readonly header: DataUriHeader;
  /** where `data:` begins */
  readonly start: number;
  /** behind the payload, which begins at `header.end` */
  readonly end: number;
  /** it is where a page is sent to: `url=data:` in a meta element */
  readonly redirect: boolean;
}

const closing: ReadonlyMap<number, number> = new Map([
  [0x22, 0x22],
  [0x27, 0x27],
  [0x60, 0x60],
  [0x28, 0x29],
]);

/** @param lower the same text in lower case */
export function* dataUris(text: Buffer, lower: Buffer): Generator<FoundAddress, void, undefined> {
  let comma = 0;
  for (let at = lower.indexOf(0x3a); at >= 0; at = lower.indexOf(0x3a, at + 1)) {
    const start = schemeStart(lower, at, 'data');
    if (start === undefined || isLetter(lower[start - 1])) continue;
    // Searched for once: there may be millions of beginnings in front of it.
    if (comma <= at) comma = text.indexOf(0x2c, at);
    if (comma < 0) return;
    const header = readDataUriHeader(text, at + 1, comma);
    if (header === undefined) continue;
    const place = skipBlanksBack(lower, start) - 1;
    const quote = closing.get(lower[place] ?? 0);
    // Without a media type it is an address only where one is expected.
    if (header.end === at + 2 && quote === undefined && lower[place] !== 0x3d) continue;
    const redirect = /url\s{0,4}=[\s"'`]{0,4}$/.test(lower.toString('latin1', Math.max(0, start - 12), start));
    const end = payloadEnd(text, header, quote);
    yield { header, start, end, redirect };
    // An address inside of the payload is found when the payload is opened.
    at = Math.max(at, end - 1);
  }
}

function payloadEnd(text: Buffer, header: DataUriHeader, quote: number | undefined): number {
  if (quote !== undefined) {
    const end = text.indexOf(quote, header.end);
    if (end >= 0) return end;
  }
  let end = header.end;
  for (; end < text.length; end += 1) {
    const byte = text[end] as number; // end < length
    if (byte === 0x22 || byte === 0x27 || byte === 0x3c || byte === 0x3e || byte === 0x20 || byte === 0x29) break;
    // Lines of base64 go on, a line of a text does not.
    if (byte < 0x20 && !header.base64) break;
  }
  return end;
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f);
}
