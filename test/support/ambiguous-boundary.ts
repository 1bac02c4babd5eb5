/** Tricks with the boundary parameter: which of several strings a reader takes to cut the body. */
import { body, type ShapeTrick, textPart } from './ambiguous-shape.js';

type Row = readonly [id: string, parameters: string, used: readonly string[]];

/** Cuts with `used` and nothing else. */
function cutBy(parameters: string, used: string, part: string): string {
  return `Content-Type: multipart/mixed${parameters}\r\n\r\n${body(used, [textPart, part])}`;
}

const decoyPart = 'Content-Type: text/plain\r\n\r\nAll there is.\r\n';

/** A row for each reading of the same header. */
function shapesOf(className: string, rows: readonly Row[]): ShapeTrick[] {
  return rows.flatMap(([id, parameters, used]) =>
    used.map((boundary, index): ShapeTrick => {
      return { class: className, id: `${id}-${index + 1}`, shape: (part) => cutBy(parameters, boundary, part) };
    }),
  );
}

/** Two boundaries that look right; the one not in use may cut a harmless multipart of its own. */
const two: readonly Row[] = [
  ['parameters', '; boundary=first; boundary=second', ['first', 'second']],
  ['parameters-quoted', '; boundary="first"; boundary="second"', ['first', 'second']],
  ['parameters-mixed', '; boundary="first"; boundary=second', ['first', 'second']],
  ['parameters-case', '; boundary=first; BOUNDARY=second', ['first', 'second']],
  ['parameters-three', '; boundary=first; boundary=other; boundary=second', ['first', 'second', 'other']],
  ['parameters-apart', '; boundary=first; charset=us-ascii; boundary=second', ['first', 'second']],
  ['fields', '; boundary=first\r\nContent-Type: multipart/mixed; boundary=second', ['first', 'second']],
  [
    'fields-apart',
    '; boundary=first\r\nX-A: b\r\nContent-type: multipart/related; boundary="second"',
    ['first', 'second'],
  ],
  ['extended-behind', "; boundary=first; boundary*=us-ascii''second", ['first', 'second']],
  ['extended-in-front', "; boundary*=us-ascii''first; boundary=second", ['first', 'second']],
  ['section-behind', '; boundary=first; boundary*0=second', ['first', 'second']],
  ['section-in-front', '; boundary*0=first; boundary=second', ['first', 'second']],
  ['sections-behind', '; boundary=first; boundary*0=sec; boundary*1=ond', ['first', 'second']],
  ['extended-broken', '; boundary=first; boundary*=second', ['first', 'second']],
  ['extended-empty', "; boundary=first; boundary*=''", ['first']],
  ['empty-first', '; boundary=; boundary=second', ['second']],
  ['empty-last', '; boundary=first; boundary=', ['first']],
  ['empty-quoted-first', '; boundary=""; boundary=second', ['second']],
];

function duplicates(): ShapeTrick[] {
  return two.flatMap(([id, parameters, used]) =>
    used.flatMap((boundary, index): ShapeTrick[] => {
      const decoy = used.find((one) => one !== boundary) ?? '';
      const name = `${id}-${['first', 'last', 'middle'][index]}`;
      const plain: ShapeTrick = { class: 'A20', id: name, shape: (part) => cutBy(parameters, boundary, part) };
      if (decoy === '') return [plain];
      const head = `Content-Type: multipart/mixed${parameters}\r\n\r\n`;
      const real = (part: string) => body(boundary, [textPart, part]);
      const harmless = body(decoy, [decoyPart]);
      return [
        plain,
        { class: 'A20', id: `${name}-decoy-before`, shape: (part) => head + harmless + real(part) },
        { class: 'A20', id: `${name}-decoy-behind`, shape: (part) => head + real(part) + harmless },
        {
          class: 'A20',
          id: `${name}-decoy-inside`,
          shape: (part) => `${head}--${decoy}\r\n${decoyPart}${real(part)}--${decoy}--\r\n`,
        },
      ];
    }),
  );
}

const extended: readonly Row[] = [
  ['star', "; boundary*=us-ascii'en'b", ['b']],
  ['star-bare', '; boundary*=b', ['b']],
  ['star-quoted', '; boundary*="us-ascii\'\'b"', ['b', "us-ascii''b"]],
  ['star-literal', "; boundary*=us-ascii''b", ["us-ascii''b"]],
  ['star-percent', "; boundary*=us-ascii''%62c", ['bc', '%62c']],
  ['star-percent-odd', "; boundary*=us-ascii''%6", ['%6']],
  ['star-utf16', "; boundary*=utf-16be''b", ['b']],
  ['star-utf16-percent', "; boundary*=utf-16be''%00%62", ['b', '\0b']],
  ['star-no-charset', "; boundary*=''b", ['b']],
  ['section', '; boundary*0=b', ['b']],
  ['section-star', "; boundary*0*=us-ascii''b", ['b']],
  ['sections', '; boundary*0=a; boundary*1=b', ['ab', 'a']],
  ['sections-star', "; boundary*0*=us-ascii''%61; boundary*1=b; boundary*2*=%63", ['abc']],
  ['sections-swapped', '; boundary*1=b; boundary*0=a', ['ab', 'ba', 'a']],
  ['sections-gap', '; boundary*0=a; boundary*2=c', ['a', 'ac']],
  ['sections-from-1', '; boundary*1=a; boundary*2=b', ['ab']],
  ['sections-zeros', '; boundary*00=a; boundary*01=b', ['ab']],
  ['sections-repeat', '; boundary*0=a; boundary*0=x; boundary*1=b', ['ab', 'xb']],
  ['sections-plain-prefix', '; boundary=a; boundary*1=b', ['a', 'ab']],
  ['sections-folded', ';\r\n boundary*0="a";\r\n boundary*1="b"', ['ab']],
  ['sections-quoted-blank', '; boundary*0="a "; boundary*1="b"', ['a b']],
];

