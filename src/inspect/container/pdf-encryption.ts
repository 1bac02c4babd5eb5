/**
 * The standard security handler of PDF (ISO 32000-1 §7.6, ISO 32000-2 §7.6.4) as far as the empty password goes: most
 * encrypted files open without one and only ask not to be printed, and their content has to be looked at.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { PdfDictionary, PdfName } from './pdf-syntax.js';

/** Undoes the encryption of one string or stream of an object. */
export interface PdfCipher {
  string(bytes: Buffer, number: number, generation: number): Buffer;
  stream(bytes: Buffer, number: number, generation: number): Buffer;
}

const padding = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');
/** rounds of the hash of revision 6; the standard ends them by chance, after 64 at the least */
const roundsMax = 1024;

type Method = 'none' | 'rc4' | 'aes128' | 'aes256';

/**
 * @param encrypt the encryption dictionary
 * @param id the first element of the trailer's /ID
 * @returns undefined when a password or key is needed that we do not have
 */
export function cipherWithoutPassword(encrypt: PdfDictionary, id: Buffer): PdfCipher | undefined {
  const filter = encrypt.get('Filter');
  if (filter instanceof PdfName && filter.text !== 'Standard') return undefined;
  const revision = integer(encrypt, 'R', 2);
  const key = revision >= 5 ? fileKey256(encrypt, revision) : fileKey(encrypt, revision, id);
  if (key === undefined) return undefined;
  const strings = methodOf(encrypt, 'StrF');
  const streams = methodOf(encrypt, 'StmF');
  return {
    string: (bytes, number, generation) => decrypted(strings, key, bytes, number, generation),
    stream: (bytes, number, generation) => decrypted(streams, key, bytes, number, generation),
  };
}

function integer(dictionary: PdfDictionary, key: string, fallback: number): number {
  const value = dictionary.get(key);
  return typeof value === 'number' ? Math.trunc(value) : fallback;
}

