/**
 * Sealing and opening of one message: age encryption between a spool source and a file, in bounded memory. It blocks
 * on the disk and on arithmetic, so it runs in a worker thread or in the command line, never in the main thread.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Decrypter, Encrypter } from 'age-encryption';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { readIdentities } from './keys.js';
import { syncDirectory } from './private-file.js';

export interface SealRequest {
  readonly source: SpoolSource;
  /** what was inspected; anything else is refused */
  readonly sha256: string;
  readonly recipients: readonly string[];
  /** the finished file; `<file>.tmp` while it grows */
  readonly file: string;
}

export interface OpenRequest {
  readonly file: string;
  readonly identityFile: string;
  readonly sha256: string;
  readonly bytes: number;
  /** an empty private file of the caller's, which keeps it */
  readonly fd: number;
}

export function writeFully(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(fd, bytes, at, bytes.length - at);
}

/** A stream that reads only when it is asked: nothing is queued ahead of the cipher. */
function pulled(chunks: Iterator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      pull(controller) {
        const next = chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
}

async function drain(stream: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => void): Promise<void> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
  }
}

async function encryptTo(fd: number, request: SealRequest): Promise<number> {
  const hash = createHash('sha256');
  function* inspected(): Generator<Uint8Array, void, undefined> {
    for (const chunk of sourceChunks(request.source, 0, request.source.length)) {
      // A copy first: the cipher must see what the hash saw, whoever else holds the shared memory.
      const own = request.source.kind === 'memory' ? Uint8Array.from(chunk) : chunk;
      hash.update(own);
      yield own;
    }
  }
  const encrypter = new Encrypter();
  for (const recipient of request.recipients) encrypter.addRecipient(recipient);
  let written = 0;
  await drain(await encrypter.encrypt(pulled(inspected())), (chunk) => {
    writeFully(fd, chunk);
    written += chunk.length;
  });
  if (hash.digest('hex') !== request.sha256) throw new Error('the bytes to seal are not those that were inspected');
  return written;
}

/** A step of cleaning up after a failure that is already being reported. */
function quietly(step: () => void): void {
  try {
    step();
  } catch {
    // The first failure is the one to report; what is left behind is removed at the next start.
  }
}

/**
 * Seals durably and returns the size of the file. A failed fsync is a lost file: the kernel may have dropped the dirty
 * pages and would report success the next time (Rebello et al., ATC 2020), so nothing is tried twice.
 */
export async function sealMessage(request: SealRequest): Promise<number> {
  const temporary = `${request.file}.tmp`;
  let renamed = false;
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    let bytes: number;
    try {
      bytes = await encryptTo(fd, request);
      fsyncSync(fd);
    } catch (error) {
      quietly(() => closeSync(fd));
      throw error;
    }
    closeSync(fd);
    renameSync(temporary, request.file);
    renamed = true;
    syncDirectory(dirname(request.file));
    return bytes;
  } catch (error) {
    quietly(() => unlinkSync(renamed ? request.file : temporary));
    throw new GateError('seal-failed', `sealing ${request.file}: ${messageOf(error)}`, { cause: error });
  }
}

function* fileChunks(fd: number): Generator<Uint8Array, void, undefined> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(limits.spool.readChunkBytes);
    const count = readSync(fd, buffer, 0, buffer.length, null);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

/**
 * Decrypts into the caller's file and checks length and digest of the whole. age authenticates chunk by chunk and does
 * not say who sealed, so nothing may be used before this resolves.
 */
export async function openMessage(request: OpenRequest): Promise<void> {
  const decrypter = new Decrypter();
  for (const identity of readIdentities(request.identityFile)) decrypter.addIdentity(identity);
  try {
    const sealed = openSync(request.file, 'r');
    try {
      const hash = createHash('sha256');
      await drain(await decrypter.decrypt(pulled(fileChunks(sealed))), (chunk) => {
        hash.update(chunk);
        writeFully(request.fd, chunk);
      });
      if (fstatSync(request.fd).size !== request.bytes) throw new Error('the length is not that of the sealed message');
      if (hash.digest('hex') !== request.sha256) throw new Error('the digest is not that of the sealed message');
    } finally {
      closeSync(sealed);
    }
  } catch (error) {
    throw new GateError('open-failed', `opening ${request.file}: ${messageOf(error)}`, {
      temporary: false,
      cause: error,
    });
  }
}
