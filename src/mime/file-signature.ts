/**
 * Whether bytes begin as a well-known kind of file does. It serves to tell a right start of an encoded body from a
 * shifted one, and names no type: that is for whoever inspects the file.
 */

/** as latin1; the formats in which malware travels, and those that honest senders attach */
const signatures = [
  '%PDF',
  'PK\x03\x04',
  'MZ',
  'GIF8',
  '\x89PNG',
  '\xff\xd8\xff',
  '\xd0\xcf\x11\xe0',
  'Rar!',
  '7z\xbc\xaf',
  '\x7fELF',
  'X5O!',
  '<htm',
  '<HTM',
  '<!do',
  '<!DO',
  '<?xm',
  '<scr',
  '<svg',
  '{\\rt',
  '\x1f\x8b\x08',
  'BZh',
  '\xfd7zXZ',
  '\xca\xfe\xba\xbe',
  '\xfe\xed\xfa',
  '\xcf\xfa\xed\xfe',
  '\xce\xfa\xed\xfe',
  '\xe4\x52\x5c\x7b',
  'L\x00\x00\x00\x01\x14\x02\x00',
  'MSCF',
  'ITSF',
  '#!/',
  '\x78\x9f\x3e\x22',
  '\x00\x05\x16',
].map((text) => Buffer.from(text, 'latin1'));
const firstBytes = new Set(signatures.map((signature) => signature[0]));

export function beginsAsFile(head: Buffer): boolean {
  if (!firstBytes.has(head[0])) return false;
  return signatures.some((signature) => head.length >= signature.length && head.indexOf(signature) === 0);
}
