/** The same work for many cases, a few at a time, since each waits for threads or sockets for most of its time. */

const lanesUsual = 4;

/** Begins them in their order; rejects with the first failure, when what is under way has ended. */
export async function inLanes<Case>(
  cases: readonly Case[],
  work: (one: Case, index: number) => Promise<void>,
  lanes = lanesUsual,
): Promise<void> {
  const queue = cases.entries();
  const lane = async () => {
    // All lanes take from one queue.
    for (const [index, one] of queue) await work(one, index);
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
