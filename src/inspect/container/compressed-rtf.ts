/** Undoes the compression of rich text in Outlook's files ([MS-OXRTFCP]: LZFu and uncompressed MELA). Bounded output. */

/** what the dictionary holds before the first byte; the most common words of a header ([MS-OXRTFCP] 2.1.2.1) */
const beginning = Buffer.from(
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor ' +
    'MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par ' +
    '\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx',
  'latin1',
);
const dictionaryBytes = 4096;
const headerBytes = 16;
const compressed = 0x75465a4c;
const uncompressed = 0x414c454d;
/** 17 bytes from 2, and an eighth of a control byte */
const expansionMax = 9;

export interface RichText {
  readonly content: Buffer;
  /** the data ends before its end mark, or says another size than it has */
  readonly damaged: boolean;
}

/**
 * Undefined when it is not compressed rich text. The size that the header names is not obeyed but compared: readers
 * stop there or at the end mark, and what lies behind either must be seen.
 * @param bytesMax more than this is not decoded, and counts as damage
 */
export function decompressRtf(data: Buffer, bytesMax: number): RichText | undefined {
  if (data.length < headerBytes) return undefined;
  const rawBytes = data.readUInt32LE(4);
  const method = data.readUInt32LE(8);
  const body = data.subarray(headerBytes);
  if (method === uncompressed) {
    const content = body.subarray(0, bytesMax);
    return { content, damaged: rawBytes > content.length };
  }
  if (method !== compressed) return undefined;
  const { content, ended } = inflate(body, Math.min(bytesMax, body.length * expansionMax + headerBytes));
  return { content, damaged: !ended || rawBytes !== content.length };
}

function inflate(body: Buffer, bytesMax: number): { content: Buffer; ended: boolean } {
  const dictionary = Buffer.alloc(dictionaryBytes);
  beginning.copy(dictionary);
  const output = Buffer.allocUnsafe(bytesMax);
  let write = beginning.length;
  let length = 0;
  let at = 0;
  const put = (byte: number) => {
    output[length] = byte;
    length += 1;
    dictionary[write] = byte;
    write = (write + 1) % dictionaryBytes;
  };
  while (at < body.length) {
    const control = body[at] ?? 0;
    at += 1;
    for (let bit = 0; bit < 8; bit += 1) {
      if (length === bytesMax || at >= body.length) return { content: output.subarray(0, length), ended: false };
      if (((control >>> bit) & 1) === 0) {
        put(body[at] ?? 0);
        at += 1;
        continue;
      }
      if (at + 1 >= body.length) return { content: output.subarray(0, length), ended: false };
      const token = body.readUInt16BE(at);
      at += 2;
      const offset = token >>> 4;
      if (offset === write) return { content: output.subarray(0, length), ended: true };
      const count = Math.min((token & 0x0f) + 2, bytesMax - length);
      for (let index = 0; index < count; index += 1) put(dictionary[(offset + index) % dictionaryBytes] ?? 0);
    }
  }
  return { content: output.subarray(0, length), ended: false };
}
