/** Escapes in strings of JavaScript, as bytes. It knows strings and nothing around them. */

const simple: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x76, 0x0b],
]);

/** Writes `[start, end)` with its escapes undone into `out`; returns how many bytes that were, at most `end - start`. */
export function unescaped(text: Buffer, start: number, end: number, out: Buffer, from: number): number {
  let length = from;
  let at = start;
  while (at < end) {
    const byte = text[at] as number; // at < end
    if (byte !== 0x5c || at + 1 >= end) {
      out[length++] = byte;
      at += 1;
      continue;
    }
    const kind = text[at + 1] as number; // at + 1 < end
    const digits = kind === 0x78 ? 2 : kind === 0x75 ? 4 : 0;
    const code = digits === 0 ? Number.NaN : Number.parseInt(text.toString('latin1', at + 2, at + 2 + digits), 16);
    if (!Number.isNaN(code)) {
      // Characters beyond Latin-1 stand for two bytes in what shellcode and old exploits unescape.
      if (code > 0xff) out[length++] = code & 0xff;
      out[length++] = code > 0xff ? code >> 8 : code;
      at += 2 + digits;
    } else if (kind >= 0x30 && kind <= 0x37) {
      const octal = /^[0-3]?[0-7]{1,2}/.exec(text.toString('latin1', at + 1, Math.min(end, at + 4)))?.[0] ?? '0';
      out[length++] = Number.parseInt(octal, 8) & 0xff;
      at += 1 + octal.length;
    } else if (kind === 0x0a || kind === 0x0d) {
      at += kind === 0x0d && text[at + 2] === 0x0a ? 3 : 2;
    } else {
      out[length++] = simple.get(kind) ?? kind;
      at += 2;
    }
  }
  return length - from;
}

/** A script with its escapes undone and its strings joined, so that words in pieces can be found. */
export function joinedScript(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  const length = unescaped(text, 0, text.length, out, 0);
  const joined = out.toString('latin1', 0, length).replace(/["'`]\s{0,8}\+\s{0,8}["'`]/g, '');
  return Buffer.from(joined, 'latin1');
}
