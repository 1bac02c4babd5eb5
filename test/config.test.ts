/** The configuration: what is refused and where, what is generated from the schema, and how a running gate takes in changes. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import t from 'tap';
import { checkConfig, registerCheckConfig } from '../src/cli/check-config.js';
import { testLists } from '../src/cli/lists.js';
import { addressMatcher, formatHostPort, isLoopback, parseHostPort } from '../src/config/host-port.js';
import { LiveConfig, type ReloadResult } from '../src/config/live-config.js';
import { loadConfig, parseConfig } from '../src/config/load.js';
import { formatProblem, nearest } from '../src/config/problem.js';
import { editorSchema, referenceYaml } from '../src/config/reference.js';
import type { Config } from '../src/config/schema.js';
import { isServerListed } from '../src/config/server-names.js';
import { buildLivePolicy } from '../src/policy/live-policy.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const badConfigs = join(root, 'test', 'bad-configs');

const minimal = `
smtp:
  listeners:
    - { listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }
`;

function folder(test: { teardown(handler: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  test.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function mustParse(text: string, file = '/etc/sluice/gate.yaml'): Config {
  const { config, problems } = parseConfig(text, file);
  if (config === undefined) throw new Error(problems.map((problem) => formatProblem(problem, file)).join('\n'));
  return config;
}

t.test('every broken configuration is refused with exactly the problems written beside it', async (t) => {
  const files = readdirSync(badConfigs).filter((name) => name.endsWith('.yaml'));
  t.ok(files.length >= 15, 'the cases are there');
  for (const name of files) {
    const file = join(badConfigs, name);
    const expected = [...readFileSync(file, 'utf8').matchAll(/^# expect (\d+):(\d+) (\w+) (\S*): (.*)$/gm)];
    t.ok(expected.length > 0, `${name} says what is expected`);
    const { config, problems } = await loadConfig(file);
    const left = [...problems];
    for (const [line, row, column, severity, path, words] of expected) {
      const at = left.findIndex(
        (problem) =>
          problem.line === Number(row) &&
          problem.column === Number(column) &&
          problem.severity === severity &&
          problem.path === path &&
          problem.expected.includes(words ?? ''),
      );
      t.not(at, -1, `${name}: ${line}`);
      if (at !== -1) left.splice(at, 1);
    }
    t.same(left, [], `${name}: no other problem`);
    const refused = problems.some((problem) => problem.severity === 'error');
    t.equal(config === undefined, refused, `${name}: ${refused ? 'refused' : 'usable'}`);
  }
});

t.test('shipped configurations pass without a problem', async (t) => {
  for (const name of ['example.yaml', 'srx.yaml', 'reference.yaml']) {
    const { config, problems } = await loadConfig(join(root, 'config', name));
    t.same(problems, [], name);
    t.ok(config, name);
  }
});

t.test('a record is kept for a year, or for as long as its original', (t) => {
  const daysOf = (quarantine: string) => mustParse(`${minimal}\n${quarantine}`).quarantine.recordDays;
  t.equal(daysOf(''), 365);
  t.equal(daysOf('quarantine: { retentionDays: 400 }'), 400);
  t.equal(daysOf('quarantine: { retentionDays: 400, recordDays: 500 }'), 500);
  t.end();
});

t.test('srx.yaml fails open for every cause, the default configuration for none that hides content', async (t) => {
  const { config: srx } = await loadConfig(join(root, 'config', 'srx.yaml'));
  t.same(new Set(Object.values(srx?.policy.fallback.causes ?? {})), new Set(['permit']));
  t.equal(srx?.policy.fallback.log, false);
  const { fallback } = mustParse(minimal).policy;
  t.equal(fallback.default, 'defer');
  t.same(fallback.causes, { oversize: 'block', unscannable: 'block', encrypted: 'block', 'unknown-file': 'permit' });
});

t.test('the reference and the editor schema in config/ are those of the schema', (t) => {
  const advice = 'run: node dist/src/config/write-reference.js';
  t.equal(readFileSync(join(root, 'config', 'reference.yaml'), 'utf8'), referenceYaml(), advice);
  t.equal(readFileSync(join(root, 'config', 'schema.json'), 'utf8'), editorSchema(), advice);
  t.end();
});

t.test('the reference, with its commented keys taken in, is a configuration of the schema', (t) => {
  const text = referenceYaml().replace(/#: /g, '');
  const { problems } = parseConfig(text, '/etc/sluice/gate.yaml');
  const other = problems.filter((problem) => problem.severity === 'error' && !/a file/.test(problem.expected));
  t.same(other, [], 'only the example files are missing');
  t.ok(problems.length > 0);
  t.end();
});

t.test('every key has a sentence', (t) => {
  const bare: string[] = [];
  const visit = (schema: Record<string, unknown>, path: string): void => {
    for (const [key, value] of Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>)) {
      const text = value.description;
      const inherited = (value.allOf as { description?: string }[] | undefined)?.[0]?.description;
      if (typeof text !== 'string' && inherited === undefined) bare.push(`${path}.${key}`);
      visit(value, `${path}.${key}`);
      if (typeof value.items === 'object' && value.items !== null)
        visit(value.items as Record<string, unknown>, `${path}.${key}[]`);
    }
  };
  visit(JSON.parse(editorSchema()) as Record<string, unknown>, '');
  t.same(bare, []);
  t.end();
});

t.test('defaults that depend on other keys are settled', (t) => {
  const config = mustParse(`
hostname: gate.example.org
dataDirectory: data
tls: { caFile: ${fileURLToPath(import.meta.url)} }
smtp:
  listeners:
    - { listen: "127.0.0.1:2525", upstream: { host: mx }, localDomains: [example.org] }
    - { listen: "127.0.0.2:2525", direction: submission, upstream: { host: mx, port: 587, tls: starttls }, localDomains: [example.org] }
    - { listen: "[::1]:0", name: odd, direction: submission, onBlock: replace, upstream: { host: mx }, localDomains: [example.org] }
`);
  const { listeners } = config.smtp;
  t.same(
    listeners.map(({ name, onBlock, listen }) => [name, onBlock, listen]),
    [
      ['smtp-2525', 'replace', { host: '127.0.0.1', port: 2525 }],
      ['smtp-2525-2', 'reject', { host: '127.0.0.2', port: 2525 }],
      ['odd', 'replace', { host: '::1', port: 0 }],
    ],
  );
  t.equal(config.dataDirectory, '/etc/sluice/data', 'relative to the file, not to where we are');
  t.equal(listeners[1]?.upstream.caFile, fileURLToPath(import.meta.url), 'the common authorities');
  t.equal(listeners[1]?.upstream.verify, true);
  t.equal(config.notice.from, 'Mail Security <postmaster@gate.example.org>');
  t.equal(listeners[0]?.tlsFiles, undefined);
  t.end();
});

t.test('defaults of the IMAP proxy are settled', (t) => {
  const config = mustParse(`
tls: { caFile: ${fileURLToPath(import.meta.url)} }
smtp: { listeners: [{ listen: "127.0.0.1:1143", name: imap-1144, upstream: { host: mx }, localDomains: [example.org] }] }
imap:
  listeners:
    - { listen: "127.0.0.1:1144", upstream: { host: mail, tls: starttls } }
    - { listen: "127.0.0.1:1145", upstream: { host: mail, tls: implicit } }
    - { listen: "127.0.0.1:1146", name: odd, upstream: { host: mail, port: 1993, tls: implicit, servername: imap.example.org } }
`);
  const { imap } = config;
  t.same(
    imap.listeners.map(({ name, listen, upstream }) => [name, listen.port, upstream.port]),
    [
      ['imap-1144-2', 1144, 143],
      ['imap-1145', 1145, 993],
      ['odd', 1146, 1993],
    ],
  );
  t.equal(imap.listeners[0]?.upstream.caFile, fileURLToPath(import.meta.url), 'the common authorities');
  t.match(imap.listeners[0], { tls: 'none', authWithoutTls: 'loopback', clientIdentity: 'none', tlsFiles: undefined });
  t.equal(imap.judge, 'before-metadata');
  t.ok(imap.timeouts.idleSeconds >= 1800, 'RFC 9051 §5.4');
  t.same(config.policy.imap, { action: 'block', servers: 'all', releaseRequestAddress: '' });
  t.end();
});

t.test('an IMAP listener alone is enough', (t) => {
  const { imap, smtp } = mustParse(
    'imap: { listeners: [{ listen: "127.0.0.1:1143", upstream: { host: 127.0.0.1 } }] }',
  );
  t.equal(imap.listeners.length, 1);
  t.same(smtp.listeners, []);
  t.end();
});

t.test('servers are known by their names, and the name that a client asks for only adds to what is judged', (t) => {
  const listed = new Set(['imap.example.org']);
  const cases: [string, Parameters<typeof isServerListed>, boolean][] = [
    ['all', ['all', { host: '192.0.2.1' }, undefined], true],
    ['by host', [listed, { host: 'IMAP.Example.Org.' }, undefined], true],
    ['by the name that is verified', [listed, { host: '192.0.2.1', servername: 'imap.example.org' }, undefined], true],
    ['listed out', [listed, { host: 'other.example.org' }, undefined], false],
    ['listed out by both names', [listed, { host: '192.0.2.1', servername: 'other.example.org' }, undefined], false],
    ['asked for in TLS', [listed, { host: 'other.example.org' }, 'Imap.example.org'], true],
    ['another name changes nothing', [listed, { host: 'imap.example.org' }, 'other.example.org'], true],
    ['another name, listed out', [listed, { host: 'other.example.org' }, 'third.example.org'], false],
    ['known by its address alone', [listed, { host: '2001:db8::1' }, 'other.example.org'], true],
    ['an empty list', [new Set(), { host: 'imap.example.org' }, 'imap.example.org'], false],
  ];
  for (const [name, input, expected] of cases) t.equal(isServerListed(...input), expected, name);
  t.end();
});

t.test('dangerous YAML is refused or harmless', (t) => {
  const bomb = `a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n`;
  t.match(parseConfig(bomb, '/x').problems[0]?.expected, /alias/i, 'alias bomb');
  t.match(parseConfig(`__proto__: { polluted: true }\n${minimal}`, '/x').problems, [
    { path: '__proto__', severity: 'error' },
  ]);
  t.equal(({} as Record<string, unknown>).polluted, undefined);
  t.match(parseConfig('- a list', '/x').problems, [{ severity: 'error', expected: 'a mapping' }]);
  t.match(parseConfig(`${minimal}\n---\n{}`, '/x').problems, [{ severity: 'error' }], 'two documents');
  t.match(parseConfig('x'.repeat(5_000_000), '/x').problems, [{ expected: /at most/ }]);
  t.ok(mustParse(minimal.replaceAll('\n', '\r\n')), 'CRLF');
  t.end();
});

t.test('the environment is not consulted', (t) => {
  process.env.SLUICE_TEST_HOST = 'elsewhere.example.org';
  t.teardown(() => {
    delete process.env.SLUICE_TEST_HOST;
  });
  const { problems } = parseConfig(`hostname: \${SLUICE_TEST_HOST}\n${minimal}`, '/x');
  t.match(problems, [{ path: 'hostname', expected: 'a host name or IP address' }]);
  t.end();
});

t.test('problems about secret files never hold their content, and open ones are pointed out', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'gate.crt'), 'not a certificate but hush-hush-1');
  writeFileSync(join(dir, 'gate.key'), '-----BEGIN PRIVATE KEY-----\nhush-hush-2\n-----END PRIVATE KEY-----\n', {
    mode: 0o644,
  });
  chmodSync(join(dir, 'gate.key'), 0o644);
  writeFileSync(join(dir, 'gate.yaml'), `${minimal}\ntls: { certificateFile: gate.crt, keyFile: gate.key }\n`);
  const { config, problems } = await loadConfig(join(dir, 'gate.yaml'));
  t.equal(config, undefined);
  t.match(
    problems
      .map(({ severity, path, expected }) => ({ severity, path, expected }))
      .sort((a, b) => a.path.localeCompare(b.path)),
    [
      { severity: 'error', path: 'tls', expected: /PEM certificate and the key that belongs to it/ },
      { severity: 'warning', path: 'tls.keyFile', expected: /chmod 600/ },
    ],
  );
  t.notMatch(JSON.stringify(problems), /hush-hush/);
});

t.test('addresses and ranges', (t) => {
  const cases: [string, { host: string; port: number } | undefined][] = [
    ['127.0.0.1:25', { host: '127.0.0.1', port: 25 }],
    ['mail.example.org:0', { host: 'mail.example.org', port: 0 }],
    ['[::1]:2525', { host: '::1', port: 2525 }],
    ['::1:2525', undefined],
    ['[127.0.0.1]:25', undefined],
    ['127.0.0.1', undefined],
    ['127.0.0.1:65536', undefined],
    ['999.1.1.1:25', undefined],
    ['a b:25', undefined],
    [':25', undefined],
  ];
  for (const [text, expected] of cases) t.same(parseHostPort(text), expected, text);
  t.equal(formatHostPort({ host: '::1', port: 1 }), '[::1]:1');
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'LOCALHOST']) t.equal(isLoopback(host), true, host);
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'localhost.example.org']) t.equal(isLoopback(host), false, host);
  const listed = addressMatcher(['192.0.2.0/24', '2001:db8::/32', '198.51.100.7']);
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::1', '198.51.100.7'])
    t.equal(listed(address), true, address);
  for (const address of ['192.0.3.1', '::ffff:192.0.3.1', '2001:db9::1', '198.51.100.8', 'nonsense'])
    t.equal(listed(address), false, address);
  t.equal(nearest('hostnme', ['hostname', 'smtp']), 'hostname');
  t.equal(nearest('imap', ['smtp', 'lists', 'log']), undefined, 'a far word is no guess');
  t.end();
});

t.test('a reload swaps the whole snapshot at once, and what needs a restart is named', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'gate.yaml');
  const write = (entry: string, subject: string, extra = '') =>
    writeFileSync(file, `${minimal}\nlists: { block: ["*@${entry}"] }\nnotice: { subject: ${subject} }\n${extra}`);
  write('one.example', 'one');
  const { live, warnings } = await LiveConfig.open(file, { build: buildLivePolicy, onReload: () => {} });
  t.same(warnings, []);
  t.teardown(() => live.close());
  const first = live.snapshot;
  write('two.example', 'two', 'dataDirectory: elsewhere\nlog: { level: debug }\n');

  // While the reload runs, whoever looks sees all of the old or all of the new.
  const running = live.reload();
  let looks = 0;
  let done = false;
  void running.then(() => {
    done = true;
  });
  while (!done) {
    const { notice, addresses } = live.snapshot;
    const blocked = addresses.block.find({ local: 'x', domain: `${notice.subject}.example` });
    if (blocked === undefined) t.fail('a mixed snapshot');
    looks += 1;
    await new Promise(setImmediate);
  }
  t.ok(looks > 1, 'the event loop ran meanwhile');
  t.match(await running, { applied: true, restartKeys: ['dataDirectory', 'log'] });
  t.equal(live.snapshot.notice.subject, 'two');
  t.equal(first.notice.subject, 'one', 'a message that began with the old snapshot keeps it');
  t.equal(live.started.dataDirectory, join(dir, 'var'), 'restart keys stay as they were');
});

t.test('what is judged over IMAP changes live, what the proxy is made from waits for a restart', async (t) => {
  const file = join(folder(t), 'gate.yaml');
  const write = (judge: string, errors: number, policy: string) =>
    writeFileSync(
      file,
      `imap: { judge: ${judge}, limits: { errors: ${errors} }, listeners: [{ listen: "127.0.0.1:1143", upstream: { host: localhost } }] }\npolicy: { imap: ${policy} }\nnotice: { releaseRequestAddress: common@example.org }\n`,
    );
  write('before-metadata', 5, '{}');
  const { live, warnings } = await LiveConfig.open(file, { build: buildLivePolicy, onReload: () => {} });
  t.same(warnings, []);
  t.teardown(() => live.close());
  t.match(live.snapshot.imap, { action: 'block', servers: 'all', judge: 'before-metadata' });
  t.equal(live.snapshot.imap.releaseRequestAddress, 'common@example.org');

  write(
    'before-content',
    5,
    '{ action: permit, servers: [LocalHost., other], releaseRequestAddress: imap@example.org }',
  );
  t.match(await live.reload(), { applied: true, restartKeys: [], problems: [] }, 'no server matters when all pass');
  t.same(live.snapshot.imap, {
    action: 'permit',
    servers: new Set(['localhost', 'other']),
    releaseRequestAddress: 'imap@example.org',
    judge: 'before-content',
  });
  write('before-content', 6, '{}');
  t.match(await live.reload(), { applied: true, restartKeys: ['imap'] });
});

t.test('a bad file is refused with all its problems, and the running snapshot stays', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'gate.yaml');
  const list = join(dir, 'blocked.txt');
  writeFileSync(list, 'bad@example.net\n');
  writeFileSync(file, `${minimal}\nlists: { blockFiles: [blocked.txt] }\n`);
  const results: ReloadResult[] = [];
  const { live } = await LiveConfig.open(file, { build: buildLivePolicy, onReload: (result) => results.push(result) });
  t.teardown(() => live.close());
  const before = live.snapshot;
  writeFileSync(file, `${minimal}\nlists: { blockFiles: [blocked.txt] }\npolicy: { ambiguous: maybe }\nunknown: 1\n`);
  await live.reload();
  t.equal(live.snapshot, before);
  t.match(results, [{ applied: false, problems: [{ path: 'policy.ambiguous' }, { path: 'unknown' }] }]);

  rmSync(list);
  writeFileSync(file, `${minimal}\nlists: { blockFiles: [blocked.txt] }\n`);
  t.match(await live.reload(), { applied: false, problems: [{ path: 'lists.blockFiles[0]' }] });
  t.equal(live.snapshot, before, 'a vanished block list does not unblock anybody');

  writeFileSync(list, 'worse@example.net\n');
  const [one, two] = await Promise.all([live.reload(), live.reload()]);
  t.match([one, two], [{ applied: true }, { applied: true }]);
  t.ok(live.snapshot.addresses.block.find({ local: 'worse', domain: 'example.net' }));
});

t.test('the first start with a bad file fails with every problem in the message', async (t) => {
  const file = join(folder(t), 'gate.yaml');
  writeFileSync(file, 'hostname: "a b"\nunknown: 1\n');
  const failure = (await LiveConfig.open(file, { build: buildLivePolicy, onReload: () => {} }).catch(
    (error: unknown) => error,
  )) as Error;
  t.match(failure, { code: 'config-invalid' });
  t.match(failure.message, /gate\.yaml:1:1: error: hostname is "a b"/);
  t.match(failure.message, /gate\.yaml:2:1: error: unknown/);
});

t.test('changed files are noticed: written in place, renamed over, and a list alone', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'gate.yaml');
  const list = join(dir, 'allowed.txt');
  writeFileSync(list, 'one@example.net\n');
  writeFileSync(file, `${minimal}\nlists: { allowFiles: [allowed.txt] }\n`);
  let told: (result: ReloadResult) => void = () => {};
  const next = (): Promise<ReloadResult> => new Promise((resolve) => (told = resolve));
  const hold = setInterval(() => {}, 1000);
  const { live } = await LiveConfig.open(file, {
    build: buildLivePolicy,
    onReload: (result) => told(result),
    watch: { settleMs: 10, pollMs: 100 },
  });
  t.teardown(() => {
    clearInterval(hold);
    live.close();
  });
  let result = next();
  writeFileSync(list, 'two@example.net\n');
  t.match(await result, { applied: true });
  t.ok(live.snapshot.addresses.allow.find({ local: 'two', domain: 'example.net' }));

  result = next();
  writeFileSync(`${file}.new`, `${minimal}\nnotice: { subject: Renamed }\n`);
  renameSync(`${file}.new`, file);
  t.match(await result, { applied: true });
  t.equal(live.snapshot.notice.subject, 'Renamed');

  result = next();
  writeFileSync(file, 'broken: [');
  t.match(await result, { applied: false });
  t.equal(live.snapshot.notice.subject, 'Renamed');
});

t.test('check-config prints everything and exits 0, 1 or 2', async (t) => {
  const dir = folder(t);
  const good = join(dir, 'good.yaml');
  writeFileSync(good, minimal);
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  t.equal(await checkConfig(good, print), 0);
  t.same(lines, [`${good}: in order`]);

  writeFileSync(join(dir, 'list.txt'), 'fine@example.org\n\nnonsense\n');
  writeFileSync(good, `${minimal}\nlists: { blockFiles: [list.txt] }\n`);
  lines.length = 0;
  t.equal(await checkConfig(good, print), 0, 'a wrong line in a list is a warning');
  t.match(lines, [/list\.txt:3: warning: is "nonsense", expected name@domain/, /1 warning, can be used/]);

  lines.length = 0;
  t.equal(await checkConfig(join(dir, 'absent.yaml'), print), 1);
  t.match(lines[0], /error: expected a readable file/);

  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  registerCheckConfig(program);
  await t.rejects(program.parseAsync(['node', 'sluice', 'check-config']), { code: 'commander.error' });
});

t.test('lists test says which entry matches, where it stands and what it leads to', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'gate.yaml');
  writeFileSync(join(dir, 'blocked.txt'), '# bad ones\r\n*@*.bad.example\r\n*@partner.example\r\n');
  writeFileSync(
    file,
    `${minimal}\nlists: { allow: ["boss@partner.example"], blockFiles: [blocked.txt], allowFields: [envelope-from], applyWithoutAttachment: false }\n`,
  );
  const ask = async (address: string, field?: 'envelope-from' | 'body-sender') => {
    const lines: string[] = [];
    const code = await testLists({ addresses: [address], field, configFile: file }, (line) => lines.push(line));
    return { code, text: lines.join('\n') };
  };
  const allowed = await ask('BOSS@Partner.Example');
  t.equal(allowed.code, 0);
  t.match(allowed.text, /compared as boss@partner\.example/);
  t.match(
    allowed.text,
    /allow {2}boss@partner\.example {2}from config\n {2}block {2}\*@partner\.example {2}from .*blocked\.txt:3/,
  );
  t.match(allowed.text, /passes unscanned where it is envelope-from/);
  t.match(await ask('boss@partner.example', 'body-sender'), { code: 1, text: /malicious where it is body-sender/ });
  t.match(await ask('x@a.b.bad.example'), { code: 1, text: /\*@\*\.bad\.example {2}from .*blocked\.txt:2/ });
  t.match(await ask('x@bad.example'), { code: 0, text: /no list decides/ });
  t.match(await ask('nonsense'), { code: 2 });
});
