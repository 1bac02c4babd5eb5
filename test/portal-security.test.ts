/**
 * The quarantine and its pages under attack: by whoever wrote the mail, by whoever holds a link that is not his, by
 * other pages in the same browser, and by whoever has the files in his hands.
 */
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { newKeyPair } from '../src/quarantine/keys.js';
import { newToken, tokenHash } from '../src/quarantine/token-table.js';
import { browserPrograms, openBrowser, signIn } from './support/browser.js';
import { administratorsIn, ConsoleClient, consolePassword, cookiesOf, csrfOf } from './support/console-client.js';
import { FakeClamd } from './support/fake-clamd.js';
import { ForeignSite } from './support/foreign-site.js';
import type { Gate, Settings } from './support/gate.js';
import { canary, hostileMail, payloads } from './support/hostile-mail.js';
import { ask, type HttpAnswer, submit } from './support/http-ask.js';
import { buildMail, eicar } from './support/mail.js';
import { skipWithout } from './support/missing.js';
import { checkHarmless, foreignMarkup, walk } from './support/page-crawl.js';
import { fillIn, portalRoutes, type Route } from './support/portal-routes.js';
import { freePort, waitFor } from './support/ports.js';
import {
  folderOf,
  itemOf,
  recipientOf,
  reconfigure,
  sendMail,
  sluice,
  startGate,
  startSink,
} from './support/running.js';
import type { Sink } from './support/sink.js';
import { changeStore, dumpStore, isSettled } from './support/store-dump.js';
import { filesHolding } from './support/stored-bytes.js';

t.setTimeout(1_000_000);

const secret = 'a sentence that nobody else will ever read';

/** Blocked, and known by its text. */
function secretMail(subject = 'Papers', text = `${secret}\r\n`): Buffer {
  return buildMail({ subject, text, attachment: { name: 'papers.com', content: eicar } });
}

function originalsAt(sink: Sink) {
  return sink.messages.filter(({ mail }) => !mail.startsWith('<>'));
}

function sealedFile(gate: Gate, id: string): string {
  return join(gate.folder, 'var', 'quarantine', `${id}.eml.age`);
}

async function startPair(t: Test, config: Settings = {}, folder = folderOf(t)): Promise<{ gate: Gate; sink: Sink }> {
  const sink = await startSink(t);
  return { sink, gate: await startGate(t, { upstreamPort: sink.port, folder, config }) };
}

/** With pages. */
async function startPages(
  t: Test,
  config: Settings = {},
  folder = folderOf(t),
): Promise<{ gate: Gate; sink: Sink; origin: string }> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const portal = { listen: `127.0.0.1:${port}`, publicUrl: origin, ...(config.portal as Settings | undefined) };
  const pair = await startPair(t, { ...config, portal }, folder);
  return { ...pair, origin };
}

/** The link in the first notice about an item. */
async function linkOf(sink: Sink, item: string): Promise<string> {
  const text = await waitFor(`notice about ${item}`, 10_000, () =>
    sink.messages
      .map(({ bytes }) => bytes.toString('latin1').replace(/=\r\n/g, ''))
      .find((mail) => mail.includes(item)),
  );
  return /http:\/\/[\w.:]+\/q\/[\w-]{32}/.exec(text)?.[0] ?? 'no link';
}

t.test('an original that is not what was sealed goes to nobody, and whoever asks is told', async (t) => {
  const { gate, sink } = await startPair(t);
  const mails = [secretMail('one'), secretMail('two')];
  const ids: string[] = [];
  for (const mail of mails) ids.push(itemOf(await sendMail(gate, mail)));
  const [id = '', other = ''] = ids;
  await sink.waitForMessage(2);
  const file = sealedFile(gate, id);
  const sealed = readFileSync(file);
  const middle = Buffer.from(sealed);
  middle[sealed.length - 40] = (middle[sealed.length - 40] ?? 0) ^ 1;
  const damages: Readonly<Record<string, () => void>> = {
    'an octet changed': () => writeFileSync(file, middle),
    'cut off': () => truncateSync(file, sealed.length - 1),
    'of another item': () => copyFileSync(sealedFile(gate, other), file),
    empty: () => writeFileSync(file, ''),
    gone: () => rmSync(file),
  };
  for (const [name, damage] of Object.entries(damages)) {
    writeFileSync(file, sealed);
    damage();
    const { code, stdout, stderr } = await sluice(gate, 'quarantine', 'release', id);
    t.equal(code, 1, name);
    t.match(stderr, /not released|cannot|sealed|original/i, `${name}: it is said`);
    t.notMatch(stdout + stderr, secret);
  }
  t.equal(originalsAt(sink).length, 0, 'nothing was delivered');
  writeFileSync(file, sealed);
  t.equal((await sluice(gate, 'quarantine', 'release', id)).code, 0, 'whole again, it is given back');
  t.ok(originalsAt(sink)[0]?.bytes.equals(mails[0] ?? Buffer.alloc(0)));
});

