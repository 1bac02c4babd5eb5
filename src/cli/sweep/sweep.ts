/**
 * Walks through mailboxes and has every message judged by asking the gate for one octet of each. Knows nothing of IMAP:
 * what it needs of a connection is the contract below. Nothing is kept between two sweeps: the gate remembers what it
 * judged and answers for that at once.
 */
import { messageOf } from '../../runtime/errors.js';

/** One login through the gate. Every promise rejects with `ConnectionLost` when the connection is over. */
export interface SweepConnection {
  /** those that can be opened, with the number of their messages */
  mailboxes(): Promise<readonly { readonly path: string; readonly messages: number }[]>;
  /** Opens read-only. @returns UIDs, the newest first, or why it cannot be opened */
  open(path: string): Promise<readonly number[] | string>;
  judge(uids: readonly number[]): Promise<Judged>;
  close(): void;
}

export interface Judged {
  /** message by message, what the gate gave for it; a UID that is missing was not answered */
  readonly answers: ReadonlyMap<number, 'clean' | 'withheld'>;
  /** what the gate said when it refused; a message that is missing without it is gone */
  readonly refused: string | undefined;
}

export class ConnectionLost extends Error {}
/** Nobody listens there. That is the end of a sweep that begins, and a pause in one that runs: the gate may be restarted. */
export class NotListening extends ConnectionLost {}
/** What no second attempt would change: a wrong password, a certificate that is not the listener's. */
export class SweepRefused extends Error {}

export interface MailboxReport {
  readonly path: string;
  messages: number;
  clean: number;
  withheld: number;
  /** not judged, for whatever reason, or not looked at yet; a further sweep goes on with them */
  deferred: number;
  /** removed by somebody while the sweep ran */
  gone: number;
  /** why the mailbox was not swept to its end, or the last reason of a deferral; empty for none */
  problem: string;
}

export interface SweepReport {
  readonly mailboxes: readonly MailboxReport[];
  readonly interrupted: boolean;
  /** why the sweep ended early; empty when it did not */
  readonly problem: string;
  readonly seconds: number;
}

export interface SweepOptions {
  /** all when undefined */
  readonly paths: readonly string[] | undefined;
  readonly connect: () => Promise<SweepConnection>;
  readonly signal: AbortSignal;
  /** ms */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  readonly progress: (progress: SweepProgress) => void;
}

export interface SweepProgress {
  readonly path: string;
  readonly done: number;
  /** of all mailboxes */
  readonly total: number;
  /** ms since the sweep began */
  readonly elapsedMs: number;
  readonly withheld: number;
  readonly deferred: number;
}

/** A batch is answered as a whole: large enough to keep the gate busy, small enough for a bar that moves. */
const batchMax = 200;
const batchFirst = 10;
const batchTargetMs = 2000;
/** batches in a row without one answer; then the gate cannot judge at all, and waiting for each message would take days */
const silentMax = 3;
/** connections in a row that brought nothing */
const lostMax = 5;
const waitFirstMs = 1000;

export async function sweep(options: SweepOptions): Promise<SweepReport> {
  return new Sweep(options).run();
}

