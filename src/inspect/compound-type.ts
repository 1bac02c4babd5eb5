/**
 * Tells the many formats that are OLE compound files ([MS-CFB]) from each other, by the class of the root and by the
 * names in the directory. It only names a type, from as much of the file as there is.
 */

export const compoundMagic = Buffer.from('d0cf11e0a1b11ae1', 'hex');
/** what a compound file of no known kind is called */
export const compoundFileType = 'application/x-ole-storage';

const entryBytes = 128;
/** directory entries looked at; documents name their main stream among the first */
const entriesMax = 256;

/** classes of the root storage, as they are stored */
const classTypes: ReadonlyMap<string, string> = new Map([
  ['84100c0000000000c000000000000046', 'application/x-msi'],
  ['86100c0000000000c000000000000046', 'application/x-ms-patch'],
  ['82100c0000000000c000000000000046', 'application/x-msi'],
]);

/** names of streams and storages that settle the type, in this order */
const nameTypes: readonly (readonly [RegExp, string])[] = [
  [/^__(?:properties_version1\.0|nameid_version1\.0)$/, 'application/vnd.ms-outlook'],
  [/^WordDocument$/i, 'application/msword'],
  [/^(?:Workbook|Book)$/i, 'application/vnd.ms-excel'],
  [/^PowerPoint Document$/i, 'application/vnd.ms-powerpoint'],
  [/^VisioDocument$/i, 'application/vnd.visio'],
  [/^Quill$/i, 'application/x-mspublisher'],
];

/** The type of a compound file; undefined when the content is none. A whole file or its head will do. */
export function compoundType(bytes: Buffer): string | undefined {
  if (bytes.length < 512 || compoundMagic.compare(bytes, 0, compoundMagic.length) !== 0) return undefined;
  const sectorShift = bytes.readUInt16LE(30);
  if (sectorShift < 7 || sectorShift > 16) return compoundFileType;
  // Entries behind the first sector are usually next to it; where they are not, the type stays general.
  const start = (bytes.readUInt32LE(48) + 1) * 2 ** sectorShift;
  const names: string[] = [];
  for (let index = 0; index < entriesMax; index += 1) {
    const at = start + index * entryBytes;
    if (at + entryBytes > bytes.length) break;
    if (index === 0) {
      const byClass = classTypes.get(bytes.toString('hex', at + 80, at + 96));
      if (byClass !== undefined) return byClass;
    }
    const length = bytes.readUInt16LE(at + 64);
    if (length < 2 || length > 64) break;
    names.push(bytes.toString('utf16le', at, at + length - 2));
  }
  for (const [pattern, type] of nameTypes) {
    if (names.some((name) => pattern.test(name))) return type;
  }
  return compoundFileType;
}
