/**
 * Every form in which a client can ask for a message or a piece of it (RFC 9051 §6.4.5, RFC 3516, RFC 8970), and the
 * comparison of what two servers, or one and a gate before it, say to the same question.
 */
import type { ImapAnswer } from './imap-client.js';
import { fetchItemsOf, type ImapValue, plainValue } from './imap-values.js';

const sections = [
  '',
  'HEADER',
  'TEXT',
  '1',
  '2',
  '3',
  '1.1',
  '2.1',
  '2.2',
  '2.2.1',
  '1.MIME',
  '2.MIME',
  '2.1.MIME',
  '2.HEADER',
  '2.TEXT',
  'HEADER.FIELDS (SUBJECT FROM)',
  'HEADER.FIELDS ("Message-ID" X-None)',
  'HEADER.FIELDS.NOT (RECEIVED SUBJECT)',
  '2.HEADER.FIELDS (SUBJECT)',
  '2.HEADER.FIELDS.NOT (SUBJECT)',
  '9',
];

/** Of nothing, of one octet, across lines, of the first block as clients read it, and behind every end. */
const partials = [
  '<0.1>',
  '<5.100>',
  '<0.65536>',
  '<65536.65536>',
  '<100.4294967295>',
  '<4000000000.10>',
  '<30>',
  '<5.0>',
];

const others = [
  'RFC822',
  'RFC822.HEADER',
  'RFC822.TEXT',
  'RFC822.SIZE',
  'BODYSTRUCTURE',
  'BODY',
  'ENVELOPE',
  'PREVIEW',
  'PREVIEW (LAZY)',
  'FLAGS',
  'INTERNALDATE',
  'UID',
  'MODSEQ',
  'SAVEDATE',
  'ALL',
  'FAST',
  'FULL',
  'BINARY.PEEK[]',
  'BINARY[]',
  'BINARY.PEEK[1]',
  'BINARY[1]',
  'BINARY[2]',
  'BINARY.PEEK[2]<0.50>',
  'BINARY.PEEK[2]<50.100000>',
  'BINARY.SIZE[1]',
  'BINARY.SIZE[2]',
  'BINARY.SIZE[]',
  'BINARY.PEEK[HEADER]',
  'BINARY.PEEK[1.MIME]',
  'BINARY[HEADER.FIELDS (SUBJECT)]<3>',
];

const several = [
  '(FLAGS BODY[])',
  '(BODY[] FLAGS)',
  '(UID FLAGS INTERNALDATE RFC822.SIZE)',
  '(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date)])',
  '(UID RFC822.SIZE BODY.PEEK[])',
  '(BODY.PEEK[HEADER] BODY.PEEK[TEXT])',
  '(BODY[1] BODY[2])',
  '(BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2] BODY.PEEK[2.MIME])',
  '(BODYSTRUCTURE ENVELOPE RFC822.SIZE BODY.PEEK[])',
  '(ENVELOPE FLAGS)',
  '(FLAGS ENVELOPE BODY)',
  '(RFC822.HEADER RFC822.TEXT)',
  '(BODY.PEEK[]<0.100> BODY.PEEK[]<100.100> BODY.PEEK[]<200.100000>)',
  '(BODY[TEXT]<0.20> RFC822.SIZE)',
  '(FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])',
  '(BINARY.PEEK[1] BINARY.SIZE[1] BODY.PEEK[1])',
  'body.peek[header.fields (subject)]',
  '(bodystructure rfc822.size)',
];

/** What stands behind the set in a FETCH. */
export function fetchForms(): string[] {
  return [
    ...others,
    ...several,
    ...sections.flatMap((section) => [`BODY[${section}]`, `BODY.PEEK[${section}]`]),
    ...partials.flatMap((partial) => [`BODY[]${partial}`, `BODY.PEEK[]${partial}`, `BODY.PEEK[TEXT]${partial}`]),
    ...['1', '2', 'HEADER', '2.MIME', 'HEADER.FIELDS (SUBJECT)'].map((section) => `BODY.PEEK[${section}]<0.65536>`),
  ];
}

/** Sets over a mailbox of at least six messages whose UIDs are the sequence numbers. */
export const fetchSets = ['1', '*', '2:4', '1,3,5', '4:2', '*:5', '6:6,1', '1:*', '1,2,3:3,1', '500:*'];

export type Messages = ReadonlyMap<number, ReadonlyMap<string, ImapValue>>;

/** What an answer says of each message, by sequence number, whether in one response or in several. */
export function messagesIn(answer: ImapAnswer): Messages {
  const messages = new Map<number, Map<string, ImapValue>>();
  for (const response of answer.untagged) {
    if (response.name !== 'FETCH' || response.number === undefined) continue;
    const items = messages.get(response.number) ?? new Map<string, ImapValue>();
    for (const [name, value] of fetchItemsOf(response)) items.set(name, value);
    messages.set(response.number, items);
  }
  return messages;
}

/** Items that only the moment of asking decides, or the server's own reckoning. */
const unlike = new Set(['MODSEQ', 'SAVEDATE']);

function flagsIn(value: ImapValue | undefined): string {
  if (value?.kind !== 'list') return plainValue(value);
  return value.items.map(plainValue).sort().join(' ');
}

function told(value: ImapValue | undefined): string {
  const plain = plainValue(value);
  return plain.length > 160 ? `${plain.slice(0, 160)}… (${plain.length})` : plain;
}

function sameValue(name: string, expected: ImapValue | undefined, actual: ImapValue | undefined): boolean {
  if (expected === undefined || actual === undefined) return expected === actual;
  if (unlike.has(name)) return true;
  if (name === 'FLAGS') return flagsIn(expected) === flagsIn(actual);
  return plainValue(expected) === plainValue(actual);
}

/** Numbers of parts that a notice has not, and what no part of it has. */
const absentSection = /^(?:BODY|BINARY)\[(?:[12]\.(?!MIME\])|[3-9])/;

/**
 * What stands in for a mail has a preview of its own making; of a part that is not there servers say that it is empty
 * or NIL; and BINARY of a whole message is decoded by some, which RFC 3516 leaves open.
 */
function maySay(item: string, expected: ImapValue | undefined, actual: ImapValue | undefined): boolean {
  if (expected === undefined || actual === undefined) return false;
  if (item === 'PREVIEW' || item === 'BINARY[]' || item === 'BINARY.SIZE[]') return true;
  return absentSection.test(item) && plainValue(actual) === 'NIL';
}

/**
 * What differs, one line each; the words of a tagged response may.
 * @param name what message a sequence number is, for the reader
 * @param withheld whether a message is answered from what stands in for it, which may be told with some freedom
 */
export function differences(
  expected: ImapAnswer,
  actual: ImapAnswer,
  name: (sequence: number) => string,
  withheld: (sequence: number) => boolean = () => false,
): string[] {
  const found: string[] = [];
  if (expected.status !== actual.status) {
    found.push(`${expected.status} ${expected.text} is expected, ${actual.status} ${actual.text} came`);
  }
  const wanted = messagesIn(expected);
  const given = messagesIn(actual);
  for (const sequence of new Set([...wanted.keys(), ...given.keys()])) {
    const here = wanted.get(sequence);
    const there = given.get(sequence);
    for (const item of new Set([...(here?.keys() ?? []), ...(there?.keys() ?? [])])) {
      const one = here?.get(item);
      const other = there?.get(item);
      if (sameValue(item, one, other) || (withheld(sequence) && maySay(item, one, other))) continue;
      found.push(`${sequence} (${name(sequence)}) ${item}: ${told(one)} is expected, ${told(other)} came`);
    }
  }
  return found;
}
