/**
 * Whether a verdict would be the same now. A row keeps a number for what decided: the policy alone, or with it the
 * version of every backend when files were scored. Two that differ share a number once in four billion times.
 */
import { createHash } from 'node:crypto';
import type { LivePolicy } from '../policy/live-policy.js';
import { policyRevision } from '../policy/policy-revision.js';
import type { Scorer } from '../scoring/scorer.js';

export class PolicyRevisions {
  readonly #policyNow: () => LivePolicy;
  readonly #scorer: Pick<Scorer, 'version'>;
  #policy: LivePolicy | undefined;
  #version = '';
  #plain = 0;
  #scored = 0;

  constructor(policyNow: () => LivePolicy, scorer: Pick<Scorer, 'version'>) {
    this.#policyNow = policyNow;
    this.#scorer = scorer;
  }

  isCurrent(revision: number): boolean {
    this.#refresh();
    return revision === this.#plain || revision === this.#scored;
  }

  /** Those of this moment; taken before a message is judged, because a policy may be swapped meanwhile. */
  now(): { readonly policy: LivePolicy; readonly plain: number; readonly scored: number } {
    const policy = this.#refresh();
    return { policy, plain: this.#plain, scored: this.#scored };
  }

  #refresh(): LivePolicy {
    const policy = this.#policyNow();
    const { version } = this.#scorer;
    if (policy === this.#policy && version === this.#version) return policy;
    this.#policy = policy;
    this.#version = version;
    const revision = policyRevision(policy);
    this.#plain = numberOf(revision);
    this.#scored = numberOf(`${revision} ${version}`);
    return policy;
  }
}

/** Never 0, which stands for no revision. */
function numberOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() || 1;
}
