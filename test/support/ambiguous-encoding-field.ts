/** Tricks with the Content-Transfer-Encoding field: repeated, listed, disguised, folded, on the wrong entity. */
import { base64, quoted, uuencoded } from './ambiguous-payload.js';
import {
  base64Field,
  body,
  envelope,
  file,
  fileFields,
  type LeafTrick,
  multipart,
  type ShapeTrick,
  textPart,
} from './ambiguous-shape.js';

const field = 'Content-Transfer-Encoding';

function encode(encoding: string, payload: Buffer): string {
  switch (encoding) {
    case 'base64':
      return base64(payload);
    case 'quoted-printable':
      return quoted(payload);
    case 'x-uuencode':
      return uuencoded(payload);
    default:
      return payload.toString('latin1');
  }
}

const identity = new Set(['7bit', '8bit', 'binary', 'raw']);

/** Field values in their order, and the one whose reading gives the payload. */
const repeated: readonly (readonly [readonly string[], string])[] = [
  [['base64', 'quoted-printable'], 'base64'],
  [['base64', 'quoted-printable'], 'quoted-printable'],
  [['quoted-printable', 'base64'], 'base64'],
  [['quoted-printable', 'base64'], 'quoted-printable'],
  [['base64', '7bit'], 'base64'],
  [['base64', '7bit'], '7bit'],
  [['7bit', 'base64'], 'base64'],
  [['7bit', 'base64'], '7bit'],
  [['8bit', 'base64'], 'base64'],
  [['binary', 'base64'], 'base64'],
  [['base64', 'binary'], 'base64'],
  [['quoted-printable', '7bit'], 'quoted-printable'],
  [['7bit', 'quoted-printable'], 'quoted-printable'],
  [['base64', 'foo'], 'base64'],
  [['foo', 'base64'], 'base64'],
  [['base64', ''], 'base64'],
  [['', 'base64'], 'base64'],
  [['base64', 'x-uuencode'], 'base64'],
  [['base64', 'x-uuencode'], 'x-uuencode'],
  [['x-uuencode', 'base64'], 'base64'],
  [['x-uuencode', 'base64'], 'x-uuencode'],
  [['base64', 'base64', 'quoted-printable'], 'base64'],
  [['base64', 'base64', 'quoted-printable'], 'quoted-printable'],
  [['quoted-printable', 'quoted-printable', 'base64'], 'base64'],
  [['quoted-printable', 'base64', '7bit'], 'base64'],
  [['7bit', '7bit', 'base64'], 'base64'],
  [['base64', 'base64'], 'base64'],
];

function* duplicates(): Generator<LeafTrick> {
  for (const [values, real] of repeated) {
    const id = `${values.map((value) => value || 'empty').join('-')}-reads-${real}`;
    const fields = values.map((value) => `${field}: ${value}\r\n`);
    const text = identity.has(real);
    yield { class: 'A01', id, text, leaf: (payload) => file(fields.join(''), encode(real, payload)) };
    const [first = '', ...others] = fields;
    yield {
      class: 'A01',
      id: `apart-${id}`,
      text,
      leaf: (payload) => `${first}${fileFields}${others.join('').toLowerCase()}\r\n${encode(real, payload)}`,
    };
  }
}

