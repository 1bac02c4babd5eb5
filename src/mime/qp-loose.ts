/** quoted-printable as a reader with given habits decodes it. Which habits are worth trying is decided elsewhere. */

export interface QuotedPrintableHabits {
  /** blanks at the end of a line stay */
  readonly blanksKept: boolean;
  /** a `=` that begins no escape: stays, goes, goes with the two characters behind it, or ends the text */
  readonly badEscape: 'keep' | 'drop' | 'drop-three' | 'stop';
  /** lower-case digits make an escape */
  readonly lowerCase: boolean;
  /** `==` is one equals sign, as Python reads it */
  readonly doubled: boolean;
  /** what ends a line softly: `=` and CRLF or LF; also with blanks between; also a bare CR; CR and all up to LF (Python) */
  readonly softBreak: 'exact' | 'blanks' | 'bare-cr' | 'up-to-lf';
  /** an underscore is a blank, as in the Q encoding of header fields (RFC 2047 §4.2) */
  readonly underscoreIsBlank: boolean;
  /** line ends that are there as such, not those that were escaped */
  readonly lineEnds: 'keep' | 'lf';
}

const equals = 0x3d;
const cr = 0x0d;
const lf = 0x0a;

function digit(byte: number | undefined, lowerCase: boolean): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37;
  return lowerCase && byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === cr || byte === lf || byte === undefined;
}

export function decodeQuotedPrintable(body: Buffer, habits: QuotedPrintableHabits): Buffer {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  let at = 0;
  while (at < body.length) {
    const byte = body[at] as number; // at < length
    if (byte === equals) {
      const high = digit(body[at + 1], habits.lowerCase);
      const low = digit(body[at + 2], habits.lowerCase);
      if (high >= 0 && low >= 0) {
        out[length++] = (high << 4) | low;
        at += 3;
        continue;
      }
      const end = softBreakEnd(body, at, habits);
      if (end > at) {
        at = end;
        continue;
      }
      if (habits.doubled && body[at + 1] === equals) {
        out[length++] = equals;
        at += 2;
        continue;
      }
      if (habits.badEscape === 'stop') break;
      if (habits.badEscape === 'keep') out[length++] = byte;
      at += habits.badEscape === 'drop-three' ? 3 : 1;
    } else if (isBlank(byte)) {
      let end = at;
      while (isBlank(body[end])) end += 1;
      if (habits.blanksKept || !isLineEnd(body[end])) length += body.copy(out, length, at, end);
      at = end;
    } else {
      if (byte === cr && body[at + 1] === lf && habits.lineEnds === 'lf') at += 1;
      out[length++] = body[at] === 0x5f && habits.underscoreIsBlank ? 0x20 : (body[at] as number); // in range
      at += 1;
    }
  }
  return out.subarray(0, length);
}

/** The body with its soft line breaks taken out before anything is decoded: an escape may then go over a line end. */
export function withoutSoftBreaks(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  let from = 0;
  for (let at = body.indexOf(equals); at >= 0; at = body.indexOf(equals, at + 1)) {
    let end = at + 1;
    while (isBlank(body[end])) end += 1;
    if (body[end] === cr && body[end + 1] === lf) end += 1;
    if (end < body.length && body[end] !== lf) continue;
    length += body.copy(out, length, from, at);
    from = end + 1;
    at = end;
  }
  length += body.copy(out, length, Math.min(from, body.length));
  return out.subarray(0, length);
}

/** Behind the soft line break at `at`; `at` itself when there is none. */
function softBreakEnd(body: Buffer, at: number, habits: QuotedPrintableHabits): number {
  let end = at + 1;
  if (habits.softBreak === 'blanks' || habits.softBreak === 'bare-cr') while (isBlank(body[end])) end += 1;
  if (body[end] === lf) return end + 1;
  if (body[end] === cr && body[end + 1] === lf) return end + 2;
  if (body[end] === cr && habits.softBreak === 'bare-cr') return end + 1;
  if (body[end] === cr && habits.softBreak === 'up-to-lf') {
    const feed = body.indexOf(lf, end);
    return feed < 0 ? body.length : feed + 1;
  }
  // At the very end the line end belonged to the delimiter.
  return end >= body.length && habits.softBreak !== 'exact' ? end : at;
}
