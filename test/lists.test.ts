/** The lists: which entry matches which address, big tables, which hit decides, and lists of digests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { normalAddress, normalDomain, parsePattern } from '../src/config/address-pattern.js';
import { parseConfig } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';
import { loadAddressLists } from '../src/policy/address-lists.js';
import { loadHashLists, matchHashes } from '../src/policy/hash-lists.js';
import { buildLivePolicy, decisionPolicy, imapDecisionPolicy } from '../src/policy/live-policy.js';
import { type AllowRules, type MessageAddresses, matchLists } from '../src/policy/match-lists.js';
import { madePart } from './support/facts.js';

const noLists: Config['lists'] = {
  allow: [],
  block: [],
  allowFiles: [],
  blockFiles: [],
  allowHashes: [],
  blockHashes: [],
  applyWithoutAttachment: true,
  allowFields: ['envelope-from', 'envelope-to', 'body-sender', 'body-receiver'],
  allowRecipients: 'any',
};

function folder(test: { teardown(handler: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), 'sluice-policy-'));
  test.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

t.test('which entry matches which address', async (t) => {
  const cases: [entry: string, address: string, matches: boolean][] = [
    ['name@example.org', 'name@example.org', true],
    ['name@example.org', 'other@example.org', false],
    ['name@example.org', 'name@sub.example.org', false],
    ['name@example.org', 'surname@example.org', false],
    ['Name@Example.ORG', 'nAME@eXAMPLE.org', true],
    ['name@example.org', 'name@example.org.', true],
    ['name@example.org.', 'name@example.org', true],
    ['*@example.org', 'anyone@example.org', true],
    ['*@example.org', 'anyone@EXAMPLE.org.', true],
    ['*@example.org', 'anyone@sub.example.org', false],
    ['*@example.org', 'anyone@notexample.org', false],
    ['*@*.example.org', 'anyone@sub.example.org', true],
    ['*@*.example.org', 'anyone@a.b.c.example.org', true],
    ['*@*.example.org', 'anyone@example.org', false],
    ['*@*.example.org', 'anyone@notexample.org', false],
    ['*@*.example.org', 'anyone@sub.example.org.evil.example', false],
    ['*@*.org', 'anyone@example.org', true],
    ['*@bücher.example', 'a@xn--bcher-kva.example', true],
    ['*@xn--bcher-kva.example', 'a@BÜCHER.example', true],
    ['*@*.bücher.example', 'a@shop.xn--bcher-kva.example', true],
    ['jörg@example.org', 'JO\u0308RG@example.org', true],
    ['"john.doe"@example.org', 'john.doe@example.org', true],
    ['john.doe@example.org', '"john\\.doe"@example.org', true],
    ['"a b"@example.org', '"A B"@example.org', true],
    ['"a@b"@example.org', '"a@b"@example.org', true],
    ['*@example.org', '"x@other.example"@example.org', true],
    ['*@other.example', '"x@other.example"@example.org', false],
    ['"*"@example.org', 'anyone@example.org', false],
    ['"*"@example.org', '*@example.org', true],
    ['*@[192.0.2.1]', 'a@[192.0.2.1]', true],
    ['name@example.org', '@relay.example,@other.example:name@example.org', true],
    ['name+tag@example.org', 'name@example.org', false],
    ['*@example.org', '', false],
    ['*@example.org', 'postmaster', false],
    ['*@example.org', '@example.org', false],
    ['*@example.org', '""@example.org', true],
  ];
  for (const [entry, address, matches] of cases) {
    t.type(parsePattern(entry), 'object', `${entry} is an entry`);
    const { lists } = await loadAddressLists({ ...noLists, block: [entry] });
    const split = normalAddress(address);
    const found = split === undefined ? undefined : lists.block.find(split);
    t.equal(
      found !== undefined,
      matches,
      `${entry} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(address)}`,
    );
  }
});

t.test('what is no entry, and why', (t) => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['example.org', /no local part/],
    ['@example.org', /no local part/],
    ['name@', /no domain/],
    ['name@exa mple.org', /no domain/],
    ['name@example..org', /no domain/],
    ['name@-%2e.ü', /no domain/],
    ['na me@example.org', /no local part/],
    ['info*@example.org', /whole local part/],
    ['name@*.example.org', /wildcard local part/],
    ['*@*', /no domain/],
    ['*@*.', /no domain/],
    ['""@example.org', /no local part/],
    ['"open@example.org', /no local part/],
    ['a\ufffdb@example.org', /no local part/],
    [`${'x'.repeat(2000)}@example.org`, /longer than/],
  ];
  for (const [entry, why] of cases) t.match(parsePattern(entry), why, JSON.stringify(entry.slice(0, 40)));
  t.equal(normalDomain('ｅｘａｍｐｌｅ．org'), 'example.org', 'full-width letters are the letters');
  t.equal(normalDomain('a%2eb.ü'), undefined, 'nothing is percent-decoded');
  t.end();
});

t.test('the most specific entry is named first, with its place', async (t) => {
  const file = join(folder(t), 'list.txt');
  writeFileSync(
    file,
    '\ufeff# comment\r\n*@*.example.org # all below\r\n\r\n*@a.example.org\r\nname@a.example.org\r\nx#y@z.example\r\nwrong\r\nlast@example.net',
  );
  const { lists, problems } = await loadAddressLists({ ...noLists, block: ['*@*.org'], blockFiles: [file] });
  t.same(lists.block.findAll({ local: 'name', domain: 'a.example.org' }), [
    { entry: 'name@a.example.org', source: `${file}:5` },
    { entry: '*@a.example.org', source: `${file}:4` },
    { entry: '*@*.example.org', source: `${file}:2` },
    { entry: '*@*.org', source: 'config' },
  ]);
  t.ok(lists.block.find({ local: 'x#y', domain: 'z.example' }), '# inside an address is no comment');
  t.ok(lists.block.find({ local: 'last', domain: 'example.net' }), 'no line end at the end');
  t.match(problems, [{ severity: 'warning', file, line: 7, value: '"wrong"' }]);
});

t.test('a list file full of mistakes gives a bounded number of problems', async (t) => {
  const file = join(folder(t), 'list.txt');
  writeFileSync(file, `${'wrong\n'.repeat(5000)}${'y'.repeat(300_000)}\ngood@example.org\n`);
  const { lists, problems } = await loadAddressLists({ ...noLists, blockFiles: [file] });
  t.equal(problems.length, 21);
  t.match(problems.at(-1)?.expected, /4981 more lines/);
  t.equal(lists.block.count, 1);
  const absent = await loadAddressLists({ ...noLists, blockFiles: [`${file}.absent`] });
  t.match(absent.problems, [{ severity: 'error', file: `${file}.absent` }], 'a file that is gone is an error');
});

t.test('an entry repeated ever so often is one entry, the first', async (t) => {
  const file = join(folder(t), 'same.txt');
  writeFileSync(file, 'same@example.org\n'.repeat(300_000));
  const { lists } = await loadAddressLists({ ...noLists, blockFiles: [file] });
  t.equal(lists.block.find({ local: 'same', domain: 'example.org' })?.source, `${file}:1`);
});

t.test('a million entries: all found, none invented, in bounded memory, with the event loop running', async (t) => {
  const file = join(folder(t), 'million.txt');
  const entry = (index: number) =>
    index % 10 === 0 ? `*@domain-${index}.example` : `user${index}@company-${index % 5000}.example`;
  const lines: string[] = [];
  for (let index = 0; index < 1_000_000; index += 1) lines.push(entry(index));
  writeFileSync(file, `${lines.join('\n')}\n`);
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 1);
  const { lists, problems } = await loadAddressLists({ ...noLists, blockFiles: [file] });
  clearInterval(ticking);
  t.same(problems, []);
  t.equal(lists.block.count, 1_000_000);
  t.ok(turns > 50, `timers ran ${turns} times while it was loaded`);
  const bytesPerEntry = lists.block.heldBytes / 1_000_000;
  t.ok(bytesPerEntry < 64, `${bytesPerEntry.toFixed(1)} bytes an entry`);
  let wrong = 0;
  for (let index = 0; index < 1_000_000; index += 97) {
    const present =
      index % 10 === 0
        ? { local: 'any', domain: `domain-${index}.example` }
        : { local: `user${index}`, domain: `company-${index % 5000}.example` };
    const match = lists.block.find(present);
    if (match?.entry !== entry(index) || match.source !== `${file}:${index + 1}`) wrong += 1;
    if (lists.block.find({ local: `nobody${index}`, domain: `company-${index % 5000}.example` }) !== undefined)
      wrong += 1;
  }
  t.equal(wrong, 0);
  t.comment(`${bytesPerEntry.toFixed(1)} bytes an entry, ${lookupMicroseconds(lists.block).toFixed(2)} us a look-up`);
});

function lookupMicroseconds(table: { find(address: { local: string; domain: string }): unknown }): number {
  const addresses = Array.from({ length: 50_000 }, (_, index) => ({
    local: `user${index * 17}`,
    domain: `company-${index % 5000}.example`,
  }));
  const start = process.hrtime.bigint();
  for (const address of addresses) table.find(address);
  return Number(process.hrtime.bigint() - start) / 1000 / addresses.length;
}

const message: MessageAddresses = {
  envelopeFrom: 'sender@out.example',
  envelopeTo: ['one@in.example', 'two@in.example'],
  body: () => ({
    sender: ['from@out.example'],
    receiver: ['to@in.example', 'cc@in.example'],
    certainSender: ['from@out.example'],
    certainReceiver: ['to@in.example'],
  }),
};
const anyField: AllowRules = { allowFields: noLists.allowFields, allowRecipients: 'any' };
const hitCases: [
  name: string,
  allow: string[],
  block: string[],
  rules: Partial<AllowRules>,
  addresses: Partial<MessageAddresses>,
  hits: string[],
][] = [
  ['empty lists', [], [], {}, {}, []],
  ['envelope from', ['sender@out.example'], [], {}, {}, ['allow envelope-from sender@out.example']],
  ['one of several recipients', ['two@in.example'], [], {}, {}, ['allow envelope-to two@in.example']],
  ['header sender', ['from@out.example'], [], {}, {}, ['allow body-sender from@out.example']],
  ['header receiver', [], ['cc@in.example'], {}, {}, ['block body-receiver cc@in.example']],
  ['a blocked recipient', [], ['one@in.example'], {}, {}, ['block envelope-to one@in.example']],
  [
    'a null sender matches nothing',
    ['*@out.example'],
    [],
    { allowFields: ['envelope-from'] },
    { envelopeFrom: '' },
    [],
  ],
  [
    'allow stands before block',
    ['*@in.example'],
    ['sender@out.example'],
    {},
    {},
    ['allow envelope-to one@in.example', 'allow body-receiver to@in.example', 'block envelope-from sender@out.example'],
  ],
  ['an uncertain header address does not allow', ['cc@in.example'], [], {}, {}, []],
  ['but it blocks', [], ['cc@in.example'], {}, {}, ['block body-receiver cc@in.example']],
  ['a field that may not allow', ['from@out.example'], [], { allowFields: ['envelope-from', 'envelope-to'] }, {}, []],
  ['blocks all the same', [], ['from@out.example'], { allowFields: [] }, {}, ['block body-sender from@out.example']],
  ['all: one listed recipient of two is not enough', ['one@in.example'], [], { allowRecipients: 'all' }, {}, []],
  [
    'all: both listed',
    ['one@in.example', 'two@in.example'],
    [],
    { allowRecipients: 'all' },
    {},
    ['allow envelope-to one@in.example'],
  ],
  [
    'all: a listed To does not stand for unlisted recipients',
    ['to@in.example'],
    [],
    { allowRecipients: 'all' },
    {},
    [],
  ],
  [
    'all: senders are not concerned',
    ['sender@out.example'],
    [],
    { allowRecipients: 'all' },
    {},
    ['allow envelope-from sender@out.example'],
  ],
  [
    'all: one recipient blocks',
    [],
    ['two@in.example'],
    { allowRecipients: 'all' },
    {},
    ['block envelope-to two@in.example'],
  ],
];

t.test('which hits there are, and which of them decides', async (t) => {
  for (const [name, allow, block, rules, addresses, hits] of hitCases) {
    const { lists } = await loadAddressLists({ ...noLists, allow, block });
    const found = matchLists(lists, { ...message, ...addresses }, { ...anyField, ...rules });
    t.same(
      found.map((hit) => `${hit.list} ${hit.field} ${hit.address}`),
      hits,
      name,
    );
  }
});

t.test('hash lists: digests as sha256sum prints them, allowed ones reported first', async (t) => {
  const dir = folder(t);
  const inner = madePart(1);
  const outer = madePart(2, { members: [inner] });
  writeFileSync(join(dir, 'allow.txt'), `# ours\n${inner.sha256.toUpperCase()}  setup.exe\r\n`);
  writeFileSync(join(dir, 'block.txt'), `${outer.sha256}\n${'0'.repeat(63)}\nnot a digest\n`);
  const { lists, problems } = await loadHashLists({
    ...noLists,
    allowHashes: [join(dir, 'allow.txt')],
    blockHashes: [join(dir, 'block.txt')],
  });
  t.match(problems, [
    { severity: 'warning', line: 2 },
    { severity: 'warning', line: 3 },
  ]);
  t.same(matchHashes(lists, [outer]), [
    { list: 'allow', part: inner.path, sha256: inner.sha256 },
    { list: 'block', part: outer.path, sha256: outer.sha256 },
  ]);
  t.same(matchHashes(lists, [madePart(3)]), []);
});

t.test('the snapshot holds what the configuration says, with defaults settled', async (t) => {
  const text = `
smtp: { listeners: [{ listen: "127.0.0.1:2525", upstream: { host: 127.0.0.1 }, localDomains: [example.org] }] }
policy: { verdictThreshold: 8, fallback: { default: permit, causes: { verdict-timeout: block } } }
lists: { block: ["*@bad.example"], allowRecipients: all }
portal: { publicUrl: "https://mail.example.org/q" }
`;
  const { config } = parseConfig(text, '/etc/gate.yaml');
  if (config === undefined) throw new Error('the configuration is refused');
  const { snapshot, problems } = await buildLivePolicy(config);
  t.same(problems, []);
  t.match(snapshot, {
    decision: {
      threshold: 8,
      action: 'block',
      fallback: { 'verdict-timeout': 'block', 'backend-unavailable': 'permit', unscannable: 'block' },
    },
    allowRules: { allowRecipients: 'all' },
    scorer: { deadlineMs: 30_000, cache: { clean: 3600, flagged: 86_400 } },
    publicUrl: 'https://mail.example.org/q',
  });
  t.equal(snapshot?.addresses.block.count, 1);
  t.match(snapshot?.imapDecision, { threshold: 8, action: 'block', fallback: snapshot?.decision.fallback });
  const mixed = {
    ...config.policy,
    ambiguous: 'warn' as const,
    smtp: { ...config.policy.smtp, action: 'warn' as const },
  };
  t.match(
    imapDecisionPolicy({ ...config, policy: mixed }),
    { action: 'block', ambiguous: 'permit' },
    'nothing is added to a message that is read',
  );
  const recommended = { ...config, policy: { ...config.policy, verdictThreshold: 'recommended' as const } };
  t.equal(decisionPolicy(recommended).threshold, 7);
  t.end();
});
