/** Files that texts carry are taken out of them, what acts in a page is flagged, and honest mail gets no flag. */
import fc from 'fast-check';
import t from 'tap';
import { calendar } from '../src/inspect/container/calendar.js';
import { htmlCarrier } from '../src/inspect/container/html-carrier.js';
import { mailCoded } from '../src/inspect/container/mail-coded.js';
import type { OpenFile } from '../src/inspect/container/opener.js';
import { textCarrier } from '../src/inspect/container/text-carrier.js';
import { TextScan } from '../src/inspect/text-scan.js';
import { base64Lines, binhex, uuencode, xxAlphabet, yencode } from './support/old-encoders.js';
import { type Opened, open, openFile } from './support/open-file.js';
import { ownCpuMs } from './support/process-facts.js';

const openers = [textCarrier, htmlCarrier, calendar, mailCoded];
const bytes = Buffer.from(Array.from({ length: 400 }, (_, index) => (index * 37 + (index >> 3)) & 0xff));
/** a file with a signature; not a program, so that no scanner minds this source */
const file = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), bytes]);
const base64 = file.toString('base64');

function text(content: string | Buffer, type = 'text/plain', charset?: string): OpenFile {
  return openFile(content, { declaredType: type, charset });
}

function html(content: string | Buffer, charset?: string): Promise<Opened> {
  return open(openers, text(content, 'text/html', charset));
}

function holds(opened: Opened, content: Buffer = file): boolean {
  return opened.members.some((member) => member.content.equals(content));
}

/** Whether an inline body of this kind would be sent to the openers at all. */
function suspected(content: string | Buffer, type: string, charset?: string): boolean {
  const whole = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  for (const size of [whole.length, 700, 64]) {
    const scan = new TextScan(type, charset);
    for (let at = 0; at < whole.length; at += size) scan.write(whole.subarray(at, at + size));
    if (!scan.found) return false;
  }
  return true;
}

const prose = 'Hello,\r\n\r\nhere is what you asked for.\r\n\r\n';

t.test('files in a text are members', async (t) => {
  const lines = base64Lines(file);
  for (const [method, body] of [
    ['uuencode', uuencode('a.zip', file)],
    ['xxencode', uuencode('a.zip', file, xxAlphabet)],
    ['uuencode', uuencode('a.zip', file).replace('end\r\n', 'Regards\r\n')],
    ['base64', `begin-base64 644 a.zip\r\n${lines}====\r\n`],
    ['yenc', yencode('a.zip', file).toString('latin1')],
    ['binhex', binhex('a.zip', file)],
    ['base64', lines],
    ['base64', base64Lines(file, 60, '\n')],
    ['base64', `${lines}Regards\r\n`],
    ['base64', `-----BEGIN CERTIFICATE-----\r\n${base64Lines(file, 64)}-----END CERTIFICATE-----\r\n`],
    ['base64', `--b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines}\r\n--b--\r\n`],
  ] as const) {
    for (const [where, whole] of [
      ['alone', body],
      ['in prose', `${prose}${body}\r\nYours sincerely\r\n`],
    ] as const) {
      const label = `${method}, ${where}: ${JSON.stringify(body.slice(0, 30))}`;
      const opened = await open(openers, text(whole));
      t.ok(
        opened.members.some((member) => member.method === method && member.content.equals(file)),
        label,
      );
      t.ok(suspected(whole, 'text/plain'), `suspected: ${label}`);
      if (/a\.zip/.test(body))
        t.ok(
          opened.members.some(({ names }) => names.includes('a.zip')),
          `named: ${label}`,
        );
    }
  }
  const two = await open(openers, text(`${uuencode('1', file)}and\r\n${uuencode('2', bytes)}`));
  t.ok(holds(two) && holds(two, bytes), 'several files');
  const wide = await open(openers, text(Buffer.from(`\ufeff${prose}${uuencode('a', file)}`, 'utf16le')));
  t.ok(holds(wide), 'UTF-16');
});

t.test('a small body that is base64 and nothing else is decoded', async (t) => {
  const small = file.subarray(0, 68);
  for (const length of [4, 20, 76]) {
    t.ok(holds(await open(openers, text(base64Lines(small, length))), small), `${length} characters a line`);
  }
  t.equal((await open(openers, text('one two three\r\n'.repeat(9)))).members.length, 0, 'words are not');
});

