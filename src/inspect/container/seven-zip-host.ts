/**
 * Runs the 7-Zip command compiled to WebAssembly on bytes in memory, one fresh instance a run. The program sees a
 * file system of two places, the input and an output that only calls back, so nothing reaches a disk and no name is a
 * path; it knows nothing of formats or members.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { limits } from '../../runtime/limits.js';

/** What a run hands over as it goes. A callback that answers false ends the run. */
export interface SevenZipSink {
  /** one line of the program's own text */
  line(text: string): boolean;
  /** A file begins; undefined ends the run. */
  create(path: string): SevenZipFile | undefined;
  /** asked between reads: false ends the run */
  mayGoOn(): boolean;
}

export interface SevenZipFile {
  write(chunk: Uint8Array): boolean;
  close(): boolean;
}

/** How a run ended: by itself with its exit code, stopped by the sink, out of its memory, or by a crash. */
export type SevenZipEnd = { readonly code: number } | 'stopped' | 'memory' | 'crashed';

/** Where the input is, as an argument of the command. */
export const inputPath = '/in';
export const outputFolder = '/out';

type Imports = Record<string, Record<string, unknown>>;
interface Module {
  callMain(args: string[]): number;
}
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
}
interface WasmInstance {
  readonly exports: Exports;
}
/** The part of WebAssembly that is used; the `ES2023` library of the compiler has none of it. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: Imports) => WasmInstance;
}

class Stop extends Error {}

const errno = { badFile: 8, invalid: 28, noEntry: 44, notSupported: 52 } as const;
const fileMode = 0o100444;
const folderMode = 0o040777;
const wasmPageBytes = 65_536;
/** O_CREAT in the musl of Emscripten */
const createFlag = 0o100;

const require = createRequire(import.meta.url);
let compiled: object | undefined;