/** A name for the case, the field's value as written, the encoding that some reader takes it for. */
const values: readonly (readonly [string, string, string])[] = [
  ['comma-first', 'base64, quoted-printable', 'base64'],
  ['comma-second', 'base64, quoted-printable', 'quoted-printable'],
  ['comma-none', 'base64, quoted-printable', 'raw'],
  ['comma-swapped', 'quoted-printable, base64', 'base64'],
  ['comma-swapped-first', 'quoted-printable, base64', 'quoted-printable'],
  ['comma-7bit', '7bit, base64', 'base64'],
  ['comma-tight', 'base64,7bit', 'base64'],
  ['semicolon', 'base64; quoted-printable', 'base64'],
  ['semicolon-second', '7bit; base64', 'base64'],
  ['semicolon-end', 'base64;', 'base64'],
  ['semicolon-front', ';base64', 'base64'],
  ['parameter', 'base64; charset=utf-8', 'base64'],
  ['blank-list', 'base64 quoted-printable', 'base64'],
  ['blank-list-second', '8bit base64', 'base64'],
  ['blanks-2000', `${' '.repeat(2000)}base64`, 'base64'],
  ['tabs', '\t\tbase64\t', 'base64'],
  ['quoted', '"base64"', 'base64'],
  ['single-quoted', "'base64'", 'base64'],
  ['half-quoted', '"base64', 'base64'],
  ['half-quoted-end', 'base64"', 'base64'],
  ['comment-behind', 'base64 (comment)', 'base64'],
  ['comment-in-front', '(comment) base64', 'base64'],
  ['comment-inside', 'ba(comment)se64', 'base64'],
  ['comment-nested', 'base64 (a (b) c)', 'base64'],
  ['comment-open', 'base64 (comment', 'base64'],
  ['comment-only', '(base64)', 'raw'],
  ['comment-lies', '(7bit) base64 (quoted-printable)', 'base64'],
  ['comment-folded', 'base64 (com\r\n ment)', 'base64'],
  ['escape', 'base\\64', 'base64'],
  ['escape-quoted', '"b\\ase64"', 'base64'],
  ['word-q', '=?us-ascii?Q?base64?=', 'base64'],
  ['word-b', '=?utf-8?B?YmFzZTY0?=', 'base64'],
  ['mixed-case', 'BaSe64', 'base64'],
  ['upper-qp', 'QUOTED-PRINTABLE', 'quoted-printable'],
  ['prefix', 'xbase64', 'base64'],
  ['prefix-raw', 'xbase64', 'raw'],
  ['suffix', 'base64x', 'base64'],
  ['suffix-digit', 'base645', 'base64'],
  ['suffix-word', 'base64-encoded', 'base64'],
  ['x-base64', 'x-base64', 'base64'],
  ['dashed', 'base-64', 'base64'],
  ['underscore-qp', 'quoted_printable', 'quoted-printable'],
  ['joined-qp', 'quotedprintable', 'quoted-printable'],
  ['split', 'base 64', 'base64'],
  ['b', 'b', 'base64'],
  ['upper-b', 'B', 'base64'],
  ['q', 'q', 'quoted-printable'],
  ['qu', 'qu', 'quoted-printable'],
  ['quoted-only', 'quoted', 'quoted-printable'],
  ['dot', 'base64.', 'base64'],
  ['comma-end', 'base64,', 'base64'],
  ['comma-front', ',base64', 'base64'],
  ['equals', '=base64', 'base64'],
  ['angle', '<base64>', 'base64'],
  ['vt', 'base64\x0b', 'base64'],
  ['nul-end', 'base64\0', 'base64'],
  ['nul-cut', 'base64\0junk', 'base64'],
  ['nul-inside', 'base\x0064', 'base64'],
  ['high-bit', 'base64\xa0', 'base64'],
  ['colon', ': base64', 'base64'],
  ['unknown', 'foo', 'base64'],
  ['unknown-raw', 'foo', 'raw'],
  ['empty', '', 'base64'],
  ['uu-list', 'x-uuencode, base64', 'x-uuencode'],
];

function* listed(): Generator<LeafTrick> {
  for (const [id, value, real] of values) {
    const text = identity.has(real);
    yield { class: 'A02', id, text, leaf: (payload) => file(`${field}: ${value}\r\n`, encode(real, payload)) };
  }
}

/** Raw field lines. */
const names: readonly (readonly [string, string])[] = [
  ['space-in-front', ` ${field}: base64\r\n`],
  ['tab-in-front', `\t${field}: base64\r\n`],
  ['nul-in-front', `\0${field}: base64\r\n`],
  ['space-before-colon', `${field} : base64\r\n`],
  ['tab-before-colon', `${field}\t: base64\r\n`],
  ['vt-before-colon', `${field}\x0b: base64\r\n`],
  ['nul-before-colon', `${field}\0: base64\r\n`],
  ['nbsp-before-colon', `${field}\xa0: base64\r\n`],
  ['double-colon', `${field}:: base64\r\n`],
  ['no-colon', `${field} base64\r\n`],
  ['equals', `${field}= base64\r\n`],
  ['no-blank', `${field}:base64\r\n`],
  ['lower', 'content-transfer-encoding:base64\r\n'],
  ['underscores', 'Content_Transfer_Encoding: base64\r\n'],
  ['no-dashes', 'ContentTransferEncoding: base64\r\n'],
  ['misspelled', 'Content-Transfer-Encodng: base64\r\n'],
  ['short', 'Content-Encoding: base64\r\n'],
  ['http', 'Transfer-Encoding: base64\r\n'],
  ['comment', 'Content-Transfer(x)-Encoding: base64\r\n'],
  ['comment-behind', `${field} (x): base64\r\n`],
  ['quoted-name', `"${field}": base64\r\n`],
  ['x-prefix', `X-${field}: base64\r\n`],
  ['missing', ''],
];

/** Spelled so that no reader would take it for the field; only the body gives it away. */
const misnamed = /^(?:missing|misspelled|short|http|x-prefix|underscores|no-dashes|quoted-name|equals|no-colon)$/;

/** Bodies that are harder to recognise without their field: quoted-printable, and base64 behind blanks. */
function* obeyed(className: string, id: string, line: string): Generator<LeafTrick> {
  const qp = line.replace('base64', 'quoted-printable');
  if (qp !== line) yield { class: className, id: `${id}-qp`, leaf: (payload) => file(qp, quoted(payload)) };
  const indented = (payload: Buffer) => `\r\n${base64(payload).replace(/^(?=.)/gm, ' ')}`;
  yield { class: className, id: `${id}-indented`, leaf: (payload) => file(line, indented(payload)) };
}

