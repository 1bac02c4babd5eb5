/**
 * Opens OpenPGP messages (RFC 9580), binary or in armour: what is only signed or compressed is a member, what is
 * encrypted is flagged. Keys and detached signatures hold no file and are left alone.
 */
import { Base64Decoder } from '../../mime/base64.js';
import { decodeRaw } from '../../mime/header.js';
import { partFlags } from '../report.js';
import { appendPiece } from './ber.js';
import { inflate } from './inflate.js';
import type { MemberWriter, Opener, OpenFile, OpenOutput } from './opener.js';

const method = 'openpgp';
const armorMark = '-----BEGIN PGP MESSAGE-----';
/** where armour in a text may begin */
const armorBytes = 65_536;

/** packet types (RFC 9580 §5) */
const packets = {
  keyEncrypted: 1,
  signature: 2,
  passwordEncrypted: 3,
  onePassSignature: 4,
  compressed: 8,
  encrypted: 9,
  marker: 10,
  literal: 11,
  encryptedProtected: 18,
  encryptedAuthenticated: 20,
  padding: 21,
} as const;
const encryptedPackets: ReadonlySet<number> = new Set([
  packets.keyEncrypted,
  packets.passwordEncrypted,
  packets.encrypted,
  packets.encryptedProtected,
  packets.encryptedAuthenticated,
]);
/** those that say nothing of a file by themselves */
const quietPackets: ReadonlySet<number> = new Set([
  packets.signature,
  packets.onePassSignature,
  packets.marker,
  packets.padding,
]);
/** RFC 9580 §10.3: session keys stand before what they open */
const sessionKeyFollowers: ReadonlySet<number> = new Set([...encryptedPackets, packets.marker, packets.padding]);
/** packets of one message, and messages in one text; honest ones have five and one */
const packetsMax = 64;
const headBytes = 4096;

interface Packet {
  readonly type: number;
  readonly body: Buffer;
  readonly next: number;
  /** its length goes beyond the end */
  readonly cut: boolean;
}

export const openPgpOpener: Opener = {
  id: 'openpgp',
  matches: ({ content }) => armorStart(content) >= 0 || isBinary(content),
  open: openPgp,
};

function armorStart(content: Buffer): number {
  const first = content[0] ?? 0x80;
  if (first >= 0x80) return -1;
  const head = content.subarray(0, armorBytes);
  let at = head.indexOf(armorMark);
  while (at > 0 && head[at - 1] !== 0x0a) at = head.indexOf(armorMark, at + 1);
  return at;
}

/**
 * There is no signature, so the first packet has to make sense, and where that alone would be believed of one random
 * file in some thousand, what follows it too.
 */
function isBinary(content: Buffer): boolean {
  const first = content[0] ?? 0;
  if (first < 0x80) return false;
  const packet = readPacket(content.subarray(0, headBytes), 0);
  if (packet === undefined) return false;
  const { type, body } = packet;
  const version = body[0] ?? 0;
  switch (type) {
    case packets.keyEncrypted:
      if (version === 3 ? body.length <= 10 || (body[9] ?? 0xff) > 31 : version !== 6 || body.length <= 20)
        return false;
      return isFollowed(content, packet, sessionKeyFollowers);
    case packets.passwordEncrypted:
      return isPasswordKey(body) && isFollowed(content, packet, sessionKeyFollowers);
    case packets.onePassSignature:
      return (version === 3 && body.length === 13) || version === 6;
    case packets.compressed:
      return version <= 3 && body.length > 2 && (first === 0xa3 || (first & 0xc0) === 0xc0) && looksCompressed(body);
    case packets.literal:
      return /[btuml1]/.test(String.fromCharCode(version)) && body.length >= 6 + (body[1] ?? 0);
    case packets.marker:
      return body.toString('latin1') === 'PGP';
    case packets.encryptedProtected:
      return (version === 1 || version === 2) && readPacket(content, 0)?.next === content.length;
    default:
      return false;
  }
}

/** A key for a password, by its cipher and the way in which the key is made (RFC 9580 §5.3, §3.7.1). */
function isPasswordKey(body: Buffer): boolean {
  const [version = 0, second = 0, third = 0, fourth = 0, fifth = 0] = body;
  const ways = [0, 1, 3, 4];
  const isCipher = (id: number) => id >= 1 && id <= 13;
  const isMode = (id: number) => id >= 1 && id <= 3;
  switch (version) {
    case 4:
      return isCipher(second) && ways.includes(third);
    case 5:
      return isCipher(second) && isMode(third) && ways.includes(fourth);
    case 6:
      return isCipher(third) && isMode(fourth) && fifth > 0;
    default:
      return false;
  }
}

/** Whether the packet ends where the head of one of these begins. */
function isFollowed(content: Buffer, packet: Packet, by: ReadonlySet<number>): boolean {
  const head = content[packet.next] ?? 0;
  return head >= 0x80 && by.has((head & 0x40) !== 0 ? head & 0x3f : (head >> 2) & 0x0f);
}

function looksCompressed(body: Buffer): boolean {
  switch (body[0]) {
    case 0:
      return isBinary(body.subarray(1));
    case 1:
      // A block of deflate of a known kind; the two highest of the three low bits are never both set.
      return ((body[1] ?? 0xff) & 0x06) !== 0x06;
    case 2:
      return body.readUInt16BE(1) % 31 === 0 && ((body[1] ?? 0) & 0x0f) === 8;
    default:
      return body.toString('latin1', 1, 4) === 'BZh';
  }
}