function wasm(): Wasm {
  // Node has WebAssembly as a global, which the types of the language alone do not know.
  return (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
}

function compiledModule(): object {
  compiled ??= new (wasm().Module)(readFileSync(require.resolve('7z-wasm/7zz.wasm')));
  return compiled;
}

/** The system calls of one run. */
class Host {
  readonly #input: Buffer;
  readonly #sink: SevenZipSink;
  readonly #files = new Map<number, SevenZipFile>();
  readonly #positions = new Map<number, number>();
  #nextDescriptor = 3;
  #memory: Exports['memory'] | undefined;
  #text = '';
  /** the member that came last, whose times and rights the program sets after closing it */
  #created = '';
  readonly #folders = new Set([outputFolder, `${outputFolder}/`]);
  outOfMemory = false;

  constructor(input: Buffer, sink: SevenZipSink) {
    this.#input = input;
    this.#sink = sink;
  }

  attach(memory: Exports['memory']): void {
    this.#memory = memory;
  }

  #bytes(): Buffer {
    const memory = this.#memory;
    if (memory === undefined) throw new Error('7-Zip calls before it has memory');
    return Buffer.from(memory.buffer);
  }

  #path(pointer: number): string {
    const bytes = this.#bytes();
    const end = bytes.indexOf(0, pointer);
    return bytes.toString('utf8', pointer, end < 0 ? pointer : Math.min(end, pointer + 65_536));
  }

  #stop(): never {
    throw new Stop();
  }

  #goOn(answer: boolean): void {
    if (!answer) this.#stop();
  }

  #stat(buffer: number, mode: number, size: number): number {
    const bytes = this.#bytes();
    bytes.fill(0, buffer, buffer + 96);
    bytes.writeUInt32LE(mode, buffer + 4);
    bytes.writeUInt32LE(1, buffer + 8);
    bytes.writeBigInt64LE(BigInt(size), buffer + 24);
    bytes.writeUInt32LE(4096, buffer + 32);
    bytes.writeUInt32LE(Math.ceil(size / 512), buffer + 36);
    bytes.writeBigInt64LE(1n, buffer + 88);
    return 0;
  }

  #statPath(path: number, buffer: number): number {
    const name = this.#path(path);
    if (name === inputPath) return this.#stat(buffer, fileMode, this.#input.length);
    if (name === '/' || this.#folders.has(name)) return this.#stat(buffer, folderMode, 0);
    if (name === this.#created) return this.#stat(buffer, fileMode, 0);
    // Other members are not there any more: each is a new file, also when names repeat.
    return -errno.noEntry;
  }

  #open(path: number, flags: number): number {
    const name = this.#path(path);
    const descriptor = this.#nextDescriptor;
    if ((flags & createFlag) !== 0) {
      const file = this.#sink.create(name.slice(outputFolder.length + 1));
      if (file === undefined) this.#stop();
      this.#files.set(descriptor, file);
      this.#created = name;
    } else if (name !== inputPath) return -errno.noEntry;
    this.#positions.set(descriptor, 0);
    this.#nextDescriptor += 1;
    return descriptor;
  }

  #makeFolder(path: number): number {
    if (this.#folders.size > limits.open.membersMax) this.#stop();
    this.#folders.add(this.#path(path));
    return 0;
  }

  #close(descriptor: number): number {
    const file = this.#files.get(descriptor);
    this.#files.delete(descriptor);
    if (!this.#positions.delete(descriptor)) return errno.badFile;
    if (file !== undefined) this.#goOn(file.close());
    return 0;
  }

  #eachVector(vectors: number, count: number, use: (bytes: Buffer) => number): number {
    const bytes = this.#bytes();
    let total = 0;
    for (let index = 0; index < count; index += 1) {
      const start = bytes.readUInt32LE(vectors + index * 8);
      const length = bytes.readUInt32LE(vectors + index * 8 + 4);
      const done = use(bytes.subarray(start, start + length));
      total += done;
      if (done < length) break;
    }
    return total;
  }

  #read(descriptor: number, vectors: number, count: number, result: number): number {
    this.#goOn(this.#sink.mayGoOn());
    // Standard input is at its end at once, so a question for a password gets no answer and does not wait.
    let position = this.#positions.get(descriptor) ?? this.#input.length;
    const total = this.#eachVector(vectors, count, (target) => {
      const copied = this.#input.copy(target, 0, Math.min(position, this.#input.length));
      position += copied;
      return copied;
    });
    this.#positions.set(descriptor, position);
    this.#bytes().writeUInt32LE(total, result);
    return 0;
  }

  #write(descriptor: number, vectors: number, count: number, result: number): number {
    const file = this.#files.get(descriptor);
    if (file === undefined && descriptor !== 1 && descriptor !== 2) return errno.badFile;
    const total = this.#eachVector(vectors, count, (bytes) => {
      if (file !== undefined) this.#goOn(file.write(bytes));
      else this.#say(bytes.toString('utf8'));
      return bytes.length;
    });
    this.#bytes().writeUInt32LE(total, result);
    return 0;
  }

  #say(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = (lines.pop() ?? '').slice(0, 65_536);
    for (const line of lines) this.#goOn(this.#sink.line(line));
  }

  #seek(descriptor: number, offset: bigint, whence: number, result: number): number {
    const position = this.#positions.get(descriptor);
    if (position === undefined) return errno.badFile;
    const base = whence === 0 ? 0 : whence === 1 ? position : this.#input.length;
    const target = base + Number(offset);
    if (target < 0) return errno.invalid;
    this.#positions.set(descriptor, target);
    this.#bytes().writeBigInt64LE(BigInt(target), result);
    return 0;
  }

  #resize(requested: number): boolean {
    const memory = this.#memory;
    const bytes = requested >>> 0;
    if (memory === undefined || bytes > limits.open.sevenZipMemoryBytes) {
      this.outOfMemory = true;
      return false;
    }
    // A quarter more than asked for, since each growth copies the views of the program's own glue.
    const wanted = Math.min(limits.open.sevenZipMemoryBytes, bytes + (bytes >>> 2));
    memory.grow(Math.ceil((wanted - memory.buffer.byteLength) / wasmPageBytes));
    return true;
  }

  /** Replaces what would reach the glue's own file system, and thereby the disk and the terminal. */
  calls(): Record<string, unknown> {
    const done = () => 0;
    const refuse = () => -errno.notSupported;
    return {
      __syscall_chmod: done,
      __syscall_fchownat: done,
      __syscall_fstat64: (descriptor: number, buffer: number) =>
        this.#stat(buffer, fileMode, this.#files.has(descriptor) ? 0 : this.#input.length),
      __syscall_stat64: (path: number, buffer: number) => this.#statPath(path, buffer),
      __syscall_lstat64: (path: number, buffer: number) => this.#statPath(path, buffer),
      __syscall_newfstatat: (_folder: number, path: number, buffer: number) => this.#statPath(path, buffer),
      __syscall_ftruncate64: done,
      __syscall_ioctl: refuse,
      __syscall_mkdirat: (_folder: number, path: number) => this.#makeFolder(path),
      __syscall_openat: (_folder: number, path: number, flags: number) => this.#open(path, flags),
      __syscall_getdents64: done,
      __syscall_readlinkat: refuse,
      __syscall_unlinkat: done,
      __syscall_rmdir: done,
      __syscall_renameat: refuse,
      __syscall_symlinkat: done,
      __syscall_utimensat: done,
      fd_close: (descriptor: number) => this.#close(descriptor),
      fd_fdstat_get: refuse,
      fd_seek: (descriptor: number, offset: bigint, whence: number, result: number) =>
        this.#seek(descriptor, offset, whence, result),
      fd_read: (descriptor: number, vectors: number, count: number, result: number) =>
        this.#read(descriptor, vectors, count, result),
      fd_write: (descriptor: number, vectors: number, count: number, result: number) =>
        this.#write(descriptor, vectors, count, result),
      emscripten_resize_heap: (requested: number) => this.#resize(requested),
    };
  }
}

