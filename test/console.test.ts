/**
 * Who gets in to the administrators' pages and for how long: the sign-in, its sessions, what a stranger can try, and
 * that no address behind it answers him.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadConfig } from '../src/config/load.js';
import { formatPasswordRecord, parsePasswordRecord } from '../src/config/password-record.js';
import { KnownBrowsers } from '../src/portal/console/known-browser.js';
import { nextPage } from '../src/portal/console/next-page.js';
import { dummyRecord, newPasswordRecord, PasswordChecks, passwordFault } from '../src/portal/console/password.js';
import { signInDelayMs } from '../src/quarantine/session-store.js';
import { limits } from '../src/runtime/limits.js';
import { type ConsoleStage, cheapRecord, openConsole, password } from './support/console-stage.js';
import { holdRequest } from './support/held-message.js';
import { fillIn, portalRoutes } from './support/portal-routes.js';
import { testDirectory } from './support/test-vault.js';

const { failuresFree, delayFirstMs, delayMaxMs, sessionIdleMs, sessionMaxMs, sessionsMax } = limits.console;

async function actions({ vault }: ConsoleStage): Promise<string[]> {
  const { lines } = await vault.store.call('scanAudit', {}, { towards: 'newer', key: undefined }, 1000);
  return lines.map(({ actor, action }) => `${actor} ${action}`);
}

t.test('an administrator signs in, and out again', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  const away = await browser.get('/admin/quarantine?state=held');
  t.equal(away.statusCode, 303);
  t.equal(away.headers.location, '/admin/sign-in?next=%2Fadmin%2Fquarantine%3Fstate%3Dheld');
  const page = await browser.get(String(away.headers.location));
  t.equal(page.statusCode, 200);
  t.match(page.body, 'value="/admin/quarantine?state=held"');
  t.match(page.body, 'autocomplete="current-password"');
  const inside = await browser.post('/admin/sign-in', { name: 'ROOT', password, next: '/admin/quarantine?state=held' });
  t.equal(inside.statusCode, 303, 'the name in whatever case');
  t.equal(inside.headers.location, '/admin/quarantine?state=held');
  const home = await browser.get('/admin');
  t.equal(home.statusCode, 200);
  t.match(home.body, '<bdi>root</bdi>');
  t.equal((await browser.get('/admin/sign-in')).statusCode, 303, 'who is in needs no form');
  t.equal((await browser.get('/admin/sign-out')).statusCode, 405, 'a link signs nobody out');
  const session = browser.cookies.get('sluice') ?? '';
  const out = await browser.post('/admin/sign-out');
  t.equal(out.headers.location, '/admin/sign-in?why=out');
  t.notOk(browser.cookies.has('sluice'), 'the cookie is gone');
  browser.cookies.set('sluice', session);
  t.equal((await browser.get('/admin')).statusCode, 303, 'and its secret opens nothing any more');
  t.same(await actions(stage), ['console:root sign-in', 'console:root sign-out']);
});

t.test('cookies cannot be read by scripts, sent by other sites, or set by neighbours', async (t) => {
  const plain = await openConsole(t);
  const inside = await plain.browser().signIn();
  const [session] = inside.cookies.filter(({ name }) => name === 'sluice');
  t.match(session, { httpOnly: true, sameSite: 'Strict', path: '/admin' });
  t.notOk(session?.maxAge ?? session?.expires, 'it ends with the browser');
  const secure = await openConsole(t, { url: 'https://gate.example.org' });
  const cookies = (await secure.browser().signIn()).cookies.filter(({ value }) => value !== '');
  t.same(cookies.map(({ name }) => name).sort(), ['__Host-sluice', '__Host-sluice-known']);
  for (const cookie of cookies) {
    t.match(cookie, { httpOnly: true, sameSite: 'Strict', secure: true, path: '/' }, cookie.name);
    t.notOk(cookie.domain, 'the prefix allows no domain');
  }
});

t.test('where a sign-in leads to is a page of ours', async (t) => {
  for (const good of ['/admin', '/admin/quarantine', '/admin/quarantine?state=held&text=a%20b', '/admin/items/abc']) {
    t.equal(nextPage(good), good);
  }
  for (const bad of [
    null,
    '',
    '/',
    '/q/token',
    '/adminx',
    'https://evil.example/admin',
    '//evil.example/admin',
    '/admin//evil.example',
    '/admin/../q/x',
    '/admin/%2e%2e/q',
    '/admin/%2fevil',
    '/admin\\evil',
    '/admin/\r\nSet-Cookie: a=b',
    '/admin/%0d%0aSet-Cookie:a=b',
    'javascript:alert(1)',
    '/admin/sign-out',
    '/admin/sign-in?next=/admin',
    `/admin/${'a'.repeat(limits.console.nextCharacters)}`,
  ]) {
    t.equal(nextPage(bad), '/admin', String(bad).slice(0, 40));
  }
  const stage = await openConsole(t);
  const inside = await stage.browser().signIn('root', password, 'https://evil.example/');
  t.equal(inside.headers.location, '/admin');
});

t.test('a session that somebody else prepared leads nowhere', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  const planted = 'A'.repeat(43);
  browser.cookies.set('sluice', planted);
  await browser.signIn();
  const first = browser.cookies.get('sluice') ?? '';
  t.not(first, planted, 'the secret is new at the sign-in');
  const thief = stage.browser();
  thief.cookies.set('sluice', planted);
  t.equal((await thief.get('/admin')).statusCode, 303);
  const again = stage.browser();
  await again.get('/admin/sign-in');
  again.cookies.set('sluice', first);
  await again.post('/admin/sign-in', { name: 'second', password });
  t.not(again.cookies.get('sluice'), first);
  t.equal((await browser.get('/admin')).statusCode, 303, 'the session that was there before the sign-in is over');
});

t.test('only digests of sessions are kept', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  await browser.signIn();
  const secret = browser.cookies.get('sluice') ?? 'none';
  const files = readdirSync(stage.directory).filter((name) => name.startsWith('sluice.db'));
  const content = Buffer.concat(files.map((name) => readFileSync(join(stage.directory, name))));
  t.notOk(content.includes(secret), 'the secret is nowhere in the database');
  t.notOk(content.includes(Buffer.from(secret, 'base64url')));
  t.notOk(content.includes(password));
  t.notOk(JSON.stringify(stage.lines).includes(secret), 'nor in the log');
});

t.test('a session ends when nobody uses it, and when it is old', async (t) => {
  const stage = await openConsole(t);
  const idle = stage.browser();
  await idle.signIn();
  stage.clock.now += sessionIdleMs - 1;
  t.equal((await idle.get('/admin')).statusCode, 200, 'a request keeps it');
  stage.clock.now += sessionIdleMs - 1;
  t.equal((await idle.get('/admin')).statusCode, 200);
  stage.clock.now += sessionIdleMs;
  t.equal((await idle.get('/admin')).statusCode, 303, 'half an hour without one ends it');
  const busy = stage.browser();
  await busy.signIn();
  const begun = stage.clock.now;
  while (stage.clock.now + sessionIdleMs / 2 < begun + sessionMaxMs) {
    stage.clock.now += sessionIdleMs / 2;
    if ((await busy.get('/admin/health')).statusCode !== 200) break;
  }
  t.ok(stage.clock.now > begun + sessionMaxMs - sessionIdleMs, 'a busy one lives half a day');
  stage.clock.now = begun + sessionMaxMs;
  t.equal((await busy.get('/admin')).statusCode, 303, 'and no longer');
});

t.test('another password, or none any more, ends every session at once', async (t) => {
  const stage = await openConsole(t);
  const [root, second] = [stage.browser(), stage.browser()];
  await root.signIn();
  await second.signIn('second');
  const [account] = stage.accounts;
  writeFileSync(account?.passwordFile ?? '', cheapRecord('another password entirely'));
  t.equal((await root.get('/admin')).statusCode, 303);
  t.equal((await second.get('/admin')).statusCode, 200, 'that of another administrator goes on');
  stage.accounts.length = 1;
  t.equal((await second.get('/admin')).statusCode, 303, 'who is taken out of the configuration is out');
  stage.accounts.length = 0;
  for (const path of ['/admin', '/admin/sign-in', '/admin/quarantine']) {
    t.equal((await second.get(path)).statusCode, 404, `${path}: without administrators there are no pages`);
  }
});

t.test('an administrator has so many sessions, and the oldest goes', async (t) => {
  const stage = await openConsole(t);
  const browsers = Array.from({ length: sessionsMax + 1 }, () => stage.browser());
  for (const browser of browsers) {
    stage.clock.now += 1000;
    await browser.signIn();
  }
  const answers = [];
  for (const browser of browsers) answers.push((await browser.get('/admin/audit')).statusCode);
  t.same(answers, [303, ...Array.from({ length: sessionsMax }, () => 200)]);
});

/** The page without what differs between two visits anyway. */
function bare(page: string): string {
  return page.replace(/(name="csrf" value)="[^"]*"/, '$1').replace(/(id="name"[^>]*value)="[^"]*"/, '$1');
}

