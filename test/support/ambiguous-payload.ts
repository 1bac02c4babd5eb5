/**
 * Payloads whose digests mean something, and the encodings that carry them, written from their specifications and
 * without the product's own code. It knows nothing of mail structure.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { eicar } from './mail.js';

export type PayloadKind = 'binary' | 'pe' | 'pdf' | 'eicar' | 'script';

/** Octets that depend on `seed` alone. */
export function octetsOf(seed: string, bytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 32 < bytes; at += 1) blocks.push(createHash('sha256').update(`${seed}/${at}`).digest());
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** A whole number below `below` that depends on `seed` alone. */
export function numberOf(seed: string, below: number): number {
  return octetsOf(seed, 4).readUInt32BE(0) % below;
}

function programOf(seed: string): Buffer {
  const head = Buffer.alloc(0x80);
  head.write('MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0', 0, 'latin1');
  head.writeUInt32LE(0x80, 0x3c);
  head.write(
    '\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21This program cannot be run in DOS mode.',
    0x40,
    'latin1',
  );
  const pe = Buffer.from('PE\0\0\x4c\x01\x01\0', 'latin1');
  return Buffer.concat([head, pe, octetsOf(seed, 700 + numberOf(seed, 300))]);
}

function pdfOf(seed: string): Buffer {
  const text = `%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\nendobj\n`;
  return Buffer.concat([
    Buffer.from(`${text}2 0 obj\n<< /Length 400 >>\nstream\n`, 'latin1'),
    octetsOf(seed, 400),
    Buffer.from('\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n', 'latin1'),
  ]);
}

/** Seven-bit lines ended by CRLF but the last, so that an identity encoding carries them. */
function scriptOf(seed: string): Buffer {
  const lines = ['@echo off', 'rem do not run', 'set target=%TEMP%\\update.exe'];
  for (let line = 0; line < 8; line += 1)
    lines.push(`echo ${octetsOf(`${seed}/${line}`, 20).toString('hex')}>>"%target%"`);
  lines.push('start "" "%target%"');
  return Buffer.from(lines.join('\r\n'));
}

export function payloadOf(seed: string, kind: PayloadKind): Buffer {
  switch (kind) {
    case 'binary':
      return octetsOf(seed, 300 + numberOf(seed, 2700));
    case 'pe':
      return programOf(seed);
    case 'pdf':
      return pdfOf(seed);
    case 'eicar':
      return eicar;
    case 'script':
      return scriptOf(seed);
  }
}

const binaryKinds: readonly PayloadKind[] = ['binary', 'pe', 'pdf', 'eicar', 'script'];
const textKinds: readonly PayloadKind[] = ['script', 'eicar'];

/** One of several kinds, chosen by the seed; `text` keeps to what needs no transfer encoding. */
export function anyPayload(seed: string, text: boolean): Buffer {
  const kinds = text ? textKinds : binaryKinds;
  return payloadOf(seed, kinds[numberOf(`${seed} kind`, kinds.length)] ?? 'binary');
}

export function lines(text: string, width: number, end = '\r\n'): string {
  let wrapped = '';
  for (let at = 0; at < text.length; at += width) wrapped += text.slice(at, at + width) + end;
  return wrapped;
}

export function base64(content: Buffer, width = 76, end = '\r\n'): string {
  return lines(content.toString('base64'), width, end);
}

/** RFC 2045 §6.7 with everything escaped that may be, so that the result is the same in text and binary mode. */
export function quoted(
  content: Buffer,
  coded = (octet: number) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`,
): string {
  let text = '';
  let line = '';
  for (const octet of content) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x3d && octet !== 0x2e && octet !== 0x2d;
    line += plain ? String.fromCharCode(octet) : coded(octet);
    if (line.length > 70) {
      text += `${line}=\r\n`;
      line = '';
    }
  }
  return `${text + line}=\r\n`;
}

/** Base64-like coding of three octets as four characters, with a length character in front of every line. */
function lengthPrefixed(content: Buffer, character: (sextet: number) => string): string {
  let text = '';
  for (let at = 0; at < content.length; at += 45) {
    const line = content.subarray(at, at + 45);
    text += character(line.length);
    for (let i = 0; i < line.length; i += 3) {
      const bits = ((line[i] ?? 0) << 16) | ((line[i + 1] ?? 0) << 8) | (line[i + 2] ?? 0);
      for (const shift of [18, 12, 6, 0]) text += character((bits >> shift) & 63);
    }
    text += '\r\n';
  }
  return text;
}

/** The lines between `begin` and `end`, with the empty line of length 0 that closes them. */
export function uuLines(content: Buffer, zero = '`'): string {
  const character = (sextet: number) => (sextet === 0 ? zero : String.fromCharCode(sextet + 32));
  return `${lengthPrefixed(content, character)}${zero}\r\n`;
}

