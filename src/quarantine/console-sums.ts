/** What many incidents come to: who was aimed at, who sent, what it was, and when. A pass over rows; it knows no database. */
import type { Incident } from '../incident/incident.js';
import type { ItemState } from './item.js';

export interface SummedRow {
  readonly at: number;
  readonly action: Incident['action'];
  readonly level: number;
  readonly threat: string;
  readonly source: string;
  /** JSON of addresses */
  readonly targets: string;
  /** of the item; null when the message was not held */
  readonly state: ItemState | null;
}

export interface Ranked {
  readonly name: string;
  readonly count: number;
}

export interface IncidentStep {
  /** ms since 1970 */
  readonly at: number;
  /** held, and not released */
  readonly held: number;
  readonly released: number;
  /** not held: marked or let through */
  readonly passed: number;
}

export interface IncidentSums {
  /** incidents that were summed */
  readonly count: number;
  /** there are older ones in the time asked for */
  readonly truncated: boolean;
  readonly targets: readonly Ranked[];
  readonly senders: readonly Ranked[];
  readonly threats: readonly Ranked[];
  readonly steps: readonly IncidentStep[];
}

const rankedMax = 10;
/** targets of one incident that are counted; a mailing to thousands is one wave */
const targetsPerIncident = 1000;

class Ranking {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  top(): Ranked[] {
    return [...this.#counts]
      .map(([name, count]) => ({ name, count }))
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      .slice(0, rankedMax);
  }
}

/** @param range steps begin at multiples of `stepMs`, UTC; rows come newest first */
export function sumIncidents(
  rows: Iterable<SummedRow>,
  range: { readonly from: number; readonly to: number; readonly stepMs: number; readonly max: number },
): IncidentSums {
  const { from, to, stepMs, max } = range;
  const steps = new Map<number, { at: number; held: number; released: number; passed: number }>();
  for (let at = from - (from % stepMs); at < to; at += stepMs) steps.set(at, { at, held: 0, released: 0, passed: 0 });
  const targets = new Ranking();
  const senders = new Ranking();
  const threats = new Ranking();
  let count = 0;
  let truncated = false;
  for (const row of rows) {
    if (count === max) {
      truncated = true;
      break;
    }
    count += 1;
    senders.add(row.source.toLowerCase());
    if (row.threat !== '') threats.add(row.threat);
    // Written by the store alone.
    const addresses = JSON.parse(row.targets) as string[];
    for (const address of addresses.slice(0, targetsPerIncident)) targets.add(address.toLowerCase());
    const step = steps.get(row.at - (row.at % stepMs));
    if (step === undefined) continue;
    if (row.state === null) step.passed += 1;
    else step[row.state === 'released' ? 'released' : 'held'] += 1;
  }
  return {
    ...{ count, truncated, steps: [...steps.values()] },
    targets: targets.top(),
    senders: senders.top(),
    threats: threats.top(),
  };
}
