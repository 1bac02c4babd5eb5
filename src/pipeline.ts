/**
 * One message's life, as told in the README's picture:
 *
 *   inspect   frame as it arrives, decode and hash every part
 *   readmit   is it a release of ours that comes through again?
 *   lists     allow before block; envelope and body addresses, file hashes
 *   score     known digests first, content only where nobody knows them
 *   decide    pure: facts, hits, scores and policy in, verdict out
 *   act       relay, tag and relay, hold with notices, refuse, defer
 *
 * Each step is a value or a promise; mail that needs no worker and no backend is judged without a promise.
 */
import type { InspectionReport, PartFacts } from './inspect/report.js';
import { type Acting, act } from './pipeline/act.js';
import { causeOfFailure, unreadReport } from './pipeline/failure.js';
import { findReadmission } from './pipeline/readmission.js';
import { MessageRecord } from './pipeline/record.js';
import type { Case, PipelineListener, PipelineServices } from './pipeline/services.js';
import { type DecisionPolicy, decide, decideUnread } from './policy/decide.js';
import { type HashHit, matchHashes } from './policy/hash-lists.js';
import { matchLists } from './policy/match-lists.js';
import { partsToScore } from './policy/scope.js';
import type { ListHit, Verdict } from './policy/verdict.js';
import type { Spool } from './runtime/spool.js';
import type { PartScore } from './scoring/backend.js';
import type { Intake, Judgement, SmtpEnvelope, SmtpHandler } from './smtp/handler.js';

/** The judge of one listener's mail. */
export function createSmtpPipeline(services: PipelineServices, listener: PipelineListener): SmtpHandler {
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
  #givenUp = false;

  constructor(services: PipelineServices, listener: PipelineListener, envelope: SmtpEnvelope, spool: Spool) {
    const inspection = services.inspector.start(spool);
    this.#case = { services, listener, envelope, spool, inspection, record: new MessageRecord(services, listener) };
  }

  write(chunk: Buffer): void {
    this.#case.inspection.write(chunk);
  }

  judge(): Judgement | Promise<Judgement> {
    const { services, spool } = this.#case;
    const policy = services.policy();
    const acting: Acting = { ...this.#case, policy };
    this.#case.record.complete(this.#case.envelope, spool.length);
    spool.retain();
    const verdict = this.#verdict(acting);
    if (policy.decision.action === 'permit') return this.#inBackground(acting, verdict);
    let judgement: Judgement | Promise<Judgement> | undefined;
    try {
      judgement = then(verdict, ([report, reached]) => this.#act(acting, report, reached));
    } finally {
      if (!(judgement instanceof Promise)) spool.release();
    }
    return judgement instanceof Promise ? judgement.finally(() => spool.release()) : judgement;
  }

  /** Nobody waits for a message that was given up: its client sends it again, and only then there is something to hold. */
  #act(acting: Acting, report: InspectionReport, verdict: Verdict): Judgement | Promise<Judgement> {
    if (!this.#givenUp) return act(acting, report, verdict);
    return { kind: 'answer', reply: { code: 451, enhanced: '4.7.1', text: 'Given up' } };
  }

  abort(reason: string): void {
    this.#givenUp = true;
    this.#abort?.abort();
    this.#case.inspection.abort();
    this.#case.record.aborted(this.#case.envelope, this.#case.spool.length, reason);
  }

  /** `policy.smtp.action: permit` delivers at once; what inspection finds is recorded off the reply's path. */
  #inBackground(acting: Acting, verdict: Decided | Promise<Decided>): Judgement {
    const { services, spool, record } = this.#case;
    const whole = { start: 0, end: spool.length };
    const work = Promise.resolve(verdict)
      .then(([report, reached]) => act(acting, report, reached))
      .finally(() => spool.release());
    services.supervise(work, 'background inspection');
    return { kind: 'relay', pieces: [whole], settled: (outcome) => record.relayed(outcome) };
  }

  #verdict(acting: Acting): Decided | Promise<Decided> {
    const failed = (error: unknown): Decided => this.#undecidable(acting, error);
    try {
      const outcome = then(this.#case.inspection.finish(), (report) => this.#decideReport(acting, report));
      return outcome instanceof Promise ? outcome.catch(failed) : outcome;
    } catch (error) {
      return failed(error);
    }
  }

  #decideReport(acting: Acting, report: InspectionReport): Decided | Promise<Decided> {
    this.#case.record.inspected();
    return then(findReadmission(acting), (released) => {
      const hits = findHits(acting, report);
      if (released !== undefined) return decided(acting, report, [], { ...hits, released });
      return this.#scoreAndDecide(acting, report, hits);
    });
  }

  #scoreAndDecide(acting: Acting, report: InspectionReport, hits: Hits): Decided | Promise<Decided> {
    const { policy, services, spool } = acting;
    const parts = partsToScore(report, hits.listHits, hits.hashHits, policy.decision);
    if (parts.length === 0) return decided(acting, report, [], hits);
    this.#abort = new AbortController();
    const contentOf = (part: PartFacts) => services.inspector.content(spool, part);
    const scores = services.scorer.score(parts, contentOf, this.#abort.signal);
    return then(scores, (answers) => decided(acting, report, answers, hits));
  }

  /** Inspection itself failed: the policy's fallback for that cause decides, as for a backend that gave no answer. */
  #undecidable(acting: Acting, error: unknown): Decided {
    const { cause, detail } = causeOfFailure(error);
    if (!this.#givenUp)
      acting.services.log.error({ listener: acting.listener.name, cause, error: detail }, 'inspection failed');
    return [unreadReport(acting.spool.length), decideUnread(acting.policy.decision, cause, detail)];
  }
}

type Decided = readonly [InspectionReport, Verdict];

interface Hits {
  readonly listHits: readonly ListHit[];
  readonly hashHits: readonly HashHit[];
  readonly released?: string;
}

function findHits({ policy, envelope }: Acting, report: InspectionReport): Hits {
  const { addresses, hashes, allowRules } = policy;
  const envelopeTo = envelope.recipients.map((recipient) => recipient.address);
  const listHits = matchLists(
    addresses,
    { envelopeFrom: envelope.mailFrom, envelopeTo, body: report.addresses },
    allowRules,
  );
  return { listHits, hashHits: matchHashes(hashes, report.parts) };
}

function decided(acting: Acting, report: InspectionReport, scores: readonly PartScore[], hits: Hits): Decided {
  return [report, decide({ report, scores, ...hits, policy: acting.policy.decision })];
}

/** Goes on at once with a value, later with a promise. */
function then<In, Out>(value: In | Promise<In>, next: (value: In) => Out | Promise<Out>): Out | Promise<Out> {
  return value instanceof Promise ? value.then(next) : next(value);
}
