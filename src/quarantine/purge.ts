/** One run through what the store may forget: call after call with a pause between them, so that mail goes before it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../runtime/limits.js';
import { type PurgeCounts, type PurgePlace, type PurgeStep, purgeStart } from './purge-store.js';
import type { StoreAccess } from './store-access.js';

/**
 * @param since ms since 1970; what is from then or before goes
 * @param signal ends it after the call under way; the next run finds what is left
 */
export async function purgeRecords(store: StoreAccess, since: number, signal: AbortSignal): Promise<PurgeCounts> {
  const sum = { items: 0, incidents: 0, mails: 0, rows: 0 };
  for (let place: PurgePlace | undefined = purgeStart; place !== undefined && !signal.aborted; ) {
    const step: PurgeStep = await store.call('purgeSome', since, place);
    sum.items += step.items;
    sum.incidents += step.incidents;
    sum.mails += step.mails;
    sum.rows += step.rows;
    place = step.next;
    if (place !== undefined) await sleep(limits.quarantine.purgePauseMs);
  }
  return sum;
}
