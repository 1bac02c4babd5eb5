/**
 * What is kept of a password: a line with the parameters, the salt and the result of scrypt (RFC 7914), in the notation
 * that other programs use for such records. It computes nothing.
 */

import { limits } from '../runtime/limits.js';

export interface PasswordRecord {
  /** logarithm of scrypt's N */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,128})\$([A-Za-z0-9+/]{22,128})$/;

/** bytes of memory that scrypt takes with these parameters, RFC 7914 §2 */
export function recordMemory({ ln, r, p }: Pick<PasswordRecord, 'ln' | 'r' | 'p'>): number {
  return 128 * r * (2 ** ln + p);
}

/** Undefined for what is no record, and for one so weak or so costly that nobody should have made it. */
export function parsePasswordRecord(text: string): PasswordRecord | undefined {
  const match = form.exec(text.trim());
  if (match === null) return undefined;
  const [, ln, r, p, salt = '', hash = ''] = match;
  const costs = { ln: Number(ln), r: Number(r), p: Number(p) };
  if (costs.ln < 14 || costs.ln > 20 || costs.r < 8 || costs.r > 32 || costs.p < 1 || costs.p > 16) return undefined;
  if (recordMemory(costs) > limits.console.scryptMemoryBytes) return undefined;
  return { ...costs, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

export function formatPasswordRecord({ ln, r, p, salt, hash }: PasswordRecord): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${ln},r=${r},p=${p}$${text(salt)}$${text(hash)}`;
}
