/**
 * The properties of Outlook's items ([MS-OXPROPS]) that hold content: bodies, attached data and its names. Where they
 * are stored is the business of the formats that store them.
 */
import { decodeRaw } from '../../mime/header.js';
import { decompressRtf } from './compressed-rtf.js';
import type { OpenOutput } from './opener.js';

/** property types ([MS-OXCDATA] 2.11.1) */
export const mapiTypes = {
  object: 0x0d,
  text8: 0x1e,
  text16: 0x1f,
  binary: 0x102,
  /** set for a list of values */
  several: 0x1000,
} as const;

export const mapiIds = {
  body: 0x1000,
  bodyRtf: 0x1009,
  bodyHtml: 0x1013,
  displayName: 0x3001,
  attachData: 0x3701,
  attachFileName: 0x3704,
  attachLongFileName: 0x3707,
  attachPathName: 0x3708,
  attachTransportName: 0x370c,
  attachLongPathName: 0x370d,
  attachMimeTag: 0x370e,
  internetCodePage: 0x3fde,
} as const;

export interface MapiProperty {
  readonly id: number;
  readonly type: number;
  readonly value: Buffer;
}

const nameIds: ReadonlySet<number> = new Set([
  mapiIds.attachLongFileName,
  mapiIds.attachFileName,
  mapiIds.attachTransportName,
  mapiIds.attachLongPathName,
  mapiIds.attachPathName,
  mapiIds.displayName,
]);
const textBytes = 4096;

/** A text of either kind, up to its first NUL; bounded, for names and types. */
export function mapiText({ type, value }: MapiProperty): string {
  const bytes = value.subarray(0, textBytes);
  const text =
    type === mapiTypes.text16 ? bytes.toString('utf16le', 0, bytes.length & ~1) : decodeRaw(bytes.toString('latin1'));
  return text.replace(/\0.*$/s, '');
}

/** Every name of an attachment, whole and without its folder. */
export function attachmentNames(properties: Iterable<MapiProperty>): string[] {
  const names = new Set<string>();
  for (const property of properties) {
    if (!nameIds.has(property.id)) continue;
    const name = mapiText(property);
    if (name === '') continue;
    names.add(name);
    names.add(name.slice(Math.max(name.lastIndexOf('\\'), name.lastIndexOf('/')) + 1));
  }
  names.delete('');
  return [...names];
}

/** The media type that an attachment declares, lower case; undefined when it has none. */
export function attachmentType(properties: Iterable<MapiProperty>): string | undefined {
  for (const property of properties) {
    if (property.id !== mapiIds.attachMimeTag) continue;
    const type = mapiText(property).trim().toLowerCase();
    if (/^[^\s/;]{1,127}\/[^\s/;]{1,127}$/.test(type)) return type;
  }
  return undefined;
}

function charsetOf(codePage: number | undefined): string | undefined {
  if (codePage === undefined) return undefined;
  if (codePage === 65001) return 'utf-8';
  if (codePage >= 1250 && codePage <= 1258) return `windows-${codePage}`;
  if (codePage > 28590 && codePage < 28607) return `iso-8859-${codePage - 28590}`;
  return undefined;
}

/** Adds the bodies of a message as members; false when a bound was reached. */
export async function addBodies(
  properties: readonly MapiProperty[],
  method: string,
  out: OpenOutput,
): Promise<boolean> {
  const page = properties.find(({ id, value }) => id === mapiIds.internetCodePage && value.length >= 4);
  const charset = charsetOf(page?.value.readUInt32LE(0));
  for (const { id, type, value } of properties) {
    if (value.length === 0) continue;
    const wide = type === mapiTypes.text16;
    if (id === mapiIds.bodyRtf && type === mapiTypes.binary) {
      const rtf = decompressRtf(value, out.bytesLeft);
      if (rtf === undefined || rtf.damaged) out.problem('file-damaged');
      const about = { names: ['body.rtf'], method, declaredType: 'application/rtf' };
      if (!(await out.add(about, rtf?.content ?? value))) return false;
    } else if (id === mapiIds.body || id === mapiIds.bodyHtml) {
      const html = id === mapiIds.bodyHtml;
      const about = {
        names: [html ? 'body.html' : 'body.txt'],
        method,
        declaredType: html ? 'text/html' : 'text/plain',
      };
      const text = wide ? Buffer.from(value.toString('utf16le', 0, value.length & ~1)) : value;
      const end = text.at(-1) === 0 ? text.length - 1 : text.length;
      if (!(await out.add({ ...about, charset: wide ? 'utf-8' : charset }, text.subarray(0, end)))) return false;
    }
  }
  return true;
}