t.test('a stranger does not learn which accounts there are', async (t) => {
  const stage = await openConsole(t);
  const known = await stage.browser('192.0.2.1').signIn('root', 'wrong password');
  const unknown = await stage.browser('192.0.2.2').signIn('nobody', 'wrong password');
  t.equal(known.statusCode, 403);
  t.equal(unknown.statusCode, 403);
  t.equal(bare(known.body), bare(unknown.body));
  t.same(Object.keys(known.headers), Object.keys(unknown.headers));
  t.same(await actions(stage), ['console:root sign-in-failed', 'console sign-in-failed']);
  const odd = await stage.browser('192.0.2.3').signIn('mypassword-in-the-wrong-field', 'x');
  t.equal(odd.statusCode, 403);
  const { lines } = await stage.vault.store.call('scanAudit', {}, { towards: 'older', key: undefined }, 10);
  t.notOk(JSON.stringify([lines, stage.lines]).includes('mypassword'), 'a name that nobody has is written nowhere');
  const file = stage.accounts[0]?.passwordFile ?? '';
  writeFileSync(file, 'correct horse battery');
  const plain = await stage.browser('192.0.2.4').signIn();
  t.equal(plain.statusCode, 403, 'a file with a password in clear opens nothing');
  const record = parsePasswordRecord(cheapRecord('x'));
  t.match(dummyRecord(record), { ln: record?.ln, r: record?.r, p: record?.p }, 'who is not there costs as much');
});

