/** Stops what a test started when the test itself cannot any more: it crashed, or the runner ended it by a signal. */

const pending = new Set<() => void>();

function runAll(): void {
  for (const stop of pending) stop();
  pending.clear();
}

process.once('exit', runAll);
// All is done and nothing is awaited. Left to itself, Node 20 now and then spins for ever where it frees its handles.
process.once('beforeExit', () => process.exit());
// SIGALRM: a test took longer than its file allows.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGALRM'] as const) process.once(signal, () => process.exit(1));

/** `stop` must do its work synchronously. The returned function says that it is not needed any more. */
export function atExit(stop: () => void): () => void {
  pending.add(stop);
  return () => {
    pending.delete(stop);
  };
}
