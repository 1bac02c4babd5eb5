/** Whether an archive keeps even its list of members under a key. 7-Zip, asked with none, may only say that it failed. */
import { crc32 } from 'node:zlib';

const aesMethod = Buffer.from('06f10701', 'hex');
/** an encoded header of 7z names its methods in far fewer bytes */
const headerBytes = 1024;

/** `content` begins with the signature of `type`, as 7-Zip calls it; the checksum tells it from a chance meeting. */
export function headerIsLocked(type: string, content: Buffer): boolean {
  if (content.length < 32) return false;
  switch (type) {
    case '7z': {
      if (content.readUInt32LE(8) !== crc32(content.subarray(12, 32))) return false;
      const start = 32 + Number(content.readBigUInt64LE(12));
      return content[start] === 0x17 && content.subarray(start, start + headerBytes).includes(aesMethod);
    }
    case 'rar': {
      const isMain = content[9] === 0x73 && content.readUInt16LE(12) === 13;
      const sum = crc32(content.subarray(9, 20)) & 0xffff;
      return isMain && content.readUInt16LE(7) === sum && (content.readUInt16LE(10) & 0x80) !== 0;
    }
    case 'rar5': {
      // The encryption block comes first: checksum, a size of one byte, its type.
      const bytes = content[12] ?? 0;
      return content[13] === 4 && content.readUInt32LE(8) === crc32(content.subarray(12, 13 + bytes));
    }
    default:
      return false;
  }
}
