/** Turns a verdict into what the SMTP session does. Only here does a verdict become bytes, files or replies. */
import { everyPart, type InspectionReport } from '../inspect/report.js';
import { tagMessage } from '../mime/tag.js';
import type { LivePolicy } from '../policy/live-policy.js';
import type { Verdict } from '../policy/verdict.js';
import type { HoldRequest } from '../quarantine/hold.js';
import { messageOf } from '../runtime/errors.js';
import { limits } from '../runtime/limits.js';
import { readSource } from '../runtime/spool-source.js';
import type { PartScore } from '../scoring/backend.js';
import type { ScoreRequest } from '../scoring/score-request.js';
import type { Judgement, Piece, RelayOutcome } from '../smtp/handler.js';
import type { Reply } from '../smtp/reply.js';
import type { Case } from './services.js';

/** A message that is whole, with the policy that it is judged by. */
export interface Acting extends Case {
  readonly policy: LivePolicy;
  /** asks the scoring backends about parts of it */
  ask(requests: readonly ScoreRequest[]): PartScore[] | Promise<PartScore[]>;
}

export function act(acting: Acting, report: InspectionReport, verdict: Verdict): Judgement | Promise<Judgement> {
  acting.record.judged(report, verdict, acting.policy);
  switch (verdict.action) {
    case 'permit':
      if (verdict.malicious) recordIncident(acting, report, verdict, 'permit');
      return relay(acting, [{ start: 0, end: acting.spool.length }], report, verdict);
    case 'warn':
      if (verdict.malicious) recordIncident(acting, report, verdict, 'warn');
      return relay(acting, tagged(acting), report, verdict);
    case 'block':
      return hold(acting, report, verdict);
    case 'defer':
      return answer(acting, {
        code: 451,
        enhanced: '4.7.1',
        text: `No verdict yet, try again later (${acting.record.id})`,
      });
    default:
      return verdict.action satisfies never;
  }
}

function relay(acting: Acting, pieces: readonly Piece[], report: InspectionReport, verdict: Verdict): Judgement {
  const { record, inspection, spool } = acting;
  const released = verdict.reasons.some((reason) => reason.code === 'released');
  const sent = released ? withoutReleaseField(inspection.header.fields, spool.length) : pieces;
  const settled = (outcome: RelayOutcome): void => {
    record.relayed(outcome);
    if (outcome.kind === 'replied' && outcome.code < 300 && !verdict.malicious) noteDelivered(acting, report);
  };
  return { kind: 'relay', pieces: sent, settled };
}

/** For feeds that learn of a file only later. */
function noteDelivered({ services, listener, record, envelope }: Acting, report: InspectionReport): void {
  if (!report.hasAttachment) return;
  const parts = [...everyPart(report.parts)].filter(({ sha256 }) => sha256 !== '');
  const delivery = {
    id: record.id,
    protocol: 'smtp' as const,
    listener: listener.name,
    clientAddress: envelope.peer.address,
    mailFrom: envelope.mailFrom,
    recipients: envelope.recipients.slice(0, limits.delivered.recipientsMax).map(({ address }) => address),
    messageId: report.messageId,
    subject: report.subject,
  };
  services.delivered.note(delivery, parts);
}

/** The mark of a release is for this gate alone; the reader gets the original as it was. */
function withoutReleaseField(
  fields: readonly { readonly name: string; readonly start: number; readonly end: number }[],
  bytes: number,
): Piece[] {
  const field = fields.find(({ name }) => name.toLowerCase() === 'x-sluice-release');
  if (field === undefined) return [{ start: 0, end: bytes }];
  return [
    { start: 0, end: field.start },
    { start: field.end, end: bytes },
  ];
}

function tagged({ spool, inspection, policy }: Acting): Piece[] {
  const { fields } = inspection.header;
  const source = spool.source();
  return tagMessage(spool.length, fields, (start, end) => readSource(source, start, end), policy.headers);
}

function answer({ record }: Acting, reply: Reply): Judgement {
  record.answered(reply);
  return { kind: 'answer', reply };
}

/** The 250 of a withheld message is given only when the original lies sealed and its notices are queued durably. */
async function hold(acting: Acting, report: InspectionReport, verdict: Verdict): Promise<Judgement> {
  const { services, listener, spool, record, envelope } = acting;
  const notify = listener.blockedAnswer(envelope.recipients.map(({ address }) => address)) === 'replace';
  let failed = true;
  spool.taskStarted();
  try {
    const sha256 = await services.inspector.digest(spool);
    const request = { ...describe(acting, report, verdict, sha256), source: spool.source(), notify };
    const { id, duplicate } = await services.quarantine.hold(request);
    if (!duplicate) services.metrics.held.inc();
    record.held(id, duplicate, notify);
    failed = false;
    if (notify) return answer(acting, { code: 250, enhanced: '2.0.0', text: `Ok: withheld as ${id}` });
    return answer(acting, { code: 554, enhanced: '5.7.1', text: `Message refused by content policy (${id})` });
  } catch (error) {
    services.log.error({ listener: listener.name, message: record.id, error: messageOf(error) }, 'hold failed');
    record.notHeld();
    return answer(acting, {
      code: 451,
      enhanced: '4.3.0',
      text: `Cannot keep the message safe, try again later (${record.id})`,
    });
  } finally {
    // A sealing thread that was given up may still be reading.
    spool.taskDone(failed);
  }
}

function describe(
  { envelope, listener }: Acting,
  report: InspectionReport,
  verdict: Verdict,
  sha256: string,
): Omit<HoldRequest, 'source' | 'notify'> {
  const { mailFrom, mailParameters, recipients, peer } = envelope;
  return {
    sha256,
    envelope: { mailFrom, mailParameters, recipients },
    protocol: 'smtp',
    listener: listener.name,
    clientAddress: peer.address,
    verdict,
    report,
  };
}

/** An incident without a quarantined original; the delivery does not wait for it. */
function recordIncident(acting: Acting, report: InspectionReport, verdict: Verdict, action: 'warn' | 'permit'): void {
  const { services, spool } = acting;
  spool.retain();
  const work = services.inspector
    .digest(spool)
    .then((sha256) => services.quarantine.record({ ...describe(acting, report, verdict, sha256), action }))
    .finally(() => spool.release());
  services.supervise(work, 'incident record');
}