export function uuencoded(content: Buffer, name = 'update.exe', zero = '`'): string {
  return `begin 644 ${name}\r\n${uuLines(content, zero)}end\r\n`;
}

const xxAlphabet = '+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function xxencoded(content: Buffer, name = 'update.exe'): string {
  const body = lengthPrefixed(content, (sextet) => xxAlphabet.charAt(sextet));
  return `begin 644 ${name}\r\n${body}+\r\nend\r\n`;
}

/** CRC-32 as gzip computes it: its trailer holds it. */
export function crc32(content: Buffer): number {
  const packed = gzipSync(content);
  return packed.readUInt32LE(packed.length - 8);
}

function yencLines(content: Buffer): string {
  let text = '';
  let line = '';
  for (const octet of content) {
    const coded = (octet + 42) & 255;
    const critical = coded === 0 || coded === 10 || coded === 13 || coded === 0x3d || (line === '' && coded === 0x2e);
    line += critical ? `=${String.fromCharCode((coded + 64) & 255)}` : String.fromCharCode(coded);
    if (line.length >= 128) {
      text += `${line}\r\n`;
      line = '';
    }
  }
  return line === '' ? text : `${text}${line}\r\n`;
}

export function yencoded(content: Buffer, name = 'update.exe'): string {
  const crc = crc32(content).toString(16).padStart(8, '0');
  const size = content.length;
  return `=ybegin line=128 size=${size} name=${name}\r\n${yencLines(content)}=yend size=${size} crc32=${crc}\r\n`;
}

/** The same as two parts in one body, as news posts are joined. */
export function yencodedParts(content: Buffer, name = 'update.exe'): string {
  const half = Math.floor(content.length / 2);
  return [content.subarray(0, half), content.subarray(half)]
    .map((piece, index) => {
      const from = index * half + 1;
      const head = `=ybegin part=${index + 1} total=2 line=128 size=${content.length} name=${name}\r\n`;
      const place = `=ypart begin=${from} end=${from + piece.length - 1}\r\n`;
      const crc = crc32(piece).toString(16).padStart(8, '0');
      return `${head}${place}${yencLines(piece)}=yend size=${piece.length} part=${index + 1} pcrc32=${crc}\r\n`;
    })
    .join('');
}

const binhexAlphabet = '!"#$%&\'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr';

function binhexCrc(content: Buffer): Buffer {
  let crc = 0;
  for (const octet of Buffer.concat([content, Buffer.alloc(2)])) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const carry = (crc & 0x8000) !== 0;
      crc = ((crc << 1) | ((octet >> bit) & 1)) & 0xffff;
      if (carry) crc ^= 0x1021;
    }
  }
  return Buffer.from([crc >> 8, crc & 255]);
}

/** BinHex 4.0 (RFC 1741 names its rules): header, data fork and empty resource fork, escaped, in 64 characters. */
export function binhexed(content: Buffer, name = 'update.exe'): string {
  const head = Buffer.alloc(name.length + 22);
  head.writeUInt8(name.length, 0);
  head.write(`${name}\0APPL????`, 1, 'latin1');
  head.writeUInt32BE(content.length, name.length + 12);
  const empty = Buffer.alloc(0);
  const forks = Buffer.concat([
    head.subarray(0, name.length + 20),
    binhexCrc(head.subarray(0, name.length + 20)),
    content,
    binhexCrc(content),
    empty,
    binhexCrc(empty),
  ]);
  const escaped = Buffer.from([...forks].flatMap((octet) => (octet === 0x90 ? [0x90, 0] : [octet])));
  let bits = '';
  for (const octet of escaped) bits += octet.toString(2).padStart(8, '0');
  let text = ':';
  for (let at = 0; at < bits.length; at += 6) {
    text += binhexAlphabet.charAt(Number.parseInt(bits.slice(at, at + 6).padEnd(6, '0'), 2));
  }
  return `(This file must be converted with BinHex 4.0)\r\n\r\n${lines(`${text}:`, 64)}`;
}
