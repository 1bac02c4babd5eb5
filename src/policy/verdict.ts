/** The verdict: what policy decided about one message, with every reason. Log, headers, portal, CLI and replay read this same value. */
import type { FileCategory } from '../inspect/file-category.js';
import type { FallbackCause } from '../scoring/backend.js';

export const actions = { permit: 'permit', warn: 'warn', block: 'block', defer: 'defer' } as const;
export type Action = (typeof actions)[keyof typeof actions];

export type ListField = 'envelope-from' | 'envelope-to' | 'body-sender' | 'body-receiver';

/** Which entry of which list matched which address. */
export interface ListHit {
  readonly list: 'allow' | 'block';
  readonly field: ListField;
  readonly address: string;
  readonly entry: string;
  /** `config` or the list file's name and line, for the person who asks why */
  readonly source: string;
}

export type Reason =
  | { readonly code: 'no-attachment' }
  | { readonly code: 'allowlisted'; readonly hit: ListHit }
  | { readonly code: 'blocklisted'; readonly hit: ListHit }
  | { readonly code: 'hash-allowed'; readonly part: string; readonly sha256: string }
  | { readonly code: 'hash-blocked'; readonly part: string; readonly sha256: string }
  | {
      readonly code: 'score';
      readonly part: string;
      readonly backend: string;
      readonly score: number;
      readonly level: number;
      readonly name: string;
    }
  | {
      /** a file of this category is not scanned: only its digest was looked up, or nothing at all */
      readonly code: 'profile';
      readonly part: string;
      readonly category: FileCategory;
      readonly mode: 'hash-only' | 'skip';
    }
  | { readonly code: 'below-threshold'; readonly level: number; readonly threshold: number }
  | { readonly code: 'threshold'; readonly level: number; readonly threshold: number }
  | {
      readonly code: 'fallback';
      readonly cause: FallbackCause;
      readonly action: 'permit' | 'block' | 'defer';
      readonly detail: string;
    }
  | { readonly code: 'unscannable'; readonly detail: string }
  | { readonly code: 'ambiguous'; readonly detail: string }
  | { readonly code: 'policy-permit' }
  | { readonly code: 'released'; readonly release: string };

export interface Verdict {
  readonly action: Action;
  /** in the order in which they were found; never empty */
  readonly reasons: readonly Reason[];
  /** -1 unknown (nothing scored), else 0..10 */
  readonly threatLevel: number;
  /** native score 0..1 of the worst part; undefined when nothing was scored */
  readonly score: number | undefined;
  /** level at or above the threshold, or blocklisted: an incident is written whatever the action */
  readonly malicious: boolean;
  /** name of the worst finding, e.g. `EICAR-Test-File`; empty when there is none */
  readonly threat: string;
}
