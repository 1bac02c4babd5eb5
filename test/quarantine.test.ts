/** The quarantine: what is acknowledged can be opened, whatever happens; releases, outbox, audit, retention. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import t from 'tap';
import { newItemId } from '../src/quarantine/item.js';
import { loadReleaseKey, newKeyPair, prepareKeys } from '../src/quarantine/keys.js';
import { signReentry, verifyReentry } from '../src/quarantine/reentry.js';
import { LocalStore } from '../src/quarantine/store-access.js';
import type { Vault } from '../src/quarantine/vault.js';
import { readSource } from '../src/runtime/spool-source.js';
import { holdRequest, sha256Of, sourceOf, verdict } from './support/held-message.js';
import { openVault, testDirectory } from './support/test-vault.js';

// Two dozen processes are started and killed below, on whatever machine this is.
t.setTimeout(300_000);

const message = Buffer.from('From: bob@example.net\r\nSubject: Your invoice\r\n\r\nplaintext canary 5f3a\r\n');
const inCi = (process.env.CI ?? '') !== '';

function blobOf(directory: string, id: string): string {
  return join(directory, 'quarantine', `${id}.eml.age`);
}

async function contentOf(vault: Vault, id: string): Promise<Buffer> {
  const opened = await vault.openItem(id);
  try {
    return readSource(opened.source, 0, opened.source.length);
  } finally {
    opened.close();
  }
}

/** Every byte under a folder, as one buffer: for proving that something is not there. */
function everyByte(directory: string): Buffer {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))));
}

t.test('a held message is sealed, recorded, and told to each recipient', async (t) => {
  const { vault, directory } = await openVault(t, { policy: { publicUrl: 'https://q.example.org/' } });
  const { id, duplicate } = await vault.hold(holdRequest(message));
  t.notOk(duplicate);
  t.match(id, /^[a-z2-7]{26}$/);
  t.equal(statSync(blobOf(directory, id)).mode & 0o777, 0o600);
  t.ok((await contentOf(vault, id)).equals(message));

  const { item, deliveries, mails, audit } = await vault.detail(id);
  t.match(item, { state: 'held', sha256: sha256Of(message), bytes: message.length, subject: 'Your invoice' });
  t.same(item.envelope, holdRequest(message).envelope, 'the full envelope, parameters and all');
  t.same(
    deliveries.map((record) => record.status),
    ['pending', 'pending'],
  );
  t.same(
    mails.map((mail) => [mail.kind, mail.recipient, mail.state]),
    [
      ['notice', 'anna@example.org', 'queued'],
      ['notice', 'carl@example.org', 'queued'],
    ],
  );
  t.same(
    audit.map((row) => row.action),
    ['held'],
  );
  const [incident] = await vault.store.call('listIncidents', 10);
  t.match(incident, { id, item: id, source: 'bob@example.net', action: 'block', level: 10, status: 'new' });
  t.same(incident?.targets, ['anna@example.org', 'carl@example.org']);

  const claimed = await vault.store.call('claim', item.created, 'test', 10);
  const notices = claimed.map((mail) =>
    Buffer.from(mail.message ?? [])
      .toString('latin1')
      .replace(/=\r\n/g, ''),
  );
  t.match(notices[0], 'anna@example.org');
  t.notMatch(notices[0], 'carl@example.org', 'nobody learns of the other recipients');
  const tokens = notices.map((notice) => /https:\/\/q\.example\.org\/q\/([\w-]{32})/.exec(notice)?.[1] ?? '');
  t.not(tokens[0], tokens[1], 'links are personal');
  for (const mail of claimed) {
    await vault.store.call('settleMail', mail.id, { kind: 'sent', reply: '250 ok' }, item.created);
  }
  await vault.close();
  for (const token of tokens) t.notOk(everyByte(directory).includes(token), 'a sent token is nowhere on the disk');
  t.notOk(everyByte(directory).includes('plaintext canary'), 'no plaintext is on the disk');
});

