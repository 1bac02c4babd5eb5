/**
 * What administrators see and do: lists that find everything once, strangers' strings that stay strings, acts that may
 * be repeated, and pages that are of use when there is nothing.
 */

import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import t from 'tap';
import { shareText } from '../src/portal/console/chart.js';
import { listEntries } from '../src/portal/console/list-entries.js';
import { formatKey, ListQuery } from '../src/portal/console/list-query.js';
import { sumIncidents } from '../src/quarantine/console-sums.js';
import type { Item } from '../src/quarantine/item.js';
import { newItemId } from '../src/quarantine/item.js';
import { newOwner } from '../src/quarantine/process-owner.js';
import { releaseNow } from '../src/quarantine/release.js';
import { limits } from '../src/runtime/limits.js';
import { type Browser, type ConsoleStage, cheapRecord, openConsole, password } from './support/console-stage.js';
import { Gate } from './support/gate.js';
import { holdRequest, report, verdict } from './support/held-message.js';
import { freePort } from './support/ports.js';
import { accepted, refused, routeTo, toolsOf } from './support/postman.js';
import { openVault, testDirectory } from './support/test-vault.js';

async function signedIn(stage: ConsoleStage): Promise<Browser> {
  const browser = stage.browser();
  await browser.signIn();
  await browser.get('/admin');
  return browser;
}

let messages = 0;

async function hold(stage: ConsoleStage, facts: Parameters<typeof holdRequest>[1] = {}): Promise<string> {
  messages += 1;
  stage.clock.now += 1000;
  return (await stage.vault.hold(holdRequest(Buffer.from(`From: a@example.net\r\n\r\nmessage ${messages}`), facts))).id;
}

function envelope(mailFrom: string, ...addresses: string[]): Item['envelope'] {
  const to = addresses.length === 0 ? ['anna@example.org'] : addresses;
  return { mailFrom, mailParameters: [], recipients: to.map((address) => ({ address, parameters: [] })) };
}

async function stateOf({ vault }: ConsoleStage, id: string): Promise<string> {
  return (await vault.detail(id)).item.state;
}

function links(page: string, path: string): string[] {
  return [...page.matchAll(new RegExp(`href="${path}/([a-z2-7]{26})"`, 'g'))].map(([, id]) => id ?? '');
}

function pagerLink(page: string, label: 'Newer' | 'Older'): string | undefined {
  return new RegExp(`<a href="([^"]*)">${label}</a>`).exec(page)?.[1]?.replaceAll('&amp;', '&');
}

/** Many rows at once, past the sealing of files, two of them in the same ms. */
function fill({ directory }: ConsoleStage, count: number): string[] {
  const database = new Sqlite(join(directory, 'sluice.db'));
  const columns = database.prepare("SELECT * FROM items WHERE state = 'held'").get() as Record<string, unknown>;
  const names = Object.keys(columns).filter((name) => name !== 'level');
  const insert = database.prepare(`INSERT INTO items (${names}) VALUES (${names.map((name) => `@${name}`)})`);
  const ids: string[] = [];
  database.transaction(() => {
    for (let index = 0; index < count; index += 1) {
      const id = newItemId();
      const subject = index % 500 === 0 ? `Needle ${index}` : `Message ${index}`;
      insert.run({ ...columns, id, subject, created: 1_000_000 + Math.floor(index / 2), repeat_key: id });
      ids.push(id);
    }
  })();
  database.close();
  return ids;
}

