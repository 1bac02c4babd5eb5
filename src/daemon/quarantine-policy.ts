/** The part of a live policy that the quarantine works with; the daemon and the commands must see the same. */
import type { Config } from '../config/schema.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { QuarantinePolicy } from '../quarantine/settings.js';

export function quarantinePolicy(
  policy: LivePolicy,
  { quarantine, portal }: Pick<Config, 'quarantine' | 'portal'>,
): QuarantinePolicy {
  const { notice, administrators, publicUrl, console: pages } = policy;
  // A notice lives for days: its link is good as long as the page is meant to be there, also when it starts late.
  const linked = publicUrl !== '' && portal.listen !== '';
  return {
    ...policy.release,
    retentionDays: quarantine.retentionDays,
    recordDays: quarantine.recordDays,
    notice,
    administrators,
    publicUrl: linked ? publicUrl : undefined,
    consoleUrl: pages.accounts.length > 0 && pages.url !== '' ? pages.url : undefined,
  };
}