class Sweep {
  readonly #options: SweepOptions;
  readonly #started: number;
  readonly #reports: MailboxReport[] = [];
  #connection: SweepConnection | undefined;
  /** mailbox that the connection has open */
  #opened: string | undefined;
  /** whether there was a connection at all */
  #begun = false;
  #size = batchFirst;
  #lost = 0;
  #total = 0;
  #done = 0;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#started = options.now();
  }

  async run(): Promise<SweepReport> {
    const { signal } = this.#options;
    const close = () => this.#connection?.close();
    signal.addEventListener('abort', close);
    let problem = '';
    try {
      for (const report of await this.#plan()) {
        this.#reports.push(report);
        if (!(await this.#sweepMailbox(report))) {
          problem = report.problem;
          break;
        }
      }
    } catch (error) {
      problem = messageOf(error);
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
    for (const report of this.#reports)
      report.deferred = report.messages - report.clean - report.withheld - report.gone;
    const interrupted = signal.aborted;
    const seconds = (this.#options.now() - this.#started) / 1000;
    return { mailboxes: this.#reports, interrupted, problem: interrupted ? '' : problem, seconds };
  }

  async #plan(): Promise<MailboxReport[]> {
    const { paths } = this.#options;
    const known = await this.#attempt((connection) => connection.mailboxes());
    const counts = new Map(known.map(({ path, messages }) => [path, messages]));
    const wanted = paths ?? known.map(({ path }) => path);
    this.#total = wanted.reduce((sum, path) => sum + (counts.get(path) ?? 0), 0);
    return wanted.map((path) => ({ path, messages: 0, clean: 0, withheld: 0, deferred: 0, gone: 0, problem: '' }));
  }

  /** @returns whether the sweep goes on with the next mailbox */
  async #sweepMailbox(report: MailboxReport): Promise<boolean> {
    const uids = await this.#attempt((connection) => this.#open(connection, report.path));
    if (typeof uids === 'string') {
      report.problem = uids;
      return true;
    }
    report.messages = uids.length;
    const left: number[] = [];
    const goesOn = await this.#pass(report, uids, batchMax, left);
    // Whatever was too much for the gate at a time may find room alone.
    const again = goesOn ? left.splice(0) : [];
    const better = goesOn && again.length > 0 ? await this.#pass(report, again, 1, left) : goesOn;
    // The second pass gives up alone: the messages of the next mailbox may be others.
    return better || goesOn;
  }

  async #open(connection: SweepConnection, path: string): Promise<readonly number[] | string> {
    this.#opened = undefined;
    const uids = await connection.open(path);
    if (typeof uids !== 'string') this.#opened = path;
    return uids;
  }

  /** @param left gets what was refused. @returns false when nothing was answered for too long */
  async #pass(report: MailboxReport, uids: readonly number[], sizeMax: number, left: number[]): Promise<boolean> {
    let silent = 0;
    for (let at = 0; at < uids.length; ) {
      const batch = uids.slice(at, at + Math.min(this.#size, sizeMax));
      const began = this.#options.now();
      const judged = await this.#judge(report.path, batch);
      if (judged === 'smaller') continue;
      at += batch.length;
      this.#count(report, batch, judged, left, sizeMax === 1);
      silent = judged.refused !== undefined && judged.answers.size === 0 ? silent + 1 : 0;
      if (silent >= silentMax) return false;
      this.#adapt(this.#options.now() - began, judged.refused !== undefined);
    }
    return true;
  }

  #count(report: MailboxReport, batch: readonly number[], judged: Judged, left: number[], second: boolean): void {
    for (const uid of batch) {
      const answer = judged.answers.get(uid);
      if (answer !== undefined) report[answer] += 1;
      else if (judged.refused === undefined) report.gone += 1;
      else left.push(uid);
    }
    if (judged.refused !== undefined) report.problem = judged.refused;
    else if (second && left.length === 0) report.problem = '';
    if (!second) this.#done += batch.length;
    this.#options.progress({
      path: report.path,
      done: this.#done,
      total: Math.max(this.#total, this.#done),
      elapsedMs: this.#options.now() - this.#started,
      withheld: this.#reports.reduce((sum, { withheld }) => sum + withheld, 0),
      deferred: left.length,
    });
  }

  #adapt(tookMs: number, refused: boolean): void {
    if (refused || tookMs > 2 * batchTargetMs) this.#size = Math.max(1, Math.floor(this.#size / 2));
    else if (tookMs < batchTargetMs / 2) this.#size = Math.min(batchMax, this.#size * 2);
  }

  /** A batch whose connection ends is tried again in smaller ones, until the message is alone that ends it. */
  async #judge(path: string, batch: readonly number[]): Promise<Judged | 'smaller'> {
    let losses = 0;
    for (;;) {
      try {
        return await this.#once(async (connection) => {
          if (this.#opened !== path) {
            const uids = await this.#open(connection, path);
            if (typeof uids === 'string') return { answers: new Map(), refused: uids };
          }
          return connection.judge(batch);
        });
      } catch (error) {
        await this.#afterLoss(error);
        losses += 1;
        if (batch.length > 1) {
          this.#size = Math.max(1, Math.floor(batch.length / 4));
          return 'smaller';
        }
        if (losses >= 2) {
          // The connection was there for others: it is this message that ends it.
          this.#lost = 0;
          return { answers: new Map(), refused: `the connection ends: ${messageOf(error)}` };
        }
      }
    }
  }

  async #attempt<T>(work: (connection: SweepConnection) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#once(work);
      } catch (error) {
        await this.#afterLoss(error);
      }
    }
  }

  async #once<T>(work: (connection: SweepConnection) => Promise<T>): Promise<T> {
    this.#options.signal.throwIfAborted();
    this.#connection ??= await this.#options.connect();
    this.#begun = true;
    const result = await work(this.#connection);
    this.#lost = 0;
    return result;
  }

  /** Waits before the next connection. Rejects when it was not the connection that failed, or it failed too often. */
  async #afterLoss(error: unknown): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
    this.#opened = undefined;
    this.#options.signal.throwIfAborted();
    this.#lost += 1;
    if (!(error instanceof ConnectionLost) || this.#lost >= lostMax) throw error;
    if (error instanceof NotListening && !this.#begun) throw error;
    await this.#options.wait(waitFirstMs * 2 ** (this.#lost - 1));
  }
}