t.test('wrong passwords cost time, the same for every name', async (t) => {
  const stage = await openConsole(t);
  for (const name of ['root', 'nobody']) {
    const statuses = [];
    for (let attempt = 0; attempt <= failuresFree; attempt += 1) {
      // From different networks, so that the account alone is counted.
      const answer = await stage.browser(`192.0.2.${attempt}`).signIn(name, `wrong ${attempt}`);
      statuses.push(answer.statusCode);
      if (attempt === failuresFree) t.equal(Number(answer.headers['retry-after']), delayFirstMs / 1000);
    }
    t.same(statuses, [...Array.from({ length: failuresFree }, () => 403), 429], name);
  }
  const locked = await stage.browser('198.51.100.1').signIn();
  t.equal(locked.statusCode, 429, 'the right password does not open a locked account');
  t.match(locked.body, 'too many failed attempts');
  t.equal((await stage.browser('198.51.100.2').signIn('second')).statusCode, 303, 'another account is not locked');
  stage.clock.now += delayFirstMs;
  t.equal((await stage.browser('198.51.100.1').signIn()).statusCode, 303, 'after the wait it does');
  t.equal((await stage.browser('198.51.100.3').signIn('root', 'wrong')).statusCode, 403, 'and the count begins anew');
});

t.test('delays grow, and have an end', async (t) => {
  const delays = Array.from({ length: 40 }, (_, failures) => signInDelayMs(failures));
  t.same(
    delays.slice(0, failuresFree),
    Array.from({ length: failuresFree }, () => 0),
  );
  t.same(delays.slice(failuresFree, failuresFree + 3), [delayFirstMs, 2 * delayFirstMs, 4 * delayFirstMs]);
  t.equal(Math.max(...delays), delayMaxMs);
  t.same(
    delays,
    delays.toSorted((a, b) => a - b),
  );
  const stage = await openConsole(t);
  const { store } = stage.vault;
  for (let failures = 0; failures < failuresFree; failures += 1) await store.call('beginSignIn', ['key'], 1000);
  t.equal((await store.call('beginSignIn', ['key'], 1000)).waitMs, delayFirstMs);
  t.equal((await store.call('beginSignIn', ['key'], 0)).waitMs, delayFirstMs, 'a clock that is set back adds nothing');
  t.equal((await store.call('beginSignIn', ['other'], 1000)).waitMs, 0);
  t.equal((await store.call('beginSignIn', ['key'], 1000 + limits.console.failuresForgottenMs)).failures, 1);
});

