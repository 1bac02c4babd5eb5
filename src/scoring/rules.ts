/**
 * All rules of the static scorer in one table, and the one that counts for a part: the highest score wins, the first
 * of equals. What the sentences say is what a person is told, so they hold for everything that the rule matches.
 */
import { createHash } from 'node:crypto';
import type { PartFacts } from '../inspect/report.js';
import { extensionTables } from './extensions.js';
import { nameFacts } from './name-facts.js';
import type { Rule, RuleContext } from './rule.js';
import { contentRules } from './rules-content.js';
import { nameRules } from './rules-names.js';

export const rules: readonly Rule[] = [...contentRules, ...nameRules].sort((a, b) => b.score - a.score);

/** Changes with every id, score, sentence, condition and extension. */
export const rulesVersion: string = createHash('sha256')
  .update(JSON.stringify(rules.map(({ id, score, reason, matches }) => [id, score, reason, matches.toString()])))
  .update(extensionTables)
  .digest('hex')
  .slice(0, 8);

const reasons: ReadonlyMap<string, string> = new Map(rules.map(({ id, reason }) => [id, reason]));

/** The sentence of a rule, for a person; undefined when the name is none of a rule. */
export const ruleReason = (id: string): string | undefined => reasons.get(id);

/** The rule that counts; undefined for a part in which there is nothing to see. */
export function worstRule(part: PartFacts): Rule | undefined {
  if (part.flags.length === 0 && part.names.length === 0 && part.detectedType === undefined) return undefined;
  const context = contextOf(part);
  return rules.find((rule) => rule.matches(part, context));
}

/** Every rule that matches, worst first. */
export function matchingRules(part: PartFacts): Rule[] {
  const context = contextOf(part);
  return rules.filter((rule) => rule.matches(part, context));
}

const contextOf = (part: PartFacts): RuleContext => ({ names: part.names.map(nameFacts) });
