/** Notices and administrators' mail: same facts same bytes, and nothing that a stranger wrote acts. */
import { simpleParser } from 'mailparser';
import t from 'tap';
import { renderAdministratorMail, type ToldEvent } from '../src/notice/administrator-mail.js';
import { cleanLine } from '../src/notice/clean.js';
import type { Finding } from '../src/notice/findings.js';
import { findingsOf } from '../src/notice/findings.js';
import { renderNotice } from '../src/notice/notice.js';
import type { NoticeFacts, NoticeSettings } from '../src/notice/settings.js';
import type { Verdict } from '../src/policy/verdict.js';
import { madePart, madeReport } from './support/facts.js';
import { report, verdict } from './support/held-message.js';

const settings: NoticeSettings = {
  from: 'Mail Security <postmaster@example.org>',
  subject: 'Malware Detected',
  message: 'A mail to you was held back.\n\nNothing is lost: ask for it below.',
  linkText: 'Open the quarantine',
  learnMoreUrl: 'https://intranet.example.org/mail?a=1&b=2',
  validDays: 7,
  releaseRequestAddress: 'security@example.org',
};

const finding: Finding = {
  path: '2',
  name: 'invoice.pdf.exe',
  bytes: 68,
  sha256: 'a'.repeat(64),
  type: 'application/octet-stream',
  level: 10,
  threat: 'EICAR-Test-File',
};

const facts: NoticeFacts = {
  id: 'abcdefghijklmnopqrstuvwxyz',
  recipient: 'anna@example.org',
  mailFrom: 'bob@example.net',
  from: 'Bob <bob@example.net>',
  subject: 'Your invoice',
  receivedAt: Date.UTC(2026, 2, 1, 14, 5, 9),
  threat: 'EICAR-Test-File',
  threatLevel: 10,
  findings: [finding],
  omitted: 0,
  link: 'https://quarantine.example.org/q/token',
};

/** Header lines, unfolded, before the first empty line. */
function headerLines(eml: Buffer): string[] {
  const head = eml.subarray(0, eml.indexOf('\r\n\r\n')).toString('latin1');
  return head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
}

function fieldsNamed(eml: Buffer, name: string): string[] {
  return headerLines(eml).filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
}

t.test('the same facts give the same bytes, at any time', async (t) => {
  const first = await renderNotice(settings, facts);
  const second = await renderNotice({ ...settings }, structuredClone(facts));
  t.ok(first.eml.equals(second.eml));
  t.not(first.messageId, (await renderNotice(settings, { ...facts, recipient: 'carl@example.org' })).messageId);
  t.same(fieldsNamed(first.eml, 'Date'), ['Date: Sun, 01 Mar 2026 14:05:09 +0000']);
  t.same(fieldsNamed(first.eml, 'Message-ID'), [`Message-ID: ${first.messageId}`]);
});

t.test('a notice for all readers of a mailbox has no recipient and is the same for each', async (t) => {
  const shared = { ...facts, recipient: '' };
  const first = await renderNotice(settings, shared);
  t.ok(first.eml.equals((await renderNotice({ ...settings }, structuredClone(shared))).eml));
  t.same(fieldsNamed(first.eml, 'To'), ['To: "undisclosed-recipients":;']);
  t.same(fieldsNamed(first.eml, 'Date'), ['Date: Sun, 01 Mar 2026 14:05:09 +0000']);
  for (const name of ['Cc', 'References', 'In-Reply-To']) t.same(fieldsNamed(first.eml, name), [], name);
  const own = await renderNotice(settings, facts);
  t.equal(first.html, own.html, 'it says what the notice to one recipient says');
  t.equal(first.text, own.text);
  t.not(first.messageId, own.messageId, 'but it is another mail');
  t.notMatch(first.eml.toString('latin1'), /[^\r\n\x20-\x7e\t]|(?<!\r)\n|\r(?!\n)|anna/);
});

t.test('a notice is an automatic 7-bit mail with text and HTML that say the same', async (t) => {
  const { eml, html, text } = await renderNotice(
    { ...settings, subject: 'Schädliche Anhänge gefunden', message: 'Größe: 5 €' },
    { ...facts, subject: 'Grüße aus 東京 🎉', from: 'Jürgen <j@example.net>' },
  );
  t.ok(eml.every((byte) => byte < 0x80 && (byte >= 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)));
  t.notMatch(eml.toString('latin1'), /[^\r]\n|\r[^\n]/, 'every line ends in CRLF');
  t.ok(
    eml
      .toString('latin1')
      .split('\r\n')
      .every((line) => line.length <= 998),
    'RFC 5322 §2.1.1',
  );
  t.same(fieldsNamed(eml, 'Auto-Submitted'), ['Auto-Submitted: auto-generated']);
  t.same(fieldsNamed(eml, 'X-Sluice-Notice'), [`X-Sluice-Notice: ${facts.id}`]);
  const parsed = await simpleParser(eml);
  t.equal(parsed.subject, 'Schädliche Anhänge gefunden');
  t.equal(String(parsed.text).trim(), text.trim());
  t.equal(String(parsed.html).trim(), html.trim());
  t.equal(parsed.from?.text, '"Mail Security" <postmaster@example.org>');
  for (const form of [text, html]) {
    t.match(form, 'Grüße aus 東京 🎉');
    t.match(form, 'Jürgen');
    t.match(form, '2026-03-01 14:05 UTC');
    t.match(form, 'EICAR-Test-File');
    t.match(form, 'invoice.pdf.exe');
    t.match(form, '68 bytes');
    t.match(form, '10 of 10 (high)');
    t.match(form, facts.id);
  }
});

