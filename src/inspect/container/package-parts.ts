/**
 * The parts of an Office or OpenDocument package, which is a ZIP file, for a look at its structure. What is in the
 * archive, and whether its directories agree, is for the opener of archives: here every entry that either of them names
 * is a part, and parts are read only when they are asked for.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { limits } from '../../runtime/limits.js';

export interface PackagePart {
  /** with slashes, without a leading one */
  readonly name: string;
  /** place of its local header */
  readonly at: number;
  /** packed bytes, as somebody declared; deflated data say themselves where they end */
  readonly packed: number;
}

const localHeader = Buffer.from('PK\x03\x04', 'latin1');
const centralHeader = Buffer.from('PK\x01\x02', 'latin1');
const localBytes = 30;
const centralBytes = 46;
const deflated = 8;

export class PackageParts {
  readonly #content: Buffer;
  readonly #parts = new Map<string, PackagePart>();
  #bytesLeft: number = limits.document.packageBytes;
  /** a bound was reached, so that something was not looked at */
  cut = false;

  constructor(content: Buffer) {
    this.#content = content;
    for (let at = content.indexOf(centralHeader); at !== -1; at = content.indexOf(centralHeader, at + 4)) {
      if (at + centralBytes > content.length) break;
      const packed = content.readUInt32LE(at + 20);
      this.#add(at + centralBytes, content.readUInt16LE(at + 28), content.readUInt32LE(at + 42), packed);
    }
    for (let at = content.indexOf(localHeader); at !== -1; at = content.indexOf(localHeader, at + 4)) {
      if (at + localBytes > content.length) break;
      this.#add(at + localBytes, content.readUInt16LE(at + 26), at, content.readUInt32LE(at + 18));
    }
  }

  #add(nameAt: number, nameBytes: number, at: number, packed: number): void {
    if (this.#parts.size >= limits.document.partsMax) {
      this.cut = true;
      return;
    }
    if (at + localBytes > this.#content.length) return;
    const raw = this.#content.toString('utf8', nameAt, nameAt + Math.min(nameBytes, limits.open.nameBytes));
    const name = raw.replaceAll('\\', '/').replace(/^\/+/, '');
    const key = `${at} ${name}`;
    if (!this.#parts.has(key)) this.#parts.set(key, { name, at, packed });
  }

  get all(): Iterable<PackagePart> {
    return this.#parts.values();
  }

  /** Empty when it cannot be read, which the opener of archives reports. */
  read({ at, packed }: PackagePart): Buffer {
    const content = this.#content;
    const most = Math.min(limits.document.partBytes, this.#bytesLeft);
    if (content.compare(localHeader, 0, 4, at, at + 4) !== 0) return Buffer.alloc(0);
    if (most <= 0) {
      this.cut = true;
      return Buffer.alloc(0);
    }
    const start = at + localBytes + content.readUInt16LE(at + 26) + content.readUInt16LE(at + 28);
    if (content.readUInt16LE(at + 8) !== deflated) {
      const stored = content.subarray(start, Math.min(content.length, start + Math.min(packed, most)));
      this.#bytesLeft -= stored.length;
      return stored;
    }
    // Blocks may be empty, so that much input makes no output: both are bounded.
    const input = content.subarray(start, start + most);
    try {
      const text = inflateRawSync(input, { maxOutputLength: most, finishFlush: constants.Z_SYNC_FLUSH });
      this.#bytesLeft -= Math.max(text.length, Math.min(input.length, Math.max(packed, text.length >> 3)));
      return text;
    } catch (error) {
      this.#bytesLeft -= input.length;
      if (error instanceof RangeError) this.cut = true;
      return Buffer.alloc(0);
    }
  }
}
