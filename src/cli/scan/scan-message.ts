/** Scans one message in the command line's own process: the daemon's inspection, lists, scoring and decision, no relay. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInspector, type Inspector } from '../../inspect/inspection.js';
import type { InspectionReport } from '../../inspect/report.js';
import { type Judged, judgeReport, judgeUnread } from '../../pipeline.js';
import type { LivePolicy } from '../../policy/live-policy.js';
import type { Verdict } from '../../policy/verdict.js';
import { type Spool, SpoolPool } from '../../runtime/spool.js';
import { createBackends } from '../../scoring/backends.js';
import { Scorer } from '../../scoring/scorer.js';
import { type ForbiddenByte, ForbiddenByteWatch } from '../../smtp/control-scan.js';
import type { Configuration } from '../configuration.js';
import { type ExplainedPart, explain } from './explain.js';
import { chunksOf, type LineEnds, readMessage } from './message-file.js';

export interface ScanEnvelope {
  /** empty for the null reverse-path */
  readonly mailFrom: string;
  readonly recipients: readonly string[];
}

/** What is printed of one message. */
export interface Scanned {
  readonly file: string;
  readonly lineEnds: LineEnds;
  /** for which the gate would refuse the message in DATA, whatever the verdict */
  readonly forbiddenByte: ForbiddenByte | undefined;
  readonly verdict: Verdict;
  readonly hits: { readonly addresses: Judged['listHits']; readonly hashes: Judged['hashHits'] };
  readonly report: InspectionReport;
  /** for each part and member, why it is thought of as it is */
  readonly scores: readonly ExplainedPart[];
  /** milliseconds */
  readonly timings: { readonly readMs: number; readonly inspectMs: number; readonly judgeMs: number };
}

/** Whether the gate would relay the message as it is, and has nothing against it. */
export function isClean({ verdict, forbiddenByte }: Scanned): boolean {
  return verdict.action === 'permit' && !verdict.malicious && forbiddenByte === undefined;
}

export class MessageScanner {
  readonly #policy: LivePolicy;
  readonly #envelope: ScanEnvelope;
  readonly #inspector: Inspector = createInspector({ digests: 'all' });
  readonly #scorer: Scorer;
  readonly #directory = mkdtempSync(join(tmpdir(), 'sluice-scan-'));
  readonly #spools = new SpoolPool(this.#directory);

  constructor({ config, policy }: Configuration, envelope: ScanEnvelope) {
    this.#policy = policy;
    this.#envelope = envelope;
    const backends = createBackends(config.scoring.backends, () => policy);
    this.#scorer = new Scorer(backends, () => policy.scorer);
  }

  /** Rejects when the input cannot be read; what is wrong with the message is in the answer. */
  async scan(file: string, input: AsyncIterable<Buffer>): Promise<Scanned> {
    const started = performance.now();
    const { spool, lineEnds } = await readMessage(input, this.#spools);
    try {
      const read = performance.now();
      const watch = new ForbiddenByteWatch();
      const inspected = await this.#inspect(spool, watch);
      const done = performance.now();
      const judged =
        inspected instanceof Error
          ? judgeUnread(inspected, spool.length, this.#policy)
          : await this.#judge(inspected, spool);
      const { verdict, report, listHits, hashHits } = judged;
      return {
        file,
        lineEnds,
        forbiddenByte: watch.end(),
        verdict,
        hits: { addresses: listHits, hashes: hashHits },
        report,
        scores: explain(judged, this.#policy.decision),
        timings: {
          readMs: tenths(read - started),
          inspectMs: tenths(done - read),
          judgeMs: tenths(performance.now() - done),
        },
      };
    } finally {
      spool.release();
    }
  }

  /** A failed inspection is a value: policy has an answer to it. */
  async #inspect(spool: Spool, watch: ForbiddenByteWatch): Promise<InspectionReport | Error> {
    const inspection = this.#inspector.start(spool);
    try {
      for await (const chunk of chunksOf(spool)) {
        watch.read(chunk);
        inspection.write(chunk);
      }
      return await inspection.finish();
    } catch (error) {
      inspection.abort();
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #judge(report: InspectionReport, spool: Spool): Judged | Promise<Judged> {
    const question = { report, policy: this.#policy, ...this.#envelope };
    const never = new AbortController().signal;
    return judgeReport(question, (requests) =>
      this.#scorer.score(requests, (part) => this.#inspector.content(spool, part), never),
    );
  }

  async close(): Promise<void> {
    await this.#scorer.close();
    await this.#inspector.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
