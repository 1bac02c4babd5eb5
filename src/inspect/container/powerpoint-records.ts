/** Objects in the records of a binary presentation ([MS-PPT] §2.3.1): storages, plain or compressed, of embedded files. */
import { constants, inflateSync } from 'node:zlib';

/** RT_ExternalOleObjectStg: [MS-PPT] §2.10.34 */
const objectStorage = 0x1011;
const containerVersion = 0x0f;
const headerBytes = 8;

/** @param bytesMax of all objects together; the last one is cut */
export function* presentationObjects(stream: Buffer, bytesMax: () => number): Generator<Buffer> {
  for (let at = 0; at + headerBytes <= stream.length; ) {
    const version = stream.readUInt16LE(at);
    const kind = stream.readUInt16LE(at + 2);
    const end = Math.min(stream.length, at + headerBytes + stream.readUInt32LE(at + 4));
    if (kind === objectStorage) {
      const body = stream.subarray(at + headerBytes, end);
      yield version >> 4 === 1 ? inflated(body.subarray(4), bytesMax()) : body;
      at = end;
    } else at = (version & 0x0f) === containerVersion ? at + headerBytes : end;
  }
}

function inflated(body: Buffer, bytesMax: number): Buffer {
  if (bytesMax <= 0) return Buffer.alloc(0);
  try {
    return inflateSync(body, { maxOutputLength: bytesMax, finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    // Damaged, or larger than may be decoded: the caller sees that nothing came of it.
    return Buffer.alloc(0);
  }
}
