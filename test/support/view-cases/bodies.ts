/** Where a body begins, what it is encoded in without saying so, and encodings from before MIME. */
import {
  attachment,
  b64Part,
  base64,
  latin,
  lines64,
  multipart,
  n,
  quoted,
  textPayload,
  top,
  type ViewCase,
  withEncoding,
} from './mail.js';

const separators = [
  '\r\r',
  '\n\n',
  '\n\r',
  '\r\n\r',
  '\r\n\n',
  '\r\n \r\n',
  '\r\n\t\r\n',
  '\r\n\x0b\r\n',
  '\r\n\0\r\n',
  '\r\n.\r\n',
  '\r\nx\r\n',
  '\r\n\r\r\n',
  '\r\r\n\r\r\n',
  '\n\r\n',
  '\r\n\r\n\r\n',
  '\r\n\r\n\r',
  '\r\n\r\n\n',
  '\r\n\r\n \r\n',
  '\r\n',
  '\r',
  '\n',
  '\r\n-\r\n',
  '\r\n--\r\n',
  '\r\n\x1a\r\n',
  '\r\n\xa0\r\n',
  '\r\n\x85\r\n',
];

export function* starts(): Generator<ViewCase> {
  for (const separator of separators) {
    const header = `${attachment}${base64}`.trimEnd();
    yield latin(
      `A40 separated by ${JSON.stringify(separator)}`,
      multipart({ part: `${header}${separator}${lines64}${n}` }),
    );
    yield latin(
      `A40 separated by ${JSON.stringify(separator)}, at the top`,
      `${top}${header}${separator}${lines64}${n}`,
    );
  }
  yield latin('A40 encoding below the empty line', multipart({ part: `${attachment}${n}${base64}${n}${lines64}${n}` }));
  yield latin(
    'A40 all fields below an empty line',
    multipart({ part: `${n}${attachment}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A40 all fields below two empty lines',
    multipart({ part: `${n}${n}${attachment}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A40 all fields of the message below an empty line',
    `From: a@b.example${n}${n}${multipart({}).slice(top.length)}`,
  );
  yield latin(
    'A40 a line of blanks between fields',
    multipart({ part: `${attachment} ${n}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A41 text like a header',
    multipart({ part: `${attachment}${base64}${n}X-Foo: bar${n}${n}${lines64}${n}` }),
  );
  yield latin('A41 header ended by the end', `${top}${attachment}${base64}`.trimEnd(), Buffer.alloc(0));
  for (const junk of ['AAAA', 'AAAAAAAA', 'AAA'])
    yield latin(`A41 ${junk} in front`, multipart({ part: `${attachment}${base64}${junk}${n}${n}${lines64}${n}` }));
  yield latin('A42 no header', multipart({ part: `${n}${lines64}${n}` }));
  yield latin('A42 no header and no empty line', multipart({ part: `${lines64}${n}` }));
  yield latin('A42 the length is a lie', multipart({ part: `Content-Length: 10${n}${b64Part}` }));
  yield latin(
    'A42 the length ends the body',
    multipart({ part: `Content-Length: ${lines64.length}${n}${b64Part.trimEnd()}AAAA${n}` }),
  );
}

export function* bodies(): Generator<ViewCase> {
  for (const value of [undefined, '7bit', '8bit', 'binary', 'x-unknown', 'quoted-printable']) {
    const field = value === undefined ? '' : `Content-Transfer-Encoding: ${value}${n}`;
    yield latin(`A54 base64 called ${value}`, withEncoding(field));
    yield latin(
      `A54 base64 called ${value}, in lines of 4`,
      withEncoding(field, lines64.replace(/\r\n/g, '').replace(/.{4}/g, `$&${n}`)),
    );
    yield latin(`A54 base64 called ${value}, in one line`, withEncoding(field, lines64.replace(/\r\n/g, '')));
    yield latin(`A54 base64 called ${value}, alone`, `${top}${field}${n}${lines64}${n}`);
    yield latin(`A53 quoted-printable called ${value}`, withEncoding(field, quoted));
    const mail = `${top}${attachment}${field}${n}`;
    yield {
      name: `identity called ${value}`,
      mail: Buffer.concat([Buffer.from(mail), textPayload]),
      payload: textPayload,
    };
    const part = multipart({ part: `${attachment}${field}${n}${textPayload.toString('latin1')}${n}` });
    yield latin(`identity in a part, called ${value}`, part, textPayload);
  }
}

/** Bodies in encodings from before MIME: which one it is must be among the encodings of its place. */
export function* legacyCases(): Generator<{ readonly mail: Buffer; readonly encoding: string; readonly body: string }> {
  const uu = `begin 644 a.bin${n}#86)C${n}\`${n}end${n}`;
  const yenc = `=ybegin line=128 size=3 name=a.bin${n}\x8b\x8c\x8d${n}=yend size=3${n}`;
  const binhex = `(This file must be converted with BinHex 4.0)${n}${n}:abc:${n}`;
  const bodies: [string, string, string[]][] = [
    ['uuencode', uu, ['x-uuencode', 'uuencode', 'x-uue', 'uue', 'UUENCODE (comment)', '7bit', 'base64']],
    ['uuencode', uu.split(n).slice(1, 2).join(n), ['x-uuencode', 'uuencode', 'x-uue', '"x-uuencode"']],
    ['uuencode', uu.replace('begin 644', 'Begin 755'), ['7bit', '8bit']],
    ['xxencode', uu, ['x-xxencode', 'xxencode', '7bit']],
    ['yenc', yenc, ['x-yencode', 'yenc', 'x-yenc', '8bit']],
    ['yenc', yenc.split(n).slice(1, 2).join(n), ['x-yencode', 'yenc']],
    ['binhex', binhex, ['x-binhex', 'binhex', 'mac-binhex40', '7bit']],
    ['binhex', ':abc:', ['x-binhex', 'x-hqx']],
    ['gzip64', lines64, ['x-gzip64', 'gzip64']],
  ];
  for (const [encoding, body, values] of bodies) {
    for (const value of values) {
      const mail = multipart({ part: `${attachment}Content-Transfer-Encoding: ${value}${n}${n}${body}${n}` });
      yield { mail: Buffer.from(mail, 'latin1'), encoding, body };
    }
  }
  const typed = multipart({ part: `Content-Type: application/mac-binhex40; name=a.hqx${n}${n}:abc:${n}` });
  yield { mail: Buffer.from(typed, 'latin1'), encoding: 'binhex', body: ':abc:' };
}
