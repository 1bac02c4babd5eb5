/** Keeps a claimed mail ours while it is being worked on, however long the next hop takes. */
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Clock, QuarantineLog } from './settings.js';
import type { StoreAccess } from './store-access.js';

export interface LeaseTools {
  readonly store: StoreAccess;
  readonly clock: Clock;
  readonly log: QuarantineLog;
}

/** Runs `work` and prolongs the lease of `mail` at a third of its length. */
export async function underLease<Result>(
  mail: number,
  owner: string,
  tools: LeaseTools,
  work: () => Promise<Result>,
): Promise<Result> {
  const timer = setInterval(() => {
    tools.store.call('keepLease', mail, tools.clock(), owner).catch((error: unknown) => {
      tools.log('warn', 'the lease of an outbox mail could not be prolonged', { mail, reason: messageOf(error) });
    });
  }, limits.outbox.leaseMs / 3);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
