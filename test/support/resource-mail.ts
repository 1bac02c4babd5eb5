/**
 * Mails that cost a careless reader time or memory out of proportion: too many of something, too deep, too long. Each
 * comes in pieces, so that its writer needs no more memory than its reader should.
 */

export interface CostlyMail {
  readonly id: string;
  /** bytes that hold EICAR behind what is costly are not needed: time and memory are what is asked */
  readonly pieces: () => Generator<Buffer>;
}

const top = 'From: ann@client.example\r\nTo: bob@example.org\r\nSubject: costly\r\nMIME-Version: 1.0\r\n';
const mixed = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
const pieceBytes = 65_536;

/** Text that a function writes line by line, gathered to pieces of some size. */
function* gathered(texts: Iterable<string>): Generator<Buffer> {
  let text = '';
  for (const more of texts) {
    text += more;
    if (text.length < pieceBytes) continue;
    yield Buffer.from(text, 'latin1');
    text = '';
  }
  yield Buffer.from(text, 'latin1');
}

function* times(count: number, text: (index: number) => string): Generator<string> {
  for (let index = 0; index < count; index += 1) yield text(index);
}

function costly(id: string, texts: () => Iterable<string>): CostlyMail {
  return { id, pieces: () => gathered(texts()) };
}

function* around(before: string, texts: Iterable<string>, behind = ''): Generator<string> {
  yield before;
  yield* texts;
  yield behind;
}

const letters = 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk=';
const line = (text: string) => `${text}\r\n`;

