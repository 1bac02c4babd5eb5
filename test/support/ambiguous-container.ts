/** Payloads in mails in archives in mails: message types, S/MIME, TNEF, and every kind of leaf that a client can save. */
import { gzipOf, outlookMessageOf, signedData, tarOf, tnefOf, zipOf } from './ambiguous-file.js';
import { base64, binhexed, quoted, uuencoded, yencoded } from './ambiguous-payload.js';
import { base64Field, envelope, file, type LeafTrick, multipart, plainFile, textPart } from './ambiguous-shape.js';

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A file in base64 under its type and name. */
export function attached(type: string, name: string, content: Buffer): string {
  const named = name === '' ? '' : `; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"`;
  return `Content-Type: ${type}${named}\r\n${base64Field}\r\n${base64(content)}`;
}

function mailWith(payload: Buffer): Buffer {
  return bytes(`${envelope}${multipart('=_inner', [textPart, plainFile(payload)])}`);
}

export const octets = 'application/octet-stream';

/** Ways to send a whole mail as a file. */
export const mailWrappings: Readonly<Record<string, (mail: Buffer) => string>> = {
  eml: (mail) => attached(octets, 'letter.eml', mail),
  message: (mail) => `Content-Type: message/rfc822\r\n\r\n${mail.toString('latin1')}`,
  'message-base64': (mail) => attached('message/rfc822', '', mail),
  zip: (mail) => attached('application/zip', 'a.zip', zipOf('letter.eml', mail)),
  smime: (mail) => attached('application/pkcs7-mime', 'smime.p7m', signedData(mail)),
  tnef: (mail) => attached('application/ms-tnef', 'winmail.dat', tnefOf('letter.eml', mail)),
};

/** What the payload is packed in, once. */
const packings: readonly (readonly [string, string, string, (payload: Buffer) => Buffer])[] = [
  ['zip', 'application/zip', 'a.zip', (payload) => zipOf('update.exe', payload)],
  ['zip-stored', 'application/zip', 'a.zip', (payload) => zipOf('update.exe', payload, { stored: true })],
  [
    'zip-prefix',
    octets,
    'setup.exe',
    (payload) => zipOf('update.exe', payload, { prefix: bytes('MZ junk in front of it') }),
  ],
  ['zip-names', 'application/zip', 'a.zip', (payload) => zipOf('update.exe', payload, { directoryName: 'readme.txt' })],
  ['zip-stream', 'application/zip', 'a.zip', (payload) => zipOf('update.exe', payload, { streamOnly: true })],
  ['gzip', 'application/gzip', 'a.gz', gzipOf],
  ['tar', 'application/x-tar', 'a.tar', (payload) => tarOf('update.exe', payload)],
  ['tar-gzip', 'application/gzip', 'a.tgz', (payload) => gzipOf(tarOf('update.exe', payload))],
  ['tnef', 'application/ms-tnef', 'winmail.dat', (payload) => tnefOf('update.exe', payload)],
  ['tnef-property', 'application/vnd.ms-tnef', 'winmail.dat', (payload) => tnefOf('update.exe', payload, true)],
  ['msg', 'application/vnd.ms-outlook', 'a.msg', (payload) => outlookMessageOf('update.exe', payload)],
  ['eml', 'message/x-eml', 'a.eml', mailWith],
  ['mht', 'multipart/related-file', 'a.mht', mailWith],
  ['uu', octets, 'a.uue', (payload) => bytes(uuencoded(payload))],
  ['yenc', octets, 'a.ync', (payload) => bytes(yencoded(payload))],
  ['hqx', octets, 'a.hqx', (payload) => bytes(binhexed(payload))],
  ['zip-in-zip', 'application/zip', 'a.zip', (payload) => zipOf('b.zip', zipOf('update.exe', payload))],
  ['zip-in-tnef', 'application/ms-tnef', 'winmail.dat', (payload) => tnefOf('b.zip', zipOf('update.exe', payload))],
  ['tnef-in-zip', 'application/zip', 'a.zip', (payload) => zipOf('winmail.dat', tnefOf('update.exe', payload))],
  ['eml-in-zip', 'application/zip', 'a.zip', (payload) => zipOf('letter.eml', mailWith(payload))],
  ['msg-in-zip', 'application/zip', 'a.zip', (payload) => zipOf('letter.msg', outlookMessageOf('update.exe', payload))],
  ['eml-in-gzip', 'application/gzip', 'letter.eml.gz', (payload) => gzipOf(mailWith(payload))],
  ['eml-in-tar', 'application/x-tar', 'a.tar', (payload) => tarOf('letter.eml', mailWith(payload))],
  ['eml-in-tnef', 'application/ms-tnef', 'winmail.dat', (payload) => tnefOf('letter.eml', mailWith(payload))],
  ['eml-in-msg', 'application/vnd.ms-outlook', 'a.msg', (payload) => outlookMessageOf('letter.eml', mailWith(payload))],
  [
    'zip-in-eml-in-zip',
    'application/zip',
    'a.zip',
    (payload) =>
      zipOf(
        'letter.eml',
        bytes(`${envelope}${multipart('=_i', [textPart, attached(octets, 'b.zip', zipOf('update.exe', payload))])}`),
      ),
  ],
  ['uu-in-zip', 'application/zip', 'a.zip', (payload) => zipOf('a.uue', bytes(uuencoded(payload)))],
  [
    'zip-in-gzip-4',
    'application/gzip',
    'a.gz',
    (payload) => gzipOf(gzipOf(gzipOf(gzipOf(zipOf('update.exe', payload))))),
  ],
];

