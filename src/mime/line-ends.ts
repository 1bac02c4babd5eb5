/** Whole texts with their line ends changed, as clients on different systems store them. */

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;

/** What line ends a text has; one pass. */
export interface LineEnds {
  readonly crlf: number;
  readonly lf: number;
  readonly cr: number;
}

export function countLineEnds(text: Buffer): LineEnds {
  let pairs = 0;
  let feeds = 0;
  let returns = 0;
  for (let at = text.indexOf(lf); at >= 0; at = text.indexOf(lf, at + 1)) {
    if (text[at - 1] === cr) pairs += 1;
    else feeds += 1;
  }
  for (let at = text.indexOf(cr); at >= 0; at = text.indexOf(cr, at + 1)) if (text[at + 1] !== lf) returns += 1;
  return { crlf: pairs, lf: feeds, cr: returns };
}

/** CRLF becomes LF; a bare CR too when `bare` says so. */
export function withLineFeeds(text: Buffer, bare: boolean): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  let from = 0;
  for (let at = text.indexOf(cr); at >= 0; at = text.indexOf(cr, at + 1)) {
    const pair = text[at + 1] === lf;
    if (!pair && !bare) continue;
    length += text.copy(out, length, from, at);
    if (!pair) out[length++] = lf;
    from = at + 1;
  }
  length += text.copy(out, length, from);
  return out.subarray(0, length);
}

/** Every line end, CRLF, LF or CR, becomes CRLF. */
export function withCrlf(text: Buffer, ends: LineEnds): Buffer {
  const out = Buffer.allocUnsafe(text.length + ends.lf + ends.cr);
  let length = 0;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] as number; // at < length
    if (byte !== cr && byte !== lf) {
      out[length++] = byte;
      continue;
    }
    out[length++] = cr;
    out[length++] = lf;
    if (byte === cr && text[at + 1] === lf) at += 1;
  }
  return out.subarray(0, length);
}

/** One line end less at the end, or all of them. */
export function withoutFinalLineEnd(text: Buffer, all: boolean): Buffer {
  let end = text.length;
  do {
    if (text[end - 1] === lf) end -= text[end - 2] === cr ? 2 : 1;
    else if (text[end - 1] === cr) end -= 1;
    else break;
  } while (all && end > 0);
  return text.subarray(0, end);
}

/** Lines that begin with a dot lose it, as behind SMTP's DATA (RFC 5321 §4.5.2). */
export function withoutStuffedDots(text: Buffer): Buffer {
  const stuffed = Buffer.from('\n..', 'latin1');
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  let from = text[0] === dot && text[1] === dot ? 1 : 0;
  for (let at = text.indexOf(stuffed, from); at >= 0; at = text.indexOf(stuffed, at + 1)) {
    length += text.copy(out, length, from, at + 1);
    from = at + 2;
  }
  length += text.copy(out, length, from);
  return out.subarray(0, length);
}
