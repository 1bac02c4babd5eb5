/** The part of a live policy that the quarantine works with; the daemon and the commands must see the same. */
import type { LivePolicy } from '../policy/live-policy.js';
import type { QuarantinePolicy } from '../quarantine/settings.js';

export function quarantinePolicy(policy: LivePolicy, retentionDays: number): QuarantinePolicy {
  const { notice, administrators, publicUrl } = policy;
  return { retentionDays, notice, administrators, publicUrl: publicUrl === '' ? undefined : publicUrl };
}
