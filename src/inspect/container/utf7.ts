/** UTF-7 (RFC 2152) to UTF-8: text between `+` and `-` is base64 of UTF-16. Malformed input gives odd characters. */

const values = new Uint8Array(256).fill(255);
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  values[character.charCodeAt(0)] = value;
}
const plus = 0x2b;
const minus = 0x2d;
/** characters of a sequence that stands for a few signs of markup */
const closedMax = 12;

/** @param closedOnly leave alone what no `-` ends, as base64 of a file that a careless writer put into such a text */
export function utf7(text: Buffer, closedOnly = false): Buffer {
  // Eight characters of base64 hold three of UTF-16, which are nine bytes of UTF-8 at most.
  const out = Buffer.allocUnsafe(Math.ceil(text.length * 1.125) + 8);
  let length = 0;
  let from = 0;
  for (let at = text.indexOf(plus); at >= 0; at = text.indexOf(plus, from)) {
    length += text.copy(out, length, from, at);
    let end = at + 1;
    while (end < text.length && values[text[end] as number] !== 255) end += 1;
    if (closedOnly && (text[end] !== minus || end - at > closedMax)) {
      // A later plus sign may begin the sequence that is closed.
      const next = text.subarray(at + 1, end).lastIndexOf(plus);
      const stop = next < 0 ? end : at + 1 + next;
      length += text.copy(out, length, at, stop);
      from = stop;
      continue;
    }
    if (end === at + 1) out[length++] = plus;
    else length += utf16(text, at + 1, end).copy(out, length);
    from = text[end] === minus ? end + 1 : end;
  }
  length += text.copy(out, length, from);
  return out.subarray(0, length);
}

function utf16(text: Buffer, from: number, to: number): Buffer {
  const units = Buffer.allocUnsafe(Math.ceil((to - from) * 0.75) + 2);
  let length = 0;
  let bits = 0;
  let count = 0;
  for (let at = from; at < to; at += 1) {
    bits = ((bits << 6) | (values[text[at] as number] as number)) & 0x3fffff; // both in range
    count += 6;
    if (count >= 16) {
      count -= 16;
      units.writeUInt16LE((bits >> count) & 0xffff, length);
      length += 2;
    }
  }
  return Buffer.from(units.toString('utf16le', 0, length), 'utf8');
}