t.test('switches of character sets do not hide what acts', async (t) => {
  for (const [page, charset] of [
    ['<scr\x1b(Bipt>x</script>', 'iso-2022-jp'],
    ['<a href="\x1b(Jjavascript\x1b(B:x">', 'iso-2022-jp'],
    ['<scr~\nipt>x</script>', 'hz-gb-2312'],
    ['<scr\0ipt>x</script>', undefined],
    [Buffer.from('4ca283998997a36ea74c61a283998997a36e', 'hex').toString('latin1'), 'ibm037'],
  ] as const) {
    t.ok((await html(page, charset)).flags.has('active-content'), JSON.stringify(page));
    t.ok(suspected(page, 'text/html', charset), `suspected: ${JSON.stringify(page)}`);
  }
  for (const blank of [' ', '\n', '\t\r\n', '&Tab;', '&#10;']) {
    const scan = new TextScan('text/html', undefined);
    const before = Buffer.from(`${'<p>x</p>'.repeat(1000)}<a href="java`);
    scan.write(before);
    for (let count = 0; count < 50; count += 1) scan.write(Buffer.from(blank.repeat(40)));
    scan.write(Buffer.from('script:x">'));
    t.ok(scan.found, `${JSON.stringify(blank)} over many chunks`);
  }
  const japanese = 'konnichiwa \x1b$B$3$s\x1b(B <b>x</b> '.repeat(20);
  t.notOk(suspected(japanese, 'text/html', 'iso-2022-jp'), 'Japanese mail is not suspected');
});

t.test('a quoted part keeps its name and type', async (t) => {
  const part = [
    'Content-Type: application/zip; name="a.zip"',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'x=3Dy',
    '--b',
    'Content-Type: text/plain',
    '',
    'second',
    '--b--',
  ].join('\r\n');
  const { members } = await open([textCarrier], text(`${prose}--b\r\n${part}`));
  t.match(members, [
    { names: ['a.zip'], declaredType: 'application/zip', method: 'quoted-printable' },
    { declaredType: 'text/plain', method: '7bit' },
  ]);
  t.strictSame(
    members.map(({ content }) => content.toString()),
    ['x=y', 'second'],
  );
});

t.test('an OpenPGP message in a text is looked at, a signature or key is nothing', async (t) => {
  const armour = (kind: string) =>
    `-----BEGIN PGP ${kind}-----\r\n\r\n${base64Lines(file, 64)}-----END PGP ${kind}-----\r\n`;
  const message = prose + armour('MESSAGE');
  t.ok(suspected(message, 'text/plain'));
  for (const kind of ['SIGNATURE', 'PUBLIC KEY BLOCK']) {
    const opened = await open(openers, text(prose + armour(kind)));
    t.strictSame([opened.members.length, opened.flags.size], [0, 0], kind);
    t.notOk(suspected(prose + armour(kind), 'text/plain'), kind);
  }
});

