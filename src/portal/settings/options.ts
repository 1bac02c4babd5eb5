/** What the settings pages are given: the running configuration, the store for the record of changes, and who says what was done. */
import type { LiveConfig } from '../../config/live-config.js';
import type { LivePolicy } from '../../policy/live-policy.js';
import type { QuarantineLog } from '../../quarantine/settings.js';
import type { StoreAccess } from '../../quarantine/store-access.js';
import type { Flashes } from '../console/flash.js';

export interface SettingsOptions {
  readonly live: Pick<LiveConfig<LivePolicy>, 'started' | 'snapshot' | 'lastReload' | 'reload'>;
  readonly store: Pick<StoreAccess, 'call'>;
  readonly flashes: Flashes;
  readonly clock: () => number;
  readonly log: QuarantineLog;
}
