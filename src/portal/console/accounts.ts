/** Who may sign in, by the configuration of this moment and the files that it names: a changed password counts at once. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type PasswordRecord, parsePasswordRecord } from '../../config/password-record.js';
import { limits } from '../../runtime/limits.js';

export interface ConsoleAccount {
  readonly name: string;
  readonly passwordFile: string;
}

export interface Credential {
  readonly record: PasswordRecord;
  /** SHA-256 of account and record: another password, or another account, is another credential */
  readonly digest: Buffer;
}

/** Names differ in more than their case, which the check of the configuration sees to. */
export function accountNamed(accounts: readonly ConsoleAccount[], name: string): ConsoleAccount | undefined {
  return accounts.find((account) => account.name.toLowerCase() === name.toLowerCase());
}

/** Rejects when the file cannot be read; undefined when it holds no record. */
export async function credentialOf({ name, passwordFile }: ConsoleAccount): Promise<Credential | undefined> {
  const file = await open(passwordFile, 'r');
  try {
    const { recordBytes } = limits.console;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(recordBytes), 0, recordBytes, 0);
    const text = buffer.toString('utf8', 0, bytesRead).trim();
    const record = parsePasswordRecord(text);
    if (record === undefined) return undefined;
    return { record, digest: createHash('sha256').update(`${name}\n${text}`).digest() };
  } finally {
    await file.close();
  }
}
