/** What the administrators' pages are given: the store, who may sign in, and what they may do. */
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { StoreAccess } from '../../quarantine/store-access.js';
import type { ConsoleAccount } from './accounts.js';

export interface ConsoleOptions {
  readonly store: Pick<StoreAccess, 'call'>;
  /** those of this moment; without any there are no pages */
  readonly accounts: () => readonly ConsoleAccount[];
  /** address under which administrators come */
  readonly url: () => string;
  /** 32 bytes that outlive the process, so that a restart signs nobody out; keys are derived from them */
  readonly secret: Uint8Array;
  readonly clock: () => number;
  readonly log: QuarantineLog;
}
