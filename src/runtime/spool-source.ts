/**
 * Where the bytes of one message lie, in a form that crosses to a worker thread without a copy: shared memory, or the
 * number of an unlinked file (file numbers belong to the process, so threads share them).
 */
import { readSync } from 'node:fs';

export type SpoolSource =
  | { readonly kind: 'memory'; readonly bytes: SharedArrayBuffer; readonly length: number }
  | { readonly kind: 'file'; readonly fd: number; readonly length: number };

/** A run of bytes of a source, `end` exclusive. */
export interface SpoolRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Bytes `start` to `end` (exclusive) of a source: a view of shared memory, or read synchronously into a fresh buffer or
 * the beginning of `into`. Throws on a short read.
 */
export function readSource(source: SpoolSource, start: number, end: number, into?: Buffer): Buffer {
  if (source.kind === 'memory') return Buffer.from(source.bytes, start, end - start);
  const buffer = into === undefined ? Buffer.allocUnsafe(end - start) : into.subarray(0, end - start);
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(source.fd, buffer, filled, buffer.length - filled, start + filled);
    if (count === 0) throw new Error(`spool file ends at ${start + filled}, wanted ${end}`);
    filled += count;
  }
  return buffer;
}

/**
 * The range in chunks of at most `chunkBytes`, read one at a time so that memory stays bounded. For worker threads and
 * the command line only: it blocks.
 *
 * @param into memory of `chunkBytes` that every chunk is read into, for readers that are done with one before the next
 */
export function* sourceChunks(
  source: SpoolSource,
  start: number,
  end: number,
  into?: Buffer,
  chunkBytes = into?.length ?? 262_144,
): Generator<Buffer, void, undefined> {
  for (let at = start; at < end; at += chunkBytes) {
    yield readSource(source, at, Math.min(end, at + chunkBytes), into);
  }
}
