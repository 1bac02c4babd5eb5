/** The original of a bad message into quarantine and its notice in its place; or the message itself, when it is one that was released. */
import type { Ruling } from '../imap/handler.js';
import type { FieldRange } from '../inspect/inspection.js';
import type { LivePolicy } from '../policy/live-policy.js';
import { exposures } from '../quarantine/mailbox-table.js';
import { GateError } from '../runtime/errors.js';
import type { Spool } from '../runtime/spool.js';
import { type JudgedMail, withReader } from './imap-judge.js';
import type { SharedMailbox } from './imap-mailboxes.js';
import { recogniseMessage } from './imap-recognise.js';
import type { ImapServices, Reader } from './imap-services.js';

export interface BadMail {
  readonly services: ImapServices;
  readonly reader: Reader;
  readonly mailbox: SharedMailbox;
  readonly uid: number;
  readonly spool: Spool;
  readonly fields: readonly FieldRange[];
  readonly judged: JudgedMail;
  readonly policy: LivePolicy;
}

export type HeldMail =
  | Extract<Ruling, { readonly kind: 'notice' }>
  | { readonly kind: 'released'; readonly item: string };

/** Rejects when the message cannot be kept safe: then nothing of it may be shown. */
export async function withholdMail(mail: BadMail): Promise<HeldMail> {
  const { services, reader, mailbox, uid, spool, policy } = mail;
  const { upstream } = reader;
  let failed = true;
  spool.taskStarted();
  try {
    const { sha256, coreSha256, item: copyOf } = await recogniseMessage(services, upstream, mail);
    if (copyOf?.state === 'released') {
      failed = false;
      return { kind: 'released', item: copyOf.id };
    }
    const held = await services.withholding.withhold({
      source: spool.source(),
      sha256,
      coreSha256,
      envelope: storedEnvelope(mail),
      listener: reader.listener.name,
      clientAddress: reader.clientAddress,
      verdict: mail.judged.verdict,
      report: mail.judged.report,
      upstream,
      user: reader.user ?? '',
      row: mailbox.id === undefined ? undefined : { mailbox: mailbox.id, uid },
      copyOf: copyOf?.id,
      releaseRequestAddress: policy.imap.releaseRequestAddress,
    });
    failed = false;
    if (held.kind === 'refused') throw new GateError('store-failed', `the message is not withheld: ${held.why}`);
    if (held.kind === 'released') return held;
    if (held.created) services.metrics.held.inc();
    const state = held.exposure ?? exposureOf(mailbox, uid);
    mailbox.rows.set(uid, state, spool.length, 0, held.notice);
    const notice = await services.mailboxes.notices.get(held.notice);
    return { kind: 'notice', notice, late: state === exposures.lateNotice };
  } finally {
    // A sealing thread that was given up may still be reading.
    spool.taskDone(failed);
  }
}

/** As the store finds it out for a mailbox that is remembered. */
function exposureOf({ rows }: SharedMailbox, uid: number): number {
  const state = rows.state(rows.find(uid));
  return state === 0 || state === exposures.notice ? exposures.notice : exposures.lateNotice;
}

/** Its reader is whom the threat was for; without his name those whom the server wrote down. */
function storedEnvelope({ judged, reader }: BadMail) {
  const { mailFrom, recipients } = withReader(judged.envelope, reader);
  const addresses = reader.user === undefined ? recipients : [reader.user];
  return { mailFrom, mailParameters: [], recipients: addresses.map((address) => ({ address, parameters: [] })) };
}
