/** The scorer's long memory in the gate's database. It is a help and no duty: whatever fails here is a look that found nothing. */
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { KnownVerdict, StoredVerdict, VerdictKey, VerdictStore } from '../scoring/verdict-store.js';
import type { QuarantineLog } from './settings.js';
import type { StoreAccess } from './store-access.js';

export class StoredVerdicts implements VerdictStore {
  readonly #store: StoreAccess;
  readonly #log: QuarantineLog;
  #calls = 0;

  constructor(store: StoreAccess, log: QuarantineLog) {
    this.#store = store;
    this.#log = log;
  }

  async get(keys: readonly VerdictKey[]): Promise<readonly (KnownVerdict | undefined)[]> {
    // The same thread writes down held mail, which comes first.
    if (this.#calls >= limits.scoring.storeCallsMax) return [];
    this.#calls += 1;
    try {
      return await this.#store.call('verdicts', keys);
    } finally {
      this.#calls -= 1;
    }
  }

  put(batch: readonly StoredVerdict[]): void {
    if (this.#calls >= limits.scoring.storeCallsMax) return;
    this.#calls += 1;
    this.#store
      .call('keepVerdicts', batch)
      .catch((error: unknown) => {
        this.#log('warn', 'answers of backends could not be stored', {
          verdicts: batch.length,
          reason: messageOf(error),
        });
      })
      .finally(() => {
        this.#calls -= 1;
      });
  }
}
