/** A mail with one attachment, of which a case changes one thing. */
export interface ViewCase {
  readonly name: string;
  readonly mail: Buffer;
  readonly payload: Buffer;
}

/** bytes that no text has, and of a length that ends inside a base64 group */
export const payload = Buffer.from(Array.from({ length: 301 }, (_, index) => (index * 89 + (index >> 3)) & 255));
export const textPayload = Buffer.from(
  'X-lines that are sent as they are\r\n=?second? line, with = and - and more\r\nthe end',
);

export const n = '\r\n';
export const lines64 = (payload.toString('base64').match(/.{1,76}/g) ?? []).join(n);
export const quoted = [...payload]
  .map((byte, index) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}${index % 24 === 23 ? `=${n}` : ''}`)
  .join('');
export const top = `From: a@b.example${n}To: c@d.example${n}Subject: test${n}MIME-Version: 1.0${n}`;
export const attachment = `Content-Type: application/octet-stream; name="a.bin"${n}`;
export const base64 = `Content-Transfer-Encoding: base64${n}`;
export const text = `Content-Type: text/plain${n}${n}hello${n}`;
export const b64Part = `${attachment}${base64}${n}${lines64}${n}`;

export function latin(name: string, mail: string, expected = payload): ViewCase {
  return { name, mail: Buffer.from(mail, 'latin1'), payload: expected };
}

/** A multipart whose declaration, delimiters or parts are as given. */
export function multipart(given: {
  type?: string;
  open?: string;
  middle?: string;
  close?: string;
  part?: string;
  preamble?: string;
  epilogue?: string;
}): string {
  const type = given.type ?? `Content-Type: multipart/mixed; boundary="bound"${n}`;
  const open = given.open ?? `--bound${n}`;
  const middle = given.middle ?? open;
  const close = given.close ?? `--bound--${n}`;
  const preamble = given.preamble ?? `preamble${n}`;
  const part = given.part ?? b64Part;
  return `${top}${type}${n}${preamble}${open}${text}${middle}${part}${close}${given.epilogue ?? ''}`;
}

export function withEncoding(field: string, body = lines64): string {
  return multipart({ part: `${attachment}${field}${n}${body}${n}` });
}