t.test('strangers lock out each other, and nobody from a browser that was in before', async (t) => {
  const stage = await openConsole(t);
  const mine = stage.browser();
  await mine.signIn();
  await mine.get('/admin');
  await mine.post('/admin/sign-out');
  const lock = async () => {
    for (let attempt = 0; attempt <= failuresFree; attempt += 1) await stage.browser().signIn('root', 'wrong');
  };
  await lock();
  t.equal((await stage.browser().signIn()).statusCode, 429, 'everybody behind the same proxy is locked');
  t.equal((await mine.signIn()).statusCode, 303, 'but the browser that signed in before');
  const forged = stage.browser();
  forged.cookies.set('sluice-known', `${'A'.repeat(22)}.zzzzzzzz.${'A'.repeat(43)}`);
  t.equal((await forged.signIn()).statusCode, 429, 'a mark cannot be made up');
  const other = stage.browser();
  other.cookies.set('sluice-known', mine.cookies.get('sluice-known') ?? '');
  t.equal((await other.signIn('second')).statusCode, 303, 'it says nothing for another account, which is not locked');
  const stolen = stage.browser();
  stolen.cookies.set('sluice-known', mine.cookies.get('sluice-known') ?? '');
  const statuses = [];
  for (let attempt = 0; attempt <= failuresFree; attempt += 1) {
    statuses.push((await stolen.signIn('root', 'wrong')).statusCode);
  }
  t.equal(statuses.at(-1), 429, 'a browser that is known has a count of its own');
  const browsers = new KnownBrowsers(Buffer.alloc(32, 1));
  const mark = browsers.mark('root', 0);
  t.ok(browsers.find(mark, 'root', 1));
  t.notOk(browsers.find(mark, 'second', 1));
  t.notOk(browsers.find(mark, 'root', limits.console.deviceMs), 'a mark is too old after some months');
  t.notOk(new KnownBrowsers(Buffer.alloc(32, 2)).find(mark, 'root', 1));
});

t.test('many tries at once are as many failures', async (t) => {
  const stage = await openConsole(t);
  const browsers = Array.from({ length: 30 }, () => stage.browser('203.0.113.9'));
  for (const browser of browsers) await browser.get('/admin/sign-in');
  stage.clock.now += 60_000;
  const answers = await Promise.all(
    browsers.map((browser) => browser.post('/admin/sign-in', { name: 'root', password: 'wrong' })),
  );
  const tried = answers.filter(({ statusCode }) => statusCode === 403).length;
  t.ok(tried <= failuresFree, `${tried} were tried`);
  t.ok(tried > 0);
  const rest = answers.filter(({ statusCode }) => statusCode !== 403);
  t.ok(rest.every(({ statusCode }) => statusCode === 429 || statusCode === 503));
});

t.test('the audit log does not grow with every try', async (t) => {
  const stage = await openConsole(t);
  const { failuresAudited, auditWindowMs } = limits.console;
  const { FailureRecord } = await import('../src/portal/console/failure-record.js');
  const record = new FailureRecord(stage.options);
  for (let attempt = 0; attempt < failuresAudited + 40; attempt += 1) {
    await record.add({ account: undefined, client: '192.0.2.1', failures: 1 });
  }
  t.equal((await actions(stage)).length, failuresAudited);
  stage.clock.now += auditWindowMs;
  await record.add({ account: 'root', client: '192.0.2.1', failures: 1 });
  const { lines } = await stage.vault.store.call('scanAudit', {}, { towards: 'older', key: undefined }, 1);
  t.match(lines[0]?.detail, '"omittedBefore":40', 'the rest is told as a sum');
});

