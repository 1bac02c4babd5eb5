/**
 * Octets that were received and not yet understood, in one buffer. What was handed out of it is not written to here, so
 * slices stay valid as long as what was pushed is; octets that come one by one cost no more than those that come
 * together.
 */
const none = Buffer.alloc(0);

export class GrowingInput {
  /** what `start` and the other positions of its reader count in */
  bytes: Buffer = none;
  /** first octet that is not done with */
  start = 0;
  /** behind the last octet received */
  end = 0;
  #own = false;

  get length(): number {
    return this.end - this.start;
  }

  /** Adds octets behind the others. @returns how far octets moved towards the front; positions move with them */
  push(chunk: Buffer): number {
    const rest = this.end - this.start;
    if (rest === 0) {
      const moved = this.start;
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#own = false;
      return moved;
    }
    if (this.#isBehind(chunk)) {
      this.bytes = Buffer.from(chunk.buffer, this.bytes.byteOffset, this.end + chunk.length);
      this.end += chunk.length;
      return 0;
    }
    const total = rest + chunk.length;
    if (this.#own && this.bytes.length - this.end >= chunk.length) {
      chunk.copy(this.bytes, this.end);
      this.end += chunk.length;
      return 0;
    }
    const joined = Buffer.allocUnsafeSlow(Math.max(total, rest * 2));
    this.bytes.copy(joined, 0, this.start, this.end);
    chunk.copy(joined, rest);
    const moved = this.start;
    this.bytes = joined;
    this.start = 0;
    this.end = total;
    this.#own = true;
    return moved;
  }

  /** Whether it lies in memory behind what is here already. */
  #isBehind(chunk: Buffer): boolean {
    return chunk.buffer === this.bytes.buffer && chunk.byteOffset === this.bytes.byteOffset + this.end;
  }

  /** Moves what is not done with to the front of this memory. @returns as `push` */
  moveTo(memory: Buffer): number {
    const moved = this.start;
    this.bytes.copy(memory, 0, this.start, this.end);
    this.end -= moved;
    this.start = 0;
    this.bytes = memory.subarray(0, this.end);
    this.#own = false;
    return moved;
  }

  /** Like that of a buffer, among the octets that were received. */
  indexOf(byte: number, from: number): number {
    if (this.end === this.bytes.length) return this.bytes.indexOf(byte, from);
    // The room behind the end may be as large as all that waits; searching it for each new octet would be quadratic.
    const at = this.bytes.subarray(from, this.end).indexOf(byte);
    return at === -1 ? -1 : at + from;
  }

  clear(): void {
    this.bytes = none;
    this.start = 0;
    this.end = 0;
    this.#own = false;
  }
}