t.test('keys are rotated by adding one, and destroyed with all that only they opened', async (t) => {
  const folder = folderOf(t);
  const sink = await startSink(t);
  let gate = await startGate(t, { upstreamPort: sink.port, folder });
  const old = itemOf(await sendMail(gate, secretMail('old')));
  const made = join(folder, 'new.txt');
  const pair = await newKeyPair(Date.now());
  writeFileSync(made, pair.identityText, { mode: 0o600 });
  await gate.stop();
  const firstKey = join(folder, 'var', 'identity.txt');
  const both = join(folder, 'both.txt');
  writeFileSync(both, readFileSync(firstKey, 'utf8') + readFileSync(made, 'utf8'), { mode: 0o600 });

  const restart = async (quarantine: Settings) => {
    gate = await startGate(t, { upstreamPort: sink.port, folder, config: { quarantine } });
  };
  const readable = async (id: string) => {
    const { code, stdout } = await sluice(gate, 'quarantine', 'export', id, '--out', '-');
    return code === 0 && stdout.includes(secret);
  };
  await restart({ recipients: [pair.recipient], identityFile: both });
  const young = itemOf(await sendMail(gate, secretMail('young')));
  t.ok(await readable(old), 'what was sealed before stays readable');
  t.ok(await readable(young));
  await gate.stop();

  rmSync(firstKey);
  rmSync(both);
  await restart({ recipients: [pair.recipient], identityFile: made });
  t.notOk(await readable(old), 'nobody reads what only the destroyed key opened');
  t.match(await sluice(gate, 'quarantine', 'release', old), { code: 1, stderr: /./ });
  t.ok(await readable(young));
  t.match((await sendMail(gate, buildMail({ subject: 'clean' }))).raw, /^250 2\.0\.0 taken/, 'and mail goes on');
  await gate.stop();

  rmSync(made);
  await restart({ recipients: [pair.recipient], identityFile: made });
  const last = await sendMail(gate, secretMail('sealed for a key that is elsewhere'));
  t.match(last.raw, /withheld as/, 'without any key the gate still withholds');
  t.notOk(await readable(itemOf(last)));
  t.match(await sluice(gate, 'quarantine', 'release', young), { code: 1, stderr: /identity/ });
  t.equal(originalsAt(sink).length, 1, 'nothing was given back but the clean mail');
});

t.test('of what was deleted nothing is left on the disk, and of what is held nothing that can be read', async (t) => {
  const { gate, sink } = await startPair(t, {
    portal: { listen: `127.0.0.1:${await freePort()}`, publicUrl: 'http://q.example.org' },
  });
  const attachment = Buffer.from("the content of the file, which is nobody else's either, ".repeat(4));
  const mail = buildMail({
    text: `${secret}\r\n`,
    attachment: { name: 'papers.com', content: Buffer.concat([eicar, attachment]) },
  });
  const secrets = [secret, attachment.subarray(0, 100), eicar];
  const directory = join(gate.folder, 'var');
  const ids: string[] = [];
  for (const to of ['anna@example.org', 'carl@example.org']) ids.push(itemOf(await sendMail(gate, mail, [to])));
  t.not(ids[0], ids[1]);
  await sink.waitForMessage(2);
  const tokens = sink.messages.map(({ bytes }) => /\/q\/([\w-]{32})/.exec(bytes.toString().replace(/=\r\n/g, ''))?.[1]);
  t.match(tokens, [/./, /./]);
  t.same(filesHolding(directory, secrets), [], 'held: sealed');
  const [first = '', second = ''] = ids;
  t.equal((await sluice(gate, 'quarantine', 'release', first)).code, 0);
  t.same(filesHolding(directory, secrets), [], 'released: sealed still');
  t.equal((await sluice(gate, 'quarantine', 'delete', second)).code, 0);
  t.same(filesHolding(directory, secrets), [], 'deleted');
  t.notOk(filesHolding(join(directory, 'quarantine'), ['age-encryption']).some((file) => file.includes(second)));
  t.notOk(gate.output.includes(secret));
  const links = tokens.map(String);
  await waitFor('the end of what was sent', 20_000, () => filesHolding(directory, links).length === 0 || undefined);
  t.ok(gate.running, 'no link that was sent is left, while the gate goes on');
  await gate.stop();
  t.same(filesHolding(directory, links), []);
});

