/** Tricks with delimiter lines: their syntax, boundaries that begin with each other, missing ends, content outside of parts. */
import { base64, lines, uuencoded } from './ambiguous-payload.js';
import { body, envelope, file, type LeafTrick, multipart, type ShapeTrick, textPart } from './ambiguous-shape.js';

const head = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';

/** All of the delimiter line in front of the payload's part, the line end before it included. */
const delimiters: readonly (readonly [string, string])[] = [
  ['leading-blank', '\r\n --b\r\n'],
  ['leading-tab', '\r\n\t--b\r\n'],
  ['leading-nul', '\r\n\0--b\r\n'],
  ['three-dashes', '\r\n---b\r\n'],
  ['trailing-blank', '\r\n--b \r\n'],
  ['trailing-tab', '\r\n--b\t\r\n'],
  ['trailing-blanks', `\r\n--b${' '.repeat(2000)}\r\n`],
  ['trailing-vt', '\r\n--b\x0b\r\n'],
  ['trailing-nul', '\r\n--b\0\r\n'],
  ['trailing-word', '\r\n--b junk\r\n'],
  ['trailing-glued', '\r\n--bx\r\n'],
  ['trailing-dash', '\r\n--b-\r\n'],
  ['trailing-field', '\r\n--bContent-Type: text/plain\r\n'],
  ['trailing-comment', '\r\n--b (comment)\r\n'],
  ['close-then-more', '\r\n--b--MORE\r\n'],
  ['close-blank-more', '\r\n--b-- more\r\n'],
  ['close', '\r\n--b--\r\n'],
  ['close-twice', '\r\n--b--\r\n--b\r\n'],
  ['close-blank-again', '\r\n--b--\r\n\r\n--b\r\n'],
  ['cr', '\r--b\r'],
  ['lf', '\n--b\n'],
  ['lf-before', '\n--b\r\n'],
  ['lf-behind', '\r\n--b\n'],
  ['cr-before', '\r--b\r\n'],
  ['cr-behind', '\r\n--b\r'],
  ['lfcr', '\n\r--b\n\r'],
  ['crcrlf', '\r\r\n--b\r\r\n'],
  ['vt-before', '\x0b--b\r\n'],
  ['glued', '--b\r\n'],
  ['glued-blank', ' --b\r\n'],
  ['blank-line-behind', '\r\n--b\r\n\r\n'],
  ['blank-lines-behind', '\r\n--b\r\n\r\n\r\n'],
  ['blanks-line-behind', '\r\n--b\r\n \r\n'],
  ['high-bit', '\r\n--b\xa0\r\n'],
];

function* delimiterShapes(): Generator<ShapeTrick> {
  const text = textPart.slice(0, -2);
  for (const [id, delimiter] of delimiters) {
    yield { class: 'A27', id, shape: (part) => `${head}--b\r\n${text}${delimiter}${part}\r\n--b--\r\n` };
    // As the first delimiter of the body, where a preamble stands before it or nothing does.
    yield {
      class: 'A27',
      id: `${id}-first`,
      shape: (part) => `${head}Preamble.${delimiter}${part}\r\n--b\r\n${textPart}\r\n--b--\r\n`,
    };
  }
  yield {
    class: 'A27',
    id: 'in-header',
    shape: (part) => `Content-Type: multipart/mixed; boundary=b\r\n--b\r\n${part}\r\n--b--\r\n`,
  };
  yield {
    class: 'A27',
    id: 'in-part-header',
    shape: (part) => `${head}--b\r\nContent-Type: text/plain\r\n--b\r\n${part}\r\n--b--\r\n`,
  };
  yield {
    class: 'A27',
    id: 'no-line-break-before-first',
    shape: (part) => `Content-Type: multipart/mixed; boundary=b\r\n\r\nx--b\r\n${part}\r\n--b--\r\n`,
  };
  yield {
    class: 'A27',
    id: 'lf-mail',
    message: true,
    shape: (part) => `${envelope}${multipart('b', [textPart, part])}`.replaceAll('\r\n', '\n'),
  };
  yield {
    class: 'A27',
    id: 'cr-mail',
    message: true,
    shape: (part) => `${envelope}${multipart('b', [textPart, part])}`.replaceAll('\r\n', '\r'),
  };
}