t.test('links appear when they are configured, and not otherwise', async (t) => {
  const all = await renderNotice(settings, facts);
  t.match(all.html, 'href="https://quarantine.example.org/q/token"');
  t.match(all.html, 'Open the quarantine');
  t.match(all.html, 'href="https://intranet.example.org/mail?a=1&amp;b=2"');
  t.match(all.html, `href="mailto:security@example.org?subject=Release%20request%20${facts.id}"`);
  t.match(all.text, 'https://quarantine.example.org/q/token');
  const bare = { ...settings, learnMoreUrl: '  ', releaseRequestAddress: undefined };
  const none = await renderNotice(bare, { ...facts, link: undefined });
  t.notMatch(none.html, 'href=');
  t.notMatch(none.text, /https?:|mailto|Learn more|Open the quarantine/);
  const hostile = await renderNotice({ ...settings, learnMoreUrl: 'javascript:alert(1)' }, facts);
  t.notMatch(hostile.html, 'javascript:');
});

t.test('an HTML notice loads nothing and runs nothing', async (t) => {
  const { html } = await renderNotice(settings, facts);
  t.notMatch(html, /<script|<img|<link|<iframe|@import|url\(|\son\w+=|src=/i);
  t.match(html, 'prefers-color-scheme:dark');
  t.match(html, '<html lang="en">');
});

/** Strings of the kind that broke other quarantines: a file name shown unescaped gave an attacker the portal. */
const markup = '"><img src=x onerror=alert(1)><script>alert(2)</script>\'&';

t.test('markup in any field of the mail is shown, not obeyed', async (t) => {
  const hostile: NoticeFacts = {
    ...facts,
    mailFrom: `"${markup}"@example.net`,
    from: markup,
    subject: markup,
    threat: markup,
    findings: [{ ...finding, name: markup, threat: markup }],
  };
  const { html } = await renderNotice(settings, hostile);
  const clean = await renderNotice(settings, facts);
  const tags = (text: string) => (text.match(/<[a-z!/][^>]*>/gi) ?? []).sort();
  t.same(tags(html), tags(clean.html), 'the tags are those of the layout');
  t.match(html, '&lt;script&gt;alert(2)&lt;/script&gt;&#39;&amp;');
});

t.test('no field of the mail can add a header or another recipient', async (t) => {
  const injection = 'x\r\nBcc: victim@example.com\r\n\r\nbody\nX-Evil: 1\u2028Y: 2\u0085Z: 3\u0000';
  const hostile = { ...facts, mailFrom: injection, from: injection, subject: injection, threat: injection };
  const plain = headerLines((await renderNotice(settings, facts)).eml).map((line) => line.split(':')[0]);
  for (const recipient of [
    facts.recipient,
    `anna@example.org${injection}`,
    'anna@example.org, victim@example.com',
    'a <victim@example.com>',
    '"quoted, local"@example.org',
    'grün@example.org',
  ]) {
    const { eml } = await renderNotice(settings, { ...hostile, recipient });
    t.same(
      headerLines(eml)
        .map((line) => line.split(':')[0])
        .sort(),
      [...plain].sort(),
      encodeURI(recipient),
    );
    t.notMatch(fieldsNamed(eml, 'To')[0], 'victim', encodeURI(recipient));
    t.ok(eml.every((byte) => byte < 0x80));
  }
  const subject = await renderNotice({ ...settings, subject: injection }, facts);
  t.same(fieldsNamed(subject.eml, 'Bcc'), []);
});

t.test(
  'invisible and reordering characters are taken out, long strings are cut, addresses are not clickable',
  async (t) => {
    const { text, html } = await renderNotice(settings, {
      ...facts,
      subject: `see https://evil.example/login and www.evil.example ${'x'.repeat(100_000)}`,
      findings: [{ ...finding, name: 'invoice\u202efdp.exe\u200b\u{e0041}\ufeff' }],
    });
    t.match(text, 'invoicefdp.exe (');
    t.notMatch(text, /[\u202e\u200b\ufeff]|\u{e0041}/u);
    t.match(text, 'https[:]//evil.example/login and www[.]evil.example');
    t.ok(html.length < 12_000);
    t.equal(cleanLine('\u001b[31mred\u009b0m\u0007', 50), '[31mred 0m');
    t.equal(cleanLine('a'.repeat(30), 10), `${'a'.repeat(9)}…`);
    t.equal(cleanLine('half \ud83d here', 50), 'half \ufffd here');
    t.equal(cleanLine('😀'.repeat(12), 10), `${'😀'.repeat(9)}…`, 'cut between characters');
  },
);

t.test('many attachments are listed by the worst and a count', async (t) => {
  const findings = Array.from({ length: 40 }, (_, index) => ({ ...finding, name: `file-${index}.exe` }));
  const { text, html } = await renderNotice(settings, { ...facts, findings, omitted: 5 });
  t.match(text, 'file-9.exe');
  t.notMatch(text, 'file-10.exe');
  t.match(text, 'and 35 more');
  t.match(html, 'and 35 more');
});

t.test('findings name attachments worst first, with the level of their worst member', async (t) => {
  const { findings, omitted } = findingsOf(report(), verdict(), 10);
  t.same(
    findings.map(({ path, level, threat }) => ({ path, level, threat })),
    [
      { path: '3', level: 10, threat: 'EICAR-Test-File' },
      { path: '2', level: 2, threat: '' },
    ],
  );
  t.equal(omitted, 0);
  t.equal(findingsOf(report(), verdict(), 1).omitted, 1);
});

t.test('a file that no reason names is clean where everything was scored, and not rated elsewhere', async (t) => {
  const levels = (reasons: Verdict['reasons'], score: number | undefined) =>
    findingsOf(report(), { ...verdict(), reasons, score }, 10).findings.map(({ path, level }) => `${path} ${level}`);
  const bad = { code: 'score', part: '3', backend: 'embedded', score: 1, level: 10, name: 'EICAR-Test-File' } as const;
  t.same(levels([bad], 1), ['3 10', '2 0']);
  t.same(levels([bad], undefined), ['3 10', '2 -1'], 'nothing was scored');
  t.same(
    levels([bad, { code: 'fallback', cause: 'verdict-timeout', action: 'block', detail: '' }], 1),
    ['3 10', '2 -1'],
    'an answer is missing, and nobody knows whose',
  );
  t.same(levels([bad, { code: 'profile', part: '2', category: 'pdf', mode: 'skip' }], 1), ['3 10', '2 -1']);
});

const told: ToldEvent = {
  id: 7,
  event: 'blocked',
  at: facts.receivedAt,
  actor: 'gate',
  item: facts.id,
  mailFrom: '',
  recipients: Array.from({ length: 25 }, (_, index) => `user${index}@example.org`),
  subject: 'Hello\r\nBcc: victim@example.com',
  threat: 'EICAR-Test-File',
  threatLevel: 10,
  findings: [finding],
};

t.test('an administrator is told one event in full and how to act', async (t) => {
  const mail = {
    administrator: 'secops@example.org',
    from: settings.from,
    events: [told],
    omitted: 0,
    itemPages: undefined,
  };
  const { eml } = await renderAdministratorMail(mail);
  t.ok((await renderAdministratorMail(mail)).eml.equals(eml), 'a repeated mail has the same bytes');
  const parsed = await simpleParser(eml);
  t.equal(parsed.subject, 'Mail gate: Message blocked: EICAR-Test-File');
  t.match(parsed.text, `sluice quarantine release ${facts.id}`);
  t.match(parsed.text, '(null sender)');
  t.match(parsed.text, 'user9@example.org and 15 more');
  t.match(parsed.text, `invoice.pdf.exe, 68 bytes, sha256 ${finding.sha256}`);
  t.notOk(parsed.html);
  t.same(fieldsNamed(eml, 'Bcc'), []);
});

t.test('a digest lists its events and counts those it leaves out', async (t) => {
  const events = [told, { ...told, id: 8, event: 'released' as const, actor: 'cli:root' }];
  const { eml } = await renderAdministratorMail({
    administrator: 'secops@example.org',
    from: settings.from,
    events,
    omitted: 30,
    itemPages: undefined,
  });
  const parsed = await simpleParser(eml);
  t.equal(parsed.subject, 'Mail gate: 32 events');
  t.match(parsed.text, /Message released at .* by cli:root/);
  t.match(parsed.text, 'and 30 more events');
});

t.test('other readings of a mail are told only where they alone show how bad it is', (t) => {
  const part = { attachment: true, names: ['a.pdf'], detectedType: undefined };
  const other = { ...part, view: 'type last' };
  const parts = [
    madePart(1, { ...part, path: '2' }),
    madePart(2, { ...other, path: '~1' }),
    madePart(3, { ...other, path: '~2' }),
    madePart(4, { ...part, path: '0' }),
  ];
  const score = (path: string, level: number) =>
    ({ code: 'score', part: path, backend: 'embedded', score: level / 10, level, name: 'Bad' }) as const;
  const paths = (...reasons: Verdict['reasons']) => {
    const verdict: Verdict = { action: 'block', reasons, threatLevel: 7, score: 0.7, malicious: true, threat: 'Bad' };
    return findingsOf(madeReport(parts), verdict, 10).findings.map(({ path }) => path);
  };
  t.same(paths(score('2', 7), score('~1', 7)), ['2']);
  t.same(paths(score('~1', 7), score('~2', 7), score('0', 2)), ['~1', '0', '2']);
  t.end();
});
