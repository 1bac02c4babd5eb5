/**
 * Makes the mail in which a message is released with its attachments in an encrypted archive: the original's own
 * sender, recipients, subject and date, its text, the archive, and the password in a text file beside it. A function
 * of message and secret, so that a release that is tried again sends the same bytes. It runs in a worker thread.
 */
import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { type AddressObject, type Attachment, type EmailAddress, type ParsedMail, simpleParser } from 'mailparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import { binhexFiles } from '../mime/binhex.js';
import { uuencodedFiles } from '../mime/uuencode.js';
import { yencFiles } from '../mime/yenc.js';
import { cleanLine } from '../notice/clean.js';
import { stableMessageId } from '../notice/compose.js';
import { GateError, messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { readSource, type SpoolSource, sourceChunks } from '../runtime/spool-source.js';
import { encryptedZip, type ZipMember } from './encrypted-zip.js';
import { memberNames } from './member-names.js';
import { writeFully } from './seal.js';

export interface ParcelRequest {
  /** the original, opened */
  readonly source: SpoolSource;
  /** an empty private file of the caller's, which keeps it */
  readonly fd: number;
  /** the item's identifier */
  readonly id: string;
  /** the item's own, 32 bytes: password and salts are made from it */
  readonly secret: Uint8Array;
  /** mailbox whose domain the Message-ID has */
  readonly from: string;
  /** ms since 1970, for a message without a date */
  readonly receivedAt: number;
}

export interface BuiltParcel {
  readonly bytes: number;
  /** lower-case hex */
  readonly sha256: string;
}

interface Content {
  readonly name: string | undefined;
  readonly type: string;
  readonly bytes: Buffer;
}

/** 32 characters of which no two look alike in most typefaces; five bits each. */
const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const passwordCharacters = 16;

function derived(secret: Uint8Array, ...about: readonly string[]): Buffer {
  return createHmac('sha256', secret).update(JSON.stringify(about)).digest();
}

export function parcelPassword(secret: Uint8Array): string {
  const bytes = derived(secret, 'password').subarray(0, passwordCharacters);
  return Array.from(bytes, (byte) => alphabet.charAt(byte & 31)).join('');
}

// What is switched off would not be used, and costs time that a stranger decides about.
const options = { skipTextToHtml: true, skipImageLinks: true, keepCidLinks: true } as const;

async function parsed(source: SpoolSource): Promise<ParsedMail> {
  const chunks = Readable.from(sourceChunks(source, 0, source.length), { objectMode: false });
  return simpleParser(chunks, { ...options, skipHtmlToText: true });
}

/** The text of a mail that has none but in HTML; undefined when none can be made of that. */
async function textOfHtml(html: string): Promise<string | undefined> {
  if (html.length > limits.parcel.htmlCharacters) return undefined;
  try {
    // The parser makes text only of a mail that is nothing but HTML.
    const { text } = await simpleParser(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`, options);
    return text;
  } catch {
    // It goes into the archive like all HTML, and the text is missing.
    return undefined;
  }
}

/** Whether a text brings a file along in an encoding of its own: some mail programs show it as an attachment. */
function carriesFiles(text: string): boolean {
  const bytes = Buffer.from(text, 'utf8');
  return (
    uuencodedFiles(bytes, false, 1).length > 0 ||
    yencFiles(bytes, false).length > 0 ||
    binhexFiles(bytes, false, 1).length > 0
  );
}

function attached({ filename, contentType, content }: Attachment): Content {
  return { name: filename, type: contentType, bytes: content };
}

interface Split {
  /** what may stand in the open; undefined when there is nothing, or it belongs into the archive */
  readonly text: string | undefined;
  readonly contents: readonly Content[];
}

/** What is written in the open, and what is locked away. Where no attachment is found, that is the whole message. */
async function split(mail: ParsedMail, source: SpoolSource): Promise<Split> {
  const contents = mail.attachments.map(attached);
  if (contents.length === 0) {
    const whole = readSource(source, 0, source.length);
    return { text: undefined, contents: [{ name: 'message.eml', type: 'message/rfc822', bytes: whole }] };
  }
  if (typeof mail.html === 'string') {
    contents.push({ name: 'message.html', type: 'text/html', bytes: Buffer.from(mail.html, 'utf8') });
  }
  const written = mail.text ?? '';
  const text = written.trim() === '' && typeof mail.html === 'string' ? await textOfHtml(mail.html) : written;
  if (text === undefined) return { text, contents };
  if (text.length <= limits.parcel.textCharacters && !carriesFiles(text)) return { text, contents };
  contents.push({ name: 'message.txt', type: 'text/plain', bytes: Buffer.from(text, 'utf8') });
  return { text: undefined, contents };
}

function zipOf(contents: readonly Content[], request: ParcelRequest, password: string): Buffer {
  if (contents.length > limits.parcel.membersMax) {
    throw refusal(`it has ${contents.length} attachments, at most ${limits.parcel.membersMax} are put into an archive`);
  }
  const total = contents.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > limits.parcel.contentBytes) throw refusal(`its attachments have ${total} bytes`);
  const names = memberNames(contents);
  const members = contents.map(({ bytes }, index): ZipMember => {
    const name = names[index] ?? `attachment-${index + 1}`;
    const digest = createHash('sha256').update(bytes).digest('hex');
    const salt = derived(request.secret, 'salt', String(index), name, digest).subarray(0, 16);
    return { name, content: bytes, salt };
  });
  return encryptedZip(members, password, request.receivedAt);
}

function refusal(why: string): GateError {
  return new GateError('open-failed', `the message cannot be released as a ZIP archive: ${why}; release the original`, {
    temporary: false,
  });
}

type Mailbox = { readonly name: string; readonly address: string };

/** Groups are dissolved; what has no address is left out. */
function mailboxesOf(field: AddressObject | AddressObject[] | undefined): Mailbox[] {
  const objects = field === undefined ? [] : Array.isArray(field) ? field : [field];
  const flat = (entries: readonly EmailAddress[]): EmailAddress[] =>
    entries.flatMap((entry) => (entry.group === undefined ? [entry] : flat(entry.group)));
  return objects
    .flatMap(({ value }) => flat(value))
    .flatMap(({ name, address }) =>
      address === undefined || address === '' ? [] : [{ name: cleanLine(name ?? '', 200), address }],
    )
    .slice(0, limits.parcel.addressesMax);
}

/** Stands in for a From field that cannot be used: nobody, and above all nobody of ours. */
const unknownSender: Mailbox = { name: 'Unknown sender', address: 'unknown@sender.invalid' };

function bodyText(text: string | undefined): string {
  const where =
    'The attachments of this message are in the archive attachments.zip. Its password is in the file password.txt.';
  return text === undefined || text.trim() === ''
    ? `${where}\n`
    : `${where}\n\n${'-'.repeat(64)}\n\n${text.replace(/\r\n?/g, '\n')}`;
}

function composed(mail: ParsedMail, text: string | undefined, zip: Buffer, request: ParcelRequest): MailComposer {
  const [from, ...others] = mailboxesOf(mail.from);
  const messageId = stableMessageId(request.from, 'parcel', request.id, mail.messageId ?? '');
  const date = mail.date === undefined || Number.isNaN(mail.date.getTime()) ? new Date(request.receivedAt) : mail.date;
  return new MailComposer({
    from: from === undefined ? unknownSender : [from, ...others],
    to: mailboxesOf(mail.to),
    cc: mailboxesOf(mail.cc),
    replyTo: mailboxesOf(mail.replyTo),
    subject: cleanLine(mail.subject ?? '', limits.parcel.subjectCharacters),
    date,
    messageId,
    // The thread that the original belongs to.
    ...(mail.messageId === undefined ? {} : { references: cleanLine(mail.messageId, 500) }),
    text: bodyText(text),
    attachments: [
      { filename: 'attachments.zip', contentType: 'application/zip', content: zip },
      {
        filename: 'password.txt',
        contentType: 'text/plain; charset=us-ascii',
        content: `${parcelPassword(request.secret)}\r\n`,
      },
    ],
    baseBoundary: createHash('sha256').update(messageId).digest('hex').slice(0, 24),
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

async function write(composer: MailComposer, fd: number): Promise<BuiltParcel> {
  const hash = createHash('sha256');
  let bytes = 0;
  let last: Buffer = Buffer.alloc(0);
  const put = (chunk: Buffer) => {
    writeFully(fd, chunk);
    hash.update(chunk);
    bytes += chunk.length;
    last = Buffer.concat([last, chunk.subarray(-2)]).subarray(-2);
  };
  for await (const chunk of composer.compile().createReadStream()) put(Buffer.from(chunk));
  if (last.toString('latin1') !== '\r\n') put(Buffer.from('\r\n'));
  return { bytes, sha256: hash.digest('hex') };
}

/** Errors of the disk pass; anything else that goes wrong with a message goes wrong again. */
function isDisk(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO';
}

/** Rejects with `open-failed`, for good when the message is to blame. */
export async function buildParcel(request: ParcelRequest): Promise<BuiltParcel> {
  const { source, secret, fd } = request;
  if (source.length > limits.parcel.messageBytes) {
    throw refusal(`it has ${source.length} bytes, the limit is ${limits.parcel.messageBytes}`);
  }
  try {
    const mail = await parsed(source);
    const { text, contents } = await split(mail, source);
    const zip = zipOf(contents, request, parcelPassword(secret));
    return await write(composed(mail, text, zip, request), fd);
  } catch (error) {
    if (error instanceof GateError) throw error;
    if (isDisk(error)) throw new GateError('open-failed', messageOf(error), { cause: error });
    throw refusal(messageOf(error));
  }
}