t.test(
  'no string of a mail does anything on a page, in a real browser',
  { skip: skipWithout(...browserPrograms) },
  async (t) => {
    const enter = await openBrowser(t);
    const { gate, sink, origin } = await startPages(t);
    const visitor = await enter({ origin });
    for (const words of payloads) {
      const { mailFrom, recipients, bytes } = hostileMail(words, ['bob@example.org']);
      const reply = await sendMail(gate, bytes, recipients, mailFrom);
      t.match(reply.raw, /withheld as/, words);
      const link = await linkOf(sink, itemOf(reply));
      await visitor.open(link);
      t.ok((await checkHarmless(t, visitor, words, canary)) > 3, 'it was shown');
      await visitor.press(/request|ask/i);
      await checkHarmless(t, visitor, `asked: ${words}`, canary);
    }
  },
);

/** Two held messages for two people each, everybody's link, and words of theirs that nobody else may read. */
interface Stage {
  readonly gate: Gate;
  readonly sink: Sink;
  readonly origin: string;
  readonly first: HeldStage;
  readonly second: HeldStage;
}

interface HeldStage {
  readonly id: string;
  /** what only its recipients may read */
  readonly words: readonly string[];
  /** by address */
  readonly tokens: ReadonlyMap<string, string>;
}

async function holdFor(gate: Gate, sink: Sink, name: string, to: readonly string[]): Promise<HeldStage> {
  const subject = `Subject of ${name}`;
  const file = `file-of-${name}.com`;
  const mail = buildMail({ subject, text: `Text of ${name}.\r\n`, attachment: { name: file, content: eicar } });
  const id = itemOf(await sendMail(gate, mail, to, `sender-of-${name}@client.example`));
  const notices = await waitFor(`notices for ${name}`, 10_000, () => {
    const found = sink.messages.filter(({ bytes }) => bytes.includes(id));
    return found.length >= to.length ? found : undefined;
  });
  const tokens = notices.map((notice): [string, string] => {
    const token = /\/q\/([\w-]{32})/.exec(notice.bytes.toString('latin1').replace(/=\r\n/g, ''))?.[1] ?? '';
    return [recipientOf(notice), token];
  });
  // In the order of the recipients, whoever's notice came first.
  const of = new Map(tokens);
  const ordered = to.map((address): [string, string] => [address, of.get(address) ?? '']);
  return { id, words: [subject, file, `Text of ${name}`, `sender-of-${name}`, ...to], tokens: new Map(ordered) };
}

async function startStage(t: Test): Promise<Stage> {
  const folder = folderOf(t);
  const administrators = await administratorsIn(folder, 'root', 'second');
  const { gate, sink, origin } = await startPages(t, { portal: { administrators } }, folder);
  const first = await holdFor(gate, sink, 'one', ['anna@example.org', 'carl@example.org']);
  const second = await holdFor(gate, sink, 'two', ['dora@example.org', 'emil@example.org']);
  await waitFor('the end of what is sent', 10_000, () => isSettled(folder));
  return { gate, sink, origin, first, second };
}

/** Words of a message that stand in an answer. */
function leaked({ body, headers }: HttpAnswer, ...held: readonly HeldStage[]): string[] {
  const text = body + JSON.stringify(headers);
  return held.flatMap(({ words }) => words).filter((word) => text.includes(word));
}

/** Values for the parameters of every route there is. */
function valuesFor(stage: Stage, token: string): Readonly<Record<string, string>> {
  return { token, id: stage.first.id };
}

/** A form that would do all that any page can do, if it were allowed. */
const everyField = { reason: 'because', comment: 'because', status: 'complete', confirm: 'yes', nonce: 'x' };

/** The answer of somebody who asks again when he was told that there were too many requests. */
async function patiently(work: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  for (let count = 0; ; count += 1) {
    const answer = await work();
    if (answer.status !== 429 || count >= 200) return answer;
    await sleep(100);
  }
}

function askRoute(origin: string, route: Route, target: string, headers: Readonly<Record<string, string>> = {}) {
  if (route.method === 'POST') return patiently(() => submit(origin, target, everyField, headers));
  return patiently(() => ask(origin, target, { method: route.method, headers }));
}