t.test(
  'the real age program opens what was sealed',
  { skip: !existsSync('/usr/bin/age') && !inCi ? 'age is not installed' : false },
  async (t) => {
    const { vault, directory, identityFile } = await openVault(t);
    for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_003]) {
      const original = Buffer.alloc(size, `size ${size} `);
      const { id } = await vault.hold(holdRequest(original));
      const opened = execFileSync('age', ['-d', '-i', identityFile, blobOf(directory, id)], {
        maxBuffer: 2 * size + 1000,
      });
      t.ok(opened.equals(original), `${size} bytes`);
      t.ok((await contentOf(vault, id)).equals(original), `${size} bytes, by us`);
    }
  },
);

t.test('bytes that are not those inspected are not sealed, and nothing is left of the attempt', async (t) => {
  const { vault, directory } = await openVault(t);
  const request = holdRequest(message, { sha256: sha256Of(Buffer.from('other')) });
  await t.rejects(vault.hold(request), { code: 'seal-failed', temporary: true });
  await t.rejects(vault.hold(holdRequest(message, { source: { kind: 'file', fd: 9999, length: 10 } })), {
    code: 'seal-failed',
  });
  t.same(readdirSync(join(directory, 'quarantine')), []);
  t.same(await vault.store.call('list', undefined, 10), []);
});

t.test('an altered original is never given out', async (t) => {
  const { vault, directory } = await openVault(t);
  const original = Buffer.alloc(3 * 65_536 + 100, 'chunks of age ');
  const { id } = await vault.hold(holdRequest(original));
  const { id: other } = await vault.hold(holdRequest(Buffer.alloc(original.length, 'another message ')));
  const file = blobOf(directory, id);
  const sealed = readFileSync(file);
  const refused = (why: string) => t.rejects(vault.openItem(id), { code: 'open-failed', temporary: false }, why);

  const header = sealed.indexOf('\n---') + 4 + 44 + 1;
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const altered = Buffer.from(sealed);
      altered[at] = (altered[at] ?? 0) ^ flip;
      writeFileSync(file, altered);
      await vault.openItem(id).then(
        () => Promise.reject(new Error(`byte ${at} changed and the original was opened`)),
        (error) => t.equal(error.code, 'open-failed'),
      );
    }),
    { numRuns: 40 },
  );
  const chunk = 65_536 + 16;
  for (const chunks of [0, 1, 2, 3]) {
    writeFileSync(file, sealed);
    truncateSync(file, header + 16 + chunks * chunk);
    await refused(`cut after ${chunks} chunks`);
  }
  const swapped = Buffer.from(sealed);
  sealed.copy(swapped, header + 16, header + 16 + chunk, header + 16 + 2 * chunk);
  sealed.copy(swapped, header + 16 + chunk, header + 16, header + 16 + chunk);
  writeFileSync(file, swapped);
  await refused('two chunks exchanged');
  copyFileSync(blobOf(directory, other), file);
  await refused('another item in its place');
  writeFileSync(file, '');
  await refused('empty');
  rmSync(file);
  await refused('gone');
  t.ok((await contentOf(vault, other)).length > 0);
  t.notOk(everyByte(join(directory, 'quarantine')).includes('chunks of age'));
});

