/** The static rules: each fires on the facts that it names and not on the nearest honest ones, and honest files score nothing. */
import t from 'tap';
import { zip } from '../src/cli/demo/zip.js';
import { everyPart, type PartFacts, type PartFlag, partFlags } from '../src/inspect/report.js';
import { extensionKind } from '../src/scoring/extensions.js';
import { nameFacts } from '../src/scoring/name-facts.js';
import { matchingRules, ruleReason, rules, rulesVersion, worstRule } from '../src/scoring/rules.js';
import { officePackage, pdf, pngFile, rtf } from './support/document-files.js';
import { madePart } from './support/facts.js';
import { openDocument } from './support/open-document.js';
import { ownCpuMs } from './support/process-facts.js';

const named = (...names: string[]): PartFacts => madePart(1, { names });
const flagged = (...flags: PartFlag[]): PartFacts => madePart(1, { flags });
const holding = (flag: PartFlag, member: PartFacts): PartFacts => madePart(1, { flags: [flag], members: [member] });

/** For each rule what it fires on, and the nearest thing that it does not fire on. */
const cases: Readonly<Record<string, readonly [fires: PartFacts, quiet: PartFacts]>> = {
  'EICAR-Test-File': [flagged('eicar'), named('eicar.txt')],
  executable: [flagged('executable'), flagged('macro')],
  'unix-script': [flagged('unix-script'), madePart(1, { names: ['configure.txt'], flags: ['unix-script'] })],
  'name-source': [named('build.sh'), named('build.txt')],
  script: [flagged('script'), madePart(1, { names: ['configure.txt'], flags: ['script'] })],
  'script-as-text': [madePart(1, { names: ['configure.txt'], flags: ['script'] }), named('configure.txt')],
  shortcut: [flagged('shortcut'), named('link.txt')],
  'software-package': [
    madePart(1, { detectedType: 'application/java-archive' }),
    madePart(1, { detectedType: 'application/zip' }),
  ],
  'macro-autorun': [flagged('macro', 'macro-autorun'), flagged('macro')],
  'dde-field': [flagged('dde'), flagged('embedded-object')],
  'external-template': [flagged('external-template'), named('template.dotx')],
  'rtf-object': [flagged('rtf-object'), flagged('embedded-object')],
  'pdf-launch': [flagged('pdf-launch'), flagged('pdf-embedded-file')],
  'pdf-program': [holding('pdf-embedded-file', named('run.exe')), holding('pdf-embedded-file', named('invoice.xml'))],
  'onenote-program': [holding('onenote-file', flagged('script')), holding('onenote-file', named('a.pdf'))],
  'disk-image-program': [holding('disk-image', named('a.lnk')), holding('disk-image', named('a.iso.md5'))],
  'html-smuggling': [flagged('html-smuggling'), flagged('active-content')],
  'archive-mismatch': [flagged('archive-mismatch'), named('a.zip')],
  'disguised-macro': [flagged('macro', 'type-conflict'), flagged('macro')],
  macro: [flagged('macro'), named('a.docm')],
  'macro-sheet': [flagged('macro-sheet'), flagged('macro')],
  'embedded-object': [flagged('embedded-object'), named('a.docx')],
  'pdf-javascript': [flagged('pdf-javascript'), named('form.pdf')],
  'onenote-file': [flagged('onenote-file'), named('notes.one')],
  'disk-image': [flagged('disk-image'), named('disk.txt')],
  flash: [madePart(1, { detectedType: 'application/x-shockwave-flash' }), madePart(1, { detectedType: 'video/mp4' })],
  polyglot: [flagged('polyglot'), named('a.png')],
  'type-conflict': [flagged('type-conflict'), named('a.png')],
  'scripted-image': [
    madePart(1, { flags: ['active-content'], detectedType: 'image/svg+xml' }),
    madePart(1, { flags: ['active-content'], detectedType: 'text/html' }),
  ],
  'member-name-unsafe': [flagged('member-name-unsafe'), named('folder/file.txt')],
  'multi-volume': [flagged('multi-volume'), named('a.r00')],
  encrypted: [flagged('encrypted'), named('a.zip')],
  'pdf-embedded-file': [flagged('pdf-embedded-file'), named('a.pdf')],
  'active-content': [flagged('active-content'), named('a.html')],
  'name-direction-override': [named('invoice\u202efdp.exe'), named('\u05e9\u05dc\u05d5\u05dd\u200f.pdf')],
  'name-double-extension': [named('invoice.pdf          .exe'), named('page.html.pdf')],
  'name-hidden-character': [named('invoice.e\u200bxe'), named('\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.pdf')],
  'name-class-id': [named('a.{00021401-0000-0000-C000-000000000046}'), named('{00021401}.txt')],
  'name-nul': [named('a.exe\0.pdf'), named('a.pdf')],
  'name-stream': [named('a.exe::$DATA'), named('Re: meeting at 10:30.eml')],
  'name-program': [named('run.exe. '), named('run.exe.txt')],
  'name-script': [named('report.pdf', 'report.vbs'), named('report.vbs.txt')],
  'name-shortcut': [named('a.LNK'), named('a.links')],
  'name-traversal': [named('../../a.txt'), named('a..b/c.txt')],
  'name-page-as-document': [named('invoice.pdf.html'), named('script.php.html')],
  'name-padded': [named('invoice.pdf          .csv'), named('invoice   final.pdf')],
  'name-disk-image': [named('a.iso'), named('a.iso.txt')],
  'name-risky': [named('a.mdb'), named('a.db')],
  'name-direction-control': [named('a\u2067b\u2069.pdf'), named('a\u200eb.pdf')],
  'name-unusual': [named('a.cer'), named('a.p7s')],
};