t.test('data: addresses are members however they are written', async (t) => {
  const percent = [...file].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const references = (word: string, hex: boolean) =>
    [...word].map((char) => (hex ? `&#x${char.charCodeAt(0).toString(16)};` : `&#${char.charCodeAt(0)}`)).join('');
  const zip = 'application/zip';
  for (const address of [
    `<a href="data:${zip};base64,${base64}">x</a>`,
    `<a href='DATA:${zip};BASE64,${base64}'>x</a>`,
    `<a href=data:${zip};base64,${base64}>x</a>`,
    `<a href="data:;base64,${base64}">x</a>`,
    `<a href="data:${zip};charset=x;base64 ,${base64}">x</a>`,
    `<a href=" da\r\nta:${zip};ba\nse64,${base64.replace(/.{50}/g, '$&\r\n  ')}">x</a>`,
    `<a href="${references('data:', false)}${zip};base64,${base64}">x</a>`,
    `<a href="${references('data', true)}&colon;application&sol;zip&semi;base64&comma;${base64}">x</a>`,
    `<a href="da&Tab;t&#10;a:${zip};base64,${base64.replaceAll('=', '&#61;').replaceAll('+', '&plus;')}">x</a>`,
    `<a href="data:${zip};base64,${encodeURIComponent(base64)}">x</a>`,
    `<a href="data:${zip},${percent}">x</a>`,
    `<a href="data:${zip};%62ase64,${base64}">x</a>`,
    `<p style="background:url(data:${zip};base64,${base64})">x</p>`,
    `<style>p{background:url('data:${zip};base64,${base64}')}</style>`,
    `<svg xmlns="a"><image href="data:${zip};base64,${base64}"/></svg>`,
  ]) {
    const label = address.replaceAll(base64, '…').slice(0, 70);
    const page = `<html><body>${address}</body></html>`;
    const opened = await html(page);
    t.ok(holds(opened), label);
    t.ok(suspected(page, 'text/html'), `suspected: ${label}`);
    const utf16 = Buffer.from(`\ufeff${page}`, 'utf16le');
    t.ok(holds(await html(utf16, 'utf-16')), `UTF-16: ${label}`);
    t.ok(holds(await html(utf16.subarray(2).swap16())), `undeclared UTF-16: ${label}`);
    t.ok(suspected(utf16, 'text/html'), `suspected in UTF-16: ${label}`);
  }
  const seven = Buffer.from(`+ADw-a href+AD0AIg-data:x/y+ADs-base64,${base64.replaceAll('+', '+-')}+ACI-+AD4-`);
  t.ok(holds(await html(seven, 'utf-7')), 'UTF-7');
  const characters = Buffer.from('\u6f22'.repeat(400), 'utf16le').swap16().toString('base64').replaceAll('=', '');
  const long = Buffer.from(`<p>+${characters}-<a href+AD0AIg-data:x/y;base64,${base64.replaceAll('+', '+-')}+ACIAPg-`);
  t.ok(holds(await html(long, 'utf-7')), 'UTF-7 that grows');
  const careless = Buffer.from(`+ADw-a href=+ACI-data:x/y;base64,${base64}+ACI-+AD4-`);
  t.match(base64, /\+/);
  t.ok(holds(await html(careless, 'utf-7')), 'UTF-7 with plus signs as they are');
  const named = await html(`<a download="in voice.zip" href="data:${zip};base64,${base64}">x</a>`);
  t.match(named.members, [{ names: ['in voice.zip'], declaredType: zip, method: 'data-uri' }]);
  t.ok(named.flags.has('html-smuggling'), 'a file of the page, offered to be saved');
  const nested = await html('<iframe src="data:text/html,<a href=data:x/y,abc>"></iframe>');
  t.strictSame(
    nested.members.map(({ content }) => content.toString()),
    ['<a href=data:x/y,abc>'],
  );
  const inner = await html('<iframe srcdoc="&lt;script&gt;x&lt;/script&gt;"></iframe>');
  t.match(inner.members, [{ method: 'srcdoc', declaredType: 'text/html' }]);
  t.equal(inner.members[0]?.content.toString(), '<script>x</script>');
});

