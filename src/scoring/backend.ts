/**
 * The contract of a scoring backend, and the values that pass through it. A backend answers with a score, or says why
 * it has none; it never throws for anything that the world does to it.
 */
import type { PartFacts } from '../inspect/report.js';

/** Why a backend gave no score. Each meets `policy.fallback` under this name. */
export const noAnswerCauses = {
  backendUnavailable: 'backend-unavailable',
  verdictTimeout: 'verdict-timeout',
  outOfResources: 'out-of-resources',
  oversize: 'oversize',
  unscannable: 'unscannable',
  encrypted: 'encrypted',
  unknownFile: 'unknown-file',
} as const;
export type FallbackCause = (typeof noAnswerCauses)[keyof typeof noAnswerCauses];

export type Answer =
  | {
      readonly kind: 'score';
      readonly backend: string;
      /** 0 (benign) to 1 (most malicious) */
      readonly score: number;
      /** what was recognised, e.g. a signature or rule id; empty for a clean file */
      readonly name: string;
      /** engine and rule version that answered */
      readonly engine: string;
    }
  | {
      readonly kind: 'none';
      readonly backend: string;
      readonly cause: FallbackCause;
      /** for the log; never shown to a peer */
      readonly detail: string;
    }
  | {
      /** the backend looked at it as a part of another file, whose answer stands for both */
      readonly kind: 'covered';
      readonly backend: string;
      /** path of that file */
      readonly by: string;
    };

/** Decoded bytes of a part, read again from the spool only when a backend asks. Reading fails once the spool is gone. */
export interface PartContent {
  readonly bytes: number;
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Keeps the bytes readable until the returned function is called, even when their message is given up. */
  hold?(): () => void;
  /** Told by a backend that has read all it wants, and still waits for an answer: the bytes need no longer be kept. */
  letGo?(): void;
}

/** What a backend's own look at its server came to, for /readyz and metrics. */
export interface BackendHealth {
  readonly up: boolean;
  /** what it is, or why it is not up */
  readonly detail: string;
  /** when it changed from up to down or back, in ms of performance.now(); absent when it never did, or nobody looks */
  readonly sinceMs?: number;
}

export interface Backend {
  readonly name: string;
  /** changes whenever the same bytes might get another score; part of the cache key */
  readonly version: string;
  /** true when the answer is a function of the decoded bytes alone, and so may be cached by digest */
  readonly cacheable: boolean;
  /**
   * true when it looks into archives by itself: then a member of one is covered by the answer to the archive, and ten
   * thousand members are not ten thousand scans
   */
  readonly opensArchives: boolean;
  /**
   * The answer when it can be had at once from the facts alone, without content, wait or promise; undefined when it
   * cannot. Such answers are not cached, and a backend that always has one is never asked by the methods below.
   */
  scoreNow?(part: PartFacts): Answer | undefined;
  /** by digest alone; undefined when this backend does not know the digest */
  lookup(part: PartFacts, signal: AbortSignal): Promise<Answer | undefined>;
  score(part: PartFacts, content: PartContent, signal: AbortSignal): Promise<Answer>;
  /** `up`, or why it is not, for /readyz and metrics */
  health(): BackendHealth;
  close(): Promise<void>;
}

/** Where an answer comes from, and how long it was waited for. */
export interface Provenance {
  readonly source: 'facts' | 'memory' | 'store' | 'container' | 'backend';
  readonly ms: number;
}

/** All answers for one part, and the one that counts. */
export interface PartScore {
  readonly path: string;
  readonly sha256: string;
  readonly answers: readonly Answer[];
  /** for each answer, how it was come by */
  readonly how?: readonly Provenance[];
  /** highest score among the answers; undefined when there was none */
  readonly score: number | undefined;
  readonly name: string;
}
