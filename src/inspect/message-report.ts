/** Puts the report of a message together: its parts, what is in them, and the parts of its other readings. */
import type { Leaf } from '../mime/framer.js';
import { type Problem, problemEffects } from '../mime/problem.js';
import { limits } from '../runtime/limits.js';
import type { OpenProblem } from './container/opening.js';
import type { ViewFindings } from './container/views.js';
import type { PartFindings, PartTask } from './examine.js';
import { rememberOrigin } from './member-origin.js';
import type { MessageFacts } from './message-facts.js';
import { everyPart, type InspectionReport, type PartFacts } from './report.js';

/** A leaf on its way through inspection. */
export interface Part {
  readonly leaf: Leaf;
  task: PartTask;
  findings: PartFindings | undefined;
}

export interface Inspected {
  readonly bytes: number;
  /** of the structure */
  readonly problems: readonly Problem[];
  readonly parts: readonly Part[];
  /** undefined when the message has one reading */
  readonly views: ViewFindings | undefined;
}

/** @param factsOf given whether the header block is odd enough that another reader may see other fields */
export function messageReport(inspected: Inspected, factsOf: (doubtful: boolean) => MessageFacts): InspectionReport {
  const problems = [...inspected.problems];
  for (const { leaf, findings } of inspected.parts) {
    for (const code of findings?.problems ?? []) addProblem(problems, { code, part: leaf.path });
    for (const { code, path } of findings?.memberProblems ?? []) addProblem(problems, { code, part: leaf.path + path });
  }
  const parts = inspected.parts.map(partFacts);
  const { views } = inspected;
  if (views !== undefined) {
    for (const problem of views.problems) {
      if (limitsSight(problem)) addProblem(problems, { code: problem.code, part: viewPath(problem.path) });
    }
    parts.push(...viewParts(views, parts));
  }
  const facts = factsOf(problems.some(({ code, part }) => part === '' && problemEffects[code] === 'ambiguous'));
  return {
    bytes: inspected.bytes,
    ambiguous: problems.some(({ code }) => problemEffects[code] === 'ambiguous'),
    unscannable: problems.some(({ code }) => problemEffects[code] === 'unscannable'),
    problems,
    // Own getters: JSON and structured clone read them like plain values, and nobody else pays for them.
    get addresses() {
      return facts.addresses;
    },
    get subject() {
      return facts.text('subject');
    },
    get messageId() {
      return facts.text('message-id');
    },
    get from() {
      return facts.text('from');
    },
    get date() {
      return facts.text('date');
    },
    parts,
    views: views === undefined ? 1 : Math.max(views.count, 1),
    hasAttachment: parts.some((part) => part.attachment),
  };
}

function addProblem(problems: Problem[], problem: Problem): void {
  if (problems.length < limits.mime.problemsMax) problems.push(problem);
  else if (problems.length === limits.mime.problemsMax) problems.push({ code: 'problems-too-many', part: '' });
}

/** Of readings that may be wrong only what kept us from looking counts. */
function limitsSight({ code }: OpenProblem): boolean {
  return problemEffects[code] === 'unscannable';
}

function viewPath(path: string): string {
  return path.replace(/^!/, '~');
}

export function partFacts({ leaf, task, findings }: Part): PartFacts {
  return {
    path: leaf.path,
    names: leaf.facts.names,
    declaredType: leaf.facts.type,
    detectedType: findings?.detectedType,
    encoding: leaf.facts.encoding,
    view: '',
    disposition: leaf.facts.disposition,
    attachment: findings?.attachment ?? true,
    bytes: findings?.bytes ?? 0,
    sha256: findings?.sha256 ?? '',
    sha1: findings?.sha1 ?? '',
    md5: findings?.md5 ?? '',
    range: { start: leaf.start, end: leaf.end },
    flags: findings?.flags ?? [],
    members: (findings?.members ?? []).map((member) => memberFacts(member, task, (path) => leaf.path + path)),
  };
}

function memberFacts(member: PartFacts, task: PartTask | undefined, rename: (path: string) => string): PartFacts {
  const members = member.members.map((inner) => memberFacts(inner, task, rename));
  const facts = { ...member, path: rename(member.path), members };
  rememberOrigin(facts, { part: task, path: member.path, bytes: member.bytes });
  return facts;
}

/** Parts of other readings, without those that the first reading has under the same names. */
function viewParts(views: ViewFindings, parts: readonly PartFacts[]): PartFacts[] {
  const known = new Map<string, Set<string>>();
  for (const part of everyPart(parts)) {
    if (!part.attachment) continue;
    const names = known.get(part.sha256) ?? new Set();
    for (const name of part.names) names.add(name);
    known.set(part.sha256, names);
  }
  return views.members
    .filter(({ sha256, names }) => names.some((name) => known.get(sha256)?.has(name) !== true) || !known.has(sha256))
    .map((member) => memberFacts(member, undefined, viewPath));
}
