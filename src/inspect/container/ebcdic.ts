/**
 * EBCDIC (code page 037) to ASCII: what a mail can declare, and Windows can show. Other characters become a dot, since
 * only markers are searched for; code pages 500 and 1047 differ in brackets and a few signs.
 */

/** sixteen characters a row, from 0x40 on */
const rows = [
  ' ··········.<(+|',
  '&·········!$*);·',
  '-/·········,%_>?',
  '·········`:#@\'="',
  '·abcdefghi······',
  '·jklmnopqr······',
  '·~stuvwxyz······',
  '^·········[]····',
  '{ABCDEFGHI······',
  '}JKLMNOPQR······',
  '\\·STUVWXYZ······',
  '0123456789······',
];
const table = new Uint8Array(256).fill(0x2e);
for (const [index, character] of [...rows.join('')].entries()) {
  if (character !== '·') table[index + 0x40] = character.charCodeAt(0);
}
table[0x05] = 0x09;
table[0x0d] = 0x0d;
table[0x15] = 0x0a;
table[0x25] = 0x0a;

export function ebcdicText(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  for (let at = 0; at < text.length; at += 1) out[at] = table[text[at] as number] as number; // both in range
  return out;
}