t.test('files written down in script are members', async (t) => {
  const pieces = base64.match(/.{1,40}/g) ?? [];
  const small = base64.match(/.{1,4}/g) ?? [];
  const hex = file.toString('hex');
  const list = [...file].join(',');
  const escapes = [...file].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  const units = [...file].map((byte) => `\\u${byte.toString(16).padStart(4, '0')}`).join('');
  for (const script of [
    `var a = "${base64}";`,
    `var a = '${base64}';`,
    `var a = \`${base64}\`;`,
    `var a = "${base64.slice(0, 100)}" + "${base64.slice(100)}";`,
    `var a = ${pieces.map((piece) => `'${piece}'`).join(' +\r\n  ')};`,
    `var a = [${small.map((piece) => `'${piece}'`).join(',')}].join('');`,
    `var a = '';\r\n${pieces.map((piece) => `a += '${piece}';`).join('\r\n')}`,
    `var a = '';${pieces.map((piece) => `a = a.concat("${piece}");`).join(' ')}`,
    `var a = "${base64.replaceAll('/', '\\/')}";`,
    `var a = "${pieces.join('\\\n')}";`,
    `var a = "${[...base64].reverse().join('')}".split('').reverse().join('');`,
    `var a = "${hex}";`,
    `var a = new Uint8Array([${list}]);`,
    `var a = [${[...file].map((byte) => `0x${byte.toString(16)}`).join(', ')}];`,
    `var a = new Int8Array([${[...file].map((byte) => (byte > 127 ? byte - 256 : byte)).join(',')}]);`,
    `var a = String.fromCharCode(${list});`,
    `var a = "${escapes}";`,
    `var a = "${units}";`,
    `var a = /"/; /* don't */ var b = "${base64}";`,
    `var a = "${base64.replace(/.{7}/g, '$&!')}".replace(/!/g, '');`,
    `var a = atob("${base64.slice(0, 204)}") + atob("${base64.slice(204)}");`,
    `var a = unescape("${[...file].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}");`,
  ]) {
    const label = script.replaceAll(base64, '…').slice(0, 60);
    const page = `<p>don't</p><script>${script}</script>`;
    const opened = await html(page);
    t.ok(holds(opened), label);
    t.ok(
      opened.members.every(({ method }) => method === 'script-literal'),
      `method: ${label}`,
    );
    t.ok(opened.flags.has('active-content'), `flag: ${label}`);
    t.ok(holds(await html(`<body onload='${script.replaceAll("'", '&#39;')}'>`)), `handler: ${label}`);
    t.ok(holds(await open(openers, text(script, 'text/javascript'))), `script file: ${label}`);
    t.ok(suspected(page, 'text/html'), `suspected: ${label}`);
  }
});

t.test('script that builds a file and hands it over is flagged as such', async (t) => {
  const literal = bytes.toString('base64');
  for (const script of [
    `var b=new Blob([atob("${literal}")]);location=URL.createObjectURL(b)`,
    `var u=new Uint8Array([${[...bytes].join(',')}]);navigator.msSaveOrOpenBlob(new Blob([u]),'a.zip')`,
    `fetch(x).then(t=>t.text()).then(t=>{a.href=URL.createObjectURL(new Blob([atob(t)]));a.click()})`,
    `x="${base64}"`,
    `var b=new window['Bl'+"ob"]([window["\\x61to" + 'b']("${literal}")]);location=URL['cre'+'ateObj'+'\\u0065ctURL'](b)`,
  ]) {
    t.ok((await html(`<script>${script}</script>`)).flags.has('html-smuggling'), script.slice(0, 40));
    t.ok((await html(`<svg xmlns="a"><script>${script}</script></svg>`)).flags.has('html-smuggling'), 'SVG');
  }
  t.notOk((await html('<script>alert(1)</script>')).flags.has('html-smuggling'));
  for (const page of [
    `<div id=a style="display:none">${base64Lines(file)}</div><script>go(a.innerText)</script>`,
    `<div data-a="${base64}"></div><body onload="go()">`,
    `<script type="application/json">["${base64}"]</script><script>go()</script>`,
    `<p id=a>${[...file].join(' , ')}</p><script>go()</script>`,
  ]) {
    const opened = await html(page);
    t.ok(holds(opened), page.slice(0, 40));
    t.ok(opened.flags.has('html-smuggling'), page.slice(0, 40));
  }
  const entity = '<!DOCTYPE svg [<!ENTITY a "&#60;script&#62;x&#60;/script&#62;">]><svg>&a;</svg>';
  t.ok((await open(openers, text(entity, 'image/svg+xml'))).flags.has('active-content'), 'in an entity');
});

