/**
 * The page behind the link of a notice, over real HTTP: what it shows to whom, what it refuses, and that nothing but a
 * form of its own changes anything.
 */
import { h, type VNode } from 'preact';
import t, { type Test } from 'tap';
import { parseConfig } from '../src/config/load.js';
import type { Reason } from '../src/policy/verdict.js';
import { FormGuard, isSameOrigin } from '../src/portal/form-guard.js';
import { clientNetwork, RequestLimit } from '../src/portal/request-limit.js';
import { createPortal } from '../src/portal/server.js';
import { assetPaths } from '../src/portal/view/assets.js';
import { palettes } from '../src/portal/view/colours.js';
import { renderPage } from '../src/portal/view/render.js';
import { styleText } from '../src/portal/view/style.js';
import { mailboxReaders, newToken, tokenHash } from '../src/quarantine/token-table.js';
import { limits } from '../src/runtime/limits.js';
import { Client } from './support/client.js';
import { Gate } from './support/gate.js';
import { holdRequest, report } from './support/held-message.js';
import { eicarMail } from './support/mail.js';
import {
  type Answer,
  type Asking,
  addToken,
  ask,
  dayMs,
  execute,
  formType,
  hold,
  nonceOf,
  openPortal,
  type PortalStage,
  post,
  publicUrl,
  stateOf,
} from './support/portal-stage.js';
import { freePort } from './support/ports.js';
import { Sink } from './support/sink.js';
import { policy, type TestVault } from './support/test-vault.js';

t.test('what a page inserts is text', async (t) => {
  const evil = `<script>"'&`;
  const page = renderPage(h('p', { title: evil }, evil, undefined, 7) as VNode);
  t.equal(page, `<!DOCTYPE html>\n<p title="&lt;script>&quot;'&amp;">&lt;script>&quot;'&amp;7</p>\n`);
  const disguised = { toString: () => '<b>', __html: '<b>' } as unknown as string;
  t.notMatch(renderPage(h('p', null, disguised)), '<b>', 'an object that only looks like markup is not');
});

t.test('the page tells one recipient what was withheld, and nobody else', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [anna = '', carl = ''] = tokens;
  const page = await ask(stage.port, `/q/${anna}`);
  t.equal(page.status, 200);
  for (const words of [
    'Bob &lt;bob@example.net>',
    'Your invoice',
    '2026-03-01 00:00 UTC',
    'EICAR-Test-File',
    '10 of 10 (high)',
    'invoice.zip',
    'notes.txt',
    '68 bytes',
    'anna@example.org',
    'held in quarantine',
    '(30 days left)',
    'works until 2026-03-08 00:00 UTC',
    'A mail to you was held back.',
    'https://intranet.example.org/mail',
    id,
  ]) {
    t.ok(page.body.includes(words), words);
  }
  t.notOk(page.body.includes('carl'), 'the other recipient is not named');
  const other = await ask(stage.port, `/q/${carl}`);
  t.ok(other.body.includes('carl@example.org'));
  t.notOk(other.body.includes('anna'));
  t.notOk(page.body.includes('<script'), 'there is no script at all');
  t.match(page.body, /<html lang="en">/);
  t.match(page.body, /<meta name="viewport"/);
  t.equal((page.body.match(/<h1>/g) ?? []).length, 1);
  stage.clock.now += 29.5 * dayMs;
  const late = addToken(stage, id, 'view', stage.clock.now + dayMs);
  const lastDay = await ask(stage.port, `/q/${late}`);
  t.match(lastDay.body, '(1 day left)');
  t.notMatch(lastDay.body, '<form', 'a token that may only look has no form');
});

t.test('every page forbids scripts, frames, caches and referrers', async (t) => {
  const stage = await openPortal(t);
  const [token = ''] = (await hold(stage)).tokens;
  const answers = [
    await ask(stage.port, `/q/${token}`),
    await post(stage.port, token, 'wrong'),
    await ask(stage.port, '/q/unknown'),
    await ask(stage.port, '/q/%zz'),
    await ask(stage.port, '/'),
    await ask(stage.port, `/q/${token}`, { method: 'DELETE' }),
    await ask(stage.port, `/q/${token}/request`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x',
    }),
  ];
  t.same(
    answers.map(({ status }) => status),
    [200, 403, 404, 404, 404, 405, 415],
  );
  t.same(stage.statuses.toSorted(), [200, 403, 404, 404, 404, 405, 415], 'each answer is counted once');
  for (const { status, headers, body } of answers) {
    t.equal(
      headers['content-security-policy'],
      "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      `${status}: the policy allows our style and nothing else`,
    );
    t.same(
      body.match(/ (?:src|href)="[^"]*"/g)?.filter((link) => !link.includes('intranet') && !link.includes(token)),
      [` href="${assetPaths.style}"`],
      'nothing is loaded but the style',
    );
    t.match(headers, {
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    for (const field of ['set-cookie', 'location', 'access-control-allow-origin', 'server', 'x-powered-by']) {
      t.notOk(headers[field], `${status}: no ${field}`);
    }
  }
});

const hostile = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  `' onmouseover='alert(1)`,
  '</dd></dl></main><form action=https://evil.example>',
  '&lt;script&gt;',
  'a\r\nSet-Cookie: x=1\r\n\r\n<b>',
  '\u202egpj.exe',
  'javascript:alert(1)',
  '{{7*7}}<%= 7 %>',
  '\ud800<svg/onload=alert(1)>',
];

/** The page's tags alone, its secret values left out. */
function tagsOf(page: string): string[] {
  return (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/(value|action|href)="[^"]*"/, '$1'));
}