t.test('5,000 messages are all found, each once, forwards and backwards', async (t) => {
  const stage = await openConsole(t);
  const first = await hold(stage);
  const ids = new Set([first, ...fill(stage, 5000)]);
  const browser = await signedIn(stage);
  const { pageRows } = limits.console;
  const pages: string[][] = [];
  let path: string | undefined = '/admin/quarantine';
  let last = path;
  while (path !== undefined) {
    stage.clock.now += 1000;
    const { body } = await browser.get(path);
    pages.push(links(body, '/admin/quarantine'));
    last = path;
    path = pagerLink(body, 'Older');
  }
  const seen = pages.flat();
  t.equal(seen.length, ids.size);
  t.same(new Set(seen), ids);
  t.equal(pages.length, Math.ceil(ids.size / pageRows));
  t.ok(pages.slice(0, -1).every((page) => page.length === pageRows));
  const back: string[][] = [];
  for (path = last; path !== undefined; ) {
    stage.clock.now += 1000;
    const { body } = await browser.get(path);
    back.unshift(links(body, '/admin/quarantine'));
    path = pagerLink(body, 'Newer');
  }
  t.same(new Set(back.flat()), ids, 'and backwards');
  const found = await browser.get('/admin/quarantine?text=NEEDLE');
  t.equal(links(found.body, '/admin/quarantine').length, 10, 'a search looks through all of them');
  t.notMatch(found.body, 'Only a part of the list');
  const queries = `${join(stage.directory, 'sluice.db')}`;
  const plan = new Sqlite(queries)
    .prepare(
      'EXPLAIN QUERY PLAN SELECT id FROM items WHERE (created, id) < (?, ?) ORDER BY created DESC, id DESC LIMIT 50',
    )
    .all(5, 'a') as { detail: string }[];
  t.match(plan[0]?.detail, 'USING', 'by an index');
  t.notMatch(JSON.stringify(plan), 'TEMP B-TREE', 'without sorting');
});

t.test('a search for what nobody wrote ends, and says where it stopped', async (t) => {
  const stage = await openConsole(t);
  await hold(stage);
  fill(stage, 7000);
  const filter = { text: 'nothing like it' };
  const scan = await stage.vault.store.call('scanItems', filter, { towards: 'older', key: undefined }, 50);
  t.same(scan.lines, []);
  t.ok(scan.reached, 'one call looks at some rows only');
  const browser = await signedIn(stage);
  const { body } = await browser.get('/admin/quarantine?text=nothing+like+it');
  t.match(body, 'No message is like that.');
});

t.test('a search finds strings, not patterns', async (t) => {
  const stage = await openConsole(t);
  const subjects = ['100% off', 'under_score', "O'Neill", 'say "yes"', 'back\\slash', 'a.*b', '[brackets', 'Größe ÄÖ'];
  const ids = [];
  for (const subject of subjects) ids.push(await hold(stage, { report: report({ subject }) }));
  const other = await hold(stage, { envelope: envelope('odd@sub.example.net', 'zed@example.org') });
  const browser = await signedIn(stage);
  const find = async (text: string) => {
    stage.clock.now += 1000;
    const { body, statusCode } = await browser.get(`/admin/quarantine?${new URLSearchParams({ text })}`);
    t.equal(statusCode, 200, text);
    return links(body, '/admin/quarantine');
  };
  for (const [index, subject] of subjects.entries()) t.same(await find(subject), [ids[index]], subject);
  t.same(await find('%'), [ids[0]], 'a sign of patterns is itself');
  t.same(await find('_'), [ids[1]]);
  t.same(await find("'"), [ids[2]]);
  t.same(await find('.*'), [ids[5]]);
  t.same(await find('größe äö'), [ids[7]], 'in whatever case');
  t.same(await find("' OR 1=1 --"), []);
  t.same(await find('recipients'), [], 'how it is stored is not found');
  t.same(await find('odd@SUB'), [other]);
  t.same(await find('zed@'), [other]);
  t.same(await find(other), [other]);
  t.equal((await find('2'.repeat(64))).length, subjects.length + 1, 'by the digest of an attachment');
  t.equal((await find('INVOICE.zip')).length, subjects.length + 1, 'and by its name');
  const { sha256 } = (await stage.vault.detail(other)).item;
  t.same(await find(sha256), [other], 'and by that of the message');
});

t.test('filters', async (t) => {
  const stage = await openConsole(t);
  const high = await hold(stage, { verdict: verdict({ threatLevel: 9 }) });
  const low = await hold(stage, { verdict: verdict({ threatLevel: 2 }), protocol: 'imap' });
  await stage.vault.delete(low, 'cli:test');
  stage.clock.now += 13 * 3_600_000;
  const fresh = await hold(stage, { verdict: verdict({ threatLevel: 5 }) });
  const browser = await signedIn(stage);
  const find = async (query: string) => {
    stage.clock.now += 1000;
    return links((await browser.get(`/admin/quarantine?${query}`)).body, '/admin/quarantine');
  };
  t.same(await find('level=7'), [high]);
  t.same(await find('level=4'), [fresh, high]);
  t.same(await find('protocol=imap'), [low]);
  t.same(await find('state=deleted'), [low]);
  t.same(await find('time=12h'), [fresh]);
  t.same(
    await find('state=nonsense&level=99&time=1y&protocol=x&before=zz&after=1.1.1'),
    [fresh, low, high],
    'what is not understood is not said',
  );
  t.match((await browser.get('/admin/quarantine?state=expired')).body, 'No message is like that.');
});

