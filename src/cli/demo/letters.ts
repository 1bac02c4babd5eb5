/** The mails of the demonstration, as exact bytes, and what has to become of each. */
import MailComposer from 'nodemailer/lib/mail-composer';
import { eicarFile } from '../../inspect/eicar.js';
import { macroDocument } from './macro-document.js';

export interface Letter {
  readonly title: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly messageId: string;
  readonly message: Buffer;
  /** `permit`: arrives as it is; `block`: notices arrive in its place */
  readonly action: 'permit' | 'block';
}

export const people = {
  anna: 'anna@example.org',
  ben: 'ben@example.org',
  /** has no mailbox on the server */
  nobody: 'carla@example.org',
  administrator: 'secops@example.org',
  partner: 'paul@example.net',
  blocked: 'offers@bad.example',
} as const;

interface Draft extends Omit<Letter, 'message' | 'messageId'> {
  readonly text: string;
  readonly attachment?: { readonly filename: string; readonly contentType: string; readonly content: Buffer };
}

/** a picture of one pixel */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const drafts: readonly Draft[] = [
  {
    title: 'clean, with a picture',
    from: people.partner,
    to: [people.anna],
    action: 'permit',
    text: 'Here is the picture.',
    attachment: { filename: 'pixel.png', contentType: 'image/png', content: Buffer.from(pixel, 'base64') },
  },
  {
    title: 'clean, plain text',
    from: people.partner,
    to: [people.anna, people.ben],
    action: 'permit',
    text: 'Lunch at noon?\n.\nThe line above is a single dot.',
  },
  {
    title: 'EICAR test file, to three people',
    from: people.partner,
    to: [people.anna, people.ben, people.nobody],
    action: 'block',
    text: 'Please open the attached invoice.',
    attachment: { filename: 'invoice.com', contentType: 'application/octet-stream', content: eicarFile() },
  },
  {
    title: 'from a blocked address',
    from: people.blocked,
    to: [people.anna],
    action: 'block',
    text: 'You have won.',
  },
  {
    title: 'Word document with a macro',
    from: people.partner,
    to: [people.ben],
    // A macro that runs by itself scores 0.75, which the default threshold blocks.
    action: 'block',
    text: 'Please enable the macro.',
    attachment: {
      filename: 'order.docm',
      contentType: 'application/vnd.ms-word.document.macroEnabled.12',
      content: macroDocument(),
    },
  },
];

/** A mail that lay in a mailbox before the gate was put in front of it. */
const earlier: Draft = {
  title: 'EICAR test file, from before the gate',
  from: people.partner,
  to: [people.anna],
  action: 'block',
  text: 'The file that you asked for.',
  attachment: { filename: 'setup.com', contentType: 'application/octet-stream', content: eicarFile() },
};

export function writeLetters(): Promise<Letter[]> {
  return Promise.all(drafts.map((draft, index) => write(draft, `<demo-${index + 1}@example.net>`)));
}

export function writeEarlierLetter(): Promise<Letter> {
  return write(earlier, '<demo-earlier@example.net>');
}

async function write({ text, attachment, ...letter }: Draft, messageId: string): Promise<Letter> {
  const node = new MailComposer({
    from: letter.from,
    to: [...letter.to],
    subject: letter.title,
    messageId,
    text: `${text}\n`,
    attachments: attachment === undefined ? [] : [attachment],
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const built = await node.build();
  // RFC 5321 §4.1.1.4: the last line of a message ends with CRLF, so that is what can be compared.
  const ended = built.subarray(-2).toString('latin1') === '\r\n';
  return { ...letter, messageId, message: ended ? built : Buffer.concat([built, Buffer.from('\r\n')]) };
}
