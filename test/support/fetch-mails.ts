/** Messages of every shape that FETCH items can ask about, as exact octets with CRLF lines. */

/** Lines of latin1, each ended by CRLF. */
function mail(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
}

const head = [
  'Date: Mon, 02 Feb 2026 10:00:00 +0100',
  'From: Alice Example <alice@example.net>',
  'To: bob@example.org',
  'Message-ID: <1@example.net>',
] as const;

const letter = mail(...head, 'Subject: inner', 'MIME-Version: 1.0', '', 'inner body', 'two lines');
const pair = mail(
  ...head,
  'Subject: inner pair',
  'Content-Type: multipart/alternative; boundary=in',
  '',
  'preamble',
  '--in',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'plain of the pair',
  '--in',
  'Content-Type: text/html; charset=utf-8',
  'Content-ID: <html@example.net>',
  '',
  '<p>html of the pair</p>',
  '--in--',
);

function enclosing(inner: Buffer, ...fields: readonly string[]): Buffer {
  return Buffer.concat([
    mail(
      ...head,
      'Subject: outer',
      'Content-Type: multipart/mixed; boundary="out er"',
      '',
      '--out er',
      '',
      'see below',
    ),
    mail('--out er', 'Content-Type: message/rfc822', ...fields, ''),
    inner,
    mail('--out er--', 'epilogue'),
  ]);
}

const addresses = (field: string, ...more: readonly string[]) => mail(...head.slice(0, 1), field, ...more, '', 'text');
const typed = (...fields: readonly string[]) => mail(...head, 'Subject: s', ...fields, '', 'some text', 'more');
const multipart = (type: string, ...lines: readonly string[]) => mail(...head, `Content-Type: ${type}`, '', ...lines);

function nested(depth: number): Buffer {
  const lines: string[] = [...head];
  for (let level = 0; level < depth; level += 1) {
    lines.push(`Content-Type: multipart/mixed; boundary=b${level}x`, '', `--b${level}x`);
  }
  lines.push('Content-Type: text/plain', '', 'the innermost');
  for (let level = depth - 1; level >= 0; level -= 1) lines.push(`--b${level}x--`, '');
  return mail(...lines);
}

