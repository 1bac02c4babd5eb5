/**
 * Whether a picture, a sound or a film holds the beginning of something else. It sees every octet once, in any pieces,
 * and only raises suspicion: the file is then opened, and what is really in it decides.
 */
import { SignatureScan } from './signature-scan.js';

/** What begins files that are opened, wherever it stands. */
export const embeddedSignatures: readonly Buffer[] = [
  'PK\x03\x04',
  'PK\x05\x06',
  'Rar!\x1a\x07',
  '7z\xbc\xaf\x27\x1c',
  '%PDF-',
  '<script',
  '<SCRIPT',
  '<html',
  '<HTML',
  '<hta:',
  '<HTA:',
  '<?php',
  // Pictures whose header is also the beginning of a script.
  'GIF89a/*',
  'GIF89a=',
  'GIF87a/*',
  'GIF87a=',
  'BM/*',
  'This program cannot be run',
].map((text) => Buffer.from(text, 'latin1'));
const overlapBytes = 32;
const scan = new SignatureScan(embeddedSignatures);

export class PolyglotProbe {
  #tail: Buffer = Buffer.alloc(0);
  suspicious = false;

  write(decoded: Buffer): void {
    if (this.suspicious || decoded.length === 0) return;
    const seam = Buffer.concat([this.#tail, decoded.subarray(0, overlapBytes)]);
    this.suspicious = scan.any(decoded) || scan.any(seam);
    this.#tail = Buffer.from(decoded.subarray(-overlapBytes));
  }
}
