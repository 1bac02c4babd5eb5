/**
 * The two ways to the store: through the one thread in which the daemon writes, or in place for the command line.
 * Whoever uses it does not see which.
 */
import { Piscina } from 'piscina';
import { type ErrorCode, GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { ConsoleStore } from './console-store.js';
import type { CounterStore } from './counter-store.js';
import type { ImapStore } from './imap-store.js';
import type { LeaseStore } from './lease-store.js';
import type { LifecycleStore } from './lifecycle-store.js';
import type { NewsStore } from './news-store.js';
import type { PurgeStore } from './purge-store.js';
import type { ReleaseStore } from './release-store.js';
import type { SessionStore } from './session-store.js';
import { Store } from './store.js';

const storeParts = [
  'imap',
  'releases',
  'lifecycle',
  'news',
  'leases',
  'counters',
  'sessions',
  'console',
  'purging',
] as const;

/** Every public method of the store and of its parts, but its life cycle; no two have the same name. */
export type StoreCalls = Omit<Store, 'close' | (typeof storeParts)[number]> &
  Omit<ImapStore, never> &
  Omit<ReleaseStore, never> &
  Omit<LifecycleStore, never> &
  Omit<NewsStore, never> &
  Omit<LeaseStore, never> &
  Omit<CounterStore, never> &
  Omit<SessionStore, never> &
  Omit<ConsoleStore, never> &
  Omit<PurgeStore, never>;
export type StoreMethod = keyof StoreCalls;

export interface StoreAccess {
  call<Method extends StoreMethod>(
    method: Method,
    ...args: Parameters<StoreCalls[Method]>
  ): Promise<ReturnType<StoreCalls[Method]>>;
  close(): Promise<void>;
}

/** A call as it crosses to the thread, and its answer: errors lose their class on the way, so they are values. */
export interface StoreTask {
  readonly method: StoreMethod;
  readonly args: readonly unknown[];
}
export type StoreAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly temporary: boolean };

/** Calls a method by name. Types are checked at `StoreAccess.call`, the only maker of tasks. */
export function runTask(store: Store, task: StoreTask): unknown {
  const owner = [store, ...storeParts.map((part) => store[part])].find((part) => task.method in part);
  if (owner === undefined) throw new GateError('store-failed', `no method ${task.method}`);
  const method = (owner as unknown as StoreCalls)[task.method] as (...args: readonly unknown[]) => unknown;
  return method.apply(owner, [...task.args]);
}

export function storeError(error: unknown): GateError {
  return error instanceof GateError ? error : new GateError('store-failed', messageOf(error), { cause: error });
}

export class StoreThread implements StoreAccess {
  readonly #pool: Piscina<StoreTask, StoreAnswer>;

  private constructor(dataDirectory: string) {
    this.#pool = new Piscina({
      filename: new URL('./store-worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      maxQueue: limits.quarantine.storeQueueMax,
      workerData: { dataDirectory },
    });
  }

  /** Rejects when the database cannot be opened or migrated. */
  static async open(dataDirectory: string): Promise<StoreThread> {
    const thread = new StoreThread(dataDirectory);
    try {
      await thread.call('nextDue');
    } catch (error) {
      await thread.close();
      throw error;
    }
    return thread;
  }

  async call<Method extends StoreMethod>(
    method: Method,
    ...args: Parameters<StoreCalls[Method]>
  ): Promise<ReturnType<StoreCalls[Method]>> {
    let answer: StoreAnswer;
    try {
      answer = await this.#pool.run({ method, args });
    } catch (error) {
      throw storeError(error);
    }
    if (!answer.ok) throw new GateError(answer.code, answer.message, { temporary: answer.temporary });
    // The thread ran this very method, so its value has this type.
    return answer.value as ReturnType<StoreCalls[Method]>;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

export class LocalStore implements StoreAccess {
  readonly #store: Store;

  constructor(dataDirectory: string) {
    this.#store = Store.open(dataDirectory);
  }

  async call<Method extends StoreMethod>(
    method: Method,
    ...args: Parameters<StoreCalls[Method]>
  ): Promise<ReturnType<StoreCalls[Method]>> {
    try {
      return runTask(this.#store, { method, args }) as ReturnType<StoreCalls[Method]>;
    } catch (error) {
      throw storeError(error);
    }
  }

  async close(): Promise<void> {
    this.#store.close();
  }
}
