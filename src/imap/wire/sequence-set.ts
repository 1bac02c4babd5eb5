/** Sets of message numbers (RFC 9051 §9 sequence-set), of sequence numbers or UIDs alike. */
import { limits } from '../../runtime/limits.js';

/** Both ends belong to it; `first <= last`. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** `*`: the largest number in the mailbox, whatever it is. */
export const lastOne = Number.POSITIVE_INFINITY;

const numberMax = 0xffffffff;

/**
 * The ranges of a set in their order, `*` as `lastOne`. A range's ends may be written in either order; of `9:*` only
 * the server knows the order, so it is what stands there: 9 to `lastOne`, and the last one is always in it.
 *
 * @returns undefined for what is no set, for numbers beyond 32 bits and for too many ranges
 */
export function parseSet(text: string): NumberRange[] | undefined {
  const ranges: NumberRange[] = [];
  let at = 0;
  for (;;) {
    const comma = text.indexOf(',', at);
    const range = parseRange(comma === -1 ? text.slice(at) : text.slice(at, comma));
    if (range === undefined || ranges.length >= limits.imap.setRangesMax) return undefined;
    ranges.push(range);
    if (comma === -1) return ranges;
    at = comma + 1;
  }
}

function parseRange(text: string): NumberRange | undefined {
  const colon = text.indexOf(':');
  const first = parseNumber(colon === -1 ? text : text.slice(0, colon));
  const last = colon === -1 ? first : parseNumber(text.slice(colon + 1));
  if (first === undefined || last === undefined) return undefined;
  return first <= last ? { first, last } : { first: last, last: first };
}

function parseNumber(text: string): number | undefined {
  if (text === '*') return lastOne;
  if (!/^[1-9][0-9]{0,9}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= numberMax ? number : undefined;
}

/**
 * Whether a number is in the set.
 * @param largest the largest number in the mailbox, for `*`; without it a range with `*` may hold anything
 */
export function setContains(ranges: readonly NumberRange[], number: number, largest?: number): boolean {
  return ranges.some(({ first, last }) => {
    if (last !== lastOne) return number >= first && number <= last;
    if (largest === undefined) return true;
    if (first === lastOne) return number === largest;
    return number >= Math.min(first, largest) && number <= Math.max(first, largest);
  });
}

/** The shortest set of numbers that are sorted and all different: `1:3,7`. Empty for none, which is no set. */
export function formatSet(sorted: readonly number[]): string {
  let text = '';
  for (let index = 0; index < sorted.length; ) {
    const first = sorted[index] ?? 0;
    let last = first;
    index += 1;
    while (sorted[index] === last + 1) {
      last += 1;
      index += 1;
    }
    text += `${text === '' ? '' : ','}${first === last ? first : `${first}:${last}`}`;
  }
  return text;
}

/**
 * Sets of at most `bytes` characters that hold the sorted numbers between them: a server bounds its command lines.
 * @param bytes at least 21, which a range takes
 */
export function formatSets(sorted: readonly number[], bytes: number): string[] {
  const sets: string[] = [];
  let set = '';
  for (let index = 0; index < sorted.length; ) {
    const from = index;
    index += 1;
    while (sorted[index] === (sorted[index - 1] ?? 0) + 1) index += 1;
    const range = formatSet(sorted.slice(from, index));
    if (set !== '' && set.length + 1 + range.length > bytes) {
      sets.push(set);
      set = '';
    }
    set += set === '' ? range : `,${range}`;
  }
  return set === '' ? sets : [...sets, set];
}

/** How many numbers the ranges hold, each range for itself; infinite with `*`. */
export function countSet(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + (first === last ? 1 : last - first + 1), 0);
}

/**
 * The pairs of `COPYUID uidvalidity source destination` (RFC 4315 §3): the sets stand for lists of equal length, in the
 * order written, a range always upwards.
 *
 * @param text what follows the code's name
 * @returns undefined for what is none, or too long to be taken apart
 */
export function parseCopyUid(
  text: string,
): { readonly uidValidity: number; readonly pairs: readonly (readonly [number, number])[] } | undefined {
  const words = text.split(' ');
  const uidValidity = parseNumber(words[0] ?? '');
  const sources = parseSet(words[1] ?? '');
  const destinations = parseSet(words[2] ?? '');
  if (words.length !== 3 || uidValidity === undefined || sources === undefined || destinations === undefined)
    return undefined;
  const count = countSet(sources);
  if ([...sources, ...destinations].some(({ last }) => last === lastOne)) return undefined;
  if (uidValidity === lastOne || count > limits.imap.copyUidPairsMax || count !== countSet(destinations))
    return undefined;
  const to = numbers(destinations);
  const pairs: (readonly [number, number])[] = [];
  for (const from of numbers(sources)) pairs.push([from, to.next().value ?? 0]);
  return { uidValidity, pairs };
}

function* numbers(ranges: readonly NumberRange[]): Generator<number, undefined> {
  for (const { first, last } of ranges) for (let number = first; number <= last; number += 1) yield number;
}