function* packed(): Generator<LeafTrick> {
  for (const [id, type, name, pack] of packings) {
    yield { class: 'A60', id: `packed-${id}`, leaf: (payload) => attached(type, name, pack(payload)) };
    yield { class: 'A60', id: `packed-${id}-octets`, leaf: (payload) => attached(octets, '', pack(payload)) };
    yield {
      class: 'A60',
      id: `packed-${id}-image`,
      leaf: (payload) => attached('image/png', 'photo.png', pack(payload)),
    };
  }
}

/** A whole mail under a type that does not say so, or says it in another way. */
const mailTypes: readonly (readonly [string, string, string])[] = [
  ['octets', octets, ''],
  ['octets-eml', octets, 'letter.eml'],
  ['octets-upper', octets, 'LETTER.EML'],
  ['text', 'text/plain', 'letter.txt'],
  ['text-eml', 'text/plain', 'letter.eml'],
  ['message-octets', 'message/x-something', 'letter'],
  ['rfc822-octets', 'application/rfc822', 'letter.eml'],
  ['unknown', 'x-foo/bar', 'letter.bin'],
  ['mht', 'application/x-mimearchive', 'page.mht'],
  ['mhtml', 'multipart-related/mhtml', 'page.mhtml'],
  ['wrong-name', 'image/jpeg', 'photo.jpg'],
];

function* mailFiles(): Generator<LeafTrick> {
  const lf = (mail: Buffer) => bytes(mail.toString('latin1').replaceAll('\r\n', '\n'));
  for (const [id, type, name] of mailTypes) {
    yield { class: 'A60', id: `mail-${id}`, leaf: (payload) => attached(type, name, mailWith(payload)) };
    yield { class: 'A60', id: `mail-${id}-lf`, leaf: (payload) => attached(type, name, lf(mailWith(payload))) };
    yield {
      class: 'A60',
      id: `mail-${id}-7bit`,
      leaf: (payload) =>
        `Content-Type: ${type}${name === '' ? '' : `; name=${name}`}\r\n\r\n${mailWith(payload).toString('latin1')}`,
    };
  }
  yield {
    class: 'A60',
    id: 'mail-mbox',
    leaf: (payload) =>
      attached(
        'application/mbox',
        'a.mbox',
        Buffer.concat([bytes('From ann@client.example Mon Feb  2 10:00:00 2026\n'), lf(mailWith(payload))]),
      ),
  };
  yield {
    class: 'A60',
    id: 'mail-twice',
    leaf: (payload) => attached(octets, 'a.eml', bytes(`${envelope}${attached(octets, 'b.eml', mailWith(payload))}`)),
  };
  yield {
    class: 'A60',
    id: 'mail-forwarded-inline',
    leaf: (payload) =>
      `Content-Type: text/plain\r\n\r\nSee:\r\n\r\n-----Original Message-----\r\nFrom: x@client.example\r\n\r\n${uuencoded(payload)}`,
  };
}

const partials: readonly (readonly [string, string])[] = [
  ['first', 'id="x@client.example"; number=1; total=2'],
  ['last', 'id="x@client.example"; number=2; total=2'],
  ['only', 'id="x@client.example"; number=1; total=1'],
  ['no-total', 'id="x@client.example"; number=1'],
  ['no-parameters', ''],
];