t.test('no string of a mail becomes markup, whatever it holds', async (t) => {
  const stage = await openPortal(t);
  const plain = await hold(stage);
  const expected = tagsOf((await ask(stage.port, `/q/${plain.tokens[0]}`)).body);
  t.ok(expected.length > 40, 'the page has its tags');
  for (const words of hostile) {
    const usual = holdRequest(Buffer.from('x'));
    const parts = report().parts.map((part) => ({ ...part, names: [words], declaredType: words }));
    const reasons = usual.verdict.reasons.map((reason) =>
      reason.code === 'score' ? { ...reason, name: words } : reason,
    );
    const { tokens } = await hold(stage, {
      envelope: {
        mailFrom: words,
        mailParameters: [words],
        recipients: [{ address: `"${words}"@example.org`, parameters: [] }],
      },
      verdict: { ...usual.verdict, threat: words, reasons },
      report: report({ subject: words, from: words, messageId: words, parts }),
    });
    const { status, headers, body } = await ask(stage.port, `/q/${tokens[0]}`);
    t.equal(status, 200);
    t.same(tagsOf(body), expected, `the tags are those of any page: ${words}`);
    t.notMatch(body, /[\u202e\u0000-\u0009\u000b-\u001f]/, 'nothing turns or hides its neighbours');
    t.notOk(headers['set-cookie']);
    t.notMatch(body, /(href|src)="?javascript/);
  }
});

t.test('the style sheet is kept for ever, and its name changes with it', async (t) => {
  const stage = await openPortal(t);
  const { status, headers, body } = await ask(stage.port, assetPaths.style);
  t.equal(status, 200);
  t.match(body, '--back');
  t.match(headers, {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
  t.equal((await ask(stage.port, `${assetPaths.style}x`)).status, 404);
  t.equal((await ask(stage.port, assetPaths.style, { method: 'POST', headers: formType })).status, 404);
  for (let sent = 0; sent <= limits.portal.burst; sent += 1) await ask(stage.port, '/q/guess');
  t.equal((await ask(stage.port, '/q/guess')).status, 429);
  t.equal(
    (await ask(stage.port, assetPaths.style)).status,
    200,
    'it costs no call of the database, and is not counted',
  );
  const console = await ask(stage.port, '/admin');
  t.equal(console.status, 404, 'administrators have a bound of their own');
  t.match(console.body, 'To the overview');
});

t.test('looking changes nothing, by whatever name', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [token = ''] = tokens;
  const before = await stage.vault.detail(id);
  await ask(stage.port, `/q/${token}`);
  await ask(stage.port, `/q/${token}`, { headers: { 'sec-purpose': 'prefetch', purpose: 'prefetch' } });
  const head = await ask(stage.port, `/q/${token}`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.body, '');
  t.ok(Number(head.headers['content-length']) > 1000);
  for (const method of ['GET', 'HEAD']) {
    const answer = await ask(stage.port, `/q/${token}/request`, { method });
    t.equal(answer.status, 405, `${method} of the request`);
    t.equal(answer.headers.allow, 'POST');
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    const override = { 'x-http-method-override': 'POST', origin: 'https://evil.example' };
    const answer = await ask(stage.port, `/q/${token}`, { method, headers: override });
    t.equal(answer.status, 405, method);
    t.match(answer.headers.allow, 'GET, HEAD');
  }
  await ask(stage.port, `/q/${token}?_method=POST&nonce=x`);
  t.same(await stage.vault.detail(id), before, 'state, audit and mails are as they were');
});

t.test('a recipient asks for the release once, and everybody sees that somebody did', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [anna = '', carl = ''] = tokens;
  const nonce = nonceOf((await ask(stage.port, `/q/${anna}`)).body);
  const carlsNonce = nonceOf((await ask(stage.port, `/q/${carl}`)).body);
  t.match(nonce, /^[\w-]{43}$/);
  stage.clock.now += 60_000;
  const browser = { origin: 'null', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' };
  const first = await post(stage.port, anna, nonce, browser);
  t.equal(first.status, 200);
  t.match(first.body, 'You asked for the release of this message at 2026-03-01 00:01 UTC');
  t.notMatch(first.body, '<form');
  t.equal(await stateOf(stage, id), 'release-requested');
  stage.clock.now += 60_000;
  for (const answer of [await post(stage.port, anna, nonce, browser), await ask(stage.port, `/q/${anna}`)]) {
    t.match(answer, { status: 200, body: 'You asked for the release of this message at 2026-03-01 00:01 UTC' });
  }
  const seen = await ask(stage.port, `/q/${carl}`);
  t.match(seen, { status: 200, body: 'The release of this message has been asked for' });
  t.notMatch(seen.body, /anna|You asked/);
  const joined = await post(stage.port, carl, carlsNonce);
  t.match(joined, { status: 200, body: 'You asked for the release of this message at 2026-03-01 00:02 UTC' });
  t.notMatch(joined.body, /anna|<form/);
  const { audit, mails } = await stage.vault.detail(id);
  t.same(
    audit.map((row) => [row.action, row.actor]),
    [
      ['held', 'gate'],
      ['release-requested', 'recipient:anna@example.org'],
      ['release-requested', 'recipient:carl@example.org'],
    ],
    'a row for each who asked, and none for asking again',
  );
  t.notOk(
    mails.some((mail) => mail.kind === 'release'),
    'asking releases nothing',
  );
  t.equal(await stage.vault.store.call('firstBrokenAudit'), undefined);
  t.same(
    (await stage.vault.store.call('list', 'release-requested', 10)).map((item) => item.id),
    [id],
    'an administrator finds it',
  );
  t.same(
    stage.lines.filter(({ event }) => event.includes('asks')).map(({ fields }) => fields),
    [
      { item: id, addresses: ['anna@example.org'] },
      { item: id, addresses: ['carl@example.org'] },
    ],
  );
});

t.test('a link that readers of a mailbox share names none of them', async (t) => {
  const stage = await openPortal(t);
  const { id } = await hold(stage);
  const token = addToken(stage, id, 'request', stage.clock.now + dayMs, mailboxReaders);
  const page = await ask(stage.port, `/q/${token}`);
  t.equal(page.status, 200);
  t.match(page.body, 'This page is for the readers of this message and works until');
  t.match(page.body, 'Bob &lt;bob@example.net>');
  t.notMatch(page.body, /<dt>To<|anna|carl|for you alone/);
  stage.clock.now += 60_000;
  const asked = await post(stage.port, token, nonceOf(page.body));
  t.match(asked, { status: 200, body: 'The release of this message has been asked for.' });
  t.notMatch(asked.body, /You asked|<form/, 'whoever reads this may be somebody else');
  t.equal(await stateOf(stage, id), 'release-requested', 'an administrator decides');
  t.match((await stage.vault.detail(id)).audit.at(-1), { action: 'release-requested', actor: 'recipient:imap' });
  t.same(
    stage.lines.filter(({ event }) => event.includes('asks')).map(({ fields }) => fields),
    [{ item: id, addresses: [] }],
  );
});

t.test('a form that is not from the page of this link is refused', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [anna = '', carl = ''] = tokens;
  const nonce = nonceOf((await ask(stage.port, `/q/${anna}`)).body);
  const carlsNonce = nonceOf((await ask(stage.port, `/q/${carl}`)).body);
  const attempts: Readonly<Record<string, Promise<Answer>>> = {
    'another site': post(stage.port, anna, nonce, { 'sec-fetch-site': 'cross-site' }),
    'a site beside ours': post(stage.port, anna, nonce, { 'sec-fetch-site': 'same-site' }),
    'another origin': post(stage.port, anna, nonce, { origin: 'https://evil.example' }),
    'another origin that names itself as host': post(stage.port, anna, nonce, {
      origin: 'https://evil.example',
      host: 'evil.example',
    }),
    'no nonce': post(stage.port, anna, ''),
    "another page's nonce": post(stage.port, anna, carlsNonce),
    'the token as nonce': post(stage.port, anna, anna),
    'a nonce in the address': ask(stage.port, `/q/${anna}/request?nonce=${nonce}`, { method: 'POST' }),
    'another key': post(stage.port, anna, new FormGuard(Buffer.alloc(32, 8)).nonce(anna, 'request')),
  };
  for (const [name, attempt] of Object.entries(attempts)) t.equal((await attempt).status, 403, name);
  const long = `nonce=${nonce}&more=${'x'.repeat(limits.portal.bodyBytes)}`;
  const asking = { method: 'POST', headers: formType, body: long };
  t.equal((await ask(stage.port, `/q/${anna}/request`, asking)).status, 413, 'a long body');
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ nonce }) };
  t.equal((await ask(stage.port, `/q/${anna}/request`, json)).status, 415, 'JSON');
  t.equal(await stateOf(stage, id), 'held');
  t.equal((await stage.vault.detail(id)).audit.length, 1);
  t.equal((await post(stage.port, anna, nonce, { origin: publicUrl })).status, 200, 'our own origin is accepted');
});

