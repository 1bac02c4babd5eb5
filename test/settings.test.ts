/**
 * The settings pages: every field through its real form into the file and into a running gate, what is refused and what
 * then still stands in the form, and that nothing but the listed keys can be changed.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { listRules, settingsPages } from '../src/portal/settings/field-table.js';
import type { FieldSpec } from '../src/portal/settings/fields.js';
import { valueAt } from '../src/portal/settings/file-state.js';
import { pathOf } from '../src/portal/settings/form-page.js';
import { limits } from '../src/runtime/limits.js';
import { password } from './support/console-stage.js';
import { buildMail, eicarMail } from './support/mail.js';
import { waitFor } from './support/ports.js';
import { sendMail, startGate, startSink } from './support/running.js';
import { controlsOf, decoded, type Filled, openSettings, type SettingsStage } from './support/settings-stage.js';

t.setTimeout(240_000);

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const example = readFileSync(join(root, 'config', 'example.yaml'), 'utf8');
const smtp = '/admin/settings/smtp';
const imap = '/admin/settings/imap';
const notice = '/admin/settings/notice';
const administrators = '/admin/settings/administrators';

/** What another administrator would enter, and what the file then has to say. */
function another(spec: FieldSpec, now: unknown): { readonly fields: Filled; readonly value: unknown } {
  const { path, kind } = spec;
  switch (kind) {
    case 'radio':
    case 'select': {
      const option = spec.options.findLast(({ value }) => value !== (now ?? null)) ?? { value: '' };
      return { fields: { [path]: String(option.value ?? '') }, value: option.value ?? undefined };
    }
    case 'checks':
      return { fields: { [path]: ['envelope-from'] }, value: ['envelope-from'] };
    case 'servers':
      return { fields: { [path]: 'list', [`${path}.add`]: 'imap.example.org' }, value: ['imap.example.org'] };
    case 'levels':
      return {
        fields: { [`${path}.score`]: ['0', '0.5', '1'], [`${path}.level`]: ['0', '7', '10'] },
        value: [
          [0, 0],
          [0.5, 7],
          [1, 10],
        ],
      };
    case 'number':
      return { fields: { [path]: '20' }, value: 20 };
    case 'area':
      return { fields: { [path]: 'One.\r\n\r\nTwo # three.' }, value: 'One.\n\nTwo # three.' };
    case 'text': {
      const value =
        spec.type === 'url'
          ? 'https://example.org/help'
          : spec.type === 'email'
            ? 'help@example.org'
            : '"Desk: a" <desk@example.org>';
      return { fields: { [path]: value }, value };
    }
  }
}

async function audited(
  stage: SettingsStage,
): Promise<
  { actor: string; action: string; detail: Record<string, never> & { changes: Record<string, unknown>[] } }[]
> {
  const cursor = { towards: 'older', key: undefined } as const;
  const { lines } = await stage.vault.store.call('scanAudit', { action: 'settings' }, cursor, 200);
  return lines.map(({ actor, action, detail }) => ({ actor, action, detail: JSON.parse(detail) }));
}