async function openPgp({ content }: OpenFile, out: OpenOutput): Promise<void> {
  let at = armorStart(content);
  if (at < 0) {
    await openPackets(content, false, out);
    return;
  }
  for (let blocks = 0; at >= 0 && !out.exhausted; blocks += 1) {
    if (blocks === packetsMax) return out.problem('unpack-limit');
    const { body, end } = readArmor(content, at);
    // Whatever cannot be read may be for somebody's key.
    if (!(await openPackets(body, true, out))) out.flag(partFlags.encrypted);
    at = content.indexOf(`\n${armorMark}`, end);
    if (at >= 0) at += 1;
  }
}

/** The bytes in armour that begins at `start`: base64 between the empty line and the checksum or the end. */
function readArmor(content: Buffer, start: number): { body: Buffer; end: number } {
  const close = content.indexOf('\n-----END', start);
  const end = close < 0 ? content.length : close;
  const block = content.subarray(start, end);
  let from = block.indexOf('\n') + 1;
  const lines = [block.indexOf('\n\n'), block.indexOf('\n\r\n')].filter((at) => at >= 0);
  // Headers are `Key: value`; without an empty line the data begins at once.
  if (lines.length > 0) from = Math.min(...lines) + 1;
  const sum = block.indexOf('\n=', from);
  const decoder = new Base64Decoder(new Set());
  const body = decoder.write(block.subarray(from, sum < 0 ? block.length : sum));
  return { body: Buffer.concat([body, decoder.finish()]), end };
}

/** Returns whether it was a sequence of packets that is understood. */
async function openPackets(bytes: Buffer, armored: boolean, out: OpenOutput): Promise<boolean> {
  let at = 0;
  for (let count = 0; count < packetsMax; count += 1) {
    const packet = readPacket(bytes, at);
    if (packet === undefined) return count > 0;
    const { type, body, next, cut } = packet;
    if (cut) out.problem('file-damaged');
    if (encryptedPackets.has(type)) {
      // Behind octets that only look like packets, this is one of them.
      if (armored || isBinary(bytes.subarray(at))) out.flag(partFlags.encrypted);
      return true;
    }
    if (type === packets.compressed) await addCompressed(body, out);
    else if (type === packets.literal) await addLiteral(body, out);
    else if (!quietPackets.has(type)) return count > 0;
    if (next >= bytes.length || out.exhausted) return true;
    at = next;
  }
  out.problem('unpack-limit');
  return true;
}

/** The packet at `at`, in the old or the new format (RFC 9580 §4.2); undefined when there is none. */
function readPacket(bytes: Buffer, at: number): Packet | undefined {
  const first = bytes[at] ?? 0;
  if (first < 0x80 || at + 2 > bytes.length) return undefined;
  if ((first & 0x40) !== 0) return readNewPacket(bytes, at, first & 0x3f);
  const type = (first >> 2) & 0x0f;
  const size = first & 0x03;
  // Type 3 has no length: it goes on to the end.
  if (size === 3) return { type, body: bytes.subarray(at + 1), next: bytes.length, cut: false };
  const start = at + 1 + (1 << size);
  if (start > bytes.length) return undefined;
  const end = start + bytes.readUIntBE(at + 1, 1 << size);
  return { type, body: bytes.subarray(start, end), next: end, cut: end > bytes.length };
}

/** A body may come in pieces, each behind its length; all but the last have a power of two (RFC 9580 §4.2.1.4). */
function readNewPacket(bytes: Buffer, at: number, type: number): Packet {
  let gathered: Buffer | undefined;
  let length = 0;
  let next = at + 1;
  for (;;) {
    const octet = bytes[next] ?? 0;
    const long = octet === 0xff;
    const partial = octet >= 0xe0 && !long;
    const start = next + (octet < 0xc0 || partial ? 1 : long ? 5 : 2);
    if (start > bytes.length) {
      return { type, body: gathered?.subarray(0, length) ?? bytes.subarray(at, at), next: start, cut: true };
    }
    let size = octet;
    if (partial) size = 2 ** (octet & 0x1f);
    else if (long) size = bytes.readUInt32BE(next + 1);
    else if (octet >= 0xc0) size = (octet - 0xc0) * 256 + (bytes[next + 1] ?? 0) + 192;
    next = start + size;
    const cut = next > bytes.length;
    if (!partial && gathered === undefined) return { type, body: bytes.subarray(start, next), next, cut };
    // Pieces may be a byte each: they are copied as they come, into what all of them fit in.
    gathered ??= Buffer.allocUnsafe(bytes.length - at);
    length += appendPiece(gathered, length, bytes, start, Math.min(next, bytes.length));
    if (!partial || cut) return { type, body: gathered.subarray(0, length), next, cut };
  }
}

/** A format, a name, a date, and the file (RFC 9580 §5.9). */
async function addLiteral(body: Buffer, out: OpenOutput): Promise<void> {
  const nameBytes = body[1] ?? 0;
  const name = decodeRaw(body.toString('latin1', 2, 2 + nameBytes));
  // What opens such a file takes no name from it unasked, and of random octets it would be an alarming one.
  const names = name === '' || name === '_CONSOLE' || /\p{Cc}/u.test(name) ? [] : [name];
  await out.add({ names, method }, body.subarray(Math.min(body.length, 6 + nameBytes)));
}

/** More packets, compressed; as a file of their own they are opened in turn. */
async function addCompressed(body: Buffer, out: OpenOutput): Promise<void> {
  const data = body.subarray(1);
  const about = { names: [], method };
  if (body[0] !== 1 && body[0] !== 2) {
    // Nothing to undo, or bzip2, whose files are opened by what opens archives.
    await out.add(about, data);
    return;
  }
  let member: MemberWriter | undefined;
  const { complete, stopped } = await inflate(data, body[0] === 1 ? 'raw' : 'zlib', (chunk) => {
    member ??= out.member(about);
    return member?.write(chunk) === true;
  });
  if (!complete && !stopped) out.problem('file-damaged');
  await member?.end();
}