t.test('the origin is judged by what is there', async (t) => {
  t.ok(isSameOrigin({}, publicUrl));
  t.ok(isSameOrigin({ origin: 'null' }, ''));
  t.ok(isSameOrigin({ origin: 'http://[::1]:8080' }, 'http://[::1]:8080/mail'));
  t.notOk(isSameOrigin({ origin: 'http://127.0.0.1:8081' }, 'http://127.0.0.1:8080'), 'another port is another origin');
  t.notOk(isSameOrigin({ origin: publicUrl }, ''), 'nobody is at home at no address');
  t.notOk(isSameOrigin({ origin: publicUrl, 'sec-fetch-site': 'none' }, publicUrl));
  t.notOk(isSameOrigin({ 'sec-fetch-site': ['same-origin', 'cross-site'] }, publicUrl));
});

t.test('links that grant nothing are all alike', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage);
  const [anna = ''] = tokens;
  const { nonce, action } = { nonce: nonceOf((await ask(stage.port, `/q/${anna}`)).body), action: 'request' as const };
  const old = addToken(stage, id, action, stage.clock.now);
  const revoked = addToken(stage, id, action, stage.clock.now + dayMs);
  execute(stage, 'UPDATE tokens SET revoked = 1 WHERE hash = ?', tokenHash(revoked));
  const wrong = {
    unknown: newToken(),
    old,
    revoked,
    short: 'x',
    'one character off': `${anna.slice(0, -1)}${anna.endsWith('A') ? 'B' : 'A'}`,
    'another case': anna === anna.toLowerCase() ? anna.toUpperCase() : anna.toLowerCase(),
    'a trailing slash': `${anna}/`,
    'two of them': `${anna},${anna}`,
    'a long one': 'A'.repeat(5000),
    'a path': '..%2f..%2fetc%2fpasswd',
    'a NUL': '%00',
    'no UTF-8': '%ff%fe',
    'an item': id,
    'a hash': tokenHash(anna).toString('hex'),
    sql: "'%20OR%201=1--",
    'a name that objects have': '__proto__',
  };
  const { body } = await ask(stage.port, '/q/nothing');
  t.match(body, 'This link does not work');
  for (const [name, token] of Object.entries(wrong)) {
    const answer = await ask(stage.port, `/q/${token}`);
    t.same([answer.status, answer.body], [404, body], name);
  }
  const guard = new FormGuard(Buffer.alloc(32, 7));
  for (const token of [wrong.unknown, old, revoked]) {
    t.match(await post(stage.port, token, guard.nonce(token, 'request')), { status: 404, body });
    t.equal((await post(stage.port, token, nonce)).status, 403);
  }
  t.equal(await stateOf(stage, id), 'held');
  stage.clock.now += 7 * dayMs - 1;
  t.equal((await ask(stage.port, `/q/${anna}`)).status, 200, 'a link works for as long as the configuration says');
  stage.clock.now += 1;
  t.match(await ask(stage.port, `/q/${anna}`), { status: 404, body });
  t.match(await post(stage.port, anna, nonce), { status: 404, body });
  t.equal(await stateOf(stage, id), 'held');
});