t.test('the same message and envelope within an hour is one item', async (t) => {
  const first = await openVault(t, {
    policy: { administrators: [{ address: 'ops@example.org', notify: ['blocked'] }] },
  });
  const { vault, directory, clock } = first;
  const results = await Promise.all(Array.from({ length: 5 }, () => vault.hold(holdRequest(message))));
  t.equal(new Set(results.map((result) => result.id)).size, 1, 'five at once');
  t.equal(results.filter((result) => !result.duplicate).length, 1);
  const { envelope } = holdRequest(message);
  const reversed = { ...envelope, recipients: [...envelope.recipients].reverse() };
  const id = results[0]?.id;
  t.same(await vault.hold(holdRequest(message, { envelope: reversed })), { id, duplicate: true });
  await vault.close();

  const again = await openVault(t, { directory, now: clock.now + 3_599_000 });
  t.same(await again.vault.hold(holdRequest(message)), { id, duplicate: true }, 'after a restart');
  t.equal((await again.vault.store.call('outboxCounts')).queued, 2, 'no second notices');
  t.equal((await again.vault.store.call('dueDigests', clock.now))[0]?.events.length, 1, 'no second event');
  t.equal(readdirSync(join(directory, 'quarantine')).length, 1);

  for (const change of [
    { notify: false },
    { listener: 'other' },
    { envelope: { ...envelope, mailFrom: 'x@example.net' } },
  ]) {
    const result = await again.vault.hold(holdRequest(message, change));
    t.match(result, { duplicate: false }, JSON.stringify(change).slice(0, 40));
  }
  again.clock.now += 2000;
  t.match(await again.vault.hold(holdRequest(message)), { duplicate: false }, 'an hour later');
});

t.test('a repeated message whose original is gone is sealed again before it is acknowledged', async (t) => {
  const { vault, directory } = await openVault(t);
  const { id } = await vault.hold(holdRequest(message));
  rmSync(blobOf(directory, id));
  t.same(await vault.hold(holdRequest(message)), { id, duplicate: true });
  t.ok((await contentOf(vault, id)).equals(message));
  await vault.delete(id, 'test');
  t.match(await vault.hold(holdRequest(message)), { duplicate: false }, 'a deleted item keeps no promise');
});

t.test('a start puts right what a crash left behind', async (t) => {
  const first = await openVault(t);
  const { directory } = first;
  const kept = (await first.vault.hold(holdRequest(message))).id;
  const lost = (await first.vault.hold(holdRequest(Buffer.from('lost')))).id;
  const deleted = (await first.vault.hold(holdRequest(Buffer.from('deleted')))).id;
  const sealed = readFileSync(blobOf(directory, deleted));
  await first.vault.delete(deleted, 'test');
  await first.vault.close();

  const orphan = newItemId();
  writeFileSync(blobOf(directory, deleted), sealed);
  copyFileSync(blobOf(directory, kept), blobOf(directory, orphan));
  writeFileSync(`${blobOf(directory, newItemId())}.tmp`, 'half');
  rmSync(blobOf(directory, lost));

  const { vault, recovery, lines } = await openVault(t, { directory });
  t.same(recovery, { unfinishedRemoved: 1, orphansRemoved: 2, missing: [lost], leasesReleased: 0 });
  t.same(readdirSync(join(directory, 'quarantine')), [`${kept}.eml.age`]);
  t.ok((await contentOf(vault, kept)).equals(message));
  t.ok(lines.some((line) => line.level === 'error' && line.fields.item === lost));
  const { item, audit } = await vault.detail(lost);
  t.equal(item.state, 'held');
  t.equal(audit.at(-1)?.action, 'original-missing');
});

t.test('one data directory has one daemon, and the command line works beside it', async (t) => {
  const first = await openVault(t);
  const { directory } = first;
  await t.rejects(openVault(t, { directory }), { code: 'directory-locked' });
  const { id } = await first.vault.hold(holdRequest(message));
  const local = await openVault(t, { directory, local: true });
  t.equal((await local.vault.detail(id)).item.state, 'held');
  await local.vault.delete(id, 'cli:test');
  t.equal((await first.vault.detail(id)).item.state, 'deleted');
  await first.vault.close();
  await openVault(t, { directory });
});

