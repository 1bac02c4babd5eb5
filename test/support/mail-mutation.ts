/**
 * Small changes to a mail, as a grammar-based fuzzer makes them: of characters, of lines and fields, of whole parts. A
 * mutation is a plain value, so that a property test can print, repeat and shrink it; a mail is a latin1 string here.
 */
import fc from 'fast-check';

/** What is put in, or in place of what was there. */
export const symbols: readonly string[] = [
  ...['\0', '\t', '\n', '\r', '\r\n', '\x0b', '\x0c', ' ', '"', "'", '(', ')', '*', ',', '-', '--', '.', '/', ':', ';'],
  ...[
    '<',
    '=',
    '==',
    '=\r\n',
    '>',
    '?',
    '@',
    '[',
    ']',
    '\\',
    '_',
    '%',
    '+',
    'a',
    'A',
    '0',
    '\x7f',
    '\x80',
    '\xa0',
    '\xff',
  ],
  ...['\xef\xbb\xbf', '=?utf-8?B?', '?=', '\r\n\r\n', '\r\n ', 'base64', 'quoted-printable', 'x-uuencode', '7bit'],
  ...['multipart/mixed', 'text/plain', 'message/rfc822', 'boundary=', 'boundary*0=', "us-ascii''", 'begin 644 a\r\n'],
  ...['Content-Type:', 'Content-Transfer-Encoding:', 'Content-Disposition:', 'MIME-Version:', 'name=', 'filename*='],
];

const pairs: readonly (readonly [string, string])[] = [
  ['"', '"'],
  ["'", "'"],
  ['(', ')'],
  ['<', '>'],
  ['=?us-ascii?Q?', '?='],
  ['\r\n ', '\r\n '],
];

export const operators = [
  'remove-character',
  'replace-character',
  'insert-symbol',
  'change-case',
  'insert-pair',
  'remove-line',
  'replace-line',
  'repeat-line',
  'swap-lines',
  'join-line',
  'remove-part',
  'replace-part',
  'repeat-part',
  'repeat-field',
] as const;
export type Operator = (typeof operators)[number];

export interface Mutation {
  readonly operator: Operator;
  /** where; taken modulo the places there are */
  readonly at: number;
  /** what or where else; modulo again */
  readonly with: number;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  operator: fc.constantFrom(...operators),
  at: fc.nat({ max: 1_000_000 }),
  with: fc.nat({ max: 1_000_000 }),
});

/** Lines with their ends. */
function linesOf(mail: string): string[] {
  return mail.split(/(?<=\n)/);
}

/** Numbers of the lines that structure hangs on: fields, continuations, delimiters, empty lines. */
function structural(lines: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const [number, line] of lines.entries()) {
    if (/^(?:[!-9;-~]{1,60}:|[ \t]|--|\r?\n)/.test(line)) numbers.push(number);
  }
  return numbers.length === 0 ? [0] : numbers;
}

function pick<T>(values: readonly T[], index: number, otherwise: T): T {
  return values[index % Math.max(1, values.length)] ?? otherwise;
}

/** Offset of a character on a structural line. */
function placeOf(lines: readonly string[], at: number): number {
  const numbers = structural(lines);
  const number = pick(numbers, at, 0);
  let offset = 0;
  for (let before = 0; before < number; before += 1) offset += lines[before]?.length ?? 0;
  return offset + (Math.floor(at / numbers.length) % Math.max(1, lines[number]?.length ?? 1));
}

function changeCharacter(mail: string, { operator, at, with: other }: Mutation): string {
  const place = placeOf(linesOf(mail), at);
  const symbol = pick(symbols, other, '');
  const [before, character, behind] = [mail.slice(0, place), mail.charAt(place), mail.slice(place + 1)];
  switch (operator) {
    case 'remove-character':
      return before + behind;
    case 'replace-character':
      return before + symbol + behind;
    case 'change-case': {
      const upper = character.toUpperCase();
      return before + (upper === character ? character.toLowerCase() : upper) + behind;
    }
    case 'insert-pair': {
      const [open, close] = pick(pairs, other, ['', '']);
      const until = place + 1 + (other % 12);
      return before + open + mail.slice(place, until) + close + mail.slice(until);
    }
    default:
      return before + symbol + character + behind;
  }
}

function changeLine(mail: string, { operator, at, with: other }: Mutation): string {
  const lines = linesOf(mail);
  const numbers = structural(lines);
  const one = pick(numbers, at, 0);
  const two = pick(numbers, other, 0);
  const line = lines[one] ?? '';
  switch (operator) {
    case 'remove-line':
      lines.splice(one, 1);
      break;
    case 'replace-line':
      lines[one] = lines[two] ?? '';
      break;
    case 'swap-lines':
      lines[one] = lines[two] ?? '';
      lines[two] = line;
      break;
    case 'join-line':
      lines[one] = line.replace(/\r?\n$/, '');
      break;
    default:
      lines.splice(two, 0, line);
  }
  return lines.join('');
}

/** A part is what stands from one line with two dashes to the next; a field goes with its continuation lines. */
function changePart(mail: string, { operator, at, with: other }: Mutation): string {
  const pieces = operator === 'repeat-field' ? mail.split(/(?<=\n)(?![ \t])/) : mail.split(/(?<=\n)(?=--)/);
  const fields = pieces.flatMap((piece, index) => (/^[!-9;-~]{1,60}:/.test(piece) ? [index] : []));
  const one = operator === 'repeat-field' ? pick(fields, at, 0) : at % pieces.length;
  const two = operator === 'repeat-field' ? pick(fields, other, 0) : other % pieces.length;
  const piece = pieces[one] ?? '';
  switch (operator) {
    case 'remove-part':
      pieces.splice(one, 1);
      break;
    case 'replace-part':
      pieces[one] = pieces[two] ?? '';
      break;
    default:
      pieces.splice(two, 0, piece);
  }
  return pieces.join('');
}

export function mutate(mail: Buffer, mutations: readonly Mutation[]): Buffer {
  let text = mail.toString('latin1');
  for (const one of mutations) {
    if (/character|symbol|case|pair/.test(one.operator)) text = changeCharacter(text, one);
    else if (/line/.test(one.operator)) text = changeLine(text, one);
    else text = changePart(text, one);
  }
  return Buffer.from(text, 'latin1');
}

/** A mutated mail: which seed, and what was done to it. */
export function mutatedMail(
  seeds: readonly Buffer[],
): fc.Arbitrary<{ readonly seed: number; readonly mutations: readonly Mutation[] }> {
  return fc.record({
    seed: fc.nat({ max: seeds.length - 1 }),
    mutations: fc.array(mutation, { minLength: 1, maxLength: 6 }),
  });
}