t.test('a token that may only look cannot ask', async (t) => {
  const stage = await openPortal(t);
  const { id } = await hold(stage);
  const token = addToken(stage, id, 'view', stage.clock.now + dayMs);
  const answer = await post(stage.port, token, new FormGuard(Buffer.alloc(32, 7)).nonce(token, 'request'));
  t.match(answer, { status: 200, body: 'held in quarantine' });
  t.equal(await stateOf(stage, id), 'held');
});

t.test('when the message is gone the page says so, and shows nothing of it', async (t) => {
  const stage = await openPortal(t);
  const ends = { deleted: 'was deleted', expired: 'has expired', released: 'was released' } as const;
  for (const [state, words] of Object.entries(ends)) {
    const { id, tokens } = await hold(stage);
    const [token = ''] = tokens;
    const nonce = nonceOf((await ask(stage.port, `/q/${token}`)).body);
    if (state === 'released') await release(stage, id);
    else
      await stage.vault.store.call('remove', id, state === 'expired' ? 'expired' : 'deleted', 'test', stage.clock.now);
    t.equal(await stateOf(stage, id), state);
    for (const answer of [await ask(stage.port, `/q/${token}`), await post(stage.port, token, nonce)]) {
      t.match(answer, { status: 200, body: words });
      t.notMatch(answer.body, /invoice|bob@|anna@|<form/i);
    }
    t.equal(await stateOf(stage, id), state, 'asking afterwards changes nothing');
  }
  const { id, tokens } = await hold(stage);
  const nonce = nonceOf((await ask(stage.port, `/q/${tokens[0]}`)).body);
  execute(stage, "UPDATE items SET state = 'request-denied' WHERE id = ?", id);
  t.match(await ask(stage.port, `/q/${tokens[0]}`), { body: 'decided against it' });
  t.match(await post(stage.port, tokens[0] ?? '', nonce), { status: 200, body: 'decided against it' });
  t.equal(await stateOf(stage, id), 'request-denied', 'a refusal stands');
});

t.test('the page says in plain words why the message was withheld', async (t) => {
  const stage = await openPortal(t);
  const { verdict } = holdRequest(Buffer.from('x'));
  const hit = { entry: '*@example.org', source: 'config', address: 'carl@example.org' } as const;
  const cases: readonly [Reason, string][] = [
    [
      { code: 'threshold', level: 10, threshold: 7 },
      'It was rated 10 of 10 (high); messages from 7 of 10 on are withheld.',
    ],
    [{ code: 'blocklisted', hit: { ...hit, list: 'block', field: 'envelope-from' } }, 'Its sender is on the blocklist'],
    [{ code: 'blocklisted', hit: { ...hit, list: 'block', field: 'envelope-to' } }, 'An address it was sent to is on'],
    [{ code: 'hash-blocked', part: '2', sha256: '0'.repeat(64) }, 'An attachment is a file on the blocklist'],
    [{ code: 'fallback', cause: 'encrypted', action: 'block', detail: 'secret detail' }, 'An attachment is encrypted'],
    [
      { code: 'fallback', cause: 'oversize', action: 'block', detail: 'secret detail' },
      'larger than what can be examined',
    ],
    [{ code: 'ambiguous', detail: 'secret detail' }, 'Mail programs would disagree'],
  ];
  for (const [reason, words] of cases) {
    const { tokens } = await hold(stage, { verdict: { ...verdict, reasons: [reason, reason] } });
    const { body } = await ask(stage.port, `/q/${tokens[0]}`);
    t.match(body, 'Why it was withheld');
    t.equal(body.split(words).length, 2, `once: ${words}`);
    t.notMatch(body, /carl|secret detail/, 'neither another recipient nor a detail of ours');
  }
  const quiet: Reason[] = [
    { code: 'no-attachment' },
    { code: 'fallback', cause: 'encrypted', action: 'permit', detail: '' },
    { code: 'below-threshold', level: 1, threshold: 7 },
  ];
  const { tokens } = await hold(stage, { verdict: { ...verdict, reasons: quiet } });
  t.notMatch((await ask(stage.port, `/q/${tokens[0]}`)).body, 'Why it was withheld', 'what let it pass is no reason');
});