t.test('every rule fires on what it is about, and not on the nearest honest thing', (t) => {
  t.same(rules.map(({ id }) => id).sort(), Object.keys(cases).sort(), 'every rule has its case');
  for (const { id } of rules) {
    const [fires, quiet] = cases[id] ?? [named(), named()];
    const idsOf = (part: PartFacts) => matchingRules(part).map((rule) => rule.id);
    t.ok(idsOf(fires).includes(id), `${id} fires`);
    t.notOk(idsOf(quiet).includes(id), `${id} stays quiet`);
  }
  t.end();
});

t.test('rules have sentences for people, and the first of the worst counts', (t) => {
  for (const { id, score, reason } of rules) {
    t.match(reason, /^[A-Z].{20,140}\.$/, id);
    t.ok([0.25, 0.5, 0.75, 1].includes(score));
    t.equal(ruleReason(id), reason);
  }
  t.equal(new Set(rules.map(({ id }) => id)).size, rules.length, 'no id twice');
  t.equal(ruleReason('Some.Threat'), undefined);
  t.equal(worstRule(flagged('macro', 'eicar', 'executable'))?.id, 'EICAR-Test-File');
  t.equal(worstRule(named('invoice.pdf.exe'))?.id, 'name-double-extension', 'the more telling of two');
  t.equal(worstRule(madePart(1)), undefined);
  t.equal(
    worstRule(madePart(1, { detectedType: 'application/x-iso9660-image' }))?.id,
    'disk-image',
    'by its type alone',
  );
  t.match(rulesVersion, /^[0-9a-f]{8}$/);
  const silent: PartFlag[] = ['undecodable'];
  for (const flag of Object.values(partFlags)) {
    if (!silent.includes(flag)) t.ok(worstRule(flagged(flag)), `${flag} counts for something`);
  }
  t.end();
});

