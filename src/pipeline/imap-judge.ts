/**
 * The verdict of the gate about a message that is read over IMAP: the same inspection, lists, scores and decision as for
 * mail on its way, with the envelope that its server wrote down.
 */

import type { Inspection } from '../inspect/inspection.js';
import { type Judged, judgeReport, judgeUnread } from '../pipeline.js';
import { decideUnread } from '../policy/decide.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { Spool } from '../runtime/spool.js';
import { askScores } from './ask-scores.js';
import { unreadReport } from './failure.js';
import type { FileInquiry } from './file-inquiry.js';
import { envelopeOf, type MailEnvelope } from './imap-envelope.js';
import type { RememberedMessage } from './imap-facts.js';
import type { ImapServices, Reader } from './imap-services.js';
import { then } from './then.js';

export interface JudgedMail extends Judged {
  readonly envelope: MailEnvelope;
  /** our own inspection failed, so that there is nothing to remember */
  readonly unread: boolean;
}

/** One message that is whole, and the policy of the moment. */
export interface MailInQuestion {
  readonly services: ImapServices;
  readonly reader: Reader;
  readonly policy: LivePolicy;
  readonly spool: Spool;
  readonly inspection: Inspection;
  readonly inquiry: FileInquiry;
  /** ends the wait for scores */
  readonly signal: () => AbortSignal;
  readonly failed: (error: unknown) => void;
}

const noEnvelope: MailEnvelope = { mailFrom: '', recipients: [] };

/** The policy as IMAP is judged by it. */
export function imapPolicyOf(policy: LivePolicy): LivePolicy {
  const known = imapPolicies.get(policy) ?? { ...policy, decision: policy.imapDecision };
  imapPolicies.set(policy, known);
  return known;
}

const imapPolicies = new WeakMap<LivePolicy, LivePolicy>();

/** Never rejects: a failure of our own is decided by the fallback of its cause. Without a promise when nothing waits. */
export function judgeMail(mail: MailInQuestion): JudgedMail | Promise<JudgedMail> {
  const { spool, policy } = mail;
  const failed = (error: unknown): JudgedMail => {
    mail.failed(error);
    return { ...judgeUnread(error, spool.length, imapPolicyOf(policy)), envelope: noEnvelope, unread: true };
  };
  const { messageBytesMax } = mail.reader.listener;
  if (spool.length > messageBytesMax) return oversize(spool.length, messageBytesMax, policy);
  try {
    const judged = reach(mail);
    return judged instanceof Promise ? judged.catch(failed) : judged;
  } catch (error) {
    return failed(error);
  }
}

function reach({ services, reader, policy, spool, inspection, inquiry, signal }: MailInQuestion) {
  return then(inspection.finish(), (report) =>
    then(envelopeOf(inspection.header.fields, spool), (envelope) => {
      const question = { report, ...withReader(envelope, reader), policy: imapPolicyOf(policy) };
      const judged = judgeReport(question, askScores(services, spool, inquiry, signal));
      return then(judged, (known): JudgedMail => ({ ...known, envelope, unread: false }));
    }),
  );
}

function oversize(bytes: number, bytesMax: number, policy: LivePolicy): JudgedMail {
  const verdict = decideUnread(policy.imapDecision, 'oversize', `${bytes} bytes, at most ${bytesMax} are judged`);
  const nothing = { listHits: [], hashHits: [], scores: [] };
  return { report: unreadReport(bytes), verdict, ...nothing, envelope: noEnvelope, unread: true };
}

/** Where no server wrote down for whom a message is, it is for him whose mailbox it lies in. */
export function withReader({ mailFrom, recipients }: MailEnvelope, { user }: Reader): MailEnvelope {
  return { mailFrom, recipients: recipients.length > 0 || user === undefined ? recipients : [user] };
}

/** Undefined when a backend would have to see the content, so that nothing can be said without it. */
export async function judgeRemembered(
  services: ImapServices,
  reader: Reader,
  policy: LivePolicy,
  { report, envelope }: RememberedMessage,
): Promise<Judged | undefined> {
  let incomplete = false;
  const question = { report, ...withReader(envelope, reader), policy: imapPolicyOf(policy) };
  const judged = await judgeReport(question, async (requests) => {
    const scores = await services.scorer.scoreWithoutContent(requests, never);
    incomplete = scores === undefined;
    return scores ?? [];
  });
  return incomplete ? undefined : judged;
}

const never = new AbortController().signal;