t.test('a recipient who may release is asked once more, and then it is for all', async (t) => {
  const stage = await openPortal(t, { recipientMay: 'release' });
  const { id, tokens } = await hold(stage);
  const [anna = '', carl = ''] = tokens;
  const page = await ask(stage.port, `/q/${anna}`);
  t.notMatch(page.body, 'Ask for release', 'who may release needs not ask');
  t.match(page.body, `href="${anna}/release"`);
  t.match(page.body, `href="${anna}/delete"`);
  const before = await stage.vault.detail(id);
  const sure = await ask(stage.port, `/q/${anna}/release`);
  t.match(sure, { status: 200, body: 'Release this message?' });
  for (const words of ['everybody it was sent to', 'EICAR-Test-File', 'It was rated 10 of 10', 'invoice.zip'])
    t.match(sure.body, words);
  t.notMatch(sure.body, 'carl');
  await ask(stage.port, `/q/${anna}/release`, { method: 'HEAD' });
  await ask(stage.port, `/q/${anna}/delete`);
  t.same(await stage.vault.detail(id), before, 'looking at the question changes nothing');

  const nonce = nonceOf(sure.body);
  const deletion = nonceOf((await ask(stage.port, `/q/${anna}/delete`)).body);
  const carls = nonceOf((await ask(stage.port, `/q/${carl}/release`)).body);
  t.equal(new Set([nonce, deletion, carls]).size, 3, 'a form is for one link and one act');
  for (const [name, attempt] of Object.entries({
    'the form of the other act': post(stage.port, anna, deletion, {}, 'release'),
    'the form of the request': post(
      stage.port,
      anna,
      new FormGuard(Buffer.alloc(32, 7)).nonce(anna, 'request'),
      {},
      'release',
    ),
    "another recipient's form": post(stage.port, anna, carls, {}, 'release'),
    'no form': post(stage.port, anna, '', {}, 'release'),
    'another site': post(stage.port, anna, nonce, { 'sec-fetch-site': 'cross-site' }, 'release'),
    'a release form used to delete': post(stage.port, anna, nonce, {}, 'delete'),
  }))
    t.equal((await attempt).status, 403, name);
  t.equal(await stateOf(stage, id), 'held');

  stage.clock.now += 60_000;
  const released = await post(stage.port, anna, nonce, {}, 'release');
  t.match(released, { status: 200, body: 'The message is released and on its way to all its recipients.' });
  t.notMatch(released.body, /<form|Release…|Delete…/);
  t.match(await post(stage.port, anna, nonce, {}, 'release'), { status: 200, body: 'This was done before' });
  t.match(await post(stage.port, carl, carls, {}, 'release'), { status: 200, body: 'This was done before' });
  t.match(await post(stage.port, anna, deletion, {}, 'delete'), {
    status: 200,
    body: 'Nothing was changed: the message is being released at this moment.',
  });
  const { audit, mails } = await stage.vault.detail(id);
  t.same(
    audit.filter(({ action }) => action === 'release').map(({ actor }) => actor),
    ['recipient:anna@example.org'],
    'once, and by whom',
  );
  t.equal(mails.filter(({ kind }) => kind === 'release').length, 1, 'one mail to all');
  t.same(
    stage.lines.filter(({ event }) => event.includes('releases')).map(({ fields }) => fields),
    [{ item: id, addresses: ['anna@example.org'] }],
  );
  await release(stage, id);
  await tellsOfRelease(t, stage, anna, carl);
});

async function tellsOfRelease(t: Test, stage: PortalStage, anna: string, carl: string): Promise<void> {
  for (const [token, words] of [
    [anna, 'It was released with this link at 2026-03-01 00:01 UTC.'],
    [carl, 'It was released by a recipient at 2026-03-01 00:01 UTC.'],
  ] as const) {
    const answer = await ask(stage.port, `/q/${token}`);
    t.match(answer, { status: 200, body: 'The original was released to all recipients.' });
    t.match(answer.body, words);
    t.notMatch(answer.body, /anna|carl|bob@|invoice/);
    t.match(await ask(stage.port, `/q/${token}/release`), { status: 200, body: 'The message was released' });
    t.match(await ask(stage.port, `/q/${token}/message`), { status: 200, body: 'The message was released' });
    t.equal((await ask(stage.port, `/q/${token}/message/html`)).status, 404);
  }
}

t.test('a recipient who may delete deletes for all, and the sealed file goes', async (t) => {
  const stage = await openPortal(t, { recipientMay: 'release' });
  const { id, tokens } = await hold(stage);
  const [anna = '', carl = ''] = tokens;
  t.ok(stage.vault.blobs.has(id));
  const sure = await ask(stage.port, `/q/${anna}/delete`);
  t.match(sure, { status: 200, body: 'Delete this message?' });
  const deleted = await post(stage.port, anna, nonceOf(sure.body), {}, 'delete');
  t.match(deleted, { status: 200, body: 'It was deleted with this link' });
  t.notOk(stage.vault.blobs.has(id));
  t.equal(await stateOf(stage, id), 'deleted');
  t.match(await ask(stage.port, `/q/${carl}`), { status: 200, body: 'It was deleted by a recipient' });
  const again = await post(stage.port, anna, nonceOf(sure.body), {}, 'delete');
  t.match(again, { status: 200, body: 'This was done before' });
  const guard = new FormGuard(Buffer.alloc(32, 7));
  t.match(await post(stage.port, carl, guard.nonce(carl, 'release'), {}, 'release'), {
    status: 200,
    body: 'was deleted',
  });
  t.equal(await stateOf(stage, id), 'deleted');
});

