/**
 * Takes from a refused configuration the keys that are in order, so that checks between keys and of files run in the
 * same pass and an administrator sees all problems at once. The result is never run with.
 */
import type { z } from 'zod';
import { type Finding, type KeyPath, pathText } from './problem.js';
import { type Settings, settingsSchema } from './schema.js';

/** each round takes away at least one key, and a missing key takes its mapping or list along */
const roundsMax = 8;

export interface Salvaged {
  readonly settings: Settings;
  /** whether a finding is about something that was there, not about a gap left by what was taken away */
  concerns(finding: Finding): boolean;
}

/** @param written the parsed YAML; it is not changed */
export function salvage(written: unknown, issues: readonly z.core.$ZodIssue[]): Salvaged | undefined {
  const rest: unknown = structuredClone(written);
  const removed: string[] = [];
  let current = issues;
  for (let round = 0; round < roundsMax; round += 1) {
    for (const path of current.flatMap(offendingPaths)) {
      const taken = takeAway(rest, path);
      if (taken === undefined) return undefined;
      removed.push(pathText(taken));
    }
    const parsed = settingsSchema.safeParse(rest);
    if (parsed.success) {
      return {
        settings: parsed.data,
        concerns: (finding) => !removed.some((path) => related(path, pathText(finding.path))),
      };
    }
    current = parsed.error.issues;
  }
  return undefined;
}

function offendingPaths(issue: z.core.$ZodIssue): KeyPath[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
}

/** Deletes the innermost mapping key on the path that exists; items of lists go with their list, so that no index shifts. */
function takeAway(root: unknown, path: KeyPath): KeyPath | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const key = path[depth - 1];
    const parent = path.slice(0, depth - 1).reduce<unknown>((value, step) => member(value, step), root);
    if (typeof key !== 'string' || typeof parent !== 'object' || parent === null || Array.isArray(parent)) continue;
    if (!Object.hasOwn(parent, key)) continue;
    delete (parent as Record<string, unknown>)[key];
    return path.slice(0, depth);
  }
  return undefined;
}

function member(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  return (value as Record<string | number, unknown>)[step];
}

/** One path is the other, lies under it, or is that of a mapping around it. */
function related(left: string, right: string): boolean {
  const under = (inner: string, outer: string) =>
    inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
  return under(left, right) || under(right, left);
}
