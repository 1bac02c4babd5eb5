/** Whether an archive keeps even its list of members under a key. 7-Zip, asked with none, may only say that it failed. */

const aesMethod = Buffer.from('06f10701', 'hex');
/** an encoded header of 7z names its methods in far fewer bytes */
const headerBytes = 1024;

/** `content` begins with the signature of `type`, as 7-Zip calls it. */
export function headerIsLocked(type: string, content: Buffer): boolean {
  if (content.length < 32) return false;
  switch (type) {
    case '7z': {
      const start = 32 + Number(content.readBigUInt64LE(12));
      return content[start] === 0x17 && content.subarray(start, start + headerBytes).includes(aesMethod);
    }
    case 'rar':
      return (content.readUInt16LE(10) & 0x80) !== 0;
    case 'rar5':
      // The encryption block comes first: checksum, a size of one byte, its type.
      return content[13] === 4;
    default:
      return false;
  }
}
