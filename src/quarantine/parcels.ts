/**
 * Parcels: released messages whose attachments are in an encrypted archive. It runs the thread that makes them and
 * owns their files until whoever asked closes them.
 */

import { createHmac } from 'node:crypto';
import { closeSync } from 'node:fs';
import { Piscina } from 'piscina';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Blobs, OpenedMessage } from './blobs.js';
import type { Item } from './item.js';
import type { BuiltParcel, ParcelRequest } from './parcel-build.js';
import type { ParcelAnswer } from './parcel-worker.js';

export interface Parcel extends OpenedMessage, BuiltParcel {}

/** One secret for each item, of the key that also signs releases: whoever has neither cannot guess a password. */
export function parcelSecret(releaseKey: Uint8Array, id: string): Buffer {
  return createHmac('sha256', releaseKey).update(`parcel ${id}`).digest();
}

/** A message that takes too long or too much memory does so the next time as well. */
function isTooMuch(error: unknown): boolean {
  const { name, code } = error as NodeJS.ErrnoException;
  return name === 'AbortError' || code === 'ERR_WORKER_OUT_OF_MEMORY';
}

export class Parcels {
  readonly #blobs: Blobs;
  #threads: Piscina<ParcelRequest, ParcelAnswer> | undefined;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /**
   * @param source the opened original, which stays its owner's
   * @param from as in notices
   */
  async make(item: Item, source: OpenedMessage['source'], releaseKey: Uint8Array, from: string): Promise<Parcel> {
    const fd = this.#blobs.unnamedFile();
    let closed = false;
    const close = () => {
      if (!closed) closeSync(fd);
      closed = true;
    };
    try {
      const secret = parcelSecret(releaseKey, item.id);
      const built = await this.#run({ source, fd, id: item.id, secret, from, receivedAt: item.created });
      return { source: { kind: 'file', fd, length: built.bytes }, close, ...built };
    } catch (error) {
      // A thread that was stopped may be inside a write for a moment, and the number must not name another file then.
      const stopped = error instanceof GateError && error.cause !== undefined;
      if (stopped) setTimeout(close, limits.spool.abortGraceMs).unref();
      else close();
      throw error;
    }
  }

  async #run(request: ParcelRequest): Promise<BuiltParcel> {
    this.#threads ??= new Piscina({
      filename: new URL('./parcel-worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      maxQueue: limits.outbox.concurrentDeliveries,
      idleTimeout: limits.quarantine.sealIdleMs,
      // A stranger's HTML ends the thread and not the gate.
      resourceLimits: { maxOldGenerationSizeMb: limits.parcel.heapMegabytes },
      // The files that we hand over are ours to close.
      trackUnmanagedFds: false,
    });
    let answer: ParcelAnswer;
    try {
      answer = await this.#threads.run(request, { signal: AbortSignal.timeout(limits.parcel.buildMs) });
    } catch (error) {
      const why = `the message could not be made into a ZIP archive (${messageOf(error)}): release the original`;
      throw new GateError('open-failed', why, { temporary: !isTooMuch(error), cause: error });
    }
    if (answer.kind === 'failed') throw new GateError(answer.code, answer.message, { temporary: answer.temporary });
    return answer.built;
  }

  /** Nobody waits for what is being made: its release is tried again at the next start. */
  async close(): Promise<void> {
    await this.#threads?.destroy();
  }
}