t.test('every address of the web server gives a visitor what is his, and nothing else', async (t) => {
  const stage = await startStage(t);
  const { gate, origin, first, second } = stage;
  const routes = (await portalRoutes()).filter(({ pattern }) => !pattern.startsWith('/assets/'));
  t.ok(routes.length > 12, `${routes.length} routes`);
  const [anna = '', carl = ''] = [...first.tokens.values()];
  const [dora = ''] = [...second.tokens.values()];
  const expired = carl;
  changeStore(gate.folder, 'UPDATE tokens SET expires = 1 WHERE hash = ?', tokenHash(expired));
  const strangersOfConsole = await consoleStrangers(stage);
  const before = dumpStore(gate.folder);

  const strangers: Readonly<Record<string, string>> = {
    unknown: newToken(),
    expired,
    'cut off': anna.slice(0, -1),
    longer: `${anna}A`,
    'of another case': anna.toLowerCase(),
    'padded with a space': `${anna}%20`,
    'with a zero': `${anna}%00`,
    twice: `${anna}%2f${anna}`,
    'the digest itself': tokenHash(anna).toString('base64url'),
    'the id of the item': first.id,
    __proto__: '__proto__',
    constructor: 'constructor',
    empty: '',
  };
  for (const route of routes.filter(({ pattern }) => pattern.includes(':token'))) {
    const what = `${route.method} ${route.pattern}`;
    const unknown = await askRoute(origin, route, fillIn(route, valuesFor(stage, strangers.unknown ?? '')));
    for (const [name, token] of Object.entries(strangers)) {
      const answer = await askRoute(origin, route, fillIn(route, valuesFor(stage, token)));
      t.same(leaked(answer, first, second), [], `${what}, ${name}: nothing is told`);
      if (['unknown', 'expired', 'of another case', 'the digest itself', 'the id of the item'].includes(name)) {
        t.same([answer.status, answer.body], [unknown.status, unknown.body], `${what}, ${name}: as if it never was`);
      }
      t.ok(answer.status >= 400 && answer.status < 500, `${what}, ${name}: ${answer.status}`);
    }
    // Anna sees her message without Carl, and Dora nothing of it.
    const hers = await askRoute(origin, route, fillIn(route, valuesFor(stage, anna)));
    t.same(leaked(hers, second), [], `${what}, Anna`);
    t.notOk(leaked(hers, first).includes('carl@example.org'), `${what}, Anna: without Carl`);
    const doras = await askRoute(origin, route, fillIn(route, valuesFor(stage, dora)));
    t.same(leaked(doras, first), [], `${what}, Dora`);
  }

  for (const route of routes.filter(({ pattern }) => pattern.startsWith('/admin'))) {
    const target = fillIn(route, valuesFor(stage, anna));
    for (const [name, cookie] of Object.entries(strangersOfConsole)) {
      const answer = await askRoute(origin, route, target, cookie === '' ? {} : { cookie });
      const what = `${route.method} ${route.pattern}, ${name}`;
      t.same(leaked(answer, first, second), [], `${what}: nothing is told`);
      const isDoor = route.pattern === '/admin/sign-in' && answer.status === 200;
      t.ok(isDoor || [303, 403, 404, 405].includes(answer.status), `${what}: ${answer.status}`);
      if (answer.status === 303) t.match(answer.headers.location, /^\/admin\/sign-in(?:\?|$)/, `${what}: to the door`);
    }
  }
  t.same(dumpStore(gate.folder), before, 'and nothing was changed');
});

/** Cookies that let nobody in. */
async function consoleStrangers({ gate, origin, first }: Stage): Promise<Readonly<Record<string, string>>> {
  const out = await ConsoleClient.signIn(origin, 'root');
  await out.post('/admin/sign-out');
  const late = await ConsoleClient.signIn(origin, 'root');
  changeStore(gate.folder, 'UPDATE sessions SET expires = 1');
  const idle = await ConsoleClient.signIn(origin, 'root');
  changeStore(gate.folder, 'UPDATE sessions SET seen = 1 WHERE expires > 1');
  const gone = await ConsoleClient.signIn(origin, 'second');
  const portal = gate.readConfig().portal as { readonly administrators: readonly { readonly name: string }[] };
  const administrators = portal.administrators.filter(({ name }) => name !== 'second');
  t.equal(await reconfigure(gate, { portal: { ...portal, administrators } }), 'applied');
  return {
    nobody: '',
    'a recipient': `sluice=${[...first.tokens.values()][0]}`,
    'a guess': `sluice=${'A'.repeat(43)}`,
    'signed out': out.cookie,
    'an old session': late.cookie,
    'an idle session': idle.cookie,
    'no administrator any more': gone.cookie,
  };
}

