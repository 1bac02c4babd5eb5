/**
 * What the commands that work on the quarantine need from the program around them, and the few things they share:
 * opening the store, safe output, errors that become an exit code.
 */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { cleanLine } from '../notice/clean.js';
import type { Deliver, RouteTable } from '../quarantine/deliver.js';
import { findKeys } from '../quarantine/keys.js';
import type { QuarantinePolicy } from '../quarantine/settings.js';
import { Vault } from '../quarantine/vault.js';
import { GateError, messageOf } from '../runtime/errors.js';

/** The part of the configuration that these commands use. */
export interface StoreSettings {
  readonly dataDirectory: string;
  /** age recipients; empty when the keys are those made in the data directory */
  readonly recipients: readonly string[];
  readonly identityFile: string | undefined;
  readonly policy: QuarantinePolicy;
  readonly routes: RouteTable;
  readonly deliver: Deliver;
}

/** 0 done, 1 problem found, 2 wrong use. */
export type ExitCode = 0 | 1 | 2;

export interface StoreContext {
  /** Reads and checks a configuration file; rejects with `config-invalid`, its message fit for a person. */
  load(configFile: string): Promise<StoreSettings>;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  exit(code: ExitCode): void;
  now(): number;
}

/** Who is recorded in the audit table for what a command does. */
export function commandActor(): string {
  return `cli:${userInfo().username}`;
}

/** A stranger's string on a terminal: no escape sequence, no line of its own making. */
export function terminalText(text: string, max = 200): string {
  return cleanLine(text, max);
}

/** JSON that is safe to print: what JSON leaves as it is but terminals or eyes obey is escaped as well. */
export function jsonText(value: unknown): string {
  const codes = (character: string) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join('');
  return JSON.stringify(value, undefined, 2).replace(
    /[\u007f-\u009f\u2028\u2029]|[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu,
    codes,
  );
}

/** Columns padded to their widest cell. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Runs a command's work; what it throws becomes one line and an exit code. */
export async function runCommand(context: StoreContext, work: () => Promise<ExitCode>): Promise<void> {
  try {
    context.exit(await work());
  } catch (error) {
    // A bad configuration has many problems, each on its line.
    const lines = messageOf(error).split('\n');
    context.stderr.write(`sluice: ${lines.map((line) => terminalText(line, 2000)).join('\n')}\n`);
    context.exit(1);
  }
}

/** Opens the store beside a running daemon or without one. It makes no keys and no database of its own. */
export async function withVault(
  context: StoreContext,
  configFile: string,
  work: (vault: Vault, settings: StoreSettings) => Promise<ExitCode>,
): Promise<ExitCode> {
  const settings = await context.load(configFile);
  const { dataDirectory, recipients, identityFile, policy } = settings;
  if (!existsSync(join(dataDirectory, 'sluice.db'))) {
    throw new GateError(
      'not-found',
      `${dataDirectory} holds no quarantine: has the daemon run with this configuration?`,
    );
  }
  const warn = (sentence: string) => void context.stderr.write(`warning: ${terminalText(sentence, 500)}\n`);
  const keys = findKeys({ dataDirectory, recipients, identityFile, warn }) ?? { recipients: [], identityFile };
  const log = () => {
    // The command prints what it did itself; the daemon's log is not its output.
  };
  const vault = Vault.local({ dataDirectory, keys, policy, clock: () => context.now(), log });
  try {
    return await work(vault, settings);
  } finally {
    await vault.close();
  }
}
