/** Inflates bytes in memory into a member, piece by piece, and says how far the compressed data went. */
import { crc32, createGunzip, createInflate, createInflateRaw, inflateRawSync } from 'node:zlib';

export type InflateFormat = 'raw' | 'zlib' | 'gzip';

export interface Inflated {
  /** compressed bytes that belong to the stream */
  readonly consumed: number;
  readonly size: number;
  readonly crc: number;
  /** the stream came to its own end, undamaged */
  readonly complete: boolean;
  /** the receiver took no more */
  readonly stopped: boolean;
}

/** below it a call in this thread is cheaper than a trip to zlib's own */
const inlineBytes = 65_536;

/** `write` gets every piece; it may be reused afterwards. Damage ends the data and is told, not thrown. */
export function inflate(
  input: Buffer,
  format: InflateFormat,
  write: (chunk: Uint8Array) => boolean,
): Promise<Inflated> {
  const small = format === 'raw' ? inflateSmall(input) : undefined;
  if (small === undefined) return inflateStream(input, format, write);
  const stopped = small.data.length > 0 && !write(small.data);
  const { consumed, data } = small;
  return Promise.resolve({ consumed, size: data.length, crc: crc32(data), complete: true, stopped });
}

interface Small {
  readonly data: Buffer;
  readonly consumed: number;
}

/** Undefined when it is not small after all, or not whole. */
function inflateSmall(input: Buffer): Small | undefined {
  if (input.length > inlineBytes) return undefined;
  try {
    // With `info` it returns the engine beside the data, which the types do not say.
    const result = inflateRawSync(input, { maxOutputLength: inlineBytes, info: true } as object) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { data: result.buffer, consumed: result.engine.bytesWritten };
  } catch (error) {
    // Too long or damaged: both are for the stream, which keeps what comes before the damage.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function inflateStream(input: Buffer, format: InflateFormat, write: (chunk: Uint8Array) => boolean): Promise<Inflated> {
  const options = { chunkSize: inlineBytes };
  const stream =
    format === 'raw' ? createInflateRaw(options) : format === 'zlib' ? createInflate(options) : createGunzip(options);
  let size = 0;
  let crc = 0;
  let stopped = false;
  return new Promise((resolve) => {
    const finish = (complete: boolean) => resolve({ consumed: stream.bytesWritten, size, crc, complete, stopped });
    stream.on('data', (chunk: Buffer) => {
      if (stopped) return;
      size += chunk.length;
      crc = crc32(chunk, crc);
      if (write(chunk)) return;
      stopped = true;
      stream.destroy();
      finish(false);
    });
    stream.on('end', () => finish(true));
    stream.on('error', () => finish(false));
    // Ended apart from the data, or zlib would drop what it had inflated of truncated data.
    stream.write(input, () => void stream.end());
  });
}
