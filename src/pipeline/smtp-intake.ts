/** Ties the pipeline to the SMTP session: takes a message's bytes as they come, and has it judged when it is whole. */
import { judgeMessage, reachVerdict } from '../pipeline.js';
import type { DecisionPolicy } from '../policy/decide.js';
import type { Spool } from '../runtime/spool.js';
import type { Intake, Judgement, SmtpEnvelope, SmtpHandler } from '../smtp/handler.js';
import { type Acting, act } from './act.js';
import { askScores } from './ask-scores.js';
import { carriesMark } from './readmission.js';
import { MessageRecord } from './record.js';
import type { Case, PipelineListener, PipelineServices } from './services.js';

/** The judge of one listener's mail. */
export function createSmtpHandler(services: PipelineServices, listener: PipelineListener): SmtpHandler {
  return {
    open: (envelope, spool) => new SmtpIntake(services, listener, envelope, spool),
    mayTag: () => mayTag(services.policy().decision),
  };
}

function mayTag({ action, ambiguous }: DecisionPolicy): boolean {
  return action === 'warn' || ambiguous === 'warn';
}

class SmtpIntake implements Intake {
  readonly #case: Case;
  #abort: AbortController | undefined;

  constructor(services: PipelineServices, listener: PipelineListener, envelope: SmtpEnvelope, spool: Spool) {
    const inspection = services.inspector.start(spool);
    this.#case = { services, listener, envelope, spool, inspection, record: new MessageRecord(services, listener) };
  }

  write(chunk: Buffer): void {
    this.#case.inspection.write(chunk);
  }

  judge(): Judgement | Promise<Judgement> {
    const { services, spool, record, envelope } = this.#case;
    const abort = new AbortController();
    this.#abort = abort;
    const ask = askScores(services, spool, record.inquiry, () => abort.signal);
    const message: Acting = { ...this.#case, policy: services.policy(), ask };
    record.complete(envelope, spool.length);
    spool.retain();
    let judgement: Judgement | Promise<Judgement> | undefined;
    try {
      judgement = message.policy.decision.action === 'permit' ? this.#inBackground(message) : judgeMessage(message);
    } finally {
      if (!(judgement instanceof Promise)) spool.release();
    }
    return judgement instanceof Promise ? judgement.finally(() => spool.release()) : judgement;
  }

  abort(reason: string): void {
    this.#abort?.abort();
    this.#case.inspection.abort();
    this.#case.record.aborted(this.#case.envelope, this.#case.spool.length, reason);
  }

  /**
   * `policy.smtp.action: permit` delivers at once; what inspection finds is recorded off the reply's path. A release of
   * ours is waited for, because its mark has to come out.
   */
  #inBackground(message: Acting): Judgement | Promise<Judgement> {
    const { services, spool, record } = this.#case;
    const verdict = reachVerdict(message);
    if (carriesMark(message))
      return Promise.resolve(verdict).then((judged) => act(message, judged.report, judged.verdict));
    spool.retain();
    const work = Promise.resolve(verdict)
      .then((judged) => act(message, judged.report, judged.verdict))
      .finally(() => spool.release());
    services.supervise(work, 'background inspection');
    const whole = { start: 0, end: spool.length };
    return { kind: 'relay', pieces: [whole], settled: (outcome) => record.relayed(outcome) };
  }
}