type Factory = (options: Record<string, unknown>) => Promise<Module>;

/** Runs never overlap, so that many archives in one archive do not hold many memories. */
let previous: Promise<unknown> = Promise.resolve();

/** Runs 7-Zip with `args` on `input`, which it finds at `inputPath`. Errors of the sink are thrown on. */
export function runSevenZip(input: Buffer, args: readonly string[], sink: SevenZipSink): Promise<SevenZipEnd> {
  const run = previous.then(() => runAlone(input, args, sink));
  previous = run.catch(() => undefined);
  return run;
}

async function runAlone(input: Buffer, args: readonly string[], sink: SevenZipSink): Promise<SevenZipEnd> {
  const host = new Host(input, sink);
  let module: Module;
  try {
    module = await startModule(host);
  } catch (error) {
    // The engine has no memory for another instance.
    if (error instanceof RangeError) return 'memory';
    throw error;
  }
  // The glue sets the exit code of the process, which is not its business.
  const exitCode = process.exitCode;
  try {
    const code = module.callMain([...args]);
    // A decoder that gets no memory calls the data damaged.
    return host.outOfMemory && code > 1 ? 'memory' : { code };
  } catch (error) {
    if (error instanceof Stop) return 'stopped';
    if (host.outOfMemory) return 'memory';
    // What C++ throws arrives as a number: this build catches none of its own exceptions. A trap is a RuntimeError.
    if (typeof error === 'number' || (error instanceof Error && error.name === 'RuntimeError')) return 'crashed';
    throw error;
  } finally {
    process.exitCode = exitCode;
  }
}

function startModule(host: Host): Promise<Module> {
  // The package's types know nothing of `instantiateWasm`, which is Emscripten's documented option.
  const factory = require('7z-wasm') as Factory;
  return factory({
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm: (imports: Imports, ready: (instance: WasmInstance) => void) => {
      // The imports are listed twice, under the names of two modules, and are one object.
      Object.assign(imports.env ?? {}, host.calls());
      const instance = new (wasm().Instance)(compiledModule(), imports);
      host.attach(instance.exports.memory);
      ready(instance);
      return {};
    },
  });
}
