/** Which items of a list stay when it becomes another one, so that their lines and comments stay with them. */
import { isDeepStrictEqual } from 'node:util';
import { identity } from './edit.js';

export interface Alignment {
  /** for each old item the new value at its place; undefined when it goes */
  readonly places: readonly ({ readonly value: unknown } | undefined)[];
  /** at the end */
  readonly added: readonly unknown[];
}

/** undefined when the order changed, so that the list has to be written anew. */
export function align(old: readonly unknown[], next: readonly unknown[]): Alignment | undefined {
  const inOrder = keepInOrder(old, next);
  if (old.length === next.length) {
    const same = old.filter((item, index) => isDeepStrictEqual(item, next[index])).length;
    if (inOrder === undefined || same >= inOrder.kept) {
      return { places: next.map((value) => ({ value })), added: [] };
    }
  }
  return inOrder;
}

function keepInOrder(old: readonly unknown[], next: readonly unknown[]): (Alignment & { kept: number }) | undefined {
  const names = next.map(identity);
  const left = new Map<string, number>();
  for (const name of names) left.set(name, (left.get(name) ?? 0) + 1);
  const places: ({ value: unknown } | undefined)[] = [];
  let at = 0;
  for (const item of old) {
    const name = identity(item);
    if (names[at] === name) {
      places.push({ value: next[at] });
      left.set(name, (left.get(name) ?? 0) - 1);
      at += 1;
    } else if ((left.get(name) ?? 0) === 0) {
      places.push(undefined);
    } else {
      return undefined;
    }
  }
  return { places, added: next.slice(at), kept: at };
}
