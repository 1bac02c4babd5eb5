/** The life of one message from its hold to the last mail about it, picked up wherever an earlier process died. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Deliver } from '../../src/quarantine/deliver.js';
import { loadReleaseKey, prepareKeys } from '../../src/quarantine/keys.js';
import { newMailer } from '../../src/quarantine/mailer.js';
import { Outbox } from '../../src/quarantine/outbox.js';
import { tokenHash } from '../../src/quarantine/token-table.js';
import { Vault } from '../../src/quarantine/vault.js';
import { limits } from '../../src/runtime/limits.js';
import { holdRequest } from './held-message.js';
import { deliverBySocket, routeTo } from './postman.js';
import { policy } from './test-vault.js';

export interface Life {
  readonly dataDirectory: string;
  /** of the mail server */
  readonly port: number;
  /** what an administrator does with the requests of both recipients */
  readonly script: string;
  /** called after each commit that changed something, and after each answer of the mail server */
  readonly step: () => void;
  /** ms since 1970 at the beginning */
  readonly now: number;
}

const commits = new Set([
  'hold',
  'requestRelease',
  'denyRequest',
  'queueRelease',
  'remove',
  'queueDigest',
  'queueAnswer',
  'settleMail',
  'settleRelease',
]);
async function openLife({
  dataDirectory,
  port,
  step,
  now,
}: Life): Promise<{ readonly vault: Vault; readonly outbox: Outbox; readonly wait: (ms: number) => void }> {
  const keys = await prepareKeys(
    { dataDirectory, recipients: [], identityFile: undefined, warn: () => {} },
    Date.now(),
  );
  const started = Date.now();
  let waited = 0;
  const ops = { address: 'ops@example.org', notify: ['blocked', 'released', 'release-requested'] } as const;
  const { vault } = await Vault.open({
    dataDirectory,
    keys,
    policy: { ...policy, publicUrl: 'https://quarantine.example.org', administrators: [ops] },
    clock: () => now + Date.now() - started + waited,
    log: () => {},
  });
  const store = vault.store as { call(method: string, ...args: unknown[]): Promise<unknown> };
  const call = store.call.bind(vault.store);
  store.call = async (method, ...args) => {
    const answer = await call(method, ...args);
    if (commits.has(method)) step();
    return answer;
  };

  const deliver: Deliver = async (request, signal) => {
    const answer = await deliverBySocket(request, signal);
    step();
    return answer;
  };
  const mailer = newMailer('gate.example.org');
  const outbox = new Outbox({
    vault,
    routes: () => routeTo(port),
    deliver,
    send: async (...args) => {
      const outcome = await mailer(...args);
      step();
      return outcome;
    },
    releaseKey: loadReleaseKey(dataDirectory),
    clock: vault.clock,
    log: () => {},
    pollIntervalMs: 20,
  });

  const wait = (ms: number) => {
    waited += ms;
    outbox.wake();
  };
  return { vault, outbox, wait };
}

/** The tokens themselves are in notices that may be sent by now; others for the same recipients do as well. */
function addTokens(dataDirectory: string, id: string, recipients: readonly string[], now: number): string[] {
  const database = new Database(join(dataDirectory, 'sluice.db'));
  const add = database.prepare(
    "INSERT OR IGNORE INTO tokens (hash, item, recipient, action, expires) VALUES (?, ?, ?, 'request', ?)",
  );
  const tokens = recipients.map((recipient) => {
    const token = `token of ${recipient}`;
    add.run(tokenHash(token), id, recipient, now + 86_400_000 * 365);
    return token;
  });
  database.close();
  return tokens;
}

/** Resolves when all mail is sent and nothing is owed. */
export async function liveOn(life: Life): Promise<void> {
  const { vault, outbox, wait } = await openLife(life);
  const request = holdRequest(
    Buffer.from('From: bob@example.net\r\nTo: anna@example.org\r\nSubject: Your invoice\r\n\r\nbody\r\n'),
  );
  const known = (await vault.store.call('list', undefined, 10))[0];
  const id = known?.id ?? (await vault.hold(request)).id;
  const recipients = request.envelope.recipients.map(({ address }) => address);
  const tokens = addTokens(life.dataDirectory, id, recipients, vault.clock());
  outbox.start();
  vault.onQueued = () => outbox.wake();
  const { state } = (await vault.detail(id)).item;
  if (state === 'held' || state === 'release-requested') {
    for (const token of tokens) await vault.requestRelease(token);
    if (life.script === 'deny') await vault.deny(id, 'cli:root', 'no');
    else await vault.release(id, 'cli:root');
  }
  for (;;) {
    // In the order in which one brings about the next, since nothing holds still between these questions.
    const { item } = await vault.detail(id);
    const owed = await vault.store.call('dueAnswers');
    const open = await vault.store.call('dueDigests', vault.clock() + 3_600_000);
    const counts = await vault.store.call('outboxCounts');
    if (counts.queued === 0 && owed.length === 0 && open.length === 0 && item.state !== 'release-requested') break;
    // News of the same minute wait for the next one; nobody works on anything that this could disturb.
    const later = open.length > 0 && (await vault.store.call('dueDigests', vault.clock())).length === 0;
    if (later && counts.queued === 0 && owed.length === 0) wait(limits.notice.digestIntervalMs);
    await sleep(10);
  }
  await outbox.stop();
  await vault.close();
}
