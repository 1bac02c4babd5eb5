/**
 * Reads a list file line by line without holding the event loop: entries and comments, CRLF or LF, UTF-8. What an entry
 * means is the caller's business.
 */
import { open } from 'node:fs/promises';
import { limits } from '../runtime/limits.js';
import type { ConfigProblem } from './problem.js';

export interface ListFile {
  readonly file: string;
  /** a trimmed entry without its comment; the result, if any, says what is wrong with it */
  onEntry(entry: string, line: number): string | undefined;
}

/**
 * Reads the whole file and hands over every entry. `#` starts a comment at the start of a line and after white space:
 * elsewhere it is a legal character of a local part. Wrong entries are skipped and returned as warnings, the first few
 * one by one; a file that cannot be read is an error.
 */
export async function readListFile({ file, onEntry }: ListFile): Promise<ConfigProblem[]> {
  const problems = new ListProblems(file);
  let line = 0;
  const take = (text: string): void => {
    line += 1;
    const entry = withoutComment(line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text);
    if (entry === '') return;
    const wrong =
      text.length > limits.lists.lineBytes ? `at most ${limits.lists.lineBytes} bytes a line` : onEntry(entry, line);
    if (wrong !== undefined) problems.add(line, entry, wrong);
  };
  try {
    const handle = await open(file, 'r');
    try {
      const chunk = Buffer.allocUnsafe(limits.config.listChunkBytes);
      let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
        if (bytesRead === 0) break;
        rest = takeLines(rest, chunk.subarray(0, bytesRead), take);
      }
      if (rest.length > 0) take(rest.toString('utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return [{ severity: 'error', path: '', value: '', expected: `a list file that the gate can read (${code})`, file }];
  }
  return problems.all();
}

/** Hands over the complete lines; returns the beginning of the last one, cut when it is too long to be an entry. */
function takeLines(rest: Buffer, chunk: Buffer, take: (text: string) => void): Buffer {
  const last = chunk.lastIndexOf(0x0a);
  if (last === -1) return rest.length > limits.lists.lineBytes ? rest : Buffer.concat([rest, chunk]);
  const text = Buffer.concat([rest, chunk.subarray(0, last)]).toString('utf8');
  for (const line of text.split('\n')) take(line);
  return Buffer.from(chunk.subarray(last + 1));
}

function withoutComment(text: string): string {
  const hash = text.search(/(^|\s)#/);
  return (hash === -1 ? text : text.slice(0, hash)).trim();
}

/** Keeps the first problems of a file and counts the others: a million wrong lines are one mistake. */
class ListProblems {
  readonly #file: string;
  readonly #kept: ConfigProblem[] = [];
  #more = 0;

  constructor(file: string) {
    this.#file = file;
  }

  add(line: number, entry: string, expected: string): void {
    if (this.#kept.length >= limits.config.listProblemsMax) {
      this.#more += 1;
      return;
    }
    const value = JSON.stringify(entry.length > 80 ? `${entry.slice(0, 80)}…` : entry);
    this.#kept.push({ severity: 'warning', path: '', value, expected, file: this.#file, line });
  }

  all(): ConfigProblem[] {
    if (this.#more === 0) return this.#kept;
    const expected = `entries; ${this.#more} more lines were skipped like those above`;
    return [...this.#kept, { severity: 'warning', path: '', value: '', expected, file: this.#file }];
  }
}
