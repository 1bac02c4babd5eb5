/** The demonstration's second half: a mailbox with good and bad mail in it, read through the gate by a real client. */
import { ImapFlow } from 'imapflow';
import { people, writeEarlierLetter } from './letters.js';
import type { Delivery } from './mail-server.js';
import type { Mail, MemoryMailbox } from './mailbox-store.js';
import { wrappedTable } from './table.js';

export const mailboxPassword = 'demo';

const columns = [
  { title: 'IN THE MAILBOX', width: 38 },
  { title: 'WHAT THE CLIENT SEES', width: 40 },
  { title: 'BYTES, SAID AND READ', width: 22 },
] as const;

/** One message as the client was shown it. */
interface Seen {
  readonly uid: number;
  readonly subject: string;
  /** as announced */
  readonly size: number;
  readonly source: Buffer;
  /** part by part, as clients read large mails */
  readonly parts: readonly Buffer[];
}

/** Text that stands in the original and in nothing that stands in for it. */
function secretOf(original: Buffer): string {
  const encoded = /\r\n\r\n([A-Za-z0-9+/]{40,76})\r\n/.exec(original.toString('latin1'))?.[1];
  return encoded ?? original.toString('latin1').slice(-40);
}

function subjectOf(mail: Buffer): string {
  return /^Subject: ([^\r\n]*)/m.exec(mail.toString('latin1'))?.[1] ?? '';
}

async function readAll(port: number): Promise<Seen[]> {
  const auth = { user: people.anna, pass: mailboxPassword };
  const client = new ImapFlow({ host: '127.0.0.1', port, secure: false, auth, logger: false });
  await client.connect();
  try {
    await client.mailboxOpen('INBOX');
    const seen: Seen[] = [];
    for (const { uid, envelope, size, source } of await client.fetchAll('1:*', {
      envelope: true,
      size: true,
      source: true,
    })) {
      seen.push({
        uid,
        subject: envelope?.subject ?? '',
        size: size ?? -1,
        source: source ?? Buffer.alloc(0),
        parts: [],
      });
    }
    return await Promise.all(seen.map(async (one) => ({ ...one, parts: await readParts(client, one.uid) })));
  } finally {
    await client.logout();
  }
}

async function readParts(client: ImapFlow, uid: number): Promise<Buffer[]> {
  const found = await client.fetchOne(String(uid), { bodyParts: ['header', 'text', '1', '2'] }, { uid: true });
  if (found === undefined || found === false) return [];
  return [...(found.bodyParts?.values() ?? [])].filter((part) => part !== null);
}

function faultsOf(mail: Mail, bad: boolean, seen: Seen | undefined): string[] {
  const faults: string[] = [];
  const expect = (met: boolean, fault: string) => {
    if (!met) faults.push(`over IMAP, ${subjectOf(mail.bytes)}: ${fault}`);
  };
  if (seen === undefined) return [`over IMAP, ${subjectOf(mail.bytes)}: it is not there`];
  expect(seen.size === seen.source.length, `${seen.size} bytes are announced, ${seen.source.length} were read`);
  if (!bad) {
    expect(seen.source.equals(mail.bytes), 'what was read is not what lies in the mailbox');
    return faults;
  }
  const secret = secretOf(mail.bytes);
  expect(referenceOf(seen.source) !== undefined, 'there is no notice in its place');
  const all = [seen.source, ...seen.parts];
  expect(!all.some((bytes) => bytes.includes(secret)), 'some of the original was shown');
  expect(
    seen.parts.every((part) => seen.source.includes(part)),
    'its parts are not those of the whole',
  );
  return faults;
}

function rowOf(mail: Mail, seen: Seen | undefined): string[] {
  const there = `${subjectOf(mail.bytes)}\n${mail.bytes.length} bytes`;
  if (seen === undefined) return [there, 'nothing', ''];
  const same = seen.source.equals(mail.bytes);
  return [
    there,
    same ? 'the mail, byte for byte' : `in its place: ${seen.subject}`,
    `${seen.size}, ${seen.source.length}`,
  ];
}

/** Where and how the mailbox is read, and the command line beside the running gate. */
export interface MailboxTour {
  readonly port: number;
  readonly inbox: MemoryMailbox;
  readonly deliveries: readonly Delivery[];
  readonly print: (text: string) => void;
  readonly release: (item: string) => Promise<number>;
}

/**
 * Fills the mailbox with what arrived, and one bad mail from before the gate; prints what a client sees.
 * @returns what is not as it should be
 */
export async function readThroughGate(tour: MailboxTour): Promise<string[]> {
  const { port, inbox, deliveries, print } = tour;
  const earlier = await writeEarlierLetter();
  const old = inbox.append(earlier.message, ['\\Seen'], new Date(0));
  for (const { content, recipients } of deliveries) {
    if (recipients.includes(people.anna)) inbox.append(content, [], new Date());
  }
  const seen = await readAll(port);
  const ofMail = ({ uid }: Mail) => seen.find((one) => one.uid === uid);
  print(
    `\nThe mailbox of ${people.anna}, read by an IMAP client through the gate. One mail came before there was a gate:\n`,
  );
  print(
    wrappedTable(
      columns,
      inbox.mails.map((mail) => rowOf(mail, ofMail(mail))),
    ),
  );
  print(
    '\nThe notice is all that the client sees of the bad mail, whatever piece of it is asked for. The mail that was',
  );
  print('released before is shown as it is.\n');
  // A released mail lies there as well: somebody decided that she may have it.
  const faults = inbox.mails.flatMap((mail) => faultsOf(mail, mail === old, ofMail(mail)));
  const item = referenceOf(ofMail(old)?.source);
  return item === undefined ? faults : [...faults, ...(await releaseOld(tour, old, item))];
}

/** The item that a notice names. */
function referenceOf(notice: Buffer | undefined): string | undefined {
  return /\r\nReference: ([a-z2-7]{26})/.exec(notice?.toString('latin1') ?? '')?.[1];
}

async function releaseOld({ port, print, release }: MailboxTour, old: Mail, item: string): Promise<string[]> {
  print(`$ sluice quarantine release ${item}`);
  const code = await release(item);
  const seen = await readAll(port);
  const copies = seen.filter(({ source }) => source.equals(old.bytes));
  const [copy] = copies;
  if (code !== 0) return [`the release of the mail in the mailbox ended with ${code}`];
  if (copy === undefined || copies.length > 1) return [`over IMAP, the released mail is shown ${copies.length} times`];
  print(
    `Opened again, the mailbox has the original, byte for byte, with UID ${copy.uid} instead of ${old.uid}: so no client`,
  );
  print('takes it for the notice that it may have kept.');
  const notice = seen.some(({ source }) => referenceOf(source) === item);
  return notice || copy.uid === old.uid ? ['over IMAP, the notice of the released mail is still there'] : [];
}