export const fetchMails: Readonly<Record<string, Buffer>> = {
  'plain text': mail(...head, 'Subject: hello', '', 'hello', 'world'),
  'no end of line at the end': Buffer.from(`${head.join('\r\n')}\r\n\r\nhello`),
  'no body': mail(...head, ''),
  'no header': mail('', 'only a body', 'of two lines'),
  'latin1 header': mail(...head, 'Subject: Gr\xfc\xdfe', 'Cc: J\xfcrgen <j@example.net>', '', 'caf\xe9'),
  'utf-8 header': mail(...head, 'Subject: \xc3\xa9t\xc3\xa9', '', '\xc3\xa9'),
  'encoded words': mail(
    ...head,
    'Subject: =?utf-8?q?=C3=A9t=C3=A9?=',
    'Cc: =?utf-8?q?J=C3=BCrgen?= <j@a.example>',
    '',
    'x',
  ),
  'folded fields': mail(
    'From: Alice',
    ' <alice@example.net>',
    'Subject: one',
    '\ttwo',
    '   three',
    'References: <a@b>',
    ' <c@d>',
    'In-Reply-To: <c@d>',
    '',
    'x',
  ),
  'quotes and backslashes': mail(...head, 'Subject: "a" \\ b', 'Cc: "C \\"Q\\" \\\\ D" <c@example.net>', '', 'x'),
  'a long subject': mail(...head, `Subject: ${'word '.repeat(400)}end`, '', 'x'),
  'an empty subject': mail(...head, 'Subject:', 'In-Reply-To: ', '', 'x'),
  'a field twice': mail(...head, 'Subject: first', 'Subject: second', 'To: carl@example.org', '', 'x'),
  'sender and reply-to': addresses(
    'From: a@x.example',
    'Sender: S <s@x.example>',
    'Reply-To: r@x.example, q@x.example',
  ),
  'empty reply-to': addresses('From: a@x.example', 'Reply-To:', 'Sender: '),
  'no from': addresses('To: a@x.example'),
  'a group': addresses('To: Friends: a@x.example, B <b@x.example>;, c@x.example'),
  'an empty group': addresses('To: undisclosed-recipients:;', 'From: a@x.example'),
  'comments for names': addresses('From: a@x.example (The A)', 'To: (before) b@x.example, c@x.example (C (inner) D)'),
  'quoted local part': addresses('From: "a b"@x.example', 'To: "quoted name" <"x\\"y"@x.example>'),
  'a route': addresses('From: Routed <@one.example,@two.example:a@x.example>'),
  'a domain literal': addresses('From: a@[192.0.2.1]'),
  'names with dots': addresses('From: J. R. Doe <j@x.example>', 'To: a.b@x.example,, c@x.example'),
  'a mailbox without domain': addresses('From: root', 'To: root <root>, a@x.example'),
  'an empty angle': addresses('From: <>', 'To: Nobody <>'),
  'types without value': typed('Content-Type:', 'Content-Transfer-Encoding:'),
  'a type of its own': typed('Content-Type: X-Some/Thing-Else; A=b; c="d e"'),
  'charset given': typed('Content-Type: text/plain; charset="UTF-8"; format=flowed'),
  'all content fields': typed(
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 8bit',
    'Content-ID: <id@example.net>',
    'Content-Description: a description',
    'Content-Disposition: inline; filename="a b.txt"; size=12',
    'Content-Language: en, de',
    'Content-Location: http://example.net/x',
    'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==',
  ),
  'disposition without parameters': typed('Content-Type: text/plain', 'Content-Disposition: attachment'),
  'fields without a type': typed(
    'Content-Disposition: attachment; filename=a',
    'Content-Transfer-Encoding: base64',
    'Content-Language: en',
  ),
  'comments in fields': typed(
    'Content-Type: text/(hidden)plain; charset=utf-8 (really)',
    'Content-Transfer-Encoding: (x) 7bit',
  ),
  'sections of a parameter': typed("Content-Type: text/plain; name*0*=utf-8''a%20; name*1=b.txt"),
  alternative: pair,
  'mixed with files': multipart(
    'multipart/mixed; boundary="=_1"',
    '--=_1',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'na=C3=AFve =',
    'text',
    '--=_1',
    'Content-Type: application/octet-stream; name="x.bin"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="x.bin"',
    '',
    Buffer.from('\0\x01binary\0').toString('base64'),
    '--=_1',
    'Content-Type: image/png',
    'Content-Transfer-Encoding: BASE64',
    '',
    Buffer.from('no nul in here').toString('base64'),
    '',
    '--=_1--',
  ),
  'parts without header': multipart('multipart/mixed; boundary=b', '--b', '', 'one', '--b', '', '', 'two', '--b--'),
  'empty parts': multipart(
    'multipart/mixed; boundary=b',
    '--b',
    '',
    '--b',
    '',
    '',
    '--b',
    'Content-Type: text/html',
    '',
    '--b--',
  ),
  'a message in a message': enclosing(letter),
  'a multipart in a message': enclosing(pair, 'Content-Disposition: attachment'),
  'a message in a message in a message': enclosing(enclosing(pair).subarray(0)),
  'a message as the whole': Buffer.concat([mail(...head, 'Content-Type: message/rfc822', ''), letter]),
  'a multipart message as the whole': Buffer.concat([mail(...head, 'Content-Type: message/rfc822', ''), pair]),
  digest: Buffer.concat([
    mail(...head, 'Content-Type: multipart/digest; boundary=dig', '', '--dig', ''),
    letter,
    mail('--dig', 'Content-Type: text/plain', '', 'no message', '--dig--'),
  ]),
  'nested ten deep': nested(10),
  'no close delimiter': multipart('multipart/mixed; boundary=b', '--b', 'Content-Type: text/plain', '', 'never closed'),
  'inner multipart not closed': multipart(
    'multipart/mixed; boundary=outer',
    '--outer',
    'Content-Type: multipart/alternative; boundary=inner',
    '',
    '--inner',
    'Content-Type: text/plain',
    '',
    'text',
    '--outer',
    'Content-Type: text/html',
    '',
    'html',
    '--outer--',
  ),
  'padding behind delimiters': multipart('multipart/mixed; boundary=b', '--b  ', '', 'one', '--b-- \t', 'end'),
  'preamble and epilogue': multipart(
    'multipart/mixed; boundary=b',
    'pre',
    'amble',
    '--b',
    '',
    'one',
    '--b--',
    'epi',
    'logue',
  ),
  report: multipart(
    'multipart/report; report-type=delivery-status; boundary=b',
    '--b',
    '',
    'It failed.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; x.example',
    '',
    'Action: failed',
    '--b',
    'Content-Type: text/rfc822-headers',
    '',
    'Subject: it',
    '--b--',
  ),
};

/** Messages that no rule foresees; servers differ in what they make of them. */
export const oddMails: Readonly<Record<string, Buffer>> = {
  'lines without colon': mail(...head, 'this is no field', 'Subject: after', ' folded', '', 'x'),
  'a header that a delimiter ends': multipart('multipart/mixed; boundary=b', '--b', 'Content-Type: text/html', '--b--'),
  'multipart without boundary': multipart('multipart/mixed', 'what is this', '--b', '', 'x'),
  'multipart without parts': multipart('multipart/mixed; boundary=never', 'nothing of it'),
  'boundary in the text': multipart('multipart/mixed; boundary=b', '--b', '', 'one', '--bc', 'x --b', '--b--'),
  'header only, no empty line': mail(...head).subarray(0, -2),
  'a name with blanks before the colon': mail(...head, 'Subject : spaced', '', 'x'),
  'an address that is none': addresses('From: a b c', 'To: <a@b', 'Cc: a@@b, @, ;'),
  'uuencoded by its own word': typed('Content-Type: text/plain', 'Content-Transfer-Encoding: x-uuencode'),
};
