/** Tricks with the line between header and body, and with base64 and quoted-printable bodies. */
import { base64, lines, octetsOf, uuencoded } from './ambiguous-payload.js';
import {
  base64Field,
  body,
  file,
  fileFields,
  type LeafResult,
  type LeafTrick,
  type ShapeTrick,
  textPart,
} from './ambiguous-shape.js';

/** What stands between the last field and the body. */
const separators: readonly (readonly [string, string])[] = [
  ['crcr', '\r\r'],
  ['lflf', '\n\n'],
  ['lfcr', '\n\r'],
  ['lfcrlf', '\n\r\n'],
  ['crcrlf', '\r\r\n'],
  ['crlfcr', '\r\n\r'],
  ['crlflf', '\r\n\n'],
  ['crlf-blank', '\r\n \r\n'],
  ['crlf-tab', '\r\n\t\r\n'],
  ['crlf-blanks', '\r\n   \r\n\r\n'],
  ['crlf-vt', '\r\n\x0b\r\n'],
  ['crlf-ff', '\r\n\x0c\r\n'],
  ['crlf-nul', '\r\n\0\r\n'],
  ['crlf-nbsp', '\r\n\xa0\r\n'],
  ['crlf-char', '\r\n!\r\n'],
  ['crlf-dots', '\r\n...\r\n'],
  ['crlf-cr-crlf', '\r\n\r\r\n'],
  ['none', '\r\n'],
  ['more', '\r\n\r\n\r\n'],
  ['more-lf', '\r\n\r\n\n'],
  ['more-cr', '\r\n\r\n\r'],
  ['nothing', ''],
];

function* separatorLeaves(): Generator<LeafTrick> {
  const fields = `${fileFields}${base64Field}`.slice(0, -2);
  for (const [id, separator] of separators) {
    if (separator !== '') yield { class: 'A40', id, leaf: (payload) => `${fields}${separator}${base64(payload)}` };
  }
  const late = `${fileFields}\r\n`;
  yield { class: 'A40', id: 'encoding-behind', leaf: (payload) => `${late}${base64Field}\r\n${base64(payload)}` };
  yield {
    class: 'A40',
    id: 'encoding-behind-blank',
    leaf: (payload) => `${fileFields} \r\n${base64Field}\r\n${base64(payload)}`,
  };
  yield {
    class: 'A40',
    id: 'encoding-behind-lf',
    leaf: (payload) => `${fileFields}\n${base64Field}\r\n${base64(payload)}`,
  };
  yield {
    class: 'A40',
    id: 'encoding-behind-cr',
    leaf: (payload) => `${fileFields}\r${base64Field}\r\n${base64(payload)}`,
  };
}

function* lateHeaders(): Generator<LeafTrick> {
  yield {
    class: 'A41',
    id: 'field-behind',
    leaf: (payload) => `${fileFields}${base64Field}\r\nX-Late: yes\r\n\r\n${base64(payload)}`,
  };
  yield {
    class: 'A41',
    id: 'fields-behind',
    leaf: (payload) => `\r\n${fileFields}${base64Field}\r\n${base64(payload)}`,
  };
  yield {
    class: 'A41',
    id: 'fields-behind-two',
    leaf: (payload) => `\r\n\r\n${fileFields}${base64Field}\r\n${base64(payload)}`,
  };
  yield { class: 'A41', id: 'header-only', leaf: (payload) => `${fileFields}${base64Field}${base64(payload)}` };
  for (const junk of ['AAAA', 'AAAAAAAA', '====', 'A']) {
    const shift = Buffer.from(junk, 'base64');
    const text = (payload: Buffer) => `${fileFields}${base64Field}${junk}\r\n\r\n${base64(payload)}`;
    yield { class: 'A41', id: `junk-${junk.length}${junk[0]}-skipped`, leaf: text };
    if (junk.length % 4 === 0 && junk[0] === 'A') {
      yield {
        class: 'A41',
        id: `junk-${junk.length}-read`,
        leaf: (payload) => ({ entity: text(payload), payload: Buffer.concat([shift, payload]) }),
      };
    }
  }
  yield {
    class: 'A42',
    id: 'no-header',
    text: true,
    leaf: (payload) => ({ entity: `\r\n${uuencoded(payload)}`, payload }),
  };
  yield { class: 'A42', id: 'no-header-no-line', leaf: (payload) => uuencoded(payload) };
  yield {
    class: 'A42',
    id: 'length-short',
    leaf: (payload) => file(`Content-Length: 10\r\n${base64Field}`, base64(payload)),
  };
  yield {
    class: 'A42',
    id: 'length-long',
    leaf: (payload) => file(`Content-Length: 999999\r\n${base64Field}`, base64(payload)),
  };
  yield {
    class: 'A42',
    id: 'length-negative',
    leaf: (payload) => file(`Content-Length: -1\r\n${base64Field}`, base64(payload)),
  };
  yield { class: 'A42', id: 'lines-short', leaf: (payload) => file(`Lines: 1\r\n${base64Field}`, base64(payload)) };
}

