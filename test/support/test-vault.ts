/** A quarantine in a folder of its own with a clock that the test owns. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareKeys } from '../../src/quarantine/keys.js';
import type { Recovery } from '../../src/quarantine/recover.js';
import type { LogLevel, QuarantinePolicy } from '../../src/quarantine/settings.js';
import { Vault } from '../../src/quarantine/vault.js';

export const policy: QuarantinePolicy = {
  retentionDays: 30,
  recordDays: 365,
  recipientMay: 'request',
  releaseAs: 'original',
  notice: {
    from: 'Mail Security <postmaster@example.org>',
    subject: 'Malware Detected',
    message: 'A mail to you was held back.',
    linkText: 'Open the quarantine',
    learnMoreUrl: '',
    validDays: 7,
  },
  administrators: [],
  publicUrl: undefined,
  consoleUrl: undefined,
};

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TestVault {
  readonly vault: Vault;
  readonly recovery: Recovery;
  readonly directory: string;
  readonly identityFile: string;
  readonly lines: LogLine[];
  readonly clock: { now: number };
}

/** The part of a tap test that we need: what to do at its end. */
interface Ending {
  teardown(work: () => unknown): void;
}

export function testDirectory(t: Ending): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export async function openVault(
  t: Ending,
  options: { directory?: string; policy?: Partial<QuarantinePolicy>; now?: number; local?: boolean } = {},
): Promise<TestVault> {
  const directory = options.directory ?? testDirectory(t);
  const clock = { now: options.now ?? Date.UTC(2026, 2, 1) };
  const lines: LogLine[] = [];
  const warn = (event: string) => lines.push({ level: 'warn', event, fields: {} });
  const keys = await prepareKeys(
    { dataDirectory: directory, recipients: [], identityFile: undefined, warn },
    clock.now,
  );
  const vaultOptions = {
    dataDirectory: directory,
    keys,
    policy: { ...policy, ...options.policy },
    clock: () => clock.now,
    log: (level: LogLevel, event: string, fields: LogLine['fields']) => lines.push({ level, event, fields }),
  };
  const none = { unfinishedRemoved: 0, orphansRemoved: 0, missing: [], leasesReleased: 0 };
  const { vault, recovery } =
    options.local === true ? { vault: Vault.local(vaultOptions), recovery: none } : await Vault.open(vaultOptions);
  let closed = false;
  const close = vault.close.bind(vault);
  // A test may close its vault early to start another one in the same folder.
  vault.close = async () => {
    if (!closed) {
      closed = true;
      await close();
    }
  };
  t.teardown(() => vault.close());
  return { vault, recovery, directory, identityFile: keys.identityFile ?? '', lines, clock };
}