t.test('a release that some have got is told in the list as on the page of the message', async (t) => {
  const stage = await openConsole(t);
  const two = { envelope: envelope('x@example.net', 'anna@example.org', 'carl@example.org') };
  const part = await hold(stage, two);
  const whole = await hold(stage, two);
  const held = await hold(stage, two);
  let refuses = true;
  const tools = toolsOf(
    stage,
    async ({ recipients }) =>
      recipients.map(({ address }) =>
        refuses && address.startsWith('carl') ? refused(address, 550) : accepted(address),
      ),
    routeTo(1),
  );
  const release = (id: string) => releaseNow(id, 'cli:test', newOwner(), tools, new AbortController().signal);
  await release(part);
  refuses = false;
  await release(whole);
  const browser = await signedIn(stage);
  const words = '1 of 2 recipients have got it';
  const get = async (path: string) => {
    stage.clock.now += 1000;
    return (await browser.get(path)).body;
  };
  const find = async (query: string) => links(await get(`/admin/quarantine?${query}`), '/admin/quarantine');
  t.match(await get(`/admin/quarantine/${part}`), words);
  const list = await get('/admin/quarantine');
  t.equal(list.split(words).length, 2, 'once');
  t.match(list, /<option value="partly-released">Released to some<\/option>/);
  t.same(await find('state=partly-released'), [part]);
  t.same(await find('state=held'), [held, part], 'it is held, too');
  t.same(await find('state=released'), [whole]);
  await stage.vault.delete(part, 'cli:test');
  t.match(await get('/admin/quarantine?state=partly-released'), words, 'also when the original is gone');
  const page = await get(`/admin/quarantine/${part}`);
  t.match(page, `${words}.`);
  t.notMatch(page, 'A release goes only to', 'there is none any more');
});

t.test('addresses of lists keep what was asked for, and bound it', async (t) => {
  const query = new ListQuery('/admin/quarantine?text=a+b&state=held&before=5.abc&told=x');
  t.equal(query.with({ before: '7.abc' }), '/admin/quarantine?text=a+b&state=held&before=7.abc');
  t.equal(query.with({ text: '' }), '/admin/quarantine?state=held');
  t.same(query.cursor, { towards: 'older', key: { at: 5, id: 'abc' } });
  t.equal(formatKey({ at: 5, id: '' }), '5');
  t.equal(new ListQuery(`/a?text=${'x'.repeat(9999)}`).text('text').length, limits.console.searchCharacters);
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, value) => {
      const address = `/admin/quarantine?${new URLSearchParams({ [name]: value, before: value })}`;
      const { key } = new ListQuery(address).cursor;
      return key === undefined || (Number.isSafeInteger(key.at) && /^[a-z2-7]*$/.test(key.id));
    }),
  );
});

const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  `' onmouseover='alert(1)`,
  '</td></tr></table><form action=https://evil.example>',
  '&lt;b&gt;',
  '\u202egpj.exe',
  '\ud800<svg/onload=alert(1)>',
  'a\r\nSet-Cookie: x=1',
  '{{7*7}}',
  'javascript:alert(1)',
];

/** Everything in a page that a browser takes for markup. */
function tagNames(page: string): Set<string> {
  return new Set([...page.matchAll(/<\/?([a-zA-Z!][^\s>/]*)/g)].map(([, name]) => (name ?? '').toLowerCase()));
}

