/** FETCH of the demonstration's mailboxes: what a message holds, and what its mailbox knows of it (RFC 9051 §7.5.2). */
import { answerItem, isContentItem } from '../../imap/message/stored-message.js';
import type { FetchItem, FetchRequest } from '../../imap/wire/wire.js';
import type { Mail } from './mailbox-store.js';
import { flagList, type MailboxView, type Numbered } from './mailbox-view.js';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `"02-Feb-2026 10:00:00 +0000"` */
export function internalDate(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':');
  return `"${two(date.getUTCDate())}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()} ${time} +0000"`;
}

const mailboxItems: Readonly<Record<string, (mail: Mail) => string>> = {
  UID: ({ uid }) => `UID ${uid}`,
  FLAGS: flagList,
  INTERNALDATE: ({ date }) => `INTERNALDATE ${internalDate(date)}`,
};

/** Items that count as reading the message (RFC 9051 §6.4.5). */
const reading = ['BODY[]', 'BINARY[]', 'RFC822', 'RFC822.TEXT'];

function answer(mail: Mail, item: FetchItem): Buffer {
  const own = mailboxItems[item.name];
  return own === undefined ? answerItem(mail.message, item) : Buffer.from(own(mail));
}

export function unknownItem({ items }: FetchRequest): string | undefined {
  return items.find(({ name }) => mailboxItems[name] === undefined && !isContentItem(name))?.name;
}

function oneOf({ sequence, mail }: Numbered, items: readonly FetchItem[]): Buffer {
  const pieces = items.flatMap((item) => [Buffer.from(' '), answer(mail, item)]).slice(1);
  return Buffer.concat([Buffer.from(`* ${sequence} FETCH (`), ...pieces, Buffer.from(')\r\n')]);
}

function plain(name: string): FetchItem {
  return { name, section: undefined, partial: undefined, lazy: false };
}

/** Writes a response for each message, and marks as seen what was read. */
export function fetchAll(
  view: MailboxView,
  chosen: readonly Numbered[],
  request: FetchRequest,
  write: (bytes: Buffer) => void,
): void {
  const asked = (name: string) => request.items.some((item) => item.name === name);
  const reads = !view.readOnly && request.items.some(({ name }) => reading.includes(name));
  for (const { sequence, mail } of chosen) {
    const seen = reads && !mail.flags.has('\\Seen');
    const current = (seen ? view.mailbox.setFlags(mail.uid, [...mail.flags, '\\Seen']) : undefined) ?? mail;
    const items = [
      ...(request.uid && !asked('UID') ? [plain('UID')] : []),
      ...request.items,
      ...(seen && !asked('FLAGS') ? [plain('FLAGS')] : []),
    ];
    if (seen || asked('FLAGS')) view.told(current);
    write(oneOf({ sequence, mail: current }, items));
  }
}
