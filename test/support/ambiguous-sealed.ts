/** Payloads in what is signed, compressed or pretends to be encrypted: S/MIME, OpenPGP, and multiparts of any subtype. */
import { attached, bytes, octets } from './ambiguous-container.js';
import {
  armoured,
  type CmsForm,
  compressedData,
  envelopedData,
  pgpLiteral,
  signedData,
  zipOf,
} from './ambiguous-file.js';
import { base64, quoted } from './ambiguous-payload.js';
import { body, type LeafTrick, multipart, plainFile, type ShapeTrick, textPart } from './ambiguous-shape.js';

const smimeTypes: readonly (readonly [string, string, string])[] = [
  ['pkcs7', 'application/pkcs7-mime; smime-type=signed-data', 'smime.p7m'],
  ['x-pkcs7', 'application/x-pkcs7-mime; smime-type=signed-data', 'smime.p7m'],
  ['no-smime-type', 'application/pkcs7-mime', ''],
  ['octets', octets, 'smime.p7m'],
  ['octets-upper', octets, 'SMIME.P7M'],
  ['octets-no-name', octets, ''],
  ['lies', 'application/pkcs7-mime; smime-type=enveloped-data', 'smime.p7m'],
];

const entity = (payload: Buffer) => bytes(multipart('=_signed', [textPart, plainFile(payload)]));
const smimeType = 'application/pkcs7-mime';

function* smime(): Generator<LeafTrick> {
  for (const [id, type, name] of smimeTypes) {
    for (const form of ['der', 'ber', 'chunks'] satisfies CmsForm[]) {
      yield {
        class: 'A63',
        id: `${id}-${form}`,
        leaf: (payload) => attached(type, name, signedData(entity(payload), form)),
      };
    }
  }
}

function* smimeOnce(): Generator<LeafTrick> {
  const type = smimeType;
  yield {
    class: 'A63',
    id: 'single-entity',
    leaf: (payload) => attached(type, 'smime.p7m', signedData(bytes(plainFile(payload)))),
  };
  yield { class: 'A63', id: 'not-an-entity', leaf: (payload) => attached(type, 'smime.p7m', signedData(payload)) };
  yield {
    class: 'A63',
    id: 'compressed',
    leaf: (payload) => attached(`${type}; smime-type=compressed-data`, 'smime.p7z', compressedData(entity(payload))),
  };
  yield {
    class: 'A63',
    id: 'compressed-ber',
    leaf: (payload) => attached(type, 'smime.p7z', compressedData(entity(payload), 'chunks')),
  };
  const again = (inner: Buffer) => bytes(attached(type, 'smime.p7m', inner));
  yield {
    class: 'A63',
    id: 'signed-signed',
    leaf: (payload) => attached(type, 'smime.p7m', signedData(again(signedData(entity(payload))))),
  };
  yield {
    class: 'A63',
    id: 'signed-compressed',
    leaf: (payload) => attached(type, 'smime.p7m', signedData(again(compressedData(entity(payload))))),
  };
  yield {
    class: 'A63',
    id: 'compressed-signed',
    leaf: (payload) => attached(type, 'smime.p7z', compressedData(again(signedData(entity(payload))))),
  };
  yield {
    class: 'A63',
    id: 'in-zip',
    leaf: (payload) => attached('application/zip', 'a.zip', zipOf('smime.p7m', signedData(entity(payload)))),
  };
  yield {
    class: 'A63',
    id: 'pem',
    leaf: (payload) =>
      attached(
        octets,
        'a.p7m',
        bytes(`-----BEGIN PKCS7-----\n${base64(signedData(entity(payload)), 64, '\n')}-----END PKCS7-----\n`),
      ),
  };
  yield {
    class: 'A63',
    id: 'binary',
    leaf: (payload) =>
      `Content-Type: ${type}\r\nContent-Transfer-Encoding: binary\r\n\r\n${signedData(entity(payload)).toString('latin1')}`,
  };
  yield {
    class: 'A63',
    id: 'qp',
    leaf: (payload) =>
      `Content-Type: ${type}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quoted(signedData(entity(payload)))}`,
  };
}