export const costlyMails: readonly CostlyMail[] = [
  costly('parts-10000', () =>
    around(
      top + mixed,
      times(10_000, (i) => `--b\r\nContent-Type: text/plain; name=f${i}\r\n\r\nx\r\n`),
      '--b--\r\n',
    ),
  ),
  costly('parts-100000', () =>
    around(
      top + mixed,
      times(100_000, () => '--b\r\n\r\nx\r\n'),
      '--b--\r\n',
    ),
  ),
  costly('parts-base64-9000', () =>
    around(
      top + mixed,
      times(9000, () => `--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${letters}\r\n`),
      '--b--\r\n',
    ),
  ),
  costly('levels-10000', () =>
    around(
      top,
      times(10_000, (i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`),
    ),
  ),
  costly('levels-same-boundary', () =>
    around(
      top + mixed,
      times(10_000, () => '--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'),
    ),
  ),
  costly('levels-closed-1000', () =>
    around(top, [
      ...times(1000, (i) => `Content-Type: multipart/mixed; boundary=b${i}x\r\n\r\n--b${i}x\r\n`),
      ...times(1000, (i) => `\r\n--b${999 - i}x--\r\n`),
    ]),
  ),
  costly('forwarded-10000', () =>
    around(
      top,
      times(10_000, () => 'Content-Type: message/rfc822\r\n\r\nSubject: again\r\n'),
    ),
  ),
  costly('forwarded-base64', () =>
    around(
      top,
      times(1000, () => 'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n'),
    ),
  ),
  costly('fields-100000', () =>
    around(
      top,
      times(100_000, (i) => `X-F${i}: value\r\n`),
      '\r\ntext\r\n',
    ),
  ),
  costly('addresses-100000', () =>
    around(
      `${top}Cc: a@client.example`,
      times(100_000, (i) => `,\r\n p${i}@client.example`),
      '\r\n\r\ntext\r\n',
    ),
  ),
  costly('folds-300000', () =>
    around(
      `${top}X-Fold: a\r\n`,
      times(300_000, () => ' b\r\n'),
      '\r\ntext\r\n',
    ),
  ),
  costly('types-5000', () =>
    around(
      top,
      times(5000, (i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n`),
      '\r\n--b1\r\n\r\nx\r\n--b1--\r\n',
    ),
  ),
  costly('encodings-5000', () =>
    around(
      top,
      times(
        5000,
        (i) => `Content-Transfer-Encoding: ${['base64', 'quoted-printable', '7bit', 'x-uuencode'][i % 4]}\r\n`,
      ),
      `\r\n${letters}\r\n`,
    ),
  ),
  costly('parameters-100000', () =>
    around(
      `${top}Content-Type: multipart/mixed`,
      times(100_000, (i) => `;\r\n p${i}=v`),
      '; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    ),
  ),
  costly('sections-100000', () =>
    around(
      `${top}Content-Type: multipart/mixed`,
      times(100_000, (i) => `;\r\n boundary*${i}=b`),
      '\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    ),
  ),
  costly('comments-nested', () =>
    around(
      `${top}Content-Type: multipart/mixed; boundary=`,
      times(200_000, () => '('),
      'b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    ),
  ),
  costly('quotes-open', () =>
    around(
      `${top}Content-Type: multipart/mixed; boundary="`,
      times(200_000, () => '\\"'),
      '\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    ),
  ),
  costly('words', () =>
    around(
      `${top}Subject: `,
      times(50_000, () => '=?utf-8?Q?a?=\r\n '),
      'end\r\n\r\nx\r\n',
    ),
  ),
  costly('words-open', () =>
    around(
      `${top}Subject: `,
      times(100_000, () => '=?utf-8?Q?'),
      '\r\n\r\nx\r\n',
    ),
  ),
  costly('line-100-mb', () =>
    around(
      `${top}\r\n`,
      times(1600, () => 'x'.repeat(65_536)),
      '\r\n',
    ),
  ),
  costly('line-100-mb-base64', () =>
    around(
      `${top}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
      times(1600, () => 'QUJD'.repeat(16_384)),
      '\r\n',
    ),
  ),
  costly('line-100-mb-header', () =>
    around(
      `${top}X-Long: `,
      times(1600, () => 'x'.repeat(65_536)),
      '\r\n\r\nx\r\n',
    ),
  ),
  costly('dashes-1000000', () =>
    around(
      top + mixed,
      times(1_000_000, () => '--\r\n'),
      '--b--\r\n',
    ),
  ),
  costly('dashes-1000000-guess', () =>
    around(
      `${top}Content-Type: multipart/mixed\r\n\r\n`,
      times(1_000_000, () => '--\r\n'),
    ),
  ),
  costly('delimiters-guess-50000', () =>
    around(
      `${top}Content-Type: multipart/mixed\r\n\r\n`,
      times(50_000, (i) => `--b${i}\r\n\r\nx\r\n`),
    ),
  ),
  costly('delimiters-nearly', () =>
    around(
      `${top}Content-Type: multipart/mixed; boundary=${'a'.repeat(60)}\r\n\r\n`,
      times(500_000, () => `--${'a'.repeat(59)}\r\n`),
    ),
  ),
  costly('boundaries-times-lines', () =>
    around(top, [
      ...times(
        60,
        (i) => `Content-Type: multipart/mixed; boundary=${'a'.repeat(i + 1)}\r\n\r\n--${'a'.repeat(i + 1)}\r\n`,
      ),
      ...times(300_000, () => `--${'a'.repeat(65)}\r\n`),
    ]),
  ),
  costly('closes-100000', () =>
    around(
      top + mixed,
      times(100_000, () => '--b--\r\n'),
    ),
  ),
  costly('empty-lines-5000000', () =>
    around(
      top + mixed,
      times(5_000_000, () => '\r\n'),
    ),
  ),
  costly('blank-lines-in-header', () =>
    around(
      top,
      times(200_000, () => ' \r\n'),
      '\r\nx\r\n',
    ),
  ),
  costly('doubtful-5-mb', () =>
    around(
      `${top}Content-Type: multipart/mixed; boundary=a; boundary=b\r\nContent-Transfer-Encoding: base64, quoted-printable\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
      times(70_000, () => line(letters)),
    ),
  ),
  costly('doubtful-parts', () =>
    around(
      `${top}Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n`,
      times(
        20_000,
        (i) =>
          `--${i % 2 === 0 ? 'a' : 'b'}\r\nContent-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n${letters}\r\n`,
      ),
    ),
  ),
  costly('uuencoded-files', () =>
    around(
      `${top}\r\n`,
      times(50_000, () => 'begin 644 a\r\n#86)C\r\n`\r\nend\r\n'),
    ),
  ),
  costly('begins', () =>
    around(
      `${top}\r\n`,
      times(300_000, () => 'begin 644 a\r\n'),
    ),
  ),
  costly('yenc-begins', () =>
    around(
      `${top}\r\n`,
      times(200_000, () => '=ybegin line=128 size=1 name=a\r\n'),
    ),
  ),
  costly('data-uris', () =>
    around(
      `${top}Content-Type: text/html\r\n\r\n`,
      times(50_000, () => '<a href="data:application/octet-stream;base64,QUJD">x</a>\r\n'),
    ),
  ),
  costly('data-uris-open', () =>
    around(
      `${top}Content-Type: text/html\r\n\r\n`,
      times(200_000, () => '<a href="data:;base64,'),
    ),
  ),
  costly('tags-open', () =>
    around(
      `${top}Content-Type: text/html\r\n\r\n`,
      times(2_000_000, () => '<a '),
    ),
  ),
  costly('quantum-padding', () =>
    around(
      `${top}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
      times(500_000, () => 'QQ==\r\n'),
    ),
  ),
  costly('soft-breaks', () =>
    around(
      `${top}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
      times(1_000_000, () => '=\r\n'),
    ),
  ),
  costly('bad-escapes', () =>
    around(
      `${top}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
      times(1_000_000, () => '=X='),
    ),
  ),
];