t.test('nobody makes a browser sign in with a form of his own', async (t) => {
  const stage = await openConsole(t);
  const name = 'root';
  const victim = stage.browser();
  t.equal((await victim.post('/admin/sign-in', { name, password })).statusCode, 403, 'without our page before');
  const attacker = stage.browser();
  await attacker.get('/admin/sign-in');
  await victim.get('/admin/sign-in');
  const csrf = attacker.csrf;
  t.equal((await victim.post('/admin/sign-in', { name, password, csrf })).statusCode, 403, 'a form of another browser');
  await victim.get('/admin/sign-in');
  const { csrf: own } = victim;
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
  ]) {
    const answer = await victim.post('/admin/sign-in', { name, password, csrf: own }, headers);
    t.equal(answer.statusCode, 403, JSON.stringify(headers));
  }
  const origin = { origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' };
  await victim.get('/admin/sign-in');
  t.equal((await victim.post('/admin/sign-in', { name, password }, origin)).statusCode, 303);
  t.equal((await victim.post('/admin/sign-in', { name: 'x'.repeat(20_000), password })).statusCode, 413);
});

t.test('a link from another site shows the way in, and no loop', async (t) => {
  const stage = await openConsole(t);
  const answer = await stage.browser().get('/admin/quarantine?state=held', { 'sec-fetch-site': 'cross-site' });
  t.equal(answer.statusCode, 403);
  t.match(answer.body, 'href="/admin/quarantine?state=held"');
});

/** Values for the parameters of routes: a held message and its incident. */
async function routeValues(t: Test, stage: ConsoleStage) {
  const { id } = await stage.vault.hold(holdRequest(Buffer.from('message')));
  t.ok(id);
  return { id, page: 'policy', token: 'x' };
}

t.test('no address behind the sign-in answers a stranger', async (t) => {
  const stage = await openConsole(t);
  const values = await routeValues(t, stage);
  const routes = (await portalRoutes()).filter(({ pattern }) => pattern.startsWith('/admin'));
  const inner = routes.filter(({ pattern }) => pattern !== '/admin/sign-in');
  t.ok(inner.length > 30, `${inner.length} routes`);
  const before = await stage.vault.store.call('get', values.id);
  const [stranger, root, second] = [stage.browser(), stage.browser(), stage.browser()];
  await root.signIn();
  await root.get('/admin');
  await second.signIn('second');
  await second.get('/admin');
  let swept = 0;
  for (const route of inner) {
    stage.clock.now += 2000;
    const url = fillIn(route, values);
    const name = `${route.method} ${route.pattern}`;
    if (route.method === 'POST') {
      const open = await stranger.post(url, { id: values.id, do: 'delete', sure: 'yes' });
      const elsewhere = await root.post(url, { csrf: second.csrf, id: values.id, do: 'delete', sure: 'yes' });
      const nothing = await root.post(url, { csrf: '', id: values.id });
      const foreign = await root.post(url, { id: values.id }, { 'sec-fetch-site': 'cross-site' });
      const known = [open, elsewhere, nothing, foreign].map(({ statusCode }) => statusCode);
      // Settings have no pages here, as there is no configuration to change.
      const expected = known[0] === 404 || known[0] === 405 ? known : [303, 403, 403, 403];
      t.same(known, expected, name);
      swept += 1;
    } else {
      const answer = await stranger.get(url);
      t.ok([303, 404].includes(answer.statusCode), `${name} answers ${answer.statusCode}`);
      if (answer.statusCode === 303) t.match(answer.headers.location, /^\/admin\/sign-in/);
      t.notOk(answer.body.includes(values.id), `${name} says nothing`);
      swept += 1;
    }
  }
  t.equal(swept, inner.length);
  t.same(await stage.vault.store.call('get', values.id), before, 'and nothing was changed');
});

t.test('every answer forbids scripts, frames, caches and referrers', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  await browser.signIn();
  for (const path of ['/admin', '/admin/quarantine', '/admin/sign-in', '/admin/nothing', '/admin/audit']) {
    const { headers } = await browser.get(path);
    t.match(
      headers,
      { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' },
      path,
    );
    t.match(headers['content-security-policy'], "default-src 'none'");
    t.notMatch(headers['content-security-policy'], 'script-src');
  }
});