t.test('what the configuration or the link does not give is refused, whatever form is sent', async (t) => {
  const guard = new FormGuard(Buffer.alloc(32, 7));
  const mayAsk = await openPortal(t);
  const asking = await hold(mayAsk);
  const mayRelease = await openPortal(t, { recipientMay: 'release' });
  const { id } = await hold(mayRelease);
  const until = mayRelease.clock.now + dayMs;
  const links: readonly [PortalStage, string, string, string][] = [
    [mayAsk, asking.id, asking.tokens[0] ?? '', 'the configuration'],
    [mayRelease, id, addToken(mayRelease, id, 'view', until), 'a link that may only look'],
    [mayRelease, id, addToken(mayRelease, id, 'request', until), 'a link that may only ask'],
    [mayRelease, id, addToken(mayRelease, id, 'release', until, mailboxReaders), 'a link that readers share'],
  ];
  for (const [stage, item, token, name] of links) {
    t.notMatch((await ask(stage.port, `/q/${token}`)).body, /Release…|Delete…/, name);
    for (const act of ['release', 'delete'] as const) {
      const question = await ask(stage.port, `/q/${token}/${act}`);
      t.match(question, { status: 200, body: 'this is not possible with this link' }, `${name}: ${act}`);
      t.notMatch(question.body, '<form');
      const answer = await post(stage.port, token, guard.nonce(token, act), {}, act);
      t.match(answer, { status: 200, body: 'this is not possible with this link' });
    }
    t.equal(await stateOf(stage, item), 'held');
    t.ok(stage.vault.blobs.has(item));
  }
  for (const token of [newToken(), addToken(mayRelease, id, 'release', mayRelease.clock.now), id])
    for (const act of ['release', 'delete'] as const) {
      const { body } = await ask(mayRelease.port, '/q/nothing');
      t.match(await ask(mayRelease.port, `/q/${token}/${act}`), { status: 404, body });
      t.match(await post(mayRelease.port, token, guard.nonce(token, act), {}, act), { status: 404, body });
      t.match(await ask(mayRelease.port, `/q/${token}/message`), { status: 404, body });
      t.match(await ask(mayRelease.port, `/q/${token}/message/html`), { status: 404, body });
    }
  t.equal(await stateOf(mayRelease, id), 'held');
});

t.test('an administrator’s no is told with his words, and leaves the right to be rid of it', async (t) => {
  const stage = await openPortal(t, { recipientMay: 'release' });
  const { id, tokens } = await hold(stage);
  const [anna = ''] = tokens;
  await stage.vault.requestRelease(anna);
  await stage.vault.deny(id, 'console:root', 'We know <b>this</b> sender\u202e: www.evil.example');
  const { body } = await ask(stage.port, `/q/${anna}`);
  t.match(body, 'decided against it. The reason: We know &lt;b>this&lt;/b> sender: www[.]evil.example');
  t.notMatch(body, /Release…|Ask for release|root/);
  t.match(body, 'Delete…');
});

async function release({ vault, clock }: TestVault, id: string): Promise<void> {
  const ticket = await vault.release(id, 'test');
  if (ticket.kind !== 'queued') throw new Error('nothing to release');
  await vault.store.call('claimOne', ticket.mail, clock.now, 'test');
  const { deliveries } = await vault.detail(id);
  const replies = deliveries.map(({ address }, position) => ({
    position,
    reply: { address, delivered: true, permanent: false, stage: 'data' as const, code: 250, reply: '250 ok' },
  }));
  await vault.store.call(
    'settleRelease',
    ticket.mail,
    replies,
    { blocked: [], released: [], 'release-requested': [] },
    clock.now,
  );
}