t.test('no string of a mail becomes markup on any page', async (t) => {
  const stage = await openConsole(t);
  const { store } = stage.vault;
  const calm = await hold(stage, { report: report({ parts: report().parts }) });
  const browser = await signedIn(stage);
  const paths = (id: string) => [
    '/admin',
    '/admin/quarantine',
    `/admin/quarantine/${id}`,
    `/admin/quarantine/${id}/delete`,
    '/admin/incidents',
    `/admin/incidents/${id}`,
    '/admin/audit',
    '/admin/health',
    `/admin/quarantine?text=${encodeURIComponent('"><script>alert(1)</script>')}&state="><script>`,
    `/admin/incidents?text=${encodeURIComponent('"><script>alert(1)</script>')}`,
    `/admin/audit?actor=${encodeURIComponent('"><script>alert(1)</script>')}&item=<script>`,
  ];
  const names = async (id: string) => {
    const all = new Set<string>();
    for (const path of paths(id)) {
      stage.clock.now += 1000;
      const { statusCode, body, headers } = await browser.get(path);
      t.equal(statusCode, 200, path);
      t.notOk(headers['set-cookie'], 'no field of the answer is of a mail');
      for (const name of tagNames(body)) all.add(name);
      t.notMatch(body, /<[^>]*\son\w+=/i, `${path}: no handler`);
      t.notMatch(body, /<script|<img|<svg\/|javascript:[^<]*"/i, path);
      t.notMatch(body, '\u202e', 'and none turns its neighbours around');
    }
    return all;
  };
  await store.call('setIncident', calm, undefined, 'calm', 'console:root', stage.clock.now);
  const before = await names(calm);
  for (const evil of hostile) {
    const parts = report().parts.map((part) => ({ ...part, names: [evil], detectedType: evil }));
    const id = await hold(stage, {
      envelope: envelope(`${evil}@example.net`, evil, `${evil}@example.org`),
      verdict: verdict({ threat: evil, reasons: [{ code: 'unscannable', detail: evil }] }),
      report: report({ subject: evil, from: evil, messageId: evil, date: evil, parts }),
      listener: evil,
      clientAddress: evil,
    });
    await store.call('setIncident', id, 'in_progress', evil, `console:${evil}`, stage.clock.now);
    await store.call('audit', { at: stage.clock.now, actor: evil, action: evil, item: evil, detail: { [evil]: evil } });
    for (const name of await names(id)) t.ok(before.has(name) || ['ol', 'a'].includes(name), `no new element: ${name}`);
  }
});

t.test('one message: what can be done, and what came of it', async (t) => {
  const stage = await openConsole(t);
  const id = await hold(stage);
  const browser = await signedIn(stage);
  const path = `/admin/quarantine/${id}`;
  const page = await browser.get(path);
  for (const words of [
    'bob@example.net',
    'carl@example.org',
    'EICAR-Test-File',
    'reaches the threshold of 7',
    'Notice to',
    'message ',
    'Withheld',
  ]) {
    t.match(page.body, words);
  }
  t.match(page.headers['content-security-policy'], "frame-src 'self'");
  t.notMatch(page.body, 'Deny the request', 'nobody asked for it');
  const order = await browser.post(`${path}/release`, { as: 'original' });
  t.equal(order.statusCode, 303);
  t.match((await browser.get(String(order.headers.location))).body, 'The release is under way.');
  t.match((await browser.get(path)).body, 'Look again');
  await browser.post(`${path}/release`, { as: 'original' });
  const { mails } = await stage.vault.detail(id);
  t.equal(mails.filter(({ kind }) => kind === 'release').length, 1, 'asked twice, it is done once');
  const question = await browser.get(`${path}/delete`);
  t.match(question.body, 'destroyed for all its recipients');
  t.equal(await stateOf(stage, id), 'held', 'looking at the question deletes nothing');
  const gone = await browser.post(`${path}/delete`);
  t.match((await browser.get(String(gone.headers.location))).body, 'The message is deleted for all its recipients.');
  t.equal(await stateOf(stage, id), 'deleted');
  const late = await browser.post(`${path}/release`);
  const told = await browser.get(String(late.headers.location));
  t.match(told.body, /class="flash failed"/);
  t.match(told.body, 'its content is gone');
  t.equal((await browser.post(`${path}/sealed`)).statusCode, 409);
  const { audit } = await stage.vault.detail(id);
  t.same(
    audit.filter(({ actor }) => actor === 'console:root').map(({ action }) => action),
    ['release', 'deleted'],
  );
  for (const nobody of ['a'.repeat(26), 'x', '..%2f..%2fetc', `${id}x`]) {
    t.equal((await browser.get(`/admin/quarantine/${nobody}`)).statusCode, 404, nobody);
    t.equal((await browser.post(`/admin/quarantine/${nobody}/delete`)).statusCode, 404, nobody);
  }
});

t.test('a request is denied with a reason, once', async (t) => {
  const stage = await openConsole(t);
  const id = await hold(stage);
  const mails = await stage.vault.store.call('claim', stage.clock.now, 'test', 20);
  const text = Buffer.from(mails[0]?.message ?? [])
    .toString('latin1')
    .replace(/=\r\n/g, '');
  await stage.vault.requestRelease(/\/q\/([\w-]{32})/.exec(text)?.[1] ?? '');
  const browser = await signedIn(stage);
  t.match((await browser.get('/admin')).body, 'Somebody asks for these (1)');
  const path = `/admin/quarantine/${id}`;
  t.match((await browser.get(path)).body, 'asked for the release on');
  const denied = await browser.post(`${path}/deny`, { reason: 'It is <b>malware</b>.' });
  const page = await browser.get(String(denied.headers.location));
  t.match(page.body, 'The request is denied.');
  t.match(page.body, 'It is &lt;b>malware&lt;/b>.');
  t.equal(await stateOf(stage, id), 'request-denied');
  const again = await browser.post(`${path}/deny`, { reason: '' });
  t.match((await browser.get(String(again.headers.location))).body, 'was denied before');
});

t.test('the sealed original is given out as a file, and that is recorded', async (t) => {
  const stage = await openConsole(t);
  const id = await hold(stage);
  const browser = await signedIn(stage);
  const answer = await browser.post(`/admin/quarantine/${id}/sealed`);
  t.equal(answer.statusCode, 200);
  t.match(answer.headers, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${id}.eml.age"`,
    'x-content-type-options': 'nosniff',
  });
  t.match(answer.rawPayload.toString('latin1', 0, 22), 'age-encryption.org/v1');
  t.equal(Number(answer.headers['content-length']), answer.rawPayload.length);
  t.equal((await browser.get(`/admin/quarantine/${id}/sealed`)).statusCode, 405);
  const { audit } = await stage.vault.detail(id);
  t.match(audit.at(-1), { actor: 'console:root', action: 'exported-sealed' });
});

