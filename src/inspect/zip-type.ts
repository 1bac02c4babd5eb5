/**
 * Tells the many formats that are ZIP files from each other, by the names of the entries at their beginning. It only
 * names a type; what lies in the file, and whether its parts agree, is not asked here.
 */

import { standsAt } from './stands-at.js';

const localHeader = Buffer.from('PK\x03\x04', 'latin1');
/** bytes of a local file header before the name (APPNOTE.TXT §4.3.7) */
const headerBytes = 30;
const nameBytesMax = 256;

/** entry names that settle the type, in this order */
const tellTales: readonly (readonly [RegExp, string])[] = [
  [/^word\//, 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  [/^xl\//, 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  [/^ppt\//, 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  [/^AndroidManifest\.xml$/, 'application/vnd.android.package-archive'],
  [/^META-INF\/MANIFEST\.MF$/, 'application/java-archive'],
];
/** Office packages have these; without them `word/` is a folder like any other. */
const packageParts = /^(?:\[Content_Types\]\.xml|_rels\/\.rels)$/;

/** The type of a ZIP file by its first bytes; undefined when they are no local file header. */
export function zipType(head: Buffer): string | undefined {
  if (!standsAt(head, localHeader)) return undefined;
  const names = entryNames(head);
  if (names[0] === 'mimetype') return declaredType(head) ?? 'application/zip';
  const isPackage = names.some((name) => packageParts.test(name));
  for (const [pattern, type] of tellTales) {
    const office = type.includes('openxmlformats');
    if ((!office || isPackage) && names.some((name) => pattern.test(name))) return type;
  }
  return 'application/zip';
}

function entryNames(head: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at !== -1 && at + headerBytes <= head.length; at = head.indexOf(localHeader, at + 4)) {
    const length = head.readUInt16LE(at + 26);
    if (length <= nameBytesMax) names.push(head.toString('latin1', at + headerBytes, at + headerBytes + length));
  }
  return names;
}

/** OpenDocument and EPUB store their type as plain content of a first entry called `mimetype`. */
function declaredType(head: Buffer): string | undefined {
  const start = headerBytes + 'mimetype'.length + head.readUInt16LE(28);
  const length = head.readUInt32LE(18);
  const text = head.toString('latin1', start, start + Math.min(length, nameBytesMax));
  return /^[a-z]+\/[a-z0-9.+-]+$/.test(text) ? text : undefined;
}
