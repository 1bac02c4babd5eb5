/** The database thread: one store, one call at a time. */
import { workerData } from 'piscina';
import { Store } from './store.js';
import { runTask, type StoreAnswer, type StoreTask, storeError } from './store-access.js';

let store: Store | undefined;

/** Opens on first use, so that a failure to open is an answer and not a dead thread. */
function opened(): Store {
  // Set by the only maker of this thread, StoreThread.
  const { dataDirectory } = workerData as { readonly dataDirectory: string };
  store ??= Store.open(dataDirectory);
  return store;
}

export default function answer(task: StoreTask): StoreAnswer {
  try {
    return { ok: true, value: runTask(opened(), task) };
  } catch (error) {
    const { code, message, temporary } = storeError(error);
    return { ok: false, code, message, temporary };
  }
}
