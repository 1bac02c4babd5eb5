/** A bearer token in a file, read again when the file changes. Nothing here puts the token into a message. */
import { readFileSync, statSync } from 'node:fs';
import { limits } from './limits.js';

/** RFC 6750 §2.1 */
const tokenForm = /^[A-Za-z0-9._~+/-]+=*$/;

/** The token in a text, without the white space around it; undefined when there is none, or more than one. */
export function tokenIn(text: string): string | undefined {
  const token = text.trim();
  return token.length <= limits.http.tokenChars && tokenForm.test(token) ? token : undefined;
}

export class TokenFile {
  readonly #file: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #seen = '';
  #token: string | undefined;

  /** @param now milliseconds of a clock that never goes back */
  constructor(file: string, now: () => number = () => performance.now()) {
    this.#file = file;
    this.#now = now;
  }

  /** Undefined when the file cannot be read or holds none. A look costs some microseconds, and is taken once a second. */
  get token(): string | undefined {
    if (this.#now() - this.#lookedAt >= limits.http.tokenCheckMs) this.#look(false);
    return this.#token;
  }

  /** Reads the file whatever its date says. Whether another token is in it now. */
  reread(): boolean {
    const before = this.#token;
    this.#look(true);
    return this.#token !== undefined && this.#token !== before;
  }

  #look(always: boolean): void {
    this.#lookedAt = this.#now();
    try {
      const { mtimeMs, ino, size } = statSync(this.#file);
      const seen = `${mtimeMs} ${ino} ${size}`;
      if (!always && seen === this.#seen) return;
      this.#seen = seen;
      this.#token = size > limits.http.tokenFileBytes ? undefined : tokenIn(readFileSync(this.#file, 'utf8'));
    } catch {
      // Whatever the reason, there is no token; the health of the backend says so.
      this.#seen = '';
      this.#token = undefined;
    }
  }
}
