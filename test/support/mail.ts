/** Test mails as exact octets: every line ends with CRLF, nothing is dot-stuffed. */
import { randomBytes } from 'node:crypto';

/** The standard anti-virus test file, in two halves so that no scanner takes this source for it. */
export const eicar = Buffer.from(
  `X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-${'ANTIVIRUS-TEST-FILE!$H+H*'}`,
  'latin1',
);

export interface MailParts {
  readonly from?: string;
  readonly to?: string;
  readonly subject?: string;
  /** text of the first part, any octets, lines ended by CRLF */
  readonly text?: Buffer | string;
  readonly attachment?: { readonly name: string; readonly content: Buffer; readonly type?: string };
}

/** Lines of 76 characters, as RFC 2045 §6.8 wants them. */
export function base64Lines(content: Buffer): string {
  return content.toString('base64').replace(/.{1,76}/g, '$&\r\n');
}

function headerOf(parts: MailParts, type: string): string {
  return [
    `From: ${parts.from ?? 'alice@client.example'}`,
    `To: ${parts.to ?? 'bob@example.org'}`,
    `Subject: ${parts.subject ?? 'test'}`,
    'Date: Mon, 02 Feb 2026 10:00:00 +0000',
    `Message-ID: <${randomBytes(8).toString('hex')}@client.example>`,
    'MIME-Version: 1.0',
    `Content-Type: ${type}`,
    '',
    '',
  ].join('\r\n');
}

export function buildMail(parts: MailParts): Buffer {
  const text = Buffer.isBuffer(parts.text) ? parts.text : Buffer.from(parts.text ?? 'Hello.\r\n', 'latin1');
  if (parts.attachment === undefined) {
    return Buffer.concat([Buffer.from(headerOf(parts, 'text/plain; charset=iso-8859-1')), text]);
  }
  const { name, content, type } = parts.attachment;
  const boundary = `=_${randomBytes(12).toString('hex')}`;
  return Buffer.concat([
    Buffer.from(headerOf(parts, `multipart/mixed; boundary="${boundary}"`)),
    Buffer.from(`--${boundary}\r\nContent-Type: text/plain\r\n\r\n`),
    text,
    Buffer.from(`\r\n--${boundary}\r\nContent-Type: ${type ?? 'application/octet-stream'}; name="${name}"\r\n`),
    Buffer.from(`Content-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n`),
    Buffer.from(base64Lines(content), 'latin1'),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

export function eicarMail(parts: MailParts = {}): Buffer {
  return buildMail({ ...parts, attachment: { name: 'eicar.com', content: eicar } });
}

/** A multipart with EICAR whose first header lines, and octets before its part, are exactly those given. */
export function badMail(header: string, preamble = ''): Buffer {
  const type = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
  const part = '--b\r\nContent-Disposition: attachment; filename=e.com\r\nContent-Transfer-Encoding: base64\r\n\r\n';
  return Buffer.from(`${header}${type}${preamble}${part}${base64Lines(eicar)}--b--\r\n`, 'latin1');
}

/** Random content, so that no two mails share a digest. */
export function attachmentMail(bytes: number, parts: MailParts = {}): Buffer {
  return buildMail({ ...parts, attachment: { name: 'data.bin', content: randomBytes(bytes) } });
}

/** Every octet that CRLF framing allows (all but NUL, CR and LF), several times, in lines of at most 998. */
export function everyOctetMail(): Buffer {
  const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet).filter((o) => ![0, 10, 13].includes(o)));
  const line = Buffer.concat([octets, octets, octets, Buffer.from('\r\n')]);
  return buildMail({ text: Buffer.concat([line, line]) });
}

/** Lines that dot-stuffing and end-of-data detection could get wrong. */
export function dotMail(): Buffer {
  const lines = ['.', '..', '...', '.a', ' .', 'a.', '.', '', '.\t', '. .', '..\t.', '', ''];
  return buildMail({ text: Buffer.from(lines.join('\r\n'), 'latin1') });
}

/** Lines of 998 characters without and 1,000 with CRLF: what RFC 5321 §4.5.3.1.6 guarantees. */
export function longLineMail(): Buffer {
  const line = `${'0123456789'.repeat(99)}01234567\r\n`;
  const dotted = `${'.'.repeat(998)}\r\n`;
  return buildMail({ text: Buffer.from(line.repeat(3) + dotted, 'latin1') });
}

/** RFC 5321 §4.5.2, the sender's half, with the end-of-data line. A missing final CRLF is added, as it must be. */
export function dotStuff(message: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  if (message[0] === 0x2e) pieces.push(Buffer.from('.'));
  for (let at = message.indexOf('\r\n.'); at !== -1; at = message.indexOf('\r\n.', at + 2)) {
    pieces.push(message.subarray(from, at + 2), Buffer.from('.'));
    from = at + 2;
  }
  pieces.push(message.subarray(from));
  const ended = message.length === 0 || message.subarray(-2).equals(Buffer.from('\r\n'));
  pieces.push(Buffer.from(ended ? '.\r\n' : '\r\n.\r\n'));
  return Buffer.concat(pieces);
}

/** RFC 5321 §4.5.2, the receiver's half: `raw` without the end-of-data line. */
export function dotUnstuff(raw: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = raw[0] === 0x2e ? 1 : 0;
  for (let at = raw.indexOf('\r\n.'); at !== -1; at = raw.indexOf('\r\n.', at + 3)) {
    pieces.push(raw.subarray(from, at + 2));
    from = at + 3;
  }
  pieces.push(raw.subarray(from));
  return Buffer.concat(pieces);
}