t.test('whatever was acknowledged before a SIGKILL can be opened after the restart', async (t) => {
  const directory = testDirectory(t);
  const child = new URL('./support/holding-child.js', import.meta.url).pathname;
  const acknowledged: string[] = [];
  const rounds = 24;
  for (let round = 0; round < rounds; round += 1) {
    const process_ = spawn(process.execPath, [child, directory, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    process_.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // Each round dies after another number of acknowledgements and at another moment of the work that follows.
      if (output.split('\n').length > 2 + (round % 5)) setTimeout(() => process_.kill('SIGKILL'), (round * 7) % 45);
    });
    await once(process_, 'close');
    acknowledged.push(...output.split('\n').slice(1, -1));
  }
  t.ok(acknowledged.length >= rounds, `${acknowledged.length} acknowledged`);
  const { vault, recovery } = await openVault(t, { directory, now: Date.now() });
  t.same(recovery.missing, []);
  for (const id of acknowledged) {
    const { item, mails } = await vault.detail(id);
    t.equal(sha256Of(await contentOf(vault, id)), item.sha256);
    t.equal(mails.length, 2, 'its notices are queued');
  }
  t.equal(
    (await vault.store.call('list', undefined, 10_000)).length,
    readdirSync(join(directory, 'quarantine')).length,
  );
  t.equal(await vault.store.call('firstBrokenAudit'), undefined);
});

