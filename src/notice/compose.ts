/**
 * Turns finished text into a mail: fields, alternatives, transfer encodings. Everything that usually comes from a
 * clock or from chance is an argument, so that the same facts always give the same bytes.
 */
import { createHash } from 'node:crypto';
import MailComposer from 'nodemailer/lib/mail-composer';

export interface AutomaticMail {
  /** mailbox, with or without a display name */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  /** ms since 1970 */
  readonly date: number;
  /** with angle brackets */
  readonly messageId: string;
  readonly text: string;
  /** further fields of the header, 7-bit */
  readonly fields?: Readonly<Record<string, string>>;
  readonly html?: string | undefined;
}

function domainOf(mailbox: string): string {
  const match = /@([A-Za-z0-9.-]+)>?\s*$/.exec(mailbox);
  return match?.[1]?.toLowerCase() ?? 'localhost';
}

/** A Message-ID that is a function of what the mail is about, so that a mail sent twice is recognised as one. */
export function stableMessageId(from: string, ...about: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 32);
  return `<${digest}@${domainOf(from)}>`;
}

/**
 * The recipient for the To field. A local part beyond ASCII cannot be written in a 7-bit header (RFC 6532), and one
 * with control characters has no business there: the envelope knows who is meant.
 */
function toField(address: string): { to: { name: string; address: string } } | { headers: { To: string } } {
  const safe = /^[\x21-\x7e]+@[^\u0000-\u0020\u007f<>,;:"()[\]\\]+$/.test(address) && !/[<>,;:"()[\]\\]/.test(address);
  return safe ? { to: { name: '', address } } : { headers: { To: 'undisclosed-recipients:;' } };
}

/** The bytes as they are sent: 7-bit, CRLF. */
export async function composeMail(mail: AutomaticMail): Promise<Buffer> {
  const { headers, ...address } = { headers: {}, ...toField(mail.to) };
  const node = new MailComposer({
    ...address,
    from: mail.from,
    subject: mail.subject,
    date: new Date(mail.date),
    messageId: mail.messageId,
    text: mail.text,
    ...(mail.html === undefined ? {} : { html: mail.html }),
    headers: {
      ...headers,
      ...mail.fields,
      // RFC 3834 §5: `auto-replied` is for an answer to the author of a message. This goes to somebody else, of our
      // own accord, so it is `auto-generated`; either keeps vacation programs from answering.
      'Auto-Submitted': 'auto-generated',
      // Exchange and Outlook answer automatic mail unless this asks them not to.
      'X-Auto-Response-Suppress': 'All',
    },
    baseBoundary: createHash('sha256').update(mail.messageId).digest('hex').slice(0, 24),
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const bytes = await node.build();
  return bytes.subarray(-2).toString('latin1') === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')]);
}
