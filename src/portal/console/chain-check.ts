/**
 * Whether anybody changed the audit log behind our back. The chain may be long, and mail is written down in the thread
 * that reads it, so it is checked some rows at a time, from its beginning again every few minutes.
 */
import { type ChainPlace, chainStart } from '../../quarantine/audit.js';
import { limits } from '../../runtime/limits.js';
import type { ConsoleOptions } from './options.js';

export interface ChainState {
  /** number of the first row that does not follow from the one before it */
  readonly broken: number | undefined;
  /** rows that follow from each other */
  readonly rows: number;
  /** there are more, which the next look checks */
  readonly more: boolean;
  /** ms since 1970 when the check began */
  readonly since: number;
}

export class ChainCheck {
  readonly #options: Pick<ConsoleOptions, 'store' | 'clock'>;
  #place: ChainPlace = chainStart;
  #since = Number.NEGATIVE_INFINITY;
  #broken: number | undefined;
  #running: Promise<ChainState> | undefined;

  constructor(options: Pick<ConsoleOptions, 'store' | 'clock'>) {
    this.#options = options;
  }

  /** Goes on with the check; whoever asks meanwhile shares it. */
  look(): Promise<ChainState> {
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #look(): Promise<ChainState> {
    const { store, clock } = this.#options;
    const { auditCheckedMs, scanMax, scanRows } = limits.console;
    let more = true;
    const now = clock();
    if (now - this.#since >= auditCheckedMs || now < this.#since) {
      this.#place = chainStart;
      this.#since = now;
      this.#broken = undefined;
    }
    for (let call = 0; call < scanMax / scanRows && more && this.#broken === undefined; call += 1) {
      const checked = await store.call('checkAudit', this.#place);
      this.#place = checked.place;
      this.#broken = checked.broken;
      more = checked.more;
    }
    return {
      broken: this.#broken,
      rows: this.#place.seq,
      more: more && this.#broken === undefined,
      since: this.#since,
    };
  }
}