const externals: readonly (readonly [string, string])[] = [
  ['url', 'access-type=URL; URL="http://client.example/update.exe"'],
  ['ftp', 'access-type=ftp; site=client.example; name=update.exe'],
  ['anon-ftp', 'access-type=anon-ftp; site=client.example; name=update.exe'],
  ['tftp', 'access-type=tftp; site=client.example; name=update.exe'],
  ['local', 'access-type=local-file; name="/tmp/update.exe"'],
  ['afs', 'access-type=afs; name="/afs/update.exe"'],
  ['mail-server', 'access-type=mail-server; server="get@client.example"'],
  ['unknown', 'access-type=x-other'],
  ['none', ''],
];

function* elsewhere(): Generator<LeafTrick> {
  for (const [id, parameters] of partials) {
    yield {
      class: 'A61',
      id,
      leaf: (payload) =>
        `Content-Type: message/partial; ${parameters}\r\n\r\n${envelope}${uuencoded(payload).slice(0, 500)}`,
    };
    yield {
      class: 'A61',
      id: `${id}-upper`,
      leaf: (payload) => `Content-Type: MESSAGE/PARTIAL; ${parameters}\r\n\r\n${base64(payload).slice(0, 200)}`,
    };
  }
  // What the reference leads to is nowhere in the mail, so only unscannable is right.
  for (const [id, parameters] of externals) {
    yield {
      class: 'A62',
      id,
      leaf: () =>
        `Content-Type: message/external-body; ${parameters}\r\n\r\nContent-Type: ${octets}\r\nContent-ID: <1@client.example>\r\n\r\n`,
    };
  }
}

const leafHeaders: readonly (readonly [string, string])[] = [
  ['image-cid', 'Content-Type: image/png\r\nContent-ID: <1@client.example>\r\n'],
  ['image-inline', 'Content-Type: image/png\r\nContent-Disposition: inline\r\n'],
  ['image-bare', 'Content-Type: image/png\r\n'],
  ['octets-bare', `Content-Type: ${octets}\r\n`],
  ['octets-inline', `Content-Type: ${octets}\r\nContent-Disposition: inline; filename=a.exe\r\n`],
  ['disposition-only', 'Content-Disposition: attachment; filename=a.exe\r\n'],
  ['disposition-odd', `Content-Type: ${octets}\r\nContent-Disposition: x-foo\r\n`],
  ['text-attachment', 'Content-Type: text/plain\r\nContent-Disposition: attachment\r\n'],
  ['text-named', 'Content-Type: text/plain; name=a.exe\r\n'],
  ['text-description', 'Content-Type: text/x-unknown\r\nContent-Description: update.exe\r\n'],
  ['html-attachment', 'Content-Type: text/html\r\nContent-Disposition: attachment; filename=a.html\r\n'],
  ['calendar', 'Content-Type: text/calendar; method=REQUEST\r\n'],
  ['rtf', 'Content-Type: text/rtf\r\n'],
  ['audio', 'Content-Type: audio/wav; name=voice.wav\r\n'],
  ['model', 'Content-Type: model/vrml\r\n'],
  ['font', 'Content-Type: font/ttf\r\n'],
  ['top-unknown', 'Content-Type: x-foo/x-bar\r\n'],
  ['top-chemical', 'Content-Type: chemical/x-pdb; name=a.pdb\r\n'],
  ['location-only', `Content-Type: ${octets}\r\nContent-Location: update.exe\r\n`],
  ['delivery-status', 'Content-Type: message/delivery-status\r\n'],
  ['disposition-notification', 'Content-Type: message/disposition-notification\r\n'],
  ['http', 'Content-Type: message/http\r\n'],
  ['feedback', 'Content-Type: message/feedback-report\r\n'],
  ['rfc822-headers', 'Content-Type: text/rfc822-headers\r\n'],
  ['pgp-keys', 'Content-Type: application/pgp-keys\r\n'],
  ['none', ''],
];

function* leaves(): Generator<LeafTrick> {
  for (const [id, fields] of leafHeaders) {
    yield { class: 'A65', id: `leaf-${id}`, leaf: (payload) => `${fields}${base64Field}\r\n${base64(payload)}` };
    yield {
      class: 'A65',
      id: `leaf-${id}-qp`,
      leaf: (payload) => `${fields}Content-Transfer-Encoding: quoted-printable\r\n\r\n${quoted(payload)}`,
    };
  }
  yield {
    class: 'A65',
    id: 'leaf-binary',
    text: true,
    leaf: (payload) => file('Content-Transfer-Encoding: binary\r\n', payload.toString('latin1')),
  };
}

export const containerLeaves: readonly LeafTrick[] = [...packed(), ...mailFiles(), ...elsewhere(), ...leaves()];
