/**
 * The queue in front of the inspection threads. piscina owns the threads; the order, the bound, the deadline of a
 * running task and the names of failures are here, so that a deadline never counts the time spent waiting.
 */
import { Piscina } from 'piscina';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import type { Spool } from '../runtime/spool.js';
import type { WorkerResult, WorkerTask } from './part-worker.js';

export interface WorkerQueueOptions {
  readonly threads: number;
  /** tasks waiting; one more is refused with `inspection-busy` */
  readonly queueMax: number;
  /** ms that one task may run before its thread is ended */
  readonly taskTimeoutMs: number;
  readonly workerFile: URL;
}

interface Job {
  readonly spool: Spool;
  /** made when a thread is free, because a spool in memory may move while it grows */
  readonly task: () => WorkerTask;
  readonly resolve: (result: WorkerResult) => void;
  readonly reject: (error: GateError) => void;
}

/** A submitted task. `cancel` takes it out of the queue; a running one goes on and is ignored. */
export interface Submission {
  readonly result: Promise<WorkerResult>;
  cancel(): void;
}

export class WorkerQueue {
  readonly #options: WorkerQueueOptions;
  /** by message, in turn: one with thousands of parts must not hold up all others */
  readonly #waiting = new Map<Spool, Set<Job>>();
  #queued = 0;
  readonly #aborts = new Set<AbortController>();
  #threads: Piscina | undefined;
  #running = 0;
  #lostThreads = 0;
  #closed = false;

  constructor(options: WorkerQueueOptions) {
    this.#options = options;
  }

  get queued(): number {
    return this.#queued;
  }

  get running(): number {
    return this.#running;
  }

  /** threads that died outside of a task */
  get lostThreads(): number {
    return this.#lostThreads;
  }

  /** Queues a task over a range of `spool` that is already flushed. Throws GateError `inspection-busy` or `aborted`. */
  submit(spool: Spool, task: () => WorkerTask): Submission {
    if (this.#closed) throw new GateError('aborted', 'inspection is closed');
    if (this.#queued >= this.#options.queueMax) {
      throw new GateError('inspection-busy', `${this.#queued} tasks wait for inspection`);
    }
    const { promise, resolve, reject } = deferred<WorkerResult>();
    const job: Job = { spool, task, resolve, reject };
    spool.taskStarted();
    const jobs = this.#waiting.get(spool) ?? new Set();
    this.#waiting.set(spool, jobs.add(job));
    this.#queued += 1;
    this.#next();
    return {
      result: promise,
      cancel: () => {
        if (!this.#remove(job)) return;
        spool.taskDone(false);
        reject(new GateError('aborted', 'inspection was given up'));
      },
    };
  }

  /** Takes a job out of the queue; its message goes to the end of the line. */
  #remove(job: Job): boolean {
    const jobs = this.#waiting.get(job.spool);
    if (jobs === undefined || !jobs.delete(job)) return false;
    this.#queued -= 1;
    this.#waiting.delete(job.spool);
    if (jobs.size > 0) this.#waiting.set(job.spool, jobs);
    return true;
  }

  #next(): void {
    while (this.#running < this.#options.threads) {
      const [jobs] = this.#waiting.values();
      const [job] = jobs ?? [];
      if (job === undefined) return;
      this.#remove(job);
      this.#running += 1;
      void this.#run(job).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #run(job: Job): Promise<void> {
    const controller = new AbortController();
    this.#aborts.add(controller);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      controller.abort();
    }, this.#options.taskTimeoutMs);
    let abandoned = false;
    try {
      // The task says what to return; part-worker.ts is the only module on the other side.
      const result: WorkerResult = await this.#pool().run(job.task(), { signal: controller.signal });
      job.resolve(result);
    } catch (error) {
      abandoned = true;
      job.reject(this.#failure(error, timedOut));
    } finally {
      clearTimeout(timer);
      this.#aborts.delete(controller);
      job.spool.taskDone(abandoned);
    }
  }

  #failure(cause: unknown, timedOut: boolean): GateError {
    if (timedOut) {
      const seconds = Math.round(this.#options.taskTimeoutMs / 1000);
      return new GateError('inspection-timeout', `a part was not inspected within ${seconds} s`, { cause });
    }
    if (this.#closed) return new GateError('aborted', 'inspection is closed', { cause });
    return new GateError('inspection-crashed', `inspection of a part failed: ${messageOf(cause)}`, { cause });
  }

  /** Starts the first thread now. */
  prepare(): void {
    if (!this.#closed) this.#pool();
  }

  /** Otherwise threads start with the first task: a gate that sees no attachment pays nothing for them. */
  #pool(): Piscina {
    if (this.#threads !== undefined) return this.#threads;
    const { threads, workerFile } = this.#options;
    this.#threads = new Piscina({
      filename: workerFile.href,
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: limits.inspect.threadIdleMs,
      // Our own queue holds back what no thread is free for; a thread that just died may take a moment to be replaced.
      maxQueue: threads * 2,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
    });
    // A thread that dies between two tasks takes no message with it, and piscina starts another one.
    this.#threads.on('error', () => {
      this.#lostThreads += 1;
    });
    return this.#threads;
  }

  /** Ends all threads; waiting and running tasks are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of [...this.#waiting.values()].flatMap((jobs) => [...jobs])) {
      this.#remove(job);
      job.spool.taskDone(false);
      job.reject(new GateError('aborted', 'inspection is closed'));
    }
    for (const controller of this.#aborts) controller.abort();
    await this.#threads?.destroy();
  }
}

function deferred<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: GateError) => void;
} {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: GateError) => void = () => {};
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
