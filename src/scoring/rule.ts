/** The contract of a rule: a score and a sentence for one thing that the facts of a part may show. */
import type { PartFacts } from '../inspect/report.js';
import type { NameFacts } from './name-facts.js';

/**
 * 1 is certain; .75 is blocked by default; .5 is suspicious and passes by default; .25 is worth a line. What no rule
 * matches scores 0.
 */
export type RuleScore = 0.25 | 0.5 | 0.75 | 1;

/** What is worked out once for a part and shared by its rules. */
export interface RuleContext {
  readonly names: readonly NameFacts[];
}

export interface Rule {
  /** the name of the threat in verdicts, logs and notices */
  readonly id: string;
  readonly score: RuleScore;
  /** for a person: what was seen, and why it matters */
  readonly reason: string;
  /** pure and cheap: the facts of one part with its members, no content */
  matches(part: PartFacts, context: RuleContext): boolean;
}
