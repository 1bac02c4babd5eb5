/**
 * The spool: where a message's bytes wait between being received and being relayed or sealed. Small messages stay in
 * shared memory, larger ones go to an unlinked private file, and the memory of all of them together is bounded.
 */
import { close, closeSync, openSync, read, unlinkSync, write } from 'node:fs';
import { join } from 'node:path';
import { GateError, messageOf } from './errors.js';
import { limits } from './limits.js';
import type { SpoolSource } from './spool-source.js';

const blockSizes = [16_384, 65_536, limits.spool.messageMemoryBytes] as const;
/** free blocks kept per size: enough for a busy moment, small against the total bound */
const freeBlocksMax = 64;

/** of 256 KiB each: one for every file that a busy gate writes at a time */
const freeStagingMax = 16;

/** Shared by all sessions: counts memory, keeps free blocks, and knows where files go. */
export class SpoolPool {
  readonly #directory: string;
  readonly #free: SharedArrayBuffer[][] = blockSizes.map(() => []);
  readonly #freeStaging: Buffer[] = [];
  #usedBytes = 0;
  #openFiles = 0;
  #sequence = 0;

  /** @param directory existing private directory for spool files */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param expectedBytes if somebody has said how many will come; nothing but the size of the first block follows */
  create(expectedBytes = 0): Spool {
    return new Spool(this, expectedBytes);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get openFiles(): number {
    return this.#openFiles;
  }

  /** A block of at least `bytes`, or undefined when it would exceed a message's or the total bound. */
  takeBlock(bytes: number): SharedArrayBuffer | undefined {
    const index = blockSizes.findIndex((size) => size >= bytes);
    const size = blockSizes[index];
    if (size === undefined || this.#usedBytes + size > limits.spool.totalMemoryBytes) return undefined;
    this.#usedBytes += size;
    return this.#free[index]?.pop() ?? new SharedArrayBuffer(size);
  }

  /** Gives a block back; `reusable` is false when a worker thread may still be reading it. */
  returnBlock(block: SharedArrayBuffer, reusable: boolean): void {
    this.#usedBytes -= block.byteLength;
    const list = this.#free[(blockSizes as readonly number[]).indexOf(block.byteLength)];
    if (reusable && list !== undefined && list.length < freeBlocksMax) list.push(block);
  }

  /** A buffer to gather what goes to a file. Fresh ones of this size cost more than the copying into them. */
  takeStaging(): Buffer {
    return this.#freeStaging.pop() ?? Buffer.allocUnsafeSlow(limits.spool.readChunkBytes);
  }

  /** @param written the buffer, or the part of it that was in use; nobody may read it any more */
  returnStaging(written: Buffer): void {
    if (this.#freeStaging.length < freeStagingMax) this.#freeStaging.push(Buffer.from(written.buffer));
  }

  /** Opens a file that has no name any more: it disappears with the process, whatever happens. */
  openFile(): number {
    this.#sequence += 1;
    const path = join(this.#directory, `spool-${process.pid}-${this.#sequence}`);
    const fd = openSync(path, 'wx+', 0o600);
    try {
      unlinkSync(path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#openFiles += 1;
    return fd;
  }

  closeFile(fd: number, delayMs: number): void {
    const done = () => {
      this.#openFiles -= 1;
      close(fd, () => {});
    };
    if (delayMs === 0) done();
    else setTimeout(done, delayMs);
  }
}

/** One message's bytes. Appended by one writer, read by range; released when nobody holds it any more. */
export class Spool {
  readonly #pool: SpoolPool;
  readonly #expectedBytes: number;
  #block: SharedArrayBuffer | undefined;
  #view: Buffer | undefined;
  #length = 0;
  #fd: number | undefined;
  #staging: Buffer | undefined;
  #staged = 0;
  #queue: Buffer[] = [];
  #pending = 0;
  #writtenEnd = 0;
  #writing = false;
  #holders = 1;
  #tasks = 0;
  #abandonedTasks = false;
  #failure: GateError | undefined;
  #waiters: { upTo: number; resolve: () => void; reject: (error: GateError) => void }[] = [];
  /** called when a paused writer may go on */
  onDrain: (() => void) | undefined;

  constructor(pool: SpoolPool, expectedBytes = 0) {
    this.#pool = pool;
    this.#expectedBytes = Math.min(expectedBytes, limits.spool.messageMemoryBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Set once writing to the disk failed; from then on bytes are dropped, so the message cannot be accepted. */
  get failure(): GateError | undefined {
    return this.#failure;
  }

  /** Appends a copy of `chunk`. False asks the writer to pause until `onDrain`. */
  append(chunk: Buffer): boolean {
    if (this.#failure !== undefined || chunk.length === 0) return true;
    if (this.#fd === undefined && !this.#appendToMemory(chunk)) this.#spill();
    if (this.#fd !== undefined) this.#appendToFile(chunk);
    return this.#pending < limits.spool.pendingWriteBytes;
  }

  #appendToMemory(chunk: Buffer): boolean {
    const end = this.#length + chunk.length;
    if (this.#block === undefined || end > this.#block.byteLength) {
      const grown = this.#pool.takeBlock(Math.max(end, this.#expectedBytes)) ?? this.#pool.takeBlock(end);
      if (grown === undefined) return false;
      const view = Buffer.from(grown);
      if (this.#view !== undefined) this.#view.copy(view, 0, 0, this.#length);
      this.#dropBlock();
      this.#block = grown;
      this.#view = view;
    }
    if (this.#view === undefined) return false;
    chunk.copy(this.#view, this.#length);
    this.#length = end;
    return true;
  }

  #dropBlock(): void {
    if (this.#block !== undefined) this.#pool.returnBlock(this.#block, this.#tasks === 0 && !this.#abandonedTasks);
    this.#block = undefined;
    this.#view = undefined;
  }

  #spill(): void {
    try {
      this.#fd = this.#pool.openFile();
    } catch (error) {
      this.#fail(error);
      return;
    }
    const held = this.#view?.subarray(0, this.#length);
    this.#length = 0;
    if (held !== undefined) this.#appendToFile(held);
    this.#dropBlock();
  }

  #appendToFile(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      this.#staging ??= this.#pool.takeStaging();
      const count = Math.min(chunk.length - at, this.#staging.length - this.#staged);
      chunk.copy(this.#staging, this.#staged, at, at + count);
      this.#staged += count;
      at += count;
      if (this.#staged === this.#staging.length) this.#submitStaging();
    }
    this.#length += chunk.length;
  }

  #submitStaging(): void {
    if (this.#staging === undefined || this.#staged === 0) return;
    this.#queue.push(this.#staging.subarray(0, this.#staged));
    this.#pending += this.#staged;
    this.#staging = undefined;
    this.#staged = 0;
    this.#writeNext();
  }

  #writeNext(): void {
    const buffer = this.#queue[0];
    if (this.#writing || buffer === undefined || this.#fd === undefined) return;
    this.#writing = true;
    write(this.#fd, buffer, 0, buffer.length, this.#writtenEnd, (error, count) => {
      this.#writing = false;
      if (error !== null) {
        this.#fail(error);
      } else {
        this.#writtenEnd += count;
        this.#pending -= count;
        if (count === buffer.length) {
          this.#queue.shift();
          this.#pool.returnStaging(buffer);
        } else {
          this.#queue[0] = buffer.subarray(count);
        }
        this.#wake();
      }
      if (this.#holders === 0 && this.#tasks === 0) this.#closeFile();
      else this.#writeNext();
    });
  }

  #wake(): void {
    const ready = this.#waiters.filter((waiter) => waiter.upTo <= this.#writtenEnd);
    if (ready.length > 0) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.upTo > this.#writtenEnd);
      for (const waiter of ready) waiter.resolve();
    }
    if (this.#pending < limits.spool.pendingWriteBytes / 2) this.onDrain?.();
  }

  #fail(error: unknown): void {
    const full = (error as NodeJS.ErrnoException).code === 'ENOSPC';
    this.#failure ??= new GateError(full ? 'spool-full' : 'spool-failed', `spool: ${messageOf(error)}`, {
      cause: error,
    });
    this.#queue = [];
    this.#pending = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
    this.onDrain?.();
  }

  /** The bytes in memory as one view without a copy; undefined once the message lies in a file. */
  get memory(): Buffer | undefined {
    return this.#fd === undefined ? (this.#view?.subarray(0, this.#length) ?? Buffer.alloc(0)) : undefined;
  }

  /**
   * Makes the first `upTo` bytes readable through `source()`. Undefined when they are already (the usual case, without
   * a promise); else resolves when they are, or rejects with the failure.
   */
  flush(upTo: number): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#fd === undefined || upTo <= this.#writtenEnd) return undefined;
    if (upTo > this.#length - this.#staged) this.#submitStaging();
    return new Promise((resolve, reject) => this.#waiters.push({ upTo, resolve, reject }));
  }

  /** Where the flushed bytes lie now; valid until `release`, and until more is appended. */
  source(): SpoolSource {
    if (this.#fd !== undefined) return { kind: 'file', fd: this.#fd, length: this.#length };
    return { kind: 'memory', bytes: this.#block ?? new SharedArrayBuffer(0), length: this.#length };
  }

  /**
   * A chunk starting at `start`, at most `end`: at once from memory, through a promise from the file.
   *
   * @param into memory for what is read from the file, of `limits.spool.readChunkBytes`; the chunk is a view of it
   */
  readChunk(start: number, end: number, into?: Buffer): Buffer | Promise<Buffer> {
    // An empty chunk would make a reader go round and round, and a closed number may be another message's file.
    if (this.#holders === 0) throw new GateError('spool-failed', 'spool: read after its release');
    const fd = this.#fd;
    if (fd === undefined) return (this.#view ?? Buffer.alloc(0)).subarray(start, end);
    const bytes = Math.min(end - start, limits.spool.readChunkBytes);
    const buffer = into ?? Buffer.allocUnsafe(bytes);
    return new Promise((resolve, reject) => {
      read(fd, buffer, 0, bytes, start, (error, count) => {
        if (error !== null) reject(new GateError('spool-failed', `spool: ${error.message}`, { cause: error }));
        else if (count === 0) reject(new GateError('spool-failed', `spool: file ends at ${start}`));
        else resolve(buffer.subarray(0, count));
      });
    });
  }

  /** A worker thread begins to read; its block or file must not be reused until `taskDone`. */
  taskStarted(): void {
    this.#tasks += 1;
  }

  /** @param abandoned the task was aborted, so its thread may still be inside a read for a moment */
  taskDone(abandoned: boolean): void {
    this.#tasks -= 1;
    if (abandoned) this.#abandonedTasks = true;
    if (this.#holders === 0 && this.#tasks === 0) this.#dispose();
  }

  /** One more owner, e.g. an inspection that goes on after the reply. */
  retain(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0 && this.#tasks === 0) this.#dispose();
  }

  #dispose(): void {
    this.onDrain = undefined;
    this.#dropBlock();
    this.#queue = this.#writing ? this.#queue.slice(0, 1) : [];
    this.#staging = undefined;
    if (!this.#writing) this.#closeFile();
  }

  #closeFile(): void {
    if (this.#fd === undefined) return;
    this.#pool.closeFile(this.#fd, this.#abandonedTasks ? limits.spool.abortGraceMs : 0);
    this.#fd = undefined;
  }
}
