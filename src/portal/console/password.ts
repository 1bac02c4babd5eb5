/**
 * Makes and checks the records of passwords. A check runs beside the main thread, a few at a time, and takes as long
 * for an account that does not exist.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { formatPasswordRecord, type PasswordRecord, recordMemory } from '../../config/password-record.js';
import { limits } from '../../runtime/limits.js';

/** One of the settings that the OWASP password storage sheet recommends for scrypt: 32 MiB, some 250 ms. */
const costs = { ln: 15, r: 8, p: 3 } as const;

/** The same letters typed on another system, whatever that composes them from (RFC 8265 §4.2.2). */
function octetsOf(password: string): Buffer {
  return Buffer.from(password.normalize('NFC'), 'utf8');
}

function derive(password: Buffer, salt: Uint8Array, record: Omit<PasswordRecord, 'salt' | 'hash'>, bytes: number) {
  const { ln, r, p } = record;
  const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: recordMemory(record) + 1_048_576 };
  return new Promise<Buffer>((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

/** What is wrong with a new password, as a sentence; undefined when it will do. */
export function passwordFault(password: string): string | undefined {
  const { passwordCharactersMin, passwordBytes } = limits.console;
  if (Array.from(password).length < passwordCharactersMin) {
    return `a password has at least ${passwordCharactersMin} characters: four or five words are easy to keep in mind`;
  }
  if (octetsOf(password).length > passwordBytes) return `a password has at most ${passwordBytes} bytes`;
  // A sign-in form has one line, and a terminal keeps control characters for itself.
  if (/[\u0000-\u001f\u007f]/.test(password)) return 'a password has no control characters';
  return undefined;
}

export async function newPasswordRecord(password: string): Promise<string> {
  const salt = randomBytes(16);
  return formatPasswordRecord({ ...costs, salt, hash: await derive(octetsOf(password), salt, costs, 32) });
}

/** Stands in for the record of whoever has none; nobody knows a password for it. */
export function dummyRecord(like: PasswordRecord | undefined): PasswordRecord {
  const { ln, r, p } = like ?? costs;
  return { ln, r, p, salt: randomBytes(like?.salt.length ?? 16), hash: randomBytes(like?.hash.length ?? 32) };
}

async function matches(record: PasswordRecord, password: string): Promise<boolean> {
  const octets = octetsOf(password);
  const fits = octets.length <= limits.console.passwordBytes;
  // An overlong one is checked as well, as an empty one, so that it takes as long.
  const derived = await derive(fits ? octets : Buffer.alloc(0), record.salt, record, record.hash.length);
  return timingSafeEqual(derived, record.hash) && fits;
}

/** Checks a few passwords at a time and lets a few more wait. */
export class PasswordChecks {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  get full(): boolean {
    return this.#running >= limits.console.passwordsAtOnce && this.#waiting.length >= limits.console.passwordsWaiting;
  }

  /** To be asked only when it is not full. */
  async check(record: PasswordRecord, password: string): Promise<boolean> {
    if (this.#running >= limits.console.passwordsAtOnce) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running += 1;
    try {
      return await matches(record, password);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
