/**
 * Opens winmail.dat: the Transport Neutral Encapsulation Format of Exchange and Outlook ([MS-OXTNEF]). A stream of
 * attributes is read from front to back; attachments, embedded items and bodies are members. Checksums are compared and
 * never obeyed, as readers differ there.
 */
import { decodeRaw } from '../../mime/header.js';
import { limits } from '../../runtime/limits.js';
import {
  addBodies,
  attachmentNames,
  attachmentType,
  type MapiProperty,
  mapiIds,
  mapiTypes,
} from './mapi-properties.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';

const signature = 0x223e9f78;
const method = 'tnef';
/** level, identifier, length; then the data and a checksum of two bytes */
const attributeHeadBytes = 9;
/** the lower half of an attribute's identifier; its upper half repeats its type, which nobody needs ([MS-OXTNEF] 2.1.3) */
const attributes = {
  body: 0x800c,
  attachTitle: 0x8010,
  attachData: 0x800f,
  attachTransportName: 0x9001,
  attachRenderData: 0x9002,
  messageProperties: 0x9003,
  attachProperties: 0x9005,
} as const;
/** an embedded message, and an OLE object, in front of the data of an attached object */
const messageInterface = '0703020000000000c000000000000046';
const storageInterface = '0b00000000000000c000000000000046';
const interfaceBytes = 16;
/** bytes of the values of a fixed-size type, as they lie in the stream: padded to four */
const fixedBytes: ReadonlyMap<number, number> = new Map([
  [0x02, 4],
  [0x03, 4],
  [0x04, 4],
  [0x05, 8],
  [0x06, 8],
  [0x07, 8],
  [0x0a, 4],
  [0x0b, 4],
  [0x14, 8],
  [0x40, 8],
  [0x48, 16],
]);
const variableTypes: ReadonlySet<number> = new Set([
  mapiTypes.object,
  mapiTypes.text8,
  mapiTypes.text16,
  mapiTypes.binary,
]);
const wantedIds: ReadonlySet<number> = new Set(Object.values(mapiIds));
const namesMax = 16;

/** One attachment while its attributes arrive. */
interface Attachment {
  readonly names: string[];
  readonly data: Buffer[];
  readonly properties: MapiProperty[];
}

export const tnefOpener: Opener = {
  id: 'tnef',
  matches: ({ content }) => content.length >= 6 && content.readUInt32LE(0) === signature,
  open: openTnef,
};

async function openTnef({ content }: OpenFile, out: OpenOutput): Promise<void> {
  let attachment: Attachment = { names: [], data: [], properties: [] };
  let at = 6;
  while (at + attributeHeadBytes <= content.length) {
    if (out.exhausted) return;
    const id = content.readUInt16LE(at + 1);
    const length = content.readUInt32LE(at + 5);
    const start = at + attributeHeadBytes;
    const data = content.subarray(start, start + length);
    at = start + length + 2;
    if (at > content.length || content.readUInt16LE(at - 2) !== checksum(data)) out.problem('file-damaged');
    if (id === attributes.attachRenderData) {
      if (!(await addAttachment(attachment, out))) return;
      attachment = { names: [], data: [], properties: [] };
    } else if (id === attributes.messageProperties) {
      if (!(await addBodies(readProperties(data, out), method, out))) return;
    } else if (id === attributes.body) {
      const body = { id: mapiIds.body, type: mapiTypes.text8, value: data };
      if (!(await addBodies([body], method, out))) return;
    } else {
      addToAttachment(attachment, id, data, out);
    }
  }
  if (at < content.length) out.problem('file-damaged');
  await addAttachment(attachment, out);
}

/** The sum of all bytes, modulo 65,536 ([MS-OXTNEF] 2.1.3.1). */
function checksum(data: Buffer): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 1) sum += data[at] ?? 0;
  return sum % 0x1_0000;
}

