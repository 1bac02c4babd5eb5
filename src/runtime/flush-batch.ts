/**
 * Gathers the connections that have something to send until every socket that is ready has been read. Writes that
 * follow each other wake a peer once; writes between reads wake it again and again, which costs more than all the
 * rest of a small message.
 */

export interface Flushable {
  flushNow(): void;
}

let waiting: Flushable[] = [];

/** Flushes at the end of this turn of the event loop. A connection that is in the batch already may be added again. */
export function flushLater(connection: Flushable): void {
  if (waiting.push(connection) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const batch = waiting;
  waiting = [];
  for (const connection of batch) connection.flushNow();
}