t.test('whatever acts in a page is active content', async (t) => {
  for (const page of [
    '<SCRIPT>x</SCRIPT>',
    '<script src=http://example.com/a.js></script>',
    '<script',
    '<svg:script>x</svg:script>',
    '<x:ScRiPt xlink:href="a"/>',
    '<script type="text/javascript">x</script>',
    '<script type=module>x</script>',
    '<script language="VBScript">x</script>',
    '<script data-a=" type=text/plain">x</script>',
    '<script type="text/javascript" type="text/plain">x</script>',
    '<script type=text/plain-not>x</script>',
    `<img src=x onerror${' '.repeat(200)}=x>`,
    `<a href="${' '.repeat(200)}java${'\t'.repeat(100)}script:x">`,
    '<body onload=x()>',
    '<img src=x onerror = "x">',
    '<svg/onload=x>',
    '<img src="x"onerror=x>',
    '<a href="javascript:x">',
    '<a href=javascript:x>',
    '<a href=" java\tscr\nipt:x">',
    '<a href="&#106;avascript&colon;x">',
    '<a href="jav&Tab;ascript:x">',
    "<a xlink:href='vbscript:x'>",
    '<meta http-equiv=refresh content="0;url=data:text/html,x">',
    '<meta http-equiv=refresh content="0; URL=\'data:text/html;base64,eA==\'">',
    '<script type="application/json">{}</script><script>x</script>',
    '<script async src="https://cdn.ampproject.org/v0.js" onload=x></script>',
    '<script async src="https://cdn.ampproject.org.example.com/v0.js"></script>',
  ]) {
    t.ok((await html(page)).flags.has('active-content'), page);
    t.ok((await open(openers, text(page, 'text/plain'))).flags.has('active-content'), `declared as text: ${page}`);
    t.ok(
      (await open(openers, text(Buffer.from(page, 'utf16le'), 'image/svg+xml'))).flags.has('active-content'),
      `UTF-16: ${page}`,
    );
    t.ok(suspected(page, 'text/html'), `suspected: ${page}`);
    t.ok(suspected(page, 'text/plain'), `suspected as text: ${page}`);
  }
});

t.test('honest mail gets no flag, and no member but its images', async (t) => {
  const gif = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
  const pages = [
    '<html><head><style>p{color:red}@media only screen and (max-width:600px){.a{width:100%!important}}</style></head><body>',
    '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="http://x/"><![endif]-->',
    '<p>Use the &lt;script&gt; element; see JavaScript: The Good Parts, and "the data: one, two".</p>',
    '<a href="https://example.com/?on=1&amp;only=2&amp;redirect=%2Fa%2Fb">Click once=more or download it</a>',
    '<p>Caf&eacute; &amp; t&#233; &#8220;quoted&#8221; &#39;x&#39; don&#39;t</p>',
    '<script type="application/ld+json">{"@context":"http://schema.org","@type":"Order","name":"a"}</script>',
    '<script async src="https://cdn.ampproject.org/v0.js"></script>',
    '<script async custom-element="amp-form" src="https://cdn.ampproject.org/v0/amp-form-0.1.js"></script>',
    `<img alt="on sale" src="data:image/gif;base64,${gif}"><img src="cid:a@b">`,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><path d="M10 10 20 20 30 30"/></svg></body></html>',
  ];
  const opened = await html(pages.join('\r\n'));
  t.strictSame([...opened.flags, ...opened.problems], []);
  t.strictSame(
    opened.members.map(({ method, declaredType }) => [method, declaredType]),
    [['data-uri', 'image/gif']],
  );
  for (const body of [
    `${prose}begin with the basics.\r\nBEGIN 2 of 3\r\nthe end\r\n=ybe a word\r\n`,
    `${prose}on = 1, javascript: x, data: text, <script> is an element\r\n`,
    `commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904\r\n${'| a | b |\r\n'.repeat(50)}`,
    `${'https://example.com/abcdefghijklmnopqrstuvwxyz0123456789/ABCDEFGHIJ?token=abc\r\n'.repeat(10)}`,
    `${'0123456789'.repeat(8)}\r\n`.repeat(10),
    'a,b,c\r\n1,2,3\r\n'.repeat(100),
    `-- \r\nJane Doe\r\n--\r\n_______________________________________________\r\nlist@example.com\r\n`,
  ]) {
    const found = await open(openers, text(body));
    t.strictSame([...found.flags, ...found.problems, ...found.members], [], body.slice(0, 60));
    t.notOk(suspected(body, 'text/plain'), `unsuspected: ${body.slice(0, 60)}`);
  }
  const letter = pages.slice(0, 2).join('\r\n') + pages[4];
  t.notOk(suspected(letter, 'text/html'), 'a letter in HTML is not suspected');
});

