/** Where a member's bytes can be taken from again, for a backend that wants them. Kept beside the report, not in it. */
import type { Extract } from './part-worker.js';
import type { PartFacts } from './report.js';

const origins = new WeakMap<PartFacts, Extract>();

export function rememberOrigin(member: PartFacts, origin: Extract): void {
  origins.set(member, origin);
}

/** Undefined for leaves of the message, which have a range, and for facts that did not come from an inspection. */
export function originOf(member: PartFacts): Extract | undefined {
  return origins.get(member);
}
