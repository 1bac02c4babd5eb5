/** A held message with the links of its two recipients, and the acts that end it, for tests of its life. */
import { simpleParser } from 'mailparser';
import type { HoldRequest } from '../../src/quarantine/hold.js';
import type { RecipientRules } from '../../src/quarantine/lifecycle-store.js';
import type { Vault } from '../../src/quarantine/vault.js';
import { holdRequest } from './held-message.js';
import type { Received } from './mail-server.js';

export const anna = 'anna@example.org';
export const carl = 'carl@example.org';
export const publicUrl = 'https://quarantine.example.org';

export const silentRules: RecipientRules = {
  may: 'request',
  releaseAs: 'original',
  subscribers: { blocked: [], released: [], 'release-requested': [] },
};

/** The token in the bytes of a notice. */
export function tokenIn(notice: Uint8Array): string {
  const text = Buffer.from(notice).toString('latin1').replace(/=\r\n/g, '');
  const token = /\/q\/([\w-]{32})/.exec(text)?.[1];
  if (token === undefined) throw new Error('the notice has no link');
  return token;
}

export interface HeldItem {
  readonly id: string;
  /** of anna */
  readonly first: string;
  /** of carl */
  readonly second: string;
}

/** Holds a message and reads the links out of its notices before anybody sends these. */
export async function holdWithLinks(
  vault: Vault,
  message: Buffer,
  facts: Partial<HoldRequest> = {},
): Promise<HeldItem> {
  const { id } = await vault.hold(holdRequest(message, facts));
  const mails = await vault.store.call('claim', vault.clock(), 'reader', 1000);
  await vault.store.call('releaseLeases', 'reader');
  const tokenOf = (recipient: string) => {
    const mail = mails.find((one) => one.item === id && one.recipient === recipient);
    return tokenIn(mail?.message ?? Buffer.alloc(0));
  };
  return { id, first: tokenOf(anna), second: tokenOf(carl) };
}

export interface ReadMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly messageId: string;
}

export async function readMails(received: readonly Received[]): Promise<ReadMail[]> {
  return Promise.all(
    received.map(async ({ recipients, content }) => {
      const mail = await simpleParser(content);
      const { subject = '', text = '', messageId = '' } = mail;
      return { to: recipients.join(), subject, text, messageId };
    }),
  );
}

/** Those that tell a recipient what became of his request. */
export function answersAmong(mails: readonly ReadMail[]): ReadMail[] {
  return mails.filter(({ subject }) => /^(Your request was|The message that you asked for)/.test(subject));
}
