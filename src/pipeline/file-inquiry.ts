/** What was asked about the files of one message: the answers, and whose content was read by a backend. */
import type { PartFacts } from '../inspect/report.js';
import { partKey } from '../policy/scope.js';
import type { PartScore } from '../scoring/backend.js';

export class FileInquiry {
  /** empty when lists, or the lack of attachments, had decided before */
  scores: readonly PartScore[] = [];
  #sent: Set<string> | undefined;

  sending(part: PartFacts): void {
    this.#sent ??= new Set();
    this.#sent.add(partKey(part));
  }

  wasSent(part: { readonly path: string; readonly sha256: string }): boolean {
    return this.#sent?.has(partKey(part)) === true;
  }
}