/** The part of a page that tells what happened. */
async function told(
  stage: SettingsStage,
  answer: { headers: Record<string, unknown>; statusCode: number },
): Promise<string> {
  if (answer.statusCode !== 303) return `status ${answer.statusCode}`;
  const { body } = await stage.user.get(String(answer.headers.location));
  return decoded(/<p class="flash [^>]*>([^<]*)</.exec(body)?.[1] ?? '');
}

t.test('every field of every form gets into the file, and from there into the gate', async (t) => {
  const stage = await openSettings(t, { text: example });
  const forms = [
    ...settingsPages.map((page) => ({
      page: pathOf(page),
      action: pathOf(page),
      specs: page.groups.flatMap(({ fields }) => fields),
    })),
    { page: '/admin/lists', action: '/admin/lists/rules', specs: listRules },
  ];
  const comments = example.match(/#.*/g);
  let fields = 0;
  for (const { page, action, specs } of forms) {
    for (const spec of specs) {
      const before = stage.said();
      const shown = await stage.user.get(page);
      t.match(shown.body, `id="${spec.path}"`, `${spec.path} has its place`);
      const { fields: entered, value } = another(spec, valueAt(before, spec.path));
      const running = stage.live.snapshot;
      const said = await told(stage, await stage.submit(page, entered, action));
      t.match(said, `Saved: ${spec.path}`, spec.path);
      t.match(said, /Applied without a restart/);
      t.same(valueAt(stage.said(), spec.path), value);
      t.not(stage.live.snapshot, running, 'the gate has another snapshot');
      const again = controlsOf((await stage.user.get(page)).body, action);
      for (const [name, one] of Object.entries(entered)) {
        if (name.endsWith('.add')) t.same(again[name.replace('.add', '.kept')], [one], 'and the form shows it');
        else
          t.same(
            again[name]?.filter((text) => text !== ''),
            [one].flat(),
            'and the form shows it',
          );
      }
      const [row] = await audited(stage);
      t.match(row, {
        actor: 'console:root',
        action: 'settings',
        detail: { changes: [{ key: new RegExp(`^${spec.path.split('.')[0]}`) }] },
      });
      fields += 1;
    }
  }
  t.ok(fields >= 50, `${fields} fields`);
  t.same(
    stage
      .text()
      .match(/#.*/g)
      ?.filter((one) => comments?.includes(one)),
    comments,
    'all comments are there, in their order',
  );
  t.notOk(stage.reloads.some(({ applied }) => !applied));
});

t.test('a form that is sent as it stands changes nothing', async (t) => {
  const stage = await openSettings(t, { text: example });
  for (const page of settingsPages) {
    t.match(await told(stage, await stage.submit(pathOf(page), {})), 'Nothing was changed', page.name);
  }
  t.match(await told(stage, await stage.submit('/admin/lists', {}, '/admin/lists/rules')), 'Nothing was changed');
  t.match(await told(stage, await stage.submit(administrators, {})), 'Nothing was changed');
  t.equal(stage.text(), example);
  t.equal((await audited(stage)).length, 0);
});

/** Form, entries, the field that is wrong, and words that are told. */
const wrongEntries: readonly (readonly [string, Filled, string, string])[] = [
  [
    smtp,
    { 'policy.smtp.headers.subjectPrefix': 'x\r\nBcc: a@example.org' },
    'policy.smtp.headers.subjectPrefix',
    'text on one line',
  ],
  [smtp, { 'policy.smtp.headers.subjectPrefix': 'x'.repeat(101) }, 'policy.smtp.headers.subjectPrefix', 'at most 100'],
  [smtp, { 'policy.smtp.action': 'explode' }, 'policy.smtp.action', 'block, warn or permit'],
  [smtp, { 'policy.verdictThreshold': '11' }, 'policy.verdictThreshold', '1 to 10'],
  [
    imap,
    { 'policy.imap.servers': 'list', 'policy.imap.servers.add': '192.0.2.1' },
    'policy.imap.servers',
    'never by IP address',
  ],
  [
    imap,
    { 'policy.imap.servers': 'list', 'policy.imap.servers.add': '[2001:db8::1]' },
    'policy.imap.servers',
    'host name',
  ],
  [imap, { 'policy.imap.servers': 'list' }, 'policy.imap.servers', 'at least one host name'],
  [imap, { 'policy.imap.releaseRequestAddress': 'nobody' }, 'policy.imap.releaseRequestAddress', 'an address such as'],
  [notice, { 'notice.subject': 'a\u0000b' }, 'notice.subject', 'text on one line'],
  [notice, { 'notice.message': 'x'.repeat(10_001) }, 'notice.message', 'at most 10000'],
  [notice, { 'notice.learnMoreUrl': 'javascript:alert(1)' }, 'notice.learnMoreUrl', 'http or https'],
  [notice, { 'notice.validDays': '0' }, 'notice.validDays', '1 to 365'],
  [notice, { 'notice.validDays': '7 days' }, 'notice.validDays', 'whole number'],
  [
    '/admin/settings/scoring',
    { 'scoring.levelMap.score': ['0', '1'], 'scoring.levelMap.level': ['0', 'high'] },
    'scoring.levelMap',
    'number',
  ],
  [
    '/admin/settings/scoring',
    { 'scoring.levelMap.score': ['0', '0.5'], 'scoring.levelMap.level': ['0', '7'] },
    'scoring.levelMap',
    'score 1',
  ],
  [
    '/admin/settings/profile',
    { 'policy.profile.pdf.maxBytes': '-1' },
    'policy.profile.pdf.maxBytes',
    'none or a whole number',
  ],
];

t.test('what is wrong is told at its field, and what was typed stays', async (t) => {
  const stage = await openSettings(t, { text: example });
  for (const [page, fields, path, words] of wrongEntries) {
    const answer = await stage.submit(page, fields);
    t.equal(answer.statusCode, 422, path);
    const at = new RegExp(`id="${path}-error"[^>]*>([^<]*)<`).exec(answer.body)?.[1] ?? '';
    t.match(decoded(at), words, `${path}: ${at}`);
    t.match(answer.body, `href="#${path}"`, 'its head leads there');
    const kept = controlsOf(answer.body, page);
    for (const [name, value] of Object.entries(fields)) {
      const typed = [value].flat().map((one) => one.replace(/\r\n/g, '\n'));
      // A select has no such option, a radio button neither, and one line stays one line.
      if (['explode', '11', 'a\u0000b'].includes(typed[0] ?? '')) continue;
      t.same(
        kept[name]?.filter((one) => one !== '').map((one) => one.replace(/\r\n/g, '\n')),
        typed,
        name,
      );
    }
  }
  t.equal(stage.text(), example, 'nothing was written');
  t.equal(stage.reloads.length, 0);
});

t.test('values cannot become keys, and keys that no form has cannot be changed', async (t) => {
  const stage = await openSettings(t, { text: example });
  const hostile = {
    'policy.smtp.action': 'warn',
    'portal.listen': '0.0.0.0:80',
    'smtp.listeners': 'x',
    dataDirectory: '/etc',
    '__proto__.polluted': 'yes',
    'constructor.prototype.polluted': 'yes',
    'policy.smtp.headers.__proto__': 'x',
    'quarantine.recipients': 'age1x',
  };
  t.match(await told(stage, await stage.submit(smtp, hostile)), 'Saved: policy.smtp.action. Applied');
  t.equal(stage.text(), example.replace('action: block            # or warn', 'action: warn             # or warn'));
  t.equal(({} as Record<string, unknown>).polluted, undefined);
  const injection = 'x"\nportal: { listen: "0.0.0.0:80" }\n# ';
  t.equal((await stage.submit(notice, { 'notice.subject': injection })).statusCode, 422);
  t.match(await told(stage, await stage.submit(notice, { 'notice.message': injection })), 'Saved: notice.message');
  t.equal((stage.said().notice as { message: string }).message, injection);
  t.equal(stage.said().portal, undefined);
  const added = await stage.user.post('/admin/lists/add', { list: '__proto__', entries: 'a@example.org' });
  t.equal(added.statusCode, 303);
  t.same((stage.said().lists as { block: string[] }).block, ['a@example.org'], 'there are two lists only');
});

t.test('only a signed-in administrator with a form of his own changes anything, and no GET does', async (t) => {
  const stage = await openSettings(t, { text: example });
  const routes = [
    smtp,
    imap,
    notice,
    `${notice}/preview`,
    administrators,
    `${administrators}/add`,
    '/admin/lists/add',
    '/admin/lists/remove',
    '/admin/lists/rules',
  ];
  const stranger = stage.browser();
  for (const route of routes) {
    const fields = { 'policy.smtp.action': 'warn', list: 'block', entries: 'a@example.org', address: 'a@example.org' };
    t.match((await stranger.post(route, fields)).headers.location, '/admin/sign-in', route);
    t.equal((await stage.user.post(route, { ...fields, csrf: 'x' })).statusCode, 403, route);
    t.equal((await stage.user.post(route, fields, { 'sec-fetch-site': 'cross-site' })).statusCode, 403, route);
    t.notOk((await stage.user.get(`${route}?${new URLSearchParams(fields)}`)).statusCode >= 500);
  }
  t.match((await stranger.get('/admin/settings/file')).headers.location, '/admin/sign-in');
  t.equal(stage.text(), example);
  const large = { list: 'block', entries: 'x'.repeat(limits.settings.listFormBytes) };
  t.equal((await stage.user.post('/admin/lists/add', large)).statusCode, 413);
  t.equal((await stage.user.post(notice, { 'notice.message': 'x'.repeat(limits.console.formBytes) })).statusCode, 413);
});

t.test('two administrators: the second one is told what the file says now, and loses nothing', async (t) => {
  const stage = await openSettings(t, { text: example });
  const { body } = await stage.user.get(smtp);
  const form = controlsOf(body, smtp);
  writeFileSync(stage.file, example.replace('    action: block            # or', '    action: permit           # or'));
  const late = await stage.user.post(smtp, { ...form, 'policy.smtp.headers.subjectPrefix': '[Mine] ' });
  t.equal(late.statusCode, 409);
  t.match(late.body, 'Somebody changed the file');
  t.match(late.body, 'value="[Mine] "', 'what was typed is there');
  t.match(
    decoded(/id="policy.smtp.action-error"[^>]*>([^<]*)</.exec(late.body)?.[1] ?? ''),
    'The file now says "permit"',
  );
  t.notMatch(stage.text(), 'Mine');
  const again = controlsOf(late.body, smtp);
  const answer = await stage.user.post(smtp, { ...again, 'policy.smtp.action': 'permit' });
  t.match(await told(stage, answer), 'Saved: policy.smtp.headers.subjectPrefix');
  t.match(stage.text(), /action: permit {11}# or/);
});

t.test('a file that cannot be written, one with errors, and values that wait for a restart', async (t) => {
  const stage = await openSettings(t, { text: example });
  chmodSync(stage.file, 0o444);
  const refused = await stage.submit(smtp, { 'policy.smtp.action': 'warn' });
  t.equal(refused.statusCode, 409);
  t.match(refused.body, 'read-only for the gate');
  t.same(controlsOf(refused.body, smtp)['policy.smtp.action'], ['warn'], 'what was chosen stays');
  chmodSync(stage.file, 0o644);

  writeFileSync(stage.file, example.replace('gate.example.org', 'other.example.org'));
  await stage.live.reload();
  t.match((await stage.user.get(smtp)).body, /until it is\s+restarted: hostname/);
  t.notMatch(
    await told(stage, await stage.submit(smtp, { 'policy.smtp.action': 'warn' })),
    'Needs a restart',
    'not his change',
  );

  appendFileSync(stage.file, '\nscoring: { deadlineMs: 1 }\n');
  await stage.live.reload();
  const broken = await stage.user.get(smtp);
  t.match(decoded(broken.body), 'The configuration file has errors');
  t.match(decoded(broken.body), 'scoring.deadlineMs');
  t.match(broken.body, 'cannot be edited here');
  t.equal((await stage.user.post(smtp, controlsOf(broken.body, smtp))).statusCode, 422);
  writeFileSync(stage.file, 'a: [');
  for (const page of [
    ...settingsPages.map(pathOf),
    administrators,
    '/admin/lists',
    '/admin/settings/file',
    '/admin/settings',
  ]) {
    const answer = await stage.user.get(page);
    t.equal(answer.statusCode, 200, page);
    t.match(decoded(answer.body), 'well-formed YAML');
  }
  rmSync(stage.file);
  t.match(decoded((await stage.user.get(smtp)).body), 'cannot be read');
});

t.test('a list file that is missing is an error of the file; one that goes away keeps the running lists', async (t) => {
  const stage = await openSettings(t, { text: example });
  const list = join(dirname(stage.file), 'blocked.txt');
  writeFileSync(list, 'a@bad.example\n# no\nb@bad.example\n');
  writeFileSync(stage.file, example.replace('# blockFiles: [blocked-senders.txt]', 'blockFiles: [blocked.txt]'));
  await stage.live.reload();
  const { body } = await stage.user.get('/admin/lists');
  t.match(body, /blocked\.txt[\s\S]*<code>lists\.blockFiles<\/code>[\s\S]*>2</, 'its entries are counted');
  t.match(body, '2 entries are in force');
  rmSync(list);
  await stage.live.reload();
  t.match(decoded((await stage.user.get('/admin/lists')).body), 'a file that exists');
  const answer = await stage.user.post('/admin/lists/add', { list: 'block', entries: 'c@bad.example' });
  t.equal(answer.statusCode, 422);
  t.match(decoded(answer.body), /Elsewhere in the file: line \d+: lists\.blockFiles\[0\]/);
});

t.test('the notice is previewed with unsaved values, byte for byte as the command line writes it', async (t) => {
  const stage = await openSettings(t, { text: example });
  const entered = {
    'notice.subject': 'Größe & <b>Malware</b>',
    'notice.message': 'First <i>line</i>.\r\n\r\nSecond "line".',
    'notice.linkText': 'Look & see',
    'notice.learnMoreUrl': 'https://intranet.example.org/mail?a=1&b=2',
    'notice.releaseRequestAddress': 'release@example.org',
    'notice.from': 'Security <security@example.org>',
  };
  const page = await stage.user.get(notice);
  t.match(page.body, `formaction="${notice}/preview#preview"`);
  const previewed = await stage.user.post(`${notice}/preview`, { ...controlsOf(page.body, notice), ...entered });
  t.equal(previewed.statusCode, 200);
  t.equal(stage.text(), example, 'nothing is saved');
  const kept = controlsOf(previewed.body, notice);
  t.same(kept['notice.subject'], [entered['notice.subject']]);
  const frame = /<iframe[^>]*src="([^"]*)"[^>]*\ssandbox(?:="")?[ >]/.exec(previewed.body)?.[1] ?? '';
  const html = await stage.user.get(frame);
  t.match(html.headers['content-security-policy'], /^sandbox; default-src 'none'/);
  t.match(html.body, 'Größe &amp; &lt;b&gt;Malware');
  const mail = await stage.user.get(frame.replace('notice.html', 'notice.eml'));
  t.match(mail.headers['content-disposition'], 'attachment');
  t.match(await told(stage, await stage.user.post(notice, { ...kept, ...entered })), 'Saved: ');
  const out = mkdtempSync(join(tmpdir(), 'sluice-preview-'));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  execFileSync(process.execPath, [
    join(root, 'dist', 'src', 'main.js'),
    'preview',
    '--config',
    stage.file,
    '--out',
    out,
  ]);
  t.ok(mail.rawPayload.equals(readFileSync(join(out, 'notice.eml'))), 'the same mail');
  t.equal(html.body, readFileSync(join(out, 'notice.html'), 'utf8'), 'the same HTML');
  const other = stage.browser();
  await other.signIn('second');
  t.equal((await other.get(frame)).statusCode, 404, 'another administrator does not see it');
  stage.clock.now += limits.settings.previewMs;
  t.equal((await stage.user.get(frame)).statusCode, 404, 'nor is it kept for long');
  const wrong = await stage.user.post(`${notice}/preview`, { ...kept, 'notice.subject': 'a\nb' });
  t.equal(wrong.statusCode, 422);
  t.match(wrong.body, 'id="notice.subject-error"');
});

t.test('administrators come and go, each with his boxes', async (t) => {
  const stage = await openSettings(t, {
    text: `${example}\nadministrators:\n  - address: first@example.org   # the first\n    notify: [blocked]\n`,
  });
  const add = (address: string, notify: readonly string[]) =>
    stage.submit(administrators, { address, notify }, `${administrators}/add`);
  t.match(
    await told(stage, await add(' second@example.org ', ['released', 'release-requested'])),
    'Saved: administrators',
  );
  t.match(stage.text(), '  - { address: second@example.org, notify: [released, release-requested] }');
  const twice = await add('FIRST@example.org', ['blocked']);
  t.equal(twice.statusCode, 422);
  t.match(twice.body, 'each administrator once');
  t.match(twice.body, 'value="FIRST@example.org"');
  t.equal((await add('nobody', [])).statusCode, 422);
  t.match(
    await told(
      stage,
      await stage.submit(administrators, { blocked: ['second@example.org'], released: ['first@example.org'] }),
    ),
    'Saved: administrators',
  );
  t.same(stage.said().administrators, [
    { address: 'first@example.org', notify: ['released'] },
    { address: 'second@example.org', notify: ['blocked', 'release-requested'] },
  ]);
  t.same(stage.live.snapshot.administrators, stage.said().administrators, 'the gate knows');
  t.match(await told(stage, await stage.submit(administrators, { remove: 'second@example.org' })), 'Saved');
  t.same(stage.said().administrators, [{ address: 'first@example.org', notify: ['released'] }]);
  t.match(stage.text(), '# the first');
  const [row] = await audited(stage);
  t.match(row?.detail.changes, [{ key: 'administrators', removed: [{ address: 'second@example.org' }] }]);
});

t.test('IMAP servers are added and removed one by one', async (t) => {
  const stage = await openSettings(t, { text: example });
  const path = 'policy.imap.servers';
  await stage.submit(imap, { [path]: 'list', [`${path}.add`]: 'imap.example.org, mail.example.net' });
  t.same(valueAt(stage.said(), path), ['imap.example.org', 'mail.example.net']);
  await stage.submit(imap, { [`${path}.drop`]: 'imap.example.org' });
  t.same(valueAt(stage.said(), path), ['mail.example.net']);
  t.equal((await stage.submit(imap, { [`${path}.drop`]: 'mail.example.net' })).statusCode, 422, 'the last one stays');
  await stage.submit(imap, { [path]: 'all' });
  t.equal(valueAt(stage.said(), path), 'all');
  const { body } = await stage.user.get(imap);
  const [first] =
    /<button[^>]*>/.exec(/<form method="post" action="\/admin\/settings\/imap"[\s\S]*/.exec(body)?.[0] ?? '') ?? [];
  t.notMatch(first, 'name=', 'Enter in a field saves, and removes nothing');
});

t.test('lists: search, pages, bulk, test, and what is recorded', async (t) => {
  const many = Array.from({ length: 10_000 }, (_, index) => `user${index}@bad.example`);
  const stage = await openSettings(t, { text: example });
  const start = process.cpuUsage();
  const answer = await stage.user.post('/admin/lists/add', { list: 'block', entries: many.join('\r\n') });
  t.match(await told(stage, answer), 'Saved: lists.block');
  const { user, system } = process.cpuUsage(start);
  t.comment(`ten thousand entries: ${Math.round((user + system) / 1000)} ms of processor time`);
  t.same(valueAt(stage.said(), 'lists.block'), many);
  const [row] = await audited(stage);
  t.match(row?.detail.changes, [{ key: 'lists.block', addedInAll: 10_000 }]);
  t.ok(JSON.stringify(row).length < 10_000, 'and the record is short');
  const page = await stage.user.get('/admin/lists?list=block&page=2');
  t.match(page.body, 'page 2 of 100');
  t.match(page.body, 'value="user100@bad.example"');
  t.notMatch(page.body, 'value="user99@bad.example"');
  t.ok(page.body.length < 100_000, 'a page is small');
  t.match((await stage.user.get('/admin/lists?list=block&page=7777')).body, 'page 100 of 100');
  const found = await stage.user.get('/admin/lists?list=block&q=USER999');
  t.match(found.body, '11 of 10000 entries');
  const gone = await stage.user.post('/admin/lists/remove', {
    list: 'block',
    q: 'USER999',
    entry: ['user999@bad.example', 'user9990@bad.example'],
  });
  t.equal(
    gone.headers.location?.toString().startsWith('/admin/lists?list=block&q=USER999&told='),
    true,
    'back to what was looked at',
  );
  t.equal((valueAt(stage.said(), 'lists.block') as string[]).length, 9998);
  t.match(
    await told(stage, await stage.user.post('/admin/lists/add', { list: 'block', entries: 'USER1@BAD.example' })),
    'Nothing was changed',
  );
  const wrong = await stage.user.post('/admin/lists/add', {
    list: 'allow',
    entries: 'good@example.org\nbad entry\ninfo*@x.yz',
  });
  t.equal(wrong.statusCode, 422);
  t.match(decoded(wrong.body), '"bad entry": Expected name@domain');
  t.match(decoded(wrong.body), 'good@example.org\nbad entry', 'all that was typed is there');
  const asked = await stage.user.get('/admin/lists?list=block&test=User1@Bad.Example&field=envelope-from');
  t.match(decoded(asked.body), 'block  user1@bad.example  from config');
  t.match(decoded(asked.body), '=> malicious where it is envelope-from');
  const script = '<script>alert(1)</script>@x.yz';
  t.notMatch(
    (await stage.user.get(`/admin/lists?q=${encodeURIComponent(script)}&test=${encodeURIComponent(script)}`)).body,
    '<script>',
  );
});

t.test('the whole file: every key, problems, and no secret', async (t) => {
  const stage = await openSettings(t, { text: example.replace('allow: []  ', 'allow: [a@example.org]') });
  const { body } = await stage.user.get('/admin/settings/file');
  const shown = parse(decoded(/<pre class="text"[^>]*>([\s\S]*?)<\/pre>/.exec(body)?.[1] ?? ''));
  t.equal(shown.policy.profile.pdf.mode, 'scan');
  t.equal(shown.scoring.deadlineMs, 30_000, 'with defaults');
  t.match(decoded(body), 'header fields are easily forged', 'and warnings');
});

t.test('a running gate does what the forms say', async (t) => {
  const sink = await startSink(t);
  const gate = await startGate(t, { upstreamPort: sink.port });
  const file = join(gate.folder, 'sluice.yaml');
  const config = gate.readConfig();
  writeFileSync(file, `# kept\n${stringify(config)}`);
  await gate.waitForLog('the file as YAML', (line) => line.msg === 'configuration reloaded');
  const stage = await openSettings(t, { file });
  const reloaded = async (page: string, fields: Filled, action?: string) => {
    const lines = gate.log.length;
    t.equal((await stage.submit(page, fields, action)).statusCode, 303);
    await gate.waitForLog('reload', (line) => gate.log.indexOf(line) >= lines && line.msg === 'configuration reloaded');
  };
  const bad = eicarMail({ subject: 'Invoice' });
  const clean = buildMail({ subject: 'Lunch' });
  const bob = ['bob@example.org'];
  const taken = /^250 2\.0\.0 taken/;
  const withheld = /^250 2\.0\.0 .*withheld as /;

  await reloaded(smtp, {
    'policy.smtp.action': 'warn',
    'policy.smtp.headers.xDistribution': 'Bulk',
    'policy.smtp.headers.subjectPrefix': '[Größe] ',
  });
  t.match((await sendMail(gate, bad, bob)).raw, taken);
  const tagged = (sink.messages.at(-1)?.bytes ?? Buffer.alloc(0)).toString('utf8');
  t.match(tagged, /^X-Distribution: Bulk\r\n/m);
  t.match(tagged, /^X-Spam-Flag: YES\r\n/m);
  t.match(tagged, /^Subject: =\?utf-8\?[bq]\?.*Invoice/im);

  await reloaded(smtp, {
    'policy.smtp.headers.xSpamFlag': 'false',
    'policy.smtp.headers.xDistribution': 'none',
    'policy.smtp.headers.subjectPrefix': '',
  });
  t.match((await sendMail(gate, bad, bob)).raw, taken);
  t.notMatch((sink.messages.at(-1)?.bytes ?? Buffer.alloc(0)).toString('utf8'), /^X-(Distribution|Spam-Flag)/m);

  await reloaded(notice, { 'notice.subject': 'Held back', 'notice.message': 'Ask the desk.' });
  await reloaded(smtp, { 'policy.smtp.action': 'block' });
  t.match((await sendMail(gate, bad, bob)).raw, withheld);
  const [sent] = await waitFor('the notice', 10_000, () => {
    const found = sink.messages.filter(({ mail }) => mail.startsWith('<>'));
    return found.length > 0 ? found : undefined;
  });
  t.match(sent?.bytes.toString('utf8'), /^Subject: Held back\r\n/m);
  t.match(sent?.bytes.toString('utf8'), 'Ask the desk.');

  await reloaded('/admin/lists', { list: 'block', entries: '*@client.example' }, '/admin/lists/add');
  t.match((await sendMail(gate, clean, bob)).raw, withheld, 'a listed sender is blocked');
  await reloaded('/admin/lists', { list: 'block', entry: '*@client.example' }, '/admin/lists/remove');
  t.match((await sendMail(gate, clean, bob)).raw, taken);
  await reloaded('/admin/lists?list=allow', { list: 'allow', entries: '*@client.example' }, '/admin/lists/add');
  t.match((await sendMail(gate, bad, bob)).raw, taken, 'an allowed one passes');
  await reloaded('/admin/lists', { list: 'block', 'lists.allowFields': ['body-receiver'] }, '/admin/lists/rules');
  t.match((await sendMail(gate, bad, bob)).raw, withheld, 'but not where it stands now');

  await reloaded('/admin/settings/scoring', {
    'scoring.levelMap.score': ['0', '1'],
    'scoring.levelMap.level': ['0', '6'],
  });
  t.match((await sendMail(gate, eicarMail({ subject: 'Another' }), bob)).raw, taken, 'level 6 is below the threshold');
  t.match(readFileSync(file, 'utf8'), /^# kept\n/);
});

t.test('with a keyboard and without a script, on a phone', async (t) => {
  const stage = await openSettings(t, { text: example });
  await stage.app.listen({ host: '127.0.0.1', port: 0 });
  const [bound] = stage.app.addresses();
  stage.url = `http://127.0.0.1:${typeof bound === 'object' ? bound.port : 0}`;
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 375, height: 800 }, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${stage.url}/admin/sign-in?next=${encodeURIComponent(notice)}`);
  await page.fill('[name=name]', 'root');
  await page.fill('[name=password]', password);
  await page.keyboard.press('Enter');
  await page.fill('[name="notice.subject"]', 'By keyboard');
  await page.keyboard.press('Enter');
  await page.waitForURL(/told=/);
  t.match(await page.textContent('.flash'), 'Saved: notice.subject');
  t.match(stage.text(), 'subject: By keyboard');
  await page.fill('[name="notice.subject"]', 'Unsaved');
  await page.click('button:has-text("Preview")');
  const frame = page.frameLocator('iframe.message-frame');
  t.match(await frame.locator('h1').textContent(), 'Unsaved');
  t.match(stage.text(), 'subject: By keyboard');
  await page.click('a:has-text("Reset")');
  const shown = () => page.inputValue('[name="notice.subject"]');
  await waitFor('the page without what was not saved', 10_000, async () => (await shown()) !== 'Unsaved');
  t.equal(await shown(), 'By keyboard');
});
