/** Every reading of a body in an encoding that is older than MIME or grew beside it, declared as a whole. */
import { gunzipSync, inflateRawSync, constants as zlib } from 'node:zlib';
import { binhexFiles, carriedForks } from './binhex.js';
import type { CarriedFile } from './carried-file.js';
import { decodeBase64 } from './decoding-base64.js';
import type { DecodingCollector } from './decoding-collector.js';
import { uuencodedFiles } from './uuencode.js';
import { yencFiles } from './yenc.js';

export function addUuencode(out: DecodingCollector, body: Buffer): void {
  const files = uuencodedFiles(body, true, out.bytesLeft);
  addFiles(out, files);
  const usual = files.filter(({ reading }) => reading === '');
  if (usual.length > 1) {
    // A decoder that knows no `begin` goes on from one file to the next.
    out.add('uuencode, all files joined', Buffer.concat(usual.map(({ content }) => content)));
  }
}

/** Files between `begin` and `end` in a body that is said to be something else: their names, and maybe their encoding. */
export function addBegun(out: DecodingCollector, body: Buffer): void {
  if (body.indexOf('begin') !== 0 && !body.includes('\nbegin')) return;
  addFiles(out, uuencodedFiles(body, false, out.bytesLeft));
}

export function addYenc(out: DecodingCollector, body: Buffer): void {
  addFiles(out, yencFiles(body, !body.includes('=ybegin')));
}

export function addBinhex(out: DecodingCollector, body: Buffer): void {
  for (const file of binhexFiles(body, true, out.bytesLeft)) addFiles(out, carriedForks(file));
}

function addFiles(out: DecodingCollector, files: readonly CarriedFile[]): void {
  for (const { method, reading, content, names, truncated } of files) {
    if (truncated) out.complete = false;
    out.add(reading === '' ? method : `${method}, ${reading}`, content, names);
  }
}

/** `x-gzip64`: base64, and below it gzip. */
export function addGzip64(out: DecodingCollector, body: Buffer): void {
  const packed = decodeBase64(body);
  try {
    out.add('gzip64', gunzip(packed, Math.max(1, out.bytesLeft)));
  } catch (error) {
    if (error instanceof RangeError) out.complete = false;
  }
  out.add('gzip64, packed', packed);
}

/** What can be unpacked, also when the end or a checksum is wrong. */
function gunzip(packed: Buffer, bytesMax: number): Buffer {
  const options = { maxOutputLength: bytesMax, finishFlush: zlib.Z_SYNC_FLUSH };
  try {
    return gunzipSync(packed, options);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return inflateRawSync(packed.subarray(gzipHeaderBytes(packed)), options);
  }
}

/** The fixed header (RFC 1952 §2.3) and the fields that its flags announce. */
function gzipHeaderBytes(packed: Buffer): number {
  const flags = packed[3] ?? 0;
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + (packed[at] ?? 0) + ((packed[at + 1] ?? 0) << 8);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = packed.indexOf(0, at);
    at = end < 0 ? packed.length : end + 1;
  }
  return (flags & 2) !== 0 ? at + 2 : at;
}