t.test('a full disk fails the hold and leaves nothing behind', async (t) => {
  const directory = testDirectory(t);
  const mount = join(directory, 'quarantine');
  mkdirSync(mount, { mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', mount], { stdio: 'ignore' });
  } catch {
    t.comment('no right to mount a tmpfs: the full disk was not tried');
    return;
  }
  t.teardown(() => execFileSync('umount', [mount]));
  const { vault } = await openVault(t, { directory });
  const { id } = await vault.hold(holdRequest(message));
  await t.rejects(vault.hold(holdRequest(Buffer.alloc(1_000_000, 'full '))), { code: 'seal-failed', temporary: true });
  t.same(readdirSync(mount), [`${id}.eml.age`]);
  t.equal((await vault.store.call('list', undefined, 10)).length, 1);
  t.match(await vault.hold(holdRequest(Buffer.from('small again'))), { duplicate: false }, 'it works on afterwards');
  await vault.close();
});

t.test('a database that fails takes the whole hold with it', async (t) => {
  const { vault, directory } = await openVault(t);
  await vault.hold(holdRequest(message));
  const database = new Sqlite(join(directory, 'sluice.db'));
  t.teardown(() => database.close());
  // The last table that a hold writes: everything before it must be undone.
  database.exec("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END");
  await t.rejects(vault.hold(holdRequest(Buffer.from('second'))), { code: 'store-failed', temporary: true });
  database.exec('DROP TRIGGER broken');
  t.equal(readdirSync(join(directory, 'quarantine')).length, 1);
  t.equal((await vault.store.call('listIncidents', 10)).length, 1);
  t.equal((await vault.store.call('outboxCounts')).queued, 2);
  t.match(await vault.hold(holdRequest(Buffer.from('second'))), { duplicate: false });
});

t.test('a commit whose answer was lost keeps its original', async (t) => {
  const { vault } = await openVault(t);
  const call = vault.store.call.bind(vault.store);
  vault.store.call = async (method, ...args) => {
    const value = await call(method, ...args);
    if (method === 'hold') throw new Error('the thread died');
    return value;
  };
  await t.rejects(vault.hold(holdRequest(message)), { message: 'the thread died' });
  vault.store.call = call;
  const { id, duplicate } = await vault.hold(holdRequest(message));
  t.ok(duplicate, 'the client tries again and meets the row');
  t.ok((await contentOf(vault, id)).equals(message));
});

t.test('keys are made once, kept private, and warned about when they are not', async (t) => {
  const directory = testDirectory(t);
  const warnings: string[] = [];
  const options = {
    dataDirectory: directory,
    recipients: [],
    identityFile: undefined,
    warn: (text: string) => warnings.push(text),
  };
  const made = await prepareKeys(options, 0);
  t.equal(warnings.length, 1);
  t.equal(statSync(made.identityFile ?? '').mode & 0o777, 0o600);
  t.same(await prepareKeys(options, 0), made, 'a second start uses them');
  t.equal(warnings.length, 1);
  chmodSync(made.identityFile ?? '', 0o640);
  await prepareKeys(options, 0);
  t.match(warnings[1], /chmod 600/);
  rmSync(made.identityFile ?? '');
  t.same(
    await prepareKeys(options, 0),
    { recipients: made.recipients, identityFile: undefined },
    'sealing needs no identity',
  );
  const pair = await newKeyPair(0);
  const foreign = await prepareKeys({ ...options, recipients: [pair.recipient] }, 0);
  t.same(foreign, { recipients: [pair.recipient], identityFile: undefined });
  const identityFile = join(directory, 'other.txt');
  writeFileSync(identityFile, (await newKeyPair(0)).identityText, { mode: 0o600 });
  await prepareKeys({ ...options, recipients: [pair.recipient], identityFile }, 0);
  t.match(warnings.at(-1), /belong to none of the recipients/);
  await t.rejects(prepareKeys({ ...options, recipients: ['age1nonsense'] }, 0), { code: 'key-unreadable' });
  t.ok(loadReleaseKey(directory).equals(loadReleaseKey(directory)));
  t.equal(statSync(join(directory, 'release.key')).mode & 0o777, 0o600);
});

t.test('the re-entry field vouches for these bytes, these recipients and this time only', (t) => {
  const key = Buffer.alloc(32, 7);
  const facts = {
    id: newItemId(),
    bytes: 1000,
    sha256: 'ab'.repeat(32),
    recipients: ['B@x.org', 'a@X.org'],
    expires: 5_000_000,
  };
  const claim = { bytes: 1000, sha256: facts.sha256, recipients: ['a@x.org', 'B@X.ORG'], now: 4_999_000 };
  const field = signReentry(key, facts);
  t.same(verifyReentry(key, ` ${field}`, claim), { ok: true, id: facts.id });
  const refused = (changed: Partial<typeof claim>, value = field, withKey = key) =>
    t.equal(verifyReentry(withKey, value, { ...claim, ...changed }).ok, false);
  refused({ bytes: 1001 });
  refused({ sha256: 'ac'.repeat(32) });
  refused({ recipients: ['a@x.org'] });
  refused({ recipients: ['a@x.org', 'b@x.org'] });
  refused({ recipients: ['a@x.org', 'B@x.org', 'c@x.org'] });
  refused({ now: 5_000_000 });
  refused({}, field, Buffer.alloc(32, 8));
  refused({}, '');
  refused({}, 'v=1');
  refused({}, `${field}; x=9`);
  fc.assert(
    fc.property(fc.nat(field.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      const altered = field.slice(0, at) + character + field.slice(at + 1);
      // The last character of 43 carries two unused bits: another spelling of the same MAC is the same MAC.
      const same = altered === field || (at === field.length - 1 && verifyReentry(key, altered, claim).ok);
      return same || !verifyReentry(key, altered, claim).ok;
    }),
  );
  t.end();
});

t.test('the audit table cannot be changed, and its chain shows who went around it', async (t) => {
  const { vault, directory } = await openVault(t);
  const { id } = await vault.hold(holdRequest(message));
  await vault.hold(holdRequest(Buffer.from('second')));
  await vault.delete(id, 'cli:root');
  t.equal(await vault.store.call('firstBrokenAudit'), undefined);
  await vault.close();

  const database = new Sqlite(join(directory, 'sluice.db'));
  t.teardown(() => database.close());
  for (const statement of [
    "UPDATE audit SET actor = 'nobody'",
    'DELETE FROM audit WHERE seq = 3',
    "INSERT OR REPLACE INTO audit SELECT seq, at, 'nobody', action, item, detail, previous, hash FROM audit WHERE seq = 2",
    'INSERT INTO audit SELECT seq + 5, at, actor, action, item, detail, previous, hash FROM audit WHERE seq = 2',
  ]) {
    t.throws(() => database.exec(statement), /append-only/, statement);
  }
  database.exec("DROP TRIGGER audit_never_changes; UPDATE audit SET actor = 'nobody' WHERE seq = 2");
  const local = new LocalStore(directory);
  t.equal(await local.call('firstBrokenAudit'), 2);
  await local.close();
});

t.test('retention expires items by the clock and removes their originals', async (t) => {
  const { vault, directory, clock } = await openVault(t, { policy: { retentionDays: 7 } });
  const { id: old } = await vault.hold(holdRequest(message));
  clock.now += 6 * 86_400_000;
  const { id: young } = await vault.hold(holdRequest(Buffer.from('young')));
  t.equal(await vault.sweep(), 0);
  clock.now += 86_400_000;
  t.equal(await vault.sweep(), 1);
  t.notOk(existsSync(blobOf(directory, old)));
  t.ok(existsSync(blobOf(directory, young)));
  const { item, audit } = await vault.detail(old);
  t.equal(item.state, 'expired');
  t.match(audit.at(-1), { action: 'expired', actor: 'retention' });
  await t.rejects(vault.openItem(old), { code: 'state-conflict' });
  await t.rejects(vault.release(old, 'test'), { code: 'state-conflict' });
});

t.test('deleting is idempotent and takes the original, the tokens and a waiting release with it', async (t) => {
  const { vault, directory, clock } = await openVault(t, { policy: { publicUrl: 'https://q.example.org' } });
  const { id } = await vault.hold(holdRequest(message));
  await vault.release(id, 'test');
  const ticket = await vault.release(id, 'test');
  t.equal(ticket.kind, 'queued');
  const claimed = await vault.store.call('claim', clock.now, 'somebody', 10);
  t.equal(claimed.length, 3);
  await t.rejects(vault.delete(id, 'test'), { code: 'state-conflict', temporary: true }, 'while it is being sent');
  await vault.store.call('releaseLeases', 'somebody');
  await vault.delete(id, 'cli:root');
  await vault.delete(id, 'cli:root');
  const { item, mails, audit } = await vault.detail(id);
  t.equal(item.state, 'deleted');
  t.equal(mails.find((mail) => mail.kind === 'release')?.state, 'cancelled');
  t.equal(audit.filter((row) => row.action === 'deleted').length, 1);
  t.notOk(existsSync(blobOf(directory, id)));
  await vault.close();
  const database = new Sqlite(join(directory, 'sluice.db'), { readonly: true });
  t.equal(database.prepare('SELECT count(*) AS n FROM tokens WHERE revoked IS NULL').pluck().get(), 0);
  database.close();
  await t.rejects(
    openVault(t, { directory }).then(({ vault: next }) => next.detail('../../etc/passwd')),
    { code: 'not-found' },
  );
});

t.test('a malicious message that passed is an incident without an item', async (t) => {
  const { vault } = await openVault(t);
  const { source, notify, ...request } = holdRequest(message);
  await vault.record({ ...request, action: 'warn' });
  const [incident] = await vault.store.call('listIncidents', 10);
  t.match(incident, { item: undefined, action: 'warn', threat: verdict().threat });
  const id = incident?.id ?? '';
  const changed = await vault.store.call('setIncident', id, 'acknowledged', 'looking at it', 'cli:root', 5);
  t.match(changed, { status: 'acknowledged', comments: [{ at: 5, by: 'cli:root', text: 'looking at it' }] });
  t.same((await vault.store.call('listIncidents', 10))[0], changed);
  await t.rejects(vault.store.call('setIncident', 'none', 'complete', undefined, 'x', 5), { code: 'not-found' });
  t.equal(sourceOf(message).length, source.length);
  t.ok(notify);
});