t.test('several messages at once', async (t) => {
  const stage = await openConsole(t);
  const ids = [await hold(stage), await hold(stage, { protocol: 'imap' }), await hold(stage)];
  await stage.vault.delete(ids[2] ?? '', 'cli:test');
  const browser = await signedIn(stage);
  const act = async (fields: Readonly<Record<string, string | string[]>>) => {
    const answer = await browser.post('/admin/quarantine/act', fields);
    return answer.statusCode === 303 ? (await browser.get(String(answer.headers.location))).body : answer.body;
  };
  t.match(await act({ do: 'release' }), 'No message was selected.');
  const told = await act({ do: 'release', id: [...ids, ids[0] ?? ''] });
  t.match(told, 'The release of 1 message is under way. 1 message is released. 1 message could not be');
  const question = await act({ do: 'delete', id: ids });
  t.match(question, 'Delete 3 messages?');
  t.equal(await stateOf(stage, ids[0] ?? ''), 'held', 'nothing is deleted without a second look');
  t.match(await act({ do: 'delete', id: ids, sure: 'yes' }), '3 messages are deleted.');
  for (const id of ids) t.equal(await stateOf(stage, id), 'deleted');
  const many = Array.from({ length: limits.console.bulkMax + 1 }, () => newItemId());
  t.equal((await browser.post('/admin/quarantine/act', { do: 'release', id: many })).statusCode, 400);
  t.equal((await browser.post('/admin/quarantine/act', { do: 'burn', id: ids })).statusCode, 400);
  t.match(await act({ do: 'release', id: ['../../etc/passwd', '<b>'] }), 'No message was selected.');
  const elsewhere = await browser.post('/admin/quarantine/act', { do: 'release', back: 'https://evil.example' });
  t.match(elsewhere.headers.location, /^\/admin\/quarantine\?told=/);
});