function bytesOf(dictionary: PdfDictionary, key: string): Buffer {
  const value = dictionary.get(key);
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

const md5 = (...pieces: Buffer[]): Buffer => {
  const hash = createHash('md5');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
};

/** Algorithm 2 with an empty password, checked by algorithms 4 and 5. */
function fileKey(encrypt: PdfDictionary, revision: number, id: Buffer): Buffer | undefined {
  const version = integer(encrypt, 'V', 0);
  const bits = version === 1 ? 40 : version === 4 ? 128 : integer(encrypt, 'Length', 40);
  const keyBytes = Math.max(5, Math.min(16, bits >> 3));
  const permissions = Buffer.alloc(4);
  permissions.writeInt32LE(integer(encrypt, 'P', 0) | 0);
  const owner = bytesOf(encrypt, 'O').subarray(0, 32);
  const pieces = [padding, owner, permissions, id];
  if (revision >= 4 && encrypt.get('EncryptMetadata') === false) pieces.push(Buffer.alloc(4, 0xff));
  let hash = md5(...pieces);
  if (revision >= 3) for (let round = 0; round < 50; round += 1) hash = md5(hash.subarray(0, keyBytes));
  const key = hash.subarray(0, revision === 2 ? 5 : keyBytes);
  const user = bytesOf(encrypt, 'U');
  if (revision === 2) return user.subarray(0, 32).equals(rc4(key, padding)) ? key : undefined;
  let expected = rc4(key, md5(padding, id));
  for (let round = 1; round <= 19; round += 1) expected = rc4(Buffer.from(key.map((byte) => byte ^ round)), expected);
  return user.subarray(0, 16).equals(expected) ? key : undefined;
}

/** Algorithms 2.A and 2.B: the hash of an empty password with the validation salt, then the key under the key salt. */
function fileKey256(encrypt: PdfDictionary, revision: number): Buffer | undefined {
  const user = bytesOf(encrypt, 'U');
  const wrapped = bytesOf(encrypt, 'UE').subarray(0, 32);
  if (user.length < 48 || wrapped.length < 32) return undefined;
  const hash = revision === 5 ? sha256 : hardenedHash;
  if (!hash(user.subarray(32, 40)).equals(user.subarray(0, 32))) return undefined;
  const decipher = createDecipheriv('aes-256-cbc', hash(user.subarray(40, 48)), Buffer.alloc(16)).setAutoPadding(false);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

function hardenedHash(salt: Buffer): Buffer {
  let key = sha256(salt);
  for (let round = 0; round < roundsMax; round += 1) {
    // The password is empty, so the key alone is repeated 64 times.
    const text = Buffer.concat(Array.from({ length: 64 }, () => key));
    const cipher = createCipheriv('aes-128-cbc', key.subarray(0, 16), key.subarray(16, 32)).setAutoPadding(false);
    const encrypted = cipher.update(text);
    const rest = encrypted.subarray(0, 16).reduce((sum, byte) => sum + byte, 0) % 3;
    key = createHash(['sha256', 'sha384', 'sha512'][rest] ?? 'sha256')
      .update(encrypted)
      .digest();
    if (round >= 63 && (encrypted[encrypted.length - 1] ?? 0) <= round + 1 - 32) break;
  }
  return key.subarray(0, 32);
}

/** The crypt filters of version 4 and 5 are named; earlier versions have RC4 only. */
function methodOf(encrypt: PdfDictionary, key: 'StrF' | 'StmF'): Method {
  if (integer(encrypt, 'V', 0) < 4) return 'rc4';
  const name = encrypt.get(key);
  const filters = encrypt.get('CF');
  if (!(name instanceof PdfName) || name.text === 'Identity' || !(filters instanceof PdfDictionary)) return 'none';
  const filter = filters.get(name.text);
  if (!(filter instanceof PdfDictionary)) return 'none';
  if (filter.is('CFM', 'AESV3')) return 'aes256';
  if (filter.is('CFM', 'AESV2')) return 'aes128';
  return filter.is('CFM', 'V2') ? 'rc4' : 'none';
}

/** Algorithms 1 and 1.A */
function decrypted(method: Method, key: Buffer, bytes: Buffer, number: number, generation: number): Buffer {
  if (method === 'none') return bytes;
  if (method === 'aes256') return aesDecrypted(key, bytes);
  const object = Buffer.from([number, number >> 8, number >> 16, generation, generation >> 8]);
  const salted = method === 'aes128' ? [key, object, Buffer.from('sAlT', 'latin1')] : [key, object];
  const objectKey = md5(...salted).subarray(0, Math.min(16, key.length + 5));
  return method === 'aes128' ? aesDecrypted(objectKey, bytes) : rc4(objectKey, bytes);
}

/** The first block is the initialisation vector; what is no whole block is damage and left out. */
function aesDecrypted(key: Buffer, bytes: Buffer): Buffer {
  const whole = bytes.length & ~15;
  if (whole < 32 || (key.length !== 16 && key.length !== 32)) return Buffer.alloc(0);
  const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, bytes.subarray(0, 16)).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(bytes.subarray(16, whole)), decipher.final()]);
  const pad = plain[plain.length - 1] ?? 0;
  return pad >= 1 && pad <= 16 ? plain.subarray(0, plain.length - pad) : plain;
}

function rc4(key: Buffer, bytes: Buffer): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) & 0xff;
    [state[i], state[j]] = [state[j] ?? 0, state[i] ?? 0];
  }
  const result = Buffer.alloc(bytes.length);
  for (let at = 0, i = 0, j = 0; at < bytes.length; at += 1) {
    i = (i + 1) & 0xff;
    const one = state[i] ?? 0;
    j = (j + one) & 0xff;
    const other = state[j] ?? 0;
    state[i] = other;
    state[j] = one;
    result[at] = (bytes[at] ?? 0) ^ (state[(one + other) & 0xff] ?? 0);
  }
  return result;
}
