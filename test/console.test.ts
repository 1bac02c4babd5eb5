/** The administrators' pages: who gets in and for how long, what each page shows, and that nobody else can do anything. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { nextPage } from '../src/portal/console/next-page.js';
import { limits } from '../src/runtime/limits.js';
import { cheapRecord, openConsole, password } from './support/console-stage.js';

t.test('an administrator signs in, and out again', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  const away = await browser.get('/admin?state=held');
  t.equal(away.statusCode, 303);
  t.equal(away.headers.location, '/admin/sign-in?next=%2Fadmin%3Fstate%3Dheld');
  const page = await browser.get(String(away.headers.location));
  t.equal(page.statusCode, 200);
  t.match(page.body, 'value="/admin?state=held"');
  const inside = await browser.post('/admin/sign-in', { name: 'root', password, next: '/admin?state=held' });
  t.equal(inside.statusCode, 303);
  t.equal(inside.headers.location, '/admin?state=held');
  const home = await browser.get('/admin');
  t.equal(home.statusCode, 200);
  t.match(home.body, '<bdi>root</bdi>');
  const out = await browser.post('/admin/sign-out');
  t.equal(out.headers.location, '/admin/sign-in?why=out');
  t.equal((await browser.get('/admin')).statusCode, 303);
});

t.test('where a sign-in leads to is a page of ours', async (t) => {
  for (const good of ['/admin', '/admin/quarantine', '/admin?state=held&text=a%20b', '/admin/items/abc']) {
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
});

t.test('another password ends every session at once', async (t) => {
  const stage = await openConsole(t);
  const browser = stage.browser();
  await browser.signIn();
  const [account] = stage.accounts;
  writeFileSync(account?.passwordFile ?? '', cheapRecord('another password entirely'));
  t.equal((await browser.get('/admin/sign-in')).statusCode, 200, 'signed out');
});