const characters: readonly Row[] = [
  ['comma', '; boundary=a,b', ['a,b', 'a']],
  ['comma-quoted', '; boundary="a,b"', ['a,b', 'a']],
  ['semicolon', '; boundary=a;b', ['a', 'a;b']],
  ['semicolon-quoted', '; boundary="a;b"', ['a;b', 'a', '"a']],
  ['space-inside', '; boundary=a b', ['a', 'a b', 'ab']],
  ['space-inside-quoted', '; boundary="a b"', ['a b', 'a']],
  ['space-front', '; boundary=" a"', [' a', 'a']],
  ['space-end', '; boundary="a "', ['a', 'a ']],
  ['tab-inside', '; boundary="a\tb"', ['a\tb', 'a', 'a b']],
  ['tab-end', '; boundary=a\t', ['a']],
  ['vt-inside', '; boundary=a\x0bb', ['a\x0bb', 'a']],
  ['nul-quoted', '; boundary="a\0b"', ['a', 'a\0b', 'ab']],
  ['cr-quoted', '; boundary="a\rb"', ['a', 'ab']],
  ['fold-quoted', '; boundary="a\r\n b"', ['a b', 'ab', 'a']],
  ['half-quote-front', '; boundary="a', ['a', '"a']],
  ['half-quote-front-more', '; boundary="a; charset=x', ['a', 'a; charset=x', '"a']],
  ['half-quote-end', '; boundary=a"', ['a"', 'a']],
  ['quote-inside', '; boundary=a"b', ['a"b', 'a', 'ab']],
  ['quotes-empty-front', '; boundary=""a', ['a', '""a']],
  ['quotes-empty-end', '; boundary=a""', ['a', 'a""']],
  ['quotes-text-behind', '; boundary="a"b', ['a', 'ab', '"a"b']],
  ['quotes-twice', '; boundary="a""b"', ['a', 'ab']],
  ['quotes-apart', '; boundary="a" "b"', ['a', 'ab']],
  ['single-quotes', "; boundary='a'", ["'a'", 'a']],
  ['escape', '; boundary="\\a"', ['a', '\\a']],
  ['escape-bare', '; boundary=\\a', ['\\a', 'a']],
  ['escape-quote', '; boundary="a\\"b"', ['a"b', 'a\\', 'a\\"b']],
  ['escape-end', '; boundary="a\\\\"', ['a\\', 'a\\\\']],
  ['specials', '; boundary=a=b', ['a=b', 'a']],
  ['specials-slash', '; boundary=a/b:c', ['a/b:c', 'a/b', 'a']],
  ['angle', '; boundary=<a>', ['<a>', 'a']],
  ['at', '; boundary=a@b', ['a@b', 'a']],
  ['question', '; boundary=a?b[c]', ['a?b[c]', 'a']],
  ['high-bit', '; boundary=a\xe9', ['a\xe9', 'a']],
  ['utf8', '; boundary="\xc3\xa9"', ['\xc3\xa9']],
  ['dashes', '; boundary=--', ['--']],
  ['dash-dash-front', '; boundary=--a', ['--a', 'a']],
  ['dash-dash-end', '; boundary=a--', ['a--', 'a']],
  ['case', '; boundary=AbC', ['AbC', 'abc']],
];