t.test('what was done is told to whoever did it, on the page after it', async (t) => {
  const stage = await openConsole(t);
  const browser = await signedIn(stage);
  const answer = await browser.post('/admin/quarantine/act', { do: 'release' });
  const page = String(answer.headers.location);
  t.match((await browser.get(page)).body, 'class="flash failed" role="status"');
  const other = await signedIn(stage);
  t.notMatch((await other.get(page)).body, 'class="flash', 'and to nobody else');
  stage.clock.now += limits.console.flashMs;
  t.notMatch((await browser.get(page)).body, 'class="flash', 'and not for ever');
  t.notMatch((await browser.get('/admin?told=Give+me+your+password')).body, 'Give me your password');
});

t.test('incidents: status and comments', async (t) => {
  const stage = await openConsole(t);
  const id = await hold(stage);
  const second = await hold(stage, { verdict: verdict({ threat: 'Other' }) });
  const browser = await signedIn(stage);
  const list = await browser.get('/admin/incidents');
  t.same(links(list.body, '/admin/incidents'), [second, id]);
  const path = `/admin/incidents/${id}`;
  const changed = await browser.post(path, { status: 'in_progress', comment: 'Called Anna.\nShe <i>waits</i>.' });
  const page = await browser.get(String(changed.headers.location));
  t.match(page.body, 'The status is now “In progress”. Your comment was added.');
  t.match(page.body, 'Called Anna.\nShe &lt;i>waits&lt;/i>.');
  t.match(page.body, 'console:root');
  const idle = await browser.post(path, { status: 'in_progress', comment: '  ' });
  t.match((await browser.get(String(idle.headers.location))).body, 'Nothing was changed');
  await browser.post(path, { status: 'nonsense', comment: 'x'.repeat(limits.console.commentCharacters + 5) });
  const incident = await stage.vault.store.call('incident', id);
  t.equal(incident?.status, 'in_progress');
  t.equal(incident?.comments.at(-1)?.text.length, limits.console.commentCharacters);
  const bulk = await browser.post('/admin/incidents/status', { status: 'complete', id: [id, second, newItemId()] });
  t.match(
    (await browser.get(String(bulk.headers.location))).body,
    '2 incidents set to “Complete”. 1 incident could not be found.',
  );
  t.same(links((await browser.get('/admin/incidents?status=new')).body, '/admin/incidents'), []);
  t.same(links((await browser.get('/admin/incidents?text=other')).body, '/admin/incidents'), [second]);
  t.equal((await browser.post('/admin/incidents/status', { status: 'x', id })).statusCode, 400);
  t.equal((await browser.get(`/admin/incidents/${newItemId()}`)).statusCode, 404);
  t.equal((await browser.post(`/admin/incidents/${newItemId()}`, { comment: 'x' })).statusCode, 404);
});

t.test('the audit log shows who did what, and whether anybody altered it', async (t) => {
  const stage = await openConsole(t);
  const id = await hold(stage);
  await hold(stage);
  await stage.vault.delete(id, 'cli:test');
  const browser = await signedIn(stage);
  const page = await browser.get('/admin/audit');
  t.match(page.body, 'Nobody altered it: each of the 4 rows vouches');
  for (const words of ['cli:test', 'console:root', 'Withheld', 'Deleted', 'Signed in']) t.match(page.body, words);
  const rows = (body: string) => (body.match(/<tr>/g) ?? []).length - 1;
  t.equal(rows((await browser.get(`/admin/audit?item=${id}`)).body), 2);
  t.equal(rows((await browser.get('/admin/audit?actor=CLI:')).body), 1);
  t.equal(rows((await browser.get('/admin/audit?action=held')).body), 2);
  const database = new Sqlite(join(stage.directory, 'sluice.db'));
  database.exec('DROP TRIGGER audit_never_changes');
  database.prepare("UPDATE audit SET actor = 'nobody' WHERE seq = 2").run();
  database.close();
  t.match((await browser.get('/admin/audit')).body, 'Nobody altered it', 'a check is believed for a while');
  stage.clock.now += limits.console.auditCheckedMs;
  t.match((await browser.get('/admin/audit')).body, 'The log was altered: row 2 does not follow');
});