function addToAttachment(attachment: Attachment, id: number, data: Buffer, out: OpenOutput): void {
  if (id === attributes.attachTitle || id === attributes.attachTransportName) {
    const name = decodeRaw(data.toString('latin1', 0, 4096)).replace(/\0.*$/s, '');
    if (attachment.names.length < namesMax) attachment.names.push(name);
  } else if (id === attributes.attachData && data.length > 0) {
    if (attachment.data.length < limits.open.membersMax) attachment.data.push(data);
    else out.problem('unpack-limit');
  } else if (id === attributes.attachProperties) {
    for (const property of readProperties(data, out)) {
      if (attachment.properties.length < limits.open.membersMax) attachment.properties.push(property);
      else out.problem('unpack-limit');
    }
  }
}

/** An attachment may hold its data twice, and readers choose differently: each is a member. */
async function addAttachment({ names, data, properties }: Attachment, out: OpenOutput): Promise<boolean> {
  const allNames = [...new Set([...attachmentNames(properties), ...names])].filter((name) => name !== '');
  const declaredType = attachmentType(properties);
  const about = { names: allNames, method };
  const typed = declaredType === undefined ? about : { ...about, declaredType };
  for (const content of data) if (content.length > 0 && !(await out.add(typed, content))) return false;
  for (const { id, type, value } of properties) {
    if (id !== mapiIds.attachData || value.length === 0) continue;
    const interfaceId = value.toString('hex', 0, interfaceBytes);
    const object = type === mapiTypes.object || interfaceId === messageInterface || interfaceId === storageInterface;
    const content = object ? value.subarray(interfaceBytes) : value;
    const form = interfaceId === messageInterface ? { ...about, declaredType: 'application/ms-tnef' } : typed;
    if (!(await out.add(form, content))) return false;
  }
  return true;
}

/** A list of MAPI properties ([MS-OXTNEF] 2.1.3.3.6 and following); what was read until it breaks. */
function readProperties(data: Buffer, out: OpenOutput): MapiProperty[] {
  const properties: MapiProperty[] = [];
  if (data.length < 4) return properties;
  const count = data.readUInt32LE(0);
  let at = 4;
  const broken = () => {
    out.problem('file-damaged');
    return properties;
  };
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > data.length) return broken();
    const whole = data.readUInt16LE(at);
    const id = data.readUInt16LE(at + 2);
    at += 4;
    if (id >= 0x8000) at = behindPropertyName(data, at);
    const type = whole & ~mapiTypes.several;
    const size = fixedBytes.get(type);
    const variable = variableTypes.has(type);
    if (at > data.length || (size === undefined && !variable)) return broken();
    let values = 1;
    if (variable || type !== whole) {
      if (at + 4 > data.length) return broken();
      values = data.readUInt32LE(at);
      at += 4;
    }
    if (size !== undefined) {
      if (id === mapiIds.internetCodePage) properties.push({ id, type, value: data.subarray(at, at + size) });
      at += values * size;
      continue;
    }
    for (let value = 0; value < values; value += 1) {
      if (at + 4 > data.length) return broken();
      const length = data.readUInt32LE(at);
      at += 4;
      if (length > 0 && wantedIds.has(id)) {
        if (properties.length >= limits.open.membersMax) out.problem('unpack-limit');
        else properties.push({ id, type, value: data.subarray(at, at + length) });
      }
      at += Math.ceil(length / 4) * 4;
    }
  }
  // The padding of the last value is sometimes left out.
  if (at > data.length + 3) out.problem('file-damaged');
  return properties;
}

/** A property outside of the fixed range has a name: a GUID, then a number, or a text that is padded to four bytes. */
function behindPropertyName(data: Buffer, at: number): number {
  if (at + 24 > data.length) return data.length + 1;
  const kind = data.readUInt32LE(at + 16);
  if (kind === 0) return at + 24;
  return at + 24 + Math.ceil(data.readUInt32LE(at + 20) / 4) * 4;
}
