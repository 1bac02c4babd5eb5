/** Random responses of a server, with what they say. */
import fc from 'fast-check';
import type { ToldItem, ToldResponse } from './imap-octets.js';

/** Octets that make trouble where they do not count. */
const trickyText = fc
  .array(
    fc.constantFrom(
      '\r\n',
      ')',
      '(',
      '"',
      '{3}\r\n',
      ']',
      '[',
      'A1 OK x\r\n',
      '* 1 FETCH (',
      'a',
      ' ',
      '\\',
      '\0',
      '\xff',
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));

const anyCase = (text: string): fc.Arbitrary<string> =>
  fc.boolean().map((lower) => (lower ? text.toLowerCase() : text));

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const lineText = trickyText.map((text) => text.replace(/[\r\n\0]/g, '_'));
const withoutNul = trickyText.map((text) => text.replaceAll('\0', '_'));

/** Any string as it may stand in a list. */
const stringInList = fc.oneof(
  lineText.map(quoted),
  withoutNul.map((text) => `{${text.length}}\r\n${text}`),
  trickyText.map((text) => `~{${text.length}}\r\n${text}`),
  fc.constantFrom('NIL', '12', '\\Seen', '$Junk', 'a[b]', '()'),
);

const list = fc
  .tuple(fc.array(stringInList, { maxLength: 4 }), fc.array(stringInList, { maxLength: 3 }), fc.nat(5))
  .map(
    ([outer, inner, depth]) =>
      `(${[...outer, `${'('.repeat(depth)}${inner.join(' ')}${')'.repeat(depth)}`].join(' ')})`,
  );

interface Value {
  readonly wire: string;
  readonly form: string;
  readonly value: string;
  readonly number?: number;
  readonly literal?: boolean;
}

/** Literals that are streamed are long or stand behind others. */
const literalText = fc.oneof(
  { weight: 6, arbitrary: withoutNul },
  { weight: 1, arbitrary: fc.integer({ min: 8000, max: 40_000 }).map((size) => 'long)\r\n "'.repeat(size / 8)) },
);

const value: fc.Arbitrary<Value> = fc.oneof(
  fc
    .integer({ min: 1, max: 0xffffffff })
    .map((number) => ({ wire: `${number}`, form: 'number', value: `${number}`, number })),
  fc.constantFrom('NIL', 'nil').map((wire) => ({ wire, form: 'nil', value: wire })),
  fc
    .constantFrom('M6d99ac3275bb4e', 'x}', '0012', '99999999999999999999')
    .map((wire) => ({ wire, form: 'atom', value: wire })),
  lineText.map((text) => ({ wire: quoted(text), form: 'quoted', value: quoted(text).slice(1, -1) })),
  literalText.map((text) => ({ wire: `{${text.length}}\r\n${text}`, form: 'literal', value: text, literal: true })),
  trickyText.map((text) => ({ wire: `~{${text.length}}\r\n${text}`, form: 'literal8', value: text, literal: true })),
  list.map((wire) => ({ wire, form: 'list', value: wire })),
);

const section = fc.oneof(
  fc.constantFrom('', 'HEADER', '1', '1.2.MIME', 'TEXT', 'HEADER.FIELDS (FROM To)', 'header.fields.not (a]b)'),
  fc
    .array(
      fc.oneof(
        lineText.map(quoted),
        withoutNul.map((text) => `{${text.length}}\r\n${text}`),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((fields) => `HEADER.FIELDS (${fields.join(' ')})`),
);

const origin = fc.option(fc.nat(1_000_000), { nil: undefined });

interface Item {
  readonly wire: string;
  readonly told: ToldItem;
}

const item: fc.Arbitrary<Item> = fc
  .tuple(
    fc.constantFrom('UID', 'FLAGS', 'BODY', 'BODYSTRUCTURE', 'BODY[]', 'BINARY[]', 'BINARY.SIZE[]', 'X-NEW', 'X-NEW[]'),
    section,
    origin,
    value,
    fc.boolean(),
  )
  .filter(([name, , , given]) => name !== 'UID' || given.form === 'number')
  .map(([name, inside, from, given, lower]) => {
    const bracketed = name.endsWith('[]');
    const wire = bracketed ? `${name.slice(0, -1)}${inside}]${from === undefined ? '' : `<${from}>`}` : name;
    return {
      wire: `${lower && !bracketed ? wire.toLowerCase() : wire} ${given.wire}`,
      told: {
        name,
        section: bracketed ? inside : '',
        origin: bracketed ? from : undefined,
        form: given.form,
        number: given.number ?? 0,
        value: given.value,
        literalBytes: given.literal === true ? given.value.length : 0,
      },
    };
  });

export interface SampleResponse {
  readonly wire: string;
  readonly told: ToldResponse;
}

const fetchResponse: fc.Arbitrary<SampleResponse> = fc
  .tuple(fc.integer({ min: 1, max: 0xffffffff }), fc.array(item, { maxLength: 6 }), anyCase('FETCH'))
  .map(([sequence, drawn, word]) => {
    const uid = drawn.findIndex((one) => one.told.name === 'UID');
    const items = drawn.filter((one, index) => one.told.name !== 'UID' || index === uid);
    const wire = `* ${sequence} ${word} (${items.map((one) => one.wire).join(' ')})\r\n`;
    return { wire, told: { kind: 'fetch', raw: wire, sequence, items: items.map((one) => one.told) } };
  });

const code = fc.option(fc.constantFrom('UIDNEXT 5', 'copyuid 1 2:3 4:5', 'READ-ONLY', 'X {5} "'), { nil: undefined });

function codeTold(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const [name = '', ...rest] = text.split(' ');
  return `${name.toUpperCase()} ${rest.join(' ')}`;
}

const statusText = lineText.map((text) => text.replaceAll('[', '_'));

const status: fc.Arbitrary<SampleResponse> = fc
  .tuple(fc.constantFrom('*', 'A1', 'sl-22.x]'), fc.constantFrom('OK', 'NO', 'BAD'), code, statusText, fc.boolean())
  .map(([tag, word, inside, text, short]) => {
    const wire = short
      ? `${tag} ${word}\r\n`
      : `${tag} ${word} ${inside === undefined ? '' : `[${inside}] `}${text}\r\n`;
    const told = { raw: wire, status: word, code: short ? undefined : codeTold(inside) };
    return { wire, told: tag === '*' ? { kind: 'status', ...told } : { kind: 'tagged', tag, ...told } };
  });

const data: fc.Arbitrary<SampleResponse> = fc.oneof(
  fc.tuple(fc.nat(0xffffffff), fc.constantFrom('EXISTS', 'EXPUNGE', 'RECENT')).map(([number, name]) => {
    const wire = `* ${number} ${name}\r\n`;
    return { wire, told: { kind: 'data', raw: wire, name, number } };
  }),
  fc
    .tuple(fc.constantFrom('LIST', 'SEARCH', 'X-DATA'), fc.array(stringInList, { maxLength: 4 }))
    .map(([name, values]) => {
      const wire = `* ${[name, ...values].join(' ')}\r\n`;
      return { wire, told: { kind: 'data', raw: wire, name, number: undefined } };
    }),
  lineText.map((text) => {
    const wire = `+ ${text}\r\n`;
    return { wire, told: { kind: 'continuation', raw: wire } };
  }),
);

export const sampleResponse: fc.Arbitrary<SampleResponse> = fc.oneof(
  { weight: 4, arbitrary: fetchResponse },
  { weight: 1, arbitrary: status },
  { weight: 2, arbitrary: data },
);