t.test('looking changes nothing, whoever looks', async (t) => {
  const stage = await startStage(t);
  const { gate, origin, first } = stage;
  const root = await ConsoleClient.signIn(origin, 'root');
  const [anna = ''] = [...first.tokens.values()];
  const before = dumpStore(gate.folder);
  const looks = (await portalRoutes()).filter(({ method }) => method !== 'POST');
  for (const route of looks) {
    const target = fillIn(route, valuesFor(stage, anna));
    const headers = { cookie: root.cookie, purpose: 'prefetch', 'x-http-method-override': 'POST' };
    const answer = await askRoute(
      origin,
      route,
      `${target}?do=delete&sure=yes&_method=POST&csrf=${root.csrf}`,
      headers,
    );
    t.ok(answer.status < 500, `${route.method} ${route.pattern}: ${answer.status}`);
    const wrong = await askRoute(origin, route, fillIn(route, { token: anna, id: 'a'.repeat(26) }), headers);
    if (route.pattern.includes(':id')) t.ok([404, 405].includes(wrong.status), `${route.pattern}: no such message`);
  }
  t.same(dumpStore(gate.folder), before, 'rows, files and configuration are as they were');
});

t.test('a form that another page sends is refused by every address', async (t) => {
  const stage = await startStage(t);
  const { gate, origin, first } = stage;
  const root = await ConsoleClient.signIn(origin, 'root');
  const other = await ConsoleClient.signIn(origin, 'second');
  const posts = (await portalRoutes()).filter(({ method }) => method === 'POST');
  const [anna = '', carl = ''] = [...first.tokens.values()];
  const foreign = { origin: 'http://127.0.0.1:9' };
  const port = new URL(origin).port;
  const tricks: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>> = {
    'without the value of the form': ['', {}],
    'with that of another session': [other.csrf, {}],
    'with a link as the value': [anna, {}],
    'from another port of this machine': [root.csrf, foreign],
    'from this machine by its name': [root.csrf, { origin: `http://localhost:${port}` }],
    'from another scheme': [root.csrf, { origin: `https://127.0.0.1:${port}` }],
    'as a browser marks it, of another site': [root.csrf, { 'sec-fetch-site': 'cross-site' }],
    'as a browser marks it, of another port': [root.csrf, { 'sec-fetch-site': 'same-site' }],
    'as a browser marks it, from nowhere': [root.csrf, { 'sec-fetch-site': 'none' }],
  };
  const before = dumpStore(gate.folder);
  for (const route of posts) {
    for (const [name, [csrf, headers]] of Object.entries(tricks)) {
      const target = fillIn(route, valuesFor(stage, anna));
      // For pages of recipients the value is that of another link, since a signed-in browser has no right there.
      const fields = { ...everyField, csrf, nonce: carl, name: 'root', password: consolePassword };
      const answer = await patiently(() => submit(origin, target, fields, { cookie: root.cookie, ...headers }));
      t.ok([403, 404, 405].includes(answer.status), `POST ${route.pattern}, ${name}: ${answer.status}`);
    }
  }
  t.same(dumpStore(gate.folder), before, 'and nothing was changed');
  t.equal((await root.get('/admin')).status, 200, 'nobody was signed out');
});

t.test('an address in disguise is no way around the sign-in', async (t) => {
  const { origin, first, second } = await startStage(t);
  const [anna = ''] = [...first.tokens.values()];
  const disguises = [
    ...['/admin/', '//admin', '/ADMIN', '/Admin/quarantine', '/./admin', '/x/../admin', '/admin/../admin'],
    ...['/%61dmin', '/admin%2fquarantine', '/admin%5cquarantine', '/admin;x=/quarantine', '/admin%00', '/admin%0d%0a'],
    ...['/admin?', '/admin#', '/admin/quarantine/', '/admin/quarantine//', '/admin/.', '/admin/%2e%2e/q', '/admin\\q'],
    ...['/assets/../admin', '/assets/%2e%2e/admin', '/assets/..%2fadmin', '/assets/../../../../etc/passwd', '/assets/'],
    ...['/assets/%2e%2e%2f%2e%2e%2fpackage.json', '/q', '/q/', '/q//', `/q/${anna}/../../admin`, `//q/${anna}`],
    ...[`/admin/quarantine/${first.id}`, `/admin/quarantine/${first.id}/`, `/admin/quarantine/${first.id}%00`],
    ...[`/admin/quarantine/../quarantine/${first.id}`, '/%2e%2e/%2e%2e/etc/passwd', '/..%c0%af..%c0%afetc/passwd'],
    ...[
      'http://evil.example/admin',
      `http://127.0.0.1/q/${anna}`,
      '*',
      '/%',
      '/%zz',
      `/${'a'.repeat(9000)}`,
      '/admin?a[__proto__]=1',
    ],
  ];
  for (const target of disguises) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const headers = { 'x-http-method-override': 'GET', 'x-original-url': '/admin', 'x-rewrite-url': '/admin' };
      const answer = await patiently(() => ask(origin, target, { method, headers })).catch(() => undefined);
      if (answer === undefined) continue;
      const what = `${method} ${target.slice(0, 60)}`;
      t.ok(answer.status < 500 || answer.status === 501, `${what}: ${answer.status}`);
      t.same(leaked(answer, second), [], `${what}: nothing is told`);
      if (!target.includes(anna)) t.same(leaked(answer, first), [], `${what}: nothing is told`);
      if (answer.status === 200) t.match(target, /\/q\//, `${what}: is a page for everybody`);
    }
  }
});