/** Lines that end a part for some readers and belong to it for others, which then see the whole text. */
const insideText: readonly (readonly [string, string])[] = [
  ['blank', ' --=_place'],
  ['glued', '--=_placex'],
  ['close-more', '--=_place--MORE'],
  ['padded', '--=_place '],
  ['one-dash', '-=_place'],
  ['other-case', '--=_PLACE'],
  ['vt', '--=_place\x0b'],
];

/** Readers that know no such delimiter see a line of junk in the base64. */
const insideBase64: readonly (readonly [string, string])[] = [
  ['outer', '--=_outer'],
  ['blank', ' --=_!'],
  ['unknown', '--=_?'],
];

function* insides(): Generator<LeafTrick> {
  for (const [id, line] of insideText) {
    yield {
      class: 'A27',
      id: `kept-${id}`,
      text: true,
      leaf: (payload) => {
        const whole = Buffer.concat([payload, Buffer.from(`\r\n${line}\r\necho more of it`, 'latin1')]);
        return { entity: file('', whole.toString('latin1')), payload: whole };
      },
    };
  }
  for (const [id, line] of insideBase64) {
    yield {
      class: 'A28',
      id: `base64-${id}`,
      leaf: (payload) => {
        const coded = base64(payload, 48);
        const middle = coded.indexOf('\r\n') + 2;
        return file(
          'Content-Transfer-Encoding: base64\r\n',
          `${coded.slice(0, middle)}${line}\r\n${coded.slice(middle)}`,
        );
      },
    };
  }
}

/** The outer boundary is made of the payload's own letters: readers that know the innermost boundary alone read them. */
function* lettersOfPayload(): Generator<LeafTrick> {
  for (const [id, close, end] of [
    ['open', '', '--c--\r\n'],
    ['close', '--', '--c--\r\n'],
    ['open-unclosed', '', ''],
    ['close-unclosed', '--', ''],
  ] as const) {
    yield {
      class: 'A28',
      id: `base64-letters-${id}`,
      leaf: (payload) => {
        const coded = payload.toString('base64');
        const outer = coded.slice(48, 56).replace(/[^A-Za-z0-9].*$/, '');
        const split = `${coded.slice(0, 48)}\r\n--${outer}${close}\r\n${lines(coded.slice(48 + outer.length), 76)}`;
        const inner = `Content-Type: multipart/related; boundary=c\r\n\r\n${body('c', [textPart, file('Content-Transfer-Encoding: base64\r\n', split)], end)}`;
        return `Content-Type: multipart/mixed; boundary="${outer}"\r\n\r\n${body(outer, [textPart, inner])}`;
      },
    };
  }
}

/** Outer and inner boundary, and whether each is closed. */
const relations: readonly (readonly [string, string, string])[] = [
  ['inner-extends', 'bb', 'bbx'],
  ['inner-extends-dash', 'bb', 'bb-'],
  ['inner-extends-dashes', 'bb', 'bb--'],
  ['inner-extends-blank', 'bb', 'bb x'],
  ['outer-extends', 'bbx', 'bb'],
  ['outer-extends-dashes', 'bb--', 'bb'],
  ['same', 'bb', 'bb'],
  ['same-but-case', 'bb', 'BB'],
];

function nest(outer: string, inner: string, part: string, innerEnd: string, outerEnd: string): string {
  const nested = `Content-Type: multipart/related; boundary="${inner}"\r\n\r\n${body(inner, [textPart, part], innerEnd)}`;
  return `Content-Type: multipart/mixed; boundary="${outer}"\r\n\r\n${body(outer, [textPart, nested], outerEnd)}`;
}

function* relationShapes(): Generator<ShapeTrick> {
  for (const [id, outer, inner] of relations) {
    const end = (boundary: string) => `--${boundary}--\r\n`;
    yield { class: 'A28', id, shape: (part) => nest(outer, inner, part, end(inner), end(outer)) };
    yield { class: 'A28', id: `${id}-unclosed`, shape: (part) => nest(outer, inner, part, '', end(outer)) };
    yield {
      class: 'A28',
      id: `${id}-behind`,
      shape: (part) =>
        `Content-Type: multipart/mixed; boundary="${outer}"\r\n\r\n${body(outer, [multipart(inner, [textPart], 'related'), part])}`,
    };
  }
  yield {
    class: 'A28',
    id: 'dummy-inner',
    shape: (part) =>
      `${head}--b\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n${part}\r\n--b--\r\n--b--\r\n`,
  };
  yield {
    class: 'A28',
    id: 'inner-by-outer',
    shape: (part) => `${head}--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--b\r\n${part}\r\n--b--\r\n`,
  };
  yield {
    class: 'A28',
    id: 'outer-in-inner',
    shape: (part) =>
      `${head}--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c\r\n${textPart}\r\n--b\r\n${textPart}\r\n--c\r\n${part}\r\n--c--\r\n--b--\r\n`,
  };
}

