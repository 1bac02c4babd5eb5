/** How a message of any protocol asks the backends: with its content from the spool, held for as long as a scan takes. */
import type { PartFacts } from '../inspect/report.js';
import type { AskScores } from '../pipeline.js';
import type { Metrics } from '../runtime/metrics.js';
import type { Spool } from '../runtime/spool.js';
import type { PartContent, PartScore } from '../scoring/backend.js';
import type { FileInquiry } from './file-inquiry.js';
import type { PipelineServices } from './services.js';
import { then } from './then.js';

/**
 * @param inquiry learns what is asked and answered
 * @param signal asked for when there is something to wait for; ends the wait of this message; scans that it began go
 *   on, so that its next attempt finds their answers
 */
export function askScores(
  services: PipelineServices,
  spool: Spool,
  inquiry: FileInquiry,
  signal: () => AbortSignal,
): AskScores {
  return (requests) => {
    const contentOf = (part: PartFacts) => heldContent(services, spool, inquiry, part);
    return then(services.scorer.score(requests, contentOf, signal), (known) => {
      inquiry.scores = known;
      countAnswers(services.metrics, known);
      return known;
    });
  };
}

function heldContent(
  { inspector }: PipelineServices,
  spool: Spool,
  inquiry: FileInquiry,
  part: PartFacts,
): PartContent {
  const content = inspector.content(spool, part);
  return {
    bytes: content.bytes,
    read: (signal) => {
      inquiry.sending(part);
      return content.read(signal);
    },
    hold: () => {
      spool.retain();
      return () => spool.release();
    },
  };
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
