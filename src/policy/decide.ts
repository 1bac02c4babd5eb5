/**
 * The judgement: facts, scores and list hits in, verdict out. Pure: no clock, no file, no state, so any verdict can be
 * replayed. The order of the steps is the order of this file.
 *
 * Where parts disagree the worst decides: malicious, then defer, then warn, then permit. Malicious goes before defer
 * because no answer that is still missing could make it better. `policy.smtp.action` or `policy.imap.action` then says what is done with what
 * is malicious or answered by a fallback of `block`; a fallback is never harsher than that action.
 */
import { type InspectionReport, partFlags } from '../inspect/report.js';
import { problemEffects } from '../mime/problem.js';
import { limits } from '../runtime/limits.js';
import type { FallbackCause, PartScore } from '../scoring/backend.js';
import type { HashHit } from './hash-lists.js';
import { type LevelMap, levelOf } from './level.js';
import type { Profile } from './profile.js';
import { listsApply, needsAnalysis, partKey, type Scope, scopeOf } from './scope.js';
import type { Action, ListHit, Reason, Verdict } from './verdict.js';

export type FallbackAction = 'permit' | 'block' | 'defer';

/** What the configuration says, settled: plain values that can be stored with a verdict. */
export interface DecisionPolicy {
  readonly action: 'block' | 'warn' | 'permit';
  readonly threshold: number;
  readonly levelMap: LevelMap;
  readonly fallback: Readonly<Record<FallbackCause, FallbackAction>>;
  readonly ambiguous: 'permit' | 'warn' | 'block';
  readonly applyWithoutAttachment: boolean;
  readonly profile: Profile;
}

export interface DecisionInput {
  readonly report: InspectionReport;
  /** for each of `scoresToAsk`, in any order */
  readonly scores: readonly PartScore[];
  /** from `matchLists`: allow before block */
  readonly listHits: readonly ListHit[];
  /** from `matchHashes` */
  readonly hashHits: readonly HashHit[];
  readonly policy: DecisionPolicy;
  /** id of the release when the message came back from our own quarantine and its mark was verified */
  readonly released?: string;
}

export function decide(input: DecisionInput): Verdict {
  const { report, listHits, policy } = input;
  if (input.released !== undefined) return passed({ code: 'released', release: input.released });

  if (listsApply(report, policy)) {
    const allowed = listHits.find((hit) => hit.list === 'allow');
    if (allowed !== undefined) return passed({ code: 'allowlisted', hit: allowed });
    const blocked = listHits.find((hit) => hit.list === 'block');
    if (blocked !== undefined) {
      const found = new Findings();
      found.malicious({ code: 'blocklisted', hit: blocked }, blocked.entry);
      return found.verdict(policy.action);
    }
  }

  const found = new Findings();
  if (needsAnalysis(report)) analyse(input, found);
  else found.note({ code: 'no-attachment' });
  judgeAmbiguity(report, policy, found);
  return found.verdict(policy.action);
}

/** When our own inspection failed, so that there is no report to judge: the fallback of the cause decides. */
export function decideUnread(policy: DecisionPolicy, cause: FallbackCause, detail: string): Verdict {
  const found = new Findings();
  const action = policy.fallback[cause];
  found.raise(action, { code: 'fallback', cause, action, detail });
  return found.verdict(policy.action);
}

/** Steps 5 to 7: file hashes, scores and the threshold, and what happens where an answer is missing. */
function analyse(input: DecisionInput, found: Findings): void {
  const { report, hashHits, policy } = input;
  const scope = scopeOf(report, hashHits, policy.profile);
  const blocked = judgeHashes(hashHits, scope, found);
  const fallbacks = new Fallbacks();
  judgeProfiles(scope, policy.profile, found, fallbacks);
  judgeScores(input, scope, found, fallbacks, blocked);
  judgeReadability(report, scope, fallbacks);
  fallbacks.settle(policy, found);
}

