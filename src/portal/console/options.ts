/** What the administrators' pages are given: the store, who may sign in, and what they may do. */
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { StoreAccess } from '../../quarantine/store-access.js';
import type { Vault } from '../../quarantine/vault.js';
import type { Preview } from '../preview/preview.js';
import type { SettingsOptions } from '../settings/options.js';
import type { ConsoleAccount } from './accounts.js';
import type { HealthFacts } from './health-facts.js';

export interface ConsoleOptions {
  readonly store: Pick<StoreAccess, 'call'>;
  /** releases, denies, deletes, and gives out the sealed file */
  readonly vault: Pick<Vault, 'release' | 'deny' | 'delete' | 'openSealed'>;
  readonly preview: Preview;
  /** those of this moment; without any there are no pages */
  readonly accounts: () => readonly ConsoleAccount[];
  /** address under which administrators come */
  readonly url: () => string;
  /** 32 bytes that outlive the process, so that a restart signs nobody out; keys are derived from them */
  readonly secret: Uint8Array;
  readonly health: () => Promise<HealthFacts>;
  /** the running configuration, for the pages that change it; without it there are none of these */
  readonly live?: SettingsOptions['live'] | undefined;
  readonly clock: () => number;
  readonly log: QuarantineLog;
}