t.test(
  'every answer forbids scripts, frames, caches and referrers, and no address of another site gets in',
  async (t) => {
    const stage = await startStage(t);
    const { origin, first } = stage;
    const root = await ConsoleClient.signIn(origin, 'root');
    const [anna = ''] = [...first.tokens.values()];
    const evil = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-prefix': '//evil.example',
      forwarded: 'host=evil.example;proto=https',
      'x-original-host': 'evil.example',
      origin: 'http://evil.example',
      referer: 'http://evil.example/',
    };
    for (const route of await portalRoutes()) {
      const target = fillIn(route, valuesFor(stage, anna));
      const nobody = await askRoute(origin, route, target, evil);
      const signedIn = await askRoute(origin, route, target, { ...evil, cookie: root.cookie });
      for (const [who, answer] of Object.entries({ nobody, signedIn })) {
        const what = `${route.method} ${route.pattern}, ${who}`;
        checkFields(t, what, answer, route.pattern.startsWith('/assets/'));
        t.notMatch(answer.body + JSON.stringify(answer.headers), 'evil.example', `${what}: no foreign name`);
      }
    }
    const door = await ask(origin, '/admin/sign-in');
    const cookies = [...(door.headers['set-cookie'] ?? [])];
    t.ok(cookies.length > 0);
    for (const one of cookies) t.match(one, /; Path=\/admin; HttpOnly; SameSite=Strict$/);
  },
);

/** What stands in the header of every answer of ours. */
function checkFields(t: Test, what: string, { headers, status }: HttpAnswer, isAsset: boolean): void {
  const { 'content-security-policy': policy = '', location } = headers;
  const allowed =
    /^(?:default-src 'none'|style-src 'self'|script-src 'self'|frame-src 'self'|img-src 'self'|form-action '(?:self|none)'|frame-ancestors '(?:none|self)'|base-uri 'none'|sandbox(?: allow-popups)?)$/;
  const directives = String(policy).split('; ');
  t.ok(directives.includes("default-src 'none'") && directives.every((one) => allowed.test(one)), `${what}: ${policy}`);
  t.ok(
    directives.some((one) => one.startsWith('frame-ancestors')),
    `${what}: no frame of others`,
  );
  const expected = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };
  t.match(headers, expected, `${what}: ${status}`);
  if (!isAsset) t.match(headers['cache-control'], /no-store/, `${what}: no cache`);
  for (const field of ['access-control-allow-origin', 'server', 'x-powered-by', 'refresh']) {
    t.notOk(headers[field], `${what}: no ${field}`);
  }
  if (location !== undefined) t.match(location, /^\/(?![/\\])/, `${what}: leads to us`);
}

t.test('what a form holds is bounded, and odd names in it are names', async (t) => {
  const stage = await startStage(t);
  const { gate, origin, first } = stage;
  const root = await ConsoleClient.signIn(origin, 'root');
  const [anna = ''] = [...first.tokens.values()];
  const posts = (await portalRoutes()).filter(({ method }) => method === 'POST');
  const form = 'application/x-www-form-urlencoded';
  const bodies: Readonly<Record<string, readonly [string, string | Buffer, readonly number[]]>> = {
    'four megabytes': [form, `comment=${'a'.repeat(4_194_304)}`, [413]],
    JSON: ['application/json', '{"__proto__":{"csrf":"x"},"csrf":"x"}', [415]],
    'plain text': ['text/plain', `csrf=${root.csrf}`, [415]],
    'a multipart form': ['multipart/form-data; boundary=b', '--b--', [415]],
    'no type': ['', 'csrf=x', [415]],
    'names of the language': [form, '__proto__[x]=1&__proto__=2&constructor.prototype=3&toString=4&csrf[]=5', [403]],
    'ten thousand fields': [form, 'a=1&'.repeat(10_000), [403, 413]],
    'broken codings': [form, 'csrf=%zz%c3%28%00&%=%&=&&;=', [403]],
    'octets of no coding': [form, Buffer.from([0xff, 0xfe, 0x3d, 0x00, 0x0d, 0x0a]), [403]],
  };
  const before = dumpStore(gate.folder);
  for (const route of posts) {
    for (const [name, [type, body, expected]] of Object.entries(bodies)) {
      const headers = { cookie: root.cookie, ...(type === '' ? {} : { 'content-type': type }) };
      const target = fillIn(route, valuesFor(stage, anna));
      const answer = await patiently(() => ask(origin, target, { method: 'POST', headers, body })).catch(
        () => undefined,
      );
      // A server that does not want a long body may hang up on it.
      if (answer === undefined) continue;
      const what = `POST ${route.pattern}, ${name}: ${answer.status}`;
      t.ok([...expected, 403, 404, 405].includes(answer.status), what);
    }
  }
  t.same(dumpStore(gate.folder), before);
  t.match(await root.get('/admin'), { status: 200 }, 'it goes on as before');
  t.ok(gate.memoryBytes < 400 * 1_048_576, `${Math.round(gate.memoryBytes / 1_048_576)} MiB`);
});