/** Whether a blocked file is there; then nothing had to be scored. */
function judgeHashes(hashHits: readonly HashHit[], scope: Scope, found: Findings): boolean {
  const exempt = (hit: HashHit) => scope.exempt.has(partKey({ path: hit.part, sha256: hit.sha256 }));
  const allowed = hashHits.filter((hit) => hit.list === 'allow' && exempt(hit));
  for (const { part, sha256 } of allowed.slice(0, limits.policy.reasonsMax))
    found.note({ code: 'hash-allowed', part, sha256 });
  const blocked = hashHits.filter((hit) => hit.list === 'block' && !exempt(hit));
  for (const { part, sha256 } of blocked.slice(0, limits.policy.reasonsMax)) {
    found.malicious({ code: 'hash-blocked', part, sha256 }, 'Blocked-File');
    found.raiseLevel(10);
  }
  return blocked.length > 0;
}

function judgeScores(
  input: DecisionInput,
  scope: Scope,
  found: Findings,
  fallbacks: Fallbacks,
  decided: boolean,
): void {
  const { policy } = input;
  const passed = (key: string) => scope.exempt.has(key) || scope.skippedKeys.has(key);
  const counted = input.scores.filter((score) => !passed(partKey(score)));
  const scored = new Map<string, PartScore>(counted.map((score) => [partKey(score), score]));
  const worstFirst = counted.filter((part) => part.score !== undefined).sort((a, b) => (b.score ?? 0) - (a.score ?? 0));
  for (const part of worstFirst.slice(0, limits.policy.reasonsMax))
    found.score(part, levelOf(part.score ?? 0, policy.levelMap));
  const worst = worstFirst[0];
  if (worst !== undefined) found.threshold(levelOf(worst.score ?? 0, policy.levelMap), policy.threshold, worst.name);

  for (const part of counted) {
    for (const answer of part.answers) {
      if (answer.kind === 'none') fallbacks.add(answer.cause, `part ${part.path}, ${answer.backend}: ${answer.detail}`);
    }
  }
  if (decided) return;
  for (const { part } of scope.inQuestion) {
    const score = scored.get(partKey(part));
    // A part that nobody answered for is never clean by omission.
    if (score === undefined || score.answers.length === 0)
      fallbacks.add('backend-unavailable', `part ${part.path} was not scored`);
  }
}

/** Files that their category keeps from being scanned, and those that are too large for it. */
function judgeProfiles(scope: Scope, profile: Profile, found: Findings, fallbacks: Fallbacks): void {
  const digestOnly = scope.inQuestion.filter(({ ruling }) => ruling.mode === 'hash-only');
  for (const { part, ruling } of [...scope.skipped, ...digestOnly].slice(0, limits.policy.reasonsMax)) {
    const { mode, category } = ruling;
    if (mode !== 'scan' && category !== undefined) found.note({ code: 'profile', part: part.path, category, mode });
  }
  for (const { part, ruling } of scope.inQuestion) {
    if (!ruling.oversize || ruling.category === undefined) continue;
    const { maxBytes } = profile[ruling.category];
    fallbacks.add(
      'oversize',
      `part ${part.path}: ${part.bytes} bytes of ${ruling.category}, at most ${maxBytes} are scanned`,
    );
  }
}

/** What could not be read: the message as a whole, or a part of it. An allowed hash vouches for an encrypted file, not for an undecodable one. */
function judgeReadability(report: InspectionReport, scope: Scope, fallbacks: Fallbacks): void {
  if (report.unscannable && !isOnlySkipped(report, scope)) {
    const codes = [...new Set(report.problems.map((problem) => problem.code))].slice(0, 10).join(', ');
    fallbacks.add('unscannable', codes === '' ? 'the message could not be read in full' : codes);
  }
  for (const { part, ruling } of scope.inQuestion) {
    const looked = ruling.mode === 'scan';
    if (looked && part.flags.includes(partFlags.encrypted)) fallbacks.add('encrypted', `part ${part.path}`);
    if (part.flags.includes(partFlags.undecodable)) fallbacks.add('unscannable', `part ${part.path} cannot be decoded`);
  }
  // The report says that there is an attachment and has none: what was meant was not seen.
  if (report.hasAttachment && scope.inQuestion.length === 0 && scope.exempt.size + scope.skipped.length === 0) {
    fallbacks.add('unscannable', 'an attachment without content');
  }
}