t.test('a record of a password', async (t) => {
  const record = await newPasswordRecord(password);
  t.match(record, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  const parsed = parsePasswordRecord(`${record}\n`);
  if (parsed === undefined) throw new Error('our own record is not understood');
  t.equal(formatPasswordRecord(parsed), record);
  const checks = new PasswordChecks();
  t.equal(await checks.check(parsed, password), true);
  t.equal(await checks.check(parsed, `${password} `), false);
  t.equal(await checks.check(parsed, ''), false);
  t.equal(await checks.check(parsed, 'x'.repeat(5000)), false);
  const accented = parsePasswordRecord(await newPasswordRecord('un caf\u00e9 bien serr\u00e9'));
  t.equal(
    accented && (await checks.check(accented, 'un cafe\u0301 bien serre\u0301')),
    true,
    'typed on another system',
  );
  for (const bad of [
    '',
    password,
    '$2b$12$abcdefghijklmnopqrstuv',
    record.replace('ln=15', 'ln=31'),
    record.replace('ln=15', 'ln=10'),
    record.replace('r=8', 'r=999'),
    record.replace('p=3', 'p=0'),
    `${record}${record}`,
    record.slice(0, 40),
  ]) {
    t.equal(parsePasswordRecord(bad), undefined, bad.slice(0, 30));
  }
  t.match(passwordFault('short'), 'at least 12 characters');
  t.match(passwordFault('with a \u0007 bell in it'), 'control characters');
  t.match(passwordFault('x'.repeat(5000)), 'at most');
  t.equal(passwordFault(password), undefined);
});

t.test('a few passwords are checked at a time, and a few more wait', async (t) => {
  const checks = new PasswordChecks();
  const record = parsePasswordRecord(cheapRecord(password));
  if (record === undefined) throw new Error('no record');
  const { passwordsAtOnce, passwordsWaiting } = limits.console;
  const running = [];
  while (!checks.full) running.push(checks.check(record, password));
  t.equal(running.length, passwordsAtOnce + passwordsWaiting);
  t.same(
    await Promise.all(running),
    running.map(() => true),
  );
  t.notOk(checks.full, 'and then there is room again');
});

const sluice = fileURLToPath(new URL('../src/main.js', import.meta.url));

function runSluice(parameters: readonly string[], input: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [sluice, ...parameters], { input, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

t.test('sluice password makes a record of one line', async (t) => {
  const directory = testDirectory(t);
  const file = join(directory, 'root.password');
  const made = runSluice(['password', '--out', file], `${password}\n`);
  t.equal(made.code, 0, made.stderr);
  t.notOk(`${made.stdout}${made.stderr}`.includes(password));
  const record = parsePasswordRecord(readFileSync(file, 'utf8'));
  t.equal(record && (await new PasswordChecks().check(record, password)), true);
  const again = runSluice(['password', '--out', file], `${password}\n`);
  t.equal(again.code, 1);
  t.match(again.stderr, 'exists');
  const short = runSluice(['password'], 'short\n');
  t.equal(short.code, 1);
  t.match(short.stderr, 'at least 12 characters');
  t.equal(runSluice(['password'], '').code, 1, 'no line is no password');
  t.match(runSluice(['password'], password).stdout, /^\$scrypt\$/, 'without a line end, too');
});

t.test('check-config looks into the file of a password', async (t) => {
  const directory = testDirectory(t);
  const passwordFile = join(directory, 'root.password');
  const file = join(directory, 'sluice.yaml');
  const portal = { administrators: [{ name: 'root', passwordFile }] };
  writeFileSync(
    file,
    JSON.stringify({
      smtp: { listeners: [{ listen: '127.0.0.1:2525', localDomains: ['a.example'], upstream: { host: 'mx' } }] },
      portal,
    }),
  );
  const problems = async (content: string, mode: number) => {
    writeFileSync(passwordFile, content);
    chmodSync(passwordFile, mode);
    return (await loadConfig(file)).problems.map(({ severity, path, expected }) => `${severity} ${path} ${expected}`);
  };
  const key = 'portal.administrators[0].passwordFile';
  t.same(await problems(`${cheapRecord(password)}\n`, 0o600), []);
  const open = await problems(cheapRecord(password), 0o644);
  t.match(open, [`warning ${key} a file that only the gate may read: chmod 600`]);
  const [clear = '', ...more] = await problems(`${password}\n`, 0o600);
  t.match(clear, `error ${key} a record that sluice password`);
  t.notOk(clear.includes(password), 'and does not say what is in it');
  t.same(more, []);
});
