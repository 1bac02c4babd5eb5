/** Forgets old rows in a data directory, and ends itself by SIGKILL after so many calls. */
import { writeSync } from 'node:fs';
import { purgeRecords } from '../../src/quarantine/purge.js';
import { LocalStore, type StoreAccess } from '../../src/quarantine/store-access.js';

const [, , dataDirectory = '', since = '', calls = ''] = process.argv;
const store: StoreAccess = new LocalStore(dataDirectory);
const call = store.call.bind(store);
let left = Number(calls);
store.call = async (method, ...args) => {
  const answer = await call(method, ...args);
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
  return answer;
};
writeSync(1, 'begun\n');
const removed = await purgeRecords(store, Number(since), new AbortController().signal);
writeSync(1, `${JSON.stringify(removed)}\n`);