function* separatorShapes(): Generator<ShapeTrick> {
  for (const [id, separator] of separators) {
    yield {
      class: 'A40',
      id: `multipart-${id}`,
      shape: (part) => `Content-Type: multipart/mixed; boundary=b${separator}${body('b', [textPart, part])}`,
    };
  }
  const late = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
  for (const [id, gap] of [
    ['crlf', '\r\n'],
    ['blank', ' \r\n'],
    ['lf', '\n'],
    ['vt', '\x0b\r\n'],
    ['text', 'Hello.\r\n'],
  ]) {
    yield {
      class: 'A40',
      id: `type-behind-${id}`,
      shape: (part) => `X-Foo: bar\r\n${gap}${late}${body('b', [textPart, part])}`,
    };
  }
}

type Coder = (payload: Buffer) => LeafResult;

export function decoder(
  className: string,
  id: string,
  encoding: string,
  coder: (payload: Buffer) => LeafResult,
): LeafTrick {
  const under = (text: string) => file(`Content-Transfer-Encoding: ${encoding}\r\n`, text);
  return {
    class: className,
    id,
    leaf: (payload) => {
      const coded = coder(payload);
      return typeof coded === 'string' ? under(coded) : { entity: under(coded.entity), payload: coded.payload };
    },
  };
}

const b64 = (className: string, id: string, coder: Coder) => decoder(className, id, 'base64', coder);

const junkOctets: readonly (readonly [string, string])[] = [
  ...([
    '.',
    '-',
    '#',
    '%',
    '_',
    ' ',
    '*',
    '!',
    '~',
    ':',
    '&',
    '\\',
    '"',
    '\x0b',
    '\0',
    '\x7f',
    '\x80',
    '\xff',
    '\xa0',
    '\t',
  ].map((octet) => [`${octet.charCodeAt(0).toString(16)}`, octet]) as [string, string][]),
  ['comment', '*comment*'.replace(/\w/g, '!')],
  ['three', '!!!'],
  ['four', '!!!!'],
];

const junkLines: readonly (readonly [string, string])[] = [
  ['blank', '\r\n'],
  ['blanks', '   \r\n'],
  ['marks', '!!!!\r\n'],
  ['dots', '....\r\n'],
  ['dashes', '----\r\n'],
  ['text', '[ this is a comment ]\r\n'],
  ['uu', 'begin-base64 644 a.pdf\r\n'],
];

/** All characters of the alphabet, wherever they stand. */
function everyLetter(text: string): Buffer {
  return Buffer.from(text.replace(/[^A-Za-z0-9+/]/g, ''), 'base64');
}

function* junk(): Generator<LeafTrick> {
  for (const [id, octets] of junkOctets) {
    yield b64('A50', `front-${id}`, (payload) => octets + base64(payload));
    yield b64('A50', `quantum-${id}`, (payload) =>
      base64(payload).replace(/^..../, `$&${octets.replaceAll('$', '$$$$')}`),
    );
    yield b64('A50', `phase-${id}`, (payload) => base64(payload).replace(/^./, `$&${octets}`));
    yield b64('A50', `often-${id}`, (payload) => base64(payload).replace(/.{5}/g, `$&${octets}`));
  }
  for (const [id, line] of junkLines) {
    yield b64('A50', `line-front-${id}`, (payload) => line + base64(payload));
    yield b64('A50', `line-inside-${id}`, (payload) => base64(payload).replace('\r\n', `\r\n${line}`));
    yield b64('A50', `line-end-${id}`, (payload) => base64(payload) + line);
  }
  // The 24 letters of the first line are 18 octets of junk, in front of which some formats do not mind.
  yield b64('A50', 'begin-base64-kept', (payload) => {
    const head = 'begin-base64 644 abcdefghij\r\n';
    return { entity: head + base64(payload), payload: everyLetter(head + payload.toString('base64')) };
  });
  yield b64('A50', 'text-kept', (payload) => {
    const head = 'This is the attachment\r\n';
    return { entity: `${head}xx${base64(payload)}`, payload: everyLetter(`${head}xx${payload.toString('base64')}`) };
  });
  yield b64('A50', 'url-safe', (payload) => base64(payload).replaceAll('+', '-').replaceAll('/', '_'));
  yield b64('A50', 'url-safe-unpadded', (payload) =>
    base64(payload).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
  );
  yield b64('A50', 'quoted', (payload) => `"${payload.toString('base64')}"`);
  yield b64('A50', 'uu-base64', (payload) => `begin-base64 644 update.exe\r\n${base64(payload)}====\r\n`);
}

/** Padded pieces behind each other. */
function chunks(payload: Buffer, size: number, end: string): string {
  let text = '';
  for (let at = 0; at < payload.length; at += size) text += payload.subarray(at, at + size).toString('base64') + end;
  return text;
}