function* fieldNames(): Generator<LeafTrick> {
  for (const [id, line] of names) {
    if (!misnamed.test(id)) yield* obeyed('A03', id, line);
    yield { class: 'A03', id, leaf: (payload) => file(line, base64(payload)) };
    // The same as the very first line of the entity's header.
    if (line !== '')
      yield { class: 'A03', id: `${id}-on-top`, leaf: (payload) => `${line}${fileFields}\r\n${base64(payload)}` };
  }
}

const folds: readonly (readonly [string, string])[] = [
  ['next-line', `${field}:\r\n base64\r\n`],
  ['tab', `${field}:\r\n\tbase64\r\n`],
  ['empty-continuation', `${field}:\r\n \r\n base64\r\n`],
  ['empty-behind', `${field}: base64\r\n \r\n`],
  ['double', `${field}:\r\n \r\n \r\n\tbase64\r\n`],
  ['cr', `${field}:\r base64\r\n`],
  ['lf', `${field}:\n base64\r\n`],
  ['before-colon', `${field}\r\n : base64\r\n`],
  ['in-name', 'Content-\r\n Transfer-Encoding: base64\r\n'],
  ['in-value', `${field}: base\r\n 64\r\n`],
  ['without-blank', `${field}:\r\nbase64\r\n`],
  ['crcrlf', `${field}:\r\r\n base64\r\n`],
  ['vt-fold', `${field}:\r\n\x0bbase64\r\n`],
  ['second-line-lies', `${field}: base64\r\n 7bit\r\n`],
  ['first-line-lies', `${field}: 7bit\r\n base64\r\n`],
];

function* folded(): Generator<LeafTrick> {
  for (const [id, line] of folds) {
    yield* obeyed('A04', id, line);
    yield { class: 'A04', id, leaf: (payload) => file(line, base64(payload)) };
  }
}

export const encodingFieldTricks: readonly LeafTrick[] = [...duplicates(), ...listed(), ...fieldNames(), ...folded()];

function encodedMultipart(encoding: string, coded: (text: Buffer) => string, part: string): string {
  const content = body('=_in', [textPart, part]);
  return `Content-Type: multipart/mixed; boundary="=_in"\r\n${field}: ${encoding}\r\n\r\n${coded(Buffer.from(content, 'latin1'))}`;
}

function encodedMessage(type: string, encoding: string, coded: (text: Buffer) => string, part: string): string {
  const inner = `${envelope}${multipart('=_in', [textPart, part])}`;
  return `Content-Type: ${type}\r\n${field}: ${encoding}\r\n\r\n${coded(Buffer.from(inner, 'latin1'))}`;
}

const raw = (text: Buffer) => text.toString('latin1');

/** An encoding where RFC 2045 §6.4 forbids it: obeyed, or ignored. */
export const encodedContainerTricks: readonly ShapeTrick[] = [
  {
    class: 'A03',
    id: 'only-in-parent',
    shape: (part) => encodedMultipart('base64', raw, part.replace(base64Field, '')),
  },
  { class: 'A05', id: 'multipart-base64', shape: (part) => encodedMultipart('base64', base64, part) },
  { class: 'A05', id: 'multipart-base64-ignored', shape: (part) => encodedMultipart('base64', raw, part) },
  { class: 'A05', id: 'multipart-qp', shape: (part) => encodedMultipart('quoted-printable', quoted, part) },
  { class: 'A05', id: 'multipart-qp-ignored', shape: (part) => encodedMultipart('quoted-printable', raw, part) },
  { class: 'A05', id: 'multipart-uu', shape: (part) => encodedMultipart('x-uuencode', uuencoded, part) },
  { class: 'A05', id: 'multipart-unknown', shape: (part) => encodedMultipart('foo', raw, part) },
  { class: 'A05', id: 'message-base64', shape: (part) => encodedMessage('message/rfc822', 'base64', base64, part) },
  {
    class: 'A05',
    id: 'message-base64-ignored',
    shape: (part) => encodedMessage('message/rfc822', 'base64', raw, part),
  },
  {
    class: 'A05',
    id: 'message-qp',
    shape: (part) => encodedMessage('message/rfc822', 'quoted-printable', quoted, part),
  },
  {
    class: 'A05',
    id: 'message-qp-ignored',
    shape: (part) => encodedMessage('message/rfc822', 'quoted-printable', raw, part),
  },
  { class: 'A05', id: 'message-uu', shape: (part) => encodedMessage('message/rfc822', 'x-uuencode', uuencoded, part) },
  { class: 'A60', id: 'global-base64', shape: (part) => encodedMessage('message/global', 'base64', base64, part) },
  { class: 'A60', id: 'global-8bit', shape: (part) => encodedMessage('message/global', '8bit', raw, part) },
  { class: 'A60', id: 'news', shape: (part) => encodedMessage('message/news', '7bit', raw, part) },
  { class: 'A60', id: 'news-base64', shape: (part) => encodedMessage('message/news', 'base64', base64, part) },
];