const ends: readonly (readonly [string, string, string])[] = [
  ['inner', '', '--b--\r\n'],
  ['outer', '--c--\r\n', ''],
  ['both', '', ''],
  ['inner-dashes', '--c\r\n', '--b--\r\n'],
  ['outer-dashes', '--c--\r\n', '--b\r\n'],
  ['both-dashes', '--c\r\n', '--b\r\n'],
  ['one-dash', '--c-\r\n', '--b-\r\n'],
];

function* endShapes(): Generator<ShapeTrick> {
  for (const [id, inner, outer] of ends) {
    yield { class: 'A29', id: `missing-${id}`, shape: (part) => nest('b', 'c', part, inner, outer) };
  }
  const early: readonly (readonly [string, string])[] = [
    ['early', '--b--\r\n'],
    ['early-blank', '--b--\r\n\r\n'],
    ['early-text', '--b--\r\nEpilogue.\r\n'],
    ['early-twice', '--b--\r\n--b--\r\n'],
  ];
  for (const [id, end] of early) {
    yield { class: 'A29', id, shape: (part) => `${head}--b\r\n${textPart}${end}--b\r\n${part}\r\n--b--\r\n` };
    yield { class: 'A29', id: `${id}-at-once`, shape: (part) => `${head}${end}--b\r\n${part}\r\n--b--\r\n` };
    yield { class: 'A29', id: `${id}-unclosed`, shape: (part) => `${head}--b\r\n${textPart}${end}--b\r\n${part}` };
  }
  yield {
    class: 'A29',
    id: 'in-part-header',
    shape: (part) => `${head}--b\r\nX-A: b\r\n--b--\r\n\r\n--b\r\n${part}\r\n--b--\r\n`,
  };
  yield {
    class: 'A29',
    id: 'end-in-header',
    shape: (part) => `Content-Type: multipart/mixed; boundary=b\r\n--b--\r\n\r\n--b\r\n${part}\r\n--b--\r\n`,
  };
}

function* outsides(): Generator<ShapeTrick> {
  const rest = `--b\r\n${textPart}\r\n--b--\r\n`;
  yield { class: 'A30', id: 'preamble-entity', shape: (part) => `${head}${part}\r\n${rest}` };
  yield { class: 'A30', id: 'preamble-entity-behind-blank', shape: (part) => `${head}\r\n${part}\r\n${rest}` };
  yield {
    class: 'A30',
    id: 'preamble-entity-behind-text',
    shape: (part) => `${head}See below.\r\n\r\n${part}\r\n${rest}`,
  };
  yield { class: 'A30', id: 'preamble-other-boundary', shape: (part) => `${head}${body('c', [part])}${rest}` };
  yield { class: 'A30', id: 'preamble-multipart', shape: (part) => `${head}${multipart('c', [part])}${rest}` };
  yield { class: 'A30', id: 'preamble-message', shape: (part) => `${head}${envelope}${part}\r\n${rest}` };
  yield { class: 'A30', id: 'preamble-only', shape: (part) => `${head}${part}` };
  yield { class: 'A30', id: 'preamble-only-multipart', shape: (part) => `${head}${multipart('c', [textPart, part])}` };
  yield { class: 'A30', id: 'epilogue-entity', shape: (part) => `${head}${rest}${part}\r\n` };
  yield { class: 'A30', id: 'epilogue-entity-behind-blank', shape: (part) => `${head}${rest}\r\n${part}\r\n` };
  yield { class: 'A30', id: 'epilogue-message', shape: (part) => `${head}${rest}${envelope}${part}` };
  yield {
    class: 'A30',
    id: 'epilogue-mbox-message',
    shape: (part) => `${head}${rest}\r\nFrom ann@client.example Mon Feb  2 10:00:00 2026\r\n${envelope}${part}`,
  };
  yield {
    class: 'A30',
    id: 'epilogue-multipart',
    shape: (part) => `${head}${rest}${multipart('c', [textPart, part])}`,
  };
  yield { class: 'A30', id: 'epilogue-other-boundary', shape: (part) => `${head}${rest}${body('c', [part])}` };
  yield {
    class: 'A30',
    id: 'epilogue-inner',
    shape: (part) => `${head}--b\r\n${multipart('c', [textPart])}${part}\r\n--b--\r\n`,
  };
}

