/** LZW as PDF streams have it (ISO 32000-1 §7.4.4): codes of 9 to 12 bits, most significant bit first. */

const clear = 256;
const endOfData = 257;
const entriesMax = 4096;

/** @param early whether the width grows one code early, the default of PDF */
export function lzwDecoded(content: Buffer, early: boolean, bytesMax: number): Buffer {
  // Each entry is the place of an earlier output and a length, so that nothing is copied twice.
  const starts = new Uint32Array(entriesMax);
  const lengths = new Uint32Array(entriesMax);
  let result = Buffer.alloc(Math.min(bytesMax, Math.max(1024, content.length * 4)));
  let length = 0;
  let next = 258;
  let width = 9;
  let previous = -1;
  let previousStart = 0;
  let bits = 0;
  let held = 0;
  for (const byte of content) {
    held = ((held << 8) | byte) & 0xfffff;
    bits += 8;
    if (bits < width) continue;
    bits -= width;
    const code = (held >> bits) & ((1 << width) - 1);
    if (code === endOfData) break;
    if (code === clear) {
      next = 258;
      width = 9;
      previous = -1;
      continue;
    }
    const known = code < 256 || (code > endOfData && code < next);
    if (!known && (previous === -1 || code !== next)) break;
    const size = code < 256 ? 1 : known ? (lengths[code] ?? 1) : lengthOf(previous, lengths) + 1;
    if (length + size > bytesMax) return result.subarray(0, length);
    if (length + size > result.length) result = Buffer.concat([result, Buffer.alloc(result.length + size)]);
    const from = known ? (starts[code] ?? 0) : previousStart;
    const start = length;
    for (let index = 0; index < size; index += 1)
      result[start + index] = code < 256 ? code : (result[from + index] ?? 0);
    length += size;
    if (previous !== -1 && next < entriesMax) {
      starts[next] = previousStart;
      lengths[next] = lengthOf(previous, lengths) + 1;
      next += 1;
    }
    previous = code;
    previousStart = start;
    const grown = next + (early ? 1 : 0);
    width = grown >= 2048 ? 12 : grown >= 1024 ? 11 : grown >= 512 ? 10 : 9;
  }
  return result.subarray(0, length);
}

function lengthOf(code: number, lengths: Uint32Array): number {
  return code < 256 ? 1 : (lengths[code] ?? 1);
}
