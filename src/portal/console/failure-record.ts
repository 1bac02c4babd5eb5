/** Failed sign-ins in the audit log: each for itself, until there are so many that only their number says something. */
import { limits } from '../../runtime/limits.js';
import type { ConsoleOptions } from './options.js';

export interface FailedSignIn {
  /** the account that was tried; undefined for a name that nobody has, which may be a password in the wrong field */
  readonly account: string | undefined;
  readonly client: string;
  /** failures in a row that are counted against whoever tried */
  readonly failures: number;
}

export class FailureRecord {
  readonly #options: Pick<ConsoleOptions, 'store' | 'clock' | 'log'>;
  #since = 0;
  #written = 0;
  #omitted = 0;

  constructor(options: Pick<ConsoleOptions, 'store' | 'clock' | 'log'>) {
    this.#options = options;
  }

  async add({ account, client, failures }: FailedSignIn): Promise<void> {
    const { store, clock, log } = this.#options;
    const now = clock();
    if (Math.abs(now - this.#since) >= limits.console.auditWindowMs) {
      this.#since = now;
      this.#written = 0;
    }
    if (this.#written >= limits.console.failuresAudited) {
      this.#omitted += 1;
      return;
    }
    this.#written += 1;
    const omitted = this.#omitted === 0 ? {} : { omittedBefore: this.#omitted };
    this.#omitted = 0;
    const actor = account === undefined ? 'console' : `console:${account}`;
    const detail = { client, failures, ...omitted };
    log('warn', 'a sign-in of an administrator failed', { account: account ?? 'unknown', ...detail });
    await store.call('audit', { at: now, actor, action: 'sign-in-failed', item: undefined, detail });
  }
}
