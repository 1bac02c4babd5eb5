/**
 * Opens S/MIME and other files of the Cryptographic Message Syntax (RFC 5652): what is signed, digested or compressed
 * is a member, what is encrypted is flagged. Signatures are not checked: whoever signs, the content is looked at.
 */
import { Base64Decoder } from '../../mime/base64.js';
import { partFlags } from '../report.js';
import { type BerElement, behindElement, berTags, elementsOf, octetsOf, readElement } from './ber.js';
import { inflate } from './inflate.js';
import { startsAsEntity } from './message-file.js';
import type { MemberAbout, MemberWriter, Opener, OpenFile, OpenOutput } from './opener.js';

const method = 'cms';
const armorBytes = 4096;
const armor = /-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----\r?\n/;
const bareBase64 = /^MI[A-Za-z0-9+/\r\n]{40}/;
/** fields in front of the content and with it: 6 in authenticated data; and the fewest of a whole structure */
const fieldsMax = 8;
const fieldsMin = 4;
const wrappedNames = /\.(?:p7m|p7s|p7c|p7b|p7z|p7)$/i;

/** what a content type holds: clear content, compressed content, or something for its key only */
type Kind = 'data' | 'clear' | 'compressed' | 'encrypted';
const pkcs7 = '2a864886f70d0107';
const smime = '2a864886f70d01091001';
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [`${pkcs7}01`, 'data'],
  // signed and digested data
  [`${pkcs7}02`, 'clear'],
  [`${pkcs7}05`, 'clear'],
  // enveloped, signed and enveloped, encrypted data
  [`${pkcs7}03`, 'encrypted'],
  [`${pkcs7}04`, 'encrypted'],
  [`${pkcs7}06`, 'encrypted'],
  // authenticated data, compressed data (RFC 3274), authenticated enveloped data (RFC 5083)
  [`${smime}02`, 'clear'],
  [`${smime}09`, 'compressed'],
  [`${smime}17`, 'encrypted'],
]);

/** The outermost structure: a content type and its content. */
interface ContentInfo {
  readonly oid: Buffer;
  readonly kind: Kind | undefined;
  /** the explicit tag around the content; undefined when detached */
  readonly content: BerElement | undefined;
}

export const cmsOpener: Opener = {
  id: 'cms',
  matches: ({ content }) => encodingOf(content) !== undefined,
  open: openCms,
};

function isContentInfo(bytes: Buffer): boolean {
  const whole = readElement(bytes, 0, bytes.length);
  return whole?.tag === berTags.sequence && readContentInfo(bytes, whole)?.kind !== undefined;
}

/** How the structure is stored: as bytes, in armour, or as base64 without armour. */
function encodingOf(content: Buffer): 'bytes' | 'base64' | undefined {
  if (content[0] === berTags.sequence) return isContentInfo(content.subarray(0, 64)) ? 'bytes' : undefined;
  const text = content.toString('latin1', 0, armorBytes);
  if (armor.test(text)) return 'base64';
  if (!bareBase64.test(text)) return undefined;
  return isContentInfo(Buffer.from(text.slice(0, 64), 'base64')) ? 'base64' : undefined;
}

function decoded(content: Buffer): Buffer {
  if (encodingOf(content) === 'bytes') return content;
  const begin = armor.exec(content.toString('latin1', 0, armorBytes));
  const start = begin === null ? 0 : begin.index + begin[0].length;
  const end = content.indexOf('-----END', start);
  const decoder = new Base64Decoder(new Set());
  const body = decoder.write(content.subarray(start, end < 0 ? content.length : end));
  return Buffer.concat([body, decoder.finish()]);
}

function readContentInfo(bytes: Buffer, sequence: BerElement): ContentInfo | undefined {
  const oid = readElement(bytes, sequence.start, sequence.end);
  if (oid?.tag !== berTags.oid || oid.end - oid.start > 32) return undefined;
  const value = bytes.subarray(oid.start, oid.end);
  const content = readElement(bytes, oid.end, sequence.end);
  const tagged = content?.tag === berTags.explicit0 || content?.tag === berTags.implicit0;
  return { oid: value, kind: kinds.get(value.toString('hex')), content: tagged ? content : undefined };
}

