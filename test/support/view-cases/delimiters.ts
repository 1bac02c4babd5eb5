/** Delimiter lines, nesting and gaps between parts. */
import { attachment, b64Part, base64, latin, lines64, multipart, n, text, top, type ViewCase } from './mail.js';

const openings = [
  ' --bound\r\n',
  '\t--bound\r\n',
  '--bound \r\n',
  '--bound\t\r\n',
  '--bound\x0b\r\n',
  '--bound\0\r\n',
  '--bound junk\r\n',
  '--boundjunk\r\n',
  '--bound--MORE\r\n',
  '--bound--\r\n',
  '--bound\r',
  '--bound\n',
  '--bound\n\r',
  '--bound\r\r\n',
  '--bound;\r\n',
  '--BOUND\r\n',
  '---bound\r\n',
  '--bound\r\n\r\n',
  '--bound\r\n \r\n',
  '--bound\r\n\t\r\n',
  '--bound - -\r\n',
  `--bound${' '.repeat(300)}\r\n`,
];

const nestedPairs: [string, string][] = [
  ['bound', 'boundx'],
  ['boundx', 'bound'],
  ['bound', 'bound'],
  ['bound', 'bound--'],
  ['bound--', 'bound'],
  ['bound', 'BOUND'],
  ['-', '--'],
];

const nested = (outer: string, inner: string, body: string) =>
  `${top}Content-Type: multipart/mixed; boundary="${outer}"${n}${n}--${outer}${n}Content-Type: multipart/mixed; boundary="${inner}"${n}${n}${body}`;
const end = (outer: string, inner: string) => `--${inner}--${n}--${outer}--${n}`;

function* syntax(): Generator<ViewCase> {
  for (const open of openings)
    yield latin(`A27 opened by ${JSON.stringify(open.slice(0, 20))}`, multipart({ middle: open }));
  for (const before of ['', '\r', '\n', '\n\r', '!', '\x0b', '\0', ' ']) {
    const part = `${attachment}${base64}${n}${lines64}`;
    yield latin(`A27 closed behind ${JSON.stringify(before)}`, multipart({ part, close: `${before}--bound--${n}` }));
    yield latin(
      `A27 ended behind ${JSON.stringify(before)}`,
      multipart({ part, close: `${before}--bound${n}${text}--bound--${n}` }),
    );
    const mail = multipart({ middle: `${before}--bound${n}` });
    yield latin(
      `A27 opened behind ${JSON.stringify(before)}`,
      mail.replace(`hello${n}${before}--bound`, `hello${before}--bound`),
    );
  }
  yield latin(
    'A27 no empty line above the first delimiter',
    multipart({ preamble: '' }).replace(`${n}${n}--bound`, `${n}--bound`),
  );
  yield latin(
    'A27 a delimiter inside a header',
    multipart({ part: `${attachment}--bound${n}${base64}${n}${lines64}${n}` }),
  );
  yield latin(
    'A27 a delimiter inside a folded field',
    multipart({ part: `Content-Type: application/octet-stream;${n}--bound${n} name=a${n}${base64}${n}${lines64}${n}` }),
  );
}

function* nesting(): Generator<ViewCase> {
  for (const [outer, inner] of nestedPairs) {
    yield latin(`A28 ${outer} around ${inner}`, nested(outer, inner, `--${inner}${n}${b64Part}${end(outer, inner)}`));
    yield latin(
      `A28 ${outer} behind ${inner}`,
      nested(outer, inner, `--${inner}${n}${text}--${inner}--${n}--${outer}${n}${b64Part}--${outer}--${n}`),
    );
  }
  const half = lines64.indexOf(n, 120);
  const cut = `${lines64.slice(0, half)}${n}--.:.${n}${lines64.slice(half + 2)}`;
  yield latin(
    'A28 the outer boundary inside inner base64',
    nested('.:.', 'in', `--in${n}${attachment}${base64}${n}${cut}${n}--in--${n}--.:.--${n}`),
  );
  yield latin(
    'A28 the outer boundary in the inner preamble',
    nested('bound', 'in', `--bound${n}${n}--in${n}${b64Part}--in--${n}--bound--${n}`),
  );
  yield latin(
    'A28 the outer end is the inner start',
    nested('bound', 'bound--', `--bound--${n}${b64Part}--bound----${n}`),
  );
}

function* endsAndGaps(): Generator<ViewCase> {
  yield latin('A29 no end', multipart({ close: '' }));
  yield latin('A29 no end and no line end', multipart({ close: '' }).trimEnd());
  yield latin('A29 no dashes at the end', multipart({ close: `--bound${n}` }));
  yield latin('A29 inner not ended', nested('bound', 'in', `--in${n}${b64Part}--bound--${n}`));
  yield latin('A29 none ended', nested('bound', 'in', `--in${n}${b64Part}`));
  yield latin('A29 ended at once', multipart({ open: `--bound--${n}`, middle: `--bound${n}` }));
  yield latin('A29 ended early', multipart({ epilogue: `--bound${n}${b64Part}--bound--${n}`, part: text }));
  yield latin(
    'A29 ended in the header',
    multipart({ part: text, epilogue: b64Part }).replace(`boundary="bound"${n}`, `boundary="bound"${n}--bound--${n}`),
  );
  yield latin('A30 in the preamble', multipart({ preamble: b64Part, part: text }));
  yield latin('A30 in the preamble, below a text', multipart({ preamble: `some text${n}${n}${b64Part}`, part: text }));
  yield latin('A30 in the epilogue', multipart({ epilogue: b64Part, part: text }));
  yield latin('A30 in the epilogue, below a text', multipart({ epilogue: `some text${n}${n}${b64Part}`, part: text }));
  yield latin('A30 base64 alone in the epilogue', multipart({ epilogue: `${n}${lines64}${n}`, part: text }));
  yield latin('A30 base64 alone in the preamble', multipart({ preamble: `${lines64}${n}`, part: text }));
  yield latin(
    'A30 a second message in the epilogue',
    multipart({
      part: text,
      epilogue: multipart({
        type: `Content-Type: multipart/mixed; boundary=second${n}`,
        open: `--second${n}`,
        close: `--second--${n}`,
      }),
    }),
  );
  yield latin('A30 nothing but a preamble', `${top}Content-Type: multipart/mixed; boundary=bound${n}${n}${b64Part}`);
}

function* levels(): Generator<ViewCase> {
  const plainInner = `Content-Type: multipart/mixed${n}${n}`;
  yield latin('A31 inner without a boundary', multipart({ part: `${plainInner}--bound${n}${b64Part}` }));
  yield latin(
    'A31 inner without a boundary, another used',
    multipart({ part: `${plainInner}--in${n}${b64Part}--in--${n}` }),
  );
  yield latin('A31 no parts', `${top}Content-Type: multipart/mixed; boundary=bound${n}${base64}${n}${lines64}${n}`);
  for (const depth of [2, 10, 40]) {
    let mail = top;
    for (let level = 0; level < depth; level += 1)
      mail += `${level > 0 ? `--l${level - 1}x${n}` : ''}Content-Type: multipart/mixed; boundary=l${level}x${n}${n}`;
    yield latin(`A31 ${depth} depth`, `${mail}--l${depth - 1}x${n}${b64Part}`);
    yield latin(`A31 ${depth} messages`, `${top}${`Content-Type: message/rfc822${n}${n}`.repeat(depth)}${b64Part}`);
  }
}

export function* delimiterLines(): Generator<ViewCase> {
  yield* syntax();
  yield* nesting();
  yield* endsAndGaps();
  yield* levels();
}
