/**
 * Brings a mail file into the form in which a mail server would hand it to the gate: CRLF at the end of every line.
 * Everything goes through the spool, so that a file may be larger than the memory.
 */
import { limits } from '../../runtime/limits.js';
import type { Spool, SpoolPool } from '../../runtime/spool.js';

/** How the lines of the file end: `none` when there is one line at most. */
export type LineEnds = 'crlf' | 'lf' | 'mixed' | 'none';

export interface ReadMessage {
  /** the message as it goes over the wire; the caller releases it */
  readonly spool: Spool;
  /** as they were in the file; of `lf` a CRLF was made, `mixed` was left alone */
  readonly lineEnds: LineEnds;
}

const lf = 10;
const cr = 13;
const crlf = Buffer.from('\r\n');

/** Rejects with what reading threw, or with the spool's failure. */
export async function readMessage(input: AsyncIterable<Buffer>, pool: SpoolPool): Promise<ReadMessage> {
  const raw = pool.create();
  const seen = new LineEndCount();
  try {
    for await (const chunk of input) {
      seen.read(chunk);
      await append(raw, chunk);
    }
    // RFC 5321 §4.1.1.4: a sender ends the last line, as without it there is no end of data.
    if (seen.kind !== 'lf') {
      if (raw.length > 0 && !seen.ended) await append(raw, crlf);
      return { spool: raw, lineEnds: seen.kind };
    }
  } catch (error) {
    raw.release();
    throw error;
  }
  const spool = pool.create();
  try {
    for await (const chunk of chunksOf(raw)) await append(spool, withCrlf(chunk));
    if (!seen.ended) await append(spool, crlf);
    return { spool, lineEnds: 'lf' };
  } catch (error) {
    spool.release();
    throw error;
  } finally {
    raw.release();
  }
}

/** All bytes of a spool that is complete, in order; each chunk is valid until the next is taken. */
export async function* chunksOf(spool: Spool): AsyncGenerator<Buffer, void, undefined> {
  await spool.flush(spool.length);
  for (let at = 0; at < spool.length; ) {
    const chunk = await spool.readChunk(at, Math.min(spool.length, at + limits.spool.readChunkBytes));
    at += chunk.length;
    yield chunk;
  }
}

async function append(spool: Spool, chunk: Buffer): Promise<void> {
  if (!spool.append(chunk)) {
    await new Promise<void>((resolve) => {
      spool.onDrain = resolve;
    });
    spool.onDrain = undefined;
  }
  if (spool.failure !== undefined) throw spool.failure;
}

class LineEndCount {
  #bare = 0;
  #whole = 0;
  #last = 0;
  /** whether the bytes so far end with a whole line of their kind */
  ended = false;

  read(chunk: Buffer): void {
    for (let at = chunk.indexOf(lf); at !== -1; at = chunk.indexOf(lf, at + 1)) {
      const before = at === 0 ? this.#last : chunk[at - 1];
      if (before === cr) this.#whole += 1;
      else this.#bare += 1;
      this.ended = at === chunk.length - 1 && (before === cr || this.#whole === 0);
    }
    if (chunk.length === 0) return;
    if (chunk.at(-1) !== lf) this.ended = false;
    this.#last = chunk.at(-1) ?? 0;
  }

  get kind(): LineEnds {
    if (this.#bare === 0) return this.#whole === 0 ? 'none' : 'crlf';
    return this.#whole === 0 ? 'lf' : 'mixed';
  }
}

/** @param chunk of a file without any CRLF */
function withCrlf(chunk: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let at = chunk.indexOf(lf); at !== -1; at = chunk.indexOf(lf, at + 1)) {
    pieces.push(chunk.subarray(start, at), crlf);
    start = at + 1;
  }
  pieces.push(chunk.subarray(start));
  return Buffer.concat(pieces);
}