async function openCms(file: OpenFile, out: OpenOutput): Promise<void> {
  const bytes = decoded(file.content);
  const whole = readElement(bytes, 0, bytes.length);
  const info = whole === undefined ? undefined : readContentInfo(bytes, whole);
  if (whole === undefined || info?.kind === undefined) {
    out.problem('file-damaged');
    return;
  }
  if (whole.cut) out.problem('file-damaged');
  if (info.kind === 'encrypted') {
    out.flag(partFlags.encrypted);
    return;
  }
  if (info.kind === 'data') {
    await addContent(bytes, info, false, file, out);
    return;
  }
  const structure = info.content && readElement(bytes, info.content.start, info.content.end);
  if (structure?.tag !== berTags.sequence) {
    out.problem('file-damaged');
    return;
  }
  // The content is the first sequence of a type and a tagged value; algorithms in front of it have no such tag.
  let fields = 0;
  for (const field of elementsOf(bytes, structure)) {
    fields += 1;
    if (fields > fieldsMax) break;
    if (field.tag !== berTags.sequence) continue;
    const inner = readContentInfo(bytes, field);
    if (inner?.content === undefined) continue;
    await addContent(bytes, inner, info.kind === 'compressed', file, out);
    return;
  }
  // Without content it is a detached signature or a set of certificates; cut off, it may have been neither.
  if (structure.cut || fields < fieldsMin) out.problem('file-damaged');
}

/** Adds the content as a member; a structure inside of it becomes a whole file again, so that it is opened in turn. */
async function addContent(
  bytes: Buffer,
  { oid, kind, content }: ContentInfo,
  compressed: boolean,
  file: OpenFile,
  out: OpenOutput,
): Promise<void> {
  if (content === undefined) return;
  const value = content.tag === berTags.explicit0 ? readElement(bytes, content.start, content.end) : content;
  if (value === undefined) {
    out.problem('file-damaged');
    return;
  }
  const isString = value.tag === berTags.octets || value.tag === berTags.octetPieces || value === content;
  const octets = isString
    ? octetsOf(bytes, value)
    : // PKCS #7 before CMS had the structure itself here instead of an octet string.
      { content: bytes.subarray(content.start, behindElement(bytes, value)), cut: value.cut, tooDeep: false };
  if (octets.cut) out.problem('file-damaged');
  if (octets.tooDeep) out.problem('unpack-limit');
  if (compressed) {
    await addInflated(octets.content, oid, kind, file, out);
    return;
  }
  const nested = kind !== undefined && kind !== 'data' && !isContentInfo(octets.content);
  const whole = nested ? wrapped(oid, octets.content) : octets.content;
  await out.add(aboutContent(octets.content, kind, file), whole);
}

/** A content type and its content as one structure, with lengths that need not be known. */
function wrapped(oid: Buffer, content: Buffer): Buffer {
  return Buffer.concat([wrapperHead(oid), content, Buffer.alloc(4)]);
}

function wrapperHead(oid: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x30, 0x80, berTags.oid, oid.length), oid, Buffer.of(0xa0, 0x80)]);
}

/**
 * Signed mail is an entity with a header (RFC 8551 §3.1); a signed file, as invoices are, is the file itself and was
 * called like the signature without its ending.
 */
function aboutContent(head: Buffer, kind: Kind | undefined, file: OpenFile): MemberAbout {
  const names = file.names.map((name) => name.replace(wrappedNames, ''));
  if (kind !== 'data')
    return kind === undefined ? { names, method } : { names, method, declaredType: 'application/pkcs7-mime' };
  return startsAsEntity(head) ? { names: [], method, declaredType: 'message/rfc822' } : { names, method };
}

async function addInflated(
  content: Buffer,
  oid: Buffer,
  kind: Kind | undefined,
  file: OpenFile,
  out: OpenOutput,
): Promise<void> {
  let member: MemberWriter | undefined;
  const { complete, stopped } = await inflate(content, 'zlib', (chunk) => {
    if (member !== undefined) return member.write(chunk);
    const head = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    member = out.member(aboutContent(head, kind, file));
    const nested = kind !== undefined && kind !== 'data' && !isContentInfo(head);
    if (nested && member?.write(wrapperHead(oid)) === false) return false;
    return member?.write(chunk) === true;
  });
  // What came out before the damage is a member all the same.
  if (!complete && !stopped) out.problem('file-damaged');
  await member?.end();
}