function* openPgp(): Generator<LeafTrick> {
  for (const [id, zip] of [
    ['literal', false],
    ['compressed', true],
  ] as const) {
    const packets = (payload: Buffer) => pgpLiteral('update.exe', payload, zip);
    yield {
      class: 'A55',
      id: `pgp-${id}-inline`,
      leaf: (payload) => `Content-Type: text/plain\r\n\r\n${armoured(packets(payload))}`,
    };
    yield {
      class: 'A55',
      id: `pgp-${id}-file`,
      leaf: (payload) => attached('application/pgp-encrypted', 'a.pgp', packets(payload)),
    };
    yield {
      class: 'A55',
      id: `pgp-${id}-asc`,
      leaf: (payload) => attached(octets, 'a.asc', bytes(armoured(packets(payload)))),
    };
  }
}

const signature = attached(
  'application/pgp-signature',
  'signature.asc',
  bytes('-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n'),
);
const version = 'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n';

function secured(subtype: string, parameters: string, parts: readonly string[]): string {
  return `Content-Type: multipart/${subtype}; boundary=sec; ${parameters}\r\n\r\n${body('sec', parts)}`;
}

const subtypes = [
  'alternative',
  'related',
  'report',
  'parallel',
  'form-data',
  'x-mixed-replace',
  'byteranges',
  'header-set',
  'x-unknown',
  'voice-message',
  'appledouble',
  'fax-message',
  'signed',
  'encrypted',
  'digest',
];

export const sealedShapes: readonly ShapeTrick[] = [
  {
    class: 'A64',
    id: 'signed-first',
    shape: (part) => secured('signed', 'micalg=pgp-sha256; protocol="application/pgp-signature"', [part, signature]),
  },
  {
    class: 'A64',
    id: 'signed-third',
    shape: (part) => secured('signed', 'protocol="application/pgp-signature"', [textPart, signature, part]),
  },
  {
    class: 'A64',
    id: 'signed-as-signature',
    shape: (part) => secured('signed', 'protocol="application/pgp-signature"', [textPart, part]),
  },
  { class: 'A64', id: 'signed-only', shape: (part) => secured('signed', '', [part]) },
  {
    class: 'A64',
    id: 'signed-nested',
    shape: (part) =>
      secured('signed', 'protocol="application/pkcs7-signature"', [multipart('x', [textPart, part]), signature]),
  },
  {
    class: 'A64',
    id: 'encrypted-plain',
    shape: (part) => secured('encrypted', 'protocol="application/pgp-encrypted"', [version, part]),
  },
  {
    class: 'A64',
    id: 'encrypted-first',
    shape: (part) => secured('encrypted', 'protocol="application/pgp-encrypted"', [part, version]),
  },
  {
    class: 'A64',
    id: 'encrypted-third',
    shape: (part) => secured('encrypted', 'protocol="application/pgp-encrypted"', [version, signature, part]),
  },
  ...subtypes.flatMap((subtype): ShapeTrick[] => [
    { class: 'A65', id: `subtype-${subtype}`, shape: (part) => multipart('b', [textPart, part], subtype) },
    { class: 'A65', id: `subtype-${subtype}-first`, shape: (part) => multipart('b', [part, textPart], subtype) },
  ]),
];

/** What is sealed cannot be extracted; it must be called by its name. */
export const encryptedLeaves: readonly LeafTrick[] = [
  {
    class: 'A63',
    id: 'enveloped',
    leaf: (payload) =>
      attached('application/pkcs7-mime; smime-type=enveloped-data', 'smime.p7m', envelopedData(payload)),
  },
  { class: 'A63', id: 'enveloped-octets', leaf: (payload) => attached(octets, 'smime.p7m', envelopedData(payload)) },
];

export const sealedLeaves: readonly LeafTrick[] = [...smime(), ...smimeOnce(), ...openPgp()];
