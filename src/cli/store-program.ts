/** Ties the commands that work on the quarantine to the configuration file, the real routes and the standard streams. */
import type { Writable } from 'node:stream';
import { readConfiguration } from './configuration.js';
import type { StoreContext, StoreSettings } from './store-context.js';

export async function loadStoreSettings(file: string): Promise<StoreSettings> {
  // Loaded only here: what sends mail is a large part of the program, and most commands send none.
  const { quarantinePolicy } = await import('../daemon/quarantine-policy.js');
  const { newDeliver, routeTable } = await import('../daemon/routes.js');
  const { config, policy } = await readConfiguration(file);
  const { recipients, identityFile } = config.quarantine;
  return {
    dataDirectory: config.dataDirectory,
    recipients,
    identityFile,
    policy: quarantinePolicy(policy, config),
    routes: routeTable(config),
    deliver: newDeliver(config.hostname),
  };
}

/** @param exit receives the exit code of the one command that is run */
export function storeContext(
  exit: StoreContext['exit'],
  streams: { readonly stdout: Writable & { readonly isTTY?: boolean }; readonly stderr: Writable } = process,
): StoreContext {
  const { stdout, stderr } = streams;
  return { load: loadStoreSettings, stdout, stderr, exit, now: Date.now };
}
