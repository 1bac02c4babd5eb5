/** One random FETCH: a mailbox, what is known of it, how the server and the judge behave, and what the client asks. */
import fc from 'fast-check';
import { standings } from '../../src/imap/handler.js';
import { type JudgedMail, judgedMail, type Kind } from './judged-mails.js';
import type { ServerHabits } from './model-server.js';

export interface Scenario {
  readonly mails: readonly JudgedMail[];
  /** by index of the mail: how it stands before, when it was judged */
  readonly known: readonly ('unknown' | 'known' | 'shown' | 'remembered')[];
  readonly seen: readonly boolean[];
  readonly uid: boolean;
  readonly set: string;
  readonly items: readonly string[];
  readonly changedSince: boolean;
  readonly habits: ServerHabits;
  readonly delays: readonly (number | undefined)[];
  readonly chunks: readonly number[];
  readonly metadataWaits: boolean;
}

const kinds: fc.Arbitrary<Kind> = fc.constantFrom('clean', 'clean', 'text', 'bad', 'late-bad', 'deferred');
const sizes = fc.constantFrom(0, 100, 700, 5000, 40_000, 300_000);

const items = [
  ...['UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE', 'RFC822', 'RFC822.HEADER'],
  ...[
    'RFC822.TEXT',
    'BODY[]',
    'BODY.PEEK[]',
    'BODY[TEXT]',
    'BODY.PEEK[TEXT]',
    'BODY[1]',
    'BODY.PEEK[2]',
    'BODY[HEADER]',
  ],
  ...['BODY.PEEK[HEADER.FIELDS (Subject From)]', 'BODY[HEADER.FIELDS (Subject)]', 'BODY[1.MIME]', 'BODY[]<0.50>'],
  ...[
    'BODY.PEEK[]<30.100>',
    'BODY.PEEK[TEXT]<10.5>',
    'BINARY[1]',
    'BINARY.PEEK[1]<3.9>',
    'BINARY.SIZE[1]',
    'PREVIEW',
    'EMAILID',
  ],
];
const itemList = fc.oneof(
  fc.uniqueArray(fc.constantFrom(...items), {
    minLength: 1,
    maxLength: 4,
    selector: (item) => item.replace('.PEEK', ''),
  }),
  fc.constantFrom(
    ['FLAGS', 'ENVELOPE', 'RFC822.SIZE'],
    ['BODY.PEEK[]'],
    ['BODY[]', 'FLAGS'],
    ['RFC822'],
    ['RFC822', 'BODY.PEEK[]'],
    ['UID', 'RFC822.TEXT', 'BODY[TEXT]'],
    ['FLAGS', 'INTERNALDATE'],
  ),
);
const habits = fc.record({
  uidLast: fc.boolean(),
  inTwo: fc.boolean(),
  chatty: fc.boolean(),
  expunge: fc.constant(undefined),
});

const delay = fc.constantFrom(undefined, undefined, 0, 1, 3);

export const scenario: fc.Arbitrary<Scenario> = fc
  .array(fc.tuple(kinds, sizes, fc.integer({ min: 1, max: 3 })), { maxLength: 7 })
  .chain((list) => {
    let uid = 0;
    const mails = list.map(([kind, size, gap]) => {
      uid += gap;
      return judgedMail(uid, kind, size);
    });
    const each = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: mails.length, maxLength: mails.length });
    return fc.record({
      mails: fc.constant(mails),
      known: each(fc.constantFrom('unknown', 'unknown', 'unknown', 'known', 'shown', 'remembered')),
      seen: each(fc.boolean()),
      uid: fc.boolean(),
      set: fc.constantFrom('1:*', '1:*', '*', '1', '2:4', '1,3,5', '3:1,2', `1:${mails.at(-1)?.uid ?? 1}`),
      items: itemList,
      changedSince: fc.constantFrom(false, false, false, true),
      habits,
      delays: fc.oneof(fc.constant([undefined]), fc.array(delay, { minLength: 1, maxLength: 12 })),
      chunks: fc.oneof(
        fc.constant([65_536]),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 6 }),
      ),
      metadataWaits: fc.boolean(),
    });
  });

/** How the judge's memory stands for this mail before the command, as far as such a mail can stand so. */
export function standingBefore(mail: JudgedMail, known: Scenario['known'][number]) {
  if (known === 'unknown' || known === 'remembered') return standings.unjudged;
  switch (mail.kind) {
    case 'bad':
    case 'late-bad':
      return known === 'known' ? standings.notice : standings.lateNotice;
    case 'deferred':
      return known === 'known' ? standings.unjudged : standings.metadata;
    default:
      return known === 'known' ? standings.original : standings.metadata;
  }
}