t.test('every page is of use when there is nothing', async (t) => {
  const stage = await openConsole(t);
  const browser = await signedIn(stage);
  const words = {
    '/admin': ['No mail was scanned in the last 24 hours.', 'None in the last 24 hours.', 'Backend clamd is down'],
    '/admin?time=30d': ['No mail was scanned in the last 30 days.'],
    '/admin/quarantine': ['Nothing is held.'],
    '/admin/incidents': ['There are no incidents.'],
    '/admin/audit': ['Signed in'],
    '/admin/health': [
      'connect ECONNREFUSED',
      'Every mail that was tried was taken.',
      '127.0.0.1:2525',
      '40.0 GB of 100.0 GB',
    ],
  };
  for (const [path, expected] of Object.entries(words)) {
    const { statusCode, body } = await browser.get(path);
    t.equal(statusCode, 200, path);
    for (const one of expected) t.match(body, one);
    t.equal((body.match(/<h1>/g) ?? []).length, 1);
    t.notMatch(body, /undefined|NaN|\[object/, path);
  }
});

t.test('the overview adds up', async (t) => {
  const stage = await openConsole(t);
  const at = stage.clock.now - (stage.clock.now % 600_000);
  const { store } = stage.vault;
  await store.call('addCounts', at, {
    'smtp.email-scanned': 1200,
    'smtp.email-permitted': 1100,
    'smtp.email-quarantined': 90,
  });
  await store.call('addCounts', at, {
    'smtp.deferred': 10,
    'imap.email-scanned': 34,
    'imap.email-blocked': 34,
    'odd.name': 5,
  });
  await store.call('addCounts', at - 20 * 86_400_000, { 'smtp.email-scanned': 5000, 'smtp.email-permitted': 5000 });
  for (let index = 0; index < 3; index += 1)
    await hold(stage, { envelope: envelope('bob@example.net', 'Anna@example.org') });
  const browser = await signedIn(stage);
  const { body } = await browser.get('/admin?time=12h');
  t.match(body, '1,234');
  t.match(body, '1,100 (89%)');
  t.match(body, '124 (10%)', 'what was withheld, over both protocols');
  t.match(body, 'anna@example.org');
  t.match(body, '3 incidents');
  t.match(body, /<svg class="chart wide"[^>]*role="img" aria-labelledby="mails-wide-title mails-wide-text"/);
  t.match(body, '<title id="mails-wide-title">Mails scanned</title>');
  t.match(body, 'The same as a table');
  t.notMatch(body, /\sstyle="/, 'the policy of the page allows no style of an element');
  t.match((await browser.get('/admin?time=30d')).body, '6,234');
  t.match((await browser.get('/admin?time=nonsense')).body, '1,234');
  t.equal(shareText(0, 0), '0%');
  t.equal(shareText(1, 100_000), 'less than 0.1%');
});

t.test('sums of incidents', async (t) => {
  const row = {
    action: 'block',
    level: 9,
    threat: 'X',
    source: 'A@x',
    targets: '["B@y","c@y"]',
    state: 'held',
  } as const;
  const rows = [
    { ...row, at: 95 },
    { ...row, at: 60, state: 'released' } as const,
    { ...row, at: 50, state: null, threat: '', source: 'a@X' },
  ];
  const sums = sumIncidents(rows, { from: 0, to: 100, stepMs: 50, max: 10 });
  t.same(sums.steps, [
    { at: 0, held: 0, released: 0, passed: 0 },
    { at: 50, held: 1, released: 1, passed: 1 },
  ]);
  t.same(sums.senders, [{ name: 'a@x', count: 3 }]);
  t.same(sums.threats, [{ name: 'X', count: 2 }]);
  t.same(sums.targets, [
    { name: 'b@y', count: 3 },
    { name: 'c@y', count: 3 },
  ]);
  t.match(sumIncidents(rows, { from: 0, to: 100, stepMs: 50, max: 2 }), { count: 2, truncated: true });
});

t.test('what can be put into a list is what the sender is, never what he wants', async (t) => {
  const entries = (mailFrom: string) => listEntries({ envelope: envelope(mailFrom) }).map(({ entry }) => entry);
  t.same(entries('bob@example.net'), ['bob@example.net', '*@example.net']);
  t.same(entries(''), []);
  t.same(entries('*@example.net'), ['*@example.net'], 'an address that looks like an entry gives no address');
  t.same(entries('bob@*.net'), []);
  t.same(entries('@example.net'), []);
});

/** One request as a browser on this machine would send it. */
function ask(port: number, method: string, path: string, headers: Readonly<Record<string, string>> = {}, body = '') {
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>>; body: string }>(
    (resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          });
        });
      });
      request.on('error', reject);
      request.end(body);
    },
  );
}

