/** Ties the pipeline to the SMTP session: takes a message's bytes as they come, and has it judged when it is whole. */
import type { PartFacts } from '../inspect/report.js';
import { judgeMessage, reachVerdict } from '../pipeline.js';
import type { DecisionPolicy } from '../policy/decide.js';
import type { Metrics } from '../runtime/metrics.js';
import type { Spool } from '../runtime/spool.js';
import type { PartContent, PartScore } from '../scoring/backend.js';
import type { ScoreRequest } from '../scoring/score-request.js';
import type { Intake, Judgement, SmtpEnvelope, SmtpHandler } from '../smtp/handler.js';
import { type Acting, act } from './act.js';
import { carriesMark } from './readmission.js';
import { MessageRecord } from './record.js';
import type { Case, PipelineListener, PipelineServices } from './services.js';
import { then } from './then.js';

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
    const message: Acting = { ...this.#case, policy: services.policy(), ask: (requests) => this.#ask(requests) };
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

  #ask(requests: readonly ScoreRequest[]) {
    const { services } = this.#case;
    this.#abort = new AbortController();
    const scores = services.scorer.score(requests, (part) => this.#contentOf(part), this.#abort.signal);
    return then(scores, (known) => {
      countAnswers(services.metrics, known);
      return known;
    });
  }

  #contentOf(part: PartFacts): PartContent {
    const { services, spool } = this.#case;
    const content = services.inspector.content(spool, part);
    return {
      bytes: content.bytes,
      read: (signal) => content.read(signal),
      // A scan goes on when its message is deferred, so that the sender's next attempt finds the answer.
      hold: () => {
        spool.retain();
        return () => spool.release();
      },
    };
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

/** Answers from facts are left out: they are those of every clean mail, and say nothing of a backend. */
function countAnswers({ answers: counter }: Metrics, scores: readonly PartScore[]): void {
  for (const { answers, how } of scores) {
    for (const [index, answer] of answers.entries()) {
      const source = how?.[index]?.source ?? 'facts';
      if (source === 'facts') continue;
      counter.inc({ backend: answer.backend, source, result: answer.kind === 'none' ? answer.cause : answer.kind });
    }
  }
}
