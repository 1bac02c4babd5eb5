/**
 * Opens .msg files, Outlook's items as compound files ([MS-OXMSG]): attachments, objects and bodies of the item and of
 * all items embedded in it are members. It goes through the storages as a list, so nesting costs nothing.
 */
import { partFlags } from '../report.js';
import { type CompoundEntry, isCompoundFile, readCompoundFile } from './compound-file.js';
import { addBodies, attachmentNames, attachmentType, type MapiProperty, mapiIds } from './mapi-properties.js';
import type { Opener, OpenFile, OpenOutput } from './opener.js';

const method = 'msg';
const fixedStream = '__properties_version1.0';
const streamName = /^__substg1\.0_([0-9a-f]{4})([0-9a-f]{4})$/i;
/** an attachment whose data is a storage: an embedded item, or an OLE object */
const objectStorage = /__substg1\.0_3701000d\/$/i;
const attachStorage = /(?:^|\/)__attach_version1\.0_#[^/]*\/$/i;
/** the name of any property stream, as it lies in the directory */
const mark = Buffer.from('__substg1.0_', 'utf16le');

/** One storage with the streams that lie in it. */
interface Storage {
  readonly path: string;
  readonly streams: CompoundEntry[];
  readonly properties: MapiProperty[];
}

export const outlookMessageOpener: Opener = {
  id: 'msg',
  matches: ({ content }) => isCompoundFile(content) && content.includes(mark),
  open: openOutlookMessage,
};

async function openOutlookMessage({ content }: OpenFile, out: OpenOutput): Promise<void> {
  const file = readCompoundFile(content);
  if (file === undefined) {
    out.problem('file-damaged');
    return;
  }
  for (const code of file.problems) out.problem(code);
  const storages = groupByStorage(file.entries);
  for (const storage of storages.values()) {
    if (out.exhausted) return;
    const { path, streams, properties } = storage;
    const isObject = objectStorage.test(path) || insideObject(path, storages);
    const taken = attachStorage.test(path)
      ? await addAttachment(properties, out)
      : isObject && !holdsItem(storage)
        ? await addObject(streams, storages.get(attachmentOf(path)), out)
        : await addBodies(properties, method, out);
    if (!taken) return;
  }
}

function groupByStorage(entries: readonly CompoundEntry[]): Map<string, Storage> {
  const storages = new Map<string, Storage>();
  for (const entry of entries) {
    if (entry.path === '' || entry.path.endsWith('/')) continue;
    const path = entry.path.slice(0, entry.path.length - entry.name.length);
    let storage = storages.get(path);
    if (storage === undefined) {
      storage = { path, streams: [], properties: [] };
      storages.set(path, storage);
    }
    storage.streams.push(entry);
    if (entry.name.toLowerCase() === fixedStream) storage.properties.push(...fixedProperties(entry.content));
    const match = streamName.exec(entry.name);
    if (match === null) continue;
    const [, id = '', type = ''] = match;
    storage.properties.push({ id: Number.parseInt(id, 16), type: Number.parseInt(type, 16), value: entry.content });
  }
  return storages;
}

/** The code page of 8-bit bodies: values of fixed size lie together, behind a header that ends on a multiple of 8. */
function fixedProperties(content: Buffer): MapiProperty[] {
  for (let at = content.length % 16; at + 16 <= content.length; at += 16) {
    const id = content.readUInt16LE(at + 2);
    if (id === mapiIds.internetCodePage)
      return [{ id, type: content.readUInt16LE(at), value: content.subarray(at + 8) }];
  }
  return [];
}

function holdsItem({ streams }: Storage): boolean {
  return streams.some(({ name }) => streamName.test(name) || name.toLowerCase() === fixedStream);
}

/** Storages below an object's own, which belong to the program that made it. */
function insideObject(path: string, storages: ReadonlyMap<string, Storage>): boolean {
  const at = path.toLowerCase().lastIndexOf('__substg1.0_3701000d/');
  if (at < 0) return false;
  const object = storages.get(path.slice(0, at + '__substg1.0_3701000d/'.length));
  return object === undefined || !holdsItem(object);
}

/** The attachment around an object. */
function attachmentOf(path: string): string {
  return path.slice(0, Math.max(0, path.toLowerCase().lastIndexOf('__substg1.0_3701000d/')));
}

async function addAttachment(properties: readonly MapiProperty[], out: OpenOutput): Promise<boolean> {
  const about = { names: attachmentNames(properties), method };
  const declaredType = attachmentType(properties);
  for (const { id, value } of properties) {
    if (id !== mapiIds.attachData || value.length === 0) continue;
    if (!(await out.add(declaredType === undefined ? about : { ...about, declaredType }, value))) return false;
  }
  return true;
}

/** The streams of an OLE object, each a file of its own: which of them its program reads is not known here. */
async function addObject(
  streams: readonly CompoundEntry[],
  attachment: Storage | undefined,
  out: OpenOutput,
): Promise<boolean> {
  out.flag(partFlags.embeddedObject);
  const names = attachmentNames(attachment?.properties ?? []);
  for (const { name, content } of streams) {
    if (content.length > 0 && !(await out.add({ names: [...names, name], method }, content))) return false;
  }
  return true;
}
