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

/** characters in front of the comma that are read */
const headerMax = 1024;
const mediaType = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;

/** What stands in front of the comma, when it can be the beginning of a `data:` address. */
export interface DataUriHeader {
  readonly type: string;
  readonly charset: string | undefined;
  readonly base64: boolean;
  /** behind the comma */
  readonly end: number;
}

/** @param at behind the colon of `data:` */
export function readDataUriHeader(text: Buffer, at: number): DataUriHeader | undefined {
  const comma = text.subarray(at, at + headerMax).indexOf(0x2c);
  if (comma < 0) return undefined;
  const written = percentDecoded(text.subarray(at, at + comma)).toString('latin1');
  const [first = '', ...parameters] = written
    .replace(/[\s\\]+/g, '')
    .toLowerCase()
    .split(';');
  if (first !== '' && !mediaType.test(first)) return undefined;
  if (/[<>"'`]/.test(parameters.join(';').replace(/="[^"]*"/g, ''))) return undefined;
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '');
  // Browsers want it last, other readers anywhere.
  const base64 = parameters.includes('base64');
  return { type: first === '' ? 'text/plain' : first, charset, base64, end: at + comma + 1 };
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