const syntax: readonly Row[] = [
  ['blanks-around', '; boundary = b', ['b']],
  ['blank-before', '; boundary =b', ['b']],
  ['blank-behind', '; boundary= b', ['b']],
  ['tab-around', '; boundary\t=\tb', ['b']],
  ['fold-around', '; boundary\r\n =\r\n b', ['b']],
  ['fold-behind', '; boundary=\r\n b', ['b']],
  ['fold-in-key', '; bound\r\n ary=b', ['b']],
  ['escape-equals', '; boundary\\=b', ['b']],
  ['equals-twice', '; boundary==b', ['=b', 'b']],
  ['colon', '; boundary:b', ['b']],
  ['key-cut', '; oundary=b', ['b']],
  ['key-longer', '; xboundary=b', ['b']],
  ['key-quoted', '; "boundary"=b', ['b']],
  ['key-star', '; boundary*=b; boundary=b', ['b']],
  ['key-upper', '; BOUNDARY=b', ['b']],
  ['key-nul', '; boundary\0=b', ['b']],
  ['in-quoted', '; x="; boundary=a"; boundary=b', ['b', 'a"', 'a']],
  ['in-quoted-only', '; x="; boundary=b"', ['b', 'b"']],
  ['in-quoted-escape', '; x="\\"; boundary=a; y=\\""; boundary=b', ['b', 'a']],
  ['in-half-quoted', '; x="y; boundary=b', ['b']],
  ['in-single-quoted', "; x='; boundary=a'; boundary=b", ["a'", 'b', 'a']],
  ['no-semicolon', ' boundary=b', ['b']],
  ['comma-semicolon', ', boundary=b', ['b']],
  ['colon-semicolon', ': boundary=b', ['b']],
  ['two-semicolons', ';; boundary=b', ['b']],
  ['semicolon-blank', '; ; boundary=b;', ['b']],
  ['after-flag', '; flag; boundary=b', ['b']],
  ['after-value', '; x=y boundary=b', ['b']],
  ['after-quoted', '; x="y" boundary=b', ['b']],
  ['after-comma', '; x=y, boundary=b', ['b']],
  ['after-empty', '; =y; boundary=b', ['b']],
  ['after-300', `${Array.from({ length: 300 }, (_, index) => `; x${index}=y`).join('')}; boundary=b`, ['b']],
  ['slash-glued', '/boundary=b', ['b']],
];

const comments: readonly Row[] = [
  ['front', '; boundary=(c)b', ['b', '(c)b']],
  ['behind', '; boundary=b(c)', ['b', 'b(c)']],
  ['behind-blank', '; boundary=b (c)', ['b', 'b (c)']],
  ['behind-quoted', '; boundary="b"(c)', ['b']],
  ['inside', '; boundary=a(c)b', ['ab', 'a(c)b', 'a']],
  ['inside-quoted', '; boundary="a(c)b"', ['a(c)b', 'ab']],
  ['boundary-inside', '; boundary=(boundary=foo)bar', ['bar', 'foo', '(boundary=foo)bar', 'foo)bar']],
  ['boundary-inside-list', '; (; boundary=foo;) boundary=bar', ['bar', 'foo']],
  ['boundary-in-comment', ' (; boundary=foo)', ['foo', 'foo)']],
  ['key', '; (c)boundary(c)=b', ['b']],
  ['open', '; boundary=(b', ['(b', 'b']],
  ['close', '; boundary=b)', ['b)', 'b']],
  ['nested', '; boundary=((c)d)b', ['b']],
  ['escaped', '; boundary=(\\))b', ['b', ')b']],
  ['quote-inside', '; boundary=(")b', ['b']],
  ['type', ' (a; b=c); boundary=b', ['b']],
  ['word', '; boundary==?us-ascii?Q?b?=', ['b', '=?us-ascii?Q?b?=']],
  ['word-quoted', '; boundary="=?us-ascii?Q?b?="', ['b', '=?us-ascii?Q?b?=']],
  ['word-base64', '; boundary="=?utf-8?B?Yg==?="', ['b', '=?utf-8?B?Yg==?=']],
];

const none: readonly Row[] = [
  ['empty', '; boundary=', ['', 'b']],
  ['empty-quoted', '; boundary=""', ['', 'b']],
  ['empty-then-more', '; boundary=; charset=x', ['', 'b']],
  ['blanks', '; boundary="  "', ['  ', '', 'b']],
  ['bare-key', '; boundary', ['', 'b']],
];

const guessed: readonly Row[] = [
  ['missing', '', ['b', '=_Part_1_2.3', '----=_NextPart_000_0001']],
  ['missing-semicolon', ';', ['b']],
  ['missing-charset', '; charset=utf-8', ['b']],
  ['unused', '; boundary=never', ['b']],
  ['unused-shorter', '; boundary=bbb', ['bb', 'b']],
  ['unused-longer', '; boundary=b', ['bb']],
];

/** A boundary on a type that has no parts. */
const leafTypes = [
  'text/plain',
  'text/html',
  'application/octet-stream',
  'image/png',
  'message/rfc822',
  'application/pdf',
];

export const boundaryShapes: readonly ShapeTrick[] = [
  ...duplicates(),
  ...shapesOf('A21', extended),
  ...shapesOf('A22', characters),
  ...shapesOf('A23', syntax),
  ...shapesOf('A24', none),
  ...shapesOf('A25', guessed),
  ...shapesOf('A26', comments),
  ...leafTypes.map(
    (type): ShapeTrick => ({
      class: 'A25',
      id: `on-${type.replace('/', '-')}`,
      shape: (part) => `Content-Type: ${type}; boundary=b\r\n\r\n${body('b', [textPart, part])}`,
    }),
  ),
];
