/** Messages that are asked for again, cut into commands of a bounded length. */
import { limits } from '../../runtime/limits.js';

export interface PendingMessage {
  readonly sequence: number;
  readonly uid: number;
  /** what its structure told, when it came: that there surely is no attachment, or not */
  readonly structure: 'plain' | 'other' | undefined;
}

export interface Batch<T> {
  /** RFC 9051 §9 sequence-set */
  readonly set: string;
  readonly members: readonly T[];
}

/**
 * The members in order, as sets that a server takes.
 *
 * @param countMax members in one batch
 */
export function* batches<T>(
  members: readonly T[],
  numberOf: (member: T) => number,
  countMax: number = limits.imapFetch.askedTogetherMax,
): Generator<Batch<T>, void> {
  for (let from = 0; from < members.length; ) {
    const ranges: string[] = [];
    let characters = 0;
    let to = from;
    while (to < members.length && to - from < countMax && characters < limits.imapFetch.askedSetCharacters) {
      const end = runEnd(members, numberOf, to, Math.min(members.length, from + countMax));
      const first = numberOf(members[to] as T);
      const range = end - to === 1 ? `${first}` : `${first}:${numberOf(members[end - 1] as T)}`;
      ranges.push(range);
      characters += range.length + 1;
      to = end;
    }
    yield { set: ranges.join(), members: members.slice(from, to) };
    from = to;
  }
}

/** Behind the last member of a run of neighbouring numbers. */
function runEnd<T>(members: readonly T[], numberOf: (member: T) => number, from: number, max: number): number {
  let at = from + 1;
  while (at < max && numberOf(members[at] as T) === numberOf(members[at - 1] as T) + 1) at += 1;
  return at;
}
