/** The messages of a load, laid out so that one of them is sent without copying: two shared pieces and a serial number. */
import { randomBytes } from 'node:crypto';
import type { Load } from './load.js';

export interface LoadMessage {
  /** dot-stuffed octets before and after the serial number; the second ends with the end of data */
  readonly before: Buffer;
  readonly after: Buffer;
}

/** base64 digits that are overwritten in each message */
export const serialDigits = 12;

/** In two halves, so that no scanner takes this source for the test file. */
const eicar = Buffer.from(`X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-${'ANTIVIRUS-TEST-FILE!$H+H*'}`, 'latin1');

const header = 'From: a@client.example\r\nTo: b@example.org\r\nSubject: load\r\nMIME-Version: 1.0\r\n';

function plainMessage(bytes: number): LoadMessage {
  const line = `${'The quick brown fox jumps over the lazy dog and back. '.padEnd(70, 'x')}\r\n`;
  const room = Math.max(1, Math.ceil((bytes - header.length - 60) / line.length));
  return {
    before: Buffer.from(`${header}Content-Type: text/plain\r\n\r\n`),
    after: Buffer.from(`\r\n${line.repeat(room)}.\r\n`),
  };
}

function base64Lines(content: Buffer): string {
  return content.toString('base64').replace(/.{76}/g, '$&\r\n');
}

/** The serial number stands at the start of a random attachment, so that its digest is new each time. */
function attachmentMessage(bytes: number): LoadMessage {
  const boundary = 'load-boundary-8cf1';
  const first = `${header}Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\nHello.\r\n`;
  const part = `--${boundary}\r\nContent-Type: application/octet-stream; name="load.bin"\r\nContent-Disposition: attachment; filename="load.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
  const overhead = first.length + part.length + boundary.length + 10;
  const decoded = Math.max(57, Math.floor(((bytes - overhead) * 76) / 78 / 4) * 3);
  const body = base64Lines(randomBytes(decoded)).slice(serialDigits);
  return { before: Buffer.from(first + part), after: Buffer.from(`${body}\r\n--${boundary}--\r\n.\r\n`) };
}

function maliciousMessage(): LoadMessage {
  const boundary = 'load-boundary-8cf1';
  const first = `${header}Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\n`;
  const part = `\r\n--${boundary}\r\nContent-Type: application/octet-stream; name="eicar.com"\r\nContent-Disposition: attachment; filename="eicar.com"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(eicar)}\r\n`;
  return { before: Buffer.from(first), after: Buffer.from(`${part}--${boundary}--\r\n.\r\n`) };
}

export interface LoadMessages {
  readonly clean: LoadMessage;
  readonly malicious: LoadMessage;
}

export function makeMessages(load: Load): LoadMessages {
  return {
    clean: load.attachment ? attachmentMessage(load.bytes) : plainMessage(load.bytes),
    malicious: maliciousMessage(),
  };
}

/** Digits that are base64 and text alike. */
export function serialOf(number: number): string {
  return number.toString(36).padStart(serialDigits, 'A');
}
