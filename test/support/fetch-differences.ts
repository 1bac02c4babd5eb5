/** Where our FETCH answers are not those of Dovecot 2.3, and why. */
import { partNumbered } from '../../src/imap/message/message-parts.js';
import type { StoredMessage } from '../../src/imap/message/stored-message.js';
import { answered } from './fetch-forms.js';
import { bytesOf, plainValue } from './imap-values.js';

export interface Compared {
  readonly mail: string;
  readonly form: string;
  readonly ours: string;
  readonly theirs: string;
  readonly message: StoredMessage;
}

interface Difference {
  readonly why: string;
  readonly applies: (compared: Compared) => boolean;
}

/** In these mails, items that match. */
function of(mails: readonly string[], forms: RegExp): (compared: Compared) => boolean {
  return ({ mail, form }) => mails.includes(mail) && forms.test(form);
}

function value(message: StoredMessage, form: string): string {
  return plainValue(answered(message, form).value);
}

/** Whether the item is of the whole message, or of a part that is a multipart or a message. */
function holdsParts({ root }: StoredMessage, form: string): boolean {
  const numbers = /\[([\d.]*)\]/.exec(form)?.[1] ?? '';
  return numbers === '' || partNumbered(root, numbers.split('.').map(Number))?.kind !== 'leaf';
}

/** The same item of the part that `.1` was put behind. */
function withoutOne({ form, message }: Compared): string | undefined {
  const shorter = form.replace(/^([A-Z.]+\[[\d.]*\d)\.1(?=[\].])/, '$1');
  return shorter === form ? undefined : value(message, shorter);
}

export const differences: readonly Difference[] = [
  {
    why: 'a section that is not there is NIL here and empty there; RFC 9051 allows nstring, and NIL tells them apart',
    applies: ({ ours, theirs }) => ours === 'NIL' && theirs === '""',
  },
  {
    why: 'there part 1 of a part that has none is that part itself; RFC 9051 §6.4.5.1 says so only of messages',
    applies: (compared) => ['NIL', '0'].includes(compared.ours) && withoutOne(compared) === compared.theirs,
  },
  {
    why: 'the blanks of a fold are one blank there; RFC 5322 §2.2.3 takes only the line end away',
    applies: of(['folded fields'], /^ENVELOPE$/),
  },
  {
    why: 'of a field that must not be there twice, the last counts there, and here the first, as for most readers',
    applies: of(['a field twice'], /^ENVELOPE$/),
  },
  {
    why: 'what an address lacks is MISSING_MAILBOX, MISSING_DOMAIN or SYNTAX_ERROR there, and an empty string here',
    applies: ({ form, theirs }) => form === 'ENVELOPE' && /"(?:MISSING_|SYNTAX_)/.test(theirs),
  },
  {
    why: 'an empty type is no type there, and text/plain here, the default of RFC 2045 §5.2',
    applies: of(['types without value'], /^BODY(?:STRUCTURE)?$/),
  },
  {
    why: 'an empty encoding is unknown there, and none here',
    applies: of(['types without value'], /^BINARY/),
  },
  {
    why: 'of a text without Content-Type only its size is told there; its other fields count too',
    applies: of(['fields without a type'], /^BODY(?:STRUCTURE)?$/),
  },
  {
    why: 'sections of a parameter are joined there; here they are as written, for readers of RFC 2231',
    applies: of(['sections of a parameter'], /^BODY(?:STRUCTURE)?$/),
  },
  {
    why: 'the one line end of an empty part belongs to its header here, and there to the delimiter behind it',
    applies: ({ mail, form, ours, theirs }) =>
      mail === 'empty parts' && form.endsWith('.MIME]') && (ours.replace(/\\r\\n"$/, '"') === theirs || ours === 'NIL'),
  },
  {
    why: 'the line end behind a header that a delimiter ends belongs to that header here',
    applies: of(['a header that a delimiter ends'], /\.MIME\]$/),
  },
  {
    why: 'behind a closed multipart, the line end before a delimiter is content there; RFC 2046 §5.1.1 gives it to the delimiter',
    applies: (compared) =>
      (!compared.form.includes('HEADER') && `${compared.ours.slice(0, -1)}\\r\\n"` === compared.theirs) ||
      of(['a multipart in a message', 'a message in a message in a message'], /^B[A-Z.]+(?:\[2\]|$)/)(compared),
  },
  {
    why: 'a message is decoded part by part there; here its octets are as they are, as nothing encodes them as a whole',
    applies: ({ form, message }) => form.startsWith('BINARY') && holdsParts(message, form),
  },
  {
    why: 'a delimiter may have any text behind it there; RFC 2046 §5.1.1 allows blanks',
    applies: of(['boundary in the text'], /^B/),
  },
  {
    why: 'an empty line is added to chosen fields there; RFC 9051 §6.4.5.1 excepts messages that have none',
    applies: ({ form, message }) =>
      form.startsWith('BODY[HEADER.FIELDS') &&
      !/(?:^|\n)\r\n$/.test(JSON.parse(value(message, 'BODY[HEADER]')) as string),
  },
  {
    why: 'the decoded size of some parts is not that of the same part decoded there, which is a fault',
    applies: ({ form, ours, message }) =>
      form.startsWith('BINARY.SIZE') &&
      Number(ours) === (bytesOf(answered(message, form.replace('.SIZE', '')).value)?.length ?? 0),
  },
  {
    why: 'content in an encoding that is not known is refused there; here it is NIL, as one item cannot refuse a command',
    applies: ({ ours, theirs, mail }) =>
      mail === 'uuencoded by its own word' && /^(?:NIL|0)$/.test(ours) && theirs === 'NO',
  },
];

/** The reason of a difference; undefined when there is none. */
export function explained(compared: Compared): string | undefined {
  return differences.find(({ applies }) => applies(compared))?.why;
}
