/** The beginning of a text file as a string, whatever its charset; undefined for what is no text. It owns no meaning. */

/** bytes looked at to tell text from everything else */
const probeBytes = 512;
/** what texts have no use for; ESC, BEL and Ctrl-Z are met in batch files and captured terminals */
const binary = /[\x00-\x06\x0e-\x19\x1c-\x1f]/;

const replacement = /^\ufeff/;

/** @param bytes as many of the content are read */
export function textHead(content: Buffer, bytes: number): string | undefined {
  const head = content.subarray(0, bytes);
  const text = decoded(head).replace(replacement, '');
  return binary.test(text.slice(0, probeBytes)) ? undefined : text;
}

/** Windows reads scripts and settings in UTF-16 with a mark, and some also without one. */
function decoded(head: Buffer): string {
  const even = head.length & ~1;
  const first = head.length < 4 ? 0 : head.readUInt16BE(0);
  if (first === 0xfffe || isWide(head, 1)) return head.toString('utf16le', 0, even);
  if (first === 0xfeff || isWide(head, 0)) return Buffer.from(head.subarray(0, even)).swap16().toString('utf16le');
  if (head.length >= 3 && head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return head.toString('utf8', 3);
  return head.toString('latin1');
}

/** Every second byte of the beginning is zero, and none of the others. */
function isWide(head: Buffer, zeroAt: 0 | 1): boolean {
  if (head.length < 8) return false;
  for (let at = 0; at < 8; at += 1) {
    if ((head[at] === 0) !== (at % 2 === zeroAt)) return false;
  }
  return true;
}