t.test('calendars and cards give their files', async (t) => {
  const folded = `X${base64}`.replace(/.{60}/g, '$&\r\n ').slice(1);
  for (const [type, body, name] of [
    [
      'text/calendar',
      `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH;FMTTYPE=application/zip;ENCODING=BASE64;VALUE=BINARY;X-FILENAME="a.zip":${folded}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`,
      'a.zip',
    ],
    [
      'text/calendar',
      `BEGIN:VCALENDAR\r\nATTACH;VALUE=BINARY;ENCOD\r\n ING=base64;X="a:b":\r\n ${folded}\r\nEND:VCALENDAR\r\n`,
      '',
    ],
    [
      'text/calendar',
      `BEGIN:VCALENDAR\nATTACH:da\n ta:application/zip;base64,${folded.replaceAll('\r', '')}\nEND:VCALENDAR\n`,
      '',
    ],
    ['text/vcard', `BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b;TYPE=JPEG:${folded}\r\nN:x\r\nEND:VCARD\r\n`, ''],
    [
      'text/x-vcard',
      `BEGIN:VCARD\r\nVERSION:2.1\r\nLOGO;GIF;BASE64:\r\n${base64Lines(file, 72)}\r\nN:x\r\nEND:VCARD\r\n`,
      '',
    ],
    ['', `begin:vcard\r\nKEY:data:application/zip;base64,${folded}\r\nEND:VCARD\r\n`, ''],
  ] as const) {
    const { members, flags } = await open([calendar], text(body, type));
    t.ok(
      members.some(({ content }) => content.equals(file)),
      body.slice(0, 70),
    );
    t.equal(members.length, 1);
    t.equal(members[0]?.names[0] ?? '', name);
    t.equal(flags.size, 0);
  }
  const plain = await open(
    openers,
    text('BEGIN:VCALENDAR\r\nSUMMARY:Lunch: at 12\r\nATTACH:https://x/\r\nEND:VCALENDAR\r\n', 'text/calendar'),
  );
  t.equal(plain.members.length, 0);
});

t.test('files of the classic Mac OS give their forks', async (t) => {
  const apple = (magic: number, entries: readonly (readonly [number, Buffer])[]) => {
    const head = Buffer.alloc(26 + entries.length * 12);
    head.writeUInt32BE(magic, 0);
    head.writeUInt32BE(0x20000, 4);
    head.writeUInt16BE(entries.length, 24);
    let offset = head.length;
    for (const [index, [id, content]] of entries.entries()) {
      head.writeUInt32BE(id, 26 + index * 12);
      head.writeUInt32BE(offset, 30 + index * 12);
      head.writeUInt32BE(content.length, 34 + index * 12);
      offset += content.length;
    }
    return Buffer.concat([head, ...entries.map(([, content]) => content)]);
  };
  const single = await open(
    openers,
    openFile(
      apple(0x51600, [
        [3, Buffer.from('a.zip')],
        [1, file],
        [2, bytes],
      ]),
    ),
  );
  t.ok(holds(single) && holds(single, bytes));
  t.match(single.members[0], { method: 'applesingle', names: ['a.zip'] });
  const double = await open(
    openers,
    openFile(
      apple(0x51607, [
        [9, bytes],
        [2, file],
      ]),
    ),
  );
  t.strictSame(
    double.members.map(({ method }) => method),
    ['appledouble'],
  );
  const binary = Buffer.alloc(128 + 512 + 512);
  binary.set([0, 5, ...Buffer.from('a.zip')]);
  binary.writeUInt32BE(file.length, 83);
  binary.writeUInt32BE(bytes.length, 87);
  file.copy(binary, 128);
  bytes.copy(binary, 640);
  const macBinary = await open(openers, openFile(binary));
  t.ok(holds(macBinary) && holds(macBinary, bytes));
  const sentence = binhex('a.zip', file).replace(/^.*\r\n/, '');
  const declared = openFile(sentence, { declaredType: 'application/mac-binhex40' });
  t.ok(holds(await open(openers, declared)), 'BinHex without its sentence');
  const uu = openFile(uuencode('a', file).replace(/^begin.*\r\n/, ''), { names: ['a.uue'] });
  t.ok(holds(await open(openers, uu)), 'uuencode without begin');
});