t.test('what is blocked by default is blocked under every name that some system makes of it', (t) => {
  const blocked = [
    'x.exe',
    'X.EXE',
    'x.exe ',
    'x.exe...',
    'x.exe\u00a0',
    'x.exe"',
    '"x.exe"',
    'x.e\u00adxe',
    'x\uff0eexe',
    'x\u2024exe',
    'x.\uff45\uff58\uff45',
    'x.exe:a',
    'x.txt:y.exe',
    'x.exe\0',
    'x.pdf\0.exe',
    'a/b\\x.exe',
    'x.exe/',
    '.exe',
    `${'a'.repeat(5000)}.exe`,
    'x.pdf.scr',
    'x.hta',
    'x.ps1',
    'x.settingcontent-ms',
    'X.LIBRARY-MS',
    'x.url',
    'x.jar',
    'x.com',
  ];
  for (const name of blocked) t.ok((worstRule(named(name))?.score ?? 0) >= 0.75, JSON.stringify(name.slice(-20)));
  const honest = [
    'report.pdf',
    'Report (final).docx',
    'r\u00e9sum\u00e9.pdf',
    '\u8cc7\u6599\uff0epdf',
    '\uff11\uff0e\u898b\u7a4d.xlsx',
    '\u2764\ufe0f.png',
    'google.com!example.com!1!2.xml.gz',
    'a.tar.gz',
    'main.c',
    'notes.txt',
    'cal.ics',
    'smime.p7s',
    'image001.png',
    'C:\\Users\\a\\b.doc',
    'data.csv',
    'ver 1.2',
    'Mr. Smith Jr.',
    'signature.asc',
    'card.vcf',
    'no-extension',
    'IMG_0001.HEIC',
    'song.mp3',
    'page.html',
    'mail.eml',
  ];
  for (const name of honest) t.equal(worstRule(named(name)), undefined, name);
  t.equal(worstRule(madePart(1, { names: ['a@b.com'], detectedType: 'message/rfc822' })), undefined, 'a domain');
  t.equal(worstRule(madePart(1, { names: ['a.com'], bytes: 100_000 })), undefined, 'too large for DOS');
  t.end();
});

t.test('names cost time that is linear in their length', (t) => {
  const began = ownCpuMs();
  for (const piece of [' ', '.', ':', 'a:', '\u200b.', '\\', '..\\', '\u202e', '.exe ', '\0'])
    nameFacts(piece.repeat(100_000));
  const ms = Math.round(ownCpuMs() - began);
  t.ok(ms < 1000, `${ms} ms`);
  t.equal(extensionKind('exe'), 'program');
  t.equal(extensionKind('docx'), undefined);
  t.end();
});

t.test('honest files score nothing', async (t) => {
  const text = (value: string) => Buffer.from(value, 'utf8');
  const files: [string, Buffer][] = [
    [
      'a.docx',
      officePackage({
        'word/media/image1.png': pngFile,
        'word/embeddings/Microsoft_Excel_Sheet1.xlsx': officePackage({}),
      }),
    ],
    [
      'a.pdf',
      pdf([
        '<< /Type /Catalog /OpenAction << /S /GoTo /D [2 0 R /Fit] >> /AcroForm << /Fields [] >> >>',
        '<< /Type /Page >>',
        '<< /S /URI /URI (http://a.example) >>',
      ]),
    ],
    [
      'a.rtf',
      rtf(
        '{\\fonttbl{\\f0 Arial;}}{\\pict\\pngblip 89504e47}Hello {\\b bold}{\\field{\\*\\fldinst HYPERLINK "http://a.example"}}',
      ),
    ],
    ['a.png', pngFile],
    [
      'a.zip',
      zip([
        { name: 'letter.txt', content: text('Hello') },
        { name: 'photos/a.png', content: pngFile },
      ]),
    ],
    ['a.ics', text('BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n')],
    ['a.vcf', text('BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n')],
    ['a.csv', text('Name,Sum\r\nA,-3\r\n"B, C",=A1+1\r\n')],
    ['a.log', text('2026-01-01 00:00:00 started cmd.exe /c start\n'.repeat(50))],
    ['main.c', text('#include <stdio.h>\n\nint main(void) {\n  return 0;\n}\n')],
    [
      'a.html',
      text(
        '<html><head><style>p{color:red}</style></head><body><p>Hello <a href="http://a.example">you</a></p></body></html>',
      ),
    ],
    ['a.xml', text('<?xml version="1.0"?><Invoice><ID>1</ID></Invoice>')],
    ['a.json', text('{"a": [1, 2, 3]}')],
    ['a.eml', text('From: a@a.example\r\nTo: b@b.example\r\nSubject: x\r\n\r\nHello\r\n')],
  ];
  for (const [name, content] of files) {
    const opened = await openDocument(content, { name });
    const found = [...everyPart([opened])].flatMap((part) =>
      matchingRules(part).map(({ id }) => `${part.path}: ${id}`),
    );
    t.same(found, [], name);
  }
});
