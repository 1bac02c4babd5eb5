/** Takes in a file: into the spool, which has no name on the disk, and through a digest. Nothing is held in memory whole. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Spool, SpoolPool } from '../../runtime/spool.js';

export interface Received {
  /** the caller releases it */
  readonly spool: Spool;
  /** lower-case hex */
  readonly sha256: string;
}

/**
 * Undefined when the client left, or the disk failed, before the end; nothing is kept then.
 * @param bytes the size that was announced
 */
export function receiveFile(request: IncomingMessage, bytes: number, pool: SpoolPool): Promise<Received | undefined> {
  const spool = pool.create();
  const hash = createHash('sha256');
  return new Promise((resolve) => {
    let settled = false;
    const settle = (whole: boolean): void => {
      if (settled) return;
      settled = true;
      spool.onDrain = undefined;
      if (whole && spool.failure === undefined) resolve({ spool, sha256: hash.digest('hex') });
      else {
        spool.release();
        resolve(undefined);
      }
    };
    spool.onDrain = () => {
      if (spool.failure !== undefined) settle(false);
      request.resume();
    };
    request.on('data', (chunk: Buffer) => {
      if (settled) return;
      hash.update(chunk);
      if (!spool.append(chunk)) request.pause();
      if (spool.failure !== undefined) settle(false);
    });
    request.on('end', () => settle(spool.length === bytes));
    request.on('error', () => settle(false));
    request.on('close', () => settle(false));
  });
}

/**
 * The SHA-256 that a Content-Digest field names (RFC 9530 §2), in lower-case hex; undefined when it names none, `wrong`
 * when it cannot be read.
 */
export function claimedDigest(field: string | undefined): string | 'wrong' | undefined {
  if (field === undefined) return undefined;
  let found: string | undefined;
  for (const item of field.split(',')) {
    const match = /^\s*([a-z0-9-]+)=:([A-Za-z0-9+/]*={0,2}):\s*$/.exec(item);
    if (match === null) return 'wrong';
    if (match[1] === 'sha-256') found = Buffer.from(match[2] ?? '', 'base64').toString('hex');
  }
  return found === undefined || found.length === 64 ? found : 'wrong';
}
