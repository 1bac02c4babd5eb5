/**
 * What of a withheld message may be looked at: bounds, who sees what, and, in a real browser, that nothing in a message
 * runs or loads. Each protection is tried alone: the sanitised markup without policy and sandbox, and policy and sandbox
 * with the message as it is.
 */

import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import fc from 'fast-check';
import { type Browser, chromium, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { messageFrameFields } from '../src/portal/preview/message-frame.js';
import type { PreviewOutcome } from '../src/portal/preview/preview.js';
import { previewOf } from '../src/portal/preview/preview-worker.js';
import { Previewer, type PreviewerOptions } from '../src/portal/preview/previewer.js';
import { sanitiseHtml } from '../src/portal/preview/sanitise.js';
import { GateError } from '../src/runtime/errors.js';
import { limits } from '../src/runtime/limits.js';
import { actsAlone, actsWithHelp } from './support/hostile-html.js';
import { programPath, skipWithout } from './support/missing.js';
import { ask, dayMs, hold, openPortal, type PortalStage, stateOf } from './support/portal-stage.js';
import { waitFor } from './support/ports.js';

const corpus = { ...actsAlone, ...actsWithHelp };

function mail(fields: readonly string[], body: string): Buffer {
  return Buffer.from([...fields, '', body].join('\r\n'));
}

const usual = [
  'From: Bob <bob@example.net>',
  'To: Anna <anna@example.org>, Carl <carl@example.org>',
  'Cc: dora@example.org',
  'Subject: =?utf-8?q?Your_inv=C3=B6ice?=',
  'Date: Sun, 1 Mar 2026 14:05:00 +0000',
  'X-Token: =?utf-8?q?=E2=80=AE?=abc',
];

function htmlMail(html: string): Buffer {
  const encoded = Buffer.from(html).toString('base64').replace(/.{76}/g, '$&\r\n');
  return mail([...usual, 'Content-Type: text/html; charset=utf-8', 'Content-Transfer-Encoding: base64'], encoded);
}

/** What stands in a document, read as a browser reads it: nothing but text when no `<` begins a tag of the few. */
const harmless =
  /^(?:[^<]|<\/?(?:p|div|span|blockquote|pre|code|h[1-6]|b|strong|i|em|u|s|small|su[bp]|[uod]l|li|d[td]|table|caption|thead|tbody|tfoot|tr|t[hd])>|<span class="(?:leads|picture)">|<(?:br|hr) \/>|<t[hd](?: (?:row|col)span="\d\d?")+>)*$/;

t.test('a recipient sees the text, and of the addresses his own', async (t) => {
  const stage = await openPortal(t);
  const body = 'Dear reader,\r\n\tpay at http://evil.example/pay or www.evil.example\u202e\r\n<b>now</b>';
  const fields = [...usual, 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'];
  const { id, tokens } = await hold(stage, {}, mail(fields, body));
  const [anna = ''] = tokens;
  const before = await stage.vault.detail(id);
  const page = await ask(stage.port, `/q/${anna}/message`);
  t.equal(page.status, 200);
  for (const words of [
    '"Bob" &lt;bob@example.net>'.replaceAll('"', '&quot;'),
    'Your invöice',
    'Sun, 1 Mar 2026 14:05:00 +0000',
    'anna@example.org',
    'Dear reader,\n\tpay at http[:]//evil.example/pay or www[.]evil.example\n&lt;b>now&lt;/b>',
    'invoice.zip',
    'Attachments cannot be opened here.',
  ])
    t.ok(page.body.includes(words), words);
  t.notMatch(page.body, /carl|dora|X-Token|\u202e|<iframe/);
  t.same(await stage.vault.detail(id), before, 'looking changes nothing');
  t.match(page.headers, {
    'content-security-policy':
      "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  t.equal((await ask(stage.port, `/q/${anna}/message/html`)).status, 404, 'it has no HTML');
  for (const path of ['message', 'message/html'])
    t.match(await ask(stage.port, `/q/${anna}/${path}`, { method: 'POST' }), {
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
});

t.test('HTML is a document of its own in a frame that may do nothing', async (t) => {
  const stage = await openPortal(t);
  const html =
    '<h1>Hi</h1><a href="https://evil.example/?q=1">Click</a><img src="https://evil.example/i" alt="A logo">';
  const { tokens } = await hold(stage, {}, htmlMail(html));
  const page = await ask(stage.port, `/q/${tokens[0]}/message`);
  t.match(page.body, '<iframe class="message-frame" title="Content of the message" src="message/html" sandbox ');
  t.notMatch(page.body, 'evil.example', 'the page around it has nothing of it');
  const frame = await ask(stage.port, `/q/${tokens[0]}/message/html`);
  t.equal(frame.status, 200);
  t.match(
    frame.body,
    '<h1>Hi</h1><span class="leads">[https[:]//evil.example/?q=1]</span> <span>Click</span><span class="picture">[picture: A logo]</span>',
  );
  t.match(frame.headers, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
  t.match(
    frame.headers['content-security-policy'],
    /^sandbox; default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'none'; frame-ancestors 'self'; base-uri 'none'$/,
  );
});

t.test('markup that comes out of the sanitiser is text in a few tags, whatever went in', async (t) => {
  for (const [name, html] of Object.entries(corpus)) {
    for (const variant of [
      html,
      html.repeat(3),
      `<table><tr><td>${html}</td></tr></table>`,
      `<p title='${html}'>x</p>`,
    ]) {
      const made = sanitiseHtml(variant);
      if (made === undefined || !harmless.test(made.html)) t.fail(`${name}: ${made?.html}`);
    }
  }
  const pieces = [
    ...Object.values(corpus),
    '<',
    '>',
    '"',
    "'",
    '&',
    '&lt;',
    '<!--',
    '-->',
    '</',
    'a',
    ' ',
    '\u0000',
    '\u202e',
    '<td colspan="',
    '<a href="',
  ];
  const halves = pieces.flatMap((piece) => [piece, piece.slice(0, piece.length >> 1), piece.slice(piece.length >> 1)]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...halves), { maxLength: 12 }), async (parts) => {
      const made = sanitiseHtml(parts.join(''));
      return made === undefined || (harmless.test(made.html) && !/[\u0000\u202e]/.test(made.html));
    }),
    { numRuns: 2000 },
  );
  t.pass('two thousand mixtures');
  t.same(sanitiseHtml('<p>a <b>b</b></p><br><td colspan=3 rowspan=0>c'), {
    html: '<p>a <b>b</b></p><br /><td colspan="3">c</td>',
    cut: false,
  });
  t.equal(sanitiseHtml('&'.repeat(limits.preview.htmlCharacters)), undefined, 'what becomes too long is refused');
  t.equal(sanitiseHtml('x'.repeat(limits.preview.htmlCharacters + 1))?.cut, true);
});

t.test('odd messages are values too', async (t) => {
  const look = (bytes: Buffer) => previewOf({ bytes, cut: false });
  t.match(await look(Buffer.alloc(0)), { from: '', subject: '', date: '', text: '', html: '', cut: false });
  t.match(await look(Buffer.from('no header at all')), { html: '' });
  t.match(await look(Buffer.alloc(100_000, 0xff)), { html: '' });
  const alternative = mail(
    [...usual, 'Content-Type: multipart/alternative; boundary=b'],
    '--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>rich</b>\r\n--b--\r\n',
  );
  t.match(await look(alternative), { text: 'plain', html: '<b>rich</b>' });
  const utf7 = mail(
    [...usual, 'Content-Type: text/html; charset=utf-7'],
    '+ADw-script+AD4-alert(1)+ADw-/script+AD4-<p>x</p>',
  );
  t.match(await look(utf7), { html: '<p>x</p>' });
  const deep = Array.from(
    { length: 3000 },
    (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}`,
  ).join('\r\n');
  const outcome = await look(Buffer.from(`${deep}\r\nContent-Type: text/plain\r\n\r\nx`)).catch(
    (error: unknown) => error,
  );
  t.ok(outcome instanceof Error || typeof outcome === 'object', 'deep nesting ends');
  const many = mail(
    Array.from({ length: 300 }, (_, at) => `X-Field-${at}: ${'x'.repeat(3000)}`),
    'x',
  );
  const { fields, cut } = await look(many);
  t.equal(fields.length, limits.preview.fieldsMax);
  t.ok(fields.every(([, value]) => value.length <= limits.preview.fieldCharacters));
  t.ok(cut);
  const long = await look(mail(usual, 'line of text\r\n'.repeat(50_000)));
  t.ok(long.text.length <= limits.preview.textCharacters);
  t.ok(long.cut);
  t.match(await look(htmlMail('<div>'.repeat(1_000_000))), { cut: true, htmlRefused: false });
});

/** A previewer over a quarantine that exists only here. */
function fakeQuarantine(
  t: Test,
  facts: { readonly bytes?: number; readonly state?: string; readonly fails?: unknown; readonly timeMs?: number },
) {
  let opened = 0;
  const lines: unknown[] = [];
  const vault = {
    detail: async () => ({ item: { state: facts.state ?? 'held', bytes: facts.bytes ?? 10 } }),
    openItem: async () => {
      opened += 1;
      throw facts.fails ?? new Error('not reached');
    },
  } as unknown as PreviewerOptions['vault'];
  const log: PreviewerOptions['log'] = (...line) => lines.push(line);
  const previewer = new Previewer({ vault, log });
  t.teardown(() => previewer.close());
  return { previewer, lines, opened: () => opened };
}

t.test('what cannot be shown is told in one word', async (t) => {
  const unavailable = (reason: string) => ({ kind: 'unavailable', reason });
  const noKey = fakeQuarantine(t, { fails: new GateError('key-unreadable', 'no identity file at /secret/place') });
  t.same(await noKey.previewer.preview('x'), unavailable('no-identity'));
  const large = fakeQuarantine(t, { bytes: limits.preview.sealedBytes + 1 });
  t.same(await large.previewer.preview('x'), unavailable('too-large'));
  t.equal(large.opened(), 0, 'and is not opened to find that out');
  const gone = fakeQuarantine(t, { state: 'deleted' });
  t.same(await gone.previewer.preview('x'), unavailable('gone'));
  const broken = fakeQuarantine(t, { fails: new GateError('open-failed', 'digest') });
  t.same(await broken.previewer.preview('x'), unavailable('failed'));
  t.match(broken.lines, [['warn', 'a held message could not be shown', { item: 'x', reason: 'digest' }]]);
  const outcomes = await Promise.all(
    Array.from({ length: limits.preview.queueMax + 3 }, (_, at) => noKey.previewer.preview(`item ${at}`)),
  );
  t.equal(outcomes.filter((outcome) => outcome.kind === 'unavailable' && outcome.reason === 'busy').length, 3);
});

t.test('a message is opened once for its page and its frame, and gone is gone', async (t) => {
  const stage = await openPortal(t);
  const { id, tokens } = await hold(stage, {}, htmlMail('<p>the text</p>'));
  let opened = 0;
  const { openItem } = stage.vault;
  stage.vault.openItem = (item) => {
    opened += 1;
    return openItem.call(stage.vault, item);
  };
  const [first, second] = await Promise.all([stage.preview.preview(id), stage.preview.preview(id)]);
  t.match(first, { kind: 'shown', preview: { html: '<p>the text</p>' } });
  t.same(second, first);
  await ask(stage.port, `/q/${tokens[0]}/message`);
  await ask(stage.port, `/q/${tokens[0]}/message/html`);
  t.equal(opened, 1);
  await stage.vault.delete(id, 'test');
  t.same(await stage.preview.preview(id), { kind: 'unavailable', reason: 'gone' });
  t.match(await ask(stage.port, `/q/${tokens[0]}/message`), { status: 200, body: 'was deleted' });
  t.equal((await ask(stage.port, `/q/${tokens[0]}/message/html`)).status, 404);
  t.notOk(existsSync(stage.vault.blobs.fileOf(id)));
  t.equal(await stateOf(stage, id), 'deleted');
});

t.test('a thread that takes too long is ended, and the next message has another', async (t) => {
  const stage = await openPortal(t);
  const slow = await hold(stage, {}, htmlMail(`${'<b>'.repeat(80_000)}${'</i>'.repeat(60_000)}`));
  const previewer = new Previewer({ vault: stage.vault, log: () => undefined, timeMs: 1500 });
  t.teardown(() => previewer.close());
  const outcome: PreviewOutcome = await previewer.preview(slow.id);
  t.same(outcome, { kind: 'unavailable', reason: 'failed' });
  t.same(await previewer.preview(slow.id), outcome, 'and is not tried again at once');
  const { tokens } = await hold(stage, {}, htmlMail('<p>next</p>'));
  t.match(await ask(stage.port, `/q/${tokens[0]}/message/html`), { status: 200, body: '<p>next</p>' });
});

const hostile = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  '\u202egpj.exe',
  'javascript:alert(1)',
  "' autofocus onfocus='alert(1)",
];

function tagsOf(page: string): string[] {
  return (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/(value|action|href)="[^"]*"/, '$1'));
}

t.test('no field of a message becomes markup of the page', async (t) => {
  const stage = await openPortal(t);
  const plain = await hold(stage, {}, mail(['From: a@b.example', 'Subject: x', 'Date: x'], 'text'));
  const expected = tagsOf((await ask(stage.port, `/q/${plain.tokens[0]}/message`)).body);
  for (const words of hostile) {
    const encoded = `=?utf-8?B?${Buffer.from(words).toString('base64')}?=`;
    const fields = [`From: ${encoded} <a@b.example>`, `Subject: ${encoded}`, `Date: ${words.replace(/[^ -~]/g, '')}`];
    const { tokens } = await hold(stage, {}, mail([...fields, 'Content-Type: text/plain; charset=utf-8'], words));
    const { body } = await ask(stage.port, `/q/${tokens[0]}/message`);
    t.same(tagsOf(body), expected, words);
    t.notMatch(body, /\u202e/);
    stage.clock.now += dayMs / 24;
  }
});

/** A place on this machine that counts what is asked of it, and another that serves documents. */
async function listen(
  t: Test,
  answer: (path: string) => { readonly body: string; readonly fields: object } | undefined,
) {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const found = answer(path);
    response.writeHead(found === undefined ? 404 : 200, { ...found?.fields });
    response.end(found?.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const bound = server.address();
  return { asked, origin: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}` };
}

async function browse(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: programPath('chromium'), args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  return browser;
}

/** What a page did: requests beside its own address, dialogs, new windows, and scripts' words. */
function watch(page: Page): string[] {
  const seen: string[] = [];
  page.on('dialog', (dialog) => {
    seen.push(`dialog ${dialog.message()}`);
    void dialog.dismiss().catch(() => seen.push('the dialog was gone'));
  });
  page.on('popup', (popup) => seen.push(`window ${popup.url()}`));
  page.on('request', (request) => seen.push(`request ${request.url()}`));
  page.on('console', (message) => seen.push(`console ${message.text()}`));
  return seen;
}

/** Time for what starts by itself: pictures, style sheets, `refresh` with zero seconds. */
const settleMs = 1500;

interface Served {
  readonly body: string;
  readonly fields: object;
}

/**
 * Opens the documents of the corpus beside each other, each in a frame as `serve` makes it, and looks at them for a
 * while; where something is `expected`, until that has happened.
 * @returns by case what the browser asked for, and what arrived; and the words of scripts and dialogs of all
 */
async function tryOut(
  t: Test,
  browser: Browser,
  cases: Readonly<Record<string, string>>,
  serve: (html: string) => Served,
  expected?: (arrived: (at: number) => readonly string[], did: readonly string[]) => boolean,
): Promise<{ readonly asked: Map<string, string[]>; readonly arrived: Map<string, string[]>; readonly did: string[] }> {
  const evil = await listen(t, () => ({ body: '', fields: { 'content-type': 'text/plain' } }));
  const names = Object.keys(cases);
  const frames = names.map((_name, at) => `<iframe src="/${at}"></iframe>`).join('');
  const documents = await listen(t, (path) => {
    if (path === '/') return { body: `<!DOCTYPE html><body>${frames}</body>`, fields: html };
    const name = names[Number(/^\/(\d+)$/.exec(path)?.[1] ?? -1)];
    if (name === undefined) return { body: '', fields: {} };
    return serve((cases[name] ?? '').replaceAll('EVIL', `${evil.origin}/${names.indexOf(name)}`));
  });
  const page = await browser.newPage();
  const did = watch(page);
  await page.goto(documents.origin, { waitUntil: 'load' });
  const own = new Set(
    names.map((_name, at) => `request ${documents.origin}/${at}`).concat(`request ${documents.origin}/`),
  );
  const of = (at: number, lines: readonly string[]) => lines.filter((line) => line.includes(`/${at}/`));
  const tried = () => did.filter((line) => !own.has(line));
  if (expected === undefined) await page.waitForTimeout(settleMs);
  else await waitFor('what is expected', 30_000, () => expected((at) => of(at, evil.asked), tried()));
  await page.close();
  const foreign = tried();
  return {
    asked: new Map(names.map((name, at) => [name, of(at, foreign)])),
    arrived: new Map(names.map((name, at) => [name, of(at, evil.asked)])),
    did: foreign,
  };
}

const html = { 'content-type': 'text/html; charset=utf-8' };

t.test('in a browser', { skip: skipWithout('chromium', 'package:playwright-core') }, async (t) => {
  const browser = await browse(t);

  await t.test('the corpus is dangerous where nothing protects', async (t) => {
    const all = (of: (at: number) => readonly string[]) =>
      Object.keys(actsAlone).every((_name, at) => of(at).length > 0);
    const { arrived } = await tryOut(t, browser, actsAlone, (body) => ({ body, fields: html }), all);
    for (const [name, paths] of arrived) t.ok(paths.length > 0, name);
  });

  await t.test('the sanitiser alone suffices', async (t) => {
    const { arrived, did } = await tryOut(t, browser, corpus, (body) => ({
      body: `<!DOCTYPE html><body>${sanitiseHtml(body)?.html ?? ''}</body>`,
      fields: html,
    }));
    for (const [name, paths] of arrived) t.same(paths, [], name);
    t.same(did, [], 'and nothing was tried that something else stopped');
  });

  await t.test('policy and sandbox alone suffice', async (t) => {
    const { arrived, did } = await tryOut(t, browser, corpus, (body) => ({ body, fields: { ...messageFrameFields } }));
    for (const [name, paths] of arrived) t.same(paths, [], name);
    t.ok(did.length > Object.keys(actsAlone).length / 2, 'much was tried and stopped');
    t.same(
      did.filter((line) => /^(?:dialog|window)/.test(line)),
      [],
    );
  });

  await t.test('the page of a recipient loads its own and nothing else', async (t) => {
    const stage = await openPortal(t);
    const evil = await listen(t, () => ({ body: '', fields: {} }));
    const everything = Object.values(corpus).join('\n<p>next</p>\n').replaceAll('EVIL', evil.origin);
    await lookAt(t, stage, browser, htmlMail(everything));
    for (const name of ['math and style', 'script', 'meta refresh', 'style import', 'svg filter image'])
      await lookAt(t, stage, browser, htmlMail(`<p>begin</p>${(corpus[name] ?? '').replaceAll('EVIL', evil.origin)}`));
    t.same(evil.asked, []);
  });
});

async function lookAt(t: Test, stage: PortalStage, browser: Browser, message: Buffer): Promise<void> {
  stage.clock.now += 60_000;
  const { tokens } = await hold(stage, {}, message);
  const page = await browser.newPage();
  const did = watch(page);
  const base = `http://127.0.0.1:${stage.port}`;
  const address = `${base}/q/${tokens[0]}/message`;
  await page.goto(address, { waitUntil: 'networkidle' });
  const frame = page.frames().find((one) => one.url() === `${address}/html`);
  t.ok(frame, 'the frame shows its document');
  t.match(await page.frameLocator('iframe').locator('body').innerText(), /next|begin/);
  t.same(
    did.map((line) => line.replace(/style-\w+/, 'style')).toSorted(),
    [`request ${address}`, `request ${address}/html`, `request ${base}/assets/style.css`].toSorted(),
  );
  t.equal(page.url(), address, 'nobody was led elsewhere');
  await page.close();
}
