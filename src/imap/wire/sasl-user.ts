/**
 * Whose mailbox a SASL exchange (RFC 4422) opens, as far as the mechanism says it in the clear. The rest of an exchange
 * is the client's and the server's own business.
 */

/**
 * The identity to act as, or else the one that authenticates.
 *
 * @param mechanism upper case
 * @param responses what the client sent, base64, the initial response first when there was one
 * @returns undefined when the mechanism does not tell it, or it is not well-formed
 */
export function saslUser(mechanism: string, responses: readonly Buffer[]): string | undefined {
  // A server that has nothing to ask first sends an empty challenge, so the first response is the same either way.
  const first = decoded(responses[0]);
  if (first === undefined) return undefined;
  try {
    return reader(mechanism)?.(first) || undefined;
  } finally {
    first.fill(0);
  }
}

type Reader = (response: Buffer) => string | undefined;

const readers: Readonly<Record<string, Reader | undefined>> = {
  // RFC 4616: authzid NUL authcid NUL passwd
  PLAIN: (response) => {
    const authcid = response.indexOf(0);
    const password = authcid === -1 ? -1 : response.indexOf(0, authcid + 1);
    if (password === -1) return undefined;
    return text(response.subarray(0, authcid)) || text(response.subarray(authcid + 1, password));
  },
  LOGIN: text,
  'CRAM-MD5': (response) => beforeLast(response, 0x20), // RFC 2195
  XOAUTH2: (response) => /^user=([^\x01]*)\x01/.exec(text(response) ?? '')?.[1],
  OAUTHBEARER: gs2Identity, // RFC 7628 §3.1
  SCRAM: (response) => gs2Identity(response) || scramName(response),
};

function reader(mechanism: string): Reader | undefined {
  const family = mechanism.startsWith('SCRAM-') ? 'SCRAM' : mechanism;
  return Object.hasOwn(readers, family) ? readers[family] : undefined;
}

/** RFC 5801 §4: `n,a=authzid,` */
function gs2Identity(response: Buffer): string | undefined {
  return saslName(/^(?:n|y|p=[^,]*),a=([^,]*),/.exec(text(response) ?? '')?.[1]);
}

/** RFC 5802 §7: `n,,n=user,r=…` */
function scramName(response: Buffer): string | undefined {
  return saslName(/^[^,]*,[^,]*,(?:m=[^,]*,)?n=([^,]*),/.exec(text(response) ?? '')?.[1]);
}

function saslName(name: string | undefined): string | undefined {
  return name?.replace(/=2C/gi, ',').replace(/=3D/gi, '=');
}

function beforeLast(response: Buffer, octet: number): string | undefined {
  const at = response.lastIndexOf(octet);
  return at === -1 ? undefined : text(response.subarray(0, at));
}

/** UTF-8; other octets would name somebody else than the server reads. */
function text(octets: Buffer): string | undefined {
  const decodedText = octets.toString('utf8');
  return Buffer.from(decodedText, 'utf8').equals(octets) ? decodedText : undefined;
}

function decoded(base64: Buffer | undefined): Buffer | undefined {
  if (base64 === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64.toString('latin1'))) return undefined;
  return Buffer.from(base64.toString('latin1'), 'base64');
}