/** WCAG 2.2: the ratio of two colours' relative luminances, 1 to 21. */
function contrast(first: string, second: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [low = 0, high = 0] = [luminance(first), luminance(second)].toSorted((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}

t.test('colours can be told apart, in the light and in the dark', async (t) => {
  t.equal(contrast('#000000', '#ffffff'), 21);
  t.equal(contrast('#777777', '#777777'), 1);
  for (const [name, palette] of Object.entries(palettes)) {
    const text = [
      ...(['text', 'soft', 'link', 'bad'] as const).flatMap((ink) => [[ink, 'card'] as const, [ink, 'back'] as const]),
      ...(['good', 'warn', 'bad', 'info', 'neutral'] as const).map((ink) => [ink, `${ink}-back`] as const),
      ['on-action', 'action'] as const,
      ['on-danger', 'danger'] as const,
    ];
    for (const [ink, ground] of text)
      t.ok(contrast(palette[ink], palette[ground]) >= 4.5, `${name}: ${ink} on ${ground}, SC 1.4.3`);
    const shapes = [
      'edge',
      'focus',
      'danger',
      'chart-1',
      'chart-2',
      'chart-3',
      'chart-4',
      'chart-permit',
      'chart-warn',
      'chart-block',
      'chart-defer',
    ] as const;
    for (const shape of shapes)
      for (const ground of ['card', 'back'] as const)
        t.ok(contrast(palette[shape], palette[ground]) >= 3, `${name}: ${shape} on ${ground}, SC 1.4.11`);
    t.same(Object.keys(palette), Object.keys(palettes.light), 'each has every colour');
  }
  const named = new Set(Array.from(styleText.matchAll(/--([\w-]+):/g), ([, colour]) => colour));
  const used = Array.from(styleText.matchAll(/var\(--([\w-]+)\)/g), ([, colour]) => colour);
  t.same(
    used.filter((colour) => !named.has(colour)),
    [],
    'no colour is used that is not there',
  );
  t.notMatch(styleText, /url\(|@import|animation|transition|expression/, 'nothing is loaded, nothing moves');
});

t.test('pages work below a path of a proxy as well', async (t) => {
  const { vault, tokens } = await (async () => {
    const stage = await openPortal(t);
    return { vault: stage.vault, tokens: (await hold(stage)).tokens };
  })();
  const app = createPortal({
    vault,
    preview: { preview: async () => ({ kind: 'unavailable', reason: 'no-identity' }) },
    notice: () => policy.notice,
    publicUrl: () => 'https://example.org/mail/',
    formKey: Buffer.alloc(32, 7),
    clock: () => Date.UTC(2026, 2, 1),
    log: () => undefined,
    answered: () => undefined,
  });
  t.teardown(() => app.close());
  const { body } = await app.inject({ method: 'GET', url: `/q/${tokens[0]}` });
  t.match(body, `href="/mail${assetPaths.style}"`);
  t.match(body, `action="${tokens[0]}/request"`, 'forms and links are relative to the page');
  const addresses = (body.match(/(?:href|action|src)="[^"]*"/g) ?? []).filter((one) => /="\/(?!mail\/)/.test(one));
  t.same(addresses, [], 'nothing leads out of the path');
  const message = await app.inject({ method: 'GET', url: `/q/${tokens[0]}/message` });
  t.match(message.body, 'the key that opens it is not on this machine');
  t.notMatch(message.body, '<iframe');
});

t.test('requests are limited by address and in all, in bounded memory', async (t) => {
  const stage = await openPortal(t);
  const { burst, perSecond, peerBurst, peerPerSecond, peersMax } = limits.portal;
  const statuses = new Map<number, number>();
  for (let sent = 0; sent < burst + 5; sent += 1) {
    const { status, headers } = await ask(stage.port, '/q/guess');
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status === 429) t.ok(headers['retry-after']);
  }
  t.same(
    [...statuses],
    [
      [404, burst],
      [429, 5],
    ],
    'all together, over HTTP',
  );
  stage.clock.now += 1000;
  t.equal((await ask(stage.port, '/q/guess')).status, 404, 'and then it goes on');

  const limit = new RequestLimit(0);
  const allowed = (address: string, now: number, tries: number) =>
    Array.from({ length: tries }, () => limit.allows(address, now)).filter(Boolean).length;
  t.equal(allowed('192.0.2.1', 0, 100), peerBurst, 'one address');
  t.equal(allowed('192.0.2.1', 1000, 100), peerPerSecond);
  t.equal(allowed('192.0.2.1', 0, 100), 0, 'a clock that is set back gives nothing');
  t.equal(allowed('192.0.2.2', 1000, 1), 1, 'its neighbour is not hindered');
  t.equal(allowed('2001:db8::1', 1000, 30) + allowed('2001:db8::2', 1000, 70), peerBurst, 'a /64 is one client');
  const later = 1_000_000;
  for (let peer = 0; peer < peersMax + 500; peer += 1)
    limit.allows(`10.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}`, later);
  t.equal(limit.peersKnown, peersMax);
  t.equal(allowed('127.0.0.1', later, 10), 0, 'the bound of all together holds for everybody');
  t.equal(allowed('127.0.0.1', later + 1000, 1000), perSecond, 'a proxy on this machine has that one only');
  t.equal(clientNetwork('::ffff:192.0.2.7'), '192.0.2.7');
  t.equal(clientNetwork('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
  t.equal(clientNetwork('2001:db8::'), '2001:db8:0:0');
  t.equal(clientNetwork('::1'), '0:0:0:0');
});

t.test('a store that fails is an apology without its reason', async (t) => {
  const lines: unknown[] = [];
  const fails = () => Promise.reject(new Error('disk /secret/place is full'));
  const app = createPortal({
    vault: { personalView: fails, requestRelease: fails, releaseByToken: fails, deleteByToken: fails },
    preview: { preview: fails },
    notice: () => policy.notice,
    publicUrl: () => publicUrl,
    formKey: Buffer.alloc(32, 7),
    clock: () => 0,
    log: (_level, _event, fields) => lines.push(fields),
    answered: () => undefined,
  });
  t.teardown(() => app.close());
  const token = newToken();
  const answer = await app.inject({ method: 'GET', url: `/q/${token}` });
  t.equal(answer.statusCode, 503);
  t.notMatch(answer.body, 'secret');
  t.match(lines, [{ reason: 'disk /secret/place is full' }]);
  t.notOk(JSON.stringify(lines).includes(token), 'a link is a secret in the log as well');
});

t.test('the configuration warns of links that lead nowhere or cross the network in clear', async (t) => {
  const problemsOf = (portal: string, more = '') => {
    const listener = '{ listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }';
    const { config, problems } = parseConfig(
      `smtp: { listeners: [${listener}] }\n${portal}\n${more}`,
      '/etc/gate.yaml',
    );
    return { config, found: problems.map(({ severity, path }) => `${severity} ${path}`) };
  };
  const defaults = problemsOf('');
  t.same(defaults.found, []);
  t.match(defaults.config?.portal, { listen: '127.0.0.1:8080', publicUrl: 'http://127.0.0.1:8080' });
  t.match(problemsOf('portal: { listen: "" }').config?.portal, { listen: '', publicUrl: '' }, 'no page, no links');
  t.same(problemsOf('portal: { publicUrl: "" }').found, []);
  t.same(problemsOf('portal: { publicUrl: "https://q.example.org/mail" }').found, []);
  t.same(problemsOf('portal: { listen: "[::1]:8080", publicUrl: "http://[::1]:8080" }').found, []);
  const clear = ['warning portal.publicUrl'];
  t.same(problemsOf('portal: { listen: "0.0.0.0:8080", publicUrl: "http://q.example.org" }').found, clear);
  t.same(problemsOf('portal: { listen: "0.0.0.0:8080", publicUrl: "https://q.example.org" }').found, []);
  t.same(problemsOf('portal: { listen: "127.0.0.1:8081" }').found, clear, 'links to the default port');
  for (const url of [
    'ftp://q.example.org',
    'https://a:b@q.example.org',
    'https://q.example.org/?a=',
    'q.example.org',
  ]) {
    t.same(problemsOf(`portal: { publicUrl: "${url}" }`).found, ['error portal.publicUrl'], url);
  }
  const clash = ['warning portal.listen'];
  t.same(problemsOf('portal: { listen: "127.0.0.1:2525", publicUrl: "" }').found, clash, 'the port of a listener');
  t.same(problemsOf('', 'status: { listen: "0.0.0.0:8080" }').found, clash, 'the port of status');
  t.same(problemsOf('portal: { listen: 8080 }').found, ['error portal.listen']);
});

/** The links in notices that have arrived, by recipient. */
async function linksOf(sink: Sink, count: number): Promise<Map<string, string>> {
  await sink.waitForMessage(count);
  return new Map(
    sink.messages.map(({ recipients, bytes }) => {
      const text = bytes.toString('latin1').replace(/=\r\n/g, '');
      return [/<([^>]*)>/.exec(recipients[0] ?? '')?.[1] ?? '', /http:\/\/[\w.:]+\/q\/[\w-]{32}/.exec(text)?.[0] ?? ''];
    }),
  );
}

function askUrl(link: string, asking: Asking = {}): Promise<Answer> {
  const { port, pathname } = new URL(link);
  return ask(Number(port), pathname, asking);
}

t.test('from a blocked mail to a request, through the gate itself', async (t) => {
  const sink = await Sink.start();
  t.teardown(() => sink.stop());
  const port = await freePort();
  const portal = { listen: `127.0.0.1:${port}`, publicUrl: `http://127.0.0.1:${port}/` };
  const gate = await Gate.start({ upstreamPort: sink.port, config: { portal } });
  t.teardown(() => gate.stop());
  const client = await Client.greet(gate.port);
  const subject = '<img src=x onerror=alert(1)>';
  t.equal(
    (await client.mail('eve@client.example', ['anna@example.org', 'carl@example.org'], eicarMail({ subject }))).code,
    250,
  );
  await client.quit();
  const links = await linksOf(sink, 2);
  const anna = links.get('anna@example.org') ?? '';
  const carl = links.get('carl@example.org') ?? '';
  t.ok(anna !== '' && carl !== '' && anna !== carl, 'each notice has its own link');

  const page = await askUrl(anna);
  t.match(page, { status: 200, body: 'eicar.com' });
  for (const words of ['eve@client.example', '&lt;img src=x onerror=alert(1)>', 'anna@example.org']) {
    t.ok(page.body.includes(words), words);
  }
  t.notOk(page.body.includes('carl'));
  t.match(await askUrl(carl), { status: 200, body: 'carl@example.org' });

  const action = /<form method="post" action="([^"]+)"/.exec(page.body)?.[1] ?? '';
  const asked = await askUrl(new URL(action, anna).href, {
    method: 'POST',
    headers: { ...formType, origin: 'null', 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ nonce: nonceOf(page.body) }).toString(),
  });
  t.match(asked, { status: 200, body: 'You asked for the release' });
  const other = await askUrl(carl);
  t.match(other.body, 'has been asked for');
  t.notMatch(other.body, /anna|You asked/);
  await gate.waitForLog('the request', (line) => line.msg === 'a recipient asks for a release');
  for (const link of [anna, carl]) t.notOk(gate.output.includes(link.slice(-32)), 'no link is in the log');
  const metrics = (await ask(gate.statusPort, '/metrics')).body;
  t.match(metrics, /^sluice_portal_up 1$/m);
  t.match(metrics, /^sluice_portal_answers_total\{status="200"\} 4$/m);
});

t.test('a gate whose page cannot have its port relays all the same', async (t) => {
  const sink = await Sink.start();
  t.teardown(() => sink.stop());
  const taken = await Sink.start();
  t.teardown(() => taken.stop());
  const portal = { listen: `127.0.0.1:${taken.port}`, publicUrl: `http://127.0.0.1:${taken.port}` };
  const gate = await Gate.start({ upstreamPort: sink.port, config: { portal } });
  t.teardown(() => gate.stop());
  const told = await gate.waitForLog('the error', (line) => line.level === 'error');
  t.match(told, { reason: `portal.listen: cannot listen on 127.0.0.1:${taken.port}` });
  const ready = await ask(gate.statusPort, '/readyz');
  t.equal(ready.status, 200, 'mail matters more than the page');
  t.match(JSON.parse(ready.body), { ready: true, checks: { portal: /^portal\.listen: .*EADDRINUSE/ } });
  t.match((await ask(gate.statusPort, '/metrics')).body, /^sluice_portal_up 0$/m);
  const client = await Client.greet(gate.port);
  t.equal((await client.mail('eve@client.example', ['anna@example.org'], eicarMail())).code, 250);
  await client.quit();
  const link = (await linksOf(sink, 1)).get('anna@example.org') ?? '';
  t.ok(link.startsWith(`${portal.publicUrl}/q/`), 'the link is good once the page can start');
});
