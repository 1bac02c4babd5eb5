/**
 * Parts whose file name depends on the reader: repeated, split, encoded or disguised names, and the name that some
 * client shows or saves the file under.
 */
import { base64 } from './ambiguous-payload.js';
import { envelope, multipart, textPart } from './ambiguous-shape.js';

export interface NameCase {
  readonly id: string;
  readonly class: string;
  readonly mail: Buffer;
  /** must all be among the names of one part */
  readonly names: readonly string[];
}

const content = Buffer.from('MZ\x90\0 some program', 'latin1');

function mailOf(fields: string): Buffer {
  const part = `${fields}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(content)}`;
  return Buffer.from(envelope + multipart('=_n', [textPart, part]), 'latin1');
}

type Row = readonly [id: string, fields: string, ...names: readonly string[]];

const type = 'Content-Type: application/octet-stream';
const attachment = 'Content-Disposition: attachment';

const conflicts: readonly Row[] = [
  ['filename-name', `${attachment}; filename=a.exe\r\n${type}; name=b.txt`, 'a.exe', 'b.txt'],
  ['name-filename', `${type}; name=a.exe\r\n${attachment}; filename=b.txt`, 'a.exe', 'b.txt'],
  ['name-only', `${type}; name=a.exe`, 'a.exe'],
  ['filename-twice', `${attachment}; filename=a.txt; filename=b.exe`, 'a.txt', 'b.exe'],
  ['filename-twice-quoted', `${attachment}; filename="a.txt"; filename="b.exe"`, 'a.txt', 'b.exe'],
  ['disposition-twice', `${attachment}; filename=a.txt\r\n${attachment}; filename=b.exe`, 'a.txt', 'b.exe'],
  ['type-twice', `${type}; name=a.txt\r\n${type}; name=b.exe`, 'a.txt', 'b.exe'],
  ['single-quotes', `${attachment}; filename='a.exe'`, 'a.exe'],
  ['half-quote', `${attachment}; filename="a.exe`, 'a.exe'],
  ['half-quote-more', `${attachment}; filename="a.exe; size=10`, 'a.exe'],
  ['quote-end', `${attachment}; filename=a.exe"`, 'a.exe'],
  ['text-behind-quote', `${attachment}; filename="a.txt".exe`, 'a.txt.exe', 'a.txt'],
  ['blanks', `${attachment}; filename = "a.exe"`, 'a.exe'],
  ['blanks-bare', `${attachment}; filename=my program.exe`, 'my program.exe'],
  ['folded', `${attachment};\r\n\tfilename="a\r\n .exe"`, 'a .exe'],
  ['folded-tight', `${attachment};\r\n filename="my-long-\r\n\tname.exe"`],
  ['comment', `${attachment}; filename=(x)a.exe(y)`, 'a.exe'],
  ['upper-key', `${attachment}; FILENAME=a.exe`, 'a.exe'],
  ['no-semicolon', `${attachment} filename=a.exe`, 'a.exe'],
  ['comma', `${attachment}, filename=a.exe`, 'a.exe'],
  ['no-disposition', 'Content-Disposition: filename=a.exe', 'a.exe'],
  ['only-parameter', 'Content-Disposition: ; filename=a.exe', 'a.exe'],
  ['escape', `${attachment}; filename="a\\.exe"`, 'a.exe'],
  ['backslashes', `${attachment}; filename="C:\\Temp\\a.exe"`, 'C:\\Temp\\a.exe'],
  ['semicolon-inside', `${attachment}; filename="a;b.exe"`, 'a;b.exe'],
  ['semicolon-bare', `${attachment}; filename=a;b.exe`, 'a'],
  ['empty-first', `${attachment}; filename=""; filename=a.exe`, 'a.exe'],
  ['description', `${type}\r\nContent-Description: a.exe`],
  ['location', `${type}\r\nContent-Location: http://client.example/a.exe`],
];

const extended: readonly Row[] = [
  ['plain-first', `${attachment}; filename=a.txt; filename*=utf-8''b.exe`, 'a.txt', 'b.exe'],
  ['plain-last', `${attachment}; filename*=utf-8''b.exe; filename=a.txt`, 'a.txt', 'b.exe'],
  ['percent', `${attachment}; filename*=utf-8''b%2Eexe`, 'b.exe'],
  ['percent-lower', `${attachment}; filename*=utf-8''%c3%bcb%2eexe`, 'üb.exe'],
  ['percent-broken', `${attachment}; filename*=utf-8''b%2.exe`],
  ['latin1', `${attachment}; filename*=iso-8859-1'de'%FCb.exe`, 'üb.exe'],
  ['utf16', `${attachment}; filename*=utf-16be''%00b%00.%00e%00x%00e`],
  ['no-charset', `${attachment}; filename*=''b.exe`, 'b.exe'],
  ['no-quotes', `${attachment}; filename*=b.exe`, 'b.exe'],
  ['quoted', `${attachment}; filename*="utf-8''b%2Eexe"`, 'b.exe'],
  ['sections', `${attachment}; filename*0=b.; filename*1=exe`, 'b.exe'],
  ['sections-star', `${attachment}; filename*0*=utf-8''b%2E; filename*1=exe`, 'b.exe'],
  ['sections-swapped', `${attachment}; filename*1=exe; filename*0=b.`, 'b.exe'],
  ['sections-from-1', `${attachment}; filename*1=b.; filename*2=exe`, 'b.exe'],
  ['sections-gap', `${attachment}; filename*0=b.; filename*2=exe`, 'b.exe'],
  ['sections-gap-stop', `${attachment}; filename*0=b.exe; filename*2=.txt`, 'b.exe', 'b.exe.txt'],
  ['sections-and-plain', `${attachment}; filename=a.txt; filename*0=b.; filename*1=exe`, 'a.txt', 'b.exe'],
  ['sections-lines', `${attachment};\r\n filename*0*=utf-8''b;\r\n filename*1*=%2E;\r\n filename*2="exe"`, 'b.exe'],
  [
    'sections-eleven',
    `${attachment}${[...'abcdefgh.exe'].map((one, index) => `; filename*${index}=${one}`).join('')}`,
    'abcdefgh.exe',
  ],
  ['name-sections', `${type}; name*0=b.; name*1=exe`, 'b.exe'],
];