function cookiesOf(headers: Readonly<Record<string, unknown>>): string {
  const fields = headers['set-cookie'];
  return (Array.isArray(fields) ? fields : []).map((field) => String(field).split(';')[0]).join('; ');
}

t.test('a running gate has the pages, on a port of their own where that is wanted', async (t) => {
  const folder = testDirectory(t);
  const passwordFile = join(folder, 'root.password');
  writeFileSync(passwordFile, cheapRecord(password), { mode: 0o600 });
  const [port, adminPort] = [await freePort(), await freePort()];
  const portal = {
    listen: `127.0.0.1:${port}`,
    adminListen: `127.0.0.1:${adminPort}`,
    publicUrl: `http://127.0.0.1:${port}`,
    administrators: [{ name: 'root', passwordFile }],
  };
  const gate = await Gate.start({ config: { portal } });
  t.teardown(() => gate.stop());
  t.equal((await ask(port, 'GET', '/admin')).status, 404, 'recipients have no such pages');
  t.equal((await ask(adminPort, 'GET', '/admin')).status, 303);
  const form = await ask(adminPort, 'GET', '/admin/sign-in');
  const csrf = /name="csrf" value="([\w-]+)"/.exec(form.body)?.[1] ?? '';
  const type = { 'content-type': 'application/x-www-form-urlencoded', origin: `http://127.0.0.1:${adminPort}` };
  const fields = new URLSearchParams({ csrf, name: 'root', password }).toString();
  const inside = await ask(adminPort, 'POST', '/admin/sign-in', { ...type, cookie: cookiesOf(form.headers) }, fields);
  t.equal(inside.status, 303);
  const cookie = cookiesOf(inside.headers);
  for (const path of [
    '/admin',
    '/admin/quarantine',
    '/admin/incidents',
    '/admin/audit',
    '/admin/lists',
    '/admin/settings',
  ]) {
    t.equal((await ask(adminPort, 'GET', path, { cookie })).status, 200, path);
  }
  const health = await ask(adminPort, 'GET', '/admin/health', { cookie });
  for (const words of ['embedded', `127.0.0.1:${gate.port}`, 'as it was read at the start', 'Node.js', 'Database']) {
    t.match(health.body, words);
  }
  t.equal((await ask(adminPort, 'GET', '/admin/audit')).status, 303, 'not without the cookie');
  t.notOk(gate.output.includes(password));
  t.notOk(gate.output.includes(/sluice=([\w-]{43})/.exec(cookie)?.[1] ?? 'none'), 'no secret is in the log');
});

t.test('a list can be changed from the page of a message', async (t) => {
  const saved: unknown[] = [];
  const { directory } = await openVault(t);
  const file = join(directory, 'sluice.yaml');
  writeFileSync(
    file,
    'smtp:\n  listeners:\n    - { listen: 127.0.0.1:2525, localDomains: [a.example], upstream: { host: mx } }\n',
  );
  const live = {
    started: { file },
    snapshot: {},
    lastReload: undefined,
    reload: async () => {
      saved.push('reload');
      return { applied: true, problems: [], restartKeys: [] };
    },
  } as unknown as NonNullable<ConsoleStage['options']['live']>;
  const stage = await openConsole(t, { options: { live } });
  const id = await hold(stage);
  const browser = await signedIn(stage);
  const path = `/admin/quarantine/${id}`;
  t.match((await browser.get(path)).body, 'Block everybody at example.net');
  const answer = await browser.post(`${path}/list`, { list: 'block', entry: '*@example.net' });
  t.match((await browser.get(String(answer.headers.location))).body, 'Saved: lists.block.');
  const { readFileSync } = await import('node:fs');
  t.match(readFileSync(file, 'utf8'), '*@example.net');
  t.same(saved, ['reload']);
  t.equal((await browser.post(`${path}/list`, { list: 'allow', entry: '*@victim.example' })).statusCode, 400);
  t.equal((await browser.post(`${path}/list`, { list: 'allowFiles', entry: 'bob@example.net' })).statusCode, 400);
});