function* padding(): Generator<LeafTrick> {
  for (const size of [1, 2, 4, 5, 55]) {
    yield b64('A51', `chunks-${size}`, (payload) => lines(chunks(payload, size, ''), 76));
    yield b64('A51', `chunk-lines-${size}`, (payload) => chunks(payload, size, '\r\n'));
  }
  const front = 100;
  const halves = (payload: Buffer, middle: string) =>
    base64(payload.subarray(0, 30)) + middle + base64(payload.subarray(30));
  for (const [id, pad] of [
    ['one', '='],
    ['two', '=='],
    ['four', '===='],
    ['lone-line', '=\r\n'],
    ['line', '==\r\n'],
    ['line-four', '====\r\n'],
  ]) {
    yield b64('A51', `inside-${id}`, (payload) => halves(payload, pad ?? ''));
    yield b64('A51', `in-front-${id}`, (payload) => (pad ?? '') + base64(payload));
    yield b64('A51', `behind-${id}`, (payload) => base64(payload).trimEnd() + pad);
    yield b64(
      'A51',
      `stops-${id}`,
      (payload) => base64(payload).trimEnd() + pad + octetsOf('tail', front).toString('base64'),
    );
  }
  yield b64('A51', 'none', (payload) => base64(payload).replaceAll('=', ''));
  yield b64('A51', 'lone-letter', (payload) => `${base64(payload)}A===\r\n`);
  yield b64('A51', 'lone-letter-bare', (payload) => `${base64(payload)}A`);
  yield b64('A51', 'split', (payload) => {
    const head = payload.subarray(0, 4).toString('base64').replace('==', '=\r\n=');
    return head + base64(payload.subarray(4));
  });
  yield b64('A51', 'trailing-bits', (whole) => {
    const payload = whole.subarray(0, whole.length - ((whole.length + 2) % 3));
    const next = (end: string) => `${String.fromCharCode(end.charCodeAt(0) + 1)}==\r\n`;
    return { entity: base64(payload).replace(/[AQgw]==\r\n$/, next), payload };
  });
}

function* shapesOfLines(): Generator<LeafTrick> {
  for (const width of [1, 2, 3, 4, 5, 6, 7, 75, 77, 100, 998, 1001, 100_000]) {
    yield b64('A52', `width-${width}`, (payload) => base64(payload, width));
  }
  for (const [id, end] of [
    ['cr', '\r'],
    ['lf', '\n'],
    ['lfcr', '\n\r'],
    ['crcrlf', '\r\r\n'],
    ['double', '\r\n\r\n'],
    ['blank', ' \r\n'],
    ['blank-front', '\r\n '],
    ['vt', '\x0b'],
    ['soft', '=\r\n'],
  ]) {
    yield b64('A52', `end-${id}`, (payload) => base64(payload, 76, end));
  }
  yield b64('A52', 'no-end', (payload) => base64(payload).trimEnd());
  yield b64('A52', 'blank-lines-front', (payload) => `\r\n\r\n\r\n${base64(payload)}`);
  yield b64(
    'A52',
    'text-behind',
    (payload) => `${base64(payload)}\r\n_______________________________________________\r\nList footer\r\n`,
  );
  yield b64('A52', 'uneven', (payload) => lines(payload.toString('base64'), 13).replaceAll('\r\n', ' \t\r\n'));
  yield b64('A52', 'dot-lines', (payload) => base64(payload).replace('\r\n', '\r\n.\r\n'));
}

/** For each class whose body is base64 while the header says otherwise or nothing. */
function* undeclared(): Generator<LeafTrick> {
  for (const encoding of ['7bit', '8bit', 'binary']) {
    yield decoder('A54', `${encoding}-base64`, encoding, (payload) => base64(payload));
    yield decoder('A54', `${encoding}-uu`, encoding, (payload) => uuencoded(payload));
  }
  yield { class: 'A54', id: 'missing-base64', leaf: (payload) => file('', base64(payload)) };
  yield { class: 'A54', id: 'missing-base64-one-line', leaf: (payload) => file('', payload.toString('base64')) };
  yield {
    class: 'A54',
    id: 'qp-is-base64',
    leaf: (payload) => file('Content-Transfer-Encoding: quoted-printable\r\n', base64(payload)),
  };
  yield {
    class: 'A54',
    id: 'text-named',
    leaf: (payload) => `Content-Type: text/plain; name=a.exe\r\n\r\n${base64(payload)}`,
  };
}

export const bodyLeaves: readonly LeafTrick[] = [
  ...separatorLeaves(),
  ...lateHeaders(),
  ...junk(),
  ...padding(),
  ...shapesOfLines(),
  ...undeclared(),
];
export const bodyShapes: readonly ShapeTrick[] = [...separatorShapes()];
