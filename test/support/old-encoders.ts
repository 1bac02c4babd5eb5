/** Encoders for what mail carried before MIME, and beside it: written for tests, from the formats' descriptions. */

/** Lines of base64. */
export function base64Lines(content: Buffer, lineLength = 76, lineEnd = '\r\n'): string {
  const text = content.toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  return lines.map((line) => line + lineEnd).join('');
}

const uuAlphabet = Array.from({ length: 64 }, (_, value) => String.fromCharCode(32 + value)).join('');
export const uuSpaces = uuAlphabet;
export const uuBackticks = `\`${uuAlphabet.slice(1)}`;
export const xxAlphabet = '+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The lines between `begin` and `end`, the empty last one included. */
export function uuLines(content: Buffer, alphabet: string, lineEnd = '\r\n'): string {
  let out = '';
  for (let at = 0; at < content.length; at += 45) {
    const bytes = content.subarray(at, at + 45);
    out += alphabet.charAt(bytes.length);
    for (let group = 0; group < bytes.length; group += 3) {
      const [one = 0, two = 0, three = 0] = bytes.subarray(group, group + 3);
      const bits = (one << 16) | (two << 8) | three;
      for (const shift of [18, 12, 6, 0]) out += alphabet.charAt((bits >> shift) & 63);
    }
    out += lineEnd;
  }
  return out + alphabet.charAt(0) + lineEnd;
}

export function uuencode(name: string, content: Buffer, alphabet = uuBackticks): string {
  return `begin 644 ${name}\r\n${uuLines(content, alphabet)}end\r\n`;
}

/** The data lines of yEnc. */
export function yencLines(content: Buffer): Buffer {
  const out: number[] = [];
  let column = 0;
  for (const byte of content) {
    const value = (byte + 42) & 0xff;
    if (value === 0 || value === 0x0a || value === 0x0d || value === 0x3d) {
      out.push(0x3d, (value + 64) & 0xff);
      column += 2;
    } else {
      out.push(value);
      column += 1;
    }
    if (column >= 128) {
      out.push(0x0d, 0x0a);
      column = 0;
    }
  }
  if (column > 0) out.push(0x0d, 0x0a);
  return Buffer.from(out);
}

export function yencode(name: string, content: Buffer): Buffer {
  const begin = `=ybegin line=128 size=${content.length} name=${name}\r\n`;
  return Buffer.concat([
    Buffer.from(begin, 'latin1'),
    yencLines(content),
    Buffer.from(`=yend size=${content.length}\r\n`, 'latin1'),
  ]);
}

const binhexAlphabet = '!"#$%&\'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr';

/** BinHex 4.0 with its runs shortened; checksums are zeros. */
export function binhex(name: string, data: Buffer, resource: Buffer = Buffer.alloc(0)): string {
  const header = Buffer.alloc(1 + name.length + 1 + 4 + 4 + 2 + 4 + 4 + 2);
  header[0] = name.length;
  header.write(name, 1, 'latin1');
  header.writeUInt32BE(data.length, header.length - 10);
  header.writeUInt32BE(resource.length, header.length - 6);
  const packed: number[] = [];
  const bytes = Buffer.concat([header, data, Buffer.alloc(2), resource, Buffer.alloc(2)]);
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    let run = 1;
    while (run < 255 && bytes[at + run] === byte) run += 1;
    packed.push(byte);
    if (byte === 0x90) packed.push(0);
    if (run > 3) packed.push(0x90, run);
    at += run > 3 ? run : 1;
  }
  let text = ':';
  const sixes = Buffer.from(packed);
  for (let at = 0; at < sixes.length; at += 3) {
    const group = sixes.subarray(at, at + 3);
    const bits = ((group[0] ?? 0) << 16) | ((group[1] ?? 0) << 8) | (group[2] ?? 0);
    for (let index = 0; index <= group.length; index += 1) {
      if (text.length % 65 === 64) text += '\r';
      text += binhexAlphabet.charAt((bits >> (18 - 6 * index)) & 63);
    }
  }
  return `(This file must be converted with BinHex 4.0)\r\n\r\n${text.replaceAll('\r', '\r\n')}:\r\n`;
}
