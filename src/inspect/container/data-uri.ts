/**
 * `data:` addresses (RFC 2397) as browsers take them: percent escapes, line ends and junk in base64 do not matter.
 * It decodes one address; where addresses stand in a text is for others.
 */
import { decodeBase64 } from '../../mime/decoding-base64.js';

export interface DataUri {
  /** lower case; what RFC 2397 §2 assumes when there is none */
  readonly type: string;
  readonly charset: string | undefined;
  readonly content: Buffer;
}

/** bytes in front of the comma, and of a media type, that are read */
const headerMax = 1024;
const typeMax = 256;
const mediaType = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;
/** a whole header when nothing says base64: browsers take anything, but so could any text that holds a colon */
const header =
  /^(?:[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127})?(?:;[\w!#$&^.+-]{1,64}(?:=(?:"[^"]{0,256}"|[\w!#$&^.+/:-]{0,256}))?){0,16};?$/;

/** What stands in front of the comma, when it can be the beginning of a `data:` address. */
export interface DataUriHeader {
  readonly type: string;
  readonly charset: string | undefined;
  readonly base64: boolean;
  /** behind the comma */
  readonly end: number;
}

/**
 * @param at behind the colon of `data:`
 * @param comma the first one behind it
 */
export function readDataUriHeader(text: Buffer, at: number, comma: number): DataUriHeader | undefined {
  if (comma < at || comma - at > headerMax) return undefined;
  const base64 = isBase64Header(text, at, comma);
  // A text in which `data:` stands again and again must be told cheaply.
  if (!base64 && isOtherText(text, at)) return undefined;
  const written = clean(text.subarray(at, Math.min(comma, at + (base64 ? typeMax : headerMax))));
  if (!base64 && !header.test(written)) return undefined;
  const [first = '', ...parameters] = written.split(';');
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '');
  return { type: mediaType.test(first) ? first : 'text/plain', charset, base64, end: comma + 1 };
}

/** Browsers want it in front of the comma, other readers anywhere behind a semicolon. */
function isBase64Header(text: Buffer, at: number, comma: number): boolean {
  if (comma - at < 7) return false;
  const tail = clean(text.subarray(Math.max(at, comma - 64), comma));
  return /;base64(?:;|$)/.test(tail);
}

/** The first bytes are of no media type and begin no parameter. */
function isOtherText(text: Buffer, at: number): boolean {
  return /^[^;,]{0,8}[:<>"'`(){}|]/.test(text.toString('latin1', at, at + 9));
}

function clean(bytes: Buffer): string {
  return percentDecoded(bytes)
    .toString('latin1')
    .replace(/[\s\\]+/g, '')
    .toLowerCase();
}

export function dataUriContent(header: DataUriHeader, payload: Buffer): Buffer {
  const bytes = percentDecoded(payload);
  return header.base64 ? decodeBase64(bytes) : bytes;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** `%41` becomes `A`; a percent sign that begins no escape stays. */
export function percentDecoded(text: Buffer): Buffer {
  if (!text.includes(0x25)) return text;
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const high = text[at] === 0x25 ? hexDigit(text[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(text[at + 2]);
    if (low >= 0) {
      out[length++] = (high << 4) | low;
      at += 2;
    } else out[length++] = text[at] as number; // at < length
  }
  return out.subarray(0, length);
}