t.test('who tries passwords gets few tries, and locks out himself alone', async (t) => {
  const folder = folderOf(t);
  const administrators = await administratorsIn(folder, 'root', 'second');
  const { gate, origin } = await startPages(t, { portal: { administrators } }, folder);
  const root = await ConsoleClient.signIn(origin, 'root');
  const tries: string[] = [];
  for (let count = 0; count < 40; count += 1) {
    const reason = await ConsoleClient.signIn(origin, 'root', `guess ${count}`).catch((error: Error) => error.message);
    tries.push(String(reason).slice(-3));
  }
  t.ok(tries.indexOf('429') > 0 && tries.indexOf('429') <= 12, `refused from try ${tries.indexOf('429')} on`);
  t.same([...new Set(tries.slice(tries.indexOf('429')))], ['429'], 'and for the rest');
  await t.rejects(ConsoleClient.signIn(origin, 'root'), /429/, 'with the right password as well');
  t.equal((await root.get('/admin')).status, 200, 'who is signed in stays so');
  t.equal((await ConsoleClient.signIn(origin, 'second')).csrf.length, 43, 'others get in');
  const form = await root.get('/admin/sign-in');
  t.equal(form.status, 303);
  await root.post('/admin/sign-out');
  const known = await root.get('/admin/sign-in');
  const cookie = `${root.cookie}; ${cookiesOf(known)}`;
  const fields = { name: 'root', password: consolePassword, csrf: csrfOf(known.body), next: '/admin' };
  const again = await submit(origin, '/admin/sign-in', fields, { cookie });
  t.equal(again.status, 303, 'and he gets in again with the browser that he had');
  const nobody = await ConsoleClient.signIn(origin, 'a-secret-typed-into-the-wrong-field', 'x').catch(String);
  t.match(nobody, /403/);
  t.notMatch(gate.output, /guess \d|a-secret-typed|seven brown/, 'no password is in the log');
  t.same(filesHolding(join(folder, 'var'), ['guess 1', 'a-secret-typed', consolePassword]), [], 'nor on the disk');
});

t.test('other pages in the same browser can do nothing', { skip: skipWithout(...browserPrograms) }, async (t) => {
  const stage = await startStage(t);
  const { gate, origin, first, second } = stage;
  const enter = await openBrowser(t);
  const visitor = await enter({ origin });
  const { page } = visitor;
  await signIn(visitor, 'root');
  const site = await ForeignSite.start(t);
  const [anna = ''] = [...first.tokens.values()];
  // Those that would cost most; all of them are tried without a browser.
  const costly =
    /request$|:id\/(?:release|delete|deny)$|sign-(?:in|out)$|quarantine\/act$|settings\/(?:smtp|administrators)$/;
  const posts = (await portalRoutes()).filter(({ method, pattern }) => method === 'POST' && costly.test(pattern));
  const before = dumpStore(gate.folder);

  for (const address of [site.elsewhere, site.neighbour]) {
    for (const route of posts) {
      const target = `${origin}${fillIn(route, valuesFor(stage, anna))}`;
      const fields = Object.entries({ ...everyField, csrf: 'x', name: 'second', password: consolePassword });
      const inputs = fields.map(([name, value]) => `<input name="${name}" value="${value}">`).join('');
      site.page = `<form method="post" action="${target}">${inputs}<button>Win</button></form>`;
      await page.goto(`${address}/`);
      await Promise.all([page.waitForEvent('domcontentloaded'), page.click('button')]);
      t.notMatch(await page.content(), /was released|was deleted|signed out/i, `${route.pattern} from ${address}`);
    }
    const pages = ['/admin', `/q/${anna}`, `/admin/quarantine/${first.id}`];
    site.page = pages.map((path) => `<iframe src="${origin}${path}"></iframe>`).join('');
    await page.goto(`${address}/frames`);
    await page.waitForLoadState('load');
    const shown = page.frames().slice(1);
    t.equal(shown.length, pages.length);
    for (const frame of shown) {
      t.match(frame.url(), /^(?:chrome-error:.*|)$/, `no frame of ours in ${address}`);
      t.notMatch(await frame.content().catch(() => ''), /Sluice|withheld|Malware/);
    }
    const read = `Promise.all(${JSON.stringify(pages)}.map((path) => fetch('${origin}' + path, { credentials: 'include' })
      .then((answer) => answer.text(), () => 'refused')))`;
    t.same(await page.evaluate(read), ['refused', 'refused', 'refused'], 'and nothing is read');
    const opened = `(() => { const other = open('${origin}/admin'); return new Promise((done) => setTimeout(() => {
      try { done(String(other.document.body.innerText)) } catch (error) { done('refused') } }, 500)) })()`;
    t.match(await page.evaluate(opened), /^(?:refused|)$/, 'nor in a window of ours');
  }
  t.same(dumpStore(gate.folder), before, 'nothing was changed');
  visitor.trouble.splice(0);
  t.equal(await visitor.open('/admin'), 200);
  t.match(page.url(), `${origin}/admin`, 'nobody was signed out');
  t.same(
    leaked({ status: 200, headers: {}, body: site.asked.join(' ') }, first, second),
    [],
    'no Referer told anything',
  );
});

