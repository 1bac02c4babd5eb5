/**
 * Where log lines go: a file or the standard output. One that takes no more, as a full disk or a reader that has gone,
 * costs lines, never mail: they wait up to a bound, then they are dropped and counted, and it is tried again.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DestinationStream, destination } from 'pino';
import { GateError, messageOf } from './errors.js';
import { limits } from './limits.js';

const standardOutput = 1;
const standardError = 2;

export class LogSink implements DestinationStream {
  readonly #stream: ReturnType<typeof destination>;
  readonly #file: string | undefined;
  readonly #recovered: (lost: number) => void;
  #trouble: string | undefined;
  #reopening = false;
  /** dropped since the trouble began */
  #dropped = 0;
  /** lines that were dropped in all */
  lost = 0;

  /**
   * @param file appended to; the standard output when undefined
   * @param recovered told when lines can be written again, with how many were dropped
   * @throws GateError `config-invalid` when the file cannot be opened
   */
  constructor(file: string | undefined, recovered: (lost: number) => void) {
    if (file !== undefined) tryFile(file);
    this.#file = file;
    this.#recovered = recovered;
    const stream = destination({
      dest: file ?? standardOutput,
      append: true,
      mkdir: false,
      sync: false,
      minLength: limits.log.bufferBytes,
      maxLength: limits.log.waitingBytes,
      periodicFlush: limits.log.flushIntervalMs,
    });
    stream.on('error', (error: Error) => {
      this.#failed(error);
      // A write that was under way came first, and its failure would be the end of it.
      if (this.#reopening) setImmediate(() => stream.reopen());
      this.#reopening = false;
    });
    stream.on('ready', () => {
      this.#reopening = false;
    });
    stream.on('drop', () => {
      this.#dropped += 1;
      this.lost += 1;
    });
    stream.on('write', () => this.#wrote());
    // Called when the process ends; on a full disk it would try for ever.
    stream.flushSync = () => {};
    this.#stream = stream;
  }

  write(line: string): void {
    this.#stream.write(line);
  }

  /** Resolves when what is gathered was written, or cannot be. */
  async flush(): Promise<void> {
    const written = new Promise<void>((resolve) => this.#stream.flush(() => resolve()));
    await Promise.race([written, sleep(limits.log.flushMs, undefined, { ref: false })]);
  }

  /** Goes on in a new file of the same name, after somebody has moved the old one away. */
  reopen(): void {
    if (this.#file === undefined) return;
    this.#reopening = true;
    this.#stream.reopen();
  }

  /** Why nothing is written at the moment. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  #failed(error: unknown): void {
    const first = this.#trouble === undefined;
    this.#trouble = messageOf(error);
    if (!first) return;
    try {
      writeSync(standardError, `sluice cannot write its log: ${this.#trouble}\n`);
    } catch {
      // Both may lie on the same full disk: metrics and /readyz tell it.
    }
  }

  #wrote(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#recovered(dropped);
  }
}

/** Before anything is started, so that a mistake is told at once. */
function tryFile(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    const text = `log.file ${file} cannot be written: ${messageOf(error)}`;
    throw new GateError('config-invalid', text, { temporary: false, cause: error });
  }
}