const words: readonly Row[] = [
  ['b', `${attachment}; filename="=?utf-8?B?YS5leGU=?="`, 'a.exe'],
  ['q', `${attachment}; filename="=?utf-8?Q?a=2Eexe?="`, 'a.exe'],
  ['bare', `${attachment}; filename==?utf-8?B?YS5leGU=?=`, 'a.exe'],
  ['two', `${attachment}; filename="=?utf-8?Q?a=2E?= =?utf-8?Q?exe?="`, 'a.exe'],
  ['two-folded', `${attachment}; filename="=?utf-8?Q?a=2E?=\r\n =?utf-8?Q?exe?="`, 'a.exe'],
  ['split-character', `${attachment}; filename="=?utf-8?B?w7?= =?utf-8?B?xiLmV4ZQ==?="`],
  ['mixed', `${attachment}; filename="a=?utf-8?Q?=2E?=exe"`, 'a.exe'],
  ['latin1', `${attachment}; filename="=?iso-8859-1?Q?=FCb=2Eexe?="`, 'üb.exe'],
  ['utf16', `${attachment}; filename="=?utf-16be?B?AGEALgBlAHgAZQ==?="`, 'a.exe'],
  ['utf16le', `${attachment}; filename="=?utf-16le?B?YQAuAGUAeABlAA==?="`, 'a.exe'],
  ['koi8', `${attachment}; filename="=?koi8-r?B?8NLJLmV4ZQ==?="`, 'При.exe'],
  ['unknown-charset', `${attachment}; filename="=?x-none?Q?a=2Eexe?="`, 'a.exe'],
  ['underscores', `${attachment}; filename="=?utf-8?Q?my_program=2Eexe?="`, 'my program.exe'],
  ['lower', `${attachment}; filename="=?UTF-8?b?YS5leGU=?="`, 'a.exe'],
  ['unpadded', `${attachment}; filename="=?utf-8?B?YS5leGU?="`, 'a.exe'],
  ['language', `${attachment}; filename="=?utf-8*en?Q?a=2Eexe?="`, 'a.exe'],
  ['name', `${type}; name="=?utf-8?B?YS5leGU=?="`, 'a.exe'],
];

const encode = (text: string) => Buffer.from(text).toString('base64');
const shown: readonly (readonly [string, string])[] = [
  ['rtlo', 'photo\u202egpj.exe'],
  ['zero-width', 'a.e\u200bxe'],
  ['full-stop-wide', 'a\uff0eexe'],
  ['one-dot-leader', 'a\u2024exe'],
  ['full-width', 'a.\uff45\uff58\uff45'],
  ['combining', 'u\u0308b.exe'],
  ['trailing-dot', 'a.exe.'],
  ['trailing-blank', 'a.exe '],
  ['stream', 'a.exe::$DATA'],
  ['percent', 'a.exe%20'],
  ['slashes', '../../a.exe'],
  ['backslashes', '..\\..\\a.exe'],
  ['drive', 'C:a.exe'],
  ['clsid', 'a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}'],
  ['double', 'a.pdf.exe'],
  ['many-blanks', `a.pdf${' '.repeat(100)}.exe`],
  ['upper', 'A.EXE'],
];

/** Every name of a row, written as an encoded word and in RFC 2231 form. */
const unicode: readonly Row[] = shown.flatMap(([id, name]): Row[] => [
  [`${id}-word`, `${attachment}; filename="=?utf-8?B?${encode(name)}?="`, name],
  [
    `${id}-extended`,
    `${attachment}; filename*=utf-8''${encodeURIComponent(name).replace(/[.'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`)}`,
    name,
  ],
]);

const others: readonly Row[] = [
  ['nul', `${attachment}; filename="a.exe\0.txt"`],
  ['raw-utf8', `${attachment}; filename="\xc3\xbcb.exe"`, 'üb.exe'],
  ['long', `${attachment}; filename="${'a'.repeat(300)}.exe"`, `${'a'.repeat(300)}.exe`],
];

const groups: Readonly<Record<string, readonly Row[]>> = {
  A70: conflicts,
  A71: extended,
  A72: words,
  A73: [...unicode, ...others],
};

export const nameCases: readonly NameCase[] = Object.entries(groups).flatMap(([name, rows]) =>
  rows.map(([id, fields, ...names]) => ({ id: `${name}-${id}`, class: name, mail: mailOf(fields), names })),
);
