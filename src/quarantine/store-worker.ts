/** The database thread: one store, one call at a time. */
import { workerData } from 'node:worker_threads';
import { Store } from './store.js';
import { runTask, type StoreAnswer, type StoreTask, storeError } from './store-access.js';

let store: Store | undefined;

/** Opens on first use, so that a failure to open is an answer and not a dead thread. */
function opened(): Store {
  // Piscina hands its workerData on as the second element.
  const [, data] = workerData as [unknown, { readonly dataDirectory: string }];
  store ??= Store.open(data.dataDirectory);
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
