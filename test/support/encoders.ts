/** Encoders for what the gate only decodes: filters of PDF, and its encryption with 40-bit RC4 and no password. */
import { createHash } from 'node:crypto';
import { pdf, pdfStream } from './document-files.js';

export function* chunksOf(content: Buffer, bytes: number): Generator<Buffer> {
  for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes);
}

export function ascii85(content: Buffer): string {
  let text = '';
  for (const group of chunksOf(content, 4)) {
    let value = 0;
    for (let index = 0; index < 4; index += 1) value = value * 256 + (group[index] ?? 0);
    let digits = '';
    for (let index = 0; index < 5; index += 1) {
      digits = String.fromCharCode(33 + (value % 85)) + digits;
      value = Math.floor(value / 85);
    }
    text += group.length === 4 && digits === '!!!!!' ? 'z' : digits.slice(0, group.length + 1);
  }
  return `${text}~>`;
}

/** A greedy LZW encoder that grows its codes one early, as PDF wants it. */
export function lzw(content: Buffer): Buffer {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  let width = 9;
  let known = new Map<string, number>();
  const put = (code: number) => {
    held = held * 2 ** width + code;
    bits += width;
    while (bits >= 8) {
      bits -= 8;
      bytes.push(Math.floor(held / 2 ** bits));
      held %= 2 ** bits;
    }
  };
  const codeOf = (text: string) => (text.length === 1 ? text.charCodeAt(0) : (known.get(text) ?? 0));
  put(256);
  let current = '';
  for (const byte of content) {
    const next = current + String.fromCharCode(byte);
    if (next.length === 1 || known.has(next)) {
      current = next;
      continue;
    }
    put(codeOf(current));
    known.set(next, 258 + known.size);
    const grown = 258 + known.size;
    width = grown >= 2048 ? 12 : grown >= 1024 ? 11 : grown >= 512 ? 10 : 9;
    if (grown >= 4094) {
      put(256);
      known = new Map();
      width = 9;
    }
    current = String.fromCharCode(byte);
  }
  if (current !== '') put(codeOf(current));
  put(257);
  if (bits > 0) bytes.push(Math.floor(held * 2 ** (8 - bits)));
  return Buffer.from(bytes);
}

function rc4(key: Buffer, content: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_, index) => index);
  const swap = (one: number, other: number) => {
    const kept = state[one] ?? 0;
    state[one] = state[other] ?? 0;
    state[other] = kept;
  };
  let j = 0;
  for (let i = 0; i < 256; i += 1) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) % 256;
    swap(i, j);
  }
  j = 0;
  return Buffer.from(
    content.map((byte, index) => {
      const i = (index + 1) % 256;
      j = (j + (state[i] ?? 0)) % 256;
      swap(i, j);
      return byte ^ (state[((state[i] ?? 0) + (state[j] ?? 0)) % 256] ?? 0);
    }),
  );
}

const md5 = (...pieces: Buffer[]): Buffer => createHash('md5').update(Buffer.concat(pieces)).digest();
const padding = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');

/** A PDF that opens for everyone though it is encrypted, with one embedded file. */
export function pdfForAll(name: string, content: Buffer): Buffer {
  const owner = Buffer.alloc(32, 0x6f);
  const id = Buffer.from('0123456789abcdef', 'hex');
  const permissions = Buffer.alloc(4);
  permissions.writeInt32LE(-44);
  const key = md5(padding, owner, permissions, id).subarray(0, 5);
  const sealed = (object: number, bytes: Buffer) =>
    rc4(md5(key, Buffer.from([object, 0, 0, 0, 0])).subarray(0, 10), bytes);
  const encryption = `<< /Filter /Standard /V 1 /R 2 /P -44 /O <${owner.toString('hex')}> /U <${rc4(key, padding).toString('hex')}> >>`;
  const specification = `<< /Type /Filespec /F <${sealed(3, Buffer.from(name)).toString('hex')}> /EF << /F 4 0 R >> >>`;
  return pdf(
    ['<< /Type /Catalog >>', encryption, specification, pdfStream('/Type /EmbeddedFile', sealed(4, content))],
    `/Encrypt 2 0 R /ID [<${id.toString('hex')}> <00>]`,
  );
}
