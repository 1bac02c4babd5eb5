/** A short name for everything in a snapshot that decides about a message read over IMAP, so that a verdict can be known to be as it would be now. */
import { createHash } from 'node:crypto';
import type { LivePolicy } from './live-policy.js';

/** Changes when the code that decides does, so that no verdict of an older version is taken for one of this. */
const decisionVersion = 1;

const known = new WeakMap<LivePolicy, string>();

/** Scores are not in it: a message that needed none is not in question when a rule or feed changes. */
export function policyRevision(policy: LivePolicy): string {
  const revision = known.get(policy) ?? makeRevision(policy);
  known.set(policy, revision);
  return revision;
}

function makeRevision({ imapDecision, allowRules, addresses, hashes }: LivePolicy): string {
  const tables = [addresses.allow, addresses.block, hashes.allow, hashes.block].map(({ version }) => version);
  const facts = [decisionVersion, imapDecision, allowRules, tables];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
