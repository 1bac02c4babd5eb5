/**
 * What a start has to put right after the previous end, whatever that was: files without rows, rows without files,
 * leases of the dead. It runs before the first message and under the directory lock.
 */
import type { Blobs } from './blobs.js';
import { isAlive } from './process-owner.js';
import type { QuarantineLog } from './settings.js';
import type { StoreAccess } from './store-access.js';

export interface Recovery {
  readonly unfinishedRemoved: number;
  /** sealed files that no row knows, so nobody was told that they are held; or whose item was deleted */
  readonly orphansRemoved: number;
  /** items whose file is gone: the loss is reported, the state is left for a person to judge */
  readonly missing: readonly string[];
  readonly leasesReleased: number;
}

export async function recover(store: StoreAccess, blobs: Blobs, log: QuarantineLog, now: number): Promise<Recovery> {
  const { ids, unfinished } = blobs.list();
  for (const name of unfinished) blobs.removeUnfinished(name);
  const known = new Set(await store.call('sealedItems'));
  const present = new Set(ids);
  const orphans = ids.filter((id) => !known.has(id));
  for (const id of orphans) blobs.remove(id);
  const missing = [...known].filter((id) => !present.has(id));
  for (const id of missing) {
    log('error', 'the sealed original of a quarantined item is missing', { item: id });
    await store.call('audit', { at: now, actor: 'recovery', action: 'original-missing', item: id, detail: {} });
  }
  let leasesReleased = 0;
  for (const owner of await store.call('leaseOwners')) {
    if (!isAlive(owner)) leasesReleased += await store.call('releaseLeases', owner);
  }
  const recovery = { unfinishedRemoved: unfinished.length, orphansRemoved: orphans.length, missing, leasesReleased };
  if (unfinished.length + orphans.length + missing.length + leasesReleased > 0) {
    log(missing.length > 0 ? 'error' : 'warn', 'quarantine recovered after an unclean end', { ...recovery });
  }
  return recovery;
}
