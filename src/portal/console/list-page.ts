/** One page of a long list: asks the store for some rows at a time, until the page is full or enough was looked at. */
import type { Cursor, PageKey, Scan } from '../../quarantine/console-store.js';
import { limits } from '../../runtime/limits.js';
import { formatKey, type ListQuery } from './list-query.js';

export interface ListPage<Line> {
  /** newest first */
  readonly lines: readonly Line[];
  /** addresses of the neighbours */
  readonly newer: string | undefined;
  readonly older: string | undefined;
  /** rows were looked at up to the bound, and there are more that way */
  readonly unfinished: boolean;
}

export async function listPage<Line>(
  query: ListQuery,
  keyOf: (line: Line) => PageKey,
  scan: (cursor: Cursor, max: number) => Promise<Scan<Line>>,
): Promise<ListPage<Line>> {
  const { pageRows, scanMax, scanRows } = limits.console;
  const { towards, key } = query.cursor;
  const found: Line[] = [];
  let place = key;
  let more = true;
  // A call looks at `scanRows` or ends, so this many calls look at `scanMax`.
  for (let call = 0; call < scanMax / scanRows && more && found.length < pageRows; call += 1) {
    const { lines, reached } = await scan({ towards, key: place }, pageRows - found.length);
    found.push(...lines);
    more = reached !== undefined;
    place = reached ?? place;
  }
  const lines = towards === 'older' ? found : found.reverse();
  const onwards = more && place !== undefined ? place : undefined;
  const first = lines[0];
  const last = lines.at(-1);
  const link = (name: 'before' | 'after', at: PageKey | undefined) =>
    at === undefined ? undefined : query.with({ [name]: formatKey(at) });
  const unfinished = more && found.length < pageRows;
  // Whoever came by a key came from the other side.
  if (towards === 'older') {
    const back = key === undefined ? undefined : first === undefined ? key : keyOf(first);
    return { lines, newer: link('after', back), older: link('before', onwards), unfinished };
  }
  const back = last === undefined ? key : keyOf(last);
  return { lines, newer: link('after', onwards), older: link('before', back), unfinished };
}