t.test('too much is said, not left out in silence', async (t) => {
  const many = await open(
    [htmlCarrier],
    text(Array.from({ length: 10_050 }, (_, index) => `"data:x/y,${index}"`).join(''), 'text/html'),
  );
  t.ok(many.problems.has('unpack-limit'));
  const blocks = await open([textCarrier], text(uuencode('a', bytes.subarray(0, 9)).repeat(1200)));
  t.ok(blocks.problems.has('unpack-limit'));
  const damaged = await open([textCarrier], text(uuencode('a', bytes).replace('end\r\n', '')));
  t.ok(damaged.problems.has('embedded-file-damaged'));
  const bounded = await open([textCarrier], text(`begin 644 a\r\n${'M\r\n'.repeat(2000)}end\r\n`), 10_000);
  t.ok(bounded.problems.has('unpack-limit'));
});

t.test('random texts never throw', async (t) => {
  const piece = fc.constantFrom(
    ...[
      '<',
      '>',
      '"',
      "'",
      '`',
      '&#',
      '&colon;',
      '\\',
      '\r\n',
      ' ',
      '=',
      ':',
      ',',
      ';',
      '/*',
      '//',
      '%41',
      '\\x41',
      '0x4d,',
    ],
    ...['<script ', '</script', 'data:', 'base64,', 'javascript:', 'srcdoc="', 'onload=', 'url(', 'download', 'atob('],
    ...[
      'begin 644 a\n',
      'end\n',
      '=ybegin name=x\n',
      '=ypart begin=1\n',
      '=yend\n',
      'must be converted with BinHex',
      '\n:',
    ],
    ...[
      '\n--b\nContent-Type: a/b\n',
      'BEGIN:VCARD\n',
      ';ENCODING=b:',
      '-----BEGIN PGP MESSAGE',
      'QUJD'.repeat(30),
      '77,90,'.repeat(60),
    ],
    ...['\0', '\x00\x05\x16\x00', '+ADw-', '\xff\xfe', '\xfe\xff'],
  );
  const type = fc.constantFrom(
    'text/html',
    'text/plain',
    'text/calendar',
    'image/svg+xml',
    'application/javascript',
    'application/mac-binhex40',
    '',
  );
  const charset = fc.constantFrom(undefined, 'utf-16', 'utf-7', 'utf-32', 'x');
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), type, charset, async (pieces, declaredType, label) => {
      await open(openers, text(pieces.join(''), declaredType, label));
    }),
    { numRuns: 1000 },
  );
  t.pass('1000 texts');
});

t.test('time grows with the text, not faster', async (t) => {
  const units = [
    ...[
      '<',
      '<script ',
      '<script>',
      '<script type=application/json ',
      '</script',
      'data:',
      '"data:,a',
      'data:text/html,',
    ],
    ...['&#1', '&lt', ' on=', '"', '\\"', '\\"x`\'', '`a\\', '/*', '"a",', '1,', ' download', 'srcdoc="', "srcdoc='"],
    ...[
      'begin 644 a\n',
      'begin 644 a\nM\n',
      '=ybegin a\n',
      'must be converted with BinHex\n:',
      '\n--a\ncontent-type: x\n\n',
    ],
    ...[
      'QUJDaa12'.repeat(8),
      `${'QUJDaa12'.repeat(8)}\n`,
      ' x\n',
      'A;ENCODING=b:QUJD\n',
      ';a="',
      '+ADw',
      ':',
      '\n',
      'j\na\nv\na\n',
    ],
  ];
  for (const type of ['text/html', 'text/calendar']) {
    for (const unit of units) {
      const body = Buffer.from(`<a "${unit.repeat(Math.ceil(150_000 / unit.length))}`, 'latin1');
      const start = ownCpuMs();
      const scan = new TextScan(type, undefined);
      scan.write(body);
      await open(openers, text(body, type));
      const elapsed = ownCpuMs() - start;
      // A quadratic step over 150 KB would take a minute.
      if (elapsed > 10_000) t.fail(`${JSON.stringify(unit)} as ${type} took ${Math.round(elapsed)} ms`);
    }
    t.pass(type);
  }
});