function outsideLeaf(id: string, leaf: (payload: Buffer) => string): LeafTrick {
  return { class: 'A30', id, leaf };
}

const outsideLeaves: readonly LeafTrick[] = [
  outsideLeaf('preamble-uu', (payload) => `${head}${uuencoded(payload)}--b\r\n${textPart}\r\n--b--\r\n`),
  outsideLeaf('epilogue-uu', (payload) => `${head}--b\r\n${textPart}\r\n--b--\r\n${uuencoded(payload)}`),
  outsideLeaf('preamble-base64', (payload) => `${head}${base64(payload)}--b\r\n${textPart}\r\n--b--\r\n`),
  outsideLeaf('only-base64', (payload) => `${head}${base64(payload)}`),
  outsideLeaf('only-base64-declared', (payload) => `Content-Transfer-Encoding: base64\r\n${head}${base64(payload)}`),
];

function nested(levels: number, part: string): string {
  let entity = part;
  for (let level = levels; level > 0; level -= 1) entity = multipart(`b${level}x`, [entity]);
  return entity;
}

function forwarded(levels: number, part: string): string {
  return `Content-Type: message/rfc822\r\n\r\nSubject: again\r\n`.repeat(levels) + part;
}

const nestings: readonly ShapeTrick[] = [
  {
    class: 'A31',
    id: 'inner-without-boundary',
    shape: (part) => `${head}--b\r\nContent-Type: multipart/related\r\n\r\n--b\r\n${part}\r\n--b--\r\n`,
  },
  {
    class: 'A31',
    id: 'inner-without-boundary-own',
    shape: (part) => `${head}--b\r\nContent-Type: multipart/related\r\n\r\n--c\r\n${part}\r\n--c--\r\n--b--\r\n`,
  },
  {
    class: 'A31',
    id: 'inner-without-body',
    shape: (part) => `${head}--b\r\nContent-Type: multipart/related; boundary=c\r\n--b\r\n${part}\r\n--b--\r\n`,
  },
  {
    class: 'A31',
    id: 'inner-empty',
    shape: (part) => `${head}--b\r\n${multipart('c', [])}\r\n--b\r\n${part}\r\n--b--\r\n`,
  },
  { class: 'A31', id: 'digest', shape: (part) => multipart('b', [`\r\n${envelope}${part}`], 'digest') },
  { class: 'A31', id: 'digest-no-blank', shape: (part) => multipart('b', [`${envelope}${part}`], 'digest') },
  { class: 'A31', id: 'digest-typed', shape: (part) => multipart('b', [part], 'digest') },
  ...[5, 20, 50, 100, 1000].map(
    (levels): ShapeTrick => ({ class: 'A31', id: `levels-${levels}`, shape: (part) => nested(levels, part) }),
  ),
  ...[5, 20, 50, 100, 1000].map(
    (levels): ShapeTrick => ({ class: 'A31', id: `forwarded-${levels}`, shape: (part) => forwarded(levels, part) }),
  ),
  {
    class: 'A31',
    id: 'siblings-500',
    shape: (part) => multipart('b', [...Array.from({ length: 500 }, () => textPart), part]),
  },
  {
    class: 'A31',
    id: 'same-boundary-levels',
    shape: (part) =>
      `${head}${'--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'.repeat(10)}--b\r\n${part}\r\n--b--\r\n`,
  },
];

export const structureShapes: readonly ShapeTrick[] = [
  ...delimiterShapes(),
  ...relationShapes(),
  ...endShapes(),
  ...outsides(),
  ...nestings,
];
export const delimiterLeaves: readonly LeafTrick[] = [...insides(), ...lettersOfPayload(), ...outsideLeaves];