t.test(
  'the browser of these tests sees an attack that succeeds',
  { skip: skipWithout(...browserPrograms) },
  async (t) => {
    const enter = await openBrowser(t);
    const site = await ForeignSite.start(t);
    const visitor = await enter({ origin: site.neighbour });
    for (const words of payloads.slice(0, 5)) {
      site.page = `<h1>A page that escapes nothing</h1><p title='${words}' class="${words}">${words}</p>`;
      await visitor.open('/');
      await visitor.page.mouse.move(40, 90);
      await visitor.page.waitForLoadState('networkidle');
      const found = [...visitor.trouble.splice(0), ...((await visitor.page.evaluate(foreignMarkup)) as string[])];
      t.not(found.length, 0, words);
    }
  },
);

t.test(
  "nor on an administrator's page, with what servers and scanners answer",
  { skip: skipWithout(...browserPrograms) },
  async (t) => {
    const folder = folderOf(t);
    const administrators = await administratorsIn(folder, 'root');
    const clamd = await FakeClamd.start();
    t.teardown(() => clamd.stop());
    let words = payloads[0] ?? '';
    clamd.onStream = () => `stream: ${words.replace(/[^\x20-\x7e]/g, '?')} FOUND`;
    const sink = await startSink(t, {
      // The one with the odd address is known when the message comes, and not any more when it is given back.
      script: ({ verb, line, session }) => {
        const released = sink.linesOf(session).some((one) => one.startsWith('EHLO gate.example.org'));
        const refuses = verb === 'RCPT' && released && !line.includes('bob@');
        return refuses ? `550 5.7.1 ${words.replace(/[^\x20-\x7e]/g, '?')}\r\n` : undefined;
      },
    });
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const gate = await startGate(t, {
      folder,
      upstreamPort: sink.port,
      config: {
        portal: { listen: `127.0.0.1:${port}`, publicUrl: origin, administrators },
        scoring: { backends: [{ type: 'embedded' }, { type: 'clamd', address: `127.0.0.1:${clamd.port}` }] },
        administrators: [{ address: 'ops@example.org' }],
      },
    });
    const root = await ConsoleClient.signIn(origin, 'root');
    for (const payload of payloads) {
      words = payload;
      const { mailFrom, recipients, bytes } = hostileMail(payload, ['bob@example.org']);
      const id = itemOf(await sendMail(gate, bytes, recipients, mailFrom));
      t.equal(id.length, 26, payload);
      const link = await linkOf(sink, id);
      const page = await ask(origin, new URL(link).pathname);
      const nonce = /name="nonce" value="([\w-]+)"/.exec(page.body)?.[1] ?? '';
      t.equal((await submit(origin, `${new URL(link).pathname}/request`, { nonce })).status, 200);
      t.equal((await root.post(`/admin/quarantine/${id}/deny`, { reason: payload })).status, 303);
      t.equal((await root.post(`/admin/quarantine/${id}/release`, { as: 'original' })).status, 303);
      t.equal((await root.post(`/admin/incidents/${id}`, { comment: payload, status: 'in_progress' })).status, 303);
    }
    const enter = await openBrowser(t);
    const visitor = await enter({ origin });
    await signIn(visitor, 'root');
    let shown = 0;
    const look = async (path: string) => {
      shown += await checkHarmless(t, visitor, path, canary);
    };
    const paths = await walk(visitor, '/admin', { pagesMax: 160, look });
    t.ok(paths.length > 60, `${paths.length} pages`);
    t.ok(shown > 300, `${shown} times the words of strangers`);
  },
);
