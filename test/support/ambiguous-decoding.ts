/** Tricks with quoted-printable, and with the encodings and wrappings that are older than MIME or stand beside it. */
import { gzipSync } from 'node:zlib';
import { decoder } from './ambiguous-body.js';
import {
  base64,
  binhexed,
  quoted,
  uuencoded,
  uuLines,
  xxencoded,
  yencoded,
  yencodedParts,
} from './ambiguous-payload.js';
import { base64Field, file, type LeafResult, type LeafTrick } from './ambiguous-shape.js';

const qp = (id: string, coder: (payload: Buffer) => LeafResult) => decoder('A53', id, 'quoted-printable', coder);

function hex(octet: number): string {
  return octet.toString(16).padStart(2, '0');
}

/** The text as lines for quoted-printable, with only `=` escaped. */
function light(text: string): string {
  return text.replaceAll('=', '=3D');
}

function textOf(text: string): (payload: Buffer) => LeafResult {
  return (payload) => {
    const whole = Buffer.concat([payload, Buffer.from(text, 'latin1')]);
    return { entity: light(payload.toString('latin1')) + text, payload: whole };
  };
}

const softBreaks: readonly (readonly [string, string])[] = [
  ['blank', '= \r\n'],
  ['blanks', '=  \t \r\n'],
  ['cr', '=\r'],
  ['lf', '=\n'],
  ['crcrlf', '=\r\r\n'],
];

function* quotedPrintable(): Generator<LeafTrick> {
  yield qp('lower', (payload) => quoted(payload, (octet) => `=${hex(octet)}`));
  yield qp('mixed', (payload) =>
    quoted(payload, (octet) => `=${hex(octet).charAt(0).toUpperCase()}${hex(octet).charAt(1)}`),
  );
  yield qp('everything', (payload) =>
    [...payload]
      .map((octet) => `=${hex(octet).toUpperCase()}`)
      .join('')
      .replace(/.{72}/g, '$&=\r\n'),
  );
  yield qp('one-line', (payload) => [...payload].map((octet) => `=${hex(octet).toUpperCase()}`).join(''));
  for (const [id, end] of softBreaks) {
    yield qp(`soft-${id}`, (payload) => quoted(payload).replaceAll('=\r\n', end));
  }
  yield qp('ends-in-equals', (payload) => quoted(payload).replace(/=\r\n$/, '='));
  yield qp('blank-in-front', (payload) => ({
    entity: ` ${quoted(payload)}`,
    payload: Buffer.concat([Buffer.from(' '), payload]),
  }));
  const bad: readonly (readonly [string, string])[] = [
    ['=X', '=X'],
    ['=XY', '=XY'],
    ['=4', '=4 '],
    ['=-1', '=-1'],
    ['=0x41', '=0x41'],
  ];
  for (const [id, wrong] of bad) {
    const name = Buffer.from(id).toString('hex');
    yield qp(`bad-${name}-kept`, (payload) => ({
      entity: `${wrong}\r\n${quoted(payload)}`,
      payload: Buffer.concat([Buffer.from(`${wrong.trimEnd()}\r\n`), payload]),
    }));
  }
  yield qp('raw', (payload) =>
    quoted(payload, (octet) => (octet > 126 ? String.fromCharCode(octet) : `=${hex(octet)}`)),
  );
  yield qp('equals-before-soft', (payload) => ({
    entity: `==\r\n${quoted(payload)}`,
    payload: Buffer.concat([Buffer.from('='), payload]),
  }));
}

function* quotedText(): Generator<LeafTrick> {
  const script = { text: true };
  yield { ...qp('line-ends-raw', (payload) => light(payload.toString('latin1'))), ...script };
  yield {
    ...qp('line-ends-escaped', (payload) => light(payload.toString('latin1')).replaceAll('\r\n', '=0D=0A=\r\n')),
    ...script,
  };
  yield {
    ...qp('line-ends-cr-escaped', (payload) => light(payload.toString('latin1')).replaceAll('\r\n', '=0D\r\n')),
    text: true,
    class: 'A53',
  };
  yield {
    ...qp('line-ends-lf', (payload) => ({
      entity: light(payload.toString('latin1')).replaceAll('\r\n', '\n'),
      payload: Buffer.from(payload.toString('latin1').replaceAll('\r\n', '\n')),
    })),
    ...script,
  };
  yield {
    ...qp('trailing-blanks-dropped', (payload) => light(payload.toString('latin1')).replaceAll('\r\n', '  \r\n')),
    ...script,
  };
  yield { ...qp('trailing-blanks-kept', textOf('\r\nx  \r\ny')), ...script };
  yield {
    ...qp('trailing-blank-escaped', (payload) => ({
      entity: `${light(payload.toString('latin1'))}\r\nx=20\r\ny`,
      payload: Buffer.concat([payload, Buffer.from('\r\nx \r\ny')]),
    })),
    ...script,
  };
  yield {
    ...qp('long-line', (payload) => ({
      entity: `${light(payload.toString('latin1'))}${'z'.repeat(2000)}`,
      payload: Buffer.concat([payload, Buffer.from('z'.repeat(2000))]),
    })),
    ...script,
  };
}