/** Whether all that could not be read lies in files that nobody wants to read. */
function isOnlySkipped(report: InspectionReport, { skipped }: Scope): boolean {
  if (skipped.length === 0) return false;
  const unread = report.problems.filter(({ code }) => problemEffects[code] === 'unscannable');
  const within = (path: string) => skipped.some(({ part }) => path === part.path || path.startsWith(`${part.path}!`));
  return unread.length > 0 && unread.every(({ part }) => part !== '' && within(part));
}

/** Every plausible reading was looked at and is no worse than found above; else the report is unscannable. */
function judgeAmbiguity(report: InspectionReport, policy: DecisionPolicy, found: Findings): void {
  if (!report.ambiguous) return;
  const detail = [...new Set(report.problems.map((problem) => problem.code))].slice(0, 10).join(', ');
  found.raise(policy.ambiguous, { code: 'ambiguous', detail });
}

/** Missing answers by cause: one reason each, however many parts there are. */
class Fallbacks {
  readonly #causes = new Map<FallbackCause, { first: string; count: number }>();

  add(cause: FallbackCause, detail: string): void {
    const known = this.#causes.get(cause);
    if (known === undefined) this.#causes.set(cause, { first: detail, count: 1 });
    else known.count += 1;
  }

  settle(policy: DecisionPolicy, found: Findings): void {
    for (const [cause, { first, count }] of this.#causes) {
      const action = policy.fallback[cause];
      const detail = count === 1 ? first : `${first} (and ${count - 1} more)`;
      if (cause === 'unscannable') found.note({ code: 'unscannable', detail });
      found.raise(action, { code: 'fallback', cause, action, detail });
    }
  }
}

const ranks: Readonly<Record<Action, number>> = { permit: 0, warn: 1, defer: 2, block: 3 };

/** Gathers reasons and keeps the worst. */
class Findings {
  readonly #reasons: Reason[] = [];
  #judged: Action = 'permit';
  #malicious = false;
  #level = -1;
  #score: number | undefined;
  #threat = '';

  note(reason: Reason): void {
    this.#reasons.push(reason);
  }

  raise(action: Action, reason: Reason): void {
    this.#reasons.push(reason);
    if (ranks[action] > ranks[this.#judged]) this.#judged = action;
  }

  malicious(reason: Reason, threat: string): void {
    this.raise('block', reason);
    this.#malicious = true;
    if (this.#threat === '') this.#threat = threat;
  }

  raiseLevel(level: number): void {
    this.#level = Math.max(this.#level, level);
  }

  /** One part's score; a score of 0 is no reason of its own. */
  score(part: PartScore, level: number): void {
    this.raiseLevel(level);
    const score = part.score ?? 0;
    this.#score = Math.max(this.#score ?? 0, score);
    if (score === 0) return;
    const backend = part.answers.find((answer) => answer.kind === 'score' && answer.score === score)?.backend ?? '';
    this.note({ code: 'score', part: part.path, backend, score, level, name: part.name });
  }

  threshold(level: number, threshold: number, name: string): void {
    if (level >= threshold) this.malicious({ code: 'threshold', level, threshold }, name);
    else this.note({ code: 'below-threshold', level, threshold });
    if (level > 0 && this.#threat === '') this.#threat = name;
  }

  verdict(configured: DecisionPolicy['action']): Verdict {
    let action = this.#judged;
    if (configured === 'permit' && action !== 'permit') {
      this.note({ code: 'policy-permit' });
      action = 'permit';
    } else if (action === 'block') {
      action = configured;
    }
    return {
      action,
      reasons: this.#reasons,
      threatLevel: this.#level,
      score: this.#score,
      malicious: this.#malicious,
      threat: this.#threat,
    };
  }
}

function passed(reason: Reason): Verdict {
  return { action: 'permit', reasons: [reason], threatLevel: -1, score: undefined, malicious: false, threat: '' };
}
