/** Counts a message that was read over IMAP, and tells whoever listens of it, when its fate is known. */
import type { LivePolicy } from '../policy/live-policy.js';
import type { FileInquiry } from './file-inquiry.js';
import { type JudgedMail, withReader } from './imap-judge.js';
import type { MessageFate } from './imap-record.js';
import type { ImapServices, Reader } from './imap-services.js';
import { countMail, type MailOutcome } from './mail-counts.js';
import { toldMail } from './mail-told.js';

export interface SettledReading {
  readonly reader: Reader;
  /** made only when it is needed */
  readonly id: () => string;
  readonly bytes: number;
  readonly judged: JudgedMail;
  readonly policy: LivePolicy;
  readonly inquiry: FileInquiry;
  readonly fate: Pick<MessageFate, 'outcome' | 'item'>;
}

const outcomes = { notice: 'blocked', deferred: 'deferred' } as const;

export function tellOfReading({ counts, audience, clock }: ImapServices, reading: SettledReading): void {
  const { reader, judged, policy, inquiry, fate, bytes } = reading;
  const { report } = judged;
  // What was released passes for that reason, as it does over SMTP: it is not one malicious mail more.
  const released = fate.outcome === 'original' && fate.item !== undefined;
  const verdict = released ? { ...judged.verdict, malicious: false } : judged.verdict;
  const decision = policy.imapDecision;
  if (counts !== undefined) {
    const outcome: MailOutcome =
      fate.outcome !== 'original' ? outcomes[fate.outcome] : verdict.action === 'warn' ? 'tagged' : 'permitted';
    countMail(counts.of(reader.listener.name), { report, verdict, bytes, outcome, inquiry, decision });
  }
  if (audience === undefined) return;
  const { mailFrom, recipients } = withReader(judged.envelope, reader);
  audience.tell(
    toldMail({
      at: clock(),
      id: reading.id(),
      listener: reader.listener.name,
      clientAddress: reader.clientAddress,
      clientPort: reader.clientPort,
      user: reader.user,
      sender: mailFrom,
      recipients,
      bytes,
      outcome: fate.outcome,
      reply: undefined,
      item: fate.item,
      report,
      verdict,
      inquiry,
      levelMap: decision.levelMap,
    }),
  );
}