function legacy(id: string, encoding: string, coder: (payload: Buffer) => LeafResult): LeafTrick {
  return decoder('A55', id, encoding, coder);
}

function inline(id: string, type: string, text: (payload: Buffer) => string): LeafTrick {
  return {
    class: 'A55',
    id,
    leaf: (payload) => `Content-Type: ${type}\r\n\r\nHello,\r\n\r\n${text(payload)}\r\nBye\r\n`,
  };
}

function* uuencodings(): Generator<LeafTrick> {
  for (const name of ['x-uuencode', 'uuencode', 'x-uue', 'uue', 'X-UUENCODE', 'x-uu']) {
    yield legacy(`${name}-whole`, name, (payload) => uuencoded(payload));
    yield legacy(`${name}-lines`, name, (payload) => uuLines(payload));
    yield legacy(`${name}-open`, name, (payload) => uuencoded(payload).replace(/[`]?\r\nend\r\n$/, '\r\n'));
    yield legacy(`${name}-text-in-front`, name, (payload) => `Here it is\r\n\r\n${uuencoded(payload)}`);
    yield legacy(`${name}-blanks`, name, (payload) => uuencoded(payload, 'a.exe', ' '));
  }
  const begins: readonly (readonly [string, (payload: Buffer) => string])[] = [
    ['plain', (payload) => uuencoded(payload)],
    ['blank-zero', (payload) => uuencoded(payload, 'a.exe', ' ')],
    ['name-with-blanks', (payload) => uuencoded(payload, 'my holiday pictures.exe')],
    ['without-name', (payload) => uuencoded(payload, '')],
    ['mode-octal-4', (payload) => uuencoded(payload).replace('644', '0644')],
    ['begin-upper', (payload) => uuencoded(payload).replace('begin', 'BEGIN')],
    ['begin-two-blanks', (payload) => uuencoded(payload).replace('begin ', 'begin  ')],
    ['end-missing', (payload) => uuencoded(payload).replace('end\r\n', '')],
    ['end-indented', (payload) => uuencoded(payload).replace('end\r\n', ' end\r\n')],
    ['end-words', (payload) => uuencoded(payload).replace('end\r\n', 'end of file\r\n')],
    ['padding-letters', (payload) => uuencoded(payload).replace(/^(M.*)\r\n/gm, '$1x\r\n')],
    ['blank-lines', (payload) => uuencoded(payload).replace(/^(M.*)\r\n/gm, '$1\r\n\r\n')],
    ['lf', (payload) => uuencoded(payload).replaceAll('\r\n', '\n')],
    ['cr', (payload) => uuencoded(payload).replaceAll('\r\n', '\r')],
    ['second', (payload) => uuencoded(Buffer.from('harmless'), 'a.txt') + uuencoded(payload)],
    ['base64', (payload) => `begin-base64 644 update.exe\r\n${base64(payload)}====\r\n`],
    ['xx', (payload) => xxencoded(payload)],
    ['yenc', (payload) => yencoded(payload)],
    ['yenc-parts', (payload) => yencodedParts(payload)],
    ['binhex', (payload) => binhexed(payload)],
  ];
  for (const [id, text] of begins) {
    yield inline(`text-${id}`, 'text/plain; charset=us-ascii', text);
    yield inline(`html-${id}`, 'text/html', (payload) => `<pre>\r\n${text(payload)}</pre>`);
    yield { class: 'A55', id: `file-${id}`, leaf: (payload) => file('', text(payload)) };
    yield {
      class: 'A55',
      id: `base64-text-${id}`,
      leaf: (payload) =>
        `Content-Type: text/plain\r\n${base64Field}\r\n${base64(Buffer.from(`Hello\r\n\r\n${text(payload)}`, 'latin1'))}`,
    };
  }
}

function* declared(): Generator<LeafTrick> {
  for (const name of ['x-xxencode', 'xxencode', 'x-xx']) yield legacy(`${name}`, name, (payload) => xxencoded(payload));
  for (const name of ['x-yencode', 'yenc', 'x-yenc']) {
    yield legacy(name, name, (payload) => yencoded(payload));
    yield legacy(`${name}-parts`, name, (payload) => yencodedParts(payload));
  }
  for (const name of ['x-gzip64', 'gzip64', 'x-gzip']) yield legacy(name, name, (payload) => base64(gzipSync(payload)));
  for (const name of ['binhex', 'x-binhex', 'mac-binhex40'])
    yield legacy(`encoding-${name}`, name, (payload) => binhexed(payload));
  for (const type of ['application/mac-binhex40', 'application/mac-binhex', 'application/binhex4']) {
    yield {
      class: 'A55',
      id: type.replace('/', '-'),
      leaf: (payload) => `Content-Type: ${type}; name=a.hqx\r\n\r\n${binhexed(payload)}`,
    };
    yield {
      class: 'A55',
      id: `${type.replace('/', '-')}-base64`,
      leaf: (payload) =>
        `Content-Type: ${type}; name=a.hqx\r\n${base64Field}\r\n${base64(Buffer.from(binhexed(payload), 'latin1'))}`,
    };
  }
}

export const decodingLeaves: readonly LeafTrick[] = [
  ...quotedPrintable(),
  ...quotedText(),
  ...uuencodings(),
  ...declared(),
];
